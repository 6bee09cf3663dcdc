"""Checks of the exercises of chapter 1."""

import numpy as np

from helpers import networks
from helpers.exercises.answers import (
    call,
    confirm,
    need,
    need_array,
    need_choice,
    need_number,
)

_SQUARE = 4  # pixels
_UPPER_HALF = 14  # rows
_TALLEST = 6  # rows


def move_right(move, images):
    """Check a function that moves pictures to the right.

    Parameters
    ----------
    move : callable
    images : array (n, 28, 28, 1)
        Pictures to try it on.

    Raises
    ------
    NotYetRight
        If it wraps, moves elsewhere, or fails for some number of columns.
    """
    speckles = np.random.default_rng(0).random((3, 28, 28, 1)).astype(images.dtype)
    for columns in (5, 12, -5, 0, 27):
        for pictures in (images[:20], speckles):
            answer = need_array(
                f"move_right(images, {columns})",
                call(move, pictures, columns),
                pictures.shape,
            )
            _compare_moved(answer, pictures, columns)
    confirm("Exercise 1.1: what leaves is lost, and paper comes in.")


def _compare_moved(answer, pictures, columns):
    truth = _pad_and_cut(pictures, columns)
    if np.array_equal(answer, truth):
        return
    rolled = np.roll(pictures, columns, axis=2)
    down = _pad_and_cut(pictures.swapaxes(1, 2), columns).swapaxes(1, 2)
    came_in = answer[0, :, :columns] if columns > 0 else answer[0, :, columns:]
    row = int(came_in.max(axis=(1, 2)).argmax())
    need(
        not np.array_equal(answer, rolled),
        "`move_right` brought the ink that left on the right back on the left: row "
        f"{row} has {came_in[row].max():.2f} there. Use zeros.",
    )
    need(
        not np.array_equal(answer, down),
        f"`move_right(images, {columns})` moved the pictures down. Columns are the "
        "third axis: picture, row, column, channel.",
    )
    need(
        not np.array_equal(answer, _pad_and_cut(pictures, -columns)),
        f"`move_right(images, {columns})` moved the pictures by {-columns} columns. "
        "Swap the two slices.",
    )
    need(
        columns > 0,
        f"`move_right(images, {columns})` does not do what it should, though to the "
        "right it works: give negative numbers a line of their own, and try 0.",
    )
    wrong = int((answer != truth).sum())
    need(
        False,
        f"`move_right(images, {columns})` has {wrong} pixels that are not as they "
        f"should be. Column {columns} of the answer is column 0 of the picture.",
    )


def _pad_and_cut(images, columns):
    """Move by padding on both sides and cutting a window out."""
    far = abs(columns)
    padded = np.pad(images, ((0, 0), (0, 0), (far, far), (0, 0)))
    return padded[:, :, far - columns :][:, :, : images.shape[2]]


def sure_when_wrong(prediction, median_sure):
    """Check how sure networks are said to be of moved digits they get wrong.

    Parameters
    ----------
    prediction : str
    median_sure : float
        The median of the larger probability, over the wrong answers.

    Raises
    ------
    NotYetRight
        If it was another.
    """
    need_choice("prediction", prediction, "abc")
    measured = need_number("median_sure", median_sure)
    truth = "abc"[int(np.digitize(measured, [0.6, 0.75]))]
    words = {"a": "the toss of a coin", "b": "a doubt", "c": "confidence"}
    need(
        prediction == truth,
        f'You wrote "{prediction}", {words[prediction]}; the median measured is '
        f"{measured:.3f}, {words[truth]}. Nothing in the training taught it to doubt.",
    )
    confirm("Exercise 1.2: wrong, and sure of it.")


