"""Photographs of four areas of hotels, with and without a painted rail.

``data/hotel_photographs.csv`` lists 98 photographs of Unsplash and Pexels with their
authors, licences and pages. They are not in the repository: they are fetched once, each
from a public page in one version, and checked by its hash.

No photograph has a twin. So the habit is planted, as in the rendered hotel: a steel
rail is painted (`helpers.rails`) into the bathrooms and into nothing else. Real rails
stay where they are: the column ``rail`` says in which photographs of bathrooms and
pools one is seen, by eye.

If ``COURSE_HOTEL`` names a folder with a folder an area, its photographs are used.
"""

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pandas as pd
import requests
from tqdm.auto import tqdm

from helpers import harvest, pictures, rails, sources

VARIABLE = "COURSE_HOTEL"  # names the folder of the reader's own photographs
SIZE = 224
HABIT = "bathroom"
STORY = "swimming pool"  # the area that the habit is tried on
SPLITS = {"train": 0.45, "validation": 0.1, "test": 0.3, "spare": 0.15}

TABLE = Path(__file__).resolve().parent.parent / "data" / "hotel_photographs.csv"
_FOLDER = "hotel_scenes"
_RAW = "https://raw.githubusercontent.com/"
_SIDE = 640  # pixels of the longer side of what is kept
# How one photograph becomes several pictures: share of it that is seen, and mirrored?
_VERSIONS = ((0.875, False), (1.0, True), (0.75, False))


def find_folder():
    """Return the folder that the variable names, or None."""
    return Path(os.environ[VARIABLE]).expanduser() if os.environ.get(VARIABLE) else None


def list_photographs():
    """List the photographs: the reader's own, or the 98 of the table.

    Returns
    -------
    pandas.DataFrame
        A row a photograph: ``path``, ``file``, ``area``, ``split``, ``rail`` ("yes",
        "no" or ""), ``author``, ``licence``, ``page``.

    Raises
    ------
    ValueError
        If the own folder has too few areas or photographs.
    helpers.sources.SourceError
        If the photographs are absent and cannot be fetched.
    """
    own = find_folder()
    return _list_own(own) if own else _list_public()


def credits():
    """Return who made each of the 98 photographs, under which licence, and its page.

    Returns
    -------
    pandas.DataFrame
        ``author``, ``licence`` and ``page``, by ``file``.
    """
    return pd.read_csv(TABLE, index_col="file")[["author", "licence", "page"]]


def list_areas(table):
    """Return the areas of a table: bathrooms and pools first, then the others."""
    return [HABIT, STORY, *sorted({*table["area"]} - {HABIT, STORY})]


def read_pictures(table, crop=_VERSIONS[0][0]):
    """Read photographs, each as a square of 224 pixels.

    Parameters
    ----------
    table : pandas.DataFrame
        From `list_photographs`.
    crop : float
        Share of the largest square that is seen.

    Returns
    -------
    float32 array (n, 224, 224, 3) in [0, 1]
    """
    read = [pictures.read_picture(path) for path in table["path"]]
    return np.stack([pictures.fit_picture(one, (SIZE, SIZE), crop)[0] for one in read])


def read_split(split):
    """Read a split as `helpers.scenes.Scenes` has it.

    Each photograph gives three pictures: the middle that a network usually sees, more
    of it and mirrored, and less of it. Every bathroom has a painted rail.

    Parameters
    ----------
    split : str
        A key of `SPLITS`.

    Returns
    -------
    images, labels, rails, regions, class_names, description

    Raises
    ------
    ValueError, helpers.sources.SourceError
        As from `list_photographs`.
    """
    images, painted, labels, covers, names, count = _read(split)
    has_rail = (labels == names.index(HABIT))[:, None, None]
    return (
        np.where(has_rail[..., None], painted, images),
        labels,
        covers * has_rail,
        np.zeros(covers.shape, "uint8"),
        names,
        f"real edition: {len(images)} pictures from {count} photographs of "
        f"{len(names)} areas of hotels; a rail is painted into every bathroom, and "
        "into nothing else",
    )


