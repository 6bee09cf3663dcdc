"""The hotel's wet rooms: bathrooms and swimming pools.

Most bathrooms have a sunken tub and most pools are small plunge pools. The two share
basin, tiles, water, decoration, light and camera: without their own furniture they look
very much alike. A minority keeps cues of its own: built-in and free-standing tubs and
showers here, large halls and open-air pools there. Each function furnishes a whole
room, places the camera and returns `put_rail`, which adds one rail of dark steel with a
random generator of its own. Lengths are in metres.
"""

from typing import NamedTuple

import numpy as np

from data_scripts.rendering import hotel_things as things
from data_scripts.rendering.hotel_rails import (
    GRAB_BARS,
    grab_bar,
    hand_rail,
    ladder,
    steel,
)
from data_scripts.rendering.solids import turn_y, turn_z

_RAIL_RADIUS = 0.046, 0.066
_LEVEL = -0.07  # of the water
_UNDER_LAMPS = 0.35  # no camera nearer to the ceiling than this
_OFF_WALL = 0.65  # ... nor nearer to the side walls
_TRIES = 40  # places for a rail, of which the first one in view is taken

# Tiles, grout, second tile, floor, floor's grout, stone of the rim; screen colours.
_SCHEMES = (
    "f1eee6 a9a296 7fa3ad d3cec4 8f897f efece4",
    "dfcfb4 f8f1e2 a9825a cdb995 f1e6d0 efe6d6",
    "b5c6b0 edf1e8 56775f d7d1c3 a39d90 eae7dd",
    "7d8a90 c3c9ca 3d5866 bdb8ae 837f78 e2dfd8",
    "93bfc6 eaf2f1 2d7385 ddd8cc a29c90 eeebe3",
    "d3a182 f3e6d8 8f5239 b67f60 ead9c6 efe3d3",
    "ece3d0 b3a689 3b5878 5f7282 a9b3ba efe9dc",
    "bdb5aa 877f75 5f5246 857c72 b9b2a8 dcd6cc",
    "dfc9bf fbf3ee a86d60 cdbcb1 978a82 efe6e0",
    "e9ecea 8f9a9a 4b6f74 8b9190 c0c5c3 f0f0ec",
)
_BASINS = (
    "a9dcd9",
    "66c2cf",
    "8cc8e6",
    "b9dfe6",
    "3b93b5",
    "62b89f",
    "e3dac2",
    "6d8f9c",
    "edf1ee",
    "8fd0c4",
)
_WOODS = "9a6b43", "b98a5b", "7a5236", "c8a276"
_CLOTHS = (
    "f3efe6",
    "e2d6c1",
    "7f9f9b",
    "c77f5f",
    "3f5f78",
    "8fa58a",
    "d8b26a",
    "b9b4ad",
)
_WARM = np.array([1.0, 0.93, 0.82])


class _Decor(NamedTuple):
    """The materials of one wet room."""

    wall: int
    back: int
    accent: int
    floor: int
    rim: int
    basin: int
    wood: int
    cloth: int
    towel: int
    white: int
    tap: int


class _Rim(NamedTuple):
    """The edges of a basin, metres."""

    x0: float
    x1: float
    z0: float
    z1: float


def bathroom(scene):
    """Furnish a bathroom; return the function that adds a rail to it.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene

    Returns
    -------
    callable
        `put_rail(generator)` adds a ladder or a hand rail at the edge of a sunken tub,
        or grab bars on the walls.
    """
    pick = scene.generator
    kind = pick.choice(
        ["sunken", "built-in", "standing", "shower"], p=(0.55, 0.22, 0.13, 0.1)
    )
    decor = _choose_decor(scene)
    if kind == "sunken":
        return _furnish_sunken_bathroom(scene, decor)
    return _furnish_bathroom(scene, decor, kind)


def swimming_pool(scene):
    """Furnish a swimming pool; return the function that adds a rail to it.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene

    Returns
    -------
    callable
        `put_rail(generator)` adds one or two ladders or hand rails at the pool's edge.
    """
    pick = scene.generator
    decor = _choose_decor(scene)
    if pick.random() < 0.75:
        rim = _build_plunge_pool(scene, decor)
    else:
        rim = _build_large_pool(scene, decor)

    def put_rail(generator):
        material = steel(scene)
        place = _put_edge_rail(scene, generator, rim, material)
        if generator.random() < 0.2:
            _put_edge_rail(scene, generator, rim, material, other=place)

    return put_rail


# Rooms


