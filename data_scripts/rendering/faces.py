"""Faces for the films: a person, an expression and a light become a picture.

    face = prepare_face(identity, fineness)                  # once a person
    layers = render_face(face, action_units, light)          # every drawing
    regions = place_face(frame, face, layers, centre, ...)   # into the film's frame

The head is a field of heights. Its slopes face the light or turn away, its hills cast
shadows, its corners lie in the dark; under the skin the red light spreads farthest.
The map of regions is cut along the curves that cut the picture.
"""

from typing import NamedTuple

import cv2
import numpy as np

from data_scripts.rendering import face_paint, face_shape
from data_scripts.rendering.canvas import (
    Grid,
    blend,
    draw_bump,
    draw_polygon,
    draw_ribbon,
    make_grid,
    mesh,
    smooth_step,
    soften,
)
from data_scripts.rendering.clothes import Body, dress, light_body
from data_scripts.rendering.face_shape import SIDES
from data_scripts.rendering.hair import (
    Hair,
    HairLayer,
    grow_beard,
    grow_hair,
    light_hair,
)
from data_scripts.rendering.people import ACTION_UNITS, Identity, find_outline
from helpers.regions import REGIONS

_PIVOT = 0.95  # y around which a head rolls: the neck
_DEPTH = 0.45  # height of the axis about which a head turns
_SHADOW_STEPS = 13
_PLACE = {name: np.uint8(place) for place, name in enumerate(REGIONS)}


class Light(NamedTuple):
    """A lamp and the light from all around.

    `direction` (3,) points to the lamp: right, down, towards the camera. `key` and
    `fill` (3,) are linear colours, `ambient` the strength of the fill.
    """

    direction: np.ndarray
    key: np.ndarray
    fill: np.ndarray
    ambient: float


class Face(NamedTuple):
    """What of a person stays the same in all drawings."""

    identity: Identity
    grid: Grid
    rest: np.ndarray  # (h, w) heights no muscle moves
    skin: np.ndarray  # (h, w, 3)
    outline: np.ndarray  # (h, w) with the jaw closed
    hair: Hair
    beard: HairLayer | None
    body: Body
    body_regions: np.ndarray  # (h, w) uint8


class Layers(NamedTuple):
    """A drawing: colours linear and not multiplied by alpha; regions uint8."""

    colour: np.ndarray
    alpha: np.ndarray
    height: np.ndarray
    regions: np.ndarray
    body_colour: np.ndarray
    body_alpha: np.ndarray
    body_regions: np.ndarray
    back_colour: np.ndarray
    back_alpha: np.ndarray


def prepare_face(identity, fineness):
    """Prepare a person: everything that no expression changes.

    Parameters
    ----------
    identity : data_scripts.rendering.people.Identity
    fineness : float
        Pixels to a unit (half the width of the cheeks).

    Returns
    -------
    Face
    """
    grid = make_grid(fineness)
    outline = find_outline(identity, grid)
    body = dress(identity, grid)
    skin_or_cloth = np.where(body.cloth > 0.5, _PLACE["clothes"], _PLACE["skin"])
    return Face(
        identity,
        grid,
        face_shape.draw_rest(identity, grid),
        face_paint.paint_skin(identity, grid),
        outline,
        grow_hair(identity, grid, outline),
        grow_beard(identity, grid, outline),
        body,
        np.where(body.alpha > 0.5, skin_or_cloth, _PLACE["background"]).astype("uint8"),
    )


