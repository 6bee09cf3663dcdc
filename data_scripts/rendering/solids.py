"""The solids, materials and lights that a path-traced room is built of.

Lengths are in metres: x to the right, y up, z towards the camera. The room is the
inside of a box whose back wall is z = 0 and whose floor is y = 0. A pool or a sunken
tub is a second box, the basin, below a hole in the floor. `Scene` collects rows of
numbers; `path_tracer.trace` reads them.
"""

import math
from itertools import pairwise

import numpy as np

from helpers.scenes import REGIONS

GROUPS = ("rail", *REGIONS)
TEXTURES = (
    "plain",
    "tiles",
    "planks",
    "cloth",
    "stripes",
    "checks",
    "marble",
    "diamonds",
    "mosaic",
    "brick",
    "books",
    "folds",
    "canvas",
    "sky",
)
KINDS = ("diffuse", "metal", "water", "glass", "light")
FACES = ("left", "right", "floor", "ceiling", "back", "front")

# The shapes of `Scene.solids`, in the first column of a row.
BOX, ELLIPSOID, FRUSTUM, CAPSULE, SHEET = range(5)
# The columns of a row of `Scene.solids`.
TO_LOCAL, OFFSET, SHAPE, HALF = 1, 10, 13, 16
MATERIAL, GROUP, CASTS_SHADOW, SOLID_COLUMNS = 19, 20, 21, 22
# The columns of a row of `Scene.materials`.
SECOND, TEXTURE, SCALE, RATIO, SHINE, ROUGHNESS = 3, 6, 7, 8, 9, 10
KIND, GLOW, WAVES, PHASE, MATERIAL_COLUMNS = 11, 12, 13, 14, 15
# The shapes of `Scene.lights`, in the last column of a row.
RECTANGLE, LAMP, WINDOW = range(3)

_SMALLEST_HALF = 1e-3


