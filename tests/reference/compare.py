"""Compare the course's methods with the stored answers of other libraries.

    python tests/reference/compare.py

prints a table in Markdown. Where two definitions differ, one side is first brought to
the other's, and the table says how. `tests/test_reference.py` asserts each row.
"""

import functools
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import keras
import numpy as np

from helpers import attribution
from helpers.attribution import gradients, scores
from tests.reference import keras_networks

HERE = Path(__file__).resolve().parent
NETWORKS = ("pooled", "flat", "residual")
TOLERANCE = 1e-5
STEPS, SAMPLES, EPSILON = 50, 5, 0.01  # as in ask_torch_libraries.py


class Question(NamedTuple):
    """A network, pictures (4, 12, 12, 3) and the class asked for on each."""

    model: keras.Model
    images: np.ndarray
    class_indices: np.ndarray


class Comparison(NamedTuple):
    """One method beside one library's."""

    method: str
    library: str
    ours: Callable  # from model, images and class indices to an array
    key: str  # of the library's array
    adapt: Callable = lambda theirs, question: theirs
    note: str = ""  # what `adapt` or `ours` brings to a common definition
    networks: tuple = NETWORKS
    agrees: bool = True  # whether the definitions, after the note, are the same


def measure(comparison, network):
    """Return the largest relative difference between the two sides.

    Parameters
    ----------
    comparison : Comparison
    network : str
        One of ``comparison.networks``.

    Returns
    -------
    float
        max |ours - theirs| / max |theirs|, over all pictures.
    """
    question = ask(network)
    theirs = read(comparison.library.lower())[f"{network}/{comparison.key}"]
    theirs = comparison.adapt(theirs, question)
    ours = comparison.ours(*question)
    if ours.shape != theirs.shape:
        raise ValueError(f"The shapes differ: {ours.shape} and {theirs.shape}.")
    return float(abs(ours - theirs).max() / abs(theirs).max())


@functools.cache
def ask(network):
    """Return the question about one network; it ends in a softmax, as chapters do."""
    drawn = read("networks")
    model = keras_networks.build(network, drawn, head="softmax")
    return Question(model, drawn[f"{network}/images"], drawn["class_indices"])


@functools.cache
def read(name):
    """Return the arrays of one file as a dict."""
    with np.load(HERE / f"{name}.npz", allow_pickle=False) as stored:
        return dict(stored)


def list_comparisons():
    """Return all comparisons, in the order of the table."""
    return [
        *_list_gradients(),
        *_list_cams(),
        *_list_integrated_gradients(),
        *_list_occlusions(),
        *_list_relevances(),
    ]


def _list_gradients():
    saliency = attribution.saliency
    times_input = attribution.gradient_times_input
    smooth = partial(attribution.smooth_grad, samples=SAMPLES, noise=0.15, seed=0)
    compared = [
        Comparison("logits", "captum", _compute_logits, "logits"),
        Comparison("gradient, each channel", "captum", _compute_gradients, "gradient"),
        Comparison("saliency", "captum", saliency, "gradient", _take_largest),
        Comparison("saliency", "xplique", saliency, "saliency"),
        Comparison("saliency", "PAIR", saliency, "saliency"),
        Comparison("gradient × input", "captum", times_input, "gradient_times_input"),
        Comparison("gradient × input", "xplique", times_input, "gradient_times_input"),
        Comparison(
            "SmoothGrad",
            "PAIR",
            smooth,
            "smooth_grad",
            note="PAIR is given our noise; its default, the mean of squares, is off",
        ),
    ]
    compared += [
        Comparison(name.replace("_", " "), library, getattr(attribution, name), name)
        for name in ("guided_backprop", "deconvnet")
        for library in ("captum", "zennit", "xplique")
    ]
    return compared


def _list_cams():
    grad_cam = partial(attribution.grad_cam, enlarge=False)
    plus_plus = partial(attribution.grad_cam_plus_plus, enlarge=False)

    def mean_cam(*question):
        maps = attribution.cam(*question, enlarge=False)
        return maps / maps[0].size

    return [
        Comparison(
            "CAM",
            "captum",
            mean_cam,
            "grad_cam",
            note="CAM / places of the map = Grad-CAM before its ReLU",
            networks=("pooled", "residual"),
        ),
        Comparison(
            "Grad-CAM",
            "captum",
            grad_cam,
            "grad_cam",
            lambda theirs, question: np.maximum(theirs, 0),
            "captum leaves out the ReLU unless asked",
        ),
        Comparison(
            "Grad-CAM",
            "xplique",
            grad_cam,
            "grad_cam_relu",
            note="before xplique's bicubic resizing",
        ),
        Comparison("Grad-CAM", "PAIR", grad_cam, "grad_cam_relu"),
        Comparison(
            "guided Grad-CAM",
            "captum",
            attribution.guided_grad_cam,
            "guided_grad_cam",
            note="captum asked for bilinear resizing, not its nearest neighbour",
        ),
        Comparison(
            "Grad-CAM++",
            "xplique",
            plus_plus,
            "grad_cam_plus_plus_summed",
            lambda theirs, question: theirs * theirs[0].size,
            "xplique's mean over the map replaced by the paper's sum, twice",
        ),
        Comparison(
            "Grad-CAM++",
            "xplique",
            plus_plus,
            "grad_cam_plus_plus",
            lambda theirs, question: theirs * theirs[0].size,
            "as shipped: α has the mean of the map where the paper has its sum",
            agrees=False,
        ),
    ]


