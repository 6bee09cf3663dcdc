"""Hair and beards of the film's actors: strands that grow, fall and catch the light.

Every strand is a curve in space. It starts on the head, follows the way the style is
combed, is pulled down by its weight and cannot enter the skull. All strands of a
person are drawn once, with the nearest strand winning each fine pixel; what remains
are maps of colour, direction and depth. Lighting those maps is cheap, so a film can
do it for every frame:

    hair = grow_hair(identity, grid, outline)   # once a person
    colour = light_hair(hair.front, light)      # every frame
    beard = grow_beard(identity, grid, outline)

Face space: x to the right, y down, z towards the camera; one unit is half the width
of the face at the cheeks.
"""

from typing import NamedTuple

import cv2
import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from data_scripts.rendering.canvas import to_linear

DEPTH = np.float32(1.0)  # of the skull, from the middle to the forehead
STEPS = 20  # points along a strand
BEHIND = -0.28  # strands deeper than this hang behind the neck
FRINGE_LEVEL = -0.50  # where a fringe ends: above the brows


class HairLayer(NamedTuple):
    """Maps of hair seen from the front, float32 on the grid.

    `alpha` (h, w); `albedo` (h, w, 3) linear colour; `tangent` (h, w, 3) the unit
    direction of the strands; `normal` (h, w, 3) of the head below; `height` (h, w) in
    units, towards the camera; `shade` (h, w), 1 in the open, 0 deep inside; `gloss`
    (h, w), 1 where neighbouring strands lie in line, 0 where they tangle.
    """

    alpha: np.ndarray
    albedo: np.ndarray
    tangent: np.ndarray
    normal: np.ndarray
    height: np.ndarray
    shade: np.ndarray
    gloss: np.ndarray


class Hair(NamedTuple):
    """A head of hair: what lies before the head, behind it, and its shadow.

    `shadow` (h, w) is what remains of the light on the skin near the hair, 1 far away.
    """

    front: HairLayer
    back: HairLayer
    shadow: np.ndarray


class _Style(NamedTuple):
    """How a style grows. Lengths in units, the rest as shares."""

    comb: str  # "parted", "forward", "upward", "backward" or "outward"
    hairs: int
    length: float
    level: float = 9.0  # where the scissors cut, as y
    lift: float = 0.1  # of the root, away from the skin
    weight: float = 0.1  # pull downwards
    volume: float = 0.1  # thickness of the hair on the head
    clump: float = 0.6  # how far the tips of a lock meet
    locks: int = 350
    wave: float = 0.0  # how far a lock sways
    curl: float = 0.0  # radius
    turns: float = 0.0
    width: float = 0.011
    recede: float = 0.0
    density: float = 1.0


_STYLES = {
    "cropped": _Style(
        "forward",
        18000,
        0.14,
        lift=0.5,
        weight=0.02,
        volume=0.06,
        clump=0.4,
        locks=2200,
        width=0.008,
    ),
    "side_parting": _Style("parted", 5600, 0.95, level=0.12, lift=0.5, volume=0.15),
    "fringe": _Style("forward", 5600, 1.5, level=0.62, weight=0.22, volume=0.12),
    "long": _Style(
        "parted",
        5600,
        3.4,
        level=1.95,
        weight=0.3,
        volume=0.14,
        clump=0.4,
        locks=260,
        wave=0.05,
    ),
    "bun": _Style("backward", 6500, 1.9, lift=0.15, weight=0.0, volume=0.05),
    "ponytail": _Style("backward", 6500, 1.9, lift=0.15, weight=0.0, volume=0.05),
    "short_bob": _Style(
        "parted", 5600, 2.4, level=0.98, weight=0.28, volume=0.16, wave=0.02
    ),
    "curly": _Style(
        "outward",
        7500,
        0.66,
        lift=0.45,
        weight=0.14,
        volume=0.12,
        clump=0.86,
        locks=420,
        curl=0.065,
        turns=2.0,
        width=0.009,
    ),
    "afro": _Style(
        "outward",
        11000,
        0.42,
        lift=1.0,
        weight=0.0,
        volume=0.06,
        clump=0.5,
        locks=1600,
        curl=0.035,
        turns=3.0,
        width=0.009,
    ),
    "receding": _Style(
        "forward",
        13000,
        0.15,
        lift=0.35,
        weight=0.03,
        volume=0.05,
        clump=0.35,
        locks=1600,
        width=0.008,
        recede=1.0,
        density=0.8,
    ),
    "bald": _Style(
        "forward",
        5000,
        0.022,
        lift=0.3,
        volume=0.01,
        clump=0.0,
        recede=0.5,
        width=0.006,
    ),
}


