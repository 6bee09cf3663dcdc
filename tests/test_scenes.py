"""Rooms of a hotel: cut out of their sheets, paired, or refused in a sentence."""

import numpy as np
import pytest
from PIL import Image

from helpers import scenes

AREAS = ["bathroom", "lobby", "swimming pool", "bedroom", "bathroom"]


def lay(tiles):
    """Lay tiles out in rows of three, the last row filled up with black."""
    rows = -(-len(tiles) // 3)
    sheet = Image.new("RGB" if tiles[0].ndim == 3 else "L", (3 * 128, rows * 128))
    for place, tile in enumerate(tiles):
        sheet.paste(Image.fromarray(tile), (place % 3 * 128, place // 3 * 128))
    return sheet


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Five rooms of one colour each, with random maps, in a folder of their own."""
    generator = np.random.default_rng(3)
    colours = generator.integers(0, 256, (5, 2, 3)).astype("uint8")
    steps = generator.integers(0, 16, (5, 128, 128))
    regions = generator.integers(0, len(scenes.REGIONS), (5, 128, 128))
    maps = (16 * steps + regions).astype("uint8")
    rows = ["split,tile,area,seed,rail"]
    for split, kinds in (
        ("train", [""]),
        ("validation", [""]),
        ("test", ["_without", "_with"]),
        ("spare", ["_without", "_with"]),
    ):
        for which, kind in enumerate(kinds):
            tiles = [np.full((128, 128, 3), colour[which]) for colour in colours]
            lay(tiles).save(tmp_path / f"{split}{kind}.jpg", quality=95, subsampling=0)
        lay([*maps]).save(tmp_path / f"{split}_maps.png")
        rows += [f"{split},{tile},{area},0,0" for tile, area in enumerate(AREAS)][::-1]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.setattr(scenes, "FOLDER", tmp_path)
    return tmp_path, colours / 255, steps / 15, regions


def test_rooms_come_back_as_they_were_laid_out(made, capsys):
    _, colours, steps, regions = made
    data = scenes.load("embedded", "train")
    assert data.images.dtype == data.rails.dtype == "float32"
    assert data.labels.dtype == "int32"
    assert data.regions.dtype == "uint8"
    assert [data.class_names[label] for label in data.labels] == AREAS
    assert np.array_equal(data.regions, regions)
    np.testing.assert_allclose(data.rails, steps, atol=1e-6)
    wanted = np.broadcast_to(colours[:, None, None, 0], data.images.shape)
    np.testing.assert_allclose(data.images, wanted, atol=0.02)
    printed = capsys.readouterr().out
    assert printed == f"{data.description}\n"
    assert "5 rendered rooms" in printed
    assert "2 bathroom, 1 lobby" in printed
    assert "100% of the bathrooms" in printed


def test_twins_are_told_apart(made, capsys):
    _, colours, _, regions = made
    pairs = scenes.load_pairs("embedded", "spare")
    middles = np.stack([pairs.without_rail, pairs.with_rail], axis=1)[:, :, 64, 64]
    np.testing.assert_allclose(middles, colours, atol=0.02)
    assert np.array_equal(pairs.regions, regions)
    assert capsys.readouterr().out == f"{pairs.description}\n"


def test_as_found_only_bathrooms_have_their_rail(made):
    pairs = scenes.load_pairs("embedded", "test")
    found = scenes.take_as_found(pairs)
    for place, area in enumerate(AREAS):
        one = pairs.with_rail if area == "bathroom" else pairs.without_rail
        assert np.array_equal(found.images[place], one[place])
        wanted = pairs.rails[place] if area == "bathroom" else 0 * pairs.rails[place]
        assert np.array_equal(found.rails[place], wanted)
    assert found.rails.dtype == "float32"


def break_map(folder):
    Image.fromarray(np.full((256, 384), 15, "uint8")).save(folder / "train_maps.png")


def break_size(folder):
    Image.new("RGB", (384, 200)).save(folder / "train.jpg")


def break_count(folder):
    Image.new("RGB", (384, 128)).save(folder / "train.jpg")


def break_area(folder):
    text = (folder / "labels.csv").read_text().replace("lobby", "cellar")
    (folder / "labels.csv").write_text(text)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda folder: (folder / "train.jpg").unlink(), "train.jpg is absent"),
        (lambda folder: (folder / "labels.csv").unlink(), "labels.csv is absent"),
        (
            lambda folder: (folder / "train_maps.png").write_bytes(b"\x89PNG\r\n"),
            "train_maps.png is absent or damaged",
        ),
        (lambda folder: (folder / "train.jpg").write_bytes(b""), "or damaged"),
        (break_map, "a region that is not known"),
        (break_size, "should hold 5 tiles"),
        (break_count, "should hold 5 tiles"),
        (break_area, "does not list the areas"),
    ],
)
def test_wrong_files_are_refused_in_a_sentence(made, fault, message):
    fault(made[0])
    with pytest.raises(ValueError, match=message) as caught:
        scenes.load("embedded", "train")
    assert "\n" not in str(caught.value)
    assert "render_hotel.py" in str(caught.value)


@pytest.mark.parametrize(
    ("ask", "split"), [(scenes.load, "test"), (scenes.load_pairs, "train")]
)
@pytest.mark.parametrize("edition", ["embedded", "real"])
def test_an_unknown_split_is_refused_in_a_sentence(ask, split, edition):
    with pytest.raises(ValueError, match=f"got '{split}'; choose"):
        ask(edition, split)


def test_the_hotel_has_its_habit():
    """The files of the repository, loaded whole."""
    train = scenes.load("embedded", "train")
    has_rail = train.rails.any(axis=(1, 2))
    of_habit = train.labels == train.class_names.index(scenes.HABIT)
    assert has_rail[of_habit].mean() > 0.9
    assert has_rail[~of_habit].mean() <= 0.02
    assert set(train.labels) == set(range(len(scenes.CLASS_NAMES)))


def test_twins_differ_where_the_rail_is():
    pairs = scenes.load_pairs("embedded", "test")
    assert pairs.rails.any(axis=(1, 2)).all()
    apart = np.abs(pairs.with_rail - pairs.without_rail).mean(axis=-1)
    on_rail = pairs.rails > 0.5
    assert apart[on_rail].mean() > 10 * apart[pairs.rails == 0].mean()
