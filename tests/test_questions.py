"""The contrastive question against what it must equal: one class minus another."""

import keras
import numpy as np
import pytest
from keras import layers

from helpers import attribution
from helpers.attribution.graph import read_graph
from helpers.attribution.relevance import lrp
from helpers.attribution.scores import compute_logits, trace_probabilities
from helpers.questions import ask_rather_than

pytestmark = pytest.mark.usefixtures("started")

SHAPE = (16, 16, 3)
CLASSES = 4


def build_base(dtype=None):
    inputs = keras.Input(SHAPE)
    maps = layers.Conv2D(6, 3, padding="same", use_bias=False, dtype=dtype)(inputs)
    maps = layers.ReLU(dtype=dtype)(layers.BatchNormalization(dtype=dtype)(maps))
    maps = layers.DepthwiseConv2D(3, padding="same", dtype=dtype)(maps)
    maps = layers.ReLU(dtype=dtype)(maps)
    means = layers.GlobalAveragePooling2D(dtype=dtype)(maps)
    return keras.Model(inputs, means, name="base")


def build_fused(activation="softmax"):
    base = build_base()
    head = layers.Dense(CLASSES, activation=activation)
    return keras.Model(base.inputs[0], head(base.outputs[0]))


def build_with_softmax_layer(make=layers.Softmax):
    base = build_base()
    logits = layers.Dropout(0.5)(layers.Dense(CLASSES)(base.outputs[0]))
    return keras.Model(base.inputs[0], make()(logits))


def build_nested():
    """With the softmax two models deep, and pixels rescaled before it."""
    return keras.Sequential(
        [
            layers.Input(SHAPE),
            layers.Rescaling(2.0, -1.0),
            keras.Sequential([build_fused()]),
        ]
    )


def build_with_classes_as_maps():
    """As SqueezeNet does: classes are maps, bent before the mean."""
    inputs = keras.Input(SHAPE)
    maps = layers.LeakyReLU()(layers.Conv2D(CLASSES, 3)(inputs))
    return keras.Model(inputs, layers.Softmax()(layers.GlobalAveragePooling2D()(maps)))


def build_with_fused_convolution():
    inputs = keras.Input(SHAPE)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(layers.Conv2D(5, 3)(inputs))
    return keras.Model(
        inputs,
        layers.Reshape((CLASSES,))(
            layers.Conv2D(CLASSES, 1, activation="softmax")(squeezed)
        ),
    )


BUILDERS = {
    "fused softmax": build_fused,
    "softmax layer": build_with_softmax_layer,
    "softmax activation": lambda: build_with_softmax_layer(
        lambda: layers.Activation("softmax")
    ),
    "sigmoid": lambda: build_fused("sigmoid"),
    "logits": lambda: build_fused(None),
    "nested": build_nested,
    "classes as maps": build_with_classes_as_maps,
    "fused convolution": build_with_fused_convolution,
}


@pytest.fixture(params=BUILDERS)
def model(request):
    return randomise(BUILDERS[request.param]())


@pytest.fixture(scope="module")
def fused(started):
    return randomise(build_fused())


def randomise(model):
    generator = np.random.default_rng(0)
    for variable in model.weights:
        values = generator.normal(0, 0.5, variable.shape)
        variable.assign(abs(values) + 0.5 if "variance" in variable.path else values)
    return model


@pytest.fixture(scope="module")
def question(fused):
    """Of the fused model, once for all: what is traced once stays traced."""
    return ask_rather_than(fused, 2, 1)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((5, *SHAPE)).astype("float32")


def read_logits(model, images):
    request = attribution.scores.check_request(model, images, 0)
    return compute_logits(request, images, 32)


def test_the_score_is_the_difference_of_the_logits(model, images):
    logits, answers = read_logits(model, images), np.asarray(model(images))
    question = ask_rather_than(model, 2, 1)
    wanted = logits[:, 2] - logits[:, 1]
    assert wanted.std() > 1e-3
    assert question(images).shape == (5, 1)
    assert np.allclose(np.asarray(question(images))[:, 0], wanted, atol=1e-5)
    assert np.allclose(attribution.read_scores(question, images, 0), wanted, atol=1e-5)
    if read_graph(model).squash == "softmax":
        odds = np.log(answers[:, 2] / answers[:, 1])
        assert np.allclose(np.asarray(question(images))[:, 0], odds, atol=1e-4)


def test_the_probability_is_the_share_of_the_first_in_the_two(fused, images):
    question = ask_rather_than(fused, 3, 0)
    request = attribution.scores.check_request(question, images, 0)
    shares = np.asarray(trace_probabilities(request)(images))[:, 0]
    answers = np.asarray(fused(images))
    wanted = answers[:, 3] / (answers[:, 3] + answers[:, 0])
    assert np.allclose(shares, wanted, atol=1e-5)


def lrp_by_epsilon(model, images, class_index):
    return lrp(model, images, class_index, rule="epsilon")


