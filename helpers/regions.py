"""What is where in a picture of a face: maps of regions, and the areas made of them."""

import cv2
import numpy as np

# What a pixel of a region map can show; the map holds places in this tuple, uint8.
# "left" is left in the picture; "prop" is a lit lamp.
REGIONS = (
    "background",
    "skin",
    "brow_left",
    "brow_right",
    "eye_left",
    "eye_right",
    "nose",
    "mouth",
    "hair",
    "clothes",
    "prop",
)
# What the chapters ask about: "brows" is both of them and the skin between.
AREAS = ("brows", "eyes", "nose", "mouth", "other skin", "hair", "background", "lamp")


def find_areas(regions):
    """Turn region maps into masks of the areas that the chapters ask about.

    The brows are taken together with the skin between and just around them, where
    frowns are; so are the eyes and the mouth, by three pixels all around.

    Parameters
    ----------
    regions : uint8 array (n, height, width)
        Places in `REGIONS`.

    Returns
    -------
    dict of str to bool array (n, height, width)
        A key for each of `AREAS`; every pixel lies in one of them, but clothes in none.
    """
    places = {name: regions == number for number, name in enumerate(REGIONS)}
    # From the front: what is drawn first keeps the pixel.
    drawn = {
        "lamp": places["prop"],
        "eyes": _grow(places["eye_left"] | places["eye_right"]),
        "brows": _span(places["brow_left"] | places["brow_right"]),
        "mouth": _grow(places["mouth"]),
        "nose": places["nose"],
        "hair": places["hair"],
        "other skin": places["skin"],
        "background": places["background"],
    }
    free = ~places["clothes"]
    areas = {}
    for name, mask in drawn.items():
        areas[name] = mask & free
        free = free & ~mask
    areas["other skin"] |= free  # brows or eyes that others cover
    return {name: areas[name] for name in AREAS}


def _grow(masks):
    """Grow each mask by three pixels all around."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    return np.stack([cv2.dilate(mask.astype("uint8"), kernel) > 0 for mask in masks])


def _span(masks):
    """Return the convex hull of each mask, grown by three pixels."""
    hulls = np.zeros(masks.shape, "uint8")
    for hull, mask in zip(hulls, masks, strict=True):
        points = np.argwhere(mask)[:, ::-1].astype("int32")
        if len(points):
            cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return _grow(hulls > 0)
