"""The sets of the films: rooms, streets and gardens, out of focus behind the actors.

A set is drawn from a generator alone. It knows nothing of the story, so nothing in it
tells what the actors feel.
"""

from typing import NamedTuple

import numpy as np

from data_scripts.rendering import indoors, outdoors
from data_scripts.rendering.faces import Light
from data_scripts.rendering.props import find_cover, place_lamp, place_prop

__all__ = [
    "KINDS",
    "Set",
    "draw_kind",
    "draw_set",
    "find_cover",
    "place_lamp",
    "place_prop",
]


class Set(NamedTuple):
    """An empty set: `frame` float32 (h, w, 3) in linear light, and its `light`."""

    frame: np.ndarray
    light: Light


def draw_set(generator, width=640, height=360):
    """Draw an empty set of a random kind, and the light that fits it.

    Parameters
    ----------
    generator : numpy.random.Generator
    width, height : int
        Pixels of the frame.

    Returns
    -------
    Set
    """
    names = sorted(_KINDS)
    return draw_kind(names[generator.integers(len(names))], generator, width, height)


def draw_kind(name, generator, width=640, height=360):
    """Draw a set of one of the `KINDS`.

    Parameters
    ----------
    name : str
    generator : numpy.random.Generator
    width, height : int

    Returns
    -------
    Set

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    if name not in _KINDS:
        raise ValueError(f"a kind of set is one of {', '.join(KINDS)}; got {name!r}")
    frame, light, level = _KINDS[name](generator, width, height)
    # The key comes from the brighter side, which gets a hint more light.
    side = _find_bright_side(frame)
    turned = light.direction * np.array([side, 1, 1], "float32")
    light = light._replace(direction=turned)
    across = np.linspace(-1, 1, width, dtype="float32")[:, None]
    frame = frame * (1 + 0.12 * side * across)
    middle = np.median(frame.mean(axis=2))
    bright = frame.mean()
    frame = frame * np.float32(level / (0.5 * (middle + bright) + 1e-6))
    return Set(np.clip(frame, 0, 12).astype("float32"), light)


def _find_bright_side(frame):
    """Return -1 if the left half of a frame is brighter, 1 if the right half is."""
    halves = np.array_split(np.minimum(frame, 3 * frame.mean()), 2, axis=1)
    return 1 if halves[1].mean() > halves[0].mean() else -1


_KINDS = {
    "bedroom": indoors.draw_bedroom,
    "cabin": indoors.draw_cabin,
    "cafe": indoors.draw_cafe,
    "classroom": indoors.draw_classroom,
    "garden": outdoors.draw_garden,
    "hallway": indoors.draw_hallway,
    "kitchen": indoors.draw_kitchen,
    "library": indoors.draw_library,
    "living room": indoors.draw_living_room,
    "office": indoors.draw_office,
    "park": outdoors.draw_park,
    "street": outdoors.draw_street,
    "train": indoors.draw_train,
}
KINDS = tuple(_KINDS)
