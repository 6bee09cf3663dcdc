"""Drawings of the leaderboard: tables of grades in, figures out."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import Polygon, Rectangle

from helpers import figures, grading, leaderboard

_GOOD = plt.get_cmap("Blues")  # the better, the darker
_BLIND = "#D55E00"  # no better than a map that knows nothing of the network
_TEXT = 11  # points
_WIDTH, _HEIGHT = 0.335, 0.28  # of a square, in inches
# The rest is in squares: the room around the table, the gaps between its parts, and
# the least width, which the key needs.
_LEFT, _ABOVE, _BELOW = 7.7, 9.4, 3.2
_GAP, _KEY = 0.4, 24


def draw_leaderboard(grades):
    """Draw every method's grade in every test, the best methods on top.

    Parameters
    ----------
    grades : pandas.DataFrame
        As `leaderboard.read_grades` returns it, of one task or more. A square's number
        is the mean over the tasks.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each method, a column for each test. A square is the darker, the more
        of the other methods do worse in that test. A corner is marked where, in half of
        the tasks or more, the method is not clearly better than the best blind map.
    """
    ranks = leaderboard.rank_methods(grades)
    overall = leaderboard.rank_overall(ranks)
    values, beaten = (
        ranks.groupby(["method", "test"])[name].mean().unstack()
        for name in ("value", "beaten")
    )
    columns = _place_columns([name for name in grading.TESTS if name in values])
    rows = _place_rows(overall.index)
    right, bottom = max(_KEY, *columns.values()) + 0.5, max(rows.values()) + 0.5
    size = (_WIDTH * (right + _LEFT), _HEIGHT * (bottom + _BELOW + _ABOVE))
    # "none" would last for one tight save only: then the style's layout comes back.
    figure = plt.figure(figsize=size, layout=PlaceHolderLayoutEngine(True, True))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(-_LEFT, right), ylim=(bottom + _BELOW, -_ABOVE))
    axis.axis("off")
    for method, y in rows.items():
        share = overall.at[method, "overall"]
        text = "–" if np.isnan(share) else f"{100 * share:.0f}"
        _draw_square(axis, 0, y, share, text, fontweight="bold")
        for test, x in columns.items():
            text = write_number(values.at[method, test])
            _draw_square(axis, x, y, beaten.at[method, test], text)
    for method, test in _find_marks(grades):
        corner = _shape_corner(columns[test], rows[method])
        axis.add_patch(Polygon(corner, fc=_BLIND, ec="none"))
    _label_rows(axis, overall["place"], rows, right)
    _label_columns(axis, columns)
    _explain_colours(axis, bottom + 1.2, right)
    tasks = ", ".join(grades["task"].unique())
    axis.text(
        -_LEFT, -_ABOVE + 0.6, f"Methods × tests: {tasks}", fontsize=14, weight="bold"
    )
    return figure


def draw_agreement(correlations):
    """Draw which tests put the methods in the same order.

    Parameters
    ----------
    correlations : pandas.DataFrame
        As `leaderboard.correlate_tests` returns it.

    Returns
    -------
    matplotlib.figure.Figure
        Orange where two tests agree, violet where what is good in one is bad in the
        other; lines between the families.
    """
    tests, count = list(correlations), len(correlations)
    figure, axis = plt.subplots(figsize=(0.42 * count + 2, 0.42 * count + 1.5))
    values = correlations.to_numpy(float)
    axis.imshow(values, cmap=figures.SIGNED, vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(values):
        axis.text(
            column,
            row,
            write_number(value),
            color="white" if abs(value) > 0.7 else "black",
            ha="center",
            va="center",
            fontsize=_TEXT,
        )
    axis.set_xticks(
        range(count), tests, rotation=60, ha="right", rotation_mode="anchor"
    )
    axis.set_yticks(range(count), tests)
    families = [grading.TESTS[test].family for test in tests]
    for place in range(1, count):
        if families[place] != families[place - 1]:
            axis.axhline(place - 0.5, color="black", linewidth=1.2)
            axis.axvline(place - 0.5, color="black", linewidth=1.2)
    axis.set_title("1: both order the methods alike, -1: in reverse", loc="left")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def write_number(value):
    """Write a number in four characters or fewer: ".42", "-.07", "3.1", "1.3k"."""
    if np.isnan(value):
        return "–"
    size, sign = abs(value), "-" if value < 0 else ""
    if size == 0:
        return "0"
    if size < 0.995:
        return f"{sign}{size:.2f}".replace("0.", ".")
    suffix = ""
    if size >= 999.5:
        size, suffix = size / 1000, "k"
    digits = 1 if size < 9.95 else 0
    return f"{sign}{size:.{digits}f}{suffix}"


def _find_marks(grades):
    """Return the (method, test) that are no better than blind in half of the tasks."""
    compared = leaderboard.compare_with_blind(grades).dropna(subset="verdict")
    poor = compared["verdict"] != "better"
    share = poor.groupby([compared["method"], compared["test"]]).mean()
    return share.index[share >= 0.5]


def _place_columns(tests):
    """Return each test's place from left to right, with gaps between families."""
    places, x, before = {}, 0.3, None
    for test in tests:
        x += 1 + _GAP * (grading.TESTS[test].family != before)
        places[test], before = x, grading.TESTS[test].family
    return places


