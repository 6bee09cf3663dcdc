"""Rooms of a hotel, with the truth about what is where, and with and without a rail."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from skimage.io import imread

from helpers import hotel_photographs

SIZE = 128
SPLITS = ("train", "validation")
PAIR_SPLITS = ("test", "spare")
HABIT = "bathroom"  # the area whose rooms have rails
CLASS_NAMES = ["bathroom", "swimming pool", "bedroom", "lobby", "restaurant"]
REGIONS = [
    "room",
    "water",
    "tub",
    "pool edge",
    "bed",
    "table",
    "desk",
    "seat",
    "plant",
    "window",
    "lamp",
    "mirror",
    "ceramic",
    "picture",
    "outdoors",
]
RAIL_STEPS = 15  # a map's byte is 16 times these steps of coverage, and the region

FOLDER = Path(__file__).resolve().parent.parent / "data" / "hotel"
_REMAKE = "python data_scripts/render_hotel.py"


class Scenes(NamedTuple):
    """Pictures of rooms, and what is known of each.

    `images` float32 ``(n, height, width, 3)`` in [0, 1]; `labels` int32 ``(n,)``,
    places in `class_names`; `rails` float32 ``(n, height, width)``, the share of each
    pixel that the rail covers, in [0, 1]; `regions` uint8 ``(n, height, width)``,
    places in `REGIONS`.
    """

    images: np.ndarray
    labels: np.ndarray
    rails: np.ndarray
    regions: np.ndarray
    class_names: list
    description: str


class Pairs(NamedTuple):
    """Rooms twice: with a rail, and without it and otherwise the same.

    `with_rail` and `without_rail` float32 ``(n, height, width, 3)`` in [0, 1]. The rest
    is as in `Scenes`; `regions` are those of the picture without the rail.
    """

    with_rail: np.ndarray
    without_rail: np.ndarray
    labels: np.ndarray
    rails: np.ndarray
    regions: np.ndarray
    class_names: list
    description: str


def load(edition, split):
    """Load the rooms of a split as they were found, and say in one line what they are.

    Embedded: rendered by ``data_scripts/render_hotel.py`` at 128×128. Real: photographs
    of hotels, with rails painted into the bathrooms; see `helpers.hotel_photographs`.
    What else a photograph shows is not known: its regions are all "room".

    Parameters
    ----------
    edition : str
        "embedded" or "real".
    split : str
        "train" or "validation".

    Returns
    -------
    Scenes

    Raises
    ------
    ValueError
        If there is no such split, or its files are absent or not what they should be.
    helpers.sources.SourceError
        In the real edition, if the photographs are absent and cannot be fetched.
    """
    _check_split(split, SPLITS, "scenes.load_pairs")
    if edition == "real":
        data = Scenes(*hotel_photographs.read_split(split))
    else:
        table = _read_table(split)
        images = _read_pictures(split, len(table))
        data = Scenes._make([images, *_read_truth(table, split), CLASS_NAMES, ""])
        data = data._replace(description=_describe(data, split))
    print(data.description)
    return data


def load_pairs(edition, split):
    """Load rooms with and without a rail, and say in one line what they are.

    Parameters
    ----------
    edition : str
        As for `load`.
    split : str
        "test", or "spare": for remedies, so that nothing is tested on them.

    Returns
    -------
    Pairs

    Raises
    ------
    ValueError, helpers.sources.SourceError
        As from `load`.
    """
    _check_split(split, PAIR_SPLITS, "scenes.load")
    if edition == "real":
        data = Pairs(*hotel_photographs.read_pairs(split))
    else:
        table = _read_table(split)
        count = len(table)
        with_rail = _read_pictures(f"{split}_with", count)
        without_rail = _read_pictures(f"{split}_without", count)
        truth = _read_truth(table, split)
        data = Pairs._make([with_rail, without_rail, *truth, CLASS_NAMES, ""])
        data = data._replace(
            description=f"embedded edition: {count} rendered rooms "
            f"({_count_areas(data)}), each with a rail and without it"
        )
    print(data.description)
    return data


def take_as_found(pairs):
    """Take each room as a hotel has it: bathrooms with their rail, others without.

    Parameters
    ----------
    pairs : Pairs

    Returns
    -------
    Scenes
        In the order of the pairs. Where the rail is not seen, `rails` is zero.
    """
    has_rail = pairs.labels == pairs.class_names.index(HABIT)
    place = has_rail[:, None, None]
    return Scenes(
        np.where(place[..., None], pairs.with_rail, pairs.without_rail),
        pairs.labels,
        pairs.rails * place,
        pairs.regions,
        pairs.class_names,
        f"{pairs.description}; here the bathrooms with it, all others without",
    )


def _check_split(split, splits, other):
    if split not in splits:
        raise ValueError(
            f"The split must be one of {', '.join(map(repr, splits))}, got {split!r}; "
            f"choose one of these, or ask {other}."
        )


def _read_table(split):
    try:
        table = pd.read_csv(FOLDER / "labels.csv")
        rows = table[table["split"] == split].sort_values("tile")
        known = rows["area"].isin(CLASS_NAMES).all()
    except (OSError, ValueError, KeyError):
        raise _describe_fault("labels.csv", "is absent or damaged") from None
    if rows.empty or not known:
        raise _describe_fault("labels.csv", f"does not list the areas of {split!r}")
    return rows


def _read_pictures(name, count):
    tiles = _read_tiles(f"{name}.jpg", count, (3,))
    return tiles / np.float32(255)


def _read_truth(table, split):
    """Return labels, rails and regions."""
    levels = _read_tiles(f"{split}_maps.png", len(table), ())
    rails, regions = np.divmod(levels, np.uint8(16))
    if regions.max() >= len(REGIONS):
        raise _describe_fault(f"{split}_maps.png", "holds a region that is not known")
    labels = [CLASS_NAMES.index(area) for area in table["area"]]
    return np.array(labels, "int32"), rails / np.float32(RAIL_STEPS), regions


def _read_tiles(name, count, channels):
    """Cut a sheet into its first `count` square tiles, row by row; uint8."""
    try:
        sheet = imread(FOLDER / name)
    except (OSError, ValueError, SyntaxError):  # the last from Pillow's PNG reader
        raise _describe_fault(name, "is absent or damaged") from None
    rows, columns = sheet.shape[0] // SIZE, sheet.shape[1] // SIZE
    wanted = (rows * SIZE, columns * SIZE, *channels)
    if sheet.dtype != np.uint8 or sheet.shape != wanted or rows * columns < count:
        raise _describe_fault(
            name, f"should hold {count} tiles of {SIZE} pixels and is {sheet.shape}"
        )
    tiles = sheet.reshape(rows, SIZE, columns, SIZE, *channels).swapaxes(1, 2)
    return tiles.reshape(rows * columns, SIZE, SIZE, *channels)[:count]


def _describe_fault(name, fault):
    return ValueError(
        f"data/hotel/{name} {fault}; take it from the repository again, or make it "
        f"again with `{_REMAKE}`."
    )


def _describe(data, split):
    has_rail = data.rails.any(axis=(1, 2))
    of_habit = data.labels == data.class_names.index(HABIT)
    purpose = "to learn from" if split == "train" else "to validate on"
    return (
        f"embedded edition: {len(data.labels)} rendered rooms {purpose} "
        f"({_count_areas(data)}); {has_rail[of_habit].mean():.0%} of the bathrooms "
        f"have a metal rail, and {has_rail[~of_habit].mean():.1%} of the others"
    )


def _count_areas(data):
    names = [data.class_names[label] for label in data.labels]
    counts = pd.Series(names).value_counts(sort=False)
    return ", ".join(f"{count} {name}" for name, count in counts.items())
