"""Methods that follow the gradient of a class score back to the pixels."""

from functools import reduce

import numpy as np
import tensorflow as tf

from helpers.attribution.graph import run_steps
from helpers.attribution.scores import (
    check_request,
    check_whole,
    cut_in_batches,
    gather_scores,
    in_batches,
    take_gradients,
    trace,
)

_RELUS = "Relu", "Relu6", "LeakyRelu"  # TensorFlow's names


def saliency(model, images, class_index, *, output=None, batch_size=32):
    """Tell how strongly the class score reacts to a small change of each pixel.

    The largest absolute gradient of the logit over the channels (Simonyan, Vedaldi,
    Zisserman 2014, arXiv:1312.6034, section 3).

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, channels)
    class_index : int or int array (n,)
    output : str or int, optional
        Name or index of the output, for models with several.
    batch_size : int
        Images at a time: bounds the memory.

    Returns
    -------
    float32 array (n, height, width)
        Logits per unit of pixel value; never negative.

    Raises
    ------
    ValueError
        If images and model do not fit, or the class does not exist.
    """
    request = check_request(model, images, class_index, output)
    return take_largest(compute_gradients(request, batch_size))


def gradient_times_input(model, images, class_index, *, output=None, batch_size=32):
    """Tell what each pixel adds to the class score, as if the model were linear.

    The gradient of the logit times the pixel value, summed over the channels
    (Shrikumar et al. 2016, arXiv:1605.01713, section 3.2). A black pixel gets nothing,
    whatever it means.

    Parameters
    ----------
    model, images, class_index, output, batch_size
        As in `saliency`.

    Returns
    -------
    float32 array (n, height, width)
        Logits; positive speaks for the class, negative against it.

    Raises
    ------
    ValueError
        As in `saliency`.
    """
    request = check_request(model, images, class_index, output)
    gradients = compute_gradients(request, batch_size)
    return np.einsum("nhwc,nhwc->nhw", gradients, request.images)


def smooth_grad(
    model,
    images,
    class_index,
    *,
    samples=25,
    noise=0.15,
    seed=0,
    output=None,
    batch_size=32,
):
    """Average the gradient over noisy copies of each image.

    The mean of the gradients, then the largest absolute value over the channels
    (Smilkov et al. 2017, arXiv:1706.03825, section 3). Every image gets the same noise,
    so its map does not depend on the images beside it.

    Parameters
    ----------
    model, images, class_index, output, batch_size
        As in `saliency`.
    samples : int
        Noisy copies of each image.
    noise : float
        Standard deviation of the noise, as a share of the image's range of values;
        the paper advises 0.1 to 0.2.
    seed : int
        Decides the noise.

    Returns
    -------
    float32 array (n, height, width)
        As `saliency`.

    Raises
    ------
    ValueError
        As in `saliency`; or if there is no sample, or the noise is negative.
    """
    check_whole("samples", samples, 1, "try 25")
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise must be 0 or more, got {noise}; try 0.15.")
    request = check_request(model, images, class_index, output)
    images, shape = request.images, request.images.shape[1:]
    grains = np.random.default_rng(seed).standard_normal((samples, *shape), "float32")
    spreads = noise * np.ptp(images, axis=(1, 2, 3), keepdims=True)

    def draw(image, sample):
        return images[image] + spreads[image] * grains[sample]

    weights = np.full(samples, 1 / samples, "float32")
    return take_largest(average_gradients(request, draw, weights, batch_size))


def guided_backprop(model, images, class_index, *, output=None, batch_size=32):
    """Follow the gradient back, but only where it is positive and the ReLU was open.

    The largest absolute value over the channels (Springenberg et al. 2015,
    arXiv:1412.6806, section 3.4). The result is no gradient of anything: chapter 8
    asks what it still knows of the class.

    Parameters
    ----------
    model, images, class_index, output, batch_size
        As in `saliency`.

    Returns
    -------
    float32 array (n, height, width)
        Never negative.

    Raises
    ------
    ValueError
        As in `saliency`; or if the model has no ReLU.
    """
    request = check_request(model, images, class_index, output)
    return take_largest(compute_gradients(request, batch_size, relu="guided"))


