"""Chapter 1's networks on MNIST, beside what the weights of 2016 were measured to do.

The reference numbers come from running the weights published in 2016 on MNIST's test
set of ones and sevens. Our five networks are others, trained alike; the tolerances are
the spread between such networks.
"""

import numpy as np
import pytest

from helpers import digits, networks, probes, sources

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("started")]


@pytest.fixture(scope="module")
def data():
    names = [name for name in sources.SOURCES if name.startswith("mnist/")]
    absent = [name for name in names if sources.locate(name) is None]
    if absent:
        pytest.skip(f"absent from the cache folders: {', '.join(absent)}")
    return digits.load("real")


@pytest.fixture(scope="module")
def models(data):
    return networks.load_digit_networks("real", "plain")


def test_accuracy_is_that_of_2016(data, models):
    calls = networks.predict(models, data.test_images).argmax(axis=-1)
    assert (calls == data.test_labels).mean() == pytest.approx(0.9963, abs=0.003)


@pytest.mark.parametrize(
    ("right", "down", "accuracy"),
    [(-4, 0, 0.734), (-6, 0, 0.475), (-8, 0, 0.494), (0, -6, 0.601), (0, 6, 0.799)],
)
def test_moved_digits_are_misread_as_in_2016(data, models, right, down, accuracy):
    moved = digits.shift(data.test_images, right, down)
    calls = networks.predict(models, moved).argmax(axis=-1)
    assert (calls == data.test_labels).mean() == pytest.approx(accuracy, abs=0.1)


def test_left_is_worse_than_right_as_in_2016(data, models):
    ones = data.test_images[data.test_labels == 0]
    left, right = (
        networks.predict(models, digits.shift(ones, move, 0)).argmax(-1).mean()
        for move in (-6, 6)
    )
    assert left > 0.9
    assert left > right + 0.2


def test_a_falling_bar_switches_class_below_the_middle_as_in_2016(models):
    """Four pixels thick; the top row, from 0, is the story's coordinate."""
    tops = np.arange(24)
    bars = probes.draw_bars(row=tops + 1.5, column=13.5, length=20, thickness=4)
    sevens = networks.predict(models, bars)[..., 1].mean(axis=0)
    assert sevens[3:14].min() > 0.9
    assert sevens[17:21].max() < 0.1
    assert np.abs(np.diff(sevens[13:19])).max() > 0.4


def test_an_upright_bar_is_a_one_in_the_middle_as_in_2016(models):
    bars = probes.draw_bars(
        row=13.5, column=np.arange(4, 24) + 1.5, length=20, thickness=4, angle=90
    )
    sevens = networks.predict(models, bars)[..., 1].mean(axis=0)
    assert sevens[10 - 4 : 15 - 4].max() < 0.15  # left edge in columns 10 to 14
    assert sevens[: 9 - 4].max() > 0.6  # left edge in columns 4 to 8
