"""Little things on a table: eight objects and four patterns, drawn and lit.

A thing is a pile of parts. A part is a signed distance (below zero inside), a colour
and a profile: how high it stands and how wide its round edge is. Distances are in the
thing's own units, in which it reaches about 1 from its middle; x goes right, y up.

A pattern is a class of its own on a body that says nothing: the same balls, cushions,
vases, tiles and pebbles lie about plain in many pictures.
"""

import re
from itertools import combinations
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed
from scipy import ndimage
from tqdm.auto import tqdm

from data_scripts.rendering.shading import (
    FINENESS,
    draw_lamp,
    enlarge,
    expose,
    make_noise,
    make_rough_noise,
    shade,
    shrink,
    smooth_step,
    to_linear,
)
from helpers.objects import CLASS_NAMES, SIZE

OBJECTS, PATTERNS = CLASS_NAMES[:8], CLASS_NAMES[8:]
SPLITS = ("train", "validation", "test", "pairs")

_FINE = SIZE * FINENESS
_VISIBLE = 0.65  # of each object, at least
_BODY = 255  # the mark of what is no object

_PAINTS = [
    to_linear(code)
    for code in re.findall(
        "#......",
        "#c8553d #e07a5f #f2a65a #e9c46a #f4d58d #8ab17d #4f772d #2a9d8f #1f6f78 "
        "#5fa8d3 #2f5d8c #27406b #6d597a #9d6b9e #c97b9a #e8a0a8 #b23a48 #7f2f3b "
        "#f3e9d6 #d9cbb0 #faf6ee #a98467 #6f4e37 #3a4750 #88a2aa #bcc8bd",
    )
]
_GOLD = to_linear("#d9a441")
_INK = to_linear("#20242b")
_IVORY = to_linear("#f6efe0")


class Part(NamedTuple):
    """A piece of a thing: `distance` (h, w), `colour` (3, 1, 1) or (3, h, w)."""

    distance: np.ndarray
    colour: np.ndarray
    height: float = 0.2
    bevel: float = 0.2
    base: float = 0.0


class Material(NamedTuple):
    """How high parts stand, how round their edges are, how they shine and feel.

    `cells` says how fine its unevenness is, down and across; `bump` is its height,
    `mottle` the change of tone that goes with it. `rim` is the width of a metal edge.
    """

    height: float
    bevel: float
    gloss: float
    cells: tuple
    bump: float
    mottle: float
    rim: float = 0.0


class Scene(NamedTuple):
    """A picture, float32 (128, 128, 3) in [0, 1], and a mask of each object."""

    image: np.ndarray
    masks: np.ndarray


_MATERIALS = {
    "clay": Material(1.3, 1.4, 0.34, (7, 7), 0.014, 0.02),
    "enamel": Material(0.75, 0.6, 0.95, (5, 5), 0.0, 0.02, rim=0.055),
    "paper": Material(0.42, 0.10, 0.0, (40, 40), 0.002, 0.015),
    "felt": Material(0.9, 0.8, 0.0, (72, 72), 0.009, 0.08),
    "wood": Material(0.8, 0.4, 0.2, (5, 44), 0.005, 0.08),
}


def render(labels, seed):
    """Draw one object, often beside a plain body or two, or a pair of objects.

    Parameters
    ----------
    labels : sequence of int
        One place in `CLASS_NAMES`, or two. Each object of a pair is at least 60 %
        visible.
    seed : int or sequence of int
        Decides everything else.

    Returns
    -------
    Scene
        Its masks are bool ``(len(labels), 128, 128)``, in the order of `labels`.
    """
    generator = np.random.default_rng(seed)
    scene = None
    while scene is None:
        scene = _compose(labels, generator)
    height, albedo, gloss, owner = scene
    light = shade(height, albedo, gloss, draw_lamp(generator))
    light *= generator.uniform(0.85, 1.12)
    image = expose(light, generator, grain=generator.uniform(0.003, 0.012))
    masks = np.stack([_shrink_mask(owner == place + 1) for place in range(len(labels))])
    return Scene(image, masks)


def list_labels(split, count):
    """List what the pictures of a split show: the classes take turns.

    Parameters
    ----------
    split : str
        One of `SPLITS`. In "pairs", every two different classes meet equally often.
    count : int

    Returns
    -------
    int array (count, 1), or (count, 2) for "pairs"
    """
    if split != "pairs":
        return np.arange(count)[:, None] % len(CLASS_NAMES)
    every = np.array([*combinations(range(len(CLASS_NAMES)), 2)])
    generator = np.random.default_rng(SPLITS.index(split))
    pairs = generator.permutation(np.resize(every, (count, 2)))
    return np.where(generator.random((count, 1)) < 0.5, pairs, pairs[:, ::-1])


def render_split(split, count):
    """Draw the pictures of a split in two processes, with a progress bar.

    Returns
    -------
    (uint8 array (count, 128, 128, 3), bool array (count, objects, 128, 128))
    """
    labels = list_labels(split, count).tolist()
    images = np.empty((count, SIZE, SIZE, 3), "uint8")
    masks = np.empty((count, len(labels[0]), SIZE, SIZE), bool)
    scenes = Parallel(n_jobs=2, return_as="generator")(
        delayed(render)(those, [SPLITS.index(split), place])
        for place, those in enumerate(labels)
    )
    for place, scene in enumerate(tqdm(scenes, f"drawing, {split}", count)):
        images[place] = np.round(scene.image * 255)
        masks[place] = scene.masks
    return images, masks