def _list_integrated_gradients():
    ours = partial(attribution.integrated_gradients, steps=STEPS)
    trapezoid = partial(ours, rule="trapezoid")
    intervals = STEPS - 1

    def mean_with_ends(*question):
        """The plain mean of all gradients, both ends counted in full."""
        start = attribution.integrated_gradients(*question, rule="left", steps=1)
        end = attribution.gradient_times_input(*question)
        return (intervals * trapezoid(*question) + (start + end) / 2) / STEPS

    name = "integrated gradients, {}".format
    same = {"gauss-legendre": "ig_gauss_legendre", "left": "ig_left"}
    same["midpoint"] = "ig_midpoint"
    compared = [
        Comparison(name(rule), "captum", partial(ours, rule=rule), key)
        for rule, key in same.items()
    ]
    return [
        *compared,
        Comparison(
            name("gauss-legendre, from white"),
            "captum",
            partial(ours, baseline="white"),
            "ig_gauss_legendre_white",
        ),
        Comparison(
            name("trapezoid"),
            "xplique",
            trapezoid,
            "ig_trapezoid",
            note="channels summed, not averaged as by default",
        ),
        Comparison(
            name("trapezoid"),
            "captum",
            trapezoid,
            "ig_trapezoid",
            lambda theirs, question: theirs * STEPS / intervals,
            "captum's weights add up to 49/50; undone",
        ),
        Comparison(
            name("trapezoid"),
            "captum",
            trapezoid,
            "ig_trapezoid",
            note="as shipped: its weights add up to 49/50",
            agrees=False,
        ),
        Comparison(
            name("mean with both ends"),
            "PAIR",
            mean_with_ends,
            "ig",
            note="PAIR's rule, put together from ours",
        ),
        Comparison(
            name("trapezoid"),
            "PAIR",
            trapezoid,
            "ig",
            note="as shipped: the plain mean, both ends counted in full",
            agrees=False,
        ),
    ]


def _list_occlusions():
    compared = []
    for patch, stride, fill in ((4, 2, 0.0), (5, 1, 0.5)):
        method = f"occlusion, {patch} pixels by {stride}"
        ours = partial(attribution.occlusion, patch=patch, stride=stride, fill=fill)
        key = f"occlusion_{patch}_{stride}"
        compared.append(Comparison(method, "captum", ours, key))
        adding = ("xplique", "PAIR") if stride == 1 else ("xplique",)
        compared += [
            Comparison(
                method,
                library,
                ours,
                key,
                partial(_divide_by_cover, patch=patch, stride=stride),
                "adds up the squares over a pixel; divided by their number",
            )
            for library in adding
        ]
    return compared


def _list_relevances():
    compared = []
    for rule, key in {
        "epsilon": "lrp_epsilon",
        "z+": "lrp_z_plus",
        "composite": "lrp_composite",
    }.items():
        ours = partial(attribution.lrp, rule=rule, epsilon=EPSILON)
        note = "" if rule == "epsilon" else "captum given the positive biases only"
        compared += [
            Comparison(f"LRP, {rule}", "zennit", ours, key),
            Comparison(
                f"LRP, {rule}",
                "captum",
                ours,
                key,
                note=note,
                networks=("pooled", "flat"),
            ),
        ]
    default = Comparison(
        "LRP, default",
        "zennit",
        attribution.lrp,
        "lrp_default",
        note="zennit's EpsilonPlus as it is",
    )
    return [*compared, default]


def _compute_logits(model, images, class_indices):
    request = scores.check_request(model, images, class_indices)
    return scores.compute_logits(request, images, batch_size=32)


def _compute_gradients(model, images, class_indices):
    request = scores.check_request(model, images, class_indices)
    return gradients.compute_gradients(request, batch_size=32)


def _take_largest(theirs, question):
    return abs(theirs).max(axis=-1)


def _divide_by_cover(theirs, question, patch, stride):
    times = np.zeros(theirs.shape[1:])
    for top in range(0, len(times) - patch + 1, stride):
        for left in range(0, len(times) - patch + 1, stride):
            times[top : top + patch, left : left + patch] += 1
    return theirs / times


def main():
    """Print the table."""
    print("| method | library | largest relative difference | common definition |")
    print("| --- | --- | --- | --- |")
    for row in list_comparisons():
        worst = max(measure(row, network) for network in row.networks)
        print(f"| {row.method} | {row.library} | {worst:.1e} | {row.note} |")


if __name__ == "__main__":
    main()
