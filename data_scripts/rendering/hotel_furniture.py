"""Furniture for the hotel's dry rooms: beds, tables, chairs, sofas, desks, shelves.

Every `add_…` puts one piece into a scene. A piece is described in its own frame, x to
its right, y up and z towards its front, standing at `place` (metres, on the floor) and
turned by `angle` (radians about the vertical; at 0 the front looks towards the camera).
Materials are what `Scene.material` returned.
"""

import numpy as np

from data_scripts.rendering.solids import turn_x, turn_y, turn_z

_LEG = 0.02


class Frame:
    """The frame of one piece of furniture: it turns and moves what is put into it.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
    place : sequence of three floats
        Where the frame's origin is, in metres.
    angle : float
        Turn about the vertical in radians.
    region : str
        The region that everything in the frame belongs to.
    """

    def __init__(self, scene, place, angle, region):
        self.scene = scene
        self.place = np.asarray(place, float)
        self.turn = turn_y(angle)
        self.region = region

    def at(self, *point):
        """Return the world point of a point of the frame."""
        return self.place + self.turn @ np.asarray(point, float)

    def box(self, centre, half, material, tilt=None, **options):
        """Add a box; `tilt` is a turn within the frame."""
        turn = self.turn if tilt is None else self.turn @ tilt
        self.scene.box(
            self.at(*centre), half, material, self.region, turn=turn, **options
        )

    def ellipsoid(self, centre, radii, material, tilt=None, **options):
        """Add an ellipsoid; `tilt` is a turn within the frame."""
        turn = self.turn if tilt is None else self.turn @ tilt
        self.scene.ellipsoid(
            self.at(*centre), radii, material, self.region, turn=turn, **options
        )

    def frustum(self, centre, bottom, top, half_height, material, **options):
        """Add an upright frustum."""
        self.scene.frustum(
            self.at(*centre), bottom, top, half_height, material, self.region, **options
        )

    def capsule(self, start, end, radius, material):
        """Add a rounded rod."""
        self.scene.capsule(
            self.at(*start), self.at(*end), radius, material, self.region
        )


def add_bed(scene, place, angle, width, style, wood, cloth, linen, throw, accent):
    """Add a bed whose head is at `place` and whose foot is 2.1 m in front of it.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
    place : sequence of three floats
        The middle of the head end, on the floor.
    angle : float
        Turn about the vertical, radians.
    width : float
        Half the bed's width in metres.
    style : {"padded", "panel", "arch", "posts"}
        The headboard.
    wood, cloth, linen, throw, accent : int
        Materials: frame, padded headboard, sheets and duvet, blanket, small cushions.
    """
    bed = Frame(scene, place, angle, "bed")
    long = 1.02
    if style == "padded":
        bed.box((0, 0.62, 0.06), (width + 0.12, 0.6, 0.06), cloth)
        bed.capsule(
            (-width - 0.08, 1.22, 0.06), (width + 0.08, 1.22, 0.06), 0.07, cloth
        )
    elif style == "panel":
        bed.box((0, 0.6, 0.05), (width + 0.75, 0.42, 0.05), wood)
        bed.box((0, 1.04, 0.06), (width + 0.77, 0.02, 0.07), wood)
    elif style == "arch":
        bed.ellipsoid((0, 0.62, 0.06), (width + 0.1, 0.85, 0.07), cloth)
        bed.box((0, 0.35, 0.06), (width + 0.08, 0.35, 0.05), cloth)
    else:
        bed.box((0, 0.72, 0.05), (width, 0.34, 0.03), wood)
        bed.capsule((-width, 1.1, 0.05), (width, 1.1, 0.05), 0.045, wood)
        for x in (-width, width):
            bed.capsule((x, 0, 0.05), (x, 1.25, 0.05), 0.05, wood)
            bed.capsule((x, 0, 2.1), (x, 0.6, 2.1), 0.05, wood)
    bed.box((0, 0.18, long + 0.1), (width, 0.1, long), wood)
    bed.box((0, 0.36, long + 0.1), (width - 0.02, 0.11, long - 0.02), linen)
    # The duvet: a slab with rounded edges, folded back at the head.
    z0, z1 = 0.62, 2 * long + 0.1
    bed.box((0, 0.42, (z0 + z1) / 2), (width + 0.03, 0.12, (z1 - z0) / 2), linen)
    for x in (-width + 0.03, width - 0.03):
        bed.capsule((x, 0.5, z0 + 0.05), (x, 0.5, z1 - 0.05), 0.07, linen)
    bed.capsule(
        (-width + 0.05, 0.51, z0 + 0.03), (width - 0.05, 0.51, z0 + 0.03), 0.08, linen
    )
    bed.box((0, 0.435, z1 - 0.4), (width + 0.05, 0.135, 0.32), throw)
    for x in (-width + 0.03, width - 0.03):
        bed.capsule((x, 0.5, z1 - 0.64), (x, 0.5, z1 - 0.16), 0.085, throw)
    for x in (-0.5 * width, 0.5 * width):
        bed.ellipsoid((x, 0.66, 0.27), (0.46 * width, 0.11, 0.25), linen, turn_x(1.05))
        bed.ellipsoid(
            (x * 0.96, 0.61, 0.43), (0.4 * width, 0.1, 0.2), accent, turn_x(0.95)
        )
    bed.ellipsoid((0, 0.58, 0.57), (0.3, 0.09, 0.14), throw, turn_x(0.9))


