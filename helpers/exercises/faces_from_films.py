"""Checks of the exercises of chapter 3: boxes, splits and doubles."""

import numpy as np
from scipy.spatial import KDTree

from helpers import detectors
from helpers.exercises.answers import (
    call,
    confirm,
    need,
    need_array,
    need_choice,
    need_number,
)

_SIDE = 40  # pixels of the sheet that boxes are drawn on, to count their overlap


def measure_overlap(answer):
    """Check the overlap of two boxes, by counting pixels.

    Parameters
    ----------
    answer : callable
        From two boxes (left, top, width, height) to a number.

    Raises
    ------
    NotYetRight
        If an overlap is not right.
    """
    name = answer.__name__
    apart = (2, 3, 5, 6), (20, 25, 7, 4)
    given = need_number(f"{name}(…)", call(answer, *apart))
    need(
        given == 0,
        f"`{name}` gives {given:.3g} for two boxes that lie apart in both directions; "
        "0 was expected. Cut the width and the height of the shared part at zero "
        "before you multiply them.",
    )
    generator = np.random.default_rng(6)
    pairs = [generator.integers(1, _SIDE // 2, (2, 4)) for _ in range(40)]
    pairs += [np.array([[4, 5, 10, 8]] * 2), np.array([[0, 0, 10, 10], [2, 2, 5, 5]])]
    for box, other in pairs:
        sheets = _draw(box), _draw(other)
        common, together = np.sum(sheets[0] & sheets[1]), np.sum(sheets[0] | sheets[1])
        truth = common / together
        given = call(answer, tuple(map(int, box)), tuple(map(int, other)))
        given = need_number(f"{name}(…)", given)
        said = f"`{name}` gives {given:.3f} for {box.tolist()} and {other.tolist()}, "
        areas = box[2] * box[3], other[2] * other[3]
        need(
            np.isclose(given, truth) or not np.isclose(given, common / sum(areas)),
            f"{said}{truth:.3f} was expected. The sum of both areas counts the shared "
            "part twice; take it off once.",
        )
        need(
            np.isclose(given, truth)
            or not any(np.isclose(given, common / area) for area in areas),
            f"{said}{truth:.3f} was expected. Divide by what both cover together, not "
            "by the area of one of them.",
        )
        need(
            np.isclose(given, truth),
            f"{said}{truth:.3f} was expected: {common} pixels are shared, {together} "
            "covered. Are the last two numbers read as width and height?",
        )
    confirm("Exercise 3.1: intersection over union, also of boxes that lie apart.")


def count_faces(answer):
    """Check the counts of found and missed faces and of false boxes.

    Parameters
    ----------
    answer : callable
        From boxes and true boxes of a picture to (found, missed, false).

    Raises
    ------
    NotYetRight
        If a count is not right.
    """
    name = answer.__name__
    face, second = (10, 10, 20, 20), (60, 12, 20, 20)
    near, close = (11, 11, 20, 20), (12, 9, 20, 20)
    cases = [
        ("one face and a box close to it", [near], [face]),
        ("one face, and a box far from it", [(80, 80, 9, 9)], [face]),
        ("two boxes on one face", [near, close], [face]),
        ("a face without a box", [], [face]),
        ("a box without a face", [face], []),
        ("a box that covers a corner of a face only", [(20, 20, 20, 20)], [face]),
        ("a box that overlaps by 0.48", [(17, 10, 20, 20)], [face]),
        ("a box that overlaps by exactly 0.5", [(10, 10, 20, 10)], [face]),
        ("one box around two faces that overlap", [near], [face, close]),
        ("two faces, three boxes", [near, (61, 12, 20, 20), (90, 90, 5, 5)], []),
    ]
    cases[-1] = (*cases[-1][:2], [face, second])
    for what, boxes, truth in cases:
        score = detectors.score_boxes([boxes], [truth])
        wanted = score.found, score.faces - score.found, score.false_boxes
        given = need_array(f"{name}(…)", call(answer, boxes, truth), (3,))
        given = tuple(given.tolist())
        need(
            given == wanted,
            f"`{name}` counts {given[0]:g} found, {given[1]:g} missed and {given[2]:g} "
            f"false for {what}; {wanted[0]}, {wanted[1]} and {wanted[2]} were expected."
            " A box counts from an overlap of 0.5 on, and finds one face at most.",
        )
    confirm("Exercise 3.2: every face and every box is counted once.")


def split_by_person(answer, people):
    """Check a split that leaves each person on one side.

    Parameters
    ----------
    answer : callable
        From people, share and seed to two arrays of places.
    people : array (n,)
        Whose face it is.

    Raises
    ------
    NotYetRight
        If a person is on both sides, a face on none or both, or the share is wrong.
    """
    name = answer.__name__
    # Persons with very different numbers of faces, mixed, and named by words.
    counts = [1, 2, 3, 5, 8, 13, 21, 34, 1, 2]
    many = np.random.default_rng(7).permutation(np.repeat([*"qwertzuiop"], counts))
    for given_people, share in ((many, 0.3), (many, 0.5), (np.asarray(people), 0.25)):
        drawn = []
        for seed in range(8):
            parts = _read_parts(name, call(answer, given_people, share, seed))
            train, out = parts
            both = np.intersect1d(given_people[train], given_people[out])
            need(
                not len(both),
                f"`{name}` puts faces of the same persons on both sides: "
                f"{', '.join(map(str, both[:3]))}. Draw persons, and let all their "
                "faces follow.",
            )
            places = np.sort(np.concatenate(parts))
            need(
                np.array_equal(places, np.arange(len(given_people))),
                f"`{name}` returns {len(places)} places for {len(given_people)} faces. "
                "Every face belongs to one side, exactly once.",
            )
            wanted = round(share * len(np.unique(given_people)))
            held = len(np.unique(given_people[out]))
            need(
                held == wanted,
                f"`{name}` holds {held} of {len(np.unique(given_people))} persons out "
                f"with a share of {share}, and {wanted} were expected. Is it the first "
                "array that trains, and the second that is held out?",
            )
            again = _read_parts(name, call(answer, given_people, share, seed))
            need(
                np.array_equal(np.sort(out), np.sort(again[1])),
                f"`{name}` gives two splits for one seed. Make a generator from it: "
                "np.random.default_rng(seed).",
            )
            drawn.append(tuple(np.unique(given_people[out])))
        need(
            len(set(drawn)) > 1,
            f"`{name}` holds the same persons out for every seed: {drawn[0][0]} and "
            "others. Shuffle the persons before you take the first few.",
        )
    confirm("Exercise 3.3: nobody is on both sides.")


def has_double(answer):
    """Check the search for codes that differ in few bits.

    Parameters
    ----------
    answer : callable
        From codes, other codes and a distance to truth values.

    Raises
    ------
    NotYetRight
        If a double is missed or one is seen that is none.
    """
    name = answer.__name__
    given = need_array(f"{name}(…)", call(answer, [128, 7], [127], 1), (2,))
    need(
        not given[0],
        f"`{name}` calls 128 and 127 doubles. As bits, 10000000 and 01111111, they "
        "differ in eight places: compare bits, not sizes.",
    )
    generator = np.random.default_rng(8)
    others = [int(code) for code in generator.integers(0, 2**64, 30, np.uint64)]
    codes, flipped = [], []
    for other in others:
        count = int(generator.integers(0, 16))
        places = generator.choice(64, count, replace=False)
        codes.append(other ^ sum(1 << int(place) for place in places))
        flipped.append(count)
    codes, flipped = codes[::-1], flipped[::-1]
    for distance in (0, 4, 8):
        given = call(answer, codes, others, distance)
        given = need_array(f"{name}(…)", given, (len(codes),)).astype(bool)
        truth = np.array(flipped) <= distance
        missed, wrong = np.sum(truth & ~given), np.sum(given & ~truth)
        need(
            not missed,
            f"`{name}` misses {missed} of {truth.sum()} doubles that differ in at most "
            f"{distance} bits. Is each code compared with all the others, and does the "
            "distance itself still count?",
        )
        need(
            not wrong,
            f"`{name}` sees {wrong} doubles where the codes differ in more than "
            f"{distance} bits. Count the ones of `code ^ other`.",
        )
    confirm("Exercise 3.4: doubles are told by their bits.")


def remember(answer, images, labels, split):
    """Check the prediction of how often the most similar face has the right label.

    Parameters
    ----------
    answer : str
        "a": at most four tenths, "c": at least seven tenths, "b": between.
    images : float array (n, height, width, 3)
    labels : int array (n,)
    split : (int array, int array)
        Places to train on and places held out.

    Raises
    ------
    NotYetRight
        If it is not so.
    """
    need_choice("memory", answer, "abc")
    train, out = split
    small = images[:, ::5, ::5].reshape(len(images), -1)
    _, nearest = KDTree(small[train]).query(small[out])
    right = (labels[train][nearest] == labels[out]).mean()
    seen = "a" if right <= 0.4 else "c" if right >= 0.7 else "b"
    need(
        answer == seen,
        f"You predicted {answer}), and memory is right about {right:.0%} of the faces "
        "held out at random. Whose face is the most similar one, and what is "
        "its label? Then put in the letter that you saw.",
    )
    confirm("Exercise 3.5: you know what a score on a random split can be made of.")


def _draw(box):
    """Draw a box on a sheet of pixels."""
    left, top, width, height = box
    sheet = np.zeros((2 * _SIDE, 2 * _SIDE), bool)
    sheet[top : top + height, left : left + width] = True
    return sheet


def _read_parts(name, parts):
    """Return the two arrays of a split."""
    need(
        isinstance(parts, (tuple, list)) and len(parts) == 2,
        f"`{name}` must return two arrays: the places to train on, and those held out.",
    )
    train, out = (need_array(f"{name}(…)", part, (None,)) for part in parts)
    need(
        train.dtype.kind in "iu" and out.dtype.kind in "iu",
        f"`{name}` must return places, whole numbers; `np.flatnonzero` turns truth "
        "values into them.",
    )
    return train, out
