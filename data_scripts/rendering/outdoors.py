"""The outdoor sets: a park, a garden, and a street at dusk.

Every `draw_…` takes a generator and the frame's width and height in pixels. It returns
the frame in linear light, the light for actors, and how bright the frame should be.
"""

import numpy as np

from data_scripts.rendering import furniture as fu
from data_scripts.rendering import stage as st
from data_scripts.rendering.furniture import Wall, mix
from data_scripts.rendering.views import draw_light, point_camera


def _add_ground(stage, paint, depth=80.0, glow=None):
    low, high = np.array([-60.0, 0, -2]), np.array([60.0, 0, depth])
    st.add_polygon(stage, st.face_of(1, 0, low, high), paint, glow=glow)


def _fill_sky(stage, low, high):
    """Let the sky shine wherever nothing stands."""
    empty = stage.depth >= st.FAR
    up = np.clip(stage.rays[..., 1] * 1.6, 0, 1)[..., None]
    sky = low + (high - low) * up
    stage.glow[empty] = sky[empty]
    stage.depth[empty] = 1e3


def _light_outdoors(stage, generator, side, sun, sky, blur, sources=(), haze=None):
    """Light an outdoor set by the sun and the sky, and photograph it."""
    towards = np.array(
        [
            side * generator.uniform(0.5, 0.9),
            generator.uniform(0.4, 0.9),
            -generator.uniform(0.3, 0.8),
        ]
    )
    towards /= np.linalg.norm(towards)
    light = st.gather_light(stage, sources, sky, generator, reach=1.6, ground=0.4)
    if sun.any():
        light = light + st.cast_sun(stage, towards, sun, generator, softness=0.03)
    blur = generator.uniform(*blur) * stage.depth.shape[1] / 640
    return st.photograph(stage, light, blur, haze=haze)


def _draw_daylight(generator):
    """Choose sun and sky: clear, low and golden, or overcast."""
    kind = generator.choice(["clear", "golden", "grey"])
    if kind == "clear":
        return np.array([2.7, 2.45, 2.0]), np.array([0.55, 0.68, 0.86])
    if kind == "golden":
        return np.array([3.0, 2.0, 1.05]), np.array([0.5, 0.56, 0.7])
    return np.zeros(3), np.array([0.95, 1.0, 1.08])


def _make_grass(generator):
    noise = st.make_noise(generator)
    green = mix(
        generator.uniform(0.22, 0.3),
        generator.uniform(0.45, 0.65),
        generator.uniform(0.35, 0.5),
    )

    def paint(position):
        x, z = position[:, 0], position[:, 2]
        tone = 1 + 0.22 * noise(x * 1.1, z * 1.1) + 0.25 * noise(x * 9, z * 9)
        return green * np.clip(tone, 0.2, 2)[:, None]

    return paint


def draw_park(generator, width, height):
    """Draw a park: lawn, path and trees."""
    stage = point_camera(generator, width, height)
    sun, sky = _draw_daylight(generator)
    side = int(generator.choice([-1, 1]))
    _add_ground(stage, _make_grass(generator))
    path = mix(0.1, 0.2, 0.65)
    start, bend = generator.uniform(-1.5, 1.5), generator.uniform(-0.25, 0.25)
    edge = [(start + bend * z, 0.01, z) for z in (2.0, 30.0)]
    corners = [
        edge[0],
        (edge[0][0] + 1.6, 0.01, 2.0),
        (edge[1][0] + 1.6, 0.01, 30.0),
        edge[1],
    ]
    st.add_polygon(stage, corners, fu.make_plaster(generator, path, 0.1))
    hue = generator.choice([0.07, 0.12, 0.24, 0.28, 0.33])
    for depth in (22, 17, 13):
        for x in np.arange(-depth * 0.8, depth * 0.8, 3.2):
            middle = np.array([x + generator.uniform(-1, 1), 1.6, depth])
            green = mix(
                hue + generator.uniform(-0.04, 0.04), 0.5, generator.uniform(0.25, 0.5)
            )
            fu.add_bush(
                stage, generator, middle, generator.uniform(1.8, 3), green, 260, 0.2
            )
    for _ in range(generator.integers(3, 6)):
        depth = generator.uniform(4.5, 11)
        foot = np.array([generator.uniform(-0.6, 0.6) * depth, 0, depth])
        green = mix(
            hue + generator.uniform(-0.04, 0.04),
            generator.uniform(0.45, 0.7),
            generator.uniform(0.35, 0.6),
        )
        fu.add_tree(
            stage,
            generator,
            foot,
            generator.uniform(4, 6.5),
            generator.uniform(1.1, 1.7),
            green,
        )
    if generator.random() < 0.5:
        x, z = generator.uniform(-1.5, 1.5), generator.uniform(3.4, 5)
        wood = mix(0.07, 0.5, 0.4)
        for low in (0.4, 0.6, 0.74):
            back = 0.0 if low < 0.5 else 0.32
            st.add_box(
                stage,
                np.array([x - 0.75, low, z + back]),
                np.array(
                    [x + 0.75, low + 0.08, z + back + (0.35 if low < 0.5 else 0.04)]
                ),
                wood,
            )
        for leg in (-0.65, 0.6):
            st.add_box(
                stage,
                np.array([x + leg, 0, z + 0.1]),
                np.array([x + leg + 0.06, 0.4, z + 0.3]),
                wood * 0.3,
            )
    _fill_sky(stage, sky * 2.2, sky * np.array([1.1, 1.35, 1.8]))
    haze = (320, sky * 1.3)
    frame = _light_outdoors(stage, generator, side, sun, sky, (4.4, 6.4), haze=haze)
    actors = draw_light(generator, sun if sun.any() else sky, sky)
    return frame, actors, generator.uniform(0.17, 0.25)


