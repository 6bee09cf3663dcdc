"""The indoor sets, each furnished in its own way.

Every `draw_…` takes a generator and the frame's width and height in pixels. It returns
the frame in linear light, the light for actors, and how bright the frame should be.
"""

import numpy as np

from data_scripts.rendering import furniture as fu
from data_scripts.rendering import rooms
from data_scripts.rendering import stage as st
from data_scripts.rendering.furniture import Wall, mix


def draw_living_room(generator, width, height):
    """Draw a living room: a sofa, a window, a cupboard, a bookcase or a plant."""
    stage, palette, hour, side = rooms.start_room(generator, width, height)
    room = rooms.build_room(stage, generator, palette)
    slots = rooms.divide(generator, room.reach[0] + 0.15, room.reach[1] - 0.15, 3)
    things = generator.permutation(["window", "shelf", "sofa", "cupboard", "plant"])[:3]
    window = None
    for (start, end), thing in zip(slots, things, strict=True):
        if thing == "window":
            wide = min(end - start - 0.3, 1.5) / 2
            middle = (start + end) / 2
            window = rooms.add_lit_window(
                stage,
                generator,
                room.back,
                (middle - wide, middle + wide),
                (0.85, 2.15),
                palette,
                hour,
            )
        elif thing == "shelf":
            top = generator.uniform(1.7, 2.25)
            fu.add_bookshelf(stage, generator, room.back, (start, end), top, palette)
        elif thing == "sofa":
            fu.add_sofa(stage, generator, room.back, (start - 0.2, end + 0.2), palette)
            rooms.hang_pictures(
                stage, generator, room.back, (start, end), palette, 1.65
            )
        elif thing == "cupboard":
            top = generator.uniform(0.75, 1.0)
            fu.add_sideboard(stage, generator, room.back, (start, end), top, palette)
            fu.add_clutter(
                stage, generator, room.back, (start, end), top + 0.03, 0.2, palette, 3
            )
            rooms.hang_pictures(
                stage, generator, room.back, (start, end), palette, 1.75
            )
        else:
            place = room.back.at((start + end) / 2, 0, 0.4)
            fu.add_plant(stage, generator, place, generator.uniform(1.2, 1.8), palette)
    for wall in (room.left, room.right):
        rooms.hang_pictures(
            stage, generator, wall, (room.depth - 1.6, room.depth - 0.4), palette
        )
    return rooms.finish_room(stage, generator, room, hour, side, window=window)


def draw_library(generator, width, height):
    """Draw a library: bookcases from wall to wall."""
    stage, palette, hour, side = rooms.start_room(generator, width, height, turn=0.4)
    room = rooms.build_room(stage, generator, palette)
    low, high = room.reach
    gap = generator.uniform(low + 0.9, high - 0.9) if generator.random() < 0.6 else None
    window = None
    if gap is None:
        spans = [(low + 0.05, high - 0.05)]
    else:
        spans = [(low + 0.05, gap - 0.55), (gap + 0.55, high - 0.05)]
        if generator.random() < 0.5:
            window = rooms.add_lit_window(
                stage,
                generator,
                room.back,
                (gap - 0.4, gap + 0.4),
                (0.9, 2.2),
                palette,
                hour,
                False,
            )
        else:
            fu.add_sideboard(
                stage, generator, room.back, (gap - 0.5, gap + 0.5), 0.8, palette
            )
            fu.add_clutter(
                stage,
                generator,
                room.back,
                (gap - 0.5, gap + 0.5),
                0.83,
                0.2,
                palette,
                2,
            )
            fu.add_picture(stage, generator, room.back, gap, 1.65, 0.6, 0.8, palette)
    top = room.top - 0.1
    for span in spans:
        fu.add_bookshelf(stage, generator, room.back, span, top, palette, full=0.93)
    wall = room.right if side < 0 else room.left
    fu.add_bookshelf(
        stage, generator, wall, (room.depth - 2.1, room.depth - 0.3), top, palette
    )
    return rooms.finish_room(stage, generator, room, hour, side, window=window)


