"""Checks of the exercises of chapter 7."""

import numpy as np
import tensorflow as tf

from helpers.exercises.answers import (
    call,
    confirm,
    need,
    need_array,
    need_choice,
    quote,
)

_LITTLE = 0.2  # of a slope: next to nothing
_NEAR = 2e-3  # of a length: room for float32, and for a small number against zero


def one_step_uphill(take_step):
    """Check a step of gradient ascent whose length does not hang on the slope's.

    Raises
    ------
    NotYetRight
        If the pictures are others, with what went wrong.
    """
    generator = np.random.default_rng(0)
    images = generator.uniform(0.3, 0.7, (3, 5, 6, 3))
    slopes = generator.normal(0, 1, images.shape) * np.array([1e-4, 1, 50]).reshape(
        3, 1, 1, 1
    )
    moved = need_array(
        "take_step(…)", call(take_step, images, slopes, 0.02), images.shape
    )
    steps = moved - images
    lengths = np.sqrt(np.square(steps).reshape(3, -1).mean(axis=1))
    need(
        (steps * slopes).sum() > 0,
        "`take_step` goes downhill: where the slope is positive, a value must grow.",
    )
    largest = np.abs(steps).reshape(3, -1).max(axis=1)
    need(
        not np.allclose(largest, 0.02, _NEAR) or np.allclose(lengths, 0.02, _NEAR),
        f"The largest change in each picture is {quote(largest[0])}: the slopes were "
        "divided by their maximum. Divide by the root mean square.",
    )
    rates = lengths / np.sqrt(np.square(slopes).reshape(3, -1).mean(axis=1))
    need(
        not np.allclose(rates, rates[0], rtol=0.05),
        f"The steps of three pictures have the lengths {_list(lengths)}. Scale "
        "each picture by itself: `axis=(1, 2, 3), keepdims=True`.",
    )
    need(
        np.allclose(lengths, 0.02, _NEAR),
        "With a rate of 0.02 the root mean squares of three pictures' steps are "
        f"{_list(lengths)}. Each should be the rate; a number that guards against zero "
        "must be far smaller than the slopes.",
    )
    need(
        _are_parallel(steps, slopes),
        "The steps are as long as they should be, but do not lead along the slope. "
        "Divide all slopes of a picture by one number, the root mean square.",
    )
    far = need_array("take_step(…)", call(take_step, images, slopes, 3.0), images.shape)
    need(
        far.min() >= 0 and far.max() <= 1,
        f"After a long step the values run from {quote(far.min())} to "
        f"{quote(far.max())}. End with `np.clip(…, 0, 1)`.",
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        still = call(take_step, images, np.zeros_like(slopes), 0.02)
    need(
        np.allclose(still, images, atol=1e-6),
        "A slope of zero must leave the picture as it is, and it changed or became "
        "`nan`. Where the length is 0, divide by 1.",
    )
    confirm("Exercise 7.1: a step as long as it says.")


def a_third_way(prediction, shares):
    """Check where the slope of log p is said to be next to nothing.

    Parameters
    ----------
    prediction : str
    shares : float array (stages, classes)
        The slope of log p over that of the lead, from the start to the end.

    Raises
    ------
    NotYetRight
        If the prediction is another than what was measured.
    """
    need_choice("prediction", prediction, "abcd")
    start, end = np.median(shares[0]), np.median(shares[-1])
    truth = {
        (True, False): "a",
        (False, True): "b",
        (True, True): "c",
        (False, False): "d",
    }[bool(start < _LITTLE), bool(end < _LITTLE)]
    why = {
        "a": "The derivative of log p is that of p, divided by p.",
        "b": "Look at the shares once more.",
        "c": "That holds for p. What is left of p · (1 − p), divided by p?",
        "d": "One of the two factors is still there: 1 − p.",
    }[prediction]
    need(
        prediction == truth,
        f'You wrote "{prediction}", but the share is {quote(start)} at the start and '
        f"{quote(end)} at the end. {why}",
    )
    confirm("Exercise 7.2: log p, from the start to the end.")


def how_rough(measure_variation):
    """Check the total variation of pictures.

    Raises
    ------
    NotYetRight
        If the numbers are others, with what they look like.
    """
    generator = np.random.default_rng(0)
    for shape in ((2, 5, 7, 3), (3, 8, 4, 3)):
        images = generator.random(shape)
        answer = need_array(
            "measure_variation(images)", call(measure_variation, images), shape[:1]
        )
        truth = tf.image.total_variation(tf.constant(images)).numpy()
        steps = [np.abs(images - np.roll(images, 1, axis)) for axis in (1, 2)]
        inner = [steps[0][:, 1:], steps[1][:, :, 1:]]
        mistakes = {
            "the left edge was compared with the right one. `np.diff` does not go "
            "around": sum(_sum(one) for one in steps),
            "the differences were squared. Take `np.abs`": sum(
                _sum(one**2) for one in inner
            ),
            "the differences to the right are missing": _sum(inner[0]),
            "the differences down are missing": _sum(inner[1]),
            "a mean was taken. Add up": sum(one.mean(axis=(1, 2, 3)) for one in inner),
        }
        for mistake, value in mistakes.items():
            need(
                not np.allclose(answer, value),
                f"`measure_variation` gave {quote(answer[0])} for the first picture: "
                f"{mistake}.",
            )
        need(
            np.allclose(answer, truth, rtol=1e-4),
            f"`measure_variation` gave {quote(answer[0])} for the first picture, whose "
            f"total variation is {quote(truth[0])}. Add up the absolute differences in "
            "both directions.",
        )
    confirm("Exercise 7.3: the total variation of each picture.")


def the_best_in_the_world(find_best):
    """Check which pictures are said to excite channels most.

    Raises
    ------
    NotYetRight
        If there is a more exciting one, or the order is another.
    """
    generator = np.random.default_rng(0)
    for pictures, channels, count in ((9, 4, 3), (6, 6, 2)):
        excitements = generator.normal(0, 1, (pictures, channels))
        answer = need_array(
            "find_best(excitements, count)",
            call(find_best, excitements, count),
            (channels, count),
        )
        need(
            answer.dtype.kind in "iu",
            f"`find_best` gave {quote(answer.flat[0])}, an excitement. Return the "
            "numbers of the pictures: `np.argsort`.",
        )
        need(
            (answer >= 0).all() and (answer < pictures).all(),
            f"`find_best` gave the number {answer.max()}, and there are {pictures} "
            "pictures. Sort along the pictures, `axis=0`.",
        )
        for channel, numbers in enumerate(answer):
            column = [*excitements[:, channel]]
            wanted = [column.index(value) for value in sorted(column)[::-1][:count]]
            given = [*map(int, numbers)]
            need(
                given != wanted[::-1],
                f"Channel {channel}: {given} is the right set, the best last. Put the "
                "most exciting first.",
            )
            least = [column.index(value) for value in sorted(column)[:count]]
            need(
                given != least,
                f"Channel {channel}: {given} are the pictures that excite it least. "
                "Sort the negative.",
            )
            need(
                given == wanted,
                f"Channel {channel}: you chose {given}, and {wanted} excite it most. "
                "Sort along the pictures, `axis=0`.",
            )
    confirm("Exercise 7.4: each channel's best pictures.")


def how_small(estimate_levels):
    """Check after how many grey levels a lead is said to be gone.

    It is asked about leads that are straight lines, where the step can be tried.

    Raises
    ------
    NotYetRight
        If the lead is not gone then.
    """
    generator = np.random.default_rng(0)
    for shape in ((2, 4, 5, 3), (3, 8, 8, 3)):
        images, slopes = generator.random(shape), generator.normal(0, 2, shape)
        before = generator.uniform(1, 5, len(images))
        offsets = before - _sum(slopes * images)
        answer = need_array(
            "estimate_levels(leads, slopes)",
            call(estimate_levels, before, slopes),
            before.shape,
        )
        moved = images - answer.reshape(-1, 1, 1, 1) / 255 * np.sign(slopes)
        after = _sum(slopes * moved) + offsets
        sizes = np.abs(slopes)
        mistakes = {
            "in units of the whole range. One grey level is 1/255 of it": (
                before / _sum(sizes)
            ),
            "with the mean slope. All values move at once: take the sum": (
                255 * before / sizes.mean(axis=(1, 2, 3))
            ),
            "with the slopes' Euclidean length. Each value moves by the same ε: add "
            "up the absolute slopes": 255 * before / np.sqrt(_sum(slopes**2)),
            "with slopes of both signs that cancel. Add up their sizes": (
                255 * before / _sum(slopes)
            ),
        }
        for mistake, value in mistakes.items():
            need(
                not np.allclose(answer, value),
                f"`estimate_levels` gave {quote(answer[0])}, {mistake}.",
            )
        need(
            np.allclose(after, 0, atol=1e-4),
            f"`estimate_levels` gave {quote(answer[0])} grey levels for a lead of "
            f"{quote(before[0])}, and after them it is still {quote(after[0])}. It "
            "falls by ε times the sum of all |slopes|.",
        )
    confirm("Exercise 7.5: how small, without trying.")


def few_but_loud(change_few):
    """Check a picture of which a few values were pushed to an end.

    Raises
    ------
    NotYetRight
        If other values changed, or to the other end.
    """
    generator = np.random.default_rng(0)
    image = generator.uniform(0.2, 0.8, (6, 7, 3)).astype("float32")
    slopes = generator.normal(0, 1, image.shape)
    for count in (0, 1, 10, 50):
        changed = need_array(
            "change_few(…)", call(change_few, image, slopes, count), image.shape
        )
        touched = changed != image
        need(
            count or not touched.any(),
            f"With a count of 0 `change_few` changed {touched.sum()} values. Mind the "
            "slice: `[-0:]` takes them all.",
        )
        need(
            touched.sum() == count,
            f"`change_few` changed {touched.sum()} values instead of {count}. A pixel "
            "has three values: count each of them.",
        )
        if not count:
            continue
        bound = sorted(np.abs(slopes).ravel())[-count]
        inside = sorted(slopes[touched], key=abs)
        signed = np.sort(slopes, axis=None)[-count:]
        need(
            abs(inside[0]) >= bound or not np.array_equal(sorted(inside), signed),
            "`change_few` changed values of positive slope only. The steepest are "
            "those of the largest size: `np.abs`.",
        )
        need(
            abs(inside[0]) >= bound,
            f"`change_few` changed a value of slope {quote(inside[0])}, while {count} "
            f"values have {quote(bound)} or more by size. Take the largest.",
        )
        ends = changed[touched] * 1.0
        need(
            not np.array_equal(ends, slopes[touched] > 0),
            f"A slope of {quote(slopes[touched][0])} was sent to {quote(ends[0])}: "
            "that makes the lead larger. Exchange 0 and 1.",
        )
        need(
            np.array_equal(ends, slopes[touched] < 0),
            f"A slope of {quote(slopes[touched][0])} was sent to {quote(ends[0])}; it "
            "must go to 0 if it is positive, and to 1 if it is negative.",
        )
    confirm("Exercise 7.6: a few values, all the way.")


def _are_parallel(steps, slopes):
    steps, slopes = (array.reshape(len(array), -1) for array in (steps, slopes))
    lengths = np.linalg.norm(steps, axis=1) * np.linalg.norm(slopes, axis=1)
    return np.allclose((steps * slopes).sum(axis=1), lengths, rtol=1e-4)


def _list(numbers):
    return ", ".join(map(quote, numbers))


def _sum(values):
    """Return the sum of each picture's values."""
    return values.sum(axis=(1, 2, 3))
