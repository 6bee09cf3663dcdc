"""Pictures of objects, one or two to a picture, with the truth about where they are."""

import json
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from skimage import data as photographs
from skimage.io import imread
from skimage.transform import resize
from sklearn.datasets import load_sample_image

from helpers import sources

SIZE = 128
CLASS_NAMES = [
    "boat",
    "butterfly",
    "fish",
    "flower",
    "house",
    "leaf",
    "mushroom",
    "star",
    "bricks",
    "checks",
    "dots",
    "stripes",
]

PHOTOGRAPH_SIZE = 224

# What is cut out of which photograph: the top left corner and the height of the cut,
# in the photograph's pixels. The classes are ImageNet's, named by eye: "missile" is its
# only rocket on a pad, "moped" its nearest to a motorcycle.
#
# Squares, each with the box (top, left, bottom, right) of its object in 224 pixels.
_SQUARES = {
    "tabby": ("cat", 0, 75, 300, (0, 0, 224, 215)),
    "espresso": ("coffee", 0, 100, 400, (8, 38, 178, 178)),
    "missile": ("rocket", 53, 213, 320, (50, 60, 224, 94)),
    "moped": ("motorcycle", 0, 120, 500, (22, 0, 200, 224)),
    "military_uniform": ("officer", 0, 0, 512, (8, 22, 224, 224)),
    "Windsor_tie": ("officer", 344, 170, 256, (56, 46, 166, 116)),
    "palace": ("tower", 0, 213, 427, (15, 0, 205, 84)),
    "lakeside": ("tower", 107, 427, 213, (0, 0, 224, 224)),
    "tripod": ("photographer", 0, 0, 512, (88, 98, 222, 168)),
}
# Cuts half as wide as high, to stand side by side, and half as high as wide, to lie
# one above the other.
_UPRIGHT = {
    "tabby": ("cat", 0, 120, 300),
    "espresso": ("coffee", 0, 190, 400),
    "missile": ("rocket", 60, 235, 350),
    "military_uniform": ("officer", 0, 110, 600),
    "Windsor_tie": ("officer", 330, 200, 270),
    "palace": ("tower", 10, 180, 400),
    "tripod": ("photographer", 0, 190, 512),
    "moped": ("motorcycle", 0, 430, 500),
}
_LYING = {
    "tabby": ("cat", 40, 20, 210),
    "espresso": ("coffee", 0, 30, 280),
    "moped": ("motorcycle", 70, 40, 350),
    "Windsor_tie": ("officer", 330, 100, 190),
    "palace": ("tower", 60, 110, 200),
    "tripod": ("photographer", 130, 0, 256),
}

_DATA = Path(__file__).resolve().parent.parent / "data" / "objects"


class Objects(NamedTuple):
    """Pictures with one object, pictures with two, and where each object is.

    Pictures are float32 ``(n, height, width, 3)`` in [0, 1]. `labels` int32 ``(n,)``
    and `pair_labels` int32 ``(m, 2)`` are places in `class_names`. `masks` bool
    ``(n, height, width)`` and `pair_masks` bool ``(m, 2, height, width)`` are true
    where the object is seen.
    """

    images: np.ndarray
    labels: np.ndarray
    masks: np.ndarray
    pair_images: np.ndarray
    pair_labels: np.ndarray
    pair_masks: np.ndarray
    class_names: list
    description: str


def load(edition):
    """Load the pictures of an edition and say in one line what they are.

    Embedded: drawn by ``data_scripts/render_objects.py`` at 128×128, with exact masks.
    Real: squares of photographs that scikit-image, scikit-learn and matplotlib ship, at
    224×224; MobileNetV2 has each one's class among its first three. A mask is a box
    around the object, set by hand. A pair is two photographs in one picture, side by
    side or one above the other, and its masks are the two halves.

    Parameters
    ----------
    edition : str
        "embedded" or "real".

    Returns
    -------
    Objects

    Raises
    ------
    helpers.sources.SourceError
        In the real edition, if the names of ImageNet's classes are absent and cannot
        be fetched.
    """
    data = _load_photographs() if edition == "real" else _load_drawn()
    print(data.description)
    return data


