"""Pictures made from a picture: what a layer sees in it, and what it still knows of it.

All three ask a layer by what it hands on, so after its ReLU.
"""

import numpy as np
import tensorflow as tf

from helpers.attribution.scores import check_images, check_whole, take_gradients
from helpers.features import climb, open_layer

_SMALLEST = 32  # pixels to a side of the first octave
_FAINT = 1e-12  # added to squares before a division


def dream(
    model, layer, image, *, octaves=4, scale=1.4, steps=16, rate=0.02, jitter=16, seed=0
):
    """Change a photograph so that a layer sees more of whatever it sees in it.

    "DeepDream": the mean square of the whole layer grows, no channel or class is chosen
    (Mordvintsev, Olah & Tyka 2015, "Inceptionism", Google Research blog). It begins on
    a small copy of the photograph; what came about is enlarged, laid over a larger
    copy, and the next octave begins, so that the same form appears at several sizes.

    Parameters
    ----------
    model : keras.Model
        Takes pictures in [0, 1]; models inside it are opened.
    layer : str
        A layer that gives a map, as `helpers.attribution.graph.find_feature_step`
        wants it.
    image : float array (height, width, 3) in [0, 1]
        Of any size.
    octaves : int
    scale : float
        How much larger each octave is than the one before.
    steps : int
        In each octave.
    rate : float
        Length of a step: the root mean square of what it adds.
    jitter : int
        At each step the picture is shifted by up to as many pixels, around the edge.
    seed : int
        Decides the shifts.

    Returns
    -------
    float32 array (height, width, 3) in [0, 1]

    Raises
    ------
    ValueError
        If the model cannot be read, if there is no such layer, if the picture is not
        one in colour, or if the first octave would be smaller than 32 pixels.
    """
    check_whole("octaves", octaves, 1, "4 is a good start")
    check_whole("steps", steps, 1, "16 is a good start")
    shapes = _list_shapes(image, octaves, scale)
    look = open_layer(model, layer, before_relu=False)
    generator = np.random.default_rng(seed)
    picture = tf.constant(np.asarray(image, "float32")[None])
    added = tf.zeros((1, *shapes[0], 3))
    for shape in shapes:
        smaller = tf.image.resize(picture, shape, antialias=True)
        values = tf.clip_by_value(smaller + tf.image.resize(added, shape), 0, 1)
        take_step = _make_step(look, rate)
        for shift in generator.integers(-jitter, jitter + 1, (steps, 2)):
            values = take_step(values, tf.constant(shift))
        added = values - smaller
    return values[0].numpy()


def invert(model, layer, images, **options):
    """Look for pictures in which a layer sees the same as in given ones.

    From grey noise, the distance between what the layer gives and what it gave is made
    small: what comes back is what the layer still knows, the rest was made up
    (Mahendran & Vedaldi 2015, arXiv:1412.0035, equations 1 to 3; the steps are those of
    `climb`).

    Parameters
    ----------
    model, layer
        As in `dream`.
    images : float array (n, height, width, 3) in [0, 1]
    **options
        As in `helpers.features.climb`; nothing is shifted or turned unless asked for.

    Returns
    -------
    float32 array (n, height, width, 3) in [0, 1]

    Raises
    ------
    ValueError
        If model, layer and pictures do not fit, if the layer is silent for a picture,
        or as `climb` says.
    """
    look, targets = _remember(model, layer, images)

    def read(pictures, numbers):
        return -_find_distances(look(pictures), tf.gather(targets, numbers))

    options = {"jitter": 0, "turn": 0, **options}
    return climb(model, read, np.arange(len(images)), **options)


def caricature(model, layer, images, power=2, **options):
    """Draw pictures that overdo what a layer sees in given ones.

    From grey noise, the dot product of what the layer gives with what it gave grows:
    the same direction, but farther. It is multiplied with a power of the cosine of the
    two, which keeps other directions out (Olah et al. 2018, "The Building Blocks of
    Interpretability", Distill, doi:10.23915/distill.00010; the score is that of their
    library Lucid, ``dot_compare``).

    Parameters
    ----------
    model, layer, images
        As in `invert`.
    power : float
        Of the cosine.
    **options
        As in `helpers.features.climb`; nothing is turned unless asked for.

    Returns
    -------
    float32 array (n, height, width, 3) in [0, 1]

    Raises
    ------
    ValueError
        As `invert`.
    """
    look, targets = _remember(model, layer, images)

    def read(pictures, numbers):
        maps, wanted = look(pictures), tf.gather(targets, numbers)
        dots = tf.reduce_sum(maps * wanted, (1, 2, 3))
        lengths = tf.sqrt(_square(maps) * _square(wanted) + _FAINT)
        return dots * tf.maximum(dots / lengths, 0.1) ** power

    options = {"jitter": 2, "turn": 0, **options}
    return climb(model, read, np.arange(len(images)), **options)


def _list_shapes(image, octaves, scale):
    """Return height and width of each octave, the smallest first."""
    if np.ndim(image) != 3 or np.shape(image)[2] != 3:
        raise ValueError(
            "The picture must be one in colour, shape (height, width, 3), got shape "
            f"{np.shape(image)}; take one of a stack with images[0]."
        )
    if not scale > 1:
        raise ValueError(f"scale must be above 1, got {scale}; 1.4 is a good start.")
    sides = np.array(np.shape(image)[:2])
    shapes = [np.round(sides / scale**place) for place in range(octaves)][::-1]
    if shapes[0].min() < _SMALLEST:
        raise ValueError(
            f"The first octave must be at least {_SMALLEST} pixels to a side, got "
            f"{int(shapes[0].min())}; take fewer octaves or a larger picture."
        )
    return [(int(height), int(width)) for height, width in shapes]


def _make_step(look, rate):
    @tf.function(autograph=False)
    def take_step(values, shift):
        moved = tf.roll(values, shift, (1, 2))
        slopes = take_gradients(tf.reduce_mean(look(moved) ** 2, (1, 2, 3)), values)
        slopes /= tf.sqrt(tf.reduce_mean(slopes**2) + _FAINT)
        return tf.clip_by_value(values + rate * slopes, 0, 1)

    return take_step


def _remember(model, layer, images):
    """Return how to look into a layer, and what it gives for pictures."""
    images = check_images(model, images)
    look = open_layer(model, layer, before_relu=False)
    seen = look(tf.constant(images))
    silent = np.flatnonzero(_square(seen).numpy() == 0)
    if silent.size:
        raise ValueError(
            f"The layer {layer!r} must see something in each picture, got nothing for "
            f"picture {silent[0]}; take an earlier layer."
        )
    return look, seen


def _find_distances(maps, wanted):
    return _square(maps - wanted) / (_square(wanted) + _FAINT)


def _square(maps):
    """Return the squared length of each map, as a tensor (n,)."""
    return tf.reduce_sum(maps**2, (1, 2, 3))
