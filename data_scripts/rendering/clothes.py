"""Neck, shoulders and clothes of the film's actors.

A body is a landscape of heights: neck and shoulders, the cloth with its folds, collars
and seams on top. It is dressed once a person and lit for every frame:

    body = dress(identity, grid)
    colour = light_body(body, light)   # lay it on the frame by body.alpha
    body.cloth                         # 1 on clothes, 0 on skin
"""

from typing import NamedTuple

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from data_scripts.rendering.canvas import (
    blend,
    draw_bump,
    draw_line,
    draw_polygon,
    mesh,
    smooth_step,
    soften,
    to_linear,
)
from data_scripts.rendering.people import find_outline

# The garments that go with each collar; Identity.collar is a place in here.
GARMENTS = (
    ("t_shirt", "jumper", "hoodie"),
    ("blouse", "cardigan"),
    ("shirt", "jacket"),
)
_WHITE = (224, 221, 214)


class Body(NamedTuple):
    """A dressed body seen from the front, float32 on the grid.

    `alpha` (h, w); `cloth` (h, w), 1 on clothes, 0 on skin; `albedo` (h, w, 3) linear
    colour; `normal` (h, w, 3); `open` (h, w), 1 where nothing takes the sky's light;
    `head` (h, w), the blurred head, which throws its shadow on the neck; `fineness` in
    pixels a unit.
    """

    alpha: np.ndarray
    cloth: np.ndarray
    albedo: np.ndarray
    normal: np.ndarray
    open: np.ndarray
    head: np.ndarray
    fineness: float


class _Shape(NamedTuple):
    """The naked body: its alpha and height, what cloth hides, where shoulders begin."""

    alpha: np.ndarray
    height: np.ndarray
    bones: np.ndarray  # heights of cords and collar bones
    neck: float
    shoulder: np.ndarray  # y of the shoulder line over the columns


class _Cloth(NamedTuple):
    """One piece of cloth, to lay on what is below."""

    alpha: np.ndarray
    albedo: np.ndarray
    height: np.ndarray


