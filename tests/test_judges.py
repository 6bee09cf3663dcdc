import numpy as np
import pytest
from scipy.stats import multivariate_normal

from helpers import digits, judges, probes, remedies

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture(scope="module")
def data():
    return digits.load("embedded")


def test_likelihood_is_the_density_of_tipping_and_bishop():
    """The closed form with covariance W Wᵀ + σ² I, by scipy."""
    generator = np.random.default_rng(0)
    references = generator.normal(size=(400, 6)) * [5, 3, 1, 1, 1, 1]
    images = generator.normal(size=(7, 6))
    score = judges.fit_likelihood(references.reshape(400, 2, 3, 1), components=2)
    centred = references.astype("float32") - references.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(centred.T))
    noise = values[:-2].mean()
    covariance = noise * np.eye(6)
    covariance += (vectors[:, -2:] * (values[-2:] - noise)) @ vectors[:, -2:].T
    wanted = multivariate_normal(references.mean(axis=0), covariance).logpdf(images)
    assert np.allclose(score(images.reshape(7, 2, 3, 1)), wanted, atol=1e-3)


def test_overlap_is_dice_with_the_best_reference():
    a, b, c = (
        np.array(ink, "float32").reshape(1, 2, 2, 1)
        for ink in ([1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 0])
    )
    score = judges.fit_overlap(np.concatenate([a, b]))
    assert score(a)[0] == pytest.approx(1)
    assert score(c)[0] == pytest.approx(2 * 2 / (3 + 2))
    assert score(np.zeros_like(a))[0] == 0


@pytest.mark.parametrize("fit", [judges.fit_likelihood, judges.fit_overlap])
def test_judges_know_their_own_and_refuse_the_bars(data, fit):
    accept = judges.appoint_judges(
        fit,
        data.train_images,
        data.train_labels,
        data.validation_images,
        data.validation_labels,
    )
    verdicts = accept(data.test_images)
    assert verdicts.shape == (len(data.test_labels), 2)
    own = verdicts[np.arange(len(data.test_labels)), data.test_labels]
    other = verdicts[np.arange(len(data.test_labels)), 1 - data.test_labels]
    assert own.mean() > 0.9
    assert other.mean() < 0.1
    assert not accept(np.concatenate(remedies.draw_bar_questions())).any()


def test_limits_refuse_about_one_validation_picture_in_a_hundred(data):
    generator = np.random.default_rng(0)
    images = generator.random((400, 4, 4, 1)).astype("float32")
    labels = np.repeat([0, 1], 200)
    held_out = generator.random((400, 4, 4, 1)).astype("float32")
    accept = judges.appoint_judges(judges.fit_overlap, images, labels, held_out, labels)
    refused = ~accept(held_out)[np.arange(400), labels]
    assert refused.sum() == 4


def test_examination_counts_what_a_known_network_says(data, monkeypatch):
    """A stand-in that calls everything with ink below row 14 a 7, the rest a 1."""

    def predict(models, images):
        low = images[:, 15:].sum(axis=(1, 2, 3)) > 0
        return np.stack([np.eye(2)[low.astype(int)]] * len(models))

    monkeypatch.setattr(remedies.networks, "predict", predict)
    images = probes.draw_bars(row=np.full(40, 7), angle=0)
    result = remedies.examine([0, 1], np.asarray, images, np.zeros(40, int))
    wanted = {"test accuracy": 1, "high bars called 7": 0, "low bars called 7": 1}
    wanted |= {"low bars refused": 0, "moved 1s called 7": 0, "p(7) of bar, low": 1}
    wanted |= {"p(7) of bar, high": 0, "mean p(7), sweep of length": 0}
    wanted |= {"p(7) of black paper": 0, "p(7) of white paper": 1}
    for name, value in wanted.items():
        assert result[name].tolist() == [value, value], name
    turned = remedies.examine(
        [0], lambda pictures: pictures[:, ::-1], images, np.zeros(40, int)
    )
    wanted = {"high bars called 7": 1, "moved 1s called 7": 1, "test accuracy": 0}
    wanted |= {"p(7) of bar, high": 1, "mean p(7), sweep of length": 1}
    for name, value in wanted.items():
        assert turned[name].tolist() == [value], name


def test_bar_questions_are_pairs_fourteen_rows_apart():
    high, low = remedies.draw_bar_questions()
    assert len(high) == len(low) == 16
    assert len({picture.tobytes() for picture in high}) == 16
    assert np.array_equal(high[:, :14], low[:, 14:])


def test_refusals_are_counted_question_by_question(data):
    def fit(references):
        return lambda images: images.sum(axis=(1, 2, 3))  # any ink is enough

    black = np.zeros((3, 28, 28, 1), "float32")
    mixed = np.concatenate([black[:1], data.test_images[:3]])
    counted = judges.count_refusals(
        fit, data, {"digits": data.test_images, "black": black, "mixed": mixed}, [0, 1]
    )
    assert counted["black"].tolist() == [1, 1]
    assert counted["mixed"][0] >= 0.25
    assert counted["digits"].max() < 0.1
