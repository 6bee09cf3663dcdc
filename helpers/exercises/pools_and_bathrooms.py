"""Checks of the exercises of chapter 6."""

import keras
import numpy as np

from helpers.attribution import read_scores
from helpers.exercises.answers import (
    NotYetRight,
    call,
    confirm,
    need,
    need_array,
    need_choice,
    need_number,
    quote,
)
from helpers.networks import predict
from helpers.questions import ask_rather_than

_HOTEL = ["lobby", "sauna", "pool"]
_TABLES = (  # pictures of a hotel, rows what they show and columns what they are called
    [[88, 12, 0], [0, 6, 4], [3, 0, 27]],
    [[9, 0, 1], [70, 120, 10], [0, 12, 8]],
    [[0, 20, 30], [5, 45, 0], [0, 40, 60]],
)
_TOLERANCE = 0.12  # of half an interval, for ends found with 2,000 samples


def worst_mistake(find_worst_mistake, labels, answers, class_names):
    """Check a function that finds the largest share beside a table's diagonal.

    Parameters
    ----------
    find_worst_mistake : callable
    labels, answers : int array (n,)
    class_names : list of str

    Raises
    ------
    NotYetRight
        If it finds something else, in these answers or in small tables.
    """
    for table in _TABLES:
        shown, called = np.repeat(np.indices((3, 3)).reshape(2, -1), np.ravel(table), 1)
        _check_mistake(find_worst_mistake, shown, called, _HOTEL)
    _check_mistake(find_worst_mistake, labels, answers, class_names)
    confirm("Exercise 6.1: the worst mistake, by shares.")


def _check_mistake(find_worst_mistake, labels, answers, class_names):
    found = call(find_worst_mistake, labels, answers, class_names)
    need(
        isinstance(found, tuple | list) and len(found) == 3,
        "`find_worst_mistake` must return two names and a share; it returned "
        f"{quote(found)}.",
    )
    *names, share = found
    need(
        all(isinstance(name, str) and name in class_names for name in names),
        f"The first two must be names of areas, such as {class_names[0]!r}; they are "
        f"{quote(names[0])} and {quote(names[1])}.",
    )
    share = need_number("the share", share)
    counts = {
        (shown, called): np.sum((labels == row) & (answers == column))
        for row, shown in enumerate(class_names)
        for column, called in enumerate(class_names)
    }
    sizes = {name: np.sum(labels == row) for row, name in enumerate(class_names)}
    mistakes = {
        pair: count / sizes[pair[0]]
        for pair, count in counts.items()
        if pair[0] != pair[1] and sizes[pair[0]]
    }
    worst = max(mistakes, key=mistakes.__getitem__)
    if mistakes.get(tuple(names)) == mistakes[worst]:
        worst = tuple(names)  # of two that are equal, either will do
    given = f"a {names[0]} that is called {names[1]}"
    need(
        names[0] != names[1],
        f"You found {given}, and that is no mistake. Set the diagonal to zero.",
    )
    need(
        tuple(names) != worst[::-1],
        f"You found {given}. It is the other way round: the true area comes first.",
    )
    need(
        tuple(names) == worst,
        f"You found {given}: {counts[tuple(names)]} of {sizes[names[0]]}. The share is "
        f"larger elsewhere: {counts[worst]} of {sizes[worst[0]]}. Divide each row by "
        "its sum.",
    )
    need(
        abs(share - mistakes[worst]) < 1e-6,
        f"You found {given}, which is right, but the share is {quote(share)}, and "
        f"{counts[worst]} of {sizes[worst[0]]} are called so.",
    )


def epsilon_rule(share_relevance):
    """Check a function that shares relevance in a dense layer by the ε rule.

    Raises
    ------
    NotYetRight
        If inputs or biases get something else.
    """
    generator = np.random.default_rng(6)
    for features, classes in ((3, 2), (12, 5)):
        for small in (1e-6, 0.5):
            inputs = generator.normal(size=features)
            kernel = generator.normal(size=(features, classes))
            bias, relevance = generator.normal(size=(2, classes))
            _check_shares(share_relevance, inputs, kernel, bias, relevance, small)
    nothing = np.zeros(3)
    _check_shares(share_relevance, nothing, np.ones((3, 2)), nothing[:2], np.ones(2))
    confirm("Exercise 6.2: the books balance, the bias included.")


