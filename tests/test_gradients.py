import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from helpers import attribution

pytestmark = pytest.mark.usefixtures("started")

SIZE = 6


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-2, 2, (3, SIZE, SIZE, 2)).astype("float32")


@pytest.fixture(scope="module")
def linear_model():
    """A model whose logits are weighted sums of the pixels: the truth is known."""
    return keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 2)),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )


def take_absolute_maximum(gradients):
    return np.abs(gradients).max(axis=-1)


# The gradient


def test_saliency_of_a_linear_model_is_its_weights(linear_model, images):
    weights = linear_model.layers[-1].get_weights()[0].reshape(SIZE, SIZE, 2, 2)
    heatmaps = attribution.saliency(linear_model, images, [0, 1, 1])
    assert heatmaps.dtype == "float32"
    wanted = take_absolute_maximum(weights.transpose(3, 0, 1, 2))[[0, 1, 1]]
    assert np.allclose(heatmaps, wanted, atol=1e-6)


def test_gradient_times_input_of_a_linear_model_is_each_pixel_times_its_weight(
    linear_model, images
):
    weights = linear_model.layers[-1].get_weights()[0].reshape(SIZE, SIZE, 2, 2)
    heatmaps = attribution.gradient_times_input(linear_model, images, 1)
    wanted = (images * weights[..., 1]).sum(axis=-1)
    assert np.allclose(heatmaps, wanted, atol=1e-6)
    assert wanted.min() < 0 < wanted.max()


def test_gradient_times_input_sums_to_the_logit_where_no_layer_has_a_bias(images):
    """Such a ReLU net is linear around each image, and zero for a black one."""
    model = keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 2)),
            layers.Conv2D(4, 3, activation="relu", use_bias=False),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(5, activation="relu", use_bias=False),
            layers.Dense(3, activation="softmax"),
        ]
    )
    *weights, _ = model.get_weights()
    model.set_weights([*weights, np.array([3.0, 1.0, -2.0])])
    sums = attribution.gradient_times_input(model, images, [0, 1, 2]).sum(axis=(1, 2))
    logits = attribution.read_scores(model, images, [0, 1, 2])
    assert np.allclose(sums, logits - [3, 1, -2], atol=1e-5)
    assert np.abs(sums).min() > 1e-3


@pytest.fixture(scope="module")
def curved_model():
    """Without kinks, so that two ways to the gradient can agree to the last digits."""
    keras.utils.set_random_seed(7)
    return keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 2)),
            layers.Conv2D(4, 3, activation="tanh"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def differentiate(model, images, class_index):
    """Another way: a gradient tape around a model that ends before its softmax."""
    before = keras.Model(model.inputs[0], model.layers[-1].input)
    kernel, bias = model.layers[-1].get_weights()
    watched = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        score = (before(watched) @ kernel + bias)[:, class_index]
    return tape.gradient(score, watched).numpy()


def test_saliency_and_gradient_times_input_equal_a_gradient_tape(curved_model, images):
    gradients = differentiate(curved_model, images, 2)
    saliency = attribution.saliency(curved_model, images, 2)
    product = attribution.gradient_times_input(curved_model, images, 2)
    assert np.allclose(saliency, take_absolute_maximum(gradients), rtol=1e-5, atol=1e-7)
    assert np.allclose(product, (gradients * images).sum(-1), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("method", ["saliency", "guided_backprop", "deconvnet"])
def test_no_gradient_gives_zeros_not_ones(method):
    """A network that is off has nothing to show."""
    model = keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 2)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    kernel, _, *head = model.get_weights()
    model.set_weights([kernel, np.full(4, -100.0), *(0 * weight for weight in head)])
    heatmaps = attribution.METHODS[method](model, np.ones((2, SIZE, SIZE, 2)), 1)
    assert np.array_equal(heatmaps, np.zeros((2, SIZE, SIZE)))


@pytest.mark.parametrize("block", [tf.round, tf.stop_gradient])
def test_a_model_that_passes_no_gradient_back_gets_one_sentence(images, block):
    model = keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 2)),
            layers.Conv2D(2, 3, name="early"),
            layers.Lambda(block),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    for method, layer in [("saliency", {}), ("grad_cam", {"layer": "early"})]:
        with pytest.raises(
            ValueError, match=r"no gradient back.*use occlusion"
        ) as found:
            attribution.METHODS[method](model, images, 0, **layer)
        assert "\n" not in str(found.value)
    assert np.abs(attribution.occlusion(model, images, 0)).max() > 0