# What men wear shorter.
_MENS_CUTS: dict[str, dict] = {
    "side_parting": {"level": -0.22, "length": 0.8},
    "fringe": {"level": 0.10},
    "long": {"level": 1.55},
    "curly": {"length": 0.44},
    "afro": {"length": 0.28},
}


def grow_hair(identity, grid, outline):
    """Grow a person's hair and draw it into maps.

    Parameters
    ----------
    identity : data_scripts.rendering.people.Identity
    grid : data_scripts.rendering.canvas.Grid
    outline : float32 array (h, w)
        The head's outline, from `data_scripts.rendering.people.find_outline`.

    Returns
    -------
    Hair
    """
    style = _choose_style(identity)
    generator = np.random.default_rng([int(identity.seed), 1])
    head = _measure_head(outline, grid)
    roots = _plant_roots(identity, style, head, generator)
    paths, lock = _grow_paths(roots, identity, style, head, generator)
    if style.comb == "backward":
        gathered, gathered_lock = (
            _grow_bun(generator)
            if identity.hair_style == "bun"
            else _grow_ponytail(identity, generator)
        )
        paths = np.concatenate([paths, gathered])
        lock = np.concatenate([lock, gathered_lock + lock.max() + 1])
    colours = draw_colours(identity, lock, generator)
    widths = style.width * generator.uniform(0.6, 1.25, len(paths)).astype("float32")
    # The hairs at the edge of the scalp are finer.
    edge = _scalp_density(roots, identity, style, head).astype("float32")
    widths[: len(roots)] *= 0.45 + 0.55 * edge
    front, back = _draw_strands(paths, colours, widths, head, grid)
    if identity.hair_style == "bald":
        front = front._replace(alpha=front.alpha * np.float32(0.22))
    else:
        front = _fill_gaps(front, grid)
    back = _fill_gaps(back, grid)
    return Hair(front, back, _shadow_skin(front.alpha, grid))


def light_hair(layer, light):
    """Light a layer of hair: soft diffuse light, two highlights along the strands.

    Diffuse light goes with the sine between fibre and light, the highlight with the
    sine between fibre and the halfway direction, after J. Kajiya and T. Kay,
    "Rendering fur with three dimensional textures" (SIGGRAPH 1989). The second
    highlight takes the hair's colour; both are shifted along the fibre, as T.
    Scheuermann does in "Practical real-time hair rendering and shading" (SIGGRAPH
    sketches, 2004).

    Parameters
    ----------
    layer : HairLayer
    light : data_scripts.rendering.faces.Light

    Returns
    -------
    float32 array (h, w, 3)
        Linear light, not multiplied by alpha.
    """
    direction = np.asarray(light.direction, "float32")
    direction = direction / np.linalg.norm(direction)
    halfway = direction + np.array([0, 0, 1], "float32")
    halfway /= np.linalg.norm(halfway)
    along_light = layer.tangent @ direction
    along_half = layer.tangent @ halfway
    facing = np.clip((layer.normal @ direction + 0.3) * np.float32(1 / 1.3), 0, 1)
    across = np.sqrt(np.clip(1 - along_light * along_light, 0, 1))
    key = layer.shade * facing
    diffuse = key * (0.45 * across + 0.55 * facing)
    sky = layer.shade * (0.72 - 0.28 * layer.normal[..., 1])
    first = (
        _highlight(along_half + np.float32(0.08), 40) * key * layer.shade * layer.gloss
    )
    second = _highlight(along_half - np.float32(0.15), 8) * key
    key_colour = np.asarray(light.key, "float32")
    fill_colour = np.asarray(light.fill, "float32") * np.float32(light.ambient)
    colour = layer.albedo * (
        (1.05 * diffuse + 0.8 * second)[..., None] * key_colour
        + sky[..., None] * fill_colour
    )
    gloss = (np.float32(0.07) * first)[..., None] * key_colour
    return (colour + gloss).astype("float32")


def _highlight(along, sharpness):
    """Return a lobe around 0 that stands for a power of sine: exp(-s cos²)."""
    return np.exp(-np.float32(sharpness) * along * along)


def draw_colours(identity, lock, generator):
    """Choose a colour for every strand: shades of the person's, and grey with age.

    Parameters
    ----------
    identity : data_scripts.rendering.people.Identity
    lock : int array (n,)
        Which lock each strand belongs to; a lock shares part of its shade.
    generator : numpy.random.Generator

    Returns
    -------
    float32 array (n, 3) of linear colour
    """
    count = len(lock)
    base = to_linear(identity.hair_colour)
    # What shines through many strands gains colour; the base starts paler.
    base = base + np.float32(0.15) * (base.mean() - base)
    tone = 0.16 * generator.standard_normal(lock.max() + 1)[lock]
    tone = tone + 0.20 * generator.standard_normal(count)
    warmth = 0.06 * generator.standard_normal((lock.max() + 1, 1))[lock]
    colours = base * np.exp(tone)[:, None] * (1 + warmth * np.array([1, 0.1, -1]))
    grey = generator.random(count) < find_grey_share(identity)
    silver = to_linear((168, 166, 162)) * np.exp(0.5 * tone)[:, None]
    white = np.where(grey, generator.uniform(0.2, 0.8, count), 0)[:, None]
    colours = colours + white * (silver - colours)
    return colours.astype("float32")