def draw_kitchen(generator, width, height):
    """Draw a kitchen: tiles, worktop, boards with jars."""
    stage, palette, hour, side = rooms.start_room(generator, width, height)
    tile = mix(
        generator.random(), generator.uniform(0.03, 0.25), generator.uniform(0.72, 0.9)
    )
    size = generator.choice([0.1, 0.15])
    room = rooms.build_room(
        stage,
        generator,
        palette,
        wall=fu.make_plaster(generator, palette.wall),
        panels=False,
    )
    low, high = room.reach
    long = size * generator.choice([1, 2])
    tiles = fu.make_bricks(generator, tile, long, size, tile * 0.72, 0.06)
    fu.add_sheet(
        stage, room.back, (low, high), (0.9, generator.uniform(1.5, 2.0)), 0.01, tiles
    )
    colour = (palette.trim * 0.9, palette.fabric, palette.wood)[generator.integers(3)]
    fu.add_sideboard(
        stage, generator, room.back, (low, high), 0.88, palette, 0.6, colour
    )
    top = (palette.wood, mix(0.1, 0.05, 0.75), mix(0.6, 0.05, 0.3))[
        generator.integers(3)
    ]
    fu.add_panel(
        stage,
        room.back,
        (low, high),
        (0.88, 0.92),
        (0, 0.64),
        fu.make_wood(generator, top),
    )
    window = None
    slots = rooms.divide(generator, low + 0.1, high - 0.1, 3)
    for (start, end), thing in zip(
        slots,
        generator.permutation(["window", "boards", "cupboards", "boards"])[:3],
        strict=True,
    ):
        if thing == "window":
            window = rooms.add_lit_window(
                stage,
                generator,
                room.back,
                (start + 0.1, end - 0.1),
                (1.15, 2.1),
                palette,
                hour,
                False,
            )
        elif thing == "boards":
            for level in (1.42, 1.8):
                fu.add_panel(
                    stage,
                    room.back,
                    (start + 0.05, end - 0.05),
                    (level, level + 0.03),
                    (0, 0.25),
                    fu.make_wood(generator, palette.wood),
                    shadow=True,
                )
                fu.add_clutter(
                    stage,
                    generator,
                    room.back,
                    (start + 0.1, end - 0.1),
                    level + 0.03,
                    0.13,
                    palette,
                    4,
                )
        else:
            for left, right in rooms.divide(generator, start, end, 2):
                fu.add_panel(
                    stage,
                    room.back,
                    (left, right),
                    (1.5, 2.25),
                    (0, 0.34),
                    fu.make_wood(generator, colour),
                    shadow=True,
                )
                inner = (left + 0.05, right - 0.05), (1.56, 2.19)
                fu.add_panel(
                    stage,
                    room.back,
                    *inner,
                    (0.34, 0.35),
                    fu.make_wood(generator, colour * 0.9),
                )
        fu.add_clutter(
            stage,
            generator,
            room.back,
            (start + 0.2, end - 0.2),
            0.92,
            0.3,
            palette,
            generator.integers(1, 4),
        )
    return rooms.finish_room(stage, generator, room, hour, side, window=window)


