"""Does removal remove what it says, and do the stored figures come from the code?"""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from helpers import digits, networks, retraining, sources
from helpers.networks import predict

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture(scope="module")
def data(started):
    return digits.load("embedded")


@pytest.fixture(scope="module")
def table():
    return retraining.read_retraining()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_removal_takes_the_hottest_and_nothing_else(share):
    generator = np.random.default_rng(1)
    images = generator.random((3, 6, 5, 2)).astype("float32")
    heatmaps = generator.normal(size=(3, 6, 5))
    fill = np.array([0.25, 0.5], "float32")
    holed, removed = retraining.remove_hottest(images, heatmaps, share, fill)
    assert (removed.sum(axis=(1, 2)) == round(share * 30)).all()
    for heat, gone in zip(heatmaps, removed, strict=True):
        assert heat[gone].min(initial=np.inf) > heat[~gone].max(initial=-np.inf)
    np.testing.assert_array_equal(holed[~removed], images[~removed])
    assert (holed[removed] == fill).all()
    assert holed.dtype == images.dtype


def test_equally_hot_pixels_go_in_the_same_random_order_everywhere():
    images = np.random.default_rng(2).random((4, 20, 20, 1)).astype("float32")
    _, removed = retraining.remove_hottest(images, np.zeros((4, 20, 20)), 0.5, 0)
    assert (removed == removed[0]).all()
    halves = removed[0, :10].sum(), removed[0, :, :10].sum()
    assert all(70 < half < 130 for half in halves)  # not all from one side


def test_requests_that_make_no_sense_are_refused(data):
    images, heat = np.zeros((2, 4, 4, 1)), np.zeros((2, 4, 4))
    with pytest.raises(ValueError, match="heatmap of its size"):
        retraining.remove_hottest(images, heat[:, :3], 0.5, 0)
    with pytest.raises(ValueError, match="within 0 to 1, got 30"):
        retraining.remove_hottest(images, heat, 30, 0)
    with pytest.raises(ValueError, match="finite"):
        retraining.remove_hottest(images, heat * np.nan, 0.5, 0)
    with pytest.raises(ValueError, match=r"one of 'random pixels', .* got 'rise2'"):
        retraining.measure_retraining(None, data, "rise2", 0.5, 0)


def test_an_absent_table_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(retraining, "TABLE", tmp_path / "retraining.csv")
    with pytest.raises(ValueError, match=r"absent or damaged.*retrain\.py"):
        retraining.read_retraining()


def test_table_is_whole_and_knows_its_baseline(table):
    count = len(retraining.METHODS) * len(retraining.SHARES) * len(retraining.SEEDS)
    keys = table[["task", "method", "share", "seed"]]
    assert len(keys.drop_duplicates()) == len(table) == count
    shares = table[["before", "after", "pattern"]]
    assert shares.min().min() >= 0
    assert shares.max().max() <= 1
    intact = table[table["share"] == 0]
    assert intact[["before", "after"]].min().min() > 0.97
    assert intact["pattern"].between(0.4, 0.6).all()  # nothing is removed to read from


def test_patterns_of_blind_methods_tell_less_than_those_of_gradients(table):
    """Random holes know nothing; a map drawn for the answer gives it away."""
    means = table[table["share"] == 0.5].groupby("method")["pattern"].mean()
    assert means["random pixels"] < 0.65
    assert means["gradient_times_input"] > 0.95


def test_a_cell_is_its_row(data, table):
    network = networks.load_digit_networks("embedded", "plain")[1]
    cell = retraining.measure_retraining(network, data, "gradient_times_input", 0.3, 1)
    row = table.query("method == 'gradient_times_input' and share == .3 and seed == 1")
    # Tables are from another machine: a few of the 141 pictures may come out otherwise.
    np.testing.assert_allclose(cell, row[[*cell._fields]].iloc[0], atol=0.05)


def test_before_is_deletion_by_hand(data, table):
    """Without the module: the network itself on pictures with random holes."""
    network = networks.load_digit_networks("embedded", "plain")[0]
    chosen = np.random.default_rng(0).permutation(len(data.train_labels))[:1500]
    images = np.concatenate([data.validation_images, data.test_images])
    labels = np.concatenate([data.validation_labels, data.test_labels])
    heat = np.random.default_rng(0).random((1500 + len(images), 28, 28), "float32")
    for image, hot in zip(images, heat[1500:], strict=True):
        image[hot >= np.sort(hot.ravel())[-round(0.7 * 784)]] = data.train_images[
            chosen
        ].mean()
    right = (predict(network, images).argmax(axis=1) == labels).mean()
    row = table.query("method == 'random pixels' and share == .7 and seed == 0")
    assert row["before"].iloc[0] == pytest.approx(right, abs=0.02)


def test_random_labels_are_known_by_heart_and_teach_nothing(data):
    images, labels = retraining.draw_random_labels(data)
    model = retraining.load_random_label_network("embedded")
    assert (predict(model, images).argmax(axis=1) == labels).mean() > 0.95
    calls = predict(model, data.test_images).argmax(axis=1)
    assert 0.2 < (calls == data.test_labels).mean() < 0.8
    # The labels themselves hold nothing of the pictures: a linear reader finds none.
    flat = images.reshape(len(images), -1)
    reader = LogisticRegression(C=0.01, max_iter=1000).fit(flat, labels)
    asked = data.test_images.reshape(len(data.test_images), -1)
    assert abs((reader.predict(asked) == data.test_labels).mean() - 0.5) < 0.3


def test_stored_network_is_small_and_rounded_by_little(tmp_path):
    model = networks.build_digit_network()
    path = tmp_path / "digits" / "network.npz"
    retraining.save_random_label_network(path, model)
    assert path.stat().st_size < 300_000
    with np.load(path, allow_pickle=False) as stored:
        for place, values in enumerate(model.get_weights()):
            np.testing.assert_allclose(stored[str(place)], values, rtol=0.04, atol=1e-6)


def test_the_real_edition_trains_once_and_keeps_what_it_learned(
    data, tmp_path, monkeypatch
):
    monkeypatch.setattr(sources, "cache_folders", lambda: [tmp_path])
    monkeypatch.setattr(retraining.digits, "load", lambda edition: data)
    monkeypatch.setattr(retraining, "_RANDOM_EPOCHS", 1)
    first = retraining.load_random_label_network("real")
    untrained = networks.build_digit_network().get_weights()
    assert not np.allclose(first.get_weights()[0], untrained[0], atol=1e-3)
    monkeypatch.setattr(retraining, "train_on_random_labels", None)  # not again
    again = retraining.load_random_label_network("real")
    for kept, values in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_allclose(kept, values, rtol=0.04, atol=1e-6)


def test_where_nothing_is_removed_one_network_serves_all_methods(monkeypatch):
    asked = []

    def measure(network, data, method, share, seed):
        asked.append((method, share, seed))
        return retraining.Cell(share, seed, len(asked))

    monkeypatch.setattr(retraining, "measure_retraining", measure)
    table = retraining.tabulate_retraining(["random", "occlusion"], [0, 0.5], [1])
    assert asked == [("random", 0, 1), ("random", 0.5, 1), ("occlusion", 0.5, 1)]
    assert table["method"].tolist() == ["random"] * 2 + ["occlusion"] * 2
    assert table["before"].tolist() == [0, 0.5, 0, 0.5]
    assert table["pattern"].tolist() == [1, 2, 1, 3]