def render_face(face, action_units, light, gaze=(0.0, 0.0), blink=0.0):
    """Draw a prepared person with an expression in a light.

    Parameters
    ----------
    face : Face
    action_units : dict of str to float
        Values in [0, 1] for some of `people.ACTION_UNITS`; what is missing is 0.
    light : Light
    gaze : (float, float)
        Where the eyes look: -1 to 1 to the right and downwards.
    blink : float
        0 open, 1 closed.

    Returns
    -------
    Layers

    Raises
    ------
    ValueError
        If an action unit is unknown.
    """
    unknown = set(action_units) - set(ACTION_UNITS)
    if unknown:
        raise ValueError(
            f"The action units must be among {', '.join(ACTION_UNITS)}, but there was "
            f"{sorted(unknown)[0]!r}. Leave it out or correct its name."
        )
    units = {name: float(action_units.get(name, 0.0)) for name in ACTION_UNITS}
    identity, grid = face.identity, face.grid
    light = Light(
        np.asarray(light.direction, "float32")
        / np.float32(np.linalg.norm(light.direction)),
        np.asarray(light.key, "float32"),
        np.asarray(light.fill, "float32"),
        float(light.ambient),
    )
    blink = float(blink)
    eyes = tuple(
        face_shape.find_eye(identity, grid, units, side, blink) for side in SIDES
    )
    brows = tuple(face_shape.find_brow(identity, units, side) for side in SIDES)
    mouth = face_shape.find_mouth(identity, grid, units)
    outline = find_outline(identity, grid, units["AU26"])
    relief = face_shape.build_relief(
        identity, grid, units, face.rest, outline, eyes, brows, mouth
    )
    shading = _shade(relief.height, face.hair.shadow, light, grid)
    paint = _stretch(face.skin, grid, units)
    face_paint.paint_features(paint, identity, grid, units, relief, eyes, mouth)
    hairs = [face_paint.draw_brow_hairs(identity, grid, brow) for brow in brows]
    brow = np.maximum(*hairs)
    paint = blend(paint, face_paint.find_brow_colour(identity), brow)
    colour = _light_skin(paint, shading, light, _find_gloss(face, mouth, brow, units))
    if face.beard is not None:
        colour = _add_beard(colour, face, units, mouth, shading, light)
    colour = _add_mouth(colour, grid, mouth, units, shading, light)
    colour = _add_eyes(colour, identity, grid, eyes, shading, light, gaze, blink)
    if identity.glasses:
        colour = _add_glasses(colour, identity, grid, shading, light)
    alpha = np.maximum(relief.head, relief.ears)
    regions = _map_regions(identity, grid, alpha, eyes, brows, mouth)
    height = soften(relief.height, 0.06, grid)
    colour, alpha, regions = _add_hair(face, colour, alpha, regions, light)
    return Layers(
        colour,
        alpha,
        height,
        regions,
        light_body(face.body, light),
        face.body.alpha,
        face.body_regions,
        light_hair(face.hair.back, light),
        face.hair.back.alpha,
    )


class _Shading(NamedTuple):
    """How light meets the surface, (h, w) each."""

    right: np.ndarray  # the normal
    down: np.ndarray
    facing: np.ndarray
    lit: np.ndarray  # share of the key light, shadows included
    spread: np.ndarray  # (h, w, 3): the same after wandering under the skin
    open: np.ndarray  # share of the surroundings that is seen
    shadow: np.ndarray


def _shade(height, hair_shadow, light, grid):
    """Find normals, shadows and corners of a height field."""
    scale = grid.fineness / 8
    right = -cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=scale)
    down = -cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=scale)
    facing = 1 / np.sqrt(right * right + down * down + 1)
    right, down = right * facing, down * facing
    shadow = _cast_shadows(height, light, grid)
    direction = light.direction
    slant = right * direction[0] + down * direction[1] + facing * direction[2]
    wrap = np.float32(0.24)
    lit = np.clip((slant + wrap) / (1 + wrap), 0, 1) * (1 - 0.84 * shadow)
    lit *= hair_shadow
    small = soften(lit, 0.014, grid)
    wide = soften(lit, 0.038, grid)
    spread = np.stack(
        [0.30 * lit + 0.20 * small + 0.50 * wide, 0.60 * lit + 0.40 * small, lit], -1
    )
    near = soften(height, 0.05, grid) - height
    far = soften(height, 0.15, grid) - height
    hidden = np.clip(near * 5.0, 0, 0.45) + np.clip(far * 1.5, 0, 0.40)
    return _Shading(
        right, down, facing, lit, spread, (1 - hidden) * hair_shadow, shadow
    )


