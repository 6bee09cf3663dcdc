"""Relevance against plain NumPy sums, identities and known truth."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from helpers.attribution.gradients import gradient_times_input
from helpers.attribution.relevance import RULES, follow_relevance, lrp
from helpers.attribution.scores import read_scores

pytestmark = pytest.mark.usefixtures("started")

SHAPE = (6, 6, 2)


def build(*parts, shape=SHAPE):
    """Return a model of layers in a row, with random weights in all of them."""
    return randomise(keras.Sequential([layers.Input(shape), *parts]))


def randomise(model, spread=0.5):
    """Give every weight, bias and statistic of a model a random value."""
    generator = np.random.default_rng(0)
    for variable in model.weights:
        values = generator.normal(0, spread, variable.shape)
        variable.assign(abs(values) + 0.5 if "variance" in variable.path else values)
    return model


def take_bias_away(model):
    """Set to 0 what a layer adds whatever it sees."""
    for variable in model.weights:
        if variable.path.endswith(("bias", "beta", "moving_mean")):
            variable.assign(tf.zeros_like(variable))
    return model


def draw(count=3, shape=SHAPE, low=0.0):
    """Return random images with values from `low` to 1."""
    images = np.random.default_rng(1).uniform(low, 1, (count, *shape))
    return images.astype("float32")


def read_matrix(layer, shape, norm):
    """Read the matrix and the bias of a linear layer off its answers."""
    size = np.prod(shape)
    probes = np.concatenate([np.zeros((1, size)), np.eye(size)]).reshape(-1, *shape)
    answers = np.asarray(norm(layer(probes.astype("float32"))), "float64")
    answers = answers.reshape(size + 1, -1)
    return answers[1:] - answers[0], answers[0]


def relu(values):
    return np.maximum(values, 0)


def explain_in_numpy(stages, image, class_index, rules, epsilon, activate=relu):
    """LRP of one image, as the equations stand: one output after the other.

    `stages` are matrices and biases, with an activation between them. Returns the
    relevance of every pixel and channel, and what was left after each stage.
    """
    values = [image.reshape(-1).astype("float64")]
    for matrix, bias in stages:
        outputs = values[-1] @ matrix + bias
        values.append(np.asarray(activate(outputs)))
    relevance = np.where(np.arange(len(outputs)) == class_index, outputs, 0)
    left = []
    for (matrix, bias), inputs, rule in reversed(
        list(zip(stages, values[:-1], rules, strict=True))
    ):
        shares = np.zeros(len(inputs))
        for output, handed in enumerate(relevance):
            added, own = inputs * matrix[:, output], bias[output]
            if rule == "z+":
                added, own = np.maximum(added, 0), max(own, 0)
            total = added.sum() + own
            small = 1e-6 if rule == "z+" else epsilon
            shares += added / (total + (small if total >= 0 else -small)) * handed
        relevance = shares
        left.append(relevance.sum())
    return relevance.reshape(image.shape), left


def assert_close(ours, wanted, tolerance=1e-4):
    wanted = np.asarray(wanted)
    assert np.shape(ours) == wanted.shape
    assert abs(wanted).max() > 1e-3
    assert abs(ours - wanted).max() <= tolerance * abs(wanted).max()


@pytest.mark.parametrize(
    ("rule", "activation"),
    [("epsilon", "relu"), ("z+", "leaky_relu"), ("composite", "silu")],
)
def test_two_dense_layers_equal_a_plain_loop(rule, activation):
    hidden, scores = layers.Dense(7, activation), layers.Dense(3, "softmax")
    model = build(layers.Flatten(), hidden, scores)
    images, class_indices = draw(low=-1), [0, 2, 2]
    options = {"rule": rule, "epsilon": 0.05}
    heatmaps = lrp(model, images, class_indices, **options)
    names, left = follow_relevance(model, images, class_indices, **options)
    assert names == [scores.name, hidden.name, model.layers[0].name]
    assert heatmaps.dtype == left.dtype == "float32"
    stages = [layer.get_weights() for layer in (hidden, scores)]
    dense_rule = "z+" if rule == "z+" else "epsilon"
    for image, class_index, heatmap, sums in zip(
        images, class_indices, heatmaps, left, strict=True
    ):
        wanted, wanted_left = explain_in_numpy(
            stages, image, class_index, [dense_rule] * 2, 0.05, hidden.activation
        )
        assert_close(heatmap, wanted.sum(-1))
        assert_close(sums, [*wanted_left, wanted_left[-1]])


WEIGHTED = {
    "convolution": (layers.Conv2D, {"filters": 3, "padding": "same"}),
    "strides": (layers.Conv2D, {"filters": 3, "strides": 2}),
    "dilation": (layers.Conv2D, {"filters": 3, "dilation_rate": 2}),
    "groups": (layers.Conv2D, {"filters": 4, "groups": 2}),
    "depthwise": (layers.DepthwiseConv2D, {"depth_multiplier": 2}),
    "transposed": (
        layers.Conv2DTranspose,
        {"filters": 3, "strides": 2, "output_padding": 1},
    ),
}


@pytest.mark.parametrize("rule", ["composite", "epsilon"])
@pytest.mark.parametrize("kind", WEIGHTED)
def test_every_convolution_equals_its_matrix(kind, rule):
    """With a normalisation behind it: the matrix is that of both layers together."""
    make, options = WEIGHTED[kind]
    first, scores = make(kernel_size=3, **options), layers.Dense(3)
    norm = layers.BatchNormalization()
    model = build(first, norm, layers.ReLU(), layers.Flatten(), scores)
    stages = [read_matrix(first, SHAPE, norm), scores.get_weights()]
    rules = ["epsilon" if rule == "epsilon" else "z+", "epsilon"]
    images = draw(2, low=-1)
    heatmaps = lrp(model, images, 1, rule=rule, epsilon=0.05)
    for image, heatmap in zip(images, heatmaps, strict=True):
        wanted, _ = explain_in_numpy(stages, image, 1, rules, 0.05)
        assert_close(heatmap, wanted.sum(-1))


def test_the_convolution_of_a_single_place_counts_as_dense():
    images = draw()
    small = layers.Conv2D(3, 6)
    model = build(small, layers.Flatten())
    as_epsilon = lrp(model, images, 0, rule="epsilon", epsilon=0.05)
    assert np.array_equal(lrp(model, images, 0, epsilon=0.05), as_epsilon)


@pytest.mark.parametrize("rule", ["composite", "epsilon"])
def test_a_separable_convolution_is_two_convolutions(rule):
    after = [layers.ReLU(), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    options = {"strides": 2, "padding": "same", "depth_multiplier": 2}
    norm = layers.BatchNormalization
    together = build(layers.SeparableConv2D(4, 3, **options), norm(), *after)
    apart = build(
        layers.DepthwiseConv2D(3, use_bias=False, **options),
        layers.Conv2D(4, 1),
        norm(),
        *after,
    )
    apart.set_weights(together.get_weights())
    images = draw(low=-1)
    ours, wanted = (lrp(model, images, 0, rule=rule) for model in (together, apart))
    assert_close(ours, wanted, 1e-5)


def build_from_all_kinds(signed=True):
    """Return a ReLU network with every kind of layer that has a rule.

    Unless `signed`, every convolution goes through a ReLU before it is weighed again.
    """
    bend = (lambda values: values) if signed else layers.ReLU()
    convolve = layers.SeparableConv2D if signed else layers.Conv2D
    inputs = layers.Input((12, 12, 3))
    values = layers.RandomFlip()(inputs)
    values = layers.Conv2D(6, 3, activation="relu")(values)
    values = layers.BatchNormalization()(values)  # not merged: behind a ReLU
    values = layers.ZeroPadding2D()(values)
    values = skipped = bend(layers.DepthwiseConv2D(3, padding="same")(values))
    values = layers.BatchNormalization()(values)  # not merged: `skipped` is used twice
    values = layers.ReLU()(values)
    values = convolve(6, 3, padding="same", use_bias=False)(values)
    values = bend(layers.BatchNormalization(scale=False)(values))
    values = layers.LeakyReLU()(layers.Add()([values, skipped]))
    values = layers.Dropout(0.5)(values)
    smaller = [layers.MaxPooling2D()(values), layers.AveragePooling2D(2)(values)]
    values = layers.Concatenate()(
        [
            layers.UpSampling2D()(smaller[0]),
            layers.UpSampling2D(interpolation="bilinear")(smaller[1]),
            layers.Maximum()([values, values[:, ::-1]]),
        ]
    )
    values = layers.Conv2DTranspose(5, 3, strides=2)(values)
    values = layers.BatchNormalization(center=False)(values)
    values = layers.Activation("relu")(layers.Cropping2D(2)(values))
    values = layers.Average()([values, layers.Permute((2, 1, 3))(values)])
    values = layers.GlobalAveragePooling2D()(layers.Resizing(8, 8)(values))
    values = layers.Dense(8)(layers.Reshape((5,))(values))
    values = layers.ReLU()(layers.BatchNormalization()(values))
    values = layers.Dense(4)(layers.Flatten()(values))
    return randomise(keras.Model(inputs, layers.Softmax()(values)))


def test_a_tiny_epsilon_gives_gradient_times_input_of_a_relu_network():
    model, images = build_from_all_kinds(), draw(3, (12, 12, 3))
    ours = lrp(model, images, [0, 1, 3], rule="epsilon", epsilon=1e-7)
    assert_close(ours, gradient_times_input(model, images, [0, 1, 3]), 1e-3)


@pytest.mark.parametrize("rule", ["composite", "epsilon"])
def test_every_layer_conserves_relevance_where_there_is_no_bias(rule):
    model = take_bias_away(build_from_all_kinds(signed=rule == "epsilon"))
    images, class_indices = 100 * draw(3, (12, 12, 3)), [0, 1, 3]
    logits = read_scores(model, images, class_indices)
    assert abs(logits).min() > 0.1
    names, left = follow_relevance(model, images, class_indices, rule=rule)
    assert left.shape == (3, len(names))
    assert np.allclose(left, logits[:, None], rtol=1e-4)


def test_a_bias_keeps_its_share():
    """1 + 2 from the pixels and 1 from the bias: it keeps a quarter of the 4."""
    model = build(layers.Flatten(), layers.Dense(2), shape=(1, 2, 1))
    model.set_weights([np.array([[1.0, 5.0], [2.0, 5.0]]), np.array([1.0, 0.0])])
    images = np.ones((1, 1, 2, 1))
    assert np.allclose(lrp(model, images, 0), [[[1, 2]]], atol=1e-5)
    assert np.allclose(lrp(model, images, 1), [[[5, 5]]], atol=1e-5)
    assert np.allclose(lrp(model, images, 0, epsilon=4), [[[0.5, 1]]], atol=1e-5)


def test_a_negative_bias_takes_nothing_by_z_plus():
    model = build(layers.Flatten(), layers.Dense(1), shape=(1, 3, 1))
    model.set_weights([np.array([[1.0], [3.0], [-2.0]]), np.array([-1.0])])
    images = np.ones((1, 1, 3, 1))
    assert np.allclose(lrp(model, images, 0, rule="z+"), [[[0.25, 0.75, 0]]], atol=1e-5)
    assert np.allclose(lrp(model, images, 0), [[[1, 3, -2]]], atol=1e-4)


def test_z_plus_gives_a_positive_score_no_negative_place():
    relu = layers.ReLU
    model = build(layers.Conv2D(4, 3), relu(), layers.Flatten(), layers.Dense(3))
    images = draw(20, low=-1)
    classes = np.arange(20) % 3
    signs = np.sign(read_scores(model, images, classes))[:, None, None]
    assert {-1, 1} == set(signs.ravel())
    heatmaps = lrp(model, images, classes, rule="z+")
    assert (signs * heatmaps).min() >= 0 < abs(heatmaps).max()
    assert (signs * lrp(model, images, classes, rule="epsilon")).min() < 0


def mix_halves(merge):
    """Return a model that merges the left and the right half of a picture."""
    inputs = layers.Input((2, 4, 1))
    halves = [layers.Cropping2D((0, side))(inputs) for side in ((0, 2), (2, 0))]
    scores = layers.Dense(1)(layers.Flatten()(merge(halves)))
    model = keras.Model(inputs, scores)
    model.set_weights([np.array([[1.0], [2.0], [3.0], [4.0]]), np.zeros(1)])
    return model


@pytest.mark.parametrize("rule", RULES)
def test_an_addition_shares_in_proportion_to_the_summands(rule):
    images = draw(2, (2, 4, 1))
    heatmaps = lrp(mix_halves(layers.Add()), images, 0, rule=rule)
    wanted = images[..., 0] * np.array([[1, 2, 1, 2], [3, 4, 3, 4]])
    assert np.allclose(heatmaps, wanted, atol=1e-4)


@pytest.mark.parametrize("merge", [layers.Maximum(), layers.MaxPooling2D(2)])
def test_the_maximum_gets_everything(merge):
    images = draw(2, (2, 4, 1))
    if isinstance(merge, layers.Maximum):
        model, rivals = mix_halves(merge), images.reshape(2, 2, 2, 2).swapaxes(2, 3)
        wins = (rivals == rivals.max(-1, keepdims=True)).swapaxes(2, 3).reshape(2, 2, 4)
        weights = np.array([[1, 2, 1, 2], [3, 4, 3, 4]])
    else:
        model = build(merge, layers.Flatten(), layers.Dense(1), shape=(2, 4, 1))
        model.set_weights([np.array([[1.0], [2.0]]), np.zeros(1)])
        blocks = images.reshape(2, 2, 2, 2)
        wins = (blocks == blocks.max((1, 3), keepdims=True)).reshape(2, 2, 4)
        weights = np.array([1, 1, 2, 2])
    heatmaps = lrp(model, images, 0)
    assert wins.sum() == wins.size / (2 if isinstance(merge, layers.Maximum) else 4)
    assert np.allclose(heatmaps, wins * weights * images[..., 0], atol=1e-4)


def test_the_asked_class_gets_the_evidence_for_it():
    """Class 0 reads the upper half only, class 1 the lower."""
    model = build(layers.Flatten(), layers.Dense(2, "softmax"), shape=(4, 4, 1))
    kernel = np.zeros((16, 2))
    kernel[:8, 0] = kernel[8:, 1] = 1
    model.set_weights([kernel, np.zeros(2)])
    upper, lower = lrp(model, np.ones((2, 4, 4, 1)), [0, 1])
    assert np.allclose(upper, np.repeat([1, 0], 8).reshape(4, 4), atol=1e-5)
    assert np.allclose(lower, np.repeat([0, 1], 8).reshape(4, 4), atol=1e-5)


def test_a_batch_equals_its_images_one_by_one():
    model = build(
        layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3)
    )
    images, class_indices = draw(5), np.array([0, 1, 2, 1, 0])
    together = lrp(model, images, class_indices)
    one_by_one = [lrp(model, images[[n]], class_indices[n])[0] for n in range(5)]
    assert np.allclose(together, one_by_one, atol=1e-6)
    assert np.allclose(
        together, lrp(model, images, class_indices, batch_size=2), atol=1e-6
    )


def test_the_model_is_left_as_it_was_and_new_weights_are_read():
    convolution = layers.Conv2D(4, 3, activation="relu")
    norm, scores = layers.BatchNormalization(), layers.Dense(3, "softmax")
    model = build(layers.Conv2D(3, 3), norm, convolution, layers.Flatten(), scores)
    images = draw()
    answers, weights = model(images).numpy(), model.get_weights()
    first = lrp(model, images, 0)
    assert np.array_equal(model(images), answers)
    for before, after in zip(weights, model.get_weights(), strict=True):
        assert np.array_equal(before, after)
    assert convolution.activation is keras.activations.relu
    assert scores.activation is keras.activations.softmax
    model.set_weights([2 * weight for weight in weights])
    fresh = keras.models.clone_model(model)
    fresh.set_weights(model.get_weights())
    assert_close(lrp(model, images, 0), lrp(fresh, images, 0), 1e-6)
    assert not np.allclose(lrp(model, images, 0), first, rtol=0.1)


def test_models_inside_models_shared_layers_and_several_outputs():
    shared = layers.Conv2D(2, 3, padding="same", activation="relu")
    inner = keras.Sequential(
        [layers.Input(SHAPE), shared, shared, layers.GlobalAveragePooling2D()]
    )
    inputs = layers.Input(SHAPE)
    features = inner(inputs)
    two, three = layers.Dense(2)(features), layers.Dense(3, "softmax")(features)
    model = randomise(keras.Model(inputs, [two, three]))
    flat = build(
        *[layers.Conv2D(2, 3, padding="same", activation="relu") for _ in range(2)],
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    )
    flat.set_weights([*shared.get_weights() * 2, *model.layers[-1].get_weights()])
    images = draw()
    assert_close(lrp(model, images, 2, output=1), lrp(flat, images, 2), 1e-6)
    assert not np.allclose(lrp(model, images, 1, output=0), lrp(flat, images, 1))


def test_a_model_that_rescales_its_pixels_explains_the_rescaled_ones():
    parts = [layers.Conv2D(4, 3), layers.ReLU(), layers.Flatten(), layers.Dense(3)]
    plain, rescaling = build(*parts), build(layers.Rescaling(2.0, -1.0), *parts)
    inputs = layers.Input(SHAPE)
    values = inputs / 0.5 - 1.0
    for part in parts:
        values = part(values)
    images = draw()
    wanted = lrp(plain, 2 * images - 1, 0)
    assert_close(lrp(rescaling, images, 0), wanted, 1e-5)
    by_operations = keras.Model(inputs, values)
    assert_close(lrp(by_operations, images, 0), wanted, 1e-5)


def test_half_precision_gives_nearly_the_same():
    def parts():
        pool = layers.GlobalAveragePooling2D()
        return [layers.Conv2D(4, 3), layers.ReLU(), pool, layers.Dense(3)]

    single = build(*parts())
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = build(*parts())
    finally:
        keras.config.set_dtype_policy("float32")
    assert half.layers[0].compute_dtype == "float16"
    ours = lrp(half, draw(), 0)
    assert ours.dtype == "float32"
    assert_close(ours, lrp(single, draw(), 0), 0.01)


class Dense(layers.Dense):
    """A layer of one's own that is not what its name says."""

    def call(self, inputs):
        return 2 * super().call(inputs)


