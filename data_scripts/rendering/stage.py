"""A stage of flat and rounded pieces, seen in perspective, lit, and seen out of focus.

Pieces are painted one after another; each pixel keeps the nearest. What is kept of a
pixel is its depth, its normal, its colour and its own glow. Then light is gathered from
windows, lamps and the sun, with shadows cast by boxes, and a lens with a round opening
draws points of light as discs.

The world is in metres: x to the right, y up, z away from the camera, the floor at 0.
"""

import colorsys
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from scipy import ndimage

NEAR = 0.2  # metres; nothing nearer is drawn
FAR = 1e4
_STRIDE = 2  # light is gathered at every second pixel, across and down


class Stage(NamedTuple):
    """What the camera sees, and what throws shadows.

    `rays` float32 (h, w, 3) in world directions, one metre deep; `eye` (3,); `axes`
    (3, 3) of the camera as rows right, up, away; `focal` in pixels; `depth` (h, w) in
    metres; `normal`, `albedo` and `glow` (h, w, 3), colours in linear light; `boxes`,
    a list of (low, high) corners that throw shadows.
    """

    rays: np.ndarray
    eye: np.ndarray
    axes: np.ndarray
    focal: float
    depth: np.ndarray
    normal: np.ndarray
    albedo: np.ndarray
    glow: np.ndarray
    boxes: list


class Source(NamedTuple):
    """A light: a rectangle, a ball, or the sun.

    `centre` (3,); `edges` (2, 3), half the sides of a rectangle, which shines to the
    side that looks at the room; zeros make a ball. `colour` (3,) is its power.
    """

    centre: np.ndarray
    edges: np.ndarray
    colour: np.ndarray


def mix(hue, saturation, value):
    """Turn hue, saturation and value (0 to 1) into linear light, float32 (3,)."""
    colour = colorsys.hsv_to_rgb(hue % 1, min(saturation, 1), min(value, 1))
    return np.array(colour, "float32") ** np.float32(2.2)


def make_stage(width, height, eye_height, turn, view, rise=0.0):
    """Set up a camera before an empty stage.

    Parameters
    ----------
    width, height : int
        Pixels of the frame.
    eye_height : float
        Metres above the floor.
    turn : float
        Radians, to the right if positive.
    view : float
        The angle that the frame's width spans, in radians.
    rise : float
        How far the horizon lies below the frame's middle, as a share of its height; a
        shifted lens keeps upright lines upright.
    """
    focal = width / 2 / np.tan(view / 2)
    cosine, sine = np.cos(turn), np.sin(turn)
    axes = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]], "float32")
    across = (np.arange(width, dtype="float32") + 0.5 - width / 2) / focal
    up = (height * (0.5 + rise) - np.arange(height, dtype="float32") - 0.5) / focal
    local = np.ones((height, width, 3), "float32")
    local[..., 0], local[..., 1] = across, up[:, None]
    blank = np.zeros((height, width, 3), "float32")
    return Stage(
        rays=local @ axes,
        eye=np.array([0, eye_height, 0], "float32"),
        axes=axes,
        focal=float(focal),
        depth=np.full((height, width), FAR, "float32"),
        normal=blank.copy(),
        albedo=blank.copy(),
        glow=blank.copy(),
        boxes=[],
    )


