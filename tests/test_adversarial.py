import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from helpers import adversarial

pytestmark = pytest.mark.usefixtures("started")

SIZE = 4
ONE = 1 / 255


@pytest.fixture(scope="module")
def linear():
    """Logits that are weights times pixels: here the least change is known."""
    inputs = keras.Input((SIZE, SIZE, 3))
    outputs = layers.Dense(2, activation="softmax")(layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    weights = np.random.default_rng(0).normal(0, 1, (SIZE * SIZE * 3, 2))
    model.set_weights([weights, np.zeros(2)])
    return model


@pytest.fixture(scope="module")
def images():
    return (
        np.random.default_rng(1).uniform(0.3, 0.7, (6, SIZE, SIZE, 3)).astype("float32")
    )


def find_margins(model, images):
    """Return classes, how far they lead, and their weights less the others'."""
    weights, _ = model.get_weights()
    logits = images.reshape(len(images), -1) @ weights
    named = logits.argmax(axis=1)
    difference = (weights[:, 0] - weights[:, 1])[None] * np.where(named == 0, 1, -1)[
        :, None
    ]
    return named, np.abs(logits[:, 0] - logits[:, 1]), difference


def test_one_step_goes_the_whole_way_against_the_weights(linear, images):
    named, _, difference = find_margins(linear, images)
    changed = adversarial.leave_class(linear, images, named, levels=3)
    wanted = images - 3 * ONE * np.sign(difference).reshape(images.shape)
    assert np.allclose(changed, wanted, atol=1e-6)
    towards = adversarial.approach_class(linear, images, 1 - named, levels=3, steps=1)
    assert np.allclose(towards, wanted, atol=1e-6)


def test_many_steps_stay_within_the_size_and_the_range(linear):
    images = np.random.default_rng(2).random((5, SIZE, SIZE, 3)).astype("float32")
    sizes = np.array([0, 1, 2, 8, 200])
    changed = adversarial.leave_class(linear, images, 0, sizes, steps=7)
    far = np.abs(changed - images).max(axis=(1, 2, 3))
    assert (far <= sizes * ONE + 1e-6).all()
    assert np.allclose(far[:4], sizes[:4] * ONE, atol=1e-6)
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_the_fewest_levels_are_the_margin_over_the_sum_of_the_weights(linear, images):
    """For a linear model the smallest change is known: margin over the L1 norm."""
    named, margins, difference = find_margins(linear, images)
    wanted = np.ceil(margins / np.abs(difference).sum(axis=1) * 255)
    assert len({*wanted}) > 2
    for steps in (1, 10):
        found = adversarial.find_smallest(linear, images, named, most=64, steps=steps)
        assert np.array_equal(found, wanted)


def test_what_is_wrong_already_needs_nothing_and_some_cannot_be_changed(linear, images):
    named, margins, difference = find_margins(linear, images)
    needed = margins / np.abs(difference).sum(axis=1) * 255
    most = int(np.sort(needed)[2])
    found = adversarial.find_smallest(linear, images, named, most=most)
    assert np.array_equal(np.isinf(found), needed > most)
    assert (adversarial.find_smallest(linear, images, 1 - named, most=4) == 0).all()


def test_flips_are_shares_of_the_right_answers(linear, images):
    named, margins, difference = find_margins(linear, images)
    needed = margins / np.abs(difference).sum(axis=1) * 255
    labels = named.copy()
    labels[0] = 1 - labels[0]  # a wrong answer is left out
    sizes = [1, int(np.median(needed)), 60]
    table = adversarial.measure_flips(linear, images, labels, sizes)
    assert table.index.name == "grey levels"
    for size in sizes:
        wanted = (needed[1:] < size).mean()
        assert table.loc[size, "one step"] == pytest.approx(wanted)
        assert table.loc[size, "ten steps"] == pytest.approx(wanted)
        assert table.loc[size, "random"] <= wanted


def test_leads_are_log_odds():
    logits = np.random.default_rng(3).normal(0, 2, (7, 4)).astype("float32")
    classes = np.array([0, 1, 2, 3, 0, 1, 2])
    probabilities = tf.nn.softmax(logits).numpy()[np.arange(7), classes]
    leads = adversarial.measure_leads(tf.constant(logits), classes).numpy()
    assert np.allclose(leads, np.log(probabilities / (1 - probabilities)), atol=1e-4)


def test_a_picture_moves_where_the_probability_is_one(linear, images):
    """There the cross-entropy's gradient is zero, and its sign too."""
    sure = keras.models.clone_model(linear)
    sure.set_weights([1000 * linear.get_weights()[0], np.zeros(2)])
    named, _, difference = find_margins(linear, images)
    assert sure(images).numpy().max(axis=1).min() > 1 - 1e-6  # or 1, as it is rounded
    changed = adversarial.leave_class(sure, images, named, levels=2)
    wanted = images - 2 * ONE * np.sign(difference).reshape(images.shape)
    assert np.allclose(changed, wanted, atol=1e-6)


def test_noise_is_of_the_size_asked_for_and_seeded(images):
    noisy = adversarial.add_noise(images, 5, seed=1)
    assert np.allclose(np.abs(noisy - images), 5 * ONE, atol=1e-6)
    assert 0.3 < (noisy > images).mean() < 0.7
    assert np.array_equal(noisy, adversarial.add_noise(images, 5, seed=1))
    assert not np.array_equal(noisy, adversarial.add_noise(images, 5, seed=2))


def test_what_cannot_be_asked_is_told(linear, images):
    with pytest.raises(ValueError, match="levels must be 0 or above, got -1"):
        adversarial.leave_class(linear, images, 0, levels=-1)
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1"):
        adversarial.leave_class(linear, images, 0, levels=1, steps=0)
    with pytest.raises(
        ValueError, match="The model has classes 0 to 1, got class_index 2"
    ):
        adversarial.approach_class(linear, images, 2, levels=1)
    with pytest.raises(ValueError, match="most must be a whole number of at least 1"):
        adversarial.find_smallest(linear, images, 0, most=0)
