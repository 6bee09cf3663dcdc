"""Ask Quantus and xplique, on TensorFlow, to grade heatmaps.

The maps are those of `xplique.npz`. What is hidden, and what comes in its place, is
given to the libraries, so that the answers depend on nothing that they draw.

`make_reference.py` runs this in an environment of its own:
python ask_graders.py networks.npz FOLDER
"""

import importlib.metadata
import itertools
import json
import platform
import sys
from functools import partial
from pathlib import Path
from unittest import mock

import keras_networks
import numpy as np
import quantus
import tensorflow as tf
from scipy import ndimage, stats
from xplique import metrics
from xplique.metrics import fidelity

NETWORKS = ("pooled", "flat", "residual")
STEPS, CHANNELS = 12, 3
SCALES = (1, -1, 2)


def main(networks, folder):
    """Ask about every network and write one file."""
    tf.get_logger().setLevel("ERROR")
    given = read(networks)
    maps = read(Path(folder) / "xplique.npz")
    answers = {}
    for network in NETWORKS:
        model = keras_networks.build(network, given)
        images, classes = given[f"{network}/images"], given["class_indices"]
        positive = maps[f"{network}/saliency"]
        signed = maps[f"{network}/gradient_times_input"]
        found = {
            "quantus": {
                **ask_about_places(model, images, classes, positive, signed, given),
                **flip_pixels(model, images, classes, positive),
                **hide_squares(model, images, classes, signed, given["squares"]),
                **hide_subsets(model, images, classes, signed, given["subsets"]),
            },
            "xplique": {
                **follow_curves(model, images, classes, positive),
                **measure_fidelity(model, images, classes, signed, given["subsets"]),
            },
        }
        for library, grades in found.items():
            for grade, values in grades.items():
                values = np.asarray(values, "float64")
                assert np.isfinite(values).all(), (network, library, grade)
                answers[f"{library}/{network}/{grade}"] = values
    np.savez_compressed(Path(folder) / "grades.npz", **answers)
    names = ("numpy", "scipy", "tensorflow", "keras", "xplique", "quantus")
    versions = {name: importlib.metadata.version(name) for name in names}
    print(json.dumps({"python": platform.python_version()} | versions))


def read(path):
    """Return the arrays of one file as a dict."""
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def paint(images):
    """Return each picture's mean colour all over."""
    return np.broadcast_to(images.mean(axis=(1, 2), keepdims=True), images.shape)


def blur(images):
    """Return pictures without detail: a Gaussian of a tenth of their side."""
    spread = images.shape[1] / 10
    return ndimage.gaussian_filter(images, (0, spread, spread, 0), mode="nearest")


def ask_quantus(
    metric, model, images, classes, maps, masks=None, softmax=False, **options
):
    """Return what one of Quantus's metrics says; maps (4, 1 or 3, 12, 12)."""
    grade = metric(disable_warnings=True, display_progressbar=False, **options)
    masks = None if masks is None else masks[:, None]
    settings = {"channel_first": False, "softmax": softmax}
    return grade(model, images, classes, maps, masks, **settings)


def ask_about_places(model, images, classes, positive, signed, given):
    """Compare with masks; Quantus counts negative heat, so a map without is asked too.

    Returns
    -------
    dict of str to array (4,)
    """
    asked = {
        "pointing_game": (quantus.PointingGame, positive),
        "rank_accuracy": (quantus.RelevanceRankAccuracy, positive),
        "mass_accuracy": (quantus.RelevanceMassAccuracy, positive),
        "mass_accuracy_of_the_positive": (
            quantus.RelevanceMassAccuracy,
            np.maximum(signed, 0),
        ),
        "mass_accuracy_of_both_signs": (quantus.RelevanceMassAccuracy, signed),
    }
    masks = given["masks"]
    return {
        name: ask_quantus(metric, model, images, classes, maps[:, None], masks)
        for name, (metric, maps) in asked.items()
    }


def flip_pixels(model, images, classes, maps):
    """Replace pixels by the mean colour, the hottest first.

    Quantus knows no pixel, only the values of its channels. A map of one channel gives
    all values of a pixel the same heat, and so they go together.
    """
    filled = flatten(paint(images))
    pixels = maps[0].size // STEPS

    def replace(arr, indices, **options):
        replaced = arr.copy()
        rows = np.arange(len(arr))[:, None]
        replaced[rows, indices] = filled[rows, indices]
        return replaced

    asked = partial(
        ask_quantus,
        quantus.PixelFlipping,
        model,
        images,
        classes,
        maps[:, None],
        softmax=True,
        features_in_step=CHANNELS * pixels,
        perturb_func=replace,
    )
    return {
        "pixel_flipping": asked(),
        "pixel_flipping_area": asked(return_auc_per_sample=True),
    }


