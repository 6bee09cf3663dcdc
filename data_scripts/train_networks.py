"""Train the networks that the chapters ask, and store them in data/.

Run it from anywhere:

    python data_scripts/train_networks.py            all of them, about 40 minutes
    python data_scripts/train_networks.py digits     chapter 1's
    python data_scripts/train_networks.py objects    the one that names drawn objects
    python data_scripts/train_networks.py emotions   those that read faces in films
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import runtime

DATA = Path(__file__).resolve().parent.parent / "data"
OBJECT_PICTURES = {"train": 4800, "validation": 480}


def main(arguments=None):
    """Train the groups that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "groups", nargs="*", metavar="group", help="digits, objects or emotions"
    )
    groups = parser.parse_args(arguments).groups or [*TRAIN]
    unknown = [group for group in groups if group not in TRAIN]
    if unknown:
        parser.error(f"no group named {unknown[0]!r}; choose from {', '.join(TRAIN)}")
    runtime.start("embedded")
    for group in groups:
        TRAIN[group]()


def train_digits():
    """Train five seeds after each recipe on the embedded digits, about five minutes."""
    from helpers import digits, networks

    data = digits.load("embedded")
    for recipe in networks.RECIPES:
        models = networks.train_digit_networks(
            data.train_images, data.train_labels, recipe
        )
        networks.save_digit_networks(networks.name_file(DATA, recipe), models)


def train_objects():
    """Draw pictures and train one network on them, about nine minutes."""
    from data_scripts.rendering import objects
    from helpers import networks, weights

    pictures = {
        split: (
            objects.render_split(split, count)[0],
            objects.list_labels(split, count)[:, 0],
        )
        for split, count in OBJECT_PICTURES.items()
    }
    images, labels = pictures["validation"]
    model = networks.train_object_network(
        *pictures["train"], (images.astype("float32") / 255, labels)
    )
    weights.save_weights(DATA / "objects" / "network.npz", [model])


def train_emotions():
    """Train three seeds after each recipe on the rendered films, about 25 minutes."""
    from helpers import face_networks, weights

    for recipe in face_networks.RECIPES:
        models = face_networks.train_emotion_networks("embedded", recipe)
        weights.save_weights(face_networks.name_file(DATA, recipe), models)


TRAIN = {"digits": train_digits, "objects": train_objects, "emotions": train_emotions}

if __name__ == "__main__":
    main()
