import base64
import io
import itertools
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import figures


@pytest.fixture
def shown(monkeypatch):
    calls = []
    monkeypatch.setattr(
        figures, "display", lambda data, **rest: calls.append((data, rest))
    )
    return calls


def test_show_stores_the_description_and_closes_the_figure(shown):
    figure, _ = plt.subplots()
    figures.show(figure, alt="A  line\nrises.")
    data, rest = shown[0]
    assert rest["metadata"] == {"image/png": {"alt": "A line rises."}}
    assert rest["raw"] is True
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.size[0] > 100
    assert not plt.fignum_exists(figure.number)


def test_a_figure_full_of_photographs_goes_out_as_jpeg(shown):
    figure, axis = plt.subplots()
    axis.imshow(np.random.default_rng(0).random((400, 400, 3)))
    figures.show(figure, alt="Noise.")
    data, rest = shown[0]
    assert rest["metadata"] == {"image/jpeg": {"alt": "Noise."}}
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"])))
    assert picture.format == "JPEG"
    assert picture.size[0] > 100
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_show_refuses_an_empty_description(shown, alt):
    figure, _ = plt.subplots()
    with pytest.raises(ValueError, match="needs a description"):
        figures.show(figure, alt=alt)
    assert shown == []
    plt.close(figure)


def test_contact_sheet_keeps_the_order_of_pictures():
    images = np.arange(6).reshape(6, 1, 1, 1) * np.ones((6, 2, 3, 1)) / 6
    figure = figures.draw_contact_sheets([images], ["six"], columns=3)
    sheet = figure.axes[0].images[0].get_array()
    assert sheet.shape == (4, 9)
    assert np.allclose(sheet[::2, ::3], np.arange(6).reshape(2, 3) / 6)
    plt.close(figure)


def test_heatmaps_with_negative_values_are_centred_on_zero():
    images = np.zeros((2, 8, 8, 1))
    images[:, 2:5, 2:5] = 1
    signed = np.linspace(-1, 3, 128).reshape(2, 8, 8)
    below = signed[0].max()
    rows = {"signed": signed, "unsigned": signed.clip(0)}
    figure = figures.draw_heatmaps(images, rows, ["a", "b"])
    limits = [axis.images[0].get_clim() for axis in figure.axes]
    assert np.allclose(limits, [(0, 1)] * 2 + [(-1, 1), (-3, 3), (0, below), (0, 3)])
    plt.close(figure)


def test_curves_show_mean_and_span():
    figure, axis = plt.subplots()
    curves = np.array([[0.0, 1.0], [0.5, 0.0]])
    figures.draw_curves(axis, [1, 2], curves, "p")
    assert axis.lines[0].get_ydata().tolist() == [0.25, 0.5]
    corners = axis.collections[0].get_paths()[0].vertices
    assert {tuple(corner) for corner in corners} >= {(1, 0), (1, 0.5), (2, 0), (2, 1)}
    plt.close(figure)


def test_shift_maps_put_no_shift_in_the_middle():
    values = np.zeros((5, 5))
    values[2, 4] = 1  # two pixels to the right
    figure = figures.draw_shift_maps([values, values], ["a", "b"], "7")
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert (left, right, bottom, top) == (-2.5, 2.5, 2.5, -2.5)
    plt.close(figure)


def test_style_is_applied_and_no_rainbow():
    assert plt.rcParams["font.size"] >= 13
    assert not re.search("jet|rainbow|hsv", figures.HEAT + figures.SIGNED)


def test_shares_are_drawn_in_the_order_of_the_table():
    table = pd.DataFrame({"a": [0.1, 0.2], "b": [0.3, 0.4]}, index=["first", "second"])
    figure = figures.draw_shares(table, "share")
    (axis,) = figure.axes
    assert [bar.get_width() for bar in axis.patches] == [0.1, 0.2, 0.3, 0.4]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["first", "second"]
    assert axis.yaxis_inverted()
    plt.close(figure)


