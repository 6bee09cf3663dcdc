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
    """Ask networks for digits in place, moved 1s, bars, the six probes and the sweeps.

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
    dict of str to float array (models,)
        Shares and mean probabilities in [0, 1], one for each network.
    """
    ones = digits.shift_everywhere(images[labels == 0][:10], _REACH)
    high, low = draw_bar_questions()
    questions = {
        "digits": images,
        "moved": ones.reshape(-1, *images.shape[1:]),
        "high": high,
        "low": low,
        "probes": probes.draw_six_probes(),
        "papers": np.stack([np.zeros_like(images[0]), np.ones_like(images[0])]),
    }
    sweeps = {name: pictures for name, (_, pictures) in probes.draw_sweeps().items()}
    questions |= sweeps
    answers = networks.predict(models, prepare(np.concatenate([*questions.values()])))
    ends = np.cumsum([len(pictures) for pictures in questions.values()])[:-1]
    answers = dict(zip(questions, np.split(answers, ends, axis=1), strict=True))
    calls = {name: answer.argmax(axis=-1) for name, answer in answers.items()}
    results = {
        "test accuracy": (calls["digits"] == labels).mean(axis=1),
        "moved 1s called 7": (calls["moved"] == 1).mean(axis=1),
        "moved 1s refused": (calls["moved"] == 2).mean(axis=1),
        "high bars called 7": (calls["high"] == 1).mean(axis=1),
        "high bars refused": (calls["high"] == 2).mean(axis=1),
        "low bars called 7": (calls["low"] == 1).mean(axis=1),
        "low bars refused": (calls["low"] == 2).mean(axis=1),
    }
    for number, name in enumerate(probes.PROBE_NAMES):
        results[f"p(7) of {name}"] = answers["probes"][:, number, 1]
    for number, name in enumerate(["black paper", "white paper"]):
        results[f"p(7) of {name}"] = answers["papers"][:, number, 1]
    for name in sweeps:
        results[f"mean p(7), sweep of {name}"] = answers[name][..., 1].mean(axis=1)
    return results
