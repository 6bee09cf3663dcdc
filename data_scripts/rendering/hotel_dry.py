"""The hotel's dry rooms: bedrooms, the lobby, the restaurant.

Each function furnishes a whole room, places the camera and returns `put_rail`, which
adds one rail of dark steel with a random generator of its own. All choices of a room
come from `scene.generator`; colours come from sixteen hand-picked schemes, so that what
stands in a room goes together.
"""

from typing import NamedTuple

import numpy as np

from data_scripts.rendering import hotel_furniture as furniture
from data_scripts.rendering import hotel_things as things
from data_scripts.rendering.hotel_rails import grab_bar, hand_rail, steel

_RAIL_RADIUS = 0.046, 0.066
# Wall, feature wall, wood, light cloth, accent, second accent (sRGB).
_SCHEMES = (
    ("ebe7e0", "a9b7b6", "b98f62", "efebe2", "5f7f8b", "d2a679"),
    ("e7e6dc", "7f9175", "9a7048", "ece7dc", "4f6a49", "c98d5e"),
    ("dfe3e6", "2f4a63", "8a5f3c", "efeee9", "27496e", "c9a24d"),
    ("f0e3d3", "bd7350", "8f6240", "f0e7d8", "a9502f", "54706b"),
    ("d9d9d6", "6d7074", "a98456", "e8e6e0", "cf9a34", "4b4f55"),
    ("efe3c8", "cdb683", "5e3820", "f1e9d6", "7c2433", "b08a3e"),
    ("f1e6e0", "cf9d90", "bd9769", "f3ece6", "a9635f", "5b7d7a"),
    ("e2ddcf", "2f5142", "6f4a2c", "e9e3d3", "2c5f4c", "c48a4a"),
    ("e4e6e1", "2f686c", "70492d", "ecebe3", "2a7377", "d98f57"),
    ("cfcac2", "47494c", "9c7650", "e3ded5", "45484d", "a8623f"),
    ("e6e3ea", "857d9a", "b08c68", "eeebf0", "655a80", "c8b06a"),
    ("ecdfc8", "c4a67b", "7d5a3a", "f1e9d8", "94703f", "4f6d7a"),
    ("e9ecec", "7fa3ad", "c2a27a", "f2f1ec", "3f7186", "e0b98a"),
    ("eadfd2", "8c4a3d", "6b4630", "efe5d5", "8c3b32", "c7a25a"),
    ("e8e4da", "5c6b52", "a67c4e", "efeade", "77834f", "b5593c"),
    ("e5dfd8", "9d8676", "5b4636", "ece5db", "76604f", "8fa3a0"),
)
_WHITE = "f4f2ee"


class _Decor(NamedTuple):
    """The materials that the furniture of one room shares."""

    wall: int
    feature: int
    wood: int
    cloth: int
    linen: int
    accent: int
    second: int
    dark: int
    metal: int
    white: int
    wall_colour: np.ndarray
    feature_colour: np.ndarray
    accent_colour: np.ndarray
    second_colour: np.ndarray
    wood_colour: np.ndarray