def _check_shares(share_relevance, inputs, kernel, bias, relevance, small=1e-6):
    found = call(share_relevance, inputs, kernel, bias, relevance, small=small)
    need(
        isinstance(found, tuple | list) and len(found) == 2,
        "`share_relevance` must return two arrays, for the inputs and for the biases; "
        f"it returned {quote(found)}.",
    )
    shares = need_array("the inputs' shares", found[0], inputs.shape)
    kept = need_array("the biases' shares", found[1], bias.shape)
    wanted, wanted_kept = _share_one_by_one(inputs, kernel, bias, relevance, small)
    if np.allclose(shares, wanted) and np.allclose(kept, wanted_kept):
        return
    without_bias, _ = _share_one_by_one(inputs, kernel, 0 * bias, relevance, small)
    need(
        not np.allclose(shares, without_bias),
        f"The inputs got {quote(shares.sum())} together, as if there were no bias. It "
        "is part of the sum z, and takes its share.",
    )
    above = np.maximum(inputs[:, None] * kernel, 0)
    by_z_plus, _ = _share_one_by_one(
        np.ones(len(inputs)), above, np.maximum(bias, 0), relevance, small
    )
    need(
        not np.allclose(shares, by_z_plus),
        "Only contributions above zero got a share: that is the z⁺ rule. By the ε rule "
        "those below zero count too.",
    )
    upwards, _ = _share_one_by_one(inputs, kernel, bias, relevance, small, -1)
    need(
        not np.allclose(shares, upwards),
        f"With `small={small}` a sum z below zero was moved towards zero. Subtract "
        "`small` there: `np.where(z >= 0, small, -small)`.",
    )
    total = shares.sum() + kept.sum()
    balance = wanted.sum() + wanted_kept.sum()
    where = "to the biases" if np.allclose(shares, wanted) else "to the inputs"
    raise NotYetRight(
        f"With `small={small}` the shares {where} are others: you gave away "
        f"{quote(total)} in all, and should {quote(balance)}. Share in proportion to "
        "`inputs[i] * kernel[i, j]` and `bias[j]`."
    )


def _share_one_by_one(inputs, kernel, bias, relevance, small, below=1):
    """Share by the ε rule, one connection after the other."""
    shares, kept = np.zeros(len(inputs)), np.zeros(len(bias))
    for place, given in enumerate(relevance):
        total = bias[place]
        for value, weight in zip(inputs, kernel[:, place], strict=True):
            total += value * weight
        total += small if total >= 0 else -below * small
        kept[place] = bias[place] / total * given
        for number, value in enumerate(inputs):
            shares[number] += value * kernel[number, place] / total * given
    return shares, kept


def rather_than(explain_rather_than, model, images):
    """Check a function that maps what speaks for one class rather than another.

    Parameters
    ----------
    explain_rather_than : callable
    model : keras.Model
        Ends in a mean over its last map, the layer "mean", and a dense layer,
        "classes". Truth is its difference of logits, which the maps must give.
    images : float32 array (n, height, width, 3)

    Raises
    ------
    NotYetRight
        If the maps are others.
    """
    kernel, bias = model.get_layer("classes").get_weights()
    maps = predict(keras.Model(model.input, model.get_layer("mean").input), images)
    classes = kernel.shape[1]
    for class_index, other in ((0, 1), (1, 0), (classes - 1, 1)):
        found = call(explain_rather_than, maps, kernel, class_index, other)
        found = need_array("the maps", found, maps.shape[:3])
        question = ask_rather_than(model, class_index, other)
        wanted = read_scores(question, images, 0) - (bias[class_index] - bias[other])
        single = [maps @ kernel[:, number] for number in (class_index, other)]
        _check_difference(found, wanted, single)
    confirm("Exercise 6.3: the maps add up to the difference of the logits.")


