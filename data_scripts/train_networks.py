"""Train the networks that the chapters ask, and store them in data/.

Run it from anywhere:

    python data_scripts/train_networks.py            all of them, about 90 minutes
    python data_scripts/train_networks.py digits     chapter 1's
    python data_scripts/train_networks.py objects    the one that names drawn objects
    python data_scripts/train_networks.py emotions   those that read faces in films
    python data_scripts/train_networks.py vgg        one architecture, three trainings
    python data_scripts/train_networks.py hotel      rooms of a hotel, and the remedies
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pandas as pd

from helpers import runtime

DATA = Path(__file__).resolve().parent.parent / "data"
OBJECT_PICTURES = {"train": 4800, "validation": 480}


def main(arguments=None):
    """Train the groups that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "groups",
        nargs="*",
        metavar="group",
        help="digits, objects, emotions, vgg or hotel",
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
    from helpers import networks, weights

    pictures = draw_objects()
    images, labels = pictures["train"]
    shown, known = pictures["validation"]
    validation = (shown.astype("float32") / 255, known)
    model = networks.train_object_network(images, labels, validation)
    weights.save_weights(DATA / "objects" / "network.npz", [model])


def draw_objects():
    """Draw the pictures of objects to learn from: split to images and labels."""
    from data_scripts.rendering import objects

    return {
        split: (
            objects.render_split(split, count)[0],
            objects.list_labels(split, count)[:, 0],
        )
        for split, count in OBJECT_PICTURES.items()
    }


def train_emotions():
    """Train three seeds after each recipe on the rendered films, about 25 minutes."""
    from helpers import face_networks, weights

    for recipe in face_networks.RECIPES:
        models = face_networks.train_emotion_networks("embedded", recipe)
        weights.save_weights(face_networks.name_file(DATA, recipe), models)


def train_vggs():
    """Train the small VGG on objects, identities, emotions: about 25 minutes."""
    train_vgg_on_objects()
    train_vgg_on_identities()
    train_vgg_on_emotions()


def train_vgg_on_objects():
    """Train it on the pictures that `train_objects` draws, made smaller."""
    from helpers import networks, vgg

    images, labels = zip(*draw_objects().values(), strict=True)
    fitted = [vgg.fit_images(part / np.float32(255), vgg.SIZE) for part in images]
    model = vgg.start_small_vgg(len(np.unique(labels[0])))
    train = (fitted[0] * 255).round().astype("uint8")
    vgg.train_small_vgg(
        model, train, labels[0], networks.vary_objects, 2200, (fitted[1], labels[1])
    )
    vgg.save_small_vgg(model, "objects")


def train_vgg_on_identities():
    """Train it on portraits: the same people with other hair and clothes, elsewhere."""
    from data_scripts.rendering import portraits
    from helpers import face_networks, vgg

    train, validation = (
        portraits.render_split(split) for split in ("train", "validation")
    )
    model = vgg.start_small_vgg(portraits.PEOPLE)
    asked = validation.images / np.float32(255)
    vgg.train_small_vgg(
        model,
        train.images / np.float32(255),
        train.people,
        face_networks.vary_faces,
        1800,
        (asked, validation.people),
    )
    vgg.save_small_vgg(model, "identities")


def train_vgg_on_emotions():
    """Go on from identities to emotions, on the faces of the first and second films.

    How much of the network must be free to learn them? The table transfer.csv says how
    often it is right on unseen films with the first five, four and three of its stacks
    frozen. The last of these is kept.
    """
    from helpers import face_networks, faces, networks, vgg

    parts = [faces.load("embedded", split) for split in ("first", "second")]
    images = np.concatenate([vgg.fit_faces(part.images) for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    held, asked = (faces.load("embedded", split) for split in ("validation", "test"))
    rows = []
    for frozen in (5, 4, vgg.FROZEN_STACKS):
        model = vgg.load_small_vgg("identities")
        model = vgg.transfer(model, len(asked.class_names), frozen)
        vgg.train_small_vgg(
            model,
            images,
            labels,
            face_networks.vary_faces,
            1200,
            (vgg.fit_faces(held.images), held.labels),
        )
        answers = networks.predict(model, vgg.fit_faces(asked.images)).argmax(axis=1)
        rows.append((frozen, round(float((answers == asked.labels).mean()), 2)))
    table = pd.DataFrame(rows, columns=["frozen stacks", "right on unseen films"])
    table.to_csv(DATA / "vgg" / "transfer.csv", index=False, lineterminator="\n")
    vgg.save_small_vgg(model, "emotions")


def train_hotel():
    """Train on the hotel as found, then after each remedy: about forty minutes."""
    from helpers import scene_networks, scenes, weights

    train = scenes.load("embedded", "train")
    spare = scenes.load_pairs("embedded", "spare")
    found: list = []
    for recipe in scene_networks.RECIPES:
        path, models = scene_networks.name_file(recipe), []
        for seed in range(scene_networks.SEED_COUNTS[recipe]):
            print(f"{recipe}, seed {seed}")
            if recipe == "as found":
                model = scene_networks.train_as_found(train, seed)
            else:
                model = scene_networks.remedy(recipe, found[seed], train, spare, seed)
            models.append(model)
            weights.save_weights(path, models)  # after each, so that none is lost
        weights.read_weights(path, models, "")  # go on from what is stored
        found = found or models
    tabulate_remedies()


def tabulate_remedies():
    """Write remedies.csv: what each stored network does on the test pairs."""
    from helpers import scene_networks, scenes

    test = scenes.load_pairs("embedded", "test")
    rows = []
    for recipe in scene_networks.RECIPES:
        models = scene_networks.load_scene_networks("embedded", recipe)
        for seed, model in enumerate(models):
            row = {"recipe": recipe, "seed": seed}
            rows.append(row | scene_networks.measure(model, test))
            print(*rows[-1].values(), flush=True)
    table = pd.DataFrame(rows).round(3)
    path = DATA / "hotel" / "remedies.csv"
    table.to_csv(path, index=False, lineterminator="\n")


TRAIN = {
    "digits": train_digits,
    "objects": train_objects,
    "emotions": train_emotions,
    "vgg": train_vggs,
    "hotel": train_hotel,
}

if __name__ == "__main__":
    main()
