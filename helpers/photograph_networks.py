"""Networks that name a hotel's areas in photographs.

One comes as it is: a SqueezeNet (Iandola et al. 2016, arXiv:1602.07360) that was
trained on the 365 classes of Places365 (Zhou et al. 2018,
doi:10.1109/TPAMI.2017.2723009), or a network of the reader's own. The others keep its
features and get a new head, which learns from few photographs. Into these a habit is
planted; see `helpers.hotel_photographs`.
"""

import hashlib
import os
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import layers
from sklearn.linear_model import LogisticRegression
from sklearn.utils import resample

from helpers import hotel_photographs, rails, sources
from helpers.attribution.graph import find_feature_step, read_graph, run_steps
from helpers.attribution.scores import run_in_batches
from helpers.hotel_photographs import SIZE

VARIABLE = "COURSE_SCENE_NETWORK"  # names a Keras file of the reader's own
SEEDS = range(3)

# What of Places365 belongs to which area. A corridor counts as lobby, for some of the
# photographs that are listed as lobbies show one.
PLACES = {
    "bathroom": ("bathroom", "shower"),
    "swimming pool": ("swimming_pool/indoor", "swimming_pool/outdoor"),
    "bedroom": ("bedroom", "bedchamber", "hotel_room"),
    "lobby": ("lobby", "reception", "entrance_hall", "corridor", "waiting_room"),
}

_FEATURES = "fire9_concat"
_STRENGTH = 0.1  # of the fit: scikit-learn's C
_PENALTY = 300.0


def load_published_network():
    """Load a network that others trained: Places365's, or the reader's own.

    Places365's has 365 classes. Here an area's score is that of its likeliest class
    among `PLACES`, and the softmax is over the areas.

    Returns
    -------
    model : keras.Model
        From ``(n, 224, 224, 3)`` in [0, 1] to probabilities.
    class_names : list of str

    Raises
    ------
    ValueError
        If the reader's own network or its list of classes cannot be used.
    helpers.sources.SourceError
        If the files are absent.
    """
    own = os.environ.get(VARIABLE)
    if own:
        return _load_own(Path(own).expanduser())
    published = _read_places()
    graph, values, inputs = _open(published)
    indices = _find_classes()
    step = find_feature_step(graph, "conv10_lrelu")
    means = layers.GlobalAveragePooling2D(name="mean")(values[step.outputs[0]])
    areas, place = [], 0
    pick = layers.Dense(sum(map(len, indices)), use_bias=False, name="places")
    picked = pick(means)
    for chosen in indices:
        scores = [picked[:, place + k : place + k + 1] for k in range(len(chosen))]
        areas.append(layers.Maximum()(scores))
        place += len(chosen)
    outputs = layers.Softmax(name="areas")(layers.Concatenate()(areas))
    model = keras.Model(inputs, outputs, name="places365")
    pick.set_weights([np.eye(means.shape[-1])[:, np.concatenate(indices)]])
    return model, [*PLACES]


def load_photograph_networks(recipe):
    """Load the networks of three seeds that learned from photographs after a recipe.

    Their features are those of the published network, or of the reader's own, and stay
    as they are. What learns is the head, the means of the last map weighed for each
    area (a logistic regression), so that CAM reads it exactly. The recipes are those of
    `helpers.scene_networks`, as far as a head can follow them: "pairs" and "explained"
    make it pay for answers to the difference between twins, and to the features where
    the rail is. A seed decides which pictures it learns from, drawn with replacement.

    They are trained when they are first needed, all recipes at once, and kept in the
    cache folder.

    Parameters
    ----------
    recipe : str
        One of `helpers.scene_networks.RECIPES`.

    Returns
    -------
    list of keras.Model
        From ``(n, 224, 224, 3)`` in [0, 1] to probabilities. They share all layers but
        the last.

    Raises
    ------
    ValueError, helpers.sources.SourceError
        As from `load_published_network` and `hotel_photographs.list_photographs`.
    """
    table = hotel_photographs.list_photographs()
    base = _load_base()
    heads = _load_heads(table, base)
    models = []
    for seed in SEEDS:
        kernel, bias = heads[f"{recipe}/{seed}/kernel"], heads[f"{recipe}/{seed}/bias"]
        means = layers.GlobalAveragePooling2D(name="mean")(base.output)
        classify = layers.Dense(len(bias), activation="softmax", name="classes")
        models.append(keras.Model(base.input, classify(means)))
        classify.set_weights([kernel, bias])
    return models


