"""Score-CAM: a CAM whose weights come from looking through each feature map."""

import numpy as np
import tensorflow as tf

from helpers.attribution.cams import enlarge_maps
from helpers.attribution.graph import find_feature_step, run_steps
from helpers.attribution.scores import (
    check_request,
    check_whole,
    cut_in_batches,
    trace,
    trace_probabilities,
)


def score_cam(
    model,
    images,
    class_index,
    *,
    layer=None,
    channels=None,
    output=None,
    batch_size=32,
    enlarge=True,
):
    """Weigh a layer's feature maps by the class probability seen through each of them.

    Each map is enlarged, brought to 0..1 and multiplied into the image; its weight is
    the probability of the class that the model then gives (Wang et al. 2020,
    arXiv:1910.01279, section 3). As in the authors' code; the text of the paper
    subtracts the score of a black image from each weight, and its algorithm 1 puts a
    softmax over the channels besides. A map that is the same everywhere, such as that
    of a dead ReLU, shows nothing and counts nothing.

    Parameters
    ----------
    model : keras.Model
        With a convolution.
    images : float array (n, height, width, channels)
    class_index : int or int array (n,)
    layer : str, optional
        Name of the layer; if not given, the last that still has a map.
    channels : int, optional
        Use only so many maps of each image, those that vary most from place to place,
        as Faster-Score-CAM in tf-keras-vis does; all if not given.
    output : str or int, optional
        Name or index of the output, for models with several.
    batch_size : int
        Masked images at a time, of which each image takes as many as the layer has
        channels: bounds the memory.
    enlarge : bool
        Bring the maps from the layer's size to the images'.

    Returns
    -------
    float32 array (n, height, width)
        Never negative.

    Raises
    ------
    ValueError
        If images and model do not fit, the class does not exist, the model has no
        convolution, or no layer of that name, or if no channel is to be used.
    """
    if channels is not None:
        check_whole("channels", channels, 1, "64 is a good start")
    request = check_request(model, images, class_index, output)
    images, graph = request.images, request.graph
    step = find_feature_step(graph, layer)

    def look(images):
        features = run_steps(graph, images)[step.outputs[0]]
        return tf.transpose(tf.cast(features, "float32"), (0, 3, 1, 2))

    find_features = trace(request, ("features", step.outputs), look)
    read = trace_probabilities(request)
    maps = []
    for (one,) in cut_in_batches(len(images), 1):
        features = find_features(images[one : one + 1]).numpy()[0]
        features = features[np.ptp(features, axis=(1, 2)) > 0]
        if channels is not None:
            features = features[np.argsort(-features.std(axis=(1, 2)))[:channels]]
        weights = np.empty(len(features), "float32")
        for numbers in cut_in_batches(len(features), batch_size):
            masks = _stretch(enlarge_maps(features[numbers], *images.shape[1:3]))
            answers = read(images[one] * masks[..., None]).numpy()
            weights[numbers] = answers[:, request.class_indices[one]]
        maps.append(np.maximum(np.tensordot(weights, features, 1), 0))
    maps = np.stack(maps)
    return enlarge_maps(maps, *images.shape[1:3]) if enlarge else maps


def _stretch(masks):
    """Bring each mask (count, height, width) to 0..1."""
    low, high = (bound(masks, axis=(1, 2), keepdims=True) for bound in (np.min, np.max))
    return (masks - low) / np.where(high > low, high - low, 1)
