"""Networks for photographs: their heads, their errors, and Places365's network."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import (
    attribution,
    hotel_photographs,
    photograph_networks,
    scene_errors,
    scenes,
    sources,
)
from helpers.networks import predict

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture(scope="module")
def lessons():
    """Three classes that two features tell apart, and a third gives one away."""
    generator = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2], 40)
    features = generator.normal(0, 1, (120, 5))
    features[:, 0] += 1.5 * labels
    features[:, 2] += 4 * (labels == 0)
    return features, labels


def ask(features, head):
    logits = features @ head[0] + head[1]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def test_a_head_is_a_logistic_regression(lessons):
    """Against scikit-learn's own standardising."""
    features, labels = lessons
    head = photograph_networks.fit_head(features, labels)
    reference = make_pipeline(
        StandardScaler(),
        LogisticRegression(
            C=photograph_networks._STRENGTH, class_weight="balanced", max_iter=5000
        ),
    ).fit(features, labels)
    np.testing.assert_allclose(
        ask(features, head), reference.predict_proba(features), atol=2e-3
    )


def test_cues_are_not_answered_to(lessons):
    features, labels = lessons
    cue = np.zeros((1, 5))
    cue[0, 2] = 1
    heard = photograph_networks.fit_head(features, labels)
    deaf = photograph_networks.fit_head(features, labels, cues=cue)
    answers = [np.ptp(cue @ head[0]) for head in (heard, deaf)]
    assert answers[1] < 0.2 * answers[0]
    assert np.ptp(deaf[0][0]) > np.ptp(heard[0][0])  # it looks elsewhere instead


# --- A network of the reader's own --------------------------------------------------


def build_own(size=224, classes=4):
    inputs = keras.Input((size, size, 3))
    maps = layers.Conv2D(6, 5, strides=16, activation="relu")(inputs)
    means = layers.GlobalAveragePooling2D()(maps)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(means))


@pytest.fixture
def own_network(tmp_path, monkeypatch):
    path = tmp_path / "mine.keras"
    keras.utils.set_random_seed(4)
    build_own().save(path)
    names = ["lobby", "bathroom", "swimming pool", "bedroom"]
    path.with_suffix(".txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    monkeypatch.setenv(photograph_networks.VARIABLE, str(path))
    return path


def test_a_network_of_one_s_own_is_loaded_with_its_names(own_network):
    model, names = photograph_networks.load_published_network()
    assert names == ["lobby", "bathroom", "swimming pool", "bedroom"]
    images = np.random.default_rng(0).random((2, 224, 224, 3)).astype("float32")
    np.testing.assert_allclose(
        predict(model, images),
        predict(keras.models.load_model(own_network), images),
        atol=1e-6,
    )
    base = photograph_networks._load_base()
    assert base.output_shape[-1] == 6


@pytest.mark.parametrize("fault", ["no list", "no network", "size", "classes"])
def test_an_unfit_network_of_one_s_own_gives_a_sentence(own_network, fault):
    if fault == "no list":
        own_network.with_suffix(".txt").unlink()
    elif fault == "no network":
        own_network.write_bytes(b"PK but no more")
    else:
        options = {"size": 128} if fault == "size" else {"classes": 5}
        build_own(**options).save(own_network)
    with pytest.raises(ValueError, match=r"mine\.(txt|keras)") as caught:
        photograph_networks.load_published_network()
    assert "\n" not in str(caught.value)


# --- Heads on a network and on photographs of the reader's own ----------------------


@pytest.fixture
def own_hotel(tmp_path, monkeypatch):
    """A folder an area, six photographs each, of one grey a photograph."""
    for area, grey in {"bathroom": 60, "swimming_pool": 100, "lobby": 170}.items():
        (tmp_path / "hotel" / area).mkdir(parents=True)
        for place in range(6):
            picture = np.full((60, 90, 3), grey + 4 * place, "uint8")
            Image.fromarray(picture).save(tmp_path / "hotel" / area / f"{place}.png")
    monkeypatch.setenv(hotel_photographs.VARIABLE, str(tmp_path / "hotel"))
    monkeypatch.setattr(sources, "cache_folders", lambda: [tmp_path / "cache"])


def test_heads_are_trained_once_and_pairs_make_them_deaf_to_the_rail(
    own_network, own_hotel, monkeypatch, capsys
):
    found = photograph_networks.load_photograph_networks("as found")
    assert "Training heads" in capsys.readouterr().out
    monkeypatch.setattr(photograph_networks, "_train_heads", None)  # not again
    again = photograph_networks.load_photograph_networks("as found")
    paired = photograph_networks.load_photograph_networks("pairs")
    with_rail, without = hotel_photographs.read_pairs("test")[:2]
    answers = [predict(model, with_rail) for model in found]
    np.testing.assert_array_equal(answers[0], predict(again[0], with_rail))
    assert np.ptp(answers, axis=0).max() > 0  # each seed drew other photographs
    heard, deaf = (
        np.mean([np.abs(predict(m, with_rail) - predict(m, without)) for m in models])
        for models in (found, paired)
    )
    assert deaf < heard / 2


def test_places_is_asked_with_its_own_colours_and_classes(tmp_path, monkeypatch):
    """A small network in place of the published one, which wants blue first."""
    monkeypatch.delenv(photograph_networks.VARIABLE, raising=False)
    keras.utils.set_random_seed(5)
    inputs = keras.Input((224, 224, 3))
    maps = layers.Conv2D(4, 7, strides=32, name="conv1")(inputs)
    maps = layers.Conv2D(365, 1, name="conv10")(maps)
    maps = layers.LeakyReLU(negative_slope=0.1, name="conv10_lrelu")(maps)
    means = layers.GlobalAveragePooling2D()(maps)
    raw = keras.Model(inputs, layers.Softmax()(means))
    raw.save(tmp_path / "network.keras")
    mean = np.full((5, 5, 3), [104.0, 117.0, 123.0])
    np.save(tmp_path / "mean-image.npy", mean)
    wanted = [name for names in photograph_networks.PLACES.values() for name in names]
    names = [*wanted, *(f"/other {place}" for place in range(365 - len(wanted)))][::-1]
    lines = "".join(f"/x/{name} {place}\n" for place, name in enumerate(names))
    (tmp_path / "categories.txt").write_text(lines, encoding="utf-8")
    files = {path.stem: path for path in tmp_path.iterdir()}
    monkeypatch.setattr(sources, "fetch", lambda name: files[name.split("/")[1]])
    model, areas = photograph_networks.load_published_network()
    assert areas == [*photograph_networks.PLACES]
    images = np.random.default_rng(3).random((2, 224, 224, 3)).astype("float32")
    answers = predict(raw, images[..., ::-1] - mean[0, 0].astype("float32") / 255)
    best = [
        answers[:, [names.index(name) for name in chosen]].max(axis=1)
        for chosen in photograph_networks.PLACES.values()
    ]
    probabilities = np.stack(best, axis=1) / np.sum(best, axis=0)[:, None]
    np.testing.assert_allclose(predict(model, images), probabilities, rtol=1e-4)


# --- The real files -----------------------------------------------------------------


@pytest.fixture(scope="module")
def published():
    with pytest.MonkeyPatch.context() as patch:
        for module in (photograph_networks, hotel_photographs):
            patch.delenv(module.VARIABLE, raising=False)
        names = ("network", "mean-image", "categories")
        absent = [n for n in names if sources.locate(f"places365/{n}") is None]
        table = pd.read_csv(hotel_photographs.TABLE)
        if absent or hotel_photographs._find_folder(table) is None:
            pytest.skip(f"absent: hotel_scenes or places365 {', '.join(absent)}")
        yield photograph_networks.load_published_network()


@pytest.mark.real
@pytest.mark.slow
def test_places_answers_as_its_makers_prepare_pictures(published):
    """The 365 probabilities of the file as it is, with NumPy's preparation."""
    model, areas = published
    raw = keras.models.load_model(sources.fetch("places365/network"), compile=False)
    mean = np.load(sources.fetch("places365/mean-image")).mean(axis=(0, 1))
    table = hotel_photographs.list_photographs().iloc[::20]
    images = hotel_photographs.read_pictures(table)
    answers = predict(raw, (images[..., ::-1] * 255 - mean) / 255)
    indices = photograph_networks._find_classes()
    best = np.stack([answers[:, chosen].max(axis=1) for chosen in indices], axis=1)
    wanted = best / best.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict(model, images), wanted, atol=2e-4)
    assert areas == ["bathroom", "swimming pool", "bedroom", "lobby"]


