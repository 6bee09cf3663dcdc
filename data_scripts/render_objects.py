"""Draw the object pictures of data/objects: sheets to open, masks and labels.

Run it from anywhere: python data_scripts/render_objects.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pandas as pd
from imageio.v3 import imwrite

from data_scripts.rendering import objects
from helpers.objects import CLASS_NAMES

DATA = Path(__file__).resolve().parent.parent / "data" / "objects"
COUNTS = {"test": 480, "pairs": 330}
COLUMNS = {"test": 12, "pairs": 15}  # tiles in a row of a sheet
QUALITY = 87
MASK_STEP = 127  # grey level of the first object; the second has twice as much


def main():
    """Draw both splits, about a minute on two cores."""
    DATA.mkdir(parents=True, exist_ok=True)
    tables = []
    for split, count in COUNTS.items():
        images, masks = objects.render_split(split, count)
        write_sheets(DATA, split, images, masks)
        tables.append(list_names(split, count))
    pd.concat(tables).to_csv(DATA / "labels.csv", index=False, lineterminator="\n")


def write_sheets(folder, split, images, masks):
    """Write pictures as one JPEG sheet and their masks as one PNG sheet.

    Parameters
    ----------
    folder : pathlib.Path
    split : str
    images : uint8 array (n, height, width, 3)
    masks : bool array (n, objects, height, width)
    """
    grey = sum(masks[:, place] * (place + 1) for place in range(masks.shape[1]))
    grey = (grey * MASK_STEP).astype("uint8")
    # A tile is a multiple of 8 pixels wide and no colour is halved in resolution, so no
    # tile bleeds into its neighbour.
    imwrite(
        folder / f"{split}.jpg",
        lay_out(images, COLUMNS[split]),
        quality=QUALITY,
        subsampling=0,
        optimize=True,
    )
    imwrite(
        folder / f"{split}_masks.png",
        lay_out(grey, COLUMNS[split]),
        optimize=True,
    )


def lay_out(tiles, columns):
    """Join tiles (n, height, width, …) to one sheet, row by row."""
    rows = tiles.reshape(len(tiles) // columns, columns, *tiles.shape[1:])
    return np.concatenate(np.concatenate(rows.swapaxes(0, 1), axis=2), axis=0)


def list_names(split, count):
    """Return the table of what each tile shows: sheet, tile, first, second object."""
    labels = objects.list_labels(split, count)
    names = np.array(CLASS_NAMES)[labels]
    return pd.DataFrame(
        {
            "sheet": split,
            "tile": np.arange(count),
            "first": names[:, 0],
            "second": names[:, 1] if names.shape[1] > 1 else "",
        }
    )


if __name__ == "__main__":
    main()
