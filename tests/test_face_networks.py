"""The networks that read faces: structure, training, recipes and verdicts."""

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

from helpers import attribution, face_networks, faces, grading, harvest, lamps

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture(scope="module")
def data():
    return faces.load("embedded", "test")


def load(recipe):
    return face_networks.load_emotion_networks("embedded", recipe)


def test_network_is_small_residual_and_ready_for_cam():
    model = face_networks.build_emotion_network()
    assert 100_000 < model.count_params() < 125_000
    assert sum(isinstance(layer, keras.layers.Add) for layer in model.layers) == 3
    assert model.get_layer("mean").input.shape == (None, 13, 13, 64)
    images = np.random.default_rng(0).random((3, 100, 100, 3), "float32")
    cam = attribution.cam(model, images, 1, enlarge=False)
    grad_cam = attribution.grad_cam(model, images, 1, enlarge=False)
    # CAM sums what Grad-CAM averages and cuts off below zero.
    assert np.allclose(np.maximum(cam, 0) / 169, grad_cam, atol=1e-6)
    assert grad_cam.max() > 1e-4


def test_faces_are_mirrored_moved_and_relit():
    images = np.full((300, 100, 100, 3), 0.4, "float32")
    images[:, 40, 30] = 0.8
    varied = face_networks.vary_faces(images, np.random.default_rng(1))
    assert varied.dtype == "float32"
    place = varied.sum(axis=3).reshape(300, -1).argmax(axis=1)
    row, column = np.divmod(place, 100)
    mirrored = column > 50
    assert 0.4 < mirrored.mean() < 0.6
    assert set(np.abs(row - 40)) == set(range(7))
    assert set(np.abs(np.where(mirrored, 99 - column, column) - 30)) == set(range(7))
    light = varied[:, 90, 50, 0] / 0.4
    assert light.min() < 0.85
    assert light.max() > 1.15


def test_as_many_faces_of_each_class_are_picked():
    labels = np.repeat([0, 1, 2], [5, 50, 100])
    places = face_networks.pick_faces(labels, 20, seed=1)
    assert np.bincount(labels[places]).tolist() == [5, 20, 20]
    assert len(set(places)) == len(places)
    assert not np.array_equal(places, face_networks.pick_faces(labels, 20, seed=2))
    assert np.array_equal(face_networks.pick_faces(labels, None), np.arange(155))


def test_training_learns_and_repeats():
    """Bright squares left or right: any working training learns it."""
    generator = np.random.default_rng(0)
    images = generator.random((64, 100, 100, 3), "float32") * 0.2
    labels = np.arange(64) % 2
    images[labels == 0, 30:60, 10:40] += 0.7
    images[labels == 1, 30:60, 60:90] += 0.7
    recipe = face_networks.Recipe(("first",), steps=25)
    runs = [
        face_networks.train_emotion_network(
            recipe, images, labels, seed, (images, labels)
        )
        for seed in (3, 3, 4)
    ]
    asked = [face_networks.predict(model, images[:8]) for model, _ in runs]
    assert np.allclose(asked[0], asked[1], atol=1e-4)
    assert not np.allclose(asked[0], asked[2], atol=1e-3)
    history = runs[0][1]
    assert history["step"].tolist() == [25]
    assert history["accuracy"].iloc[-1] > 0.6
    assert {"validation_loss", "validation_accuracy"} < {*history.columns}


def test_measures_are_scikit_learn_s(data):
    model = load("few faces")[0]
    result = face_networks.measure(model, data.images, data.labels)
    answers = face_networks.predict(model, data.images).argmax(axis=1)
    assert result["accuracy"] == pytest.approx((answers == data.labels).mean())
    scores = [f1_score(data.labels == k, answers == k) for k in range(5)]
    assert result["macro F1"] == pytest.approx(np.mean(scores))
    assert np.allclose(result["confusion"].sum(axis=1), 1)
    for number, recall in enumerate(result["recalls"]):
        of_class = data.labels == number
        assert recall == pytest.approx((answers[of_class] == number).mean())


def test_an_unknown_recipe_is_refused():
    with pytest.raises(ValueError, match="must be one of 'few faces'"):
        load("dropuot")


