"""Portraits of 48 people of whom all but the face changes."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from skimage.io import imread

SIZE = 96
CLASS_NAMES = [f"person {number}" for number in range(1, 49)]
COLUMNS = 12  # tiles in a row of a sheet: a person's
REGION_STEP = 20  # grey levels between two regions in the sheet of regions

FOLDER = Path(__file__).resolve().parent.parent / "data" / "portraits"


class Portraits(NamedTuple):
    """Pictures of people, and what is known of each.

    `images` float32 ``(n, 96, 96, 3)`` in [0, 1]; `labels` int32 ``(n,)``, places in
    `class_names`: who it is; `regions` uint8 ``(n, 96, 96)``, places in
    `helpers.regions.REGIONS`; `emotions` str ``(n,)``: what he or she plays.
    """

    images: np.ndarray
    labels: np.ndarray
    regions: np.ndarray
    emotions: np.ndarray
    class_names: list
    description: str


def load():
    """Load the portraits that no network has seen, and say in a line what they are.

    They were drawn by ``data_scripts/render_portraits.py``: two looks of each person,
    with hair, clothes and sets that occur in no picture to learn from.

    Returns
    -------
    Portraits
    """
    table = pd.read_csv(FOLDER / "labels.csv")
    data = Portraits(
        _split(imread(FOLDER / "test.jpg")) / np.float32(255),
        table["person"].to_numpy("int32") - 1,
        _split(imread(FOLDER / "test_regions.png")) // np.uint8(REGION_STEP),
        table["emotion"].to_numpy(str),
        CLASS_NAMES,
        f"embedded edition: {len(table)} portraits of {len(CLASS_NAMES)} rendered "
        "people, with hair, clothes and sets that are new",
    )
    print(data.description)
    return data


def _split(sheet):
    """Cut a sheet into its square tiles, row by row."""
    rows = len(sheet) // SIZE
    tiles = sheet.reshape(rows, SIZE, COLUMNS, SIZE, *sheet.shape[2:]).swapaxes(1, 2)
    return tiles.reshape(rows * COLUMNS, SIZE, SIZE, *sheet.shape[2:])
