"""What every method of the toolbox keeps, and occlusion."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from helpers import attribution
from helpers.attribution.scores import read_logits

pytestmark = [
    pytest.mark.usefixtures("started"),
    # LIME draws its few samples without a remark on their number.
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

METHODS = attribution.METHODS
QUICK = {  # settings that make a method quick, not another one
    "smooth_grad": {"samples": 3},
    "integrated_gradients": {"steps": 4},
    "occlusion": {"patch": 6, "stride": 3},
    "rise": {"samples": 20},
    "lime": {"samples": 20},
}


def build_recorder():
    """Return a layer that passes images on, and a list: how many came at a time."""
    layer, counts = layers.Identity(), []

    def note(count):
        counts.append(int(count))
        return count

    def call(inputs):
        noted = tf.numpy_function(note, [tf.shape(inputs)[0]], tf.int32)
        with tf.control_dependencies([noted]):
            return tf.ensure_shape(tf.identity(inputs), inputs.shape)

    layer.call = call
    return layer, counts


@pytest.fixture(scope="module")
def recorded():
    """A model fit for every method, and the list of what it saw at a time."""
    keras.utils.set_random_seed(6)
    recorder, counts = build_recorder()
    model = keras.Sequential(
        [
            layers.Input((12, 12, 1)),
            recorder,
            layers.Conv2D(6, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    kernel, bias, head, head_bias = model.get_weights()
    model.set_weights([kernel, bias + 0.1, head, head_bias + 0.3])
    return model, counts


@pytest.fixture(scope="module")
def model(recorded):
    return recorded[0]


def explain(name, model, images, class_index, **settings):
    return METHODS[name](
        model, images, class_index, **{**QUICK.get(name, {}), **settings}
    )


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_the_signature(name):
    parameters = inspect.signature(METHODS[name]).parameters
    assert list(parameters)[:3] == ["model", "images", "class_index"]
    assert parameters["output"].default is None
    assert parameters["batch_size"].default >= 1
    assert METHODS[name].__name__ == name
    assert METHODS[name].__doc__


@pytest.mark.parametrize("name", METHODS)
def test_a_stack_of_images_is_each_image_alone(model, small_images, name):
    """With one class for each image, and whatever the size of the batches."""
    classes = [2, 0, 1, 1]
    together = explain(name, model, small_images, classes, batch_size=3)
    assert together.dtype == "float32"
    assert together.shape == (4, 12, 12)
    assert np.isfinite(together).all()
    assert np.abs(together).max() > 0
    for place, class_index in enumerate(classes):
        alone = explain(
            name, model, small_images[place : place + 1], class_index, batch_size=32
        )[0]
        close = np.abs(alone - together[place]).max()
        assert close <= 1e-5 * max(1, np.abs(alone).max())


@pytest.mark.parametrize("name", METHODS)
def test_the_class_decides_the_map(model, small_images, name):
    first, second = (explain(name, model, small_images, index) for index in (0, 1))
    assert not np.allclose(first, second, rtol=0.01, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_the_model_sees_no_more_than_a_batch_at_a_time(recorded, small_images, name):
    model, counts = recorded
    counts.clear()
    explain(name, model, small_images, 0, batch_size=3)
    assert 1 <= max(counts) <= 3
    assert sum(counts) >= 4


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("images", "class_index", "message"),
    [
        (np.zeros((12, 12, 1)), 0, "images\\[None\\]"),
        (np.zeros((0, 12, 12, 1)), 0, "one or more images"),
        (np.zeros((1, 12, 12, 3)), 0, r"\(12, 12, 1\).*got an array.*3\)"),
        (np.zeros((1, 14, 12, 1)), 0, "one or more images"),
        (np.full((1, 12, 12, 1), np.nan), 0, "NaN or infinity"),
        (np.zeros((1, 12, 12, 1)), 3, "classes 0 to 2, got class_index 3"),
        (np.zeros((1, 12, 12, 1)), "bird", "find_class"),
    ],
)
def test_bad_input_gets_one_sentence(model, name, images, class_index, message):
    with pytest.raises(ValueError, match=message) as caught:
        METHODS[name](model, images, class_index)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", METHODS)
def test_a_bad_batch_size_gets_one_sentence(model, small_images, name):
    with pytest.raises(ValueError, match="batch_size must be"):
        explain(name, model, small_images, 0, batch_size=0)


@pytest.mark.parametrize("name", METHODS)
def test_images_stay_as_they_were(model, small_images, name):
    before = small_images.copy()
    explain(name, model, small_images, 0)
    assert np.array_equal(small_images, before)


# Occlusion


@pytest.mark.parametrize(("patch", "stride"), [(3, 1), (4, 3), (12, 5)])
@pytest.mark.parametrize("fill", [0.25, "mean"])
def test_occlusion_equals_a_plain_loop(small_model, small_images, patch, stride, fill):
    class_indices = [0, 1, 2, 1]
    ours = attribution.occlusion(
        small_model, small_images, class_indices, patch, stride, fill=fill
    )
    assert ours.dtype == "float32"
    logits = read_logits(small_model)
    starts = sorted({*range(0, 12 - patch + 1, stride), 12 - patch})
    for image, class_index, heatmap in zip(
        small_images, class_indices, ours, strict=True
    ):
        before = logits(image[None]).numpy()[0, class_index]
        total, times = np.zeros((12, 12)), np.zeros((12, 12))
        corners = [(top, left) for top in starts for left in starts]
        hidden = np.stack([image] * len(corners))
        for picture, (top, left) in zip(hidden, corners, strict=True):
            colour = image.mean() if fill == "mean" else fill
            picture[top : top + patch, left : left + patch] = colour
        falls = before - logits(hidden).numpy()[:, class_index]
        for fall, (top, left) in zip(falls, corners, strict=True):
            total[top : top + patch, left : left + patch] += fall
            times[top : top + patch, left : left + patch] += 1
        assert times.min() >= 1
        assert np.allclose(heatmap, total / times, atol=1e-4)


def test_occlusion_chooses_a_square_that_fits():
    model = keras.Sequential(
        [layers.Input((4, 80, 3)), layers.Flatten(), layers.Dense(2)]
    )
    images = np.random.default_rng(0).random((1, 4, 80, 3)).astype("float32")
    chosen = attribution.occlusion(model, images, 1)
    assert np.array_equal(chosen, attribution.occlusion(model, images, 1, 4, 1))


def test_occlusion_of_one_pixel_of_a_linear_model_is_weight_times_value():
    linear = keras.Sequential(
        [layers.Input((6, 6, 2)), layers.Flatten(), layers.Dense(2, "softmax")]
    )
    images = np.random.default_rng(0).random((2, 6, 6, 2)).astype("float32")
    weights = linear.layers[-1].get_weights()[0].reshape(6, 6, 2, 2)
    heatmaps = attribution.occlusion(linear, images, 1, patch=1)
    assert np.allclose(heatmaps, (images * weights[..., 1]).sum(-1), atol=1e-5)


def test_hiding_black_paper_changes_nothing(small_model):
    images = np.zeros((1, 12, 12, 1), "float32")
    images[0, :3, :3] = 1
    heatmap = attribution.occlusion(small_model, images, 0, patch=3)[0]
    assert np.array_equal(heatmap[6:, 6:], np.zeros((6, 6)))
    assert abs(heatmap[:3, :3]).max() > 0


@pytest.mark.parametrize(
    "bad",
    [{"patch": 13}, {"patch": 0}, {"patch": 2.5}, {"stride": 0}, {"stride": 1.5}],
)
def test_impossible_squares_are_refused(small_model, small_images, bad):
    with pytest.raises(ValueError, match="1 to 12 pixels"):
        attribution.occlusion(small_model, small_images, 0, **bad)


@pytest.mark.parametrize("fill", ["grey", None, np.nan])
def test_an_impossible_colour_is_refused(small_model, small_images, fill):
    with pytest.raises(ValueError, match='fill must be a number or "mean"'):
        attribution.occlusion(small_model, small_images, 0, fill=fill)
