import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from helpers import attribution
from helpers.attribution.scores import read_logits

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture
def linear_model():
    """A model whose logits are weighted sums of the pixels: the truth is known."""
    model = keras.Sequential([layers.Input((6, 6, 2)), layers.Flatten()])
    model.add(layers.Dense(2, activation="softmax"))
    return model


def test_logits_are_the_layer_before_the_softmax(small_model, small_images):
    logits = read_logits(small_model)(small_images).numpy()
    kernel, bias = small_model.layers[-1].get_weights()
    features = keras.Model(small_model.inputs, small_model.layers[-1].input)
    assert np.allclose(logits, features(small_images).numpy() @ kernel + bias, 1e-5)
    assert np.allclose(tf.nn.softmax(logits), small_model(small_images), atol=1e-6)
    assert small_model.layers[-1].activation is keras.activations.softmax


@pytest.mark.parametrize(
    "head",
    [
        [layers.Dense(3), layers.Softmax()],
        [layers.Dense(3), layers.Activation("softmax")],
        [layers.Dense(3)],
    ],
)
def test_every_usual_head_gives_logits(head):
    model = keras.Sequential([layers.Input((4, 4, 1)), layers.Flatten(), *head])
    images = np.random.default_rng(0).random((2, 4, 4, 1)).astype("float32")
    kernel, bias = head[0].get_weights()
    wanted = images.reshape(2, -1) @ kernel + bias
    assert np.allclose(read_logits(model)(images), wanted, atol=1e-6)


def test_saliency_of_a_linear_model_is_its_weights(linear_model):
    images = np.random.default_rng(0).random((3, 6, 6, 2)).astype("float32")
    weights = linear_model.layers[-1].get_weights()[0].reshape(6, 6, 2, 2)
    heatmaps = attribution.saliency(linear_model, images, [0, 1, 1])
    wanted = np.abs(weights).max(axis=2)
    assert heatmaps.dtype == "float32"
    for heatmap, class_index in zip(heatmaps, (0, 1, 1), strict=True):
        assert np.allclose(heatmap, wanted[..., class_index], atol=1e-6)


@pytest.mark.filterwarnings("ignore:The structure of .inputs.")
def test_saliency_equals_tf_keras_vis(small_model, small_images):
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    theirs = Saliency(read_logits(small_model))(
        CategoricalScore([2] * 4), small_images, normalize_map=False
    )
    ours = attribution.saliency(small_model, small_images, 2)
    assert abs(theirs - ours).max() <= 1e-6


@pytest.mark.parametrize(("patch", "stride"), [(3, 1), (4, 3), (12, 5)])
def test_occlusion_equals_a_plain_loop(small_model, small_images, patch, stride):
    class_indices = [0, 1, 2, 1]
    ours = attribution.occlusion(
        small_model, small_images, class_indices, patch, stride, fill=0.25
    )
    logits = read_logits(small_model)
    starts = sorted({*range(0, 12 - patch + 1, stride), 12 - patch})
    for image, class_index, heatmap in zip(
        small_images, class_indices, ours, strict=True
    ):
        before = logits(image[None]).numpy()[0, class_index]
        total, times = np.zeros((12, 12)), np.zeros((12, 12))
        for top in starts:
            for left in starts:
                hidden = image.copy()
                hidden[top : top + patch, left : left + patch] = 0.25
                fall = before - logits(hidden[None]).numpy()[0, class_index]
                total[top : top + patch, left : left + patch] += fall
                times[top : top + patch, left : left + patch] += 1
        assert times.min() >= 1
        assert np.allclose(heatmap, total / times, atol=1e-4)


def test_occlusion_of_one_pixel_of_a_linear_model_is_weight_times_value(linear_model):
    images = np.random.default_rng(0).random((2, 6, 6, 2)).astype("float32")
    weights = linear_model.layers[-1].get_weights()[0].reshape(6, 6, 2, 2)
    heatmaps = attribution.occlusion(linear_model, images, 1, patch=1)
    assert np.allclose(heatmaps, (images * weights[..., 1]).sum(-1), atol=1e-5)


def test_hiding_black_paper_changes_nothing(small_model):
    images = np.zeros((1, 12, 12, 1), "float32")
    images[0, :3, :3] = 1
    heatmap = attribution.occlusion(small_model, images, 0, patch=3)[0]
    assert np.array_equal(heatmap[6:, 6:], np.zeros((6, 6)))
    assert abs(heatmap[:3, :3]).max() > 0


@pytest.mark.parametrize("method", [attribution.saliency, attribution.occlusion])
@pytest.mark.parametrize(
    ("images", "class_index", "message"),
    [
        (np.zeros((12, 12, 1)), 0, "images\\[None\\]"),
        (np.zeros((0, 12, 12, 1)), 0, "one or more images"),
        (np.zeros((1, 12, 12, 3)), 0, r"\(12, 12, 1\).*got an array.*3\)"),
        (np.zeros((1, 14, 12, 1)), 0, "one or more images"),
        (np.full((1, 12, 12, 1), np.nan), 0, "NaN or infinity"),
        (np.zeros((1, 12, 12, 1)), 3, "classes 0 to 2, got class_index 3"),
        (np.zeros((1, 12, 12, 1)), -1, "classes 0 to 2, got class_index -1"),
    ],
)
def test_bad_input_gets_one_sentence(small_model, method, images, class_index, message):
    with pytest.raises(ValueError, match=message):
        method(small_model, images, class_index)


@pytest.mark.parametrize("bad", [{"patch": 13}, {"patch": 0}, {"stride": 0}])
def test_impossible_squares_are_refused(small_model, small_images, bad):
    with pytest.raises(ValueError, match="1 to 12 pixels"):
        attribution.occlusion(small_model, small_images, 0, **bad)


def test_the_model_is_left_as_it_was(small_model, small_images):
    before = small_model(small_images).numpy()
    attribution.saliency(small_model, small_images, 0)
    attribution.occlusion(small_model, small_images, 0)
    assert np.array_equal(small_model(small_images).numpy(), before)