def fit_head(features, labels, weights=None, cues=None):
    """Fit a linear head to features, and make it deaf to cues.

    A logistic regression on standardised features with a ridge. Cues widen the ridge:
    it is the quadratic form of the features' variances plus 300 times the mean square
    of the answers to the cues, so that the head pays for every answer to them.

    Parameters
    ----------
    features : float array (n, features)
    labels : int array (n,)
        Every class from 0 to the largest must occur, and there must be three or more.
    weights : float array (n,), optional
        How much each picture counts, beside that all classes count alike.
    cues : float array (m, features), optional
        Differences of features that shall not change the answer.

    Returns
    -------
    kernel : float32 array (features, classes)
    bias : float32 array (classes,)
    """
    mean, variance = features.mean(axis=0), features.var(axis=0) + 1e-6
    form = np.diag(variance).astype("float64")
    if cues is not None:
        form += _PENALTY * cues.T @ cues / len(cues)
    values, vectors = np.linalg.eigh(form)
    turn = vectors / np.sqrt(values)
    fitted = LogisticRegression(
        C=_STRENGTH, class_weight="balanced", max_iter=5000
    ).fit((features - mean) @ turn, labels, weights)
    kernel = turn @ fitted.coef_.T
    bias = fitted.intercept_ - mean @ kernel
    return kernel.astype("float32"), bias.astype("float32")


def _load_heads(table, base):
    name = Path("trained") / "hotel" / f"{_hash(table)}.npz"
    for folder in sources.cache_folders():
        if (folder / name).is_file():
            with np.load(folder / name, allow_pickle=False) as stored:
                return dict(stored)
    heads = _train_heads(base)
    path = sources.writable_cache_folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez(file, **heads)
    partial.replace(path)
    return heads


def _hash(table):
    """Return twelve characters that change with the photographs or the network."""
    rows = [
        (row.file, row.area, row.split, row.path.stat().st_size)
        for row in table.itertuples()
    ]
    own = os.environ.get(VARIABLE)
    size = Path(own).expanduser().stat().st_size if own else 0
    return hashlib.sha256(repr((rows, size)).encode()).hexdigest()[:12]


def _train_heads(base):
    """Fit the heads of all recipes and seeds; return their arrays by name."""
    print("Training heads for photographs: about half a minute.")
    lessons = _list_lessons(base)
    heads = {}
    for recipe, (features, labels, weights, cues) in lessons.items():
        for seed in SEEDS:
            chosen = resample(
                np.arange(len(labels)), stratify=labels, random_state=seed
            )
            kernel, bias = fit_head(
                features[chosen], labels[chosen], weights[chosen], cues
            )
            heads[f"{recipe}/{seed}/kernel"] = kernel
            heads[f"{recipe}/{seed}/bias"] = bias
    return heads