def find_grey_share(identity):
    """Return the share of white strands: none when young, most of them when old."""
    return float(np.clip((identity.age - 0.45) / 0.5, 0, 0.85))


# --- Beards -------------------------------------------------------------------------


class _Beard(NamedTuple):
    hairs: int
    length: float
    width: float
    veil: float  # alpha of the shadow below the hairs


_BEARDS = {
    "stubble": _Beard(7000, 0.024, 0.005, 0.30),
    "full": _Beard(9000, 0.17, 0.010, 0.75),
    "moustache": _Beard(2600, 0.14, 0.009, 0.7),
}


def grow_beard(identity, grid, outline):
    """Grow a person's beard on the face at rest.

    The face's renderer lights it with `light_hair` and pulls it along with the jaw.
    The lips stay free.

    Parameters
    ----------
    identity : data_scripts.rendering.people.Identity
    grid : data_scripts.rendering.canvas.Grid
    outline : float32 array (h, w)
        The head's outline, from `data_scripts.rendering.people.find_outline`.

    Returns
    -------
    HairLayer or None
        None for those without a beard.
    """
    if identity.beard == "none":
        return None
    beard = _BEARDS[identity.beard]
    generator = np.random.default_rng([int(identity.seed), 3])
    head = _measure_head(outline, grid)
    tries = generator.uniform([-1.1, 0.0], [1.1, 1.5], (beard.hairs * 5, 2))
    density = _find_beard_density(tries[:, 0], tries[:, 1], identity, head)
    places = tries[generator.random(len(tries)) < density][: beard.hairs]
    paths, lock = _grow_beard_paths(places, identity, beard, head, generator)
    colours = draw_colours(identity, lock, generator)
    widths = beard.width * generator.uniform(0.7, 1.2, len(paths)).astype("float32")
    layer, _ = _draw_strands(paths, colours, widths, head, grid)
    across, down = np.meshgrid(grid.x, grid.y)
    veil = _find_beard_density(across, down, identity, head).astype("float32")
    veil = beard.veil * cv2.GaussianBlur(veil, (0, 0), 0.03 * grid.fineness)
    layer = _lay_veil(layer, veil, to_linear(identity.hair_colour))
    free = 1 - _find_lips(across, down, identity)
    strength = 0.6 if identity.beard == "stubble" else 1.0
    return layer._replace(alpha=(strength * layer.alpha * free).astype("float32"))


def _find_mouth_level(identity):
    return identity.nose_length + identity.mouth_drop


def _find_beard_density(x, y, identity, head):
    """Return how thick the beard grows at points of the face, 0 to 1."""
    mouth = _find_mouth_level(identity)
    aside = np.abs(x)
    bottom = identity.nose_length + 0.10
    sag = 0.03 + 0.18 * np.clip(aside - 0.12, 0, 1)
    moustache = _ramp(y, bottom, bottom + sag) * _ramp(mouth - 0.03 - y, 0, 0.04)
    moustache *= _ramp(identity.mouth_width + 0.02 - aside, 0, 0.10)
    moustache *= 0.55 + 0.45 * _ramp(aside, 0.0, 0.05)
    if identity.beard == "moustache":
        return moustache
    line = np.interp(
        aside,
        [0.0, 0.2, 0.42, 0.60, 0.75, 0.86, 0.95],
        [mouth + 0.10, mouth + 0.06, mouth - 0.08, 0.60, 0.46, 0.28, 0.0],
    )
    beard = _ramp(y, line - 0.03, line + 0.15)
    below = y - (mouth + identity.lower_lip)
    bare = np.exp(-(((aside - 0.17) / 0.07) ** 2) - ((below - 0.05) / 0.05) ** 2)
    density = np.maximum(beard * (1 - 0.7 * bare), moustache)
    radius = np.interp(np.arctan2(y, x), head.angles, head.radii, period=2 * np.pi)
    return density * _ramp(1.0 - np.hypot(x, y) / radius, -0.01, 0.03)


def _find_lips(x, y, identity):
    """Return 1 on the lips at rest, fading just outside."""
    mouth = _find_mouth_level(identity)
    tall = np.where(y < mouth, 0.7 * identity.upper_lip, identity.lower_lip) + 0.012
    wide = identity.mouth_width * 0.98
    reach = np.hypot(x / wide, (y - mouth) / tall)
    return _ramp(1.15 - reach, 0, 0.25)


