import keras
import numpy as np
import pytest
from keras import layers
from scipy import ndimage

from helpers import attribution, digits, networks, objects
from helpers.attribution.integrated_gradients import (
    BASELINES,
    RULES,
    draw_baselines,
)

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, 12, 12, 2)).astype("float32")


@pytest.fixture(scope="module")
def linear_model():
    return keras.Sequential(
        [layers.Input((12, 12, 2)), layers.Flatten(), layers.Dense(3)]
    )


def build_bent_model():
    """ReLUs that open and close on the way, and biases that decide when."""
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            layers.Input((12, 12, 2)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    generator = np.random.default_rng(3)
    model.set_weights(
        [
            generator.standard_normal(weight.shape) / (2 if weight.ndim == 1 else 1)
            for weight in model.get_weights()
        ]
    )
    return model


@pytest.fixture(scope="module")
def bent_model():
    return build_bent_model()


def measure_error(model, images, rule, steps, baseline="black"):
    """Return how far the maps' sums miss the scores' differences, relative."""
    starts = draw_baselines(images, baseline)
    heatmaps = attribution.integrated_gradients(
        model, images, 1, rule=rule, steps=steps, baseline=baseline, batch_size=256
    )
    scores = attribution.read_scores(model, images, 1)
    differences = scores - attribution.read_scores(model, starts, 1)
    errors = np.abs(heatmaps.sum(axis=(1, 2)) - differences) / np.abs(differences)
    return errors.mean()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("steps", [2, 7])
def test_every_rule_is_exact_for_a_linear_model(linear_model, images, rule, steps):
    ours = attribution.integrated_gradients(
        linear_model, images, [0, 2, 1], rule=rule, steps=steps
    )
    weights = linear_model.get_weights()[0].reshape(12, 12, 2, 3)
    for image, heatmap, class_index in zip(images, ours, (0, 2, 1), strict=True):
        wanted = (image * weights[..., class_index]).sum(axis=-1)
        assert np.allclose(heatmap, wanted, atol=1e-6)


def test_a_rule_is_as_exact_as_its_degree(images):
    """On a score that is a cubic of one pixel: known errors, by hand."""
    inputs = layers.Input((12, 12, 2))
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(inputs**3)))
    weights = np.zeros((288, 1))
    weights[0] = 1
    model.set_weights([weights, np.zeros(1)])
    ones = np.ones((1, 12, 12, 2))
    # The gradient on the way is 3t²; its integral is 1.
    wanted = {
        "gauss-legendre": 1.0,
        "midpoint": np.mean([3 * 0.25**2, 3 * 0.75**2]),
        "left": np.mean([0.0, 3 * 0.5**2]),
        "trapezoid": np.mean([0.0, 3.0]),
    }
    for rule in RULES:
        heatmap = attribution.integrated_gradients(model, ones, 0, rule=rule, steps=2)
        assert heatmap[0, 0, 0] == pytest.approx(wanted[rule], rel=1e-6)
        assert np.count_nonzero(heatmap) == 1


def test_the_default_rule_is_complete_by_fifty_steps(bent_model, images):
    assert measure_error(bent_model, images, "gauss-legendre", 50) <= 0.005
    heatmaps = attribution.integrated_gradients(bent_model, images, 1)
    plain = attribution.gradient_times_input(bent_model, images, 1)
    assert np.abs(heatmaps - plain).max() > 0.1 * np.abs(heatmaps).max()


@pytest.mark.parametrize("name", ["digits", "objects"])
def test_fifty_steps_leave_half_a_percent_on_the_networks_of_the_course(name):
    """In the median: pictures at which many ReLUs switch on the way need more steps."""
    if name == "digits":
        (model, *_), data = (
            networks.load_digit_networks("embedded", "plain"),
            digits.load("embedded"),
        )
        asked, labels = data.test_images[:40], data.test_labels[:40]
    else:
        model, data = networks.load_object_network("embedded"), objects.load("embedded")
        asked, labels = data.images[:24], data.labels[:24]
    heatmaps = attribution.integrated_gradients(model, asked, labels)
    gained = attribution.read_scores(model, asked, labels)
    gained -= attribution.read_scores(model, np.zeros_like(asked), labels)
    errors = abs(heatmaps.sum(axis=(1, 2)) - gained) / abs(gained)
    assert np.median(errors) <= 0.005


def test_rules_that_stop_at_the_baseline_are_less_exact(bent_model, images):
    errors = {rule: measure_error(bent_model, images, rule, 50) for rule in RULES}
    assert errors["left"] > 3 * errors["gauss-legendre"]
    assert errors["left"] > 2 * errors["midpoint"]
    assert errors["left"] <= 0.1


