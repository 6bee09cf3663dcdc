"""Checks of the exercises of chapter 5."""

import itertools
import statistics

import numpy as np
from sklearn.metrics import roc_auc_score

from helpers.exercises.answers import (
    NotYetRight,
    call,
    confirm,
    need,
    need_choice,
    need_number,
    quote,
)
from helpers.similarity import linear_cka


def class_neuron(find_class_neuron, spikes, labels):
    """Check a function that finds the neuron that stands out for a class.

    Parameters
    ----------
    find_class_neuron : callable
    spikes : float array (n, neurons)
    labels : int array (n,)

    Raises
    ------
    NotYetRight
        If it finds another, in these spikes or in spikes made for the purpose.
    """
    generator = np.random.default_rng(51)
    for _ in range(3):
        made, their_labels = _make_spikes(generator)
        _check_neuron(find_class_neuron, made, their_labels, 1)
    for class_index in np.unique(labels).tolist():
        _check_neuron(find_class_neuron, spikes, labels, class_index)
    confirm("Exercise 5.1: the neuron that stands out for the class.")


def _make_spikes(generator):
    """Make spikes of 40 faces, half of them of class 1, with four traps."""
    labels = generator.permutation(np.arange(40) % 2)
    inside, outside = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    spikes = generator.uniform(0.8, 1.2, (40, 8))
    right, loud, once, first, against, *_ = generator.permutation(8)
    spikes[inside, right] += 2
    spikes[:, loud] += 5  # whatever it sees
    spikes[inside[-1], once] += 400  # in a single face: only the mean minds
    spikes[inside[0], first] += 20
    spikes[outside, against] += 6
    return spikes, labels


def _check_neuron(find_class_neuron, spikes, labels, class_index):
    found = call(find_class_neuron, spikes, labels, class_index)
    found = need_number("the neuron", found)
    rows = [*zip(spikes.tolist(), labels.tolist(), strict=True)]
    inside = [row for row, label in rows if label == class_index]
    outside = [row for row, label in rows if label != class_index]
    medians = [
        [statistics.median(column) for column in zip(*faces, strict=True)]
        for faces in (inside, outside)
    ]
    gaps = np.subtract(medians[0], medians[1])
    need(
        found in range(len(gaps)),
        "`find_class_neuron` must return the number of a neuron, 0 to "
        f"{len(gaps) - 1}; it returned {quote(found)}.",
    )
    number = int(found)
    if np.isclose(gaps[number], gaps.max()):
        return
    means = np.mean(inside, axis=0) - np.mean(outside, axis=0)
    given = f"You found neuron {number}"
    need(
        number != np.argmax(inside[0]),
        f"{given}, the tallest of the first face of the class. Ask all of its faces.",
    )
    need(
        number != np.argmax(medians[0]),
        f"{given}, which is loud for the class, {quote(medians[0][number])} times as "
        f"usual, and for all others, {quote(medians[1][number])} times. Take the "
        "others' median off.",
    )
    need(
        number != np.argmax(means),
        f"{given}: its means differ most, but by single faces; its medians differ by "
        f"{quote(gaps[number])} only. Use `np.median`.",
    )
    need(
        gaps[number] >= 0,
        f"{given}, which is louder for the others than for the class, by "
        f"{quote(-gaps[number])}. The class comes first: `inside - outside`.",
    )
    raise NotYetRight(
        f"{given}, whose medians differ by {quote(gaps[number])}; there is a neuron "
        f"where they differ by {quote(gaps.max())}."
    )