def add_bench(scene, place, angle, half_width, seat, wood):
    """Add a padded bench such as stands at the foot of a bed."""
    bench = Frame(scene, place, angle, "seat")
    bench.box((0, 0.4, 0), (half_width, 0.06, 0.2), seat)
    for x in (-0.85 * half_width, 0.85 * half_width):
        bench.box((x, 0.17, 0), (0.025, 0.17, 0.17), wood)


def add_bedside(scene, place, angle, style, wood, metal):
    """Add a bedside table and return how high its top is."""
    table = Frame(scene, place, angle, "table")
    if style == "round":
        table.frustum((0, 0.5, 0), 0.25, 0.25, 0.02, wood)
        table.frustum((0, 0.25, 0), 0.03, 0.03, 0.25, metal)
        table.frustum((0, 0.015, 0), 0.17, 0.15, 0.015, metal)
        return 0.52
    table.box((0, 0.3, 0), (0.24, 0.2, 0.2), wood)
    table.box((0, 0.31, 0.205), (0.21, 0.006, 0.005), metal)
    table.box((0, 0.05, 0), (0.2, 0.05, 0.16), metal)
    return 0.5


def add_wardrobe(scene, place, angle, wood, metal):
    """Add a wardrobe with two doors."""
    wardrobe = Frame(scene, place, angle, "room")
    wardrobe.box((0, 1.05, 0), (0.6, 1.05, 0.3), wood)
    wardrobe.box((0, 1.05, 0.3), (0.006, 1.0, 0.004), metal)
    for x in (-0.06, 0.06):
        wardrobe.capsule((x, 0.95, 0.32), (x, 1.2, 0.32), 0.014, metal)


def add_writing_desk(scene, place, angle, wood, metal):
    """Add a slim writing desk and return how high its top is."""
    desk = Frame(scene, place, angle, "table")
    desk.box((0, 0.74, 0), (0.55, 0.03, 0.26), wood)
    for x in (-0.5, 0.5):
        desk.box((x, 0.36, 0), (0.02, 0.36, 0.22), metal)
    return 0.77


def add_chair(scene, place, angle, style, seat, wood):
    """Add a dining chair.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
    place : sequence of three floats
    angle : float
    style : {"wood", "round", "padded"}
        A bar back, a round padded back, or a tall padded back.
    seat, wood : int
        Materials of the seat and of the legs.
    """
    chair = Frame(scene, place, angle, "seat")
    chair.box((0, 0.45, 0), (0.22, 0.035, 0.21), seat)
    if style == "padded":
        chair.box((0, 0.74, -0.2), (0.21, 0.28, 0.035), seat, turn_x(-0.1))
    elif style == "round":
        chair.ellipsoid((0, 0.76, -0.2), (0.25, 0.26, 0.05), seat, turn_x(-0.12))
    else:
        chair.box((0, 0.82, -0.22), (0.2, 0.1, 0.02), wood, turn_x(-0.1))
        for x in (-0.19, 0.19):
            chair.capsule((x, 0, -0.19), (x, 0.9, -0.23), _LEG, wood)
    if style != "wood":
        chair.box((0, 0.21, -0.17), (0.19, 0.21, 0.015), wood)
    for x in (-0.18, 0.18):
        chair.capsule((x, 0, 0.18), (x, 0.43, 0.17), _LEG, wood)


