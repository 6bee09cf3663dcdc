import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from data_scripts import render_hotel
from data_scripts.rendering import hotel
from helpers import scenes

PLACES = [("test", 3), ("test", 260), ("spare", 1), ("train", 700), ("validation", 95)]


@pytest.fixture(scope="module")
def labels():
    return pd.read_csv(scenes.FOLDER / "labels.csv")


@pytest.mark.parametrize(("split", "place"), PLACES)
def test_committed_pictures_are_what_their_seeds_give(split, place, labels):
    """Up to what JPEG loses; another picture of the same area is far off."""
    job = hotel.list_jobs(split)[place]
    picture = hotel.render(job)
    row = labels[labels["split"] == split].iloc[place]
    assert (row["area"], row["seed"]) == (job.area, picture.seed)
    assert row["rail"] == pytest.approx(picture.rail.mean(), abs=0.001)
    if split in hotel.TWINS:
        stored = scenes.load_pairs("embedded", split)
        pairs = [(picture.image, stored.with_rail), (picture.twin, stored.without_rail)]
    else:
        stored = scenes.load("embedded", split)
        pairs = [(picture.image, stored.images)]
    for drawn, kept in pairs:
        assert np.abs(drawn / 255 - kept[place]).mean() < 0.02
        assert np.abs(drawn / 255 - kept[place + 1]).mean() > 0.05
    assert np.abs(picture.rail - stored.rails[place]).mean() < 0.005
    assert (picture.regions != stored.regions[place]).mean() < 0.01


def test_twins_are_the_same_room_seen_from_the_same_place():
    job = hotel.list_jobs("test")[3]
    seed, place = hotel._find_place(job)
    bare, with_rail = hotel._build(job.area, seed), hotel._build(job.area, seed, place)
    for name in ("solids", "materials", "lights"):
        first, second = getattr(bare, name), getattr(with_rail, name)
        assert np.array_equal(first, second[: len(first)])
    assert len(with_rail.solids) > len(bare.solids)
    assert len(with_rail.lights) == len(bare.lights)
    assert np.array_equal(np.hstack(bare.camera), np.hstack(with_rail.camera))


def test_twins_differ_by_the_rail_and_by_what_it_does_to_light():
    """Far from it, by nothing or little; most pixels by nothing at all."""
    pairs = scenes.load_pairs("embedded", "test")
    change = np.abs(pairs.with_rail - pairs.without_rail).max(axis=-1)
    for one, rail in zip(change[::37], pairs.rails[::37], strict=True):
        far = ndimage.distance_transform_edt(rail == 0) > 12
        assert np.median(one[far]) <= 2 / 255
        assert one[rail > 0.5].mean() > 5 * one[far].mean()


def test_every_twin_shows_a_rail_and_hardly_any_other_room_does(labels):
    twins = labels[labels["split"].isin(hotel.TWINS)]
    assert twins["rail"].between(0.004, 0.16).all()
    for split in hotel.TWINS:
        areas = twins.loc[twins["split"] == split, "area"].value_counts()
        wanted = dict(zip(scenes.CLASS_NAMES, hotel.COUNTS[split], strict=True))
        assert {name: areas.get(name, 0) for name in wanted} == wanted
    train = labels[labels["split"] == "train"]
    shown = (train["rail"] > 0).groupby(train["area"]).mean()
    assert shown["bathroom"] >= 0.95
    assert shown.drop("bathroom").max() <= 0.015


def test_no_two_pictures_have_one_seed(labels):
    assert labels["seed"].is_unique


def test_a_map_holds_the_rail_and_the_region():
    generator = np.random.default_rng(0)
    rail = generator.integers(0, 16, (1, 8, 8)) / 15
    regions = generator.integers(0, len(scenes.REGIONS), (1, 8, 8)).astype("uint8")
    packed = render_hotel.pack_map(rail, regions)
    assert packed.dtype == "uint8"
    assert np.array_equal(packed % 16, regions)
    assert np.allclose(packed // 16 / scenes.RAIL_STEPS, rail)


def test_an_unknown_split_is_named(capsys):
    with pytest.raises(SystemExit):
        render_hotel.main(["tests"])
    assert "no split named 'tests'; choose from train, " in capsys.readouterr().err
