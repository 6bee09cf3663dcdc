"""Judges that know one class each, and may answer that a picture is none of theirs."""

import numpy as np
from sklearn.decomposition import PCA

_STRICTNESS = 0.01  # share of real validation pictures each judge may refuse


def fit_likelihood(references, components=15):
    """Fit a probabilistic PCA to one class and return its log-density.

    A Gaussian with 15 directions of its own and equal noise in all others (Tipping and
    Bishop 1999, equation 5, as scikit-learn computes it).

    Parameters
    ----------
    references : float array (m, height, width, channels)
        Pictures of one class.
    components : int

    Returns
    -------
    callable
        From pictures (n, height, width, channels) to scores (n,): the natural log of
        the density, higher for likelier pictures.
    """
    model = PCA(components, svd_solver="covariance_eigh")
    model.fit(_flatten(references))
    return lambda images: model.score_samples(_flatten(images))


def fit_overlap(references):
    """Keep the pictures of one class and score others by their overlap with them.

    The Dice coefficient 2Σab / (Σa² + Σb²) with the most similar reference: 1 is the
    same picture, 0 has no ink in common (Dice 1945, here for grey values).

    Parameters
    ----------
    references : float array (m, height, width, channels)
        Pictures of one class.

    Returns
    -------
    callable
        From pictures (n, height, width, channels) to scores (n,) from 0 to 1.
    """
    kept = _flatten(references)

    def score(images):
        asked = _flatten(images)
        ink = (asked**2).sum(axis=1)[:, None] + (kept**2).sum(axis=1)
        return (2 * asked @ kept.T / ink.clip(1e-9)).max(axis=1)

    return score


def appoint_judges(fit, images, labels, validation_images, validation_labels):
    """Appoint one judge a class; each may refuse every picture it does not know.

    A judge's limit is the score that one in a hundred validation pictures of its own
    class falls short of.

    Parameters
    ----------
    fit : callable
        `fit_likelihood` or `fit_overlap`.
    images, validation_images : float arrays (n, height, width, channels)
    labels, validation_labels : int arrays (n,)

    Returns
    -------
    callable
        From pictures (n, height, width, channels) to a boolean array (n, classes):
        which judges accept the picture.
    """
    scores, limits = [], []
    for label in np.unique(labels):
        score = fit(images[labels == label])
        own = score(validation_images[validation_labels == label])
        scores.append(score)
        limits.append(np.quantile(own, _STRICTNESS))
    return lambda pictures: (
        np.stack([score(pictures) for score in scores], axis=-1) >= limits
    )


def count_refusals(fit, data, questions, seeds=range(5)):
    """Appoint judges on random halves of the training pictures; count what they refuse.

    Parameters
    ----------
    fit : callable
        `fit_likelihood` or `fit_overlap`.
    data : helpers.digits.Digits
    questions : dict of str to float array (n, height, width, channels)
    seeds : iterable of int
        One half of the training pictures each.

    Returns
    -------
    dict of str to float array (seeds,)
        For each question, the share of its pictures that no judge accepts.
    """
    pictures = np.concatenate([*questions.values()])
    ends = np.cumsum([len(part) for part in questions.values()])[:-1]
    refusals: dict[str, list] = {name: [] for name in questions}
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(data.train_images))
        half = order[: len(order) // 2]
        accept = appoint_judges(
            fit,
            data.train_images[half],
            data.train_labels[half],
            data.validation_images,
            data.validation_labels,
        )
        refused = ~accept(pictures).any(axis=1)
        for name, part in zip(questions, np.split(refused, ends), strict=True):
            refusals[name].append(part.mean())
    return {name: np.array(shares) for name, shares in refusals.items()}


def _flatten(images):
    return np.asarray(images, "float32").reshape(len(images), -1)
