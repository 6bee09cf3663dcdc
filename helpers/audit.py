"""A bias audit: what one suspected cue does to a classifier, in numbers."""

from functools import partial

import numpy as np
import pandas as pd
from scipy import special, stats

from helpers.attribution.scores import check_images, check_request, compute_logits

_RESAMPLES = 2000
_PIXELS = 1_000_000  # looked at at a time


def audit(model, with_cue, without_cue, masks, labels, suspect, *, method=None, seed=0):
    """Measure what a cue does to a classifier, on twins that differ in nothing else.

    The intervals are 95 % percentile intervals from 2,000 bootstrap samples of the
    pairs (Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 13).
    They tell how much the numbers would change with other pairs of the same kind, not
    with another training of the model. Where no pair of n flips, the interval is 0 to
    0; that still allows a rate of up to about 3 / n.

    Parameters
    ----------
    model : keras.Model
        From images to one score a class; read before its softmax or sigmoid, if any.
    with_cue, without_cue : float array (n, height, width, channels)
        Twins, as the model takes them.
    masks : bool or float array (n, height, width)
        Where the cue is seen in `with_cue`: the share of each pixel, 0 to 1.
    labels : int array (n,) or int
        The true class of each pair, or of all.
    suspect : int
        The class that the cue is suspected to speak for.
    method : callable, optional
        Any of `helpers.attribution`, or ``method(model, images, class_index)`` to
        heatmaps (n, height, width). Without one there are no rows on heat.
    seed : int
        Decides the bootstrap samples, the same for all rows.

    Returns
    -------
    pandas.DataFrame
        With the columns estimate, low, high and pairs (n), and the rows

        - "accuracy without the cue", "accuracy with the cue";
        - "flipped by the cue": right without it and wrong with it, "flipped to the
          suspect": of these, those that the model then takes for the suspect, "set
          right by the cue": wrong without it and right with it. All are shares of all
          pairs: the first accuracy - flipped + set right is the second;
        - "p of the flips": of McNemar's exact test, the chance of flips so unequal in
          number if the cue were as likely to set right as to mislead; no interval;
        - "change of probability", "change of log-odds": of the suspect, with the cue
          minus without it, mean. Log-odds are ln(p / (1 - p)): unlike probabilities,
          they also move where the model is already sure;
        - "area of the cue": the mean share of the picture;
        - "heat on the cue / area": the mean share of positive heat that lies on the
          cue, asked for the suspect, divided by the mean area: 1 if the map does not
          know of the cue. This is a ratio of means. The mean of ratios would be ruled
          by the few smallest cues, by which it divides. A map without positive heat has
          none on the cue;
        - "heat there without the cue / area": the same for the twins, in the same
          place: what would be hot anyway.

    Raises
    ------
    ValueError
        If model and images do not fit, twins, masks and labels do not fit each other,
        there are fewer than two pairs, a twin equals its twin, a mask is empty or not
        within 0 to 1, a class does not exist, or the method gives no such heatmaps.
    """
    request = check_request(model, with_cue, suspect)
    images = request.images, check_images(model, without_cue)
    masks = _check_pairs(*images, masks)
    labels = _check_classes(request.graph.class_count, labels, suspect, len(masks))
    batch_size = max(1, _PIXELS // masks[0].size)
    scores = [compute_logits(request, shown, batch_size) for shown in images]
    odds, odds_before = (
        _read_log_odds(logits, suspect, request.graph.squash) for logits in scores
    )
    answers, before = (logits.argmax(axis=1) for logits in scores)
    flipped = (before == labels) & (answers != labels)
    set_right = (before != labels) & (answers == labels)
    areas = masks.mean(axis=(1, 2), dtype="float64")
    estimate = partial(_estimate, seed=seed)
    rows = {
        "accuracy without the cue": estimate(before == labels),
        "accuracy with the cue": estimate(answers == labels),
        "flipped by the cue": estimate(flipped),
        "flipped to the suspect": estimate(flipped & (answers == suspect)),
        "set right by the cue": estimate(set_right),
        "p of the flips": (_test_flips(flipped, set_right), np.nan, np.nan),
        "change of probability": estimate(
            special.expit(odds) - special.expit(odds_before)
        ),
        "change of log-odds": estimate(odds - odds_before),
        "area of the cue": estimate(areas),
    }
    if method is not None:
        on_cue, there_before = (
            _share_heat(method(model, shown, suspect), masks) for shown in images
        )
        rows["heat on the cue / area"] = estimate(on_cue, areas)
        rows["heat there without the cue / area"] = estimate(there_before, areas)
    table = pd.DataFrame.from_dict(rows, "index", columns=["estimate", "low", "high"])
    return table.rename_axis("measure").assign(pairs=len(masks))


def _estimate(*columns, seed):
    """Return the mean of a column, or the ratio of two, and its interval's ends."""

    def compute(above, below=None, axis=-1):
        mean = above.mean(axis=axis)
        return mean if below is None else mean / below.mean(axis=axis)

    columns = [column.astype("float64") for column in columns]
    interval = stats.bootstrap(
        columns,
        compute,
        n_resamples=_RESAMPLES,
        method="percentile",
        paired=True,
        rng=seed,
    ).confidence_interval
    return compute(*columns), interval.low, interval.high


def _test_flips(flipped, set_right):
    """Return the p value of McNemar's exact test."""
    misled, all_changed = int(flipped.sum()), int((flipped | set_right).sum())
    return stats.binomtest(misled, all_changed).pvalue if all_changed else 1.0


def _read_log_odds(logits, suspect, squash):
    """Return ln(p / (1 - p)) of one class, exact also where p rounds to 1."""
    logits = logits.astype("float64")
    if squash == "sigmoid":
        return logits[:, suspect]
    others = np.delete(logits, suspect, axis=1)
    return logits[:, suspect] - special.logsumexp(others, axis=1)


def _share_heat(heatmaps, masks):
    """Return the share of each map's positive heat that lies on the cue."""
    heatmaps = np.asarray(heatmaps)
    if heatmaps.shape != masks.shape or not np.isfinite(heatmaps).all():
        raise ValueError(
            f"The method must give finite heatmaps of shape {masks.shape}, one an "
            f"image, got {heatmaps.shape}; those of helpers.attribution do."
        )
    heat = np.maximum(heatmaps, 0).astype("float64")
    total = heat.sum(axis=(1, 2))
    inside = (heat * masks).sum(axis=(1, 2))
    return np.divide(inside, total, out=np.zeros_like(total), where=total > 0)


def _check_pairs(with_cue, without_cue, masks):
    """Return the masks, if they and the twins fit each other."""
    if with_cue.shape != without_cue.shape or len(with_cue) < 2:
        raise ValueError(
            "An audit needs 2 or more pairs of images of the same shape, got "
            f"{with_cue.shape} with the cue and {without_cue.shape} without; a hundred "
            "pairs are a good start."
        )
    same = (with_cue == without_cue).all(axis=(1, 2, 3)).sum()
    if same:
        raise ValueError(
            f"Twins must differ in the cue, got {same} pairs of equal images; leave "
            "these out."
        )
    masks = np.asarray(masks)
    if masks.shape != with_cue.shape[:3] or masks.dtype.kind not in "biuf":
        raise ValueError(
            f"The masks must be numbers of shape {with_cue.shape[:3]}, one mask a "
            f"pair, got {masks.dtype} of shape {masks.shape}; reshape them."
        )
    if not ((masks >= 0) & (masks <= 1)).all():
        raise ValueError(
            "The masks must hold the cue's share of each pixel, 0 to 1, got values "
            f"from {masks.min()} to {masks.max()}; divide bytes by 255."
        )
    empty = (~masks.any(axis=(1, 2))).sum()
    if empty:
        raise ValueError(
            f"Every mask must show the cue, got {empty} that are empty; leave these "
            "pairs out."
        )
    return masks


def _check_classes(count, labels, suspect, pairs):
    """Return the labels as an array (pairs,), if they and the suspect are classes."""
    if count < 2 or np.ndim(suspect):
        raise ValueError(
            "An audit needs a model with 2 classes or more and one suspect, got "
            f"{count} and {suspect!r}; give a single score a second class."
        )
    labels = np.asarray(labels)
    whole = labels.dtype.kind in "iu" and labels.shape in [(), (pairs,)]
    if not whole or (labels < 0).any() or (labels >= count).any():
        raise ValueError(
            f"The labels must be classes from 0 to {count - 1}, one for all pairs or "
            f"one for each of the {pairs}, got {labels.dtype} of shape {labels.shape}"
            + (f" from {labels.min()} to {labels.max()}" if whole else "")
            + "; take those of the pairs."
        )
    return np.broadcast_to(labels, pairs)
