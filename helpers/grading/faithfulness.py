"""Does the score follow the heat? Hide the pixels that a map calls hot, and look."""

import numpy as np
from scipy import ndimage, stats

from helpers.attribution.scores import (
    check_request,
    check_whole,
    compute_logits,
    cut_in_batches,
    trace_logits,
    trace_probabilities,
)

FILLS = ("blur", "mean")

_BLUR = 0.1  # standard deviation of the blurred picture, as a share of its shorter side


def delete(
    model,
    images,
    class_indices,
    heatmaps,
    *,
    fill="blur",
    steps=32,
    seed=0,
    batch_size=32,
):
    """Follow the class's probability while the hottest pixels are taken away first.

    Petsiuk, Das, Saenko 2018, arXiv:1806.07421, section 4.1. If the map is right about
    the pixels that the network needs, the curve falls early.

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, channels)
    class_indices : int or int array (n,)
    heatmaps : float array (n, height, width)
        Only their order of the pixels counts.
    fill : str
        What a pixel gives way to: "blur", the picture itself without detail (a
        Gaussian of a tenth of its shorter side), or "mean", its mean colour.
    steps : int
        The pixels go in so many parts of the same size.
    seed : int
        Decides the order of pixels of equal heat, which is the same for every picture.
        A map that is the same everywhere takes them all away in this random order.
    batch_size : int
        Pictures at a time: bounds the memory.

    Returns
    -------
    float32 array (n, steps + 1)
        The probability, by the model's own softmax or sigmoid: of the whole picture
        first, with every pixel replaced last.

    Raises
    ------
    ValueError
        If images, model and heatmaps do not fit, a heatmap is not finite, the class or
        the fill does not exist, or there are more steps than pixels.
    """
    request, heatmaps = _check(model, images, class_indices, heatmaps)
    ranks = _rank_pixels(heatmaps, seed)
    filled = _fill(request.images, fill)
    return _follow(request, ranks, request.images, filled, steps, batch_size)


def insert(
    model,
    images,
    class_indices,
    heatmaps,
    *,
    fill="blur",
    steps=32,
    seed=0,
    batch_size=32,
):
    """Follow the class's probability while the hottest pixels are put back first.

    The other way round than `delete`: it starts from the fill and ends with the
    picture. If the map is right about the pixels that are enough for the network, the
    curve rises early.

    Parameters
    ----------
    model, images, class_indices, heatmaps, fill, steps, seed, batch_size
        As in `delete`.

    Returns
    -------
    float32 array (n, steps + 1)
        The probability with every pixel replaced first, of the whole picture last.

    Raises
    ------
    ValueError
        As in `delete`.
    """
    request, heatmaps = _check(model, images, class_indices, heatmaps)
    ranks = _rank_pixels(heatmaps, seed)
    filled = _fill(request.images, fill)
    return _follow(request, ranks, filled, request.images, steps, batch_size)


def measure_area(curves):
    """Measure the area under curves, whose axis runs from 0 to 1.

    By the trapezoidal rule, as in the paper of `delete`. A small area is good for a
    curve of `delete`, a large one for a curve of `insert`.

    Parameters
    ----------
    curves : float array (n, steps + 1)

    Returns
    -------
    float64 array (n,)
    """
    curves = np.asarray(curves, "float64")
    return np.trapezoid(curves, dx=1 / (curves.shape[1] - 1), axis=1)


def measure_infidelity(
    model,
    images,
    class_indices,
    heatmaps,
    *,
    fill="mean",
    side=None,
    samples=64,
    seed=0,
    batch_size=32,
):
    """Tell what share of the score's falls the heat on hidden squares leaves open.

    Infidelity is E[(I·Φ − fall)²] over random perturbations I, for a map Φ and the fall
    of the class's logit under I (Yeh et al. 2019, arXiv:1901.09392, equation 1). Here a
    perturbation replaces a square of pixels, all channels at once, at a random place
    (the paper's square removal). A map has one number a pixel, so I is 1 on the square
    and 0 elsewhere, and I·Φ is the sum of the heat on the square: for an additive map,
    how far the logit falls.

    Two things make maps and pictures comparable. I·Φ is first multiplied by the factor
    that suits it best, E[fall I·Φ] / E[(I·Φ)²], as in the code of its authors, because
    many maps have a scale of their own; but here never by a negative one, or a map
    that is wrong about every sign would count as right. And the result is divided by
    E[fall²], because a fall of one logit is much for one picture, little for another.

    Parameters
    ----------
    model, images, class_indices, heatmaps, batch_size
        As in `delete`, but the numbers of the heatmaps count.
    fill : str
        As in `delete`.
    side : int, optional
        Of the square in pixels; if not given, a quarter of the image's shorter side.
    samples : int
        Number of squares; every picture gets the same.
    seed : int
        Decides where they are.

    Returns
    -------
    float64 array (n,)
        0 if the heat explains every fall, 1 if it explains nothing, as a map without
        heat does. A map of the same positive heat everywhere leaves open how the falls
        differ from one another. 0 where the logit never moves.

    Raises
    ------
    ValueError
        As in `delete`, or if the square does not fit or there is none.
    """
    request, heatmaps = _check(model, images, class_indices, heatmaps)
    subsets = _draw_squares(heatmaps.shape[1:], side, samples, seed)
    heat, falls = _measure_falls(request, heatmaps, subsets, fill, batch_size)
    return _compare(heat, falls)