def draw_hallway(generator, width, height):
    """Draw a hallway: doors, a runner, pictures."""
    stage, palette, hour, side = rooms.start_room(generator, width, height, turn=0.12)
    size = (
        generator.uniform(4.8, 6.5),
        generator.uniform(1.1, 1.7),
        generator.uniform(1.1, 1.7),
    )
    room = rooms.build_room(stage, generator, palette, size)
    middle = sum(room.reach) / 2
    colours = (None, palette.trim * 0.85, palette.fabric)
    colour = colours[generator.integers(3)]
    window = None
    if generator.random() < 0.6:
        fu.add_door(stage, generator, room.back, middle, palette, colour)
    else:
        window = rooms.add_lit_window(
            stage,
            generator,
            room.back,
            (middle - 0.5, middle + 0.5),
            (0.8, 2.1),
            palette,
            hour,
        )
    for wall in (room.left, room.right):
        place = generator.uniform(room.depth - 1.6, room.depth - 0.8)
        fu.add_door(stage, generator, wall, place, palette, colour)
        rooms.hang_pictures(stage, generator, wall, (1.6, place - 0.6), palette)
    wall = room.left if side > 0 else room.right
    top = generator.uniform(0.75, 0.95)
    start = generator.uniform(1.7, 2.3)
    span = (start, start + 0.9)
    fu.add_sideboard(stage, generator, wall, span, top, palette, 0.3)
    fu.add_clutter(stage, generator, wall, span, top + 0.03, 0.15, palette, 2)
    runner = generator.uniform(0.35, 0.5)
    low, high = (
        np.array([middle - runner, 0, 0]),
        np.array([middle + runner, 0, room.depth]),
    )
    st.add_polygon(
        stage,
        st.face_of(1, 0.01, low, high),
        fu.make_plaster(generator, palette.fabric, 0.12),
    )
    return rooms.finish_room(stage, generator, room, hour, side, window=window)


def draw_bedroom(generator, width, height):
    """Draw a bedroom: a bed with pillows, a window, a wardrobe."""
    stage, palette, hour, side = rooms.start_room(generator, width, height)
    room = rooms.build_room(stage, generator, palette)
    low, high = room.reach
    bed = generator.uniform(low + 0.9, high - 0.9)
    wood = fu.make_wood(generator, palette.wood)
    tall = generator.uniform(1.0, 1.35)
    if generator.random() < 0.5:
        fu.add_panel(
            stage, room.back, (bed - 0.85, bed + 0.85), (0, tall), (0, 0.06), wood
        )
    else:
        colour = palette.fabric * 0.8
        for shift in (-0.56, 0, 0.56):
            st.add_cushion(
                stage,
                room.back.at(bed + shift, tall - 0.4, 0.06),
                (0.3, 0.45, 0.08),
                colour,
                6,
            )
    cover = fu.make_plaster(generator, palette.accent * 0.8, 0.08)
    st.add_cushion(
        stage, room.back.at(bed, 0.35, 1.05), (0.82, 0.3, 1.0), palette.trim, 6
    )
    st.add_cushion(stage, room.back.at(bed, 0.4, 1.35), (0.86, 0.3, 0.75), cover, 6)
    for shift in (-0.4, 0.4):
        st.add_cushion(
            stage,
            room.back.at(bed + shift, 0.85, 0.24),
            (0.33, 0.21, 0.13),
            palette.trim,
            3,
        )
        tint = palette.fabric
        st.add_cushion(
            stage,
            room.back.at(bed + shift * 0.9, 0.8, 0.42),
            (0.22, 0.17, 0.1),
            tint,
            3,
        )
    window = None
    for start, end in ((low + 0.1, bed - 0.95), (bed + 0.95, high - 0.1)):
        if end - start > 0.75 and window is None and generator.random() < 0.6:
            middle, half = (start + end) / 2, min((end - start) / 2 - 0.15, 0.6)
            window = rooms.add_lit_window(
                stage,
                generator,
                room.back,
                (middle - half, middle + half),
                (0.8, 2.1),
                palette,
                hour,
            )
        elif end - start > 0.4:
            near = (start, start + 0.5) if start > bed else (end - 0.5, end)
            fu.add_sideboard(stage, generator, room.back, near, 0.55, palette)
            fu.add_clutter(stage, generator, room.back, near, 0.58, 0.2, palette, 1)
    rooms.hang_pictures(
        stage, generator, room.back, (bed - 0.7, bed + 0.7), palette, 1.8
    )
    wall = room.right if side < 0 else room.left
    colour = palette.wood if generator.random() < 0.5 else palette.trim * 0.9
    fu.add_sideboard(
        stage,
        generator,
        wall,
        (room.depth - 2.0, room.depth - 0.9),
        2.0,
        palette,
        0.5,
        colour,
    )
    return rooms.finish_room(stage, generator, room, hour, side, window=window)