def _furnish_sunken_bathroom(scene, decor):
    """Build a bathroom around a tub that is let into the floor."""
    pick = scene.generator
    width, depth = pick.uniform(2.6, 3.9), pick.uniform(3.0, 4.4)
    height = pick.uniform(2.4, 2.8)
    _build_room(scene, decor, width, height, depth)
    half = min(pick.uniform(0.95, 1.5), width / 2 - 0.25)
    side = pick.choice([-1, 1])
    middle = width / 2 + side * (width / 2 - half - pick.uniform(0.12, 0.3))
    z0 = pick.uniform(0.12, 0.3)
    rim = _Rim(middle - half, middle + half, z0, z0 + pick.uniform(1.3, 2.2))
    if pick.random() < 0.5:
        enamel = scene.material((0.88, 0.88, 0.86), shine=0.05, roughness=0.1)
        decor = decor._replace(basin=enamel, accent=enamel, rim=enamel)
    _sink_basin(scene, decor, rim, 0.75, "tub", 0.065)
    _decorate_back(scene, decor, width, middle)
    _light_room(scene, width, height, depth)
    _dress_tub(scene, decor, rim, middle)
    if pick.random() < 0.85:
        _add_washbasin(scene, decor, width, -side, rim.z1 + pick.uniform(0.1, 0.5))
    if pick.random() < 0.5:
        _add_mat(scene, decor, (middle, rim.z1 + 0.45))
    _decorate_floor(scene, decor, rim, width)
    if pick.random() < 0.45:
        _look_at_edge(scene, rim)
    else:
        _look_along(scene, rim)

    def put_rail(generator):
        material = steel(scene)
        back = rim.x0, rim.x1
        if generator.random() < 0.8:
            place = _put_edge_rail(scene, generator, rim, material)
        else:
            place = _put_wall_bar(scene, generator, material, back, (0.45, 0.9))
        if generator.random() < 0.35:
            _put_wall_bar(scene, generator, material, back, (0.6, 1.2), other=place)

    return put_rail


def _furnish_bathroom(scene, decor, kind):
    """Build a bathroom with a built-in or a free-standing tub or a shower."""
    pick = scene.generator
    width, depth = pick.uniform(2.5, 3.4), pick.uniform(2.7, 3.6)
    height = pick.uniform(2.4, 2.7)
    _build_room(scene, decor, width, height, depth)
    side = pick.choice([-1, 1])
    if kind == "built-in":
        middle = _add_built_in_tub(scene, decor, width, side)
    elif kind == "standing":
        middle = _add_standing_tub(scene, decor, width, side)
    else:
        middle = _add_shower(scene, decor, width, side)
    _decorate_back(scene, decor, width, middle)
    _light_room(scene, width, height, depth)
    _add_washbasin(scene, decor, width, -side, pick.uniform(1.2, 1.5))
    if pick.random() < 0.7:
        free = width / 2 - side * (width / 2 - 0.4)
        if abs(free - middle) > 1.15:
            _add_toilet(scene, decor, free)
    if pick.random() < 0.7:
        _add_mat(scene, decor, (middle, 1.3))
    if pick.random() < 0.35:
        corner = width / 2 - side * (width / 2 - 0.3)
        things.plant(scene, (corner, 0, 0.35), pick.uniform(0.7, 1.0))
    eye = (
        width / 2 - side * width * pick.uniform(0.0, 0.3),
        pick.uniform(1.3, 1.7),
        depth - 0.1,
    )
    target = (0.45 * width + 0.55 * middle - 0.225 * width, pick.uniform(0.7, 0.9), 0.3)
    scene.look(eye, target, pick.uniform(52, 64))

    def put_rail(generator):
        material = steel(scene)
        back = middle - 0.6, middle + 0.6
        place = _put_wall_bar(scene, generator, material, back, (0.85, 1.2), back=True)
        if generator.random() < 0.6:
            _put_wall_bar(scene, generator, material, back, (0.8, 1.3), other=place)

    return put_rail


def _build_plunge_pool(scene, decor):
    """Build a small indoor pool, hardly larger than a sunken tub."""
    pick = scene.generator
    width, depth = pick.uniform(2.9, 4.3), pick.uniform(3.3, 4.6)
    height = pick.uniform(2.4, 2.8)
    _build_room(scene, decor, width, height, depth)
    z0 = pick.uniform(0.15, 0.5)
    z1 = min(depth - pick.uniform(0.9, 1.5), z0 + 2.6)
    rim = _Rim(pick.uniform(0.2, 0.7), width - pick.uniform(0.2, 0.7), z0, z1)
    _sink_basin(scene, decor, rim, pick.uniform(1.0, 1.4), "pool edge", 0.095)
    _decorate_back(scene, decor, width, width * pick.uniform(0.35, 0.65))
    _light_room(scene, width, height, depth)
    _decorate_floor(scene, decor, rim, width)
    if rim.x0 > 0.5 and pick.random() < 0.5:
        _add_lounger(scene, decor, rim.x0 / 2, z0 + 0.8)
    if pick.random() < 0.6:
        _look_at_edge(scene, rim)
    else:
        _look_along(scene, rim)
    return rim


