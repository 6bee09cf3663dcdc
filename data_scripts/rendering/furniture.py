"""Furniture and surfaces of the sets: each adds itself to a stage.

Things that stand or hang along a wall take the wall, and then a place along it, a
height above the floor and a distance from the wall, all in metres.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from data_scripts.rendering import stage as st

mix = st.mix


class Palette(NamedTuple):
    """The colours of one set, linear light, float32 (3,) each."""

    wall: np.ndarray
    wood: np.ndarray
    fabric: np.ndarray
    accent: np.ndarray
    trim: np.ndarray
    floor: np.ndarray


class Wall(NamedTuple):
    """An upright plane: where it starts, which way it runs, which way it looks."""

    origin: np.ndarray
    along: np.ndarray
    out: np.ndarray

    def at(self, along, height, out):
        """Return the world's coordinates of a place before the wall."""
        place = self.origin + along * self.along + out * self.out
        return (place + np.array([0, height, 0])).astype("float32")


def draw_palette(generator):
    """Choose colours that go together: a hue, its neighbour and its opposite."""
    hue = generator.choice(
        [generator.uniform(0.02, 0.14), generator.uniform(0.28, 0.68)]
    )
    other = hue + generator.choice([0.08, -0.08, 0.45, 0.55])
    wood_hue, wood_value = generator.uniform(0.05, 0.085), generator.uniform(0.28, 0.66)
    return Palette(
        wall=mix(hue, generator.uniform(0.06, 0.3), generator.uniform(0.52, 0.86)),
        wood=mix(wood_hue, generator.uniform(0.36, 0.62), wood_value),
        fabric=mix(other, generator.uniform(0.3, 0.6), generator.uniform(0.32, 0.68)),
        accent=mix(
            hue + generator.choice([0.3, 0.5, 0.62]),
            generator.uniform(0.25, 0.5),
            generator.uniform(0.5, 0.75),
        ),
        trim=mix(0.1, generator.uniform(0.03, 0.14), generator.uniform(0.72, 0.92)),
        floor=mix(wood_hue, generator.uniform(0.3, 0.6), generator.uniform(0.3, 0.6)),
    )


def make_plaster(generator, colour, strength=0.03):
    """Return a wall of one colour with faint clouds of lighter and darker paint."""
    noise = st.make_noise(generator)

    def paint(position):
        along = position[:, 0] + position[:, 2]
        clouds = noise(along * 1.7, position[:, 1] * 1.7)
        grain = noise(along * 23 + 9, position[:, 1] * 23)
        return colour * (1 + strength * (clouds + 0.6 * grain))[:, None]

    return paint


def make_wallpaper(generator, colour):
    """Return wallpaper: stripes, a lattice of diamonds, sprigs, or plain plaster."""
    kind = generator.choice(["plain", "stripes", "diamonds", "sprigs"])
    plain = make_plaster(generator, colour)
    if kind == "plain":
        return plain
    period = generator.uniform(0.12, 0.3)
    strength = generator.uniform(0.07, 0.16) * generator.choice([-1, 1])
    phase = generator.random()

    def paint(position):
        along = (position[:, 0] + position[:, 2]) / period + phase
        up = position[:, 1] / period
        if kind == "stripes":
            pattern = np.tanh(4 * np.sin(2 * np.pi * along))
        elif kind == "diamonds":
            pattern = np.cos(np.pi * (along + up)) * np.cos(np.pi * (along - up))
        else:
            along = along + 0.5 * (np.floor(up) % 2)
            right, high = along % 1 - 0.5, up % 1 - 0.5
            petals = np.cos(5 * np.arctan2(high, right))
            spot = np.hypot(right, high) * (1.2 - 0.5 * petals)
            pattern = 2.2 * np.exp(-((spot / 0.2) ** 2))
        return plain(position) * (1 + strength * pattern)[:, None]

    return paint


