"""The networks of the course: how they are built, trained, stored and asked."""

from pathlib import Path

import keras
import numpy as np
from keras import layers
from tqdm.auto import tqdm

from helpers import digits, probes, sources
from helpers.attribution.scores import run_in_batches

SEEDS = range(5)
RECIPES = ("plain", "shifts", "neither", "shifts and neither")

_DATA = Path(__file__).resolve().parent.parent / "data"
_REACH = 6  # pixels of random shift


def build_digit_network(class_count=2):
    """Build the story's network: two convolutions, two poolings, two dense layers.

    20 and 50 filters of 5×5, 256 hidden units, softmax; 231,140 parameters for two
    classes. Glorot-uniform weights, with a gain of √2 before each ReLU; no dropout, no
    weight decay (K. Krishna 2016, after LeCun et al. 1998).

    Parameters
    ----------
    class_count : int

    Returns
    -------
    keras.Model
        From ``(n, 28, 28, 1)`` to probabilities ``(n, class_count)``.
    """

    def relu():
        start = keras.initializers.VarianceScaling(2.0, "fan_avg", "uniform")
        return {"activation": "relu", "kernel_initializer": start}

    return keras.Sequential(
        [
            layers.Input((digits.SIZE, digits.SIZE, 1)),
            layers.Conv2D(20, 5, **relu()),
            layers.MaxPooling2D(),
            layers.Conv2D(50, 5, **relu()),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(256, **relu()),
            layers.Dense(class_count, activation="softmax"),
        ]
    )


def train_digit_network(images, labels, recipe="plain", seed=0, epochs=8):
    """Train one digit network after one of four recipes.

    "plain" shows the pictures as they are; "shifts" moves each by up to six pixels,
    anew in each epoch; "neither" adds a third class of drawn marks, half as many as
    there are pictures; "shifts and neither" does both.

    Parameters
    ----------
    images : float32 array (n, 28, 28, 1)
    labels : int array (n,)
    recipe : str
        One of `RECIPES`.
    seed : int
        Decides the first weights, the order of the pictures, shifts and marks.
    epochs : int

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If the recipe is unknown.
    """
    _check_recipe(recipe)
    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    model = build_digit_network(_count_classes(recipe))
    # Keras 3 would take a learning rate of 0.001; the story's Adadelta has none, so 1.
    model.compile(
        optimizer=keras.optimizers.Adadelta(learning_rate=1.0),
        loss="sparse_categorical_crossentropy",
        steps_per_execution=8,
    )
    for _ in range(epochs):
        shown, answers = images, labels
        if "shifts" in recipe:
            shown = digits.shift_randomly(images, _REACH, generator)
        if "neither" in recipe:
            marks = probes.draw_neither(len(images) // 2, generator.integers(2**31))
            shown = np.concatenate([shown, marks])
            answers = np.concatenate([labels, np.full(len(marks), 2)])
        model.fit(shown, answers, batch_size=100, verbose=0)
    return model


def load_digit_networks(edition, recipe):
    """Load the digit networks of five seeds trained after one recipe.

    The embedded edition ships them, made by ``data_scripts/train_networks.py``. The
    real edition trains them on MNIST when it first needs them, with a progress bar,
    and keeps them in the cache folder.

    Parameters
    ----------
    edition : str
        "embedded" or "real".
    recipe : str
        One of `RECIPES`.

    Returns
    -------
    list of keras.Model

    Raises
    ------
    ValueError
        If the recipe is unknown.
    """
    _check_recipe(recipe)
    if edition == "embedded":
        return _read_networks(name_file(_DATA, recipe), recipe)
    for folder in sources.cache_folders():
        path = name_file(folder / "trained", recipe)
        if path.is_file():
            return _read_networks(path, recipe)
    data = digits.load(edition)
    models = train_digit_networks(data.train_images, data.train_labels, recipe)
    folder = sources.writable_cache_folder() / "trained"
    save_digit_networks(name_file(folder, recipe), models)
    return models


def name_file(folder, recipe):
    """Return the path below `folder` that holds the networks of a recipe."""
    return folder / "digits" / f"{recipe.replace(' ', '_')}.npz"


def train_digit_networks(images, labels, recipe):
    """Train one network for each of `SEEDS`, with a progress bar.

    Parameters and result are those of `train_digit_network`, the result a list.
    """
    return [
        train_digit_network(images, labels, recipe, seed)
        for seed in tqdm(SEEDS, desc=f"training, {recipe}", unit="network")
    ]


def save_digit_networks(path, models):
    """Store networks in one compressed file, as float16: half the size.

    Parameters
    ----------
    path : pathlib.Path
        Written whole or not at all.
    models : list of keras.Model
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            **{
                f"{seed}_{place}": values.astype("float16")
                for seed, model in zip(SEEDS, models, strict=True)
                for place, values in enumerate(model.get_weights())
            },
        )
    partial.replace(path)


def predict(models, images, batch_size=2000):
    """Ask one network, or several, for their class probabilities.

    Parameters
    ----------
    models : keras.Model or list of keras.Model
    images : float32 array (n, height, width, channels)
    batch_size : int
        Pictures at a time: bounds the memory.

    Returns
    -------
    float32 array (n, classes), or (models, n, classes) for a list
    """
    if not isinstance(models, list):
        return run_in_batches(models, images, batch_size)
    return np.stack([predict(model, images, batch_size) for model in models])


def _check_recipe(recipe):
    if recipe not in RECIPES:
        raise ValueError(
            f"The recipe must be one of {', '.join(map(repr, RECIPES))}, "
            f"got {recipe!r}; choose one of these."
        )


def _count_classes(recipe):
    return 3 if "neither" in recipe else 2


def _read_networks(path, recipe):
    models = []
    with np.load(path, allow_pickle=False) as stored:
        for seed in SEEDS:
            model = build_digit_network(_count_classes(recipe))
            count = len(model.get_weights())
            model.set_weights([stored[f"{seed}_{place}"] for place in range(count)])
            models.append(model)
    return models
