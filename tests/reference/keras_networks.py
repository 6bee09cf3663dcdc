"""The three networks of the comparison, in Keras; weights from `networks.npz`.

Read by the course's tests and, in its own environment, by `ask_xplique.py`.
"""

import keras
from keras import layers

PARTS = ("kernel", "bias", "gamma", "beta", "mean", "variance")


def build(network, drawn, head=None):
    """Return one of the networks.

    Parameters
    ----------
    network : str
        "pooled": convolution, max-pooling, convolution, mean over the map, dense.
        "flat": two convolutions, the second with a stride of 2, two dense layers.
        "residual": a padded stride, batch normalisation, a residual addition.
    drawn : dict of str to array
        What `make_reference.draw_networks` returned.
    head : str, optional
        Activation of the last layer.

    Returns
    -------
    keras.Model
        From (n, 12, 12, 3) to four classes.
    """
    relu = {"activation": "relu"}
    inputs = values = layers.Input((12, 12, 3))
    if network == "pooled":
        values = layers.Conv2D(6, 3, padding="same", name="conv_1", **relu)(values)
        values = layers.MaxPooling2D()(values)
        values = layers.Conv2D(8, 3, padding="same", name="conv_2", **relu)(values)
        values = layers.GlobalAveragePooling2D()(values)
    elif network == "flat":
        values = layers.Conv2D(6, 3, padding="same", name="conv_1", **relu)(values)
        values = layers.Conv2D(8, 3, strides=2, name="conv_2", **relu)(values)
        values = layers.Flatten()(values)
        values = layers.Dense(16, name="hidden", **relu)(values)
    else:
        plain = {"padding": "same", "use_bias": False}
        values = layers.Conv2D(6, 3, strides=2, name="conv_1", **plain)(values)
        values = layers.BatchNormalization(epsilon=1e-3, name="norm_1")(values)
        values = skipped = layers.ReLU()(values)
        values = layers.Conv2D(6, 3, name="conv_2", **plain)(values)
        values = layers.BatchNormalization(epsilon=1e-3, name="norm_2")(values)
        values = layers.ReLU(name="last_map")(layers.Add()([skipped, values]))
        values = layers.GlobalAveragePooling2D()(values)
    scores = layers.Dense(4, activation=head, name="scores")(values)
    model = keras.Model(inputs, scores)
    for layer in model.layers:
        names = [f"{network}/{layer.name}/{part}" for part in PARTS]
        layer.set_weights([drawn[name] for name in names if name in drawn])
    return model


def name_last_map(network):
    """Return the name of the layer whose feature map CAM methods read."""
    return "last_map" if network == "residual" else "conv_2"