def make_planks(generator, colour, width=0.14, across=0, along=2):
    """Return boards with grain, each a little different in tone."""
    noise = st.make_noise(generator)
    tones = generator.uniform(0.78, 1.2, 97).astype("float32")
    offset = generator.uniform(0, 50)

    def paint(position):
        place = (position[:, across] + offset) / width
        board = np.floor(place).astype(int)
        run = position[:, along] + board * 0.77
        tone = tones[(board * 31 + np.floor(run / 1.3).astype(int) * 17) % 97]
        grain = noise(place * 9, run * 1.3 + board * 7.0)
        gap = np.abs(place % 1 - 0.5) > 0.475
        return colour * (tone * (1 + 0.14 * grain) * (1 - 0.5 * gap))[:, None]

    return paint


def make_wood(generator, colour):
    """Return wood whose grain runs along the longest lines of a piece."""
    noise = st.make_noise(generator)
    # Grain shows in brown wood, hardly through pale paint.
    strength = 0.015 + 0.1 * (1 - colour.min() / colour.max())

    def paint(position):
        across = position[:, 0] + position[:, 2]
        grain = noise(across * 3, position[:, 1] * 30)
        knots = noise(across * 1.1 + 5, position[:, 1] * 4)
        return colour * (1 + strength * (grain + knots))[:, None]

    return paint


def make_bricks(generator, colour, length=0.24, height=0.08, mortar=None, rough=0.25):
    """Return bricks in stretcher bond, or tiles with `rough` near 0."""
    noise = st.make_noise(generator)
    tones = generator.uniform(1 - rough, 1 + rough, 997).astype("float32")
    warm = generator.uniform(-rough, rough, 997).astype("float32")
    joint = colour * 1.25 if mortar is None else mortar
    shift = 0.5 if rough > 0.12 else 0.0

    def paint(position):
        row = np.floor(position[:, 1] / height).astype(int)
        along = (position[:, 0] + position[:, 2]) / length + shift * (row % 2)
        name = (row * 131 + np.floor(along).astype(int) * 37) % 997
        right = np.abs(along % 1 - 0.5) * length
        up = np.abs(position[:, 1] / height % 1 - 0.5) * height
        seam = (right > length / 2 - 0.006) | (up > height / 2 - 0.006)
        speckle = noise(position[:, 1] * 25, along * 6)
        tone = tones[name] * (1 + 0.4 * rough * speckle)
        tint = 1 + np.outer(warm[name], np.array([0.3, 0, -0.3], "float32"))
        return np.where(seam[:, None], joint, colour * tone[:, None] * tint)

    return paint


def add_panel(stage, wall, along, height, out, albedo, shadow=False, glow=None):
    """Paint a box before a wall, from ranges (2,) along it, up, and out of it."""
    low = wall.at(along[0], height[0], out[0])
    high = wall.at(along[1], height[1], out[1])
    st.add_box(stage, low, high, albedo, shadow, glow)


def add_sheet(stage, wall, along, height, out, albedo, glow=None, normal=None):
    """Paint a flat rectangle before a wall."""
    corners = [
        wall.at(along[0], height[0], out),
        wall.at(along[1], height[0], out),
        wall.at(along[1], height[1], out),
        wall.at(along[0], height[1], out),
    ]
    st.add_polygon(stage, corners, albedo, normal, glow)


