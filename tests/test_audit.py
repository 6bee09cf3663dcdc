"""The audit against plain loops, made models with a known truth, and simulated data."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy import stats

from helpers import attribution
from helpers.audit import _estimate, audit

pytestmark = pytest.mark.usefixtures("started")

SIZE = 12
CORNER = np.zeros((SIZE, SIZE), "float32")
CORNER[:3, :4] = 1
ROWS = [
    "accuracy without the cue",
    "accuracy with the cue",
    "flipped by the cue",
    "flipped to the suspect",
    "set right by the cue",
    "p of the flips",
    "change of probability",
    "change of log-odds",
    "area of the cue",
]
HEAT_ROWS = ["heat on the cue / area", "heat there without the cue / area"]


def build(kernel, bias, activation="softmax"):
    """Return a linear model with one row of pixel weights (12, 12) for each class."""
    inputs = keras.Input((SIZE, SIZE, 1))
    head = layers.Dense(len(kernel), activation=activation)
    model = keras.Model(inputs, head(layers.Flatten()(inputs)))
    head.set_weights([np.reshape(kernel, (len(kernel), -1)).T, np.array(bias)])
    return model


def build_reader(strength=1.0):
    """Class 0 reads the corner, class 1 is the usual answer, class 2 never comes."""
    flat = np.zeros((SIZE, SIZE))
    return build([strength * CORNER, flat, flat], [0.0, 2.0, -9.0])


def build_random(activation="softmax"):
    generator = np.random.default_rng(5)
    return build(
        generator.normal(0, 0.3, (3, SIZE, SIZE)), generator.normal(size=3), activation
    )


def draw_twins(count=30, seed=0):
    """Return random pictures with a bright patch at random places, and without."""
    generator = np.random.default_rng(seed)
    without = generator.uniform(0, 0.5, (count, SIZE, SIZE, 1)).astype("float32")
    masks = np.zeros((count, SIZE, SIZE), "float32")
    for mask in masks:
        top, left = generator.integers(0, 8, 2)
        mask[top : top + generator.integers(1, 5), left : left + 3] = 1
    masks *= generator.uniform(0.3, 1, (count, 1, 1)).astype("float32")
    return without + masks[..., None], without, masks


def draw_corner_twins(count=20):
    without = np.random.default_rng(1).random((count, SIZE, SIZE, 1), "float32")
    without[:, :3, :4] = 0
    masks = np.broadcast_to(CORNER, (count, SIZE, SIZE))
    return without + masks[..., None], without, masks


def audit_in_a_loop(model, with_cue, without_cue, masks, labels, suspect, method):
    """Measure pair by pair, as the definitions stand; and each bootstrap sample too."""
    measured = {row: [] for row in [*ROWS, *HEAT_ROWS]}
    measured.pop("p of the flips")
    answers, before = (
        np.asarray(model(shown), "float64") for shown in (with_cue, without_cue)
    )
    maps = [method(model, shown, suspect) for shown in (with_cue, without_cue)]
    for p, p_before, mask, label, *heats in zip(
        answers, before, masks, labels, *maps, strict=True
    ):
        right, right_before = (scores.argmax() == label for scores in (p, p_before))
        odds, odds_before = (
            scores[suspect] / (1 - scores[suspect]) for scores in (p, p_before)
        )
        values = [
            right_before,
            right,
            right_before and not right,
            right_before and not right and p.argmax() == suspect,
            right and not right_before,
            p[suspect] - p_before[suspect],
            np.log(odds / odds_before),
            mask.sum() / mask.size,
        ]
        for heat in heats:
            inside = whole = 0.0
            for value, share in zip(heat.ravel(), mask.ravel(), strict=True):
                if value > 0:
                    inside, whole = inside + value * share, whole + value
            values.append(inside / whole if whole else 0.0)
        for row, value in zip(measured, values, strict=True):
            measured[row].append(float(value))
    draws = np.random.default_rng(0).integers(0, len(masks), (2000, len(masks)))
    table = {}
    for row, values in measured.items():
        below = measured["area of the cue"] if "/ area" in row else np.ones(len(masks))
        means = [
            np.mean(np.take(values, draw)) / np.mean(np.take(below, draw))
            for draw in draws
        ]
        table[row] = (
            np.mean(values) / np.mean(below),
            *np.percentile(means, [2.5, 97.5]),
        )
    return table


def test_every_number_equals_that_of_a_plain_loop():
    model, twins = build_random(), draw_twins()
    labels = np.random.default_rng(2).integers(0, 3, 30)
    labels[:20] = np.asarray(model(twins[1])).argmax(axis=1)[:20]
    method = attribution.gradient_times_input
    table = audit(model, *twins, labels, 1, method=method)
    wanted = audit_in_a_loop(model, *twins, labels, 1, method)
    assert list(table.index) == [*ROWS, *HEAT_ROWS]
    assert (table["pairs"] == 30).all()
    for row, values in wanted.items():
        got = table.loc[row, ["estimate", "low", "high"]].to_numpy("float64")
        assert np.allclose(got, values, atol=1e-5), row
    estimates = table["estimate"]
    for row in ROWS[2:5]:  # or the comparison would be of zeros
        assert estimates[row] > 0
    assert np.isclose(
        estimates["accuracy without the cue"]
        - estimates["flipped by the cue"]
        + estimates["set right by the cue"],
        estimates["accuracy with the cue"],
    )


def test_a_model_that_reads_the_cue_is_found_out():
    model, twins = build_reader(), draw_corner_twins()
    table = audit(model, *twins, 1, 0, method=attribution.gradient_times_input)
    estimates = table["estimate"]
    assert estimates["accuracy without the cue"] == 1
    assert estimates["accuracy with the cue"] == 0
    assert table.loc["flipped to the suspect", ["low", "high"]].tolist() == [1, 1]
    assert estimates["p of the flips"] == pytest.approx(2 * 0.5**20)
    # The corner has 12 pixels of weight 1, and nothing else moves.
    assert estimates["change of log-odds"] == pytest.approx(12, rel=1e-5)
    before, after = (
        1 / (1 + np.exp(2) + np.exp(-9)),
        1 / (1 + np.exp(-10) + np.exp(-21)),
    )
    assert estimates["change of probability"] == pytest.approx(after - before, rel=1e-4)
    assert estimates["area of the cue"] == pytest.approx(12 / 144)
    assert estimates["heat on the cue / area"] == pytest.approx(12)
    assert estimates["heat there without the cue / area"] == 0


def test_a_model_that_ignores_the_cue_is_cleared():
    reads_below = np.zeros((SIZE, SIZE))
    reads_below[6:] = np.random.default_rng(0).normal(size=(6, SIZE))
    model, twins = build([reads_below, -reads_below], [0.0, 0.1]), draw_corner_twins()
    labels = np.asarray(model(twins[1])).argmax(axis=1)
    labels[:5] = 1 - labels[:5]
    table = audit(model, *twins, labels, 0, method=attribution.saliency)
    assert table.loc["accuracy with the cue", "estimate"] == 0.75
    for row in [*ROWS[2:5], *ROWS[6:8], *HEAT_ROWS]:
        assert table.loc[row, ["estimate", "low", "high"]].tolist() == [0, 0, 0], row
    assert table.loc["p of the flips", "estimate"] == 1


def test_even_heat_has_a_share_equal_to_the_area():
    twins = draw_twins()
    even = audit(
        build_random(),
        *twins,
        1,
        0,
        method=lambda model, images, _: 1 + 0 * images[..., 0],
    )
    for row in HEAT_ROWS:
        values = even.loc[row, ["estimate", "low", "high"]].to_numpy("float64")
        assert np.allclose(values, 1, atol=1e-6)


def test_log_odds_of_a_sure_model_stay_finite():
    model, twins = build_reader(strength=50.0), draw_corner_twins()
    table = audit(model, *twins, 1, 0)
    # Rounded to 1, or on some processors to the number below: no odds to be had of it.
    assert np.asarray(model(twins[0]))[:, 0].min() > 1 - 1e-6
    assert table.loc["change of log-odds", "estimate"] == pytest.approx(600)
    assert list(table.index) == ROWS


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_sigmoids_and_logits_have_odds_too(activation):
    model, twins = build_random(activation), draw_twins()
    logits = [np.asarray(build_random(None)(shown), "float64") for shown in twins[:2]]
    odds = [scores[:, 1] for scores in logits]
    if activation is None:
        odds = [
            scores[:, 1] - np.log(np.exp(scores[:, [0, 2]]).sum(axis=1))
            for scores in logits
        ]
    estimates = audit(model, *twins, 0, 1)["estimate"]
    assert np.isclose(estimates["change of log-odds"], np.mean(odds[0] - odds[1]))
    p, before = (1 / (1 + np.exp(-values)) for values in odds)
    assert np.isclose(estimates["change of probability"], np.mean(p - before))


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of 200 samples of 40 pairs, 95 % less the little that small samples cost."""
    generator = np.random.default_rng(0)
    held = []
    for _ in range(200):
        area = generator.gamma(3, 0.02, 40)
        share = area * generator.gamma(4, 0.5, 40)  # 2 times the area
        _, low, high = _estimate(share, area, seed=0)
        _, least, most = _estimate(generator.random(40) < 0.3, seed=0)
        held.append([low <= 2 <= high, least <= 0.3 <= most])
    assert (np.mean(held, axis=0) > 0.89).all()
    assert (np.mean(held, axis=0) < 0.98).all()


