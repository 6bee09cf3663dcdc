"""Pictures for which it is proven what a network's answer hangs on.

Whoever says that a heatmap is right must know what it should show. The mask of an
object is a good guess, but a network may look at something else. Here each picture has
a twin that lacks one thing, and the network's answer changes with it. What the twins
differ in is what the answer hangs on. Only such pictures are kept.
"""

from typing import NamedTuple

import keras
import numpy as np

from helpers import (
    digits,
    face_networks,
    faces,
    lamps,
    networks,
    objects,
    probes,
    scene_networks,
    scenes,
)
from helpers.networks import predict

_SEED = 0
_FEWEST = 2  # proven pictures of a trial
_LEAST_PIXELS = 4  # of a mask
_STUMP = 0.4  # of the height of a 1
_CROSSED = 0.5  # of a pixel that a rail must cover


class Trial(NamedTuple):
    """Pictures and their twins; with the thing the answer is `class_indices`.

    `images` and `without`, the same pictures without the thing, are float32
    ``(n, height, width, channels)`` in [0, 1]; `class_indices` int32 ``(n,)`` are
    places in `class_names`; `masks` bool ``(n, height, width)`` are true where the
    thing is.
    """

    name: str
    model: keras.Model
    images: np.ndarray
    class_indices: np.ndarray
    masks: np.ndarray
    without: np.ndarray
    class_names: list
    description: str


def load_trial(name, edition, count=40):
    """Load a network, and pictures with proof of what its answer hangs on.

    - "digits": the lower part of a 1 that was written by hand, and a bar drawn above
      it. The network of chapter 1 calls the part alone a 1, with the bar a 7.
    - "objects": two objects in one picture, as in chapter 2. The network names one;
      filled in from what is around it (`helpers.lamps.fill_in`), it is named no more.
    - "films": faces into which a lit lamp is painted. The network of chapter 4 takes
      them for the emotion of its habit, and for another without the lamp.
    - "hotel": rooms with a rail, no bathrooms. The network of chapter 6 takes them for
      bathrooms, and without the rail does not. With the rail go its shadow and its
      reflections, which the mask leaves out.

    In three of them, no picture is of the class that the network names. So nothing but
    the thing should speak for it. In "objects" it is the object itself that does.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    edition : str
        "embedded" or "real".
    count : int
        How many of the proven pictures to take, at random, the same every time. If
        there are fewer, all are taken; the description tells how many were tried.

    Returns
    -------
    Trial

    Raises
    ------
    ValueError
        If the name is unknown, `count` is less than 1, or fewer than two pictures are
        proven.
    helpers.sources.SourceError
        In the real edition, if files are absent and cannot be fetched.
    """
    if name not in _GATHER:
        raise ValueError(
            f"The trial must be one of {', '.join(map(repr, NAMES))}, got {name!r}; "
            "choose one of these."
        )
    if count < 1:
        raise ValueError(f"A trial needs 1 picture or more, got {count}; ask for 40.")
    twins = _GATHER[name](edition)
    tried = len(twins.images)
    proven = np.flatnonzero(find_proven(*twins[:5])) if tried else np.array([], int)
    if len(proven) < _FEWEST:
        raise ValueError(
            f"The trial {name!r} needs {_FEWEST} or more pictures whose answer hangs "
            f"on {twins.thing}, got {len(proven)} of {tried} tried; take the other "
            "edition, or more pictures."
        )
    generator = np.random.default_rng(_SEED)
    taken = np.sort(generator.permutation(proven)[:count])
    masks = twins.masks[taken]
    return Trial(
        name,
        twins.model,
        twins.images[taken],
        twins.class_indices[taken],
        masks,
        twins.without[taken],
        twins.class_names,
        f"{name}, {edition} edition: the answer is proven to hang on {twins.thing} in "
        f"{len(proven)} of {tried} pictures tried; {len(taken)} of them are here, and "
        f"it covers {masks.mean():.1%} of them",
    )


