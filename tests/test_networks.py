import numpy as np
import pytest

from helpers import digits, networks, probes

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


def test_batched_prediction_equals_one_call(data):
    model = networks.load_digit_networks("embedded", "plain")[0]
    asked = data.test_images[:23]
    whole = model(asked).numpy()
    assert np.allclose(networks.predict(model, asked, batch_size=5), whole, atol=1e-6)
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
