"""What a heatmap explains: the score of one class, read before the softmax."""

import difflib
import os
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tqdm.auto import tqdm

from helpers.attribution.graph import Graph, read_graph, run_steps

_SECONDS_BEFORE_PROGRESS = 2.0


class Request(NamedTuple):
    """A checked question: what speaks for this class in these images."""

    model: keras.Model
    graph: Graph
    images: np.ndarray  # float32 (n, height, width, channels)
    class_indices: np.ndarray  # int32 (n,)


def check_request(model, images, class_index, output=None):
    """Check model, images and class before a method runs.

    Parameters
    ----------
    model : keras.Model
    images : array (n, height, width, channels)
    class_index : int or int array (n,)
    output : str or int, optional
        Name or index of the output, for models with several.

    Returns
    -------
    Request

    Raises
    ------
    ValueError
        If the model cannot be read (see `graph.read_graph`), if the images have the
        wrong shape, are empty or not finite, or if a class does not exist.
    """
    graph = read_graph(model, output)
    images = check_images(model, images)
    class_indices = _as_array(class_index)
    if class_indices.dtype.kind not in "iu" or class_indices.shape not in [
        (),
        (len(images),),
    ]:
        raise ValueError(
            "class_index must be a whole number, or one for each of the "
            f"{len(images)} images, got {_shorten(class_index)}; "
            "find_class(name, class_names) turns a name into its index."
        )
    unknown = class_indices[(class_indices < 0) | (class_indices >= graph.class_count)]
    if unknown.size:
        raise ValueError(
            f"The model has classes 0 to {graph.class_count - 1}, got class_index "
            f"{unknown[0]}; choose one of these."
        )
    class_indices = np.broadcast_to(class_indices, len(images)).astype("int32")
    return Request(model, graph, images, class_indices)


def check_images(model, images):
    """Return images as float32, if the model can take them.

    Parameters
    ----------
    model : keras.Model
    images : array (n, height, width, channels)

    Returns
    -------
    float32 array (n, height, width, channels)

    Raises
    ------
    ValueError
        If they have the wrong shape, are empty or not finite.
    """
    wanted = tuple(model.inputs[0].shape[1:])
    if len(wanted) != 3:
        raise ValueError(
            "The model must take images of shape (height, width, channels), got one "
            f"that takes {wanted}; put a layers.Reshape({wanted}) before it."
        )
    images = _as_array(images)
    if images.dtype.kind not in "biuf":
        raise ValueError(
            "The images must be one array of numbers, all of the same size, got an "
            f"array of type {images.dtype}; bring each to {wanted} and use np.stack."
        )
    images = images.astype("float32", copy=False)
    fits = images.ndim == 4 and all(
        size in (None, got) for size, got in zip(wanted, images.shape[1:], strict=True)
    )
    if not fits or len(images) == 0:
        raise ValueError(
            f"The model expects one or more images of shape {wanted}, stacked along a "
            f"first axis, got an array of shape {images.shape}; add the missing axis "
            "with images[None], or resize."
        )
    if not np.isfinite(images).all():
        raise ValueError(
            "The images must be finite numbers, got NaN or infinity; "
            "look for a division by zero in the preprocessing."
        )
    return images


def find_class(name, class_names):
    """Return the index of a class, given its name.

    Parameters
    ----------
    name : str
        Upper and lower case, and spaces for underscores, are the same.
    class_names : list of str

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If no class, or more than one, has the name; near misses are listed.
    """
    plain = [_simplify(known) for known in class_names]
    places = [place for place, known in enumerate(plain) if known == _simplify(name)]
    if len(places) == 1:
        return places[0]
    if places:
        raise ValueError(
            f"{len(places)} classes are called {name!r}; choose an index: "
            f"{', '.join(map(str, places))}."
        )
    near = difflib.get_close_matches(_simplify(name), plain, n=5, cutoff=0.5)
    near += [known for known in plain if _simplify(name) in known and known not in near]
    shown = [class_names[plain.index(known)] for known in near[:5]] or class_names[:5]
    raise ValueError(
        f"There is no class {name!r}; {'near are' if near else 'the first are'} "
        f"{', '.join(shown)}."
    )