def measure_sensitivity_n(
    model,
    images,
    class_indices,
    heatmaps,
    *,
    size=None,
    fill="mean",
    samples=64,
    seed=0,
    batch_size=32,
):
    """Correlate the heat on random pixels with the score's fall when they are hidden.

    Pearson's correlation, over random subsets of n pixels, between the sum of the heat
    on the subset and the fall of the class's logit (Ancona et al. 2018,
    arXiv:1711.06104, section 4). A pixel is hidden in all channels at once. The paper
    draws the correlation over n; this is one point of that curve.

    Parameters
    ----------
    model, images, class_indices, heatmaps, batch_size
        As in `delete`, but the numbers of the heatmaps count.
    size : int, optional
        The n: pixels in a subset; if not given, a tenth of the image's.
    fill : str
        As in `delete`; the paper takes 0, near the mean of its pictures.
    samples : int
        Number of subsets, 100 in the paper; every picture gets the same.
    seed : int
        Decides which pixels are in them.

    Returns
    -------
    float64 array (n,)
        In [-1, 1]: 1 if the heat tells how far the logit falls, but for a factor and a
        constant. 0 for a map that is the same everywhere, and where the fall is.

    Raises
    ------
    ValueError
        As in `delete`, or if no such subsets can be drawn.
    """
    request, heatmaps = _check(model, images, class_indices, heatmaps)
    subsets = _draw_subsets(heatmaps.shape[1:], size, samples, seed)
    heat, falls = _measure_falls(request, heatmaps, subsets, fill, batch_size)
    varied = (np.ptp(heatmaps, axis=(1, 2)) > 0) & (np.ptp(falls, axis=1) > 0)
    correlations = np.zeros(len(falls))
    if varied.any():
        result = stats.pearsonr(heat[varied], falls[varied], axis=1)
        correlations[varied] = result.statistic
    return correlations


def _check(model, images, class_indices, heatmaps):
    """Return the checked question and the heatmaps as float64 (n, height, width)."""
    request = check_request(model, images, class_indices)
    heatmaps = np.asarray(heatmaps, "float64")
    if heatmaps.shape != request.images.shape[:3]:
        raise ValueError(
            "Every image needs a heatmap of its height and width, here an array of "
            f"shape {request.images.shape[:3]}, got {heatmaps.shape}; enlarge small "
            "maps first."
        )
    if not np.isfinite(heatmaps).all():
        raise ValueError(
            "The heatmaps must be finite numbers, got NaN or infinity; look for a "
            "division by zero in the method."
        )
    return request, heatmaps


def _rank_pixels(heatmaps, seed):
    """Return the place of every pixel in its map's order: 0 for the hottest."""
    flat = heatmaps.reshape(len(heatmaps), -1)
    ties = np.random.default_rng(seed).permutation(flat.shape[1])
    order = np.lexsort((np.broadcast_to(ties, flat.shape), -flat), axis=1)
    return order.argsort(axis=1).reshape(heatmaps.shape)


def _fill(images, fill):
    """Return what the pixels give way to, an array like the images."""
    if fill == "mean":
        colours = images.mean(axis=(1, 2), keepdims=True)
        return np.broadcast_to(colours, images.shape)
    if fill == "blur":
        spread = _BLUR * min(images.shape[1:3])
        return ndimage.gaussian_filter(images, (0, spread, spread, 0), mode="nearest")
    raise ValueError(
        f'fill must be "blur" or "mean", got {fill!r}; choose one of them.'
    )


