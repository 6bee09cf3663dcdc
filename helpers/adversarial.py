"""Changes too small to see that change a network's answer.

The mathematics of `helpers.features`, turned round: there a picture climbs until a unit
answers, here the least climb is looked for that another class wins. Sizes are in grey
levels, of which a stored picture has 256.

What changes is a class's lead: its logit less log Σ exp of all others. The loss of a
training, -log p, has the same gradient, only 1 - p times as long; where p is 1 it is
nothing, and by it no picture would move.
"""

import numpy as np
import pandas as pd
import tensorflow as tf

from helpers.attribution.graph import run_steps
from helpers.attribution.scores import (
    check_request,
    check_whole,
    compute_logits,
    in_batches,
    take_gradients,
    trace,
)

LEVELS = 255  # from black to white
_BATCH = 32
_STRIDE = 2.5  # of the steps together, over the size allowed: they may go astray


def leave_class(model, images, class_indices, levels, steps=1):
    """Change pictures a little, so that a class speaks less for them.

    With one step, each value goes up or down by the whole size, by the sign of the
    gradient: the fast gradient sign method (Goodfellow et al. 2015, arXiv:1412.6572,
    section 4). With several, each goes a part of the way and is brought back where it
    went too far: projected gradient (Madry et al. 2018, arXiv:1706.06083, section 2.1,
    without the random start).

    Parameters
    ----------
    model : keras.Model
        Takes pictures in [0, 1].
    images : float array (n, height, width, channels) in [0, 1]
    class_indices : int array (n,)
        The classes to leave.
    levels : float or float array (n,)
        The most that any value may change, in grey levels.
    steps : int

    Returns
    -------
    float32 array (n, height, width, channels) in [0, 1]

    Raises
    ------
    ValueError
        If model, pictures and classes do not fit, or a size is negative.
    """
    return _walk(model, images, class_indices, levels, steps, -1)


def approach_class(model, images, class_indices, levels, steps=10):
    """Change pictures a little, so that a class speaks more for them.

    Parameters and result are those of `leave_class`, of the classes wished for.
    """
    return _walk(model, images, class_indices, levels, steps, 1)


def add_noise(images, levels, seed=0):
    """Move each value up or down by as many grey levels, by the toss of a coin.

    Parameters
    ----------
    images : float array (n, height, width, channels) in [0, 1]
    levels : float
    seed : int

    Returns
    -------
    float32 array (n, height, width, channels) in [0, 1]
    """
    signs = np.random.default_rng(seed).choice([-1, 1], images.shape)
    return np.clip(images + signs * (levels / LEVELS), 0, 1).astype("float32")


def measure_flips(model, images, class_indices, levels):
    """Measure how many right answers change, by size and kind of the change.

    Parameters
    ----------
    model, images
        As in `leave_class`.
    class_indices : int array (n,)
        The right answers. Pictures for which the model says something else are left
        out.
    levels : list of float

    Returns
    -------
    pandas.DataFrame
        Share of answers that change: a row a size, a column a kind of change:
        "random", "one step" and "ten steps".
    """
    right = _answer(model, images) == class_indices
    images, class_indices = images[right], np.asarray(class_indices)[right]
    rows = {}
    for size in levels:
        changed = {
            "random": add_noise(images, size),
            "one step": leave_class(model, images, class_indices, size),
            "ten steps": leave_class(model, images, class_indices, size, steps=10),
        }
        rows[size] = {
            kind: (_answer(model, pictures) != class_indices).mean()
            for kind, pictures in changed.items()
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis("grey levels")


def find_smallest(model, images, class_indices, most=64, steps=10):
    """Find the fewest grey levels with which each picture's answer changes.

    The span from nothing to `most` is halved until it is one level wide, as if more
    levels always did at least as much.

    Parameters
    ----------
    model, images, class_indices, steps
        As in `leave_class`; a class is left when another has the largest logit.
    most : int
        Levels that are tried at most.

    Returns
    -------
    float array (n,)
        Whole numbers; 0 where the answer is another from the start, infinity where even
        `most` does not change it.
    """
    check_whole("most", most, 1, "64 is a good start")

    def changes(sizes):
        changed = leave_class(model, images, class_indices, sizes, steps)
        return _answer(model, changed) != class_indices

    low = np.full(len(images), -1)  # does not change the answer
    high = np.full(len(images), most)
    changeable = changes(high)
    while (high - low > 1).any():
        middle = np.maximum((low + high) // 2, 0)
        enough = changes(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(changeable, high, np.inf)


def _walk(model, images, class_indices, levels, steps, direction):
    """Walk up (1) or down (-1) a class's lead over the others, not too far."""
    request = check_request(model, images, class_indices)
    check_whole("steps", steps, 1, "10 is a good start")
    sizes = np.broadcast_to(levels, len(request.images)).astype("float32")
    if not (sizes >= 0).all():
        raise ValueError(
            f"levels must be 0 or above, got {sizes.min():g}; 4 is a good start."
        )
    sizes = (sizes / LEVELS)[:, None, None, None]
    strides = direction * sizes * (1 if steps == 1 else _STRIDE / steps)
    least = np.maximum(request.images - sizes, 0)
    most = np.minimum(request.images + sizes, 1)
    slope = _trace_slopes(request)
    pictures = request.images
    for _ in range(steps):
        signs = np.sign(in_batches(slope, _BATCH, pictures, request.class_indices))
        pictures = np.clip(pictures + strides * signs, least, most)
    return pictures


def _trace_slopes(request):
    """Return the compiled gradient of each picture's lead by the picture."""
    graph = request.graph

    def slope(images, class_indices):
        logits = tf.cast(run_steps(graph, images)[graph.logits], "float32")
        return take_gradients(measure_leads(logits, class_indices), images)

    return trace(request, "lead", slope)


def measure_leads(logits, class_indices):
    """Measure how far a class is ahead of all others together: its log-odds.

    Parameters
    ----------
    logits : float tensor (n, classes)
    class_indices : int tensor (n,)

    Returns
    -------
    float tensor (n,)
        The logit less log Σ exp of the others: p is the sigmoid of it.
    """
    own = tf.one_hot(class_indices, logits.shape[-1], dtype=logits.dtype)
    others = tf.where(own > 0, -np.inf, logits)
    return tf.reduce_sum(own * logits, axis=1) - tf.reduce_logsumexp(others, axis=1)


def _answer(model, images):
    """Return the class with the largest logit for each picture."""
    return compute_logits(check_request(model, images, 0), images, _BATCH).argmax(1)