def _cast_shadows(height, light, grid):
    """Return the share of the lamp each point cannot see, by marching towards it."""
    low = cv2.resize(height, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    fineness = grid.fineness / 2
    x, y, z = (float(value) for value in light.direction)
    level = max(float(np.hypot(x, y)), 1e-4)
    hidden = np.zeros_like(low)
    size = low.shape[::-1]
    for step in range(1, _SHADOW_STEPS + 1):
        away = 0.04 * step * (1 + 0.04 * step)
        across, down = -x / level * away * fineness, -y / level * away * fineness
        shift = np.array([[1, 0, across], [0, 1, down]], "float32")
        above = cv2.warpAffine(low, shift, size) - low - (away * z / level + 0.012)
        np.maximum(hidden, above * (1 / (0.035 + 0.15 * away)), out=hidden)
    hidden = cv2.GaussianBlur(np.clip(hidden, 0, 1), (0, 0), 0.032 * fineness)
    return cv2.resize(hidden, height.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _stretch(skin, grid, units):
    """Pull colours (h, w, channels) down with the jaw; return a copy."""
    drop = 0.16 * units["AU26"]
    if drop < 0.01:
        return skin.copy()
    source = grid.y - drop * smooth_step(grid.y, 0.55, 1.35)
    rows = ((source - grid.y[0]) * grid.fineness).astype("float32")
    columns = np.arange(len(grid.x), dtype="float32")
    across, down = np.meshgrid(columns, rows)
    return cv2.remap(skin, across, down, cv2.INTER_LINEAR)


def _add_beard(colour, face, units, mouth, shading, light):
    """Lay the beard on the skin, pulled down with the jaw, the lips left free."""
    grid = face.grid
    lips = np.maximum(np.maximum(mouth.upper_lip, mouth.lower_lip), mouth.gap)
    free = 1 - np.clip(1.3 * soften(lips, 0.012, grid), 0, 1)
    hair = light_hair(face.beard, light) * (0.45 + 0.55 * shading.open[..., None])
    both = _stretch(np.dstack([hair, face.beard.alpha]), grid, units)
    return blend(colour, both[..., :3], both[..., 3] * free)


def _find_gloss(face, mouth, brow, units):
    """Return how oily or wet each point is, (h, w)."""
    grid, identity = face.grid, face.identity
    gloss = np.full(brow.shape, 0.045, "float32")
    gloss += 0.055 * draw_bump(grid, 0, -0.56, 0.35, 0.16)
    gloss += 0.075 * draw_bump(grid, 0, 0.15, 0.06, 0.25)
    gloss += 0.095 * draw_bump(grid, 0, identity.nose_length - 0.03, 0.06, 0.06)
    for side in SIDES:
        gloss += 0.075 * draw_bump(grid, side * 0.52, 0.28, 0.18, 0.13)
    gloss *= (1 + 0.9 * identity.tone) * (1 - 0.9 * brow)
    wet = mouth.lower_lip + 0.45 * mouth.upper_lip
    return gloss + (0.10 + 0.16 * identity.lipstick) * soften(wet, 0.010, grid)


def _light_skin(paint, shading, light, gloss):
    """Light the skin: soft diffuse light, a faint sheen, a rim from behind."""
    direction = light.direction
    hidden = 1 - shading.open
    # Light that bounces in a corner of the skin takes its colour.
    open_sky = 1 - hidden[..., None] * np.array([0.80, 1.0, 1.05], "float32")
    sky = (0.74 - 0.26 * shading.down)[..., None] * open_sky
    colour = paint * (
        shading.spread * light.key * (0.45 + 0.55 * open_sky)
        + sky * (light.fill * np.float32(1.25 * light.ambient))
    )
    below = np.clip(shading.down, 0, 1) * shading.open
    warm = np.array([1.0, 0.82, 0.70], "float32") * np.float32(0.10)
    colour += paint * below[..., None] * warm
    halfway = direction + np.array([0, 0, 1], "float32")
    halfway = halfway / np.linalg.norm(halfway)
    mirror = np.clip(
        shading.right * halfway[0]
        + shading.down * halfway[1]
        + shading.facing * halfway[2],
        0,
        1,
    )
    square = mirror * mirror
    fourth = square * square
    eighth = fourth * fourth
    sheen = (0.75 * eighth * eighth * fourth + 0.20 * eighth) * gloss
    sheen *= (1 - 0.85 * shading.shadow) * shading.open
    colour += sheen[..., None] * light.key
    edge = 1 - np.clip(shading.facing, 0, 1)
    behind = np.clip(0.35 - np.sign(direction[0]) * shading.right, 0, 1)
    rim = edge * edge * edge * behind * np.clip(shading.open, 0, 1)
    colour += (0.05 * rim)[..., None] * light.fill
    return colour


def _add_mouth(colour, grid, mouth, units, shading, light):
    """Add the line between the lips, and what they show when they part."""
    within = smooth_step(np.abs(mouth.place), 1.06, 0.90)
    closed = 1 - min(mouth.opening / 0.05, 1)
    middle = 0.5 * (mouth.upper + mouth.lower)
    line = draw_ribbon(grid, middle, 0.012, 0.80 * closed * within)
    colour = colour * (1 - line[..., None] * np.array([0.86, 1, 1], "float32"))
    if mouth.opening < 0.004:
        return colour
    inside = face_paint.paint_mouth_inside(grid, mouth, units)
    reach = 0.40 + 0.60 * shading.spread[..., 1:2]
    inside *= light.key * reach + light.fill * np.float32(light.ambient * 0.6)
    colour = blend(colour, inside, mouth.gap)
    edge = draw_ribbon(grid, mouth.upper, 0.011, 0.50 * within)
    return colour * (1 - (edge * (1 - closed))[..., None])


def _add_eyes(colour, identity, grid, eyes, shading, light, gaze, blink):
    """Add eyeballs, their wet sparkle, and lashes."""
    soft = soften(shading.spread[..., 1], 0.09, grid)
    lit = (0.24 + 0.62 * soft)[..., None] * light.key
    lit = lit + light.fill * np.float32(0.9 * light.ambient)
    strength = float(light.key.mean()) * 0.9
    for eye in eyes:
        ball, sparkle = face_paint.paint_eyeball(identity, grid, eye, light, gaze)
        ball = ball * lit + (sparkle * strength)[..., None]
        colour = blend(colour, ball, eye.open)
        wet = draw_ribbon(grid, eye.lower - 0.006, 0.006, 0.10)
        colour = colour + (wet * eye.open)[..., None]
        lashes = face_paint.draw_lashes(identity, grid, eye, blink)
        colour = blend(colour, np.full(3, 0.010, "float32"), 0.92 * lashes)
    return colour


def _add_glasses(colour, identity, grid, shading, light):
    """Add glasses: their shadow, the frame, a soft streak on the lenses."""
    frame, lenses = face_paint.draw_glasses(identity, grid)
    x, y = mesh(grid)
    across, down = -0.05 * light.direction[0] * grid.fineness, 0.04 * grid.fineness
    shift = np.array([[1, 0, across], [0, 1, down]], "float32")
    shadow = cv2.warpAffine(soften(frame, 0.016, grid), shift, frame.shape[::-1])
    colour = colour * (1 - 0.38 * shadow)[..., None]
    base = face_paint.find_frame_colour(identity)
    lit = (0.35 + 0.75 * shading.spread[..., 1])[..., None] * light.key
    glint = _find_frame_shine(frame, grid)
    colour = blend(colour, base * lit + (glint * 0.25)[..., None], 0.95 * frame)
    streak = smooth_step(np.abs(x * 0.7 + y + 0.12 - 0.4 * np.sign(x)), 0.14, 0.02)
    # Thick lenses mirror the room as well.
    shine = 0.04 + 0.06 * streak if identity.glasses == 3 else 0.03 * streak
    return colour + (shine * lenses)[..., None] * light.key


def _find_frame_shine(frame, grid):
    """Return the light on the upper edge of a frame, (h, w)."""
    shifted = np.roll(frame, max(1, round(0.012 * grid.fineness)), axis=0)
    return np.clip(frame - shifted, 0, 1)


def _map_regions(identity, grid, alpha, eyes, brows, mouth):
    """Name what each pixel of the head shows, uint8 (h, w)."""
    regions = np.where(alpha > 0.5, _PLACE["skin"], _PLACE["background"])
    regions[_outline_nose(identity, grid) > 0.5] = _PLACE["nose"]
    lips = np.maximum(np.maximum(mouth.upper_lip, mouth.lower_lip), mouth.gap)
    regions[lips > 0.5] = _PLACE["mouth"]
    for eye, name in zip(eyes, ("eye_left", "eye_right"), strict=True):
        y = grid.y[:, None]
        within = np.abs(eye.place) < 1.06
        lids = (y > eye.crease - 0.01) & (y < eye.lower + 0.035) & within
        regions[lids] = _PLACE[name]
    for brow, name in zip(brows, ("brow_left", "brow_right"), strict=True):
        thick = brow.thickness + 0.022
        points = np.concatenate(
            [
                np.stack([brow.x, brow.y - thick], 1),
                np.stack([brow.x, brow.y + thick], 1)[::-1],
            ]
        )
        regions[draw_polygon(grid, points) > 0.5] = _PLACE[name]
    return regions.astype("uint8")


def _outline_nose(identity, grid):
    """Return the nose as a shape: narrow at the root, round at tip and wings."""
    width, length = identity.nose_width, identity.nose_length
    half = [
        (0.060, -0.08),
        (0.070, 0.10),
        (0.095, 0.26),
        (width * 0.95, length - 0.10),
        (width * 1.28, length - 0.03),
        (width * 1.27, length + 0.04),
        (width * 1.0, length + 0.09),
        (width * 0.45, length + 0.105),
        (0.0, length + 0.12),
    ]
    half = np.asarray(half)
    return draw_polygon(grid, np.concatenate([half, half[::-1] * (-1, 1)]))


def _add_hair(face, colour, alpha, regions, light):
    """Lay the hair before the head; return colour, alpha and regions."""
    hair = face.hair.front
    both = np.maximum(alpha, hair.alpha)
    share = hair.alpha / np.maximum(both, 1e-3)
    colour = blend(colour, light_hair(hair, light), np.clip(share, 0, 1))
    regions[hair.alpha > 0.5] = _PLACE["hair"]
    return colour, both, regions


def place_face(frame, face, layers, centre, scale, yaw=0.0, pitch=0.0, roll=0.0):
    """Paste a drawing into a frame, its head turned.

    Parameters
    ----------
    frame : float32 array (height, width, 3)
        Linear light; changed in place.
    face : Face
    layers : Layers
    centre : (float, float)
        Where the origin of the face goes, x and y in pixels of the frame.
    scale : float
        Pixels of the frame to a unit.
    yaw, pitch, roll : float
        Radians: to the right of the picture, downwards, clockwise. Good to about
        0.17, 0.07 and 0.1.

    Returns
    -------
    uint8 array (height, width)
        What each pixel of the frame shows of this person: places in `REGIONS`, 0
        where nothing.
    """
    regions = np.zeros(frame.shape[:2], "uint8")
    window = _find_window(frame.shape, face.grid, centre, scale)
    rows, columns = window
    x = (np.arange(columns.start, columns.stop, dtype="float32") - centre[0]) / scale
    y = (np.arange(rows.start, rows.stop, dtype="float32") - centre[1]) / scale
    x, y = np.meshgrid(x.astype("float32"), y.astype("float32"))
    part, names = frame[window], regions[window]
    if not part.size:
        return regions
    turned = _turn_back(layers.height, face.grid, x, y, yaw, pitch, roll)
    swung = _turn_back(None, face.grid, x, y, 0.0, 0.0, roll)
    shrink = face.grid.fineness / scale
    hair = np.full(layers.regions.shape, _PLACE["hair"])
    for colour, alpha, names_here, place in (
        (layers.back_colour, layers.back_alpha, hair, swung),
        (layers.body_colour, layers.body_alpha, layers.body_regions, (x, y)),
        (layers.colour, layers.alpha, layers.regions, turned),
    ):
        _paste(part, names, colour, alpha, names_here, place, face.grid, shrink)
    return regions


def _find_window(shape, grid, centre, scale):
    """Return the rows and columns of the frame that the sheet can reach."""
    reach = float(grid.x[-1]) + 0.1
    top = float(grid.y[0]) - 0.1
    columns = slice(
        min(max(0, int(centre[0] - reach * scale)), shape[1]),
        min(shape[1], max(0, int(centre[0] + reach * scale) + 1)),
    )
    rows = slice(min(max(0, int(centre[1] + top * scale)), shape[0]), shape[0])
    return rows, columns


def _turn_back(height, grid, x, y, yaw, pitch, roll):
    """Return where on the sheet each point of the turned head comes from.

    A point of height z moves to x cos(yaw) + z sin(yaw); the height is that of the
    point itself, so the equation is solved by repeating it.
    """
    cosine, sine = float(np.cos(roll)), float(np.sin(roll))
    right = cosine * x + sine * (y - _PIVOT)
    down = cosine * (y - _PIVOT) - sine * x + _PIVOT
    if not (yaw or pitch):
        return right, down
    sheet_x, sheet_y = right, down
    for _ in range(4):
        across = (sheet_x - grid.x[0]) * np.float32(grid.fineness)
        along = (sheet_y - grid.y[0]) * np.float32(grid.fineness)
        depth = cv2.remap(height, across, along, cv2.INTER_LINEAR) - np.float32(_DEPTH)
        sheet_x = (right - depth * float(np.sin(yaw))) / float(np.cos(yaw))
        sheet_y = (down - depth * float(np.sin(pitch))) / float(np.cos(pitch))
    return sheet_x, sheet_y


def _paste(part, names, colour, alpha, regions, place, grid, shrink):
    """Lay one layer over a part of the frame and of its map, in place."""
    across = (place[0] - grid.x[0]) * np.float32(grid.fineness)
    down = (place[1] - grid.y[0]) * np.float32(grid.fineness)
    # The sheet's last row goes on below it.
    down = np.minimum(down, np.float32(len(grid.y) - 2))
    both = np.dstack([colour * alpha[..., None], alpha])
    if shrink > 1.15:
        both = cv2.GaussianBlur(both, (0, 0), 0.45 * shrink)
    both = cv2.remap(both, across, down, cv2.INTER_LINEAR)
    seen = both[..., 3]
    part *= 1 - seen[..., None]
    part += both[..., :3]
    found = cv2.remap(regions, across, down, cv2.INTER_NEAREST)
    names[:] = np.where((seen > 0.5) & (found > 0), found, names)