def draw_garden(generator, width, height):
    """Draw a garden: a wall or fence with climbers, pots and flower beds."""
    stage = point_camera(generator, width, height, turn=0.45)
    sun, sky = _draw_daylight(generator)
    side = int(generator.choice([-1, 1]))
    palette = fu.draw_palette(generator)
    _add_ground(stage, _make_grass(generator))
    depth, top = generator.uniform(3.0, 4.2), generator.uniform(1.5, 2.3)
    kind = generator.choice(["brick", "stone", "fence", "plaster"])
    if kind == "brick":
        paint = fu.make_bricks(
            generator,
            mix(generator.uniform(0.01, 0.06), 0.5, 0.55),
            mortar=mix(0.1, 0.1, 0.7),
        )
    elif kind == "stone":
        paint = fu.make_bricks(
            generator, mix(0.1, 0.14, 0.6), 0.42, 0.2, mix(0.1, 0.1, 0.42), 0.3
        )
    elif kind == "fence":
        paint = fu.make_planks(
            generator, mix(0.08, generator.uniform(0.1, 0.5), 0.6), 0.13, 0, 1
        )
    else:
        paint = fu.make_plaster(generator, palette.wall * 1.1, 0.12)
    low, high = np.array([-9.0, 0, depth]), np.array([9.0, top, depth + 0.3])
    st.add_box(stage, low, high, paint)
    cap = np.array([-9.0, top, depth - 0.05]), np.array([9.0, top + 0.07, depth + 0.35])
    st.add_box(stage, *cap, mix(0.1, 0.15, 0.55))
    for x in np.arange(-7, 7, 2.6) + generator.uniform(-1, 1):
        st.add_box(
            stage,
            np.array([x, 0, depth - 0.1]),
            np.array([x + 0.35, top + 0.12, depth]),
            paint,
        )
    hue = generator.uniform(0.22, 0.36)
    for _ in range(generator.integers(2, 4)):
        foot = np.array([generator.uniform(-5, 5), 0, depth + generator.uniform(2, 6)])
        fu.add_tree(
            stage, generator, foot, generator.uniform(3.5, 5), 1.3, mix(hue, 0.5, 0.55)
        )
    wall = Wall(np.array([0, 0, depth]), np.array([1, 0, 0]), np.array([0, 0, -1]))
    for _ in range(generator.integers(4, 7)):
        middle = wall.at(generator.uniform(-3, 3), top + 0.05, 0.05)
        green = mix(
            hue + generator.uniform(-0.05, 0.05), 0.6, generator.uniform(0.3, 0.5)
        )
        for step in range(4):
            shift = np.array([generator.normal(0, 0.12), -0.22 * step, 0])
            fu.add_bush(
                stage,
                generator,
                middle + shift,
                generator.uniform(0.2, 0.4),
                green,
                330,
                0.035,
            )
    for x in np.arange(-3.5, 3.5, 0.42):
        middle = wall.at(
            x + generator.uniform(-0.2, 0.2),
            generator.uniform(0.1, 0.35),
            generator.uniform(0.25, 0.5),
        )
        green = mix(
            hue + generator.uniform(-0.06, 0.06), 0.55, generator.uniform(0.3, 0.5)
        )
        fu.add_bush(
            stage, generator, middle, generator.uniform(0.25, 0.42), green, 230, 0.04
        )
        if generator.random() < 0.6:
            bloom = mix(
                generator.choice([0.95, 0.13, 0.8, 0.6, 0.02]),
                generator.uniform(0.2, 0.7),
                0.85,
            )
            fu.add_bush(
                stage,
                generator,
                middle + np.array([0, 0.12, -0.05]),
                0.3,
                bloom,
                16,
                0.035,
            )
    for _ in range(generator.integers(1, 4)):
        place = wall.at(generator.uniform(-2, 2), 0, generator.uniform(0.7, 1.1))
        fu.add_plant(stage, generator, place, generator.uniform(0.7, 1.2), palette)
    _fill_sky(stage, sky * 2.2, sky * np.array([1.1, 1.35, 1.8]))
    frame = _light_outdoors(stage, generator, side, sun, sky, (3.2, 4.6))
    actors = draw_light(generator, sun if sun.any() else sky, sky)
    return frame, actors, generator.uniform(0.16, 0.24)