def deconvnet(model, images, class_index, *, output=None, batch_size=32):
    """Follow the gradient back where it is positive, whether or not the ReLU was open.

    The largest absolute value over the channels (Zeiler and Fergus 2014,
    arXiv:1311.2901, section 2.1, in the terms of Simonyan et al. 2014, section 4).

    Parameters
    ----------
    model, images, class_index, output, batch_size
        As in `saliency`.

    Returns
    -------
    float32 array (n, height, width)
        Never negative.

    Raises
    ------
    ValueError
        As in `guided_backprop`.
    """
    request = check_request(model, images, class_index, output)
    return take_largest(compute_gradients(request, batch_size, relu="deconvnet"))


def average_gradients(request, draw, weights, batch_size):
    """Average the gradient over variants of each image.

    Parameters
    ----------
    request : helpers.attribution.scores.Request
    draw : callable
        From the numbers of images and of variants, two int arrays (b,), to the
        variants, a float32 array (b, height, width, channels).
    weights : float32 array (variants,)
    batch_size : int
        Variants at a time; one batch may hold variants of several images.

    Returns
    -------
    float32 array (n, height, width, channels)
    """
    differentiate = trace_gradients(request)
    means = np.zeros(request.images.shape, "float32")
    for numbers in cut_in_batches(len(means) * len(weights), batch_size):
        image, variant = np.divmod(numbers, len(weights))
        gradients = differentiate(draw(image, variant), request.class_indices[image])
        gradients = gradients.numpy() * weights[variant, None, None, None]
        first = np.flatnonzero(np.diff(image, prepend=-1))
        means[image[first]] += np.add.reduceat(gradients, first)
    return means


def compute_gradients(request, batch_size, relu=None):
    """Differentiate the class score by the pixels, a batch at a time.

    Parameters
    ----------
    request : helpers.attribution.scores.Request
    batch_size : int
    relu : str, optional
        "guided" or "deconvnet" changes how every ReLU passes gradients back.

    Returns
    -------
    float32 array (n, height, width, channels)

    Raises
    ------
    ValueError
        If a ReLU is to be changed and the model has none.
    """
    differentiate = trace_gradients(request, relu)
    return in_batches(differentiate, batch_size, request.images, request.class_indices)


def trace_gradients(request, relu=None):
    """Return the compiled gradient: images and class indices to gradients.

    Parameters and errors are those of `compute_gradients`.
    """
    graph = request.graph

    def differentiate(images, class_indices):
        rule = f"Course{relu.title()}" if relu else None
        override = dict.fromkeys(_RELUS, rule) if relu else {}
        with tf.compat.v1.get_default_graph().gradient_override_map(override):
            logits = run_steps(graph, images)[graph.logits]
            scores = gather_scores(logits, class_indices)
        return take_gradients(scores, images)

    compiled = trace(request, ("gradients", relu), differentiate)
    if relu:
        operations = compiled.get_concrete_function().graph.get_operations()
        if not any(operation.type in _RELUS for operation in operations):
            raise ValueError(
                "Guided backprop and deconvnet change how ReLUs pass gradients back, "
                "and this model has no ReLU; use saliency or integrated_gradients."
            )
    return compiled


def take_largest(gradients):
    """Return the largest absolute value over the channels.

    Channel by channel: NumPy takes twenty times as long for ``max(axis=-1)``.

    Parameters
    ----------
    gradients : float32 array (n, height, width, channels)

    Returns
    -------
    float32 array (n, height, width)
    """
    return reduce(np.maximum, np.moveaxis(np.abs(gradients), -1, 0))


@tf.RegisterGradient("CourseGuided")
def _pass_positive_through_open(operation, gradients):
    """Springenberg et al. 2015, figure 1: both conditions, one after the other.

    A leaky ReLU is never quite shut: it passes what its slope lets through.
    """
    positive = tf.nn.relu(gradients)
    if operation.type == "LeakyRelu":
        return tf.raw_ops.LeakyReluGrad(
            gradients=positive,
            features=operation.inputs[0],
            alpha=operation.get_attr("alpha"),
        )
    kinds = {"Relu": tf.raw_ops.ReluGrad, "Relu6": tf.raw_ops.Relu6Grad}
    return kinds[operation.type](gradients=positive, features=operation.outputs[0])


@tf.RegisterGradient("CourseDeconvnet")
def _pass_positive(operation, gradients):
    return tf.nn.relu(gradients)
