import copy
import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from helpers import attribution
from helpers.attribution.graph import find_feature_step, read_graph, run_steps

pytestmark = [
    pytest.mark.usefixtures("started"),
    pytest.mark.filterwarnings("ignore:The structure of .inputs."),
    pytest.mark.filterwarnings("ignore:__array__ implementation"),
]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, 12, 12, 3)).astype("float32")


@pytest.fixture(scope="module")
def base():
    """Two levels of nesting: a functional base that holds a Sequential block."""
    block = keras.Sequential(
        [
            layers.Input((10, 10, 4)),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
        ],
        name="block",
    )
    inputs = layers.Input((12, 12, 3))
    values = layers.Conv2D(4, 3, name="stem")(inputs)
    values = layers.Add(name="sum")([values, block(values)])
    base = keras.Model(inputs, layers.ReLU(name="out")(values), name="base")
    norm = block.get_layer("norm")
    norm.set_weights([weight + 0.3 for weight in norm.get_weights()])
    return base


def put_head_on(features):
    values = layers.GlobalAveragePooling2D(name="pool")(features)
    return layers.Dense(3, activation="softmax", name="answer")(values)


@pytest.fixture(scope="module")
def nested(base):
    inputs = layers.Input((12, 12, 3))
    return keras.Model(inputs, put_head_on(base(inputs)), name="nested")


def read_values(model, images, output=None):
    graph = read_graph(model, output)
    return graph, run_steps(graph, tf.constant(images))


def read_logits_of(model, images, output=None):
    graph, values = read_values(model, images, output)
    return values[graph.logits].numpy()


# Logits


def softmax_in_a_model_of_its_own(values):
    inputs = layers.Input(values.shape[1:])
    inner = layers.Activation("softmax")(layers.Dense(5)(inputs))
    return keras.Model(inputs, keras.Model(inputs, inner)(inputs))(values)


def softmax_of_a_one_pixel_map(values):
    return layers.Flatten()(
        layers.Softmax()(layers.Conv2D(5, 1)(layers.Reshape((1, 1, 4))(values)))
    )


SOFTMAX_HEADS = {
    "fused": lambda values: layers.Dense(5, activation="softmax")(values),
    "layer": lambda values: layers.Softmax()(layers.Dense(5)(values)),
    "activation": lambda values: layers.Activation("softmax")(layers.Dense(5)(values)),
    "operation": lambda values: ops.softmax(layers.Dense(5)(values)),
    "function": lambda values: keras.activations.softmax(layers.Dense(5)(values)),
    "fused layer": lambda values: layers.Dense(5, activation=layers.Softmax())(values),
    "TensorFlow's": lambda values: layers.Dense(5, activation=tf.nn.softmax)(values),
    "then reshaped": lambda values: layers.Reshape((5,))(
        layers.Dense(5, activation="softmax")(values)
    ),
    "then reshaped by an operation": lambda values: ops.squeeze(
        ops.reshape(layers.Dense(5, activation="softmax")(values), (-1, 5, 1)), -1
    ),
    "then float32": lambda values: layers.Activation("linear", dtype="float32")(
        layers.Dense(5, activation="softmax")(values)
    ),
    "then cast": lambda values: ops.cast(
        layers.Dense(5, activation="softmax")(values), "float32"
    ),
    "then dropout": lambda values: layers.Dropout(0.5)(
        layers.Dense(5, activation="softmax")(values)
    ),
    "in a model of its own": softmax_in_a_model_of_its_own,
    "of a one-pixel map": softmax_of_a_one_pixel_map,
    "fused in a one-pixel map": lambda values: layers.Flatten()(
        layers.Conv2D(5, 1, activation="softmax")(layers.Reshape((1, 1, 4))(values))
    ),
}
OTHER_HEADS = {
    "sigmoid": (
        lambda values: layers.Dense(5, activation="sigmoid")(values),
        "sigmoid",
        lambda logits: 1 / (1 + np.exp(-logits)),
    ),
    "one sigmoid": (
        lambda values: ops.sigmoid(layers.Dense(1)(values)),
        "sigmoid",
        lambda logits: 1 / (1 + np.exp(-logits)),
    ),
    "logits": (lambda values: layers.Dense(5)(values), None, lambda logits: logits),
    "tanh": (
        lambda values: layers.Dense(5, activation="tanh")(values),
        None,
        lambda logits: logits,
    ),
    "softmax on the way": (
        lambda values: layers.Dense(5)(layers.Dense(5, activation="softmax")(values)),
        None,
        lambda logits: logits,
    ),
}


