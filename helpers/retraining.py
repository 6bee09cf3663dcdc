"""Two tests that train networks: without the hottest pixels, and on random labels.

A deletion test takes pixels away and watches the answer. But a picture with holes is
one that the network was never trained for: its answer may fall because of the holes,
whatever was there. Hooker et al. 2019, arXiv:1806.10758, therefore train a new network
on pictures with holes ("remove and retrain"). If it is still right, what was removed
was not needed. That has a caveat of its own: the new network may read the answer off
the shape of the holes, since the maps were drawn by one that knew the answer (Rong et
al. 2022, arXiv:2202.00449). So the shapes alone are asked too.
"""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from tqdm.auto import tqdm

from helpers import attribution, digits, networks, sources
from helpers.grading.blind import BLIND_METHODS
from helpers.networks import predict

SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
SEEDS = range(3)
METHODS = (
    "random pixels",
    "random",
    "edges",
    "saliency",
    "gradient_times_input",
    "grad_cam",
)
TABLE = (
    Path(__file__).resolve().parent.parent / "data" / "leaderboard" / "retraining.csv"
)

_PICTURES = 1500  # to train on
_EPOCHS = 4
_RANDOM_LABELS = 300
_RANDOM_EPOCHS = 40
_MANTISSA_BITS = 5  # of the stored weights


class Cell(NamedTuple):
    """Shares of test pictures that are called right, in [0, 1].

    `before` by the network as it is, `after` by one that was trained anew, both asked
    about pictures with holes; `pattern` by a logistic regression that sees nothing but
    which pixels are removed.
    """

    before: float
    after: float
    pattern: float


def remove_hottest(images, heatmaps, share, fill):
    """Replace the hottest pixels of each picture.

    Parameters
    ----------
    images : float array (n, height, width, channels)
    heatmaps : float array (n, height, width)
        Where pixels are equally hot, the order is random, but the same in all pictures.
    share : float
        Of the pixels, in [0, 1]; rounded to a whole number of them.
    fill : float or float array (channels,)
        What they become: the mean colour of the data.

    Returns
    -------
    images : array like `images`
    removed : bool array (n, height, width)

    Raises
    ------
    ValueError
        If the shapes do not fit, the share is not within 0 to 1, or a heatmap is not
        finite.
    """
    images, heatmaps = np.asarray(images), np.asarray(heatmaps)
    if heatmaps.ndim != 3 or images.shape[:-1] != heatmaps.shape:
        raise ValueError(
            "Each picture needs a heatmap of its size, got pictures of shape "
            f"{images.shape} and heatmaps of {heatmaps.shape}; draw them of the same."
        )
    if not 0 <= share <= 1:
        raise ValueError(
            f"The share must be within 0 to 1, got {share}; write 30 % as 0.3."
        )
    if not np.isfinite(heatmaps).all():
        raise ValueError(
            "The heatmaps must be finite numbers, got NaN or infinity; "
            "look for a division by zero in the method."
        )
    flat = heatmaps.reshape(len(heatmaps), -1)
    shuffled = np.random.default_rng(0).permutation(flat.shape[1])
    order = shuffled[np.argsort(-flat[:, shuffled], axis=1, kind="stable")]
    removed = np.zeros(flat.shape, bool)
    count = round(share * flat.shape[1])
    np.put_along_axis(removed, order[:, :count], True, axis=1)
    removed = removed.reshape(heatmaps.shape)
    return np.where(removed[..., None], fill, images).astype(images.dtype), removed


def measure_retraining(network, data, method, share, seed):
    """Remove what is hottest from digits, and train a new network on what is left.

    The maps are drawn by `network` for its own answer, in the 1,500 pictures that the
    new network learns from as in those that both are tested on.

    Parameters
    ----------
    network : keras.Model
        Of `helpers.networks.load_digit_networks`.
    data : helpers.digits.Digits
        Tested on are its validation and test pictures.
    method : str
        One of `METHODS`. "random pixels" is the paper's baseline; "random" and "edges"
        are those of `helpers.grading`.
    share : float
        Of the pixels, in [0, 1].
    seed : int
        Decides the random maps, and the training of the new network.

    Returns
    -------
    Cell

    Raises
    ------
    ValueError
        If the method is unknown or the share is not within 0 to 1.
    """
    if method not in METHODS:
        raise ValueError(
            f"The method must be one of {', '.join(map(repr, METHODS))}, got "
            f"{method!r}; choose one of these."
        )
    chosen = np.random.default_rng(0).permutation(len(data.train_labels))[:_PICTURES]
    parts = [data.train_images[chosen], data.validation_images, data.test_images]
    fill = parts[0].mean(axis=(0, 1, 2))
    train_labels = data.train_labels[chosen]
    labels = np.concatenate([data.validation_labels, data.test_labels])
    images = np.concatenate(parts)
    heatmaps = _draw_maps(network, images, method, seed)
    holed, removed = remove_hottest(images, heatmaps, share, fill)
    (train, test), (patterns, asked) = (
        np.split(pictures, [len(chosen)]) for pictures in (holed, removed)
    )
    again = networks.train_digit_network(train, train_labels, "plain", seed, _EPOCHS)
    patterns, asked = (part.reshape(len(part), -1) for part in (patterns, asked))
    reader = LogisticRegression(C=0.01, max_iter=1000).fit(patterns, train_labels)
    answers = (
        predict(network, test).argmax(axis=1),
        predict(again, test).argmax(axis=1),
        reader.predict(asked),
    )
    return Cell(*(float((answer == labels).mean()) for answer in answers))


