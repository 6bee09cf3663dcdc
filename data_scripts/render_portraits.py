"""Draw the portraits of data/portraits: a sheet to open, region maps and labels.

Run it from anywhere: python data_scripts/render_portraits.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pandas as pd
from imageio.v3 import imwrite

from data_scripts.render_objects import QUALITY, lay_out
from data_scripts.rendering import people, portraits
from helpers.portraits import COLUMNS, FOLDER, REGION_STEP


def main():
    """Draw the test pictures, about two minutes on two cores."""
    write(portraits.render_split("test"))


def write(taken):
    """Write portraits as one JPEG sheet, their regions as one PNG, and who they are."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    imwrite(
        FOLDER / "test.jpg",
        lay_out(taken.images, COLUMNS),
        quality=QUALITY,
        subsampling=0,
        optimize=True,
    )
    imwrite(
        FOLDER / "test_regions.png",
        lay_out(taken.regions * REGION_STEP, COLUMNS),
        optimize=True,
    )
    table = pd.DataFrame(
        {
            "tile": range(len(taken.images)),
            "person": taken.people + 1,
            "emotion": [people.EMOTIONS[emotion] for emotion in taken.emotions],
        }
    )
    table.to_csv(FOLDER / "labels.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
