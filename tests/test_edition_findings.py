"""What chapter 1's text says beside its claims: of one edition, or of no learning."""

import keras
import numpy as np
import pytest

from helpers import (
    attribution,
    digits,
    judges,
    networks,
    probes,
    remedies,
    sources,
)

pytestmark = pytest.mark.usefixtures("started")

EDITIONS = ["embedded", pytest.param("real", marks=pytest.mark.real)]


@pytest.fixture(scope="module", params=EDITIONS)
def edition(request):
    return request.param


@pytest.fixture(scope="module")
def data(edition):
    if edition == "real":
        names = [name for name in sources.SOURCES if name.startswith("mnist/")]
        absent = [name for name in names if sources.locate(name) is None]
        if absent:
            pytest.skip(f"absent from the cache folders: {', '.join(absent)}")
    return digits.load(edition)


def test_what_a_bar_makes_of_a_one_and_a_seven_loses_with_its_top(edition, data):
    models = networks.load_digit_networks(edition, "plain")
    ones, sevens = (data.test_images[data.test_labels == label] for label in (0, 1))
    with_bar = networks.predict(models, probes.add_bars(ones, 0.25))[..., 1].mean()
    topless = networks.predict(models, probes.erase_rows(sevens, 0, 1 / 3))
    topless = topless[..., 1].mean()
    if edition == "real":
        assert with_bar > 0.75  # "a bar at the neck makes a 7"
        assert 0.25 < topless < 0.75  # "a coin toss"
    else:
        assert with_bar < 0.1  # "a bar makes no 7 of a 1"
        assert topless > 0.9  # "is still one"


def test_what_likelihood_does_with_high_bars(edition, data):
    high, _ = remedies.draw_bar_questions()
    counted = judges.count_refusals(judges.fit_likelihood, data, {"high": high})
    refused = np.mean(counted["high"])
    assert refused < 0.25 if edition == "real" else refused > 0.9


def test_saliency_of_untrained_networks_lies_on_empty_paper_too():
    high_bar = probes.draw_six_probes()[2:3]
    for seed in range(5):
        keras.utils.set_random_seed(seed)
        heatmap = attribution.saliency(networks.build_digit_network(), high_bar, 1)
        off_the_bar = heatmap[high_bar[..., 0] <= 0.5].sum() / heatmap.sum()
        assert off_the_bar > 0.5
