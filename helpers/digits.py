"""Handwritten ones and sevens as 28×28 pictures, in three splits."""

import gzip
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from sklearn.datasets import load_digits as load_scikit_digits

from helpers import sources

CLASS_NAMES = ["1", "7"]
SIZE = 28

_TRAINING_COUNT = 4000
_ORIGINALS = {"train": 110, "validation": 30}  # of each digit; the rest is the test
_MNIST_COUNTS = {"train": 4000, "validation": 1000}  # of each digit, as in the story


class Digits(NamedTuple):
    """Three splits of ones (label 0) and sevens (label 1).

    Images are float32 ``(n, 28, 28, 1)`` in [0, 1], white ink on black; labels are
    int32 ``(n,)``. No handwritten original is in two splits.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    validation_images: np.ndarray
    validation_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: list
    description: str


def load(edition, seed=0):
    """Load the ones and sevens of an edition and say in one line what they are.

    Embedded: the 361 ones and sevens of scikit-learn's digits (UCI ML, 1998, real
    handwriting at 8×8), split by original, enlarged to 28×28; the training originals
    are multiplied to 4,000 by small random affine changes. Real: MNIST, with 4,000
    of each digit to train on, 1,000 to validate and MNIST's own test set.

    Parameters
    ----------
    edition : str
        "embedded" or "real".
    seed : int
        Decides the split and the affine changes.

    Returns
    -------
    Digits

    Raises
    ------
    helpers.sources.SourceError
        In the real edition, if a MNIST file is absent and cannot be fetched.
    """
    digits = (_load_mnist if edition == "real" else _load_scikit)(seed)
    print(digits.description)
    return digits


def shift(images, right, down):
    """Move pictures by whole pixels; what leaves is lost, what enters is black.

    Parameters
    ----------
    images : array (n, height, width, channels)
    right, down : int or int array (n,)
        Pixels to move each picture by; negative is left and up.

    Returns
    -------
    array like `images`
    """
    images = np.asarray(images)
    count, height, width = images.shape[:3]
    rows = np.arange(height) - np.broadcast_to(down, count)[:, None]
    columns = np.arange(width) - np.broadcast_to(right, count)[:, None]
    inside = ((rows >= 0) & (rows < height))[:, :, None, None] & (
        (columns >= 0) & (columns < width)
    )[:, None, :, None]
    moved = images[
        np.arange(count)[:, None, None],
        rows.clip(0, height - 1)[:, :, None],
        columns.clip(0, width - 1)[:, None, :],
    ]
    return np.where(inside, moved, 0).astype(images.dtype)


def shift_randomly(images, reach, generator):
    """Shift each picture by its own random number of pixels.

    Parameters
    ----------
    images : array (n, height, width, channels)
    reach : int
        The farthest shift, in pixels, to any side.
    generator : numpy.random.Generator

    Returns
    -------
    array (n, height, width, channels)
    """
    right, down = generator.integers(-reach, reach + 1, (2, len(images)))
    return shift(images, right, down)


def shift_everywhere(images, reach):
    """Shift each picture by every whole number of pixels up to `reach`.

    Parameters
    ----------
    images : array (n, height, width, channels)
    reach : int

    Returns
    -------
    array (n, 2 * reach + 1, 2 * reach + 1, height, width, channels)
        By picture, by shift downwards, by shift to the right; no shift in the middle.
    """
    steps = np.arange(-reach, reach + 1)
    down, right = (grid.ravel() for grid in np.meshgrid(steps, steps, indexing="ij"))
    copies = np.repeat(images, len(down), axis=0)
    moved = shift(copies, np.tile(right, len(images)), np.tile(down, len(images)))
    return moved.reshape(len(images), len(steps), len(steps), *images.shape[1:])


def centre(images):
    """Shift each picture so that its centre of mass is the middle pixel.

    This is how MNIST was made (LeCun et al. 1998, section III.A). The shift is a
    whole number of pixels, so no pixel value changes. A black picture stays put.

    Parameters
    ----------
    images : array (n, height, width, channels)

    Returns
    -------
    array (n, height, width, channels)
    """
    images = np.asarray(images)
    height, width = images.shape[1:3]
    mass = images.sum(axis=(1, 2, 3)).clip(1e-9)
    row = (images.sum(axis=(2, 3)) * np.arange(height)).sum(axis=1) / mass
    column = (images.sum(axis=(1, 3)) * np.arange(width)).sum(axis=1) / mass
    blank = images.max(axis=(1, 2, 3)) == 0
    right = np.where(blank, 0, np.floor((width - 1) / 2 - column + 0.5)).astype(int)
    down = np.where(blank, 0, np.floor((height - 1) / 2 - row + 0.5)).astype(int)
    return shift(images, right, down)


def _load_scikit(seed):
    digits = load_scikit_digits()
    generator = np.random.default_rng(seed)
    originals: dict[str, list] = {"train": [], "validation": [], "test": []}
    for digit in (1, 7):
        drawn = generator.permutation(digits.images[digits.target == digit] / 16)
        ends = np.cumsum(list(_ORIGINALS.values()))
        for name, part in zip(originals, np.split(drawn, ends), strict=True):
            originals[name].append(part)
    counts = [len(part) for part in originals["train"]]
    picked = [
        generator.permutation(np.resize(np.arange(count), _TRAINING_COUNT // 2))
        for count in counts
    ]
    originals["train"] = [
        part[choice] for part, choice in zip(originals["train"], picked, strict=True)
    ]
    splits = []
    for name, parts in originals.items():
        small = np.concatenate(parts)
        matrices = (
            _draw_affine_matrices(len(small), generator)
            if name == "train"
            else np.broadcast_to(np.eye(2), (len(small), 2, 2))
        )
        images = _enlarge(small, matrices)
        labels = np.repeat([0, 1], [len(part) for part in parts]).astype("int32")
        order = generator.permutation(len(labels))
        splits += [images[order], labels[order]]
    handwritten = int(np.isin(digits.target, (1, 7)).sum())
    description = (
        f"embedded edition: {handwritten} handwritten ones and sevens from "
        f"scikit-learn, the {sum(counts)} to train on multiplied to "
        f"{len(splits[0]):,}"
    )
    return Digits._make([*splits, CLASS_NAMES, description])


def _draw_affine_matrices(count, generator):
    """Draw small rotations (sd 3.4°), shears (sd 0.08) and stretches (sd 5 %)."""
    angle = generator.normal(0, 0.06, count)
    shear = generator.normal(0, 0.08, count)
    tall, wide = np.exp(generator.normal(0, 0.05, (2, count)))
    return np.stack(
        [
            np.stack([np.cos(angle) * tall, -np.sin(angle)], axis=-1),
            np.stack([np.sin(angle) + shear, np.cos(angle) * wide], axis=-1),
        ],
        axis=1,
    )


def _enlarge(small, matrices):
    """Bring 8×8 pictures to 20×20 inside 28×28, with one interpolation, and centre.

    Each output pixel is read from the cubic spline through the 64 values, at the place
    where its affine matrix puts it; then the contrast is raised, since an 8×8 pixel
    is the mean of a 4×4 block and has no sharp edge left.
    """
    scale = small.shape[1] / 20
    middle, small_middle = (SIZE - 1) / 2, (small.shape[1] - 1) / 2
    large = np.stack(
        [
            ndimage.affine_transform(
                np.pad(image, 3),
                matrix * scale,
                offset=small_middle + 3 - matrix @ np.full(2, middle * scale),
                output_shape=(SIZE, SIZE),
                order=3,
            )
            for image, matrix in zip(small, matrices, strict=True)
        ]
    )
    sharp = ((large - 0.4) / 0.5).clip(0, 1).astype("float32")
    return centre(sharp[..., None])


def _load_mnist(seed):
    generator = np.random.default_rng(seed)
    images, labels = _read_ones_and_sevens("train")
    order = generator.permutation(len(labels))
    rank = np.empty(len(labels), int)
    for label in (0, 1):
        mine = order[labels[order] == label]
        rank[mine] = np.arange(len(mine))
    train = order[rank[order] < _MNIST_COUNTS["train"]]
    rest = order[rank[order] >= _MNIST_COUNTS["train"]]
    validation = rest[rank[rest] < sum(_MNIST_COUNTS.values())]
    test_images, test_labels = _read_ones_and_sevens("t10k")
    return Digits(
        images[train],
        labels[train],
        images[validation],
        labels[validation],
        test_images,
        test_labels,
        CLASS_NAMES,
        f"real edition: MNIST, {len(train):,} ones and sevens to train on, "
        f"{len(validation):,} to validate, {len(test_labels):,} to test",
    )


def _read_ones_and_sevens(part):
    images = _read_idx(sources.fetch(f"mnist/{part}-images"))
    digits = _read_idx(sources.fetch(f"mnist/{part}-labels"))
    wanted = np.isin(digits, (1, 7))
    images = images[wanted].astype("float32")[..., None] / 255
    return images, (digits[wanted] == 7).astype("int32")


def _read_idx(path):
    """Read a gzipped idx file of bytes: magic number, sizes, then the values."""
    with gzip.open(path) as file:
        content = file.read()
    dimensions = content[3]
    sizes = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    values = np.frombuffer(content, "uint8", offset=4 + 4 * dimensions)
    return values.reshape(sizes)
