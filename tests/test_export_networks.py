"""How networks become text, and which the page refuses."""

import base64

import numpy as np
import pytest

from helpers import export_networks

pytestmark = pytest.mark.usefixtures("started")


def read(exported):
    kind = {"float16": "<f2", "float32": "<f4"}[exported["type"]]
    values = np.frombuffer(base64.b64decode(exported["base64"]), kind)
    return values.reshape(exported["shape"]).astype("float32")


def build(*hidden, last=None):
    from keras import Sequential, layers

    last = last or layers.Dense(2, activation="softmax")
    return Sequential([layers.Input((6, 6, 1)), *hidden, layers.Flatten(), last])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("value", "kind"), [(0.1, "float32"), (0.125, "float16"), (1e6, "float32")]
)
def test_arrays_come_back_as_they_were(value, kind):
    values = np.float32([[value, -2], [65504, 2**-24]])
    exported = export_networks.export_array(values)
    assert exported["type"] == kind
    np.testing.assert_array_equal(read(exported), values)


def test_a_network_comes_back_layer_by_layer():
    from keras import Model, layers

    model = build(
        layers.Conv2D(3, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.BatchNormalization(epsilon=0.01),
    )
    exported = export_networks.export_network(model)
    conv, pool, norm, flatten, dense = exported["layers"]
    assert exported["input"] == [6, 6, 1]
    assert (conv["padding"], conv["activation"]) == ("same", "relu")
    assert (pool["pool_size"], norm["epsilon"]) == ((2, 2), 0.01)
    assert flatten["kind"] == "Flatten"
    assert dense["activation"] == "linear"  # the page takes the softmax by itself
    assert set(norm["weights"]) == {"gamma", "beta", "moving_mean", "moving_variance"}
    np.testing.assert_array_equal(
        read(conv["weights"]["kernel"]), model.layers[0].kernel
    )
    # The logits by NumPy, from what goes into the last layer.
    pattern = np.float32([7919 * number % 256 / 255 for number in range(36)])
    before = Model(model.inputs[0], model.layers[-1].input)(pattern.reshape(1, 6, 6, 1))
    logits = np.array(before)[0] @ read(dense["weights"]["kernel"])
    np.testing.assert_allclose(exported["tried"], logits, atol=1e-5)


def test_what_the_page_cannot_compute_is_refused():
    from keras import Input, Model, layers

    refused = {
        "is of the kind AveragePooling2D": build(layers.AveragePooling2D(2)),
        r"only with dilation_rate=1": build(layers.Conv2D(2, 3, dilation_rate=2)),
        "only with activation='linear'": build(layers.Conv2D(2, 3, activation="gelu")),
        "only with max_value=None": build(layers.ReLU(max_value=6)),
        "this network ends in logits": build(last=layers.Dense(2)),
        "this network ends in sigmoid": build(
            last=layers.Dense(1, activation="sigmoid")
        ),
    }
    inputs = Input((6, 6, 1))
    both = layers.Concatenate()([layers.ReLU()(inputs), layers.ReLU()(inputs)])
    outputs = layers.Dense(2, activation="softmax")(layers.Flatten()(both))
    refused["without branches"] = Model(inputs, outputs)
    for sentence, model in refused.items():
        with pytest.raises(ValueError, match=sentence):
            export_networks.export_network(model)


def test_pools_are_chosen_by_the_rule():
    one = np.array([1, 0, 1, 1, 1, 1, 1, 1, 1], bool)
    other = np.array([1, 1, 1, 0, 1, 1, 1, 1, 1], bool)
    np.testing.assert_array_equal(
        export_networks.choose_pools(one, other), [0, 2, 4, 5, 6, 7]
    )


def test_the_page_names_every_file_that_it_needs():
    page = (export_networks.SOURCES / "index.html").read_text(encoding="utf-8")
    scripts = {path.name for path in export_networks.SOURCES.glob("*.js")}
    assert scripts == {name for name in scripts if f'src="{name}"' in page}
    assert "://" not in page
