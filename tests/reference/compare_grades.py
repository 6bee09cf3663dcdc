"""Compare the course's grades of heatmaps with the stored answers of other libraries.

    python tests/reference/compare_grades.py

prints a table in Markdown, as `compare.py` does for the methods.
`tests/test_reference_grades.py` asserts each row.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import numpy as np

from helpers.grading import faithfulness, truth
from tests.reference import compare
from tests.reference.make_reference import SIDE, SUBSET

STEPS = 12  # as in ask_graders.py
FILE = "grades"


class Comparison(NamedTuple):
    """One grade beside one library's."""

    grade: str
    library: str
    ours: Callable  # from the name of a network to an array
    key: str  # of the library's answer
    adapt: Callable = lambda theirs: theirs
    note: str = ""  # what `adapt` or `ours` brings to a common definition
    agrees: bool = True  # whether the definitions, after the note, are the same


def measure(comparison, network):
    """Return the largest relative difference between the two sides.

    Parameters
    ----------
    comparison : Comparison
    network : str
        One of `compare.NETWORKS`.

    Returns
    -------
    float
        max |ours - theirs| / max |theirs|, over all pictures; if theirs are all 0,
        max |ours|.
    """
    theirs = comparison.adapt(read_answers(comparison.library, network, comparison.key))
    ours = comparison.ours(network)
    if ours.shape != theirs.shape:
        raise ValueError(f"The shapes differ: {ours.shape} and {theirs.shape}.")
    return float(abs(ours - theirs).max() / (abs(theirs).max() or 1.0))


def read_answers(library, network, key):
    """Return one of a library's answers: float64 (4,), (4, steps) or (3, 4)."""
    return compare.read(FILE)[f"{library.lower()}/{network}/{key}"]


def list_comparisons():
    """Return all comparisons, in the order of the table."""
    return [*_list_places(), *_list_curves(), *_list_falls()]


def _list_places():
    heat = partial(_look, truth.share_heat)
    positive, signed = "saliency", "gradient_times_input"
    return [
        Comparison(
            "pointing game",
            "Quantus",
            partial(_look, truth.play_pointing_game, positive),
            "pointing_game",
        ),
        Comparison(
            "relevance rank",
            "Quantus",
            partial(_look, truth.measure_rank_accuracy, positive),
            "rank_accuracy",
        ),
        Comparison(
            "relevance mass", "Quantus", partial(heat, positive), "mass_accuracy"
        ),
        Comparison(
            "relevance mass",
            "Quantus",
            partial(heat, signed),
            "mass_accuracy_of_the_positive",
            note="Quantus given the positive heat only",
        ),
        Comparison(
            "relevance mass",
            "Quantus",
            partial(heat, signed),
            "mass_accuracy_of_both_signs",
            note="as shipped: negative heat is taken off, in the mask and in all",
            agrees=False,
        ),
    ]


def _list_curves():
    compared = []
    for grade in (faithfulness.delete, faithfulness.insert):
        name = {"delete": "deletion", "insert": "insertion"}[grade.__name__]
        for fill in faithfulness.FILLS:
            follow = partial(_follow, grade, fill)
            compared += [
                Comparison(
                    f"{name}, {fill}, curve",
                    "xplique",
                    follow,
                    f"{name}_{fill}",
                    note="one picture at a time; xplique averages over pictures",
                ),
                Comparison(
                    f"{name}, {fill}",
                    "xplique",
                    lambda network, follow=follow: faithfulness.measure_area(
                        follow(network)
                    ),
                    f"{name}_{fill}_area",
                ),
            ]
    deleted = partial(_follow, faithfulness.delete, "mean")
    return [
        *compared,
        Comparison(
            "deletion, mean, curve",
            "Quantus",
            lambda network: deleted(network)[:, 1:],
            "pixel_flipping",
            note="pixel flipping; has no value before the first step",
        ),
        Comparison(
            "deletion, mean",
            "Quantus",
            lambda network: faithfulness.measure_area(deleted(network)),
            "pixel_flipping_area",
            note="as shipped: from the first step on, and a step counts as 1",
            agrees=False,
        ),
    ]


def _list_falls():
    correlation = "sensitivity-n"
    return [
        Comparison(
            "infidelity",
            "Quantus",
            _measure_infidelity,
            "infidelity",
            _fit,
            "Quantus given heat / change of the pixel; scaled and divided as ours",
        ),
        Comparison(
            "infidelity",
            "Quantus",
            _measure_infidelity,
            "infidelity",
            lambda theirs: theirs[0],
            "as shipped: in squared logits, of the map as it is",
            agrees=False,
        ),
        Comparison(
            correlation,
            "Quantus",
            _measure_sensitivity,
            "faithfulness_correlation",
            note="its faithfulness correlation, given our subsets, whole pixels",
        ),
        Comparison(
            correlation,
            "Quantus",
            _measure_sensitivity,
            "sensitivity_n",
            note="as shipped: over the pictures, at each of four steps of a deletion",
            agrees=False,
        ),
        Comparison(
            correlation,
            "xplique",
            _measure_sensitivity,
            "mu_fidelity_of_values",
            note="its MuFidelity, given our subsets, Pearson's for Spearman's",
        ),
        Comparison(
            correlation,
            "xplique",
            _measure_sensitivity,
            "mu_fidelity",
            note="as shipped: Spearman's correlation",
            agrees=False,
        ),
    ]


def _read_maps(network, method):
    return compare.read("xplique")[f"{network}/{method}"]


def _look(grade, method, network):
    return grade(_read_maps(network, method), compare.read("networks")["masks"])


def _follow(grade, fill, network):
    maps = _read_maps(network, "saliency")
    return grade(*compare.ask(network), maps, fill=fill, steps=STEPS)


def _measure_infidelity(network):
    maps = _read_maps(network, "gradient_times_input")
    return faithfulness.measure_infidelity(*compare.ask(network), maps, side=SIDE)


def _measure_sensitivity(network):
    maps = _read_maps(network, "gradient_times_input")
    return faithfulness.measure_sensitivity_n(*compare.ask(network), maps, size=SUBSET)


def _fit(theirs):
    """Scale the map as it suits best, and divide by the infidelity of no map.

    The infidelity of a map times b is a parabola, A - 2 b B + b² C. Three values of it,
    of the map once, reversed and twice, tell where it is lowest and what it is at 0.
    """
    once, reversed_map, twice = theirs
    middle = (reversed_map - once) / 4
    both = (reversed_map + once) / 2
    square = (twice + 4 * middle - both) / 3
    nothing = both - square
    return 1 - np.maximum(middle, 0) ** 2 / (square * nothing)


def main():
    """Print the table."""
    print("| grade | library | largest relative difference | common definition |")
    print("| --- | --- | --- | --- |")
    for row in list_comparisons():
        worst = max(measure(row, network) for network in compare.NETWORKS)
        print(f"| {row.grade} | {row.library} | {worst:.1e} | {row.note} |")


if __name__ == "__main__":
    main()
