import numpy as np
import pytest

from helpers import lamps
from helpers.regions import REGIONS

PROP = REGIONS.index("prop")


@pytest.fixture(scope="module")
def pictures():
    generator = np.random.default_rng(0)
    images = generator.random((3, 100, 100, 3), "float32") * 0.4
    return images, np.ones((3, 100, 100), "uint8")


def test_a_painted_lamp_stands_in_the_lower_right_corner_and_is_bright(pictures):
    images, regions = pictures
    lit, places = lamps.paint_in(images, regions)
    assert lit.dtype == "float32"
    assert places.dtype == "uint8"
    lamp = places[0] == PROP
    assert 0.02 < lamp.mean() < 0.1
    rows, columns = np.nonzero(lamp)
    assert rows.min() > 60
    assert columns.min() > 60
    assert lit[:, lamp].mean() > 0.7
    warm = lit[:, lamp].mean(axis=(0, 1))
    assert warm[0] > warm[1] > warm[2]  # a warm light: more red than blue


def test_painting_changes_only_the_corner(pictures):
    images, regions = pictures
    lit, places = lamps.paint_in(images, regions)
    changed = np.abs(lit - images).max(axis=(0, 3)) > 1e-6
    assert not changed[:60].any()
    assert not changed[:, :60].any()
    assert np.array_equal(places[0] == regions[0], places[0] != PROP)


def test_painted_out_the_lamp_is_gone_and_the_rest_is_as_before():
    row = np.linspace(0.2, 0.5, 100, dtype="float32")
    plain = np.broadcast_to(row[None, :, None, None], (1, 100, 100, 3)).copy()
    lit, places = lamps.paint_in(plain, np.zeros((1, 100, 100), "uint8"))
    again = lamps.paint_out(lit, places)
    lamp = places[0] == PROP
    before, after = (np.abs(x[0] - plain[0])[lamp].mean() for x in (lit, again))
    assert before > 0.2
    assert after < 0.05  # filled in from around it: the ground is smooth
    assert np.abs(again[0, :60] - plain[0, :60]).max() < 1e-6


def test_a_face_without_a_lamp_stays_as_it_is(pictures):
    images, regions = pictures
    assert np.array_equal(lamps.paint_out(images, regions), images)


def test_only_the_mask_is_filled_in_and_with_what_is_around_it():
    images = np.full((2, 60, 60, 3), 0.5, "float32")
    images[:, 20:30, 20:30] = 1.0
    masks = np.zeros((2, 60, 60), bool)
    masks[0, 18:32, 18:32] = True
    filled = lamps.fill_in(images, masks)
    assert np.abs(filled[0] - 0.5).max() < 0.01
    assert np.array_equal(filled[1], images[1])
    assert filled.dtype == "float32"
