"""Typical wrong answers to the exercises of chapter 0."""

_NAMED = '''from helpers.claims import claim


def claim_mostly_paper(pictures):
    """Claim that most of the pixels are paper, and return their share."""
    share = (pictures < 0.5).mean()
'''

WRONG_ANSWERS = {
    "what-runs-here": [
        (
            "the long version, compiler included",
            """
import sys
from importlib.metadata import version

versions = {"Python": sys.version, "NumPy": version("numpy"), "Keras": version("keras")}
""",
            "says more than the version",
        ),
        (
            "a version typed by hand, which an update makes false",
            'versions = {"Python": "2.7.18", "NumPy": "1.11", "Keras": "1.0.5"}',
            "Ask the machine instead of typing it",
        ),
        (
            "a function that was not called",
            """
import platform

versions = {"Python": platform.python_version, "NumPy": "2", "Keras": "3"}
""",
            "is a function, not a version",
        ),
    ],
    "a-claim-that-can-fail": [
        (
            "a claim on a constant",
            _NAMED
            + '    claim("Most of it is paper", 0.9, at_least=0.6)\n    return share\n',
            "paper. Claim what was measured",
        ),
        (
            "the measured value in the text",
            _NAMED
            + '    claim(f"{share:.0%} is paper", share, at_least=0.6)\n'
            + "    return share\n",
            "Keep what was measured out of the text",
        ),
        (
            "measured, and not claimed",
            _NAMED + "    return share\n",
            "claimed nothing",
        ),
    ],
    "two-ways-to-choose": [
        ("the notebook wins", 'prediction = "a"', "serves to change all notebooks"),
        ("an error", 'prediction = "c"', "There is an order between the two"),
    ],
    "the-next-step": [
        (
            "the whole message",
            """
def find_next_step(name):
    try:
        runtime.choose_edition(name)
    except ValueError as error:
        return str(error)
    return ""
""",
            "returned the whole message",
        ),
        (
            "the error is not caught",
            """
def find_next_step(name):
    return runtime.choose_edition(name)
""",
            "stopped with ValueError",
        ),
        (
            "the error is caught and forgotten",
            """
def find_next_step(name):
    try:
        runtime.choose_edition(name)
    except ValueError:
        pass
    return ""
""",
            "although there is an error",
        ),
    ],
}
