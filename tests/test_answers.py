"""What all checks share: every wrong kind of answer gets a sentence that quotes it."""

import numpy as np
import pytest

from helpers.exercises import answers


@pytest.mark.parametrize("answer", [3, 3.0, np.float32(3), [3], np.full((1, 1), 3)])
def test_one_number_of_any_kind_is_a_number(answer):
    found = answers.need_number("x", answer)
    assert (found, type(found)) == (3.0, float)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "`x` is still empty"),
        (..., "`x` is still empty"),
        ("3", "must be one number; it is '3'."),
        ([1, 2], r"must be one number; it is \[1, 2\]."),
        ([1, [2, 3]], r"must be one number; it is \[1, \[2, 3\]\]."),
        (np.zeros((2, 5)), "it is an array of float64, 2 × 5."),
        (10**400, "must be one number; it is 10"),
        (float("nan"), "must be a finite number; it is nan."),
    ],
)
def test_what_is_no_number_is_quoted(answer, said):
    with pytest.raises(answers.NotYetRight, match=said):
        answers.need_number("x", answer)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "`x` is still empty"),
        ([[1], [2, 3]], "must be an array of numbers"),
        (["a", "b"], "must be an array of numbers"),
        (np.zeros((3, 2)), "must have the shape 2 × any; it has 3 × 2."),
        (np.zeros(2), "must have the shape 2 × any; it has 2."),
        (5, "must have the shape 2 × any; it has a single number."),
        ([[1, np.inf], [1, 1]], "not finite numbers"),
    ],
)
def test_what_is_no_such_array_is_quoted(answer, said):
    with pytest.raises(answers.NotYetRight, match=said):
        answers.need_array("x", answer, (2, None))


def test_an_array_of_the_shape_is_given_back():
    np.testing.assert_array_equal(
        answers.need_array("x", [[1], [2]], (2, None)), [[1], [2]]
    )


@pytest.mark.parametrize("answer", ["d", "ab", "", 1, b"a"])
def test_only_an_offered_letter_is_a_choice(answer):
    with pytest.raises(answers.NotYetRight, match='one of "a", "b", "c"; it is '):
        answers.need_choice("x", answer, "abc")
    answers.need_choice("x", "b", "abc")


def test_a_function_gets_copies_and_may_not_change_them():
    def spoil(picture, *, mask):
        mask[0] = np.nan
        return picture

    def keep(picture, *, mask):
        return picture + mask

    mask = np.array([np.nan, 1])  # a NaN is equal to itself here
    with pytest.raises(answers.NotYetRight, match="`spoil` changed the array"):
        answers.call(spoil, 1, mask=np.ones(2))
    np.testing.assert_array_equal(answers.call(keep, np.ones(2), mask=mask), mask + 1)


def test_an_error_of_a_function_is_quoted_by_its_first_line():
    def fail():
        raise ValueError("too large\nand pages more")

    def forget():
        pass

    with pytest.raises(answers.NotYetRight) as refusal:
        answers.call(fail)
    assert str(refusal.value) == "`fail` stopped with ValueError: too large"
    with pytest.raises(answers.NotYetRight, match="`forget` returned nothing"):
        answers.call(forget)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.123"),
        (np.float32(0.123456), "0.123"),
        (np.int64(7), "7"),
        (np.array(2.5), "2.5"),
        (np.zeros((2, 3), "uint8"), "an array of uint8, 2 × 3"),
        (list(range(50)), "[0, 1, 2, 3, 4, 5, ...]"),
    ],
)
def test_quotes_are_short(value, text):
    assert answers.quote(value) == text