def _check_difference(found, wanted, single):
    """Compare maps with differences of logits (n,) and with the maps of each class."""
    first, second = single
    wanted_maps = first - second
    near = {"rtol": 1e-3, "atol": 1e-3 * np.abs(wanted_maps).max()}
    means = found.mean(axis=(1, 2))
    if np.allclose(means, wanted, **near) and np.allclose(found, wanted_maps, **near):
        return
    need(
        not np.allclose(found, first, **near),
        "These are the maps of `class_index` alone. What speaks for `other` must be "
        "taken off.",
    )
    need(
        not np.allclose(found, -wanted_maps, **near),
        "The sign is the wrong way round: what speaks for `class_index` must be above "
        f"zero, and your first map has the mean {quote(means[0])} where the logits "
        f"differ by {quote(wanted[0])}.",
    )
    rectified = np.maximum(first, 0) - np.maximum(second, 0)
    need(
        found.min() < 0 and not np.allclose(found, rectified, **near),
        "Values below zero were cut off, and what is cut off speaks against a class. "
        f"Your first map has the mean {quote(means[0])}, the logits differ by "
        f"{quote(wanted[0])} there. Keep the signs.",
    )
    raise NotYetRight(
        f"Your first map has the mean {quote(means[0])}; without the biases the logits "
        f"differ by {quote(wanted[0])} there. At each place, weigh the channels by the "
        "difference of the two classes' weights."
    )


def what_is_a_rail(prediction, model, painted, bathroom):
    """Check which change of a rail is said to save most rooms.

    Parameters
    ----------
    prediction : str
    model : keras.Model
    painted : dict of str to float32 array (n, height, width, 3)
        The rooms with a dark rail, and after the changes a, b and c, in this order.
    bathroom : int

    Raises
    ------
    NotYetRight
        If another change saves more rooms.
    """
    need_choice("prediction", prediction, "abc")
    called = {
        name: np.mean(predict(model, pictures).argmax(axis=1) == bathroom)
        for name, pictures in painted.items()
    }
    changes = dict(zip("abc", [*called][1:], strict=True))
    chosen = changes[prediction]
    best = min(changes.values(), key=called.__getitem__)
    remarks = {
        "a": "A bar is a bar from both ends",
        "b": "The form is gone, and it hardly cares",
        "c": "Its colour is not what it goes by, here",
    }
    need(
        called[chosen] == called[best],
        f'You wrote "{prediction}": {chosen}, {called[chosen]:.0%} are called a '
        f"bathroom; {best}, only {called[best]:.0%}. {remarks[prediction]}.",
    )
    confirm("Exercise 6.4: this change saves most rooms.")


def interval(find_interval):
    """Check a function that finds an interval for a mean rise, from pairs.

    Raises
    ------
    NotYetRight
        If it is far from what theory gives, or draws something else than pairs.
    """
    generator = np.random.default_rng(65)
    before = generator.uniform(0, 0.5, 200)
    low, high = _find_ends(find_interval, before, before + 0.25)
    need(
        abs(low + 0.25) > 1e-6 or abs(high + 0.25) > 1e-6,
        f"The probability rose by 0.25, and your interval goes from {quote(low)} to "
        f"{quote(high)}. The rise is `after - before`.",
    )
    need(
        abs(low - 0.25) < 1e-6 and abs(high - 0.25) < 1e-6,
        "In all pairs of a test the rise was 0.25, so both ends must be; yours are "
        f"{quote(low)} and {quote(high)}. Draw pairs: the same rooms before and after.",
    )
    for count in (100, 400):
        rises = generator.normal(0.3, 0.1, count)
        before = generator.uniform(0, 0.5, count)
        ends = _find_ends(find_interval, before, before + rises)
        _compare_ends(ends, rises)
    confirm("Exercise 6.5: an interval from pairs, of the width that theory gives.")


