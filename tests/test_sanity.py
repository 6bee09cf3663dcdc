"""Sanity tests against known truth: they must pass what looks, and catch what does not.

The pictures and networks are small and the networks random: what is tested are the
tests, not the methods.
"""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import stats

from helpers import attribution
from helpers.attribution import gradients, integrated_gradients, lrp, occlusion, rise
from helpers.attribution.scores import read_scores
from helpers.grading import sanity

pytestmark = pytest.mark.usefixtures("started")

SHAPE = (12, 12, 3)


@pytest.fixture(scope="module")
def model():
    """Trained, as far as a test must know: no two numbers are alike, and none is 0."""
    inputs = keras.Input(SHAPE)
    maps = layers.Rescaling(2.0, -1.0, name="scale")(inputs)
    for block in (1, 2):
        name = f"block{block}"
        maps = layers.Conv2D(6, 3, padding="same", name=f"{name}_conv")(maps)
        maps = layers.BatchNormalization(name=f"{name}_norm")(maps)
        maps = layers.ReLU(name=f"{name}_relu")(maps)
    means = layers.GlobalAveragePooling2D(name="mean")(maps)
    outputs = layers.Dense(4, activation="softmax", name="classes")(means)
    return fill(keras.Model(inputs, outputs))


def fill(model):
    generator = np.random.default_rng(0)
    for variable in model.weights:
        values = generator.normal(0.1, 0.4, variable.shape)
        variable.assign(abs(values) + 0.5 if "variance" in variable.path else values)
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((3, *SHAPE)).astype("float32")


CLASSES = np.array([0, 1, 3])


def differentiate(model, images, class_index):
    """The gradient of the answer: a plain method, without the toolbox."""
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        asked = tf.one_hot(np.broadcast_to(class_index, len(images)), 4)
        answers = tf.reduce_sum(tf.math.log(model(images)) * asked)
    return tf.reduce_sum(tape.gradient(answers, images), axis=-1).numpy()


def draw_edges(model, images, class_index):
    """No saliency map: the picture's own edges."""
    return np.abs(np.diff(images.mean(axis=-1), axis=2, append=0))


def ignore_class(model, images, class_index):
    """Explain class 0, whatever is asked."""
    return differentiate(model, images, 0)


def stay_blank(model, images, class_index):
    return np.zeros(images.shape[:3], "float32")


def test_each_stage_forgets_one_layer_more_and_the_model_nothing(model):
    before = model.get_weights()
    stages = list(sanity.randomize_cascade(model))
    assert [name for name, _ in stages] == ["classes", "block2_conv", "block1_conv"]
    forgotten = [
        {part.name for part in model.layers if part.weights and differs(part, changed)}
        for _, changed in stages
    ]
    assert forgotten == [
        {"classes"},
        {"classes", "block2_conv", "block2_norm"},
        {"classes", "block2_conv", "block2_norm", "block1_conv", "block1_norm"},
    ]
    for one, other in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(one, other)
    # Normalisations neither scale nor move, as in a network that has seen nothing.
    norm = stages[-1][1].get_layer("block1_norm")
    assert np.array_equal(norm.get_weights(), np.outer([1, 0, 0, 1], np.ones(6)))
    # What is forgotten once is the same from then on.
    heads = [changed.get_layer("classes").get_weights()[0] for _, changed in stages]
    assert np.array_equal(heads[0], heads[2])


def differs(layer, other):
    """Tell whether all weights of a layer differ from those of the same name."""
    pairs = list(zip(layer.weights, other.get_layer(layer.name).weights, strict=True))
    changed = [np.any(np.asarray(one) != np.asarray(two)) for one, two in pairs]
    assert all(changed) or not any(changed)
    return any(changed)


def test_random_kernels_have_the_spread_that_keeps_signals_alive():
    """By a count of the inputs that each output sums up, written out by hand."""
    parts = {
        "plain": layers.Conv2D(40, 3, padding="same", name="plain"),
        "depthwise": layers.DepthwiseConv2D(5, padding="same", name="depthwise"),
        "separable": layers.SeparableConv2D(30, 3, padding="same", name="separable"),
        "dense": layers.Dense(50, name="dense"),
    }
    sequence = [parts["plain"], layers.PReLU(name="slope"), parts["depthwise"]]
    sequence += [parts["separable"], layers.GlobalAveragePooling2D(), parts["dense"]]
    trained = fill(keras.Sequential([layers.Input((8, 8, 30)), *sequence]))
    blank = sanity.randomize(trained)
    kernels = {
        "plain": (blank.get_layer("plain").kernel, 3 * 3 * 30),
        "depthwise": (blank.get_layer("depthwise").kernel, 5 * 5),
        "across": (blank.get_layer("separable").depthwise_kernel, 3 * 3),
        "along": (blank.get_layer("separable").pointwise_kernel, 40),
        "dense": (blank.get_layer("dense").kernel, 30),
    }
    for kernel, summed_up in kernels.values():
        values = np.asarray(kernel)
        assert abs(values.std() / np.sqrt(2 / summed_up) - 1) < 0.15
        assert abs(values.mean()) < 0.15 * values.std()
    for name in parts:
        assert not np.asarray(blank.get_layer(name).bias).any()
    slopes = [np.asarray(m.get_layer("slope").alpha) for m in (trained, blank)]
    assert not np.array_equal(*slopes)
    assert np.array_equal(*(np.sort(slope, axis=None) for slope in slopes))