def auc(measure_auc):
    """Check a function that compares each value inside with each outside.

    Raises
    ------
    NotYetRight
        If its number is another.
    """
    generator = np.random.default_rng(52)
    for count, other, shift in ((30, 50, 1.0), (7, 4, 0.0), (20, 90, -0.5)):
        inside = np.maximum(generator.normal(shift, 1, count), 0)  # silent at times
        outside = np.maximum(generator.normal(0, 1, other), 0)
        given = need_number("the AUC", call(measure_auc, inside, outside))
        every = [first - last for first, last in itertools.product(inside, outside)]
        louder = sum(value > 0 for value in every) / len(every)
        equal = sum(value == 0 for value in every) / len(every)
        truth = roc_auc_score([1] * count + [0] * other, np.append(inside, outside))
        if abs(given - truth) < 1e-6:
            continue
        said = f"`measure_auc` returned {quote(given)}"
        need(
            abs(given - louder) > 1e-6 and abs(given - louder - equal) > 1e-6,
            f"{said}; {equal:.0%} of the comparisons are ties, and they were counted "
            "in full or not at all. Count each as one half.",
        )
        need(
            abs(given - (1 - truth)) > 1e-6,
            f"{said}, the chance that a picture *outside* the class is louder. "
            "Turn the comparison round.",
        )
        need(
            abs(given - (inside.mean() - outside.mean())) > 1e-6,
            f"{said}, the difference of the means. Count how often one is "
            "louder than the other.",
        )
        raise NotYetRight(
            f"{said} where {louder:.0%} of the comparisons are won and {equal:.0%} "
            f"are ties. Compare each of the {count} values inside with each of the "
            f"{other} outside."
        )
    confirm("Exercise 5.2: each compared with each, ties as one half.")


def turn_it_up(prediction, called, class_index):
    """Check how many faces are said to change, once a neuron is louder.

    Parameters
    ----------
    prediction : str
    called : int array (n,)
        What the network says with the neuron louder.
    class_index : int

    Raises
    ------
    NotYetRight
        If another letter is true.
    """
    need_choice("prediction", prediction, "abc")
    share = np.mean(called == class_index)
    truth = "a" if share < 0.25 else "b" if share <= 0.75 else "c"
    meant = {"a": "hardly any", "b": "some", "c": "nearly all"}
    need(
        prediction == truth,
        f'You wrote "{prediction}", {meant[prediction]}: it is {meant[truth]}, '
        f"{np.sum(called == class_index)} of {len(called)} faces.",
    )
    confirm("Exercise 5.3: that is how many faces change.")


def gap(measure_gap):
    """Check a function that measures what integrated gradients miss.

    The score is a sum of c·x³. With gradients in the middle of n parts, the sum misses
    Σ c·(x − x′)³ / (4 n²): the error of the midpoint rule, exact for parabolas.

    Raises
    ------
    NotYetRight
        If its number is another.
    """
    generator = np.random.default_rng(54)
    for steps in (1, 4, 10):
        factors = generator.uniform(-1, 2, (3, 3, 1))
        picture, baseline = generator.uniform(0, 1, (2, 3, 3, 1)).astype("float32")
        _check_gap(measure_gap, factors, picture, baseline, steps)
        _check_gap(measure_gap, -factors, picture, 0 * baseline, steps)
    confirm("Exercise 5.4: what is missing is what theory says.")