def _follow(request, ranks, starts, ends, steps, batch_size):
    """Return curves (n, steps + 1) on the way from one picture to the other."""
    pixels = ranks[0].size
    check_whole("steps", steps, 1, "32 is a good start")
    if steps > pixels:
        raise ValueError(
            f"There can be a step for each of the {pixels} pixels, got steps={steps}; "
            "choose fewer."
        )
    reached = np.linspace(0, pixels, steps + 1, dtype=int)[:, None, None]
    return _read_mixed(
        request,
        trace_probabilities(request),
        steps + 1,
        lambda picture, step: ranks[picture] < reached[step],
        ends,
        starts,
        batch_size,
    )


def _measure_falls(request, heatmaps, subsets, fill, batch_size):
    """Hide each subset (samples, height, width) of each picture's pixels.

    Returns
    -------
    heat, falls : float64 array (n, samples)
        The sum of the heat on the subset, and how far the logit falls.
    """
    hidden = _read_mixed(
        request,
        trace_logits(request),
        len(subsets),
        lambda picture, sample: subsets[sample],
        _fill(request.images, fill),
        request.images,
        batch_size,
    )
    logits = compute_logits(request, request.images, batch_size)
    whole = logits[np.arange(len(logits)), request.class_indices]
    heat = np.tensordot(heatmaps, subsets.astype("float64"), axes=((1, 2), (1, 2)))
    return heat, whole[:, None] - hidden.astype("float64")


def _read_mixed(request, read, count, mask, inside, outside, batch_size):
    """Ask about `count` mixtures of two stacks of pictures.

    Parameters
    ----------
    request : Request
    read : callable
        From images to one answer for each class.
    count : int
        Mixtures of each picture.
    mask : callable
        From int arrays (batch,), which picture and which mixture, to a bool array
        (batch, height, width): where the pixels come from `inside`.
    inside, outside : float32 array (n, height, width, channels)
    batch_size : int

    Returns
    -------
    float32 array (n, count)
        The answers for the classes asked about.
    """
    answers = np.empty((len(outside), count), "float32")
    for numbers in cut_in_batches(answers.size, batch_size):
        picture, number = np.divmod(numbers, count)
        where = mask(picture, number)[..., None]
        scores = read(np.where(where, inside[picture], outside[picture])).numpy()
        rows = np.arange(len(numbers))
        answers[picture, number] = scores[rows, request.class_indices[picture]]
    return answers


def _compare(heat, falls):
    """Return the share of the squared falls that scaled heat leaves: float64 (n,)."""
    total, power, shared = (
        (a * b).mean(axis=1) for a, b in ((falls, falls), (heat, heat), (falls, heat))
    )
    factor = np.zeros_like(total)
    np.divide(np.maximum(shared, 0), power, out=factor, where=power > 0)
    left = ((factor[:, None] * heat - falls) ** 2).mean(axis=1)
    return np.divide(left, total, out=np.zeros_like(total), where=total > 0)


def _draw_squares(size, side, samples, seed):
    """Return masks of squares at random places, a bool array (samples, *size)."""
    check_whole("samples", samples, 1, "try 64")
    side = max(1, min(size) // 4) if side is None else side
    check_whole("side", side, 1, "a quarter of the picture is a good start")
    if side > min(size):
        raise ValueError(
            f"The square must fit into pictures of {size} pixels, got side={side}; "
            "choose a smaller one."
        )
    generator = np.random.default_rng(seed)
    covered = []
    for length in size:
        starts = generator.integers(length - side + 1, size=(samples, 1))
        pixels = np.arange(length)
        covered.append((starts <= pixels) & (pixels < starts + side))
    rows, columns = covered
    return rows[:, :, None] & columns[:, None, :]


def _draw_subsets(size, count, samples, seed):
    """Return masks of so many random pixels each, a bool array (samples, *size)."""
    check_whole("samples", samples, 2, "try 64")
    pixels = size[0] * size[1]
    count = max(1, pixels // 10) if count is None else count
    check_whole("size", count, 1, "a tenth of the pixels is a good start")
    if count >= pixels:
        raise ValueError(
            f"A subset must leave out some of the {pixels} pixels, got size={count}; "
            "choose a smaller one."
        )
    first = np.tile(np.arange(pixels) < count, (samples, 1))
    drawn = np.random.default_rng(seed).permuted(first, axis=1)
    return drawn.reshape(samples, *size)