def draw_cafe(generator, width, height):
    """Draw a café: bricks or boards, a counter, hanging lamps."""
    stage, palette, hour, side = rooms.start_room(generator, width, height)
    brick = mix(
        generator.uniform(0.01, 0.06),
        generator.uniform(0.2, 0.42),
        generator.uniform(0.35, 0.65),
    )
    wall = (
        fu.make_bricks(generator, brick)
        if generator.random() < 0.6
        else fu.make_planks(generator, palette.wall, 0.16, 1, 0)
    )
    room = rooms.build_room(
        stage,
        generator,
        palette,
        (
            generator.uniform(3.6, 5),
            generator.uniform(2, 3.2),
            generator.uniform(2, 3.2),
        ),
        wall,
        panels=False,
    )
    low, high = room.reach
    counter = (low, generator.uniform(-0.3, 0.6))
    if generator.random() < 0.5:
        counter = (-counter[1], high)
    boards = fu.make_planks(generator, palette.wood, 0.12, 0, 1)
    front = room.depth - 1.3
    st.add_box(
        stage,
        np.array([counter[0], 0, front]),
        np.array([counter[1], 1.02, front + 0.5]),
        boards,
    )
    st.add_box(
        stage,
        np.array([counter[0] - 0.05, 1.02, front - 0.05]),
        np.array([counter[1] + 0.05, 1.07, front + 0.55]),
        palette.wood * 0.5,
    )
    bar = Wall(np.array([0, 0, front + 0.5]), np.array([1, 0, 0]), np.array([0, 0, -1]))
    fu.add_clutter(stage, generator, bar, counter, 1.07, 0.25, palette, 5)
    for level in (1.5, 1.9):
        span = (counter[0] + 0.2, counter[1] - 0.2)
        fu.add_panel(
            stage,
            room.back,
            span,
            (level, level + 0.03),
            (0, 0.25),
            palette.wood * 0.7,
            True,
        )
        fu.add_clutter(
            stage, generator, room.back, span, level + 0.03, 0.12, palette, 8
        )
    free = (
        (counter[1] + 0.3, high - 0.2)
        if counter[0] == low
        else (low + 0.2, counter[0] - 0.3)
    )
    window = None
    if free[1] - free[0] > 1 and generator.random() < 0.6:
        window = rooms.add_lit_window(
            stage, generator, room.back, free, (0.7, 2.2), palette, hour, False
        )
    else:
        board = (sum(free) / 2 - 0.4, sum(free) / 2 + 0.4), (1.2, 2.1)
        fu.add_panel(stage, room.back, *board, (0, 0.03), palette.wood)
        inner = (board[0][0] + 0.05, board[0][1] - 0.05), (1.25, 2.05)
        fu.add_sheet(
            stage,
            room.back,
            *inner,
            0.035,
            fu.make_plaster(generator, mix(0.4, 0.1, 0.18), 0.3),
        )
    warm = np.array([1, 0.66, 0.34], "float32")
    sources = [
        fu.add_pendant(
            stage, (x, generator.uniform(1.95, 2.05), depth), palette, warm, 1.1
        )
        for depth in (room.depth - 0.9, room.depth - 2.0)
        for x in np.linspace(low + 0.6, high - 0.6, generator.integers(2, 4))
        + generator.uniform(-0.15, 0.15)
    ]
    return rooms.finish_room(
        stage, generator, room, hour, side, sources[:4], window, blur=(3, 4.6)
    )


