"""Axioms on networks of which the answer is known, and on methods that break them."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers

from helpers import attribution
from helpers.attribution import (
    cam,
    grad_cam,
    gradient_times_input,
    integrated_gradients,
    lrp,
    occlusion,
    saliency,
)
from helpers.attribution.relevance import follow_relevance
from helpers.attribution.scores import read_scores
from helpers.grading import axioms

pytestmark = pytest.mark.usefixtures("started")

SIZE = 16
CLASSES = np.array([0, 2, 1])


def build(use_bias, seed=0):
    """Two convolutions with ReLU, the mean, three classes; random weights."""
    inputs = keras.Input((SIZE, SIZE, 3))
    maps = inputs
    for filters in (6, 8):
        maps = layers.Conv2D(
            filters, 3, padding="same", activation="relu", use_bias=use_bias
        )(maps)
    means = layers.GlobalAveragePooling2D()(maps)
    outputs = layers.Dense(3, activation="softmax", use_bias=use_bias)(means)
    model = keras.Model(inputs, outputs)
    generator = np.random.default_rng(seed)
    for variable in model.weights:
        variable.assign(generator.normal(0.05, 0.3, variable.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return build(use_bias=True)


@pytest.fixture(scope="module")
def plain():
    return build(use_bias=False)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((3, SIZE, SIZE, 3)).astype("float32")


def draw_edges(model, images, class_index):
    return np.abs(np.diff(images.mean(axis=-1), axis=2, append=0))


def spread_evenly(model, images, class_index):
    return np.ones(images.shape[:3])


def stay_blank(model, images, class_index):
    return np.zeros(images.shape[:3])


def test_a_linear_network_is_explained_completely(images):
    """Weight times pixel adds up to the score without the bias: known by hand."""
    keras.utils.set_random_seed(0)
    linear = keras.Sequential(
        [layers.Input((SIZE, SIZE, 3)), layers.Flatten(), layers.Dense(2)]
    )
    linear.layers[-1].bias.assign([3.0, -2.0])
    kernel = np.asarray(linear.layers[-1].kernel)[:, 1].reshape(SIZE, SIZE, 3)
    by_hand = (images * kernel).sum(axis=-1)
    complete = axioms.measure_completeness(stay_blank, linear, images, 1)
    assert complete.tolist() == [1, 1, 1]
    complete = axioms.measure_completeness(None, linear, images, 1, heatmaps=by_hand)
    assert complete.max() < 1e-5
    kept = axioms.measure_conservation(None, linear, images, 1, heatmaps=by_hand)
    scores = read_scores(linear, images, 1)
    assert np.allclose(kept, np.abs(2 / scores), rtol=1e-3)


def test_integrated_gradients_are_complete_and_a_shifted_baseline_is_caught(
    model, images
):
    measure = axioms.measure_completeness
    exact = partial(integrated_gradients, steps=40)
    assert measure(exact, model, images, CLASSES).max() < 0.01
    from_white = partial(exact, baseline="white")
    assert measure(from_white, model, images, CLASSES).min() > 0.1
    assert measure(from_white, model, images, CLASSES, baseline=1.0).max() < 0.02

    def add_baseline(model, images, class_index):
        """Integrated gradients, and on every pixel a little that is not its own."""
        return exact(model, images, class_index) + 0.01

    caught = measure(add_baseline, model, images, CLASSES)
    scores, before = (
        read_scores(model, shown, CLASSES) for shown in (images, np.zeros_like(images))
    )
    wanted = 0.01 * SIZE * SIZE / np.abs(scores - before)
    assert np.allclose(caught, wanted, atol=0.01)
    assert measure(saliency, model, images, CLASSES).min() > 0.1


def test_without_biases_products_and_relevance_hold_the_score(plain, model, images):
    measure = axioms.measure_conservation
    for method in (gradient_times_input, partial(lrp, rule="epsilon")):
        assert measure(method, plain, images, CLASSES).max() < 1e-3
        assert measure(method, model, images, CLASSES).min() > 0.01
        # A network without biases gives 0 for black: both measures agree.
        both = axioms.measure_completeness(method, plain, images, CLASSES)
        assert np.allclose(both, measure(method, plain, images, CLASSES), atol=1e-6)


def test_what_conservation_misses_is_what_the_biases_keep(model, images):
    missing = axioms.measure_conservation(lrp, model, images, CLASSES)
    _, left = follow_relevance(model, images, CLASSES)
    scores = read_scores(model, images, CLASSES)
    assert np.allclose(
        missing, np.abs(left[:, -1] - scores) / np.abs(scores), rtol=1e-3
    )


def test_every_claim_holds_where_it_is_made(plain, images):
    """Without biases; of LRP's rules by epsilon, which lets nothing be swallowed."""
    for name, measure in axioms.CLAIMS.items():
        options = {"rule": "epsilon"} if name == "lrp" else {}
        method = partial(attribution.METHODS[name], **options)
        assert measure(method, plain, images, CLASSES).max() < 0.01


