"""How good is a heatmap? Grades against a known truth: a mask of what should be hot."""

import numpy as np
from scipy import ndimage, stats


def play_pointing_game(heatmaps, masks, tolerance=0):
    """Tell how often the hottest pixel of a map lies in its mask.

    Zhang et al. 2018, arXiv:1608.00507, section 4.1. Where several pixels share the
    maximum, the grade is the share of them that lie in the mask; a map that is the
    same everywhere points nowhere and gets 0.

    Parameters
    ----------
    heatmaps : float array (n, height, width)
    masks : bool array (n, height, width)
    tolerance : int
        A miss by up to so many pixels counts as a hit.

    Returns
    -------
    float64 array (n,)
        1 for a hit, 0 for a miss; between them for ties.

    Raises
    ------
    ValueError
        If the shapes differ, a mask is empty, or a map is not finite.
    """
    heatmaps, masks = _check(heatmaps, masks)
    if tolerance:
        masks = np.stack(
            [ndimage.distance_transform_edt(~mask) <= tolerance for mask in masks]
        )
    highest = heatmaps.max(axis=(1, 2), keepdims=True)
    hottest = heatmaps == highest
    hits = (hottest & masks).sum(axis=(1, 2)) / hottest.sum(axis=(1, 2))
    return np.where(heatmaps.min(axis=(1, 2)) == highest[:, 0, 0], 0.0, hits)


def find_peaks(heatmaps):
    """Return the row and column of each map's hottest pixel, the first of several.

    Parameters
    ----------
    heatmaps : float array (n, height, width)

    Returns
    -------
    int array (n, 2)
    """
    places = heatmaps.reshape(len(heatmaps), -1).argmax(axis=1)
    return np.stack(np.unravel_index(places, heatmaps.shape[1:]), axis=1)


def share_heat(heatmaps, masks):
    """Tell what share of a map's positive heat lies in its mask.

    The energy-based pointing game of Wang et al. 2020, arXiv:1910.01279, section 4.3;
    relevance mass accuracy in Arras et al. 2022, arXiv:2003.07258.

    Parameters
    ----------
    heatmaps : float array (n, height, width)
        Negative heat counts as none.
    masks : bool array (n, height, width)

    Returns
    -------
    float64 array (n,)
        In [0, 1]; 0 for a map without positive heat.

    Raises
    ------
    ValueError
        As in `play_pointing_game`.
    """
    heatmaps, masks = _check(heatmaps, masks)
    heat = np.maximum(heatmaps, 0).astype("float64")
    total = heat.sum(axis=(1, 2))
    inside = (heat * masks).sum(axis=(1, 2))
    return np.divide(inside, total, out=np.zeros_like(total), where=total > 0)


def measure_preference(heatmaps, masks):
    """Measure how much more heat an area gets than its size would give it.

    The share of the heat in the area, over the share of the picture that it covers,
    each averaged over the pictures that show it.

    Parameters
    ----------
    heatmaps : float array (n, height, width)
    masks : bool array (n, height, width)

    Returns
    -------
    float
        1 for a map without preference; not a number if no picture shows the area.
    """
    shown = masks.any(axis=(1, 2))
    if not shown.any():
        return float("nan")
    heat = share_heat(heatmaps[shown], masks[shown]).mean()
    return float(heat / masks[shown].mean())


def correlate_ranks(heatmaps, others):
    """Tell how alike two maps rank their pixels (Spearman's rank correlation).

    Parameters
    ----------
    heatmaps, others : float array (n, height, width)

    Returns
    -------
    float64 array (n,)
        1 for the same ranking, 0 for none in common, -1 for the reverse; 0 where a map
        is the same everywhere.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    heatmaps, others = np.asarray(heatmaps), np.asarray(others)
    if heatmaps.ndim != 3 or heatmaps.shape != others.shape:
        raise ValueError(
            "Both stacks of heatmaps must have the same shape (n, height, width), got "
            f"{heatmaps.shape} and {others.shape}."
        )
    ranks, other_ranks = (
        stats.rankdata(maps.reshape(len(maps), -1), axis=1)
        for maps in (heatmaps, others)
    )
    ranks -= ranks.mean(axis=1, keepdims=True)
    other_ranks -= other_ranks.mean(axis=1, keepdims=True)
    below = np.sqrt((ranks**2).sum(axis=1) * (other_ranks**2).sum(axis=1))
    above = (ranks * other_ranks).sum(axis=1)
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def draw_blind_maps(images, seed=0):
    """Return maps that know nothing of any model, to compare with those that do.

    Parameters
    ----------
    images : float array (n, height, width, channels)
    seed : int
        Decides the random maps.

    Returns
    -------
    dict of str to float32 array (n, height, width)
        "random": a smooth random map; "centre": hottest in the middle; "edges": the
        strength of the image's own edges.
    """
    count, height, width = images.shape[:3]
    noise = np.random.default_rng(seed).random((count, height, width), "float32")
    smooth = ndimage.gaussian_filter(noise, (0, height / 16, width / 16))
    rows = np.linspace(-1, 1, height, dtype="float32")[:, None]
    columns = np.linspace(-1, 1, width, dtype="float32")
    centre = np.broadcast_to(np.exp(-(rows**2) - columns**2), (count, height, width))
    grey = ndimage.gaussian_filter(images.mean(axis=-1), (0, 1, 1))
    edges = np.hypot(ndimage.sobel(grey, axis=1), ndimage.sobel(grey, axis=2))
    return {"random": smooth, "centre": centre, "edges": edges.astype("float32")}


def _check(heatmaps, masks):
    heatmaps, masks = np.asarray(heatmaps), np.asarray(masks, bool)
    if heatmaps.ndim != 3 or heatmaps.shape != masks.shape:
        raise ValueError(
            "Heatmaps and masks must both have the shape (n, height, width), got "
            f"{heatmaps.shape} and {masks.shape}."
        )
    if not np.isfinite(heatmaps).all():
        raise ValueError("The heatmaps must be finite numbers, got NaN or infinity.")
    if not masks.any(axis=(1, 2)).all():
        raise ValueError(
            f"Every mask must hold a pixel, got {(~masks.any(axis=(1, 2))).sum()} that "
            "are empty; leave those pictures out."
        )
    return heatmaps, masks
