"""What a heatmap explains: the score of one class, read before the softmax."""

import keras
import numpy as np


def read_logits(model):
    """Return a model with the same layers that gives logits, not probabilities.

    A softmax hides evidence: near 0 and 1 its gradient vanishes, and one class's
    probability moves with all the others. The given model is not changed.

    Parameters
    ----------
    model : keras.Model
        Ends in a dense layer with softmax, in a softmax layer, or in logits already.

    Returns
    -------
    keras.Model
    """
    inputs = model.inputs if len(model.inputs) > 1 else model.inputs[0]
    last = model.layers[-1]
    if isinstance(last, keras.layers.Softmax):
        return keras.Model(inputs, last.input)
    if getattr(last, "activation", None) is not keras.activations.softmax:
        return keras.Model(inputs, model.outputs[0])
    if isinstance(last, keras.layers.Activation):
        return keras.Model(inputs, last.input)
    linear = type(last).from_config({**last.get_config(), "activation": "linear"})
    logits = keras.Model(inputs, linear(last.input))
    linear.set_weights(last.get_weights())
    return logits


def run_in_batches(model, images, batch_size=2000):
    """Call a model on pictures, a batch at a time: bounded memory, no progress bar.

    Unlike `keras.Model.predict` it builds no pipeline and traces no graph, which costs
    more than the answer where networks are small.

    Parameters
    ----------
    model : keras.Model
    images : float32 array (n, height, width, channels)
    batch_size : int

    Returns
    -------
    float32 array (n, outputs)
    """
    return np.concatenate(
        [
            model(images[start : start + batch_size], training=False).numpy()
            for start in range(0, len(images), batch_size)
        ]
    )


def check_request(model, images, class_index):
    """Check pictures and class before a method runs.

    Parameters
    ----------
    model : keras.Model
    images : array (n, height, width, channels)
    class_index : int or int array (n,)

    Returns
    -------
    images : float32 array (n, height, width, channels)
    class_indices : int array (n,)

    Raises
    ------
    ValueError
        If the pictures have the wrong shape, are empty or not finite, or if a class
        does not exist.
    """
    images = np.asarray(images, "float32")
    wanted = tuple(model.input_shape[1:])
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
    class_indices = np.broadcast_to(class_index, len(images)).astype(int)
    count = model.output_shape[-1]
    if class_indices.min() < 0 or class_indices.max() >= count:
        raise ValueError(
            f"The model has classes 0 to {count - 1}, got class_index {class_index}; "
            "choose one of these."
        )
    return images, class_indices