def add_window(stage, generator, wall, along, height, palette, view, curtains=True):
    """Hang a window with bars, a sill and perhaps curtains; return its panes.

    Parameters
    ----------
    stage : Stage
    generator : numpy.random.Generator
    wall : Wall
    along, height : (float, float)
        The opening, in metres.
    palette : Palette
    view : function
        From positions to the glow outside.
    curtains : bool

    Returns
    -------
    list of (low, high) corners of panes
    """
    dark = np.zeros(3, "float32")
    add_sheet(stage, wall, along, height, 0.016, dark, glow=view)
    columns, rows = generator.integers(2, 4), generator.integers(2, 4)
    right = np.linspace(along[0], along[1], columns + 1)
    up = np.linspace(height[0], height[1], rows + 1)
    for place, edge in enumerate(right):
        thick = 0.045 if place in (0, columns) else 0.018
        ends = (edge - thick, edge + thick)
        add_panel(stage, wall, ends, height, (0, 0.05), palette.trim)
    for place, edge in enumerate(up):
        thick = 0.045 if place in (0, rows) else 0.018
        ends = (edge - thick, edge + thick)
        wide = (along[0] - 0.045, along[1] + 0.045)
        add_panel(stage, wall, wide, ends, (0, 0.05), palette.trim)
    sill = (along[0] - 0.1, along[1] + 0.1)
    add_panel(
        stage,
        wall,
        sill,
        (height[0] - 0.08, height[0] - 0.045),
        (0, 0.16),
        palette.trim,
    )
    if curtains:
        wide = generator.uniform(0.22, 0.4)
        low = generator.choice([0.05, height[0] - 0.2])
        top = height[1] + 0.14
        for start, end in (
            (along[0] - wide, along[0] + 0.1),
            (along[1] - 0.1, along[1] + wide),
        ):
            add_curtain(
                stage, generator, wall, (start, end), (low, top), palette.fabric
            )
        rod = (along[0] - wide - 0.1, along[1] + wide + 0.1)
        add_panel(stage, wall, rod, (top, top + 0.03), (0.17, 0.21), palette.wood * 0.6)
    return [
        (
            wall.at(right[i] + 0.02, up[j] + 0.02, 0),
            wall.at(right[i + 1] - 0.02, up[j + 1] - 0.02, 0),
        )
        for i in range(columns)
        for j in range(rows)
    ]


def add_curtain(stage, generator, wall, along, height, colour, out=0.19):
    """Hang cloth in folds."""
    folds = 2 * np.pi / generator.uniform(0.07, 0.11)
    phase = generator.uniform(0, 6)

    def wave(position):
        run = (position - wall.origin) @ wall.along
        return folds * run + phase + 0.7 * np.sin(0.31 * folds * run)

    def normal(position):
        angle = 0.9 * np.sin(wave(position))[:, None]
        return (np.cos(angle) * wall.out + np.sin(angle) * wall.along).astype("float32")

    def paint(position):
        return colour * (0.86 + 0.2 * np.cos(wave(position)))[:, None]

    add_sheet(stage, wall, along, height, out, paint, normal=normal)


def add_picture(stage, generator, wall, along, middle, width, height, palette):
    """Hang a framed picture: a landscape, blocks of colour, or a spray of leaves."""
    frame = generator.choice([0, 1, 2])
    colour = (palette.wood * 0.7, palette.trim, mix(0.1, 0.55, 0.55))[frame]
    ends = (along - width / 2, along + width / 2)
    tall = (middle - height / 2, middle + height / 2)
    add_panel(stage, wall, ends, tall, (0, 0.035), colour)
    edge = 0.035
    inner = (ends[0] + edge, ends[1] - edge), (tall[0] + edge, tall[1] - edge)
    add_sheet(stage, wall, *inner, 0.037, mix(0.12, 0.08, 0.86))
    mat = edge + generator.uniform(0.02, 0.07)
    left, right = ends[0] + mat, ends[1] - mat
    low, high = tall[0] + mat, tall[1] - mat
    hue = generator.random()
    add_sheet(
        stage,
        wall,
        (left, right),
        (low, high),
        0.039,
        mix(hue, 0.3, generator.uniform(0.5, 0.8)),
    )
    for step in range(generator.integers(2, 5)):
        top = low + (high - low) * generator.uniform(0.15, 0.75 - 0.1 * step)
        lean = (high - low) * generator.uniform(-0.15, 0.15)
        corners = [
            wall.at(left, low, 0.041 + 0.002 * step),
            wall.at(right, low, 0.041 + 0.002 * step),
            wall.at(right, np.clip(top - lean, low, high), 0.041 + 0.002 * step),
            wall.at(left, np.clip(top + lean, low, high), 0.041 + 0.002 * step),
        ]
        shade = mix(
            hue + generator.uniform(-0.2, 0.2), 0.45, generator.uniform(0.3, 0.75)
        )
        st.add_polygon(stage, corners, shade)


