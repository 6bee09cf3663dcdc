"""Things in the foreground, nearly in focus: a lit table lamp, and things beside it.

A prop stands on a table's edge that is drawn with it. It is drawn before the actors, at
three times the frame's fineness. Lengths are in units of the actors' faces.
"""

from typing import NamedTuple

import cv2
import numpy as np
from scipy import ndimage

from data_scripts.rendering.stage import make_noise, mix

_FINENESS = 3  # fine pixels to a pixel of the frame, each way
_TABLE = 0.92  # the table's top lies so far below the middle of a lamp's shade
_REACH = 2.4  # nothing changes farther away than this


class _Lamp(NamedTuple):
    """A kind of lamp: the shade's half widths and height, its tint, and its base."""

    top: float
    bottom: float
    tall: float
    bulge: float
    tint: tuple
    base: tuple  # (depth below the shade's middle, half width), from the top down
    colour: tuple
    gloss: float


_VASE = (
    (0.2, 0.025), (0.34, 0.03), (0.38, 0.07), (0.46, 0.15), (0.56, 0.2),
    (0.68, 0.19), (0.8, 0.11), (0.84, 0.1), (0.86, 0.15), (0.92, 0.16),
)  # fmt: skip
_STEM = (
    (0.2, 0.022), (0.42, 0.022), (0.44, 0.05), (0.47, 0.05), (0.49, 0.022),
    (0.78, 0.028), (0.82, 0.07), (0.86, 0.17), (0.9, 0.2), (0.92, 0.2),
)  # fmt: skip
_GOURD = (
    (0.2, 0.022), (0.3, 0.022), (0.33, 0.05), (0.4, 0.1), (0.48, 0.09), (0.52, 0.07),
    (0.6, 0.15), (0.7, 0.19), (0.82, 0.16), (0.88, 0.12), (0.92, 0.13),
)  # fmt: skip
LAMPS = (
    _Lamp(0.2, 0.36, 0.55, 0.0, (1.0, 0.74, 0.40), _VASE, (0.52, 0.45, 0.35), 0.6),
    _Lamp(0.29, 0.35, 0.52, 0.0, (1.0, 0.80, 0.50), _STEM, (0.10, 0.3, 0.55), 0.9),
    _Lamp(0.16, 0.37, 0.55, 0.05, (1.0, 0.70, 0.34), _GOURD, (0.03, 0.5, 0.5), 0.5),
    _Lamp(0.22, 0.35, 0.56, -0.035, (1.0, 0.77, 0.46), _STEM, (0.07, 0.6, 0.32), 0.4),
    _Lamp(0.33, 0.35, 0.5, 0.0, (1.0, 0.72, 0.38), _VASE, (0.1, 0.1, 0.78), 0.7),
    _Lamp(0.24, 0.37, 0.55, 0.03, (1.0, 0.78, 0.44), _GOURD, (0.58, 0.45, 0.3), 0.7),
)


class _Patch(NamedTuple):
    """A fine copy of a part of a frame: places in face units, and the light there."""

    window: tuple
    x: np.ndarray
    y: np.ndarray
    light: np.ndarray
    fineness: np.float32
    light_side: np.float32
    ambient: np.ndarray


def place_lamp(frame, x, y, size, style=0):
    """Set a lit table lamp before a set, on the edge of a table.

    Parameters
    ----------
    frame : float32 array (h, w, 3)
        Linear light; changed in place.
    x, y : float
        The middle of the shade, in pixels.
    size : float
        Pixels of one face unit. The shade is about 0.7 units wide.
    style : int
        Which of the `LAMPS`.

    Returns
    -------
    bool array (h, w)
        True on the shade and the base.
    """
    patch = _open_patch(frame, x, y, size)
    lamp, _ = _draw_lamp(patch, style)
    _close_patch(frame, patch)
    return _shrink_cover(frame.shape, patch, lamp) > 0.5


