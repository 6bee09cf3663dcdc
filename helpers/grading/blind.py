"""Maps that know nothing of any model: what every method has to beat."""

import numpy as np
from scipy import ndimage


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
    return {
        "random": _draw_random(None, images, None, seed=seed),
        "centre": _draw_centre(None, images, None),
        "edges": _draw_edges(None, images, None),
    }


def _draw_random(model, images, class_index, *, seed=0):
    """Draw a smooth random map, another for each image."""
    count, height, width = np.shape(images)[:3]
    noise = np.random.default_rng(seed).random((count, height, width), "float32")
    return ndimage.gaussian_filter(noise, (0, height / 16, width / 16))


def _draw_centre(model, images, class_index):
    """Draw a Gaussian around the middle, the same for all images."""
    count, height, width = np.shape(images)[:3]
    rows = np.linspace(-1, 1, height, dtype="float32")[:, None]
    columns = np.linspace(-1, 1, width, dtype="float32")
    centre = np.exp(-(rows**2) - columns**2)
    return np.broadcast_to(centre, (count, height, width))


def _draw_edges(model, images, class_index):
    """Draw how fast each image's brightness changes: Sobel's edge detector."""
    grey = ndimage.gaussian_filter(np.asarray(images).mean(axis=-1), (0, 1, 1))
    edges = np.hypot(ndimage.sobel(grey, axis=1), ndimage.sobel(grey, axis=2))
    return edges.astype("float32")


# They take what the methods of helpers.attribution take, and look at the images alone.
BLIND_METHODS = {"random": _draw_random, "centre": _draw_centre, "edges": _draw_edges}