def _shrink_mask(mask):
    return shrink(mask.astype("float32")) > 0.5


def _compose(labels, generator):
    """Lay a scene out: heights, colours, gloss, and whose each fine pixel is.

    Returns None where an object would be hidden more than it may.
    """
    x, y = _draw_view(generator)
    height, albedo = _draw_ground(x, y, generator)
    paints = _draw_paints(generator, albedo.mean(axis=(1, 2), keepdims=True))
    gloss = np.full_like(height, 0.05)
    owner = np.zeros(height.shape, "uint8")
    scene = height, albedo, gloss, owner
    areas = {}
    places = _place(len(labels), generator)
    things = [*zip(labels, places, strict=True)]
    things += [(None, where) for where in _place_bodies(places, generator)]
    for number in generator.permutation(len(things)):
        label, where = things[number]
        mark = number + 1 if label is not None else _BODY
        whole = _put(scene, (x, y), where, mark, label, generator, paints)
        if label is not None:
            areas[mark] = whole
    if any((owner == mark).sum() < _VISIBLE * area for mark, area in areas.items()):
        return None
    return height, albedo, gloss, owner


def _draw_view(generator):
    """Return the coordinates of each fine pixel, -1 to 1, seen slightly from aside."""
    place = ((np.arange(_FINE) + 0.5) / _FINE * 2 - 1).astype("float32")
    x, y = np.meshgrid(place, -place)
    tilt = generator.uniform(-0.1, 0.1, 2).astype("float32")
    depth = 1 + tilt[0] * x + tilt[1] * y
    return x / depth, y / depth


def _draw_paints(generator, ground):
    """Choose five colours for the things of a picture, none of them the ground's."""
    apart = [paint for paint in _PAINTS if _differ(paint, ground) > 0.24]
    chosen = generator.choice(len(apart), 5, replace=False)
    return [_tint(apart[place], generator, 0.85, 1.15) for place in chosen]


def _tint(paint, generator, least, most):
    change = generator.uniform(least, most, (3, 1, 1)).astype("float32")
    return np.clip(paint * change, 0, 0.95)


def _differ(first, second):
    return float(np.abs(np.sqrt(first) - np.sqrt(second)).max())


def _place(count, generator):
    """Choose middles and radii, in units of half the picture's width."""
    while True:
        smallest, largest = (0.38, 0.85) if count == 1 else (0.42, 0.6)
        radii = generator.uniform(smallest, largest, count)
        middles = [
            generator.uniform(-1, 1, 2) * (1.02 - 0.92 * radius) for radius in radii
        ]
        if count == 1:
            break
        apart = np.hypot(*(middles[0] - middles[1]))
        if apart > 0.68 * radii.sum():
            break
    return np.column_stack([middles, radii]).tolist()


def _place_bodies(places, generator):
    """Choose where plain bodies lie: none to three, beside the objects."""
    odds = [0.35, 0.3, 0.25, 0.1] if len(places) == 1 else [0.55, 0.35, 0.1, 0]
    wanted = generator.choice(4, p=odds)
    bodies: list[tuple] = []
    for _ in range(30):
        if len(bodies) == wanted:
            break
        radius = generator.uniform(0.1, 0.34)
        cx, cy = generator.uniform(-1.05, 1.05, 2).tolist()
        gaps = [
            np.hypot(cx - ox, cy - oy) - 0.72 * (radius + other)
            for ox, oy, other in [*places, *bodies]
        ]
        if min(gaps) > 0:
            bodies.append((cx, cy, radius))
    return bodies