def build_with_head(head):
    keras.utils.set_random_seed(3)
    inputs = layers.Input((12, 12, 3))
    values = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    model = keras.Model(inputs, head(values))
    model.set_weights([3 * weight + 0.1 for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("head", SOFTMAX_HEADS)
def test_logits_are_log_probabilities_up_to_a_constant_for_each_image(head, images):
    model = build_with_head(SOFTMAX_HEADS[head])
    graph, values = read_values(model, images)
    logits = values[graph.logits].numpy().reshape(3, 5)
    differences = np.log(model(images).numpy()) - logits
    assert graph.squash == "softmax"
    assert np.ptp(logits) > 0.1
    assert np.ptp(differences, axis=1).max() <= 1e-5
    assert np.abs(differences).max() > 0.1  # the logits are not normalised themselves


def test_a_logarithm_of_the_softmax_is_left_out(images):
    model = build_with_head(
        lambda values: layers.Dense(5, activation="log_softmax")(values)
    )
    differences = model(images).numpy() - read_logits_of(model, images)
    assert np.ptp(differences, axis=1).max() <= 1e-5
    assert np.abs(differences).max() > 0.1


@pytest.mark.parametrize("head", OTHER_HEADS)
def test_other_heads_keep_what_they_must(head, images):
    build, squash, finish = OTHER_HEADS[head]
    model = build_with_head(build)
    graph, values = read_values(model, images)
    assert graph.squash == squash
    assert np.allclose(
        finish(values[graph.logits].numpy()), model(images).numpy(), atol=1e-6
    )


def test_a_sigmoid_gate_on_the_way_stays(images):
    inputs = layers.Input((12, 12, 3))
    gate = layers.Dense(3, activation="sigmoid")(
        layers.GlobalAveragePooling2D()(inputs)
    )
    values = layers.Multiply()([inputs, layers.Reshape((1, 1, 3))(gate)])
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(values)))
    assert np.allclose(read_logits_of(model, images), model(images), atol=1e-6)


# Structures


def test_a_nested_model_is_opened(nested, images):
    graph, values = read_values(nested, images)
    assert [step.name for step in graph.steps] == [
        "base/stem",
        "base/block/conv",
        "base/block/norm",
        "base/sum",
        "base/out",
        "pool",
        "answer",
    ]
    answer = tf.nn.softmax(values[graph.logits])
    assert np.allclose(answer, nested(images), atol=1e-6)
    features = nested.get_layer("base")(images)
    last_map = find_feature_step(graph)
    assert last_map.name == "base/out"
    assert np.allclose(values[last_map.outputs[0]], features, atol=1e-6)


def test_a_model_called_twice_inside_another_is_two_lists_of_steps(images):
    inner = keras.Sequential(
        [layers.Input((12, 12, 3)), layers.Conv2D(3, 3, padding="same", name="conv")],
        name="inner",
    )
    inputs = layers.Input((12, 12, 3))
    values = layers.Flatten()(inner(layers.ReLU()(inner(inputs))))
    model = keras.Model(inputs, layers.Dense(2)(values))
    graph, values = read_values(model, images)
    calls = [step for step in graph.steps if step.name == "inner/conv"]
    assert len(calls) == 2
    assert np.allclose(values[graph.logits], model(images), atol=1e-5)
    once = inner(images).numpy()
    assert np.allclose(values[calls[0].outputs[0]], once, atol=1e-5)
    assert find_feature_step(graph, "conv") == calls[1]  # the last call
    twice = inner(np.maximum(once, 0)).numpy()
    assert np.allclose(values[calls[1].outputs[0]], twice, atol=1e-5)


@pytest.mark.parametrize("as_dict", [False, True])
def test_a_nested_model_with_two_inputs_gets_each_its_own(as_dict, images):
    first, second = (layers.Input((3,), name=name) for name in ("zulu", "alpha"))
    inner = keras.Model([first, second], layers.Subtract()([first, second]))
    inputs = layers.Input((12, 12, 3))
    means = layers.GlobalAveragePooling2D()(inputs)
    most = layers.GlobalMaxPooling2D()(inputs)
    given = {"alpha": most, "zulu": means} if as_dict else [means, most]
    model = keras.Model(inputs, inner(given))
    wanted = images.mean(axis=(1, 2)) - images.max(axis=(1, 2))
    assert np.allclose(read_logits_of(model, images), wanted, atol=1e-6)


