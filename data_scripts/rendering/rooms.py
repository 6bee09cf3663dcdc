"""What indoor sets share: the hour, the walls, the windows and the light let in."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from data_scripts.rendering import furniture as fu
from data_scripts.rendering import stage as st
from data_scripts.rendering.furniture import Wall, mix
from data_scripts.rendering.views import draw_light, point_camera


class Room(NamedTuple):
    """Three walls, their distances in metres, and how high the ceiling is."""

    back: Wall
    left: Wall
    right: Wall
    depth: float
    reach: tuple  # where the left and the right wall are
    top: float


class Hour(NamedTuple):
    """The time of day: the colours (3,) of what shines, and a frame's brightness."""

    name: str
    key: np.ndarray
    sky: np.ndarray
    sun: np.ndarray
    level: float


def draw_hour(generator):
    """Choose the hour: sunny, grey or evening."""
    name = generator.choice(["sunny", "grey", "evening"], p=[0.45, 0.25, 0.3])
    if name == "sunny":
        warm = generator.uniform(0, 1)
        sun = np.array([1, 0.86 - 0.16 * warm, 0.66 - 0.3 * warm])
        return Hour(
            name,
            np.array([1, 0.97, 0.92]),
            np.array([0.9, 0.95, 1.04]),
            sun,
            generator.uniform(0.17, 0.25),
        )
    if name == "grey":
        return Hour(
            name,
            np.array([0.9, 0.97, 1.06]),
            np.array([0.95, 0.98, 1.02]),
            np.zeros(3),
            generator.uniform(0.13, 0.2),
        )
    return Hour(
        name,
        np.array([1.0, 0.72, 0.42]),
        np.array([1.0, 0.78, 0.58]),
        np.zeros(3),
        generator.uniform(0.085, 0.13),
    )


def make_view(generator, hour):
    """Return what windows show: sky over hills and trees, or lights at night."""
    noise = st.make_noise(generator)
    line = generator.uniform(1.0, 1.5)
    if hour.name == "evening":
        spots = generator.uniform(-8, 8, 60), generator.uniform(0.6, 2.0, 60)
        tints = generator.uniform(0.3, 1, 60)

        def show_lights(position):
            along = position[:, 0] + position[:, 2]
            dusk = np.clip((position[:, 1] - 0.5) / 2, 0, 1)[:, None]
            glow = mix(0.62, 0.6, 0.42) * (1.3 - 0.7 * dusk)
            hit = np.zeros(len(position), "float32")
            for x, y, tint in zip(*spots, tints, strict=True):
                close = np.hypot(along - x, position[:, 1] - y) < 0.02
                hit = np.maximum(hit, close * tint)
            return glow + hit[:, None] * np.array([9, 5.5, 2.2], "float32")

        return show_lights

    def show_hills(position):
        along, up = position[:, 0] + position[:, 2], position[:, 1]
        picture = hour.key * (2.6 + 0.5 * up[:, None])
        for height, period, colour in (
            (line + 0.15, 0.9, np.array([0.95, 1.15, 1.2])),
            (line - 0.1, 2.3, np.array([0.5, 0.8, 0.32])),
        ):
            edge = height + 0.16 * noise(along * period, 0 * up + period)
            edge = edge + 0.07 * noise(along * 4 * period, up * 3)
            share = np.clip((edge - up) * 7 + 0.5, 0, 1)[:, None]
            tone = 1.1 + 0.3 * noise(along * 7, up * 7)[:, None]
            picture = picture + share * (colour * tone - picture)
        return picture

    return show_hills


def build_room(
    stage, generator, palette, size=None, wall=None, floor=None, panels=None
):
    """Raise walls, floor and ceiling with skirting boards."""
    depth = generator.uniform(3.0, 4.3) if size is None else size[0]
    reach = (
        (-generator.uniform(1.5, 2.6), generator.uniform(1.5, 2.6))
        if size is None
        else (-size[1], size[2])
    )
    top = generator.uniform(2.4, 2.8)
    room = Room(
        Wall(np.array([0, 0, depth]), np.array([1, 0, 0]), np.array([0, 0, -1])),
        Wall(np.array([reach[0], 0, 0]), np.array([0, 0, 1]), np.array([1, 0, 0])),
        Wall(np.array([reach[1], 0, 0]), np.array([0, 0, 1]), np.array([-1, 0, 0])),
        depth,
        reach,
        top,
    )
    wall = fu.make_wallpaper(generator, palette.wall) if wall is None else wall
    if floor is None:
        floor = fu.make_planks(generator, palette.floor)
    panels = generator.random() < 0.25 if panels is None else panels
    low = np.array([reach[0], 0, -2.0])
    high = np.array([reach[1], top, depth])
    st.add_polygon(stage, st.face_of(1, 0, low, high), floor)
    st.add_polygon(stage, st.face_of(1, top, low, high), mix(0.1, 0.04, 0.9))
    spans = ((room.back, reach), (room.left, (-2, depth)), (room.right, (-2, depth)))
    dado = generator.uniform(0.8, 1.0)
    for plane, span in spans:
        fu.add_sheet(stage, plane, span, (0, top), 0, wall)
        fu.add_panel(stage, plane, span, (0, 0.11), (0, 0.018), palette.trim)
        fu.add_sheet(stage, plane, span, (top - 0.09, top), 0.03, palette.trim)
        if panels:
            board = palette.trim * 0.85
            fu.add_sheet(stage, plane, span, (0.1, dado), 0.012, board)
            fu.add_panel(
                stage, plane, span, (dado, dado + 0.05), (0, 0.04), palette.trim
            )
            for start in np.arange(span[0] + 0.1, span[1] - 0.5, 0.6):
                fu.add_panel(
                    stage,
                    plane,
                    (start, start + 0.48),
                    (0.22, dado - 0.1),
                    (0, 0.024),
                    board,
                )
    return room