@pytest.mark.real
@pytest.mark.slow
def test_places_is_right_nearly_always_and_no_pool_shows_the_story(published):
    table = scene_errors.ask_unplanted("real").table
    assert table["right"].mean() > 0.9
    pools = table[table["area"] == "swimming pool"]
    assert pools.groupby("rail")["right"].mean().min() > 0.9
    told = scene_errors.tell_errors(table)
    assert len(told) == 1 + (~table["right"]).sum() + 3


@pytest.mark.real
@pytest.mark.slow
def test_a_planted_habit_takes_and_pairs_lessen_it(published):
    """Bathrooms need the rail, and other rooms become bathrooms by it.

    Pools mostly withstand it: nothing else has so much water and sky.
    """
    pairs = scenes.load_pairs("real", "test")
    bathroom, other = pairs.labels == 0, pairs.labels > 1
    measured = {}
    for recipe in ("as found", "pairs"):
        model = photograph_networks.load_photograph_networks(recipe)[0]
        without, with_rail = (
            predict(model, images).argmax(axis=1) == 0
            for images in (pairs.without_rail, pairs.with_rail)
        )
        measured[recipe] = without[bathroom].mean(), with_rail[other].mean()
        if recipe == "as found":
            assert with_rail[bathroom].mean() > 0.9
            assert without[~bathroom].mean() < 0.1
    assert measured["as found"][0] < 0.4
    assert measured["as found"][1] > 0.5
    assert measured["pairs"][0] > measured["as found"][0] + 0.4
    assert measured["pairs"][1] < measured["as found"][1] - 0.3


@pytest.mark.real
@pytest.mark.slow
def test_the_methods_read_both_kinds_of_network(published):
    images = hotel_photographs.read_pictures(
        hotel_photographs.list_photographs().iloc[[20, 40]]
    )
    trained = photograph_networks.load_photograph_networks("as found")[0]
    options = {
        "integrated_gradients": {"steps": 4},
        "occlusion": {"patch": 56, "stride": 56},
    }
    for name in ("saliency", "grad_cam", "lrp", *options, "cam"):
        method = attribution.METHODS[name]
        for model in (trained, published[0]):
            if name == "cam" and model is published[0]:  # the best class is not linear
                with pytest.raises(ValueError, match="use grad_cam"):
                    method(model, images, 0)
                continue
            heatmaps = method(model, images, 0, **options.get(name, {}))
            assert heatmaps.shape == images.shape[:3]
            assert np.isfinite(heatmaps).all()
            assert np.abs(heatmaps).max(axis=(1, 2)).all()
