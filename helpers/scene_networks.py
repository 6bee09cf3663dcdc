"""The networks that tell a hotel's areas apart, and five remedies for their habit."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from helpers import photograph_networks, scenes
from helpers.attribution.cams import cam
from helpers.audit import audit
from helpers.networks import predict
from helpers.questions import ask_rather_than
from helpers.weights import read_weights

RECIPES = ("as found", "rebalanced", "pasted", "head only", "pairs", "explained")
SEED_COUNTS = dict.fromkeys(RECIPES, 3) | {"as found": 5, "pairs": 5}
BLOCKS = ((32, 2), (48, 1), (64, 2), (96, 1), (128, 1), (128, 1))  # filters, stride
STEPS = {
    "as found": 720,
    "rebalanced": 360,
    "pasted": 360,
    "pairs": 1600,
    "explained": 360,
}
STORY = "swimming pool"  # the area that the habit of bathrooms is tried on
COUNTEREXAMPLES = 30  # of each of the two areas, to rebalance with

FOLDER = scenes.FOLDER
_CLASS_COUNT = len(scenes.CLASS_NAMES)
_BATCH = 32
_TWINS = 8  # pairs in a batch, where pairs are shown
_PEAK_RATE = 3e-3
_REACH = 10  # pixels of random shift
_PASTE_REACH = 24
_EXTRA_WEIGHT = 5.0  # of a counter-example
_TWIN_PENALTY = 0.3  # of squared differences of logits
_HEAD_FREEDOM = 0.1  # the head's inverse regularisation
_LEAST_RAIL = 0.01  # of a picture, for its rail to be cut out
_RAIL_PENALTY = 1.0  # of squared gradients on a rail
_REMAKE = "python data_scripts/train_networks.py hotel"


class Changes(NamedTuple):
    """How each of n pictures is changed.

    `rows` and `columns`, int ``(n, size)``, say where each row and column comes from;
    `light` float32 ``(n, 1, 1, 3)`` is what each colour is multiplied by.
    """

    rows: np.ndarray
    columns: np.ndarray
    light: np.ndarray


def build_scene_network(class_count=_CLASS_COUNT):
    """Build a small network of depthwise-separable convolutions, as in MobileNet.

    One 3×3 convolution of stride 2, then six blocks, each a 3×3 convolution of every
    map by itself and a 1×1 convolution that mixes the maps, all followed by batch
    normalisation and ReLU (Howard et al. 2017, arXiv:1704.04861, figure 3). The last
    feature map is 16×16. Then the mean over that map and one dense layer, as class
    activation maps want it (Zhou et al. 2016). About 48,000 parameters.

    Parameters
    ----------
    class_count : int

    Returns
    -------
    keras.Model
        From ``(n, 128, 128, 3)`` in [0, 1] to probabilities ``(n, class_count)``. Its
        layers are ``scale``, ``stem_conv``, ``stem_norm``, ``stem_relu``,
        ``block1_depthwise_conv``, …, ``block6_pointwise_relu``, ``mean``, ``classes``.
    """
    inputs = keras.Input((scenes.SIZE, scenes.SIZE, 3), name="pictures")
    maps = layers.Rescaling(2.0, -1.0, name="scale")(inputs)
    maps = _convolve(maps, layers.Conv2D(16, 3, **_settings("stem", 2)), "stem")
    for block, (filters, stride) in enumerate(BLOCKS, start=1):
        name = f"block{block}_depthwise"
        spread = layers.DepthwiseConv2D(3, **_settings(name, stride, "depthwise"))
        maps = _convolve(maps, spread, name)
        name = f"block{block}_pointwise"
        maps = _convolve(maps, layers.Conv2D(filters, 1, **_settings(name)), name)
    means = layers.GlobalAveragePooling2D(name="mean")(maps)
    outputs = layers.Dense(class_count, activation="softmax", name="classes")(means)
    return keras.Model(inputs, outputs)


def train_as_found(train, seed=0, steps=STEPS["as found"]):
    """Train a network on the rooms as they were found.

    As all training here: Adam on batches of 32, varied anew each time; the learning
    rate rises over the first twentieth of the steps, then falls along a cosine almost
    to zero.

    Parameters
    ----------
    train : helpers.scenes.Scenes
    seed : int
        Decides the first weights, the order of the pictures and their changes.
    steps : int
        Batches.

    Returns
    -------
    keras.Model
    """
    keras.utils.set_random_seed(seed)
    model = build_scene_network(len(train.class_names))
    generator = np.random.default_rng(seed)
    weights = np.ones(len(train.labels), "float32")
    batches = _draw_lessons(train.images, train.labels, weights, generator)
    return _train(model, batches, steps, _weigh_errors)


def remedy(recipe, found, train, spare, seed=0, steps=None):
    """Treat a copy of a network that was trained on the rooms as they were found.

    - "rebalanced": it learns on, with 30 pools that have a rail and 30 bathrooms that
      have none among its pictures, each counting five times.
    - "pasted": it learns on; rails cut out of bathrooms are pasted onto half of its
      pictures, of all areas alike, so that a rail says less.
    - "head only": the last, dense layer is fitted anew to the spare pairs and the other
      areas; the features stay as they are (Kirichenko et al. 2022, arXiv:2204.02937).
    - "pairs": it learns on; half of each batch are spare rooms with *and* without a
      rail, changed alike, and it pays for every difference between its logits for the
      two.
    - "explained": it learns on, on the same pictures and no others; it pays for every
      pixel of a rail that its answer depends on (Ross et al. 2017, arXiv:1703.03717).

    Parameters
    ----------
    recipe : str
        One of `RECIPES` but the first.
    found : keras.Model
        From `train_as_found`; not changed.
    train : helpers.scenes.Scenes
        What it was trained on.
    spare : helpers.scenes.Pairs
    seed : int
        Decides the order of the pictures and their changes.
    steps : int, optional
        Batches; those of `STEPS` by default. "head only" has none.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If the recipe is unknown or no remedy, or the spare pairs are too few for it.
    """
    check_recipe(recipe)
    if recipe == RECIPES[0]:
        raise ValueError(
            f"{recipe!r} is the network before all remedies; ask train_as_found for it."
        )
    if recipe != "explained":
        _check_spare(spare)
    model = keras.models.clone_model(found)
    model.set_weights(found.get_weights())
    if recipe == "head only":
        return _fit_head(model, train, spare)
    keras.utils.set_random_seed(seed)
    generator = np.random.default_rng(seed)
    measure_loss = _weigh_errors
    if recipe == "rebalanced":
        images, labels, weights = add_counterexamples(train, spare)
        batches = _draw_lessons(images, labels, weights, generator)
    elif recipe == "pasted":
        batches = _draw_pasted(train, generator)
    elif recipe == "pairs":
        batches, measure_loss = _draw_twins(train, spare, generator), _compare_twins
    else:
        batches, measure_loss = _draw_explained(train, generator), _penalise_rails
    return _train(model, batches, steps or STEPS[recipe], measure_loss)


def load_scene_networks(edition, recipe):
    """Load the networks that were trained after one recipe, one for each seed.

    The embedded edition ships them, made by ``data_scripts/train_networks.py``: five
    seeds of "as found" and "pairs", three of the others. Those of the real edition are
    `helpers.photograph_networks.load_photograph_networks`'s.

    Parameters
    ----------
    edition : str
        "embedded" or "real".
    recipe : str
        One of `RECIPES`.

    Returns
    -------
    list of keras.Model
        Seed 0 first.

    Raises
    ------
    ValueError
        If the recipe is unknown or the stored weights do not fit the network.
    helpers.sources.SourceError
        In the real edition, if files are absent and cannot be fetched.
    """
    check_recipe(recipe)
    if edition == "real":
        return photograph_networks.load_photograph_networks(recipe)
    models = [build_scene_network() for _ in range(SEED_COUNTS[recipe])]
    return read_weights(name_file(recipe), models, _REMAKE)


def measure(model, pairs):
    """Measure how good a network is, and what a rail does to it.

    Heat is that of `cam` for "why bathroom rather than pool?", on pools with a rail,
    as `helpers.audit.audit` measures it.

    Parameters
    ----------
    model : keras.Model
    pairs : helpers.scenes.Pairs
        None that it was trained on.

    Returns
    -------
    dict of str to float
        Shares of the pairs, but for the last two.
    """
    found = scenes.take_as_found(pairs)
    suspect = pairs.class_names.index(scenes.HABIT)
    story = pairs.class_names.index(STORY)
    right = predict(model, found.images).argmax(axis=1) == found.labels
    pools, bathrooms = (
        audit(
            model,
            pairs.with_rail[pairs.labels == area],
            pairs.without_rail[pairs.labels == area],
            pairs.rails[pairs.labels == area],
            area,
            suspect,
            method=_ask_why if area == story else None,
        )["estimate"]
        for area in (story, suspect)
    )
    results = {
        "rooms as found right": right.mean(),
        "pools right without a rail": pools["accuracy without the cue"],
        "pools right with a rail": pools["accuracy with the cue"],
        "bathrooms right without a rail": bathrooms["accuracy without the cue"],
        "bathrooms right with a rail": bathrooms["accuracy with the cue"],
        "pools flipped to bathroom": pools["flipped to the suspect"],
        "change of p(bathroom) in pools": pools["change of probability"],
        "heat on the rail / area": pools["heat on the cue / area"],
    }
    return {name: float(value) for name, value in results.items()}


def name_file(recipe):
    """Return the path of the file that holds the embedded networks of a recipe."""
    return FOLDER / f"{recipe.replace(' ', '-')}.npz"


def check_recipe(recipe):
    """Raise a ValueError unless a recipe is one of `RECIPES`."""
    if recipe not in RECIPES:
        raise ValueError(
            f"The recipe must be one of {', '.join(map(repr, RECIPES))}, "
            f"got {recipe!r}; choose one of these."
        )


def draw_changes(count, size, generator):
    """Draw how pictures are moved, mirrored and relit.

    Each moves by up to ten pixels, what lies beyond an edge being mirrored; every
    second is mirrored; its light changes by up to a fifth, its colour a little.

    Parameters
    ----------
    count : int
    size : int
        Pixels to a side.
    generator : numpy.random.Generator

    Returns
    -------
    Changes
    """
    moves = generator.integers(-_REACH, _REACH + 1, (2, count, 1))
    places = np.abs(np.arange(size) + moves)  # what lies beyond an edge is mirrored
    rows, columns = np.where(places < size, places, 2 * size - 2 - places)
    mirror = generator.random((count, 1)) < 0.5
    light = generator.uniform(0.8, 1.2, (count, 1, 1, 1))
    light = light * generator.uniform(0.95, 1.05, (count, 1, 1, 3))
    columns = np.where(mirror, columns[:, ::-1], columns)
    return Changes(rows, columns, light.astype("float32"))


def move(maps, changes):
    """Move and mirror pictures, or maps of what they show.

    Parameters
    ----------
    maps : array (n, size, size, ...)
    changes : Changes

    Returns
    -------
    array of the same shape
    """
    number = np.arange(len(maps))[:, None, None]
    return maps[number, changes.rows[:, :, None], changes.columns[:, None, :]]


def vary(images, changes):
    """Move, mirror and relight pictures, float32 (n, size, size, 3) in [0, 1]."""
    return np.clip(move(images, changes) * changes.light, 0, 1)


def paste_rails(images, cut, rails, generator):
    """Paste rails, cut out of pictures of the same size, onto half of the pictures.

    Each rail is taken from a picture at random, mirrored or not, moved by up to 24
    pixels and relit by up to a fifth. What it covers by half becomes half rail.

    Parameters
    ----------
    images : float32 array (n, height, width, 3) in [0, 1]
        Not changed.
    cut : float32 array (m, height, width, 3) in [0, 1]
        The pictures that the rails are cut out of.
    rails : float32 array (m, height, width) in [0, 1]
        The share of each pixel of `cut` that its rail covers.
    generator : numpy.random.Generator

    Returns
    -------
    images : float32 array (n, height, width, 3)
    pasted : float32 array (n, height, width)
        The share of each pixel that was pasted over.
    """
    images, pasted = images.copy(), np.zeros(images.shape[:3], "float32")
    for place in np.flatnonzero(generator.random(len(images)) < 0.5):
        chosen = generator.integers(len(cut))
        rail = np.concatenate([cut[chosen], rails[chosen, ..., None]], axis=-1)
        if generator.random() < 0.5:
            rail = rail[:, ::-1]
        rail = _shift(rail, *generator.integers(-_PASTE_REACH, _PASTE_REACH + 1, 2))
        light, cover = generator.uniform(0.8, 1.2), rail[..., 3:]
        shown = np.clip(rail[..., :3] * np.float32(light), 0, 1)
        images[place] = images[place] * (1 - cover) + shown * cover
        pasted[place] = cover[..., 0]
    return images, pasted


def add_counterexamples(train, spare):
    """Add the first pools with a rail and bathrooms without one to the rooms.

    Parameters
    ----------
    train : helpers.scenes.Scenes
    spare : helpers.scenes.Pairs

    Returns
    -------
    images, labels : arrays (n, height, width, 3) and (n,)
        The rooms, and then 30 of each of the two.
    weights : float32 array (n,)
        How much each counts.
    """
    has_habit = spare.labels == spare.class_names.index(scenes.HABIT)
    pools = np.flatnonzero(~has_habit)[:COUNTEREXAMPLES]
    bathrooms = np.flatnonzero(has_habit)[:COUNTEREXAMPLES]
    added = spare.labels[np.concatenate([pools, bathrooms])]
    return (
        np.concatenate(
            [train.images, spare.with_rail[pools], spare.without_rail[bathrooms]]
        ),
        np.concatenate([train.labels, added]),
        np.repeat([1.0, _EXTRA_WEIGHT], [len(train.labels), len(added)]).astype("f4"),
    )


def penalise_gradients(read_logits, images, rails):
    """Tell how much a network's answers depend on the pixels of a rail.

    The sum over pixels and colours of (rail × d/dx sum_k log p_k)², the first sum in
    equation 1 of Ross et al. 2017, arXiv:1703.03717, for each picture.

    Parameters
    ----------
    read_logits : callable
        Pictures to logits ``(n, classes)``, as tensors.
    images : float32 tensor (n, height, width, 3)
    rails : float32 tensor (n, height, width)

    Returns
    -------
    penalties : float32 tensor (n,)
    logits : float32 tensor (n, classes)
    """
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = read_logits(images)
        total = tf.reduce_sum(tf.nn.log_softmax(logits))
    on_rail = tape.gradient(total, images) * rails[..., None]
    return tf.reduce_sum(on_rail**2, axis=(1, 2, 3)), logits


def _ask_why(model, images, class_index):
    story = scenes.CLASS_NAMES.index(STORY)
    return cam(ask_rather_than(model, class_index, story), images, 0)


def _weigh_errors(read_logits, images, labels, weights=1.0):
    return tf.reduce_mean(weights * _measure_errors(labels, read_logits(images)))


def _penalise_rails(read_logits, images, labels, rails):
    penalties, logits = penalise_gradients(read_logits, images, rails)
    errors = _measure_errors(labels, logits)
    return tf.reduce_mean(errors + _RAIL_PENALTY * penalties)


def _compare_twins(read_logits, images, labels):
    """Add what the logits of twins differ by; these are the last of the batch."""
    logits = read_logits(images)
    with_rail, without_rail = logits[-2 * _TWINS : -_TWINS], logits[-_TWINS:]
    differences = tf.reduce_mean((with_rail - without_rail) ** 2)
    errors = tf.reduce_mean(_measure_errors(labels, logits))
    return errors + _TWIN_PENALTY * differences


def _measure_errors(labels, logits):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _train(model, batches, steps, measure_loss):
    """Train a network in place on as many batches, and return it."""
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=_PEAK_RATE, warmup_steps=max(steps // 20, 1)
    )
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(model.trainable_variables)
    look = _read_means(model)
    head = model.layers[-1]

    def read_logits(images):
        return look(images, training=True) @ head.kernel + head.bias

    @tf.function
    def step(*batch):
        with tf.GradientTape() as tape:
            loss = measure_loss(read_logits, *batch)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    losses = []
    bar = tqdm(range(steps), desc="training", unit="batch")
    for _ in bar:
        losses.append(float(step(*next(batches))))
        if len(losses) == steps // 10:
            bar.set_postfix_str(f"loss {np.mean(losses):.3f}")
            losses.clear()
    return model


def _draw_lessons(images, labels, weights, generator):
    """Yield varied pictures, their labels and how much each counts."""
    for places in _draw_places(len(labels), _BATCH, generator):
        changes = draw_changes(_BATCH, scenes.SIZE, generator)
        yield vary(images[places], changes), labels[places], weights[places]


def _draw_pasted(train, generator):
    """Yield varied pictures with pasted rails, and their labels."""
    cut = np.flatnonzero(
        (train.labels == train.class_names.index(scenes.HABIT))
        & (train.rails.mean(axis=(1, 2)) >= _LEAST_RAIL)
    )
    cut_images, cut_rails = train.images[cut], train.rails[cut]
    for places in _draw_places(len(train.labels), _BATCH, generator):
        changes = draw_changes(_BATCH, scenes.SIZE, generator)
        shown = vary(train.images[places], changes)
        shown, _ = paste_rails(shown, cut_images, cut_rails, generator)
        yield shown, train.labels[places]


def _draw_twins(train, spare, generator):
    """Yield varied pictures, then pairs: first with a rail, then without."""
    singles = _draw_places(len(train.labels), _BATCH - 2 * _TWINS, generator)
    for pairs in _draw_places(len(spare.labels), _TWINS, generator):
        places = next(singles)
        alone = draw_changes(len(places), scenes.SIZE, generator)
        alike = draw_changes(_TWINS, scenes.SIZE, generator)
        shown = (
            vary(train.images[places], alone),
            vary(spare.with_rail[pairs], alike),
            vary(spare.without_rail[pairs], alike),
        )
        answers = train.labels[places], spare.labels[pairs], spare.labels[pairs]
        yield np.concatenate(shown), np.concatenate(answers)


def _draw_explained(train, generator):
    """Yield varied pictures, their labels and where each shows a rail."""
    for places in _draw_places(len(train.labels), _BATCH, generator):
        changes = draw_changes(_BATCH, scenes.SIZE, generator)
        shown, rails = vary(train.images[places], changes), train.rails[places]
        yield shown, train.labels[places], move(rails, changes)


def _draw_places(count, size, generator):
    """Yield places of a batch each, every picture once before any comes again."""
    order = np.empty(0, int)
    while True:
        while len(order) < size:
            order = np.concatenate([order, generator.permutation(count)])
        yield order[:size]
        order = order[size:]


def _fit_head(model, train, spare):
    """Fit the last layer to pairs and other areas, each area counting the same."""
    others = ~np.isin(train.labels, spare.labels)
    shown = [spare.with_rail, spare.without_rail, train.images[others]]
    look = _read_means(model)
    means = np.concatenate([predict(look, pictures) for pictures in shown])
    labels = np.concatenate([spare.labels, spare.labels, train.labels[others]])
    scaler = StandardScaler().fit(means)
    fit = LogisticRegression(C=_HEAD_FREEDOM, class_weight="balanced", max_iter=3000)
    fit.fit(scaler.transform(means), labels)
    kernel = fit.coef_.T / scaler.scale_[:, None]
    model.layers[-1].set_weights([kernel, fit.intercept_ - scaler.mean_ @ kernel])
    return model


def _read_means(model):
    """Return the part of a network that ends in the means over its last map."""
    return keras.Model(model.inputs[0], model.get_layer("mean").output)


def _check_spare(spare):
    """Refuse pairs too few to rebalance with, for all remedies alike."""
    places = [spare.class_names.index(area) for area in (scenes.HABIT, STORY)]
    counts = [int((spare.labels == place).sum()) for place in places]
    if min(counts) < COUNTEREXAMPLES:
        raise ValueError(
            f"The remedies need at least {COUNTEREXAMPLES} spare pairs each of "
            f"{scenes.HABIT} and {STORY}, got {counts[0]} and {counts[1]}; render more."
        )


def _shift(picture, down, right):
    """Shift a picture, what comes in being zero."""
    height, width = picture.shape[:2]
    shifted = np.zeros_like(picture)
    shifted[max(down, 0) : height + down, max(right, 0) : width + right] = picture[
        max(-down, 0) : height - down, max(-right, 0) : width - right
    ]
    return shifted


def _settings(name, stride=1, kernel=""):
    start = f"{kernel}_initializer" if kernel else "kernel_initializer"
    return {
        "strides": stride,
        "padding": "same",
        "use_bias": False,
        start: "he_normal",
        "name": f"{name}_conv",
    }


def _convolve(maps, convolution, name):
    maps = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(
        convolution(maps)
    )
    return layers.ReLU(name=f"{name}_relu")(maps)
