"""Typical wrong answers to the exercises of chapter 1."""

_MOVE = '''import numpy as np


def move_right(images, columns):
    """Return the pictures, moved to the right by whole columns."""
'''
_FALLS = '''def falls_by_square(model, picture, filler):
    """Return by how much p(7) falls when each square is covered."""
    covered = np.repeat(picture[None], 49, axis=0)
    for number in range(49):
        row, column = divmod(number, 7)
        covered[{where}, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = filler
    before = networks.predict(model, picture[None])[0, 1]
    after = networks.predict(model, covered)[:, 1]
    return {falls}
'''

WRONG_ANSWERS = {
    "move-right": [
        (
            "brings ink back on the other side",
            _MOVE + "    return np.roll(images, columns, axis=2)\n",
            "back on the left",
        ),
        (
            "takes rows for columns",
            _MOVE
            + """    moved = np.zeros_like(images)
    moved[:, columns:] = images[:, : 28 - columns]
    return moved
""",
            "moved the pictures down",
        ),
        (
            "forgets that columns may be negative",
            _MOVE
            + """    moved = np.zeros_like(images)
    moved[:, :, columns:] = images[:, :, :-columns]
    return moved
""",
            "a line of their own",
        ),
    ],
    "sure-when-wrong": [
        (
            "wrong answers are guesses",
            'prediction = "a"',
            "the toss of a coin; the median",
        ),
        ("wrong answers are doubtful", 'prediction = "b"', "a doubt; the median"),
    ],
    "a-seven-in-the-lower-half": [
        (
            "the chapter's bar, which is high",
            """from helpers import probes

probe = probes.draw_bars(row=8)
""",
            "rows 0 to 13 must stay empty",
        ),
        (
            "a bar so low that it is called a 1",
            """from helpers import probes

probe = probes.draw_bars(row=24)
""",
            "networks are convinced",
        ),
        (
            "a small 7 with a stem, moved down",
            """from helpers import probes

probe = probes.draw_segments([[[16, 8, 16, 18], [16, 18, 25, 14]]], 3)
""",
            "with a stem would be no surprise",
        ),
    ],
    "falls-by-square": [
        (
            "after minus before",
            _FALLS.format(where="number", falls="(after - before).reshape(7, 7)"),
            "has the wrong sign",
        ),
        (
            "columns first",
            _FALLS.format(where="number", falls="(before - after).reshape(7, 7).T"),
            "has rows and columns swapped",
        ),
        (
            "squares stay covered",
            _FALLS.format(where="number:", falls="(before - after).reshape(7, 7)"),
            "one at a time",
        ),
    ],
    "choose-threshold": [
        (
            "refuses the surest instead of the least sure",
            """def choose_threshold(sure, price):
    return np.quantile(sure, 1 - price)
""",
            "the least sure, which stand first",
        ),
        (
            "a fixed threshold, whatever the price",
            """def choose_threshold(sure, price):
    return 0.5
""",
            "It can be larger",
        ),
        (
            "a quantile between two digits",
            """def choose_threshold(sure, price):
    return np.quantile(sure, price)
""",
            "but so does a larger one",
        ),
    ],
}