def _put(scene, view, where, mark, label, generator, paints):
    """Draw one thing onto the scene's arrays, in place; return its area in pixels."""
    x, y = view
    cx, cy, radius = where
    # Everything is worked out in a window around the thing only.
    reach = radius * 1.5 + 0.05
    rows = np.abs(y[:, _FINE // 2] - cy) < reach * 1.15
    columns = np.abs(x[_FINE // 2] - cx) < reach * 1.15
    window = (
        slice(rows.argmax(), _FINE - rows[::-1].argmax()),
        slice(columns.argmax(), _FINE - columns[::-1].argmax()),
    )
    height, albedo, gloss, owner = (array[..., *window] for array in scene)
    u, v = _turn((x[window] - cx) / radius, (y[window] - cy) / radius, label, generator)
    colours = [paints[place] for place in generator.permutation(5)]
    if label is None or label >= len(OBJECTS):
        pattern = None if label is None else PATTERNS[label - len(OBJECTS)]
        parts, material = _draw_body(u, v, generator, colours, pattern)
    else:
        name = generator.choice(list(_MATERIALS), p=[0.3, 0.25, 0.18, 0.15, 0.12])
        material = _MATERIALS[name]
        parts = _DRAW[OBJECTS[label]](u, v, generator, colours)
    own_height, own_albedo, cover, own_gloss = _assemble(parts, material, generator)
    # What overlaps another thing lies on it.
    lift = 0.5 * float(height[cover].max(initial=0)) if owner[cover].any() else 0
    height[cover] = own_height[cover] * (radius * _FINE / 2) + lift + 1
    np.copyto(albedo, own_albedo, where=cover)
    gloss[cover] = own_gloss[cover]
    owner[cover] = mark
    return int(cover.sum())


def _turn(x, y, label, generator):
    """Mirror, shear and rotate coordinates; upright things only lean."""
    name = "" if label is None else CLASS_NAMES[label]
    lean = {"boat": 0.45, "house": 0.5, "mushroom": 0.6, "fish": 0.7, "butterfly": 1.2}
    angle = generator.uniform(-1, 1) * lean.get(name, np.pi)
    if generator.random() < 0.5:
        x = -x
    shear = generator.uniform(-0.1, 0.1)
    wide = generator.uniform(0.94, 1.06)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = x * cosine + y * sine, y * cosine - x * sine
    return ((u + shear * v) * wide).astype("float32"), (v / wide).astype("float32")


def _assemble(parts, material, generator):
    """Pile parts up; return height (in the thing's units), colour, cover and gloss."""
    shape = parts[0].distance.shape
    height = np.zeros(shape, "float32")
    albedo = np.zeros((3, *shape), "float32")
    cover = np.zeros(shape, bool)
    gloss = np.full(shape, material.gloss, "float32")
    for part in parts:
        distance = part.distance
        base = np.broadcast_to(np.float32(part.base), shape)
        if material.rim:
            middle = distance / (0.5 * material.rim)
            metal = middle < 1
            wire = 0.5 * material.rim * np.sqrt(np.clip(1 - middle * middle, 0, 1))
            np.copyto(height, base * material.height + 0.11 + wire, where=metal)
            np.copyto(albedo, _GOLD, where=metal)
            gloss[metal] = 0.7
            cover |= metal
            distance = distance + material.rim * 0.5
        inside = distance < 0
        share = np.clip(distance[inside] / (-part.bevel * material.bevel), 0, 1)
        profile = np.sqrt(share * (2 - share))
        height[inside] = (base[inside] + part.height * profile) * material.height
        np.copyto(albedo, part.colour, where=inside)
        gloss[inside] = material.gloss
        cover |= inside
    uneven = make_noise(generator, max(shape), material.cells)[: shape[0], : shape[1]]
    height += material.bump * uneven * cover
    albedo *= 1 + material.mottle * uneven
    return height, np.clip(albedo, 0.01, 0.97), cover, gloss


# Signed distances: below 0 inside. Most are exact; where they are not, they are near 0.


def _circle(x, y, cx, cy, radius):
    return np.hypot(x - cx, y - cy) - radius


def _ellipse(x, y, cx, cy, wide, tall, angle=0.0):
    cosine, sine = np.cos(angle), np.sin(angle)
    u = ((x - cx) * cosine + (y - cy) * sine).astype("float32")
    v = ((y - cy) * cosine - (x - cx) * sine).astype("float32")
    near = np.hypot(u / wide, v / tall)
    slope = np.hypot(u / wide**2, v / tall**2)
    return near * (near - 1) / np.maximum(slope, 1e-4)


def _box(x, y, cx, cy, wide, tall, rounding=0.04):
    u = np.abs(x - cx) - wide + rounding
    v = np.abs(y - cy) - tall + rounding
    outside = np.hypot(np.maximum(u, 0), np.maximum(v, 0))
    return outside + np.minimum(np.maximum(u, v), 0) - rounding


def _line(x, y, start, end, radius):
    (ax, ay), (bx, by) = start, end
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / (
        (bx - ax) ** 2 + (by - ay) ** 2
    )
    along = np.clip(along, 0, 1)
    return np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)) - radius


def _polygon(x, y, corners, rounding=0.03):
    """Distance to a polygon whose corners are rounded outwards."""
    corners = np.asarray(corners, "float32")
    nearest = np.full(x.shape, 1e9, "float32")
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, 1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        px, py = x - ax, y - ay
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        np.minimum(
            nearest, (px - along * ex) ** 2 + (py - along * ey) ** 2, out=nearest
        )
        inside ^= ((ay > y) != (by > y)) & (px < ex * py / (ey if ey else 1e-9))
    return np.where(inside, -1, 1) * np.sqrt(nearest) - rounding


def _join(first, second, width):
    """Unite two shapes with a round weld (the polynomial smooth minimum)."""
    share = np.clip(0.5 + 0.5 * (second - first) / width, 0, 1)
    return second + (first - second) * share - width * share * (1 - share)


def _spindle(x, y, length, width):
    """A leaf's outline: where two circles overlap; tips at (0, ±length)."""
    radius = (length * length + width * width) / (2 * width)
    return np.hypot(np.abs(x) + radius - width, y) - radius


def _darker(colour, by=0.6):
    return (colour * by).astype("float32")


def _lighter(colour, by=0.4):
    return (colour + (1 - colour) * by).astype("float32")


# The eight objects. Each returns its parts from the lowest to the highest.


def _draw_boat(x, y, generator, colours):
    hull, sail, jib, flag, band = colours
    x, y = x * 1.02, y + 0.05
    swell = generator.uniform(0.04, 0.14)
    body = np.maximum(
        _ellipse(x, y, 0.0, -0.42, 0.86, 0.5 + swell),
        y + 0.42 - 0.09 * x * x,
    )
    mast = _line(x, y, (-0.06, -0.45), (-0.06, 0.98), 0.045)
    belly = generator.uniform(0.05, 0.16)
    main = _polygon(
        x - belly * np.cos(np.clip((y - 0.25) * 1.9, -1.6, 1.6)) * (x > -0.02),
        y,
        [(0.04, 0.88), (0.04, -0.26), (0.62, -0.26)],
    )
    front = _polygon(
        x + 0.6 * belly * np.cos(np.clip((y - 0.15) * 2.2, -1.6, 1.6)) * (x < -0.1),
        y,
        [(-0.17, 0.66), (-0.17, -0.26), (-0.62, -0.26)],
    )
    pennant = _polygon(x, y, [(-0.06, 0.97), (-0.06, 0.83), (-0.34, 0.9)], 0.015)
    stripe = np.maximum(body + 0.07, np.abs(y + 0.56 - 0.05 * x * x) - 0.045)
    parts = [
        Part(mast, _darker(band, 0.5), 0.12, 0.05),
        Part(pennant, flag, 0.1, 0.04, 0.03),
        Part(main, _lighter(sail, 0.25), 0.19, 0.3, 0.04),
        Part(front, _lighter(jib, 0.35), 0.16, 0.25, 0.02),
        Part(body, hull, 0.32, 0.28),
    ]
    if generator.random() < 0.7:
        parts.append(Part(stripe, _lighter(band, 0.5), 0.05, 0.05, 0.27))
    return parts


def _draw_butterfly(x, y, generator, colours):
    upper, lower, spot, body, _ = colours
    x = np.abs(x)
    spread = generator.uniform(-0.08, 0.08)
    top = _join(
        _ellipse(x, y, 0.56, 0.36 + spread, 0.5, 0.36, 0.7),
        _ellipse(x, y, 0.3, 0.16, 0.32, 0.2, 0.5),
        0.12,
    )
    bottom = _join(
        _ellipse(x, y, 0.42, -0.42, 0.34, 0.28, -0.8 + spread),
        _ellipse(x, y, 0.22, -0.12, 0.26, 0.18, -0.7),
        0.1,
    )
    inner_top = _ellipse(x, y, 0.56, 0.36 + spread, 0.33, 0.21, 0.7)
    inner_bottom = _ellipse(x, y, 0.42, -0.42, 0.2, 0.15, -0.8 + spread)
    feeler = np.maximum(
        np.abs(np.hypot(x - 0.36, y - 0.5) - 0.34) - 0.02,
        np.maximum(x - 0.3, 0.36 - y),
    )
    feeler = np.minimum(feeler, _circle(x, y, 0.27, 0.83, 0.05))
    trunk = np.minimum(
        _ellipse(x, y, 0, -0.12, 0.1, 0.48), _circle(x, y, 0, 0.4, 0.115)
    )
    dark = _darker(body, 0.35)
    parts = [
        Part(bottom, lower, 0.14, 0.2),
        Part(inner_bottom, _lighter(spot, 0.2), 0.06, 0.08, 0.12),
        Part(top, upper, 0.2, 0.22),
        Part(inner_top, _lighter(spot), 0.07, 0.1, 0.17),
        Part(feeler, dark, 0.12, 0.03),
        Part(trunk, dark, 0.32, 0.11),
    ]
    if generator.random() < 0.6:
        eye = _circle(x, y, 0.66, 0.47 + spread, 0.085)
        parts.insert(4, Part(eye, _darker(upper, 0.45), 0.05, 0.05, 0.24))
    return parts


def _draw_fish(x, y, generator, colours):
    skin, fin, band, _, belly = colours
    bend = generator.uniform(-0.12, 0.12)
    y = y - bend * x * x
    body = _join(
        _ellipse(x, y, -0.22, 0, 0.66, generator.uniform(0.38, 0.5)),
        _ellipse(x, y, 0.35, 0, 0.32, 0.15),
        0.2,
    )
    fork = generator.uniform(0.1, 0.24)
    tail = _polygon(
        x, y, [(0.42, 0), (0.88, 0.42), (0.9 - fork, 0), (0.88, -0.42)], 0.06
    )
    back = np.maximum(
        _ellipse(x, y, -0.05, 0.36, 0.44, 0.3, -0.2), _ellipse(x, y, 0, 0, 2, 0.62)
    )
    under = _ellipse(x, y, -0.02, -0.42, 0.2, 0.12, 0.7)
    side = _ellipse(x, y, -0.06, -0.1, 0.2, 0.1, -0.4)
    rays = 0.86 + 0.14 * np.cos(np.arctan2(y, x - 0.3) * 26)
    back_rays = 0.87 + 0.13 * np.cos((x + 0.3 * y) * 42)
    shade_of_belly = smooth_step(y, -0.3, 0.25)
    coat = skin * shade_of_belly + _lighter(belly, 0.5) * (1 - shade_of_belly)
    # Scales: arcs in shifted rows, only a little darker at their edges.
    row = np.floor(y / 0.15)
    u = (x / 0.19 + 0.5 * (row % 2)) % 1 - 0.5
    v = y / 0.15 - row - 0.5
    scale = np.hypot(u + 0.25, v)
    coat = coat * (1 - 0.22 * smooth_step(scale, 0.42, 0.58))
    gill = np.abs(np.hypot(x + 0.95, y * 0.9) - 0.46) - 0.02
    gill = np.maximum(gill, body + 0.06)
    head = np.maximum(np.hypot(x + 0.95, y * 0.9) - 0.46, body)
    mouth = _line(x, y, (-0.86, -0.1), (-0.68, -0.13), 0.022)
    eye = _circle(x, y, -0.58, 0.12, 0.11)
    pupil = _circle(x, y, -0.6, 0.12, 0.06)
    return [
        Part(tail, fin * rays, 0.14, 0.12),
        Part(back, fin * back_rays, 0.12, 0.1),
        Part(under, _darker(fin, 0.85), 0.12, 0.08),
        Part(body, coat.astype("float32"), 0.36, 0.4),
        Part(head, band, 0.355, 0.36),
        Part(gill, _darker(skin, 0.5), 0.01, 0.02, 0.26),
        Part(side, fin * back_rays, 0.08, 0.07, 0.33),
        Part(mouth, _darker(band, 0.3), 0.01, 0.02, 0.2),
        Part(eye, _IVORY, 0.06, 0.06, 0.28),
        Part(pupil, _INK, 0.03, 0.04, 0.34),
    ]


def _draw_flower(x, y, generator, colours):
    petal, second, middle, seed, _ = colours
    count = int(generator.integers(5, 9))
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    wide = generator.uniform(0.8, 1.05) * np.pi / count * 0.62
    pointed = generator.random() < 0.35

    def ring(turn, length, size):
        sector = 2 * np.pi / count
        folded = (angle + turn + sector / 2) % sector - sector / 2
        u, v = radius * np.cos(folded), radius * np.sin(folded)
        if pointed:
            return _spindle(v, u - 0.55 * length, 0.47 * length, size), v, u
        egg = _ellipse(u, v, 0.6 * length, 0, 0.4 * length, size)
        return _join(egg, _line(u, v, (0, 0), (0.5 * length, 0), 0.06), 0.1), v, u

    parts = []
    layers = [(0.0, 0.98, wide, petal, 0.0)]
    if generator.random() < 0.55:
        layers.append((np.pi / count, 0.68, wide * 0.72, second, 0.14))
    for turn, length, size, colour, base in layers:
        distance, aside, along = ring(turn, length, size)
        fade = smooth_step(along / length, 0.15, 0.85)
        crease = 1 - 0.25 * np.exp(-((aside / 0.035) ** 2)) * (along < 0.85 * length)
        paint = (_darker(colour, 0.62) * (1 - fade) + colour * fade) * crease
        parts.append(Part(distance, paint.astype("float32"), 0.2, 0.2, base))
    core = generator.uniform(0.2, 0.28)
    seeds = 0.82 + 0.18 * np.cos(x * 55) * np.cos(y * 55)
    parts.append(
        Part(
            _circle(x, y, 0, 0, core),
            (middle * seeds).astype("float32"),
            0.2,
            core * 0.9,
            0.18,
        )
    )
    if generator.random() < 0.5:
        parts.append(
            Part(_circle(x, y, 0, 0, core * 0.5), _darker(seed, 0.6), 0.06, 0.1, 0.36)
        )
    return parts


def _draw_house(x, y, generator, colours):
    wall, roof, door, frame, chimney = colours
    tall = generator.uniform(-0.06, 0.08)
    body = _box(x, y, 0, -0.36, 0.58, 0.44, 0.03)
    peak = 0.8 + tall
    gable = _polygon(x, y, [(-0.8, 0.02), (0.8, 0.02), (0, peak)], 0.05)
    stack = _box(x, y, 0.4, 0.52, 0.11, 0.3, 0.02)
    cap = _box(x, y, 0.4, 0.8, 0.15, 0.05, 0.02)
    entry = np.minimum(
        _box(x, y, 0.02, -0.56, 0.14, 0.24, 0.02), _circle(x, y, 0.02, -0.34, 0.14)
    )
    knob = _circle(x, y, 0.1, -0.55, 0.03)
    panes = _box(np.abs(x), y, 0.36, -0.28, 0.13, 0.14, 0.02)
    frames = _box(np.abs(x), y, 0.36, -0.28, 0.17, 0.18, 0.02)
    bars = np.maximum(
        np.minimum(np.abs(np.abs(x) - 0.36), np.abs(y + 0.28)) - 0.022, panes
    )
    attic = _circle(x, y, 0, 0.3, 0.12)
    light = to_linear("#f9e4ad")
    glass = light if generator.random() < 0.5 else to_linear("#9cc3d5")
    rows = 0.86 + 0.14 * smooth_step((y * 7.0) % 1, 0.0, 0.25)
    trim = _lighter(frame, 0.6)
    return [
        Part(stack, _darker(chimney, 0.75), 0.2, 0.06),
        Part(cap, _lighter(chimney), 0.24, 0.05),
        Part(body, wall, 0.24, 0.08),
        Part(gable, (roof * rows).astype("float32"), 0.36, 0.14),
        Part(attic, trim, 0.04, 0.03, 0.35),
        Part(attic + 0.045, glass, 0.01, 0.02, 0.36),
        Part(frames, trim, 0.04, 0.03, 0.23),
        Part(panes, glass, 0.01, 0.02, 0.24),
        Part(bars, trim, 0.03, 0.02, 0.24),
        Part(entry, door, 0.04, 0.04, 0.23),
        Part(knob, _GOLD, 0.03, 0.03, 0.27),
    ]


def _draw_leaf(x, y, generator, colours):
    green, vein = colours[:2]
    bend = generator.uniform(-0.25, 0.25)
    x = x - bend * (y * y - 0.3)
    width = generator.uniform(0.4, 0.56)
    lobes = generator.integers(0, 3)
    blade = _spindle(x, y - 0.16, 0.82, width)
    if lobes:
        depth, pace = (0.035, 26) if lobes == 1 else (0.07, 13)
        blade = blade + depth * (np.cos(y * pace - np.abs(x) * pace * 0.6) - 0.2) * (
            smooth_step(np.abs(x), 0.04, 0.25)
        )
    stalk = _line(x, y, (0, -0.98), (0, -0.4), 0.05)
    middle = np.abs(x) / np.clip(0.045 - 0.028 * (y + 0.6), 0.012, 1)
    pace = generator.uniform(0.2, 0.26)
    slant = (y - 0.75 * np.abs(x)) / pace
    side = np.abs(slant - np.round(slant)) * pace / 0.026
    lines = np.exp(-(np.minimum(middle, side) ** 2))
    fade = smooth_step(np.abs(x), 0, 0.5)
    ground = green * (1 - 0.28 * fade)
    pale = _lighter(vein, 0.35)
    paint = ground + (pale - ground) * (0.75 * lines)
    # The two halves rise from the midrib like an opened book; veins are pressed in.
    lift = 0.1 * smooth_step(np.abs(x), 0, 0.3) - 0.05 * lines
    blade_part = Part(blade, paint.astype("float32"), 0.16, 0.16, lift)
    return [Part(stalk, _darker(green, 0.7), 0.14, 0.06), blade_part]


def _draw_mushroom(x, y, generator, colours):
    cap, spots, _, _, skirt = colours
    tall = generator.uniform(0.48, 0.68)
    lean = generator.uniform(-0.1, 0.1)
    bottom = -0.9
    x0 = x - lean * (y - 0.1)
    swell = 0.17 + 0.13 * smooth_step(y, -0.2, bottom)
    stem = _join(
        np.maximum(np.abs(x0) - swell, np.maximum(bottom + 0.2 - y, y - 0.1)),
        _ellipse(x0, y, 0, bottom + 0.2, 0.3, 0.18),
        0.06,
    )
    edge = -0.02 - 0.06 * np.cos(x * 2.2)
    dome = np.maximum(_ellipse(x, y, 0, -0.05, 0.88, tall + 0.28), edge - y) - 0.03
    gills = _ellipse(x, y, 0, -0.04, 0.74, 0.17)
    pleats = 0.8 + 0.2 * np.cos(np.arctan2(y - 0.5, x) * 46)
    ivory = _lighter(skirt, 0.7)
    shade_of_stem = 1 - 0.3 * smooth_step(y, -0.3, -0.02)
    parts = [
        Part(stem, (ivory * shade_of_stem).astype("float32"), 0.3, 0.26),
        Part(gills, (_darker(ivory, 0.7) * pleats).astype("float32"), 0.3),
        Part(dome, cap, 0.44, 0.42),
    ]
    if generator.random() < 0.75:
        places = [(0, 0.42), (-0.42, 0.2), (0.43, 0.22), (-0.22, 0.1), (0.2, 0.08)]
        dots = np.minimum.reduce(
            [
                _ellipse(
                    x,
                    y,
                    px + generator.uniform(-0.06, 0.06),
                    py + generator.uniform(-0.05, 0.05),
                    *generator.uniform((0.09, 0.07), (0.17, 0.12)),
                )
                for px, py in places
            ]
        )
        dots = np.maximum(dots, dome + 0.05)
        parts.append(Part(dots, _lighter(spots, 0.6), 0.05, 0.05, 0.41))
    return parts


def _draw_star(x, y, generator, colours):
    first, second = colours[:2]
    inner = generator.uniform(0.42, 0.52)
    rounding = generator.uniform(0.02, 0.09)
    angles = np.pi / 2 + np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2, inner, 1.0) - rounding
    corners = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    distance = _polygon(x, y, corners, rounding)
    if generator.random() < 0.6:
        # Folded: each point is a roof, its two sides in two tones.
        turn = (np.arctan2(y, x) - np.pi / 2) / (2 * np.pi / 5)
        side = (turn - np.round(turn)) > 0
        paint = np.where(side, first, first * 0.8).astype("float32")
        ridge = np.clip(-distance, 0, 0.5) * 0.7
        return [Part(distance, paint, 0.06, 0.05, ridge)]
    parts = [Part(distance, first, 0.3, 0.28)]
    if generator.random() < 0.5:
        parts.append(Part(distance + 0.13, second, 0.08, 0.1, 0.22))
    return parts


_DRAW = {
    "boat": _draw_boat,
    "butterfly": _draw_butterfly,
    "fish": _draw_fish,
    "flower": _draw_flower,
    "house": _draw_house,
    "leaf": _draw_leaf,
    "mushroom": _draw_mushroom,
    "star": _draw_star,
}


# Bodies, plain or in a pattern.


def _draw_body(x, y, generator, colours, pattern):
    """Draw a ball, cushion, vase, tile or pebble; `pattern` None leaves it plain."""
    kind = generator.choice(["ball", "cushion", "vase", "tile", "pebble"])
    round_x, round_y = x, y
    if kind == "ball":
        distance = _circle(x, y, 0, 0, 0.9)
        round_x, round_y = (
            0.9 * np.arcsin(np.clip(axis / 0.92, -0.999, 0.999)) for axis in (x, y)
        )
        height, bevel = 0.5, 0.9
    elif kind == "cushion":
        pinch = 0.07 * (2 - (x / 0.8) ** 2 - (y / 0.8) ** 2)
        distance = _box(x, y, 0, 0, 0.76, 0.76, 0.12) + np.clip(pinch, -0.05, 0.1)
        round_x, round_y = x * (1 + 0.16 * y * y), y * (1 + 0.16 * x * x)
        height, bevel = 0.4, 0.7
    elif kind == "vase":
        belly = generator.uniform(0.6, 0.74)
        neck = belly * generator.uniform(0.6, 0.8)
        shoulder = smooth_step(y, 0.1, 0.62)
        radius = belly - (belly - neck) * shoulder
        radius -= 0.16 * smooth_step(y, -0.25, -0.9)
        radius += 0.05 * smooth_step(y, 0.7, 0.76)
        distance = np.maximum((np.abs(x) - radius) * 0.9, np.abs(y) - 0.84) - 0.03
        round_x = radius * np.arcsin(np.clip(x / (radius + 0.02), -0.999, 0.999))
        height, bevel = 0.4, 0.5
    elif kind == "tile":
        wide, tall = generator.uniform(0.62, 0.85, 2).tolist()
        distance = _box(x, y, 0, 0, wide, tall, generator.uniform(0.03, 0.2))
        height, bevel = 0.25, 0.08
    else:
        angle, radius = np.arctan2(y, x), np.hypot(x, y)
        outline = 0.78 + sum(
            generator.uniform(-0.09, 0.09) * np.cos(angle * k + generator.uniform(0, 6))
            for k in (2, 3, 4)
        )
        distance = (radius - outline).astype("float32")
        height, bevel = 0.35, 0.6
    names = ["clay", "felt", "wood"] + (["paper"] if kind == "tile" else ["enamel"])
    material = _MATERIALS[generator.choice(names)]._replace(rim=0.0)
    if pattern is None:
        paint, relief = colours[0], 0.0
        if generator.random() < 0.4:
            grey = np.float32(generator.uniform(0.12, 0.6))
            paint = grey * to_linear("#fffaf3")
    else:
        turn = generator.uniform(0, np.pi)
        cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        u = round_x * cosine + round_y * sine + np.float32(generator.uniform(0, 1))
        v = round_y * cosine - round_x * sine + np.float32(generator.uniform(0, 1))
        paint, relief = _PAINT[pattern](u, v, generator, colours)
    return [Part(distance, paint, height, bevel, relief)], material


def _draw_contrast(colours):
    """Return the two colours of a picture that differ most in lightness."""
    ordered = sorted(colours, key=lambda colour: float(colour.sum()))
    return ordered[0], ordered[-1]


def _paint_bricks(u, v, generator, colours):
    dark, light = _draw_contrast(colours)
    if generator.random() < 0.6:
        dark, light = light, dark
    tall = generator.uniform(0.2, 0.32)
    wide = tall * generator.uniform(1.9, 2.4)
    row = np.floor(v / tall)
    column = np.floor(u / wide + 0.5 * (row % 2))
    inside_u = (u / wide + 0.5 * (row % 2) - column) * wide
    inside_v = v - row * tall
    joint = tall * generator.uniform(0.08, 0.12)
    edge = np.minimum(
        np.minimum(inside_u, wide - inside_u), np.minimum(inside_v, tall - inside_v)
    )
    brick = smooth_step(edge, joint * 0.6, joint * 1.4)
    # Whole numbers, so that each brick has the same tone on every processor.
    number = row.astype(int) * 37 + column.astype(int) * 101
    tone = 0.78 + 0.4 / 97 * ((number * number * 53 + number * 29) % 97)
    paint = light + (dark * tone - light) * brick
    return paint.astype("float32"), 0.045 * brick


def _paint_checks(u, v, generator, colours):
    dark, light = _draw_contrast(colours)
    pace = generator.uniform(0.26, 0.42)
    odd = (np.floor(u / pace) + np.floor(v / pace)) % 2
    return np.where(odd > 0, dark, light).astype("float32"), 0.0


def _paint_dots(u, v, generator, colours):
    dark, light = _draw_contrast(colours)
    if generator.random() < 0.5:
        dark, light = light, dark
    pace = generator.uniform(0.32, 0.46)
    row = np.round(v / (pace * 0.87))
    aside = u / pace + 0.5 * (row % 2)
    away = np.hypot((aside - np.round(aside)) * pace, v - row * pace * 0.87)
    radius = pace * generator.uniform(0.26, 0.34)
    dot = smooth_step(away, radius + 0.01, radius - 0.01)
    paint = light + (dark - light) * dot
    bulge = 0.04 * np.sqrt(np.clip(1 - (away / radius) ** 2, 0, 1))
    return paint.astype("float32"), bulge.astype("float32")


def _paint_stripes(u, v, generator, colours):
    dark, light = _draw_contrast(colours)
    pace = generator.uniform(0.3, 0.5)
    wave = generator.uniform(0, 0.06) * np.sin(v * generator.uniform(2, 5))
    share = generator.uniform(0.42, 0.58)
    place = ((u + wave) / pace) % 1
    return np.where(place < share, dark, light).astype("float32"), 0.0


_PAINT = {
    "bricks": _paint_bricks,
    "checks": _paint_checks,
    "dots": _paint_dots,
    "stripes": _paint_stripes,
}


# Grounds.


def _draw_ground(x, y, generator):
    """Draw what everything lies on: heights in fine pixels and colours."""
    kind = generator.choice(
        ["wood", "linen", "plaster", "card", "blobs", "stone"],
        p=[0.2, 0.14, 0.18, 0.18, 0.18, 0.12],
    )
    angle = generator.uniform(0, np.pi)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = x * cosine + y * sine, y * cosine - x * sine
    paint = _tint(_PAINTS[generator.integers(len(_PAINTS))], generator, 0.85, 1.15)
    height, albedo = _GROUND[kind](u, v, generator, paint)
    pool = 1 - 0.22 * smooth_step(
        np.hypot(x - generator.uniform(-0.6, 0.6), y - generator.uniform(-0.6, 0.6)),
        0.4,
        2.0,
    )
    return height.astype("float32"), (albedo * pool).astype("float32")


def _draw_wood(u, v, generator, paint):
    woods = ["#b98a5e", "#8a5a3a", "#d3b088", "#6b4a35", "#a9967f", "#c9a06b"]
    wood = to_linear(woods[generator.integers(len(woods))])
    if generator.random() < 0.25:
        wood = 0.5 * wood + 0.5 * paint
    plank = generator.uniform(0.5, 0.9)
    aside = v / plank + generator.uniform(0, 1)
    row = np.floor(aside)
    warp = (
        make_noise(generator, _FINE, 3) * 0.05 + make_noise(generator, _FINE, 9) * 0.012
    )
    table = ndimage.gaussian_filter1d(
        generator.standard_normal(4096), 1.2, mode="wrap"
    ).astype("float32")
    place = ((v + warp + 0.04 * u + row * 3.7) * 260).astype("int32") & 4095
    broad = ndimage.gaussian_filter1d(table, 14, mode="wrap") * 4
    grain = 0.055 * table[place] + 0.1 * broad[place]
    tones = 1 + 0.12 * np.sin(row * 5.3 + generator.uniform(0, 6))
    edge = np.abs(aside - np.round(aside)) * plank
    gap = smooth_step(edge, 0.012, 0.004)
    albedo = wood * (tones * (1 + grain) * (1 - 0.75 * gap))
    return 0.5 * table[place] - 5 * gap, np.clip(albedo, 0.01, 0.95)


def _draw_linen(u, v, generator, paint):
    cloth = 0.85 * _lighter(paint, generator.uniform(0.0, 0.45))
    threads = generator.uniform(60, 95)
    slub = make_noise(generator, _FINE, (90, 8)) + make_noise(generator, _FINE, (8, 90))
    weave = np.sin(u * threads * 2) * np.sin(v * threads * 2)
    folds = make_rough_noise(generator, _FINE, 2, 2)
    albedo = cloth * (1 + 0.06 * slub + 0.09 * weave)
    return 0.6 * weave + 0.3 * slub + 4 * folds, np.clip(albedo, 0.01, 0.95)


def _draw_plaster(u, v, generator, paint):
    wall = 0.85 * _lighter(paint, generator.uniform(0.0, 0.5))
    rough = make_rough_noise(generator, _FINE, 6, 5)
    cloud = make_noise(generator, _FINE, 4)
    albedo = wall * (1 + 0.05 * cloud + 0.03 * rough)
    return 1.6 * rough, np.clip(albedo, 0.01, 0.95)


def _draw_card(u, v, generator, paint):
    """Paint a sheet of card that changes from one colour to its neighbour."""
    other = _tint(paint, generator, 0.6, 1.2)
    share = smooth_step(v, -1.2, 1.2)
    fibre = generator.standard_normal(u.shape, dtype="float32")
    fibre = ndimage.uniform_filter(fibre, (2, 5))
    albedo = (paint + (other - paint) * share) * (1 + 0.05 * fibre)
    return 0.25 * fibre, np.clip(albedo, 0.01, 0.95)


def _draw_blobs(u, v, generator, paint):
    """Paint something far away and out of focus: discs of light on a dim field."""
    coarse_u, coarse_v = u[::FINENESS, ::FINENESS], v[::FINENESS, ::FINENESS]
    field = make_noise(generator, SIZE, 2)
    albedo = paint * 0.5 * (1 + 0.25 * field)
    for _ in range(generator.integers(7, 16)):
        colour = _PAINTS[generator.integers(len(_PAINTS))]
        cx, cy = generator.uniform(-1.2, 1.2, (2, 1, 1)).astype("float32")
        radius = generator.uniform(0.1, 0.34)
        away = np.hypot(coarse_u - cx, coarse_v - cy)
        disc = smooth_step(away, radius * 1.12, radius * 0.88)
        disc = disc * (0.75 + 0.25 * smooth_step(away, radius * 0.4, radius))
        albedo += (colour - albedo) * (generator.uniform(0.15, 0.5) * disc)
    return np.zeros_like(u), np.clip(enlarge(albedo), 0.01, 0.95)


def _draw_stone(u, v, generator, paint):
    """Paint polished stone: clouds, speckles and one thin vein."""
    stone = 0.5 * paint + generator.uniform(0.05, 0.3)
    cloud = make_rough_noise(generator, _FINE, 3, 5)
    speckle = generator.standard_normal(u.shape, dtype="float32")
    speckle = np.clip(np.abs(ndimage.uniform_filter(speckle, 4)) * 4 - 2.2, 0, 1)
    vein = np.exp(-((cloud / 0.05) ** 2))
    tone = 1 + 0.07 * cloud - 0.35 * speckle - 0.16 * vein
    return 0.2 * cloud, np.clip(stone * tone, 0.01, 0.95)


_GROUND = {
    "wood": _draw_wood,
    "linen": _draw_linen,
    "plaster": _draw_plaster,
    "card": _draw_card,
    "blobs": _draw_blobs,
    "stone": _draw_stone,
}
