"""Methods that hide a part of the picture and watch the score."""

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
    patch=5,
    stride=1,
    fill=0.0,
    *,
    output=None,
    batch_size=512,
):
    """Tell how much the class score falls when a square over each place is hidden.

    Each pixel gets the mean fall over all squares that covered it (Zeiler and Fergus
    2014, arXiv:1311.2901, section 4.2, who draw the score at the square's middle).

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, channels)
    class_index : int or int array (n,)
    patch, stride : int
        Side of the square and step between squares, in pixels.
    fill : float
        Pixel value of the square.

    Returns
    -------
    float32 array (n, height, width)
        Logits; positive where hiding hurts the class, negative where it helps.

    Raises
    ------
    ValueError
        If pictures and model do not fit, the class does not exist, or the square is
        larger than the picture.
    """
    request = check_request(model, images, class_index, output)
    images, class_indices = request.images, request.class_indices
    covers = _lay_squares(images.shape[1:3], patch, stride)
    read = trace_logits(request)
    one = np.arange(len(images))
    before = compute_logits(request, images, batch_size)[one, class_indices]
    falls = np.empty((len(images), len(covers)), "float32")
    for numbers in cut_in_batches(len(images) * len(covers), batch_size):
        image, cover = np.divmod(numbers, len(covers))
        hidden = np.where(covers[cover, ..., None], np.float32(fill), images[image])
        logits = read(hidden).numpy()[np.arange(len(image)), class_indices[image]]
        falls[image, cover] = before[image] - logits
    return np.tensordot(falls, covers, axes=1) / covers.sum(axis=0)


def _lay_squares(size, patch, stride):
    """Return one boolean mask (height, width) a square, every pixel covered."""
    if not 1 <= patch <= min(size) or stride < 1:
        raise ValueError(
            f"The square must have 1 to {min(size)} pixels a side and a stride of at "
            f"least 1, got patch={patch} and stride={stride}; choose a smaller patch."
        )
    tops, lefts = (
        np.unique(np.append(np.arange(0, length - patch, stride), length - patch))
        for length in size
    )
    rows = (np.arange(size[0]) >= tops[:, None]) & (
        np.arange(size[0]) < tops[:, None] + patch
    )
    columns = (np.arange(size[1]) >= lefts[:, None]) & (
        np.arange(size[1]) < lefts[:, None] + patch
    )
    return (rows[:, None, :, None] & columns[None, :, None, :]).reshape(-1, *size)