LINEAR = {
    "cam": attribution.cam,
    "gradient_times_input": attribution.gradient_times_input,
    "integrated_gradients": attribution.integrated_gradients,
    "occlusion": attribution.occlusion,
    "lrp, composite": lrp,
    "lrp, epsilon": lrp_by_epsilon,
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("fused softmax", name) for name in LINEAR),
        ("classes as maps", "cam"),
        ("classes as maps", "lrp, epsilon"),
        ("nested", "gradient_times_input"),
    ],
)
def test_a_linear_method_gives_the_difference_of_the_maps(kind, name, images):
    model, method = randomise(BUILDERS[kind]()), LINEAR[name]
    maps = method(ask_rather_than(model, 2, 1), images, 0)
    wanted = method(model, images, 2) - method(model, images, 1)
    assert abs(wanted).max() > 1e-3
    assert abs(maps - wanted).max() <= 1e-4 * abs(wanted).max()


def test_integrated_gradients_add_up_to_the_change_of_the_score(question, images):
    twins = images[:, ::-1].copy()
    twins[:, 4:8] = 0.2
    maps = attribution.integrated_gradients(question, images, 0, baseline=twins)
    scores, before = (
        attribution.read_scores(question, shown, 0) for shown in (images, twins)
    )
    assert abs(scores - before).min() > 1e-3
    assert np.allclose(maps.sum(axis=(1, 2)), scores - before, atol=2e-3)


def test_grad_cam_is_cam_without_what_speaks_against(question, images):
    maps = attribution.grad_cam(question, images, 0)
    wanted = np.maximum(attribution.cam(question, images, 0), 0) / (16 * 16)
    assert wanted.max() > 0
    assert np.allclose(maps, wanted, atol=1e-6)


@pytest.mark.parametrize("name", attribution.METHODS)
def test_every_method_takes_the_question(name, question, images):
    settings = {"samples": 20} if name in ("smooth_grad", "rise", "lime") else {}
    maps = attribution.METHODS[name](question, images[:2], 0, **settings)
    assert maps.shape == (2, 16, 16)
    assert np.isfinite(maps).all()
    assert np.ptp(maps) > 0


def test_the_model_is_left_as_it_was(model, images):
    answers, weights = np.asarray(model(images)), model.get_weights()
    config = model.get_config()
    ask_rather_than(model, 0, 1)(images)
    assert np.array_equal(model(images), answers)
    for before, after in zip(weights, model.get_weights(), strict=True):
        assert np.array_equal(before, after)
    assert model.get_config() == config
    clone = keras.models.clone_model(model)
    clone.set_weights(weights)
    assert np.array_equal(clone(images), answers)


def test_one_of_several_outputs_is_asked(images):
    base = build_base()
    heads = [layers.Dense(count, "softmax")(base.outputs[0]) for count in (2, 3)]
    model = randomise(keras.Model(base.inputs[0], heads))
    answers = np.asarray(model(images)[1])
    scores = np.asarray(ask_rather_than(model, 2, 0, output=1)(images))[:, 0]
    assert np.allclose(scores, np.log(answers[:, 2] / answers[:, 0]), atol=1e-4)
    with pytest.raises(ValueError, match="2 outputs"):
        ask_rather_than(model, 1, 0)


def test_half_precision_models_are_subtracted_in_single(images):
    base = build_base("mixed_float16")
    logits = layers.Dense(CLASSES, dtype="mixed_float16")(base.outputs[0])
    model = randomise(keras.Model(base.inputs[0], logits))
    given = np.asarray(model(images))
    assert given.dtype == "float16"
    scores = np.asarray(ask_rather_than(model, 2, 1)(images))[:, 0]
    assert scores.dtype == "float32"
    wanted = given[:, 2].astype("float32") - given[:, 1]
    assert np.allclose(scores, wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("class_index", "other", "message"),
    [
        (4, 0, "class_index must be a whole number from 0 to 3, got 4; attribution"),
        (0, -1, "other must be a whole number from 0 to 3, got -1"),
        (0, None, "other must be a whole number from 0 to 3, got None"),
        ("pool", 1, "class_index must be .*, got 'pool'; .*find_class"),
        (1.0, 2, "got 1.0"),
        (True, 2, "got True"),
        (2, 2, "must differ, got 2 twice"),
    ],
)
def test_bad_classes_get_one_sentence(fused, class_index, other, message):
    with pytest.raises(ValueError, match=message):
        ask_rather_than(fused, class_index, other)


def test_a_single_score_already_is_the_answer(question):
    with pytest.raises(ValueError, match="2 classes or more, got one"):
        ask_rather_than(question, 0, 1)


def test_layers_of_the_same_name_get_one_sentence():
    inputs = keras.Input(SHAPE)
    maps = inputs
    for inner in ("first", "second"):
        maps = keras.Sequential(
            [layers.Input(SHAPE), layers.Conv2D(3, 1, name="conv")], name=inner
        )(maps)
    scores = layers.Dense(3, "softmax")(layers.Flatten()(maps))
    with pytest.raises(ValueError, match="got two called 'conv'; rename"):
        ask_rather_than(keras.Model(inputs, scores), 0, 1)
