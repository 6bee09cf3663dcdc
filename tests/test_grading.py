import numpy as np
import pytest
from scipy import stats

from helpers import grading


@pytest.fixture
def masks():
    """One 4×4 square in each of three 10×10 pictures."""
    masks = np.zeros((3, 10, 10), bool)
    masks[:, 2:6, 3:7] = True
    return masks


def _dot(row, column):
    heatmap = np.zeros((10, 10), "float32")
    heatmap[row, column] = 2
    return heatmap


def test_the_hottest_pixel_decides(masks):
    heatmaps = np.stack([_dot(2, 3), _dot(5, 6), _dot(6, 6)])
    assert grading.play_pointing_game(heatmaps, masks).tolist() == [1, 1, 0]


def test_a_near_miss_counts_within_the_tolerance(masks):
    heatmaps = np.stack([_dot(8, 4), _dot(9, 4), _dot(8, 9)])
    hits = grading.play_pointing_game(heatmaps, masks, tolerance=3)
    # Their distances to the square are 3, 4 and the root of 18.
    assert hits.tolist() == [1, 0, 0]


def test_shared_maxima_share_the_grade_and_flat_maps_point_nowhere(masks):
    two = _dot(2, 3) + _dot(9, 9)
    assert grading.play_pointing_game(two[None], masks[:1]).tolist() == [0.5]
    for value in (0, 1, -3):
        flat = np.full((1, 10, 10), value)
        assert grading.play_pointing_game(flat, masks[:1]).tolist() == [0]


def test_the_least_negative_pixel_of_a_negative_map_is_its_hottest(masks):
    heatmap = np.full((1, 10, 10), -2.0)
    heatmap[0, 3, 4] = -1
    assert grading.play_pointing_game(heatmap, masks[:1]).tolist() == [1]


def test_peaks_are_the_first_hottest_pixels():
    heatmaps = np.stack([_dot(2, 9), _dot(9, 0) + _dot(4, 5), -np.ones((10, 10))])
    assert grading.find_peaks(heatmaps).tolist() == [[2, 9], [4, 5], [0, 0]]


def test_share_of_heat_counts_positive_heat_only(masks):
    heatmaps = np.stack(
        [3 * _dot(2, 3) + _dot(9, 9) - 5 * _dot(0, 0), np.ones((10, 10)), -_dot(2, 3)]
    )
    assert np.allclose(grading.share_heat(heatmaps, masks), [0.75, 0.16, 0])


def test_ranks_are_compared_as_spearman_does():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 9, (2, 3, 6, 7)).astype("float32")
    wanted = [
        stats.spearmanr(a, b, axis=None).statistic
        for a, b in zip(first, second, strict=True)
    ]
    assert np.allclose(grading.correlate_ranks(first, second), wanted)
    assert np.allclose(grading.correlate_ranks(first, np.exp(first)), 1)
    assert np.allclose(grading.correlate_ranks(first, -first), -1)
    assert grading.correlate_ranks(first, np.ones_like(first)).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="same shape"):
        grading.correlate_ranks(first, second[:2])


def test_blind_maps_know_their_trade():
    images = np.zeros((2, 32, 48, 3), "float32")
    images[:, :, 24:] = 1
    maps = grading.draw_blind_maps(images)
    assert {m.shape for m in maps.values()} == {(2, 32, 48)}
    assert {str(m.dtype) for m in maps.values()} == {"float32"}
    row, column = np.unravel_index(maps["centre"][0].argmax(), (32, 48))
    assert abs(row - 15.5) < 1
    assert abs(column - 23.5) < 1
    assert set(maps["edges"].argmax(axis=2).ravel()) <= {23, 24}
    assert not np.array_equal(maps["random"][0], maps["random"][1])
    again = grading.draw_blind_maps(images)["random"]
    assert np.array_equal(maps["random"], again)


@pytest.mark.parametrize(
    ("heatmaps", "masks", "message"),
    [
        (np.zeros((1, 4, 4)), np.ones((1, 4, 5)), "both have the shape"),
        (np.zeros((4, 4)), np.ones((4, 4)), "both have the shape"),
        (np.full((1, 4, 4), np.nan), np.ones((1, 4, 4)), "finite"),
        (np.zeros((1, 4, 4)), np.zeros((1, 4, 4)), "1 that are empty"),
    ],
)
def test_bad_input_gets_one_sentence(heatmaps, masks, message):
    for grade in (grading.play_pointing_game, grading.share_heat):
        with pytest.raises(ValueError, match=message):
            grade(heatmaps, masks)