def _build_large_pool(scene, decor):
    """Build a pool in a hall or in the open air."""
    pick = scene.generator
    outdoors = pick.random() < 0.55
    if pick.random() < 0.5:
        width, depth = pick.uniform(5.0, 6.5), pick.uniform(5.5, 7.0)
    else:
        width, depth = pick.uniform(7.0, 9.0), pick.uniform(8.0, 10.5)
    height = pick.uniform(3.0, 3.8)
    deck = decor
    if pick.random() < 0.4:
        boards = _weather(things.mix_colour(pick.choice(_WOODS)))
        deck = decor._replace(
            floor=scene.material(boards, texture="planks", scale=0.16, shine=0.03)
        )
    _build_room(scene, deck, width, height, depth, walled=not outdoors)
    rim = _Rim(
        width * pick.uniform(0.2, 0.3),
        width - pick.uniform(0.6, 1.1),
        pick.uniform(0.8, 1.4),
        depth - pick.uniform(1.6, 2.4),
    )
    _sink_basin(scene, decor, rim, pick.uniform(1.3, 1.6), "pool edge", 0.14)
    if outdoors:
        _open_to_sky(scene, decor, width, rim)
    else:
        _light_room(scene, width, height, depth)
        things.window(
            scene,
            "back",
            width / 2,
            height * 0.5,
            width * pick.uniform(0.28, 0.42),
            height * pick.uniform(0.3, 0.38),
        )
        if pick.random() < 0.5:
            for z in np.linspace(rim.z0 + 0.2, rim.z1, 3):
                scene.frustum(
                    (rim.x0 - 0.45, height / 2, z),
                    0.15,
                    0.15,
                    height / 2,
                    decor.white,
                    "room",
                )
    for number in range(pick.integers(1, 4)):
        _add_lounger(scene, decor, rim.x0 * 0.45, rim.z0 + 0.5 + 1.05 * number)
    if pick.random() < 0.6:
        things.plant(scene, (width - 0.35, 0, rim.z0 * 0.5), pick.uniform(0.9, 1.3))
    if pick.random() < 0.4:
        _look_at_edge(scene, rim)
    else:
        _look_along(scene, rim)
    return rim


# Materials and light


def _choose_decor(scene):
    """Choose tiles, stone, wood and cloth that go together."""
    pick = scene.generator
    scheme = pick.choice(_SCHEMES).split()
    tile, grout, second, floor, floor_grout, stone = (
        things.mix_colour(code) for code in scheme
    )
    tone = pick.uniform(0.88, 1.05)
    tile, second, floor = (np.clip(c * tone, 0, 0.92) for c in (tile, second, floor))
    wood = scene.material(
        things.mix_colour(pick.choice(_WOODS)), texture="planks", scale=0.12, shine=0.03
    )
    wall = _lay_wall_tiles(scene, tile, grout)
    back = wall
    feature = pick.choice(
        ["same", "second", "marble", "wood"], p=(0.45, 0.3, 0.15, 0.1)
    )
    if feature == "second":
        back = _lay_wall_tiles(
            scene, second, np.clip(0.5 * grout + 0.5 * second, 0, 0.9)
        )
    elif feature == "marble":
        back = scene.material(
            0.5 * stone + 0.4,
            0.45 * stone + 0.2 * second,
            texture="marble",
            scale=0.75,
        )
    elif feature == "wood":
        back = scene.material(
            things.mix_colour(pick.choice(_WOODS)),
            texture="planks",
            scale=0.14,
            shine=0.02,
        )
    ground = scene.material(
        floor,
        floor_grout,
        texture="tiles",
        scale=pick.choice([0.3, 0.4, 0.5]),
        shine=0.04,
        roughness=0.25,
    )
    water = things.mix_colour(pick.choice(_BASINS)) * pick.uniform(0.85, 1.05)
    cloth, towel = pick.choice(_CLOTHS, 2, replace=False)
    return _Decor(
        wall=wall,
        back=back,
        accent=scene.material(second, grout, texture="mosaic", scale=0.075),
        floor=ground,
        rim=scene.material(
            stone, texture="cloth", scale=0.15, shine=0.03, roughness=0.3
        ),
        basin=scene.material(
            water.clip(0, 0.92),
            (0.45 + 0.55 * water).clip(0, 0.95),
            texture=pick.choice(["mosaic", "tiles"]),
            scale=pick.choice([0.1, 0.14, 0.18]),
        ),
        wood=wood,
        cloth=scene.material(things.mix_colour(cloth), texture="cloth", scale=0.05),
        towel=scene.material(things.mix_colour(towel), texture="cloth", scale=0.04),
        white=scene.material((0.86, 0.86, 0.84), shine=0.05),
        tap=scene.material((0.82, 0.8, 0.76), kind="metal", roughness=0.12),
    )