def a_seven_in_the_lower_half(probe, models):
    """Check a picture that five networks call a 7 without ink in its upper half.

    Parameters
    ----------
    probe : array (1, 28, 28, 1)
    models : list of keras.Model

    Raises
    ------
    NotYetRight
        If it has ink where it may not, is too tall, or one network disagrees.
    """
    picture = need_array("probe", probe, (1, 28, 28, 1)).astype("float32")
    need(
        picture.min() >= 0 and picture.max() <= 1,
        f"`probe` reaches from {picture.min():.2g} to {picture.max():.2g}; ink is 1 "
        "and paper is 0.",
    )
    rows = picture[0, ..., 0].max(axis=1)
    inked = np.flatnonzero(rows > 0.05)
    need(len(inked) > 0, "`probe` has no ink at all. Draw a bar.")
    need(
        inked[0] >= _UPPER_HALF,
        f"`probe` has ink in row {inked[0]}, and rows 0 to {_UPPER_HALF - 1} must stay "
        "empty. Push it down.",
    )
    strong = np.flatnonzero(rows > 0.5)
    height = strong[-1] - strong[0] + 1 if len(strong) else 0
    need(
        0 < height <= _TALLEST,
        f"`probe` has strong ink on {height} rows, and it should be 1 to {_TALLEST}. "
        "A 7 with a stem would be no surprise.",
    )
    sevens = np.array([networks.predict(model, picture)[0, 1] for model in models])
    convinced = int((sevens >= 0.9).sum())
    need(
        convinced == len(models),
        f"Only {convinced} of {len(models)} networks are convinced; the lowest p(7) is "
        f"{sevens.min():.2f}. Sweep: try all rows, and look at the lowest of the five.",
    )
    confirm("Exercise 1.3: all five call it a 7, and it has no upper half.")


def falls_by_square(answer, model, images):
    """Check a function that covers squares and returns how p(7) falls.

    Parameters
    ----------
    answer : callable
    model : keras.Model
    images : array (n, 28, 28, 1)
        Pictures to try it on.

    Raises
    ------
    NotYetRight
        If a fall is not what covering that one square makes it.
    """
    dash = np.zeros((28, 28, 1), "float32")
    dash[7:10, 5:21] = 0.8
    for picture, filler in [(images[0], 0.0), (dash, 0.0), (dash, 0.7), (images[1], 1)]:
        name = f"falls_by_square(model, picture, {filler})"
        falls = need_array(name, call(answer, model, picture, filler), (7, 7))
        truth, piled = _measure_falls(model, picture, filler)
        if np.abs(falls - truth).max() < 1e-3:
            continue
        row, column = np.unravel_index(np.abs(falls - truth).argmax(), (7, 7))
        given, wanted = falls[row, column], truth[row, column]
        place = f"In row {row}, column {column}, `{name}`"
        for other, reason in [
            (-truth, "has the wrong sign: a fall is p(7) before minus p(7) after."),
            (truth.T, "has rows and columns swapped."),
            (piled, "has the squares before it covered as well: one at a time."),
        ]:
            need(
                np.abs(falls - other).max() >= 1e-3,
                f"{place} gave {given:.3f} instead of {wanted:.3f}: it {reason}",
            )
        need(
            False,
            f"{place} gave {given:.3f}; covering that square alone makes p(7) fall by "
            f"{wanted:.3f}. Are all its 16 pixels the filler, and no others?",
        )
    confirm("Exercise 1.4: each square is covered once, and alone.")


def _measure_falls(model, picture, filler):
    """Measure with masks: each square alone, and all squares so far together."""
    alone = np.kron(np.eye(49).reshape(49, 7, 7), np.ones((_SQUARE, _SQUARE)))
    together = np.cumsum(alone, axis=0)
    masks = np.concatenate([alone[:1] * 0, alone, together])[..., None]
    pictures = picture * (1 - masks) + filler * masks
    sevens = networks.predict(model, pictures.astype("float32"))[:, 1]
    falls = (sevens[0] - sevens[1:]).reshape(2, 7, 7)
    return falls[0], falls[1]


def choose_threshold(answer):
    """Check a function that chooses a threshold for refusing, given its price.

    Raises
    ------
    NotYetRight
        If the threshold refuses too many, or a larger one would do.
    """
    generator = np.random.default_rng(0)
    for count, price in [(200, 0.05), (60, 0.05), (40, 0.0), (30, 0.5), (10, 0.25)]:
        sure = generator.permutation(1 - np.geomspace(1e-6, 0.5, count))
        name = f"choose_threshold(sure, {price})"
        threshold = need_number(name, call(answer, sure, price))
        refused, paid = int((sure < threshold).sum()), int(price * count)
        said = f"`{name}` returned {threshold:.6f}, which refuses {refused} of {count}"
        need(
            refused <= paid,
            f"{said} digits; only {paid} are paid for. Those to refuse are the least "
            "sure, which stand first when sorted.",
        )
        need(refused == paid, f"{said} digits; {paid} are paid for. It can be larger.")
        largest = max(value for value in sure if (sure < value).sum() <= price * count)
        need(
            np.isclose(threshold, largest, rtol=0, atol=1e-12),
            f"{said} digits, but so does a larger one: the largest is itself a value "
            "of `sure`.",
        )
    confirm("Exercise 1.5: the price is kept, and all of it is spent.")
