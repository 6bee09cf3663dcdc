"""RISE: dim the picture with random masks and average those that keep the class."""

import numpy as np
import tensorflow as tf

from helpers.attribution.cams import enlarge_maps
from helpers.attribution.scores import (
    check_request,
    check_whole,
    cut_in_batches,
    trace_probabilities,
)


def rise(
    model,
    images,
    class_index,
    *,
    samples=1000,
    cells=8,
    keep=0.5,
    seed=0,
    output=None,
    batch_size=32,
):
    """Average random masks, each weighted by the class probability under it.

    Each image is multiplied by each mask; the sum of probability times mask is divided
    by the number of masks and by `keep`, the mean of a mask (Petsiuk, Das, Saenko 2018,
    arXiv:1806.07421, equation 6). That is the mean probability where the pixel is kept.
    Unlike the paper, which draws from the lowest value to the highest, we subtract the
    mean over all masks first, so that 0 is a pixel that does not matter. Every image
    gets the same masks, so its map does not depend on the images beside it.

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, channels)
        A mask darkens towards 0: the paper's gray is 0 for its networks.
    class_index : int or int array (n,)
    samples : int
        Number of masks; the paper takes 4,000 and 8,000.
    cells, keep, seed
        As in `draw_masks`.
    output : str or int, optional
        Name or index of the output, for models with several.
    batch_size : int
        Masked images at a time: bounds the memory.

    Returns
    -------
    float32 array (n, height, width)
        The mean class probability over the masks that keep the pixel: never negative,
        and the same everywhere, but for chance, if no pixel matters.

    Raises
    ------
    ValueError
        If images and model do not fit, the class does not exist, there is no sample,
        or no such masks can be drawn.
    """
    request = check_request(model, images, class_index, output)
    images, class_indices = request.images, request.class_indices
    size = images.shape[1:3]
    grids, shifts = _draw_grids(size, samples, cells, keep, seed)
    read = trace_probabilities(request)
    heatmaps, kept = np.zeros((2, len(images), *size), "float32")
    means = np.zeros((len(images), 1, 1), "float32")
    for numbers in cut_in_batches(len(images) * samples, batch_size):
        image, sample = np.divmod(numbers, samples)
        masks = _enlarge_grids(grids[sample], shifts[sample], size)
        answers = read(tf.multiply(images[image], masks[..., None])).numpy()
        weights = answers[np.arange(len(image)), class_indices[image]]
        for one in np.unique(image):
            own = image == one
            heatmaps[one] += np.einsum("n,nhw->hw", weights[own], masks[own])
            kept[one] += masks[own].sum(axis=0)
            means[one] += weights[own].sum() / samples
    return (heatmaps - means * kept) / np.float32(keep * samples)


def draw_masks(size, *, samples=1000, cells=8, keep=0.5, seed=0):
    """Draw the masks of `rise`: small random grids, enlarged and shifted.

    Each cell of a grid is kept (1) or not (0); the grid is enlarged bilinearly to one
    cell more than the image on each axis and cut to the image's size at a random
    place (section 3.2 of the paper, with cells rounded up, as its authors' code does:
    rounded down, the masks of some sizes would be smaller than the image).

    Parameters
    ----------
    size : (int, int)
        Height and width of the images.
    samples : int
    cells : int
        Cells of the grid along each axis.
    keep : float
        Share of cells that are kept.
    seed : int

    Returns
    -------
    float32 array (samples, height, width)
        Between 0 and 1; the mean over many masks is `keep` at every pixel.

    Raises
    ------
    ValueError
        If there is no sample, the grid has fewer than 2 cells or more than the image
        has pixels, or `keep` is not between 0 and 1.
    """
    grids, shifts = _draw_grids(size, samples, cells, keep, seed)
    return _enlarge_grids(grids, shifts, size)


def _draw_grids(size, samples, cells, keep, seed):
    """Return grids (samples, cells, cells) and shifts (samples, 2) in pixels."""
    check_whole("samples", samples, 1, "try 1000")
    check_whole("cells", cells, 2, "try 8")
    if cells > min(size) or not 0 < keep < 1:
        raise ValueError(
            f"RISE needs at most one cell a pixel, here {min(size)}, and a share to "
            f"keep between 0 and 1, got cells={cells} and keep={keep}; try 8 and 0.5."
        )
    generator = np.random.default_rng(seed)
    grids = generator.random((samples, cells, cells)) < keep
    shifts = generator.integers(_measure_cell(size, cells), size=(samples, 2))
    return grids, shifts


def _enlarge_grids(grids, shifts, size):
    """Return masks, a float32 array (samples, height, width)."""
    count = grids.shape[1] + 1
    enlarged = enlarge_maps(grids, *(count * _measure_cell(size, grids.shape[1])))
    cuts = zip(enlarged, shifts, strict=True)
    return np.stack([mask[y : y + size[0], x : x + size[1]] for mask, (y, x) in cuts])


def _measure_cell(size, cells):
    """Return the height and width of a cell in pixels."""
    return -(-np.asarray(size) // cells)
