import numpy as np
import pytest
from skimage.draw import line_aa

from helpers import digits, probes

# Rows 2p1 to 2p6 of the story: first and last row, first and last column above 127.
BOXES = [
    (2, 24, 15, 21),
    (1, 24, 3, 22),
    (2, 6, 4, 23),
    (20, 25, 3, 25),
    (3, 23, 6, 14),
    (3, 23, 15, 23),
]


def _find_box(image):
    rows, columns = np.nonzero(image[..., 0] > 0.5)
    return rows.min(), rows.max(), columns.min(), columns.max()


@pytest.mark.parametrize(("number", "box"), list(enumerate(BOXES)))
def test_six_probes_fill_the_measured_boxes(number, box):
    assert _find_box(probes.draw_six_probes()[number]) == box


def test_shifted_probe_has_the_same_pixels():
    left, right = probes.draw_six_probes()[4:]
    assert np.array_equal(right[:, 9:], left[:, :-9])
    assert len(probes.PROBE_NAMES) == 6


def test_segment_follows_an_independent_line():
    picture = probes.draw_segments([[[4, 5, 20, 23]]], thickness=1.5)[0, ..., 0]
    rows, columns, strength = line_aa(4, 5, 20, 23)
    wanted = np.zeros((28, 28))
    wanted[rows, columns] = strength
    assert np.corrcoef(picture.ravel(), wanted.ravel())[0, 1] > 0.9


def test_absent_strokes_leave_no_ink():
    absent = [np.nan] * 4
    both = probes.draw_segments([[[4, 5, 20, 23], absent], [absent, absent]], 3)
    assert np.array_equal(both[0], probes.draw_segments([[[4, 5, 20, 23]]], 3)[0])
    assert both[1].max() == 0
    assert np.isfinite(both).all()


@pytest.mark.parametrize("thickness", [1, 2, 3, 5])
@pytest.mark.parametrize("length", [8, 15])
def test_bar_has_its_length_and_thickness(thickness, length):
    bar = probes.draw_bars(row=10, column=13, length=length, thickness=thickness)[0]
    assert bar[:, 13].sum() == pytest.approx(thickness, abs=0.2)
    assert bar[10].sum() == pytest.approx(length, abs=0.6)


def test_bar_turns_counter_clockwise():
    rising = probes.draw_bars(row=13.5, length=20, angle=45)[0, ..., 0]
    assert rising[7, 20] == 1
    assert rising[20, 20] == 0
    upright = probes.draw_bars(row=13.5, length=16, angle=90)[0, ..., 0]
    flat = probes.draw_bars(row=13.5, length=16, angle=0)[0, ..., 0]
    assert np.allclose(upright, flat.T)


def test_erased_rows_are_black_and_the_rest_is_kept():
    images = digits.load("embedded").test_images[:30]
    top = probes.erase_rows(images, 0, 1 / 3)
    rest = probes.erase_rows(images, 1 / 3, 1)
    inked = (images > 0.5).any(axis=(2, 3))
    for image, kept, erased, rows in zip(images, top, rest, inked, strict=True):
        first, last = np.nonzero(rows)[0][[0, -1]]
        cut = round(first + (last - first + 1) / 3)
        assert kept[first:cut].max() == 0
        assert np.array_equal(kept[cut:], image[cut:])
        assert np.array_equal(erased[first:cut], image[first:cut])
        assert erased[cut : last + 1].max() == 0


@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_added_bar_lies_where_it_was_asked_for(place):
    images = digits.load("embedded").test_images[:30]
    added = probes.add_bars(images, place) - images
    assert added.min() >= 0
    inked = (images > 0.5).any(axis=(2, 3))
    for new, rows in zip(added, inked, strict=True):
        first, last = np.nonzero(rows)[0][[0, -1]]
        inked_rows = np.nonzero(new.max(axis=(1, 2)) > 0.5)[0]
        wanted = first + 1 + place * (last - first - 2)
        assert abs(inked_rows - wanted).max() <= 1.5


def test_neither_marks_are_varied_bounded_and_seeded():
    marks = probes.draw_neither(400, seed=1)
    assert marks.shape == (400, 28, 28, 1)
    assert marks.dtype == "float32"
    assert marks.min() == 0
    assert marks.max() == 1
    assert len({mark.tobytes() for mark in marks}) == 400
    assert np.array_equal(marks, probes.draw_neither(400, seed=1))
    assert not np.array_equal(marks, probes.draw_neither(400, seed=2))


def test_neither_marks_contain_no_bar_beyond_rows_6_and_22():
    bars = probes._draw_free_bars(500, np.random.default_rng(0))
    middles = (bars.sum(axis=(2, 3)) * np.arange(28)).sum(axis=1) / bars.sum((1, 2, 3))
    assert middles.min() > 5.5
    assert middles.max() < 22.5


def test_sweeps_vary_one_property_at_a_time():
    sweeps = probes.draw_sweeps()
    for values, pictures in sweeps.values():
        assert pictures.shape == (len(values), 28, 28, 1)
    thickness, bars = sweeps["thickness"]
    assert np.allclose(bars[:, :, 13].sum(axis=(1, 2)), thickness, atol=0.2)
    length, bars = sweeps["length"]
    assert np.allclose(bars[:, 8].sum(axis=(1, 2)), length, atol=0.6)
    column, bars = sweeps["column"]
    inside = column[2:-2]
    middles = (bars.sum(axis=(1, 3)) * np.arange(28)).sum(1) / bars.sum((1, 2, 3))
    assert np.allclose(middles[2:-2], inside, atol=0.1)
