"""The networks that read faces: how they are built, trained, stored and asked for."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from keras import layers
from sklearn import metrics
from tqdm.auto import tqdm

from helpers import faces, london, own_faces, sources
from helpers.networks import predict
from helpers.weights import read_weights, save_weights

SEEDS = range(3)

_DATA = Path(__file__).resolve().parent.parent / "data"
_BATCH = 32
_GLANCE = 50  # steps between two rows of a training's table
_REACH = 6  # pixels of random shift
_REMAKE = "python data_scripts/train_networks.py emotions"


class Recipe(NamedTuple):
    """How an emotion network is trained.

    `films` are the splits it sees, `count` the faces of each class (None: all),
    `dropout` the share of features switched off, `varied` whether the faces are
    mirrored, moved and relit, and `steps` the batches of 32.
    """

    films: tuple
    count: int | None = 60  # type: ignore[assignment]  # hides a tuple's own count()
    dropout: float = 0.0
    varied: bool = False
    steps: int = 500


RECIPES = {
    "few faces": Recipe(("first",)),
    "more faces": Recipe(("first",), count=None),
    "other films": Recipe(("second",)),
    "dropout": Recipe(("first",), dropout=0.5),
    "varied faces": Recipe(("first",), varied=True),
    "all together": Recipe(("first", "second"), None, 0.3, True, 2400),
}


def build_emotion_network(class_count=5, dropout=0.0):
    """Build a small residual network for faces of 100×100 pixels (He et al. 2016).

    One convolution, then three residual blocks of two convolutions each, with batch
    normalisation and ReLU; the last feature map is 13×13. Then the mean over that map
    and one dense layer, as class activation maps want it (Zhou et al. 2016). About
    112,000 parameters.

    Parameters
    ----------
    class_count : int
    dropout : float
        The share of the means that are switched off at each training step.

    Returns
    -------
    keras.Model
        From ``(n, 100, 100, 3)`` in [0, 1] to probabilities ``(n, class_count)``.
    """
    inputs = keras.Input((faces.SIZE, faces.SIZE, 3))
    maps = _convolve(inputs, 16, 5, 2, "start")
    maps = layers.ReLU(name="start_relu")(maps)
    for block, (filters, stride) in enumerate(((24, 2), (48, 2), (64, 1)), start=1):
        maps = _add_residual_block(maps, filters, stride, f"block{block}")
    means = layers.GlobalAveragePooling2D(name="mean")(maps)
    if dropout:
        means = layers.Dropout(dropout, name="dropout")(means)
    outputs = layers.Dense(class_count, activation="softmax", name="classes")(means)
    return keras.Model(inputs, outputs)


def train_emotion_network(
    recipe, images, labels, seed=0, validation=None, class_count=None
):
    """Train an emotion network after a recipe.

    Adam; the learning rate rises over the first twentieth of the steps, then falls
    along a cosine almost to zero.

    Parameters
    ----------
    recipe : Recipe
        Its `films` and `count` are not used: `pick_faces` does that.
    images : float32 array (n, 100, 100, 3) in [0, 1]
    labels : int array (n,)
    seed : int
        Decides the first weights, the order of the faces and their changes.
    validation : (float32 array (m, 100, 100, 3), int array (m,)), optional
        Asked every 50 steps.
    class_count : int, optional
        By default one more than the largest label.

    Returns
    -------
    (keras.Model, pandas.DataFrame)
        The table has a row every 50 steps: ``step``, ``loss`` and ``accuracy`` on what
        was shown since the row before, and, if asked for, ``validation_loss`` and
        ``validation_accuracy``.
    """
    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    class_count = class_count or int(labels.max()) + 1
    model = build_emotion_network(class_count, recipe.dropout)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, recipe.steps, warmup_target=2e-3, warmup_steps=recipe.steps // 20
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    rows = []
    batches = _draw_batches(len(images), generator)
    for step in tqdm(range(1, recipe.steps + 1), desc="training", unit="batch"):
        batch = next(batches)
        shown = vary_faces(images[batch], generator) if recipe.varied else images[batch]
        values = model.train_on_batch(shown, labels[batch], return_dict=True)
        if step % _GLANCE == 0 or step == recipe.steps:
            row = {"step": step, **{key: float(value) for key, value in values.items()}}
            if validation is not None:
                row |= _validate(model, *validation)
            rows.append(row)
            model.reset_metrics()
    return model, pd.DataFrame(rows)


def pick_faces(labels, count, seed=0):
    """Choose up to `count` faces of each class, or all if `count` is None.

    Parameters
    ----------
    labels : int array (n,)
    count : int or None
    seed : int

    Returns
    -------
    int array, the places of the chosen, in order
    """
    if count is None:
        return np.arange(len(labels))
    generator = np.random.default_rng(seed)
    places = [
        generator.permutation(np.flatnonzero(labels == label))[:count]
        for label in np.unique(labels)
    ]
    return np.sort(np.concatenate(places))


def vary_faces(images, generator):
    """Mirror, move and relight faces.

    Every second is mirrored; each moves by up to six pixels, the edge repeated, and its
    light changes by up to a fifth.

    Parameters
    ----------
    images : float32 array (n, height, width, 3) in [0, 1]
    generator : numpy.random.Generator

    Returns
    -------
    float32 array (n, height, width, 3) in [0, 1]
    """
    count, height, width = images.shape[:3]
    moves = generator.integers(-_REACH, _REACH + 1, (2, count, 1))
    rows = np.clip(np.arange(height) + moves[0], 0, height - 1)
    columns = np.clip(np.arange(width) + moves[1], 0, width - 1)
    mirror = generator.random((count, 1)) < 0.5
    columns = np.where(mirror, columns[:, ::-1], columns)
    number = np.arange(count)[:, None, None]
    moved = images[number, rows[:, :, None], columns[:, None, :]]
    light = generator.uniform(0.8, 1.2, (count, 1, 1, 1)).astype("float32")
    return np.clip(moved * light, 0, 1)


def train_emotion_networks(edition, recipe):
    """Train one emotion network for each of `SEEDS` after a recipe.

    The real edition has fewer faces, and takes half as many steps.

    Parameters
    ----------
    edition : str
        "embedded" or "real".
    recipe : str
        A key of `RECIPES`.

    Returns
    -------
    list of keras.Model
    """
    chosen = RECIPES[recipe]
    parts = [faces.load(edition, split) for split in chosen.films]
    images = np.concatenate([part.images for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    steps = chosen.steps if edition == "embedded" else chosen.steps // 2
    models = []
    for seed in SEEDS:
        places = pick_faces(labels, chosen.count, seed)
        model, _ = train_emotion_network(
            chosen._replace(steps=steps),
            images[places],
            labels[places],
            seed,
            class_count=len(parts[0].class_names),
        )
        models.append(model)
    return models


def load_emotion_networks(edition, recipe):
    """Load the emotion networks of three seeds trained after one recipe.

    The embedded edition ships them, made by ``data_scripts/train_networks.py``. The
    real edition trains them when it first needs them, with a progress bar, and keeps
    them in the cache folder; those trained on faces of one's own are kept apart, and
    made again when other faces are there or they are sorted otherwise.

    Parameters
    ----------
    edition : str
        "embedded" or "real".
    recipe : str
        A key of `RECIPES`.

    Returns
    -------
    list of keras.Model

    Raises
    ------
    ValueError
        If the recipe is unknown or the stored weights do not fit.
    """
    if recipe not in RECIPES:
        raise ValueError(
            f"The recipe must be one of {', '.join(map(repr, RECIPES))}, "
            f"got {recipe!r}; choose one of these."
        )
    if edition == "embedded":
        return _read_networks(name_file(_DATA, recipe), len(faces.CLASS_NAMES))
    folder, class_count = Path("trained"), len(london.CLASS_NAMES)
    own = own_faces.find_folder()
    if own:
        table = own_faces.read_faces(own)
        folder /= own_faces.hash_table(table)
        class_count = table["label"].nunique()
    for cache in sources.cache_folders():
        path = name_file(cache / folder, recipe)
        if path.is_file():
            return _read_networks(path, class_count)
    models = train_emotion_networks(edition, recipe)
    path = name_file(sources.writable_cache_folder() / folder, recipe)
    save_weights(path, models)
    return models


def load_other_network(edition):
    """Load a network that others trained, to look at it as one looks at one's own.

    Real: mini-XCEPTION (O. Arriaga and others 2017, arXiv:1710.07557), which names
    seven emotions in grey faces of 64×64 pixels; layers in front of it turn faces of
    the course into such. Embedded: no published network ships with the course; the
    last seed after the recipe "all together" stands in for it.

    Parameters
    ----------
    edition : str
        "embedded" or "real".

    Returns
    -------
    model : keras.Model
        From ``(n, 100, 100, 3)`` in [0, 1] to probabilities.
    class_names : list of str

    Raises
    ------
    helpers.sources.SourceError
        In the real edition, if the weights are absent and cannot be fetched.
    """
    if edition == "embedded":
        return load_emotion_networks(edition, "all together")[-1], faces.CLASS_NAMES
    published = keras.models.load_model(
        sources.fetch("mini-xception/weights"), compile=False
    )
    inputs = keras.Input((faces.SIZE, faces.SIZE, 3))
    turn_grey = layers.Conv2D(1, 1, use_bias=False, trainable=False, name="grey")
    maps = layers.Resizing(64, 64)(turn_grey(inputs))
    model = keras.Model(inputs, published(layers.Rescaling(2.0, -1.0)(maps)))
    weights = np.array([0.299, 0.587, 0.114], "float32")  # ITU-R BT.601
    turn_grey.set_weights([weights.reshape(1, 1, 3, 1)])
    names = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    return model, names


def measure(model, images, labels):
    """Measure how often a network is right.

    Parameters
    ----------
    model : keras.Model
    images : float32 array (n, 100, 100, 3)
    labels : int array (n,)

    Returns
    -------
    dict
        ``accuracy`` and ``macro F1`` (the mean over classes of the harmonic mean of
        precision and recall), floats; ``confusion``, float array (classes, classes):
        how the faces of each class are called, each row summing to 1; ``recalls``, its
        diagonal.
    """
    answers = predict(model, images).argmax(axis=1)
    classes = np.arange(model.output_shape[-1])
    confusion = metrics.confusion_matrix(
        labels, answers, labels=classes, normalize="true"
    )
    return {
        "accuracy": float((answers == labels).mean()),
        "macro F1": metrics.f1_score(labels, answers, labels=classes, average="macro"),
        "confusion": confusion,
        "recalls": confusion.diagonal(),
    }


def name_file(folder, recipe):
    """Return the path below `folder` that holds the networks of a recipe."""
    return folder / "emotions" / f"{recipe.replace(' ', '_')}.npz"


def _read_networks(path, class_count):
    models = [build_emotion_network(class_count) for _ in SEEDS]
    return read_weights(path, models, _REMAKE)


def _convolve(maps, filters, size, stride, name):
    maps = layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(maps)
    return layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(maps)


def _add_residual_block(maps, filters, stride, name):
    side = _convolve(maps, filters, 1, stride, f"{name}_side")
    deep = _convolve(maps, filters, 3, stride, f"{name}_first")
    deep = layers.ReLU(name=f"{name}_first_relu")(deep)
    deep = _convolve(deep, filters, 3, 1, f"{name}_second")
    return layers.ReLU(name=f"{name}_relu")(
        layers.Add(name=f"{name}_add")([side, deep])
    )


def _draw_batches(count, generator):
    """Yield places of a batch each, every face once before any comes again."""
    order = np.empty(0, int)
    while True:
        if len(order) < _BATCH:
            order = np.concatenate([order, generator.permutation(count)])
        yield order[:_BATCH]
        order = order[_BATCH:]


def _validate(model, images, labels):
    probabilities = predict(model, images)
    right = probabilities[np.arange(len(labels)), labels]
    return {
        "validation_loss": float(-np.log(np.maximum(right, 1e-7)).mean()),
        "validation_accuracy": float((probabilities.argmax(axis=1) == labels).mean()),
    }