def draw_office(generator, width, height):
    """Draw an office: blinds, a desk with a screen, shelves."""
    stage, palette, hour, side = rooms.start_room(generator, width, height)
    hour = rooms.draw_hour(generator) if hour.name == "evening" else hour
    carpet = fu.make_plaster(generator, mix(generator.random(), 0.12, 0.35), 0.15)
    room = rooms.build_room(
        stage,
        generator,
        palette,
        wall=fu.make_plaster(generator, palette.wall, 0.03),
        floor=carpet,
        panels=False,
    )
    low, high = room.reach
    wide = generator.uniform(1.2, 1.9)
    start = generator.uniform(low + 0.15, high - wide - 0.15)
    span = (start, start + wide)
    window = rooms.add_lit_window(
        stage, generator, room.back, span, (0.9, 2.25), palette, hour, False
    )
    slat = mix(0.1, 0.05, generator.uniform(0.7, 0.95))
    lowest = generator.uniform(0.95, 1.5)
    for level in np.arange(lowest, 2.27, 0.055):
        corners = [
            room.back.at(span[0] - 0.03, level, 0.1),
            room.back.at(span[1] + 0.03, level, 0.1),
            room.back.at(span[1] + 0.03, level + 0.028, 0.075),
            room.back.at(span[0] - 0.03, level + 0.028, 0.075),
        ]
        st.add_polygon(stage, corners, slat, glow=slat * 0.3)
    fu.add_panel(
        stage,
        room.back,
        (span[0] - 0.05, span[1] + 0.05),
        (2.25, 2.33),
        (0, 0.12),
        slat,
    )
    for begin, end in ((low + 0.05, span[0] - 0.15), (span[1] + 0.15, high - 0.05)):
        if end - begin > 0.5:
            end = min(end, begin + 1.2)
            if generator.random() < 0.55:
                fu.add_bookshelf(
                    stage, generator, room.back, (begin, end), 1.9, palette
                )
            else:
                grey = mix(0.6, 0.06, generator.uniform(0.45, 0.8))
                fu.add_sideboard(
                    stage, generator, room.back, (begin, end), 1.2, palette, 0.45, grey
                )
                fu.add_clutter(
                    stage, generator, room.back, (begin, end), 1.23, 0.2, palette, 2
                )
                rooms.hang_pictures(
                    stage, generator, room.back, (begin, end), palette, 1.85
                )
    desk = generator.uniform(low + 0.7, high - 0.7)
    depth = room.depth - 1.2
    st.add_box(
        stage,
        np.array([desk - 0.7, 0.7, depth]),
        np.array([desk + 0.7, 0.74, depth + 0.6]),
        palette.wood,
    )
    for edge in (-0.65, 0.62):
        st.add_box(
            stage,
            np.array([desk + edge, 0, depth + 0.05]),
            np.array([desk + edge + 0.04, 0.7, depth + 0.55]),
            palette.wood * 0.5,
        )
    st.add_box(
        stage,
        np.array([desk - 0.3, 0.86, depth + 0.3]),
        np.array([desk + 0.3, 1.22, depth + 0.34]),
        mix(0.6, 0.1, 0.15),
    )
    st.add_box(
        stage,
        np.array([desk - 0.04, 0.74, depth + 0.32]),
        np.array([desk + 0.04, 0.9, depth + 0.36]),
        mix(0.6, 0.1, 0.2),
    )
    wall = room.right if side < 0 else room.left
    rooms.hang_pictures(
        stage, generator, wall, (room.depth - 1.7, room.depth - 0.5), palette
    )
    if generator.random() < 0.6:
        place = np.array(
            [generator.choice([low + 0.35, high - 0.35]), 0, room.depth - 0.5]
        )
        fu.add_plant(stage, generator, place, generator.uniform(1.1, 1.7), palette)
    return rooms.finish_room(stage, generator, room, hour, side, window=window)


