import keras
import numpy as np
import pytest
from keras import layers
from sklearn.metrics import roc_auc_score

from helpers import neurons, vgg
from helpers.attribution.scores import read_logits

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((5, 12, 12, 3)).astype("float32")


@pytest.fixture(scope="module")
def model(started):
    """A nested block with a branch around it, then the mean and a linear head."""
    keras.utils.set_random_seed(3)
    inside = keras.Input((12, 12, 4))
    maps = layers.Conv2D(4, 3, padding="same", name="conv")(inside)
    block = keras.Model(inside, layers.ReLU(name="relu")(maps), name="block")
    inputs = keras.Input((12, 12, 3))
    start = layers.Conv2D(4, 3, padding="same", activation="relu", name="start")(inputs)
    added = layers.Add(name="add")([start, block(start)])
    last = layers.Conv2D(6, 3, activation="relu", name="last")(added)
    means = layers.GlobalAveragePooling2D(name="mean")(last)
    outputs = layers.Dense(3, activation="softmax", name="classes")(means)
    return keras.Model(inputs, outputs)


def test_maps_are_those_of_a_model_that_ends_there(model, images, monkeypatch):
    inner = keras.Model(model.inputs[0], model.get_layer("last").output)
    expected = inner(images).numpy()
    assert np.allclose(neurons.read_maps(model, "last", images), expected, atol=1e-6)
    monkeypatch.setattr(neurons, "_PIXELS", 2 * 12 * 12)  # batches of 2, 2 and 1
    maps = neurons.read_maps(model, "last", images)
    assert maps.dtype == np.float32
    assert np.allclose(maps, expected, atol=1e-6)


def test_maps_are_given_before_and_after_the_relu_as_the_name_says(model, images):
    before = neurons.read_maps(model, "block/conv", images)
    assert before.min() < 0
    after = neurons.read_maps(model, "relu", images)
    assert np.allclose(after, before.clip(0), atol=1e-6)


def test_a_maps_sum_leaves_channels_apart():
    maps = np.zeros((2, 3, 3, 4))
    maps[1, :2, :2, 3] = 2.5
    assert neurons.sum_maps(maps).tolist() == [[0, 0, 0, 0], [0, 0, 0, 10]]


def test_a_channel_that_is_always_loud_is_no_spike():
    reference = np.array([[100.0, 1.0, 0.0], [100.0, 3.0, 0.0]])
    spikes = neurons.normalise_spikes(np.array([[100.0, 6.0, 0.0]]), reference)
    assert spikes.tolist() == [[1, 3, 0]]


@pytest.mark.parametrize(
    ("sums", "reference", "message"),
    [
        (np.ones((1, 2)), np.array([[1.0, 0.0]]), "Channel 1 is silent in all 1"),
        (np.ones((1, 2)), np.ones((4, 3)), "with 2 channels, got 3"),
        (np.array([[1.0, -2.0]]), np.ones((1, 2)), "zero or above.* got -2"),
        (np.ones((1, 2)), np.array([[1.0, np.nan]]), "zero or above"),
        (np.ones((1, 2, 2, 1)), np.ones((1, 2)), r"got \(1, 2, 2, 1\)"),
    ],
)
def test_sums_that_cannot_be_normalised_are_refused(sums, reference, message):
    with pytest.raises(ValueError, match=message):
        neurons.normalise_spikes(sums, reference)


def test_selectivity_is_measured_where_the_class_was_not_chosen():
    # Two channels, classes 4 and 7; the first half of each class comes first.
    labels = np.array([4, 7, 4, 7])
    sums = np.array([[5.0, 1.0], [1.0, 4.0], [3.0, 8.0], [1.0, 2.0]])
    table = neurons.measure_selectivity(sums, labels)
    assert table["class"].tolist() == [4, 7]
    assert table["selectivity"].tolist() == [(3 - 1) / 4, (2 - 8) / 10]
    assert table["auc"].tolist() == [1, 0]
    assert table["again"].tolist() == [True, False]


