"""Hide one square of the picture at a time and watch the score."""

import numpy as np

from helpers.attribution.scores import (
    check_request,
    compute_logits,
    cut_in_batches,
    trace_logits,
)


def occlusion(
    model,
    images,
    class_index,
    patch=None,
    stride=None,
    fill=0.0,
    *,
    output=None,
    batch_size=32,
):
    """Tell how much the class score falls when a square over each place is hidden.

    Each pixel gets the mean fall over all squares that covered it (Zeiler and Fergus
    2014, arXiv:1311.2901, section 4.2, who draw the score at the square's middle).

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, channels)
    class_index : int or int array (n,)
    patch : int, optional
        Side of the square in pixels; if not given, an eighth of the image's shorter
        side, and at least 5.
    stride : int, optional
        Pixels between one square and the next; if not given, a quarter of the patch.
    fill : float or "mean"
        Pixel value of the square, or each image's own mean colour.
    output : str or int, optional
        Name or index of the output, for models with several.
    batch_size : int
        Squares at a time: bounds the memory.

    Returns
    -------
    float32 array (n, height, width)
        Logits; positive where hiding hurts the class, negative where it helps.

    Raises
    ------
    ValueError
        If images and model do not fit, the class does not exist, the square is larger
        than the image, or the stride is larger than the square.
    """
    request = check_request(model, images, class_index, output)
    images, class_indices = request.images, request.class_indices
    patch, stride = _choose_square(images.shape[1:3], patch, stride)
    colours = _choose_colours(images, fill)
    tops, lefts = (_place(length, patch, stride) for length in images.shape[1:3])
    read = trace_logits(request)
    one = np.arange(len(images))
    before = compute_logits(request, images, batch_size)[one, class_indices]
    falls = np.empty((len(images), len(tops), len(lefts)), "float32")
    for numbers in cut_in_batches(falls.size, batch_size):
        image, row, column = np.unravel_index(numbers, falls.shape)
        hidden = images[image]
        for picture, top, left, colour in zip(
            hidden, tops[row], lefts[column], colours[image], strict=True
        ):
            picture[top : top + patch, left : left + patch] = colour
        logits = read(hidden).numpy()[np.arange(len(image)), class_indices[image]]
        falls[image, row, column] = before[image] - logits
    rows, columns = (
        _cover(starts, patch, length)
        for starts, length in zip((tops, lefts), images.shape[1:3], strict=True)
    )
    times = np.outer(rows.sum(axis=1), columns.sum(axis=1))
    return rows @ falls @ columns.T / times


def _choose_square(size, patch, stride):
    side = min(size)
    patch = min(side, max(5, side // 8)) if patch is None else patch
    stride = max(1, patch // 4) if stride is None else stride
    whole = all(isinstance(number, int | np.integer) for number in (patch, stride))
    if not whole or not 1 <= patch <= side or stride < 1:
        raise ValueError(
            f"The square must have 1 to {side} pixels a side and a stride of at "
            f"least 1, got patch={patch} and stride={stride}; choose a smaller patch."
        )
    if stride > patch:
        raise ValueError(
            f"The stride must be at most the square's side, {patch}, or some pixels "
            f"are never hidden, got {stride}; choose a smaller one, or a larger patch."
        )
    return patch, stride


def _choose_colours(images, fill):
    """Return the colour of the square, a float32 array (n, channels)."""
    if isinstance(fill, str) and fill == "mean":
        return images.mean(axis=(1, 2))
    if not isinstance(fill, int | float | np.number) or not np.isfinite(fill):
        raise ValueError(f'fill must be a number or "mean", got {fill!r}; try 0.')
    return np.full((len(images), images.shape[-1]), fill, "float32")


def _place(length, patch, stride):
    """Return where the squares start along one axis; the last ends at the edge."""
    return np.unique(np.append(np.arange(0, length - patch, stride), length - patch))


def _cover(starts, patch, length):
    """Tell which pixels along one axis (length) each start (starts) covers: 0 or 1."""
    pixels = np.arange(length)[:, None]
    return ((starts <= pixels) & (pixels < starts + patch)).astype("float32")