def draw_classroom(generator, width, height):
    """Draw a classroom: a blackboard and desks."""
    stage, palette, hour, side = rooms.start_room(generator, width, height)
    room = rooms.build_room(
        stage,
        generator,
        palette,
        (
            generator.uniform(3.6, 4.8),
            generator.uniform(2.2, 3),
            generator.uniform(2.2, 3),
        ),
    )
    middle = generator.uniform(-0.7, 0.7)
    span = (middle - 1.3, middle + 1.3)
    fu.add_panel(stage, room.back, span, (0.95, 2.15), (0, 0.04), palette.wood)
    board = mix(*((0.42, 0.35, 0.26), (0.6, 0.1, 0.17))[generator.integers(2)])
    inner = (span[0] + 0.06, span[1] - 0.06), (1.01, 2.09)
    fu.add_sheet(
        stage, room.back, *inner, 0.045, fu.make_plaster(generator, board, 0.2)
    )
    for line in range(generator.integers(2, 6)):
        start = generator.uniform(inner[0][0] + 0.1, middle)
        end = generator.uniform(start + 0.3, inner[0][1] - 0.1)
        level = 1.9 - 0.14 * line
        fu.add_sheet(
            stage,
            room.back,
            (start, end),
            (level, level + 0.03),
            0.047,
            board * 2.2 + 0.06,
        )
    fu.add_panel(stage, room.back, span, (0.9, 0.95), (0, 0.1), palette.wood)
    for low, high in ((room.reach[0], span[0]), (span[1], room.reach[1])):
        if high - low > 0.6:
            fu.add_bookshelf(
                stage,
                generator,
                room.back,
                (low + 0.05, high - 0.1),
                generator.uniform(1.0, 2.0),
                palette,
                full=0.7,
            )
    wall = room.left if side > 0 else room.right
    for place in np.arange(room.depth - 2.2, room.depth - 0.3, 0.5):
        fu.add_picture(stage, generator, wall, place, 1.6, 0.34, 0.44, palette)
    for row in (room.depth - 1.0, room.depth - 2.0):
        for x in np.arange(room.reach[0] + 0.5, room.reach[1] - 0.3, 1.05):
            top = np.array([x + 0.7, 0.76, row + 0.5])
            st.add_box(stage, np.array([x, 0.72, row]), top, palette.wood * 1.1)
            st.add_box(
                stage,
                np.array([x + 0.05, 0.0, row + 0.1]),
                np.array([x + 0.09, 0.72, row + 0.14]),
                mix(0.6, 0.1, 0.3),
                False,
            )
            st.add_box(
                stage,
                np.array([x + 0.61, 0.0, row + 0.1]),
                np.array([x + 0.65, 0.72, row + 0.14]),
                mix(0.6, 0.1, 0.3),
                False,
            )
    return rooms.finish_room(stage, generator, room, hour, side)