def draw_binding(generator):
    """Choose a cloth or leather as books are bound in: hue, saturation and value."""
    bindings = (
        (0.99, 0.62, 0.4), (0.03, 0.6, 0.45), (0.07, 0.5, 0.5), (0.11, 0.45, 0.66),
        (0.12, 0.18, 0.82), (0.27, 0.35, 0.36), (0.4, 0.4, 0.33), (0.52, 0.4, 0.45),
        (0.6, 0.5, 0.38), (0.63, 0.3, 0.24), (0.08, 0.3, 0.25), (0.9, 0.3, 0.4),
    )  # fmt: skip
    return bindings[generator.integers(len(bindings))]


def add_books(stage, generator, wall, along, height, depth, dull):
    """Fill a board with books: uneven heights, a gap here, one leaning there."""
    place = along[0]
    binding = draw_binding(generator)
    while place < along[1] - 0.02:
        if generator.random() < 0.03:
            place += generator.uniform(0.04, 0.12)
            continue
        thick = generator.uniform(0.018, 0.05)
        tall = min(height[1] - height[0] - 0.02, generator.uniform(0.17, 0.27))
        if generator.random() < 0.25:
            binding = draw_binding(generator)
        hue, saturation, value = binding
        colour = mix(
            hue + generator.uniform(-0.02, 0.02),
            saturation * dull * generator.uniform(0.7, 1.1),
            value * generator.uniform(0.75, 1.25),
        )
        out = depth - generator.uniform(0.02, 0.06)
        end = min(place + thick, along[1])
        ends = (place + 0.001, end - 0.001)
        add_sheet(stage, wall, ends, (height[0], height[0] + tall), out, colour)
        if generator.random() < 0.5:
            band = height[0] + tall * generator.uniform(0.6, 0.85)
            add_sheet(
                stage,
                wall,
                ends,
                (band, band + 0.015),
                out + 0.002,
                mix(0.12, 0.4, 0.65),
            )
        place = end


def add_bookshelf(stage, generator, wall, along, top, palette, depth=0.3, full=0.85):
    """Stand a bookcase against the wall."""
    wood = make_wood(generator, palette.wood * generator.uniform(0.6, 1.1))
    add_panel(stage, wall, along, (0, top), (0, 0.05), wood)
    count = max(int((along[1] - along[0]) / 0.75), 1)
    for edge in np.linspace(along[0], along[1], count + 1):
        ends = (edge - 0.018, edge + 0.018)
        add_panel(stage, wall, ends, (0, top), (0, depth), wood)
    stage.boxes.append(
        (
            np.minimum(wall.at(along[0], 0, 0), wall.at(along[1], top, depth * 0.7)),
            np.maximum(wall.at(along[0], 0, 0), wall.at(along[1], top, depth * 0.7)),
        )
    )
    levels = np.arange(0.08, top - 0.2, generator.uniform(0.31, 0.36))
    dull = generator.uniform(0.6, 1.1)
    for level in [*levels, top - 0.03]:
        add_panel(stage, wall, along, (level, level + 0.028), (0, depth), wood)
    for level, above in zip(levels, [*levels[1:], top - 0.03], strict=True):
        edges = np.linspace(along[0], along[1], count + 1)
        for start, end in pairwise(edges):
            inner = (start + 0.03, end - 0.03)
            if generator.random() < full:
                add_books(
                    stage, generator, wall, inner, (level + 0.03, above), depth, dull
                )
            else:
                place = wall.at(generator.uniform(*inner), level + 0.03, depth / 2)
                add_vase(
                    stage, generator, place, generator.uniform(0.14, 0.24), palette
                )


