"""Published networks: built and read right, or refused in one sentence."""

import h5py
import keras
import numpy as np
import pytest

from helpers import real_networks, sources
from helpers.attribution import cam, grad_cam, integrated_gradients, layer_cam
from helpers.attribution.graph import find_feature_step, read_graph
from helpers.networks import predict

pytestmark = pytest.mark.usefixtures("started")

# The layers of VGG-Face's file, as its makers name them, and their filters.
TRUE_LAYERS = {
    **dict.fromkeys(["conv1_1", "conv1_2"], 64),
    **dict.fromkeys(["conv2_1", "conv2_2"], 128),
    **dict.fromkeys(["conv3_1", "conv3_2", "conv3_3"], 256),
    **dict.fromkeys(["conv4_1", "conv4_2", "conv4_3"], 512),
    **dict.fromkeys(["conv5_1", "conv5_2", "conv5_3"], 512),
}
WEIGHTLESS = ["input_1", "pool1", "pool2", "pool3", "pool4", "pool5"]


def list_shapes():
    """Return name to (kernel shape, bias shape), in the file's order."""
    inputs = [3, *TRUE_LAYERS.values()]
    return {
        name: [(3, 3, channels, filters), (filters,)]
        for channels, (name, filters) in zip(inputs, TRUE_LAYERS.items(), strict=False)
    }


def write_file(path, shapes, draw=None):
    """Write a weights file as Keras 2 did: groups, names in attributes.

    Without `draw` all numbers are 0, and HDF5 does not store them: a small file.
    """
    with h5py.File(path, "w") as file:
        names = [*shapes, *WEIGHTLESS]
        file.attrs["layer_names"] = [name.encode() for name in names]
        file.attrs["backend"] = b"tensorflow"
        for name in WEIGHTLESS:
            file.create_group(name).attrs["weight_names"] = np.array([], "S1")
        for name, pair in shapes.items():
            group = file.create_group(name)
            parts = [f"{name}/kernel:0", f"{name}/bias:0"][: len(pair)]
            group.attrs["weight_names"] = [part.encode() for part in parts]
            for part, shape in zip(parts, pair, strict=True):
                values = None if draw is None else draw(shape)
                group.create_dataset(part, shape, "float32", values, fillvalue=0)
    return path


def draw_weights(seed=0):
    """Return a function that draws small random weights which let signals through."""
    generator = np.random.default_rng(seed)

    def draw(shape):
        inputs = np.prod(shape[:-1]) if len(shape) == 4 else 100
        scale = np.sqrt(2 / inputs)
        return (scale * generator.standard_normal(shape)).astype("float32")

    return draw


# --- Reading VGG-Face ---------------------------------------------------------------


def test_the_architecture_is_vgg16s():
    assert real_networks.CONVOLUTIONS == TRUE_LAYERS
    model = real_networks.build_vgg_face()
    # The number that Keras documents for VGG16 without its top.
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 14_714_688
    assert model.output_shape == (None, 14, 14, 512)


def test_all_layers_are_read_in_order(tmp_path):
    found = real_networks.read_vgg_face(write_file(tmp_path / "f.h5", list_shapes()))
    assert {n: [a.shape for a in pair] for n, pair in found.items()} == list_shapes()
    assert [*found] == [*TRUE_LAYERS]


def damage(kind):
    """Return the shapes of a file that is wrong in one way."""
    shapes = list_shapes()
    if kind == "missing":
        del shapes["conv4_2"]
    elif kind == "short":
        del shapes["conv5_3"]
    elif kind == "order":
        names = [*shapes]
        names[1], names[2] = names[2], names[1]
        shapes = {name: shapes[name] for name in names}
    elif kind == "shape":
        shapes["conv2_1"][0] = (3, 3, 128, 64)
    elif kind == "no bias":
        shapes["conv1_2"].pop()
    elif kind == "top":
        shapes["fc6"] = [(2, 2), (2,)]
    elif kind == "imagenet":
        shapes = {name.replace("conv", "block"): pair for name, pair in shapes.items()}
    return shapes


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "expected layer 9 conv4_2, got conv4_3"),
        ("short", "expected layer 13 conv5_3, got its end"),
        ("order", "expected layer 2 conv1_2, got conv2_1"),
        ("shape", r"expected conv2_1 in the shapes .*got \[\(3, 3, 128, 64\)"),
        ("no bias", r"expected conv1_2 in the shapes .*got \[\(3, 3, 64, 64\)\]"),
        ("top", "expected 13 layers with weights, got fc6"),
        ("imagenet", "expected layer 1 conv1_1, got block1_1"),
    ],
)
def test_a_file_of_other_layers_gives_one_sentence(kind, said, tmp_path):
    path = write_file(tmp_path / "f.h5", damage(kind))
    assert_refused(path, said)