def add_armchair(scene, place, angle, style, cloth, wood, cushion):
    """Add an armchair; style "club" is square, "round" has a round back."""
    chair = Frame(scene, place, angle, "seat")
    if style == "round":
        chair.frustum((0, 0.3, 0.03), 0.34, 0.38, 0.14, cloth)
        chair.ellipsoid((0, 0.6, -0.22), (0.44, 0.36, 0.15), cloth, turn_x(-0.2))
        for x in (-0.36, 0.36):
            chair.capsule((x, 0.54, -0.16), (0.9 * x, 0.5, 0.24), 0.1, cloth)
        chair.frustum((0, 0.08, 0), 0.2, 0.24, 0.08, wood)
    else:
        chair.box((0, 0.28, 0.02), (0.36, 0.16, 0.36), cloth)
        chair.box((0, 0.58, -0.3), (0.36, 0.28, 0.09), cloth, turn_x(-0.12))
        for x in (-0.38, 0.38):
            chair.box((x, 0.36, 0.02), (0.07, 0.22, 0.38), cloth)
            chair.capsule((x, 0.58, -0.3), (x, 0.58, 0.38), 0.08, cloth)
        chair.box((0, 0.06, 0), (0.36, 0.06, 0.32), wood)
    chair.box((0, 0.58, -0.12), (0.2, 0.17, 0.05), cushion, turn_x(-0.35))


def add_sofa(scene, place, angle, half_width, cloth, wood, cushion):
    """Add a sofa with rounded arms and two cushions."""
    sofa = Frame(scene, place, angle, "seat")
    sofa.box((0, 0.28, 0.03), (half_width, 0.16, 0.4), cloth)
    sofa.box((0, 0.004 + 0.06, 0), (half_width, 0.06, 0.34), wood)
    sofa.box((0, 0.58, -0.32), (half_width, 0.26, 0.1), cloth, turn_x(-0.1))
    sofa.capsule((-half_width, 0.84, -0.35), (half_width, 0.84, -0.35), 0.09, cloth)
    for side in (-1, 1):
        x = side * (half_width + 0.02)
        sofa.box((x, 0.34, 0.03), (0.08, 0.24, 0.4), cloth)
        sofa.capsule((x, 0.58, -0.32), (x, 0.58, 0.4), 0.095, cloth)
        sofa.box(
            (side * half_width * 0.62, 0.6, -0.13),
            (0.2, 0.18, 0.06),
            cushion,
            turn_x(-0.35) @ turn_z(0.15 * side),
        )


def add_coffee_table(scene, place, style, top, metal):
    """Add a low table, round or square, with a bowl or books on it."""
    table = Frame(scene, place, 0.0, "table")
    if style == "round":
        table.frustum((0, 0.4, 0), 0.42, 0.42, 0.025, top)
        table.frustum((0, 0.19, 0), 0.22, 0.05, 0.19, metal)
        table.ellipsoid((0.05, 0.5, 0), (0.15, 0.08, 0.15), metal, cut=0.2)
        return
    table.box((0, 0.38, 0), (0.5, 0.03, 0.36), top)
    for x in (-0.44, 0.44):
        table.box((x, 0.18, 0), (0.02, 0.18, 0.32), metal)
    table.box((-0.12, 0.43, 0), (0.16, 0.02, 0.11), metal, turn_y(0.4))


def add_reception(scene, place, half_width, front, top, kick, glow=None):
    """Add a reception desk, its worktop, plinth and, if wanted, a strip of light.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
    place : sequence of three floats
        The middle of the desk, on the floor.
    half_width : float
        Half its length in metres.
    front, top, kick : int
        Materials of the front, the worktop and the plinth.
    glow : int, optional
        Material of a strip of light below the worktop.
    """
    desk = Frame(scene, place, 0.0, "desk")
    desk.box((0, 0.06, 0), (half_width - 0.08, 0.06, 0.28), kick)
    desk.box((0, 0.56, 0), (half_width, 0.45, 0.32), front)
    desk.box((0, 1.07, 0.03), (half_width + 0.07, 0.04, 0.4), top)
    if glow is not None:
        desk.box((0, 0.98, 0.33), (half_width - 0.02, 0.025, 0.008), glow, shadow=False)


