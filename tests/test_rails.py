"""Rails: as wide as they should be, and nowhere else."""

import cv2
import numpy as np
import pytest

from helpers import rails


@pytest.fixture(scope="module")
def painted():
    images = np.random.default_rng(1).random((6, 96, 120, 3)).astype("float32")
    return images, *rails.paint(images, range(6))


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2])
def test_a_bar_covers_its_area(angle):
    """A long bar with round ends, against the formula of its area."""
    middle, along = np.array([0.5, 0.5]), np.array([np.cos(angle), np.sin(angle)])
    points = np.stack([middle - 0.3 * along, middle + 0.3 * along])
    cover = rails.draw([(points, 0.05)], (200, 200))[..., 3]
    area = 2 * 10 * 120 + np.pi * 10**2
    assert cover.sum() == pytest.approx(area, rel=0.005)
    assert cover.min() == 0
    assert cover.max() == 1
    rows, columns = np.indices(cover.shape) + 0.5
    for axis in (rows, columns):
        assert (cover * axis).sum() / cover.sum() == pytest.approx(100, abs=0.1)


def test_the_nearer_tube_covers_the_farther_one():
    level = np.array([[0.1, 0.5], [0.9, 0.5]])
    far, near = (level[:, ::-1], 0.1), (level, 0.1)
    both = rails.draw([far, near], (100, 100))
    alone = rails.draw([near], (100, 100))
    inside = alone[..., 3] == 1
    np.testing.assert_allclose(both[inside], alone[inside], atol=1e-6)
    assert both[..., 3].sum() > 1.5 * alone[..., 3].sum()


def test_a_bar_is_lit_from_above():
    level = np.array([[0.1, 0.5], [0.9, 0.5]])
    grey = rails.draw([(level, 0.1)], (100, 100))[:, 50, :3].mean(axis=1)
    assert grey[42:46].mean() > 1.5 * grey[54:58].mean()
    dim = rails.draw([(level, 0.1)], (100, 100), light=0.25)[:, 50, :3].mean(axis=1)
    assert dim[45] < 0.7 * grey[45]


def test_pictures_change_where_the_rail_and_its_shadow_are_only(painted):
    images, results, covers = painted
    assert results.dtype == covers.dtype == "float32"
    for image, result, cover in zip(images, results, covers, strict=True):
        # The shadow lies within 0.025 of the side and 4 deviations of its blur.
        near = cv2.dilate((cover > 0).astype("uint8"), np.ones((17, 17))) > 0
        assert np.array_equal(image[~near], result[~near])
        assert (np.abs(image - result)[cover > 0.9] > 0).any(axis=-1).all()
        shaded = (cover == 0) & near
        assert (result[shaded] <= image[shaded]).all()
        assert 0.03 < cover.mean() < 0.15
    assert results.min() >= 0
    assert results.max() <= 1


def test_a_seed_decides_the_rail(painted):
    images, results, covers = painted
    again, _ = rails.paint(images[2:3], [2])
    assert np.array_equal(again[0], results[2])
    assert len({cover.tobytes() for cover in covers}) == len(covers)
