"""Stability: what does not change the answer should not change the heatmap."""

import inspect
import io

import numpy as np
from PIL import Image

from helpers.attribution.scores import check_images
from helpers.grading.sanity import correlate_maps, explain


def measure_seed_stability(method, model, images, class_indices, *, heatmaps=None):
    """Tell how much of a map remains when its method draws other random numbers.

    Parameters
    ----------
    method : callable
        Any of `helpers.attribution`, or ``method(model, images, class_index)`` to
        heatmaps (n, height, width). If it takes a seed, it is asked a second time with
        the next one; if not, it has nothing to draw and is not asked.
    model : keras.Model
    images : float array (n, height, width, channels)
    class_indices : int or int array (n,)
    heatmaps : float array (n, height, width), optional
        The method's maps of these pictures, if they are known already.

    Returns
    -------
    float64 array (n,)
        Rank correlation, -1 to 1; 1 for a map that stays.

    Raises
    ------
    ValueError
        As the method; or if it gives no finite maps of the images' size.
    """
    parameter = inspect.signature(method).parameters.get("seed")
    if parameter is None:
        return np.ones(len(images))
    used = parameter.default
    other = used + 1 if isinstance(used, int | np.integer) else 1
    heatmaps = explain(method, model, images, class_indices, heatmaps)
    others = method(model, images, class_indices, seed=other)
    return correlate_maps(
        heatmaps, explain(method, model, images, class_indices, others)
    )


def measure_shift_stability(
    method, model, images, class_indices, *, move=(1, 2), heatmaps=None
):
    """Tell how much of a map remains when the picture moves by a pixel or two.

    The map should move along. It is moved back and compared where both show the same
    part of the picture. Networks that skip pixels do not see quite the same after a
    small move (Zhang 2019, arXiv:1904.11486), nor do methods with a grid of their own,
    so that even a method that shows the network as it is stays below 1.

    Parameters
    ----------
    method, model, images, class_indices, heatmaps
        As in `measure_seed_stability`.
    move : (int, int)
        Rows down and columns to the right, 0 or more; the pixels at the edge fill what
        becomes free.

    Returns
    -------
    float64 array (n,)
        Rank correlation, -1 to 1; 1 for a map that moves with the picture.

    Raises
    ------
    ValueError
        As in `measure_seed_stability`; or if the move is negative or leaves less than
        two rows or columns of the picture.
    """
    images = check_images(model, images)
    down, right = move
    height, width = images.shape[1:3]
    if not (0 <= down <= height - 2 and 0 <= right <= width - 2):
        raise ValueError(
            f"The move must be 0 or more and leave 2 rows and columns of {height} and "
            f"{width}, got {move}; try (1, 2)."
        )
    heatmaps = explain(method, model, images, class_indices, heatmaps)
    padded = np.pad(images, ((0, 0), (down, 0), (right, 0), (0, 0)), mode="edge")
    moved = explain(method, model, padded[:, :height, :width], class_indices)
    return correlate_maps(
        heatmaps[:, : height - down, : width - right], moved[:, down:, right:]
    )


def measure_jpeg_stability(
    method, model, images, class_indices, *, quality=75, heatmaps=None
):
    """Tell how much of a map remains when the picture was stored as JPEG.

    Parameters
    ----------
    method, model, images, class_indices, heatmaps
        As in `measure_seed_stability`.
    quality
        As in `compress`.

    Returns
    -------
    float64 array (n,)
        Rank correlation, -1 to 1; 1 for a map that stays.

    Raises
    ------
    ValueError
        As in `measure_seed_stability` and `compress`.
    """
    images = check_images(model, images)
    heatmaps = explain(method, model, images, class_indices, heatmaps)
    stored = compress(images, quality)
    return correlate_maps(heatmaps, explain(method, model, stored, class_indices))


def compress(images, quality=75):
    """Return pictures as they are after JPEG, at the quality most programs choose.

    Parameters
    ----------
    images : float array (n, height, width, 1 or 3)
        In [0, 1].
    quality : int
        1 to 95, as Pillow counts.

    Returns
    -------
    float32 array (n, height, width, 1 or 3) in [0, 1]

    Raises
    ------
    ValueError
        If the images are neither grey nor of three colours, or not in [0, 1].
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "JPEG takes images of shape (n, height, width, 1 or 3), got "
            f"{images.shape}; leave this test out."
        )
    if not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            "JPEG takes pixel values from 0 to 1, got values from "
            f"{images.min():.3g} to {images.max():.3g}; bring them there, and put a "
            "layers.Rescaling that undoes it before the model."
        )
    stored = np.empty(images.shape, "float32")
    for place, levels in enumerate((images * 255).round().astype("uint8")):
        file = io.BytesIO()
        picture = Image.fromarray(levels[..., 0] if levels.shape[-1] == 1 else levels)
        picture.save(file, "JPEG", quality=quality)
        stored[place] = np.asarray(Image.open(file)).reshape(levels.shape) / 255
    return stored
