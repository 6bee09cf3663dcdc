"""Heatmaps laid over their pictures: heat, shade and blur. Arrays in, arrays out."""

import cv2
import matplotlib
import numpy as np
from skimage.measure import find_contours

from helpers import figures

_SHIFT = 4  # binary digits after the point in the contour's corners


def normalize(heatmaps):
    """Bring each map to [0, 1]: cut it off below zero, divide by its own maximum.

    A map without a positive value becomes zeros.

    Parameters
    ----------
    heatmaps : float array (n, height, width)

    Returns
    -------
    float32 array (n, height, width)

    Raises
    ------
    ValueError
        If the array has not three axes, or holds NaN or infinity.
    """
    heatmaps = np.asarray(heatmaps, "float32")
    if heatmaps.ndim != 3:
        raise ValueError(
            "Heatmaps must have the shape (n, height, width), got "
            f"{heatmaps.shape}; add the missing axis with heatmap[None]."
        )
    if not np.isfinite(heatmaps).all():
        raise ValueError(
            "Heatmaps must be finite numbers, got NaN or infinity; look for a division "
            "by zero in the method that made them."
        )
    heatmaps = heatmaps.clip(min=0)
    peaks = heatmaps.max(axis=(1, 2), keepdims=True)
    return np.divide(heatmaps, peaks, out=np.zeros_like(heatmaps), where=peaks > 0)


def overlay_heat(images, heatmaps):
    """Lay the heat over the picture in colour; what is cold stays the picture.

    The colour map is perceptual, and the more heat, the more it covers. A thin line
    surrounds what has at least half of the strongest heat, so that the place can be
    read without colour too.

    Parameters
    ----------
    images : float array (n, height, width, 1 or 3), in [0, 1]
    heatmaps : float array (n, height, width)
        Raw; each map is brought to its own maximum.

    Returns
    -------
    float32 array (n, height, width, 3), in [0, 1]

    Raises
    ------
    ValueError
        If pictures and maps do not fit each other, or values are out of range.
    """
    colours, heat = _check(images, heatmaps)
    palette = matplotlib.colormaps[figures.HEAT](range(256))[:, :3].astype("float32")
    paint = palette[np.rint(255 * heat).astype(int)]
    cover = 0.65 * _ease(heat, 0.1, 0.7)[..., None]
    blended = (1 - cover) * colours + cover * paint
    outlined = [_outline(*pair) for pair in zip(blended, heat, strict=True)]
    return np.reshape(outlined, blended.shape)


def overlay_shade(images, heatmaps):
    """Leave the picture light where it is hot, and darken it where it is cold.

    Parameters, result and errors are those of `overlay_heat`.
    """
    colours, heat = _check(images, heatmaps)
    light = 0.15 + 0.85 * _ease(heat, 0.1, 0.8)[..., None]
    return colours * light


def overlay_blur(images, heatmaps):
    """Leave the picture sharp where it is hot; blur and dim it where it is cold.

    Parameters, result and errors are those of `overlay_heat`.
    """
    colours, heat = _check(images, heatmaps)
    sharp = _ease(heat, 0.1, 0.8)[..., None]
    blurred = np.reshape([_blur(image, 0.03) for image in colours], colours.shape)
    return sharp * colours + (1 - sharp) * 0.6 * blurred


STYLES = {"heat": overlay_heat, "shade": overlay_shade, "blur": overlay_blur}


def _check(images, heatmaps):
    """Return the pictures as float32 with three channels, and the normalised heat."""
    images, heat = np.asarray(images), _smooth(normalize(heatmaps))
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(
            "Pictures must have the shape (n, height, width, 1 or 3), got "
            f"{images.shape}; add the missing axis with image[None]."
        )
    if images.shape[:3] != heat.shape:
        raise ValueError(
            f"Each picture needs a heatmap of its own size, got pictures "
            f"{images.shape} and heatmaps {heat.shape}; resize the heatmaps."
        )
    if not (images.min(initial=0) >= 0 and images.max(initial=0) <= 1):
        raise ValueError(
            f"Pictures must lie in [0, 1], got values from {images.min():.3g} to "
            f"{images.max():.3g}; undo the network's own scaling first."
        )
    three = np.broadcast_to(images, (*heat.shape, 3))
    return three.astype("float32"), heat


def _smooth(heat):
    """Spread each map by 2 % of its shorter side: an eye sees areas, not specks."""
    return normalize(np.reshape([_blur(one, 0.02) for one in heat], heat.shape))


def _blur(image, share):
    """Blur by a share of the shorter side; a large picture is made smaller for it."""
    height, width = image.shape[:2]
    spread = share * min(height, width)
    step = max(1, int(spread / 8))
    small = (-(-width // step), -(-height // step))
    image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(image, (0, 0), spread / step), (width, height))


def _ease(heat, start, end):
    """Rise from 0 at `start` to 1 at `end` without a corner (smoothstep)."""
    share = ((heat - start) / (end - start)).clip(0, 1)
    return share * share * (3 - 2 * share)


def _outline(image, heat):
    """Draw a white line with a dark edge around what is at least half as hot."""
    thin = max(1, round(min(heat.shape) / 300))
    # A border of zeros closes the lines of what is hot at the picture's edge.
    corners = [
        (line[:, ::-1] - 1).clip(0, np.subtract(heat.shape[::-1], 1))
        for line in find_contours(np.pad(heat, 1), 0.5)
    ]
    lines = [np.rint(line * 2**_SHIFT).astype("int32") for line in corners]
    for strength, value, thickness in ((0.5, 0, 2 * thin + 1), (1, 1, thin)):
        drawn = np.zeros(heat.shape, "uint8")
        cv2.polylines(drawn, lines, False, 255, thickness, cv2.LINE_AA, _SHIFT)
        cover = strength / 255 * drawn[..., None].astype("float32")
        image = (1 - cover) * image + cover * value
    return image
