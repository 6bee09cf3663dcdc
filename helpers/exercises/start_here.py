"""Checks of the exercises of chapter 0."""

import contextlib
import importlib.metadata
import io
import os
import sys
from unittest import mock

import numpy as np

from helpers import runtime
from helpers.exercises.answers import (
    NotYetRight,
    call,
    confirm,
    need,
    need_choice,
    need_number,
    need_written,
    quote,
)


def what_runs_here(versions):
    """Check a dictionary of the versions of Python, NumPy and Keras.

    Raises
    ------
    NotYetRight
        If a key is missing or a value is not what runs here.
    """
    need_written("versions", versions)
    need(
        isinstance(versions, dict),
        f"`versions` must be a dictionary; it is {quote(versions)}.",
    )
    truths = {
        "Python": ".".join(map(str, sys.version_info[:3])),
        "NumPy": np.__version__,
        "Keras": importlib.metadata.version("keras"),
    }
    for name, truth in truths.items():
        need(
            name in versions,
            f"`versions` has no key {name!r}; its keys are {quote(list(versions))}.",
        )
        given = versions[name]
        need(
            not callable(given),
            f"`versions[{name!r}]` is a function, not a version. Call it: add `()`.",
        )
        need(
            isinstance(given, str),
            f"`versions[{name!r}]` must be a string; it is {quote(given)}.",
        )
        need(
            given == truth or not given.startswith(truth),
            f"`versions[{name!r}]` says more than the version: {quote(given)}. "
            "`platform.python_version()` is short.",
        )
        need(
            given == truth or not truth.startswith(f"{given}."),
            f"`versions[{name!r}]` is {quote(given)}, which is only the beginning of "
            "the version. Give all of it.",
        )
        need(
            given == truth,
            f"`versions[{name!r}]` is {quote(given)}, and that is not what runs here. "
            "Ask the machine instead of typing it.",
        )
    confirm("Exercise 0.1: these versions run here.")


def a_claim_that_can_fail(claim_mostly_paper, images):
    """Check a function that claims that pictures are mostly paper.

    Parameters
    ----------
    claim_mostly_paper : callable
    images : array (n, 28, 28, 1)
        Pictures of which it is true.

    Raises
    ------
    NotYetRight
        If it claims nothing, claims what is false, or prints what it measured.
    """
    paper = images[:50]
    faint, just, hardly, quarter = np.full((4, *paper.shape), 0.3, paper.dtype)
    just[:, 17:] = 0.9  # 17 of 28 rows are paper: just enough
    hardly[:, 16:] = 0.9
    quarter[:, 7:] = 0.9
    lines = set()
    for pictures in (paper, images[50:60], faint, just):
        share, line = _listen(claim_mostly_paper, pictures)
        truth = np.count_nonzero(pictures < 0.5) / pictures.size
        need(
            line != "",
            "`claim_mostly_paper` claimed nothing of pictures that are "
            f"{truth:.0%} paper. Call `claim(text, share, at_least=0.6)`.",
        )
        need(
            abs(need_number("claim_mostly_paper(pictures)", share) - truth) < 1e-5,
            f"`claim_mostly_paper` returned {quote(share)} for pictures of which "
            f"{truth:.3g} are below one half. Divide by the number of pixels.",
        )
        lines.add(line)
    for pictures in (quarter, 1 - faint, hardly):
        _, line = _listen(claim_mostly_paper, pictures)
        truth = np.count_nonzero(pictures < 0.5) / pictures.size
        need(
            line == "",
            f"`claim_mostly_paper` said {quote(line)} of pictures that are "
            f"only {truth:.0%} paper. Claim what was measured, with `at_least=0.6`.",
        )
    need(
        len(lines) == 1,
        f"Two runs said two things: {' and '.join(map(quote, sorted(lines)[:2]))}. "
        "Keep what was measured out of the text.",
    )
    confirm("Exercise 0.2: it claims what is true, and fails where it is false.")


def two_ways_to_choose(prediction, what_ran):
    """Check which of the two ways to choose an edition is said to win.

    Parameters
    ----------
    prediction : str
    what_ran : str
        The edition that ran, where the notebook said "embedded" and the variable
        "real".

    Raises
    ------
    NotYetRight
        If the prediction is another.
    """
    need_choice("prediction", prediction, "abc")
    truth = {"embedded": "a", "real": "b"}[what_ran]
    need(
        prediction != "c",
        f'You wrote "c", an error, but the {what_ran} edition ran without one. There '
        "is an order between the two.",
    )
    need(
        prediction == truth,
        f'You wrote "{prediction}", but the {what_ran} edition ran. The variable '
        "serves to change all notebooks at once.",
    )
    confirm("Exercise 0.3: the variable wins over the notebook.")


def the_next_step(find_next_step):
    """Check a function that reads the next step off an error.

    Raises
    ------
    NotYetRight
        If it returns more, less or something else.
    """
    for name, variable in [("imaginary", ""), ("Real", ""), ("real", "reel")]:
        with mock.patch.dict(os.environ, COURSE_EDITION=variable):
            with contextlib.suppress(ValueError):
                runtime.choose_edition(name)
                raise NotYetRight("No edition is called so; restart the kernel.")
            step = call(find_next_step, name)
            message = _read_error(name)
        need(
            isinstance(step, str),
            f"`find_next_step({name!r})` must return a string; it is {quote(step)}.",
        )
        need(
            step != "",
            f'`find_next_step({name!r})` returned "", although there is an error. '
            "Return a part of `str(error)`.",
        )
        need(
            step != message,
            f"`find_next_step({name!r})` returned the whole message. Cut it at its "
            "last semicolon.",
        )
        need(
            step.strip(" .") == message.split(";")[-1].strip(" ."),
            f"`find_next_step({name!r})` returned {quote(step)}, which is not what "
            "stands after the last semicolon of the error.",
        )
    with mock.patch.dict(os.environ, COURSE_EDITION=""):
        fine = call(find_next_step, "real")
    need(
        fine == "",
        f'`find_next_step("real")` returned {quote(fine)}, but there is no error: '
        'return "".',
    )
    confirm("Exercise 0.4: you read errors to the end.")


def _listen(claim_mostly_paper, pictures):
    """Return what the function returns, and what it claims; "" if that is false."""
    said = io.StringIO()
    claims = mock.patch.dict(os.environ)
    with claims, contextlib.redirect_stdout(said):
        os.environ.pop("COURSE_CLAIMS_FILE", None)  # these are no findings
        try:
            share = call(claim_mostly_paper, pictures)
        except NotYetRight as error:
            if isinstance(error.__cause__, AssertionError):
                return None, ""
            raise
    claimed = [line for line in said.getvalue().splitlines() if line.startswith("✓")]
    return share, "\n".join(claimed)


def _read_error(name):
    """Return the message of the error that a name leads to."""
    try:
        return f"{runtime.choose_edition(name)} is fine"
    except ValueError as error:
        return str(error)
