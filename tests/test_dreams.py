import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from helpers import dreams

pytestmark = pytest.mark.usefixtures("started")

SIZE = 16


@pytest.fixture(scope="module")
def model():
    """Untrained: a strided convolution, then one that sees a good part of a picture."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((SIZE, SIZE, 3))
    maps = layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(inputs)
    maps = layers.Conv2D(6, 5, strides=4, activation="relu", name="second")(maps)
    means = layers.GlobalAveragePooling2D()(maps)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(means))


@pytest.fixture(scope="module")
def copying():
    """A layer that hands on the picture as it is, and one that keeps only its mean."""
    inputs = keras.Input((SIZE, SIZE, 3))
    copy = layers.Conv2D(3, 1, use_bias=False, name="copy")
    blocks = layers.AveragePooling2D(8, name="blocks")
    maps = blocks(copy(inputs))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(maps))
    copy.set_weights([np.eye(3).reshape(1, 1, 3, 3)])
    return model


@pytest.fixture(scope="module")
def images():
    noise = np.random.default_rng(0).random((2, 4, 4, 3)).astype("float32")
    return np.kron(noise, np.ones((1, 4, 4, 1), "float32")) * 0.8 + 0.1


def read_map(model, layer, pictures):
    """Return what comes out of a layer, by a Keras model of our own."""
    inside = keras.Model(model.inputs[0], model.get_layer(layer).output)
    return inside(pictures).numpy()


# Inversion


def test_a_layer_that_loses_nothing_gives_the_picture_back(copying, images):
    options = {"steps": 150, "variation": 0, "space": "pixels", "colour": "plain"}
    found = dreams.invert(copying, "copy", images, **options)
    assert np.abs(found - images).mean() < 0.02


def test_a_layer_of_means_gives_back_the_means_and_no_more(copying, images):
    options = {"steps": 150, "variation": 0, "space": "pixels", "colour": "plain"}
    found = dreams.invert(copying, "blocks", images, **options)
    known = read_map(copying, "blocks", images)
    assert np.abs(read_map(copying, "blocks", found) - known).max() < 0.03
    assert np.abs(found - images).mean() > 0.1


# Caricature


def test_a_caricature_goes_farther_in_the_same_direction(model, images):
    drawn = dreams.caricature(model, "second", images, steps=60)
    seen, overdone = (read_map(model, "second", shown) for shown in (images, drawn))
    length = np.linalg.norm(seen.reshape(2, -1), axis=1)
    farther = np.linalg.norm(overdone.reshape(2, -1), axis=1)
    dots = (seen * overdone).sum((1, 2, 3))
    assert (dots > 1.1 * length**2).all()
    assert (dots / length / farther > 0.7).all()


def test_the_power_of_the_cosine_keeps_other_directions_out(model, images):
    cosines = []
    for power in (0, 8):
        drawn = dreams.caricature(model, "second", images, power=power, steps=60)
        seen, overdone = (
            read_map(model, "second", shown).reshape(2, -1) for shown in (images, drawn)
        )
        lengths = np.linalg.norm(seen, axis=1) * np.linalg.norm(overdone, axis=1)
        cosines.append((seen * overdone).sum(axis=1) / lengths)
    assert (cosines[1] > cosines[0]).all()


# Dreams


def test_a_dream_makes_the_layer_louder_and_keeps_size_and_range(model):
    photograph = np.random.default_rng(2).random((40, 50, 3)).astype("float32")
    photograph = 0.3 + 0.4 * photograph
    dreamed = dreams.dream(model, "first", photograph, octaves=1, steps=8, jitter=3)
    assert dreamed.shape == photograph.shape
    assert dreamed.dtype == np.float32
    assert 0 <= dreamed.min() < dreamed.max() <= 1
    look = model.get_layer("first")
    loud = [
        float(tf.reduce_mean(look(page[None]) ** 2)) for page in (photograph, dreamed)
    ]
    assert loud[1] > 1.5 * loud[0]
    again = dreams.dream(model, "first", photograph, octaves=1, steps=8, jitter=3)
    assert np.array_equal(dreamed, again)


def test_a_step_adds_as_much_as_the_rate_says(model):
    photograph = np.full((32, 32, 3), 0.5, "float32")
    photograph += np.random.default_rng(2).normal(0, 0.02, photograph.shape)
    dreamed = dreams.dream(model, "first", photograph, octaves=1, steps=1, rate=0.01)
    assert np.sqrt(((dreamed - photograph) ** 2).mean()) == pytest.approx(
        0.01, rel=0.01
    )


def test_octaves_go_from_a_small_copy_to_the_whole_photograph(model, monkeypatch):
    shapes = []

    def make_step(look, rate):
        def take_step(values, shift):
            shapes.append(tuple(values.shape[1:3]))
            return values + 0.1

        return take_step

    monkeypatch.setattr(dreams, "_make_step", make_step)
    photograph = np.full((64, 96, 3), 0.2, "float32")
    dreamed = dreams.dream(model, "first", photograph, octaves=2, scale=2.0, steps=2)
    assert shapes == [(32, 48)] * 2 + [(64, 96)] * 2
    assert np.allclose(dreamed, 0.2 + 4 * 0.1)  # what the first octave added stays


# What goes wrong


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"octaves": 3}, "first octave must be at least 32 pixels to a side, got 20"),
        ({"octaves": 0}, "octaves must be a whole number of at least 1, got 0"),
        ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
        ({"scale": 1}, "scale must be above 1, got 1"),
        ({"layer": "third"}, "The layer 'third' does not exist"),
    ],
)
def test_what_cannot_be_dreamt_is_said_in_one_sentence(model, settings, message):
    asked = {"layer": "first", "image": np.zeros((40, 50, 3)), "octaves": 1, **settings}
    with pytest.raises(ValueError, match=re.escape(message)):
        dreams.dream(model, **asked)


def test_a_stack_is_no_photograph(model):
    with pytest.raises(ValueError, match=re.escape("got shape (1, 40, 50, 3)")):
        dreams.dream(model, "first", np.zeros((1, 40, 50, 3)))


def test_a_layer_that_sees_nothing_is_told(model, images):
    shut = keras.models.clone_model(model)
    shut.set_weights(model.get_weights())
    shut.get_layer("second").bias.assign(np.full(6, -100.0))
    with pytest.raises(ValueError, match="got nothing for picture 0; take an earlier"):
        dreams.invert(shut, "second", images)