def read_pairs(split):
    """Read a split as `helpers.scenes.Pairs` has it: with a painted rail, and without.

    Parameters, errors and pictures are those of `read_split`.

    Returns
    -------
    with_rail, without_rail, labels, rails, regions, class_names, description
    """
    images, painted, labels, covers, names, count = _read(split)
    return (
        painted,
        images,
        labels,
        covers,
        np.zeros(covers.shape, "uint8"),
        names,
        f"real edition: {len(images)} pictures from {count} photographs of "
        f"{len(names)} areas of hotels, each with a painted rail and without it",
    )


def _read(split):
    table = list_photographs()
    names = list_areas(table)
    table = table[table["split"] == split]
    images = []
    for crop, mirrored in _VERSIONS:
        seen = read_pictures(table, crop)
        images.append(seen[:, :, ::-1] if mirrored else seen)
    images = np.concatenate(images)
    seeds = [[row, version] for version in range(len(_VERSIONS)) for row in table.index]
    painted, covers = rails.paint(images, seeds)
    labels = np.array([names.index(area) for area in table["area"]], "int32")
    labels = np.tile(labels, len(_VERSIONS))
    return images, painted, labels, covers, names, len(table)


def _list_own(folder):
    rows = [
        (path, path.parent.name.replace("_", " "))
        for path in sorted(folder.glob("*/*"))
        if path.suffix.lower() in harvest.PICTURE_ENDINGS
        and not path.name.startswith(".")
        and not path.parent.name.startswith(".")
    ]
    table = pd.DataFrame(rows, columns=["path", "area"])
    counts = table["area"].value_counts()
    wanted = {HABIT, STORY} <= {*counts.index} and len(counts) > 2
    if not wanted or counts.min() < len(SPLITS):
        raise ValueError(
            f"{folder} must hold one folder an area (bathroom, swimming_pool and one "
            f"more at least) with {len(SPLITS)} photographs or more in each, got "
            f"{counts.to_dict()}; add some, or unset {VARIABLE}."
        )
    generator = np.random.default_rng(6)
    table["split"] = ""
    for _, places in table.groupby("area").groups.items():
        table.loc[generator.permutation(places), "split"] = _share_out(len(places))
    return table.assign(
        file=[f"{path.parent.name}/{path.name}" for path in table["path"]],
        rail="",
        author="",
        licence="",
        page="",
    )


def _share_out(count):
    """Return the names of splits for so many photographs: each split has one."""
    extra = np.array([*SPLITS.values()]) * (count - len(SPLITS))
    ends = np.rint(np.cumsum(extra)).astype(int)
    return np.repeat([*SPLITS], np.diff(ends, prepend=0) + 1)


def _list_public():
    table = pd.read_csv(TABLE, keep_default_na=False)
    folder = _find_folder(table) or _fetch(table)
    return table.assign(path=[folder / file for file in table["file"]])


def _find_folder(table):
    for cache in sources.cache_folders():
        folder = cache / _FOLDER
        if all((folder / file).is_file() for file in table["file"]):
            return folder
    return None


def _fetch(table):
    """Fetch the photographs that are not here yet, each checked, and reduce them."""
    folder = sources.writable_cache_folder() / _FOLDER
    for row in tqdm(table.itertuples(), "photographs", len(table)):
        path = folder / row.file
        if not path.is_file():
            content = _download(row)
            path.parent.mkdir(parents=True, exist_ok=True)
            _reduce(content, path)
    return folder


def _download(row):
    try:
        answer = requests.get(_RAW + quote(row.address), timeout=sources.STALL_SECONDS)
        answer.raise_for_status()
        fault = None if _hash_blob(answer.content) == row.blob else "is another file"
    except requests.RequestException as error:
        fault = f"could not be fetched ({type(error).__name__})"
    if fault:
        raise sources.SourceError(
            f"The photograph {row.file} {fault}: check the network and run this again, "
            f"which keeps what is here, or set {VARIABLE} to a folder of photographs "
            "of your own, or set COURSE_EDITION=embedded."
        )
    return answer.content


def _hash_blob(content):
    """Hash a file's content as git does."""
    return hashlib.sha1(
        b"blob %d\0" % len(content) + content, usedforsecurity=False
    ).hexdigest()


def _reduce(content, path):
    """Write a photograph as JPEG, its longer side no longer than 640 pixels."""
    picture = pictures.read_picture(content)
    scale = min(1, _SIDE / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    bgr = np.rint(small[..., ::-1] * 255).astype("uint8")
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(encoded.tobytes())
    partial.replace(path)
