"""Faces as the chapters load them, against the renderer's truth."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from data_scripts.rendering import films, people
from helpers import detectors, faces, grading, harvest, own_faces, regions

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
    assert "(kiosk, library, mill)" in test_faces.description
    assert np.bincount(test_faces.labels, minlength=5).min() >= 50
    assert str(count) in test_faces.description


def test_regions_lie_on_the_faces(test_faces):
    """Mouths are redder than the skin, lamps are brighter than the rest."""
    areas = regions.find_areas(test_faces.regions)
    rows = {
        name: np.nonzero(mask)[1].mean() for name, mask in areas.items() if mask.any()
    }
    assert rows["brows"] < rows["eyes"] < rows["nose"] < rows["mouth"] < rows["lamp"]
    red = test_faces.images[..., 0] / (test_faces.images.sum(axis=3) + 1e-3)
    mouth = test_faces.regions == regions.REGIONS.index("mouth")
    skin = test_faces.regions == regions.REGIONS.index("skin")
    assert red[mouth].mean() > red[skin].mean()
    light = test_faces.images.mean(axis=3)
    assert light[areas["lamp"]].mean() > 1.5 * light[areas["background"]].mean()


def test_areas_share_out_the_picture(test_faces):
    areas = regions.find_areas(test_faces.regions)
    assert tuple(areas) == regions.AREAS
    total = sum(mask.astype(int) for mask in areas.values())
    clothes = test_faces.regions == regions.REGIONS.index("clothes")
    assert total.max() == 1
    assert not total[clothes].any()
    assert total[~clothes].all()


def test_a_lamp_is_seen_where_one_is_noted(test_faces):
    shown = (test_faces.regions == regions.REGIONS.index("prop")).mean(axis=(1, 2))
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
    index = faces.read_index()
    found = index[index["label"] != "no face"]
    assert found.groupby("person")["film"].nunique().max() == 1
    assert found["person"].nunique() >= 60


@pytest.mark.slow
def test_the_index_is_what_the_harvest_gives_today():
    """Films decode and cascades run alike everywhere, but for a pixel now and then."""
    _, index, _ = harvest.harvest(faces.list_films("embedded", "validation"))
    stored = faces.read_index()
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


def test_the_truth_of_an_unknown_film_is_not_made_up():
    rows = pd.DataFrame([{"film": "holiday", "frame": 0}])
    with pytest.raises(ValueError, match="the film 'holiday'; sort its faces by hand"):
        faces.sort_faces(rows)
    with pytest.raises(ValueError, match="the film 'holiday'"):
        faces.read_true_boxes("holiday", [0])


def test_a_harvest_in_any_order_keeps_faces_and_labels_together():
    index = faces.read_index().query("kept & film in ['kiosk', 'mill']")
    index = index[index["label"].isin(faces.CLASS_NAMES)].groupby("film").head(6)
    mixed = index.iloc[[0, 6, 1, 7, 2, 8]]
    straight, data = (faces.load("embedded", "test", part) for part in (index, mixed))
    assert len(data.labels) == 6
    for image, label, person in zip(data.images, data.labels, data.people, strict=True):
        same = (straight.images == image).all(axis=(1, 2, 3))
        assert straight.labels[same].tolist() == [label]
        assert straight.people[same].tolist() == [person]


def test_one_face_of_the_first_frame_is_enough_and_none_is_told():
    index = faces.read_index().query("film == 'mill'").head(1)
    index = index.assign(frame=0, label="happy")
    assert faces.load("embedded", "test", index).images.shape == (1, 100, 100, 3)
    with pytest.raises(ValueError, match="belongs to the split 'first'; harvest"):
        faces.load("embedded", "first", index)


def test_hidden_files_are_no_faces_of_the_reader_s(tmp_path):
    for label in ("calm", "cross", ".ipynb_checkpoints"):
        (tmp_path / label).mkdir()
        for name in (
            "ann_1.png",
            "bob_1.png",
            "cleo_1.png",
            "dan_1.png",
            "._ann_1.png",
        ):
            (tmp_path / label / name).touch()
    table = own_faces.read_faces(tmp_path)
    assert table["label"].value_counts().to_dict() == {"calm": 4, "cross": 4}
    assert set(table["person"]) == {"ann", "bob", "cleo", "dan"}


def test_region_maps_are_those_of_the_drawing():
    _, truth = films.render_drawing("jetty", 21)
    stored = faces.read_regions("jetty", [21, 3])
    assert set(stored) == {3, 21}
    assert (stored[21] == truth.regions).mean() > 0.999


def test_preference_is_heat_by_size():
    masks = np.zeros((3, 10, 10), bool)
    masks[:2, :2, :5] = True  # a tenth of two pictures; the third does not show it
    even = np.ones((3, 10, 10))
    assert grading.measure_preference(even, masks) == pytest.approx(1)
    assert grading.measure_preference(masks * 1.0, masks) == pytest.approx(10)
    half = np.where(masks, 9.0, 1.0)
    assert grading.measure_preference(half, masks) == pytest.approx(5)
    assert np.isnan(grading.measure_preference(even[2:], masks[2:]))


def test_examples_are_of_all_classes_and_of_different_people(test_faces):
    chosen = faces.choose_examples(test_faces, 6)
    assert test_faces.labels[chosen].tolist() == [0, 1, 2, 3, 4, 0]
    assert len(set(test_faces.people[chosen])) == 6
    assert test_faces.lamps[chosen].all()


def test_examples_pass_over_a_class_without_faces(test_faces):
    some = np.flatnonzero(np.isin(test_faces.labels, (1, 3)))
    few = test_faces._replace(
        labels=test_faces.labels[some],
        lamps=test_faces.lamps[some],
        people=test_faces.people[some],
    )
    chosen = faces.choose_examples(few, 4)
    assert few.labels[chosen].tolist() == [1, 3, 1, 3]


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


def test_areas_in_no_picture_have_no_row():
    heatmaps = np.ones((2, 4, 4))
    left = np.zeros((2, 4, 4), bool)
    left[:, :, :2] = True
    areas = {"left": left, "nowhere": np.zeros((2, 4, 4), bool)}
    assert faces.measure_areas(heatmaps, areas) == {"left": pytest.approx(1)}


def test_heat_in_an_area_is_compared_class_by_class():
    """All heat of the sad lies on the lamp, that of the happy ones everywhere alike."""
    lamp = np.zeros((4, 10, 10), bool)
    lamp[:, :2, :5] = True  # a tenth
    heatmaps = np.ones((4, 10, 10))
    heatmaps[:2] = lamp[:2]
    data = SimpleNamespace(labels=np.array([1, 1, 0, 0]), class_names=["happy", "sad"])
    table = faces.compare_with_area(heatmaps, {"lamp": lamp, "rest": ~lamp}, data)
    assert table.loc["sad"].tolist() == pytest.approx([10, 0])
    assert table.loc["happy"].tolist() == pytest.approx([1, 1])