def bedroom(scene):
    """Furnish a bedroom; return the function that adds a rail to it.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
        An empty scene; its generator decides everything.

    Returns
    -------
    callable
        `put_rail(generator)` adds a bed rail, a grab bar on the wall beside the bed or
        a hand rail beside the bed.
    """
    pick = scene.generator
    decor = _decorate(scene)
    width, height = pick.uniform(4.0, 4.9), pick.uniform(2.5, 2.8)
    depth = pick.uniform(4.0, 4.7)
    seen = pick.choice([-1, 1])  # the side wall that the camera sees
    _set_hour(scene, seen)
    _build_shell(scene, decor, width, height, depth, _lay_soft_floor(scene, decor))
    if pick.random() < 0.2:
        furniture.add_beams(scene, decor.wood)
    middle = width * pick.uniform(0.46, 0.54)
    half = pick.uniform(0.72, 0.92)
    _make_bed(scene, decor, middle, half)
    _lay_rug(scene, decor, middle, 1.9, half + 0.65, 0.85)
    _add_bedroom_window(scene, middle, half, seen)
    _furnish_bedroom_side(scene, decor, seen)
    things.ceiling_lamp(scene, width / 2, depth * 0.55, height)
    eye = (
        width * (0.5 - seen * pick.uniform(0.08, 0.4)),
        pick.uniform(1.25, 1.75),
        depth - pick.uniform(0.1, 0.4),
    )
    target = (middle + seen * pick.uniform(0.1, 0.35), pick.uniform(0.7, 0.9), 0.9)
    scene.look(eye, target, pick.uniform(54, 63))

    def put_rail(generator):
        material, radius = steel(scene), generator.uniform(*_RAIL_RADIUS)
        kind = generator.choice(["bed rail", "grab bar", "hand rail"])
        side = generator.choice([-1, 1])
        edge = middle + side * (half + 0.12 + radius)
        if kind == "bed rail":
            start = generator.uniform(0.75, 1.1)
            end = start + generator.uniform(0.7, 1.0)
            high = generator.uniform(0.85, 1.0)
            hand_rail(scene, (edge, 0, start), (edge, 0, end), material, radius, high)
        elif kind == "hand rail":
            z = generator.uniform(2.75, 3.0)
            reach = generator.uniform(0.4, 0.65)
            x = middle + generator.uniform(-0.6, 0.6)
            hand_rail(
                scene, (x - reach, 0, z), (x + reach, 0, z), material, radius, 0.9
            )
        else:
            shape = generator.choice(["horizontal", "vertical", "diagonal", "angle"])
            place = (
                middle + side * (half + generator.uniform(0.3, 0.6)),
                generator.uniform(1.2, 1.5),
                0.0,
            )
            grab_bar(
                scene,
                shape,
                place,
                (1, 0, 0),
                (0, 0, 1),
                generator.uniform(0.6, 0.9),
                material,
                radius,
            )

    return put_rail


def lobby(scene):
    """Furnish a lobby; return the function that adds a rail to it.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
        An empty scene; its generator decides everything.

    Returns
    -------
    callable
        `put_rail(generator)` adds a hand rail or a barrier for a queue.
    """
    pick = scene.generator
    decor = _decorate(scene)
    width, height = pick.uniform(5.4, 6.6), pick.uniform(2.9, 3.4)
    depth = pick.uniform(5.6, 6.4)
    side = pick.choice([-1, 1])  # where the seats are
    _set_hour(scene, side)
    _build_shell(scene, decor, width, height, depth, _lay_stone_floor(scene, decor))
    middle = width * (0.5 - side * pick.uniform(0.04, 0.1))
    half = pick.uniform(1.15, 1.45)
    _furnish_reception(scene, decor, middle, half)
    _furnish_lounge(scene, decor, side, pick.uniform(1.9, 2.4))
    things.plant(scene, (middle - side * (half + 0.55), 0, 1.1), pick.uniform(1.3, 1.8))
    if pick.random() < 0.5:
        corner = width / 2 + side * (width / 2 - 0.45)
        things.plant(scene, (corner, 0, 0.6), pick.uniform(1.3, 1.8))
    if pick.random() < 0.6:
        _add_columns(scene, middle, half + pick.uniform(0.75, 1.0))
    if pick.random() < 0.4:
        furniture.add_suitcase(
            scene,
            (middle - side * half * 0.7, 0, 2.35),
            pick.uniform(-0.5, 0.5),
            decor.second,
            decor.metal,
        )
    if pick.random() < 0.35:
        globe = scene.material((1.0, 0.86, 0.64), kind="light", glow=1.3)
        place = (middle + side * 0.9, height - 0.6, 2.3)
        furniture.add_chandelier(scene, place, decor.metal, globe)
    for z in (depth * 0.3, depth * 0.68):
        things.ceiling_lamp(scene, width / 2, z, height)
    eye = (
        width * (0.5 - side * pick.uniform(-0.05, 0.36)),
        pick.uniform(1.4, 1.8),
        depth - pick.uniform(0.1, 0.5),
    )
    target = (middle + side * pick.uniform(0.5, 0.95), pick.uniform(0.95, 1.15), 1.4)
    scene.look(eye, target, pick.uniform(54, 63))

    def put_rail(generator):
        material, radius = steel(scene), generator.uniform(*_RAIL_RADIUS)
        high = generator.uniform(0.9, 1.0)
        z = generator.uniform(2.6, 3.6)
        if generator.random() < 0.5:  # along the desk
            reach = generator.uniform(0.5, 0.8)
            x = middle + generator.uniform(-0.6, 0.6)
            start, end = (x - reach, 0, z), (x + reach, 0, z)
        else:  # towards the desk
            x = middle + generator.choice([-1, 1]) * generator.uniform(0.5, 1.0) * half
            start, end = (x, 0, z - 0.6), (x, 0, z + 0.6)
        hand_rail(scene, start, end, material, radius, high)

    return put_rail