def _ramp(value, low, high):
    """Go from 0 at `low` to 1 at `high`."""
    return np.clip((value - low) / (high - low), 0, 1)


def _grow_beard_paths(places, identity, beard, head, generator):
    """Grow strands down and outwards: (n, STEPS, 3) points, (n,) lock numbers."""
    count = len(places)
    x, y = places.T
    mouth = _find_mouth_level(identity)
    above = _ramp(mouth + 0.05 - y, 0, 0.08) * _ramp(0.45 - np.abs(x), 0, 0.1)
    side = np.tanh(x / 0.08)
    flow = np.stack([side * (0.25 + 0.75 * above), 1.0 - 0.6 * above], 1)
    flow = _unit(flow + 0.22 * generator.standard_normal((count, 2)))
    long = beard.length * generator.uniform(0.6, 1.1, count) * (1 - 0.35 * above)
    if identity.beard == "full":
        long = long * (0.55 + 0.45 * _ramp(y, 0.4, 1.1))
    share = np.linspace(0, 1, STEPS)
    leg = (share * long[:, None])[..., None] * flow[:, None]
    radius = np.interp(np.arctan2(y, x), head.angles, head.radii, period=2 * np.pi)
    flat = np.clip(np.hypot(x, y) / radius, 0, 0.999)
    depth = 0.95 * np.sqrt(1 - flat**2.5)
    layer = 0.10 * generator.random(count)
    paths = np.empty((count, STEPS, 3))
    paths[..., :2] = places[:, None] + leg
    paths[..., 2] = depth[:, None] + (0.2 + layer)[:, None] * share
    bend = generator.standard_normal((count, 1)) * 0.12 * long[:, None]
    paths[..., 0] += bend * np.sin(np.pi * share)
    locks = min(count, max(count // 12, 1))
    leaders = generator.choice(count, locks, replace=False)
    lock = cKDTree(places[leaders]).query(places)[1].astype(int)
    style = _Style("outward", count, beard.length, clump=0.45)
    if identity.beard != "stubble":
        paths = _bundle(paths, lock, style, generator)
    return paths.astype("float32"), lock


def _lay_veil(layer, veil, colour):
    """Lay the shadow of the finest hairs under a beard's strands."""
    alpha = layer.alpha + (1 - layer.alpha) * veil
    share = (layer.alpha / np.maximum(alpha, 1e-4))[..., None]
    facing = np.array([0, 0.25, 0.97], "float32")
    empty = 1 - share
    return HairLayer(
        alpha.astype("float32"),
        (layer.albedo * share + 0.6 * colour * empty).astype("float32"),
        (layer.tangent + empty * np.array([0, 1e-3, 0], "float32")),
        _unit(layer.normal * share + facing * empty).astype("float32"),
        layer.height,
        (layer.shade * share[..., 0] + 0.75 * empty[..., 0]).astype("float32"),
        layer.gloss,
    )


# --- The head and the roots ---------------------------------------------------------


class _Head(NamedTuple):
    angles: np.ndarray
    radii: np.ndarray
    half_width: float


def _measure_head(outline, grid):
    """Read the outline's radius in all directions off the map of `find_outline`."""
    angles = np.linspace(-np.pi, np.pi, 720, endpoint=False)
    column = np.interp(1.3 * np.cos(angles), grid.x, np.arange(len(grid.x)))
    row = np.interp(1.3 * np.sin(angles), grid.y, np.arange(len(grid.y)))
    radii = ndimage.map_coordinates(outline, [row, column], order=1)
    return _Head(angles, radii, float(radii[len(radii) // 2]))


def _reach(points, head):
    """Return how far points are from the middle: 1 on the skull, more outside."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    radius = np.interp(np.arctan2(y, x), head.angles, head.radii, period=2 * np.pi)
    flat = np.hypot(x, y) / radius
    return np.sqrt(flat**2 + (z / DEPTH) ** 2)


def _normals(points):
    """Return unit vectors that point away from the skull, an ellipsoid here."""
    scaled = points / np.array([1.0, 1.7, DEPTH])
    return scaled / np.linalg.norm(scaled, axis=-1, keepdims=True)


def _plant_roots(identity, style, head, generator):
    """Scatter roots over the scalp; they thin out towards the hairline."""
    tries = style.hairs * 5
    direction = generator.standard_normal((tries, 3))
    direction[:, 2] = np.abs(direction[:, 2]) * np.where(
        generator.random(tries) < 0.72, 1, -1
    )
    points = direction / _reach(direction, head)[:, None]
    chance = _scalp_density(points, identity, style, head)
    roots = points[generator.random(tries) < chance]
    roots = roots[: style.hairs]
    if style.comb != "parted":
        return roots
    # Nothing falls over the roots at the parting, so more of them have to cover it.
    away = roots[:, 0] - identity.part
    bank = np.repeat(roots[(np.abs(away) < 0.07) & (np.abs(away) > 0.012)], 3, axis=0)
    bank[:, 1:] += 0.01 * generator.standard_normal((len(bank), 2))
    return np.concatenate([roots, bank])


def _scalp_density(points, identity, style, head):
    """Return the chance of a hair: 1 on the scalp, fading over the hairline, 0 off."""
    x, y, z = points.T
    aside = np.abs(x) / head.half_width
    line = np.interp(
        aside,
        [0, 0.35, 0.52, 0.66, 0.76, 0.83, 0.88, 0.93, 1.2],
        [0.0, 0.0, 0.04, 0.15, 0.28, 0.43, 0.63, 0.93, 1.03],
    )
    line = (
        line - 0.83 + (identity.hairline + 0.83) * np.interp(aside, [0.6, 0.85], [1, 0])
    )
    recede = style.recede * np.interp(
        aside,
        [0, 0.12, 0.3, 0.5, 0.66, 0.8, 0.9],
        [0.16, 0.17, 0.24, 0.4, 0.34, 0.12, 0],
    )
    line = line - recede
    inside = (line - y) / (0.05 + 0.07 * (aside < 0.7) + 0.16 * style.recede)
    density = np.clip(inside, 0, 1) ** 1.5
    density = np.where(z < 0, np.clip((0.45 - y) / 0.3, 0, 1), density)
    if style.comb == "parted":
        gap = np.abs(x - identity.part) / 0.010
        density = density * np.where(z > -0.1, np.clip(gap, 0, 1), 1)
    return density * style.density


# --- The strands --------------------------------------------------------------------


def _choose_style(identity):
    """Return how the person's hair grows; short hair stands up on every second head."""
    style = _STYLES[identity.hair_style]
    if identity.masculine:
        style = style._replace(**_MENS_CUTS.get(identity.hair_style, {}))
    if identity.hair_style == "cropped" and identity.seed % 2:
        style = style._replace(comb="upward")
    return style


def _grow_paths(roots, identity, style, head, generator):
    """Grow a strand from every root: (n, STEPS, 3) points and (n,) lock numbers."""
    count = len(roots)
    side = np.where(roots[:, 0] > identity.part, 1.0, -1.0)
    layer = 1.005 + style.volume * generator.random(count) ** 0.7
    if style.comb == "parted":
        layer = 1.005 + (layer - 1.005) * np.clip(
            0.25 + np.abs(roots[:, 0] - identity.part) / 0.35, 0, 1
        )
    length = style.length * generator.uniform(0.75, 1.1, count)
    if style.comb == "outward":
        length = length * (1 - 0.6 * _ramp(roots[:, 1], -0.35, 0.3))
    if identity.hair_style == "side_parting" and identity.masculine:
        clipped = (np.abs(roots[:, 0]) > 0.66) | (roots[:, 1] > -0.5)
        length = np.where(clipped, 0.22 * length, length)
        layer = np.where(clipped, 1.005 + 0.3 * (layer - 1.005), layer)
    stray = generator.random(count) < 0.012
    wander = (
        generator.standard_normal((count, 3)) * np.where(stray, 0.22, 0.05)[:, None]
    )
    edge = generator.uniform(0.0, 0.12, count)
    normal = _normals(roots)
    direction = _unit(_comb(roots, side, identity, style) + style.lift * normal)
    paths = np.empty((count, STEPS, 3))
    paths[:, 0] = points = roots
    step = (length / (STEPS - 1))[:, None]
    down = np.array([0.0, 1.0, 0.0])
    for place in range(1, STEPS):
        if style.comb != "outward":
            want = _comb(points, side, identity, style)
            direction = _unit(0.62 * direction + 0.38 * want)
        direction = _unit(direction + style.weight * down + 0.3 * wander)
        points = points + step * direction
        rising = 1 + (layer - 1) * min(1, 3 * place / STEPS)
        points = points * np.maximum(1, rising / _reach(points, head))[:, None]
        if style.comb == "parted":
            points = _clear_face(points, side, edge)
        paths[:, place] = points
    paths = _cut(paths, style, identity, generator)
    lock = _find_locks(roots, side, style, generator)
    return _bundle(paths, lock, style, generator).astype("float32"), lock


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _comb(points, side, identity, style):
    """Return the direction, along the skull, in which the style is combed."""
    normal = _normals(points)
    crown = np.array([0.25 * identity.part, -1.2, -0.1])
    if style.comb == "parted":
        swept = 0.9 if identity.hair_style == "side_parting" else 0.15
        want = np.stack(
            [side * 1.0, np.full(len(side), 0.25), np.full(len(side), -0.5 * swept)], 1
        )
        over = np.abs(points[:, 0]) > 0.72
        want[over] = want[over] * [0.15, 1, 1] + [0, 0.8, 0]
        behind = points[:, 2] < -0.15
        want[behind] = want[behind] * [0.25, 1, 0] + [0, 1.0, 0]
    elif style.comb == "forward":
        want = points - crown
    elif style.comb == "upward":
        want = (crown - points) * [0.6, 1, 1]
    elif style.comb == "backward":
        want = np.array([0.0, -0.95, -0.9]) - points
    else:
        return normal
    return _unit(want - (want * normal).sum(1, keepdims=True) * normal)


def _clear_face(points, side, edge):
    """Push strands that hang before the face aside, and gather them at the neck."""
    x, y, z = points.T
    least = np.interp(
        y,
        [-0.8, -0.62, -0.4, -0.1, 0.3, 0.9, 1.4],
        [0, 0.45, 0.70, 0.82, 0.86, 0.8, 0.7],
    )
    least = least + edge
    limit = np.interp(y, [0.5, 1.0], [1.3, 0.93])
    far = np.abs(x) - limit
    x = np.where(far > 0, np.sign(x) * (limit + 0.3 * far), x)
    outer = np.where((z > 0) & (y > -0.78), side * np.maximum(side * x, least), x)
    return np.stack([outer, y, z], 1)


def _cut(paths, style, identity, generator):
    """Cut every strand where it passes the style's level; keep STEPS points."""
    count = len(paths)
    ragged = 0.13 if identity.hair_style == "long" else 0.05
    level = style.level + ragged * generator.standard_normal(count)
    level = np.broadcast_to(level[:, None], paths.shape[:2]).copy()
    if identity.hair_style == "fringe":
        before = (paths[..., 2] > 0.1) & (np.abs(paths[..., 0]) < 0.74)
        jagged = FRINGE_LEVEL + 0.03 * generator.standard_normal(count)
        level[before] = np.minimum(
            np.broadcast_to(jagged[:, None], level.shape), -0.44
        )[before]
    past = paths[..., 1] > level
    past[:, :2] = False
    last = np.where(past.any(1), past.argmax(1) - 0.5, STEPS - 1.0)
    place = last[:, None] * np.linspace(0, 1, STEPS)
    low = np.minimum(place.astype(int), STEPS - 2)
    part = (place - low)[..., None]
    row = np.arange(count)[:, None]
    return paths[row, low] * (1 - part) + paths[row, low + 1] * part


def _find_locks(roots, side, style, generator):
    """Gather roots to locks: each goes to the nearest of some that lead."""
    spread = np.column_stack([roots, 10 * side * (style.comb == "parted")])
    leaders = generator.choice(len(roots), min(style.locks, len(roots)), replace=False)
    return cKDTree(spread[leaders]).query(spread)[1].astype(int)


def _bundle(paths, lock, style, generator):
    """Draw the strands of a lock together towards the tip, and curl the lock."""
    count = lock.max() + 1
    size = np.maximum(np.bincount(lock, minlength=count), 1)[:, None, None]
    middle = np.zeros((count, *paths.shape[1:]))
    np.add.at(middle, lock, paths)
    middle /= size
    share = np.linspace(0, 1, STEPS)[:, None]
    paths = paths + style.clump * share * (middle[lock] - paths)
    if style.wave:
        beat = 2 * np.pi * (1.6 * share[:, 0] + generator.random((count, 1)))
        sway = style.wave * np.sin(beat) * np.sqrt(share[:, 0])
        sway *= generator.uniform(0.3, 1.2, (count, 1))
        paths = paths + (sway[..., None] * np.array([1.0, 0, 0.6]))[lock]
        loose = generator.standard_normal((len(paths), 1, 3)) * [1, 0, 1]
        paths = paths + 0.045 * share**1.5 * loose
    if style.curl:
        along = _unit(middle[:, -1] - middle[:, 0] + 1e-6)
        first = _unit(np.cross(along, generator.standard_normal((count, 3))))
        second = np.cross(along, first)
        turns = style.turns * generator.uniform(0.7, 1.3, (count, 1))
        angle = 2 * np.pi * (turns * share[:, 0] + generator.random((count, 1)))
        radius = style.curl * np.sqrt(share[:, 0])
        curl = (radius * np.cos(angle))[..., None] * first[:, None]
        curl = curl + (radius * np.sin(angle))[..., None] * second[:, None]
        paths = paths + curl[lock]
    return paths


def _grow_bun(generator):
    """Wind strands to a bun on top of the head: (n, STEPS, 3), lock numbers (n,)."""
    count, locks = 1500, 60
    lock = generator.integers(0, locks, count)
    share = np.linspace(0, 1, STEPS)
    lean = 0.55 * generator.standard_normal((locks, 2))[lock]
    lean = lean + 0.08 * generator.standard_normal((count, 2))
    axis = _unit(np.column_stack([lean[:, 0], np.ones(count), 0.5 + lean[:, 1]]))
    first = _unit(np.cross(axis, [0.0, 0.3, 1.0]))[:, None]
    second = np.cross(axis[:, None], first)
    turn = 2 * np.pi * generator.random(locks)[lock][:, None] + 2.4 * share
    radius = 0.30 * generator.uniform(0.8, 1.0, (count, 1, 1))
    ring = np.cos(turn)[..., None] * first + np.sin(turn)[..., None] * second
    off = 0.75 * np.sin(lean[:, :1])[:, None] * axis[:, None]
    paths = np.array([0, -1.47, -0.35]) + radius * _unit(ring + off)
    return paths.astype("float32"), lock


def _grow_ponytail(identity, generator):
    """Hang a tail behind the neck: (n, STEPS, 3) points, lock numbers (n,)."""
    count, locks = 1500, 60
    lock = generator.integers(0, locks, count)
    share = np.linspace(0, 1, STEPS)
    side = np.sign(identity.part)
    spread = generator.standard_normal((count, 2)) * [0.10, 0.08]
    sway = 0.05 * generator.standard_normal(locks)[lock][:, None]
    swell = np.sin(np.pi * np.clip(share * 0.9 + 0.1, 0, 1))
    long = 2.1 + 0.25 * generator.standard_normal((count, 1))
    x = side * (0.35 + 0.5 * np.sqrt(share)) + spread[:, :1] * swell + sway * share
    y = -0.5 + long * share
    z = -0.9 + 0.35 * share + spread[:, 1:] * swell
    return np.stack([x, y, z], -1).astype("float32"), lock


# --- Drawing ------------------------------------------------------------------------


def _draw_strands(paths, colours, widths, head, grid):
    """Draw strands, the nearest wins: returns the front and the back layer."""
    factor = 3 if grid.fineness < 90 else 2
    fine = grid.fineness * factor
    shape = len(grid.y) * factor, len(grid.x) * factor
    strand, first, share = _sample(paths, fine)
    flat = paths.reshape(-1, 3)
    begin = flat[first]
    leg = flat[first + 1] - begin
    points = begin + leg * share[:, None]
    along = ((first % STEPS) + share) / (STEPS - 1)
    half = 0.5 * widths[strand] * np.clip(1.35 * (1 - along**2.5), 0.2, 1)
    half = half * np.clip(0.45 + 4 * along, 0, 1)
    long = np.maximum(np.hypot(leg[:, 0], leg[:, 1]), 1e-6)
    aside = np.stack([-leg[:, 1], leg[:, 0]], 1) / long[:, None]
    left, top = grid.x[0] - 0.5 / grid.fineness, grid.y[0] - 0.5 / grid.fineness
    offsets = np.arange(int(np.ceil(float(widths.max()) * fine))) / fine
    offsets = offsets - offsets.mean()
    index, source = [], []
    for offset in offsets:
        chosen = np.flatnonzero(np.abs(offset) <= np.maximum(half, 0.5 / fine))
        column = ((points[chosen, 0] + offset * aside[chosen, 0] - left) * fine).astype(
            int
        )
        row = ((points[chosen, 1] + offset * aside[chosen, 1] - top) * fine).astype(int)
        good = (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])
        index.append((row * shape[1] + column)[good])
        source.append(chosen[good])
    index, source = np.concatenate(index), np.concatenate(source)
    depth = points[source, 2]
    order = np.argsort(depth, kind="stable")
    index, source, depth = index[order], source[order], depth[order]
    behind = int(np.searchsorted(depth, BEHIND))
    reach = _reach(points, head)
    layers = []
    for chosen in (slice(behind, None), slice(0, behind)):
        winner = np.full(shape[0] * shape[1], -1)
        winner[index[chosen]] = source[chosen]
        layers.append(
            _gather(
                winner, points, leg, along, reach, colours[strand], shape, factor, fine
            )
        )
    return layers


def _sample(paths, fine):
    """Place samples along all strands, about one a fine pixel.

    Returns the strand, the place of the leg's first point in the flattened paths, and
    the share of the leg, each (samples,).
    """
    leg = np.diff(paths, axis=1)
    count = np.ceil(np.hypot(leg[..., 0], leg[..., 1]) * fine * 1.1).astype(int) + 1
    legs = np.repeat(np.arange(count.size), count.ravel())
    start = np.cumsum(count.ravel()) - count.ravel()
    share = (np.arange(len(legs)) - start[legs] + 0.5) / count.ravel()[legs]
    strand, place = np.divmod(legs, STEPS - 1)
    return strand, strand * STEPS + place, share.astype("float32")


def _gather(winner, points, leg, along, reach, colours, shape, factor, fine):
    """Turn the winning sample of every fine pixel into a layer on the grid."""
    covered = winner >= 0
    source = winner[covered]
    alpha = covered.astype("float32").reshape(shape)

    def spread(values):
        picture = np.zeros((shape[0] * shape[1], values.shape[1]), "float32")
        picture[covered] = values
        return picture.reshape(*shape, -1)

    height = spread(points[source, 2:3])[..., 0]
    openness = spread((reach + 0.35 * points[:, 2])[source, None].astype("float32"))
    shade = _find_shade(openness[..., 0], alpha, fine)
    dark_root = 0.62 + 0.38 * np.clip(along[source] * 3, 0, 1)
    albedo = spread(colours[source] * (dark_root + 0.12 * along[source])[:, None])
    tangent = spread(_unit(leg[source]).astype("float32"))
    normal = spread(_normals(points[source]).astype("float32"))
    alpha_small = _shrink(alpha[..., None], factor)
    weight = np.maximum(alpha_small, 1e-4)
    small = [
        _shrink(values * alpha[..., None], factor) / weight
        for values in (albedo, tangent, normal, height[..., None], shade[..., None])
    ]
    gloss = _find_agreement(small[1], alpha_small[..., 0], 0.05 * fine / factor)
    return HairLayer(
        alpha_small[..., 0],
        small[0],
        _unit(small[1]).astype("float32"),
        _unit(small[2]).astype("float32"),
        small[3][..., 0],
        small[4][..., 0],
        gloss,
    )


def _find_agreement(tangent, alpha, reach):
    """Return how far the strands around each pixel run the same way, 0 to 1."""
    weight = np.maximum(cv2.GaussianBlur(alpha, (0, 0), reach), 1e-3)
    mean = cv2.GaussianBlur(tangent * alpha[..., None], (0, 0), reach)
    length = np.linalg.norm(mean, axis=-1) / weight
    return np.clip((length - 0.55) / 0.4, 0, 1).astype("float32")


def _find_shade(height, alpha, fine):
    """Return how open each fine pixel lies: hair that stands above it takes light."""
    hidden = np.zeros_like(height)
    for reach, strength in ((0.022, 9.0), (0.08, 2.2)):
        blurred = cv2.GaussianBlur(alpha, (0, 0), reach * fine)
        around = cv2.GaussianBlur(height * alpha, (0, 0), reach * fine)
        around /= np.maximum(blurred, 1e-3)
        hidden += np.clip((around - height) * strength, 0, 0.55)
    return 1 - np.clip(hidden, 0, 0.8)


def _shrink(values, factor):
    rows, columns, channels = values.shape
    blocks = values.reshape(rows // factor, factor, columns // factor, factor, channels)
    return blocks.mean((1, 3), dtype="float32")


def _fill_gaps(layer, grid):
    """Close pinholes inside thick hair with the dark hair that lies below."""
    fineness = float(grid.fineness)
    thick = cv2.GaussianBlur(layer.alpha, (0, 0), 0.02 * fineness)
    under = np.clip((thick - 0.36) / 0.4, 0, 1)
    alpha = np.maximum(layer.alpha, under)
    share = layer.alpha / np.maximum(alpha, 1e-4)
    weight = np.maximum(cv2.GaussianBlur(layer.alpha, (0, 0), 0.03 * fineness), 1e-3)

    def blend(values, gain=1.0):
        wide = cv2.GaussianBlur(
            values * _match(layer.alpha, values), (0, 0), 0.03 * fineness
        )
        wide = gain * wide / _match(weight, values)
        part = _match(share, values)
        return (values * part + wide * (1 - part)).astype("float32")

    return HairLayer(
        alpha,
        blend(layer.albedo, 0.6),
        _unit(blend(layer.tangent)).astype("float32"),
        _unit(blend(layer.normal)).astype("float32"),
        blend(layer.height),
        blend(layer.shade, 0.6),
        layer.gloss,
    )


def _match(flat, values):
    return flat[..., None] if values.ndim == 3 else flat


def _shadow_skin(alpha, grid):
    """Return what remains of the light on the skin below and beside the hair."""
    fineness = float(grid.fineness)
    dark = np.zeros_like(alpha)
    for drop, reach, strength in ((0.03, 0.025, 0.35), (0.09, 0.07, 0.35)):
        blurred = cv2.GaussianBlur(alpha, (0, 0), reach * fineness)
        move = np.array([[1, 0, 0], [0, 1, drop * fineness]], "float32")
        moved = cv2.warpAffine(blurred, move, alpha.shape[::-1])
        dark += strength * np.maximum(blurred * 0.6, moved)
    # A parting lies between two banks of hair.
    around = cv2.GaussianBlur(alpha, (0, 0), 0.06 * fineness)
    dark += 0.3 * np.clip((around - 0.55) / 0.4, 0, 1)
    return np.clip(1 - dark, 0.3, 1).astype("float32")