def add_polygon(stage, corners, albedo, normal=None, glow=None):
    """Paint a flat convex piece, seen from both sides.

    Parameters
    ----------
    stage : Stage
        Painted on in place.
    corners : array (k, 3)
    albedo : array (3,) or function
        A function takes positions (m, 3) and returns colours (m, 3).
    normal : function, optional
        From positions (m, 3) to unit normals (m, 3); without it the piece is flat.
    glow : array (3,) or function, optional
        What it shines by itself.
    """
    corners = np.asarray(corners, "float32")
    local = (corners - stage.eye) @ stage.axes.T
    flat = np.cross(local[1] - local[0], local[2] - local[0])
    local = _clip_near(local)
    if len(local) < 3 or not flat.any():
        return
    flat /= np.linalg.norm(flat)
    place = _project(stage, local)
    height, width = stage.depth.shape
    left, top = np.clip(np.floor(place.min(axis=0)), 0, (width, height)).astype(int)
    right, low = np.clip(np.ceil(place.max(axis=0)) + 1, 0, (width, height)).astype(int)
    if right <= left or low <= top:
        return
    mask = _find_inside(place, np.arange(left, right), np.arange(top, low))
    window = (slice(top, low), slice(left, right))
    rays = stage.rays[window]
    world = flat @ stage.axes
    facing = rays @ world
    facing[np.abs(facing) < 1e-6] = 1e-6
    depth = (flat @ local[0]) / facing
    seen = mask & (depth < stage.depth[window]) & (depth > NEAR / 2)
    if not seen.any():
        return
    stage.depth[window][seen] = depth[seen]
    position = stage.eye + depth[seen][:, None] * rays[seen]
    if normal is None:
        away = facing[seen][:, None] > 0
        stage.normal[window][seen] = np.where(away, -world, world)
    else:
        stage.normal[window][seen] = normal(position)
    stage.albedo[window][seen] = albedo(position) if callable(albedo) else albedo
    if glow is None:
        glow = 0
    stage.glow[window][seen] = glow(position) if callable(glow) else glow


def add_box(stage, low, high, albedo, shadow=True, glow=None):
    """Paint the sides of an upright box that the camera can see."""
    low, high = np.minimum(low, high), np.maximum(low, high)
    if shadow:
        stage.boxes.append((low.astype("float32"), high.astype("float32")))
    for axis in range(3):
        if stage.eye[axis] < low[axis]:
            at = low[axis]
        elif stage.eye[axis] > high[axis]:
            at = high[axis]
        else:
            continue
        add_polygon(stage, face_of(axis, at, low, high), albedo, glow=glow)


def face_of(axis, at, low, high):
    """Return the rectangle (4, 3) across `axis` at `at`, between two corners."""
    first, second = (other for other in range(3) if other != axis)
    corners = np.empty((4, 3), "float32")
    corners[:, axis] = at
    corners[:, first] = low[first], high[first], high[first], low[first]
    corners[:, second] = low[second], low[second], high[second], high[second]
    return corners


def add_cushion(stage, centre, radii, albedo, power=4.0, shadow=True):
    """Paint a rounded block: a superellipsoid, from a ball (2) towards a box.

    Its surface is |x/a|^p + |y/b|^p + |z/c|^p = 1, as in A. H. Barr, "Superquadrics and
    angle-preserving transformations" (1981), with one power for all three.
    """
    centre, radii = np.asarray(centre, "float32"), np.asarray(radii, "float32")
    if shadow:
        inside = radii * np.float32(0.93 * 3 ** (-1 / power))  # a box within it
        stage.boxes.append((centre - inside, centre + inside))
    polar = np.linspace(-np.pi / 2, np.pi / 2, 15)[:, None]
    around = np.linspace(0, 2 * np.pi, 25)
    ball = np.stack(
        [
            np.cos(polar) * np.cos(around),
            np.sin(polar) + 0 * around,
            np.cos(polar) * np.sin(around),
        ],
        axis=-1,
    )
    ball /= (np.abs(ball) ** power).sum(axis=-1, keepdims=True) ** (1 / power)
    points = (centre + ball * radii).astype("float32")

    def normal(position):
        inner = (position - centre) / radii
        slope = np.sign(inner) * np.abs(inner) ** np.float32(power - 1) / radii
        return slope / (np.linalg.norm(slope, axis=1, keepdims=True) + 1e-9)

    for row, column in np.ndindex(14, 24):
        quad = points[
            [row, row, row + 1, row + 1], [column, column + 1, column + 1, column]
        ]
        middle = quad.mean(axis=0)
        if normal(middle[None])[0] @ (stage.eye - middle) > 0:
            add_polygon(stage, quad[:3], albedo, normal)
            add_polygon(stage, quad[[0, 2, 3]], albedo, normal)


