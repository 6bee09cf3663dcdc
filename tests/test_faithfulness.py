"""On a linear network every grade is known without asking it."""

import cv2
import keras
import numpy as np
import pytest
from keras import layers
from scipy import optimize

from helpers.grading import faithfulness

pytestmark = pytest.mark.usefixtures("started")

SIZE = (12, 8)


@pytest.fixture(scope="module")
def weights():
    """What each channel of each pixel adds to the logits of two classes."""
    return np.random.default_rng(0).normal(0, 0.07, (*SIZE, 3, 2)).astype("float32")


@pytest.fixture(scope="module")
def linear(weights, started):
    """A network whose logits are weighted sums of the pixels."""
    inputs = layers.Input((*SIZE, 3), name="picture")
    flat = layers.Flatten()(inputs)
    outputs = layers.Dense(2, activation="softmax", name="scores")(flat)
    model = keras.Model(inputs, outputs)
    bias = np.array([0.2, -0.1], "float32")
    model.get_layer("scores").set_weights([weights.reshape(-1, 2), bias])
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((3, *SIZE, 3)).astype("float32")


@pytest.fixture(scope="module")
def maps():
    """Three maps without ties and without sense."""
    return np.random.default_rng(2).normal(size=(3, *SIZE)).astype("float32")


CLASSES = np.array([0, 1, 1])


def explain(images, weights, classes=CLASSES):
    """How far each pixel's giving way to the mean colour lowers the class's logit."""
    changes = images - images.mean(axis=(1, 2), keepdims=True)
    return np.stack(
        [
            (change * weights[..., one]).sum(axis=-1)
            for change, one in zip(changes, classes, strict=True)
        ]
    )


def squash(images, weights):
    logits = images.reshape(len(images), -1) @ weights.reshape(-1, 2) + [0.2, -0.1]
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def blur(image):
    """The blur of the fill by another library."""
    spread = 0.1 * min(SIZE)
    length = 2 * int(4 * spread + 0.5) + 1
    border = cv2.BORDER_REPLICATE
    return cv2.GaussianBlur(image, (length, length), spread, borderType=border)


def fill(image, name):
    colour = image.mean(axis=(0, 1), dtype="float64")
    return blur(image) if name == "blur" else np.broadcast_to(colour, image.shape)


