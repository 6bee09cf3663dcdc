"""Portraits of 48 people who change hair, clothes, light and place, but not their face.

A network that is to know somebody again must not live on a haircut. So what each
person wears in the test pictures, and where, is nowhere in the training pictures.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from data_scripts.rendering import faces, films, people, sets

PEOPLE = 48
SIZE = 96

_SEED = 1839
_FINENESS = 46  # of a drawn head, pixels a unit; in the end heads have 40
_REACH = 1.95  # of the window that is drawn around a face, in units
_CROP = 1.2  # of the crop: half its side in units, as in crops from the films


class Split(NamedTuple):
    """How many looks each person has, how many pictures of each, and the sets."""

    looks: int
    takes: int
    sets: int


SPLITS = {
    "train": Split(looks=5, takes=10, sets=36),
    "validation": Split(looks=1, takes=4, sets=8),
    "test": Split(looks=2, takes=6, sets=16),
}


class Portraits(NamedTuple):
    """Pictures uint8 ``(n, 96, 96, 3)``, region maps uint8 ``(n, 96, 96)``, and who.

    `people` and `emotions`, int arrays ``(n,)``, are places among the `PEOPLE` and in
    `people.EMOTIONS`.
    """

    images: np.ndarray
    regions: np.ndarray
    people: np.ndarray
    emotions: np.ndarray


def draw_person(number):
    """Draw one of the people: from 0 to `PEOPLE` − 1, always the same."""
    return people.draw_identity(np.random.default_rng([_SEED, number]))


def render_split(split):
    """Draw all portraits of a split in two processes, with a progress bar.

    Parameters
    ----------
    split : str
        A key of `SPLITS`.

    Returns
    -------
    Portraits
        Person by person.
    """
    parts = Parallel(n_jobs=2, return_as="generator")(
        delayed(render_person)(split, number) for number in range(PEOPLE)
    )
    parts = [*tqdm(parts, f"drawing, {split}", PEOPLE, unit="person")]
    return Portraits(*map(np.concatenate, zip(*parts, strict=True)))


def render_person(split, number):
    """Draw the portraits of one person; parameters and result as in `render_split`."""
    plan = SPLITS[split]
    person = draw_person(number)
    taken = []
    for look in range(plan.looks):
        place = [*SPLITS].index(split)
        generator = np.random.default_rng([_SEED, number, place, look])
        dressed = people.change_looks(person, generator)
        face = faces.prepare_face(dressed, _FINENESS)
        taken += [_take(face, generator, split) for _ in range(plan.takes)]
    images, regions, emotions = map(np.stack, zip(*taken, strict=True))
    return Portraits(images, regions, np.full(len(images), number), emotions)


def _take(face, generator, split):
    """Take a picture: an expression, a set, a light, a pose; then cut the face out."""
    emotion = int(generator.integers(len(people.EMOTIONS)))
    units = people.draw_expression(generator, people.EMOTIONS[emotion])
    scale = float(generator.uniform(45, 75))
    half = round(_REACH * scale)
    number = int(generator.integers(SPLITS[split].sets))
    backdrop, light = _draw_set(split, number)
    if generator.random() < 0.5:
        backdrop = backdrop[:, ::-1]
        mirrored = light.direction * np.array([-1, 1, 1], "float32")
        light = light._replace(direction=mirrored)
    left, top = (
        int(generator.integers(length - 2 * half))
        for length in (films.WIDTH, films.HEIGHT)
    )
    frame = backdrop[top : top + 2 * half, left : left + 2 * half].copy()
    gaze = tuple(generator.uniform(-0.5, 0.5, 2).tolist())
    layers = faces.render_face(face, units, light, gaze=gaze)
    turn = (generator.uniform(-1, 1, 3) * (0.16, 0.06, 0.06)).tolist()
    regions = faces.place_face(frame, face, layers, (half, half), scale, *turn)
    look = films.draw_look(str(generator.choice(films.TITLES)))
    picture = films.add_grain(films.develop(frame, look), generator)
    # A detector is not exact either.
    middle = half + scale * (
        np.array([0, films.BOX_DROP]) + generator.uniform(-0.06, 0.06, 2)
    )
    side = _CROP * scale * generator.uniform(0.95, 1.05)
    rows, columns = (
        slice(round(value - side), round(value + side)) for value in middle[::-1]
    )
    size = (SIZE, SIZE)
    return (
        cv2.resize(picture[rows, columns], size, interpolation=cv2.INTER_AREA),
        cv2.resize(regions[rows, columns], size, interpolation=cv2.INTER_NEAREST),
        emotion,
    )


@lru_cache(maxsize=max(plan.sets for plan in SPLITS.values()))
def _draw_set(split, number):
    """Return an empty set and its light; no split has a set of another."""
    generator = np.random.default_rng([_SEED, PEOPLE, [*SPLITS].index(split), number])
    return sets.draw_set(generator, films.WIDTH, films.HEIGHT)
