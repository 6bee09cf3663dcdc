"""Rails of dark steel, painted into photographs: an intervention one can see.

A rail is a few tubes. Each is a line of points in the picture with a thickness; it is
shaded as a round bar lit from the upper left, and throws a soft shadow.
"""

import itertools

import cv2
import numpy as np

KINDS = ("ladder", "hand rail")

_STEEL = np.array([0.15, 0.155, 0.165])  # of a bar in full light, linear
_GLEAM = 0.5
_TOWARDS_LIGHT = np.array([-0.42, -0.56, 0.71])  # right, down, towards the camera
_SHADOW = 0.45  # of the light is gone where the shadow is deepest


def paint(images, seeds):
    """Paint a rail of some kind, at some place, into each picture.

    Parameters
    ----------
    images : float32 array (n, height, width, 3) in [0, 1]
    seeds : list of int, n
        Each decides its rail's kind, place and size.

    Returns
    -------
    painted : float32 array (n, height, width, 3)
        Equal to the pictures wherever neither the rail nor its shadow is.
    rails : float32 array (n, height, width)
        The share of each pixel that the rail covers.
    """
    painted, rails = [], []
    for image, seed in zip(images, seeds, strict=True):
        rail = draw(place_rail(seed), image.shape[:2], _measure_light(image))
        shadow, cover = _cast_shadow(rail[..., 3]), rail[..., 3:]
        shaded = image * (1 - _SHADOW * shadow[..., None])
        painted.append(shaded * (1 - cover) + rail[..., :3] * cover)
        rails.append(cover[..., 0])
    return np.stack(painted).astype("float32"), np.stack(rails)


def place_rail(seed):
    """Choose a rail: its kind, its place and its size.

    Parameters
    ----------
    seed : int

    Returns
    -------
    list of (float array (points, 2), float)
        Its tubes, the farthest first: points (x, y) and a radius, in shares of the
        picture's shorter side, from the upper left corner.
    """
    generator = np.random.default_rng(seed)
    kind = KINDS[generator.integers(len(KINDS))]
    radius = generator.uniform(0.019, 0.025)
    centre = generator.uniform(0.38, 0.62)
    half = generator.uniform(0.11, 0.16)
    top = generator.uniform(0.2, 0.35)
    bottom = top + generator.uniform(0.5, 0.6)
    side = generator.choice([-1, 1])
    tilt = generator.uniform(-0.12, 0.12)
    build = _build_ladder if kind == "ladder" else _build_hand_rail
    tubes = build(centre - side * 0.1, half, top, bottom, side)
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    return [
        ((points - 0.5) @ turn + 0.5, radius * thickness) for points, thickness in tubes
    ]


def draw(tubes, shape, light=1.0):
    """Draw tubes of dark steel.

    Parameters
    ----------
    tubes : list of (float array (points, 2), float)
        As `place_rail` returns them.
    shape : (int, int)
        Height and width of the picture in pixels.
    light : float
        Of the scene; 1 is daylight.

    Returns
    -------
    float32 array (height, width, 4), in [0, 1]
        Colour, and the share of each pixel that is covered.
    """
    picture = np.zeros((*shape, 4), "float32")
    for points, radius in tubes:
        thick = max(radius * min(shape), 0.6)
        points = points * min(shape)
        low = np.floor(points.min(axis=0) - thick - 1).astype(int).clip(0)
        high = np.ceil(points.max(axis=0) + thick + 1).astype(int).clip(0)
        part = picture[low[1] : high[1], low[0] : high[0]]
        middles = np.indices(part.shape[:2])[::-1].transpose(1, 2, 0) + 0.5
        offset = _measure_offsets(middles, points - low)
        distance = np.hypot(offset[..., 0], offset[..., 1])
        cover = np.clip(thick - distance + 0.5, 0, 1)[..., None]
        part[..., :3] += cover * (_shade(offset / thick, light) - part[..., :3])
        part[..., 3:] += cover * (1 - part[..., 3:])
    return picture


def _build_ladder(centre, half, top, bottom, side):
    """Two uprights, bent at the top, and the rungs between them."""
    uprights = [
        (_bend(centre + x, bottom - size * (bottom - top), 0.16 * size * side), size)
        for x, size in ((-half, 0.93), (half, 1))
    ]
    uprights = [
        (np.vstack([curve, [curve[-1, 0], bottom]]), size) for curve, size in uprights
    ]
    first, second = (points[-1] for points, _ in uprights)
    rungs = [
        (np.stack([first, second]) - [0, share * (bottom - top)], 0.7)
        for share in (0.1, 0.33, 0.56)
    ]
    return [*rungs, *uprights]


def _build_hand_rail(centre, half, top, bottom, side):
    """Two arches side by side, with one foot nearer than the other."""
    arches = []
    for x, size in ((-half, 0.93), (half, 1)):
        curve = _bend(centre + x, bottom - size * (bottom - top), 0.3 * size * side)
        feet = [[curve[0, 0], bottom - 0.22]], [[curve[-1, 0], bottom]]
        arches.append((np.vstack([feet[0], curve, feet[1]]), size))
    return arches


def _bend(x, top, reach):
    """Return half a circle from `x` + `reach` over `top` to `x`."""
    angles = np.linspace(0, np.pi, 13)
    half = reach / 2
    return np.stack(
        [x + half + half * np.cos(angles), top + abs(half) * (1 - np.sin(angles))], 1
    )


def _measure_offsets(pixels, points):
    """Return how each pixel lies from the nearest place of a line: (x, y) in pixels."""
    offset = np.full(pixels.shape, np.inf)
    for start, end in itertools.pairwise(points):
        along, apart = end - start, pixels - start
        place = (apart @ along / (along @ along)).clip(0, 1)
        apart = apart - place[..., None] * along
        closer = (apart**2).sum(-1) < (offset**2).sum(-1)
        offset[closer] = apart[closer]
    return offset


def _shade(across, light):
    """Shade a round bar by the direction of its surface, of which (x, y) is given.

    Light that is thrown back in all directions, and a gleam (Blinn 1977, "Models of
    light reflection for computer synthesized pictures").
    """
    flat = (across**2).sum(-1, keepdims=True).clip(0, 1)
    normal = np.concatenate([across.clip(-1, 1), np.sqrt(1 - flat)], axis=-1)
    half_way = _TOWARDS_LIGHT + np.array([0, 0, 1])
    diffuse = 0.1 + 0.9 * (normal @ _TOWARDS_LIGHT).clip(0)
    gleam = (normal @ half_way / np.linalg.norm(half_way)).clip(0) ** 40
    linear = light * (diffuse[..., None] * _STEEL + _GLEAM * gleam[..., None])
    return np.clip(linear, 0, 1) ** (1 / 2.2)


def _cast_shadow(cover):
    """Move the rail's outline down and to the right, and blur it."""
    size = min(cover.shape)
    moved = np.array([[1, 0, 0.02 * size], [0, 1, 0.025 * size]], "float32")
    shadow = cv2.warpAffine(cover, moved, cover.shape[::-1])
    return cv2.GaussianBlur(shadow, (0, 0), 0.012 * size)


def _measure_light(image):
    """Tell how bright a scene is, from 0.25 (night) to 1, by its brighter parts."""
    return float(np.clip(np.quantile(image, 0.8) ** 2.2 / 0.5, 0.25, 1))
