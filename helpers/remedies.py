"""The same examination for every remedy of chapter 1."""

import numpy as np

from helpers import digits, networks, probes

_REACH = 6  # pixels of shift


def draw_bar_questions():
    """Draw sixteen bars in the upper part, and the same sixteen 14 rows lower.

    Rows 6 to 9 and lengths of 9, 12, 15 and 18 pixels, three pixels thick.

    Returns
    -------
    high, low : float32 arrays (16, 28, 28, 1)
    """
    rows, lengths = np.meshgrid(np.arange(6, 10), [9, 12, 15, 18])
    high = probes.draw_bars(row=rows.ravel(), length=lengths.ravel())
    return high, digits.shift(high, right=0, down=14)


def examine(models, prepare, images, labels):
    """Ask networks for digits in place, for moved 1s, and for bars.

    Parameters
    ----------
    models : list of keras.Model
        From (n, 28, 28, 1) to the probabilities of 1, 7 and, if it is a class, neither.
    prepare : callable
        Applied to every picture first, (n, 28, 28, 1) to the same.
    images, labels : arrays (n, 28, 28, 1) and (n,)
        Test digits; the first ten 1s are moved by up to six pixels to every side.

    Returns
    -------
    dict of str to float
        Shares in [0, 1], over all networks and pictures.
    """
    moved = digits.shift_everywhere(images[labels == 0][:10], _REACH)
    high, low = draw_bar_questions()

    def call(pictures):
        return networks.predict(models, prepare(pictures)).argmax(axis=-1)

    moved_calls = call(moved.reshape(-1, *images.shape[1:]))
    high_calls, low_calls = call(high), call(low)
    return {
        "test accuracy": np.mean(call(images) == labels),
        "moved 1s called 7": np.mean(moved_calls == 1),
        "moved 1s refused": np.mean(moved_calls == 2),
        "high bars called 7": np.mean(high_calls == 1),
        "low bars called 1": np.mean(low_calls == 0),
        "low bars called 7": np.mean(low_calls == 1),
        "bars refused": np.mean([high_calls == 2, low_calls == 2]),
    }
