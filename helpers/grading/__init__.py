"""How good is a heatmap? Grades by truth, faithfulness, sanity, stability and cost.

Every public name of the modules can be had from here. What needs no network is loaded
at once; the rest, which loads TensorFlow, when it is first asked for: notebooks import
helpers that compare masks before they have started TensorFlow without its chatter.
"""

import importlib

from helpers.grading.blind import BLIND_METHODS, draw_blind_maps
from helpers.grading.truth import (
    correlate_ranks,
    find_peaks,
    measure_heat_over_area,
    measure_preference,
    measure_rank_accuracy,
    play_pointing_game,
    share_heat,
)

_LOADED_LATER = {
    "axioms": (
        "CLAIMS",
        "hide_region",
        "ignore_mirroring",
        "measure_completeness",
        "measure_conservation",
        "measure_dummy_feature",
        "measure_symmetry",
    ),
    "cost": ("Passes", "count_passes", "measure_seconds"),
    "faithfulness": (
        "FILLS",
        "delete",
        "insert",
        "measure_area",
        "measure_infidelity",
        "measure_sensitivity_n",
    ),
    "sanity": (
        "compare_classes",
        "compare_with_other",
        "correlate_maps",
        "explain",
        "find_rivals",
        "measure_cascade",
        "measure_input_invariance",
        "randomize",
        "randomize_cascade",
        "shift_inputs",
    ),
    "stability": (
        "compress",
        "measure_jpeg_stability",
        "measure_seed_stability",
        "measure_shift_stability",
    ),
    "table": ("TESTS", "Test", "grade", "summarise"),
}

__all__ = [
    "BLIND_METHODS",
    "correlate_ranks",
    "draw_blind_maps",
    "find_peaks",
    "measure_heat_over_area",
    "measure_preference",
    "measure_rank_accuracy",
    "play_pointing_game",
    "share_heat",
    *(name for names in _LOADED_LATER.values() for name in names),
]


def __getattr__(name):
    for module, names in _LOADED_LATER.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