def find_cover(shape, x, y, size, style=0):
    """Find how much of each pixel a lamp and its table cover, without the lamp's glow.

    Whatever stands behind the table is hidden by so much.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the frame.
    x, y, size, style
        As for `place_lamp`.

    Returns
    -------
    float32 array (h, w) in [0, 1]
    """
    frame = np.zeros((*shape[:2], 3), "float32")
    patch = _open_patch(frame, x, y, size)
    return _shrink_cover(shape, patch, np.maximum(*_draw_lamp(patch, style)))


def _draw_lamp(patch, style):
    """Draw a lamp on its table; return the cover of the lamp and that of the table."""
    lamp = LAMPS[style % len(LAMPS)]
    distance = np.hypot(patch.x, patch.y)
    fade = np.clip((_REACH - distance) / 0.6, 0, 1)
    halo = 0.15 * np.exp(-((distance / 0.5) ** 2)) + 0.075 * np.exp(-distance / 0.55)
    tint = np.array(lamp.tint, "float32")
    patch.light[...] += (fade * halo)[..., None] * tint
    table = _draw_table(patch, style, tint)
    base = _draw_base(patch, lamp, tint)
    return np.maximum(base, _draw_shade(patch, lamp, tint)), table


def place_prop(generator, frame, x, y, size):
    """Set something that means nothing before a set: where a lamp might have stood.

    Parameters
    ----------
    generator : numpy.random.Generator
    frame : float32 array (h, w, 3)
        Linear light; changed in place.
    x, y : float
        Where the middle of a lamp's shade would be, in pixels.
    size : float
        Pixels of one face unit.

    Returns
    -------
    float32 array (h, w) in [0, 1]
        How much of each pixel the thing and its table cover.
    """
    patch = _open_patch(frame, x, y, size)
    table = _draw_table(patch, int(generator.integers(len(LAMPS))), None)
    draw = (_draw_vase, _draw_books, _draw_cup, _draw_plant, _draw_telephone)
    thing = draw[generator.integers(len(draw))](patch, generator)
    _close_patch(frame, patch)
    return _shrink_cover(frame.shape, patch, np.maximum(thing, table))


def _open_patch(frame, x, y, size):
    height, width = frame.shape[:2]
    left, right = (int(np.clip(x + side * _REACH * size, 0, width)) for side in (-1, 1))
    left, right = min(left, width - 1), max(right, min(left, width - 1) + 1)
    top = int(np.clip(y - _REACH * size, 0, height - 1))
    window = (slice(top, height), slice(left, right))
    light = cv2.resize(
        frame[window], None, fx=_FINENESS, fy=_FINENESS, interpolation=cv2.INTER_LINEAR
    )
    across = (np.arange(light.shape[1], dtype="float32") + 0.5) / _FINENESS + left - x
    down = (np.arange(light.shape[0], dtype="float32") + 0.5) / _FINENESS + top - y
    columns = frame.mean(axis=(0, 2))
    balance = columns[width // 2 :].mean() - columns[: width // 2].mean()
    tint = frame.reshape(-1, 3).mean(axis=0)
    level = np.clip(3 * tint.mean(), 0.28, 0.9)
    tint = 0.5 + 0.5 * tint / (tint.mean() + 1e-6)
    return _Patch(
        window,
        across[None] / np.float32(size),
        down[:, None] / np.float32(size),
        light,
        np.float32(size * _FINENESS),
        np.float32(np.sign(balance)),
        (tint * level).astype("float32"),
    )


def _close_patch(frame, patch):
    """Put the patch back; where nothing was drawn the set stays as it was."""
    rows, columns = patch.window
    size = (columns.stop - columns.start, rows.stop - rows.start)
    before = cv2.resize(frame[patch.window], None, fx=_FINENESS, fy=_FINENESS)
    added = cv2.GaussianBlur(patch.light - before, (0, 0), 0.4 * _FINENESS)
    frame[patch.window] += cv2.resize(added, size, interpolation=cv2.INTER_AREA)


def _shrink_cover(shape, patch, cover):
    """Bring a patch's cover to the fineness of the frame, float32 (h, w)."""
    rows, columns = patch.window
    size = (columns.stop - columns.start, rows.stop - rows.start)
    whole = np.zeros(shape[:2], "float32")
    cover = cover.astype("float32")
    whole[patch.window] = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)
    return whole