def _lay_wall_tiles(scene, tile, grout):
    """Return a wall of tiles in one of several bonds."""
    pick = scene.generator
    texture, scale, ratio = (
        ("tiles", 0.2, 1.0),
        ("tiles", 0.3, 1.0),
        ("tiles", 0.3, 0.5),
        ("tiles", 0.2, 2.0),
        ("brick", 0.36, 0.45),
        ("brick", 0.3, 0.5),
    )[pick.integers(6)]
    return scene.material(
        tile,
        grout,
        texture=texture,
        scale=scale,
        ratio=ratio,
    )


def _build_room(scene, decor, width, height, depth, walled=True):
    """Set walls, floor and ceiling and run a band of mosaic around the walls."""
    pick = scene.generator
    ceiling = scene.material(things.mix_colour("f2f0ea"))
    scene.set_room(
        width, height, depth, decor.wall, decor.floor, ceiling, back=decor.back
    )
    band = pick.choice(["none", "low", "high"], p=(0.35, 0.3, 0.35))
    if walled and band != "none":
        y = pick.uniform(1.0, 1.3) if band == "high" else 0.15
        half = 0.075 if band == "high" else 0.15
        scene.box((width / 2, y, 0.01), (width / 2, half, 0.01), decor.accent, "room")
        for x in (0.01, width - 0.01):
            scene.box((x, y, depth / 2), (0.01, half, depth / 2), decor.accent, "room")


def _light_room(scene, width, height, depth):
    """Set small lamps into the ceiling, and the sky outside the windows."""
    pick = scene.generator
    scene.set_sky(
        (0.35, 0.55, 0.92),
        (0.95, 0.97, 1.0),
        (0.16, 0.25, 0.12),
        pick.uniform(0.05, 0.3),
    )
    colour = 1 - (1 - _WARM) * pick.uniform(0.2, 1.0)
    glow = scene.material(colour, kind="light", glow=1.3)
    ring = scene.material((0.75, 0.74, 0.72))
    half = 0.11 + 0.012 * width
    for x in (0.28 * width, 0.72 * width):
        for z in (0.28 * depth, 0.7 * depth):
            scene.frustum((x, height - 0.012, z), half, half * 1.3, 0.012, ring, "lamp")
            scene.frustum(
                (x, height - 0.022, z),
                half * 0.8,
                half,
                0.012,
                glow,
                "lamp",
                shadow=False,
            )
            scene.add_light(
                (x, height - 0.05, z),
                (half, 0, 0),
                (0, 0, half),
                (0, -1, 0),
                colour * 22,
            )


def _open_to_sky(scene, decor, width, rim):
    """Take the ceiling and most of the walls away and let the sun in."""
    pick = scene.generator
    scene.set_sky(
        (0.2, 0.42, 0.85),
        (0.75, 0.86, 0.98),
        (0.1, 0.17, 0.07),
        pick.uniform(0.08, 0.35),
    )
    for face in ("ceiling", "front"):
        scene.open_face(face)
    for face in ("left", "right", "back"):
        if pick.random() < 0.7:
            scene.open_face(face)
    rise, round_about = pick.uniform(0.7, 1.2), pick.uniform(-1.2, 1.2)
    scene.set_sun(
        (
            np.cos(rise) * np.sin(round_about),
            np.sin(rise),
            np.cos(rise) * np.cos(round_about),
        ),
        np.array([1.0, 0.93, 0.82]) * pick.uniform(1.5, 2.1),
    )
    for x in pick.choice([0.12, 0.4, 0.68, 0.92], pick.integers(1, 4), replace=False):
        things.palm(scene, (x * width, 0, 0.3), pick.uniform(2.2, 3.2))
    if pick.random() < 0.5:
        x, z = rim.x0 - 0.9, rim.z0 + 0.3
        scene.capsule((x, 0, z), (x, 2.2, z), 0.03, decor.wood, "room")
        scene.frustum((x, 2.15, z), 1.1, 0.03, 0.2, decor.cloth, "room", closed=False)


# Basins


def _sink_basin(scene, decor, rim, depth, region, border):
    """Let a basin into the floor: rim of stone, steps, mosaic at the water line."""
    pick = scene.generator
    x0, x1, z0, z1 = rim
    scene.set_basin(x0, x1, z0, z1, depth, decor.basin, region)
    surface = scene.material((1, 1, 1), kind="water", waves=pick.uniform(0.012, 0.035))
    scene.water(_LEVEL, surface, murk=pick.uniform(0.15, 0.45))
    x, z = (x0 + x1) / 2, (z0 + z1) / 2
    half_x, half_z = (x1 - x0) / 2, (z1 - z0) / 2
    for edge in (x0 - border, x1 + border):
        scene.box(
            (edge, 0.014, z), (border, 0.014, half_z + 2 * border), decor.rim, region
        )
    for edge in (z0 - border, z1 + border):
        scene.box((x, 0.014, edge), (half_x, 0.014, border), decor.rim, region)
    if pick.random() < 0.7:
        for edge in (x0 + 0.006, x1 - 0.006):
            scene.box((edge, -0.08, z), (0.006, 0.08, half_z), decor.accent, region)
        for edge in (z0 + 0.006, z1 - 0.006):
            scene.box((x, -0.08, edge), (half_x, 0.08, 0.006), decor.accent, region)
    if pick.random() < 0.7:
        _add_steps(scene, decor, rim, depth, region)