def draw_cabin(generator, width, height):
    """Draw a ship's cabin: boards all round, portholes, a bunk."""
    stage, palette, hour, side = rooms.start_room(generator, width, height)
    boards = fu.make_planks(generator, palette.wood * 0.9, 0.11, 1, 0)
    room = rooms.build_room(
        stage,
        generator,
        palette,
        (
            generator.uniform(2.4, 3.0),
            generator.uniform(1.2, 1.8),
            generator.uniform(1.2, 1.8),
        ),
        boards,
        panels=False,
    )
    brass = mix(0.11, 0.55, 0.62)
    view = rooms.make_view(generator, hour)
    sea = mix(0.52, 0.5, 0.55)

    def outside(position):
        water = (position[:, 1] < 1.42)[:, None]
        return np.where(water, sea * view(position) * 1.3, view(position))

    gap = generator.uniform(0.8, 1.1)
    beams = np.arange(room.reach[0], room.reach[1], gap)
    middles = beams[1:-1] - gap / 2 + 0.045
    for place in generator.permutation(middles)[: generator.integers(1, 3)]:
        radius = generator.uniform(0.17, 0.24)
        angles = np.linspace(0, 2 * np.pi, 33)[:-1]
        for share, out, albedo, glow in (
            (1.35, 0.01, brass * 0.7, None),
            (1.25, 0.02, brass, None),
            (1.02, 0.025, brass * 0.3, None),
            (0.95, 0.03, np.zeros(3), outside),
        ):
            corners = [
                room.back.at(
                    place + share * radius * np.cos(a),
                    1.55 + share * radius * np.sin(a),
                    out,
                )
                for a in angles
            ]
            st.add_polygon(stage, corners, albedo, glow=glow)
    for x in beams:
        fu.add_panel(
            stage,
            room.back,
            (x, x + 0.09),
            (0, room.top),
            (0, 0.07),
            palette.wood * 0.75,
        )
    for z in np.arange(0.3, room.depth, 0.7):
        st.add_box(
            stage,
            np.array([room.reach[0], room.top - 0.12, z]),
            np.array([room.reach[1], room.top, z + 0.1]),
            palette.wood * 0.8,
        )
    wall = room.left if side > 0 else room.right
    for level in (1.3, 1.75):
        span = (room.depth - 1.5, room.depth - 0.2)
        fu.add_panel(
            stage,
            wall,
            span,
            (level, level + 0.03),
            (0, 0.22),
            palette.wood * 0.7,
            True,
        )
        fu.add_clutter(stage, generator, wall, span, level + 0.03, 0.1, palette, 4)
    bunk = room.back.at(generator.uniform(-0.4, 0.4), 0.55, 0.4)
    st.add_cushion(stage, bunk, (1.1, 0.2, 0.42), palette.fabric, 6)
    st.add_cushion(
        stage, bunk + np.array([0.75, 0.27, 0]), (0.3, 0.12, 0.28), palette.trim, 3
    )
    return rooms.finish_room(stage, generator, room, hour, side)


def draw_train(generator, width, height):
    """Draw a train's compartment: a wide window, seats, a rack."""
    stage, palette, hour, side = rooms.start_room(generator, width, height, turn=0.3)
    wall = fu.make_wood(generator, palette.wood)
    room = rooms.build_room(
        stage,
        generator,
        palette,
        (
            generator.uniform(2.0, 2.6),
            generator.uniform(1.4, 2),
            generator.uniform(1.4, 2),
        ),
        wall,
        panels=False,
    )
    middle = generator.uniform(-0.5, 0.5)
    half = generator.uniform(0.65, 0.85)
    window = rooms.add_lit_window(
        stage,
        generator,
        room.back,
        (middle - half, middle + half),
        (0.95, 1.95),
        palette,
        hour,
    )
    rack = (middle - 1.4, middle + 1.4)
    for out in (0.08, 0.18, 0.28):
        fu.add_panel(
            stage,
            room.back,
            rack,
            (2.12, 2.145),
            (out, out + 0.02),
            mix(0.11, 0.4, 0.6),
        )
    for _ in range(3):
        place = generator.uniform(*rack)
        colour = mix(generator.uniform(0.02, 0.12), 0.5, generator.uniform(0.2, 0.5))
        st.add_cushion(
            stage,
            room.back.at(place, 2.28, 0.2),
            (generator.uniform(0.15, 0.3), 0.14, 0.13),
            colour,
            6,
        )
    for edge in (-1, 1):
        x = middle + edge * (half + generator.uniform(0.3, 0.42))
        for out in (0.45, 1.0):
            centre = room.back.at(x, 0.85, out)
            st.add_cushion(stage, centre, (0.13, 0.6, 0.25), palette.fabric, 5)
            bolster = centre + np.array([0, 0.7, 0])
            st.add_cushion(stage, bolster, (0.13, 0.11, 0.24), palette.fabric * 0.8, 4)
    return rooms.finish_room(stage, generator, room, hour, side, window=window)
