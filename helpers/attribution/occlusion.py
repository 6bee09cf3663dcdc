"""Methods that hide a part of the picture and watch the score."""

import numpy as np

from helpers.attribution.scores import check_request, read_logits, run_in_batches

_BATCH_SIZE = 2000  # covered pictures at a time: bounds the memory


def occlusion(model, images, class_index, patch=5, stride=1, fill=0.0):
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
    images, class_indices = check_request(model, images, class_index)
    covers = _lay_squares(images.shape[1:3], patch, stride)
    logits = read_logits(model)
    scores = run_in_batches(logits, images, _BATCH_SIZE)
    at_once = max(1, _BATCH_SIZE // len(covers))
    heatmaps = []
    for start in range(0, len(images), at_once):
        chunk, classes = images[start:][:at_once], class_indices[start:][:at_once]
        covered = np.where(covers[None, ..., None], fill, chunk[:, None])
        covered = covered.reshape(-1, *images.shape[1:]).astype("float32")
        hidden = run_in_batches(logits, covered, _BATCH_SIZE)
        hidden = hidden.reshape(len(chunk), len(covers), -1)
        one = np.arange(len(chunk))
        before = scores[start:][:at_once][one, classes]
        falls = before[:, None] - hidden[one, :, classes]
        heatmaps.append(np.tensordot(falls, covers, axes=1) / covers.sum(axis=0))
    return np.concatenate(heatmaps).astype("float32")


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
