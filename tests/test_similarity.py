import keras
import numpy as np
import pytest
from keras import layers

from helpers import similarity

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture
def generator():
    return np.random.default_rng(5)


def estimate_dependence(first, second):
    """Unbiased HSIC after the text of Song et al. 2012, term by term."""
    products = [features @ features.T for features in (first, second)]
    for one in products:
        np.fill_diagonal(one, 0)
    one, other = products
    count, ones = len(one), np.ones(len(one))
    total = np.trace(one @ other)
    total += ones @ one @ ones * (ones @ other @ ones) / ((count - 1) * (count - 2))
    total -= 2 / (count - 2) * (ones @ one @ other @ ones)
    return total / (count * (count - 3))


@pytest.mark.parametrize("counts", [(40, 6, 3), (10, 30, 20), (10, 30, 4)])
def test_cka_is_the_same_from_features_and_from_products(generator, counts):
    count, *widths = counts
    first, second = (generator.normal(2, 1, (count, width)) for width in widths)
    second[:, 0] += first[:, 0]
    centre = np.eye(count) - 1 / count
    one, other = (centre @ part @ part.T @ centre for part in (first, second))
    by_products = np.trace(one @ other) / np.sqrt(
        np.trace(one @ one) * np.trace(other @ other)
    )
    assert np.isclose(similarity.linear_cka(first, second), by_products)
    one, other = first - first.mean(axis=0), second - second.mean(axis=0)
    by_features = np.linalg.norm(other.T @ one) ** 2 / (
        np.linalg.norm(one.T @ one) * np.linalg.norm(other.T @ other)
    )
    assert np.isclose(similarity.linear_cka(first, second), by_features)


def test_debiased_cka_follows_song(generator):
    first, second = generator.normal(3, 1, (12, 20)), generator.normal(0, 2, (12, 7))
    second[:, :3] += first[:, :3]
    expected = estimate_dependence(first, second) / np.sqrt(
        estimate_dependence(first, first) * estimate_dependence(second, second)
    )
    assert np.isclose(similarity.debiased_cka(first, second), expected)


@pytest.mark.parametrize("compare", [similarity.linear_cka, similarity.debiased_cka])
def test_rotation_scale_and_shift_change_nothing(generator, compare):
    first, second = generator.normal(size=(15, 8)), generator.normal(size=(15, 30))
    rotation = np.linalg.qr(generator.normal(size=(8, 8)))[0]
    assert np.isclose(compare(first, first @ rotation * 7 - 4), 1)
    assert np.isclose(compare(first, second), compare(first @ rotation * 7, second + 9))
    stretched = first * np.array([20, 1, 1, 1, 1, 1, 1, 1])
    assert compare(first, stretched) < 0.95


def test_only_the_debiased_finds_nothing_in_noise(generator):
    pairs = generator.normal(size=(300, 2, 20, 500))
    plain = [similarity.linear_cka(*pair) for pair in pairs]
    debiased = [similarity.debiased_cka(*pair) for pair in pairs]
    assert min(plain) > 0.9
    assert abs(np.mean(debiased)) < 0.03


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.ones((5, 2)), np.ones((6, 2)), r"got \(5, 2\) and \(6, 2\)"),
        (np.ones((5, 2, 2, 1)), np.ones((5, 2)), "flatten maps"),
        (np.eye(3), np.eye(3), "4 pictures or more, got 3"),
        (np.eye(5), np.ones((5, 2)), "the same for all 5"),
    ],
)
def test_features_that_cannot_be_compared_are_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        similarity.debiased_cka(first, second)


def build(seed, class_count=3):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(5, 3, activation="relu", name="first")(inputs)
    maps = layers.BatchNormalization(name="norm")(maps)
    maps = layers.Conv2D(4, 3, activation="relu", name="second")(maps)
    means = layers.GlobalAveragePooling2D()(maps)
    return keras.Model(inputs, layers.Dense(class_count, name="classes")(means))


def test_layers_are_compared_on_their_flattened_maps(generator):
    one, other = build(1), build(2)
    images = generator.random((6, 8, 8, 3)).astype("float32")
    names = (["first", "norm", "second"], ["second", "first"])
    table = similarity.compare_layers((one, other), names, (images, images))
    assert table.index.tolist() == names[0]
    assert table.columns.tolist() == names[1]
    features = [
        keras.Model(model.inputs[0], model.get_layer(name).output)(images)
        .numpy()
        .reshape(6, -1)
        for model, name in ((one, "second"), (other, "first"))
    ]
    expected = similarity.debiased_cka(*features)
    assert np.isclose(table.loc["second", "first"], expected, atol=1e-4)
    itself = similarity.compare_layers((one, one), [["norm"]] * 2, (images, images))
    assert np.isclose(itself.loc["norm", "norm"], 1)
    with pytest.raises(ValueError, match="the same pictures, got 6 and 5"):
        similarity.compare_layers((one, other), names, (images, images[:5]))


def test_weights_of_a_copy_of_a_permuted_and_of_a_strange_layer(generator):
    one, other = build(1), build(2, class_count=2)
    other.get_layer("norm").set_weights(one.get_layer("norm").get_weights())
    kernel, bias = one.get_layer("second").get_weights()
    order = [2, 0, 3, 1]
    other.get_layer("second").set_weights([2 * kernel[..., order], bias])
    table = similarity.compare_weights(one, other)
    assert table["identical"].tolist() == [False, True, False, False]
    assert np.isclose(table.loc["second", "matched"], 1)
    assert table.loc["second", "cosine"] < 0.5
    assert table.loc["first", "cosine"] <= table.loc["first", "matched"] < 0.8
    assert table.loc[["norm", "classes"], "cosine":].isna().all(axis=None)
    same = similarity.compare_weights(one, one)
    assert same["identical"].all()
    assert np.allclose(same["cosine"].dropna(), 1)


def test_a_single_bit_makes_a_layer_another(generator):
    one, other = build(1), build(1)
    weights = one.get_layer("first").get_weights()
    weights[1][0] = -0.0  # equal to 0.0, but not bit for bit
    other.get_layer("first").set_weights(weights)
    table = similarity.compare_weights(one, other)
    assert table["identical"].tolist() == [False, True, True, True]


def test_models_without_a_common_name_are_refused():
    other = keras.Sequential([layers.Input((8, 8, 3)), layers.Flatten()])
    other.add(layers.Dense(2, name="other"))
    with pytest.raises(ValueError, match="layers of the same names"):
        similarity.compare_weights(build(1), other)


def test_matching_recovers_a_permutation(generator):
    first, order = generator.normal(size=(3, 3, 4, 16)), generator.permutation(16)
    noise = 0.1 * generator.normal(size=first.shape)
    found, cosines = similarity.match_filters(first, 5 * first[..., order] + noise)
    assert order[found].tolist() == list(range(16))
    assert cosines.min() > 0.99
    with pytest.raises(ValueError, match="same shape"):
        similarity.match_filters(first, first[..., :8])


def test_chance_alone_gives_small_filters_partners():
    small = similarity.match_random_filters((3, 3, 3, 64)).mean()
    large = similarity.match_random_filters((3, 3, 64, 64)).mean()
    assert 0.3 < small < 0.6
    assert 0.03 < large < 0.15
    again = similarity.match_random_filters((3, 3, 3, 64)).mean()
    assert again == small != similarity.match_random_filters((3, 3, 3, 64), 1).mean()
