"""What stands and hangs in any room of the hotel: plants, windows, lamps, pictures.

Lengths are in metres, angles in radians, colours in linear light. A `wall` is "left",
"right" or "back"; `along` is a place on it: z on the left and right wall, x on the back
wall. Every choice comes from the scene's own generator.
"""

import numpy as np

from data_scripts.rendering.solids import turn_y, turn_z

_WARM = np.array([1.0, 0.84, 0.62])
_DAYLIGHT = 2.6  # the light through a window, by that of the sky at the horizon
_FRAME = 0.028  # half of the width of a window's frame
_GOLDEN = 2.39996  # the angle by which leaves follow each other

_POTS = np.array(
    [(0.72, 0.70, 0.66), (0.42, 0.20, 0.12), (0.10, 0.11, 0.12), (0.30, 0.38, 0.40)]
)
_LEAVES = np.array([(0.07, 0.20, 0.05), (0.10, 0.26, 0.08), (0.13, 0.24, 0.05)])
_FRAMES = np.array([(0.80, 0.79, 0.76), (0.12, 0.10, 0.09), (0.36, 0.22, 0.12)])
_PAINTINGS = np.array(
    [
        [(0.62, 0.30, 0.16), (0.10, 0.20, 0.32)],
        [(0.10, 0.28, 0.36), (0.75, 0.66, 0.48)],
        [(0.55, 0.52, 0.46), (0.12, 0.12, 0.14)],
        [(0.25, 0.36, 0.22), (0.80, 0.72, 0.52)],
        [(0.58, 0.16, 0.14), (0.85, 0.60, 0.30)],
    ]
)
_CURTAINS = np.array(
    [(0.78, 0.74, 0.66), (0.55, 0.50, 0.44), (0.35, 0.40, 0.44), (0.48, 0.30, 0.24)]
)


def plant(scene, place, height):
    """Add a pot plant with broad leaves; `place` is where it stands."""
    pick = scene.generator
    x, floor, z = place
    tall = height * 0.2
    pot = scene.material(_choose(pick, _POTS), shine=0.03, roughness=0.3)
    scene.frustum(
        (x, floor + tall, z), height * 0.11, height * 0.16, tall, pot, "plant"
    )
    leaves = _choose(pick, _LEAVES)
    shades = [scene.material(leaves * share) for share in (0.75, 1.0, 1.35)]
    root = np.array([x, floor + 1.9 * tall, z])
    for number in range(11):
        lean = 0.15 + 0.85 * number / 10 + pick.uniform(-0.08, 0.08)
        length = height * pick.uniform(0.26, 0.36)
        turn = turn_y(number * _GOLDEN) @ turn_z(lean)
        scene.ellipsoid(
            root + turn @ np.array([0, 0.95 * length, 0]),
            (0.06 * length, length, 0.27 * length),
            shades[number % 3],
            "plant",
            turn=turn,
        )


def palm(scene, place, height):
    """Add a palm tree; `place` is where it grows."""
    pick = scene.generator
    x, floor, z = place
    bark = scene.material((0.26, 0.18, 0.11), (0.16, 0.11, 0.07), "stripes", 0.12)
    top = np.array([x + pick.normal(0, 0.2), floor + height, z + pick.normal(0, 0.1)])
    scene.capsule((x, floor, z), top, 0.08, bark, "plant")
    leaves = _choose(pick, _LEAVES)
    shades = [scene.material(leaves * share) for share in (0.8, 1.3)]
    for number in range(10):
        lean = pick.uniform(1.15, 1.85)
        length = 0.2 * height + 0.3
        turn = turn_y(number * _GOLDEN) @ turn_z(lean)
        scene.ellipsoid(
            top + turn @ np.array([0, 0.9 * length, 0]),
            (0.03, length, 0.16),
            shades[number % 2],
            "plant",
            turn=turn,
        )


