"""Photographs of hotels: listed, fetched, split, painted, or refused in a sentence."""

from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
import requests

from helpers import hotel_photographs, scenes, sources

AREAS = {"bathroom": 40, "swimming_pool": 90, "bedroom": 140, "lobby": 190}
HELLO = b"hello\n"
BLOB = "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object of HELLO


@pytest.fixture
def own_hotel(tmp_path, monkeypatch):
    """A folder an area, six photographs each, of one grey a photograph."""
    for area, grey in AREAS.items():
        (tmp_path / area).mkdir()
        for place in range(6):
            picture = np.full((60, 90, 3), grey + 6 * place, "uint8")
            cv2.imwrite(str(tmp_path / area / f"{place}.png"), picture)
    (tmp_path / "bathroom" / ".hidden.png").write_bytes(b"")
    monkeypatch.setenv(hotel_photographs.VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.delenv(hotel_photographs.VARIABLE, raising=False)
    monkeypatch.setattr(sources, "cache_folders", lambda: [tmp_path / "cache"])
    return tmp_path / "cache" / "hotel_scenes"


# --- The table ----------------------------------------------------------------------


def test_every_photograph_has_its_credit():
    table = pd.read_csv(hotel_photographs.TABLE, keep_default_na=False)
    assert len(table) == 98
    assert table["file"].is_unique
    assert table["area"].value_counts().to_dict() == {
        "bedroom": 44,
        "swimming pool": 23,
        "bathroom": 20,
        "lobby": 11,
    }
    for column in ("author", "licence", "address"):
        assert table[column].str.len().all()
    assert table["page"].str.startswith("https://").all()
    assert table["blob"].str.fullmatch("[0-9a-f]{40}").all()
    assert set(table["split"]) == set(hotel_photographs.SPLITS)
    wet = table["area"].isin(["bathroom", "swimming pool"])
    assert set(table["rail"][wet]) == {"yes", "no"}
    assert (table["rail"][~wet] == "").all()
    credits = hotel_photographs.credits()
    assert [*credits.columns] == ["author", "licence", "page"]
    assert credits.index.tolist() == table["file"].tolist()


def test_pictures_of_one_room_stay_together():
    """These show the same room, seen by eye."""
    split = pd.read_csv(hotel_photographs.TABLE, index_col="file")["split"]
    for area, places in (
        ("bathroom", (0, 13)),
        ("bathroom", (4, 12, 14)),
        ("bathroom", (16, 17)),
        ("bedroom", (12, 14, 16, 20, 24)),
        ("bedroom", (17, 43)),
    ):
        assert len({split[f"{area}/{area}_{place:02}.jpg"] for place in places}) == 1


# --- Fetching -----------------------------------------------------------------------


def list_one(tmp_path, monkeypatch, blob):
    table = pd.read_csv(hotel_photographs.TABLE).head(1).assign(blob=blob)
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False)
    monkeypatch.setattr(hotel_photographs, "TABLE", path)
    return table["file"][0]


def answer(monkeypatch, content):
    asked = []

    def get(url, timeout):
        asked.append(url)
        return SimpleNamespace(content=content, raise_for_status=lambda: None)

    monkeypatch.setattr(hotel_photographs.requests, "get", get)
    return asked


def test_the_hash_is_git_s():
    assert hotel_photographs._hash_blob(HELLO) == BLOB


def test_a_photograph_is_fetched_once_checked_and_reduced(
    tmp_path, own_cache, monkeypatch
):
    picture = np.full((900, 1280, 3), (30, 120, 220), "uint8")
    content = cv2.imencode(".png", picture)[1].tobytes()
    blob = hotel_photographs._hash_blob(content)
    file = list_one(tmp_path, monkeypatch, blob)
    asked = answer(monkeypatch, content)
    for _ in range(2):
        table = hotel_photographs.list_photographs()
    assert len(asked) == 1
    assert asked[0].startswith("https://")
    assert " " not in asked[0]
    assert table["path"].tolist() == [own_cache / file]
    kept = cv2.imread(str(own_cache / file))
    assert kept.shape == (450, 640, 3)
    assert np.abs(kept.astype(int) - picture[0, 0]).max() <= 3
    assert [path.name for path in (own_cache / file).parent.iterdir()] == [
        file.split("/")[1]
    ]


