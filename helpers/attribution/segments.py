"""Cut a picture into segments: the pieces that LIME hides and shows."""

import numpy as np

from helpers.attribution.scores import cut_in_batches


def segment_images(images, segments=None):
    """Return the segments of each image, numbered from 0 without gaps.

    Parameters
    ----------
    images : float array (n, height, width, channels)
    segments : callable or int array, optional
        `cut_by_slic` if not given; or any function from one image (height, width, 3)
        to labels (height, width); or the labels themselves, one array for all images
        or (n, height, width). Whatever numbers the labels have, they are made 0, 1, 2:
        LIME hides the segments of these numbers, and a segment 1..n would never hide.

    Returns
    -------
    int32 array (n, height, width)

    Raises
    ------
    ValueError
        If the labels are not whole numbers, do not fit the images, or an image has
        fewer than two segments.
    """
    if segments is None:
        segments = cut_by_slic
    labels = np.empty(images.shape[:3], "int32")
    for (one,) in cut_in_batches(len(images), 1):
        if callable(segments):
            drawn = np.asarray(segments(as_colour(images[one])))
        else:
            given = np.asarray(segments)
            drawn = given[one] if given.shape == labels.shape else given
        labels[one] = _number(drawn, labels.shape[1:])
    return labels


def cut_by_slic(image, count=50):
    """Cut into about `count` compact pieces of similar colour (skimage's slic).

    Parameters
    ----------
    image : float array (height, width, 3)
    count : int

    Returns
    -------
    int array (height, width)
    """
    from skimage.segmentation import slic

    return slic(image, n_segments=count, start_label=0)


def cut_by_quickshift(image):
    """Cut along colours as the library lime does, if it is not told otherwise.

    It finds few and large pieces in small images: one in a digit of 28×28 pixels, 5 to
    20 in photographs of 100×100.

    Parameters
    ----------
    image : float array (height, width, 3)

    Returns
    -------
    int array (height, width)
    """
    from skimage.segmentation import quickshift

    return quickshift(image, kernel_size=4, max_dist=200, ratio=0.2)


def cut_in_grid(image, cells=8):
    """Cut into a grid of equal squares, whatever the image shows.

    Parameters
    ----------
    image : float array (height, width, 3)
    cells : int
        Squares along each axis.

    Returns
    -------
    int array (height, width)
    """
    rows, columns = (np.arange(length) * cells // length for length in image.shape[:2])
    return rows[:, None] * cells + columns


def as_colour(image):
    """Return an image (height, width, 1 or 3) with three channels."""
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def _number(labels, size):
    """Check the labels of one image and number them 0, 1, 2."""
    if labels.shape != size or labels.dtype.kind not in "iub":
        raise ValueError(
            f"The segments must be whole numbers, one a pixel, shape {size}, got "
            f"{labels.dtype} of shape {labels.shape}; cut_by_slic and cut_in_grid "
            "return such."
        )
    names, numbers = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            "LIME needs at least 2 segments in each image, got one that fills the "
            "image; cut it finer, with cut_by_slic or cut_in_grid."
        )
    return numbers.reshape(size)