def tabulate_retraining(methods=METHODS, shares=SHARES, seeds=SEEDS):
    """Measure every cell of the embedded edition, with a progress bar.

    Without a hole all methods are the same; that cell is measured once for each seed.

    Parameters
    ----------
    methods : sequence of str
    shares : sequence of float
    seeds : sequence of int
        Places of the explained network among the five of its recipe, too.

    Returns
    -------
    pandas.DataFrame
        A row a cell: ``task``, ``method``, ``share``, ``seed``, and ``before``,
        ``after`` and ``pattern`` as in `Cell`.
    """
    data = digits.load("embedded")
    explained = networks.load_digit_networks("embedded", "plain")
    known, rows = {}, []
    cells = [(m, share, seed) for m in methods for share in shares for seed in seeds]
    for method, share, seed in tqdm(cells, desc="retraining", unit="network"):
        key = (method if share else None, share, seed)
        if key not in known:
            known[key] = measure_retraining(explained[seed], data, method, share, seed)
        rows.append(("digits", method, share, seed, *known[key]))
    return pd.DataFrame(
        rows, columns=["task", "method", "share", "seed", *Cell._fields]
    )


def read_retraining():
    """Read the table that ``data_scripts/retrain.py`` made, as `tabulate_retraining`.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ValueError
        If the file is absent or damaged.
    """
    try:
        return pd.read_csv(TABLE)
    except (OSError, ValueError):
        raise ValueError(
            f"data/leaderboard/{TABLE.name} is absent or damaged; take it from the "
            "repository again, or make it again with `python data_scripts/retrain.py`."
        ) from None


def draw_random_labels(data):
    """Give 300 training pictures labels that have nothing to do with them.

    Parameters
    ----------
    data : helpers.digits.Digits

    Returns
    -------
    images : float32 array (300, 28, 28, 1)
    labels : int32 array (300,)
        The right labels, shuffled.
    """
    generator = np.random.default_rng(0)
    chosen = generator.permutation(len(data.train_labels))[:_RANDOM_LABELS]
    return data.train_images[chosen], generator.permutation(data.train_labels[chosen])


def train_on_random_labels(images, labels):
    """Train a digit network until it knows the random labels by heart.

    For the data randomisation test of Adebayo et al. 2018, arXiv:1810.03292. Such a
    network has learned nothing about digits, so a map that looks the same for it tells
    nothing about what was learned. As there, it must know 95 % of its labels or more.

    Parameters
    ----------
    images, labels : arrays
        From `draw_random_labels`.

    Returns
    -------
    keras.Model
        Built as those of `helpers.networks`.
    """
    keras.utils.set_random_seed(0)
    model = networks.build_digit_network()
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    model.fit(images, labels, batch_size=50, epochs=_RANDOM_EPOCHS, verbose=0)
    return model


def load_random_label_network(edition):
    """Load the digit network that was trained on random labels.

    The embedded edition ships it, made by ``data_scripts/retrain.py``. The real edition
    trains it when it first needs it, in seconds, and keeps it in the cache folder.

    Parameters
    ----------
    edition : str
        "embedded" or "real".

    Returns
    -------
    keras.Model
    """
    if edition == "embedded":
        return _read_network(networks.name_file(TABLE.parent.parent, "random labels"))
    for folder in sources.cache_folders():
        path = networks.name_file(folder / "trained", "random labels")
        if path.is_file():
            return _read_network(path)
    model = train_on_random_labels(*draw_random_labels(digits.load(edition)))
    folder = sources.writable_cache_folder() / "trained"
    save_random_label_network(networks.name_file(folder, "random labels"), model)
    return model


def save_random_label_network(path, model):
    """Store a digit network with five bits of precision, in a third of a megabyte.

    Parameters
    ----------
    path : pathlib.Path
        Written whole or not at all.
    model : keras.Model
    """
    arrays = {
        str(place): _round_bits(values)
        for place, values in enumerate(model.get_weights())
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)
    partial.replace(path)


def _draw_maps(network, images, method, seed):
    if method == "random pixels":
        return np.random.default_rng(seed).random(images.shape[:3], "float32")
    options = {"seed": seed} if method == "random" else {}
    draw = {**BLIND_METHODS, **attribution.METHODS}[method]
    answers = predict(network, images).argmax(axis=1)
    return draw(network, images, answers, **options)


def _round_bits(values):
    """Round to float16 whose last bits are zero: these compress well."""
    mantissa, exponent = np.frexp(values)
    steps = 2**_MANTISSA_BITS
    return np.ldexp(np.round(mantissa * steps) / steps, exponent).astype("float16")


def _read_network(path):
    model = networks.build_digit_network()
    with np.load(path, allow_pickle=False) as stored:
        model.set_weights([stored[str(place)] for place in range(len(stored.files))])
    return model
