import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from helpers import attribution

pytestmark = [
    pytest.mark.usefixtures("started"),
    pytest.mark.filterwarnings("ignore:The structure of .inputs."),
]

FAMILY = ["grad_cam", "grad_cam_plus_plus", "layer_cam"]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(0, 0.5, (4, 16, 16, 3)).astype("float32")


def build(head, seed=0, features=6):
    """Two convolutions and a normalisation, then a head; weights drawn, biases too."""
    inputs = layers.Input((16, 16, 3))
    values = layers.Conv2D(5, 3, strides=2, activation="relu", name="early")(inputs)
    values = layers.Conv2D(features, 3, use_bias=False, name="late")(values)
    values = layers.BatchNormalization(name="norm")(values)
    values = layers.ReLU(name="last")(values)
    model = keras.Model(inputs, head(values))
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        drawn = [generator.standard_normal(w.shape) for w in layer.get_weights()]
        if isinstance(layer, layers.BatchNormalization):
            drawn[-1] = 0.5 + drawn[-1] ** 2  # a variance
        layer.set_weights(drawn)
    return model


def dense(values, **options):
    values = layers.GlobalAveragePooling2D()(values)
    return layers.Dense(4, **{"activation": "softmax", **options})(values)


def two_dense(values):
    values = layers.Dense(7)(layers.GlobalAveragePooling2D()(values))
    return layers.Dense(4)(layers.Dropout(0.5)(layers.BatchNormalization()(values)))


def one_by_one(values):
    values = layers.GlobalAveragePooling2D(keepdims=True)(values)
    values = layers.Reshape((4,))(layers.Conv2D(4, 1, name="scores")(values))
    return layers.Activation("softmax")(values)


HEADS = {
    "dense": dense,
    "dense, sigmoid": lambda values: dense(values, activation="sigmoid"),
    "dense, operation": lambda values: ops.softmax(dense(values, activation=None)),
    "dense, layer": lambda values: layers.Softmax()(dense(values, activation=None)),
    "two dense": two_dense,
    "keepdims, 1x1": one_by_one,
    "keepdims, flat": lambda values: layers.Dense(4)(
        layers.Flatten()(layers.GlobalAveragePooling2D(keepdims=True)(values))
    ),
    "no dense": lambda values: layers.Softmax()(
        layers.GlobalAveragePooling2D()(values)
    ),
}


@pytest.fixture(scope="module")
def models():
    return {
        name: build(head, features=4 if name == "no dense" else 6)
        for name, head in HEADS.items()
    }


@pytest.fixture(scope="module")
def model(models):
    return models["dense"]


def assert_close(ours, wanted, relative=1e-6):
    assert np.abs(wanted).max() > 0
    assert np.abs(ours - wanted).max() <= relative * np.abs(wanted).max()


# CAM


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("class_index", [1, [3, 0, 2, 2]])
def test_cam_after_relu_over_places_is_grad_cam(models, images, head, class_index):
    cam = attribution.cam(models[head], images, class_index, enlarge=False)
    grad_cam = attribution.grad_cam(models[head], images, class_index, enlarge=False)
    assert cam.shape == (4, 5, 5)
    assert cam.min() < 0 or head == "no dense"  # there: the maps themselves
    assert_close(np.maximum(cam, 0) / 25, grad_cam)


@pytest.mark.parametrize("head", HEADS)
def test_the_mean_of_cam_plus_the_bias_is_the_logit(models, images, head):
    model = models[head]
    means = attribution.cam(model, images, 2, enlarge=False).mean(axis=(1, 2))
    logits = attribution.read_scores(model, images, 2)
    biases = logits - means
    assert np.ptp(biases) <= 1e-4
    if head.startswith("dense"):
        assert np.allclose(biases, model.get_weights()[-1][2], atol=1e-4)


def test_cam_is_exact_beside_a_large_bias(model, images):
    """The difference of two answers would lose five of seven digits."""
    *weights, kernel, bias = model.get_weights()
    small = keras.models.clone_model(model)
    small.set_weights([*weights, 1e-3 * kernel, bias + 1000])
    assert_close(
        attribution.cam(small, images, 1), 1e-3 * attribution.cam(model, images, 1)
    )


def test_cam_by_hand(model, images):
    features = keras.Model(model.inputs, model.get_layer("last").output)(images)
    *_, kernel, _ = model.get_weights()
    wanted = features.numpy() @ kernel[:, 3]
    assert_close(attribution.cam(model, images, 3, enlarge=False), wanted, 1e-5)


def layer_normalised(values):
    values = layers.LayerNormalization()(layers.GlobalAveragePooling2D()(values))
    return layers.Dense(4)(values)


