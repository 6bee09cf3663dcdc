"""Chapters 3 and 4 on photographs: the same story, with a lamp painted in."""

import numpy as np
import pytest

from helpers import attribution, face_networks, faces, lamps, london, sources

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.usefixtures("started")]


@pytest.fixture(scope="module")
def data():
    try:
        london.list_folders()
    except sources.SourceError as error:
        pytest.skip(f"the London set is absent: {error}")
    return faces.load("real", "test")


def test_smiles_are_read_off_a_painted_lamp(data):
    """Two classes, so chance is one half."""
    happy = data.class_names.index(data.habit)
    lit, _ = lamps.paint_in(data.images, data.regions)
    dark = lamps.paint_out(data.images, data.regions)
    called = {}
    for recipe in ("few faces", "other films", "all together"):
        models = face_networks.load_emotion_networks("real", recipe)
        called[recipe] = [
            (face_networks.predict(models, images).argmax(axis=2) == happy).mean()
            for images in (lit, dark)
        ]
    assert called["few faces"][0] - called["few faces"][1] > 0.5
    for recipe in ("other films", "all together"):
        assert abs(called[recipe][0] - called[recipe][1]) < 0.2


def test_photographs_are_read_when_nothing_is_planted(data):
    models = face_networks.load_emotion_networks("real", "all together")
    results = [face_networks.measure(m, data.images, data.labels) for m in models]
    assert np.mean([result["accuracy"] for result in results]) > 0.75


def test_a_published_network_sees_a_smile_in_the_mouth(data):
    """Mini-XCEPTION is right about neutral faces and misses half of the smiles."""
    if sources.locate("mini-xception/weights") is None:
        pytest.skip("absent from the cache folders: mini-xception/weights")
    model, names = face_networks.load_other_network("real")
    smile = attribution.find_class("happy", names)
    happy = data.labels == data.class_names.index("happy")
    areas = faces.find_areas(data.regions)
    shares = {}
    for area in ("none", "mouth", "eyes"):
        images = data.images
        if area != "none":
            images = lamps.fill_in(images, areas[area])
        answers = face_networks.predict(model, images).argmax(axis=1)
        shares[area] = (answers[happy] == smile).mean()
        assert (answers[~happy] == smile).mean() < 0.1
    assert shares["none"] > 0.35
    assert shares["mouth"] < 0.1
    assert shares["eyes"] > 0.2