def draw_street(generator, width, height):
    """Draw a street at dusk: house fronts, lamps, and cars far off."""
    stage = point_camera(generator, width, height, turn=0.3)
    side = int(generator.choice([-1, 1]))
    dusk = generator.uniform(0, 1)
    sky = np.array([0.42, 0.46, 0.62]) * (0.6 + 0.6 * dusk)
    left, right = -generator.uniform(2.2, 4), generator.uniform(2.2, 4)
    warm = np.array([1, 0.6, 0.25])
    lights = []
    for edge, facing in ((left, 1), (right, -1)):
        low, high = np.array([edge, 0, 0.5]), np.array([edge + facing * 0.9, 0.1, 60])
        st.add_box(stage, low, high, mix(0.1, 0.05, 0.42), False)
        start = 1.0
        while start < 40:
            end = start + generator.uniform(3, 6)
            _add_house(stage, generator, edge, facing, start, end, warm)
            start = end
        for depth in (5, 8, 12, 17, 24, 33):
            if generator.random() < 0.7:
                place = (edge + facing * 0.7, 3.0, depth + generator.uniform(-1, 1))
                _add_post(stage, place)
                lights.append((place, 0.16, warm * 17))
    for _ in range(generator.integers(3, 8)):
        place = np.array([generator.uniform(left + 1.3, right - 1.3), 0.65, 0])
        place[2] = generator.uniform(8, 32)
        red = generator.random() < 0.5
        colour = np.array([1, 0.05, 0.02]) if red else np.array([1, 0.8, 0.5])
        for shift in (-0.6, 0.6):
            strength = generator.uniform(5, 11)
            lights.append((place + np.array([shift, 0, 0]), 0.08, colour * strength))
    # Strings of coloured lamps across the street.
    for depth in (6.0, 9.5, 14.0)[: generator.integers(0, 4)]:
        hue = generator.random()
        for share in np.linspace(0.02, 0.98, 13):
            place = (
                left + share * (right - left),
                2.9 + 1.4 * (share - 0.5) ** 2,
                depth,
            )
            colour = mix(hue + generator.uniform(-0.12, 0.12), 0.6, 1.0)
            lights.append((place, 0.045, colour * generator.uniform(4, 9)))
    for place, radius, glow in lights:
        _add_spot(stage, place, radius, glow)
    ground = fu.make_plaster(generator, mix(0.6, 0.08, 0.3), 0.08)
    wet = generator.uniform(0.2, 1)
    _add_ground(stage, ground, glow=_make_reflections(stage, lights, wet))
    _fill_sky(
        stage,
        np.array([0.95, 0.6, 0.5]) * (0.3 + 0.5 * dusk),
        np.array([0.14, 0.2, 0.42]) * (0.5 + dusk),
    )
    none = np.zeros((2, 3))
    sources = [
        st.Source(np.array([left * 0.8, 3.0, 5.0]), none, warm * 7),
        st.Source(np.array([right * 0.8, 3.0, 5.0]), none, warm * 7),
        st.Source(np.array([side * 2.0, 2.6, 2.5]), none, warm * 6),
    ]
    frame = _light_outdoors(stage, generator, side, np.zeros(3), sky, (5, 7.5), sources)
    actors = draw_light(generator, np.array([1, 0.76, 0.5]), sky)
    return frame, actors, generator.uniform(0.075, 0.12)