def restaurant(scene):
    """Furnish a restaurant; return the function that adds a rail to it.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
        An empty scene; its generator decides everything.

    Returns
    -------
    callable
        `put_rail(generator)` adds a hand rail between the tables.
    """
    pick = scene.generator
    decor = _decorate(scene)
    width, height = pick.uniform(4.8, 6.0), pick.uniform(2.6, 3.0)
    depth = pick.uniform(5.0, 5.8)
    side = pick.choice([-1, 1])  # where the window is
    _set_hour(scene, side)
    floor = _lay_hard_floor(scene, decor)
    _build_shell(scene, decor, width, height, depth, floor, brick=pick.random() < 0.35)
    if pick.random() < 0.35:
        furniture.add_beams(scene, decor.wood)
    tables = _place_tables(pick, width, depth)
    _set_tables(scene, decor, tables)
    if pick.random() < 0.6:
        shade = _make_shade(scene, decor)
        level = pick.uniform(1.75, 1.85)
        for x, z, _, _ in tables[1:3]:
            _hang_lamp(scene, decor, (x, level, z), shade)
    things.ceiling_lamp(scene, width / 2, depth * 0.6, height)
    _furnish_restaurant_wall(scene, decor, width)
    face = "left" if side < 0 else "right"
    things.window(scene, face, pick.uniform(1.6, 2.4), 1.5, 0.8, 0.75, curtains=True)
    if pick.random() < 0.5:
        corner = width / 2 - side * (width / 2 - 0.4)
        things.plant(scene, (corner, 0, 0.8), pick.uniform(1.1, 1.5))
    near_x, near_z = tables[0][:2]
    eye = (
        np.clip(near_x + pick.uniform(-1.3, 1.3), 0.4, width - 0.4),
        pick.uniform(1.45, 1.75),
        depth - 0.1,
    )
    target = (
        0.5 * near_x + 0.5 * width / 2,
        pick.uniform(0.7, 0.85),
        near_z - pick.uniform(0.8, 1.3),
    )
    scene.look(eye, target, pick.uniform(52, 62))

    def put_rail(generator):
        material, radius = steel(scene), generator.uniform(*_RAIL_RADIUS)
        high = generator.uniform(0.9, 1.0)
        z = near_z + generator.uniform(-1.0, -0.75)
        x = near_x + generator.uniform(-1.0, 1.0)
        reach = generator.uniform(0.45, 0.75)
        if generator.random() < 0.7:
            start, end = (x - reach, 0, z), (x + reach, 0, z)
        else:
            x = near_x + generator.choice([-1, 1]) * generator.uniform(0.95, 1.2)
            start, end = (x, 0, near_z - 0.9), (x, 0, near_z + 0.2)
        hand_rail(scene, start, end, material, radius, high)

    return put_rail


def _soften(colour):
    """Return a colour that is a little greyer, as paint and cloth in a room are."""
    return 0.8 * colour + 0.2 * colour.mean()