def add_turned(stage, foot, profile, albedo, glow=None, sides=16, shadow=True):
    """Paint a turned piece: a profile of (height, radius) swept round an upright axis.

    Parameters
    ----------
    stage : Stage
    foot : array (3,)
        The axis at height 0.
    profile : list of (float, float)
        From the bottom to the top, in metres.
    albedo : array (3,) or function
    glow : array (3,) or function, optional
    sides : int
    shadow : bool
    """
    foot = np.asarray(foot, "float32")
    profile = np.asarray(profile, "float32")
    widest, top = profile[:, 1].max(), profile[-1, 0]
    if shadow:
        reach = np.array([widest * 0.5, 0, widest * 0.5], "float32")
        stage.boxes.append((foot - reach, foot + reach + (0, top, 0)))
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    circle = np.stack([np.cos(angles), np.zeros_like(angles), np.sin(angles)], axis=1)
    rings = [foot + circle * radius + (0, height, 0) for height, radius in profile]
    for (low, wide), (high, narrow), lower, upper in zip(
        profile[:-1], profile[1:], rings[:-1], rings[1:], strict=True
    ):
        lean = (wide - narrow) / max(high - low, 1e-3)

        def normal(position, lean=lean):
            out = position - foot
            out[:, 1] = 0
            out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-6
            out[:, 1] = lean
            return out / np.sqrt(1 + lean * lean)

        for side in range(sides):
            quad = np.stack(
                [lower[side], lower[side + 1], upper[side + 1], upper[side]]
            )
            middle = quad.mean(axis=0)
            if normal(middle[None].copy())[0] @ (stage.eye - middle) > 0:
                add_polygon(stage, quad, albedo, normal, glow)
    if stage.eye[1] > foot[1] + top:
        add_polygon(stage, rings[-1][:-1], albedo, glow=glow)


def add_leaves(stage, centres, along, length, width, colours, normals):
    """Paint many small leaves at once, each a pointed oval of one colour and depth.

    Parameters
    ----------
    stage : Stage
    centres, along, colours, normals : float32 arrays (n, 3)
        The middle of each leaf, the unit direction of its long axis, its colour, and
        the normal that light sees.
    length, width : float or arrays (n,)
        Half of each, in metres.
    """
    local = (centres - stage.eye) @ stage.axes.T
    direction = along @ stage.axes.T
    order = np.argsort(-local[:, 2])
    keep = order[local[order, 2] > 0.4]
    if not len(keep):
        return
    across = np.cross(direction, (0, 0, 1))
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-6
    length = np.broadcast_to(np.reshape(length, (-1, 1)), (len(local), 1))
    width = np.broadcast_to(np.reshape(width, (-1, 1)), (len(local), 1))
    half = ((-0.7, 0.6), (-0.3, 0.95), (0.1, 0.9), (0.55, 0.5))
    shape = ((-1, 0), *half, (1, 0), *((a, -b) for a, b in half[::-1]))
    outline = np.stack(
        [local + a * length * direction + b * width * across for a, b in shape], axis=1
    )
    outline[..., 2] = np.maximum(outline[..., 2], NEAR)
    points = np.round((_project(stage, outline) - 0.5) * 16)
    points = np.clip(points, -(2**20), 2**20).astype("int32")
    names = np.zeros(stage.depth.shape, "int32")
    for place in keep:
        cv2.fillConvexPoly(names, points[place], int(place) + 1, shift=4)
    names -= 1
    seen = names >= 0
    seen[seen] = local[names[seen], 2] < stage.depth[seen]
    chosen = names[seen]
    stage.depth[seen] = local[chosen, 2]
    stage.normal[seen] = normals[chosen]
    stage.albedo[seen] = colours[chosen]
    stage.glow[seen] = 0


