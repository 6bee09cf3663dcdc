"""Train the digit networks that chapter 1 compares, and store them in data/digits.

Run it from anywhere: python data_scripts/train_networks.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import runtime

DATA = Path(__file__).resolve().parent.parent / "data"


def main():
    """Train five seeds after each recipe on the embedded digits, about five minutes."""
    runtime.start("embedded")

    from helpers import digits, networks

    data = digits.load("embedded")
    for recipe in networks.RECIPES:
        models = networks.train_digit_networks(
            data.train_images, data.train_labels, recipe
        )
        networks.save_digit_networks(networks.name_file(DATA, recipe), models)


if __name__ == "__main__":
    main()