def test_the_seed_decides_the_intervals():
    model, twins = build_random(), draw_twins()
    first, again, other = (audit(model, *twins, 1, 0, seed=seed) for seed in (3, 3, 4))
    assert first.equals(again)
    assert not first["low"].equals(other["low"])
    assert first["estimate"].equals(other["estimate"])


def test_the_p_value_is_mcnemars():
    """7 pairs flip and 2 are set right: the chance of a split as uneven, both ways."""
    model, (_, without, masks) = build_reader(), draw_corner_twins(9)
    labels = np.array([1] * 7 + [0] * 2)
    with_cue = without + masks[..., None]
    estimates = audit(model, with_cue, without, masks, labels, 0)["estimate"]
    assert estimates["flipped by the cue"] == pytest.approx(7 / 9)
    assert estimates["set right by the cue"] == pytest.approx(2 / 9)
    wanted = 2 * sum(stats.binom.pmf([0, 1, 2], 9, 0.5))
    assert estimates["p of the flips"] == pytest.approx(wanted)


def with_value(array, value):
    array = np.array(array, "float32")
    array[0, 0, 0] = value
    return array


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"without_cue": lambda a: a[1:]}, r"same shape, got \(30, .* and \(29,"),
        ({"masks": lambda a: a[..., None]}, r"masks .* \(30, 12, 12\), .*12, 1\)"),
        ({"masks": lambda a: 255 * a}, "0 to 1, got values from .*divide bytes"),
        ({"masks": lambda a: with_value(a, np.nan)}, "0 to 1, got values from nan"),
        ({"masks": lambda a: a * (np.arange(30) > 1)[:, None, None]}, "2 that are emp"),
        ({"with_cue": lambda a: with_value(a, np.nan)}, "finite numbers, got NaN"),
        ({"without_cue": lambda a: with_value(a, np.nan)}, "finite numbers, got NaN"),
        ({"with_cue": lambda a: a[:, :5]}, "expects one or more images of shape"),
        ({"suspect": lambda _: 3}, "classes 0 to 2, got class_index 3"),
        ({"suspect": lambda _: np.zeros(30, int)}, "one suspect, got 3 and array"),
        ({"labels": lambda _: 3}, "from 0 to 2, .* from 3 to 3; take those"),
        ({"labels": lambda _: np.ones(29, int)}, r"each of the 30, got .*\(29,\)"),
        ({"labels": lambda _: np.ones(30)}, "got float64 of shape"),
        ({"method": lambda _: lambda *_: np.zeros((2, 3, 4))}, r"got \(2, 3, 4\)"),
        (
            {"method": lambda _: lambda m, i, c: np.full(i.shape[:3], np.nan)},
            "finite heatmaps",
        ),
    ],
)
def test_bad_input_gets_one_sentence(change, message):
    with_cue, without_cue, masks = draw_twins()
    given = {"with_cue": with_cue, "without_cue": without_cue, "masks": masks}
    given |= {"labels": 1, "suspect": 0, "method": None}
    for name, make in change.items():
        given[name] = make(given[name])
    with pytest.raises(ValueError, match=message):
        audit(build_random(), **given)


def test_one_pair_equal_twins_and_single_scores_get_one_sentence():
    with_cue, without_cue, masks = draw_twins()
    model = build_random()
    with pytest.raises(ValueError, match="2 or more pairs"):
        audit(model, with_cue[:1], without_cue[:1], masks[:1], 1, 0)
    with_cue[3] = without_cue[3]
    with pytest.raises(ValueError, match="got 1 pairs of equal"):
        audit(model, with_cue, without_cue, masks, 1, 0)
    with_cue, without_cue, masks = draw_twins()
    with pytest.raises(ValueError, match="2 classes or more and one suspect, got 1"):
        audit(build([CORNER], [0.0], "sigmoid"), with_cue, without_cue, masks, 0, 0)
