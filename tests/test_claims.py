import json

import numpy as np
import pytest

from helpers.claims import claim


def test_line_holds_the_bound_and_no_measured_digit(capsys):
    claim("A bar is a 7", 0.98765, at_least=0.9)
    assert capsys.readouterr().out == "✓ A bar is a 7 (at least 0.9)\n"


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (0.9, {"at_least": 0.9}),
        (0.1, {"at_most": 0.1}),
        (np.float32(0.5), {"at_least": 0.4, "at_most": 0.6}),
        (np.array([3]), {"equals": 3}),
        (True, {"equals": True}),
    ],
)
def test_claims_that_hold(value, bounds):
    claim("x", value, **bounds)


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (0.8999, {"at_least": 0.9}),
        (0.1001, {"at_most": 0.1}),
        (0.7, {"at_least": 0.4, "at_most": 0.6}),
        (0.3, {"at_least": 0.4, "at_most": 0.6}),
        (2.999, {"equals": 3}),
        (float("nan"), {"at_least": 0}),
        (float("nan"), {"equals": 0}),
    ],
)
def test_claims_that_fail_say_what_was_got(value, bounds):
    with pytest.raises(AssertionError, match=r"«x» does not hold: wanted .* got"):
        claim("x", value, **bounds)


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (1, {}, "needs a bound"),
        (1, {"equals": 1, "at_least": 0}, "alone"),
        (np.ones(2), {"at_least": 0}, "one number"),
        ([0.5, 0.6], {"at_least": 0}, "one number"),
    ],
)
def test_claims_that_make_no_sense(value, bounds, message):
    with pytest.raises(ValueError, match=message):
        claim("x", value, **bounds)


def test_measured_values_are_recorded_failures_too(tmp_path, monkeypatch):
    record = tmp_path / "claims.jsonl"
    monkeypatch.setenv("COURSE_CLAIMS_FILE", str(record))
    claim("first", 0.95, at_least=0.9)
    with pytest.raises(AssertionError):
        claim("second", 3, equals=4)
    entries = [json.loads(line) for line in record.read_text("utf-8").splitlines()]
    assert [entry["measured"] for entry in entries] == [0.95, 3.0]
    assert [entry["held"] for entry in entries] == [True, False]
    assert entries[0]["wanted"] == "at least 0.9"