@pytest.mark.parametrize("rule", RULES)
def test_more_steps_help(bent_model, images, rule):
    few, many = (measure_error(bent_model, images, rule, steps) for steps in (5, 200))
    assert many < few / 4


@pytest.mark.parametrize("baseline", BASELINES)
def test_maps_sum_to_the_difference_from_every_baseline(bent_model, images, baseline):
    assert measure_error(bent_model, images, "gauss-legendre", 100, baseline) <= 0.01


@pytest.mark.parametrize("shape", [(12, 12, 2), (1, 12, 12, 2), (3, 12, 12, 2)])
def test_baselines_of_your_own(bent_model, images, shape):
    baseline = 0.3 * np.random.default_rng(5).random(shape)
    ours = attribution.integrated_gradients(
        bent_model, images, 1, baseline=baseline, steps=100
    )
    each = np.broadcast_to(baseline, images.shape)
    wanted = [
        attribution.integrated_gradients(
            bent_model, image[None], 1, baseline=start, steps=100
        )[0]
        for image, start in zip(images, each, strict=True)
    ]
    assert np.allclose(ours, wanted, atol=1e-5)
    assert measure_error(bent_model, images, "gauss-legendre", 100, baseline) <= 0.01


def test_an_image_is_its_own_baseline(bent_model, images):
    ours = attribution.integrated_gradients(bent_model, images, 1, baseline=images)
    assert np.array_equal(ours, np.zeros((3, 12, 12)))


def test_named_baselines_are_what_they_say(images):
    assert np.array_equal(draw_baselines(images, "black"), np.zeros(images.shape))
    assert np.array_equal(draw_baselines(images, "white"), np.ones(images.shape))
    blurred = draw_baselines(images, "blurred")
    for image, result in zip(images, blurred, strict=True):
        for channel in range(2):
            wanted = ndimage.gaussian_filter(image[..., channel], 1.2, mode="nearest")
            assert np.allclose(result[..., channel], wanted, atol=1e-6)
    noise = draw_baselines(images, "noise", seed=3)
    assert np.array_equal(noise, draw_baselines(images, "noise", seed=3))
    assert not np.array_equal(noise, draw_baselines(images, "noise", seed=4))
    assert np.array_equal(noise[0], noise[2])
    assert noise.min() >= 0
    assert noise.max() <= 1
    assert abs(noise.mean() - 0.5) < 0.1


def test_the_seed_reaches_the_noise(bent_model, images):
    first, again, other = (
        attribution.integrated_gradients(
            bent_model, images, 1, baseline="noise", seed=seed, steps=3
        )
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, rtol=0.01)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"rule": "simpson"}, "'gauss-legendre'.*got 'simpson'; choose"),
        ({"rule": None}, "got None; choose"),
        ({"steps": 0}, "steps must be a whole number of at least 1, got 0; try 50"),
        ({"steps": 2.5}, r"got 2\.5; try 50"),
        ({"steps": 1, "rule": "trapezoid"}, "at least 2, got 1; try 50"),
        ({"baseline": "grey"}, "'black', 'white', 'blurred', 'noise' or images, got"),
        ({"baseline": 0.5}, r"finite, of shape \(12, 12, 2\), got .* shape \(\)"),
        ({"baseline": None}, "The baseline must be"),
        ({"baseline": np.zeros((2, 12, 12, 2))}, r"one image or 3.*got .*\(2, 12"),
        ({"baseline": np.zeros((12, 12, 1))}, r"got an array of shape \(12, 12, 1\)"),
        ({"baseline": np.full((12, 12, 2), np.nan)}, "finite"),
    ],
)
def test_a_wrong_way_gets_one_sentence(bent_model, images, bad, message):
    with pytest.raises(ValueError, match=message) as caught:
        attribution.integrated_gradients(bent_model, images, 1, **bad)
    assert "\n" not in str(caught.value)


def print_table():
    """Print the error by rule and steps, for `python -m` with this file's name."""
    from helpers import runtime

    runtime.start()
    model = build_bent_model()
    pictures = np.random.default_rng(0).random((8, 12, 12, 2)).astype("float32")
    counts = (5, 10, 20, 50, 100, 200)
    print(f"{'steps':16}" + "".join(f"{count:>9}" for count in counts))
    for rule in RULES:
        errors = [measure_error(model, pictures, rule, count) for count in counts]
        print(f"{rule:16}" + "".join(f"{error:9.1e}" for error in errors))


if __name__ == "__main__":
    print_table()