def name_garment(identity):
    """Return what the person wears: one of the names in `GARMENTS`."""
    choices = GARMENTS[identity.collar]
    return choices[int(identity.seed) // 7 % len(choices)]


def dress(identity, grid):
    """Build a person's neck, shoulders and clothes.

    Parameters
    ----------
    identity : data_scripts.rendering.people.Identity
    grid : data_scripts.rendering.canvas.Grid

    Returns
    -------
    Body
    """
    generator = np.random.default_rng([int(identity.seed), 2])
    shape = _build_body(identity, grid)
    albedo = np.empty((*shape.alpha.shape, 3), "float32")
    albedo[:] = to_linear(identity.skin) * np.array([0.94, 0.90, 0.88], "float32")
    albedo *= 1 + 0.02 * _draw_noise(generator, grid, 60, 60)[..., None]
    height, cloth = shape.height, np.zeros_like(shape.alpha)
    garment = name_garment(identity)
    for piece in _DRESSERS[garment](identity, grid, shape, generator):
        albedo = blend(albedo, piece.albedo, piece.alpha)
        height = height + piece.alpha * piece.height
        cloth = np.maximum(cloth, piece.alpha)
    cloth = np.minimum(cloth, shape.alpha)
    height = height + shape.bones * (1 - soften(cloth, 0.03, grid))
    height = soften(height.astype("float32"), 0.008, grid)
    around = soften(height, 0.05, grid) - height, soften(height, 0.16, grid) - height
    hidden = np.clip(around[0] * 5, 0, 0.5) + np.clip(around[1] * 1.6, 0, 0.4)
    head = smooth_step(_find_reach(identity, grid), 1.02, 0.94)
    return Body(
        shape.alpha,
        cloth,
        albedo.astype("float32"),
        _find_normals(height, grid),
        np.clip(1 - hidden, 0.2, 1).astype("float32"),
        soften(head, 0.09, grid).astype("float32"),
        float(grid.fineness),
    )


def light_body(body, light):
    """Light a dressed body; the head's shadow falls on it.

    Parameters
    ----------
    body : Body
    light : data_scripts.rendering.faces.Light

    Returns
    -------
    float32 array (h, w, 3)
        Linear light, not multiplied by alpha.
    """
    direction = np.asarray(light.direction, "float32")
    direction = direction / np.linalg.norm(direction)
    slant = body.normal @ direction
    wrap = 0.18 + 0.12 * (1 - body.cloth)
    lit = np.clip((slant + wrap) / (1 + wrap), 0, 1) * (0.4 + 0.6 * body.open)
    move = np.array(
        [
            [1, 0, -0.34 * direction[0] * body.fineness],
            [0, 1, (0.10 - 0.28 * direction[1]) * body.fineness],
        ],
        "float32",
    )
    shadow = cv2.warpAffine(body.head, move, body.head.shape[::-1])
    shadow = 0.82 * np.maximum(shadow, 0.75 * body.head)
    lit = lit * (1 - shadow)
    sky = body.open * (0.72 - 0.28 * body.normal[..., 1]) * (1 - 0.55 * shadow)
    key = np.asarray(light.key, "float32")
    fill = np.asarray(light.fill, "float32") * np.float32(light.ambient)
    # Light comes back red out of skin that turns away from the lamp.
    bleed = (1 - body.cloth) * lit * (1 - lit)
    warm = np.array([0.22, 0.04, 0.02], "float32") * bleed[..., None]
    colour = body.albedo * ((lit[..., None] + warm) * key + sky[..., None] * fill)
    # A little light grazes the nap of the cloth.
    rim = np.clip(1 - body.normal[..., 2], 0, 1)
    fuzz = 0.25 * body.cloth * rim * rim * (0.3 + 0.7 * lit)
    return (colour * (1 + fuzz[..., None])).astype("float32")


# --- The body -----------------------------------------------------------------------


def _build_body(identity, grid):
    """Build the neck and the shoulders: trapezius, collar bones, the neck's cords."""
    x, y = mesh(grid)
    aside = np.abs(x)
    child = max(0.0, 1 - identity.age / 0.14)
    man = float(identity.masculine) * (1 - child)
    wide = 0.98 + 0.12 * man - 0.16 * child
    neck = 0.435 + 0.085 * man + 0.03 * identity.fullness - 0.05 * child
    line = PchipInterpolator(
        [0, neck, neck + 0.13, 0.95 * wide, 1.35 * wide, 1.62 * wide, 1.8 * wide, 2.6],
        [1.22, 1.34, 1.55, 1.71, 1.80, 1.93, 2.25, 5.5],
    )
    shoulder = line(np.abs(grid.x)).astype("float32")
    half = neck * (
        1.0 + 0.07 * smooth_step(y, 1.15, 0.8) + 0.04 * smooth_step(y, 1.3, 1.6)
    )
    edge = np.float32(0.7 / grid.fineness)
    slope = np.gradient(shoulder, grid.x).astype("float32")
    distance = (y - shoulder) / np.sqrt(1 + slope * slope)
    below = smooth_step(distance, -edge, edge)
    throat = smooth_step(half - aside, -edge, edge) * smooth_step(y, 0.4, 0.6)
    alpha = np.maximum(below, throat)
    round_neck = 0.50 * np.sqrt(np.clip(1 - (x / (half * 1.02)) ** 2, 0, 1)) * throat
    chest = 0.62 * np.sqrt(np.clip(1 - (x / (2.15 * wide)) ** 2, 0, 1))
    rise = np.clip(distance / 0.42, 0, 1)
    torso = chest * np.sqrt(np.clip(1 - (1 - rise) ** 2, 0, 1))
    height = soften(np.maximum(round_neck, torso), 0.035, grid)
    bones = np.zeros_like(height)
    lean = 1 - 0.5 * identity.fullness
    for side in (-1, 1):
        cord = draw_line(
            grid,
            [(side * 0.36, 1.0), (side * 0.22, 1.42), (side * 0.085, 1.74)],
            0.045,
            0.035,
        )
        bone = draw_line(
            grid,
            [(side * 0.09, 1.79), (side * 0.45, 1.75), (side * 0.95, 1.80)],
            0.03,
            0.025,
        )
        bones = bones + lean * (0.05 * cord + 0.035 * bone)
    bones = bones - 0.035 * lean * draw_bump(grid, 0, 1.79, 0.05, 0.05)
    bones = bones + 0.035 * man * draw_bump(grid, 0, 1.36, 0.06, 0.09)
    height, bones = height.astype("float32"), bones.astype("float32")
    return _Shape(alpha.astype("float32"), height, bones, float(neck), shoulder)


def _find_reach(identity, grid):
    x, y = mesh(grid)
    return np.hypot(x, y) / find_outline(identity, grid)


def _find_normals(height, grid):
    gain = float(grid.fineness) / 8
    across = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=gain)
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=gain)
    normal = np.stack([-across, -down, np.ones_like(height)], -1)
    return (normal / np.linalg.norm(normal, axis=-1, keepdims=True)).astype("float32")