def test_auc_is_that_of_scikit_learn_and_half_for_noise():
    generator = np.random.default_rng(4)
    labels = np.repeat(np.arange(3), 20)
    sums = generator.integers(0, 9, (60, 200)).astype(float)  # with ties
    sums[:, 7] = 0
    table = neurons.measure_selectivity(sums, labels)
    assert table.index.tolist() == [*range(7), *range(8, 200)]
    second = np.tile(np.arange(20) >= 10, 3)
    expected = [
        roc_auc_score(labels[second] == row["class"], sums[second, channel])
        for channel, row in table[:40].iterrows()
    ]
    assert np.allclose(table["auc"][:40], expected)
    assert abs(table["auc"].mean() - 0.5) < 0.03
    assert abs(table["selectivity"].mean()) < 0.02


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0, 1], "got 2 with at least 1"),
        ([0, 0, 0], "got 1 with at least 3"),
        ([0, 1], r"Each of the 3 pictures needs one label, got .*\(2,\)"),
    ],
)
def test_labels_that_allow_no_halves_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        neurons.measure_selectivity(np.ones((3, 2)), labels)


def test_top_images_come_loudest_first():
    sums = np.array([[0, 2.0], [0, 9.0], [0, 4.0]])
    assert neurons.find_top_images(sums, 1, 2).tolist() == [1, 2]
    assert neurons.find_top_images(sums, 1).tolist() == [1, 2, 0]


@pytest.mark.parametrize("layer", ["start", "relu", "last"])
def test_a_factor_of_one_changes_nothing(model, images, layer):
    logits = neurons.scale_channel(model, layer, 2, images, 1.0)
    assert np.allclose(logits, read_logits(model)(images), atol=1e-5)


@pytest.mark.parametrize("layer", ["start", "conv", "last"])
def test_a_channel_off_equals_a_filter_of_zeros(model, images, layer, monkeypatch):
    monkeypatch.setattr(neurons, "_PIXELS", 2 * 12 * 12)
    logits = neurons.ablate_channels(model, layer, images, [3, 0])
    assert logits.dtype == np.float32
    owner = model.get_layer("block") if layer == "conv" else model
    convolution = owner.get_layer(layer)
    kept = convolution.get_weights()
    for channel, found in zip([3, 0], logits, strict=True):
        kernel, bias = (weights.copy() for weights in kept)
        kernel[..., channel], bias[channel] = 0, 0
        convolution.set_weights([kernel, bias])
        expected = read_logits(model)(images).numpy()
        convolution.set_weights(kept)
        assert np.allclose(found, expected, atol=1e-5)
        assert not np.allclose(found, read_logits(model)(images), atol=1e-5)


@pytest.mark.parametrize("factor", [0.0, 0.5, 3.0])
def test_before_a_linear_head_the_change_is_weight_times_mean(model, images, factor):
    means = neurons.read_maps(model, "last", images).mean(axis=(1, 2))[:, 4]
    weights = model.get_layer("classes").get_weights()[0][4]
    change = neurons.scale_channel(model, "last", 4, images, factor) - np.asarray(
        read_logits(model)(images)
    )
    assert np.allclose(change, (factor - 1) * np.outer(means, weights), atol=1e-5)
    assert means.max() > 0


def test_channels_and_factors_that_do_not_exist_are_refused(model, images):
    with pytest.raises(ValueError, match="channels 0 to 5, got 6"):
        neurons.ablate_channels(model, "last", images, [0, 6])
    with pytest.raises(ValueError, match="whole numbers"):
        neurons.scale_channel(model, "last", 1.5, images)
    with pytest.raises(ValueError, match="finite number, got nan"):
        neurons.scale_channel(model, "last", 1, images, float("nan"))
    with pytest.raises(ValueError, match="channels 0 to 1, got -1"):
        neurons.find_top_images(np.ones((3, 2)), -1)
    with pytest.raises(ValueError, match="'nowhere' does not exist"):
        neurons.read_maps(model, "nowhere", images)


def test_falls_are_shares_of_the_answers_logit():
    model = vgg.start_small_vgg(4)
    images = np.random.default_rng(5).random((3, 96, 96, 3), "float32")
    falls, changed = neurons.measure_falls(model, "block5_relu3", images)
    assert falls.shape == changed.shape == (96, 3)
    before = neurons.scale_channel(model, "block5_relu3", 7, images, factor=1.0)
    after = neurons.scale_channel(model, "block5_relu3", 7, images)
    said, each = before.argmax(axis=1), np.arange(3)
    lost = (before - after)[each, said] / before[each, said]
    np.testing.assert_allclose(falls[7], lost, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(changed[7], after.argmax(axis=1) != said)