def test_a_deep_random_network_still_answers():
    """Eight blocks as in MobileNetV2, which fade as Keras starts them."""
    inputs = keras.Input((16, 16, 3))
    maps = layers.Conv2D(16, 3, padding="same", use_bias=False)(inputs)
    for _ in range(8):
        spread = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(maps)
        spread = layers.ReLU(6.0)(layers.BatchNormalization()(spread))
        spread = layers.Conv2D(16, 1, use_bias=False)(spread)
        maps = layers.ReLU(6.0)(layers.BatchNormalization()(spread))
    outputs = layers.Dense(5)(layers.GlobalAveragePooling2D()(maps))
    fresh = keras.Model(inputs, outputs)
    pictures = np.random.default_rng(0).random((4, 16, 16, 3)).astype("float32")
    faded = fresh(pictures).numpy().std(axis=1).mean()
    answered = sanity.randomize(fresh)(pictures).numpy().std(axis=1).mean()
    assert 1e-2 < answered < 30
    assert faded < answered / 10_000


def test_what_prepares_pixels_is_not_forgotten_and_nested_models_are():
    prepare = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])
    adapted = layers.Normalization(name="adapted")
    adapted.adapt(np.random.default_rng(0).random((9, *SHAPE)))
    inner = keras.Sequential(
        [layers.Input(SHAPE), layers.Conv2D(2, 3, name="conv")], name="inner"
    )
    inputs = keras.Input(SHAPE)
    maps = layers.Flatten()(inner(adapted(prepare(inputs))))
    wrapped = fill_but(keras.Model(inputs, layers.Dense(2, name="head")(maps)), adapted)
    names, stages = zip(*sanity.randomize_cascade(wrapped), strict=True)
    assert names == ("head", "inner/conv")
    kept = [np.asarray(m.get_layer("adapted").mean) for m in (wrapped, stages[-1])]
    assert np.array_equal(*kept)
    convolution = stages[-1].get_layer("inner").get_layer("conv")
    assert not np.array_equal(convolution.kernel, inner.get_layer("conv").kernel)


def fill_but(model, layer):
    weights = layer.get_weights()
    fill(model)
    layer.set_weights(weights)
    return model


def test_the_seed_decides(model, images):
    answers = [sanity.randomize(model, seed)(images).numpy() for seed in (0, 0, 1)]
    assert np.array_equal(answers[0], answers[1])
    assert not np.allclose(answers[0], answers[2])
    assert np.array_equal(
        list(sanity.randomize_cascade(model))[-1][1](images), answers[0]
    )


def test_the_cascade_is_spearman_of_the_maps_before_and_after(model, images):
    table = sanity.measure_cascade(differentiate, model, images, CLASSES)
    before = differentiate(model, images, CLASSES)
    for (name, changed), row in zip(
        sanity.randomize_cascade(model), table.itertuples(), strict=True
    ):
        after = differentiate(changed, images, CLASSES)
        wanted = [
            abs(stats.spearmanr(np.abs(one), np.abs(other), axis=None).statistic)
            for one, other in zip(before, after, strict=True)
        ]
        assert row[0] == name
        assert np.allclose(row[1:], wanted)
        assert max(wanted) < 0.99


def test_fewer_stages_keep_the_first_and_the_last(model, images):
    whole = sanity.measure_cascade(differentiate, model, images, CLASSES)
    short = sanity.measure_cascade(differentiate, model, images, CLASSES, stages=2)
    assert short.equals(whole.iloc[[0, -1]])
    with pytest.raises(ValueError, match="stages must be a whole number"):
        sanity.measure_cascade(differentiate, model, images, CLASSES, stages=1)


def test_an_edge_detector_is_caught_by_every_test_that_can(model, images):
    """It remains whatever the network forgets and whichever class is asked."""
    assert np.allclose(sanity.measure_cascade(draw_edges, model, images, CLASSES), 1)
    assert np.allclose(sanity.compare_classes(draw_edges, model, images, CLASSES), 1)
    honest = sanity.measure_cascade(differentiate, model, images, CLASSES)
    assert honest.loc["block1_conv"].max() < 0.9


def test_a_blank_map_does_not_pass_for_one_that_changed(model, images):
    table = sanity.measure_cascade(stay_blank, model, images, CLASSES)
    assert (table.to_numpy() == 1).all()
    assert (
        sanity.compare_classes(stay_blank, model, images, CLASSES).tolist() == [1] * 3
    )


def test_a_map_that_ignores_the_class_is_caught_by_the_class_only(model, images):
    asked = np.array([1, 2, 3])
    same = sanity.compare_classes(ignore_class, model, images, asked)
    assert same.tolist() == [1, 1, 1]
    honest = sanity.compare_classes(differentiate, model, images, asked)
    assert honest.max() < 0.99
    blank = sanity.randomize(model)
    changed = sanity.compare_with_other(ignore_class, model, blank, images, asked)
    assert changed.max() < 0.9


