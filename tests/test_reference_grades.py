import numpy as np
import pytest

from helpers.grading import faithfulness
from tests.reference import compare, compare_grades, make_reference

pytestmark = pytest.mark.usefixtures("started")

COMPARISONS = compare_grades.list_comparisons()


def list_cases(agrees):
    return [
        pytest.param(
            compared, network, id=f"{compared.grade}-{compared.library}-{network}"
        )
        for compared in COMPARISONS
        for network in compare.NETWORKS
        if compared.agrees == agrees
    ]


@pytest.mark.parametrize(("compared", "network"), list_cases(agrees=True))
def test_ours_equals_an_independent_implementation(compared, network):
    assert compare_grades.measure(compared, network) <= compare.TOLERANCE


@pytest.mark.parametrize(("compared", "network"), list_cases(agrees=False))
def test_where_a_library_means_something_else_the_numbers_differ(compared, network):
    assert compare_grades.measure(compared, network) > 100 * compare.TOLERANCE


def test_both_sides_hide_the_same_pixels():
    given = compare.read("networks")
    size = (make_reference.SIZE, make_reference.SIZE)
    side, subset = make_reference.SIDE, make_reference.SUBSET
    squares = faithfulness._draw_squares(size, side, make_reference.HIDDEN, 0)
    subsets = faithfulness._draw_subsets(size, subset, make_reference.HIDDEN, 0)
    assert np.array_equal(given["squares"], squares)
    assert np.array_equal(given["subsets"], subsets)


def test_every_stored_answer_is_compared_and_says_something():
    used = {
        f"{compared.library.lower()}/{network}/{compared.key}"
        for compared in COMPARISONS
        for network in compare.NETWORKS
    }
    stored = compare.read(compare_grades.FILE)
    assert used == stored.keys()
    for values in stored.values():
        assert np.isfinite(values).all()
    # The four pictures of a network may all be hit or missed; not those of all three.
    for key in {name.split("/", 2)[2] for name in stored}:
        together = [values for name, values in stored.items() if name.endswith(key)]
        assert np.ptp(together) > 0.01