def _light_room(stage, generator, room, hour, side, sources=(), window=None):
    """Let in the light of a window beside the camera, or of the evening's lamps."""
    wall_x = room.reach[0] if side < 0 else room.reach[1]
    sources = list(sources)
    sun = np.float32(0)
    if hour.name == "evening":
        place = np.array([wall_x * 0.75, 2.0, generator.uniform(0.9, 2.0)])
        none = np.zeros((2, 3))
        sources.append(st.Source(place, none, hour.key * generator.uniform(9, 14)))
        ambient = hour.sky * generator.uniform(0.35, 0.55)
    else:
        start = generator.uniform(0.5, 1.1)
        middle = np.array([wall_x * 0.985, 1.55, start + 0.5])
        edges = np.array([[0, 0, 0.6], [0, 0.6, 0]])
        power = generator.uniform(26, 40)
        sources.append(st.Source(middle, edges, hour.key * power))
        ambient = hour.sky * generator.uniform(0.5, 0.75)
        if hour.name == "sunny" and generator.random() < 0.75:
            sun = _shine_in(stage, generator, hour, room, wall_x, side)
    if window is not None and hour.name != "evening":
        sources.append(window)
    low, high = room.reach
    stage.boxes.extend(
        [
            (
                np.array([low - 1, -1, room.depth]),
                np.array([high + 1, 4, room.depth + 1]),
            ),
            (np.array([low - 1, -1, -3]), np.array([low, 4, room.depth])),
            (np.array([high, -1, -3]), np.array([high + 1, 4, room.depth])),
            (np.array([low, -1, -3]), np.array([high, 0, room.depth])),
            (np.array([low, room.top, -3]), np.array([high, 4, room.depth])),
        ]
    )
    stage.boxes[-5:] = [
        (a.astype("float32"), b.astype("float32")) for a, b in stage.boxes[-5:]
    ]
    light = st.gather_light(stage, sources, ambient, generator)
    return light + sun


def _shine_in(stage, generator, hour, room, wall_x, side):
    """Throw the sun through the panes of a window that the camera does not see."""
    towards = np.array(
        [side * 1.0, generator.uniform(0.35, 0.6), -generator.uniform(0.45, 0.9)]
    )
    towards /= np.linalg.norm(towards)
    # The panes lie where their light falls on the back wall in sight.
    target = np.array([side * generator.uniform(0.1, 1.0), 1.35, room.depth])
    travel = (wall_x - target[0]) / towards[0]
    centre = target + travel * towards
    wide, tall = generator.uniform(0.5, 0.8), generator.uniform(0.5, 0.75)
    columns, rows = generator.integers(2, 4), generator.integers(2, 4)
    panes = []
    for i in range(columns):
        for j in range(rows):
            low = np.array(
                [
                    0,
                    -tall + 2 * tall * j / rows + 0.03,
                    -wide + 2 * wide * i / columns + 0.03,
                ]
            )
            high = np.array(
                [
                    0,
                    -tall + 2 * tall * (j + 1) / rows - 0.03,
                    -wide + 2 * wide * (i + 1) / columns - 0.03,
                ]
            )
            panes.append((centre + low, centre + high))
    return st.cast_sun(
        stage,
        towards,
        hour.sun * generator.uniform(2.0, 3.4),
        generator,
        (0, wall_x, panes),
    )


def finish_room(
    stage, generator, room, hour, side, sources=(), window=None, blur=(2.9, 4.2)
):
    """Light and photograph a room; return frame, light for actors, brightness."""
    light = _light_room(stage, generator, room, hour, side, sources, window)
    blur = generator.uniform(*blur) * stage.depth.shape[1] / 640
    frame = st.photograph(stage, light, blur)
    actors = draw_light(generator, hour.key, hour.sky)
    return frame, actors, hour.level


def start_room(generator, width, height, **camera):
    """Choose the camera, the colours, the hour and the side the light comes from."""
    hour = draw_hour(generator)
    palette = fu.draw_palette(generator)
    side = int(generator.choice([-1, 1]))
    return point_camera(generator, width, height, **camera), palette, hour, side


def add_lit_window(stage, generator, wall, along, height, palette, hour, curtains=True):
    """Hang a window with its view; return the light that comes in."""
    view = make_view(generator, hour)
    fu.add_window(stage, generator, wall, along, height, palette, view, curtains)
    middle = wall.at(sum(along) / 2, sum(height) / 2, 0.05)
    edges = np.stack(
        [
            wall.along * (along[1] - along[0]) / 2,
            np.array([0, 1, 0]) * (height[1] - height[0]) / 2,
        ]
    )
    return st.Source(middle, edges, hour.key * 9)


def divide(generator, low, high, count):
    """Cut a stretch of wall into `count` uneven slots."""
    shares = generator.uniform(0.8, 1.25, count)
    edges = low + (high - low) * np.concatenate([[0], np.cumsum(shares) / shares.sum()])
    return list(pairwise(edges))


def hang_pictures(stage, generator, wall, slot, palette, middle=1.6):
    """Hang one picture, or a small group."""
    width = slot[1] - slot[0]
    count = generator.integers(1, 4)
    size = min(generator.uniform(0.32, 0.6), width / count * 0.8)
    for start, end in divide(generator, slot[0], slot[1], count):
        tall = size * generator.uniform(0.7, 1.35)
        high = middle + generator.uniform(-0.08, 0.12)
        fu.add_picture(
            stage, generator, wall, (start + end) / 2, high, size, tall, palette
        )