def _check_gap(measure_gap, factors, picture, baseline, steps):
    def find_score(shown):
        need(
            np.shape(shown) == picture.shape,
            f"`find_score` takes one picture, {picture.shape}; it was given "
            f"{np.shape(shown)}.",
        )
        return float(np.sum(factors * shown**3))

    def find_slopes(shown):
        need(
            np.shape(shown) == (steps, *picture.shape),
            f"`find_slopes` takes all {steps} pictures on the way, an array "
            f"{(steps, *picture.shape)}; it was given {np.shape(shown)}.",
        )
        return 3 * factors * shown**2

    try:
        given = call(measure_gap, find_score, find_slopes, picture, baseline, steps)
    except NotYetRight as error:
        if isinstance(error.__cause__, NotYetRight):
            raise error.__cause__ from None
        raise
    given = need_number("the gap", given)
    way = picture - baseline
    change = find_score(picture) - find_score(baseline)
    missing = np.sum(factors * way**3) / (4 * steps**2)
    truth = abs(missing / change)
    if np.isclose(given, truth, rtol=1e-3, atol=1e-4):
        return
    near = f"With `steps={steps}` `measure_gap` returned {quote(given)}"
    mistakes = {
        "That is the gap with its sign. Take `abs`.": (given, -truth),
        "That is what is missing, and not its share. Divide by F(x) − F(x′).": (
            abs(given),
            abs(missing),
        ),
        "That is a share of F(x). Divide by F(x) − F(x′).": (
            given,
            abs(missing / find_score(picture)),
        ),
    }
    for start, rule in ((0, "the beginning"), (1, "the end")):
        places = (np.arange(steps) + start) / steps
        slopes = [3 * factors * (baseline + place * way) ** 2 for place in places]
        total = np.sum(way * np.mean(slopes, axis=0))
        remark = f"Its gradients are taken at {rule} of each part. Take the middle."
        mistakes[remark] = (given, abs(total - change) / abs(change))
    for remark, (value, wrong) in mistakes.items():
        need(
            not np.isclose(value, wrong, rtol=1e-3, atol=1e-4),
            f"{near}; it should be {quote(truth)}. {remark}",
        )
    raise NotYetRight(
        f"{near}; it should be {quote(truth)}. Does the way begin at the baseline, and "
        "are the mean slopes multiplied by (x − x′)?"
    )


def cka(compare_features):
    """Check a function that computes the linear CKA of two sets of features.

    Raises
    ------
    NotYetRight
        If its number is another.
    """
    generator = np.random.default_rng(55)
    for count, widths in ((20, (5, 9)), (6, (8, 3))):
        first = generator.normal(2, 1, (count, widths[0]))
        mix = generator.normal(size=widths)
        second = first @ mix + generator.normal(3, 2, (count, widths[1]))
        for features in (second, 10 * first):
            given = need_number("the CKA", call(compare_features, first, features))
            _check_cka(given, first, features)
    confirm("Exercise 5.5: linear CKA, and it knows its own twin.")


def _check_cka(given, first, second):
    truth = linear_cka(first, second)
    if np.isclose(given, truth, rtol=1e-5):
        return
    said = f"`compare_features` returned {quote(given)} where {quote(truth)} is right."
    need(
        not np.isclose(given, _align(first, second)),
        f"{said} The means of the features were left in. Take them off first.",
    )
    pair = (first, second)
    rows = [features - features.mean(axis=1, keepdims=True) for features in pair]
    need(
        not np.isclose(given, _align(*rows)),
        f"{said} The mean of each *picture* was taken off. A feature is a column: "
        "`axis=0`.",
    )
    centred = [features - features.mean(axis=0) for features in pair]
    sizes = [np.linalg.norm(features.T @ features) for features in centred]
    shared = np.linalg.norm(centred[1].T @ centred[0])
    need(
        not np.isclose(given, shared / np.prod(sizes)),
        f"{said} The numerator is not squared.",
    )
    raise NotYetRight(f"{said} Go through the formula once more, norm by norm.")


def _align(first, second):
    """Return the cosine between the tables of products of pictures."""
    products = [(features @ features.T).ravel() for features in (first, second)]
    return products[0] @ products[1] / np.prod([*map(np.linalg.norm, products)])


def never_asked(prediction, preferences):
    """Check the area that an object network is said to prefer.

    Parameters
    ----------
    prediction : str
    preferences : dict of str to float
        Attribution by size, for each area that is in the pictures.

    Raises
    ------
    NotYetRight
        If another area has more.
    """
    need_choice("prediction", prediction, "abc")
    areas = {"a": "hair", "b": "eyes", "c": "background"}
    values = {name: preferences.get(name, 0.0) for name in areas.values()}
    chosen, best = areas[prediction], max(values, key=values.__getitem__)
    need(
        chosen == best,
        f'You wrote "{prediction}": the {chosen} has {values[chosen]:.2g} times what '
        f"its size would give it, the {best} {values[best]:.2g} times.",
    )
    confirm("Exercise 5.6: even a network that knows no faces looks there.")