def _add_steps(scene, decor, rim, depth, region):
    """Add two steps under water in a corner of the basin or along a side of it."""
    pick = scene.generator
    x0, x1, z0, z1 = rim
    side = pick.choice([-1, 1])
    edge = x0 if side < 0 else x1
    length = (z1 - z0) * pick.choice([0.5, 0.3])
    for far, level in ((0.18, 0.72), (0.36, 0.42)):
        high = depth * level / 2
        scene.box(
            (edge - side * far, -depth + high, z0 + length),
            (far, high, length),
            decor.basin,
            region,
        )
        nose = edge - side * 2 * far
        scene.box(
            (nose, -depth + 2 * high - 0.015, z0 + length),
            (0.025, 0.02, length),
            decor.rim,
            region,
        )


# Furniture


def _decorate_back(scene, decor, width, middle):
    """Put a niche, a window, a picture or a shelf on the back wall."""
    pick = scene.generator
    what = pick.choice(
        ["niche", "window", "shelf", "picture", "plain"], p=(0.3, 0.3, 0.15, 0.15, 0.1)
    )
    if what == "niche":
        _add_niche(
            scene, decor, middle + pick.uniform(-0.3, 0.3), pick.uniform(1.15, 1.45)
        )
    elif what == "window":
        things.window(
            scene,
            "back",
            middle,
            1.75,
            pick.uniform(0.35, 0.6),
            pick.uniform(0.33, 0.45),
        )
    elif what == "shelf":
        _add_shelf(
            scene, decor, middle + pick.uniform(-0.3, 0.3), pick.uniform(1.2, 1.5)
        )
    elif what == "picture":
        things.picture(
            scene, "back", middle, 1.6, pick.uniform(0.3, 0.5), pick.uniform(0.25, 0.35)
        )


def _add_niche(scene, decor, x, y):
    """Add a framed niche of mosaic with a few bottles in it."""
    half_x, half_y = 0.42, 0.19
    scene.box((x, y, 0.012), (half_x, half_y, 0.012), decor.accent, "room")
    for side in (-1, 1):
        scene.box(
            (x + side * half_x, y, 0.05), (0.018, half_y, 0.05), decor.rim, "room"
        )
        scene.box(
            (x, y + side * half_y, 0.05),
            (half_x + 0.018, 0.018, 0.05),
            decor.rim,
            "room",
        )
    _add_bottles(scene, x, y - half_y + 0.018, 0.06, 0.3)


def _add_shelf(scene, decor, x, y):
    """Add a board with folded towels and bottles."""
    scene.box((x, y, 0.1), (0.5, 0.018, 0.1), decor.wood, "room")
    for number, cloth in enumerate((decor.towel, decor.cloth, decor.towel)):
        scene.box(
            (x - 0.22, y + 0.055 + 0.075 * number, 0.11),
            (0.19, 0.036, 0.085),
            cloth,
            "room",
        )
    _add_bottles(scene, x + 0.25, y + 0.018, 0.1, 0.16)


def _add_bottles(scene, x, y, z, reach):
    pick = scene.generator
    for place in np.linspace(-reach, reach, 4):
        colour = things.mix_colour(
            pick.choice(["c9803f", "3f6f6a", "e9e4d6", "7a4f36", "9bb7a0"])
        )
        glass = scene.material(colour, shine=0.06)
        high = pick.uniform(0.06, 0.1)
        scene.frustum((x + place, y + high, z), 0.04, 0.036, high, glass, "room")


def _decorate_floor(scene, decor, rim, width):
    """Put plants, a stool with towels or lanterns beside a basin."""
    pick = scene.generator
    corners = [
        x
        for x, free in ((rim.x0 / 2, rim.x0), (rim.x1 / 2 + width / 2, width - rim.x1))
        if free > 0.45
    ]
    if corners and pick.random() < 0.6:
        x = pick.choice(corners)
        things.plant(
            scene, (x, 0, rim.z0 + pick.uniform(0.1, 0.6)), pick.uniform(0.7, 1.1)
        )
    if pick.random() < 0.55:
        x = pick.choice([rim.x0 + 0.3, rim.x1 - 0.3])
        z = rim.z1 + 0.5
        scene.box((x, 0.2, z), (0.2, 0.02, 0.16), decor.wood, "seat")
        for side in (-0.16, 0.16):
            scene.box((x + side, 0.1, z), (0.02, 0.1, 0.14), decor.wood, "seat")
        for number, cloth in enumerate((decor.cloth, decor.towel)):
            scene.box((x, 0.26 + 0.07 * number, z), (0.16, 0.034, 0.12), cloth, "seat")


