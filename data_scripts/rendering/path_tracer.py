"""A path tracer: follows rays of light backwards from the camera through a scene.

Each ray meets a surface, is mirrored, bent or scattered there, and gathers the light
that reaches the surface from the lamps, the windows and the sun (Kajiya, "The
rendering equation", SIGGRAPH 1986, eq. 1). The random numbers of a sample depend on
nothing but the seed, its pixel and its number, so adding a thing to a scene changes
only those samples whose paths meet it.

Points, directions and colours are tuples of three floats inside the compiled functions.
"""

import math

import numpy as np
from numba import njit

from data_scripts.rendering.solids import (
    BOX,
    CAPSULE,
    CASTS_SHADOW,
    ELLIPSOID,
    GLOW,
    GROUP,
    GROUPS,
    HALF,
    KIND,
    KINDS,
    LAMP,
    MATERIAL,
    OFFSET,
    PHASE,
    RATIO,
    ROUGHNESS,
    SCALE,
    SECOND,
    SHAPE,
    SHEET,
    SHINE,
    SOLID_COLUMNS,
    TEXTURE,
    TEXTURES,
    TO_LOCAL,
    WAVES,
    WINDOW,
)

_METAL, _WATER, _GLASS, _LIGHT = (
    KINDS.index(kind) for kind in ("metal", "water", "glass", "light")
)
(
    _TILES,
    _PLANKS,
    _CLOTH,
    _STRIPES,
    _CHECKS,
    _MARBLE,
    _DIAMONDS,
    _MOSAIC,
    _BRICK,
    _BOOKS,
    _FOLDS,
    _CANVAS,
    _SKY,
) = range(1, len(TEXTURES))
_OUTDOORS, _ROOM = GROUPS.index("outdoors"), GROUPS.index("room")
_RAIL = GROUPS.index("rail")

_STEPS = 10  # surfaces that a path may meet
_BOUNCES = 4  # of these, surfaces that scatter
_SURVIVAL = 0.6  # share of the paths that go on after the second scattering
_SAMPLE_LIMIT = 6.0  # radiance that one sample may bring, against sparkles
_INDIRECT_LIMIT = 2.5  # ... of light that was scattered twice or more
_NEAREST_LIGHT = 0.02  # squared metres; nearer lights shine no brighter
_START, _STEP_OFF = 1e-4, 1e-3  # metres: how far a ray keeps off its own surface
_WATER_INDEX, _WATER_SHINE = 1.33, 0.02
_MURK = (1.0, 0.28, 0.16)  # how much of the murk swallows red, green and blue
_SUN_RADIUS = 0.012  # of the sun's disc, as a tangent; wider than the real one
_CLEAR_MIRROR = 0.25  # up to this roughness, a rail seen in a metal counts as seen
_FAR = 1e9
_PAIRS_PER_STEP, _EVEN_STEPS = 4, 3
_PAIRS = 1 + _PAIRS_PER_STEP * _EVEN_STEPS
_LEAF = 2  # solids in a box of the tree that is split no further

_compile = njit(cache=True, fastmath=True, error_model="numpy")


def trace(scene, size, samples, seed):
    """Render a scene.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
        With room, camera and everything else set.
    size : int
        Pixels to a side.
    samples : int
        Rays through each pixel, a power of two.
    seed : int
        Chooses the random numbers.

    Returns
    -------
    radiance : numpy.ndarray, float32 of shape (size, size, 3)
        Linear light.
    coverage : numpy.ndarray, float32 of shape (size, size, 1 + regions)
        In the order of `solids.GROUPS`: the share of each pixel's rays that meet the
        rail, then the shares that meet each region first. The rail counts as well
        when it is seen through water and glass or in a mirror; the region is then
        still that of the water or mirror.

    Raises
    ------
    ValueError
        If the scene has no camera or `samples` is not a power of two.
    """
    if scene.camera is None:
        raise ValueError("Expected a scene with a camera, got none: call look first.")
    if samples < 1 or samples & (samples - 1):
        raise ValueError(
            f"Expected a power of two samples a pixel, got {samples}: take 64."
        )
    solids, boxes, links = _build_tree(scene)
    radiance = np.zeros((size, size, 3))
    coverage = np.zeros((size, size, len(GROUPS)))
    _render(
        solids,
        boxes,
        links,
        np.array(scene.materials),
        scene.size,
        scene.basin,
        GROUPS.index(scene.basin_region),
        scene.faces,
        scene.openings,
        np.array(scene.lights, float).reshape(-1, 17),
        scene.sky,
        scene.sun,
        scene.murk,
        scene.camera,
        _spread_evenly(samples, seed),
        np.uint64(seed),
        radiance,
        coverage,
    )
    return radiance.astype("float32"), coverage.astype("float32")