def test_recipes_have_one_panel_each_and_the_widest_legend():
    answers = {"two": np.zeros((3, 4, 2)), "three": np.ones((3, 4, 3))}
    figure = figures.draw_recipes(range(4), answers, ["1", "7", "neither"], "row")
    assert [axis.get_title() for axis in figure.axes] == ["two", "three"]
    assert [len(axis.lines) for axis in figure.axes] == [2, 3]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["1", "7", "neither"]
    plt.close(figure)


def test_lines_have_one_colour_in_all_panels():
    panels = [{"a": [0, 1], "b": [1, 0]}, {"a": [2, 3], "b": [3, 2]}]
    figure = figures.draw_lines(["top", "end"], panels, ["1", "2"], ["x", "y"])
    for axis in figure.axes:
        assert [line.get_label() for line in axis.lines] == ["a", "b"]
    first, second = ([line.get_color() for line in a.lines] for a in figure.axes)
    assert first == second
    assert figure.axes[1].lines[1].get_ydata().tolist() == [3, 2]


def test_sweeps_have_one_panel_each():
    sweeps = {"length": ([1, 2], np.zeros((5, 2))), "angle": ([0], np.ones((5, 1)))}
    figure = figures.draw_sweeps(sweeps, class_name="7")
    assert [axis.get_xlabel() for axis in figure.axes] == ["length", "angle"]
    assert figure.axes[0].get_ylabel() == "p(7)"
    plt.close(figure)


def test_a_film_carries_its_description(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(figures, "display", calls.append)
    (tmp_path / "film.mp4").write_bytes(b"film")
    figures.show_video(tmp_path / "film.mp4", alt='A "film"\nruns.')
    page = calls[0].data
    assert 'aria-label="A &quot;film&quot; runs."' in page
    assert base64.b64encode(b"film").decode() in page
    with pytest.raises(ValueError, match="needs a description"):
        figures.show_video(tmp_path / "film.mp4", alt=" ")


def test_boxes_are_drawn_where_they_are():
    image = np.zeros((60, 80, 3), "uint8")
    figure = figures.draw_boxes([image, image], [[(10, 20, 30, 35)], []], ["a", "b"])
    full, empty = figure.axes
    assert {patch.get_bbox().bounds for patch in full.patches} == {(9.5, 19.5, 30, 35)}
    assert not empty.patches


def test_tables_show_each_number_and_leave_out_what_is_none():
    table = pd.DataFrame([[0.5, np.nan], [1, 2.25]], ["a", "b"], ["x", "y"])
    figure = figures.draw_tables([table, table + 1], ["one", "two"], "n", middle=1)
    first, second = figure.axes
    assert [text.get_text() for text in first.texts] == ["0.50", "1.00", "2.25"]
    assert [text.get_text() for text in second.texts] == ["1.50", "2.00", "3.25"]
    image = first.images[0]
    assert image.norm(1) == pytest.approx(0.5)  # the middle has the middle colour


def test_training_curves_tell_shown_from_held_back():
    columns = {
        "step": [100, 200],
        "loss": [1, 0.5],
        "validation_loss": [1.2, 0.9],
        "accuracy": [0.4, 0.9],
        "validation_accuracy": [0.3, 0.6],
    }
    history = pd.DataFrame(columns)
    figure = figures.draw_training(history)
    for axis, name in zip(figure.axes, ("loss", "accuracy"), strict=True):
        shown, held = (line.get_ydata().tolist() for line in axis.lines)
        assert shown == columns[name]
        assert held == columns[f"validation_{name}"]
        assert axis.lines[0].get_xdata().tolist() == [100, 200]


def test_points_go_from_the_least_to_the_most():
    picture = np.zeros((4, 4, 3))
    figure = figures.draw_points(np.array([3, 1, 2]) / 3, "share", picture, "first")
    axis = figure.axes[0]
    assert np.allclose(axis.lines[0].get_ydata() * 3, [1, 2, 3])
    assert axis.child_axes[0].get_title() == "first"


def test_spans_are_means_with_the_least_and_the_most():
    same = [0.1 + 0.2, 0.3, 0.3]  # rounding must not make a span negative
    panels = [{"a": [1, 2, 6], "b": [0, 0, 0]}, {"a": same, "b": [2]}]
    figure = figures.draw_spans(panels, ["one", "two"], [None, 1])
    first, second = figure.axes
    assert [bar.get_width() for bar in first.patches] == [3, 0]
    (segments,) = first.collections[:1]
    assert np.allclose(segments.get_segments()[0][:, 0], [1, 6])
    assert any(np.allclose(line.get_xdata(), 1) for line in second.lines)


def test_tiles_stand_without_gaps_and_rows_have_labels():
    tiles = np.zeros((2, 3, 4, 4, 3))
    tiles[1, 2] = 1
    figure = figures.draw_tiles([tiles, tiles], ["one", "two"], ["upper", "lower"])
    axis = figure.axes[1]
    sheet = axis.images[0].get_array()
    assert sheet.shape == (8, 12, 3)
    assert sheet[4:, 8:].min() == 1
    assert sheet.sum() == 4 * 4 * 3
    assert [label.get_text() for label in axis.get_yticklabels()] == ["upper", "lower"]
    assert axis.get_title() == "two"
    plt.close(figure)


@pytest.mark.parametrize("count", [96, 1280])
def test_spikes_have_a_bar_a_channel_and_name_the_longest(count):
    values = np.full((2, count), 0.1)
    values[0, [5, 6, 7]] = 3, 4, 5
    values[1, [0, count - 1]] = 2
    columns = {"before": values, "after": 10 * values}
    figure = figures.draw_spikes(np.zeros((2, 8, 8, 3)), columns, "ab", marks=2)
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
    figure = figures.draw_spikes(images, {"sum": values}, ["a"], marks=5)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[1].texts]
    assert len(boxes) == 5
    for left, right in itertools.pairwise(boxes):
        assert left.x1 <= right.x0
    plt.close(figure)