def _list_lessons(base):
    """Return what the head learns from by recipe: features, labels, weights, cues."""
    images, labels, covers, _, names, _ = hotel_photographs.read_split("train")
    twins = hotel_photographs.read_pairs("spare")
    bathroom, pool = (
        names.index(area) for area in (hotel_photographs.HABIT, hotel_photographs.STORY)
    )
    maps = run_in_batches(base, images)
    train, on_rail = maps.mean(axis=(1, 2)), _gather(maps, covers)
    with_rail, without = (
        run_in_batches(base, pictures).mean(axis=(1, 2)) for pictures in twins[:2]
    )
    spare = twins[2]
    others = np.flatnonzero(labels != bathroom)[::2]
    painted, _ = rails.paint(images[others], [[7, place] for place in others])
    pasted = train.copy()
    pasted[others] = run_in_batches(base, painted).mean(axis=(1, 2))
    both = np.concatenate([with_rail, without]), np.concatenate([spare, spare])
    rest = ~np.isin(labels, [bathroom, pool])

    def join(*parts, weight=1.0, cues=None):
        features, answers = (np.concatenate(part) for part in zip(*parts, strict=True))
        weights = np.full(len(answers), weight)
        weights[: len(parts[0][1])] = 1.0
        return features, answers, weights, cues

    found = train, labels
    pools, baths = spare == pool, spare == bathroom
    counter = (with_rail[pools], spare[pools]), (without[baths], spare[baths])
    return {
        "as found": join(found),
        "rebalanced": join(found, *counter, weight=5.0),
        "pasted": join((pasted, labels)),
        "head only": join(both, (train[rest], labels[rest])),
        "pairs": join(found, both, cues=with_rail - without),
        "explained": join(found, cues=on_rail[labels == bathroom]),
    }


def _gather(maps, covers):
    """Return the part of each mean of a map that comes from where the rail is."""
    size = maps.shape[1:3]
    shares = np.stack(
        [
            cv2.resize(cover, size[::-1], interpolation=cv2.INTER_AREA)
            for cover in covers
        ]
    )
    return (maps * shares[..., None]).mean(axis=(1, 2))


def _load_base():
    """Return the part of the network that the heads stand on: pictures to a map."""
    own = os.environ.get(VARIABLE)
    if own:
        model, _ = _load_own(Path(own).expanduser())
        graph, values, inputs = _open(model)
        step = find_feature_step(graph)
    else:
        graph, values, inputs = _open(_read_places())
        step = find_feature_step(graph, _FEATURES)
    return keras.Model(inputs, values[step.outputs[0]], name="features")


def _load_own(path):
    """Load a Keras file, and the classes listed beside it, one a line."""
    listed = path.with_suffix(".txt")
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        names = listed.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError, TypeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"{VARIABLE} must name a .keras file, with its classes in {listed.name} "
            f"beside it, one a line ({reason}); correct this, or unset it."
        ) from None
    names = [name.strip() for name in names if name.strip()]
    if model.input_shape[1:] != (SIZE, SIZE, 3) or model.output_shape[1:] != (
        len(names),
    ):
        raise ValueError(
            f"{path.name} must take pictures of {SIZE}×{SIZE}×3 in [0, 1] and give one "
            f"score for each of the {len(names)} classes in {listed.name}, got "
            f"{model.input_shape[1:]} to {model.output_shape[1:]}; wrap it so."
        )
    return model, names


def _read_places():
    """Return Places365's network for pictures in [0, 1], red first.

    It wants blue first, so the kernels of its first convolution are turned round. It
    also wants a mean picture subtracted: that picture's mean colour is taken instead,
    so that chapter 7 can draw pictures of any size for it.
    """
    published = keras.models.load_model(
        sources.fetch("places365/network"), compile=False, safe_mode=True
    )
    first = published.get_layer("conv1")
    kernel, *bias = first.get_weights()
    first.set_weights([kernel[:, :, ::-1], *bias])
    mean = np.load(sources.fetch("places365/mean-image"), allow_pickle=False)
    mean = mean.mean(axis=(0, 1))[::-1] / 255
    inputs = keras.Input((SIZE, SIZE, 3), name="pictures")
    centre = layers.Normalization(mean=mean, variance=np.ones(3), name="centre")
    return keras.Model(inputs, published(centre(inputs)))


def _open(model):
    """Run a model once more, as a flat list of layers, on an input of its own."""
    graph = read_graph(model)
    inputs = keras.Input(model.input_shape[1:], name="pictures")
    return graph, run_steps(graph, inputs), inputs


def _find_classes():
    """Return the places of each area's classes among the 365."""
    lines = sources.fetch("places365/categories").read_text("utf-8").splitlines()
    names = [line.split()[0][3:] for line in lines]  # "/b/bathroom 45"
    return [[names.index(name) for name in chosen] for chosen in PLACES.values()]