def _load_drawn():
    table = pd.read_csv(_DATA / "labels.csv")
    loaded = []
    for sheet in ("test", "pairs"):
        rows = table[table["sheet"] == sheet]
        images = _split(imread(_DATA / f"{sheet}.jpg"), len(rows)) / np.float32(255)
        levels = _split(imread(_DATA / f"{sheet}_masks.png"), len(rows)) / 127
        names = rows[["first", "second"]].to_numpy()
        count = 1 if sheet == "test" else 2
        labels = [[CLASS_NAMES.index(name) for name in row[:count]] for row in names]
        masks = [levels.round() == place + 1 for place in range(count)]
        loaded.append((images, np.array(labels, "int32"), np.stack(masks, axis=1)))
    (images, labels, masks), pairs = loaded
    return Objects(
        images,
        labels[:, 0],
        masks[:, 0],
        *pairs,
        CLASS_NAMES,
        f"embedded edition: {len(images)} drawn pictures with one object of "
        f"{len(CLASS_NAMES)} classes, and {len(pairs[0])} with two",
    )


def _split(sheet, count):
    """Cut a sheet into its first `count` square tiles, row by row."""
    rows, columns = sheet.shape[0] // SIZE, sheet.shape[1] // SIZE
    tiles = sheet.reshape(rows, SIZE, columns, SIZE, *sheet.shape[2:]).swapaxes(1, 2)
    return tiles.reshape(rows * columns, SIZE, SIZE, *sheet.shape[2:])[:count]


def _load_photographs():
    with sources.fetch("imagenet/class-index").open(encoding="utf-8") as file:
        entries = json.load(file)
    class_names = [entries[str(place)][1] for place in range(len(entries))]
    whole = _read_photographs()
    images, masks = (
        [],
        np.zeros((len(_SQUARES), PHOTOGRAPH_SIZE, PHOTOGRAPH_SIZE), bool),
    )
    square = (PHOTOGRAPH_SIZE, PHOTOGRAPH_SIZE)
    for mask, (name, *cut, box) in zip(masks, _SQUARES.values(), strict=True):
        images.append(_cut_out(whole[name], cut, square))
        top, left, bottom, right = box
        mask[top:bottom, left:right] = True
    pairs = [_list_montages(whole, _UPRIGHT, axis=1), _list_montages(whole, _LYING, 0)]
    pair_images, pair_names, pair_masks = (
        [item for items in parts for item in items]
        for parts in zip(*pairs, strict=True)
    )
    return Objects(
        np.stack(images),
        np.array([class_names.index(name) for name in _SQUARES], "int32"),
        masks,
        np.stack(pair_images),
        np.array([[*map(class_names.index, names)] for names in pair_names], "int32"),
        np.stack(pair_masks),
        class_names,
        f"real edition: {len(images)} photographs of ImageNet classes from "
        f"scikit-image, scikit-learn and matplotlib, and {len(pair_images)} pairs of "
        "them",
    )


def _read_photographs():
    """Read the photographs that come with the libraries, uint8 (height, width, 3)."""
    grey = photographs.camera()
    officer = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return {
        "cat": photographs.chelsea(),
        "coffee": photographs.coffee(),
        "rocket": photographs.rocket(),
        "motorcycle": photographs.stereo_motorcycle()[0],
        "photographer": np.stack([grey] * 3, axis=-1),
        "officer": imread(officer),
        "tower": load_sample_image("china.jpg"),
    }


def _cut_out(photograph, cut, shape):
    """Cut a window of the proportions of `shape`, and bring it to that shape."""
    top, left, height = cut
    width = round(height * shape[1] / shape[0])
    window = photograph[top : top + height, left : left + width].astype("float32") / 255
    return resize(window, shape, anti_aliasing=True).astype("float32").clip(0, 1)


def _list_montages(whole, cuts, axis):
    """Join every two cuts from different photographs: pictures, names and masks."""
    shape = [PHOTOGRAPH_SIZE, PHOTOGRAPH_SIZE]
    shape[axis] //= 2
    halves = {
        name: _cut_out(whole[cut[0]], cut[1:], shape) for name, cut in cuts.items()
    }
    names = [
        pair for pair in combinations(cuts, 2) if cuts[pair[0]][0] != cuts[pair[1]][0]
    ]
    first = np.arange(PHOTOGRAPH_SIZE) < PHOTOGRAPH_SIZE // 2
    first = np.broadcast_to(first if axis else first[:, None], 2 * (PHOTOGRAPH_SIZE,))
    images = [np.concatenate([halves[a], halves[b]], axis) for a, b in names]
    return images, names, [np.stack([first, ~first])] * len(names)