def _place_rows(methods):
    """Return each method's place from the top, the blind maps below a gap."""
    blind = [method in grading.BLIND_METHODS for method in methods]
    return {
        method: row + 0.7 * below
        for row, (method, below) in enumerate(zip(methods, blind, strict=True))
    }


def _draw_square(axis, x, y, share, text, **options):
    """Draw a square coloured by the share of methods beaten, white without one."""
    colour = "white" if np.isnan(share) else _GOOD(0.95 * share)
    red, green, blue, _ = to_rgba(colour)
    dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
    axis.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fc=colour, ec="white"))
    axis.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=_TEXT,
        color="white" if dark else "black",
        **options,
    )


def _shape_corner(x, y):
    """Return the corners of a mark, upper right in the square around a place."""
    return [(x + 0.46, y - 0.46), (x + 0.46, y - 0.06), (x + 0.12, y - 0.46)]


def _label_rows(axis, places, rows, right):
    """Name the methods, and draw the line above the blind maps."""
    for method, y in rows.items():
        number = "" if np.isnan(places[method]) else f"{places[method]:g}."
        axis.text(-6.8, y, number, ha="right", va="center", color="0.4")
        axis.text(-0.8, y, method.replace("_", " "), ha="right", va="center")
    blind = [y for method, y in rows.items() if method in grading.BLIND_METHODS]
    if blind:
        line = [min(blind) - 0.85] * 2
        axis.plot([-_LEFT, right], line, color="black", linewidth=1.2)
        axis.text(-6.6, np.mean(blind), "blind", rotation=90, ha="right", va="center")


def _label_columns(axis, columns):
    """Name the tests, and above them their families."""
    upright = {"rotation": 90, "ha": "center", "va": "bottom"}
    families: dict[str, list] = {}
    for test, x in columns.items():
        arrow = "↑" if grading.TESTS[test].better == "higher" else "↓"
        axis.text(x, -0.7, f"{test} {arrow}", **upright)
        families.setdefault(grading.TESTS[test].family, []).append(x)
    axis.text(0, -0.7, "methods beaten, %", **upright, weight="bold")
    for family, spots in families.items():
        ends = np.array([spots[0] - 0.45, spots[-1] + 0.45])
        axis.plot(ends, [-7.3, -7.3], color="black", linewidth=1.2)
        axis.text(ends.mean(), -7.5, family, ha="center", va="bottom", weight="bold")


def _explain_colours(axis, y, right):
    """Draw the key below the table."""
    steps, length = 12, 4.0
    width = length / steps
    for step in range(steps):
        colour = _GOOD(0.95 * step / (steps - 1))
        axis.add_patch(Rectangle((step * width, y - 0.4), 1.05 * width, 0.8, fc=colour))
    axis.text(-0.3, y, "beats none of the others", ha="right", va="center")
    axis.text(length + 0.3, y, "beats all the others in this test", va="center")
    axis.text(right, y, "↑ more is better  ↓ less is better", ha="right", va="center")
    y += 1.3
    axis.add_patch(Polygon(_shape_corner(-7.2, y + 0.2), fc=_BLIND, ec="none"))
    meaning = "not clearly better than the best of the blind maps, which know nothing "
    axis.text(-6.4, y, meaning + "of the network", va="center")
    axis.text(right, y, "– does not apply", ha="right", va="center")