# --- Cloth --------------------------------------------------------------------------


def _draw_noise(generator, grid, across, down):
    """Draw smooth noise with so many bumps across and down the sheet, deviation 1."""
    coarse = generator.standard_normal((down, across), dtype="float32")
    size = len(grid.x), len(grid.y)
    return cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC) * np.float32(1.3)


def _draw_folds(generator, grid, strength):
    """Return the heights of folds: they fan out from the armpits and hang below."""
    folds = 0.012 * strength * _draw_noise(generator, grid, 9, 6)
    for side in (-1, 1):
        for _ in range(5):
            start = np.array([side * generator.uniform(1.05, 1.5), 2.55])
            angle = generator.uniform(-2.7, -1.2)
            length = generator.uniform(0.35, 0.75)
            end = start + length * np.array([side * -np.cos(angle), np.sin(angle)])
            bend = generator.normal(0, 0.08, 2)
            share = np.linspace(0, 1, 9)[:, None]
            path = start + (end - start) * share + bend * np.sin(np.pi * share)
            fold = draw_line(grid, path, 0.03, generator.uniform(0.025, 0.05))
            folds = folds + strength * generator.uniform(0.04, 0.11) * fold
    return folds


def _knit(grid, period=0.062):
    """Return stitches in columns of small Vs, between -1 and 1."""
    x, y = mesh(grid)
    column = x / np.float32(period)
    lean = np.abs(column - np.floor(column) - np.float32(0.5))
    rows = np.cos(2 * np.pi * (y / np.float32(period * 0.8) + 1.1 * lean))
    groove = np.cos(2 * np.pi * column)
    share = np.clip((grid.fineness * period - 2) / 3, 0.15, 1)
    return (share * (0.55 * rows - 0.45 * groove)).astype("float32")


def _draw_pattern(generator, grid, colour, kinds):
    """Colour the cloth: plain, or with woven stripes or checks. Returns (h, w, 3)."""
    x, y = mesh(grid)
    base = to_linear(_mute(colour))
    albedo = np.empty((*x.shape, 3), "float32")
    albedo[:] = base
    kind = generator.choice(kinds)
    second = np.clip(base * generator.choice([0.55, 1.6]) + 0.02, 0.01, 0.7)
    bend = 0.015 * _draw_noise(generator, grid, 8, 8)
    soft = 0.5 / grid.fineness
    period = generator.uniform(0.17, 0.3)

    def bands(place, period, share):
        phase = np.abs(place / period - np.round(place / period)) * period
        return smooth_step(phase, share * period / 2 + soft, share * period / 2 - soft)

    if kind == "stripes":
        albedo = blend(albedo, second, 0.8 * bands(y + bend, period, 0.4))
    if kind == "pinstripes":
        albedo = blend(albedo, second, 0.45 * bands(x + bend, 0.11, 0.3))
    if kind == "checks":
        albedo = blend(albedo, second, 0.35 * bands(x + bend, period, 0.45))
        albedo = blend(albedo, second, 0.35 * bands(y + bend, period, 0.45))
    worn = 1 + 0.035 * _draw_noise(generator, grid, 12, 12)
    weave = 1 + 0.03 * _draw_noise(generator, grid, 140, 140)
    return (albedo * (worn * weave)[..., None]).astype("float32")