def _paint(patch, cover, colour):
    patch.light[...] += cover[..., None] * (colour - patch.light)


def _edge(patch, inside):
    """Turn a distance inside an edge, in units, into smooth cover from 0 to 1."""
    return np.clip(inside * patch.fineness / 1.5 + 0.5, 0, 1)


def _turn(patch, middle, profile, bend=0.05):
    """Turn a profile round an upright axis.

    Parameters
    ----------
    patch : _Patch
    middle : float
        Where the axis is.
    profile : sequence of (float, float)
        Depth and half width, from the top down.
    bend : float
        How round the rims look: the ratio of a ring's height to its width.

    Returns
    -------
    (cover, across, slope)
        `across` runs from -1 to 1 over the piece, `slope` says how much it looks up.
    """
    depth, wide = np.array(profile, "float32").T
    right = patch.x - middle
    # A ring seen from a little above bends down in its middle.
    round_off = np.sqrt(np.clip(1 - (right / wide.max()) ** 2, 0, 1))
    down = patch.y - bend * wide.max() * (round_off - 0.6)
    radius = np.interp(down, depth, wide).astype("float32")
    slope = np.interp(
        down, depth, np.gradient(wide, depth + np.arange(len(depth)) * 1e-5)
    )
    cover = _edge(patch, radius - np.abs(right))
    cover *= _edge(patch, down - depth[0]) * _edge(patch, depth[-1] - down)
    return cover, np.clip(right / (radius + 1e-6), -1, 1), slope.astype("float32")


def _shade_turned(patch, across, slope, colour, gloss, glow=None):
    """Light a turned piece: round all about, a highlight, and a lamp above it."""
    front = np.sqrt(1 - across**2)
    up = slope / np.sqrt(1 + slope**2)
    key = np.clip(0.62 * front + 0.5 * across * patch.light_side + 0.25 * up, 0, 1)
    light = (0.35 * (0.6 + 0.4 * front) + key)[..., None] * patch.ambient
    if glow is not None:
        fall = np.exp(-np.clip(patch.y - 0.3, 0, None) / 0.35)
        light = light + ((0.25 + 0.9 * np.clip(up, 0, 1)) * fall)[..., None] * glow
    shine = np.exp(-(((across - 0.45 * (patch.light_side or 1)) / 0.13) ** 2))
    shine = gloss * shine[..., None] * patch.ambient * 0.7
    return colour * light + shine


