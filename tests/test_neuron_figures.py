import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import neuron_figures
from helpers.overlays import overlay_heat

pytestmark = pytest.mark.usefixtures("started")


@pytest.mark.parametrize("count", [96, 1280])
def test_spikes_have_a_bar_a_channel_and_name_the_longest(count):
    values = np.full((2, count), 0.1)
    values[0, [5, 6, 7]] = 3, 4, 5
    values[1, [0, count - 1]] = 2
    columns = {"before": values, "after": 10 * values}
    figure = neuron_figures.draw_spikes(np.zeros((2, 8, 8, 3)), columns, "ab", marks=2)
    axes = np.reshape(figure.axes, (2, 3))
    segments = axes[0, 1].collections[0].get_segments()
    assert np.allclose([end for _, (_, end) in segments], values[0])
    named = [[text.get_text() for text in axis.texts] for axis in axes[:, 1:].ravel()]
    assert named == [["6", "7"]] * 2 + [["0", str(count - 1)]] * 2
    assert axes[0, 1].get_ylim() == axes[1, 1].get_ylim() == (0, 6.25)
    assert axes[0, 2].get_ylim() == (0, 62.5)
    plt.close(figure)


def test_numbers_of_neighbours_do_not_cover_each_other():
    values = np.zeros((1, 128))
    values[0, [10, 11, 12, 126, 127]] = 5
    images = np.zeros((1, 8, 8, 1))
    figure = neuron_figures.draw_spikes(images, {"sum": values}, ["a"], marks=5)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[1].texts]
    assert len(boxes) == 5
    for left, right in itertools.pairwise(boxes):
        assert left.x1 <= right.x0
    plt.close(figure)


def test_a_quiet_map_is_fainter_than_a_loud_one():
    images = np.full((3, 8, 8, 3), 0.5)
    maps = np.zeros((3, 4, 4, 2))
    maps[0, 1, 1, 1] = 8
    maps[1, 1, 1, 1] = 2
    figure = neuron_figures.draw_neuron_maps(images, maps, [1, 0], "abc")
    axes = np.reshape(figure.axes, (3, 3))
    drawn = [np.asarray(axis.images[0].get_array(), float) for axis in axes[1]]
    loud = overlay_heat(images[:1], np.full((1, 8, 8), 0.0))[0]
    change = [np.abs(picture - loud) for picture in drawn]
    assert change[0].max() > 0.3
    assert np.allclose(change[1], change[0] / 4, atol=1e-6)
    assert np.allclose(change[2], 0)
    assert np.allclose(axes[2, 0].images[0].get_array(), images[0])
    assert [axis.get_ylabel() for axis in axes[1:, 0]] == ["channel 1", "channel 0"]
    plt.close(figure)