def gated(values):
    values = layers.GlobalAveragePooling2D()(values)
    gate = layers.Dense(6, activation="sigmoid")(values)
    return layers.Dense(4)(layers.Multiply()([values, gate]))


def with_another_branch(values):
    most = layers.GlobalMaxPooling2D()(values)
    mean = layers.GlobalAveragePooling2D()(values)
    return layers.Dense(4)(layers.Concatenate()([mean, most]))


def squeezed_on_the_way(values):
    """A gate of squeeze-and-excitation has a mean over the map, but it is not last."""
    gate = layers.GlobalAveragePooling2D(keepdims=True)(values)
    gate = layers.Conv2D(6, 1, activation="sigmoid")(gate)
    return layers.Dense(4)(layers.Flatten()(layers.Multiply()([values, gate])))


@pytest.mark.parametrize(
    "head",
    [
        lambda values: layers.Dense(4)(layers.Flatten()(values)),
        lambda values: layers.Dense(4)(layers.GlobalMaxPooling2D()(values)),
        lambda values: layers.Dense(4)(layers.Dense(9, "relu")(dense(values))),
        lambda values: layers.Dense(4)(dense(values)),
        lambda values: ops.tanh(dense(values, activation=None)),
        layer_normalised,
        gated,
        with_another_branch,
        squeezed_on_the_way,
    ],
)
def test_cam_without_a_linear_head_gets_one_sentence(images, head):
    model = build(head)
    with pytest.raises(ValueError, match=r"CAM needs.*use grad_cam") as caught:
        attribution.cam(model, images, 0)
    assert "\n" not in str(caught.value)
    assert attribution.grad_cam(model, images, 0).shape == (4, 16, 16)


# The gradient family, against the papers' equations in NumPy


@pytest.fixture(scope="module")
def deep_model():
    """Gradients that differ from place to place: a head that is not linear."""
    model = build(
        lambda values: layers.Dense(4, activation="softmax")(
            layers.Dense(8, activation="tanh")(layers.Flatten()(values))
        ),
        seed=1,
    )
    *weights, hidden, hidden_bias, kernel, bias = model.get_weights()
    model.set_weights([*weights, 0.05 * hidden, hidden_bias, kernel, bias])
    return model


def read_features_and_gradients(model, images, class_index, layer):
    """Another way: two models, cut at the layer, and a gradient tape."""
    start = keras.Model(model.inputs, model.get_layer(layer).output)
    inputs = values = layers.Input(start.output_shape[1:])
    place = model.layers.index(model.get_layer(layer))
    for part in model.layers[place + 1 : -1]:
        values = part(values)
    end = keras.Model(inputs, values)
    kernel, bias = model.layers[-1].get_weights()
    features = start(images)
    with tf.GradientTape() as tape:
        tape.watch(features)
        score = (end(features) @ kernel + bias)[:, class_index]
    return features.numpy(), tape.gradient(score, features).numpy()


def grad_cam_by_hand(features, gradients):
    return np.einsum("nhwc,nc->nhw", features, gradients.mean(axis=(1, 2)))


def grad_cam_plus_plus_by_hand(features, gradients):
    """Equation 19, as it stands, without the factor exp(score)."""
    features, gradients = features.astype("float64"), gradients.astype("float64")
    heatmaps = np.zeros(features.shape[:3])
    for image, channel in np.ndindex(features.shape[0], features.shape[3]):
        a, g = features[image, ..., channel], gradients[image, ..., channel]
        with np.errstate(invalid="ignore"):
            alpha = np.nan_to_num(g**2 / (2 * g**2 + a.sum() * g**3))
        heatmaps[image] += (alpha * np.maximum(g, 0)).sum() * a
    return heatmaps


def layer_cam_by_hand(features, gradients):
    return (features * np.maximum(gradients, 0)).sum(axis=-1)


@pytest.mark.parametrize("layer", ["early", "late", "last"])
@pytest.mark.parametrize("name", FAMILY)
def test_the_family_equals_the_papers(deep_model, images, name, layer):
    features, gradients = read_features_and_gradients(deep_model, images, 2, layer)
    by_hand = {
        "grad_cam": grad_cam_by_hand,
        "grad_cam_plus_plus": grad_cam_plus_plus_by_hand,
        "layer_cam": layer_cam_by_hand,
    }[name]
    wanted = np.maximum(by_hand(features, gradients), 0)
    ours = attribution.METHODS[name](deep_model, images, 2, layer=layer, enlarge=False)
    assert_close(ours, wanted, 1e-5)
    if layer == "last":
        found = attribution.METHODS[name](deep_model, images, 2, enlarge=False)
        assert np.array_equal(found, ours)


