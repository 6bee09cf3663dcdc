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


def test_rank_accuracy_looks_at_the_order_alone(masks):
    generator = np.random.default_rng(3)
    heatmaps = generator.normal(size=(3, 10, 10))
    accuracy = grading.measure_rank_accuracy(heatmaps, masks)
    by_hand = [
        np.isin(np.argsort(heat.ravel())[-16:], np.flatnonzero(mask)).mean()
        for heat, mask in zip(heatmaps, masks, strict=True)
    ]
    assert np.allclose(accuracy, by_hand)
    assert np.allclose(
        accuracy, grading.measure_rank_accuracy(np.exp(3 * heatmaps), masks)
    )
    assert grading.measure_rank_accuracy(1.0 * masks, masks).tolist() == [1, 1, 1]
    assert grading.measure_rank_accuracy(-1.0 * masks, masks).tolist() == [0, 0, 0]
    sizes = masks.copy()
    sizes[1, 0] = True  # another k for this picture
    assert grading.measure_rank_accuracy(1.0 * masks, sizes)[1] == pytest.approx(
        (16 + 10 * 10 / 84) / 26
    )


def test_rank_accuracy_breaks_ties_like_chance_does(masks):
    levels = np.random.default_rng(4).integers(0, 3, (1, 10, 10)).astype("float32")
    fair = grading.measure_rank_accuracy(levels, masks[:1])
    broken = levels + np.random.default_rng(5).random((4000, 10, 10)) / 2
    mean = grading.measure_rank_accuracy(broken, np.repeat(masks[:1], 4000, 0)).mean()
    assert fair == pytest.approx(mean, abs=0.01)
    moved = np.random.default_rng(6).permutation(100)
    shuffled = [
        a.reshape(1, 100)[:, moved].reshape(1, 10, 10) for a in (levels, masks[:1])
    ]
    assert grading.measure_rank_accuracy(*shuffled) == pytest.approx(fair)
    for value in (0, 1, -3):
        flat = np.full((1, 10, 10), value)
        assert grading.measure_rank_accuracy(flat, masks[:1]) == pytest.approx(0.16)


def test_heat_over_area_is_one_without_preference(masks):
    masks[1, 2:4] = False  # half the square, 8 pixels
    heatmaps = np.stack([np.ones((10, 10)), 2 * masks[1], -1 * masks[2]])
    grades = grading.measure_heat_over_area(heatmaps, masks)
    assert np.allclose(grades, [1, 100 / 8, 0])
    for picture in range(3):
        one = slice(picture, picture + 1)
        preference = grading.measure_preference(heatmaps[one], masks[one])
        assert preference == pytest.approx(grades[picture])


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


def test_blind_methods_take_what_the_real_ones_take_and_look_at_images_alone():
    images = np.random.default_rng(1).random((3, 20, 24, 3), "float32")
    maps = grading.draw_blind_maps(images, seed=0)
    assert list(maps) == list(grading.BLIND_METHODS)
    for name, method in grading.BLIND_METHODS.items():
        assert np.array_equal(method(None, images, 0), maps[name])
        assert np.array_equal(method("any model", images, [2, 0, 1]), maps[name])
    random = grading.BLIND_METHODS["random"]
    assert not np.array_equal(random(None, images, 0, seed=1), maps["random"])
    with pytest.raises(TypeError):
        grading.BLIND_METHODS["edges"](None, images, 0, seed=1)


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
    for grade in (
        grading.play_pointing_game,
        grading.share_heat,
        grading.measure_rank_accuracy,
        grading.measure_heat_over_area,
    ):
        with pytest.raises(ValueError, match=message):
            grade(heatmaps, masks)