# SmoothGrad


def test_smooth_grad_without_noise_is_saliency(curved_model, images):
    smooth = attribution.smooth_grad(curved_model, images, 1, samples=3, noise=0)
    assert np.allclose(smooth, attribution.saliency(curved_model, images, 1), rtol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_smooth_grad_equals_a_plain_loop(curved_model, images, batch_size):
    images = images * np.array([1, 0.2, 3], "float32")[:, None, None, None]
    ours = attribution.smooth_grad(
        curved_model, images, 1, samples=5, noise=0.3, seed=9, batch_size=batch_size
    )
    generator = np.random.default_rng(9)
    grains = [
        generator.standard_normal((SIZE, SIZE, 2), dtype="float32") for _ in range(5)
    ]
    for image, heatmap in zip(images, ours, strict=True):
        spread = 0.3 * (image.max() - image.min())
        noisy = np.stack([image + spread * grain for grain in grains])
        mean = differentiate(curved_model, noisy, 1).mean(axis=0)
        assert np.allclose(heatmap, np.abs(mean).max(-1), rtol=1e-4, atol=1e-7)
    assert not np.allclose(
        ours, attribution.saliency(curved_model, images, 1), rtol=0.01
    )


def test_the_seed_decides_the_noise(curved_model, images):
    first, again, other = (
        attribution.smooth_grad(curved_model, images, 0, samples=2, seed=seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, rtol=1e-3)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"samples": 0}, "samples must be a whole number of at least 1, got 0"),
        ({"samples": 2.5}, "samples must be a whole number"),
        ({"noise": -0.1}, r"noise must be 0 or more, got -0\.1"),
        ({"noise": np.nan}, "noise must be 0 or more, got nan"),
        ({"noise": np.inf}, "noise must be 0 or more, got inf"),
    ],
)
def test_impossible_noise_is_refused(curved_model, images, bad, message):
    with pytest.raises(ValueError, match=message):
        attribution.smooth_grad(curved_model, images, 0, **bad)


# Guided backprop and deconvnet, against matrices in NumPy


def write_as_matrix(kernel, size):
    """Write a convolution without padding as a matrix (pixels in, places out)."""
    side, _, channels, filters = kernel.shape
    after = size - side + 1
    matrix = np.zeros((size, size, channels, after, after, filters))
    for row in range(after):
        for column in range(after):
            matrix[row : row + side, column : column + side, :, row, column] = kernel
    return matrix.reshape(size * size * channels, -1)


def go_back(model, images, class_index, rule, ceiling):
    """Forward and backward through convolution, ReLU, dense, ReLU, dense."""
    kernel, bias, hidden, hidden_bias, last, _ = model.get_weights()
    first = write_as_matrix(kernel, SIZE)
    before = [images.reshape(len(images), -1) @ first + np.tile(bias, 16)]
    before.append(before[0].clip(0, ceiling) @ hidden + hidden_bias)
    gradients = np.tile(last[:, class_index], (len(images), 1))
    assert [(values > 6).any() for values in before] == [True, True]
    for values, weights in zip(before[::-1], (hidden, first), strict=True):
        is_open = (values > 0) & (values < ceiling)
        passes = (gradients > 0) & (is_open | (rule == "deconvnet"))
        gradients = np.where(passes, gradients, 0) @ weights.T
    return take_absolute_maximum(gradients.reshape(images.shape))