def _find_ends(find_interval, before, after):
    found = call(find_interval, before, after, np.random.default_rng(0))
    return need_array("the interval", found, (2,))


def _compare_ends(ends, rises):
    """Compare an interval with the mean ± 1.96 standard errors, for even pairs."""
    low, high = ends
    spread = 1.96 * rises.std()
    half = spread / np.sqrt(len(rises))
    given, width = f"from {quote(low)} to {quote(high)}", (high - low) / 2
    need(
        low <= high,
        f"Your interval goes {given}: the low end must come first.",
    )
    need(
        width > 1e-9,
        f"Your interval goes {given}, without any width. Was each pair drawn just "
        "once? Draw with replacement.",
    )
    need(
        width < 0.5 * spread,
        f"Your interval goes {given}, which is how far single pairs lie apart. Take "
        "the mean of each sample first, then the quantiles of these means.",
    )
    need(
        not 0.78 * half < width < 0.88 * half,
        f"Your interval goes {given}; that is about the middle 90 %, not 95 %. Leave "
        "2.5 % on each side.",
    )
    wanted = rises.mean() - half, rises.mean() + half
    need(
        np.allclose(ends, wanted, rtol=0, atol=_TOLERANCE * half),
        f"Your interval goes {given}; for these {len(rises)} pairs it should be near "
        f"{quote(wanted[0])} to {quote(wanted[1])}. Draw as many pairs as there are, "
        "and keep the middle 95 % of the means.",
    )


def worst_group(measure_worst_group):
    """Check a function that finds the accuracy of the worst group.

    Raises
    ------
    NotYetRight
        If it finds something else.
    """
    generator = np.random.default_rng(66)
    for classes, count in ((2, 60), (4, 300)):
        labels = generator.integers(classes, size=count)
        has_rail = generator.random(count) < 0.3
        keep = ~((labels == 0) & ~has_rail)  # one group is empty
        labels, has_rail = labels[keep], has_rail[keep]
        wrong = generator.random(len(labels)) < np.where(has_rail, 0.2, 0.1)
        wrong |= (labels == 1) & has_rail & (generator.random(len(labels)) < 0.6)
        answers = np.where(wrong, (labels + 1) % classes, labels)
        _check_worst(measure_worst_group, answers, labels, has_rail)
    confirm("Exercise 6.6: the worst group, and not the mean.")


def _check_worst(measure_worst_group, answers, labels, has_rail):
    groups: dict[tuple, list] = {}
    rows = zip(labels.tolist(), has_rail.tolist(), answers == labels, strict=True)
    for label, rail, right in rows:
        groups.setdefault((label, rail), []).append(right)
    shares = {group: np.mean(right) for group, right in groups.items()}
    worst = min(shares, key=shares.__getitem__)
    given = call(measure_worst_group, answers, labels, has_rail)
    need(
        not (isinstance(given, float | np.floating) and np.isnan(given)),
        "`measure_worst_group` gives “not a number”: one group of a test has no "
        "pictures. Leave such groups out.",
    )
    given = need_number("the worst group's accuracy", given)
    by_label = [np.mean((answers == labels)[labels == each]) for each in set(labels)]
    by_rail = [np.mean((answers == labels)[has_rail == each]) for each in (False, True)]
    mistakes = {
        "the accuracy of all pictures together": np.mean(answers == labels),
        "the mean of the groups": np.mean([*shares.values()]),
        "the worst area, with rail and without together": min(by_label),
        "the worse of all rooms with a rail and all without": min(by_rail),
        "an accuracy of 0, maybe of a group without pictures": 0.0,
    }
    for what, value in mistakes.items():
        need(
            abs(given - value) > 1e-6 or abs(shares[worst] - value) < 1e-6,
            f"`measure_worst_group` returned {quote(given)}: that is {what}. Split by "
            "area and by rail, and take the least.",
        )
    need(
        abs(given - shares[worst]) < 1e-6,
        f"`measure_worst_group` returned {quote(given)}. The worst group has "
        f"{len(groups[worst])} pictures, of which {sum(groups[worst])} are right.",
    )
