"""Class activation maps: sums of a layer's feature maps, weighted for one class."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from helpers.attribution.gradients import compute_gradients, take_largest
from helpers.attribution.graph import find_feature_step, run_steps
from helpers.attribution.scores import (
    check_request,
    gather_scores,
    in_batches,
    take_gradients,
    trace,
)

_LINEAR_HEADS = (
    layers.BatchNormalization,
    layers.Conv2D,
    layers.Dense,
    layers.Dropout,
    layers.Flatten,
    layers.Identity,
    layers.Reshape,
)


def cam(model, images, class_index, *, output=None, batch_size=32, enlarge=True):
    """Weigh the last feature maps as the model itself does: class activation map.

    For models that end in global average pooling and a linear head. One forward pass
    (Zhou et al. 2016, arXiv:1512.04150, equation 2). Its mean over the map, plus the
    class's bias, is the logit.

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, channels)
    class_index : int or int array (n,)
    output : str or int, optional
        Name or index of the output, for models with several.
    batch_size : int
        Images at a time: bounds the memory.
    enlarge : bool
        Bring the maps from the layer's size to the images'.

    Returns
    -------
    float32 array (n, height, width)
        Logits; positive speaks for the class, negative against it.

    Raises
    ------
    ValueError
        If images and model do not fit, the class does not exist, or the model does not
        end in global average pooling and a linear head.
    """
    request = check_request(model, images, class_index, output)
    graph = request.graph
    pool = _find_linear_head(graph)

    def read(images, class_indices):
        values = run_steps(graph, images)
        features, means = values[pool.inputs[0]], values[pool.outputs[0]]
        scores = gather_scores(values[graph.logits], class_indices)
        weights = take_gradients(scores, means)  # of a linear head: what it weighs by
        return _sum_weighted(features, tf.reshape(weights, (-1, features.shape[-1])))

    return _map(request, "cam", read, batch_size, enlarge)


def grad_cam(
    model, images, class_index, *, layer=None, output=None, batch_size=32, enlarge=True
):
    """Weigh a layer's feature maps by the class score's mean gradient on each.

    Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2. On the layer that `cam`
    reads, it equals `cam` after a ReLU, divided by the number of places.

    Parameters
    ----------
    model, images, class_index, output, batch_size, enlarge
        As in `cam`; but any model with a convolution will do.
    layer : str, optional
        Name of the layer; if not given, the last that still has a map.

    Returns
    -------
    float32 array (n, height, width)
        Never negative; all zero where nothing on this layer speaks for the class.

    Raises
    ------
    ValueError
        If images and model do not fit, the class does not exist, the model has no
        convolution, or no layer of that name.
    """
    request = check_request(model, images, class_index, output)
    return _map_layer(request, _weigh_by_mean, layer, batch_size, enlarge)


def grad_cam_plus_plus(
    model, images, class_index, *, layer=None, output=None, batch_size=32, enlarge=True
):
    """Weigh a layer's feature maps by positive gradients, more where few carry them.

    Chattopadhay et al. 2018, arXiv:1710.11063, equations 10, 12 and 19, for a score of
    exp(logit). The factor exp(logit), common to all places of an image, is left out:
    it overflows for logits above 88 and changes only the scale.

    Parameters
    ----------
    model, images, class_index, layer, output, batch_size, enlarge
        As in `grad_cam`.

    Returns
    -------
    float32 array (n, height, width)
        As in `grad_cam`.

    Raises
    ------
    ValueError
        As in `grad_cam`.
    """
    request = check_request(model, images, class_index, output)
    return _map_layer(request, _weigh_by_alpha, layer, batch_size, enlarge)


def layer_cam(
    model, images, class_index, *, layer=None, output=None, batch_size=32, enlarge=True
):
    """Weigh every place of every feature map by its own positive gradient.

    Jiang et al. 2021, doi:10.1109/TIP.2021.3089943, equations 6 to 8: sharper than
    Grad-CAM on early layers. The tanh scaling that the paper adds for the fusion of
    several layers is not applied.

    Parameters
    ----------
    model, images, class_index, layer, output, batch_size, enlarge
        As in `grad_cam`.

    Returns
    -------
    float32 array (n, height, width)
        As in `grad_cam`.

    Raises
    ------
    ValueError
        As in `grad_cam`.
    """
    request = check_request(model, images, class_index, output)
    return _map_layer(request, _weigh_by_place, layer, batch_size, enlarge)


def guided_grad_cam(
    model, images, class_index, *, layer=None, output=None, batch_size=32
):
    """Multiply guided backprop, which is sharp, by Grad-CAM, which knows the class.

    Selvaraju et al. 2017, arXiv:1610.02391, section 3.2. The largest absolute value
    over the channels.

    Parameters
    ----------
    model, images, class_index, layer, output, batch_size
        As in `grad_cam`.

    Returns
    -------
    float32 array (n, height, width)
        Never negative.

    Raises
    ------
    ValueError
        As in `grad_cam` and `guided_backprop`.
    """
    request = check_request(model, images, class_index, output)
    coarse = grad_cam(
        model, images, class_index, layer=layer, output=output, batch_size=batch_size
    )
    fine = compute_gradients(request, batch_size, relu="guided")
    return take_largest(fine) * coarse


def enlarge_maps(maps, height, width):
    """Bring maps to another size by bilinear interpolation between pixel centres.

    tf-keras-vis 0.8.7 aligns the corners instead, which shifts the map by up to half a
    cell of the layer.

    Parameters
    ----------
    maps : float array (n, height, width)
    height, width : int
        The size wanted.

    Returns
    -------
    float32 array (n, height, width)
    """
    return _resize(np.asarray(maps, "float32"), (height, width)).numpy()


def _weigh_by_mean(features, gradients):
    """Grad-CAM: one weight a channel, the mean gradient."""
    return _sum_weighted(features, tf.reduce_mean(gradients, axis=(1, 2)))


def _weigh_by_alpha(features, gradients):
    """Grad-CAM++: the sum counts each place by its alpha, gradient² cancelled."""
    total = tf.reduce_sum(features, axis=(1, 2), keepdims=True)
    alpha = tf.math.divide_no_nan(1.0, 2 + total * gradients)
    return _sum_weighted(
        features, tf.reduce_sum(alpha * tf.nn.relu(gradients), axis=(1, 2))
    )


def _weigh_by_place(features, gradients):
    """LayerCAM: one weight a place and channel."""
    return tf.reduce_sum(features * tf.nn.relu(gradients), axis=-1)


def _map_layer(request, weigh, layer, batch_size, enlarge):
    """Run to a layer, differentiate the score by it, and combine both into maps."""
    graph = request.graph
    step = find_feature_step(graph, layer)

    def read(images, class_indices):
        values = run_steps(graph, images)
        features = values[step.outputs[0]]
        scores = gather_scores(values[graph.logits], class_indices)
        gradients = take_gradients(scores, features)
        return tf.nn.relu(weigh(tf.cast(features, "float32"), gradients))

    return _map(request, (weigh.__name__, step.outputs), read, batch_size, enlarge)


def _map(request, name, read, batch_size, enlarge):
    """Compute maps in batches and bring them to the images' size, if asked."""
    size = request.images.shape[1:3]

    def read_at_size(images, class_indices):
        maps = read(images, class_indices)
        return _resize(maps, size) if enlarge else maps

    compiled = trace(request, (name, enlarge), read_at_size)
    return in_batches(compiled, batch_size, request.images, request.class_indices)


def _resize(maps, size):
    return tf.image.resize(maps[..., None], size)[..., 0]


def _sum_weighted(features, weights):
    """Sum maps (n, height, width, channels) with one weight a channel (n, channels)."""
    return tf.einsum("nhwc,nc->nhw", tf.cast(features, "float32"), weights)


def _find_linear_head(graph):
    """Return the global average pooling after which a model is linear."""
    pools = [
        place
        for place, step in enumerate(graph.steps)
        if isinstance(step.operation, layers.GlobalAveragePooling2D)
    ]
    pool, *head = graph.steps[pools[-1] :] if pools else graph.steps[-1:]
    if not pools or not all(_is_linear(step) for step in head):
        raise ValueError(
            "CAM needs a model that ends in GlobalAveragePooling2D and a linear head, "
            f"and this one ends in {', '.join(s.name for s in graph.steps[-3:])}; "
            "use grad_cam, which needs neither."
        )
    return pool


def _is_linear(step):
    activation = getattr(step.operation, "activation", None)
    if step.squash and activation is None:
        return True  # a softmax layer: left out
    linear = step.squash or activation in (None, keras.activations.linear)
    return linear and isinstance(step.operation, (*_LINEAR_HEADS, layers.Activation))