@pytest.mark.parametrize("name", faithfulness.FILLS)
@pytest.mark.parametrize("steps", [8, 7, 96])
def test_curves_are_those_of_pictures_made_one_by_one(
    linear, weights, images, maps, name, steps
):
    settings = {"fill": name, "steps": steps, "batch_size": 5}
    deleted = faithfulness.delete(linear, images, CLASSES, maps, **settings)
    inserted = faithfulness.insert(linear, images, CLASSES, maps, **settings)
    assert deleted.shape == inserted.shape == (3, steps + 1)
    for number, (image, heatmap) in enumerate(zip(images, maps, strict=True)):
        hottest = np.argsort(-heatmap.ravel())
        filled = fill(image, name)
        for step in range(steps + 1):
            first = np.unravel_index(hottest[: step * 96 // steps], SIZE)
            without, only = image.copy(), filled.copy()
            without[first], only[first] = filled[first], image[first]
            wanted = squash(np.stack([without, only]), weights)[:, CLASSES[number]]
            got = [deleted[number, step], inserted[number, step]]
            assert np.allclose(got, wanted, atol=1e-5)


def test_the_truth_bounds_every_other_curve(linear, weights, images, maps):
    # Two classes: the probability falls with the difference of the logits, and no other
    # k pixels take away more of it than the first k of the true order.
    truth = explain(images, weights) - explain(images, weights, 1 - CLASSES)
    settings = {"fill": "mean", "steps": 96}
    best, worst, other = (
        faithfulness.delete(linear, images, CLASSES, heatmaps, **settings)
        for heatmaps in (truth, -truth, maps)
    )
    assert (best <= other + 1e-6).all()
    assert (other <= worst + 1e-6).all()
    area = faithfulness.measure_area
    assert (area(best) + 0.05 < area(other)).all()
    assert (area(other) + 0.05 < area(worst)).all()
    right, wrong = (
        faithfulness.insert(linear, images, CLASSES, heatmaps, **settings)
        for heatmaps in (truth, maps)
    )
    assert (right >= wrong - 1e-6).all()
    assert (area(right) - 0.05 > area(wrong)).all()


def test_putting_back_is_taking_away_the_coldest_first_read_backwards(
    small_model, small_images
):
    maps = np.random.default_rng(3).normal(size=(4, 12, 12))
    inserted = faithfulness.insert(small_model, small_images, 1, maps, steps=9)
    deleted = faithfulness.delete(small_model, small_images, 1, -maps, steps=9)
    assert np.ptp(inserted, axis=1).min() > 1e-3
    assert np.allclose(inserted[:, ::-1], deleted, atol=1e-6)


def test_a_single_sigmoid_is_read_as_it_is(images, weights, maps):
    inputs = layers.Input((*SIZE, 3), name="picture")
    flat = layers.Flatten()(inputs)
    outputs = layers.Dense(1, activation="sigmoid", name="scores")(flat)
    model = keras.Model(inputs, outputs)
    kernel = weights[..., 0].reshape(-1, 1)
    model.get_layer("scores").set_weights([kernel, np.array([0.5])])
    curves = faithfulness.delete(model, images, 0, maps)
    logits = images.reshape(3, -1) @ kernel[:, 0] + 0.5
    assert np.allclose(curves[:, 0], 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_pixels_of_equal_heat_go_in_an_order_that_favours_none():
    heatmaps = np.zeros((2, 20, 20))
    heatmaps[1, :, 10:] = 1
    ranks = np.stack([faithfulness._rank_pixels(heatmaps, seed) for seed in range(40)])
    assert (np.sort(ranks.reshape(80, -1), axis=1) == np.arange(400)).all()
    hot, cold = ranks[:, 1, :, 10:], ranks[:, 1, :, :10]
    assert hot.max() == 199
    assert cold.min() == 200
    # A mean of 40 places out of 400 has a standard deviation of 18.
    assert abs(ranks[:, 0].mean(axis=0) - 199.5).max() < 5 * 18.3
    assert abs(np.corrcoef(ranks[0, 0].ravel(), np.arange(400))[0, 1]) < 0.2
    assert np.array_equal(faithfulness._rank_pixels(heatmaps[:1], 7), ranks[7, :1])
    assert not np.array_equal(ranks[0], ranks[1])


def test_a_map_of_one_colour_has_a_curve_of_its_own_seed(small_model, small_images):
    def follow(value, seed):
        flat = np.full((4, 12, 12), value)
        return faithfulness.delete(small_model, small_images, 0, flat, seed=seed)

    assert np.array_equal(follow(0.0, 0), follow(-3.5, 0))
    assert not np.array_equal(follow(0.0, 0), follow(0.0, 1))


def test_areas_of_known_curves():
    axis = np.linspace(0, 1, 33)
    curves = np.stack([axis, 1 - axis, np.ones(33), axis**2, axis > 0])
    # The trapezoidal rule on a parabola is off by h²/6.
    wanted = [1 / 2, 1 / 2, 1, 1 / 3 + 1 / 32**2 / 6, 63 / 64]
    assert np.allclose(faithfulness.measure_area(curves), wanted, atol=1e-12)


def test_the_truth_leaves_nothing_open(linear, weights, images):
    truth = explain(images, weights)
    for factor in (1, 7):
        question = linear, images, CLASSES, factor * truth
        assert faithfulness.measure_infidelity(*question).max() < 1e-9
        assert faithfulness.measure_sensitivity_n(*question).min() > 1 - 1e-6
    assert faithfulness.measure_infidelity(linear, images, CLASSES, -truth) == (
        pytest.approx(1)
    )
    reversed_map = faithfulness.measure_sensitivity_n(linear, images, CLASSES, -truth)
    assert reversed_map == pytest.approx(-1)
    # Right for the other class is not right for this one.
    other = explain(images, weights, 1 - CLASSES)
    assert faithfulness.measure_infidelity(linear, images, CLASSES, other).min() > 0.5


@pytest.mark.parametrize("name", faithfulness.FILLS)
def test_infidelity_is_the_best_fit_without_negative_factors(
    small_model, small_images, name
):
    generator = np.random.default_rng(4)
    maps = generator.normal([[[0.5]], [[1]], [[-1]], [[0]]], size=(4, 12, 12))
    got = faithfulness.measure_infidelity(
        small_model, small_images, 2, maps, fill=name, side=5, samples=20, seed=3
    )
    squares = faithfulness._draw_squares((12, 12), 5, 20, 3)
    heat, falls = hide(small_model, small_images, 2, maps, squares, name)
    for number in range(4):
        _, left = optimize.nnls(heat[number][:, None], falls[number])
        assert got[number] == pytest.approx(left**2 / (falls[number] ** 2).sum(), 1e-4)
    assert (got < 0.999).any()


def test_sensitivity_is_a_correlation_over_subsets(small_model, small_images):
    maps = np.random.default_rng(5).normal(size=(4, 12, 12))
    got = faithfulness.measure_sensitivity_n(
        small_model, small_images, 2, maps, size=30, samples=25, seed=3
    )
    subsets = faithfulness._draw_subsets((12, 12), 30, 25, 3)
    assert (subsets.sum(axis=(1, 2)) == 30).all()
    heat, falls = hide(small_model, small_images, 2, maps, subsets, "mean")
    wanted = [np.corrcoef(*pair)[0, 1] for pair in zip(heat, falls, strict=True)]
    assert np.allclose(got, wanted, atol=1e-4)


def hide(model, images, class_index, maps, masks, name):
    """The heat under each mask, and the fall of the logit, one picture at a time."""
    features = keras.Model(model.inputs[0], model.layers[-1].input)
    kernel, bias = model.layers[-1].get_weights()

    def score(pictures):
        logits = np.asarray(features(pictures), "float64") @ kernel + bias
        return logits[:, class_index]

    heat, falls = np.zeros((2, len(images), len(masks)))
    for number, (image, heatmap) in enumerate(zip(images, maps, strict=True)):
        if name == "mean":
            filled = np.full_like(image, image.mean())
        else:
            border = cv2.BORDER_REPLICATE
            filled = cv2.GaussianBlur(image, (11, 11), 1.2, borderType=border)[
                ..., None
            ]
        hidden = np.stack([image] * len(masks))
        for place, mask in enumerate(masks):
            hidden[place][mask] = filled[mask]
            heat[number, place] = heatmap[mask].sum()
        falls[number] = score(image[None]) - score(hidden)
    return heat, falls


def test_squares_have_their_size_and_reach_every_place():
    masks = faithfulness._draw_squares((9, 7), 3, 400, 0)
    assert (masks.sum(axis=(1, 2)) == 9).all()
    assert (masks.any(axis=2).sum(axis=1) == 3).all()
    assert (masks.any(axis=1).sum(axis=1) == 3).all()
    places = {tuple(np.argwhere(mask)[0]) for mask in masks}
    assert places == {(row, column) for row in range(7) for column in range(5)}
    assert faithfulness._draw_squares((9, 16), None, 2, 0).sum() == 2 * 2 * 2


def test_maps_without_a_word_get_the_grade_of_none(linear, weights, images):
    nothing = np.zeros((3, *SIZE))
    assert faithfulness.measure_infidelity(linear, images, 0, nothing).tolist() == [
        1,
        1,
        1,
    ]
    for value in (0, 1 / 3, -2):
        flat = np.full((3, *SIZE), value)
        found = faithfulness.measure_sensitivity_n(linear, images, 0, flat)
        assert found.tolist() == [0, 0, 0]
    squares = faithfulness._draw_squares(SIZE, None, 64, 0)
    falls = explain(images, weights, [0, 0, 0]).reshape(3, -1) @ (
        squares.reshape(64, -1).T
    )
    # The same heat everywhere explains the mean fall and no more.
    wanted = 1 - np.maximum(falls.mean(axis=1), 0) ** 2 / (falls**2).mean(axis=1)
    got = faithfulness.measure_infidelity(linear, images, 0, nothing + 3)
    assert np.allclose(got, wanted, atol=1e-5)


def test_a_network_that_never_moves_leaves_nothing_to_explain(linear, images, maps):
    still = keras.models.clone_model(linear)
    still.set_weights([np.zeros((288, 2)), np.array([1.0, 2.0])])
    assert faithfulness.measure_infidelity(still, images, 0, maps).tolist() == [0] * 3
    assert faithfulness.measure_sensitivity_n(still, images, 0, maps).tolist() == (
        [0] * 3
    )


def test_neighbours_and_batches_change_nothing(small_model, small_images):
    maps = np.random.default_rng(6).normal(size=(4, 12, 12))
    classes = np.array([0, 1, 2, 1])
    for grade in (
        faithfulness.delete,
        faithfulness.insert,
        faithfulness.measure_infidelity,
        faithfulness.measure_sensitivity_n,
    ):
        together = grade(small_model, small_images, classes, maps)
        alone = grade(
            small_model, small_images[2:3], classes[2:3], maps[2:3], batch_size=7
        )
        assert np.allclose(together[2:3], alone, atol=1e-4)
        other = grade(small_model, small_images[2:3], 0, maps[2:3])
        assert not np.allclose(other, alone, atol=1e-4)


def test_the_model_is_traced_once(linear, images, maps):
    model = keras.models.clone_model(linear)
    for size in (1, 2, 3):
        for grade in (
            faithfulness.insert,
            faithfulness.delete,
            faithfulness.measure_infidelity,
            faithfulness.measure_sensitivity_n,
        ):
            grade(model, images[:size], 0, maps[:size], batch_size=4 * size)
    traced = [traced for traced, _ in vars(model)["_traced_by_the_course"].values()]
    counts = [function.experimental_get_tracing_count() for function in traced]
    assert counts == [1, 1]  # logits and probabilities


GRADES = {
    "delete": faithfulness.delete,
    "infidelity": faithfulness.measure_infidelity,
    "sensitivity": faithfulness.measure_sensitivity_n,
}


@pytest.mark.parametrize(
    ("grade", "settings", "words"),
    [
        ("delete", {"fill": "grey"}, 'fill must be "blur" or "mean", got \'grey\''),
        ("infidelity", {"fill": 0}, 'fill must be "blur" or "mean", got 0'),
        ("delete", {"steps": 0}, "steps must be a whole number of at least 1"),
        ("delete", {"steps": 97}, "each of the 96 pixels, got steps=97"),
        ("infidelity", {"side": 9}, "must fit into pictures of .* got side=9"),
        ("infidelity", {"samples": 0}, "samples must be a whole number"),
        ("sensitivity", {"size": 96}, "leave out some of the 96 pixels"),
        ("sensitivity", {"samples": 1}, "samples must be a whole number of at least 2"),
    ],
)
def test_settings_that_cannot_be(linear, images, maps, grade, settings, words):
    with pytest.raises(ValueError, match=words):
        GRADES[grade](linear, images, 0, maps, **settings)


@pytest.mark.parametrize("grade", GRADES)
def test_maps_that_do_not_fit(linear, images, maps, grade):
    with pytest.raises(ValueError, match=r"shape \(3, 12, 8\), got \(3, 8, 12\)"):
        GRADES[grade](linear, images, 0, maps.transpose(0, 2, 1))
    broken = maps.copy()
    broken[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match="finite numbers, got NaN"):
        GRADES[grade](linear, images, 0, broken)
    with pytest.raises(ValueError, match="classes 0 to 1, got class_index 2"):
        GRADES[grade](linear, images, 2, maps)
