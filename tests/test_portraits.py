import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from data_scripts import render_portraits
from data_scripts.rendering import people
from data_scripts.rendering import portraits as renderer
from helpers import portraits
from helpers.regions import REGIONS

LOOKS = {
    "hair_colour",
    "hair_style",
    "hairline",
    "part",
    "glasses",
    "lipstick",
    "clothes",
    "collar",
}


@pytest.fixture(scope="module")
def data():
    return portraits.load()


def test_every_person_is_there_equally_often(data):
    plan = renderer.SPLITS["test"]
    assert data.images.shape == (len(data.labels), 96, 96, 3)
    counts = np.bincount(data.labels)
    np.testing.assert_array_equal(counts, [plan.looks * plan.takes] * renderer.PEOPLE)
    assert len(data.class_names) == renderer.PEOPLE
    assert 0 <= data.images.min() < 0.1
    assert 0.9 < data.images.max() <= 1


def test_a_portrait_can_be_drawn_again(data):
    number = 17
    again = renderer.render_person("test", number)
    mine = data.labels == number
    noise = [
        peak_signal_noise_ratio(one, other / 255, data_range=1)
        for one, other in zip(data.images[mine], again.images, strict=True)
    ]
    assert min(noise) > 28  # what the JPEG costs; two different pictures have below 20
    assert (data.regions[mine] == again.regions).mean() > 0.999
    names = [people.EMOTIONS[emotion] for emotion in again.emotions]
    assert data.emotions[mine].tolist() == names


def test_another_look_leaves_the_face_alone():
    person = renderer.draw_person(3)
    other = people.change_looks(person, np.random.default_rng(0))
    changed = {
        name for name in person._fields if getattr(person, name) != getattr(other, name)
    }
    assert changed <= LOOKS
    assert {"clothes", "hairline"} <= changed


def test_no_look_of_a_test_picture_was_learned():
    looks = {}
    for place, (split, plan) in enumerate(renderer.SPLITS.items()):
        for number in range(renderer.PEOPLE):
            person = renderer.draw_person(number)
            for look in range(plan.looks):
                seed = [renderer._SEED, number, place, look]
                dressed = people.change_looks(person, np.random.default_rng(seed))
                looks.setdefault(split, set()).add((number, dressed.clothes))
    assert len(looks["train"]) == 5 * renderer.PEOPLE
    assert not looks["test"] & (looks["train"] | looks["validation"])


def test_no_set_of_a_test_picture_was_learned():
    learned, _ = renderer._draw_set("train", 0)
    asked, _ = renderer._draw_set("test", 0)
    assert np.abs(learned - asked).mean() > 0.01


def test_the_regions_lie_where_a_face_has_them(data):
    rows = {
        name: np.argwhere(data.regions == REGIONS.index(name))[:, 1].mean()
        for name in ("brow_left", "eye_left", "nose", "mouth")
    }
    assert [*rows] == sorted(rows, key=rows.get)
    shares = np.bincount(data.regions.ravel(), minlength=len(REGIONS))
    shown = {name for name, count in zip(REGIONS, shares, strict=True) if count}
    assert shown == {*REGIONS} - {"prop"}


def test_people_differ():
    drawn = [renderer.draw_person(number) for number in range(renderer.PEOPLE)]
    assert len({person.seed for person in drawn}) == renderer.PEOPLE
    assert len({person.skin for person in drawn}) == renderer.PEOPLE


def test_the_sheet_is_read_as_it_was_written(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    regions = generator.integers(0, len(REGIONS), (24, 96, 96)).astype("uint8")
    # Flat tiles pass a JPEG unharmed.
    images = np.repeat(
        generator.integers(0, 256, (24, 1, 1, 3)), 96 * 96, axis=1
    ).reshape(24, 96, 96, 3)
    taken = renderer.Portraits(
        images.astype("uint8"), regions, np.repeat([4, 7], 12), np.arange(24) % 5
    )
    for module in (render_portraits, portraits):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    render_portraits.write(taken)
    read = portraits.load()
    np.testing.assert_array_equal(read.regions, regions)
    np.testing.assert_array_equal(read.labels, taken.people)
    assert read.emotions.tolist() == [people.EMOTIONS[e] for e in taken.emotions]
    assert np.abs(read.images * 255 - images).max() < 4
