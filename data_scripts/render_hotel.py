"""Render the hotel of data/hotel: sheets to open, maps and labels.

Run it from anywhere; it needs the packages of the extra "data":

    python data_scripts/render_hotel.py         all of it, 35 minutes on two cores
    python data_scripts/render_hotel.py spare   one split
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pandas as pd
from imageio.v3 import imwrite

from data_scripts.render_objects import lay_out
from data_scripts.rendering import hotel
from helpers.scenes import FOLDER, RAIL_STEPS, REGIONS

COLUMNS = 20  # tiles in a row of a sheet
# Of the JPEG sheets. What is only trained on may be a little coarser.
QUALITY = {"train": 80, "validation": 88, "test": 88, "spare": 88}


def main(arguments=None):
    """Render the splits that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "splits", nargs="*", metavar="split", help=", ".join(hotel.COUNTS)
    )
    splits = parser.parse_args(arguments).splits or [*hotel.COUNTS]
    unknown = [split for split in splits if split not in hotel.COUNTS]
    if unknown:
        known = ", ".join(hotel.COUNTS)
        parser.error(f"no split named {unknown[0]!r}; choose from {known}")
    for split in splits:
        write(FOLDER, split, hotel.render_split(split))


def write(folder, split, pictures):
    """Write a split's pictures, its maps, and its rows of labels.csv.

    Parameters
    ----------
    folder : pathlib.Path
    split : str
        A key of `hotel.COUNTS`.
    pictures : list of hotel.Picture
        As many as the split has, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    images = np.stack([picture.image for picture in pictures])
    if split in hotel.TWINS:
        twins = np.stack([picture.twin for picture in pictures])
        _write_photographs(folder / f"{split}_with.jpg", images, QUALITY[split])
        _write_photographs(folder / f"{split}_without.jpg", twins, QUALITY[split])
    else:
        _write_photographs(folder / f"{split}.jpg", images, QUALITY[split])
    maps = np.stack([pack_map(picture.rail, picture.regions) for picture in pictures])
    imwrite(folder / f"{split}_maps.png", lay_out(maps, COLUMNS), optimize=True)
    _write_labels(folder / "labels.csv", split, pictures)


def pack_map(rail, regions):
    """Join the rail's share of each pixel and the region behind it to one byte.

    Parameters
    ----------
    rail : float array (height, width) in [0, 1]
    regions : uint8 array (height, width)
        Places in `REGIONS`, at most 16 of them.

    Returns
    -------
    uint8 array (height, width)
        Sixteen times the share in fifteenths, plus the region.
    """
    assert len(REGIONS) <= RAIL_STEPS + 1
    steps = (rail * RAIL_STEPS).round().astype("uint8")
    return (RAIL_STEPS + 1) * steps + regions


def _write_photographs(path, images, quality):
    # A tile is a multiple of 8 pixels wide and no colour is halved in resolution: where
    # twins are equal in a block of 8x8 pixels, they are equal in what is read back.
    imwrite(
        path, lay_out(images, COLUMNS), quality=quality, subsampling=0, optimize=True
    )


def _write_labels(path, split, pictures):
    jobs = hotel.list_jobs(split)
    table = pd.DataFrame(
        {
            "split": split,
            "tile": range(len(jobs)),
            "area": [job.area for job in jobs],
            "seed": [picture.seed for picture in pictures],
            "rail": [picture.rail.mean().round(5) for picture in pictures],
        }
    )
    if path.exists():
        kept = pd.read_csv(path)
        table = pd.concat([kept[kept["split"] != split], table])
        order = {name: place for place, name in enumerate(hotel.COUNTS)}
        table = table.sort_values(
            "split", key=lambda names: names.map(order), kind="stable"
        )
    table.to_csv(path, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
