"""Light on a landscape of heights: how a drawn scene becomes a photograph.

A scene is seen from above. Each point has a height (in fine pixels), a colour (linear
light, 0 to 1) and a gloss (0 matt to 1 polished). A warm lamp shines from one side, a
cool sky from everywhere; heights throw soft shadows and darken the corners between
them; film gives the picture its curve and its grain.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import ndimage

FINENESS = 4  # fine pixels to a side of a picture's pixel


class Lamp(NamedTuple):
    """A warm lamp and a cool sky: directions in radians, colours in linear light."""

    azimuth: float
    elevation: float
    colour: np.ndarray
    sky: np.ndarray
    softness: float


def draw_lamp(generator):
    """Choose a lamp: its direction, its warmth, how soft its shadows are."""
    warmth = generator.uniform(0.3, 1.0)
    return Lamp(
        azimuth=generator.uniform(0, 2 * np.pi),
        elevation=np.radians(generator.uniform(32, 58)),
        colour=_colour(1.0, 1 - 0.08 * warmth, 1 - 0.24 * warmth)
        * generator.uniform(1.2, 1.5),
        sky=_colour(0.80, 0.92, 1.10) * generator.uniform(0.26, 0.4),
        softness=generator.uniform(0.12, 0.4),
    )


def to_linear(code):
    """Turn a colour written as "#rrggbb" into linear light, float32 (3, 1, 1)."""
    values = np.array([int(code[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(
        values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4
    )
    return linear.astype("float32").reshape(3, 1, 1)


def make_noise(generator, size, cells):
    """Draw smooth noise: random values on a coarse grid, joined by a cubic spline.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : int
        Pixels to a side.
    cells : int or (int, int)
        Cells of the coarse grid, down and across.

    Returns
    -------
    float32 array (size, size), mean about 0, standard deviation about 1
    """
    down, across = np.broadcast_to(cells, 2)
    coarse = generator.standard_normal((down + 3, across + 3), dtype="float32")
    weights = _spline_weights(size, int(down)), _spline_weights(size, int(across))
    return 2.0 * (weights[0] @ coarse @ weights[1].T)


def make_rough_noise(generator, size, cells, octaves=4):
    """Draw fractal noise: each octave has twice the cells and half the height."""
    return sum(
        make_noise(generator, size, cells * 2**octave) / 2**octave
        for octave in range(octaves)
    )


def smooth_step(values, start, end):
    """Go from 0 at `start` to 1 at `end`, flat at both ends."""
    share = np.clip((values - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)


def shade(height, albedo, gloss, lamp):
    """Light a scene.

    Parameters
    ----------
    height : float32 array (n, n)
        In pixels of this grid, ground at about 0.
    albedo : float32 array (3, n, n)
        Linear colour.
    gloss : float32 array (n, n)
    lamp : Lamp

    Returns
    -------
    float32 array (3, n, n) of linear light
    """
    across, up, facing = _find_normals(height)
    level = np.cos(lamp.elevation)
    towards = (
        np.float32(level * np.cos(lamp.azimuth)),
        np.float32(level * np.sin(lamp.azimuth)),
        np.float32(np.sin(lamp.elevation)),
    )
    slant = across * towards[0] + up * towards[1] + facing * towards[2]
    lit = np.clip(slant * 0.88 + 0.12, 0, None) * _cast_shadows(height, lamp)
    open_sky = _find_open_sky(height)
    ambient = open_sky * (0.62 + 0.38 * facing)
    coloured = albedo * (lit * lamp.colour + ambient * lamp.sky)
    # What is lit shines back on its neighbours, in its own colour.
    glow = ndimage.gaussian_filter(shrink(coloured), (0, 5, 5), truncate=3)
    coloured += albedo * enlarge(glow) * (0.5 - 0.4 * open_sky * facing)
    return coloured + _find_highlights(across, up, facing, gloss, lit, towards, lamp)


def expose(light, generator, grain):
    """Turn linear light into a picture: lens, film curve, vignette and grain.

    Parameters
    ----------
    light : float32 array (3, n, n)
    generator : numpy.random.Generator
    grain : float
        Standard deviation of the film's grain.

    Returns
    -------
    float32 array (n / FINENESS, n / FINENESS, 3) in [0, 1]
    """
    light = shrink(light)
    halo = ndimage.gaussian_filter(np.clip(light - 0.9, 0, 3), (0, 3, 3), truncate=3)
    size = light.shape[-1]
    place = (np.arange(size, dtype="float32") + 0.5) / size * 2 - 1
    light = (light + 0.25 * halo) * (1 - 0.11 * (place[:, None] ** 2 + place**2))
    # The film curve of ACES, in the short form of K. Narkowicz (2015).
    film = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    film = np.clip(film, 0, 1)
    picture = np.where(
        film <= 0.0031308, 12.92 * film, 1.055 * film ** (1 / 2.4) - 0.055
    )
    speckle = generator.standard_normal((size, size), dtype="float32")
    picture += grain * 2 * ndimage.gaussian_filter(speckle, 0.6)
    return np.clip(picture, 0, 1).transpose(1, 2, 0).astype("float32")


def _colour(red, green, blue):
    return np.array([red, green, blue], "float32").reshape(3, 1, 1)


def shrink(values):
    """Take the mean over blocks of `FINENESS` × `FINENESS` fine pixels."""
    rows = sum(values[..., place::FINENESS, :] for place in range(FINENESS))
    blocks = sum(rows[..., place::FINENESS] for place in range(FINENESS))
    return blocks / np.float32(FINENESS**2)


def enlarge(values):
    """Repeat each pixel as a block of `FINENESS` × `FINENESS` fine pixels."""
    return values.repeat(FINENESS, axis=-2).repeat(FINENESS, axis=-1)


@lru_cache(maxsize=64)
def _spline_weights(size, cells):
    """Return the uniform cubic B-spline's weights, (size, cells + 3)."""
    place = (np.arange(size) + 0.5) / size * cells
    weights = np.zeros((size, cells + 3), "float32")
    first = np.floor(place).astype(int)
    t = place - first
    basis = (
        (1 - t) ** 3,
        3 * t**3 - 6 * t**2 + 4,
        -3 * t**3 + 3 * t**2 + 3 * t + 1,
        t**3,
    )
    for offset, weight in enumerate(basis):
        weights[np.arange(size), first + offset] = weight / 6
    return weights


