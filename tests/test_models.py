import json
from pathlib import Path

import numpy as np
import pytest

from helpers import models

NAMES = ["red", "green"]


def build_detector(size=(60, 60), low=0.0, high=1.0, head="softmax"):
    """Build a network whose answer provably depends on pure red and pure green only.

    It has one map for either colour, the mean of each, and one weight for each class.
    """
    from keras import Input, Sequential, layers

    kernel = np.array([[1, -1], [-1, 1], [-1, -1]], "float32")
    model = Sequential(
        [
            Input((*size, 3)),
            layers.Rescaling(1 / (high - low), offset=-low / (high - low)),
            layers.Conv2D(2, 1, activation="relu", name="colours"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation=head),
        ]
    )
    model.get_layer("colours").set_weights([kernel[None, None], np.full(2, -0.5)])
    model.layers[-1].set_weights([3000 * np.eye(2), np.zeros(2)])
    return model


@pytest.fixture(scope="module")
def detector(started):
    return build_detector()


# Any model becomes one for pictures in [0, 1]


def test_a_model_that_needs_nothing_is_returned_itself(detector):
    assert models.adapt_model(detector) is detector


def build_two_headed():
    from keras import Model, layers

    body = build_detector()
    means = body.layers[-2].output
    colour = layers.Dense(2, activation="softmax", name="colour")(means)
    bright = layers.Dense(1, activation="sigmoid", name="bright")(means)
    model = Model(body.inputs[0], [bright, colour])
    model.get_layer("colour").set_weights([3000 * np.eye(2), np.zeros(2)])
    return model


@pytest.mark.parametrize("output", ["colour", 1, "1"])
@pytest.mark.parametrize("scale", [(0, 1), (-1, 3)])
def test_one_of_several_outputs_is_kept(started, output, scale):
    model = build_two_headed()
    kept = models.adapt_model(model, scale, output)
    images = np.random.default_rng(0).random((3, 60, 60, 3)).astype("float32")
    wanted = model(images * (scale[1] - scale[0]) + scale[0])[1]
    np.testing.assert_allclose(models.predict(kept, images), wanted, atol=1e-5)


@pytest.mark.parametrize("output", ["bright", 1])
def test_an_output_in_a_dict_goes_by_its_key(started, output):
    from keras import Model

    model = build_two_headed()
    bright, colour = model.outputs
    # The key of one output is the name of the other's layer.
    named = Model(model.inputs[0], {"bright": colour, "also": bright})
    images = np.random.default_rng(0).random((3, 60, 60, 3)).astype("float32")
    found = models.predict(models.adapt_model(named, output=output), images)
    np.testing.assert_allclose(found, model(images)[1], atol=1e-5)


def test_an_output_must_be_chosen_among_several(started):
    with pytest.raises(
        ValueError, match=r"2 outputs.*bright.*colour.*output=, .*--model-output"
    ):
        models.adapt_model(build_two_headed())
    with pytest.raises(ValueError, match="the model has 2; keep one with"):
        models.name_classes(build_two_headed())
    with pytest.raises(ValueError, match="no output 'size'"):
        models.adapt_model(build_two_headed(), output="size")


@pytest.mark.parametrize("scale", [(1, 1), (0, float("nan"))])
def test_black_and_white_are_two_numbers(detector, scale):
    with pytest.raises(ValueError, match="must be two numbers, for black and for"):
        models.adapt_model(detector, scale)


def test_a_model_for_other_inputs_is_refused(started):
    from keras import Input, Model, layers

    vector, first, second = Input((8,)), Input((8, 8, 3)), Input((8, 8, 3))
    others = [
        Model(vector, layers.Dense(2)(vector)),
        Model([first, second], layers.Flatten()(layers.Add()([first, second]))),
    ]
    for model in others:
        with pytest.raises(ValueError, match="must take one picture"):
            models.read_input_shape(model)
    deep = Input((8, 8, 5))
    with pytest.raises(ValueError, match=r"1 or 3 channels, .* \(8, 8, 5\)"):
        models.read_input_shape(Model(deep, layers.Flatten()(deep)))


# Files that are models, and files that are not