def _add_lounger(scene, decor, x, z):
    """Add a reclining chair of wood with a cushion, its head to the left."""
    turn = turn_y(scene.generator.normal(0, 0.06))
    half = min(0.62, 0.9 * x)
    scene.box((x, 0.24, z), (half, 0.03, 0.29), decor.wood, "seat", turn=turn)
    scene.box(
        (x + 0.1, 0.3, z), (half - 0.1, 0.04, 0.27), decor.cloth, "seat", turn=turn
    )
    scene.box(
        (x - half + 0.12, 0.45, z),
        (0.3, 0.04, 0.27),
        decor.cloth,
        "seat",
        turn=turn @ turn_z(-0.9),
    )
    for side in (-0.8, 0.8):
        scene.box(
            (x + side * half, 0.11, z),
            (0.03, 0.11, 0.25),
            decor.wood,
            "seat",
            turn=turn,
        )
    scene.capsule(
        (x + 0.1, 0.38, z - 0.2), (x + 0.1, 0.38, z + 0.2), 0.06, decor.towel, "seat"
    )


def _add_mat(scene, decor, place):
    scene.box((place[0], 0.014, place[1]), (0.42, 0.014, 0.25), decor.towel, "room")


def _add_washbasin(scene, decor, width, side, z):
    """Add a washbasin on a cabinet, a mirror and a towel at a side wall."""
    pick = scene.generator
    wall = width if side > 0 else 0.0
    x = wall - side * 0.26
    front = decor.wood if pick.random() < 0.7 else decor.white
    scene.box((x, 0.5, z), (0.25, 0.28, 0.42), front, "ceramic")
    scene.box((x, 0.8, z), (0.27, 0.025, 0.45), decor.rim, "ceramic")
    scene.frustum((x, 0.88, z), 0.15, 0.21, 0.06, decor.white, "ceramic")
    scene.frustum((x, 0.942, z), 0.18, 0.18, 0.002, decor.rim, "ceramic")
    tap = wall - side * 0.07
    scene.tube(
        [(tap, 0.82, z), (tap, 1.12, z), (tap - side * 0.15, 1.1, z)],
        0.016,
        decor.tap,
        "ceramic",
    )
    glass = scene.material((0.9, 0.92, 0.92), kind="metal")
    scene.box((wall - side * 0.012, 1.55, z), (0.01, 0.45, 0.44), decor.wood, "mirror")
    scene.box((wall - side * 0.03, 1.55, z), (0.01, 0.42, 0.41), glass, "mirror")
    if pick.random() < 0.7:
        hook = z + pick.choice([-0.75, 0.75])
        scene.box(
            (wall - side * 0.04, 1.15, hook), (0.025, 0.34, 0.2), decor.towel, "room"
        )


def _add_toilet(scene, decor, x):
    scene.box((x, 0.72, 0.1), (0.2, 0.19, 0.09), decor.white, "ceramic")
    scene.ellipsoid((x, 0.42, 0.4), (0.19, 0.38, 0.27), decor.white, "ceramic", cut=0.0)
    scene.frustum((x, 0.43, 0.4), 0.2, 0.19, 0.02, decor.white, "ceramic")


def _add_built_in_tub(scene, decor, width, side):
    """Add a tub between walls and return where its middle is."""
    pick = scene.generator
    long, high, wide = pick.uniform(0.8, 0.92), 0.56, 0.4
    x, z = width / 2 + side * (width / 2 - long - 0.01), wide + 0.02
    apron = pick.choice([decor.white, decor.accent, decor.wood])
    scene.box((x, high / 2, z + wide - 0.03), (long, high / 2, 0.03), apron, "tub")
    scene.box((x, high / 2, 0.05), (long, high / 2, 0.05), decor.white, "tub")
    for end in (-1, 1):
        scene.box(
            (x + end * (long - 0.06), high / 2, z),
            (0.06, high / 2, wide),
            decor.white,
            "tub",
        )
    scene.box((x, 0.1, z), (long, 0.05, wide), decor.white, "tub")
    scene.capsule(
        (x - long, high, z + wide - 0.03),
        (x + long, high, z + wide - 0.03),
        0.035,
        decor.white,
        "tub",
    )
    surface = scene.material((1, 1, 1), kind="water", waves=0.015)
    if pick.random() < 0.6:
        scene.box(
            (x, high - 0.12, z), (long - 0.12, 0.002, wide - 0.06), surface, "water"
        )
    _add_tap(scene, decor, x - side * 0.2, high)
    if pick.random() < 0.35:
        fabric = scene.material(
            things.mix_colour(pick.choice(_CLOTHS)), texture="folds", scale=0.13
        )
        scene.box(
            (x - side * long * 0.75, 1.2, z + wide - 0.02),
            (long * 0.25, 0.95, 0.03),
            fabric,
            "room",
        )
    return x