def gather_light(stage, sources, sky, generator, reach=1.3, ground=0.55):
    """Find the light that falls on each pixel: from sources, and from all around.

    Parameters
    ----------
    stage : Stage
    sources : list of Source
    sky : array (3,)
        The light from all around.
    generator : numpy.random.Generator
        Shakes the rays, so that few are enough.
    reach : float
        Metres within which a neighbour takes light away.
    ground : float
        How bright the light from below is, as a share of that from above.

    Returns
    -------
    float32 array (h, w, 3)
    """
    few = (slice(_STRIDE // 2, None, _STRIDE),) * 2
    normal = stage.normal[few].reshape(-1, 3)
    depth = np.minimum(stage.depth[few], 200).reshape(-1, 1)
    position = stage.eye + depth * stage.rays[few].reshape(-1, 3)
    position = position + 0.012 * normal
    light = _gather_around(stage, position, normal, sky, generator, reach, ground)
    for source in sources:
        light += _gather_source(stage, position, normal, source, generator)
    shape = stage.depth[few].shape
    return _spread(stage, light.reshape(*shape, 3), few)


def cast_sun(stage, towards, colour, generator, openings=None, softness=0.014):
    """Find the sunlight on each pixel, if wanted only what comes through openings.

    Parameters
    ----------
    stage : Stage
    towards : array (3,)
        The unit direction to the sun.
    colour : array (3,)
    generator : numpy.random.Generator
    openings : (axis, place, list of (low, high)), optional
        Panes in the plane where coordinate `axis` is `place`; low and high (3,).
    softness : float
        How much the sun's rays spread.

    Returns
    -------
    float32 array (h, w, 3)
    """
    position = stage.eye + np.minimum(stage.depth, 200)[..., None] * stage.rays
    position = (position + 0.012 * stage.normal).reshape(-1, 3)
    count = 3
    light = sum(
        _trace_sun(stage, position, towards, generator, openings, softness)
        for _ in range(count)
    )
    light = light.reshape(*stage.depth.shape, 1)
    return light * np.asarray(colour, "float32") / np.float32(count)


def _trace_sun(stage, position, towards, generator, openings, softness):
    """Follow one shaken ray to the sun from each position (m, 3)."""
    shake = generator.standard_normal(position.shape, dtype="float32")
    ray = np.asarray(towards, "float32") + np.float32(softness) * shake
    facing = np.clip((stage.normal.reshape(-1, 3) * ray).sum(axis=1), 0, None)
    if openings is not None:
        axis, place, panes = openings
        travel = (place - position[:, axis]) / ray[:, axis]
        crossing = position + travel[:, None] * ray
        through = np.zeros(len(position), bool)
        others = [other for other in range(3) if other != axis]
        for low, high in panes:
            inside = travel > 0
            for other in others:
                inside = inside & (crossing[:, other] > low[other])
                inside &= crossing[:, other] < high[other]
            through |= inside
        facing *= through
    lit = np.flatnonzero(facing > 0)
    facing[lit] *= ~_find_blocked(stage.boxes, position[lit], 60 * ray[lit])
    return facing


def photograph(stage, light, blur, focus=1.0, haze=None):
    """Turn light into a picture through a lens with a round opening.

    Parameters
    ----------
    stage : Stage
    light : float32 array (h, w, 3)
        What falls on each pixel.
    blur : float
        The radius, in pixels, of a far point's disc.
    focus : float
        The distance that is sharp, in metres.
    haze : (float, array (3,)), optional
        The distance over which air takes most of a colour, and the air's colour.

    Returns
    -------
    float32 array (h, w, 3), linear light
    """
    picture = stage.albedo * light + stage.glow
    if haze is not None:
        share = np.exp(-stage.depth / np.float32(haze[0]))[..., None]
        picture = picture * share + (1 - share) * haze[1]
    # The circle of confusion of a thin lens grows with 1/focus - 1/depth.
    radius = np.float32(blur) * np.clip(1 - focus / stage.depth, 0, 1)
    radius = cv2.GaussianBlur(radius, (0, 0), max(blur / 2, 0.5))
    return _blur(picture, radius, blur)


def blur_disc(picture, radius):
    """Blur with an evenly bright disc, as a lens's round opening does."""
    reach = int(np.ceil(radius))
    place = np.arange(-reach, reach + 1, dtype="float32")
    distance = np.hypot(place[:, None], place)
    kernel = np.clip(radius + 0.5 - distance, 0, 1)
    # Real lenses draw the rim of the disc a little brighter.
    kernel *= 0.85 + 0.3 * (distance / max(radius, 0.5)) ** 2
    kernel /= kernel.sum()
    return cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT)


def _blur(picture, radius, blur):
    levels = [max(blur * share, 0.6) for share in (0.35, 0.6, 0.8, 1.0)]
    result = blur_disc(picture, levels[0])
    for smaller, larger in pairwise(levels):
        share = np.clip((radius - smaller) / (larger - smaller + 1e-6), 0, 1)
        if share.max() > 0:
            result += share[..., None] * (blur_disc(picture, larger) - result)
    return result


def _clip_near(local):
    """Cut off what lies nearer than `NEAR`: Sutherland and Hodgman's algorithm."""
    if (local[:, 2] >= NEAR).all():
        return local
    kept = []
    for start, end in zip(local, np.roll(local, -1, axis=0), strict=True):
        if start[2] >= NEAR:
            kept.append(start)
        if (start[2] >= NEAR) != (end[2] >= NEAR):
            share = (NEAR - start[2]) / (end[2] - start[2])
            kept.append(start + share * (end - start))
    return np.array(kept, "float32").reshape(-1, 3)


def _project(stage, local):
    """Turn camera coordinates (..., 3) into pixels (..., 2)."""
    width = stage.depth.shape[1]
    horizon = stage.rays[0, 0, 1] * stage.focal + 0.5
    place = local[..., :2] / local[..., 2:] * stage.focal
    return np.stack([place[..., 0] + width / 2, horizon - place[..., 1]], axis=-1)


def _find_inside(corners, columns, rows):
    """Tell which pixel centres lie inside a convex polygon (k, 2), in pixels."""
    across, down = columns + np.float32(0.5), (rows + np.float32(0.5))[:, None]
    following = np.roll(corners, -1, axis=0)
    edges = following - corners
    area = (corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum()
    turn = np.float32(np.sign(area))
    inside = np.ones((len(rows), len(columns)), bool)
    for (x, y), (right, low) in zip(corners, turn * edges, strict=True):
        inside &= right * (down - y) >= low * (across - x)
    return inside


def _find_blocked(boxes, position, ray):
    """Tell which way from a position to position + ray crosses a box (slab test)."""
    blocked = np.zeros(len(position), bool)
    if not len(position):
        return blocked
    ray = np.where(np.abs(ray) < 1e-6, np.float32(1e-6), ray)
    steps = [np.ascontiguousarray(1 / ray[:, axis]) for axis in range(3)]
    starts = [np.ascontiguousarray(position[:, axis]) for axis in range(3)]
    for low, high in boxes:
        enter, leave = np.float32(0.0), np.float32(1.0)
        for axis in range(3):
            first = (low[axis] - starts[axis]) * steps[axis]
            second = (high[axis] - starts[axis]) * steps[axis]
            enter = np.maximum(enter, np.minimum(first, second))
            leave = np.minimum(leave, np.maximum(first, second))
        blocked |= enter < leave
    return blocked


def _gather_around(stage, position, normal, sky, generator, reach, ground):
    """Gather what comes from all around and is not hidden by something near."""
    count = 7
    size = np.array([np.ptp(box, axis=0).max() for box in stage.boxes])
    boxes = [stage.boxes[place] for place in np.argsort(-size)[:24]]
    light = np.full_like(position, 0.2 * count)
    for _ in range(count):
        ray = generator.standard_normal(position.shape, dtype="float32")
        ray /= np.linalg.norm(ray, axis=1, keepdims=True) + 1e-6
        ray = ray + normal * np.float32(1.02)
        ray /= np.linalg.norm(ray, axis=1, keepdims=True) + 1e-6
        length = reach * generator.uniform(0.15, 1, (len(position), 1))
        seen = ~_find_blocked(boxes, position, ray * length.astype("float32"))
        height = ground + (1 - ground) * (0.5 + 0.5 * ray[:, 1])
        light += (seen * height)[:, None]
    return light * (np.asarray(sky, "float32") / count)


def _gather_source(stage, position, normal, source, generator):
    """Gather the light of one source, at a few points of it."""
    centre, edges = np.asarray(source.centre, "float32"), np.asarray(source.edges)
    edges = edges.astype("float32")
    is_ball = not edges.any()
    count = 2 if is_ball else 6
    across = np.cross(edges[0], edges[1])
    across /= np.linalg.norm(across) + 1e-9
    light = np.zeros(len(position), "float32")
    for step in range(count):
        if is_ball:
            point = centre + 0.08 * generator.standard_normal(
                position.shape, dtype="float32"
            )
        else:
            share = generator.random((len(position), 2), dtype="float32") * 2 - 1
            share[:, 0] = (share[:, 0] + 2 * step + 1) / count - 1
            point = centre + share @ edges
        ray = point - position
        square = (ray * ray).sum(axis=1)
        facing = np.clip((ray * normal).sum(axis=1) / np.sqrt(square), 0, None)
        strength = facing / (square + 0.15)
        if not is_ball:
            strength *= np.abs(ray @ across) / np.sqrt(square)
        strength *= ~_find_blocked(stage.boxes, position, ray * np.float32(0.98))
        light += strength
    return (light / count)[:, None] * np.asarray(source.colour, "float32")


def _spread(stage, light, few):
    """Fill in the pixels between, from neighbours that lie on the same surface."""
    height, width = stage.depth.shape
    shape = light.shape[:2]
    depth, normal = stage.depth[few], stage.normal[few]
    rows = np.clip(np.arange(height) // _STRIDE, 0, shape[0] - 1)
    columns = np.clip(np.arange(width) // _STRIDE, 0, shape[1] - 1)
    total = np.zeros((height, width, 3), "float32")
    weights = np.zeros((height, width), "float32")
    for down in (-2, -1, 0, 1, 2):
        row = np.clip(rows + down, 0, shape[0] - 1)[:, None]
        for right in (-2, -1, 0, 1, 2):
            column = np.clip(columns + right, 0, shape[1] - 1)
            near = 1 / (0.04 + np.abs(depth[row, column] / stage.depth - 1))
            same = np.clip((normal[row, column] * stage.normal).sum(axis=-1), 0.02, 1)
            weight = near * same**6
            total += weight[..., None] * light[row, column]
            weights += weight
    total /= weights[..., None]
    return total


def make_noise(generator, cells=64):
    """Make smooth noise on a plane: a function of two coordinates, mean about 0."""
    table = generator.standard_normal((cells, cells), dtype="float32")

    def noise(first, second):
        first, second = (np.floor(x) + _ease(x - np.floor(x)) for x in (first, second))
        return ndimage.map_coordinates(
            table, [first, second], order=1, mode="grid-wrap", output="float32"
        )

    return noise


def _ease(share):
    """Go from 0 to 1, flat at both ends, so that noise shows no creases."""
    return share * share * (3 - 2 * share)