def test_another_file_is_refused_in_a_sentence(tmp_path, own_cache, monkeypatch):
    file = list_one(tmp_path, monkeypatch, BLOB)
    answer(monkeypatch, b"<html>busy</html>")
    with pytest.raises(sources.SourceError, match="is another file") as caught:
        hotel_photographs.list_photographs()
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not [*own_cache.rglob("*.jpg")]


def test_no_network_is_told_in_a_sentence(tmp_path, own_cache, monkeypatch):
    list_one(tmp_path, monkeypatch, BLOB)

    def get(url, timeout):
        raise requests.ConnectionError("refused")

    monkeypatch.setattr(hotel_photographs.requests, "get", get)
    with pytest.raises(sources.SourceError, match="could not be fetched") as caught:
        hotel_photographs.list_photographs()
    assert "COURSE_EDITION=embedded" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- Splits and pairs ---------------------------------------------------------------


def test_an_own_hotel_is_split_and_named(own_hotel):
    table = hotel_photographs.list_photographs()
    assert len(table) == 24
    assert hotel_photographs.list_areas(table) == [
        "bathroom",
        "swimming pool",
        "bedroom",
        "lobby",
    ]
    counts = table.groupby(["area", "split"]).size().unstack()
    assert (counts >= 1).all(axis=None)
    assert (counts["train"] == counts.max(axis=1)).all()
    assert hotel_photographs.list_photographs().equals(table)


def test_pictures_and_labels_belong_together(own_hotel, capsys):
    data = scenes.load("real", "train")
    assert data.images.shape[1:] == (224, 224, 3)
    assert data.images.dtype == data.rails.dtype == "float32"
    assert capsys.readouterr().out == f"{data.description}\n"
    greys = [AREAS[name.replace(" ", "_")] for name in data.class_names]
    corner = data.images[:, 0, 0, 0] * 255
    assert (np.abs(corner - np.array(greys)[data.labels] - 15) <= 16).all()
    has_rail = data.rails.any(axis=(1, 2))
    assert np.array_equal(has_rail, data.labels == 0)
    assert not data.regions.any()


def test_twins_differ_where_the_painted_rail_is_only(own_hotel):
    pairs = scenes.load_pairs("real", "test")
    apart = np.abs(pairs.with_rail - pairs.without_rail).max(axis=-1)
    assert pairs.rails.any(axis=(1, 2)).all()
    for different, cover in zip(apart, pairs.rails, strict=True):
        near = cv2.dilate((cover > 0).astype("uint8"), np.ones((37, 37))) > 0
        assert not different[~near].any()
        assert different[cover > 0.9].mean() > 0.02
    found = scenes.take_as_found(pairs)
    assert np.array_equal(found.rails.any(axis=(1, 2)), found.labels == 0)


def test_splits_share_no_photograph(own_hotel):
    pictures = [scenes.load("real", split).images for split in scenes.SPLITS]
    pictures += [
        scenes.load_pairs("real", split).without_rail for split in scenes.PAIR_SPLITS
    ]
    greys = [set(np.rint(images[:, 0, 0, 0] * 255)) for images in pictures]
    assert sum(map(len, greys)) == len(set().union(*greys)) == 24


@pytest.mark.parametrize("absent", ["swimming_pool", "lobby/5.png", "everything"])
def test_too_small_a_hotel_is_refused_in_a_sentence(own_hotel, absent, monkeypatch):
    if absent == "everything":
        monkeypatch.setenv(hotel_photographs.VARIABLE, str(own_hotel / "no such"))
    elif absent == "swimming_pool":
        (own_hotel / absent).rename(own_hotel / "garden")
    else:
        for place in (3, 4, 5):
            (own_hotel / "lobby" / f"{place}.png").unlink()
    with pytest.raises(ValueError, match="must hold one folder an area") as caught:
        scenes.load("real", "train")
    assert hotel_photographs.VARIABLE in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.real
def test_the_photographs_are_there_and_are_pictures(monkeypatch):
    monkeypatch.delenv(hotel_photographs.VARIABLE, raising=False)
    table = pd.read_csv(hotel_photographs.TABLE)
    if hotel_photographs._find_folder(table) is None:
        pytest.skip("absent from the cache folders: hotel_scenes")
    images = hotel_photographs.read_pictures(hotel_photographs.list_photographs())
    assert images.shape == (98, 224, 224, 3)
    assert images.std(axis=(1, 2, 3)).min() > 0.05