def build_relu_net(make_relu, fused=None):
    keras.utils.set_random_seed(11)
    model = keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 2)),
            layers.Conv2D(4, 3, activation=fused),
            *([] if fused else [make_relu()]),
            layers.Flatten(),
            layers.Dense(20, activation=fused),
            *([] if fused else [make_relu()]),
            layers.Dense(3, activation="softmax"),
        ]
    )
    generator = np.random.default_rng(1)
    model.set_weights(
        [
            generator.normal(0, 0.4 if len(weight) == 64 else 0.8, weight.shape)
            for weight in model.get_weights()
        ]
    )
    return model


def build_functional_relu_net():
    model = build_relu_net(lambda: layers.ReLU())
    inputs = layers.Input((SIZE, SIZE, 2))
    convolution, _, flatten, hidden, _, head = model.layers
    values = ops.relu(hidden(flatten(ops.relu(convolution(inputs)))))
    return keras.Model(inputs, head(values))


RELU_NETS = {
    "fused": (lambda: build_relu_net(None, "relu"), np.inf),
    "fused relu6": (lambda: build_relu_net(None, "relu6"), 6),
    "Activation": (lambda: build_relu_net(lambda: layers.Activation("relu")), np.inf),
    "Activation relu6": (lambda: build_relu_net(lambda: layers.Activation("relu6")), 6),
    "ReLU layer": (lambda: build_relu_net(layers.ReLU), np.inf),
    "ReLU layer up to 6": (lambda: build_relu_net(lambda: layers.ReLU(6.0)), 6),
    "operation": (build_functional_relu_net, np.inf),
}


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
@pytest.mark.parametrize("kind", RELU_NETS)
def test_changed_relus_equal_matrices_in_numpy(images, kind, rule):
    build, ceiling = RELU_NETS[kind]
    model = build()
    name = {"guided": "guided_backprop", "deconvnet": "deconvnet"}[rule]
    ours = attribution.METHODS[name](model, images, 1)
    wanted = go_back(model, images, 1, rule, ceiling)
    assert wanted.max() > 0.1
    assert np.allclose(ours, wanted, rtol=1e-4, atol=1e-4)
    plain = attribution.saliency(model, images, 1)  # is not changed by it
    assert np.abs(plain - ours).max() > 0.1 * wanted.max()


@pytest.mark.parametrize("name", ["guided_backprop", "deconvnet", "guided_grad_cam"])
@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_a_model_without_relu_gets_one_sentence(images, name, activation):
    model = keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 2)),
            layers.Conv2D(2, 3, activation=activation),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    with pytest.raises(ValueError, match="has no ReLU; use saliency") as caught:
        attribution.METHODS[name](model, images, 0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_leaky_relus_let_through_what_their_slope_does(images, slope):
    """By hand, with one channel: the positive gradient, times 1 or the slope."""
    inputs = keras.Input((SIZE, SIZE, 2))
    maps = layers.Conv2D(1, 1, use_bias=False)(inputs)
    outputs = layers.LeakyReLU(negative_slope=slope)(maps)
    model = keras.Model(
        inputs, layers.Dense(2, use_bias=False)(layers.Flatten()(outputs))
    )
    kernel, weights = (np.array(values) for values in model.get_weights())
    sums = images @ kernel[0, 0]
    slopes = np.maximum(weights[:, 1].reshape(1, SIZE, SIZE, 1), 0)
    gated = {
        "guided_backprop": slopes * np.where(sums > 0, 1, slope),
        "deconvnet": slopes,
    }
    for name, wanted in gated.items():
        ours = attribution.METHODS[name](model, images, 1)
        largest = np.abs(wanted @ kernel[0, 0].T).max(axis=-1)
        assert np.allclose(ours, largest, atol=1e-6)