def _draw_table(patch, style, glow):
    """Draw the table's edge: a sideboard or a round table, its top seen from above."""
    generator = np.random.default_rng(style)
    noise = make_noise(generator)
    wood = mix(
        generator.uniform(0.05, 0.085),
        generator.uniform(0.4, 0.65),
        0.36 + 0.08 * (style % 4),
    )
    back, front = _TABLE - 0.075, _TABLE + 0.075
    shape = np.broadcast_shapes(patch.x.shape, patch.y.shape)
    grain = noise(
        np.broadcast_to(patch.y * 26, shape).ravel(),
        np.broadcast_to(patch.x * 2.2, shape).ravel(),
    )
    colour = wood * (1 + 0.1 * grain.reshape(shape))[..., None]
    pool = 0.0
    if glow is not None:
        spot = (patch.x / 0.75) ** 2 + ((patch.y - _TABLE) / 0.3) ** 2
        pool = (1.5 * np.exp(-spot))[..., None] * glow
    foot = (patch.x / 0.27) ** 2 + ((patch.y - _TABLE - 0.01) / 0.05) ** 2
    contact = (1 - 0.55 * np.exp(-(foot**2)))[..., None]
    top_light = (patch.ambient * 1.25 + pool) * contact
    front_light = patch.ambient * 0.8 + 0.12 * pool
    if style % 2:
        half = 0.95 + 0.1 * (style % 3)
        rim = np.sqrt(np.clip(1 - (patch.x / half) ** 2, 0, 1))
        low = _TABLE + 0.075 * rim
        board = _edge(patch, patch.y - (_TABLE - 0.075 * rim)) * _edge(
            patch, low - patch.y
        )
        edge = _edge(patch, patch.y - low) * _edge(patch, low + 0.07 - patch.y)
        edge *= _edge(patch, half - np.abs(patch.x))
        stem, across, slope = _turn(
            patch,
            0,
            ((_TABLE, 0.12), (1.15, 0.09), (1.3, 0.07), (1.6, 0.13), (2.4, 0.1)),
        )
        _paint(patch, stem, _shade_turned(patch, across, slope, colour * 0.6, 0.2))
        _paint(patch, edge, colour * front_light)
        _paint(patch, board, colour * top_light)
        return np.maximum(np.maximum(stem, edge), board)
    left, right = -0.95 - 0.1 * (style % 3), 1.15 + 0.15 * (style % 5)
    lean = (front - patch.y) / (front - back) * 0.06
    board = _edge(patch, patch.y - back) * _edge(patch, front - patch.y)
    board = board * _edge(patch, patch.x - left - lean)
    board *= _edge(patch, right - lean - patch.x)
    edge = _edge(patch, patch.y - front) * _edge(patch, front + 0.07 - patch.y)
    edge = edge * _edge(patch, patch.x - left) * _edge(patch, right - patch.x)
    body = _edge(patch, patch.y - front - 0.05)
    body = (
        body
        * _edge(patch, patch.x - left - 0.05)
        * _edge(patch, right - 0.05 - patch.x)
    )
    shadow = 0.6 + 0.4 * np.clip((patch.y - front - 0.07) / 0.12, 0, 1)
    run = (patch.x - left) % 0.72
    seam = 1 - 0.5 * np.exp(-(((run - 0.36) / 0.012) ** 2))
    drawer = 1 - 0.4 * np.exp(-(((patch.y - front - 0.42) / 0.012) ** 2))
    body_light = front_light * (shadow * seam * drawer)[..., None]
    _paint(patch, body, 0.85 * colour * body_light)
    _paint(patch, edge, colour * front_light * 1.15)
    _paint(patch, board, colour * top_light)
    return np.maximum(np.maximum(body, edge), board)


def _draw_base(patch, lamp, glow):
    cover, across, slope = _turn(patch, 0, lamp.base, 0.09)
    colour = mix(*lamp.colour)
    _paint(patch, cover, _shade_turned(patch, across, slope, colour, lamp.gloss, glow))
    return cover


def _draw_shade(patch, lamp, glow):
    """Draw the shade: cloth lit from inside, brightest before the bulb."""
    share = np.linspace(0, 1, 9)
    wide = lamp.top + (lamp.bottom - lamp.top) * share
    wide = wide + lamp.bulge * np.sin(np.pi * share)
    profile = tuple(zip(lamp.tall * (share - 0.5), wide, strict=True))
    cover, across, _ = _turn(patch, 0, profile, 0.1)
    down = patch.y / lamp.tall
    bulb = np.exp(-((across / 0.62) ** 2) - ((down - 0.12) / 0.42) ** 2)
    level = (0.5 + 1.05 * bulb) * (0.72 + 0.28 * np.sqrt(1 - across**2))
    level = level * (1 + 0.025 * np.sin(across * 70) * np.sqrt(1 - across**2))
    bend = 0.1 * lamp.bottom * np.sqrt(1 - across**2)
    for edge, thick in ((-0.5, 0.035), (0.5, 0.035)):
        rim = np.abs(patch.y - edge * lamp.tall - bend * (0.5 if edge < 0 else 0.85))
        level = level * (1 - 0.32 * np.exp(-((rim / thick) ** 2)))
    # Thicker cloth shines redder.
    colour = level[..., None] * glow * (0.95 + 0.05 * level[..., None])
    colour[..., 2] *= 0.8 + 0.25 * bulb
    opening = (patch.x / lamp.top) ** 2 + ((patch.y + 0.5 * lamp.tall) / 0.03) ** 2
    hole = _edge(patch, (1 - np.sqrt(opening)) * 0.03)
    _paint(patch, hole, np.float32(1.25) * glow)
    _paint(patch, cover, colour)
    return np.maximum(cover, hole)


