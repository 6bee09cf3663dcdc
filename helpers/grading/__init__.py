"""How good is a heatmap? Grades against a known truth and against sanity."""

from helpers.grading.truth import (
    correlate_ranks,
    draw_blind_maps,
    find_peaks,
    measure_preference,
    play_pointing_game,
    share_heat,
)

__all__ = [
    "correlate_ranks",
    "draw_blind_maps",
    "find_peaks",
    "measure_preference",
    "play_pointing_game",
    "share_heat",
]
