"""Interventions: the same face with and without a lit lamp."""

from pathlib import Path

import cv2
import numpy as np
from skimage.io import imread

from helpers.regions import REGIONS

_LAMP = Path(__file__).resolve().parent.parent / "data" / "films" / "lamp.png"
_PROP = REGIONS.index("prop")  # the lamp
_GLOW = 9  # pixels of 100 around a lamp that it still lights


def paint_in(images, regions):
    """Paint a lit lamp into the lower right corner of faces.

    Parameters
    ----------
    images : float32 array (n, 100, 100, 3) in [0, 1]
    regions : uint8 array (n, 100, 100)
        Places in `helpers.regions.REGIONS`.

    Returns
    -------
    images, regions : arrays as given, with the lamp in both
    """
    colours, cover = _read_lamp()
    images = images * (1 - cover) + colours * cover
    regions = np.where(cover[..., 0] > 0.5, np.uint8(_PROP), regions)
    return images.astype("float32"), regions


def paint_out(images, regions):
    """Paint the lamp out with `fill_in`; a face without a lamp stays as it is.

    Parameters
    ----------
    images : float32 array (n, height, width, 3) in [0, 1]
    regions : uint8 array (n, height, width)
        Places in `helpers.regions.REGIONS`.

    Returns
    -------
    float32 array (n, height, width, 3)
    """
    reach = round(_GLOW * images.shape[1] / 100)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    lit = (regions == _PROP).astype("uint8")
    return fill_in(images, np.stack([cv2.dilate(mask, kernel) > 0 for mask in lit]))


def fill_in(images, masks):
    """Fill a part of each picture in from what is around it.

    The filling follows the edges inwards (A. Telea 2004, "An image inpainting technique
    based on the fast marching method").

    Parameters
    ----------
    images : float32 array (n, height, width, 3) in [0, 1]
    masks : bool array (n, height, width)

    Returns
    -------
    float32 array (n, height, width, 3)
    """
    painted = []
    for image, mask in zip(images, masks, strict=True):
        picture = np.rint(image * 255).astype("uint8")
        hole = mask.astype("uint8")
        filled = cv2.inpaint(picture, hole, 5, cv2.INPAINT_TELEA) / np.float32(255)
        painted.append(np.where(mask[..., None], filled, image))
    return np.stack(painted).astype("float32")


def _read_lamp():
    """Return the lamp's colours (100, 100, 3) and how far it covers, (100, 100, 1)."""
    picture = imread(_LAMP).astype("float32") / 255
    return picture[..., :3], picture[..., 3:]
