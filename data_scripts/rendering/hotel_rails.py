"""Rails of dark brushed steel: pool ladders, hand rails and grab bars.

The same few rails are used at the edge of a tub, at the edge of a pool and on a wall.
Each ends in flanges, small round plates, where it meets the wall or the floor. Lengths
are in metres; everything added here belongs to the group "rail".
"""

import math

import numpy as np

from data_scripts.rendering.solids import arc

GRAB_BARS = ("horizontal", "vertical", "diagonal", "angle")

_UP = np.array([0.0, 1.0, 0.0])
_HALF_LADDER = 0.27
_BEND = 0.17
_OVER_WATER = 0.1
_STAND_OFF = 0.085


def steel(scene):
    """Add dark brushed steel to a scene and return the material's number."""
    return scene.material((0.115, 0.12, 0.13), kind="metal", roughness=0.16)


def ladder(scene, x, z, outwards, material, radius, reach, height):
    """Add a pool ladder at the edge of the basin.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
    x, z : float
        The point of the edge in the middle of the ladder.
    outwards : sequence of three floats
        Unit vector from the water to the deck.
    material : int
    radius : float
        Of the tube.
    reach : float
        How far from the edge the ladder stands on the deck.
    height : float
        How high it rises above the deck.
    """
    outwards = np.asarray(outwards, float)
    across = np.array([outwards[2], 0, -outwards[0]])
    edge = np.array([x, 0, z])
    bend = min(_BEND, (reach + _OVER_WATER) / 2)
    for side in (-_HALF_LADDER, _HALF_LADDER):
        water, deck = (
            edge + side * across + far * outwards for far in (-_OVER_WATER, reach)
        )
        top = (height - bend) * _UP
        scene.tube(
            [
                water - 0.6 * _UP,
                *arc(
                    water + top + bend * outwards,
                    bend,
                    math.pi,
                    math.pi / 2,
                    outwards,
                    _UP,
                    4,
                ),
                *arc(
                    deck + top - bend * outwards,
                    bend,
                    math.pi / 2,
                    0,
                    outwards,
                    _UP,
                    4,
                ),
                deck,
            ],
            radius,
            material,
            "rail",
        )
        _add_flange(scene, deck, _UP, radius, material)
    for depth in (0.22, 0.46):
        step = edge - _OVER_WATER * outwards - depth * _UP
        scene.capsule(
            step - _HALF_LADDER * across,
            step + _HALF_LADDER * across,
            0.9 * radius,
            material,
            "rail",
        )


def grab_bar(scene, shape, place, along, normal, length, material, radius):
    """Add a grab bar on a wall.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
    shape : str
        One of `GRAB_BARS`.
    place : sequence of three floats
        The middle of the bar, on the wall.
    along, normal : sequence of three floats
        Unit vectors: level along the wall, and from the wall into the room.
    length : float
    material : int
    radius : float
        Of the tube.

    Raises
    ------
    ValueError
        If the shape is not one of `GRAB_BARS`.
    """
    if shape not in GRAB_BARS:
        raise ValueError(
            f"Expected a grab bar of the shape {GRAB_BARS}, got {shape!r}: choose one."
        )
    place, along = np.asarray(place, float), np.asarray(along, float)
    half, out = length / 2, (_STAND_OFF + radius) * np.asarray(normal, float)
    if shape == "angle":
        ends = [place - half * along, place + half * along, None]
        ends[2] = ends[1] + 0.65 * length * _UP
    else:
        direction = {
            "horizontal": along,
            "vertical": _UP,
            "diagonal": (along + 0.8 * _UP) / math.hypot(1, 0.8),
        }[shape]
        ends = [place - half * direction, place + half * direction]
    feet = ends[0], ends[-1]
    scene.tube(
        [feet[0], *(end + out for end in ends), feet[1]], radius, material, "rail"
    )
    for foot in feet:
        _add_flange(scene, foot, normal, radius, material)


def hand_rail(scene, start, end, material, radius, height):
    """Add a free-standing hand rail between two points of the floor.

    Parameters
    ----------
    scene : data_scripts.rendering.solids.Scene
    start, end : sequence of three floats
        Where its posts stand; an end below the floor is a step in the water.
    material : int
    radius : float
        Of the tube.
    height : float
        Of the rail above its feet.
    """
    start, end = np.asarray(start, float), np.asarray(end, float)
    run = end - start
    run = run / np.linalg.norm(run)
    rise = height * _UP
    bend = min(0.12, 0.3 * height)
    scene.tube(
        [
            start,
            start + rise - bend * _UP,
            start + rise - 0.3 * bend * (_UP - run),
            start + rise + bend * run,
            end + rise - bend * run,
            end + rise - 0.3 * bend * (_UP + run),
            end + rise - bend * _UP,
            end,
        ],
        radius,
        material,
        "rail",
    )
    for foot in (start, end):
        _add_flange(scene, foot, _UP, radius, material)


def _add_flange(scene, foot, normal, radius, material):
    """Add the round plate with which a tube is screwed to a wall or floor."""
    normal = np.asarray(normal, float)
    scene.frustum(
        np.asarray(foot) + 0.011 * normal,
        1.75 * radius,
        1.6 * radius,
        0.011,
        material,
        "rail",
        turn=_turn_up_to(normal),
    )


def _turn_up_to(normal):
    """Return a turn that takes the y axis to a unit vector along an axis."""
    other = np.roll(np.abs(normal), 1)
    return np.stack([np.cross(normal, other), normal, other], axis=1)