def test_shared_layers_operations_and_keyword_arguments(images):
    shared = layers.Conv2D(4, 3, padding="same", activation="relu")
    inputs = layers.Input((12, 12, 3))
    left, right = ops.split(shared(2 * inputs - 1), 2, axis=-1)
    values = layers.Concatenate()([shared(inputs), left * right])
    tokens = layers.Reshape((-1, 6))(values)
    attended = layers.MultiHeadAttention(2, 3)(query=tokens, value=tokens)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(attended)))
    assert np.allclose(read_logits_of(model, images), model(images), atol=1e-5)


def test_a_model_of_a_part_of_another_leaves_the_rest_out(nested, images):
    part = keras.Model(nested.inputs, nested.get_layer("pool").output)
    graph, values = read_values(part, images)
    assert [step.name for step in graph.steps][-1] == "pool"
    assert np.allclose(values[graph.logits], part(images), atol=1e-6)


def test_images_of_any_size(base):
    free = keras.Sequential(
        [
            layers.Input((None, None, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(name="halved"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    assert find_feature_step(read_graph(free)).name == "conv"
    for size in [(12, 12), (9, 20)]:
        images = np.random.default_rng(0).random((2, *size, 3)).astype("float32")
        assert np.allclose(read_logits_of(free, images), free(images), atol=1e-6)
        assert attribution.grad_cam(free, images, 1).shape == (2, *size)


def test_layers_run_as_at_inference(images):
    norm = layers.BatchNormalization()
    inputs = layers.Input((12, 12, 3))
    values = layers.RandomRotation(0.3)(layers.RandomFlip()(inputs))
    values = layers.Dropout(0.5)(norm(layers.Conv2D(4, 3)(values)), training=True)
    values = layers.GaussianNoise(1.0)(values)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(values)))
    norm.set_weights([weight + 0.3 for weight in norm.get_weights()])
    before = [weight.copy() for weight in model.get_weights()]
    wanted = model.predict(images, verbose=0)
    for _ in range(2):
        scores = attribution.read_scores(model, images, 1)
        assert np.allclose(scores, wanted[:, 1], atol=1e-5)
        attribution.saliency(model, images, 1)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(old, new)


def test_a_half_precision_model(images):
    keras.utils.set_random_seed(5)
    models = []
    for policy in ("mixed_float16", "float32"):
        keras.config.set_dtype_policy(policy)
        models.append(
            keras.Sequential(
                [
                    layers.Input((160, 160, 3)),
                    layers.Conv2D(4, 3, activation="relu"),
                    layers.GlobalAveragePooling2D(),
                    layers.Dense(3),
                    layers.Activation("softmax", dtype="float32"),
                ]
            )
        )
    half, single = models
    half.set_weights([0.1 * weight for weight in half.get_weights()])
    single.set_weights(half.get_weights())
    large = np.random.default_rng(0).random((1, 160, 160, 3)).astype("float32")
    for method in (attribution.saliency, attribution.cam):
        ours, wanted = (method(model, large, 1) for model in (half, single))
        assert ours.dtype == "float32"
        assert np.abs(wanted).max() > 0
        # Half precision has three digits, and none for gradients as small as these.
        assert np.abs(ours - wanted).sum() <= 0.01 * np.abs(wanted).sum()


# Several outputs


@pytest.fixture(scope="module")
def forked():
    inputs = layers.Input((12, 12, 3))
    values = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    kind = layers.Dense(2, name="kind")(values)
    colour = layers.Dense(3, activation="softmax", name="colour")(values)
    return keras.Model(inputs, [kind, colour])


@pytest.mark.parametrize(
    ("output", "place"),
    [("kind", 0), ("colour", 1), (0, 0), (1, 1), (np.int64(1), 1)],
)
def test_an_output_is_chosen_by_name_or_number(forked, images, output, place):
    kernel, bias = forked.get_layer(["kind", "colour"][place]).get_weights()
    features = keras.Model(forked.inputs, forked.get_layer("kind").input)(images)
    wanted = features.numpy() @ kernel + bias
    assert np.allclose(read_logits_of(forked, images, output), wanted, atol=1e-6)
    scores = attribution.read_scores(forked, images, 1, output=output)
    assert np.allclose(scores, wanted[:, 1], atol=1e-6)


def test_a_dict_of_outputs_goes_by_its_keys(forked, images):
    kind, colour = forked.outputs
    model = keras.Model(forked.inputs, {"zulu": kind, "alpha": colour})
    for key, count in [("zulu", 2), ("alpha", 3)]:
        graph = read_graph(model, key)
        assert graph.class_count == count
        answer = read_logits_of(model, images, key)
        answer = answer if count == 2 else tf.nn.softmax(answer)
        assert np.allclose(answer, model(images)[key], atol=1e-6)


@pytest.mark.parametrize("output", [None, "shape", 2, -1, 1.5, "answer"])
def test_a_wrong_output_gets_one_sentence(forked, output):
    with pytest.raises(ValueError, match=r"0 \(kind\), 1 \(colour\)") as caught:
        read_graph(forked, output)
    assert "\n" not in str(caught.value)


def test_outputs_of_the_same_name_are_chosen_by_number(images):
    head = layers.Dense(2, name="head")
    inputs = layers.Input((12, 12, 3))
    parts = [
        layers.GlobalAveragePooling2D()(inputs),
        layers.GlobalMaxPooling2D()(inputs),
    ]
    model = keras.Model(inputs, [head(part) for part in parts])
    with pytest.raises(ValueError, match=r"Several .* 'head'.*0 \(head\), 1 \(head\)"):
        read_graph(model, "head")
    for number in (0, 1):
        wanted = model(images)[number]
        assert np.allclose(read_logits_of(model, images, number), wanted, atol=1e-6)


# The layer of a feature map


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        (None, "base/out"),
        ("stem", "base/stem"),
        ("block/conv", "base/block/conv"),
        ("base/block/conv", "base/block/conv"),
        ("sum", "base/sum"),
    ],
)
def test_a_layer_is_found_or_named(nested, layer, found):
    assert find_feature_step(read_graph(nested), layer).name == found


@pytest.mark.parametrize(
    ("layer", "problem"),
    [("conv_7", "does not exist"), ("pool", "has no map"), ("tem", "does not exist")],
)
def test_a_wrong_layer_gets_the_right_ones_listed(nested, layer, problem):
    with pytest.raises(ValueError, match=problem) as caught:
        find_feature_step(read_graph(nested), layer)
    message = str(caught.value)
    assert message.endswith("the convolutions are base/stem, base/block/conv.")
    assert "\n" not in message


def test_a_long_list_of_layers_is_cut(images):
    model = keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            *(layers.Conv2D(2, 1, name=f"conv_{number}") for number in range(20)),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    with pytest.raises(ValueError, match="conv_0, conv_1, conv_2, conv_14") as caught:
        find_feature_step(read_graph(model), "conv")
    assert str(caught.value).endswith("conv_19 (9 of 20 shown).")


def test_a_name_that_two_models_use_needs_its_path(images):
    blocks = [
        keras.Sequential(
            [layers.Input((12, 12, 3)), layers.Conv2D(3, 1, name="conv")], name=name
        )
        for name in ("early", "late")
    ]
    inputs = layers.Input((12, 12, 3))
    values = layers.Flatten()(blocks[1](blocks[0](inputs)))
    graph = read_graph(keras.Model(inputs, layers.Dense(2)(values)))
    with pytest.raises(ValueError, match=r"not unique.*early/conv, late/conv"):
        find_feature_step(graph, "conv")
    assert find_feature_step(graph, "early/conv").name == "early/conv"


def test_the_last_map_is_what_follows_the_last_convolution():
    """Not a map of the same size from another branch, and nothing that was pooled."""
    inputs = layers.Input((12, 12, 3))
    values = layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    values = layers.BatchNormalization(name="norm")(values)
    values = layers.ReLU(name="relu")(values)
    pooled = layers.MaxPooling2D(3, 1, padding="same", name="soft")(values)
    other = inputs
    for name in ("a", "b", "c", "d"):
        other = layers.Rescaling(0.5, name=name)(other)
    means = [layers.GlobalAveragePooling2D()(branch) for branch in (pooled, other)]
    model = keras.Model(inputs, layers.Dense(2)(layers.Concatenate()(means)))
    assert find_feature_step(read_graph(model)).name == "relu"


@pytest.mark.parametrize(
    "convolution", [layers.DepthwiseConv2D(3), layers.SeparableConv2D(3, 3)]
)
def test_every_kind_of_convolution_is_found(convolution):
    model = keras.Sequential(
        [layers.Input((12, 12, 3)), convolution, layers.Flatten(), layers.Dense(2)]
    )
    assert find_feature_step(read_graph(model)).name == convolution.name


def test_a_head_of_one_by_one_convolutions_is_no_map():
    model = keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Conv2D(2, 1),
            layers.Flatten(),
        ]
    )
    assert find_feature_step(read_graph(model)).name == "conv"


