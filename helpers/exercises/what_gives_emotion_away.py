"""Checks of the exercises of chapter 4: preference, brush, LIME and bootstrap."""

import numpy as np
from sklearn.linear_model import LinearRegression

from helpers import lamps
from helpers.exercises.answers import (
    call,
    confirm,
    need,
    need_array,
    need_choice,
    need_number,
)

_NEAR = 0.06  # of an interval, for ends found with 3,000 means


def measure_preference(answer):
    """Check how much more heat a mask gets than its size.

    Parameters
    ----------
    answer : callable
        From a map and a mask (height, width) to a number.

    Raises
    ------
    NotYetRight
        If the number is not right.
    """
    name = answer.__name__
    generator = np.random.default_rng(9)
    for shift in (0.0, 0.0, 0.6, 0.3):
        heatmap = generator.random((8, 12)) * 5 - shift * 5
        mask = generator.random((8, 12)) < 0.3
        inside = total = signed = 0.0
        for place, value in np.ndenumerate(heatmap):
            total += max(value, 0)
            inside += max(value, 0) * mask[place]
            signed += value * mask[place]
        share, covered = inside / total, np.count_nonzero(mask)
        truth = share * mask.size / covered
        given = need_number(f"{name}(…)", call(answer, heatmap, mask))
        said = f"`{name}` gives {given:.3g} and {truth:.3g} was expected. "
        need(
            not np.isclose(given, share),
            f"{said}That is the share of the heat; divide it by the mask's share of "
            "the area.",
        )
        need(
            not np.isclose(given, share / covered),
            f"{said}Divide by the mask's share of the picture, `mask.mean()`, not by "
            "its number of pixels.",
        )
        need(
            not shift
            or not np.isclose(given, signed / heatmap.sum() * mask.size / covered),
            f"{said}Negative heat counts as none: cut it off before you add up.",
        )
        need(
            np.isclose(given, truth),
            f"{said}In the mask lie {share:.0%} of the heat and "
            f"{covered / mask.size:.0%} of the picture.",
        )
    given = need_number(f"{name}(…)", call(answer, np.full((8, 12), -1.0), mask))
    need(
        given == 0,
        f"`{name}` gives {given:.3g} for a map without positive heat; 0 was expected.",
    )
    confirm("Exercise 4.1: heat in an area, by its size.")


def paint_on_the_left(answer, images, regions):
    """Check lamps on the left, pixel by pixel.

    Parameters
    ----------
    answer : callable
        From faces and their regions to faces with a lamp on the left.
    images : float32 array (n, 100, 100, 3)
    regions : uint8 array (n, 100, 100)

    Raises
    ------
    NotYetRight
        If anything else has changed, or the lamp is not there.
    """
    name = answer.__name__
    given = need_array(f"{name}(…)", call(answer, images, regions), images.shape)
    # The brush on white and on black gives its colours and how far it covers.
    black, white = np.zeros((1, *images.shape[1:])), np.ones((1, *images.shape[1:]))
    colours = lamps.paint_in(black, regions[:1])[0][:, :, ::-1]
    cover = 1 - (lamps.paint_in(white, regions[:1])[0][:, :, ::-1] - colours)
    truth = images * (1 - cover) + colours
    half = images.shape[2] // 2
    mirrored = images[:, :, ::-1] * (1 - cover) + colours
    turned = truth[:, :, ::-1], mirrored
    need(
        not any(np.allclose(given, one, atol=0.01) for one in turned),
        f"`{name}` left the faces mirrored. Turn the pictures back after the brush.",
    )
    need(
        np.allclose(given[:, :, half:], truth[:, :, half:], atol=0.01),
        f"`{name}` changed the right half of the pictures, where nothing may change. "
        "Is there a lamp too?",
    )
    need(
        not np.allclose(given, images, atol=0.01),
        f"`{name}` returns the faces as they were, without a lamp.",
    )
    need(
        np.allclose(given, truth, atol=0.01),
        f"`{name}` did not paint the mirror image of the lamp into the lower left "
        "corner. Turn the columns around, not the rows.",
    )
    confirm("Exercise 4.2: a lamp on the left, and nothing else.")


def compare_sides(answer, answers, suspect):
    """Check the prediction of what a lamp on the left does.

    Parameters
    ----------
    answer : str
        "a": at least two thirds of the effect on the right, "c": at most a third,
        "b": between.
    answers : dict of str to int array (networks, faces)
        For "no lamp", "on the right" and "on the left".
    suspect : int

    Raises
    ------
    NotYetRight
        If it is not so.
    """
    need_choice("left_lamp", answer, "abc")
    counts = {name: np.count_nonzero(a == suspect) for name, a in answers.items()}
    right = counts["on the right"] - counts["no lamp"]
    share = (counts["on the left"] - counts["no lamp"]) / right
    seen = "a" if share >= 2 / 3 else "c" if share <= 1 / 3 else "b"
    need(
        answer == seen,
        f"You predicted {answer}), and the lamp on the left has {share:.0%} of the "
        "effect of the one on the right. Where did the lamps stand that the networks "
        "learned from? Then put in the letter that you saw.",
    )
    confirm("Exercise 4.3: you know what a lamp in the other corner does.")