def _make_reflections(stage, lights, wet):
    """Return the streaks that lights draw on a wet street, each below its light."""

    def glow(position):
        view = position - stage.eye
        total = np.zeros_like(position)
        for place, _, colour in lights:
            mirrored = np.array([place[0], -place[1], place[2]]) - stage.eye
            across = view[:, 0] / view[:, 2] - mirrored[0] / mirrored[2]
            down = view[:, 1] / view[:, 2] - mirrored[1] / mirrored[2]
            streak = np.exp(-((across / 0.016) ** 2) - (down / 0.11) ** 2)
            total += streak[:, None] * (0.035 * wet * colour)
        return total

    return glow


def _add_house(stage, generator, edge, facing, start, end, warm):
    colour = mix(
        generator.uniform(0, 0.12),
        generator.uniform(0.1, 0.45),
        generator.uniform(0.35, 0.7),
    )
    paint = (
        fu.make_bricks(generator, colour)
        if generator.random() < 0.4
        else fu.make_plaster(generator, colour)
    )
    top = generator.uniform(6, 11)
    st.add_box(
        stage,
        np.array([edge - facing * 3, 0, start]),
        np.array([edge, top, end]),
        paint,
    )
    wall = Wall(np.array([edge, 0, 0]), np.array([0, 0, 1]), np.array([facing, 0, 0]))
    shop = generator.random() < 0.55
    if shop:
        glow = _make_shop(generator, warm)
        fu.add_sheet(
            stage,
            wall,
            (start + 0.3, end - 0.3),
            (0.5, 2.2),
            0.01,
            colour * 0,
            glow=glow,
        )
        for bar in np.linspace(start + 0.3, end - 0.3, 4):
            fu.add_panel(
                stage,
                wall,
                (bar - 0.04, bar + 0.04),
                (0.3, 2.3),
                (0, 0.06),
                colour * 0.3,
            )
        hue = generator.random()
        corners = [
            wall.at(start + 0.2, 2.6, 0),
            wall.at(end - 0.2, 2.6, 0),
            wall.at(end - 0.2, 2.2, 0.8),
            wall.at(start + 0.2, 2.2, 0.8),
        ]
        st.add_polygon(stage, corners, mix(hue, 0.5, 0.5))
    for level in np.arange(3.2 if shop else 1.0, top - 1.5, 2.4):
        for place in np.arange(start + 0.6, end - 0.9, 1.5):
            lit = generator.random() < 0.4
            glow = (
                warm * generator.uniform(0.5, 1.8)
                if lit
                else np.array([0.05, 0.07, 0.12])
            )
            fu.add_panel(
                stage,
                wall,
                (place - 0.06, place + 0.86),
                (level - 0.06, level + 1.36),
                (0, 0.03),
                colour * 1.2,
            )
            fu.add_sheet(
                stage,
                wall,
                (place, place + 0.8),
                (level, level + 1.3),
                0.035,
                colour * 0,
                glow=glow,
            )
            fu.add_panel(
                stage,
                wall,
                (place + 0.37, place + 0.43),
                (level, level + 1.3),
                (0, 0.05),
                colour * 0.8,
            )


def _make_shop(generator, warm):
    """Return the inside of a shop window: shelves of goods before a warm wall."""
    noise = st.make_noise(generator)
    tint = warm * 0.7 + mix(generator.random(), 0.4, 0.6) * 0.35
    strength = generator.uniform(0.5, 1.5)

    def glow(position):
        along, up = position[:, 2] * 5, position[:, 1]
        goods = noise(along * 1.3, up * 3)
        shelf = np.abs(up * 2.2 % 1 - 0.5) < 0.06
        level = strength * (0.55 + 0.35 * up) * (1 + 0.2 * goods) * (1 - 0.5 * shelf)
        hue = 1 + 0.3 * np.stack([goods, 0 * goods, -goods], axis=1)
        return np.clip(tint * level[:, None] * hue, 0, None)

    return glow


def _add_post(stage, top):
    middle, up = np.array([top[0], 0, top[2]]), np.array([1, 0, 1])
    low, high = middle - 0.04 * up, middle + np.array([0.04, top[1] - 0.1, 0.04])
    st.add_box(stage, low, high, mix(0.5, 0.2, 0.14), False)


def _add_spot(stage, place, radius, glow):
    """Hang a point of light, which the lens will draw as a disc."""
    angles = np.linspace(0, 2 * np.pi, 9)[:-1]
    corners = [
        (place[0] + radius * np.cos(a), place[1] + radius * np.sin(a), place[2])
        for a in angles
    ]
    st.add_polygon(stage, corners, np.zeros(3), glow=np.asarray(glow, "float32"))