def window(scene, wall, along, height, half_width, half_height, curtains=False):
    """Add a window with a frame and daylight; `height` is that of its middle."""
    pick = scene.generator

    def put(place, up, out, half, material, **options):
        centre, lengths = _fix(scene, wall, along + place, height + up, out, half)
        scene.box(centre, lengths, material, "window", **options)

    pane = scene.material((1, 1, 1), texture="sky", glow=pick.uniform(1.0, 1.3))
    put(0, 0, 0.012, (half_width, half_height, 0.01), pane, shadow=False)
    frame = scene.material(_choose(pick, _FRAMES), shine=0.03, roughness=0.3)
    panes = 3 if half_width > 0.7 else 2
    for place in np.linspace(-half_width, half_width, panes + 1):
        put(place, 0, 0.03, (_FRAME, half_height + _FRAME, 0.03), frame)
    for up in (-half_height, half_height):
        put(0, up, 0.03, (half_width + _FRAME, _FRAME, 0.03), frame)
    put(0, -half_height - 0.05, 0.07, (half_width + 0.08, 0.02, 0.07), frame)
    if curtains:
        cloth = scene.material(
            _choose(pick, _CURTAINS), texture="folds", scale=pick.uniform(0.11, 0.16)
        )
        width = half_width * 0.3
        top = min(height + half_height + 0.16, scene.size[1] - 0.03)
        bottom = max(0.05, height - half_height - 0.5)
        middle, half = (top + bottom) / 2 - height, (top - bottom) / 2
        for side in (-1, 1):
            place = side * (half_width + 0.2 * width)
            put(place, middle, 0.11, (width, half, 0.035), cloth)
    _let_daylight_in(scene, wall, along, height, half_width, half_height)


def ceiling_lamp(scene, x, z, height):
    """Add a flat round lamp below a ceiling of that height."""
    radius = scene.generator.uniform(0.2, 0.28)
    glass = scene.material(_WARM, kind="light", glow=1.6)
    scene.frustum(
        (x, height - 0.035, z),
        radius,
        radius,
        0.03,
        glass,
        "lamp",
        shadow=False,
    )
    bright = 1.4 / radius**2 * scene.generator.uniform(0.8, 1.2)
    below = (x, height - 0.08, z)
    scene.add_light(below, (radius, 0, 0), (0, 0, radius), (0, -1, 0), _WARM * bright)


def shade_lamp(scene, place, height=0.5):
    """Add a table lamp with a lit shade; `place` is where it stands."""
    pick = scene.generator
    x, floor, z = place
    foot = scene.material(_choose(pick, _POTS), shine=0.05, roughness=0.2)
    shade = scene.material(_WARM, kind="light", glow=1.25)
    scene.frustum(
        (x, floor + 0.27 * height, z), 0.06, 0.025, 0.27 * height, foot, "lamp"
    )
    scene.frustum(
        (x, floor + 0.76 * height, z),
        0.34 * height,
        0.22 * height,
        0.24 * height,
        shade,
        "lamp",
        closed=False,
        shadow=False,
    )
    scene.add_lamp((x, floor + 0.76 * height, z), _WARM * 3)


def picture(scene, wall, along, height, half_width, half_height):
    """Hang an abstract painting in a frame; `height` is that of its middle."""
    pick = scene.generator
    frame = scene.material(_choose(pick, _FRAMES))
    paints = _choose(pick, _PAINTINGS) * pick.uniform(0.85, 1.1)
    canvas = scene.material(
        *paints.clip(0, 1), texture="canvas", scale=pick.uniform(0.2, 0.4)
    )
    for out, border, material in ((0.015, 0.035, frame), (0.03, 0.0, canvas)):
        half = half_width + border, half_height + border, 0.012
        centre, lengths = _fix(scene, wall, along, height, out, half)
        scene.box(centre, lengths, material, "picture")


def mix_colour(code):
    """Return the linear colour of a screen colour such as "ebe7e0"."""
    screen = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.where(
        screen <= 0.04045, screen / 12.92, ((screen + 0.055) / 1.055) ** 2.4
    )


def _let_daylight_in(scene, wall, along, height, half_width, half_height):
    centre, _ = _fix(scene, wall, along, height, 0.06, (0, 0, 0))
    side = np.array([0, 0, half_width] if wall != "back" else [half_width, 0, 0])
    inwards = {"left": (1, 0, 0), "right": (-1, 0, 0), "back": (0, 0, 1)}[wall]
    daylight = _DAYLIGHT * scene.sky[3:6]
    scene.add_light(centre, side, (0, half_height, 0), inwards, daylight, window=True)


def _fix(scene, wall, along, height, out, half):
    """Turn a place on a wall and (along, up, out) half lengths to the room's axes."""
    wide, tall, thick = half
    if wall == "back":
        return (along, height, out), (wide, tall, thick)
    x = out if wall == "left" else scene.size[0] - out
    return (x, height, along), (thick, tall, wide)


def _choose(generator, choices):
    return choices[generator.integers(len(choices))]