def assert_refused(path, said):
    with pytest.raises(ValueError, match=said) as caught:
        real_networks.read_vgg_face(path)
    message = str(caught.value)
    assert "\n" not in message
    assert ". " not in message
    assert str(path) in message
    assert "data_scripts/fetch.py" in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_what_is_no_hdf5_file_or_cut_short_gives_one_sentence(tmp_path):
    path = tmp_path / "f.h5"
    path.write_text("<html>Please log in.</html>")
    assert_refused(path, "expected an HDF5 file")
    write_file(
        path, list_shapes(), lambda shape: np.zeros(shape) if 3 in shape else None
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_refused(path, "expected an HDF5 file")
    with h5py.File(path, "w") as file:
        file["numbers"] = [1, 2]
    assert_refused(path, "expected an HDF5 file")
    assert_refused(tmp_path / "absent.h5", "expected an HDF5 file")


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    path = write_file(tmp_path / "f.h5", list_shapes())
    with h5py.File(path, "r+") as file:
        file["conv1_1/conv1_1/bias:0"][3] = np.nan
    assert_refused(path, "expected conv1_1 in numbers")


def test_faces_are_prepared_as_vgg_face_wants_them():
    model = real_networks.build_vgg_face()
    prepared = keras.Model(model.input, model.get_layer("conv1_1").input)
    images = np.random.default_rng(0).random((1, 224, 224, 3)).astype("float32")
    red, green, blue = np.moveaxis(255 * images, -1, 0)
    expected = np.stack([blue - 93.5940, green - 104.7624, red - 129.1863], axis=-1)
    np.testing.assert_allclose(prepared(images).numpy(), expected, atol=1e-3)


@pytest.mark.slow
def test_vgg16_prepares_pictures_as_keras_does():
    model = real_networks.build_vgg16(None)
    assert model.count_params() == 138_357_544  # as Simonyan & Zisserman count them
    prepared = keras.Model(model.input, model.get_layer("block1_conv1").input)
    images = np.random.default_rng(0).random((1, 224, 224, 3)).astype("float32")
    expected = keras.applications.vgg16.preprocess_input(255 * images)
    np.testing.assert_allclose(prepared(images).numpy(), expected, atol=1e-3)


@pytest.mark.slow
def test_vgg_face_computes_what_vgg16_computes_with_its_weights(tmp_path):
    """Keras reads the file in its own way and runs its own layers."""
    path = write_file(tmp_path / "f.h5", list_shapes(), draw_weights())
    keras_own = keras.applications.VGG16(include_top=False, weights=None)
    keras_own.load_weights(path)
    keras_own = keras.Model(keras_own.input, keras_own.get_layer("block5_conv3").output)
    model = real_networks.build_vgg_face()
    real_networks.give_weights(model, real_networks.read_vgg_face(path))
    image = np.random.default_rng(1).random((1, 224, 224, 3)).astype("float32")
    mean = np.array([93.5940, 104.7624, 129.1863], "float32")
    expected = keras_own(255 * image[..., ::-1] - mean).numpy()
    got = model(image).numpy()
    assert expected.std() > 0.1
    np.testing.assert_allclose(got, expected, atol=1e-4 * np.abs(expected).max())


# --- People -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embed():
    """An untrained network that describes 16×16 pictures with ten numbers."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((16, 16, 3))
    maps = keras.layers.Conv2D(10, 3, name="describe")(inputs)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(maps))


def test_people_are_told_apart_by_cosines(embed):
    generator = np.random.default_rng(4)
    gallery = generator.random((5, 16, 16, 3)).astype("float32")
    images = generator.random((7, 16, 16, 3)).astype("float32")
    model = real_networks.build_identity_network(embed, gallery)
    known, asked = (embed(x).numpy().astype(float) for x in (gallery, images))
    lengths = np.linalg.norm(asked, axis=1)
    cosines = asked @ known.T / np.outer(lengths, np.linalg.norm(known, axis=1))
    logits = 32 * cosines * lengths[:, None] / np.linalg.norm(known, axis=1).mean()
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict(model, images), expected, atol=1e-4)
    asked_of = predict(model, gallery).argmax(axis=1)
    np.testing.assert_array_equal(asked_of, np.arange(5))
    assert find_feature_step(read_graph(model)).name == "describe"
    # Its logits are linear in the last map, so that CAM applies and is Grad-CAM:
    # 14×14 places share a gradient, and Grad-CAM keeps what speaks for the class.
    maps = cam(model, images, 2, enlarge=False)
    np.testing.assert_allclose(
        grad_cam(model, images, 2, enlarge=False), maps.clip(0) / 14**2, atol=1e-5
    )


def test_a_fifth_of_the_people_is_held_out():
    people = np.repeat([f"{number:03}" for number in range(30)], 2)
    held_out = real_networks.hold_out(people)
    assert len(set(held_out)) == 6
    assert set(held_out) < set(people)
    assert held_out == real_networks.hold_out(people[::-1])
    assert held_out != real_networks.hold_out(people, seed=1)
    assert len(real_networks.hold_out(np.array(["a", "b", "c"]))) == 1


# --- Which networks play the roles --------------------------------------------------

VGGS = {"vgg16/weights", "vgg-face/weights-without-top"}
SMALL = {"mobilenet-v2/weights", "mobile-face-net/network", "mini-xception/weights"}


@pytest.fixture
def at_hand(monkeypatch, tmp_path):
    """Return a function that says which sources the cache folders have."""
    monkeypatch.setattr(sources, "cache_folders", lambda: [tmp_path])

    def have(names):
        monkeypatch.setattr(
            sources, "locate", lambda name: tmp_path / "f" if name in names else None
        )
        for role in ("mobilenet", "mobile_face_net", "mini_xception"):
            monkeypatch.setattr(real_networks, f"_load_{role}", lambda role=role: role)

    return have


@pytest.mark.parametrize("names", [SMALL, SMALL | {"vgg16/weights"}])
def test_small_networks_stand_in_where_only_they_are(names, at_hand, capsys):
    at_hand(names)
    loaded = real_networks.load_roles()
    assert loaded == ["mobilenet", "mobile_face_net", "mini_xception"]
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "stand in for them" in said


@pytest.mark.parametrize("names", [VGGS, VGGS | SMALL, set(), {"vgg16/weights"}])
def test_untrained_emotions_give_a_sentence_before_any_download(names, at_hand):
    at_hand(names)
    with pytest.raises(ValueError, match=r"train_vgg_emotion\.py") as caught:
        real_networks.load_roles()
    assert "\n" not in str(caught.value)


def test_a_damaged_vgg_emotion_gives_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "cache_folders", lambda: [tmp_path])
    path = tmp_path / "trained" / "vgg_emotion.npz"
    path.parent.mkdir()
    path.write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(
        ValueError, match=r"train it again with .*emotion\.py"
    ) as caught:
        real_networks.load_vgg_emotion()
    assert "\n" not in str(caught.value)


def test_what_was_learned_is_kept_whole(tmp_path, monkeypatch):
    """With three small layers of the names of those that learn."""
    monkeypatch.setattr(sources, "cache_folders", lambda: [tmp_path])
    inputs = outputs = keras.Input((4,))
    for name in ("frozen", *real_networks._LEARNED):
        outputs = keras.layers.Dense(3, name=name)(outputs)
    model = keras.Model(inputs, outputs)
    trained = real_networks.Emotions(model, ["happy", "neutral"], ["005"], "faces")
    path = real_networks.save_vgg_emotion(trained)
    assert [file.name for file in path.parent.iterdir()] == ["vgg_emotion.npz"]
    with np.load(path, allow_pickle=False) as stored:
        assert stored["class_names"].tolist() == ["happy", "neutral"]
        assert stored["held_out"].tolist() == ["005"]
        assert stored["folder"] == "faces"
        for name in real_networks._LEARNED:
            kernel, bias = model.get_layer(name).get_weights()
            np.testing.assert_array_equal(stored[f"{name}.0"], kernel)
            np.testing.assert_array_equal(stored[f"{name}.1"], bias)
        assert not any(name.startswith("frozen") for name in stored)


def test_who_was_held_out_must_still_be_there(monkeypatch):
    people = np.array(["001", "002"])
    faces = real_networks.Gathered(np.zeros((2, 4, 4, 3)), people, people)
    monkeypatch.setattr(real_networks, "gather_faces", lambda size, folder: faces)
    trained = real_networks.Emotions(None, ["happy"], ["003"], "")
    with pytest.raises(ValueError, match=r"in the London set any more; train it again"):
        real_networks._ask_emotions(trained)


# --- The real files -----------------------------------------------------------------


@pytest.fixture(scope="module")
def roles():
    missing = [name for name in SMALL if sources.locate(name) is None]
    if missing:
        pytest.skip(f"absent from the cache folders: {', '.join(missing)}")
    if all(map(sources.locate, VGGS)):
        pytest.skip("the VGGs are at hand, so that nothing stands in for them")
    return real_networks.load_roles()


@pytest.mark.real
@pytest.mark.slow
def test_the_roles_fit_their_pictures(roles):
    assert [role.role for role in roles] == ["objects", "identities", "emotions"]
    for role in roles:
        graph = read_graph(role.model)
        steps = [find_feature_step(graph, layer) for layer in role.layers]
        sides = [step.shape[0] for step in steps]
        assert len(steps) == 5
        assert sides == sorted(sides, reverse=True)
        for step in steps:
            readers = [s for s in graph.steps if set(s.inputs) & set(step.outputs)]
            assert [_is_relu(s.operation) for s in readers] == [True]
        assert role.images.shape[1:] == role.model.input_shape[1:]
        assert len(role.labels) == len(role.images)
        assert role.labels.max() < role.model.output_shape[1] == len(role.class_names)
        if role.regions is not None:
            assert role.regions.shape == role.images.shape[:3]


def _is_relu(operation):
    activation = getattr(operation, "activation", None)
    return isinstance(operation, keras.layers.ReLU) or (
        getattr(activation, "__name__", "") == "relu"
    )


@pytest.mark.real
@pytest.mark.slow
def test_the_methods_read_the_real_networks(roles):
    for role in roles:
        images, labels = role.images[:4], role.labels[:4]
        for method, options in ((integrated_gradients, {"steps": 4}), (layer_cam, {})):
            heatmaps = method(role.model, images, labels, **options)
            assert heatmaps.shape == images.shape[:3]
            assert np.isfinite(heatmaps).all()
            assert (np.abs(heatmaps).max(axis=(1, 2)) > 0).all()
        # MobileFaceNet ends in weights of their own for each place, so that gradients
        # averaged over places say little: two thirds of its Grad-CAM maps are zero.
        heatmaps = grad_cam(role.model, images, labels)
        assert role.role == "identities" or heatmaps.max(axis=(1, 2)).all()


@pytest.mark.real
@pytest.mark.slow
def test_the_real_networks_know_their_trade(roles):
    right = {
        role.role: predict(role.model, role.images).argmax(axis=1) == role.labels
        for role in roles
    }
    assert right["objects"].mean() > 0.6
    assert len(right["identities"]) == 102
    assert right["identities"].mean() >= 0.95
    emotions = roles[2]
    neutral = emotions.labels == emotions.class_names.index("neutral")
    assert right["emotions"][neutral].mean() > 0.6
    assert 0.3 < right["emotions"][~neutral].mean() < 0.9  # it misses half the smiles