def test_a_model_without_convolution_takes_a_named_layer():
    model = keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.AveragePooling2D(2, name="blocks"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    graph = read_graph(model)
    assert find_feature_step(graph, "blocks").name == "blocks"
    with pytest.raises(ValueError, match="need a convolution"):
        find_feature_step(graph)
    with pytest.raises(ValueError, match="layers with a map are blocks"):
        find_feature_step(graph, "conv")


# What cannot be read


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.part = keras.Sequential([layers.Conv2D(2, 3), layers.Flatten()])
        self.head = layers.Dense(2)

    def call(self, images):
        return self.head(self.part(images))


def two_inputs():
    inputs = [layers.Input((12, 12, 3)), layers.Input((12, 12, 3))]
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(layers.Add()(inputs))))


def a_map_for_an_answer():
    return keras.Sequential([layers.Input((12, 12, 3)), layers.Conv2D(2, 3)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Subclassed, "got a Subclassed without a graph.*wrap it: keras.Model"),
        (lambda: keras.Sequential([layers.Dense(2)]), "got a Sequential without"),
        (lambda: "model.keras", "got a str without"),
        (two_inputs, "2 inputs; wrap it"),
        (a_map_for_an_answer, r"shape \(None, 10, 10, 2\); choose another output"),
    ],
)
def test_a_model_that_cannot_be_read_gets_one_sentence(make, message, images):
    with pytest.raises(ValueError, match=message) as caught:
        attribution.saliency(make(), images, 0)
    assert "\n" not in str(caught.value)