def add_desk_things(scene, place, half_width, dark, brass, pale, green):
    """Put a screen, a bell and a bunch of green on a reception desk (top at 1.11 m)."""
    desk = Frame(scene, place, 0.0, "desk")
    desk.box((-0.45 * half_width, 1.33, -0.05), (0.24, 0.15, 0.015), dark, turn_y(0.25))
    desk.box((-0.45 * half_width, 1.15, -0.05), (0.03, 0.05, 0.02), dark)
    desk.ellipsoid((0.1, 1.12, 0.2), (0.07, 0.07, 0.07), brass)
    desk.box((0.35 * half_width, 1.125, 0.12), (0.16, 0.015, 0.11), pale, turn_y(-0.2))
    vase = Frame(scene, desk.at(0.78 * half_width, 1.11, 0.02), 0.0, "plant")
    vase.frustum((0, 0.11, 0), 0.06, 0.09, 0.11, pale)
    for index, (x, y) in enumerate(((0, 0.38), (-0.12, 0.3), (0.12, 0.31))):
        vase.ellipsoid((x, y, 0.02 * index), (0.12, 0.11, 0.11), green)


def add_column(scene, x, z, height, radius, stone):
    """Add a round column with a base and a capital."""
    column = Frame(scene, (x, 0, z), 0.0, "room")
    column.frustum((0, height / 2, 0), radius, radius * 0.92, height / 2, stone)
    column.box((0, 0.07, 0), (radius * 1.35, 0.07, radius * 1.35), stone)
    column.box((0, height - 0.09, 0), (radius * 1.35, 0.09, radius * 1.35), stone)


def add_suitcase(scene, place, angle, shell, metal):
    """Add a suitcase that stands upright."""
    case = Frame(scene, place, angle, "room")
    case.box((0, 0.34, 0), (0.22, 0.3, 0.12), shell)
    case.box((0, 0.34, 0), (0.224, 0.012, 0.124), metal)
    for x in (-0.08, 0.08):
        case.capsule((x, 0.64, 0), (x, 0.86, 0), 0.012, metal)
    case.capsule((-0.08, 0.86, 0), (0.08, 0.86, 0), 0.014, metal)


def add_table(scene, place, angle, style, size, top, leg):
    """Add a dining table and return how high its top is.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
    place : sequence of three floats
    angle : float
    style : {"cloth", "round cloth", "wood", "round wood"}
        With "cloth", `top` is the table cloth and hangs over the edge.
    size : float
        Half the table's width, or its radius, in metres.
    top, leg : int
        Materials.
    """
    table = Frame(scene, place, angle, "table")
    if style == "round cloth":
        table.frustum((0, 0.745, 0), size, size, 0.012, top)
        table.frustum((0, 0.43, 0), size * 1.12, size * 0.99, 0.305, top)
    elif style == "cloth":
        table.box((0, 0.745, 0), (size, 0.012, size), top)
        table.box((0, 0.57, 0), (size + 0.006, 0.17, size + 0.006), top)
        table.frustum((0, 0.2, 0), 0.22, 0.05, 0.2, leg)
    else:
        if style == "wood":
            table.box((0, 0.735, 0), (size, 0.022, size), top)
        else:
            table.frustum((0, 0.735, 0), size, size, 0.022, top)
        table.frustum((0, 0.36, 0), 0.045, 0.045, 0.36, leg)
        table.frustum((0, 0.02, 0), 0.26, 0.22, 0.02, leg)
    return 0.757


def lay_place(scene, place, angle, china, napkin, glass, wine, high):
    """Lay one place: a plate, a napkin on it and a glass of wine.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
    place : sequence of three floats
        The middle of the plate, on the table top.
    angle : float
        Where the guest sits: the plate's front looks there.
    china, napkin, glass, wine : int
        Materials.
    high : bool
        Whether to fold the napkin upright (a cone), or lay it flat.
    """
    setting = Frame(scene, place, angle, "table")
    setting.frustum((0, 0.008, 0), 0.09, 0.135, 0.008, china)
    if high:
        setting.frustum((0, 0.085, 0), 0.06, 0.004, 0.07, napkin)
    else:
        setting.frustum((0, 0.018, 0), 0.07, 0.085, 0.004, napkin)
    setting.capsule((0.15, 0, -0.12), (0.15, 0.1, -0.12), 0.008, glass)
    bowl = (0.15, 0.16, -0.12)
    setting.ellipsoid(bowl, (0.048, 0.075, 0.048), glass, cut=0.55)
    setting.ellipsoid(bowl, (0.042, 0.067, 0.042), wine, cut=-0.05)


def add_flowers(scene, place, vase, petals, leaves):
    """Put a small vase of flowers down."""
    bunch = Frame(scene, place, 0.0, "plant")
    bunch.frustum((0, 0.07, 0), 0.035, 0.05, 0.07, vase)
    bunch.ellipsoid((0, 0.19, 0), (0.1, 0.07, 0.1), leaves)
    for x, z in ((-0.05, 0.03), (0.06, 0.02), (0, -0.05)):
        bunch.ellipsoid((x, 0.25, z), (0.05, 0.045, 0.05), petals)