def _decorate(scene):
    """Choose a scheme of colours and make its materials."""
    pick = scene.generator
    codes = _SCHEMES[pick.integers(len(_SCHEMES))]
    wall, feature, wood, cloth, accent, second = (
        _soften(things.mix_colour(code)) * pick.uniform(0.92, 1.04) for code in codes
    )
    wall, feature = 0.82 * wall, _soften(_soften(feature))
    brass = pick.random() < 0.5
    return _Decor(
        wall=scene.material(wall),
        feature=scene.material(feature),
        wood=scene.material(
            wood, texture="planks", scale=0.35, shine=0.03, roughness=0.15
        ),
        cloth=scene.material(cloth, texture="cloth", scale=0.06),
        linen=scene.material(things.mix_colour(_WHITE) * 0.96),
        accent=scene.material(accent, texture="cloth", scale=0.06),
        second=scene.material(second, texture="cloth", scale=0.06),
        dark=scene.material(things.mix_colour("2d2926"), shine=0.03, roughness=0.2),
        metal=scene.material(
            things.mix_colour("b8924f") if brass else things.mix_colour("3a3836"),
            kind="metal" if brass else "diffuse",
            shine=0.9 if brass else 0.04,
            roughness=0.25,
        ),
        white=scene.material(things.mix_colour(_WHITE), texture="cloth", scale=0.08),
        wall_colour=wall,
        feature_colour=feature,
        accent_colour=accent,
        second_colour=second,
        wood_colour=wood,
    )


def _set_hour(scene, side):
    """Choose the light outside: dusk, a grey day, or sun from one side (-1 or 1)."""
    pick = scene.generator
    hills = pick.uniform(0.2, 0.5)
    if pick.random() < 0.25:
        scene.set_sky((0.06, 0.09, 0.2), (0.32, 0.2, 0.18), (0.02, 0.03, 0.03), hills)
        return
    scene.set_sky((0.4, 0.6, 0.95), (0.95, 0.97, 1.0), (0.16, 0.3, 0.1), hills)
    if pick.random() < 0.6:
        towards = (side, pick.uniform(0.5, 0.9), pick.uniform(-0.5, 0.2))
        scene.set_sun(towards, (2.2, 1.95, 1.65))


def _build_shell(scene, decor, width, height, depth, floor, brick=False):
    """Build walls, floor and ceiling, with skirting boards and a moulding."""
    pick = scene.generator
    ceiling = scene.material(0.85 * things.mix_colour("f3f1ec"))
    finish = (
        "brick" if brick else pick.choice(["paint", "paint", "wood", "paper", "panels"])
    )
    if finish == "brick":
        back = scene.material(
            things.mix_colour(pick.choice(["a8644a", "c9b8a4", "94604c"])),
            things.mix_colour("cfc4b4"),
            texture="brick",
            scale=0.28,
            ratio=0.34,
        )
    elif finish == "wood":
        back = scene.material(decor.wood_colour, texture="planks", scale=0.18)
    elif finish == "paper":
        back = scene.material(
            decor.feature_colour,
            decor.feature_colour * 0.82,
            texture="stripes",
            scale=0.26,
        )
    elif finish == "panels":
        back = scene.material(
            decor.feature_colour,
            0.6 * decor.feature_colour,
            texture="tiles",
            scale=0.62,
            ratio=1.4,
        )
    else:
        back = decor.feature
    scene.set_room(width, height, depth, decor.wall, floor, ceiling, back=back)
    trim = ceiling if finish != "wood" else decor.dark
    scene.box((width / 2, 0.06, 0.012), (width / 2, 0.06, 0.012), trim, "room")
    scene.box(
        (width / 2, height - 0.04, 0.03), (width / 2, 0.04, 0.03), ceiling, "room"
    )
    for x in (0.012, width - 0.012):
        scene.box((x, 0.06, depth / 2), (0.012, 0.06, depth / 2), ceiling, "room")


def _lay_soft_floor(scene, decor):
    """Return a floor of planks or carpet."""
    pick = scene.generator
    if pick.random() < 0.65:
        return _lay_planks(scene)
    carpet = 0.55 * decor.wall_colour + 0.12 * decor.accent_colour
    return scene.material(carpet, texture="cloth", scale=0.1)


def _lay_planks(scene):
    code = scene.generator.choice(["b58a5c", "8a6040", "c9a578", "6e4a30", "a98868"])
    return scene.material(
        things.mix_colour(code),
        texture="planks",
        scale=0.14,
        shine=0.035,
        roughness=0.12,
    )


