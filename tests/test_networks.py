import numpy as np
import pytest

from helpers import digits, networks, objects, probes, sources

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture(scope="module")
def data():
    return digits.load("embedded")


def test_architecture_is_the_story_s():
    """Rows 2b8 to 2b14: layers, parameters by layer, start weights."""
    model = networks.build_digit_network()
    assert model.count_params() == 231_140
    counted = [layer.count_params() for layer in model.layers if layer.count_params()]
    assert counted == [520, 25_050, 205_056, 514]
    shapes = [tuple(layer.output.shape[1:]) for layer in model.layers]
    assert shapes == [
        (24, 24, 20),
        (12, 12, 20),
        (8, 8, 50),
        (4, 4, 50),
        (800,),
        (256,),
        (2,),
    ]
    for layer, gain in zip((0, 2, 5, 6), (2, 2, 2, 1), strict=True):
        kernel, bias = model.layers[layer].get_weights()
        fan_in = np.prod(kernel.shape[:-1])
        fan_out = np.prod(kernel.shape[:-2], initial=1) * kernel.shape[-1]
        limit = np.sqrt(gain * 6 / (fan_in + fan_out))
        assert abs(kernel).max() == pytest.approx(limit, rel=0.02)
        assert not bias.any()


@pytest.mark.parametrize("recipe", networks.RECIPES)
def test_shipped_networks_read_the_test_set(data, recipe):
    models = networks.load_digit_networks("embedded", recipe)
    calls = networks.predict(models, data.test_images).argmax(axis=-1)
    assert calls.shape == (5, len(data.test_labels))
    assert (calls == data.test_labels).mean(axis=1).min() > 0.95
    first, second = (model.get_weights()[0] for model in models[:2])
    assert not np.array_equal(first, second)


def test_unknown_recipe_lists_the_known_ones(data):
    for ask in (
        lambda: networks.load_digit_networks("embedded", "shift"),
        lambda: networks.train_digit_network(data.test_images, data.test_labels, "x"),
    ):
        with pytest.raises(ValueError, match=r"'plain', 'shifts', .*got '(shift|x)'"):
            ask()


def test_stored_networks_answer_as_before(tmp_path, data):
    models = networks.load_digit_networks("embedded", "neither")
    path = tmp_path / "new" / "copy.npz"
    networks.save_digit_networks(path, models)
    again = networks._read_networks(path, "neither")
    asked = data.test_images[:10]
    assert np.array_equal(
        networks.predict(models, asked), networks.predict(again, asked)
    )
    assert [file.name for file in path.parent.iterdir()] == ["copy.npz"]


def test_prediction_is_the_model_or_one_row_a_model(data):
    model = networks.load_digit_networks("embedded", "plain")[0]
    asked = data.test_images[:23]
    whole = model(asked).numpy()
    assert np.allclose(networks.predict(model, asked), whole, atol=1e-6)
    assert np.allclose(networks.predict([model, model], asked)[1], whole, atol=1e-6)


@pytest.mark.slow
def test_training_repeats_and_learns(data):
    images, labels = data.train_images[:1000], data.train_labels[:1000]
    answers = [
        networks.predict(
            networks.train_digit_network(images, labels, recipe, seed, epochs=3),
            data.test_images,
        )
        for recipe, seed in [("plain", 1), ("plain", 1), ("plain", 2)]
    ]
    assert np.array_equal(answers[0], answers[1])
    assert not np.array_equal(answers[0], answers[2])
    assert (answers[0].argmax(axis=1) == data.test_labels).mean() > 0.95


@pytest.mark.slow
def test_recipes_show_what_they_promise(data, monkeypatch):
    """Look at what each recipe hands to Keras in its first epoch."""
    import keras

    seen = {}

    def watch(self, images, labels, **_):
        seen["images"], seen["labels"] = images, labels

    monkeypatch.setattr(keras.Sequential, "fit", watch)
    images, labels = data.train_images[:100], data.train_labels[:100]
    for recipe in networks.RECIPES:
        networks.train_digit_network(images, labels, recipe, epochs=1)
        moved = not np.array_equal(seen["images"][:100], images)
        assert moved == ("shifts" in recipe)
        recentred = digits.centre(seen["images"][:100])
        assert np.allclose(recentred, digits.centre(images)) or "shifts" in recipe
        marks = seen["labels"] == 2
        assert marks.sum() == (50 if "neither" in recipe else 0)
        assert np.array_equal(seen["labels"][:100], labels)


