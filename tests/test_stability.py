"""Stability tests against known truth: maps that stay, that move, and of noise."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from scipy import ndimage, stats

from helpers.attribution import lime, saliency, smooth_grad
from helpers.grading import stability

pytestmark = pytest.mark.usefixtures("started")

SIZE = 16


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIZE, SIZE, 3))
    maps = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(maps))
    return keras.Model(inputs, outputs)


@pytest.fixture(scope="module")
def images():
    """Smooth pictures, as photographs are."""
    noise = np.random.default_rng(0).random((3, SIZE, SIZE, 3))
    smooth = ndimage.gaussian_filter(noise, (0, 2, 2, 0))
    low, high = (
        bound(smooth, axis=(1, 2, 3), keepdims=True) for bound in (np.min, np.max)
    )
    return ((smooth - low) / (high - low)).astype("float32")


def show_green(model, images, class_index):
    """Each pixel by itself: moves exactly with the picture."""
    return images[..., 1]


def draw_noise(model, images, class_index, *, seed=0):
    """Nothing but chance, another at each seed."""
    return np.random.default_rng(seed).random(images.shape[:3], "float32")


def draw_half_noise(model, images, class_index, *, seed=5):
    return images[..., 1] + draw_noise(model, images, class_index, seed=seed)


def correlate(heatmaps, others):
    return [
        stats.spearmanr(one, other, axis=None).statistic
        for one, other in zip(heatmaps, others, strict=True)
    ]


def test_a_map_of_noise_fails_with_another_seed(model, images):
    grades = stability.measure_seed_stability(draw_noise, model, images, 0)
    assert np.abs(grades).max() < 0.2
    half = stability.measure_seed_stability(draw_half_noise, model, images, 0)
    wanted = correlate(
        draw_half_noise(model, images, 0), draw_half_noise(model, images, 0, seed=6)
    )
    assert np.allclose(half, wanted)
    assert 0.1 < half.min() < half.max() < 0.9


def test_more_samples_make_seeds_matter_less(model, images):
    few, many = (
        stability.measure_seed_stability(
            partial(smooth_grad, samples=samples, noise=0.5), model, images, 1
        )
        for samples in (2, 40)
    )
    assert (few < many).all()
    assert many.max() < 1


def test_a_seed_that_was_chosen_is_not_compared_with_itself(model, images):
    chosen = partial(draw_noise, seed=1)
    grades = stability.measure_seed_stability(chosen, model, images, 0)
    assert np.abs(grades).max() < 0.2


def test_seeds_of_a_library_are_followed(model, images):
    method = partial(lime, samples=20)
    grades = stability.measure_seed_stability(method, model, images, 0)
    wanted = correlate(*(method(model, images, 0, seed=seed) for seed in (0, 1)))
    assert np.allclose(grades, wanted)
    assert max(wanted) < 0.999


def test_a_method_without_a_seed_is_not_asked(model, images):
    def refuse(model, images, class_index):
        raise AssertionError("asked")

    grades = stability.measure_seed_stability(refuse, model, images, 0)
    assert grades.tolist() == [1, 1, 1]


def test_a_map_that_moves_with_the_picture_is_stable(model, images):
    for move in [(1, 2), (0, 1), (2, 0)]:
        grades = stability.measure_shift_stability(
            show_green, model, images, 0, move=move
        )
        assert np.allclose(grades, 1)


def test_a_map_that_stays_in_place_is_compared_with_itself_moved(model, images):
    """Noise that does not move is as good as other noise."""
    grades = stability.measure_shift_stability(draw_noise, model, images, 0)
    assert np.abs(grades).max() < 0.2


def test_a_moved_picture_equals_scipys(model, images):
    down, right = 2, 1
    moved = ndimage.shift(images, (0, down, right, 0), order=0, mode="nearest")
    maps = [saliency(model, shown, 2) for shown in (images, moved)]
    wanted = correlate(maps[0][:, :-down, :-right], maps[1][:, down:, right:])
    grades = stability.measure_shift_stability(
        saliency, model, images, 2, move=(down, right)
    )
    assert np.allclose(grades, wanted)
    assert max(wanted) < 0.9  # the dense layer weighs each place in its own way


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_that_of_a_file(images, tmp_path, channels):
    shown = images[..., :channels]
    stored = stability.compress(shown)
    assert stored.dtype == "float32"
    assert stored.shape == shown.shape
    for picture, ours in zip(shown, stored, strict=True):
        levels = np.round(picture * 255).astype("uint8")
        file = tmp_path / "picture.jpg"
        Image.fromarray(levels.squeeze()).save(file, quality=75)
        read = np.asarray(Image.open(file), "float32").reshape(levels.shape) / 255
        assert np.array_equal(ours, read)
    rough = stability.compress(shown, quality=10)
    assert 0 < np.abs(stored - shown).mean() < np.abs(rough - shown).mean() < 0.1


def test_jpeg_moves_maps_of_detail_and_not_those_of_shape(model, images):
    """A map of the last bit of each pixel is gone; one of the pixel stays."""

    def show_last_bit(model, images, class_index):
        return np.round(images[..., 1] * 255) % 2

    shape, bits = (
        stability.measure_jpeg_stability(method, model, images, 0)
        for method in (show_green, show_last_bit)
    )
    assert shape.min() > 0.95
    assert np.abs(bits).max() < 0.3
    wanted = correlate(images[..., 1], stability.compress(images)[..., 1])
    assert np.allclose(shape, wanted)


@pytest.mark.parametrize(
    "measure", [stability.measure_shift_stability, stability.measure_jpeg_stability]
)
def test_known_maps_are_used_and_not_asked_for_again(model, images, measure):
    asked = []

    def method(model, images, class_index):
        asked.append(images)
        return show_green(model, images, class_index)

    first = measure(method, model, images, 0, heatmaps=images[..., 1])
    assert len(asked) == 1
    assert np.array_equal(first, measure(method, model, images, 0))


def test_blank_maps_stay_blank(model, images):
    def stay_blank(model, images, class_index):
        return np.zeros(images.shape[:3])

    assert stability.measure_jpeg_stability(stay_blank, model, images, 0).min() == 1


def test_bad_input_gets_one_sentence(model, images):
    for move in [(-1, 0), (0, SIZE - 1)]:
        with pytest.raises(ValueError, match="leave 2 rows and columns of 16"):
            stability.measure_shift_stability(show_green, model, images, 0, move=move)
    with pytest.raises(ValueError, match="pixel values from 0 to 1, got"):
        stability.measure_jpeg_stability(show_green, model, images * 255, 0)
    with pytest.raises(ValueError, match="1 or 3"):
        stability.compress(np.zeros((1, 8, 8, 2)))
    with pytest.raises(ValueError, match="finite heatmaps"):
        stability.measure_seed_stability(
            lambda model, images, class_index, seed=0: np.zeros(3), model, images, 0
        )