def add_vase(stage, generator, foot, height, palette):
    """Stand a turned vessel: a vase, a jar or a bowl."""
    colours = (palette.accent, palette.trim * 0.8, palette.fabric, palette.wood)
    colour = colours[generator.integers(4)] * generator.uniform(0.6, 1)
    shape = (
        ((0, 0.2), (0.3, 0.34), (0.6, 0.3), (0.85, 0.13), (1, 0.18)),
        ((0, 0.28), (0.1, 0.32), (0.75, 0.32), (0.85, 0.22), (1, 0.24)),
        ((0, 0.16), (0.25, 0.3), (0.5, 0.4), (0.7, 0.44)),
    )[generator.integers(3)]
    profile = [(height * up, height * radius) for up, radius in shape]
    st.add_turned(stage, foot, profile, colour, sides=12, shadow=False)


def add_plant(stage, generator, foot, height, palette, pot=None, broad=None):
    """Stand a pot with a leafy plant."""
    pot = 0.3 * height if pot is None else pot
    colour = (mix(0.04, 0.6, 0.55), palette.trim * 0.8, palette.accent * 0.7)
    profile = [
        (0, 0.32 * pot),
        (0.85 * pot, 0.46 * pot),
        (pot, 0.5 * pot),
        (pot, 0.4 * pot),
    ]
    st.add_turned(stage, foot, profile, colour[generator.integers(3)])
    broad = generator.random() < 0.5 if broad is None else broad
    stems = generator.integers(13, 20)
    middle = np.asarray(foot, "float32") + np.array([0, pot, 0])
    centres, along = [], []
    for _ in range(stems):
        turn, lean = generator.uniform(0, 2 * np.pi), generator.uniform(0.1, 1.1)
        tall = (height - pot) * generator.uniform(0.6, 1.05)
        for share in np.linspace(0.2, 1, 5 if broad else 10):
            bend = lean * share**1.6
            out = np.array([np.cos(turn) * bend, 1 - 0.35 * bend, np.sin(turn) * bend])
            centres.append(middle + tall * share * out * (0.9, 1, 0.9))
            drift = generator.normal(0, 0.3, 3)
            grow = np.array([np.cos(turn), 0.9 - share, np.sin(turn)]) + drift
            along.append(grow / np.linalg.norm(grow))
    size = height * (0.075 if broad else 0.055)
    green = mix(generator.uniform(0.23, 0.4), generator.uniform(0.4, 0.65), 0.5)
    add_foliage(
        stage, generator, np.array(centres), np.array(along), size, green, middle,
        slender=0.5 if broad else 0.3,
    )  # fmt: skip


def add_foliage(stage, generator, centres, along, size, green, middle, slender=0.45):
    """Paint leaves whose light follows the round shape of the whole plant."""
    count = len(centres)
    tone = generator.uniform(0.6, 1.35, (count, 1))
    warm = generator.uniform(-0.25, 0.35, (count, 1))
    colours = green * tone * (1 + warm * np.array([1, 0.15, -0.4]))
    out = centres - middle
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-6
    normals = out + 0.55 * generator.standard_normal((count, 3)) + (0, 0.2, 0)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    length = size * generator.uniform(0.7, 1.3, count)
    st.add_leaves(
        stage,
        centres.astype("float32"),
        along.astype("float32"),
        length,
        slender * length,
        np.clip(colours, 0, 1).astype("float32"),
        normals.astype("float32"),
    )


