"""Faces of the reader's own: harvested from any film and sorted into folders.

One folder a class, as `labelling.label_faces` and `keras.utils.
image_dataset_from_directory` have it. What stands in a file's name before the first
underscore tells whose face, or which film's, it is: these are kept together when faces
are split.
"""

import hashlib
import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from helpers import harvest, pictures

VARIABLE = "COURSE_FACES"  # names the folder


def find_folder():
    """Return the folder that the variable names, or None."""
    return Path(os.environ[VARIABLE]).expanduser() if os.environ.get(VARIABLE) else None


def read_faces(folder):
    """List the faces of a sorted folder.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    pandas.DataFrame
        A row a face: ``file``, ``label``, ``person``.

    Raises
    ------
    ValueError
        If it does not have two classes and four people or films at least.
    """
    rows = [
        (path, path.parent.name, path.name.split("_")[0])
        for path in sorted(folder.glob("*/*"))
        if path.suffix.lower() in harvest.PICTURE_ENDINGS
        and not path.name.startswith(".")
        and not path.parent.name.startswith(".")
    ]
    table = pd.DataFrame(rows, columns=["file", "label", "person"])
    classes, people = table["label"].nunique(), table["person"].nunique()
    if classes < 2 or people < 4:
        raise ValueError(
            f"{folder} has faces of {classes} classes and {people} people or films, "
            "and 2 and 4 are needed; sort more of them with labelling.label_faces, or "
            f"unset {VARIABLE}."
        )
    return table


def hash_table(table):
    """Return twelve characters that change when faces are added or sorted otherwise.

    Parameters
    ----------
    table : pandas.DataFrame
        From `read_faces`.

    Returns
    -------
    str
    """
    rows = [
        (face.label, face.file.name, face.file.stat().st_size)
        for face in table.itertuples()
    ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()[:12]


def cut_faces(table, size):
    """Read the faces of `read_faces` as float32 (n, size, size, 3) in [0, 1]."""
    images = [
        cv2.resize(
            pictures.read_picture(path), (size, size), interpolation=cv2.INTER_AREA
        )
        for path in table["file"]
    ]
    return np.stack(images).astype("float32").clip(0, 1)
