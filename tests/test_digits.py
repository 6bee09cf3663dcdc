import gzip

import numpy as np
import pytest
from scipy import ndimage
from sklearn.datasets import load_digits

from helpers import digits, sources


@pytest.fixture(scope="module")
def data():
    return digits.load("embedded")


def test_embedded_shapes_ranges_and_counts(data):
    for images, labels in (data[0:2], data[2:4], data[4:6]):
        assert images.shape == (len(labels), 28, 28, 1)
        assert images.dtype == "float32"
        assert labels.dtype == "int32"
        assert images.min() == 0
        assert images.max() == 1
        assert set(labels) == {0, 1}
    assert len(data.train_labels) == 4000
    assert (data.train_labels == 0).sum() == 2000
    assert len(data.validation_labels) == 60
    assert len(data.test_labels) == 361 - 2 * 110 - 60
    assert data.class_names == ["1", "7"]
    assert "361 handwritten" in data.description


def test_embedded_pictures_are_the_right_digits(data):
    """The nearest original of each test picture, by eye of a 1-nearest-neighbour."""
    originals = load_digits()
    wanted = np.isin(originals.target, (1, 7))
    small = originals.images[wanted] / 16
    truth = originals.target[wanted]
    shrunk = ndimage.zoom(
        data.test_images[:, 4:24, 4:24, 0], (1, 0.4, 0.4), order=1, grid_mode=True,
        mode="nearest",
    )  # fmt: skip
    distance = ((shrunk[:, None] - small) ** 2).sum(axis=(2, 3))
    found = truth[distance.argmin(axis=1)]
    assert (found == np.where(data.test_labels == 1, 7, 1)).mean() > 0.97


def test_no_original_is_in_two_splits(monkeypatch):
    """Without jitter, no picture of one split equals one of another."""
    monkeypatch.setattr(
        digits,
        "_draw_affine_matrices",
        lambda count, generator: np.broadcast_to(np.eye(2), (count, 2, 2)),
    )
    data = digits.load("embedded")
    splits = [
        {image.tobytes() for image in images}
        for images in (data.train_images, data.validation_images, data.test_images)
    ]
    assert len(splits[0]) >= 215  # 220 originals, of which a few are equal
    assert not splits[0] & splits[1]
    assert not splits[0] & splits[2]
    assert not splits[1] & splits[2]


def test_same_seed_same_pictures_other_seed_other_split(data):
    again = digits.load("embedded")
    other = digits.load("embedded", seed=1)
    assert np.array_equal(data.train_images, again.train_images)
    assert not np.array_equal(data.test_images, other.test_images)


def test_shift_equals_scipy_and_loses_what_leaves():
    images = np.random.default_rng(0).random((3, 7, 9, 2)).astype("float32")
    for right, down in [(0, 0), (3, 0), (-2, 4), (8, -6), (20, 0)]:
        wanted = ndimage.shift(images, (0, down, right, 0), order=0, prefilter=False)
        assert np.allclose(digits.shift(images, right, down), wanted)
    each = digits.shift(images, np.array([1, -1, 0]), np.array([0, 2, -3]))
    for index, (right, down) in enumerate([(1, 0), (-1, 2), (0, -3)]):
        alone = digits.shift(images[index : index + 1], right, down)[0]
        assert np.array_equal(each[index], alone)


def test_shift_everywhere_agrees_with_shift():
    images = np.random.default_rng(0).random((2, 6, 6, 1)).astype("float32")
    moved = digits.shift_everywhere(images, reach=2)
    assert moved.shape == (2, 5, 5, 6, 6, 1)
    for row, down in enumerate(range(-2, 3)):
        for column, right in enumerate(range(-2, 3)):
            wanted = digits.shift(images, right, down)
            assert np.array_equal(moved[:, row, column], wanted)


def test_random_shifts_stay_within_reach_and_use_all_of_it():
    images = np.zeros((2000, 15, 15, 1), "float32")
    images[:, 7, 7] = 1
    moved = digits.shift_randomly(images, 3, np.random.default_rng(0))
    places = {tuple(place) for place in np.argwhere(moved[..., 0])[:, 1:]}
    assert places == {(row, column) for row in range(4, 11) for column in range(4, 11)}


def test_centre_undoes_a_shift_and_matches_scipy(data):
    images = data.test_images[:20]
    moved = digits.shift(images, right=2, down=-2)
    assert np.array_equal(digits.centre(moved), digits.centre(images))
    for image in digits.centre(moved):
        row, column = ndimage.center_of_mass(image[..., 0])
        assert abs(row - 13.5) <= 0.501
        assert abs(column - 13.5) <= 0.501


def test_centre_leaves_black_pictures_alone():
    black = np.zeros((2, 28, 28, 1), "float32")
    assert np.array_equal(digits.centre(black), black)


def _write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim])
    sizes = np.array(array.shape, ">i4").tobytes()
    with gzip.open(path, "wb") as file:
        file.write(header + sizes + array.astype("uint8").tobytes())


def test_real_edition_reads_idx_and_splits_without_overlap(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    for part, count in (("train", 30_000), ("t10k", 500)):
        labels = generator.integers(0, 10, count)
        pictures = np.zeros((count, 28, 28))
        pictures[:, 0, 0] = labels * 20  # the digit, written into a corner
        pictures[:, 0, 1:3] = np.stack(np.divmod(np.arange(count), 250), axis=-1)
        _write_idx(tmp_path / f"{part}-images", pictures)
        _write_idx(tmp_path / f"{part}-labels", labels)
    monkeypatch.setattr(
        digits.sources, "fetch", lambda name: tmp_path / name.split("/")[1]
    )
    monkeypatch.setattr(digits, "_MNIST_COUNTS", {"train": 1500, "validation": 400})
    data = digits.load("real")
    for images, labels in (data[0:2], data[2:4], data[4:6]):
        written = np.round(images[:, 0, 0, 0] * 255 / 20)
        assert np.array_equal(written, np.where(labels == 1, 7, 1))
    assert [(data.train_labels == label).sum() for label in (0, 1)] == [1500, 1500]
    assert len(data.validation_labels) == 800
    numbers = [
        {tuple(row) for row in np.round(images[:, 0, 1:3, 0] * 255)}
        for images in (data.train_images, data.validation_images)
    ]
    assert len(numbers[0]) == 3000
    assert not numbers[0] & numbers[1]


@pytest.mark.real
def test_mnist_has_the_published_counts():
    missing = [name for name in sources.SOURCES if name.startswith("mnist/")]
    missing = [name for name in missing if sources.locate(name) is None]
    if missing:
        pytest.skip(f"absent from the cache folders: {', '.join(missing)}")
    data = digits.load("real")
    assert (data.test_labels == 0).sum() == 1135
    assert (data.test_labels == 1).sum() == 1028
    assert len(data.train_labels) == 8000