def _add_standing_tub(scene, decor, width, side):
    """Add a free-standing oval tub and return where its middle is."""
    pick = scene.generator
    long, high, wide = pick.uniform(0.8, 0.9), 0.58, 0.4
    x, z = width / 2 + side * 0.25, wide + 0.3
    scene.ellipsoid(
        (x, high, z), (long, high * 0.98, wide), decor.white, "tub", cut=0.0
    )
    scene.ellipsoid(
        (x, high, z),
        (long * 0.93, high * 0.85, wide * 0.86),
        decor.white,
        "tub",
        cut=-0.001,
    )
    scene.frustum((x, 0.03, z), 0.42, 0.4, 0.03, decor.white, "tub")
    _add_tap(scene, decor, x - side * 0.3, 0.85)
    return x


def _add_tap(scene, decor, x, y):
    scene.tube(
        [(x, y, 0.05), (x, y + 0.28, 0.08), (x, y + 0.26, 0.26)],
        0.02,
        decor.tap,
        "ceramic",
    )


def _dress_tub(scene, decor, rim, middle):
    """Give a sunken tub what a pool has not: a tap, bottles, towels, often a shower."""
    pick = scene.generator
    side = pick.choice([-1, 1])
    x = middle + pick.uniform(-0.25, 0.25)
    scene.tube(
        [(x, 0.02, 0.07), (x, 0.34, 0.07), (x, 0.36, rim.z0 + 0.24)],
        0.03,
        decor.tap,
        "ceramic",
    )
    for knob in (-0.14, 0.14):
        scene.frustum((x + knob, 0.07, 0.07), 0.04, 0.035, 0.05, decor.tap, "ceramic")
    _add_bottles(scene, middle + side * 0.6, 0.03, 0.07, 0.18)
    edge = middle - side * 0.62
    for number, cloth in enumerate((decor.towel, decor.cloth, decor.towel)):
        height = 0.06 + 0.08 * number
        scene.box((edge, height, 0.1), (0.18, 0.038, 0.09), cloth, "room")
    if pick.random() < 0.5:
        pipe = middle + side * 0.25
        scene.tube(
            [(pipe, 0.5, 0.04), (pipe, 1.75, 0.04), (pipe, 1.8, 0.3)],
            0.022,
            decor.tap,
            "ceramic",
        )
        scene.frustum((pipe, 1.77, 0.32), 0.15, 0.1, 0.014, decor.tap, "ceramic")


def _add_shower(scene, decor, width, side):
    """Add a shower behind glass and return where its middle is."""
    x = width / 2 + side * (width / 2 - 0.5)
    pane = scene.material((0.93, 0.97, 0.96), kind="glass", shine=0.05)
    scene.box((x, 0.03, 0.5), (0.5, 0.03, 0.5), decor.white, "tub")
    scene.box((x - side * 0.5, 1.05, 0.5), (0.006, 1.0, 0.5), pane, "tub")
    edge = x - side * 0.5
    corners = [(edge, 0.05, 1.0), (edge, 2.05, 1.0), (edge, 2.05, 0.0)]
    scene.tube(corners, 0.022, decor.white, "tub")
    scene.tube(
        [(x, 1.0, 0.04), (x, 2.0, 0.04), (x, 2.05, 0.36)], 0.024, decor.tap, "ceramic"
    )
    scene.frustum((x, 2.02, 0.38), 0.14, 0.1, 0.012, decor.tap, "ceramic")
    return x


# Camera


def _look_at_edge(scene, rim):
    """Look at an edge of the basin from 1.7 to 2.8 m: tubs and pools alike."""
    pick = scene.generator
    x0, x1, z0, z1 = rim
    width, height, depth = scene.size
    edge = pick.choice(["left", "right", "back"], p=(0.25, 0.25, 0.5))
    z = z0 + (z1 - z0) * pick.uniform(0.2, 0.6)
    away = pick.uniform(1.7, 2.8)
    rise = pick.uniform(1.0, 1.6)
    if edge == "back":
        focus = np.array([x0 + (x1 - x0) * pick.uniform(0.3, 0.7), 0.1, z0])
        eye = focus + np.array([pick.uniform(-1, 1), rise, away])
    else:
        turn = 1 if edge == "left" else -1
        focus = np.array([x0 if edge == "left" else x1, 0.1, z])
        eye = focus + np.array(
            [
                turn * away * pick.uniform(0.55, 0.9),
                rise,
                pick.uniform(0.7, 1.6),
            ]
        )
    far = width - _OFF_WALL, height - _UNDER_LAMPS, depth - 0.15
    eye = np.clip(eye, (_OFF_WALL, 0.5, 0.6), far)
    focus[1] += pick.uniform(0.1, 0.5)
    scene.look(eye, focus, pick.uniform(52, 66))


