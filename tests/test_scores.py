import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from helpers import attribution
from helpers.attribution import scores
from helpers.attribution.scores import (
    check_request,
    compute_logits,
    cut_in_batches,
    find_class,
    in_batches,
    read_logits,
    read_scores,
    run_in_batches,
    trace,
    trace_probabilities,
)

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture
def model():
    keras.utils.set_random_seed(4)
    return keras.Sequential(
        [
            layers.Input((8, 8, 2)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.fixture
def images():
    return np.random.default_rng(1).random((4, 8, 8, 2)).astype("float32")


def compute_logits_by_hand(model, images):
    kernel, bias = model.layers[-1].get_weights()
    features = keras.Model(model.inputs[0], model.layers[-1].input)(images)
    return features.numpy() @ kernel + bias


# Scores


def test_a_score_is_the_logit_of_the_class_asked_of_each_image(model, images):
    wanted = compute_logits_by_hand(model, images)
    found = read_scores(model, images, [2, 0, 1, 1], batch_size=3)
    assert found.dtype == "float32"
    assert np.allclose(found, wanted[range(4), [2, 0, 1, 1]], atol=1e-6)
    assert np.allclose(read_scores(model, images, 2), wanted[:, 2], atol=1e-6)


@pytest.mark.parametrize(
    ("head", "finish"),
    [
        (layers.Dense(3, activation="softmax"), tf.nn.softmax),
        (layers.Dense(3), tf.nn.softmax),
        (layers.Dense(3, activation="sigmoid"), tf.sigmoid),
        (layers.Dense(1), tf.sigmoid),
        (layers.Dense(1, activation="sigmoid"), tf.sigmoid),
    ],
)
def test_probabilities_go_through_one_softmax_or_one_sigmoid(images, head, finish):
    model = keras.Sequential([layers.Input((8, 8, 2)), layers.Flatten(), head])
    kernel, bias = head.get_weights()
    request = check_request(model, images, 0)
    found = trace_probabilities(request)(images)
    logits = images.reshape(4, -1) @ kernel + bias
    assert np.allclose(found, finish(logits), atol=1e-6)
    assert np.ptp(found) > 0.01


def test_other_images_than_those_of_the_request_can_be_asked(model, images):
    request = check_request(model, images[:1], 0)
    found = compute_logits(request, 0.5 * images, batch_size=2)
    assert np.allclose(found, compute_logits_by_hand(model, 0.5 * images), atol=1e-6)


# The compiled function


class Counting(layers.ReLU):
    """Counts how often it is compiled, or called."""

    calls = 0

    def call(self, inputs):
        type(self).calls += 1
        return super().call(inputs)


@pytest.fixture
def counted(model):
    counting = keras.Sequential([layers.Input((8, 8, 2)), Counting(), *model.layers])
    Counting.calls = 0
    return counting


ONCE = {  # how many functions a method compiles
    "saliency": 1,
    "smooth_grad": 1,
    "guided_backprop": 1,
    "integrated_gradients": 1,
    "cam": 1,
    "grad_cam": 1,
    "layer_cam": 1,
    "guided_grad_cam": 2,
    "occlusion": 1,
}


@pytest.mark.parametrize("name", ONCE)
def test_a_model_is_compiled_once(counted, images, name):
    method = attribution.METHODS[name]
    for number, (count, batch_size) in enumerate([(4, 32), (2, 1), (3, 2)]):
        method(
            counted, images[:count] / (1 + number), number % 3, batch_size=batch_size
        )
    counted.set_weights([2 * weight for weight in counted.get_weights()])
    method(counted, images, [0, 1, 2, 0])
    assert Counting.calls == ONCE[name]


def test_methods_share_what_is_compiled(counted, images):
    attribution.saliency(counted, images, 0)
    attribution.gradient_times_input(counted, images, 0)
    attribution.smooth_grad(counted, images, 0, samples=2)
    attribution.integrated_gradients(counted, images, 0, steps=2)
    assert Counting.calls == 1
    attribution.occlusion(counted, images, 0)
    read_scores(counted, images, 0)
    assert Counting.calls == 2


def test_classes_layers_and_outputs_do_not_get_mixed_up(images):
    inputs = layers.Input((8, 8, 2))
    first = layers.Conv2D(3, 3, name="first")(inputs)
    second = layers.Conv2D(3, 3, name="second")(first)
    means = layers.GlobalAveragePooling2D()(second)
    model = keras.Model(inputs, [layers.Dense(2)(means), layers.Dense(2)(means)])
    questions = [(0, "first", 0), (1, "first", 0), (0, "second", 0), (0, "first", 1)]

    def ask(class_index, layer, output):
        maps = attribution.layer_cam(
            model, images, class_index, layer=layer, output=output, enlarge=False
        )
        return maps.tolist()

    together = [ask(*question) for question in questions]
    for question, answer in zip(questions, together, strict=True):
        vars(model).pop("_traced_by_the_course")
        assert ask(*question) == answer
        assert together.count(answer) == 1


def test_new_weights_give_new_answers(model, images):
    before = attribution.saliency(model, images, 1), read_scores(model, images, 1)
    model.layers[-1].set_weights([2 * w for w in model.layers[-1].get_weights()])
    after = attribution.saliency(model, images, 1), read_scores(model, images, 1)
    assert np.allclose(after[0], 2 * before[0], rtol=1e-5)
    assert np.allclose(after[1], 2 * before[1], rtol=1e-5)


def test_an_exchanged_activation_gives_new_answers(images):
    model = keras.Sequential(
        [
            layers.Input((8, 8, 2)),
            layers.Conv2D(2, 3),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    convolution = model.layers[0]
    plain = attribution.saliency(model, images, 0)
    for factor in (2, 3):
        convolution.activation = (lambda by: lambda values: by * values)(factor)
        scaled = attribution.saliency(model, images, 0)
        assert np.allclose(scaled, factor * plain, rtol=1e-4)
    convolution.activation = keras.activations.linear
    assert np.array_equal(attribution.saliency(model, images, 0), plain)


def test_no_new_activation_can_take_the_place_of_an_old_one(model, images):
    """Else a compiled function is found by the address of one that is gone."""
    convolution = model.layers[0]
    convolution.activation = lambda values: 2 * values
    watched = weakref.ref(convolution.activation)
    attribution.saliency(model, images, 0)
    convolution.activation = keras.activations.relu
    gc.collect()
    assert watched() is not None


def test_an_exchanged_softmax_is_noticed(model, images):
    logits = read_scores(model, images, 0)
    model.layers[-1].activation = keras.activations.tanh
    assert np.allclose(read_scores(model, images, 0), np.tanh(logits), atol=1e-6)


@pytest.mark.parametrize("name", attribution.METHODS)
def test_images_are_not_kept(name):
    images = np.random.default_rng(0).random((1, 12, 12, 3)).astype("float32")
    features = layers.Conv2D(3, 3, activation="relu")
    pool, head = layers.GlobalAveragePooling2D(), layers.Dense(2)
    model = keras.Sequential([layers.Input((12, 12, 3)), features, pool, head])
    watched = weakref.ref(images)
    attribution.METHODS[name](model, images, 0)
    assert len(vars(model)["_traced_by_the_course"]) >= 1
    del images
    gc.collect()
    assert watched() is None


def test_one_entry_for_each_size_of_images():
    free = keras.Sequential(
        [
            layers.Input((None, None, 1)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    for size in (4, 5, 4, 5):
        read_scores(free, np.ones((1, size, size, 1)), 0)
    assert len(vars(free)["_traced_by_the_course"]) == 2


def test_a_compiled_function_may_take_images_only(model, images):
    request = check_request(model, images, 0)
    twice = trace(request, "twice", lambda images: 2 * images)
    assert np.array_equal(twice(images), 2 * images)
    assert trace(request, "twice", lambda images: 3 * images) is twice


# Batches


def test_batches_are_cut_and_joined():
    assert [list(part) for part in cut_in_batches(5, 2)] == [[0, 1], [2, 3], [4]]
    assert list(cut_in_batches(0, 2)) == []
    numbers, doubles = np.arange(5), 10 * np.arange(5)
    sums, sizes = in_batches(
        lambda a, b: (a + b, np.full(len(a), len(a))), 2, numbers, doubles
    )
    assert sums.tolist() == [0, 11, 22, 33, 44]
    assert sizes.tolist() == [2, 2, 2, 2, 1]


def test_run_in_batches_is_the_model_a_million_pixels_at_a_time():
    sizes = []

    class Noting(layers.Layer):
        def call(self, inputs):
            sizes.append(len(inputs))
            return inputs

    noting = Noting()
    noting(np.zeros((1, 500, 800, 1)))
    images = np.random.default_rng(0).random((5, 500, 800, 1)).astype("float32")
    sizes.clear()
    found = run_in_batches(lambda batch, training: noting(batch), images)
    assert np.array_equal(found, images)
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize(
    ("count", "delay", "widgets", "shown"),
    [
        (4, 0, None, True),
        (1, 0, None, False),
        (4, 60, None, False),
        (4, 0, "off", False),
    ],
)
def test_progress_is_shown_where_it_takes_long(
    monkeypatch, capsys, count, delay, widgets, shown
):
    monkeypatch.setattr(scores, "_SECONDS_BEFORE_PROGRESS", delay)
    monkeypatch.delenv("COURSE_WIDGETS")
    if widgets:
        monkeypatch.setenv("COURSE_WIDGETS", widgets)
    assert len(list(cut_in_batches(count, 1))) == count
    assert ("batch" in capsys.readouterr().err) == shown


# Wrong questions


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((8, 8, 2)), r"images\[None\]"),
        (np.zeros((0, 8, 8, 2)), "one or more images"),
        (np.zeros((1, 1, 8, 8, 2)), r"got an array of shape \(1, 1, 8, 8, 2\)"),
        (np.zeros((1, 8, 8, 3)), r"\(8, 8, 2\).*got an array of shape .*3\)"),
        (np.zeros((1, 9, 8, 2)), "one or more images"),
        (np.zeros((1, 2, 8, 8)), "one or more images"),
        (np.full((1, 8, 8, 2), np.nan), "NaN or infinity"),
        (np.full((1, 8, 8, 2), -np.inf), "NaN or infinity"),
        (np.full((1, 8, 8, 2), 1e300), "NaN or infinity"),
        ([np.zeros((8, 8, 2)), np.zeros((9, 8, 2))], r"same size.*np\.stack"),
        ("picture.png", "one array of numbers"),
        (None, "one array of numbers"),
        (np.zeros((1, 8, 8, 2), complex), "one array of numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_images_that_do_not_fit_get_one_sentence(model, images, message):
    with pytest.raises(ValueError, match=message) as caught:
        check_request(model, images, 0)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("kind", ["uint8", "float16", "float64", bool, "int64"])
def test_images_of_every_kind_of_number_are_taken(model, kind):
    images = np.ones((2, 8, 8, 2), kind)
    request = check_request(model, images.tolist() if kind == "int64" else images, 0)
    assert request.images.dtype == "float32"
    assert np.array_equal(request.images, np.ones((2, 8, 8, 2)))


@pytest.mark.parametrize("shape", [(8, 8), (64,), (2, 8, 8, 1)])
def test_a_model_of_other_things_than_images_gets_one_sentence(shape):
    model = keras.Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ValueError, match="height, width, channels") as caught:
        check_request(model, np.zeros((1, *shape)), 0)
    assert "\n" not in str(caught.value)


def test_the_advice_for_a_model_without_channels_is_right():
    model = keras.Sequential([layers.Input((8, 8)), layers.Flatten(), layers.Dense(2)])
    with_channel = keras.Sequential(
        [layers.Input((8, 8, 1)), layers.Reshape((8, 8)), model]
    )
    images = np.random.default_rng(0).random((2, 8, 8, 1)).astype("float32")
    wanted = model(images[..., 0]).numpy()[:, 1]
    assert np.allclose(read_scores(with_channel, images, 1), wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("class_index", "message"),
    [
        (3, "classes 0 to 2, got class_index 3"),
        (-1, "classes 0 to 2, got class_index -1"),
        ([0, 1, 2, 7], "classes 0 to 2, got class_index 7"),
        (1.0, r"whole number.*got 1\.0"),
        ("bird", "find_class"),
        (None, "whole number"),
        (True, "whole number"),
        ([0, 1], "one for each of the 4 images"),
        ([[0], [1, 2]], "whole number"),
        ([[0, 1, 2, 0]], "whole number"),
        (np.full(500, 0.5), "whole number"),
        ([0, 1, 2, 10**30], "whole number"),
    ],
)
def test_a_class_that_does_not_exist_gets_one_sentence(
    model, images, class_index, message
):
    with pytest.raises(ValueError, match=message) as caught:
        check_request(model, images, class_index)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("kind", [int, np.uint8, np.int64])
def test_a_class_may_be_any_kind_of_whole_number(model, images, kind):
    assert check_request(model, images, kind(2)).class_indices.tolist() == [2] * 4
    each = np.array([0, 1, 2, 0], kind)
    assert check_request(model, images, each).class_indices.tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "all", None])
def test_a_batch_size_that_is_none_gets_one_sentence(model, images, batch_size):
    with pytest.raises(ValueError, match="batch_size must be a whole number") as caught:
        attribution.saliency(model, images, 0, batch_size=batch_size)
    assert "\n" not in str(caught.value)


# Names of classes

NAMES = ["tabby cat", "tiger_cat", "Norwegian elkhound", "crane", "crane", "cab"]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("tabby cat", 0),
        ("tabby_cat", 0),
        ("  Tiger Cat ", 1),
        ("norwegian_elkhound", 2),
        ("cab", 5),
    ],
)
def test_a_class_is_found_by_name(name, index):
    assert find_class(name, NAMES) == index
    assert find_class(name, np.array(NAMES)) == index


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tigre cat", "near are tiger_cat, tabby cat"),
        ("elkhound", "near are Norwegian elkhound"),
        ("crane", "2 classes are called 'crane'; choose an index: 3, 4"),
        ("zzz", "the first are tabby cat, tiger_cat, Norwegian elkhound, crane"),
        (7, "There is no class 7"),
    ],
)
def test_a_name_that_is_none_gets_near_misses(name, message):
    with pytest.raises(ValueError, match=message) as caught:
        find_class(name, NAMES)
    assert "\n" not in str(caught.value)


# For methods written out by hand


@pytest.mark.parametrize(
    "head",
    [
        [layers.Dense(3, activation="softmax")],
        [layers.Dense(3), layers.Softmax()],
        [layers.Dense(3), layers.Activation("softmax")],
        [layers.Dense(3)],
    ],
)
def test_a_model_before_its_softmax(head, images):
    model = keras.Sequential([layers.Input((8, 8, 2)), layers.Flatten(), *head])
    answer = model(images).numpy()
    kernel, bias = head[0].get_weights()
    logits = read_logits(model)(images).numpy()
    assert np.allclose(logits, images.reshape(4, -1) @ kernel + bias, atol=1e-6)
    assert np.array_equal(model(images).numpy(), answer)


def test_a_softmax_inside_another_model_is_out_of_reach(model):
    outer = keras.Sequential([layers.Input((8, 8, 2)), model])
    with pytest.raises(ValueError, match=r"last layer.*methods of helpers"):
        read_logits(outer)