def _draw_colour(generator):
    return mix(
        generator.random(), generator.uniform(0.1, 0.5), generator.uniform(0.35, 0.75)
    )


def _draw_vase(patch, generator, height=None):
    height = generator.uniform(0.45, 0.8) if height is None else height
    shape = (
        ((0, 0.1), (0.12, 0.07), (0.4, 0.2), (0.7, 0.24), (1, 0.13)),
        ((0, 0.09), (0.3, 0.08), (0.6, 0.16), (0.85, 0.17), (1, 0.12)),
        ((0, 0.15), (0.2, 0.19), (0.6, 0.21), (1, 0.17)),
    )[generator.integers(3)]
    wide = generator.uniform(0.8, 1.15)
    profile = [(_TABLE - height * (1 - down), half * wide) for down, half in shape]
    depth, half = np.array(profile).T
    fine = np.linspace(depth[0], depth[-1], 25)
    smooth = ndimage.uniform_filter1d(np.interp(fine, depth, half), 5, mode="nearest")
    profile = np.stack([fine, smooth], axis=1)
    cover, across, slope = _turn(patch, 0, profile, 0.1)
    colour = _draw_colour(generator)
    _paint(
        patch,
        cover,
        _shade_turned(patch, across, slope, colour, generator.uniform(0.1, 0.8)),
    )
    return cover


def _draw_books(patch, generator):
    mask = np.zeros(np.broadcast_shapes(patch.x.shape, patch.y.shape), "float32")
    low = _TABLE + 0.02
    for _ in range(generator.integers(2, 6)):
        thick, half = generator.uniform(0.07, 0.13), generator.uniform(0.32, 0.44)
        shift = generator.uniform(-0.06, 0.06)
        inside = np.minimum(
            half - np.abs(patch.x - shift),
            thick / 2 - np.abs(patch.y - low + thick / 2),
        )
        cover = _edge(patch, inside)
        edge = np.clip((patch.y - low + thick) / thick, 0, 1)
        light = (
            0.6 + 0.45 * np.sin(np.pi * edge) + 0.12 * patch.light_side * patch.x / half
        )
        colour = _draw_colour(generator) * light[..., None] * patch.ambient
        band = np.exp(-(((np.abs(patch.x - shift) - 0.7 * half) / 0.012) ** 2))
        colour = colour * (1 + 1.2 * band[..., None])
        _paint(patch, cover, colour)
        mask = np.maximum(mask, cover)
        low -= thick
    return mask


def _draw_cup(patch, generator):
    colour = mix(
        generator.random(), generator.uniform(0.05, 0.5), generator.uniform(0.6, 0.9)
    )
    side = generator.choice([-1, 1])
    ring = np.hypot(patch.x - side * 0.19, (patch.y - _TABLE + 0.17) * 0.9)
    handle = _edge(patch, 0.022 - np.abs(ring - 0.085))
    _paint(patch, handle, colour * patch.ambient * 0.8)
    profile = (
        (_TABLE - 0.34, 0.19),
        (_TABLE - 0.1, 0.18),
        (_TABLE - 0.02, 0.14),
        (_TABLE + 0.02, 0.12),
    )
    cover, across, slope = _turn(patch, 0, profile, 0.1)
    _paint(patch, cover, _shade_turned(patch, across, slope, colour, 0.5))
    rim = np.hypot(patch.x / 0.185, (patch.y - _TABLE + 0.345) / 0.022)
    _paint(patch, _edge(patch, (1 - rim) * 0.022), colour * patch.ambient * 0.45)
    return np.maximum(cover, handle)