def _spread_evenly(samples, seed):
    """Return pairs of numbers that fill the square evenly: uint32 (pairs, samples, 2).

    Each pair is a (0,2)-sequence (Kollig and Keller, "Efficient multidimensional
    sampling", 2002), shuffled, so that pairs have nothing to do with one another.
    """
    index = np.arange(samples, dtype=np.uint64)
    first, second = np.zeros((2, samples), np.uint64)
    direction = 1 << 31
    for bit in range(32):
        chosen = (index >> np.uint64(bit)) & np.uint64(1)
        first ^= chosen * np.uint64(1 << (31 - bit))
        second ^= chosen * np.uint64(direction)
        direction ^= direction >> 1
    points = np.stack([first, second], axis=1).astype(np.uint32)
    generator = np.random.default_rng(seed)
    return np.stack([points[generator.permutation(samples)] for _ in range(_PAIRS)])


def _build_tree(scene):
    """Sort the solids into a tree of boxes within boxes.

    Returns the solids in the order of the tree (n, columns), the boxes (nodes, 6) and
    the links (nodes, 3): the node that follows if a box is missed, the first solid in
    it and how many there are. The rail is a branch of its own, so that the tree of
    all the rest is the same with and without it.
    """
    rows = np.array(scene.solids, float).reshape(-1, SOLID_COLUMNS)
    bounds = np.array(scene.bounds, float).reshape(-1, 2, 3)
    order: list[int] = []
    boxes: list = []
    links: list = []

    def add(members):
        node = len(boxes)
        corners = bounds[members]
        low, high = corners[:, 0].min(0), corners[:, 1].max(0)
        boxes.append([*low, *high])
        links.append([0, len(order), 0])
        if len(members) <= _LEAF:
            links[node][2] = len(members)
            order.extend(members)
        else:
            middles = corners.sum(1)
            axis = np.ptp(middles, axis=0).argmax()
            ranked = members[np.argsort(middles[:, axis], kind="stable")]
            add(ranked[: len(ranked) // 2])
            add(ranked[len(ranked) // 2 :])
        links[node][0] = len(boxes)

    for is_rail in (False, True):
        members = np.flatnonzero((rows[:, GROUP] == _RAIL) == is_rail)
        if len(members):
            add(members)
    corners = np.array(boxes, float).reshape(-1, 6)
    return rows[order], corners, np.array(links, np.int64).reshape(-1, 3)


# Vectors


@_compile
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@_compile
def _go(start, direction, length):
    return (
        start[0] + length * direction[0],
        start[1] + length * direction[1],
        start[2] + length * direction[2],
    )


@_compile
def _times(a, b):
    return (a[0] * b[0], a[1] * b[1], a[2] * b[2])


@_compile
def _scale(a, factor):
    return (a[0] * factor, a[1] * factor, a[2] * factor)


@_compile
def _normalise(a):
    return _scale(a, 1 / math.sqrt(_dot(a, a) + 1e-20))


@_compile
def _read(row, start):
    return (row[start], row[start + 1], row[start + 2])


@_compile
def _limit(colour, most):
    return (min(colour[0], most), min(colour[1], most), min(colour[2], most))


# Random numbers and noise


@_compile
def _mix(number):
    """Scramble the bits of a number (the last steps of SplitMix64)."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


@_compile
def _draw(points, pixel, sample, pair):
    """Return two numbers between 0 and 1: even over the samples of a pixel at first."""
    bits = _mix(pixel + np.uint64(pair) * np.uint64(0x9E3779B97F4A7C15))
    if pair < _PAIRS:
        u = np.uint64(points[pair, sample, 0]) ^ (bits >> np.uint64(32))
        v = np.uint64(points[pair, sample, 1]) ^ (bits & np.uint64(0xFFFFFFFF))
    else:
        bits = _mix(bits + np.uint64(sample) * np.uint64(0xD1B54A32D192ED03))
        u, v = bits >> np.uint64(32), bits & np.uint64(0xFFFFFFFF)
    return (float(u) + 0.5) / 4294967296.0, (float(v) + 0.5) / 4294967296.0


@_compile
def _speckle(x, y, phase):
    """Return a number between 0 and 1 that belongs to a whole-numbered place."""
    number = math.sin(x * 127.1 + y * 311.7 + phase * 74.7) * 43758.5453
    return number - math.floor(number)


@_compile
def _noise(x, y, phase):
    """Return smooth noise between 0 and 1 that changes over a unit of length."""
    column, row = math.floor(x), math.floor(y)
    x, y = x - column, y - row
    x, y = x * x * (3 - 2 * x), y * y * (3 - 2 * y)
    a, b = _speckle(column, row, phase), _speckle(column + 1, row, phase)
    c, d = _speckle(column, row + 1, phase), _speckle(column + 1, row + 1, phase)
    return a + (b - a) * x + (c - a) * y + (a - b - c + d) * x * y


@_compile
def _clouds(x, y, phase):
    """Return noise with coarse and fine parts, about 0 to 0.9."""
    total, size, weight = 0.0, 1.0, 0.5
    for _ in range(3):
        total += weight * _noise(x * size + 7 * size, y * size, phase)
        size, weight = size * 2.07, weight * 0.5
    return total


# Colours


@_compile
def _paint(m, u, v):
    """Return the colour of a material at the place u, v (metres) of a surface."""
    texture, phase = int(m[TEXTURE]), m[PHASE]
    first, second = _read(m, 0), _read(m, SECOND)
    share, shade = 0.0, 1.0  # of the second colour; of brightness
    a, b = u / m[SCALE], v / m[SCALE]
    if texture == 0:
        return first
    if texture in (_TILES, _BRICK, _MOSAIC):
        b = b / m[RATIO]
        column, row = math.floor(a), math.floor(b)
        if texture == _BRICK:
            a += 0.5 * (row % 2)
            column = math.floor(a)
        grout = max(0.045, 0.008 / m[SCALE])
        if a - column < grout or (b - row) * m[RATIO] < grout:
            share = 1.0
        else:
            spread = 0.5 if texture == _MOSAIC else 0.12
            shade = 1 - spread / 2 + spread * _speckle(column, row, phase)
    elif texture == _PLANKS:
        row = math.floor(b)
        a = a / 7 + 3 * _speckle(row, 1, phase)
        column = math.floor(a)
        shade = 0.78 + 0.32 * _speckle(row, column, phase)
        shade *= 0.9 + 0.22 * _clouds(a * 1.5, b * 26, phase)
        if b - row < 0.06 or a - column < 0.01:
            shade *= 0.5
    elif texture == _CLOTH:
        shade = 0.85 + 0.3 * _noise(a, b, phase)
    elif texture == _STRIPES:
        share = 1.0 if a - math.floor(a) < 0.5 else 0.0
    elif texture == _CHECKS:
        column, row = math.floor(a), math.floor(b)
        share = float((int(column) + int(row)) & 1)
        shade = 0.95 + 0.08 * _speckle(column, row, phase)
    elif texture == _MARBLE:
        swirl = _clouds(a, b, phase)
        vein = 1 - abs(math.sin((a + 0.6 * b) * 1.4 + 7 * swirl))
        share, shade = 0.8 * vein**6, 0.9 + 0.2 * swirl
        a, b = a / 1.6, b / 1.6
        if a - math.floor(a) < 0.014 or b - math.floor(b) < 0.014:
            shade *= 0.7
    elif texture == _DIAMONDS:
        crossing = math.sin((a + b) * math.pi) * math.sin((a - b) * math.pi)
        share = 1.0 if crossing > 0.35 else 0.0
    elif texture == _BOOKS:
        row = math.floor(b)
        a /= 0.22
        column = math.floor(a)
        if b - row < 0.08:
            shade = 1.0
        elif b - row < 0.45 + 0.45 * _speckle(column, row, phase):
            value = 0.15 + 0.65 * _speckle(column, row + 0.5, phase)
            first = second = (
                value * (0.55 + 0.5 * _speckle(column, row, phase + 3)),
                value * (0.45 + 0.45 * _speckle(column, row, phase + 9)),
                value * (0.3 + 0.55 * _speckle(column + 0.5, row, phase)),
            )
            shade = 0.5 + 0.55 * math.sin(3.1 * (a - column))
        else:
            shade = 0.25
    elif texture == _FOLDS:
        shade = 0.88 + 0.12 * math.sin(a * math.tau + 1.3 * math.sin(v * 1.1 + phase))
    elif texture == _CANVAS:
        x = a + 1.3 * _clouds(b * 0.8, a * 0.8, phase)
        y = b + 1.3 * _clouds(a * 0.9 + 5, b * 0.9, phase)
        share = _noise(x, y * 1.6, phase + 2)
        share = 1.0 if share > 0.56 else (0.0 if share < 0.5 else (share - 0.5) / 0.06)
        shade = 0.55 + 0.9 * _noise(x * 1.4, y * 0.7, phase + 5)
    return _scale(_go(_scale(first, 1 - share), second, share), shade)


@_compile
def _see_sky(sky, direction):
    """Return the radiance of the sky, with clouds, above hills."""
    zenith, horizon, hills = _read(sky, 0), _read(sky, 3), _read(sky, 7)
    phase = sky[10]
    around = math.atan2(direction[0], direction[2])
    rise = 0.1 + 0.5 * _noise(around * 3, 0.3, phase)
    rise += 0.25 * _noise(around * 17, 0.7, phase)
    if direction[1] < sky[6] * rise:
        return _scale(hills, 0.6 + 0.8 * _noise(around * 40, direction[1] * 60, phase))
    share = math.sqrt(max(direction[1], 0.0))
    colour = _go(_scale(horizon, 1 - share), zenith, share)
    flat = 1.6 / (abs(direction[1]) + 0.25)
    cloud = _clouds(direction[0] * flat, direction[2] * flat, phase)
    cloud = min(max(3.0 * (cloud - 0.45), 0.0), 0.8)
    return _go(_scale(colour, 1 - cloud), (1.05, 1.05, 1.05), cloud * horizon[0])


@_compile
def _gather_caustics(x, z, phase):
    """Return how waves gather the light that reaches a place under water."""
    u, v = 2.3 * x, 2.3 * z
    p = u + 0.9 * math.sin(1.3 * v + phase) + 0.5 * math.sin(2.9 * v - phase)
    q = v + 0.9 * math.sin(1.1 * u - 1.7 * phase) + 0.4 * math.sin(3.1 * u + phase)
    line = math.sin(1.5 * p) * math.cos(1.4 * q) + 0.45 * math.sin(2.7 * p + 1.9 * q)
    return 0.68 + 1.7 * math.exp(-5 * abs(line))


# Where a ray meets a shape. All return the distance (or _FAR) and the normal.


@_compile
def _meet_box(o, d):
    normal = (0.0, 0.0, 0.0)
    x = 1 / d[0] if abs(d[0]) > 1e-9 else _FAR
    y = 1 / d[1] if abs(d[1]) > 1e-9 else _FAR
    z = 1 / d[2] if abs(d[2]) > 1e-9 else _FAR
    near_x, near_y, near_z = -x * o[0] - abs(x), -y * o[1] - abs(y), -z * o[2] - abs(z)
    far = min(-x * o[0] + abs(x), -y * o[1] + abs(y), -z * o[2] + abs(z))
    near = max(near_x, near_y, near_z)
    if near > far or near < _START:
        return _FAR, normal
    if near == near_x:
        normal = (-1.0 if d[0] > 0 else 1.0, 0.0, 0.0)
    elif near == near_y:
        normal = (0.0, -1.0 if d[1] > 0 else 1.0, 0.0)
    else:
        normal = (0.0, 0.0, -1.0 if d[2] > 0 else 1.0)
    return near, normal


@_compile
def _meet_ellipsoid(o, d, cut):
    a, b, c = _dot(d, d), _dot(o, d), _dot(o, o) - 1
    root = b * b - a * c
    if root < 0:
        return _FAR, (0.0, 0.0, 0.0)
    root = math.sqrt(root)
    t = (-b - root) / a
    if t < _START or o[1] + t * d[1] > cut:
        t = (-b + root) / a
        if t < _START or o[1] + t * d[1] > cut or cut > 1:
            return _FAR, (0.0, 0.0, 0.0)
    return t, _go(o, d, t)


@_compile
def _meet_frustum(o, d, bottom, top, closed):
    middle, slope = (top + bottom) / 2, (top - bottom) / 2
    radius, change = middle + slope * o[1], slope * d[1]
    a = d[0] * d[0] + d[2] * d[2] - change * change
    b = o[0] * d[0] + o[2] * d[2] - radius * change
    c = o[0] * o[0] + o[2] * o[2] - radius * radius
    best, normal = _FAR, (0.0, 0.0, 0.0)
    root = b * b - a * c
    if root >= 0 and abs(a) > 1e-12:
        root = math.sqrt(root) if a > 0 else -math.sqrt(root)
        for t in ((-b - root) / a, (-b + root) / a):
            y = o[1] + t * d[1]
            if _START < t < best and abs(y) < 1:
                best = t
                around = middle + slope * y
                normal = (o[0] + t * d[0], -slope * around, o[2] + t * d[2])
    if closed and abs(d[1]) > 1e-9:
        for side in (-1.0, 1.0):
            t = (side - o[1]) / d[1]
            x, z, around = o[0] + t * d[0], o[2] + t * d[2], middle + slope * side
            if _START < t < best and x * x + z * z < around * around:
                best, normal = t, (0.0, side, 0.0)
    return best, normal


@_compile
def _meet_capsule(o, d, start, end, radius):
    axis, from_start = _go(end, start, -1.0), _go(o, start, -1.0)
    length2, lean = _dot(axis, axis), _dot(axis, d)
    ahead, offset = _dot(axis, from_start), _dot(d, from_start)
    a = length2 - lean * lean
    b = length2 * offset - ahead * lean
    c = length2 * (_dot(from_start, from_start) - radius * radius) - ahead * ahead
    root = b * b - a * c
    none = (0.0, 0.0, 0.0)
    if root < 0:
        return _FAR, none
    t = (-b - math.sqrt(root)) / (a + 1e-12)
    y = ahead + t * lean
    if y <= 0 or y >= length2:
        to_end = from_start if y <= 0 else _go(o, end, -1.0)
        b = _dot(d, to_end)
        root = b * b - _dot(to_end, to_end) + radius * radius
        if root < 0:
            return _FAR, none
        t = -b - math.sqrt(root)
        y = 0.0 if y <= 0 else length2
    if t < _START:
        return _FAR, none
    return t, _go(_go(from_start, d, t), axis, -y / length2)


@_compile
def _meet_sheet(o, d):
    t = -o[1] / d[1] if abs(d[1]) > 1e-9 else _FAR
    if t < _START or abs(o[0] + t * d[0]) > 1 or abs(o[2] + t * d[2]) > 1:
        return _FAR, (0.0, 0.0, 0.0)
    return t, (0.0, 1.0, 0.0)


@_compile
def _meet_solid(p, o, d):
    """Return the distance to one solid, its normal (local, not 1 long), the place."""
    shape = int(p[0])
    if shape == CAPSULE:
        t, normal = _meet_capsule(o, d, _read(p, 1), _read(p, 4), p[SHAPE])
        return t, normal, (0.0, 0.0, 0.0)
    a, b, c = _read(p, TO_LOCAL), _read(p, TO_LOCAL + 3), _read(p, TO_LOCAL + 6)
    shift = _read(p, OFFSET)
    o = (_dot(a, o) + shift[0], _dot(b, o) + shift[1], _dot(c, o) + shift[2])
    d = (_dot(a, d), _dot(b, d), _dot(c, d))
    if shape == BOX:
        t, normal = _meet_box(o, d)
    elif shape == ELLIPSOID:
        t, normal = _meet_ellipsoid(o, d, p[SHAPE])
    elif shape == SHEET:
        t, normal = _meet_sheet(o, d)
    else:
        t, normal = _meet_frustum(o, d, p[SHAPE], p[SHAPE + 1], p[SHAPE + 2] > 0.5)
    return t, normal, _times(_go(o, d, t), _read(p, HALF))


@_compile
def _invert(x):
    return 1 / x if abs(x) > 1e-12 else 1e12


@_compile
def _meet(solids, boxes, links, o, d, limit, shadow, hit):
    """Return how far the nearest solid is, and its number, or `limit` and -1.

    With `shadow`, any solid that casts one will do. `hit` receives the normal
    (local), the place on the solid (metres, local).
    """
    x, y, z = _invert(d[0]), _invert(d[1]), _invert(d[2])
    best, found, node = limit, -1, 0
    while node < len(boxes):
        box = boxes[node]
        x0, x1 = (box[0] - o[0]) * x, (box[3] - o[0]) * x
        y0, y1 = (box[1] - o[1]) * y, (box[4] - o[1]) * y
        z0, z1 = (box[2] - o[2]) * z, (box[5] - o[2]) * z
        near = max(min(x0, x1), min(y0, y1), min(z0, z1))
        far = min(max(x0, x1), max(y0, y1), max(z0, z1))
        if far < 0 or near > far or near > best:
            node = links[node, 0]
            continue
        first = links[node, 1]
        for i in range(first, first + links[node, 2]):
            if shadow and solids[i, CASTS_SHADOW] < 0.5:
                continue
            t, normal, place = _meet_solid(solids[i], o, d)
            if t < best:
                best, found = t, i
                if shadow:
                    return best, found
                hit[0], hit[1], hit[2] = normal
                hit[3], hit[4], hit[5] = place
        node += 1
    return best, found


@_compile
def _leave_box(o, d, low, high):
    """Return where a ray leaves the box around it: the distance and the face."""
    best, face = _FAR, 0
    for axis, name in ((0, 0), (1, 2), (2, 4)):
        if abs(d[axis]) > 1e-9:
            ahead = d[axis] > 0
            t = ((high[axis] if ahead else low[axis]) - o[axis]) / d[axis]
            if t < best:
                best, face = t, name + int(ahead)
    return best, face


@_compile
def _leave_room(size, basin, o, d):
    """Return the distance to the room's (0 to 5) or basin's (6 to 11) face."""
    low, high = (0.0, 0.0, 0.0), (size[0], size[1], size[2])
    deep, rim = (basin[0], -basin[4], basin[2]), (basin[1], 0.0, basin[3])
    if basin[4] > 0 and o[1] < -1e-5:
        t, face = _leave_box(o, d, deep, rim)
        if face != 3:
            return t, face + 6
        o = _go(o, d, t)
        more, face = _leave_box((o[0], _START, o[2]), d, low, high)
        return t + more, face
    t, face = _leave_box(o, d, low, high)
    if basin[4] > 0 and face == 2:
        o = _go(o, d, t)
        if basin[0] < o[0] < basin[1] and basin[2] < o[2] < basin[3]:
            more, face = _leave_box((o[0], -_START, o[2]), d, deep, rim)
            return t + more, face + 6
    return t, face


@_compile
def _look_at_face(face, place):
    """Return the inward normal of a room's face and the place on it: u, v."""
    axis, side = (face % 6) // 2, 1.0 - 2 * (face % 2)
    if axis == 0:
        return (side, 0.0, 0.0), place[2], place[1]
    if axis == 1:
        return (0.0, side, 0.0), place[0], place[2]
    return (0.0, 0.0, side), place[0], place[1]


@_compile
def _look_at_solid(p, hit):
    """Return the normal (world, 1 long) of the solid that was hit, and u, v."""
    x, y, z = hit[0], hit[1], hit[2]
    if int(p[0]) == CAPSULE:
        return _normalise((x, y, z)), 0.0, 0.0
    a, b, c = _read(p, TO_LOCAL), _read(p, TO_LOCAL + 3), _read(p, TO_LOCAL + 6)
    normal = _normalise(_go(_go(_scale(a, x), b, y), c, z))
    if abs(x) > 0.5:
        return normal, hit[5], hit[4]
    if abs(y) > 0.5:
        return normal, hit[3], hit[5]
    return normal, hit[3], hit[4]


# Light


@_compile
def _leaves_basin(basin, o, d):
    """Return False if the rim of the basin is in the way of a ray that goes up."""
    if o[1] >= 0 or basin[4] <= 0:
        return True
    if d[1] <= 0:
        return False
    x, z = o[0] - o[1] * d[0] / d[1], o[2] - o[1] * d[2] / d[1]
    return basin[0] < x < basin[1] and basin[2] < z < basin[3]


@_compile
def _choose_light(lights, chances, o, normal, choice):
    """Choose a light by what it would give if nothing stood before it."""
    total = 0.0
    for i in range(len(lights)):
        light = lights[i]
        to_light = _go(_read(light, 0), o, -1.0)
        square = max(_dot(to_light, to_light), _NEAREST_LIGHT)
        length = math.sqrt(square)
        facing = max(_dot(normal, to_light) / length, 0.0) + 0.1
        if light[16] != LAMP:
            facing *= max(-_dot(_read(light, 9), to_light) / length, 0.0) + 0.1
        total += (light[12] + light[13] + light[14]) * light[15] * facing / square
        chances[i] = total
    choice *= total
    i = 0
    while i < len(lights) - 1 and chances[i] < choice:
        i += 1
    before = chances[i - 1] if i > 0 else 0.0
    return i, (chances[i] - before) / total


@_compile
def _gather_lamps(
    solids, boxes, links, basin, lights, chances, o, normal, choice, u, v, hit
):
    """Return the light that reaches a place from one lamp or window, over pi."""
    dark = (0.0, 0.0, 0.0)
    i, chance = _choose_light(lights, chances, o, normal, choice)
    light = lights[i]
    target = _go(_read(light, 0), _read(light, 3), 2 * u - 1)
    target = _go(target, _read(light, 6), 2 * v - 1)
    ray = _go(target, o, -1.0)
    square = _dot(ray, ray)
    length = math.sqrt(square)
    ray = _scale(ray, 1 / length)
    facing = _dot(normal, ray)
    turned = 1.0 if light[16] == LAMP else -_dot(_read(light, 9), ray)
    if facing <= 0 or turned <= 0 or not _leaves_basin(basin, o, ray):
        return dark
    _, found = _meet(solids, boxes, links, o, ray, length * 0.985, True, hit)
    if found >= 0:
        return dark
    strength = facing * turned * light[15] / (math.pi * max(square, _NEAREST_LIGHT))
    return _scale(_read(light, 12), strength / chance)


@_compile
def _finds_window(lights, o, d):
    """Return whether a ray passes through a window."""
    for i in range(len(lights)):
        light = lights[i]
        if light[16] == WINDOW:
            facing = -_dot(_read(light, 9), d)
            if facing > 1e-6:
                away = _go(_read(light, 0), o, -1.0)
                t = -_dot(_read(light, 9), away) / facing
                place = _go(_scale(d, t), away, -1.0)
                side, up = _read(light, 3), _read(light, 6)
                if abs(_dot(place, side)) < _dot(side, side) and abs(
                    _dot(place, up)
                ) < _dot(up, up):
                    return True
    return False


@_compile
def _gather_sun(
    solids, boxes, links, size, basin, openings, lights, sun, o, normal, u, v, hit
):
    """Return the light that reaches a place from the sun, over pi."""
    dark = (0.0, 0.0, 0.0)
    ray = _jitter(_read(sun, 0), _SUN_RADIUS, u, v)
    facing = _dot(normal, ray)
    if facing <= 0 or not _leaves_basin(basin, o, ray):
        return dark
    length, face = _leave_room(size, basin, o, ray)
    if face >= 6 or not (openings[face] or _finds_window(lights, o, ray)):
        return dark
    if openings[face]:
        length = _FAR
    _, found = _meet(solids, boxes, links, o, ray, length, True, hit)
    if found >= 0:
        return dark
    return _scale(_read(sun, 3), facing)


# Directions


@_compile
def _stand_on(normal):
    """Return two directions at right angles to the normal and to each other."""
    if abs(normal[0]) > 0.6:
        side = _normalise((normal[2], 0.0, -normal[0]))
    else:
        side = _normalise((0.0, -normal[2], normal[1]))
    up = (
        normal[1] * side[2] - normal[2] * side[1],
        normal[2] * side[0] - normal[0] * side[2],
        normal[0] * side[1] - normal[1] * side[0],
    )
    return side, up


@_compile
def _jitter(direction, radius, u, v):
    """Return a direction within a cone about another one."""
    side, up = _stand_on(direction)
    radius, angle = radius * math.sqrt(u), math.tau * v
    moved = _go(direction, side, radius * math.cos(angle))
    return _normalise(_go(moved, up, radius * math.sin(angle)))


@_compile
def _scatter(normal, u, v):
    """Return a direction, more often steep than flat: a dull surface's."""
    radius, angle = math.sqrt(u), math.tau * v
    side, up = _stand_on(normal)
    out = _go(_scale(normal, math.sqrt(1 - u)), side, radius * math.cos(angle))
    return _go(out, up, radius * math.sin(angle))


@_compile
def _mirror(d, normal, roughness, u, v):
    """Return the mirrored direction; a rough surface's is spread.

    The facets lean as in Walter and others, "Microfacet models for refraction through
    rough surfaces", 2007, eq. 35 (GGX).
    """
    facet = normal
    if roughness > 0:
        width = roughness * roughness
        square = width * width * u / (1 - u)
        side, up = _stand_on(normal)
        lean = math.sqrt(square)
        facet = _go(normal, side, lean * math.cos(math.tau * v))
        facet = _normalise(_go(facet, up, lean * math.sin(math.tau * v)))
    out = _go(d, facet, -2 * _dot(d, facet))
    above = _dot(out, normal)
    if above < 0.02:
        out = _go(out, normal, 0.02 - 2 * min(above, 0.0))
    return _normalise(out)


@_compile
def _ripple(m, place):
    """Return the normal of water with waves."""
    x, z, a, phase = place[0], place[2], m[WAVES], m[PHASE]
    slope_x = math.sin(x * 5.1 + 2 * math.sin(z * 2.2 + phase) + phase)
    slope_x += 0.6 * math.sin(x * 11 - z * 9 + phase * 2)
    slope_z = math.sin(z * 6.3 + 2 * math.sin(x * 1.7 - phase))
    slope_z += 0.6 * math.sin(z * 13 + x * 7 - phase)
    return _normalise((a * slope_x, 1.0, a * slope_z))


@_compile
def _cross_water(d, normal, enters):
    """Return the bent direction (Snell's law) and the share that is mirrored."""
    ratio = 1 / _WATER_INDEX if enters else _WATER_INDEX
    steep = -_dot(d, normal)
    square = 1 - ratio * ratio * (1 - steep * steep)
    if square <= 0:
        return d, 1.0
    bent = math.sqrt(square)
    out = _normalise(_go(_scale(d, ratio), normal, ratio * steep - bent))
    return out, _reflect_share(_WATER_SHINE, steep if enters else bent)


@_compile
def _reflect_share(shine, steep):
    """Return the mirrored share of light (Schlick 1994, eq. 15)."""
    flat = 1 - min(max(steep, 0.0), 1.0)
    return shine + (1 - shine) * flat * flat * flat * flat * flat


@_compile
def _fold(normal, m, u, v):
    """Bend the normal of a curtain."""
    swing = 0.55 * math.cos(
        u / m[SCALE] * math.tau + 1.3 * math.sin(v * 1.1 + m[PHASE])
    )
    if abs(normal[0]) > 0.5:
        return _normalise((normal[0], normal[1], normal[2] + swing))
    return _normalise((normal[0] + swing, normal[1], normal[2]))


@_compile
def _follow(
    solids,
    boxes,
    links,
    materials,
    size,
    basin,
    basin_group,
    faces,
    openings,
    lights,
    sky,
    sun,
    murk,
    points,
    pixel,
    sample,
    o,
    d,
    hit,
    chances,
):
    """Follow one path: its radiance, the group that it meets first, sees it a rail."""
    gathered, weight = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    first, rail, clear = -1, False, True
    bounces, wet = 0, False
    for step in range(_STEPS):
        wall, face = _leave_room(size, basin, o, d)
        t, i = _meet(solids, boxes, links, o, d, wall, False, hit)
        place = _go(o, d, t)
        if wet:
            thick = -murk * t
            weight = (
                weight[0] * math.exp(thick * _MURK[0]),
                weight[1] * math.exp(thick * _MURK[1]),
                weight[2] * math.exp(thick * _MURK[2]),
            )
        if i >= 0:
            m, group = materials[int(solids[i, MATERIAL])], int(solids[i, GROUP])
            normal, u, v = _look_at_solid(solids[i], hit)
        elif face < 6 and openings[face]:
            if first < 0:
                first = _OUTDOORS
            light = _times(weight, _see_sky(sky, d))
            gathered = _go(gathered, light, 1.0)
            break
        else:
            m, group = materials[faces[face]], _ROOM if face < 6 else basin_group
            normal, u, v = _look_at_face(face, place)
        if first < 0:
            first = group
        if clear and group == _RAIL:
            rail = True
        kind = int(m[KIND])
        if kind == _LIGHT:
            if bounces == 0:
                light = _paint(m, u, v)
                if int(m[TEXTURE]) == _SKY:
                    light = _times(light, _see_sky(sky, d))
                gathered = _go(gathered, _times(weight, light), m[GLOW])
            break
        pair = 1 + step * _PAIRS_PER_STEP
        choice, survival = _draw(points, pixel, sample, pair)
        if kind == _WATER:
            enters = d[1] < 0
            normal = _ripple(m, place)
            if not enters:
                normal = _scale(normal, -1.0)
            out, mirrored = _cross_water(d, normal, enters)
            if choice >= mirrored:
                wet = enters
                d = out
            else:
                d = _mirror(d, normal, 0.0, 0.0, 0.0)
            o = _go(place, d, _STEP_OFF)
            continue
        if _dot(normal, d) > 0:
            normal = _scale(normal, -1.0)
        colour = _paint(m, u, v)
        if int(m[TEXTURE]) == _FOLDS:
            normal = _fold(normal, m, u, v)
        steep = -_dot(normal, d)
        mirrored = 0.0
        if m[SHINE] > 0 and (bounces == 0 or kind == _GLASS):
            mirrored = _reflect_share(m[SHINE], steep) * (1 - 0.6 * m[ROUGHNESS])
        if kind == _METAL or choice < mirrored:
            a, b = _draw(points, pixel, sample, pair + 2)
            d = _mirror(d, normal, m[ROUGHNESS], a, b)
            if kind == _METAL:
                edge = _reflect_share(0.0, steep)
                weight = _times(
                    weight, _go(_scale(colour, 1 - edge), (1.0, 1.0, 1.0), edge)
                )
            clear = clear and kind == _METAL and m[ROUGHNESS] <= _CLEAR_MIRROR
            o = _go(place, normal, _STEP_OFF)
            continue
        if kind == _GLASS:
            weight = _times(weight, colour)
            o = _go(place, d, _STEP_OFF)
            continue
        clear = False
        choice = (choice - mirrored) / (1 - mirrored)
        weight = _times(weight, colour)
        o = _go(place, normal, _STEP_OFF)
        light = (0.0, 0.0, 0.0)
        if len(lights) > 0:
            a, b = _draw(points, pixel, sample, pair + 1)
            light = _gather_lamps(
                solids,
                boxes,
                links,
                basin,
                lights,
                chances,
                o,
                normal,
                choice,
                a,
                b,
                hit,
            )
        if sun[3] > 0 and _dot(normal, _read(sun, 0)) > -0.02:
            a, b = _draw(points, pixel, sample, pair + 3)
            more = _gather_sun(
                solids,
                boxes,
                links,
                size,
                basin,
                openings,
                lights,
                sun,
                o,
                normal,
                a,
                b,
                hit,
            )
            light = _go(light, more, 1.0)
        if wet:
            light = _scale(light, _gather_caustics(place[0], place[2], sun[0] * 9))
        light = _times(weight, light)
        if bounces > 0:
            light = _limit(light, _INDIRECT_LIMIT)
        gathered = _go(gathered, light, 1.0)
        bounces += 1
        if bounces >= _BOUNCES:
            break
        if bounces > 1:
            if survival > _SURVIVAL:
                break
            weight = _scale(weight, 1 / _SURVIVAL)
        a, b = _draw(points, pixel, sample, pair + 2)
        d = _scatter(normal, a, b)
    return _limit(gathered, _SAMPLE_LIMIT), first, rail


@_compile
def _render(
    solids,
    boxes,
    links,
    materials,
    size,
    basin,
    basin_group,
    faces,
    openings,
    lights,
    sky,
    sun,
    murk,
    camera,
    points,
    seed,
    radiance,
    coverage,
):
    """Fill the radiance and the coverage of every pixel."""
    hit, chances = np.zeros(6), np.zeros(len(lights) + 1)
    height, width = radiance.shape[:2]
    samples = points.shape[1]
    share = 1.0 / samples
    eye, right, up = _read(camera, 0), _read(camera, 3), _read(camera, 6)
    forwards, spread = _read(camera, 9), camera[12]
    for y in range(height):
        for x in range(width):
            pixel = _mix(np.uint64(y * width + x) + (seed << np.uint64(32)))
            for sample in range(samples):
                a, b = _draw(points, pixel, sample, 0)
                d = _go(forwards, right, (2 * (x + a) / width - 1) * spread)
                d = _normalise(_go(d, up, (1 - 2 * (y + b) / height) * spread))
                light, first, rail = _follow(
                    solids,
                    boxes,
                    links,
                    materials,
                    size,
                    basin,
                    basin_group,
                    faces,
                    openings,
                    lights,
                    sky,
                    sun,
                    murk,
                    points,
                    pixel,
                    sample,
                    eye,
                    d,
                    hit,
                    chances,
                )
                for channel in range(3):
                    radiance[y, x, channel] += light[channel] * share
                if rail:
                    coverage[y, x, _RAIL] += share
                if first > 0:
                    coverage[y, x, first] += share
