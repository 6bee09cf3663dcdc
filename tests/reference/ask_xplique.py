"""Ask xplique, on TensorFlow, for explanations.

`make_reference.py` runs this in an environment of its own:
python ask_xplique.py networks.npz FOLDER
"""

import importlib.metadata
import json
import platform
import sys
from pathlib import Path

import keras_networks
import numpy as np
import tensorflow as tf
from xplique import attributions

NETWORKS = ("pooled", "flat", "residual")
STEPS = 50


def main(networks, folder):
    """Ask about every network and write one file."""
    tf.get_logger().setLevel("ERROR")
    with np.load(networks, allow_pickle=False) as stored:
        drawn = dict(stored)
    answers = {}
    for network in NETWORKS:
        for method, values in ask(network, drawn).items():
            values = np.asarray(values, "float32")
            assert np.isfinite(values).all(), (network, method)
            answers[f"{network}/{method}"] = values
    np.savez_compressed(Path(folder) / "xplique.npz", **answers)
    names = ("numpy", "tensorflow", "keras", "xplique")
    versions = {name: importlib.metadata.version(name) for name in names}
    print(json.dumps({"python": platform.python_version()} | versions))


def ask(network, drawn):
    """Return xplique's answers; how it reduces channels is named, not left to it."""
    model = keras_networks.build(network, drawn)
    images = drawn[f"{network}/images"]
    classes = np.eye(4, dtype="float32")[drawn["class_indices"]]

    def explain(asked, **options):
        return np.asarray(asked(model, **options)(images, classes))

    def read_map(asked, layer):
        """Stop before xplique's bicubic resizing, which turns zeros negative."""
        method = asked(model, conv_layer=layer)
        maps, gradients = method._gradient(images, classes)
        return method._apply_weights(method._compute_weights(gradients, maps), maps)

    layer = keras_networks.name_last_map(network)
    return {
        "saliency": explain(attributions.Saliency, reducer="max")[..., 0],
        "gradient_times_input": explain(attributions.GradientInput, reducer="sum")[
            ..., 0
        ],
        "guided_backprop": take_largest(
            explain(attributions.GuidedBackprop, reducer=None)
        ),
        "deconvnet": take_largest(explain(attributions.DeconvNet, reducer=None)),
        "grad_cam_relu": read_map(attributions.GradCAM, layer),
        "grad_cam_plus_plus": read_map(attributions.GradCAMPP, layer),
        "grad_cam_plus_plus_summed": read_map(SummedGradCAMPP, layer),
        "ig_trapezoid": explain(
            attributions.IntegratedGradients, steps=STEPS, reducer="sum"
        )[..., 0],
        "occlusion_4_2": explain(
            attributions.Occlusion, patch_size=4, patch_stride=2, occlusion_value=0.0
        )[..., 0],
        "occlusion_5_1": explain(
            attributions.Occlusion, patch_size=5, patch_stride=1, occlusion_value=0.5
        )[..., 0],
    }


def take_largest(values):
    """Return the largest absolute value over the channels."""
    return np.abs(values).max(axis=-1)


class SummedGradCAMPP(attributions.GradCAMPP):
    """Grad-CAM++ with the paper's sum over the map, where xplique takes its mean."""

    @staticmethod
    def _compute_weights(gradients, maps):
        pixels = maps.shape[1] * maps.shape[2]
        return attributions.GradCAMPP._compute_weights(gradients, maps * pixels)


if __name__ == "__main__":
    main(*sys.argv[1:])