def _below(grid, points):
    """Return 1 below a neckline through points (|x|, y), its edge smooth."""
    aside, level = np.array(points).T
    line = PchipInterpolator(aside, level)(np.clip(np.abs(grid.x), 0, aside[-1]))
    edge = np.float32(0.7 / grid.fineness)
    y = grid.y[:, None]
    below = smooth_step(y - line[None].astype("float32"), -edge, edge)
    return below.astype("float32")


def _draw_hem(grid, points, width):
    """Return a band along a neckline through points (|x|, y), 1 on it."""
    aside, level = np.array(points).T
    place = np.linspace(-aside[-1], aside[-1], 80)
    line = PchipInterpolator(aside, level)(np.abs(place))
    return draw_line(grid, np.stack([place, line + width / 2], 1), width, 0.004)


def _crew_line(shape, drop):
    neck = shape.neck
    return [
        (0, 1.56 + drop),
        (neck * 0.55, 1.52 + 0.8 * drop),
        (neck + 0.06, 1.37 + 0.35 * drop),
        (neck + 0.16, 1.22),
        (2.3, 1.0),
    ]


def _v_line(shape, depth):
    neck = shape.neck
    return [
        (0, depth),
        (0.03, depth - 0.05),
        (neck * 0.7, 1.62),
        (neck + 0.1, 1.42),
        (neck + 0.2, 1.2),
        (2.3, 1.0),
    ]


def _wear_t_shirt(identity, grid, shape, generator):
    line = _crew_line(shape, 0.20)
    cloth = _below(grid, line)
    kinds = ["plain", "plain", "stripes"]
    albedo = _draw_pattern(generator, grid, identity.clothes, kinds)
    hem = _draw_hem(grid, line[:4], 0.065)
    yield _Cloth(cloth, albedo, 0.02 + _draw_folds(generator, grid, 0.8))
    yield _Cloth(hem, albedo * 0.88, np.full_like(hem, 0.018))
    yield from _sew_sleeves(grid, shape, albedo)


def _wear_jumper(identity, grid, shape, generator):
    line = _crew_line(shape, 0.06)
    cloth = _below(grid, line)
    stitches = _knit(grid)
    albedo = _draw_pattern(generator, grid, identity.clothes, ["plain"])
    albedo = albedo * (1 + 0.16 * stitches)[..., None]
    folds = 1.1 * _draw_folds(generator, grid, 1.0) + 0.006 * stitches
    yield _Cloth(cloth, albedo, 0.05 + folds)
    hem = _draw_hem(grid, line[:4], 0.12)
    ribs = np.cos(2 * np.pi * np.arctan2(mesh(grid)[0], mesh(grid)[1] - 0.6) * 26)
    ribs = ribs.astype("float32") * np.clip((grid.fineness - 30) / 60, 0.2, 1)
    yield _Cloth(hem, albedo * (0.92 + 0.12 * ribs)[..., None], 0.045 + 0.006 * ribs)
    yield from _sew_sleeves(grid, shape, albedo)