def test_signs_count_between_two_classes_and_nowhere_else(model, images):
    """Classes with opposite weights: opposite gradients, for two classes or four."""
    means = model.get_layer("mean").output
    weights = np.asarray(model.get_layer("classes").kernel)[:, 0]
    maps = {}
    for count in (2, 4):
        head = layers.Dense(count, activation="softmax")
        opposite = keras.Model(model.inputs[0], head(means))
        kernel = np.stack([weights, -weights] * (count // 2), axis=1)
        head.set_weights([kernel, np.zeros(count)])
        ask = partial(sanity.compare_classes, gradients.gradient_times_input, opposite)
        maps[count] = ask(images, 0, other_indices=1)
    assert np.allclose(maps[2], -1)
    assert np.allclose(maps[4], 1)
    negative = sanity.randomize(opposite)
    negative.set_weights([*opposite.get_weights()[:-2], -kernel, np.zeros(4)])
    method = gradients.gradient_times_input
    between = sanity.compare_with_other(method, opposite, negative, images, 0)
    assert np.allclose(between, 1)


def test_rivals_are_the_next_best_classes(model, images):
    scores = np.stack([read_scores(model, images, place) for place in range(4)], axis=1)
    best, second = np.argsort(-scores, axis=1)[:, :2].T
    assert np.array_equal(sanity.find_rivals(model, images, best), second)
    assert np.array_equal(sanity.find_rivals(model, images, second), best)
    single = keras.Sequential(
        [layers.Input(SHAPE), layers.Flatten(), layers.Dense(1, "sigmoid")]
    )
    with pytest.raises(ValueError, match="2 classes or more"):
        sanity.find_rivals(single, images, 0)


def test_the_moved_model_answers_the_same(model, images):
    amount = -1.0
    moved_model, moved = sanity.shift_inputs(model, images, amount)
    assert moved.dtype == "float32"
    assert np.allclose(moved - images, amount, atol=1e-6)
    assert np.allclose(moved_model(moved), model(images), atol=1e-5)
    # The first layer's bias, corrected as in the paper, is another way to write it.
    plain = keras.Sequential(
        [layers.Input(SHAPE), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)]
    )
    kernel, bias, *head = fill(plain).get_weights()
    corrected = keras.models.clone_model(plain)
    corrected.set_weights([kernel, bias - amount * kernel.sum((0, 1, 2)), *head])
    assert np.allclose(corrected(moved), plain(images), atol=1e-4)
    method = gradients.gradient_times_input
    theirs = method(corrected, moved, 0)
    ours = method(*sanity.shift_inputs(plain, images, amount), 0)
    assert np.allclose(ours, theirs, atol=1e-4)


STAYS = {
    "saliency": gradients.saliency,
    "grad_cam": attribution.grad_cam,
    "own baseline": partial(integrated_gradients, baseline="blurred", steps=10),
    "own colour": partial(occlusion, fill="mean"),
    "lrp": lrp,
}
MOVES = {
    "product": gradients.gradient_times_input,
    "black baseline": partial(integrated_gradients, steps=10),
    "black square": occlusion,
    "dimming": partial(rise, samples=50),
}


@pytest.mark.parametrize("name", STAYS)
def test_maps_without_a_fixed_nothing_stay(model, images, name):
    stays = sanity.measure_input_invariance(STAYS[name], model, images, CLASSES)
    assert stays.min() > 0.98


@pytest.mark.parametrize("name", MOVES)
def test_maps_that_take_0_for_nothing_move(model, images, name):
    moves = sanity.measure_input_invariance(MOVES[name], model, images, CLASSES)
    assert moves.max() < 0.98


def test_known_maps_are_used_and_not_asked_for_again(model, images):
    asked = []

    def method(model, images, class_index):
        asked.append(model)
        return differentiate(model, images, class_index)

    known = differentiate(model, images, CLASSES)
    first = sanity.measure_input_invariance(
        method, model, images, CLASSES, heatmaps=known
    )
    assert model not in asked
    assert len(asked) == 1
    again = sanity.measure_input_invariance(method, model, images, CLASSES)
    assert np.array_equal(first, again)


class NoConfig(layers.Layer):
    """A layer that Keras cannot make again."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, values):
        return values * self.factor


def test_bad_input_gets_one_sentence(model, images):
    with pytest.raises(ValueError, match=r"finite heatmaps of shape \(3, 12, 12\)"):
        sanity.compare_classes(lambda *_: np.zeros((3, 4, 4)), model, images, 0)
    with pytest.raises(ValueError, match="finite heatmaps"):
        sanity.explain(lambda *_: np.full((3, 12, 12), np.nan), model, images, 0)
    inputs = keras.Input(SHAPE)
    bare = keras.Model(inputs, layers.GlobalAveragePooling2D()(inputs))
    with pytest.raises(ValueError, match="layers with weights to forget"):
        sanity.randomize(bare)
    odd = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(NoConfig(2.0)(inputs))))
    with pytest.raises(ValueError, match="that Keras can copy"):
        sanity.randomize(odd)