def test_a_wrapped_subclass_works_where_no_layer_is_asked_for(images):
    model = Subclassed()
    inputs = layers.Input((12, 12, 3))
    wrapped = keras.Model(inputs, model(inputs))
    scores = attribution.read_scores(wrapped, images, 1)
    assert np.allclose(scores, model(images)[:, 1], atol=1e-6)
    assert attribution.saliency(wrapped, images, 1).max() > 0


# The given model


@pytest.fixture
def used(images):
    """A model, and how it was before several methods looked at it."""
    model = build_with_head(SOFTMAX_HEADS["fused"])
    state = describe(model)
    attribution.saliency(model, images, 1)
    attribution.grad_cam(model, images, 1)
    attribution.cam(model, images, 1)
    return model, state


def describe(model):
    config = model.get_config()["layers"]
    activations = [getattr(layer, "activation", None) for layer in model.layers]
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    return config, activations, nodes, [weight.copy() for weight in model.get_weights()]


def assert_unchanged(model, state):
    config, activations, nodes, weights = state
    now = describe(model)
    assert now[:3] == (config, activations, nodes)
    for old, new in zip(weights, now[3], strict=True):
        assert np.array_equal(old, new)
    for layer in model.layers:
        assert layer.output is not None


def test_the_model_stays_as_it_was(used):
    assert_unchanged(*used)


class Stumbling(layers.Dense):
    """Fails where it is compiled, but not where it is built into a model."""

    def call(self, inputs):
        if tf.inside_function() and self.stumbles:
            raise RuntimeError("stumbled")
        return super().call(inputs)


def test_the_model_stays_as_it_was_after_an_exception(images):
    head = Stumbling(3, activation="softmax")
    head.stumbles = False
    model = keras.Sequential([layers.Input((12, 12, 3)), layers.Flatten(), head])
    state = describe(model)
    head.stumbles = True
    with pytest.raises(RuntimeError, match="stumbled"):
        attribution.saliency(model, images, 0)
    assert_unchanged(model, state)
    head.stumbles = False
    assert attribution.saliency(model, images, 0).max() > 0


def test_a_used_model_can_be_saved_copied_and_cloned(used, images, tmp_path):
    model, _ = used
    wanted = model(images).numpy()
    heatmaps = attribution.saliency(model, images, 2)
    model.save(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for other in [
        keras.models.load_model(tmp_path / "model.keras"),
        copy.deepcopy(model),
        clone,
    ]:
        assert other is not model
        assert np.allclose(other(images), wanted, atol=1e-6)
        assert np.allclose(attribution.saliency(other, images, 2), heatmaps, atol=1e-6)
    changed = [2 * weight for weight in clone.get_weights()]
    clone.set_weights(changed)  # a copy does not share what was compiled
    assert not np.allclose(attribution.saliency(clone, images, 2), heatmaps, atol=1e-3)
    assert np.array_equal(attribution.saliency(model, images, 2), heatmaps)


def test_a_used_model_is_freed(images):
    model = build_with_head(SOFTMAX_HEADS["fused"])
    attribution.saliency(model, images, 1)
    attribution.grad_cam(model, images, 1)
    watched = weakref.ref(model)
    layer = weakref.ref(model.layers[1])
    del model
    gc.collect()
    assert watched() is None
    assert layer() is None