def _find_normals(height):
    """Return the surface's unit normals: to the right, upwards, towards the eye."""
    across = np.zeros_like(height)
    up = np.zeros_like(height)
    across[:, 1:-1] = (height[:, :-2] - height[:, 2:]) / 2
    up[1:-1] = (height[2:] - height[:-2]) / 2
    across, up = np.clip(across, -3, 3), np.clip(up, -3, 3)
    facing = 1 / np.sqrt(across * across + up * up + 1)
    return across * facing, up * facing, facing


def _cast_shadows(height, lamp):
    """Return the share of the lamp each point sees, by marching towards it.

    A point is dark where something on the way stands above the ray; how far above, by
    the distance, tells how much of the lamp's disc is hidden.
    """
    low = height[::2, ::2]
    size = len(low)
    rise = np.float32(np.tan(lamp.elevation))
    reach = max(int(low.max() / 2 / rise) + 2, 3)
    step_count = min(reach, 40)
    hidden = np.full_like(low, -1)
    right, down = np.cos(lamp.azimuth), -np.sin(lamp.azimuth)
    for step in np.linspace(1, reach, step_count):
        dx, dy = round(float(step * right)), round(float(step * down))
        here = (
            slice(max(-dy, 0), size - max(dy, 0)),
            slice(max(-dx, 0), size - max(dx, 0)),
        )
        there = (
            slice(max(dy, 0), size + min(dy, 0)),
            slice(max(dx, 0), size + min(dx, 0)),
        )
        distance = np.float32(np.hypot(dx, dy))
        above = (low[there] - low[here]) / 2 - distance * rise
        above /= lamp.softness * distance + 0.6
        np.maximum(hidden[here], above, out=hidden[here])
    lit = 1 - smooth_step(hidden, -0.6, 0.9)
    lit = ndimage.gaussian_filter(lit, 0.8, truncate=2.5)
    return np.repeat(np.repeat(lit, 2, axis=0), 2, axis=1)


def _find_open_sky(height):
    """Return how much sky each point sees: little where all around is higher."""
    low = shrink(height)
    hidden = np.zeros_like(height)
    for reach, weight in ((1.2, 0.3), (3.5, 0.35), (9, 0.35)):
        around = ndimage.gaussian_filter(low, reach, truncate=3)
        above = (enlarge(around) - height) * np.float32(1 / (reach * FINENESS))
        hidden += weight * np.clip(above, 0, 1.2)
    return 1 / (1 + 2.6 * hidden)


def _find_highlights(across, up, facing, gloss, lit, towards, lamp):
    """Return the mirrored lamp, a square soft box, and the sky on polished edges."""
    mirrored = 2 * facing
    right = mirrored * across - towards[0]
    above = mirrored * up - towards[1]
    width = 0.62 - 0.42 * gloss
    right, above = np.square(right / width), np.square(above / width)
    box = np.exp(-right * (right + 0.25) - above * (above + 0.25))
    lamp_light = gloss * gloss * 1.5 * box * np.clip(lit * 1.6, 0, 1)
    edge = 1 - facing
    rim = 0.35 * gloss * edge * edge * edge
    return lamp_light * (0.6 * lamp.colour) + rim * lamp.sky