def _draw_plant(patch, generator):
    mask = np.zeros(np.broadcast_shapes(patch.x.shape, patch.y.shape), "float32")
    green = mix(
        generator.uniform(0.22, 0.4),
        generator.uniform(0.4, 0.65),
        generator.uniform(0.4, 0.6),
    )
    slender = generator.uniform(0.12, 0.3)
    for _ in range(generator.integers(16, 34)):
        angle = generator.normal(-np.pi / 2, 0.75)
        start, long = generator.uniform(0, 0.3), generator.uniform(0.18, 0.36)
        x = (start + long) * np.cos(angle)
        y = _TABLE - 0.33 + (start + long) * np.sin(angle)
        right, down = patch.x - x, patch.y - y
        along = (right * np.cos(angle) + down * np.sin(angle)) / long
        off = (down * np.cos(angle) - right * np.sin(angle)) / long
        half = slender * (1 - along**2) * (1 - 0.3 * along)
        cover = _edge(patch, (half - np.abs(off)) * long) * (np.abs(along) < 1)
        tone = generator.uniform(0.5, 1.3) * (1 - 0.25 * (off > 0))
        tone = tone * (1 - 0.25 * np.exp(-((off / 0.02) ** 2)))
        _paint(patch, cover, green * tone[..., None] * patch.ambient)
        mask = np.maximum(mask, cover)
    profile = (
        (_TABLE - 0.36, 0.2),
        (_TABLE - 0.29, 0.2),
        (_TABLE - 0.285, 0.175),
        (_TABLE + 0.02, 0.13),
    )
    cover, across, slope = _turn(patch, 0, profile, 0.08)
    _paint(
        patch,
        cover,
        _shade_turned(patch, across, slope * 0, _draw_colour(generator), 0.2),
    )
    return np.maximum(mask, cover)


def _draw_telephone(patch, generator):
    """Draw an old telephone: a body, a dial, and the receiver across it."""
    colour = mix(
        generator.random(), generator.uniform(0.1, 0.6), generator.uniform(0.3, 0.75)
    )
    profile = (
        (_TABLE - 0.3, 0.13),
        (_TABLE - 0.18, 0.17),
        (_TABLE - 0.04, 0.3),
        (_TABLE + 0.02, 0.31),
    )
    body, across, slope = _turn(patch, 0, profile, 0.04)
    _paint(patch, body, _shade_turned(patch, across, slope * 0.3, colour, 0.3))
    dial = np.hypot(patch.x, (patch.y - _TABLE + 0.12) * 1.15)
    _paint(patch, _edge(patch, 0.095 - dial), 0.8 * patch.ambient)
    _paint(patch, _edge(patch, 0.05 - dial), colour * patch.ambient)
    arch = _TABLE - 0.37 + 0.22 * patch.x**2
    bar = _edge(patch, 0.045 - np.abs(patch.y - arch)) * _edge(
        patch, 0.36 - np.abs(patch.x)
    )
    ends = np.hypot((np.abs(patch.x) - 0.33) / 1.15, patch.y - _TABLE + 0.31)
    bar = np.maximum(bar, _edge(patch, 0.085 - ends))
    light = 0.75 - 3.0 * (patch.y - arch)
    _paint(patch, bar, colour * np.clip(light, 0.3, 1.2)[..., None] * patch.ambient)
    return np.maximum(body, bar)
