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


def measure_rank_accuracy(heatmaps, masks):
    """Tell what share of a map's hottest pixels lies in its mask.

    Relevance rank accuracy (Arras et al. 2022, arXiv:2003.07258): of the k
    hottest pixels, k being the pixels of the mask, the share inside. Unlike the share
    of heat it looks at the order of the pixels only. Where several pixels are as hot as
    the k-th, each counts as much as the others: the grade is the mean over all ways to
    choose among them.

    Parameters
    ----------
    heatmaps : float array (n, height, width)
    masks : bool array (n, height, width)

    Returns
    -------
    float64 array (n,)
        In [0, 1]; for a map that is the same everywhere, the mask's share of the area.

    Raises
    ------
    ValueError
        As in `play_pointing_game`.
    """
    heatmaps, masks = _check(heatmaps, masks)
    heat, inside = (arrays.reshape(len(masks), -1) for arrays in (heatmaps, masks))
    wanted = inside.sum(axis=1)
    last = np.sort(heat, axis=1)[np.arange(len(heat)), -wanted][:, None]
    hotter, tied = heat > last, heat == last
    chance = (wanted - hotter.sum(axis=1)) / tied.sum(axis=1)
    found = (hotter & inside).sum(axis=1) + chance * (tied & inside).sum(axis=1)
    return found / wanted


def measure_heat_over_area(heatmaps, masks):
    """Measure how much more heat each mask gets than its size would give it.

    The mean over pictures leans to the smallest masks, by whose area the heat is
    divided; `measure_preference` divides the means instead.

    Parameters
    ----------
    heatmaps : float array (n, height, width)
        Negative heat counts as none.
    masks : bool array (n, height, width)

    Returns
    -------
    float64 array (n,)
        `share_heat` over the mask's share of the area: 1 for a positive map that is the
        same everywhere; 0 for a map without positive heat.

    Raises
    ------
    ValueError
        As in `play_pointing_game`.
    """
    return share_heat(heatmaps, masks) / np.mean(masks, axis=(1, 2))


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