@pytest.mark.parametrize(
    ("refused", "named"),
    [
        (lambda x: layers.Multiply(name="gate")([x, x]), r"'gate' \(Multiply\)"),
        (lambda x: x * x, "Multiply"),
        (lambda x: 1.0 / x, "Divide"),
        (lambda x: layers.LayerNormalization()(x), "LayerNormalization"),
        (lambda x: layers.Softmax()(x), "Softmax"),
        (lambda x: layers.Conv2D(2, 1, activation="sigmoid")(x), "activation sigmoid"),
        (lambda x: layers.Activation("softplus")(x), "activation softplus"),
        (lambda x: layers.Lambda(lambda y: y + 1)(x), "Lambda"),
        (lambda x: layers.MultiHeadAttention(1, 2)(x, x), "MultiHeadAttention"),
        (lambda x: Dense(2, name="own")(x), r"'own' \(Dense"),
        (lambda x: layers.TimeDistributed(layers.Dense(2))(x), "TimeDistributed"),
    ],
)
def test_what_has_no_rule_is_refused_in_one_sentence(refused, named):
    inputs = layers.Input(SHAPE)
    scores = layers.Dense(2)(layers.Flatten()(refused(inputs)))
    with pytest.raises(ValueError, match=named) as caught:
        lrp(keras.Model(inputs, scores), draw(), 0)
    assert str(caught.value).endswith(
        "use integrated_gradients, which takes any model."
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "gamma"}, "'composite', 'epsilon', 'z\\+', got 'gamma'"),
        ({"epsilon": 0}, "epsilon must be above 0, got 0"),
        ({"epsilon": float("nan")}, "epsilon must be above 0, got nan"),
    ],
)
def test_bad_options_get_one_sentence(small_model, small_images, options, message):
    with pytest.raises(ValueError, match=message):
        lrp(small_model, small_images, 0, **options)


@pytest.mark.slow
def test_mobilenet_conserves_relevance_where_there_is_no_bias():
    base = keras.applications.MobileNetV2((96, 96, 3), 0.35, weights=None, classes=10)
    rescaling = layers.Rescaling(2, -1)
    model = keras.Sequential([layers.Input((96, 96, 3)), rescaling, base])
    generator = np.random.default_rng(0)
    for variable in base.weights:
        if variable.path.endswith("kernel"):
            weighed = (
                9 if "depthwise" in variable.path else np.prod(variable.shape[:-1])
            )
            spread = np.sqrt(2 / weighed)  # or values fade on their way
            variable.assign(generator.normal(0, spread, variable.shape))
    images = draw(2, (96, 96, 3))
    logits = read_scores(model, images, 3)
    names, left = follow_relevance(model, images, 3, rule="epsilon")
    assert names[-2:] == [f"{base.name}/bn_Conv1", rescaling.name]
    assert np.allclose(left, logits[:, None], rtol=1e-3)
    # By z+, outputs below zero that nothing raised keep a little.
    _, left = follow_relevance(model, images, 3, rule="composite")
    shares = left / logits[:, None]
    assert shares.min() > 0.9
    assert shares.max() < 1.001