# --- Pictures with titles, methods side by side, twins ------------------------------


def test_pictures_stand_in_rows_under_their_titles():
    images = np.random.default_rng(1).random((3, 4, 5, 3))
    figure = figures.draw_pictures(images, ["one", "two", "three"], columns=2)
    assert len(figure.axes) == 4
    drawn = zip(figure.axes[:3], images, ("one", "two", "three"), strict=True)
    for axis, image, title in drawn:
        np.testing.assert_array_equal(axis.images[0].get_array(), image)
        assert axis.get_title() == title
    assert not figure.axes[3].images
    (alone,) = figures.draw_pictures(images[:1], ["one"]).axes
    assert alone.get_title() == "one"


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_comparison_has_a_row_a_method_below_the_pictures(blocks):
    generator = np.random.default_rng(2)
    images = generator.random((2, 4, 4, 3))
    rows = {name: generator.random((2, 4, 4, 3)) for name in ("cam", "grad_cam", "lrp")}
    figure = figures.draw_comparison(images, rows, ["left", "right"], blocks)
    drawn = {}
    for axis in figure.axes:
        if axis.get_ylabel():
            drawn.setdefault(axis.get_ylabel(), []).append(axis.images[0].get_array())
    assert [*drawn] == ["picture", "cam", "grad cam", "lrp"]
    assert len(drawn["picture"]) == blocks
    np.testing.assert_array_equal(drawn["picture"][-1], images[0])
    for name, pictures in rows.items():
        np.testing.assert_array_equal(drawn[name.replace("_", " ")][0], pictures[0])
    assert sum(axis.get_title() == "right" for axis in figure.axes) == blocks


def test_twins_are_ordered_by_the_second_and_stay_pairs():
    before, after = np.array([0.9, 0.2, 0.5]), np.array([0.1, 0.6, 0.3])
    groups = {"pools": (before, after), "baths": (after[:2], before[:2])}
    figure = figures.draw_twins(groups, "p(bathroom)", ("without", "with"))
    first, second = figure.axes
    assert first.get_title() == "pools\n3 pairs"
    assert second.get_title() == "baths\n2 pairs"
    points = [line.get_ydata() for line in first.lines]
    np.testing.assert_array_equal(points, [[0.9, 0.5, 0.2], [0.1, 0.3, 0.6]])
    (arrows,) = first.collections
    ends = [path[:, 1].tolist() for path in arrows.get_segments()]
    assert ends == [[0.9, 0.1], [0.5, 0.3], [0.2, 0.6]]
    assert [text.get_text() for text in figure.legends[0].texts] == ["without", "with"]
