import json

import numpy as np
import pytest
from PIL import Image

from helpers import networks, objects, sources


@pytest.fixture(scope="module")
def data():
    return objects.load("embedded")


@pytest.fixture
def photographs(monkeypatch, tmp_path):
    """The real edition's pictures, with a table of made-up names around the nine."""
    names = [*objects._SQUARES, *(f"other {place}" for place in range(991))]
    table = {str(place): [f"n{place:08}", name] for place, name in enumerate(names)}
    path = tmp_path / "index.json"
    path.write_text(json.dumps(table), encoding="utf-8")
    monkeypatch.setattr(objects.sources, "fetch", lambda name: path)
    return objects.load("real")


def test_shapes_ranges_and_counts(data, capsys):
    assert data.images.shape == (480, 128, 128, 3)
    assert data.pair_images.shape == (330, 128, 128, 3)
    assert data.masks.shape == (480, 128, 128)
    assert data.pair_masks.shape == (330, 2, 128, 128)
    for images in (data.images, data.pair_images):
        assert images.dtype == "float32"
        assert images.min() >= 0
        assert 0.9 < images.max() <= 1
    assert data.labels.dtype == data.pair_labels.dtype == "int32"
    assert data.masks.dtype == data.pair_masks.dtype == bool
    assert np.bincount(data.labels).tolist() == [40] * 12
    assert len(data.class_names) == 12
    objects.load("embedded")
    assert capsys.readouterr().out == f"{data.description}\n"
    assert "480 drawn pictures" in data.description


def test_every_two_classes_meet_equally_often(data):
    counts = np.zeros((12, 12), int)
    np.add.at(counts, tuple(data.pair_labels.T), 1)
    assert (counts + counts.T)[~np.eye(12, dtype=bool)].tolist() == [5] * 132
    assert not np.diag(counts).any()


def test_tiles_are_where_a_person_sees_them(data):
    """Cut by another library: picture 13 is in row 1, column 1 of its sheet."""
    sheet = Image.open(objects._DATA / "test.jpg")
    tile = np.array(sheet.crop((128, 128, 256, 256)))
    assert np.allclose(data.images[13], tile / 255, atol=1e-6)
    masks = Image.open(objects._DATA / "pairs_masks.png")
    tile = np.array(masks.crop((2 * 128, 3 * 128, 3 * 128, 4 * 128)))
    assert np.array_equal(data.pair_masks[47, 0], tile == 127)
    assert np.array_equal(data.pair_masks[47, 1], tile == 254)


def test_masks_are_one_object_each(data):
    share = data.masks.mean(axis=(1, 2))
    assert share.min() > 0.01
    assert share.max() < 0.6
    shares = data.pair_masks.mean(axis=(2, 3))
    assert shares.min() > 0.01
    assert not (data.pair_masks[:, 0] & data.pair_masks[:, 1]).any()


def test_objects_lie_anywhere_and_in_any_size(data):
    rows, columns = np.indices((128, 128))
    middle = [
        (data.masks * axis).sum((1, 2)) / data.masks.sum((1, 2))
        for axis in (rows, columns)
    ]
    assert min(place.std() for place in middle) > 10
    share = np.sqrt(data.masks.mean(axis=(1, 2)))
    assert np.quantile(share, 0.9) / np.quantile(share, 0.1) > 1.7


def test_colour_gives_no_class_away(data):
    """The mean colour in the mask and around it, through a nearest neighbour."""
    weights = np.stack([data.masks, ~data.masks], axis=1)[..., None]
    colours = (data.images[:, None] * weights).sum((2, 3)) / weights.sum((2, 3))
    colours = colours.reshape(len(colours), -1)
    apart = ((colours[:, None] - colours) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (data.labels[apart.argmin(axis=1)] == data.labels).mean() < 0.25


def test_photographs_need_no_network(photographs):
    """Under a guard that lets no test reach the network."""
    assert photographs.images.shape == (9, 224, 224, 3)
    assert photographs.pair_images.shape == (42, 224, 224, 3)
    assert photographs.images.dtype == photographs.pair_images.dtype == "float32"
    for images in (photographs.images, photographs.pair_images):
        assert images.min() >= 0
        assert images.max() <= 1
        assert images.std(axis=(1, 2)).min() > 0.05
    assert photographs.labels.tolist() == [*range(9)]
    assert len(photographs.class_names) == 1000
    assert (photographs.pair_labels[:, 0] != photographs.pair_labels[:, 1]).all()


def test_montage_halves_are_the_two_masks(photographs):
    """Under its mask, a class's half is the same in every pair of one format."""
    masks = photographs.pair_masks
    assert (masks.sum(axis=1) == 1).all()
    assert (masks.mean(axis=(2, 3)) == 0.5).all()
    halves = {}
    for image, labels, pair in zip(
        photographs.pair_images, photographs.pair_labels, masks, strict=True
    ):
        for label, mask in zip(labels, pair, strict=True):
            side_by_side = bool(mask.all(axis=0).any())
            values = image[mask].reshape(
                *((224, 112) if side_by_side else (112, 224)), 3
            )
            halves.setdefault((int(label), side_by_side), []).append(values)
    assert len(halves) == len(objects._UPRIGHT) + len(objects._LYING)
    for copies in halves.values():
        assert all(np.array_equal(copies[0], copy) for copy in copies)
    kinds = [values[0].mean() for key, values in halves.items() if key[1]]
    assert len({round(float(value), 4) for value in kinds}) == len(objects._UPRIGHT)


def test_cuts_keep_proportions_and_place():
    """A ramp stays a ramp: the value tells the row it came from."""
    ramp = np.broadcast_to(np.arange(200, dtype="uint8")[:, None, None], (200, 300, 3))
    cut = objects._cut_out(ramp, (40, 10, 120), (60, 30))
    assert cut.shape == (60, 30, 3)
    assert np.allclose(cut[5:-5, 0, 0] * 255, 40.5 + 2 * np.arange(5, 55), atol=0.2)


@pytest.fixture(scope="module")
def answers(started):
    """The photographs, and what MobileNetV2 says to them and to their montages."""
    needed = ("imagenet/class-index", "mobilenet-v2/weights")
    absent = [name for name in needed if sources.locate(name) is None]
    if absent:
        pytest.skip(f"absent from the cache folders: {', '.join(absent)}")
    data = objects.load("real")
    model = networks.load_object_network("real")
    singles = networks.predict(model, data.images)
    return data, singles, networks.predict(model, data.pair_images)


@pytest.mark.real
def test_every_photograph_s_class_is_among_the_first_three(answers):
    data, singles, _ = answers
    first = singles.argsort(axis=1)[:, -3:]
    assert (first == data.labels[:, None]).any(axis=1).all()


@pytest.mark.real
def test_both_classes_of_a_montage_are_among_the_first_ten(answers):
    data, _, pairs = answers
    first = pairs.argsort(axis=1)[:, -10:]
    assert (first[:, None] == data.pair_labels[..., None]).any(axis=2).all()