def fit_pieces(answer):
    """Check the weighted linear fit, against scikit-learn's.

    Parameters
    ----------
    answer : callable
        From shown (samples, pieces), answers and weights (samples,) to coefficients.

    Raises
    ------
    NotYetRight
        If the coefficients are not right.
    """
    name = answer.__name__
    generator = np.random.default_rng(10)
    for pieces in (3, 6):
        shown = generator.integers(0, 2, (60, pieces))
        weights = generator.random(60) ** 3 + 0.01
        answers = 0.4 + shown @ generator.normal(size=pieces)
        answers = answers + 0.5 * shown[:, 0] * shown[:, 1] + generator.normal(size=60)

        def fit(factors, intercept=True, shown=shown, answers=answers):
            linear = LinearRegression(fit_intercept=intercept)
            return linear.fit(shown, answers, factors).coef_

        truth = fit(weights)
        given = call(answer, shown, answers, weights)
        given = need_array(f"{name}(…)", given, (None,))
        need(
            len(given) != pieces + 1,
            f"`{name}` returns {pieces + 1} numbers for {pieces} pieces. Leave out the "
            "coefficient of the intercept.",
        )
        given = need_array(f"{name}(…)", given, (pieces,))
        mistakes = {
            "The weights do not count. Multiply each row by the square root of its "
            "weight.": fit(None),
            "There is no intercept. Add a column of ones.": fit(weights, False),
            "The rows were multiplied by the weights, so that these count squared. "
            "Take their square root first.": fit(weights**2),
        }
        for sentence, mistaken in mistakes.items():
            need(
                not np.allclose(given, mistaken, atol=1e-6),
                f"`{name}` gives {given[0]:.3f} for the first piece, and "
                f"{truth[0]:.3f} was expected. {sentence}",
            )
        need(
            np.allclose(given, truth, atol=1e-6),
            f"`{name}` gives {given[0]:.3f} for the first piece, and {truth[0]:.3f} "
            "was expected: the least sum of weight × squared error, with an intercept.",
        )
    confirm("Exercise 4.4: the linear model that LIME fits.")


def bootstrap(answer):
    """Check the bootstrap over persons, on values that only differ between persons.

    Parameters
    ----------
    answer : callable
        From values, people, count and seed to the ends of an interval.

    Raises
    ------
    NotYetRight
        If the interval is not that of persons drawn with replacement.
    """
    name = answer.__name__
    generator = np.random.default_rng(11)
    sizes = generator.integers(2, 16, 20)
    of_person = generator.normal(size=20)
    people = np.repeat(np.arange(20), sizes)
    values = of_person[people]
    order = generator.permutation(len(people))
    people, values = people[order], values[order]
    fifth, low, high, last = _draw_ends(sizes, of_person, [5, 2.5, 97.5, 95])
    spread = high - low
    given = call(answer, values, people, 3000, 1)
    start, end = need_array(f"{name}(…)", given, (2,)).astype(float)
    said = (
        f"`{name}` gives {start:.2f} to {end:.2f}, and about {low:.2f} to {high:.2f} "
    )
    width = (end - start) / spread
    need(
        width > 0.05,
        f"{said}was expected. The interval has hardly any width: are persons drawn "
        "with replacement, anew for each mean?",
    )
    need(
        width > 0.75,
        f"{said}was expected. It is too narrow: draw persons, not faces, and take the "
        "2.5 and the 97.5 percentile of the means.",
    )
    near = _NEAR * spread
    need(
        max(abs(start - fifth), abs(end - last)) > near / 2,
        f"{said}was expected. That is about the middle 90 %, not 95 %: leave 2.5 % on "
        "each side.",
    )
    need(
        max(abs(start - low), abs(end - high)) < near,
        f"{said}was expected. Is every mean taken over all faces of the drawn persons, "
        "so that a person with many faces weighs more?",
    )
    again = np.asarray(call(answer, values, people, 3000, 1), float)
    need(
        np.array_equal(again, [start, end]),
        f"`{name}` gives two intervals for one seed. Make a generator from it: "
        "np.random.default_rng(seed).",
    )
    confirm("Exercise 4.5: an interval that knows how many persons there are.")


def _draw_ends(sizes, of_person, percentiles, count=20000):
    """Return percentiles of the mean by counting how often each person is drawn."""
    generator = np.random.default_rng(12)
    times = generator.multinomial(
        len(sizes), np.full(len(sizes), 1 / len(sizes)), count
    )
    means = times @ (sizes * of_person) / (times @ sizes)
    return np.percentile(means, percentiles)