def read_scores(model, images, class_index, output=None, batch_size=32):
    """Return the score that the methods explain: one logit an image.

    Parameters
    ----------
    model, images, class_index, output
        As in `check_request`.
    batch_size : int
        Images at a time: bounds the memory.

    Returns
    -------
    float32 array (n,)
    """
    request = check_request(model, images, class_index, output)
    logits = compute_logits(request, request.images, batch_size)
    return logits[np.arange(len(logits)), request.class_indices]


def compute_logits(request, images, batch_size):
    """Run images, not always those of the request, through its graph.

    Parameters
    ----------
    request : Request
    images : float array (n, height, width, channels)
    batch_size : int

    Returns
    -------
    float32 array (n, classes)
    """
    return in_batches(trace_logits(request), batch_size, images)


def trace_logits(request):
    """Return the compiled model before its softmax: images to logits (n, classes)."""
    graph = request.graph

    def read(images):
        return tf.cast(run_steps(graph, images)[graph.logits], "float32")

    return trace(request, "logits", read)


def trace_probabilities(request):
    """Return the compiled model: images to probabilities (n, classes).

    By its softmax, or its sigmoid if it has one; a model that ends in logits gets a
    softmax, or with a single class a sigmoid.

    Parameters
    ----------
    request : Request

    Returns
    -------
    callable
    """
    graph = request.graph
    usual = "sigmoid" if graph.class_count == 1 else "softmax"
    squash = {"sigmoid": tf.sigmoid, "softmax": tf.nn.softmax}[graph.squash or usual]

    def read(images):
        return squash(tf.cast(run_steps(graph, images)[graph.logits], "float32"))

    return trace(request, "probabilities", read)


def trace(request, name, function):
    """Compile a function of images (and class indices) once for each model.

    The compiled function lives as long as the model does. It is made anew if a layer
    or an activation was exchanged since, or for images of another size; new weights
    need nothing, they are read at each call.

    Parameters
    ----------
    request : Request
    name : str or tuple
        What tells this function from the others of the same graph.
    function : callable
        Takes images, or images and class indices, as tensors. It must not hold on to
        the request, whose images would then stay in memory.

    Returns
    -------
    callable
    """
    arguments = function.__code__.co_argcount
    parts = [
        (step.operation, getattr(step.operation, "activation", None))
        for step in request.graph.steps
    ]
    numbers = tuple((id(operation), id(activation)) for operation, activation in parts)
    key = (name, request.images.shape[1:], numbers, request.graph.logits)
    traced = vars(request.model).setdefault("_traced_by_the_course", {})
    if key not in traced:
        shapes = [
            tf.TensorSpec((None, *request.images.shape[1:]), "float32"),
            tf.TensorSpec((None,), "int32"),
        ]
        compiled = tf.function(function, shapes[:arguments], autograph=False)
        traced[key] = compiled, parts  # while the parts live, their ids are theirs
    return traced[key][0]


def in_batches(function, batch_size, *arrays):
    """Apply a function of tensors to arrays, a batch at a time.

    Parameters
    ----------
    function : callable
        Returns a tensor or a tuple of tensors with as many rows as it was given.
    batch_size : int
    *arrays : array (n, ...)
        Cut along their first axis together.

    Returns
    -------
    array (n, ...), or a tuple of them
    """
    parts = []
    for numbers in cut_in_batches(len(arrays[0]), batch_size):
        batch = (array[numbers[0] : numbers[-1] + 1] for array in arrays)
        parts.append(keras.tree.map_structure(np.asarray, function(*batch)))
    return keras.tree.map_structure(lambda *rows: np.concatenate(rows), *parts)


