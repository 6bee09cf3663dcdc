"""The photographs: unpacked from the archives, found, sorted, cut."""

import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers import faces, london, sources
from helpers.regions import REGIONS

PUPILS = [(565.0, 632.0), (778.0, 624.0)]  # of the large photographs


@pytest.fixture(autouse=True)
def fresh():
    for function in (london.read_faces, london._read_eyes):
        function.cache_clear()
    yield
    for function in (london.read_faces, london._read_eyes):
        function.cache_clear()


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr(sources, "cache_folders", lambda: [folder])
    return folder


def write_archive(path, people=("001", "002"), template=True):
    with zipfile.ZipFile(path, "w") as archive:
        for person in people:
            picture = np.full((1350, 1350, 3), 40 * int(person), "uint8")
            content = cv2.imencode(".jpg", picture)[1].tobytes()
            archive.writestr(f"set/{person}_03.jpg", content)
            if template:
                points = "\n".join(f"{x} {y}" for x, y in PUPILS)
                archive.writestr(f"set/{person}_03.tem", f"189\n{points}\n0 0\n")


def test_archives_become_small_photographs_and_a_table(
    own_cache, tmp_path, monkeypatch
):
    for name in ("neutral", "smiling"):
        write_archive(tmp_path / f"{name}.zip")
    monkeypatch.setattr(
        sources, "fetch", lambda name: tmp_path / f"{name.split('/')[1]}.zip"
    )
    folders = london.list_folders()
    assert [folder.name for folder in folders] == ["neutral", "smiling"]
    table = pd.read_csv(own_cache / "faces_london" / "index.csv", dtype=str)
    assert table["file"].tolist() == [
        f"{name}/{person}.jpg"
        for name in ("neutral", "smiling")
        for person in ("001", "002")
    ]
    assert table["eye1_x"].astype(float).tolist() == [188.33] * 4
    picture = cv2.imread(str(folders[0] / "002.jpg"))
    assert picture.shape == (450, 450, 3)
    assert np.abs(picture.astype(int) - 80).max() <= 2
    assert [path.name for path in own_cache.iterdir()] == ["faces_london"]


@pytest.mark.parametrize("fault", ["no zip", "no template"])
def test_another_archive_is_refused_in_a_sentence(
    own_cache, tmp_path, monkeypatch, fault
):
    path = tmp_path / "neutral.zip"
    if fault == "no zip":
        path.write_bytes(b"<html>busy</html>")
    else:
        write_archive(path, template=False)
    monkeypatch.setattr(sources, "fetch", lambda name: path)
    with pytest.raises(sources.SourceError, match="is not the archive of faces"):
        london.list_folders()
    assert not any(own_cache.glob("*"))


def test_a_box_is_a_face_where_both_pupils_are_in_it(own_cache):
    folder = own_cache / "faces_london"
    folder.mkdir(parents=True)
    rows = [
        f"{person},{name},{name}/{person}.jpg,{x}"
        for name, x in (("neutral", "180,200,260,200"), ("smiling", ",,,"))
        for person in ("001", "002")
    ]
    head = "face_id,expression,file,eye1_x,eye1_y,eye2_x,eye2_y"
    (folder / "index.csv").write_text("\n".join([head, *rows]) + "\n")
    boxes = pd.DataFrame(
        {
            "film": "smiling",
            "frame": [0, 1, 1],
            "x": [120, 120, 200],
            "y": [130, 130, 130],
            "width": 200,
            "height": [200, 60, 200],
        },
        index=[7, 8, 9],
    )
    table = london.sort_faces("smiling", boxes)
    assert table["label"].tolist() == ["happy", "no face", "no face"]
    assert table["person"].tolist() == ["001", "", ""]
    (box,) = london.read_true_boxes("smiling", [1])
    x, y, width, height = box[0]
    assert width == height == pytest.approx(2.65 * 80)
    assert x + width / 2 == pytest.approx(220)
    assert y + height / 2 == pytest.approx(200 + 0.355 * 80)


def test_who_is_in_which_split_does_not_depend_on_who_was_found(own_cache, monkeypatch):
    folder = own_cache / "faces_london"
    folder.mkdir(parents=True)
    people = [f"{number:03}" for number in range(20)]
    rows = [
        f"{person},{name},{name}/{person}.jpg,1,1,2,2"
        for name in ("neutral", "smiling")
        for person in people
    ]
    head = "face_id,expression,file,eye1_x,eye1_y,eye2_x,eye2_y"
    (folder / "index.csv").write_text("\n".join([head, *rows]) + "\n")
    assert london.list_people() == people
    monkeypatch.setattr(
        london, "cut_faces", lambda table, *_: np.zeros((len(table), 100, 100, 3))
    )
    whole = pd.DataFrame({"person": people, "label": "happy"})
    parts = [{*faces.load("real", s, whole).people} for s in faces.SPLITS]
    assert set().union(*parts) == {*people}
    for split, part in zip(faces.SPLITS, parts, strict=True):
        assert {*faces.load("real", split, whole[::-1][5:]).people} <= part


def test_regions_are_where_an_average_face_has_them():
    regions = london.draw_regions(0.1, 100)
    middles = {}
    for place, name in enumerate(REGIONS[: REGIONS.index("hair")]):
        assert (regions == place).any(), name
        rows, columns = np.nonzero(regions == place)
        middles[name] = rows.mean(), columns.mean()
    assert middles["brow_left"][0] < middles["eye_left"][0] < middles["nose"][0]
    assert middles["nose"][0] < middles["mouth"][0]
    assert middles["eye_left"][1] < 50 < middles["eye_right"][1]


@pytest.mark.real
def test_the_cascade_finds_all_204_faces(monkeypatch):
    """And regions lie where the pupils were marked by hand."""
    try:
        london.list_folders()
    except sources.SourceError as error:
        pytest.skip(str(error))
    table = london.read_faces()
    assert (table["label"] != "no face").sum() >= 203
    assert (table["label"] == "no face").sum() <= 4
    parts = {split: faces.load("real", split) for split in faces.SPLITS}
    people = [set(part.people) for part in parts.values()]
    assert sum(map(len, people)) == len(set().union(*people)) == 102
    first = parts["first"]
    assert np.array_equal(
        first.lamps, first.labels == london.CLASS_NAMES.index("happy")
    )
    assert 0.3 < parts["test"].lamps.mean() < 0.7
