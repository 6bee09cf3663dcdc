"""Weights come back as they went, or not at all."""

import keras
import numpy as np
import pytest
from keras import layers

from helpers.weights import read_weights, save_weights

REMAKE = "python make_it.py"


def build(units=3, name="classes"):
    inputs = keras.Input((5,))
    hidden = layers.BatchNormalization(name="norm")(inputs)
    return keras.Model(inputs, layers.Dense(units, name=name)(hidden))


def test_networks_answer_as_before(tmp_path):
    path = tmp_path / "new" / "networks.npz"
    models = [build(), build()]
    asked = np.random.default_rng(0).random((4, 5), "float32")
    save_weights(path, models, ["first", "second"])
    for names in (["first", "second"], ["second", "first"]):
        again = read_weights(path, [build(), build()], REMAKE, names)
        order = [0, 1] if names[0] == "first" else [1, 0]
        for place, model in zip(order, again, strict=True):
            wanted = models[place](asked).numpy()
            assert np.allclose(model(asked).numpy(), wanted, atol=5e-3)
            assert not np.allclose(models[1 - place](asked).numpy(), wanted, atol=0.05)
    assert [file.name for file in path.parent.iterdir()] == ["networks.npz"]


def test_half_the_size_is_float16(tmp_path):
    save_weights(tmp_path / "networks.npz", [build()])
    with np.load(tmp_path / "networks.npz") as stored:
        assert {stored[key].dtype for key in stored.files} == {np.dtype("float16")}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (build(4), r"classes\.kernel should be \(5, 4\) and is \(5, 3\)"),
        (build(name="other"), r"other\.kernel should be \(5, 3\) and is absent"),
        (keras.Model(*[keras.Input((5,))] * 2), r"should be absent and is \(5,\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, model, message):
    path = tmp_path / "networks.npz"
    save_weights(path, [build()])
    with pytest.raises(ValueError, match=f"{message}; make it again with `{REMAKE}`"):
        read_weights(path, [model], REMAKE)


def test_a_network_that_is_not_in_the_file_is_named(tmp_path):
    path = tmp_path / "networks.npz"
    save_weights(path, [build()], ["first"])
    with pytest.raises(ValueError, match=r"norm\.gamma should be \(5,\) and is absent"):
        read_weights(path, [build()], REMAKE, ["second"])