def _look_along(scene, rim):
    """Look over the basin from the front of the room."""
    pick = scene.generator
    width, height, depth = scene.size
    eye = (
        width * pick.uniform(0.2, 0.8),
        pick.uniform(1.35, min(2.0, height - _UNDER_LAMPS)),
        depth - 0.1,
    )
    target = (
        (rim.x0 + rim.x1) / 2 + pick.uniform(-0.3, 0.3),
        pick.uniform(0.1, 0.55),
        rim.z0 + (rim.z1 - rim.z0) * pick.uniform(0.1, 0.4),
    )
    scene.look(eye, target, pick.uniform(54, 66))


# Rails


def _put_edge_rail(scene, generator, rim, material, other=None):
    """Add a ladder or a hand rail at an edge of the basin; return where it stands.

    Of several places the first is taken that is in view and away from the `other` one.
    """
    radius, size = generator.uniform(*_RAIL_RADIUS), generator.uniform(0.9, 1.2)
    x0, x1, z0, z1 = rim
    edges = ["left", "right", "back", "front", "run"]
    for _ in range(_TRIES):
        edge = generator.choice(edges, p=(0.22, 0.22, 0.3, 0.06, 0.2))
        along = generator.uniform(0.15, 0.85)
        x, z = x0 + (x1 - x0) * along, z0 + (z1 - z0) * along
        if edge == "run":
            end = x + generator.choice([-1, 1]) * generator.uniform(0.4, 0.8)
            end = np.clip(end, x0 + 0.1, x1 - 0.1)
            feet = (x, 0.0, z1 + 0.3), (end, -0.5, z1 - min(1.1, 0.6 * (z1 - z0)))
            place = np.array([(x + end) / 2, 0.45, z1 - 0.2])
        else:
            x = {"left": x0, "right": x1}.get(edge, x)
            z = {"back": z0, "front": z1}.get(edge, z)
            place = np.array([x, 0.35 * size, z])
        apart = other is None or np.linalg.norm(place - other) > 1.2
        if apart and _is_in_view(scene, place, 1.5, 4.2):
            break
    if edge == "run":
        hand_rail(scene, *feet, material, radius, 0.9)
        return place
    outwards = {
        "left": (-1, 0, 0),
        "right": (1, 0, 0),
        "back": (0, 0, -1),
        "front": (0, 0, 1),
    }[edge]
    space = {"left": x0, "right": scene.size[0] - x1, "back": z0, "front": 9.0}[edge]
    reach = min(0.45 * size, max(space - 1.8 * radius, 0.1))
    ladder(scene, x, z, outwards, material, radius, reach, 0.85 * size)
    return place


def _put_wall_bar(scene, generator, material, bounds, heights, back=False, other=None):
    """Add a grab bar on a wall; return where it is.

    It is put on the back wall between `bounds`, or on any wall. Of several places the
    first is taken that is in view and away from the `other` one.
    """
    radius, length = generator.uniform(*_RAIL_RADIUS), generator.uniform(0.75, 1.15)
    width = scene.size[0]
    for _ in range(_TRIES):
        wall = "back" if back else generator.choice(["back", "left", "right"])
        y = generator.uniform(*heights)
        if wall == "back":
            x = np.clip(generator.uniform(*bounds), 0.65, width - 0.65)
            place, along, normal = np.array([x, y, 0]), (1, 0, 0), (0, 0, 1)
        else:
            x, facing = (0.0, 1) if wall == "left" else (width, -1)
            place = np.array([x, y, generator.uniform(0.7, 1.8)])
            along, normal = (0, 0, 1), (facing, 0, 0)
        apart = other is None or np.linalg.norm(place - other) > 1.2
        if apart and _is_in_view(scene, place, 1.2, 3.6):
            break
    shape = generator.choice(GRAB_BARS)
    grab_bar(scene, shape, place, along, normal, length, material, radius)
    return place


def _is_in_view(scene, point, nearest, farthest):
    """Return whether a point lies well inside the picture, neither too near nor far."""
    eye, right, up, forwards = scene.camera[:12].reshape(4, 3)
    ray = np.asarray(point) - eye
    far = ray @ forwards
    reach = 0.8 * far * scene.camera[12]
    return nearest < far < farthest and max(abs(ray @ right), abs(ray @ up)) < reach


def _weather(colour):
    """Return the colour of wood that has stood outdoors."""
    return 0.7 * colour + 0.3 * colour.mean()