def _lay_stone_floor(scene, decor):
    """Return a polished floor of marble or large tiles."""
    pick = scene.generator
    pale = things.mix_colour(pick.choice(["d8cfc0", "cfccc7", "dcd3c0", "c4bbad"]))
    kind = pick.choice(["marble", "tiles", "checks"])
    second = things.mix_colour("9a8f82") if kind != "checks" else 0.45 * pale
    return scene.material(
        pale,
        second,
        texture=kind,
        scale={"marble": 0.8, "tiles": 0.6, "checks": 0.5}[kind],
        shine=0.08,
        roughness=0.03,
    )


def _lay_hard_floor(scene, decor):
    """Return a floor of planks or of tiles in two quiet colours."""
    pick = scene.generator
    if pick.random() < 0.65:
        return _lay_planks(scene)
    pale = things.mix_colour("ddd3c2")
    return scene.material(
        pale,
        0.5 * decor.feature_colour + 0.1 * pale,
        texture="checks",
        scale=0.4,
        shine=0.05,
        roughness=0.08,
    )


def _lay_rug(scene, decor, x, z, half_width, half_depth):
    """Lay a plain, striped or dotted rug with a border."""
    pick = scene.generator
    pale = 0.62 * things.mix_colour("e9e2d4")
    colour = decor.accent_colour if pick.random() < 0.5 else decor.second_colour
    edge = scene.material(0.4 * pale + 0.6 * colour, texture="cloth", scale=0.06)
    texture = pick.choice(["cloth", "stripes", "diamonds"])
    inside = scene.material(
        pale,
        0.55 * pale + 0.45 * colour,
        texture=texture,
        scale={"cloth": 0.08, "stripes": 0.24, "diamonds": 0.2}[texture],
    )
    furniture.add_rug(scene, (x, 0, z), half_width, half_depth, edge, inside)


def _weave_table_cloth(scene, decor):
    """Return the material of a coloured or checked table cloth."""
    pick = scene.generator
    if pick.random() < 0.6:
        return scene.material(
            things.mix_colour(_WHITE), decor.accent_colour, texture="checks", scale=0.1
        )
    return scene.material(
        0.4 * decor.accent_colour + 0.5 * things.mix_colour(_WHITE),
        texture="cloth",
        scale=0.06,
    )


def _make_shade(scene, decor):
    """Return the glowing material of a hanging lamp's shade."""
    warm = np.array([1.0, 0.8, 0.56])
    if scene.generator.random() < 0.3:
        warm = 0.6 * warm + 0.4 * decor.second_colour
    return scene.material(warm, kind="light", glow=1.1)


def _hang_lamp(scene, decor, place, shade, lit=True):
    """Hang a lamp from the ceiling: a cable, a cap and a glowing shade."""
    x, y, z = place
    height = scene.size[1]
    scene.capsule((x, y + 0.15, z), (x, height, z), 0.01, decor.dark, "lamp")
    scene.frustum((x, y, z), 0.2, 0.09, 0.11, shade, "lamp", closed=False, shadow=False)
    scene.frustum((x, y + 0.13, z), 0.095, 0.03, 0.03, decor.metal, "lamp")
    if lit:
        scene.add_light(
            (x, y - 0.13, z),
            (0.12, 0, 0),
            (0, 0, 0.12),
            (0, -1, 0),
            np.array([1.0, 0.8, 0.56]) * 12,
        )


