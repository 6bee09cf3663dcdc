"""Train VGGEmotion: VGG-Face, its last convolution retrained to read emotions.

Run it from anywhere, once; some minutes on two cores:

    python data_scripts/train_vgg_emotion.py            on the London set
    python data_scripts/train_vgg_emotion.py FOLDER     on faces that you have sorted

FOLDER holds one folder a class, as `labelling.label_faces` makes them. What stands in
a picture's name before the first underscore is whose face, or which film's, it is: a
fifth of these people are held out, to test on. The weights of VGG-Face are fetched if
they are absent (59 MB); what is learned goes to the cache folder.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import runtime, sources

EPOCHS = 20
SEED = 0
RATE = 3e-4
BATCH = 32
_DESCRIBED = 8  # pictures at a time


def main(arguments=None):
    """Run the command; return 0, or 1 after a sentence about what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default="", help="faces that you sorted")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: 20")
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error(f"--epochs must be 1 or more, got {options.epochs}")
    runtime.start("real", SEED)
    folder = str(Path(options.folder).resolve()) if options.folder else ""
    try:
        run(folder, options.epochs)
    except (ValueError, sources.SourceError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(folder, epochs):
    """Gather faces, train on four fifths of the people, test on the others, and save.

    Parameters
    ----------
    folder : str
        "" for the London set.
    epochs : int
    """
    import numpy as np

    from helpers import real_networks
    from helpers.networks import predict

    gathered = real_networks.gather_faces(real_networks.SIZE, folder)
    class_names = np.unique(gathered.labels).tolist()
    labels = np.searchsorted(class_names, gathered.labels)
    held_out = real_networks.hold_out(gathered.people)
    unseen = np.isin(gathered.people, held_out)
    print(
        f"{(~unseen).sum()} faces to learn from and {unseen.sum()} of "
        f"{len(held_out)} other people to test on; classes: {', '.join(class_names)}"
    )
    arrays = real_networks.read_vgg_face(sources.fetch("vgg-face/weights-without-top"))
    model = real_networks.build_vgg_emotion(len(class_names))
    real_networks.give_weights(model, arrays)
    train(model, gathered.images[~unseen], labels[~unseen], epochs)
    right = predict(model, gathered.images[unseen]).argmax(axis=1) == labels[unseen]
    for person in held_out:
        of_person = right[gathered.people[unseen] == person]
        print(f"{person}: {of_person.sum()} of {len(of_person)} right")
    print(f"held-out people: {right.sum()} of {len(right)} right")
    path = real_networks.save_vgg_emotion(
        real_networks.Emotions(model, class_names, held_out, folder)
    )
    print(f"saved: {path}")


def train(model, images, labels, epochs):
    """Train what is not frozen, on the pictures and their mirror images.

    What comes out of the frozen layers is computed once, and only the last convolution
    and the head are run again and again.

    Parameters
    ----------
    model : keras.Model
        From `real_networks.build_vgg_emotion`; changed in place.
    images : float32 array (n, 224, 224, 3)
    labels : int array (n,)
    epochs : int
    """
    import keras
    import numpy as np
    from tqdm.auto import tqdm

    from helpers import real_networks

    learned = model.get_layer(real_networks.RETRAINED)
    frozen = keras.Model(model.input, learned.input)
    head = keras.Model(learned.input, model.output)
    starts = range(0, len(images), _DESCRIBED)
    maps = []
    for start in tqdm(starts, desc="frozen layers", unit="batch"):
        batch = images[start : start + _DESCRIBED]
        both = np.concatenate([batch, batch[:, :, ::-1]])
        maps += [*np.split(frozen(both, training=False).numpy().astype("float16"), 2)]
    maps = np.concatenate(maps[::2] + maps[1::2])
    labels = np.concatenate([labels, labels])

    keras.utils.set_random_seed(SEED)
    generator = np.random.default_rng(SEED)
    steps = -(-len(maps) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps * epochs)
    head.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy")
    bar = tqdm(range(epochs), desc="training", unit="epoch")
    for _ in bar:
        for batch in np.array_split(generator.permutation(len(maps)), steps):
            loss = head.train_on_batch(maps[batch].astype("float32"), labels[batch])
        bar.set_postfix_str(f"loss {float(loss):.3f}")


if __name__ == "__main__":
    sys.exit(main())
