"""The colours of a face: skin, lips, brows, eyes, teeth and glasses.

Colours are linear light, float32; positions and lengths are in face units.
"""

import cv2
import numpy as np

from data_scripts.rendering.canvas import (
    blend,
    draw_bump,
    draw_line,
    draw_polygon,
    draw_ribbon,
    make_texture,
    mesh,
    smooth_step,
    soften,
    to_linear,
)
from data_scripts.rendering.face_shape import EYE_LEVEL, SIDES

_TEXTURE_SEEDS = 12
_BLOOD = np.array([0.05, -0.30, -0.26], "float32")  # what blushing does to a colour
_FOLD_COLOUR = np.array([0.42, 0.56, 0.60], "float32")
_FRAME_COLOURS = {1: (150, 132, 96), 2: (70, 44, 30), 3: (30, 27, 27)}


def sample_texture(seed, softness, grid, scale):
    """Return noise over the sheet, `scale` texture pixels to a unit."""
    tile = make_texture(seed % _TEXTURE_SEEDS, softness)
    shift = 37.0 * (seed % 11)
    x, y = mesh(grid)
    across = np.mod((x + 4) * np.float32(scale) + np.float32(shift), 511)
    down = np.mod((y + 4) * np.float32(scale) + np.float32(shift), 511)
    return cv2.remap(tile, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def paint_skin(identity, grid):
    """Paint what no muscle changes: tone, mottling, blood, freckles, beard shadow.

    Returns
    -------
    float32 array (height, width, 3)
    """
    skin = to_linear(identity.skin)
    shape = (len(grid.y), len(grid.x))
    paint = np.empty((*shape, 3), "float32")
    paint[:] = skin
    light_skin = 1 - 0.62 * identity.tone
    blood = sample_texture(identity.seed + 1, 9, grid, 60) * 0.07
    blood += sample_texture(identity.seed + 2, 3.5, grid, 90) * 0.045
    length, chin = identity.nose_length, identity.chin
    for side in SIDES:
        blood += 0.50 * draw_bump(grid, side * 0.54, 0.36, 0.20, 0.17)
        blood += 0.75 * draw_bump(grid, side * (identity.cheek + 0.07), 0.08, 0.11, 0.2)
        blood += 0.25 * draw_bump(grid, side * identity.eye_spacing, -0.15, 0.16, 0.06)
    blood += 0.50 * draw_bump(grid, 0, length, 0.14, 0.11)
    blood += 0.20 * draw_bump(grid, 0, chin - 0.2, 0.20, 0.14)
    blood -= 0.12 * draw_bump(grid, 0, -0.62, 0.45, 0.2)
    paint *= 1 + (blood * light_skin)[..., None] * _BLOOD
    shell = np.zeros(shape, "float32")
    for side in SIDES:
        shell += draw_bump(grid, side * (identity.cheek + 0.045), 0.09, 0.032, 0.085)
    paint *= 1 - shell[..., None] * np.array([0.35, 0.55, 0.55], "float32")
    tone = (0.022 + 0.022 * identity.age) * sample_texture(
        identity.seed + 3, 14, grid, 50
    )
    tone += 0.022 * sample_texture(identity.seed + 4, 2.0, grid, 90)
    tone += (0.012 + 0.014 * identity.age) * sample_texture(
        identity.seed + 5, 0.7, grid, 75
    )
    paint *= (1 + tone)[..., None]
    _paint_shades(paint, identity, grid)
    _paint_spots(paint, identity, grid)
    if identity.masculine and identity.age > 0.16:
        _paint_beard_shadow(paint, identity, grid)
    return paint


def _paint_shades(paint, identity, grid):
    """Darken the thin skin around the eyes and the rings below them."""
    dark = np.zeros(paint.shape[:2], "float32")
    spacing = identity.eye_spacing
    ring = 0.10 + 0.22 * identity.age + 0.08 * identity.tone
    lid = 0.18 + 0.12 * identity.tone
    socket = 0.12 + 0.26 * identity.tone
    for side in SIDES:
        dark += ring * draw_bump(grid, side * (spacing - 0.03), 0.095, 0.15, 0.05)
        dark += lid * draw_bump(grid, side * (spacing - 0.10), -0.10, 0.12, 0.06)
        dark += socket * draw_bump(grid, side * (spacing - 0.02), -0.06, 0.21, 0.11)
    paint *= 1 - dark[..., None] * np.array([0.75, 1.0, 0.88], "float32")


def _paint_spots(paint, identity, grid):
    """Dot freckles on young cheeks, brown spots on old temples."""
    generator = np.random.default_rng([identity.seed, 2])
    count = int(160 * identity.freckles)
    spots = [
        (*generator.normal((0, 0.22), (0.42, 0.16)), generator.uniform(0.004, 0.011))
        for _ in range(count)
    ]
    if identity.age > 0.65:
        spots += [
            (
                generator.choice(SIDES) * generator.uniform(0.3, 0.85),
                generator.uniform(-0.8, 0.5),
                generator.uniform(0.012, 0.035),
            )
            for _ in range(int(30 * (identity.age - 0.6)))
        ]
    if not spots:
        return
    sheet = np.zeros(paint.shape[:2], "uint8")
    for x, y, radius in spots:
        column = round((x - float(grid.x[0])) * grid.fineness * 16)
        row = round((y - float(grid.y[0])) * grid.fineness * 16)
        size = max(round(radius * grid.fineness * 16), 8)
        cv2.circle(sheet, (column, row), size, 255, -1, cv2.LINE_AA, 4)
    sheet = soften(sheet.astype("float32") / np.float32(255), 0.011, grid) * np.float32(
        0.55 * (1 - 0.5 * identity.tone)
    )
    paint *= 1 - np.clip(sheet, 0, 0.5)[..., None] * np.array(
        [0.55, 0.8, 1.0], "float32"
    )


def find_beard_area(identity, grid):
    """Return where a beard can grow, float32 (height, width), soft at the edges."""
    x, y = mesh(grid)
    away = np.abs(x)
    level = identity.nose_length + identity.mouth_drop
    edge = (
        0.72
        - 0.45 * smooth_step(away, 0.40, 0.90)
        + 0.10 * smooth_step(away, 0.45, 0.0)
    )
    cheeks = smooth_step(y, edge - 0.10, edge + 0.16)
    lip = smooth_step(away, 0.46, 0.30) * smooth_step(
        y, identity.nose_length + 0.08, identity.nose_length + 0.16
    )
    mouth = 1 - draw_bump(grid, 0, level, 0.26, 0.05)
    return np.maximum(cheeks, lip) * mouth


def _paint_beard_shadow(paint, identity, grid):
    """Lay the blue-grey of shaven hair under the skin of the jaw."""
    dark_hair = 1 - min(sum(identity.hair_colour) / 3 / 190, 1)
    grain = 1 + 0.10 * sample_texture(identity.seed + 6, 0.8, grid, 80)
    share = (
        find_beard_area(identity, grid) * grain * np.float32(0.05 + 0.17 * dark_hair)
    )
    tint = to_linear(identity.skin).mean() * np.array([0.42, 0.50, 0.56], "float32")
    paint[:] = blend(paint, tint, np.clip(share, 0, 0.4).astype("float32"))


def paint_features(paint, identity, grid, units, relief, eyes, mouth):
    """Paint, in place, what muscles change: folds, blushing, lids, nostrils, lips."""
    blush = units["AU12"] * 0.22 + units["AU4"] * 0.10
    if blush > 0.01:
        hue = np.zeros(paint.shape[:2], "float32")
        for side in SIDES:
            hue += draw_bump(grid, side * 0.55, 0.32, 0.17, 0.13)
        paint *= 1 + (hue * (blush * (1 - 0.6 * identity.tone)))[..., None] * _BLOOD
    paint *= 1 - relief.folds[..., None] * _FOLD_COLOUR
    for eye in eyes:
        near = smooth_step(np.abs(eye.place), 1.18, 0.72)
        crease = draw_ribbon(grid, eye.crease, 0.013, 0.34 * near)
        lid = draw_ribbon(grid, eye.upper - 0.02, 0.022, 0.16 * near)
        lid += draw_ribbon(grid, eye.lower + 0.014, 0.012, 0.16 * near)
        paint *= 1 - crease[..., None] * np.array([0.8, 1.0, 1.0], "float32")
        paint *= 1 - lid[..., None] * np.array([0.4, 1.0, 0.9], "float32")
    _paint_nostrils(paint, identity, grid, units)
    _paint_lips(paint, identity, grid, mouth)


def _paint_nostrils(paint, identity, grid, units):
    """Darken the nostrils and the crease around the wings."""
    dark = np.zeros(paint.shape[:2], "float32")
    length, width = identity.nose_length, identity.nose_width
    flare = 1 + 0.10 * units["AU10"] + 0.06 * units["AU4"]
    for side in SIDES:
        hole = _tilted_bump(
            grid, (side * width * 0.47, length + 0.062), (0.040, 0.017), -0.30 * side
        )
        dark += 0.85 * hole
        wing = [
            (side * width * 1.22 * flare, length - 0.05),
            (side * width * 1.27 * flare, length + 0.02),
            (side * width * 1.00 * flare, length + 0.075),
        ]
        dark += 0.26 * draw_line(grid, wing, 0.014, 0.014)
    paint *= 1 - np.clip(dark, 0, 0.9)[..., None] * np.array([0.92, 1, 1], "float32")


def _tilted_bump(grid, middle, size, angle):
    """Draw a Gaussian hill turned by `angle` radians."""
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    x, y = grid.x[None] - middle[0], grid.y[:, None] - middle[1]
    along, across = cosine * x + sine * y, cosine * y - sine * x
    return np.exp(-0.5 * (np.square(along / size[0]) + np.square(across / size[1])))


def _paint_lips(paint, identity, grid, mouth):
    """Colour the lips: the skin's own colour with more blood, or lipstick."""
    skin = to_linear(identity.skin)
    natural = skin * np.array([0.80, 0.43, 0.44], "float32")
    dark = skin * np.array([0.74, 0.60, 0.62], "float32")
    natural = natural + (dark - natural) * np.float32(identity.tone)
    if identity.masculine:
        natural = 0.72 * natural + 0.28 * skin * np.array([0.84, 0.64, 0.62], "float32")
    stick = to_linear((168, 44, 56))
    colour = natural + (stick - natural) * np.float32(0.72 * identity.lipstick)
    lips = np.maximum(mouth.upper_lip, mouth.lower_lip)
    share = soften(lips, 0.009 + 0.004 * identity.masculine, grid) * np.float32(0.92)
    grain = 1 + 0.05 * sample_texture(identity.seed + 7, 1.5, grid, 90)
    colour = colour * (grain * (1 - 0.20 * mouth.upper_lip))[..., None]
    paint[:] = blend(paint, colour, share)


def draw_brow_hairs(identity, grid, brow):
    """Draw a brow as hairs over a soft shadow.

    Returns
    -------
    float32 array (height, width)
        The share of each pixel that is brow.
    """
    generator = np.random.default_rng([identity.seed, 3, brow.side + 1])
    count = int(150 + 1300 * identity.brow_thickness)
    place = generator.beta(1.1, 1.25, count)
    across = generator.uniform(-1, 1, count)
    share = np.linspace(0, 1, len(brow.x))
    x, y = np.interp(place, share, brow.x), np.interp(place, share, brow.y)
    thickness = np.interp(place, share, brow.thickness)
    y = y + across * thickness * 0.72
    slope = np.gradient(brow.y, brow.x * brow.side)
    run = np.arctan(np.interp(place, share, slope))
    # Hairs stand at the inner end and lie down along the brow towards the outer.
    angle = run - (0.85 - 0.95 * np.minimum(place * 1.8, 1)) + 0.35 * across
    angle = angle + generator.normal(0, 0.16, count)
    length = generator.uniform(0.045, 0.080, count) * (1 - 0.35 * place)
    length = length * (0.4 + 18 * thickness)
    step = np.stack([brow.side * np.cos(angle), np.sin(angle)], 1) * length[:, None]
    root = np.stack([x, y], 1) - 0.4 * step
    hairs = draw_hairs(grid, root, root + step, 0.006)
    edge = np.concatenate(
        [
            np.stack([brow.x, brow.y - brow.thickness * 0.8], 1),
            np.stack([brow.x, brow.y + brow.thickness * 0.8], 1)[::-1],
        ]
    )
    shadow = draw_polygon(grid, edge, 0.020)
    density = np.float32(identity.brow_density)
    return np.clip(0.42 * density * shadow + 0.85 * density * hairs, 0, 0.94)


def draw_hairs(grid, roots, tips, width):
    """Draw straight hairs from `roots` to `tips` (n, 2), three times finer, shrunk."""
    factor = 3 if grid.fineness < 100 else 2
    fine = grid.fineness * factor
    low = np.minimum(roots, tips).min(0) - 0.05
    high = np.maximum(roots, tips).max(0) + 0.05
    first = np.floor((low - (grid.x[0], grid.y[0])) * grid.fineness).astype(int)
    last = np.ceil((high - (grid.x[0], grid.y[0])) * grid.fineness).astype(int)
    first = np.maximum(first, 0)
    last = np.minimum(last, (len(grid.x), len(grid.y)))
    size = last - first
    sheet = np.zeros((size[1] * factor, size[0] * factor), "uint8")
    origin = (grid.x[0], grid.y[0]) + (first - 0.5) / grid.fineness
    lines = (np.stack([roots, tips], 1) - origin) * fine * 16
    thickness = max(1, round(width * fine))
    cv2.polylines(
        sheet, list(lines.astype("int32")), False, 255, thickness, cv2.LINE_AA, 4
    )
    small = cv2.resize(sheet, tuple(map(int, size)), interpolation=cv2.INTER_AREA)
    field = np.zeros((len(grid.y), len(grid.x)), "float32")
    field[first[1] : last[1], first[0] : last[0]] = small
    return field / np.float32(255)


def find_brow_colour(identity):
    """Return the brows' linear colour: the hair's, but darker than hair and skin."""
    hair = to_linear(identity.hair_colour)
    hair = hair * np.float32(0.85 if hair.mean() < 0.10 else 0.40)
    limit = 0.40 * float(to_linear(identity.skin).mean())
    return hair * np.float32(min(1.0, limit / float(hair.mean())))


def paint_eyeball(identity, grid, eye, light, gaze):
    """Paint an eyeball as if nothing covered it.

    Parameters
    ----------
    identity, grid, eye
        As elsewhere.
    light : data_scripts.rendering.faces.Light
    gaze : (float, float)
        Where the eye looks, -1 to 1 to the right and downwards.

    Returns
    -------
    colour : float32 array (height, width, 3)
        Not lit yet.
    sparkle : float32 array (height, width)
        The lamp mirrored in the wet cornea.
    """
    x, y = mesh(grid)
    x0 = eye.side * identity.eye_spacing + 0.055 * float(gaze[0])
    y0 = EYE_LEVEL - 0.012 + 0.035 * float(gaze[1])
    right, down = (x - x0) / identity.iris, (y - y0) / identity.iris
    away = np.sqrt(right * right + down * down)
    blur = np.float32(1.2 / (identity.iris * grid.fineness))
    white = (
        to_linear((214, 205, 198))
        * (1 - 0.30 * np.clip(np.abs(eye.place), 0, 1) ** 2)[None, :, None]
    )
    inner = smooth_step(eye.place, -0.72, -1.0)[None, :, None]
    white = white + (to_linear((196, 120, 108)) - white) * (0.8 * inner)
    iris = to_linear(identity.eye_colour)
    turn = np.arctan2(down, right)
    phase = float(identity.seed % 7)
    fibres = np.sin(17 * turn + phase) + np.sin(29 * turn + 2.0 * phase)
    glow = 0.85 + 0.55 * np.clip(
        0.2 + 0.9 * down - 0.25 * np.sign(light.direction[0]) * right, -0.4, 1
    )
    glow = glow * (1 + 0.07 * fibres) + 0.25 * np.exp(-np.square((away - 0.55) / 0.15))
    iris = iris * (1.15 * glow)[..., None]
    ring = smooth_step(away, 0.70, 1.02)
    iris = iris * (1 - 0.82 * ring)[..., None]
    ball = white + (iris - white) * smooth_step(away, 1 + blur, 1 - blur)[..., None]
    pupil = smooth_step(away, 0.46 + blur, 0.46 - blur)[..., None]
    ball = ball + (np.float32(0.004) - ball) * pupil
    lid = np.clip(1 - (grid.y[:, None] - eye.upper[None]) * np.float32(1 / 0.070), 0, 1)
    ball = ball * (1 - 0.72 * lid * lid)[..., None]
    side = float(np.sign(light.direction[0]))
    spot = np.square(right - 0.36 * side) + np.square(down + 0.42)
    soft = np.square(right + 0.40 * side) + np.square(down - 0.45)
    sparkle = smooth_step(spot, 0.075, 0.02) + 0.07 * np.exp(-soft / 0.06)
    return ball.astype("float32"), sparkle.astype("float32")


def draw_lashes(identity, grid, eye, blink):
    """Return the lashes and the dark line at their roots, (height, width) in [0, 1]."""
    within = smooth_step(np.abs(eye.place), 1.06, 0.92)
    strength = identity.lashes
    weight = (
        within * (0.62 + 0.28 * np.clip(eye.place, -1, 1)) * (0.55 + 0.5 * strength)
    )
    line = draw_ribbon(grid, eye.upper - 0.004, 0.010 + 0.007 * strength, weight)
    line += draw_ribbon(grid, eye.lower + 0.006, 0.008, 0.26 * within)
    generator = np.random.default_rng([identity.seed, 4, eye.side + 1])
    count = 26
    place = np.linspace(-0.45, 0.98, count) + generator.normal(0, 0.02, count)
    x = eye.side * (identity.eye_spacing + identity.eye_width * place)
    y = np.interp(x, grid.x, eye.upper)
    length = (0.020 + 0.045 * strength * (0.35 + 0.65 * np.clip(place, 0, 1))) * (
        1 - 0.3 * blink
    )
    angle = -1.35 + 0.95 * np.clip(place, -0.3, 1) + 1.6 * blink
    step = np.stack([eye.side * np.cos(angle), np.sin(angle)], 1) * length[:, None]
    root = np.stack([x, y], 1)
    hairs = draw_hairs(grid, root, root + step, 0.006)
    return np.clip(line + hairs * np.float32(0.75 * strength), 0, 1)


def paint_mouth_inside(grid, mouth, units):
    """Paint what the open lips show: teeth in a soft row, tongue, the dark behind.

    Returns
    -------
    float32 array (height, width, 3)
        Not lit yet.
    """
    y = grid.y[:, None]
    depth = np.maximum(mouth.lower - mouth.upper, 0.01)
    down = np.clip((y - mouth.upper) / depth, 0, 1)
    away = np.abs(mouth.place)[None]
    inside = np.empty((len(grid.y), len(grid.x), 3), "float32")
    inside[:] = to_linear((62, 22, 22))
    inside *= (0.35 + 0.65 * np.abs(2 * down - 1))[..., None]
    if mouth.opening > 0.12:
        level = float(mouth.lower.max()) - 0.30 * mouth.opening
        tongue = _tilted_bump(
            grid, (0, level + 0.10), (mouth.half_width * 0.48, 0.10), 0
        )
        tongue = smooth_step(tongue, 0.25, 0.8).astype("float32") * np.float32(0.75)
        inside = blend(inside, to_linear((158, 78, 76)), tongue)
    show = max(units["AU12"], units["AU10"], 0.45 * units["AU26"], 0.5 * units["AU25"])
    reach = mouth.half_width * (0.84 + 0.08 * max(units["AU12"], units["AU10"]))
    sides = smooth_step(np.abs(grid.x), reach, reach * 0.72)[None]
    rim = np.float32(1.5 / grid.fineness)
    length = 0.055 + 0.080 * min(show, 1)
    edge = mouth.upper[None] * 0.45 + np.float32(0.55 * mouth.upper.min()) + length
    bite = (mouth.upper + 0.60 * (mouth.lower - mouth.upper))[None]
    if units["AU10"] > 0.1:
        edge = np.minimum(edge, bite)
    upper_row = smooth_step(y, edge + rim, edge - rim) * sides
    teeth = upper_row
    if units["AU10"] > 0.1:
        lower_edge = np.maximum(mouth.lower[None] - 0.055, bite + 0.02)
        lower_row = smooth_step(y, lower_edge - rim, lower_edge + rim) * sides
        teeth = np.maximum(upper_row, 0.85 * lower_row)
    ivory = (
        to_linear((226, 216, 198)) * (1 - 0.55 * np.clip(away, 0, 1) ** 2)[..., None]
    )
    between = np.abs(np.sin(np.pi / 0.095 * np.abs(grid.x)))[None]
    ivory = ivory * (0.93 + 0.07 * smooth_step(between, 0.0, 0.35))[..., None]
    shadow = smooth_step(y - mouth.upper[None], -0.01, 0.055)
    ivory = ivory * (0.45 + 0.55 * shadow)[..., None]
    return blend(inside, ivory, teeth.astype("float32")).astype("float32")


def draw_glasses(identity, grid):
    """Draw the frame and the lenses.

    Returns
    -------
    frame, lenses : float32 arrays (height, width)
    """
    kind = identity.glasses
    shape = (len(grid.y), len(grid.x))
    frame, lenses = np.zeros(shape, "float32"), np.zeros(shape, "float32")
    power = {1: 3.0, 2: 2.0, 3: 3.6}[kind]
    width = {1: 0.020, 2: 0.028, 3: 0.062}[kind]
    half = (0.285, 0.200) if kind != 2 else (0.255, 0.240)
    angle = np.linspace(0, 2 * np.pi, 60)
    level = EYE_LEVEL + 0.035
    inner = identity.eye_spacing + 0.015 - half[0]
    for side in SIDES:
        middle = side * (identity.eye_spacing + 0.015)
        cosine, sine = np.cos(angle), np.sin(angle)
        x = middle + half[0] * np.sign(cosine) * np.abs(cosine) ** (2 / power)
        y = level + half[1] * np.sign(sine) * np.abs(sine) ** (2 / power)
        points = np.stack([x, y], 1)
        frame = np.maximum(frame, draw_line(grid, points, width, closed=True))
        lenses = np.maximum(lenses, draw_polygon(grid, points))
        hinge = middle + side * half[0]
        temple = [(hinge, level - 0.06), (side * (identity.cheek + 0.02), level - 0.05)]
        frame = np.maximum(frame, draw_line(grid, temple, width))
    bridge = [(-inner, level - 0.05), (0, level - 0.09), (inner, level - 0.05)]
    frame = np.maximum(frame, draw_line(grid, bridge, width))
    return soften(frame, 0.006, grid), lenses


def find_frame_colour(identity):
    """Return the linear colour of the glasses' frame."""
    return to_linear(_FRAME_COLOURS[identity.glasses])