@pytest.mark.parametrize("ending", [".keras", ".h5", ".hdf5"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_model_is_read_from_a_file(detector, tmp_path, ending):
    path = tmp_path / f"model{ending}"
    detector.save(path)
    model, names = models.load_model(str(path))
    images = np.random.default_rng(0).random((2, 60, 60, 3)).astype("float32")
    np.testing.assert_allclose(model(images), detector(images))
    assert names is None


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_code_in_a_model_is_refused_not_run(started, tmp_path, ending):
    from keras import Input, Sequential, layers

    mark = str(tmp_path / "mark")
    code = layers.Lambda(lambda x, mark: (open(mark, "w").close(), x)[1])
    code.arguments = {"mark": mark}
    model = Sequential([Input((8, 8, 3)), code, layers.Flatten()])
    model.save(tmp_path / f"trap{ending}")
    Path(mark).unlink()
    with pytest.raises(ValueError, match=r"no model that Keras .*Lambda") as caught:
        models.load_model(str(tmp_path / f"trap{ending}"))
    assert not Path(mark).exists()
    assert "safe_mode" not in str(caught.value)


@pytest.mark.parametrize("name", ["notes.txt", "model.weights", "mobilenet"])
def test_a_model_has_an_ending(name):
    with pytest.raises(ValueError, match="objects, mobilenet_v2 or a file that ends"):
        models.check_model_file(name)


@pytest.mark.parametrize("ending", [".keras", ".h5", ".hdf5"])
def test_a_file_that_is_no_model_is_found_out_early(tmp_path, ending):
    path = tmp_path / f"letter{ending}"
    path.write_text("Dear reader,")
    with pytest.raises(ValueError, match=f"is not a {ending} file, whatever its name"):
        models.check_model_file(str(path))
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        models.check_model_file(str(tmp_path / f"nobody{ending}"))


def test_weights_and_broken_files_are_no_models(detector, tmp_path):
    detector.save_weights(tmp_path / "some.weights.h5")
    detector.save(tmp_path / "half.keras")
    whole = (tmp_path / "half.keras").read_bytes()
    (tmp_path / "half.keras").write_bytes(whole[: len(whole) // 2])
    for name in ("some.weights.h5", "half.keras"):
        with pytest.raises(ValueError, match="holds no model that Keras can load") as e:
            models.load_model(str(tmp_path / name))
        assert "\n" not in str(e.value)


def test_imagenets_network_brings_imagenets_names(monkeypatch, detector, tmp_path):
    from helpers import networks, sources

    index = tmp_path / "index.json"
    index.write_text(json.dumps({"1": ["n2", "green"], "0": ["n1", "red"]}))
    monkeypatch.setattr(sources, "fetch", {"imagenet/class-index": index}.__getitem__)
    loaders = {"real": detector, "embedded": "the course's own"}
    monkeypatch.setattr(networks, "load_object_network", loaders.__getitem__)
    assert models.load_model("mobilenet_v2") == (detector, NAMES)
    assert models.load_model("objects")[0] == "the course's own"


# Class names


@pytest.mark.parametrize(
    "text",
    [
        "red\ngreen\n",
        "\ufeff red \r\ngreen",
        '["red", "green"]',
        '{"0": "red", "1": "green"}',
        '{"1": ["n2", "green"], "0": ["n1", "red"]}',
    ],
)
def test_class_names_are_read(tmp_path, text):
    (tmp_path / "names").write_text(text, encoding="utf-8")
    assert models.read_class_names(tmp_path / "names") == NAMES


@pytest.mark.parametrize(
    "content",
    [b"", b"red\n\ngreen", b"{", b'{"a": "red"}', b"[1, 2]", b"[[]]", b"\xff\xfe\x00"],
)
def test_what_holds_no_names_is_refused(tmp_path, content):
    (tmp_path / "names").write_bytes(content)
    with pytest.raises(ValueError, match="one name a line, or JSON") as caught:
        models.read_class_names(tmp_path / "names")
    assert "\n" not in str(caught.value)


def test_missing_class_names_are_told():
    with pytest.raises(ValueError, match=r"nobody\.txt cannot be read: No such file"):
        models.read_class_names("nobody.txt")


def test_a_number_among_names_is_a_name_if_it_is_text(started):
    digits = ["1", "7"]
    assert models.find_wanted_class("7", digits) == 1
    assert models.find_wanted_class("1", digits) == 0
    assert models.find_wanted_class(1, digits) == 1
    assert models.find_wanted_class("0", digits) == 0
    assert models.find_wanted_class(np.int64(1), digits) == 1
    assert models.find_wanted_class(None, digits) is None