def cut_in_batches(count, batch_size):
    """Yield 0, 1, ..., count - 1 in arrays of up to `batch_size`.

    A progress bar appears where there are several and they take more than two seconds,
    unless ``COURSE_WIDGETS=off`` asks for outputs that are always the same.

    Parameters
    ----------
    count, batch_size : int

    Yields
    ------
    int array (up to batch_size,)

    Raises
    ------
    ValueError
        If `batch_size` is below 1.
    """
    check_whole("batch_size", batch_size, 1, "32 is a good start")
    starts = range(0, count, batch_size)
    bar = tqdm(
        starts,
        delay=_SECONDS_BEFORE_PROGRESS,
        disable=len(starts) < 2 or os.environ.get("COURSE_WIDGETS") == "off",
        leave=False,
        unit="batch",
    )
    for start in bar:
        yield np.arange(start, min(start + batch_size, count))


def check_whole(name, value, least, hint):
    """Raise a ValueError unless a setting is a whole number and large enough."""
    if not isinstance(value, int | np.integer) or value < least:
        raise ValueError(
            f"{name} must be a whole number of at least {least}, got "
            f"{_shorten(value)}; {hint}."
        )


def take_gradients(scores, values):
    """Differentiate scores (n,), inside a compiled function.

    Parameters
    ----------
    scores : float32 tensor (n,)
    values : tensor (n, ...)
        The image, or a value on the way from it to the scores.

    Returns
    -------
    float32 tensor (n, ...)

    Raises
    ------
    ValueError
        If no gradient leads from the scores to the values.
    """
    # The factor keeps small gradients of half-precision models from becoming zero; it
    # is a power of two, so that float32 gradients stay the same to the last digit.
    factor = 256.0
    (gradients,) = tf.gradients(scores, values, tf.fill(tf.shape(scores), factor))
    if gradients is None:
        raise ValueError(
            "The model passes no gradient back from the score, because it rounds or "
            "stops gradients on the way; use occlusion or rise."
        )
    return tf.cast(gradients, "float32") / factor


def gather_scores(logits, class_indices):
    """Return one logit an image, as a float32 tensor (n,)."""
    return tf.gather(tf.cast(logits, "float32"), class_indices, batch_dims=1)


def read_logits(model):
    """Return a model with the same layers that gives logits, not probabilities.

    This is for methods written out by hand. The methods of the toolbox read any model
    themselves. The given model is not changed.

    Parameters
    ----------
    model : keras.Model
        Ends in a dense layer with softmax, in a softmax layer, or in logits already.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If the softmax is inside another model, where this function does not reach.
    """
    graph = read_graph(model)
    last = model.layers[-1]
    if graph.squash is None:
        return keras.Model(model.inputs[0], model.outputs[0])
    squashing = next(step for step in graph.steps if step.squash)
    if squashing.operation is not last:
        raise ValueError(
            f"The softmax must be in the model's last layer, {last.name!r}, got it in "
            f"{squashing.name!r}; the methods of helpers.attribution take such models."
        )
    if isinstance(last, layers.Activation | layers.Softmax):
        return keras.Model(model.inputs[0], last.input)
    linear = type(last).from_config({**last.get_config(), "activation": "linear"})
    logits = keras.Model(model.inputs[0], linear(last.input))
    linear.set_weights(last.get_weights())
    return logits


def run_in_batches(model, images):
    """Call a model on pictures, about a million pixels at a time, without a bar.

    Unlike `keras.Model.predict` it builds no pipeline and traces no graph, which costs
    more than the answer where networks are small.

    Parameters
    ----------
    model : keras.Model
    images : float32 array (n, height, width, channels)

    Returns
    -------
    float32 array (n, outputs)
    """
    batch_size = max(1, 1_000_000 // (images.shape[1] * images.shape[2]))
    return np.concatenate(
        [
            model(images[start : start + batch_size], training=False).numpy()
            for start in range(0, len(images), batch_size)
        ]
    )


def _simplify(name):
    return str(name).strip().lower().replace(" ", "_")


def _as_array(values):
    """Return an array, of objects if NumPy sees no shape in the values."""
    try:
        return np.asarray(values)
    except ValueError:  # rows of different lengths
        return np.array([None, *values], dtype=object)[1:]


def _shorten(value):
    """Return how a value is written, on one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
