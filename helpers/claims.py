"""Findings that a notebook states and, in the same breath, checks."""

import json
import math
import os
from pathlib import Path

import numpy as np


def claim(text, value, *, at_least=None, at_most=None, equals=None):
    """Check one finding and print it as one fixed line.

    The line holds the sentence and the bound, never the measured value, so that it
    reads the same on every machine and nbval can compare it. The measured value goes
    to the file that ``COURSE_CLAIMS_FILE`` names, one JSON object a line; that is
    where the report of ``make run`` finds it.

    Parameters
    ----------
    text : str
        The finding, as a sentence.
    value : number
        What was measured: a Python or NumPy scalar, or an array of one element.
    at_least, at_most : number, optional
        Inclusive bounds. Give either or both.
    equals : number, optional
        The exact value wanted. It stands alone.

    Raises
    ------
    AssertionError
        If the measured value is outside the bounds, or is not a number.
    ValueError
        If no bound is given, or `equals` comes with another bound.
    """
    wanted = _describe_bounds(at_least, at_most, equals)
    if np.size(value) != 1:
        raise ValueError(
            f"A claim needs one number to check, got {np.size(value)} of them; "
            "reduce them first, for instance with .mean() or .max()."
        )
    measured = float(np.asarray(value).item())
    held = not math.isnan(measured) and (
        measured == equals
        if equals is not None
        else (at_least is None or measured >= at_least)
        and (at_most is None or measured <= at_most)
    )
    _record({"text": text, "wanted": wanted, "measured": measured, "held": held})
    if not held:
        raise AssertionError(
            f"The claim «{text}» does not hold: wanted {wanted}, got {measured:.6g}. "
            "Look at the figure above it: either the finding is false here, "
            "or a cell before it was changed."
        )
    print(f"✓ {text} ({wanted})")


def _describe_bounds(at_least, at_most, equals):
    if equals is not None:
        if at_least is not None or at_most is not None:
            raise ValueError("Give `equals` alone, or `at_least` and `at_most`.")
        return f"exactly {equals:g}" if abs(equals) < 1e4 else f"exactly {equals:,}"
    bounds = []
    if at_least is not None:
        bounds.append(f"at least {at_least:g}")
    if at_most is not None:
        bounds.append(f"at most {at_most:g}")
    if not bounds:
        raise ValueError("A claim needs a bound: give at_least, at_most or equals.")
    return ", ".join(bounds)


def _record(entry):
    path = os.environ.get("COURSE_CLAIMS_FILE")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")