@pytest.mark.slow
def test_shipped_network_can_be_made_again(data):
    """Seed 0 trained here gives the shipped network's verdicts on clear questions."""
    made = networks.train_digit_network(data.train_images, data.train_labels)
    shipped = networks.load_digit_networks("embedded", "plain")[0]
    asked = np.concatenate([data.test_images, probes.draw_bars(row=[7, 8, 20, 21])])
    here, there = networks.predict([made, shipped], asked)
    assert np.array_equal(here.argmax(axis=1), there.argmax(axis=1))


def test_real_networks_are_trained_once_and_kept(tmp_path, monkeypatch, data):
    trained = []
    five = networks.load_digit_networks("embedded", "plain")

    def train(images, labels, recipe):
        trained.append(recipe)
        return five

    monkeypatch.setattr(networks.digits, "load", lambda edition: data)
    monkeypatch.setattr(networks, "train_digit_networks", train)
    monkeypatch.setattr(networks.sources, "cache_folders", lambda: [tmp_path])
    monkeypatch.setattr(networks.sources, "writable_cache_folder", lambda: tmp_path)
    for _ in range(2):
        models = networks.load_digit_networks("real", "plain")
    assert trained == ["plain"]
    asked = data.test_images[:5]
    assert np.array_equal(
        networks.predict(models, asked), networks.predict(five, asked)
    )


def test_the_readme_s_first_sentence_is_true(data):
    """The shipped networks read every test digit, and name a dash and a moved 1 a 7."""
    models = networks.load_digit_networks("embedded", "plain")
    calls = networks.predict(models, data.test_images).argmax(axis=-1)
    assert (calls == data.test_labels).all()
    ones = data.test_images[data.test_labels == 0]
    slimmest = ones[[ones.sum(axis=(1, 2, 3)).argmin()]]
    asked = [probes.draw_bars(row=8), digits.shift(slimmest, right=6, down=0)]
    sevens = networks.predict(models, np.concatenate(asked))[..., 1]
    assert sevens.mean(axis=0).min() > 0.95


# The network that names objects.


@pytest.fixture(scope="module")
def pictures():
    return objects.load("embedded")


@pytest.fixture(scope="module")
def object_network():
    return networks.load_object_network("embedded")


def test_object_network_has_named_blocks_and_a_sharp_last_map(object_network):
    names = [layer.name for layer in object_network.layers]
    for block in range(1, 6):
        place = names.index(f"block{block}_conv")
        assert names[place : place + 3] == [
            f"block{block}_{part}" for part in ("conv", "norm", "relu")
        ]
        assert not object_network.layers[place].use_bias
    kinds = [type(layer).__name__ for layer in object_network.layers[-3:]]
    assert kinds == ["ReLU", "GlobalAveragePooling2D", "Dense"]
    assert object_network.layers[-3].output.shape[1:] == (16, 16, 128)
    assert object_network.input_shape == (None, 128, 128, 3)
    stored = networks._DATA / "objects" / "network.npz"
    assert stored.stat().st_size < 1e6


def test_object_network_names_the_test_pictures(object_network, pictures):
    answers = networks.predict(object_network, pictures.images)
    assert np.allclose(answers.sum(axis=1), 1, atol=1e-5)
    right = answers.argmax(axis=1) == pictures.labels
    assert right.mean() > 0.97
    assert min(right[pictures.labels == label].mean() for label in range(12)) > 0.85


