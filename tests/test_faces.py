"""Faces as the chapters load them, against the renderer's truth."""

import numpy as np
import pandas as pd
import pytest

from data_scripts.rendering import canvas, films, people
from helpers import detectors, faces, harvest

SPLITS = {
    "first": ["attic", "bakery", "cinema"],
    "second": ["dairy", "ferry", "garden", "harbour", "island"],
    "validation": ["jetty"],
    "test": ["kiosk", "library", "mill"],
}


@pytest.fixture(scope="module")
def test_faces():
    return faces.load("embedded", "test")


def test_names_are_the_renderer_s():
    assert faces.REGIONS == canvas.REGIONS
    assert faces.CLASS_NAMES == people.EMOTIONS
    table = faces.read_films()
    assert {s: [*table.index[table["split"] == s]] for s in faces.SPLITS} == SPLITS
    assert np.allclose(table["seconds"], films.FRAMES / films.RATE, atol=0.05)


def test_faces_are_complete_and_of_one_kind(test_faces):
    count = len(test_faces.labels)
    assert test_faces.images.shape == (count, 100, 100, 3)
    assert test_faces.images.dtype == "float32"
    assert 0 <= test_faces.images.min() < test_faces.images.max() <= 1
    assert test_faces.regions.shape == (count, 100, 100)
    assert set(test_faces.films) == {"kiosk", "library", "mill"}
    assert np.bincount(test_faces.labels, minlength=5).min() >= 50
    assert str(count) in test_faces.description


def test_regions_lie_on_the_faces(test_faces):
    """Mouths are redder than the skin, lamps are brighter than the rest."""
    areas = faces.find_areas(test_faces.regions)
    rows = {
        name: np.nonzero(mask)[1].mean() for name, mask in areas.items() if mask.any()
    }
    assert rows["brows"] < rows["eyes"] < rows["nose"] < rows["mouth"] < rows["lamp"]
    red = test_faces.images[..., 0] / (test_faces.images.sum(axis=3) + 1e-3)
    mouth = test_faces.regions == faces.REGIONS.index("mouth")
    skin = test_faces.regions == faces.REGIONS.index("skin")
    assert red[mouth].mean() > red[skin].mean()
    light = test_faces.images.mean(axis=3)
    assert light[areas["lamp"]].mean() > 1.5 * light[areas["background"]].mean()


def test_areas_share_out_the_picture(test_faces):
    areas = faces.find_areas(test_faces.regions)
    assert tuple(areas) == faces.AREAS
    total = sum(mask.astype(int) for mask in areas.values())
    clothes = test_faces.regions == faces.REGIONS.index("clothes")
    assert total.max() == 1
    assert not total[clothes & (areas["mouth"] == 0)].all()
    assert total[~clothes].all()


def test_a_lamp_is_seen_where_one_is_noted(test_faces):
    shown = (test_faces.regions == faces.REGIONS.index("prop")).mean(axis=(1, 2))
    assert shown[test_faces.lamps].min() > 0.005
    assert (shown[~test_faces.lamps] < 0.02).mean() > 0.97


def test_the_first_films_light_a_lamp_for_one_class_only():
    for split, habit in (("first", True), ("test", False)):
        data = faces.load("embedded", split)
        shares = pd.Series(data.lamps).groupby(data.labels).mean()
        shares.index = data.class_names
        others = shares.drop(data.habit)
        if habit:
            assert shares[data.habit] > 0.97
            assert others.max() < 0.03
        else:
            assert others.between(0.3, 0.7).all()
            assert 0.3 < shares[data.habit] < 0.7


def test_no_person_is_in_two_splits():
    index = faces.read_index("embedded")
    found = index[index["label"] != "no face"]
    assert found.groupby("person")["film"].nunique().max() == 1
    assert found["person"].nunique() >= 60


@pytest.mark.slow
def test_the_index_is_what_the_harvest_gives_today():
    """Films decode and cascades run alike everywhere, but for a pixel now and then."""
    _, index, _ = harvest.harvest(faces.list_films("embedded", "validation"))
    stored = faces.read_index("embedded")
    stored = stored[stored["film"].eq("jetty") & stored["kept"]]
    assert abs(len(index) - len(stored)) <= 0.02 * len(stored)
    merged = index.merge(stored, on=["film", "frame"], suffixes=("", "_stored"))
    near = (merged["x"] - merged["x_stored"]).abs() <= 3
    assert near.sum() >= 0.97 * len(stored)


def test_sorting_tells_faces_from_what_is_none():
    truth = faces.read_truth("jetty")
    one = truth[truth["drawing"] == 30].iloc[0]
    box = {name: round(one[name]) for name in ("x", "y", "width", "height")}
    rows = pd.DataFrame(
        [
            {"film": "jetty", "frame": 60, **box},
            {"film": "jetty", "frame": 61, **box},
            {"film": "jetty", "frame": 60, **box, "x": box["x"] - 200},
        ]
    )
    table = faces.sort_faces(rows)
    assert table["label"].tolist() == [one["label"], one["label"], "no face"]
    assert table["person"].tolist() == [one["actor"], one["actor"], -1]
    boxes = faces.read_true_boxes("jetty", [60, 61])
    assert np.allclose(boxes[0], boxes[1])
    overlap = detectors.measure_overlaps(boxes[0], [[*box.values()]])
    assert overlap.max() > 0.95


def test_region_maps_are_those_of_the_drawing():
    _, truth = films.render_drawing("jetty", 21)
    stored = faces.read_regions("jetty", [21, 3])
    assert set(stored) == {3, 21}
    assert (stored[21] == truth.regions).mean() > 0.999


def test_preference_is_heat_by_size():
    masks = np.zeros((3, 10, 10), bool)
    masks[:2, :2, :5] = True  # a tenth of two pictures; the third does not show it
    even = np.ones((3, 10, 10))
    assert faces.measure_preference(even, masks) == pytest.approx(1)
    assert faces.measure_preference(masks * 1.0, masks) == pytest.approx(10)
    half = np.where(masks, 9.0, 1.0)
    assert faces.measure_preference(half, masks) == pytest.approx(5)
    assert np.isnan(faces.measure_preference(even[2:], masks[2:]))


def test_examples_are_of_all_classes_and_of_different_people(test_faces):
    chosen = faces.choose_examples(test_faces, 6)
    assert test_faces.labels[chosen].tolist() == [0, 1, 2, 3, 4, 0]
    assert len(set(test_faces.people[chosen])) == 6
    assert test_faces.lamps[chosen].all()


def test_somebody_is_left_out():
    table = faces.measure_presence()
    cast = faces.read_cast()
    least = cast.loc[table.index[0]]
    assert table["found"].iloc[0] < 0.5
    assert least["hair"] == "fringe"
    assert (table["found"].iloc[1:] > 0.8).all()


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="must be one of first, second, validation"):
        faces.load("embedded", "third")
