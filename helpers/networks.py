"""The networks of the course: how they are built, trained, stored and asked."""

from pathlib import Path

import keras
import numpy as np
from keras import layers
from tqdm.auto import tqdm

from helpers import digits, objects, probes, sources
from helpers.attribution.scores import run_in_batches
from helpers.weights import read_weights

SEEDS = range(5)
RECIPES = ("plain", "shifts", "neither", "shifts and neither")

_DATA = Path(__file__).resolve().parent.parent / "data"
_REACH = 6  # pixels of random shift
_OBJECT_REACH = 14  # of the objects' pictures
_OBJECT_BATCH = 32


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
    _save_arrays(
        path,
        {
            f"{seed}_{place}": values
            for seed, model in zip(SEEDS, models, strict=True)
            for place, values in enumerate(model.get_weights())
        },
    )


def build_object_network():
    """Build a small convolutional network for the twelve classes of drawn objects.

    Five blocks of convolution, batch normalisation and ReLU, named ``block1_conv``,
    ``block1_norm``, ``block1_relu`` and so on; the first two end in a pooling, so that
    the last feature map is 16×16. Then the mean over that map and one dense layer, as
    class activation maps want it (Zhou et al. 2016). About 209,000 parameters.

    Returns
    -------
    keras.Model
        From ``(n, 128, 128, 3)`` in [0, 1] to probabilities ``(n, 12)``.
    """
    # Not Sequential.add: it builds the graph anew with each layer, and `layer.input`
    # keeps pointing into the first of these graphs.
    inputs = keras.Input((objects.SIZE, objects.SIZE, 3))
    maps = inputs
    for block, filters in enumerate((24, 48, 64, 96, 128), start=1):
        maps = layers.Conv2D(
            filters,
            5 if block == 1 else 3,
            strides=2 if block == 1 else 1,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"block{block}_conv",
        )(maps)
        maps = layers.BatchNormalization(momentum=0.9, name=f"block{block}_norm")(maps)
        maps = layers.ReLU(name=f"block{block}_relu")(maps)
        if block <= 2:
            maps = layers.MaxPooling2D(name=f"block{block}_pool")(maps)
    means = layers.GlobalAveragePooling2D(name="mean")(maps)
    count = len(objects.CLASS_NAMES)
    outputs = layers.Dense(count, activation="softmax", name="classes")(means)
    return keras.Model(inputs, outputs)


def train_object_network(images, labels, validation, seed=0, epochs=20):
    """Train the object network on pictures that are moved, mirrored and relit.

    Each is also recoloured: its red, green and blue change places, since no class has a
    colour of its own.

    Adam; the learning rate rises for half an epoch, then falls along a cosine almost to
    zero.

    Parameters
    ----------
    images : uint8 array (n, 128, 128, 3)
    labels : int array (n,)
    validation : (float32 array (m, 128, 128, 3), int array (m,))
        Asked after each epoch; the progress bar shows the accuracy.
    seed : int
        Decides the first weights, the order of the pictures and their changes.
    epochs : int

    Returns
    -------
    keras.Model
    """
    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    model = build_object_network()
    steps = len(images) // _OBJECT_BATCH
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps * epochs, warmup_target=3e-3, warmup_steps=steps // 2
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(),
    )
    bar = tqdm(range(epochs), desc="training, objects", unit="epoch")
    for _ in bar:
        order = generator.permutation(len(images))[: steps * _OBJECT_BATCH]
        for batch in order.reshape(steps, _OBJECT_BATCH):
            model.train_on_batch(vary_objects(images[batch], generator), labels[batch])
        right = predict(model, validation[0]).argmax(axis=1) == validation[1]
        bar.set_postfix_str(f"validation {right.mean():.3f}")
    return model


def load_object_network(edition):
    """Load the network that names objects.

    Embedded: the small network that ``data_scripts/train_networks.py`` made. Real:
    MobileNetV2 as trained on ImageNet (Sandler et al. 2018), with a first layer that
    takes pictures in [0, 1].

    Parameters
    ----------
    edition : str
        "embedded" or "real".

    Returns
    -------
    keras.Model
        From pictures in [0, 1], 128 or 224 pixels to a side, to the probabilities of
        12 or 1,000 classes.

    Raises
    ------
    ValueError
        If the stored weights do not fit the network.
    helpers.sources.SourceError
        In the real edition, if the weights are absent and cannot be fetched.
    """
    if edition == "real":
        weights = sources.fetch("mobilenet-v2/weights")
        inputs = keras.Input((224, 224, 3))
        scaled = layers.Rescaling(2.0, -1.0)(inputs)
        return keras.applications.MobileNetV2(input_tensor=scaled, weights=str(weights))
    remake = "python data_scripts/train_networks.py objects"
    path = _DATA / "objects" / "network.npz"
    return read_weights(path, [build_object_network()], remake)[0]


def vary_objects(images, generator):
    """Move, mirror, recolour and relight pictures.

    Each moves by up to fourteen pixels, what lies beyond an edge being mirrored; every
    second is mirrored; its red, green and blue change places, since no class has a
    colour of its own; its light changes by up to a quarter.

    Parameters
    ----------
    images : uint8 array (n, size, size, 3)
    generator : numpy.random.Generator

    Returns
    -------
    float32 array (n, size, size, 3) in [0, 1]
    """
    count, size = len(images), images.shape[1]
    moves = generator.integers(-_OBJECT_REACH, _OBJECT_REACH + 1, (2, count, 1))
    places = np.abs(np.arange(size) + moves)  # what lies beyond an edge is mirrored
    places = np.where(places < size, places, 2 * size - 2 - places)
    mirror = generator.random((count, 1)) < 0.5
    columns = np.where(mirror, places[1][:, ::-1], places[1])
    moved = images[
        np.arange(count)[:, None, None], places[0][:, :, None], columns[:, None, :]
    ].astype("float32")
    colours = generator.permuted(np.tile(np.arange(3), (count, 1)), axis=1)
    moved = np.take_along_axis(moved, colours[:, None, None], axis=3) / 255
    light = generator.uniform(0.75, 1.25, (count, 1, 1, 1))
    light = light * generator.uniform(0.88, 1.12, (count, 1, 1, 3))
    return np.clip(moved * light.astype("float32"), 0, 1)


def predict(models, images):
    """Ask one network, or several, for their class probabilities.

    Parameters
    ----------
    models : keras.Model or list of keras.Model
    images : float32 array (n, height, width, channels)

    Returns
    -------
    float32 array (n, classes), or (models, n, classes) for a list
    """
    if not isinstance(models, list):
        return run_in_batches(models, images)
    return np.stack([predict(model, images) for model in models])


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


def _save_arrays(path, arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    small = {name: values.astype("float16") for name, values in arrays.items()}
    with partial.open("wb") as file:
        np.savez_compressed(file, **small)
    partial.replace(path)