def test_each_class_of_a_pair_is_mapped_to_its_own_object(object_network, pictures):
    """Class activation maps from the two last layers, against the masks."""
    import keras

    last = object_network.get_layer("block5_relu")
    ask = keras.Model(object_network.inputs, [last.output, *object_network.outputs])
    features, answers = ask.predict(pictures.pair_images, batch_size=100, verbose=0)
    labels, masks = pictures.pair_labels, pictures.pair_masks
    first = answers.argmax(axis=1)
    assert (first[:, None] == labels).any(axis=1).mean() >= 0.95
    weights = object_network.get_layer("classes").get_weights()[0]
    maps = np.einsum("nyxk,knc->ncyx", features, weights[:, labels])
    peaks = maps.reshape(*maps.shape[:2], -1).argmax(axis=2)
    row, column = (8 * place + 4 for place in np.divmod(peaks, 16))
    number = np.arange(len(labels))
    hits = masks[number[:, None], [[0, 1]], row, column]
    scores = np.take_along_axis(answers, labels, axis=1)
    higher = scores.argmax(axis=1)
    assert hits[number, higher].mean() > 0.9
    assert hits[number, 1 - higher].mean() > 0.75
    swapped = masks[number[:, None], [[1, 0]], row, column]
    assert swapped.mean() < 0.15


def test_pictures_are_moved_mirrored_and_relit():
    """One white pixel on grey, at (40, 50), tells where everything went."""
    images = np.full((300, 128, 128, 3), 100, "uint8")
    images[:, 40, 50] = 200
    varied = networks.vary_objects(images, np.random.default_rng(5))
    assert varied.dtype == "float32"
    assert 0 <= varied.min() < varied.max() <= 1
    brightest = varied.sum(axis=3).reshape(300, -1).argmax(axis=1)
    row, column = np.divmod(brightest, 128)
    mirrored = column > 63
    assert 0.4 < mirrored.mean() < 0.6
    reach = networks._OBJECT_REACH
    for moves in (row - 40, np.where(mirrored, 127 - column, column) - 50):
        assert set(np.abs(moves)) == set(range(reach + 1))
    grey = varied[:, 100, 100] / (100 / 255)
    assert grey.min() == pytest.approx(0.75 * 0.88, abs=0.05)
    assert grey.max() == pytest.approx(1.25 * 1.12, abs=0.05)
    assert grey.std(axis=1).max() > 0.05  # the three colours change apart


@pytest.mark.slow
def test_object_training_repeats_and_learns(pictures):
    small = (pictures.images[:96] * 255).astype("uint8"), pictures.labels[:96]
    validation = pictures.images[:24], pictures.labels[:24]
    answers = [
        networks.predict(
            networks.train_object_network(*small, validation, seed, epochs),
            pictures.images[:96],
        )
        for seed, epochs in [(1, 2), (1, 2), (2, 30)]
    ]
    assert np.array_equal(answers[0], answers[1])
    assert (answers[2].argmax(axis=1) == small[1]).mean() > 3 / 12  # three times chance


def test_one_group_of_networks_can_be_trained_alone(monkeypatch, capsys):
    from data_scripts import train_networks

    trained = []
    for group in train_networks.TRAIN:
        monkeypatch.setitem(
            train_networks.TRAIN, group, lambda group=group: trained.append(group)
        )
    train_networks.main(["objects"])
    assert trained == ["objects"]
    train_networks.main([])
    assert trained == ["objects", "digits", "objects", "emotions", "vgg", "hotel"]
    with pytest.raises(SystemExit):
        train_networks.main(["faces"])
    assert "'faces'; choose from digits, objects, emotions" in capsys.readouterr().err


@pytest.mark.real
def test_real_object_network_takes_pictures_between_0_and_1():
    """Black comes to MobileNetV2 as -1, white as 1."""
    import keras

    weights = sources.locate("mobilenet-v2/weights")
    if weights is None:
        pytest.skip("absent from the cache folders: mobilenet-v2/weights")
    model = networks.load_object_network("real")
    grey = np.linspace(0, 1, 3, dtype="float32")[:, None, None, None]
    asked = np.broadcast_to(grey, (3, 224, 224, 3))
    bare = keras.applications.MobileNetV2(weights=str(weights))
    prepared = keras.applications.mobilenet_v2.preprocess_input(asked * 255)
    assert np.allclose(
        networks.predict(model, asked), networks.predict(bare, prepared), atol=1e-5
    )