def add_sofa(stage, generator, wall, along, palette):
    """Stand a sofa before the wall: seat, back, arms, scatter cushions."""
    colour = palette.fabric * generator.uniform(0.7, 1.1)
    depth, low = 0.9, 0.42
    width = along[1] - along[0]
    turned = abs(wall.out[0]) > 0.5

    def block(middle, height, out, half_along, half_height, half_out, tint, power=5):
        radii = (half_out, half_height, half_along) if turned else (
            half_along, half_height, half_out)  # fmt: skip
        st.add_cushion(stage, wall.at(middle, height, out), radii, tint, power)

    middle = sum(along) / 2
    block(
        middle, low / 2, depth / 2 + 0.05, width / 2, low / 2, depth / 2, colour * 0.9
    )
    seats = 2 if width < 1.9 else 3
    for seat in range(seats):
        centre = along[0] + 0.14 + (width - 0.28) * (seat + 0.5) / seats
        half = (width - 0.28) / seats / 2
        block(centre, low + 0.06, depth / 2 + 0.12, half, 0.09, 0.36, colour)
        block(centre, low + 0.34, 0.2, half, 0.28, 0.13, colour)
    for edge in (along[0] + 0.08, along[1] - 0.08):
        block(edge, 0.34, depth / 2 + 0.05, 0.11, 0.34, depth / 2, colour)
    for place in (along[0] + 0.4, along[1] - 0.4)[: generator.integers(1, 3)]:
        tint = (palette.accent, palette.trim * 0.8, palette.wall)[generator.integers(3)]
        block(place, low + 0.33, 0.38, 0.21, 0.19, 0.09, tint, 3.2)


def add_sideboard(stage, generator, wall, along, top, palette, depth=0.42, colour=None):
    """Stand a low cupboard with doors or drawers, and things on it."""
    colour = palette.wood if colour is None else colour
    wood = make_wood(generator, colour)
    add_panel(stage, wall, along, (0.08, top), (0, depth), wood, shadow=True)
    rim = (along[0] - 0.02, along[1] + 0.02)
    add_panel(stage, wall, rim, (top, top + 0.03), (0, depth + 0.03), wood)
    count = max(int((along[1] - along[0]) / 0.5), 1)
    edges = np.linspace(along[0], along[1], count + 1)
    rows = generator.integers(1, 4)
    levels = np.linspace(0.1, top, rows + 1)
    for start, end in pairwise(edges):
        for low, high in pairwise(levels):
            front = (start + 0.02, end - 0.02), (low + 0.015, high - 0.015)
            add_panel(stage, wall, *front, (depth, depth + 0.018), wood)
            knob = (start + end) / 2, (low + high) / 2
            size = 0.045 if rows > 1 else 0.018
            add_panel(
                stage, wall, (knob[0] - size, knob[0] + size),
                (knob[1] - 0.009, knob[1] + 0.009), (depth, depth + 0.04),
                mix(0.11, 0.4, 0.6),
            )  # fmt: skip


def add_clutter(stage, generator, wall, along, height, out, palette, count=3):
    """Set a few small things on a board: vessels, stacked books, a small plant."""
    for place in np.linspace(along[0], along[1], count + 2)[1:-1]:
        place = place + generator.uniform(-0.06, 0.06)
        kind = generator.choice(["vase", "vase", "books", "plant", "standing"])
        if kind == "vase":
            foot = wall.at(place, height, out)
            add_vase(stage, generator, foot, generator.uniform(0.16, 0.32), palette)
        elif kind == "plant":
            foot = wall.at(place, height, out)
            add_plant(stage, generator, foot, generator.uniform(0.3, 0.45), palette)
        elif kind == "books":
            level = height
            for _ in range(generator.integers(2, 5)):
                half = generator.uniform(0.1, 0.13)
                colour = mix(*draw_binding(generator))
                ends = (place - half, place + half)
                add_panel(
                    stage,
                    wall,
                    ends,
                    (level, level + 0.03),
                    (out - 0.08, out + 0.08),
                    colour,
                )
                level += 0.032
        else:
            ends = (place - 0.12, place + 0.12)
            add_books(
                stage, generator, wall, ends, (height, height + 0.4), out + 0.1, 0.8
            )