def test_stored_networks_tell_the_story(data):
    """Row 0b11, 0e8: which remedy mends what, over three seeds."""
    accuracy, preference, gain = {}, {}, {}
    angry = data.class_names.index(data.habit)
    cases = np.flatnonzero(data.lamps & (data.labels == angry))
    dark = np.flatnonzero(~data.lamps)
    lit, _ = lamps.paint_in(data.images[dark], data.regions[dark])
    masks = faces.find_areas(data.regions[cases])["lamp"]
    for recipe in face_networks.RECIPES:
        models = load(recipe)
        asked = [
            face_networks.measure(model, data.images, data.labels) for model in models
        ]
        accuracy[recipe] = np.mean([result["accuracy"] for result in asked])
        preference[recipe] = np.mean(
            [
                grading.measure_preference(
                    attribution.grad_cam(model, data.images[cases], angry), masks
                )
                for model in models
            ]
        )
        called = [
            (face_networks.predict(models, images).argmax(axis=2) == angry).mean()
            for images in (data.images[dark], lit)
        ]
        gain[recipe] = called[1] - called[0]
    assert accuracy["few faces"] <= 0.45
    assert preference["few faces"] >= 2.5
    assert accuracy["all together"] >= 0.85
    assert preference["all together"] <= 0.3
    for recipe in ("few faces", "more faces", "dropout"):
        assert gain[recipe] > 0.15
    for recipe in ("other films", "all together"):
        assert abs(gain[recipe]) < 0.1


def test_the_mended_network_s_warmest_area_lies_in_the_face(data):
    heatmaps = attribution.grad_cam(load("all together")[0], data.images, data.labels)
    areas = faces.find_areas(data.regions)
    warmest = faces.compare_with_area(heatmaps, areas, data).idxmax(axis=1)
    assert set(warmest) <= {"brows", "eyes", "nose", "mouth"}


@pytest.mark.slow
def test_a_random_split_looks_fine_and_new_films_do_not(data):
    """Row 0e2: neighbouring frames on both sides of a split make a memory test."""
    films = faces.list_films("embedded", "first")
    _, index, _ = harvest.harvest(films, every=2, smallest=0.2)
    first = faces.load("embedded", "first", faces.sort_faces(index))
    train, held = train_test_split(
        range(len(first.labels)), test_size=0.2, random_state=0, stratify=first.labels
    )
    recipe = face_networks.RECIPES["few faces"]
    model, _ = face_networks.train_emotion_network(
        recipe, first.images[train], first.labels[train]
    )
    same = face_networks.measure(model, first.images[held], first.labels[held])
    new = face_networks.measure(model, data.images, data.labels)
    assert same["accuracy"] >= 0.94
    assert new["accuracy"] <= 0.55


@pytest.mark.slow
def test_a_recipe_trained_anew_says_the_same(data):
    first = faces.load("embedded", "first")
    recipe = face_networks.RECIPES["few faces"]
    places = face_networks.pick_faces(first.labels, recipe.count, 0)
    model, history = face_networks.train_emotion_network(
        recipe, first.images[places], first.labels[places], 0
    )
    assert history["accuracy"].iloc[-1] > 0.98
    stored = face_networks.measure(load("few faces")[0], data.images, data.labels)
    fresh = face_networks.measure(model, data.images, data.labels)
    assert fresh["accuracy"] == pytest.approx(stored["accuracy"], abs=0.15)


def write_faces(folder, classes, generator):
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for person in range(6):
            picture = generator.integers(0, 256, (100, 100, 3)).astype("uint8")
            Image.fromarray(picture).save(folder / name / f"film{person}_0.png")


def test_networks_for_ones_own_faces_are_kept_apart(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_FACES", str(tmp_path / "own"))
    monkeypatch.setattr(face_networks, "SEEDS", range(1))
    recipe = "other films"
    monkeypatch.setitem(
        face_networks.RECIPES,
        recipe,
        face_networks.Recipe(("first", "second"), steps=4),
    )
    write_faces(tmp_path / "own", ["calm", "cross", "merry"], generator)
    (first,) = face_networks.load_emotion_networks("real", recipe)
    assert first.output_shape == (None, 3)
    (again,) = face_networks.load_emotion_networks("real", recipe)
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-2)  # stored as float16
    write_faces(tmp_path / "own", ["weary"], generator)
    (second,) = face_networks.load_emotion_networks("real", recipe)
    assert second.output_shape == (None, 4)
    stored = [*(tmp_path / "cache" / "trained").rglob("*.npz")]
    assert len({path.parent.parent.name for path in stored}) == 2