def _wear_cardigan(identity, grid, shape, generator):
    """A knitted V-neck over a plain shirt."""
    inner = _below(grid, _crew_line(shape, 0.16))
    under = _draw_pattern(generator, grid, _WHITE, ["plain"])
    yield _Cloth(inner, under, 0.012 + 0.5 * _draw_folds(generator, grid, 0.5))
    line = _v_line(shape, 2.2)
    cloth = _below(grid, line)
    stitches = _knit(grid, 0.055)
    albedo = _draw_pattern(generator, grid, identity.clothes, ["plain"])
    albedo = albedo * (1 + 0.14 * stitches)[..., None]
    yield _Cloth(cloth, albedo, 0.05 + _draw_folds(generator, grid, 0.9))
    hem = _draw_hem(grid, line[:5], 0.10)
    yield _Cloth(hem, albedo * 0.86, np.full_like(hem, 0.03))
    yield from _sew_sleeves(grid, shape, albedo)


def _wear_blouse(identity, grid, shape, generator):
    line = _v_line(shape, 2.05)
    cloth = _below(grid, line)
    albedo = _draw_pattern(
        generator, grid, identity.clothes, ["plain", "plain", "pinstripes"]
    )
    yield _Cloth(cloth, albedo, 0.025 + 1.2 * _draw_folds(generator, grid, 0.9))
    hem = _draw_hem(grid, line[:5], 0.045)
    yield _Cloth(hem, albedo * 1.06, np.full_like(hem, 0.016))
    seam = draw_line(grid, [(0, 2.05), (0.01, 2.6)], 0.012, 0.006) * cloth
    yield _Cloth(seam, albedo * 0.7, np.full_like(seam, -0.02))
    yield from _sew_sleeves(grid, shape, albedo)


def _wear_hoodie(identity, grid, shape, generator):
    line = _crew_line(shape, 0.16)
    cloth = _below(grid, line)
    albedo = _draw_pattern(generator, grid, identity.clothes, ["plain"])
    yield _Cloth(cloth, albedo, 0.04 + 1.3 * _draw_folds(generator, grid, 1.1))
    neck = shape.neck
    for side in (-1, 1):
        hood = draw_polygon(
            grid,
            [
                (side * (neck - 0.06), 1.20),
                (side * (neck + 0.20), 1.26),
                (side * (neck + 0.36), 1.46),
                (side * (neck + 0.30), 1.72),
                (side * 0.34, 1.98),
                (side * 0.02, 2.06),
                (side * 0.06, 1.86),
                (side * (neck - 0.12), 1.62),
            ],
            0.012,
        )
        yield _Cloth(hood, albedo * 0.97, 0.10 * soften(hood, 0.06, grid) + 0.01 * hood)
        inner = draw_line(
            grid,
            [
                (side * 0.05, 1.87),
                (side * (neck - 0.10), 1.62),
                (side * (neck - 0.03), 1.22),
            ],
            0.03,
            0.012,
        )
        yield _Cloth(0.8 * inner, albedo * 0.6, -0.03 * inner)
        cord = [(side * 0.16, 1.93), (side * 0.19, 2.2), (side * 0.17, 2.5)]
        cord = draw_line(grid, cord, 0.032, 0.004)
        pale = np.broadcast_to(to_linear(_WHITE) * np.float32(0.8), albedo.shape)
        yield _Cloth(cord, pale, 0.02 * cord)
    yield from _sew_sleeves(grid, shape, albedo)


def _wear_shirt(identity, grid, shape, generator):
    colour = _lighten(identity.clothes, 0.35)
    kinds = ["plain", "checks", "pinstripes"]
    albedo = _draw_pattern(generator, grid, colour, kinds)
    yield from _lay_shirt(grid, shape, albedo, generator)
    yield from _sew_sleeves(grid, shape, albedo)