def _furnish_reception(scene, decor, middle, half):
    """Put up the reception desk, what stands behind it and the lamps above it."""
    pick = scene.generator
    stone = scene.material(
        things.mix_colour("ece7de"),
        things.mix_colour("8f857a"),
        texture="marble",
        scale=0.5,
        shine=0.06,
    )
    face = pick.choice(["wood", "marble", "paint", "slats"])
    front = {"wood": decor.wood, "marble": stone, "paint": decor.accent}.get(face)
    if front is None:
        front = scene.material(
            decor.wood_colour, 0.45 * decor.wood_colour, texture="stripes", scale=0.09
        )
    top = stone if face != "marble" else decor.dark
    glow = None
    if pick.random() < 0.5:
        glow = scene.material((1.0, 0.82, 0.55), kind="light", glow=1.6)
    z = 1.55
    furniture.add_reception(scene, (middle, 0, z), half, front, top, decor.dark, glow)
    leaves = scene.material(things.mix_colour("55763f"))
    pale = scene.material(things.mix_colour("f0ece4"), shine=0.04)
    furniture.add_desk_things(
        scene, (middle, 0, z), half, decor.dark, decor.metal, pale, leaves
    )
    behind = pick.choice(["sign", "pigeonholes", "shelf"])
    panel = stone if face in ("wood", "slats") else decor.wood
    scene.box((middle, 1.6, 0.04), (half + 0.15, 1.2, 0.04), panel, "room")
    if behind == "sign":
        letters = decor.dark
        if panel != stone:
            letters = scene.material((1.0, 0.86, 0.6), kind="light", glow=2.0)
        _write_hotel(scene, middle, 2.05, 0.09, 0.38, letters)
        for end in (-0.9, 0.45):
            things.shade_lamp(scene, (middle + end * half, 1.11, z - 0.05), 0.45)
        return
    if behind == "pigeonholes":
        holes = scene.material(
            0.2 * decor.wood_colour, decor.wood_colour, texture="tiles", scale=0.24
        )
        furniture.add_shelf(
            scene, (middle, 1.85, 0.08), 0.0, 0.96, 0.48, decor.wood, holes, "room"
        )
    else:
        filling = scene.material(0.5 * decor.wood_colour, texture="books", scale=0.36)
        furniture.add_shelf(
            scene, (middle, 1.85, 0.08), 0.0, 1.0, 0.55, decor.wood, filling, "room"
        )
    shade = _make_shade(scene, decor)
    for shift in (-0.7, 0, 0.7):
        place = (middle + shift * half, 2.05, z + 0.1)
        _hang_lamp(scene, decor, place, shade, lit=shift == 0)


def _make_bed(scene, decor, middle, half):
    """Put up the bed, a bench in some rooms, two bedside tables and their lamps."""
    pick = scene.generator
    throw, small = decor.accent, decor.second
    if pick.random() < 0.3:
        throw, small = small, throw
    furniture.add_bed(
        scene,
        (middle, 0, 0.02),
        0.0,
        half,
        pick.choice(["padded", "panel", "arch", "posts"]),
        decor.wood,
        decor.cloth if pick.random() < 0.4 else decor.second,
        decor.linen,
        throw,
        small,
    )
    if pick.random() < 0.25:
        place = (middle, 0.02, 2.42)
        furniture.add_bench(scene, place, 0.0, half * 0.85, small, decor.wood)
    shape = pick.choice(["round", "box"])
    tall = pick.uniform(0.42, 0.52)
    for side in (-1, 1):
        x = middle + side * (half + 0.42)
        place = (x, 0, 0.33)
        top = furniture.add_bedside(scene, place, 0.0, shape, decor.wood, decor.dark)
        things.shade_lamp(scene, (x, top, 0.3), tall)


def _add_bedroom_window(scene, middle, half, seen):
    """Put a window over the bed, or one in a side wall and pictures over the bed."""
    pick = scene.generator
    if pick.random() < 0.2:
        things.window(scene, "back", middle, 1.6, half + 0.1, 0.62, curtains=True)
        return
    things.window(
        scene,
        "left" if seen < 0 else "right",
        pick.uniform(0.95, 1.3),
        1.4,
        pick.uniform(0.5, 0.65),
        pick.uniform(0.75, 0.9),
        curtains=True,
    )
    if pick.random() < 0.5:
        things.picture(scene, "back", middle, 1.85, 0.5, 0.27)
        return
    for shift in (-0.42, 0.42):
        things.picture(scene, "back", middle + shift, 1.83, 0.25, 0.3)