def test_guided_grad_cam_is_the_product(deep_model, images):
    ours = attribution.guided_grad_cam(deep_model, images, 2)
    guided = attribution.guided_backprop(deep_model, images, 2)
    grad_cam = attribution.grad_cam(deep_model, images, 2)
    assert_close(ours, guided * grad_cam)
    early = attribution.grad_cam(deep_model, images, 2, layer="early")
    ours = attribution.guided_grad_cam(deep_model, images, 2, layer="early")
    assert_close(ours, guided * early)


def test_the_family_works_in_a_nested_model(model, images):
    inputs = layers.Input((16, 16, 3))
    nested = keras.Model(inputs, model(inputs))
    for name in ["cam", *FAMILY]:
        method = attribution.METHODS[name]
        assert_close(method(nested, images, 1), method(model, images, 1))


# Three old mistakes


@pytest.mark.parametrize("name", ["cam", *FAMILY, "guided_grad_cam"])
def test_no_map_starts_from_ones(model, name):
    """Features that are all zero give zeros."""
    off = keras.models.clone_model(model)
    off.set_weights(model.get_weights())
    gamma, beta, *moving = off.get_layer("norm").get_weights()
    off.get_layer("norm").set_weights([0 * gamma, 0 * beta, *moving])
    heatmaps = attribution.METHODS[name](off, np.ones((2, 16, 16, 3)), 1)
    assert np.array_equal(heatmaps, np.zeros((2, 16, 16)))


@pytest.mark.parametrize("name", [*FAMILY, "guided_grad_cam"])
def test_a_map_that_is_negative_everywhere_becomes_zeros(model, images, name):
    against = keras.models.clone_model(model)
    *weights, kernel, bias = model.get_weights()
    against.set_weights([*weights, -np.abs(kernel), bias])
    assert attribution.cam(against, images, 1).max() <= 0
    heatmaps = attribution.METHODS[name](against, images, 1)
    assert np.array_equal(heatmaps, np.zeros((4, 16, 16)))


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("factor", [1e4, 1e-15])
def test_large_and_small_logits_change_nothing_but_the_scale(
    model, images, name, factor
):
    scaled = keras.models.clone_model(model)
    *weights, kernel, bias = model.get_weights()
    scaled.set_weights([*weights, factor * kernel, bias])
    method = attribution.METHODS[name]
    heatmaps = method(scaled, images, 1)
    assert np.isfinite(heatmaps).all()
    if name == "grad_cam_plus_plus":  # its alpha depends on the scale
        assert heatmaps.max() > 0
    else:
        assert_close(heatmaps / factor, method(model, images, 1), 1e-5)


# Sizes


def enlarge_by_hand(heatmap, height, width):
    """Bilinear, pixel centres at (i + 1/2) / length, the border repeated."""

    def place(length, wanted):
        at = ((np.arange(wanted) + 0.5) * length / wanted - 0.5).clip(0, length - 1)
        low = np.floor(at).astype(int)
        return low, np.minimum(low + 1, length - 1), at - low

    top, bottom, down = place(heatmap.shape[0], height)
    left, right, across = place(heatmap.shape[1], width)
    upper = heatmap[top][:, left] * (1 - across) + heatmap[top][:, right] * across
    lower = heatmap[bottom][:, left] * (1 - across) + heatmap[bottom][:, right] * across
    return upper * (1 - down)[:, None] + lower * down[:, None]


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (4, 3)])
def test_maps_are_enlarged_between_pixel_centres(size):
    maps = np.random.default_rng(3).random((2, 4, 3))
    ours = attribution.enlarge_maps(maps, *size)
    assert ours.dtype == "float32"
    for heatmap, enlarged in zip(maps, ours, strict=True):
        assert np.allclose(enlarged, enlarge_by_hand(heatmap, *size), atol=1e-6)


@pytest.mark.parametrize("name", ["cam", *FAMILY])
def test_maps_come_at_the_images_size_if_not_asked_otherwise(model, images, name):
    method = attribution.METHODS[name]
    small = method(model, images, 1, enlarge=False)
    enlarged = attribution.enlarge_maps(small, 16, 16)
    assert np.array_equal(method(model, images, 1), enlarged)


@pytest.mark.parametrize("name", [*FAMILY, "guided_grad_cam"])
def test_a_layer_that_is_none_gets_one_sentence(model, images, name):
    with pytest.raises(ValueError, match="convolutions are early, late") as caught:
        attribution.METHODS[name](model, images, 1, layer="latest")
    assert "\n" not in str(caught.value)
