"""One architecture, trained three times: five stacks of convolutions, as in VGG16."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from tqdm.auto import tqdm

from helpers import faces, objects
from helpers.networks import predict
from helpers.pictures import fit_picture
from helpers.weights import read_weights, save_weights

SIZE = 96
STACKS = ((16, 2), (32, 2), (48, 3), (64, 3), (96, 3))  # filters, convolutions
LAYERS = tuple(
    f"block{block}_norm{count}" for block, (_, count) in enumerate(STACKS, start=1)
)
CLASS_COUNTS = {
    "objects": len(objects.CLASS_NAMES),
    "identities": 48,
    "emotions": len(faces.CLASS_NAMES),
}
FROZEN_STACKS = 3  # of the five, where emotions were learned from identities

FOLDER = Path(__file__).resolve().parent.parent / "data" / "vgg"
_BATCH = 32


class Trained(NamedTuple):
    """A network, what it was trained for, and pictures it has never seen.

    `model` takes float32 ``(n, height, width, 3)`` in [0, 1] and gives probabilities.
    `layers` names five of its layers, from shallow to deep: what comes out of them has
    not yet gone through a ReLU. `images` fit the model; `labels` int32 ``(n,)`` are
    places in `class_names`. `regions` uint8 ``(n, height, width)`` say what a face
    shows where (places in `helpers.regions.REGIONS`), None where there are no faces.
    """

    role: str
    model: keras.Model
    layers: tuple
    class_names: list
    images: np.ndarray
    labels: np.ndarray
    regions: np.ndarray | None
    description: str


def build_small_vgg(class_count):
    """Build VGG16's five stacks of convolutions, narrower, for 96×96 pixels.

    3×3 convolutions throughout, 2-2-3-3-3 of them in stacks that a max-pooling
    separates (Simonyan & Zisserman 2014, arXiv:1409.1556, configuration D), with 16 to
    96 filters instead of 64 to 512. Batch normalisation follows each convolution, which
    VGG16 lacks: it lets the network be trained from nothing in minutes. After the last
    stack come the mean over the 6×6 map and one dense layer, as class activation maps
    want it (Zhou et al. 2016), instead of three dense layers. About 400,000 parameters.

    Parameters
    ----------
    class_count : int

    Returns
    -------
    keras.Model
        From ``(n, 96, 96, 3)`` in [0, 1] to probabilities ``(n, class_count)``. Its
        layers are named as in VGG16: ``block1_conv1``, ``block1_norm1``,
        ``block1_relu1`` to ``block5_relu3``, then ``mean``, ``dropout``, ``classes``.
    """
    inputs = keras.Input((SIZE, SIZE, 3), name="pictures")
    maps = layers.Rescaling(2.0, -1.0, name="scale")(inputs)
    for block, (filters, count) in enumerate(STACKS, start=1):
        if block > 1:
            maps = layers.MaxPooling2D(name=f"block{block - 1}_pool")(maps)
        for place in range(1, count + 1):
            maps = layers.Conv2D(
                filters,
                3,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                name=f"block{block}_conv{place}",
            )(maps)
            norm = layers.BatchNormalization(
                momentum=0.9, name=f"block{block}_norm{place}"
            )
            maps = layers.ReLU(name=f"block{block}_relu{place}")(norm(maps))
    means = layers.GlobalAveragePooling2D(name="mean")(maps)
    means = layers.Dropout(0.3, name="dropout")(means)
    outputs = layers.Dense(class_count, activation="softmax", name="classes")(means)
    return keras.Model(inputs, outputs)


def start_small_vgg(class_count, seed=0):
    """Return `build_small_vgg` with first weights that `seed` decides."""
    keras.utils.set_random_seed(seed)
    return build_small_vgg(class_count)


def train_small_vgg(model, images, labels, vary, steps, validation, seed=0):
    """Train a small VGG, or what is not frozen of it.

    Adam on batches of 32; the learning rate rises over the first twentieth of the
    steps, then falls along a cosine almost to zero.

    Parameters
    ----------
    model : keras.Model
        From `build_small_vgg`; changed in place.
    images : array (n, 96, 96, 3), as `vary` takes them
    labels : int array (n,)
    vary : callable
        ``vary(images, generator)`` changes a batch of pictures at random and returns
        float32 in [0, 1].
    steps : int
        Batches.
    validation : (float32 array (m, 96, 96, 3), int array (m,))
        Asked ten times; the progress bar shows the accuracy.
    seed : int
        Decides the order of the pictures and their changes.
    """
    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=2e-3, warmup_steps=steps // 20
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy"
    )
    order = np.empty(0, int)
    bar = tqdm(range(1, steps + 1), desc="training", unit="batch")
    for step in bar:
        if len(order) < _BATCH:
            order = np.concatenate([order, generator.permutation(len(images))])
        batch, order = order[:_BATCH], order[_BATCH:]
        model.train_on_batch(vary(images[batch], generator), labels[batch])
        if step % (steps // 10) == 0:
            right = predict(model, validation[0]).argmax(axis=1) == validation[1]
            bar.set_postfix_str(f"validation {right.mean():.3f}")


def transfer(model, class_count, frozen=FROZEN_STACKS):
    """Start a network for other classes from a trained one, its first stacks frozen.

    All weights but those of the last, dense layer are taken over; the convolutions and
    normalisations of the first stacks stay as they are in training.

    Parameters
    ----------
    model : keras.Model
        From `build_small_vgg`.
    class_count : int
    frozen : int
        Stacks, of the five.

    Returns
    -------
    keras.Model
    """
    other = build_small_vgg(class_count)
    for layer in other.layers[:-1]:
        layer.set_weights(model.get_layer(layer.name).get_weights())
        block = int(layer.name[5]) if layer.name.startswith("block") else 0
        layer.trainable = block > frozen
    other.get_layer("classes").trainable = True
    return other


def load_small_vgg(role):
    """Load the small VGG that ``data_scripts/train_networks.py`` trained for a role.

    Parameters
    ----------
    role : str
        A key of `CLASS_COUNTS`.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If the stored weights do not fit the network.
    """
    remake = "python data_scripts/train_networks.py vgg"
    model = build_small_vgg(CLASS_COUNTS[role])
    return read_weights(_name_file(role), [model], remake)[0]


def save_small_vgg(model, role):
    """Store a small VGG as `load_small_vgg` reads it."""
    save_weights(_name_file(role), [model])


def fit_images(images, size, crop=1.0):
    """Bring pictures to a square of `size` pixels; see `pictures.fit_picture`."""
    return np.stack([fit_picture(image, (size, size), crop)[0] for image in images])


def fit_faces(images):
    """Cut the middle 96 of 100 pixels out of faces, or of their region maps."""
    rim = (faces.SIZE - SIZE) // 2
    return images[:, rim:-rim, rim:-rim]


def _name_file(role):
    return FOLDER / f"{role}.npz"
