"""The sheet on which a face is drawn: its grid, its places, and the plain shapes.

Everything is float32. Lengths are in face units: one unit is half the width of the
cheeks, the origin lies on the bridge of the nose between the eyes, x grows to the
right of the picture and y downwards.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from data_scripts.rendering.shading import smooth_step

__all__ = [
    "Grid",
    "blend",
    "draw_bump",
    "draw_line",
    "draw_polygon",
    "draw_ribbon",
    "fill_between",
    "make_grid",
    "make_texture",
    "mesh",
    "smooth_step",
    "soften",
    "to_linear",
]

LEFT, RIGHT, TOP, BOTTOM = -2.3, 2.3, -1.95, 2.6
TEXTURE_SIZE = 512
_SUBPIXEL_BITS = 4


class Grid(NamedTuple):
    """Pixel centres of the sheet in face units, and the pixels to a unit."""

    x: np.ndarray  # float32 (width,)
    y: np.ndarray  # float32 (height,)
    fineness: float


def make_grid(fineness):
    """Lay out the sheet, x from -2.3 to 2.3 and y from -1.95 to 2.6.

    Parameters
    ----------
    fineness : float
        Pixels to a unit: 60 for a film, 150 for a portrait.

    Returns
    -------
    Grid
    """
    width = round((RIGHT - LEFT) * fineness)
    height = round((BOTTOM - TOP) * fineness)
    x = (np.arange(width, dtype="float32") + 0.5) / np.float32(fineness) + LEFT
    y = (np.arange(height, dtype="float32") + 0.5) / np.float32(fineness) + TOP
    return Grid(x.astype("float32"), y.astype("float32"), float(fineness))


def mesh(grid):
    """Return x and y of every pixel, two float32 arrays (height, width)."""
    return np.meshgrid(grid.x, grid.y)


def to_linear(colour):
    """Turn sRGB values 0 to 255 into linear light 0 to 1, float32 of the same shape."""
    values = np.asarray(colour, dtype="float32") / np.float32(255)
    return np.where(
        values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    ).astype("float32")


def blend(under, over, share):
    """Lay `over` on `under`: colours (..., 3) or fields, by `share` (...) in [0, 1]."""
    under, over = np.asarray(under), np.asarray(over)
    if max(under.ndim, over.ndim) > np.ndim(share):
        share = share[..., None]
    return under + (over - under) * share


def draw_bump(grid, x, y, width, height):
    """Draw a round Gaussian hill: 1 at (x, y), `width` and `height` its deviations."""
    across = np.exp(np.float32(-0.5) * np.square((grid.x - x) / np.float32(width)))
    down = np.exp(np.float32(-0.5) * np.square((grid.y - y) / np.float32(height)))
    return np.outer(down, across).astype("float32", copy=False)


def draw_line(grid, points, width, blur=0.0, closed=False):
    """Draw a smooth-edged line through `points`.

    Parameters
    ----------
    grid : Grid
    points : array-like (n, 2)
        x and y in face units.
    width : float
        In face units; never thinner than a pixel.
    blur : float
        Standard deviation of a Gaussian in face units.
    closed : bool
        Join the last point to the first.

    Returns
    -------
    float32 array (height, width) in [0, 1]
    """
    sheet = np.zeros((len(grid.y), len(grid.x)), "uint8")
    thickness = max(1, round(width * grid.fineness))
    places = [_place_points(grid, points)]
    cv2.polylines(
        sheet, places, closed, 255, thickness, cv2.LINE_AA, shift=_SUBPIXEL_BITS
    )
    return soften(sheet.astype("float32") / np.float32(255), blur, grid)


def draw_polygon(grid, points, blur=0.0):
    """Fill the polygon through `points` (n, 2), its edge smooth; see `draw_line`."""
    sheet = np.zeros((len(grid.y), len(grid.x)), "uint8")
    places = [_place_points(grid, points)]
    cv2.fillPoly(sheet, places, 255, cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    return soften(sheet.astype("float32") / np.float32(255), blur, grid)


def draw_ribbon(grid, curve, width, strength=1.0):
    """Draw a soft band along the curve y(x): a Gaussian of deviation `width` across it.

    Parameters
    ----------
    grid : Grid
    curve : float32 array (width of the sheet,)
    width : float
    strength : float or float32 array (width of the sheet,)

    Returns
    -------
    float32 array (height, width)
    """
    away = (grid.y[:, None] - curve[None]) * np.float32(1 / width)
    return np.exp(np.float32(-0.5) * away * away) * strength


def fill_between(grid, above, below, softness=1.0):
    """Fill what lies between two curves y(x), edges `softness` pixels soft."""
    edge = np.float32(grid.fineness / softness)
    under = np.clip((grid.y[:, None] - above[None]) * edge + 0.5, 0, 1)
    over = np.clip((below[None] - grid.y[:, None]) * edge + 0.5, 0, 1)
    return under * over


def soften(field, reach, grid):
    """Blur a field or a picture by a Gaussian of deviation `reach`, in face units."""
    if reach <= 0:
        return field
    return cv2.GaussianBlur(field, (0, 0), float(reach * grid.fineness))


@lru_cache(maxsize=64)
def make_texture(seed, softness):
    """Draw a tile of smooth noise, mean 0 and deviation 1, that repeats without seam.

    Parameters
    ----------
    seed : int
    softness : float
        Standard deviation of the Gaussian that smooths it, in pixels of the tile.

    Returns
    -------
    float32 array (512, 512), shared: do not write into it
    """
    noise = np.random.default_rng(seed).standard_normal(
        (TEXTURE_SIZE, TEXTURE_SIZE), dtype="float32"
    )
    margin = int(4 * softness) + 1
    padded = np.pad(noise, margin, mode="wrap")
    if softness > 0:
        padded = cv2.GaussianBlur(padded, (0, 0), float(softness))
    tile = padded[margin:-margin, margin:-margin]
    tile = (tile - tile.mean()) / tile.std()
    tile.setflags(write=False)
    return tile


def _place_points(grid, points):
    """Return the points in cv2's fixed-point pixels."""
    points = np.asarray(points, dtype="float64")
    pixels = (points - (grid.x[0], grid.y[0])) * grid.fineness
    return np.round(pixels * 2**_SUBPIXEL_BITS).astype("int32")