class Scene:
    """A room under construction.

    Parameters
    ----------
    generator : numpy.random.Generator
        Every random choice of the room comes from it.

    Attributes
    ----------
    solids, bounds : list of numpy.ndarray
        A row for each solid (columns: see the constants of this module) and the two
        opposite corners of the upright box around it, (2, 3).
    materials, lights : list of list of float
        A row for each material and each light.
    size : numpy.ndarray of shape (3,)
        Width, height and depth of the room.
    basin : numpy.ndarray of shape (5,)
        x0, x1, z0, z1 and depth; a depth of 0 means that there is none.
    faces : numpy.ndarray of int, shape (12,)
        Materials of the six faces of the room and the six of the basin (`FACES`).
    openings : numpy.ndarray of bool, shape (6,)
        Which faces of the room are missing, so that the outdoors is seen.
    """

    def __init__(self, generator):
        self.generator = generator
        self.solids, self.bounds, self.materials, self.lights = [], [], [], []
        self.size = np.ones(3)
        self.basin = np.zeros(5)
        self.basin_region = "pool edge"
        self.faces = np.zeros(12, int)
        self.openings = np.zeros(6, bool)
        self.murk = 0.25
        self.sun = np.array([0.0, 1, 0, 0, 0, 0])
        self.sky = np.zeros(11)
        self.set_sky((0.35, 0.55, 0.95), (0.95, 0.97, 1.0), (0.15, 0.3, 0.1), 0.3)
        self.camera = None

    def material(
        self,
        colour,
        second=None,
        texture="plain",
        scale=1.0,
        ratio=1.0,
        shine=0.0,
        roughness=0.0,
        kind="diffuse",
        glow=0.0,
        waves=0.0,
    ):
        """Add a material and return its number.

        Parameters
        ----------
        colour, second : array-like of shape (3,)
            Linear red, green and blue, 0 to 1; the second colour of the texture
            (grout, stripe, upper wall), by default the first one.
        texture : str
            One of `TEXTURES`. "sky" is a window: the sky is seen in it.
        scale : float
            The size of the texture's unit (tile, plank, stripe) in metres.
        ratio : float
            Height over width of a tile.
        shine : float
            Share of the light that is mirrored at normal incidence.
        roughness : float
            0 is a clear mirror image, 1 a dull gleam.
        kind : str
            One of `KINDS`.
        glow : float
            Radiance of a "light", a factor of its colour (or of the sky).
        waves : float
            Steepness of the waves on "water".
        """
        second = colour if second is None else second
        if texture == "sky":
            kind = "light"
        phase = self.generator.uniform(0, 40)
        if texture not in TEXTURES or kind not in KINDS:
            raise ValueError(
                f"Expected a texture of {TEXTURES} and a kind of {KINDS}, got "
                f"{texture!r} and {kind!r}: choose from these."
            )
        self.materials.append(
            [
                *colour,
                *second,
                TEXTURES.index(texture),
                scale,
                ratio,
                shine,
                roughness,
                KINDS.index(kind),
                glow,
                waves,
                phase,
            ]
        )
        return len(self.materials) - 1

    def box(self, centre, half, material, region, turn=None, shadow=True):
        """Add a box of the half lengths `half`; of "water" only its top is used."""
        turn, half = _fill_in(turn, half)
        reach = np.abs(turn) @ half
        shape = BOX
        if self._get_kind(material) == "water":
            centre = np.add(centre, (0, half[1], 0))
            shape = SHEET
        self._add(shape, centre, half, (0, 0, 0), reach, material, region, turn, shadow)

    def ellipsoid(
        self, centre, radii, material, region, turn=None, cut=None, shadow=True
    ):
        """Add an ellipsoid; only the part below `cut` (in radii) if that is given."""
        turn, radii = _fill_in(turn, radii)
        cut = 2.0 if cut is None else cut
        reach = np.sqrt(((turn * radii) ** 2).sum(1))
        self._add(
            ELLIPSOID, centre, radii, (cut, 0, 0), reach, material, region, turn, shadow
        )

    def frustum(
        self,
        centre,
        bottom,
        top,
        half_height,
        material,
        region,
        closed=True,
        turn=None,
        shadow=True,
    ):
        """Add a cylinder or cut cone with the radii `bottom` and `top`."""
        widest = max(bottom, top)
        turn, half = _fill_in(turn, (widest, half_height, widest))
        reach = np.abs(turn) @ half
        form = (bottom / half[0], top / half[0], float(closed))
        self._add(FRUSTUM, centre, half, form, reach, material, region, turn, shadow)

    def capsule(self, start, end, radius, material, region):
        """Add a round bar with round ends."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        if np.array_equal(start, end):
            raise ValueError(
                f"Expected a bar from one point to another, got {start} twice: "
                "leave out the second."
            )
        row = np.zeros(SOLID_COLUMNS)
        row[0] = CAPSULE
        row[1:4], row[4:7], row[SHAPE] = start, end, radius
        row[HALF : HALF + 3] = 1
        corners = [np.minimum(start, end) - radius, np.maximum(start, end) + radius]
        self._append(row, corners, material, region, True)

    def tube(self, points, radius, material, region):
        """Add a bent pipe: round bars from each of the points to the next."""
        for start, end in pairwise(points):
            self.capsule(start, end, radius, material, region)

    def set_room(self, width, height, depth, wall, floor, ceiling, back=None):
        """Set the size of the room and the materials of its faces."""
        self.size = np.array([width, height, depth], float)
        back = wall if back is None else back
        self.faces[:6] = [wall, wall, floor, ceiling, back, wall]

    def set_basin(self, x0, x1, z0, z1, depth, material, region="pool edge"):
        """Sink a basin into the floor."""
        self.basin = np.array([x0, x1, z0, z1, depth], float)
        self.basin_region = region
        self.faces[6:] = material

    def water(self, level, material, murk=0.25):
        """Fill the basin up to the height `level`; `murk` is absorbed per metre."""
        x0, x1, z0, z1 = self.basin[:4]
        self.murk = murk
        self.box(
            ((x0 + x1) / 2, level - _SMALLEST_HALF, (z0 + z1) / 2),
            ((x1 - x0) / 2, _SMALLEST_HALF, (z1 - z0) / 2),
            material,
            "water",
        )

    def open_face(self, face):
        """Take a wall or the ceiling away: the outdoors is seen there."""
        if face not in FACES:
            raise ValueError(f"Expected a face of {FACES}, got {face!r}: choose one.")
        self.openings[FACES.index(face)] = True

    def set_sky(self, zenith, horizon, hills, hill_height):
        """Set the radiance of the sky and the colour and height of the hills."""
        phase = self.generator.uniform(0, 50)
        self.sky = np.array([*zenith, *horizon, hill_height, *hills, phase], float)

    def set_sun(self, direction, colour):
        """Set where the sun stands and the radiance of a white sheet facing it."""
        direction = np.asarray(direction, float)
        self.sun = np.concatenate([direction / np.linalg.norm(direction), colour])

    def add_light(self, position, side, up, normal, colour, window=False):
        """Add a rectangle, position ± side ± up, that shines along its normal.

        It is not seen itself: put a solid of the kind "light" there. `colour` is its
        radiance. Through a `window` the sun shines in, too.
        """
        area = 4 * np.linalg.norm(np.cross(side, up))
        shape = WINDOW if window else RECTANGLE
        self.lights.append([*position, *side, *up, *normal, *colour, area, shape])

    def add_lamp(self, position, colour, size=0.1):
        """Add a lamp that shines alike in all directions, from a small upright square.

        `colour` is its intensity: the radiance of a white sheet facing it at a distance
        of one metre, times pi.
        """
        side, up, normal = size * np.eye(3)
        self.lights.append([*position, *side, *up, *normal, *colour, 1.0, LAMP])

    def look(self, eye, target, degrees):
        """Place the camera; `degrees` is its vertical field of view."""
        eye, target = np.asarray(eye, float), np.asarray(target, float)
        if np.array_equal(eye[[0, 2]], target[[0, 2]]):
            raise ValueError(
                "Expected a camera that does not look straight up or down, got "
                f"{eye} to {target}: move the target to a side."
            )
        forwards = _normalise(target - eye)
        right = _normalise(np.cross(forwards, [0, 1, 0]))
        up = np.cross(right, forwards)
        spread = math.tan(math.radians(degrees) / 2)
        self.camera = np.concatenate([eye, right, up, forwards, [spread]])

    def _get_kind(self, material):
        return KINDS[int(self.materials[material][KIND])]

    def _add(self, shape, centre, half, form, reach, material, region, turn, shadow):
        centre = np.asarray(centre, float)
        to_local = (turn / half).T
        row = np.zeros(SOLID_COLUMNS)
        row[0] = shape
        row[TO_LOCAL:OFFSET] = to_local.ravel()
        row[OFFSET:SHAPE] = -to_local @ centre
        row[SHAPE:HALF], row[HALF : HALF + 3] = form, half
        self._append(row, [centre - reach, centre + reach], material, region, shadow)

    def _append(self, row, corners, material, region, shadow):
        if region not in GROUPS:
            raise ValueError(
                f"Expected a region of {GROUPS}, got {region!r}: choose one of these."
            )
        lets_light_by = self._get_kind(material) in ("water", "glass", "light")
        row[MATERIAL], row[GROUP] = material, GROUPS.index(region)
        row[CASTS_SHADOW] = float(shadow and not lets_light_by)
        self.solids.append(row)
        self.bounds.append(np.array(corners))


def turn_x(angle):
    """Return the 3x3 matrix of a turn about the x axis."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def turn_y(angle):
    """Return the 3x3 matrix of a turn about the y axis."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def turn_z(angle):
    """Return the 3x3 matrix of a turn about the z axis."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def arc(centre, radius, start, end, first, second, count=6):
    """Return `count` points of a circle's arc, as a list of (3,) arrays.

    The angles `start` and `end` are in radians; 0 lies along the unit vector `first`
    and pi/2 along `second`.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    return [
        np.asarray(centre) + radius * (math.cos(a) * first + math.sin(a) * second)
        for a in np.linspace(start, end, count)
    ]


def _fill_in(turn, half):
    turn = np.eye(3) if turn is None else np.asarray(turn, float)
    return turn, np.maximum(np.asarray(half, float), _SMALLEST_HALF)


def _normalise(vector):
    return vector / np.linalg.norm(vector)