def hide_squares(model, images, classes, maps, squares):
    """Measure the infidelity of a map, of the map reversed, and of twice the map.

    Quantus multiplies a map by the change of each value; divided by it before, what
    is left is the heat.

    Returns
    -------
    dict of str to array (3, 4)
    """
    filled = paint(images)
    change = flatten(images - filled)
    heat = np.repeat(maps[:, None], CHANNELS, axis=1).reshape(change.shape) / CHANNELS

    def ask(scale):
        replaced = (
            flatten(np.where(square[..., None], filled, images)) for square in squares
        )
        return ask_quantus(
            quantus.Infidelity,
            model,
            images,
            classes,
            (scale * heat / change).reshape(len(images), CHANNELS, *maps.shape[1:]),
            perturb_patch_sizes=[maps.shape[1]],
            n_perturb_samples=len(squares),
            perturb_func=lambda arr, indices, **options: next(replaced),
        )

    return {"infidelity": [ask(scale) for scale in SCALES]}


def hide_subsets(model, images, classes, maps, subsets):
    """Correlate falls of the score with the heat on subsets of the pixels."""
    filled = flatten(paint(images))
    places = [np.flatnonzero(np.stack([subset] * CHANNELS)) for subset in subsets]
    drawn = itertools.chain.from_iterable([one] * len(images) for one in places)

    def replace(arr, indices, **options):
        replaced = arr.copy()
        rows = np.arange(len(arr))[:, None]
        replaced[rows, indices] = filled[rows, indices]
        return replaced

    def draw(count, size, replace):
        subset = next(drawn)
        assert (count, size, replace) == (filled.shape[1], len(subset), False)
        return subset

    question = model, images, classes, maps[:, None]
    with mock.patch("numpy.random.choice", draw):
        correlation = ask_quantus(
            quantus.FaithfulnessCorrelation,
            *question,
            nr_runs=len(subsets),
            subset_size=len(places[0]),
            perturb_func=replace,
            return_aggregate=False,
        )
    by_step = ask_quantus(
        quantus.SensitivityN,
        *question,
        features_in_step=maps[0].size // 6,
        perturb_func=replace,
        return_aggregate=False,
    )
    return {"faithfulness_correlation": correlation, "sensitivity_n": by_step}


def follow_curves(model, images, classes, maps):
    """Return xplique's curves; it averages over pictures, so each is asked alone."""
    answers = {}
    for name, metric in (
        ("deletion", metrics.Deletion),
        ("insertion", metrics.Insertion),
    ):
        for fill, make in (("blur", blur), ("mean", paint)):
            curves, areas = [], []
            for image, one, heatmap in split(images, classes, maps):
                filled = np.array(make(image))
                grade = metric(
                    model,
                    image,
                    np.eye(4, dtype="float32")[one],
                    steps=STEPS,
                    activation="softmax",
                    baseline_mode=lambda inputs, filled=filled: filled,
                )
                curves.append(list(grade.detailed_evaluate(heatmap).values()))
                areas.append(grade.evaluate(heatmap))
            answers[f"{name}_{fill}"] = curves
            answers[f"{name}_{fill}_area"] = areas
    return answers


def measure_fidelity(model, images, classes, maps, subsets):
    """Return xplique's MuFidelity on given subsets, of ranks and of values."""

    class GivenSubsets(metrics.MuFidelity):
        def _perturb_samples(self, inputs, nb_perturbations):
            kept = 1 - tf.cast(subsets, "float32")[None, ..., None]
            filled = tf.constant(paint(inputs.numpy()))
            mixed = inputs[:, None] * kept + filled[:, None] * (1 - kept)
            return mixed[0], kept

    def ask():
        options = {"nb_samples": len(subsets), "batch_size": len(subsets)}
        return [
            GivenSubsets(
                model, image, np.eye(4, dtype="float32")[one], **options
            ).evaluate(heatmap)
            for image, one, heatmap in split(images, classes, maps)
        ]

    with mock.patch.object(fidelity, "spearmanr", stats.pearsonr):
        values = ask()
    return {"mu_fidelity": ask(), "mu_fidelity_of_values": values}


def flatten(images):
    """Return pictures as Quantus keeps them: channels first, then flat."""
    return np.moveaxis(images, -1, 1).reshape(len(images), -1)


def split(*arrays):
    """Yield one picture, class and map after the other, each as a stack of one."""
    for number in range(len(arrays[0])):
        yield tuple(array[number : number + 1] for array in arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
