"""Single channels of a layer, its "neurons": how loud, for what, and to what effect.

What a layer gives is read as it is. Name the ReLU ("block5_relu3"), not what stands
before it ("block5_norm3"), to see what the next layer sees; a layer with its activation
inside gives it with the activation.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.stats import rankdata

from helpers.attribution.graph import Step, find_feature_step, run_step, run_steps
from helpers.attribution.scores import (
    Request,
    check_request,
    cut_in_batches,
    in_batches,
    trace,
)

_PIXELS = 1_000_000  # of pictures at a time: bounds the memory


class _Cut(NamedTuple):
    """A graph cut at one layer.

    `kept` are numbers of values: the layer's own, then those made without it that the
    steps in `later`, which need it, read besides.
    """

    request: Request
    step: Step
    earlier: tuple
    later: tuple
    kept: tuple
    batch_size: int


def read_maps(model, layer, images):
    """Run a model up to one layer and return what each of its channels gives where.

    Parameters
    ----------
    model : keras.Model
        Models inside it are opened.
    layer : str
        A layer that gives a map, as in `helpers.attribution.graph.find_feature_step`.
    images : float array (n, height, width, channels)

    Returns
    -------
    float32 array (n, map height, map width, channels)

    Raises
    ------
    ValueError
        If images and model do not fit, or no layer of that name has a map.
    """
    cut = _cut_at(model, layer, images)
    look = _look(cut)

    def read(batch):
        return tf.cast(look(batch)[0], "float32")

    return in_batches(read, cut.batch_size, cut.request.images)


def sum_maps(maps):
    """Add up each channel's map: one number a channel, the bars of a spike plot.

    Parameters
    ----------
    maps : float array (n, height, width, channels)

    Returns
    -------
    float32 array (n, channels)
    """
    return np.asarray(maps, "float32").sum(axis=(1, 2))


def normalise_spikes(sums, reference):
    """Divide each channel's sum by its mean over many pictures.

    1 is as loud as usual; a channel that is loud whatever it sees is no spike any more.
    A channel that is silent in every picture stays at 0.

    Parameters
    ----------
    sums : float array (n, channels)
        From `sum_maps`, after a ReLU.
    reference : float array (m, channels)
        The same for the many pictures.

    Returns
    -------
    float32 array (n, channels)

    Raises
    ------
    ValueError
        If the shapes do not fit, sums are negative, or a channel speaks that is silent
        in the whole reference.
    """
    sums, reference = _check_sums(sums), _check_sums(reference)
    if sums.shape[1] != reference.shape[1]:
        raise ValueError(
            f"The reference must be of the same layer, with {sums.shape[1]} channels, "
            f"got {reference.shape[1]}; read both with the same layer name."
        )
    usual = reference.mean(axis=0)
    woken = np.flatnonzero((usual == 0) & (sums > 0).any(axis=0))
    if woken.size:
        raise ValueError(
            f"Channel {woken[0]} is silent in all {len(reference)} pictures of the "
            "reference, so nothing is usual for it, but it speaks here; add these "
            "pictures to the reference."
        )
    spikes = np.zeros(sums.shape, "float32")
    return np.divide(sums, usual, out=spikes, where=usual > 0)


def measure_selectivity(sums, labels):
    """Find the class each channel is loudest for, and tell how well it marks the class.

    The loudest of many classes is loud by chance too. So the class is chosen on the
    first half of each class's pictures, and everything else is measured on the second.
    Pictures that resemble each other, as of one film, should lie next to each other, so
    that they fall into the same half.

    Parameters
    ----------
    sums : float array (n, channels)
        From `sum_maps`, after a ReLU.
    labels : int array (n,)

    Returns
    -------
    pandas.DataFrame
        A row a channel, by its number; a channel that is silent in all pictures of a
        half has none. ``class`` has the largest mean in the first half.
        ``selectivity`` is (mean - rest) / (mean + rest), where rest is the mean over
        the means of the other classes: 1 if only this class makes it speak, 0 if it is
        as loud for the others (Morcos et al. 2018, arXiv:1803.06959, equation 1).
        ``auc`` is how often a picture of the class is louder than one of another, .5
        for a guess: the area under the ROC curve. ``again`` tells whether the second
        half would have chosen the same class.

    Raises
    ------
    ValueError
        If the shapes do not fit, sums are negative, or there are not two classes with
        two pictures each.
    """
    sums = _check_sums(sums)
    classes, labels = np.unique(labels, return_inverse=True)
    counts = np.bincount(labels)
    if labels.shape != (len(sums),):
        raise ValueError(
            f"Each of the {len(sums)} pictures needs one label, got labels of shape "
            f"{labels.shape}; pass the labels of these pictures."
        )
    if len(classes) < 2 or counts.min() < 2:
        raise ValueError(
            "Selectivity needs two classes or more, and two pictures or more of each, "
            "to choose on one and measure on the other, got "
            f"{len(classes)} with at least {counts.min()}; leave rare classes out."
        )
    second = np.zeros(len(labels), bool)
    for label, count in enumerate(counts):
        second[np.flatnonzero(labels == label)[count // 2 :]] = True
    chosen_means = _average_classes(sums[~second], labels[~second])
    means = _average_classes(sums[second], labels[second])
    alive = np.flatnonzero(chosen_means.any(axis=0) & means.any(axis=0))
    chosen, means = chosen_means[:, alive].argmax(axis=0), means[:, alive]
    mean = means[chosen, np.arange(len(alive))]
    rest = (means.sum(axis=0) - mean) / (len(classes) - 1)
    inside = labels[second][:, None] == chosen
    return pd.DataFrame(
        {
            "class": classes[chosen],
            "selectivity": (mean - rest) / (mean + rest),
            "auc": _measure_auc(sums[second][:, alive], inside),
            "again": means.argmax(axis=0) == chosen,
        },
        index=pd.Index(alive, name="channel"),
    )


def find_top_images(sums, channel, count=9):
    """Return the pictures that a channel is loudest for, the loudest first.

    Parameters
    ----------
    sums : float array (n, channels)
    channel : int
    count : int

    Returns
    -------
    int array (count,), or (n,) if there are fewer
        Places of the pictures.

    Raises
    ------
    ValueError
        If there is no such channel.
    """
    sums = np.asarray(sums)
    (channel,) = _check_channels([channel], sums.shape[1])
    return np.argsort(-sums[:, channel], kind="stable")[:count]


def scale_channel(model, layer, channel, images, factor=0.0):
    """Turn one channel of a layer off, down or up, and return what the model then says.

    Parameters
    ----------
    model, layer, images
        As in `read_maps`.
    channel : int
    factor : float
        The whole map of the channel is multiplied by it: 0 switches it off, 1 changes
        nothing, 2 makes it twice as loud.

    Returns
    -------
    float32 array (n, classes)
        Logits.

    Raises
    ------
    ValueError
        As in `read_maps`, or if there is no such channel, or the factor is no number.
    """
    if not np.isscalar(factor) or isinstance(factor, str) or not np.isfinite(factor):
        raise ValueError(
            f"The factor must be one finite number, got {factor!r}; "
            "0 switches the channel off."
        )
    return _scale_each(model, layer, images, [channel], factor)[0]


def ablate_channels(model, layer, images, channels):
    """Switch channels of a layer off, one at a time, and return what the model says.

    The model runs up to the layer once, and from there on once for each channel.

    Parameters
    ----------
    model, layer, images
        As in `read_maps`.
    channels : sequence of int

    Returns
    -------
    float32 array (channels, n, classes)
        Logits.

    Raises
    ------
    ValueError
        As in `read_maps`, or if there is no such channel.
    """
    return _scale_each(model, layer, images, channels, 0.0)


def measure_falls(model, layer, images):
    """Measure what a model loses with each channel of a layer that is switched off.

    Parameters
    ----------
    model, layer, images
        As in `read_maps`.

    Returns
    -------
    falls : float32 array (channels, n)
        How far the logit of the model's own answer falls, as a share of that logit.
    changed : bool array (channels, n)
        Whether the answer is another one then.
    """
    before = scale_channel(model, layer, 0, images, factor=1.0)
    channels = _cut_at(model, layer, images).step.shape[-1]
    off = ablate_channels(model, layer, images, range(channels))
    said, each = before.argmax(axis=1), np.arange(len(before))
    logits = before[each, said]
    return 1 - off[:, each, said] / logits, off.argmax(axis=2) != said


def _scale_each(model, layer, images, channels, factor):
    cut = _cut_at(model, layer, images)
    channels = _check_channels(channels, cut.step.shape[-1])
    look, images = _look(cut), cut.request.images

    @tf.function(reduce_retracing=True)
    def answer(channel, maps, *others):
        factors = tf.tensor_scatter_nd_update(
            tf.ones(maps.shape[-1]), channel[None, None], [factor]
        )
        changed = maps * tf.cast(factors, maps.dtype)
        values = dict(zip(cut.kept, (changed, *others), strict=True))
        for step in cut.later:
            results = run_step(step, [values[number] for number in step.inputs])
            values.update(zip(step.outputs, tf.nest.flatten(results), strict=True))
        return tf.cast(values[cut.request.graph.logits], "float32")

    logits = np.empty(
        (len(channels), len(images), cut.request.graph.class_count), "float32"
    )
    for start in range(0, len(images), cut.batch_size):
        batch = slice(start, start + cut.batch_size)
        given = look(images[batch])
        for (place,) in cut_in_batches(len(channels), 1):
            logits[place, batch] = answer(tf.constant(channels[place]), *given)
    return logits


def _cut_at(model, layer, images):
    request = check_request(model, images, 0)  # any class: all of them are read
    step = find_feature_step(request.graph, layer)
    reached, earlier, later = {step.outputs[0]}, [], []
    for other in request.graph.steps:
        if reached.intersection(other.inputs):
            reached.update(other.outputs)
            later.append(other)
        else:
            earlier.append(other)
    read = {number for other in later for number in other.inputs}
    kept = (step.outputs[0], *sorted(read - reached))
    height, width = request.images.shape[1:3]
    batch_size = max(1, _PIXELS // (height * width))
    return _Cut(request, step, tuple(earlier), tuple(later), kept, batch_size)


def _look(cut):
    """Return the compiled function from images to the values that are kept."""
    graph, kept = cut.request.graph._replace(steps=cut.earlier), cut.kept

    def look(images):
        values = run_steps(graph, images)
        return tuple(values[number] for number in kept)

    return trace(cut.request, ("cut", kept), look)


def _check_sums(sums):
    sums = np.asarray(sums, "float64")
    if sums.ndim != 2 or len(sums) == 0:
        raise ValueError(
            "The sums must have the shape (pictures, channels), got "
            f"{sums.shape}; make them with sum_maps(read_maps(model, layer, images))."
        )
    if not (sums >= 0).all():
        raise ValueError(
            "The sums must be zero or above, as after a ReLU, got "
            f"{sums.min():.3g}; read the layer after the activation, as block5_relu3."
        )
    return sums


def _check_channels(channels, count):
    channels = np.asarray(channels)
    if channels.dtype.kind not in "iu" or channels.ndim != 1:
        raise ValueError(
            f"Channels must be whole numbers, got {channels}; "
            f"choose from 0 to {count - 1}."
        )
    unknown = channels[(channels < 0) | (channels >= count)]
    if unknown.size:
        raise ValueError(
            f"The layer has channels 0 to {count - 1}, got {unknown[0]}; "
            "choose one of these."
        )
    return channels.astype("int32")


def _average_classes(sums, labels):
    """Return the mean of each class (classes, channels)."""
    return np.stack(
        [sums[labels == label].mean(axis=0) for label in range(labels.max() + 1)]
    )


def _measure_auc(values, inside):
    """Return the area under the ROC curve of each column (n, channels), by ranks."""
    count = inside.sum(axis=0)
    ranks = np.where(inside, rankdata(values, axis=0), 0).sum(axis=0)
    return (ranks - count * (count + 1) / 2) / (count * (len(inside) - count))