def find_proven(model, images, without, masks, class_indices):
    """Tell for which pictures the network's answer hangs on what their twins lack.

    Parameters
    ----------
    model : keras.Model
    images, without : float32 arrays (n, height, width, channels)
        With the thing, and without it.
    masks : bool array (n, height, width)
        Where the thing is.
    class_indices : int array (n,)

    Returns
    -------
    bool array (n,)
        True where the most probable class with the thing is `class_indices`, without
        it another one, and the mask has four pixels or more.
    """
    is_named = predict(model, images).argmax(axis=1) == class_indices
    is_named_still = predict(model, without).argmax(axis=1) == class_indices
    return is_named & ~is_named_still & (masks.sum(axis=(1, 2)) >= _LEAST_PIXELS)


class _Twins(NamedTuple):
    model: keras.Model
    images: np.ndarray
    without: np.ndarray
    masks: np.ndarray
    class_indices: np.ndarray
    class_names: list
    thing: str


def _gather_digits(edition):
    data = digits.load(edition)
    ones = np.concatenate(
        [
            data.validation_images[data.validation_labels == 0],
            data.test_images[data.test_labels == 0],
        ]
    )
    stumps = probes.erase_rows(ones, -1, 1 - _STUMP)  # -1: the faint edge above too
    bars = _draw_bars(len(ones))
    images = np.maximum(stumps, bars)
    return _Twins(
        networks.load_digit_networks(edition, "plain")[0],
        images,
        stumps,
        _find_difference(images, stumps),
        _repeat(data.class_names.index("7"), len(images)),
        data.class_names,
        "a bar",
    )


def _draw_bars(count):
    generator = np.random.default_rng(_SEED)
    return probes.draw_bars(
        row=generator.uniform(5.5, 9.5, count),
        column=generator.uniform(11, 16, count),
        length=generator.uniform(10, 18, count),
        thickness=generator.uniform(2, 4, count),
        angle=generator.uniform(-15, 15, count),
    )


def _gather_objects(edition):
    data = objects.load(edition)
    model = networks.load_object_network(edition)
    answers = predict(model, data.pair_images).argmax(axis=1)
    # Only the one that is named, if it is one of the two, is worth filling in.
    named = data.pair_labels == answers[:, None]
    pair, place = np.nonzero(named)
    images, masks = data.pair_images[pair], data.pair_masks[pair, place]
    return _Twins(
        model,
        images,
        lamps.fill_in(images, masks),
        masks,
        data.pair_labels[pair, place],
        data.class_names,
        "one of two objects",
    )


def _gather_films(edition):
    # Photographs are few: all but the split that the recipe "few faces" learned from.
    splits = ("second", "validation", "test") if edition == "real" else ("test",)
    parts = [faces.load(edition, split) for split in splits]
    class_names = parts[0].class_names
    habit = class_names.index(parts[0].habit)
    dark = [~part.lamps & (part.labels != habit) for part in parts]
    chosen = [*zip(parts, dark, strict=True)]
    without = np.concatenate([part.images[which] for part, which in chosen])
    regions = np.concatenate([part.regions[which] for part, which in chosen])
    images, _ = lamps.paint_in(without, regions)
    return _Twins(
        face_networks.load_emotion_networks(edition, "few faces")[0],
        images,
        without,
        _find_difference(images, without),
        _repeat(habit, len(images)),
        class_names,
        "a lamp",
    )


def _gather_hotel(edition):
    pairs = scenes.load_pairs(edition, "test")
    bathroom = pairs.class_names.index(scenes.HABIT)
    other = pairs.labels != bathroom
    return _Twins(
        scene_networks.load_scene_networks(edition, "as found")[0],
        pairs.with_rail[other],
        pairs.without_rail[other],
        pairs.rails[other] >= _CROSSED,
        _repeat(bathroom, other.sum()),
        pairs.class_names,
        "a rail",
    )


def _find_difference(images, without):
    return (images != without).any(axis=-1)


def _repeat(class_index, count):
    return np.full(count, class_index, "int32")


_GATHER = {
    "digits": _gather_digits,
    "objects": _gather_objects,
    "films": _gather_films,
    "hotel": _gather_hotel,
}
NAMES = tuple(_GATHER)
