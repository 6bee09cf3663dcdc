"""What a heatmap costs: passes through the network, and seconds."""

import time
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from helpers.attribution.scores import check_request


class Passes(NamedTuple):
    """How many pictures a method sends through the network for each it explains."""

    forward: float
    backward: float


def count_passes(method, model, images, class_indices):
    """Count the pictures that a method sends through a network and back.

    They are counted as they pass: two layers around the model, which change no value,
    count each picture that goes in, and each whose score is followed back. So any
    method is counted that uses the model it is given, also one of your own.

    A way back counts as one pass wherever it ends. Saliency follows it to the pixels,
    Grad-CAM to its layer only and CAM through the linear head, which is next to
    nothing. LRP hands relevance back once, and that counts as one pass too; that it
    computes each layer anew by its own rules on the way does not count.
    `measure_seconds` shows these differences.

    Parameters
    ----------
    method : callable
        ``method(model, images, class_indices)`` to heatmaps.
    model : keras.Model
        With one output. It is not changed.
    images : float array (n, height, width, channels)
    class_indices : int or int array (n,)

    Returns
    -------
    Passes
        Means over the images. Both are 0 for a method that never asks the model.

    Raises
    ------
    ValueError
        If images and model do not fit, the class does not exist, or the method cannot
        be used on this model.
    """
    check_request(model, images, class_indices)
    start, end = _Identity(), _Reshape(model.outputs[0].shape[1:])
    inputs = keras.Input(model.inputs[0].shape[1:], name="counted")
    counted = keras.Model(inputs, end(model(start(inputs))))
    method(counted, images, class_indices)
    return Passes(
        *(float(layer.pictures.numpy()) / len(images) for layer in (start, end))
    )


def measure_seconds(method, model, images, class_indices):
    """Measure the processor time that a method takes for each image.

    Of all cores together, once the method has run on the first image: compiling a
    function for the first call can take longer than the call.

    Parameters
    ----------
    method, model, images, class_indices
        As in `count_passes`.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    ValueError
        As in `count_passes`.
    """
    class_indices = np.broadcast_to(class_indices, len(images))
    method(model, images[:1], class_indices[:1])
    start = time.process_time()
    method(model, images, class_indices)
    return (time.process_time() - start) / len(images)


# LRP knows layers by Keras's own names: it lets relevance pass through an Identity,
# and takes gradients of a Reshape. So these two carry the names and count.


class _Identity(layers.Identity):
    """Counts the pictures that go in."""

    __module__ = layers.Identity.__module__

    def __init__(self):
        super().__init__()
        self.pictures = _start_counter()

    def call(self, inputs):
        _count(self.pictures, inputs)
        return inputs


class _Reshape(layers.Reshape):
    """Keeps the shape and counts the gradients that come back."""

    __module__ = layers.Reshape.__module__

    def __init__(self, shape):
        super().__init__(shape)
        self.pictures = _start_counter()

    def call(self, inputs):
        @tf.custom_gradient
        def pass_on(values):
            def pass_back(gradients):
                _count(self.pictures, gradients)
                return gradients

            return tf.identity(values), pass_back

        return pass_on(inputs)


_Identity.__name__, _Reshape.__name__ = "Identity", "Reshape"


def _start_counter():
    return tf.Variable(0, dtype="int64", trainable=False)


def _count(counter, values):
    counter.assign_add(tf.shape(values, out_type="int64")[0])