def add_door(stage, generator, wall, along, palette, colour=None):
    """Hang a panelled door with its frame and handle."""
    width, top = 0.86, 2.05
    colour = palette.wood if colour is None else colour
    wood = make_wood(generator, colour)
    ends = (along - width / 2, along + width / 2)
    for edge in ends:
        side = (edge - 0.05, edge + 0.05)
        add_panel(stage, wall, side, (0, top + 0.1), (0, 0.05), palette.trim)
    wide = (ends[0] - 0.05, ends[1] + 0.05)
    add_panel(stage, wall, wide, (top, top + 0.11), (0, 0.055), palette.trim)
    inner = (ends[0] + 0.05, ends[1] - 0.05)
    add_sheet(stage, wall, inner, (0, top), 0.012, wood)
    rows = ((0.15, 0.85), (1.0, 1.9)) if generator.random() < 0.5 else (
        (0.15, 0.65), (0.8, 1.3), (1.42, 1.92))  # fmt: skip
    for low, high in rows:
        for start, end in (
            (inner[0] + 0.08, along - 0.04),
            (along + 0.04, inner[1] - 0.08),
        ):
            add_panel(stage, wall, (start, end), (low, high), (0, 0.016), colour * 0.6)
            raised = (start + 0.025, end - 0.025), (low + 0.025, high - 0.025)
            add_panel(stage, wall, *raised, (0, 0.03), wood)
    side = inner[generator.integers(2)]
    place = side + 0.07 * np.sign(along - side)
    st.add_cushion(
        stage, wall.at(place, 1.0, 0.07), (0.035,) * 3, mix(0.11, 0.5, 0.7), 2, False
    )


def add_pendant(stage, place, palette, colour, strength):
    """Hang a lamp from the ceiling; return its light."""
    place = np.asarray(place, "float32")
    low = place + np.array([-0.006, 0.2, -0.006])
    high = place + np.array([0.006, 2.0, 0.006])
    st.add_box(stage, low, high, palette.wood * 0.2, shadow=False)
    shade = [(0.0, 0.17), (0.07, 0.13), (0.16, 0.05), (0.2, 0.03)]
    st.add_turned(stage, place, shade, palette.accent * 0.4, shadow=False)
    bulb = place - (0, 0.02, 0)
    glow = colour * np.float32(strength * 9)
    st.add_turned(
        stage, bulb - (0, 0.05, 0),
        [(0, 0.02), (0.02, 0.05), (0.06, 0.05), (0.08, 0.02)],
        palette.trim, glow=glow, shadow=False,
    )  # fmt: skip
    zeros = np.zeros((2, 3), "float32")
    return st.Source(bulb - (0, 0.1, 0), zeros, colour * np.float32(strength))


def add_tree(stage, generator, foot, height, spread, green, leaves=1100):
    """Grow a tree: a trunk and a crown of several round clouds of leaves."""
    trunk = mix(generator.uniform(0.05, 0.1), 0.35, generator.uniform(0.2, 0.34))
    wide = height * generator.uniform(0.025, 0.04)
    profile = [(0, wide * 1.5), (0.25, wide), (height * 0.7, wide * 0.6)]
    st.add_turned(stage, foot, profile, trunk, sides=10, shadow=False)
    foot = np.asarray(foot, "float32")
    for _ in range(generator.integers(6, 10)):
        away = generator.uniform(-1, 1, 3) * (spread, 0.22 * height, spread)
        middle = foot + np.array([0, height * 0.72, 0]) + away
        radius = spread * generator.uniform(0.45, 0.8)
        add_bush(stage, generator, middle, radius, green, leaves // 4, 0.055 * spread)
        stage.boxes.append(((middle - radius * 0.5), (middle + radius * 0.5)))


def add_bush(stage, generator, middle, radius, green, leaves, size):
    """Grow a round cloud of leaves."""
    out = generator.standard_normal((leaves, 3))
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    share = generator.uniform(0.5, 1, (leaves, 1)) ** 0.5
    centres = middle + out * share * radius * (1, 0.8, 1)
    along = generator.standard_normal((leaves, 3))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    add_foliage(stage, generator, centres, along, size, green, middle)