def _furnish_bedroom_side(scene, decor, seen):
    """Add an armchair by the window, a wardrobe or a writing desk; and a plant."""
    pick = scene.generator
    width = scene.size[0]
    far = width / 2 - seen * width / 2  # the wall that has no window
    turn = seen * np.pi / 2
    extra = pick.choice(["armchair", "wardrobe", "desk", "plant"])
    if extra == "armchair":
        furniture.add_armchair(
            scene,
            (width / 2 + seen * (width / 2 - 0.6), 0, 2.2),
            -seen * 1.0,
            pick.choice(["club", "round"]),
            decor.accent,
            decor.wood,
            decor.linen,
        )
    elif extra == "wardrobe":
        place = (far + seen * 0.31, 0, 1.3)
        furniture.add_wardrobe(scene, place, turn, decor.wood, decor.dark)
    elif extra == "desk":
        z = pick.uniform(1.3, 1.6)
        place, seat = (far + seen * 0.29, 0, z), (far + seen * 0.7, 0, z)
        furniture.add_writing_desk(scene, place, turn, decor.wood, decor.dark)
        furniture.add_chair(
            scene, seat, turn + np.pi, "padded", decor.accent, decor.dark
        )
    if extra == "plant" or pick.random() < 0.4:
        corner = width / 2 + pick.choice([-1, 1]) * (width / 2 - 0.3)
        things.plant(scene, (corner, 0, 0.3), pick.uniform(0.9, 1.3))


def _furnish_lounge(scene, decor, side, z):
    """Put a sofa or two armchairs, a low table and a rug against a side wall."""
    pick = scene.generator
    wall = 0 if side < 0 else scene.size[0]
    seat = decor.accent if pick.random() < 0.6 else decor.cloth
    cushion = decor.second
    inwards = -side * np.pi / 2
    if pick.random() < 0.5:
        place = (wall - side * 0.55, 0, z)
        furniture.add_sofa(scene, place, inwards, 0.8, seat, decor.wood, cushion)
    else:
        style = pick.choice(["club", "round"])
        for shift in (-0.6, 0.6):
            furniture.add_armchair(
                scene,
                (wall - side * 0.7, 0, z + shift),
                inwards + 0.25 * side * np.sign(shift),
                style,
                seat,
                decor.wood,
                cushion,
            )
    furniture.add_coffee_table(
        scene,
        (wall - side * 1.55, 0.02, z),
        pick.choice(["round", "square"]),
        decor.wood,
        decor.metal,
    )
    _lay_rug(scene, decor, wall - side * 1.25, z, 1.15, 1.1)
    face = "left" if side < 0 else "right"
    if pick.random() < 0.6:
        curtains = bool(pick.random() < 0.5)
        things.window(scene, face, z, 1.75, 1.1, 1.0, curtains=curtains)
    else:
        things.picture(scene, face, z, 1.75, 0.6, 0.4)


def _add_columns(scene, middle, reach):
    """Put up a column on each side of the reception where there is room."""
    width, height, _ = scene.size
    stone = scene.material(
        things.mix_colour("e6e1d8"),
        things.mix_colour("b9b0a4"),
        texture="marble",
        scale=0.6,
        shine=0.04,
    )
    for x in (middle - reach, middle + reach):
        if 0.3 < x < width - 0.3:
            furniture.add_column(scene, x, 2.1, height, 0.17, stone)


def _set_tables(scene, decor, tables):
    """Put up the tables with their chairs, plates, glasses, flowers or candles."""
    pick = scene.generator
    china = scene.material(things.mix_colour("f6f5f1"), shine=0.04, roughness=0.05)
    glass = scene.material((0.93, 0.96, 0.97), shine=0.06, kind="glass")
    drink = (0.12, 0.01, 0.02) if pick.random() < 0.6 else (0.75, 0.62, 0.25)
    wine = scene.material(drink, shine=0.05)
    style = pick.choice(
        ["cloth", "round cloth", "wood", "round wood"], p=[0.3, 0.35, 0.2, 0.15]
    )
    top = decor.wood
    if style in ("cloth", "round cloth"):
        top = decor.white
        if pick.random() < 0.3:
            top = _weave_table_cloth(scene, decor)
    seat, napkin = pick.permutation([decor.accent, decor.second])
    chair = pick.choice(["wood", "round", "padded"])
    code = pick.choice(["d9566b", "e9b84a", "f0e6e6", "c05a8a", "e88a5a"])
    petals, leaves = (
        scene.material(things.mix_colour(code)),
        scene.material(things.mix_colour("4f7040")),
    )
    wax = scene.material(things.mix_colour("f0e8d4"))
    flame = scene.material((1.0, 0.72, 0.35), kind="light", glow=3.0)
    folded, candle = bool(pick.random() < 0.5), pick.random() < 0.4
    for index, (x, z, size, seats) in enumerate(tables):
        level = furniture.add_table(scene, (x, 0, z), 0.0, style, size, top, decor.dark)
        for angle in seats:
            turned = angle + pick.uniform(-0.15, 0.15)
            place = _step_back(x, 0, z, turned, size + 0.2)
            furniture.add_chair(scene, place, turned, chair, seat, decor.wood)
            place = _step_back(x, level, z, angle, size - 0.2)
            furniture.lay_place(
                scene, place, angle + np.pi, china, napkin, glass, wine, folded
            )
        if candle and index != 1:
            furniture.add_candle(scene, (x + 0.1, level, z + 0.02), wax, flame)
        elif index < 2:
            furniture.add_flowers(scene, (x, level, z), china, petals, leaves)