def add_candle(scene, place, wax, flame):
    """Put a candle down; it glows but lights nothing."""
    candle = Frame(scene, place, 0.0, "lamp")
    candle.frustum((0, 0.07, 0), 0.028, 0.026, 0.07, wax)
    candle.ellipsoid((0, 0.175, 0), (0.016, 0.035, 0.016), flame, shadow=False)


def add_banquette(scene, place, angle, half_width, cloth, wood):
    """Add a padded bench with a tall back that stands against a wall."""
    bench = Frame(scene, place, angle, "seat")
    bench.box((0, 0.2, 0.28), (half_width, 0.2, 0.24), wood)
    bench.box((0, 0.45, 0.29), (half_width, 0.06, 0.27), cloth)
    bench.box((0, 0.8, 0.07), (half_width, 0.34, 0.07), cloth)
    bench.capsule((-half_width, 1.14, 0.07), (half_width, 1.14, 0.07), 0.08, cloth)


def add_shelf(scene, place, angle, half_width, half_height, frame, filling, region):
    """Add a wall shelf: a frame whose front is the texture `filling`."""
    shelf = Frame(scene, place, angle, region)
    shelf.box((0, 0, 0.08), (half_width, half_height, 0.08), filling)
    for x in (-half_width, half_width):
        shelf.box((x, 0, 0.1), (0.04, half_height + 0.04, 0.11), frame)
    for y in (-half_height, half_height):
        shelf.box((0, y, 0.1), (half_width, 0.04, 0.11), frame)


def add_bottles(scene, place, half_width, rows, bottles, board, back):
    """Add an open shelf on the back wall with rows of standing bottles.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
    place : sequence of three floats
        The middle of the lowest board, on the wall.
    half_width : float
    rows : int
        How many boards there are; each is 0.46 m above the last.
    bottles : sequence of int
        Materials that take turns.
    board, back : int
        Materials of the boards and of the panel behind them.
    """
    shelf = Frame(scene, place, 0.0, "room")
    tall = 0.23 * rows
    shelf.box((0, tall, 0.02), (half_width, tall, 0.02), back)
    for row in range(rows):
        y = 0.46 * row
        shelf.box((0, y - 0.02, 0.12), (half_width, 0.02, 0.12), board)
        for index, x in enumerate(np.linspace(-1, 1, 9) * (half_width - 0.1)):
            material = bottles[(index + 4 * row + row // 2) % len(bottles)]
            shelf.frustum((x, 0.11 + y, 0.14), 0.05, 0.045, 0.11, material)
            shelf.frustum((x, 0.28 + y, 0.14), 0.034, 0.015, 0.06, material)
    for x in (-half_width, half_width):
        shelf.box((x, tall - 0.02, 0.12), (0.025, tall + 0.02, 0.12), board)
    shelf.box((0, 2 * tall, 0.12), (half_width, 0.02, 0.12), board)


def add_beams(scene, wood):
    """Put four wooden beams below the ceiling, from the back wall to the front."""
    width, height, depth = scene.size
    for share in (0.12, 0.37, 0.63, 0.88):
        centre = (share * width, height - 0.07, depth / 2)
        scene.box(centre, (0.07, 0.07, depth / 2), wood, "room")


def add_chandelier(scene, place, metal, globe):
    """Hang a ring of glowing globes from the ceiling; it lights nothing itself."""
    ring = Frame(scene, place, 0.0, "lamp")
    top = scene.size[1] - place[1]
    ring.capsule((0, 0.05, 0), (0, top, 0), 0.015, metal)
    for angle in np.arange(6) * np.pi / 3:
        x, z = 0.42 * np.sin(angle), 0.42 * np.cos(angle)
        ring.capsule((0, 0.05, 0), (x, 0, z), 0.012, metal)
        ring.ellipsoid((x, 0.03, z), (0.09, 0.09, 0.09), globe, shadow=False)


def add_rug(scene, place, half_width, half_depth, edge, middle):
    """Lay a rug with a border."""
    rug = Frame(scene, place, 0.0, "room")
    rug.box((0, 0.01, 0), (half_width, 0.01, half_depth), edge)
    inside = (half_width - 0.12, 0.004, half_depth - 0.12)
    rug.box((0, 0.02, 0), inside, middle)
