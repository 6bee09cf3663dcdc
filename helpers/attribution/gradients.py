"""Methods that follow the gradient of a class score back to the pixels."""

import numpy as np
import tensorflow as tf

from helpers.attribution.scores import check_request, read_logits


def saliency(model, images, class_index):
    """Tell how strongly the class score reacts to a small change of each pixel.

    The largest absolute gradient of the logit over the channels (Simonyan, Vedaldi,
    Zisserman 2014, arXiv:1312.6034, section 3).

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, channels)
    class_index : int or int array (n,)

    Returns
    -------
    float32 array (n, height, width)
        Logits per unit of pixel value; never negative.

    Raises
    ------
    ValueError
        If pictures and model do not fit, or the class does not exist.
    """
    images, class_indices = check_request(model, images, class_index)
    logits = read_logits(model)

    @tf.function
    def differentiate(images, class_indices):
        with tf.GradientTape() as tape:
            tape.watch(images)
            scores = tf.gather(logits(images), class_indices, batch_dims=1)
        return tape.gradient(scores, images)

    gradients = differentiate(tf.constant(images), tf.constant(class_indices))
    return np.abs(gradients.numpy()).max(axis=-1)