def test_a_score_like_that_of_the_baseline_has_no_grade(model, images):
    black = np.zeros_like(images)
    nothing = axioms.measure_completeness(saliency, model, black, CLASSES)
    assert np.isnan(nothing).all()


def test_the_hidden_region_changes_nothing_and_the_rest_does(model, images):
    region = np.zeros((SIZE, SIZE), bool)
    region[2:9, 3:12] = True
    blind = axioms.hide_region(model, region)
    other = np.random.default_rng(2).random(images.shape).astype("float32")
    inside = region[..., None]
    answers = blind(images).numpy()
    assert np.array_equal(blind(np.where(inside, other, images)), answers)
    assert not np.allclose(blind(np.where(inside, images, other)), answers)
    assert np.array_equal(answers, model(np.where(inside, 0, images)))


COLD = {
    "saliency": saliency,
    "gradient_times_input": gradient_times_input,
    "lrp": lrp,
    "integrated_gradients": partial(integrated_gradients, steps=5),
    "occlusion": partial(occlusion, patch=3),
}


@pytest.mark.parametrize("name", COLD)
def test_methods_of_pixels_leave_the_hidden_region_cold(model, images, name):
    grades = axioms.measure_dummy_feature(COLD[name], model, images, CLASSES)
    assert grades.tolist() == [0, 0, 0]


def test_feature_maps_keep_what_biases_put_there(model, plain, images):
    warm = axioms.measure_dummy_feature(cam, model, images, CLASSES, reach=3)
    assert warm.min() > 0.1
    # Two convolutions of 3 × 3 reach 2 pixels; without biases, black is 0.
    cold = axioms.measure_dummy_feature(cam, plain, images, CLASSES, reach=2)
    assert cold.tolist() == [0, 0, 0]
    seen = axioms.measure_dummy_feature(cam, plain, images, CLASSES, reach=0)
    assert seen.min() > 0


def test_maps_that_do_not_know_of_the_region_are_caught(model, images):
    measure = axioms.measure_dummy_feature
    for reach in (0, 3):
        even = measure(spread_evenly, model, images, 0, reach=reach)
        assert np.allclose(even, 1)
    assert np.abs(measure(draw_edges, model, images, 0) - 1).max() < 0.4
    assert measure(stay_blank, model, images, 0).tolist() == [0, 0, 0]


def test_the_margin_lies_along_the_border_inside_the_picture(model, images):
    """One hot pixel at a time, against the region's rows and columns by hand."""
    region = np.zeros((SIZE, SIZE), bool)
    region[:, :6] = True

    def light(column):
        heatmap = np.zeros(images.shape[:3])
        heatmap[:, 0, column] = -2
        return lambda model, images, class_index: heatmap

    grades = [
        axioms.measure_dummy_feature(
            light(column), model, images, 0, region=region, reach=2
        )[0]
        for column in range(SIZE)
    ]
    assert np.allclose(grades, [SIZE / 4] * 4 + [0] * 12)


def test_the_symmetric_network_cannot_tell_left_from_right(model, images):
    symmetric = axioms.ignore_mirroring(model)
    mirrored = images[:, :, ::-1]
    assert np.array_equal(symmetric(images), symmetric(mirrored))
    assert not np.allclose(model(images), model(mirrored), atol=1e-3)
    both = model((images + mirrored) / 2)
    assert np.allclose(symmetric(images), both, atol=1e-6)


SYMMETRIC = {
    "saliency": saliency,
    "lrp": lrp,
    "integrated_gradients": partial(integrated_gradients, steps=5),
    "occlusion": partial(occlusion, patch=4, stride=4),
}


@pytest.mark.parametrize("name", SYMMETRIC)
def test_methods_of_pixels_mirror_their_maps(model, images, name):
    grades = axioms.measure_symmetry(SYMMETRIC[name], model, images, CLASSES)
    assert grades.min() > 0.999


def test_maps_with_a_preferred_side_are_caught(model, images):
    def prefer_right(model, images, class_index):
        heatmaps = saliency(model, images, class_index)
        return heatmaps * np.linspace(0, 1, SIZE)

    leaning = axioms.measure_symmetry(prefer_right, model, images, CLASSES)
    assert leaning.max() < 0.5
    # A feature map is that of the network inside, which does tell left from right.
    for method in (cam, grad_cam):
        assert axioms.measure_symmetry(method, model, images, CLASSES).max() < 0.99


def test_bad_input_gets_one_sentence(model, images):
    measure = partial(axioms.measure_dummy_feature, saliency, model, images, 0)
    for region in (
        np.ones((SIZE, SIZE), bool),
        np.ones((SIZE, 4), bool),
        np.zeros((SIZE, SIZE)),
    ):
        with pytest.raises(ValueError, match="The region must be true and false"):
            measure(region=region)
    narrow = np.zeros((SIZE, SIZE), bool)
    for _ in range(2):
        with pytest.raises(ValueError, match="lower reach"):
            measure(region=narrow, reach=2)
        narrow[3:7, 3:7] = True
    with pytest.raises(ValueError, match="finite heatmaps"):
        axioms.measure_symmetry(lambda *_: np.zeros(3), model, images, 0)