def _step_back(x, y, z, angle, distance):
    """Return the point `distance` behind a point for one who looks along `angle`."""
    return x - distance * np.sin(angle), y, z - distance * np.cos(angle)


def _write_hotel(scene, middle, y, z, size, material):
    """Write HOTEL on the back wall with strokes of light or metal."""
    half, thick, deep = size / 2, 0.035, 0.02
    wide = 0.6 * half

    def upright(x):
        scene.box((x, y, z), (thick, half, deep), material, "room", shadow=False)

    def level(x, height, reach=wide):
        place = (x, y + height, z)
        scene.box(place, (reach, thick, deep), material, "room", shadow=False)

    step = 2 * wide + 0.2
    for letter, shift in zip("HOTEL", (-2, -1, 0, 1, 2), strict=True):
        x = middle + shift * step
        left, right, end = x - wide, x + wide, half - thick
        if letter in "HOEL":
            upright(left)
        if letter in "HO":
            upright(right)
        if letter in "HE":
            level(x, 0, wide)
        if letter in "OTE":
            level(x, end)
        if letter in "OEL":
            level(x, -end)
        if letter == "T":
            upright(x)


def _place_tables(pick, width, depth):
    """Choose where the tables stand: (x, z, half size, directions of the chairs)."""
    side = pick.choice([-1, 1])
    quarter = np.pi / 2
    x, z = width / 2 + side * pick.uniform(0.2, 0.6), depth - pick.uniform(2.1, 2.4)
    tables: list[tuple] = [(x, z, 0.46, (0.0, quarter, -quarter))]
    back = pick.uniform(1.25, 1.4)
    for shift in (-1, 1):
        place = width / 2 + shift * pick.uniform(0.9, 1.1) - side * 0.3
        tables.append((place, back, 0.38, (quarter, -quarter)))
    aside = x - side * pick.uniform(1.9, 2.1)
    if 0.8 < aside < width - 0.8:
        tables.append((aside, z - pick.uniform(0.4, 0.7), 0.42, (0.0, side * quarter)))
    return tables


def _furnish_restaurant_wall(scene, decor, width):
    """Put a wine shelf, a banquette or pictures on the back wall."""
    pick = scene.generator
    kind = pick.choice(["wine", "banquette", "bar"])
    middle = width / 2
    bottles = [
        scene.material(things.mix_colour(code), shine=0.05)
        for code in ("4f7a4a", "9a5f2c", "d8b878", "7c2f36", "dfe4dc")
    ]
    back = scene.material(
        things.mix_colour(pick.choice(["3a2c22", "d9cbb2", "22302e"]))
    )
    if kind == "wine":
        furniture.add_bottles(
            scene, (middle, 0.75, 0.0), 1.15, 3, bottles, decor.wood, back
        )
    elif kind == "banquette":
        furniture.add_banquette(
            scene, (middle, 0, 0), 0.0, width * 0.42, decor.accent, decor.wood
        )
        for shift in (-0.95, 0, 0.95):
            things.picture(scene, "back", middle + shift, 1.75, 0.3, 0.3)
    else:
        furniture.add_reception(
            scene, (middle, 0, 0.75), 1.4, decor.wood, decor.dark, decor.dark
        )
        furniture.add_bottles(
            scene, (middle, 1.35, 0.0), 1.25, 2, bottles, decor.wood, back
        )