def _wear_jacket(identity, grid, shape, generator):
    """A jacket with lapels over a pale shirt."""
    shirt = _draw_pattern(generator, grid, _WHITE, ["plain", "plain", "pinstripes"])
    pieces = list(_lay_shirt(grid, shape, shirt, generator))
    yield pieces[0]
    neck = shape.neck
    line = [
        (0, 2.75),
        (0.05, 2.6),
        (neck * 0.9, 1.72),
        (neck + 0.14, 1.42),
        (neck + 0.3, 1.2),
        (2.3, 1.0),
    ]
    cloth = _below(grid, line)
    albedo = _draw_pattern(generator, grid, _darken(identity.clothes, 0.6), ["plain"])
    yield _Cloth(cloth, albedo, 0.06 + 0.6 * _draw_folds(generator, grid, 0.8))
    for side in (-1, 1):
        lapel = draw_polygon(
            grid,
            [
                (side * (neck + 0.07), 1.47),
                (side * (neck + 0.26), 1.58),
                (side * (neck + 0.34), 1.82),
                (side * (neck + 0.17), 1.86),
                (side * (neck + 0.24), 1.97),
                (side * 0.10, 2.64),
                (side * -0.10, 2.75),
                (side * neck * 0.4, 1.74),
            ],
            0.004,
        )
        lapel = lapel * cloth
        yield _Cloth(lapel, albedo * 1.12, 0.035 * lapel)
    yield from pieces[1:]
    yield from _sew_sleeves(grid, shape, albedo)


def _lay_shirt(grid, shape, albedo, generator):
    """Lay a shirt: the cloth first, then button band, buttons and collar."""
    line = _v_line(shape, 1.86)
    cloth = _below(grid, line)
    yield _Cloth(cloth, albedo, 0.02 + _draw_folds(generator, grid, 0.9))
    neck = shape.neck
    band = draw_polygon(grid, [(-0.07, 1.8), (0.07, 1.8), (0.07, 2.7), (-0.07, 2.7)])
    band = band * cloth
    yield _Cloth(band, albedo * 1.03, 0.008 * band)
    for place in (2.05, 2.42):
        button = smooth_step(
            np.hypot(mesh(grid)[0], mesh(grid)[1] - place), 0.033, 0.02
        ).astype("float32")
        yield _Cloth(button, albedo * 0.55 + 0.05, 0.012 * button)
    for side in (-1, 1):
        stand = draw_polygon(
            grid,
            [
                (side * (neck + 0.02), 1.30),
                (side * (neck + 0.10), 1.36),
                (side * 0.12, 1.90),
                (side * 0.03, 1.84),
            ],
            0.004,
        )
        yield _Cloth(stand, albedo * 0.72, 0.03 * stand)
        flap = draw_polygon(
            grid,
            [
                (side * (neck - 0.01), 1.33),
                (side * (neck + 0.12), 1.36),
                (side * (neck + 0.21), 1.56),
                (side * (neck * 0.62 + 0.14), 2.09),
                (side * 0.10, 1.86),
                (side * neck * 0.62, 1.68),
            ],
            0.004,
        )
        yield _Cloth(flap, albedo * 1.04, 0.03 * flap + 0.03 * soften(flap, 0.05, grid))


def _sew_sleeves(grid, shape, albedo):
    """Draw the seams at the shoulders, where the sleeves begin."""
    reach = np.abs(grid.x[np.searchsorted(-shape.shoulder[: len(grid.x) // 2], -1.86)])
    for side in (-1, 1):
        top = float(reach) - 0.02
        seam = draw_line(
            grid,
            [
                (side * top, 1.8),
                (side * (top - 0.06), 2.15),
                (side * (top - 0.16), 2.6),
            ],
            0.014,
            0.008,
        )
        yield _Cloth(0.6 * seam * shape.alpha, albedo * 0.75, -0.02 * seam)


def _mute(colour):
    """Take the colour's loudness out, as one who dresses a film does."""
    grey = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
    return tuple(value + 0.48 * (grey - value) for value in colour)


def _lighten(colour, share):
    return tuple(value + share * (235 - value) for value in colour)


def _darken(colour, share):
    return tuple(value * share for value in colour)


_DRESSERS = {
    "t_shirt": _wear_t_shirt,
    "jumper": _wear_jumper,
    "hoodie": _wear_hoodie,
    "blouse": _wear_blouse,
    "cardigan": _wear_cardigan,
    "shirt": _wear_shirt,
    "jacket": _wear_jacket,
}
