import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from data_scripts import draw_features as script
from helpers import features, objects, vgg

pytestmark = pytest.mark.usefixtures("started")

SIZE = 16
QUICK = {"steps": 12, "jitter": 2}
PLAIN = {"jitter": 0, "turn": 0, "variation": 0, "space": "pixels", "colour": "plain"}


@pytest.fixture(scope="module")
def model():
    """Untrained: two convolutions, the first with its ReLU inside, and two classes."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((SIZE, SIZE, 3))
    maps = layers.Conv2D(6, 5, activation="relu", name="inside")(inputs)
    maps = layers.Conv2D(5, 3, name="outside")(maps)
    maps = layers.ReLU(name="relu")(maps)
    maps = layers.MaxPooling2D(name="pool")(maps)
    means = layers.GlobalAveragePooling2D()(maps)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(means))


def read_map(model, layer, images):
    """Return what comes out of a layer, by a Keras model of our own."""
    return keras.Model(model.inputs, model.get_layer(layer).output)(images).numpy()


def measure_roughness(pictures):
    """Return the mean absolute difference of neighbouring pixels."""
    down, across = np.diff(pictures, axis=1), np.diff(pictures, axis=2)
    return np.abs(down).mean() + np.abs(across).mean()


# What gradient ascent finds


@pytest.mark.parametrize("space", features.SPACES)
@pytest.mark.parametrize("colour", features.COLOURS)
def test_the_mean_of_the_map_grows_more_than_along_a_random_direction(
    model, space, colour
):
    options = {**QUICK, "space": space, "colour": colour}
    drawn = features.draw_features(model, "outside", range(5), **options)
    random = np.random.default_rng(0).normal(0, 1, drawn.shape).astype("float32")
    far = np.linalg.norm((drawn - 0.5).reshape(5, -1), axis=1)
    random *= (far / np.linalg.norm(random.reshape(5, -1), axis=1))[:, None, None, None]
    grey = np.full_like(drawn, 0.5)
    scores = [
        np.diag(read_map(model, "outside", pictures).mean(axis=(1, 2)))
        for pictures in (drawn, grey, grey + random)
    ]
    assert (scores[0] > scores[1]).all()
    assert (scores[0] > scores[2]).all()


def test_the_logit_grows(model):
    drawn = features.draw_classes(model, [0, 1], **QUICK)
    grey = np.full_like(drawn, 0.5)
    assert (np.diag(model(drawn)) > np.diag(model(grey))).all()


def test_under_decay_the_best_picture_of_a_linear_unit_is_its_filter():
    kernel = np.random.default_rng(1).normal(0, 1, (SIZE - 1, SIZE - 1, 3, 1))
    inputs = keras.Input((SIZE, SIZE, 3))
    convolution = layers.Conv2D(1, SIZE - 1, use_bias=False, name="filter")
    means = layers.GlobalAveragePooling2D()(convolution(inputs))
    convolution.set_weights([kernel])
    linear = keras.Model(inputs, means)
    wanted = np.zeros((SIZE, SIZE, 3))  # the filter at its four places
    for down in (0, 1):
        for right in (0, 1):
            wanted[down:, right:][: SIZE - 1, : SIZE - 1] += kernel[..., 0]
    drawn = features.draw_features(
        linear, "filter", [0], **PLAIN, decay=8, steps=150, rate=0.1
    )
    found = drawn[0] - 0.5
    cosine = (found * wanted).sum() / np.linalg.norm(found) / np.linalg.norm(wanted)
    assert cosine > 0.98
    # Where the gradient, of root mean square 1, and the decay are in balance.
    assert np.sqrt((found**2).mean()) == pytest.approx(1 / 8, rel=0.05)


# Which layer, in which model


def test_a_relu_is_left_out_wherever_it_stands(model):
    """A bias of -100 shuts every ReLU: behind it the gradient would be zero."""
    shut = keras.models.clone_model(model)
    shut.set_weights(model.get_weights())
    shut.get_layer("inside").bias.assign(np.full(6, -100.0))
    drawn = features.draw_features(shut, "inside", [0, 3], **QUICK)
    wanted = features.draw_features(model, "inside", [0, 3], **QUICK)
    assert np.allclose(drawn, wanted, atol=1e-3)
    assert np.abs(drawn - 0.5).mean() > 0.02
    assert shut.get_layer("inside").activation is keras.activations.relu
    with pytest.raises(ValueError, match="got none for number 2: it is switched off"):
        features.draw_features(shut, "outside", [2], **QUICK)


def test_a_relu_layer_shows_what_comes_into_it(model):
    grey = np.full((1, SIZE, SIZE, 3), 0.5, "float32")
    lit = [read_map(model, "outside", grey).mean(axis=(0, 1, 2)).argmax()]
    before = features.draw_features(model, "outside", lit, **QUICK)
    assert np.array_equal(features.draw_features(model, "relu", lit, **QUICK), before)
    pooled = features.draw_features(model, "pool", lit, **QUICK)
    assert not np.allclose(pooled, before)


def test_a_model_inside_another_is_opened(model):
    base = keras.Model(model.inputs, model.get_layer("relu").output, name="base")
    inputs = keras.Input((SIZE, SIZE, 3))
    means = layers.GlobalAveragePooling2D()(base(inputs))
    nested = keras.Model(inputs, layers.Dense(3)(means))
    drawn = features.draw_features(nested, "base/outside", [1], **QUICK)
    wanted = features.draw_features(model, "outside", [1], **QUICK)
    assert np.allclose(drawn, wanted, atol=1e-4)


# What each setting does


def test_pictures_come_from_a_seed_and_not_from_their_neighbours(model):
    many = features.draw_features(model, "outside", [4, 0, 2], **QUICK)
    again = features.draw_features(model, "outside", [4, 0, 2], **QUICK)
    assert np.array_equal(many, again)
    alone = features.draw_features(model, "outside", [2], **QUICK)
    assert np.allclose(many[2], alone[0], atol=1e-3)
    other = features.draw_features(model, "outside", [2], **QUICK, seed=1)
    assert np.abs(other - alone).mean() > 0.01


def test_more_pictures_than_fit_at_a_time(model, monkeypatch):
    wanted = features.draw_features(model, "outside", range(5), **QUICK)
    monkeypatch.setattr(features, "_BATCH", 2)
    drawn = features.draw_features(model, "outside", range(5), **QUICK)
    assert np.allclose(drawn, wanted, atol=1e-3)


@pytest.mark.parametrize("setting", [{"variation": 1}, {"blur": 2}, {"turn": 20}])
def test_variation_blur_and_turns_make_pictures_smoother(model, setting):
    # Without the steps in frequencies, which make them smooth already.
    rough = features.draw_features(model, "outside", [0, 1], **PLAIN, steps=30)
    smooth = features.draw_features(
        model, "outside", [0, 1], **{**PLAIN, **setting}, steps=30
    )
    assert measure_roughness(smooth) < 0.9 * measure_roughness(rough)


def test_a_wave_is_drawn_the_stronger_the_longer_it_is():
    waves = features._scale_frequencies(SIZE, SIZE)
    places = np.arange(SIZE)[:, None]
    strengths = []
    for count in (1, 2, 4):
        values = np.zeros((1, 3, *waves.shape, 2), "float32")
        values[0, 1, count, 0, 0] = values[0, 1, -count, 0, 0] = 0.5
        planes = features._add_waves(values, waves, (SIZE, SIZE, 3))[0].numpy()
        strengths.append(planes[0, 0, 1])
        wave = np.cos(2 * np.pi * count * places / SIZE)
        assert np.allclose(planes[..., 1], strengths[-1] * wave, atol=1e-5)
        assert np.allclose(planes[..., [0, 2]], 0)
    assert np.allclose(np.divide(strengths[0], strengths), [1, 2, 4], rtol=1e-4)


def test_decay_keeps_pictures_near_grey(model):
    options = {**PLAIN, "steps": 40}
    free = features.draw_features(model, "outside", [0], **options)
    kept = features.draw_features(model, "outside", [0], **{**options, "decay": 10})
    assert np.abs(kept - 0.5).mean() < 0.8 * np.abs(free - 0.5).mean()


def test_jitter_shows_the_network_other_places_of_the_picture():
    """A unit that sees one corner leaves the rest grey, unless the picture moves."""
    inputs = keras.Input((SIZE, SIZE, 3))
    corner = layers.Cropping2D(((0, SIZE - 4), (0, SIZE - 4)))(inputs)
    maps = layers.Conv2D(1, 3, kernel_initializer="ones", name="corner")(corner)
    seeing = keras.Model(inputs, layers.GlobalAveragePooling2D()(maps))
    for jitter, reaches in ((0, False), (3, True)):
        options = {**PLAIN, "jitter": jitter, "steps": 80, "rate": 0.2}
        drawn = features.draw_features(seeing, "corner", [0], **options)[0] - 0.5
        # Shifted to the left and up, the picture goes around the edge.
        assert (drawn[-2:, -2:].min() > 0.05) == reaches
        assert (drawn[4:6, 4:6].min() > 0.05) == reaches
        assert drawn[:3, :3].min() > 0.05
        assert np.abs(drawn[8:12, 8:12]).max() < 0.05


def test_turning_turns_around_the_centre():
    picture = np.random.default_rng(0).random((1, 9, 9, 3)).astype("float32")
    turned = features._turn(tf.constant(picture), tf.constant(np.pi / 2, "float32"))
    close = [
        np.allclose(turned, np.rot90(picture, turns, (1, 2)), atol=1e-4)
        for turns in (1, 3)
    ]
    assert any(close)


def test_blurring_is_what_scipy_does():
    from scipy import ndimage

    picture = np.zeros((1, 31, 31, 3), "float32")
    picture[0, 15, 12] = 1, 2, 3
    wanted = ndimage.gaussian_filter(picture, (0, 1.7, 1.7, 0), truncate=8)
    assert np.allclose(features._blur(tf.constant(picture), 1.7), wanted, atol=1e-5)


def test_pictures_of_another_size(model):
    drawn = features.draw_features(model, "outside", [0], size=(24, 20), **QUICK)
    assert drawn.shape == (1, 24, 20, 3)
    assert drawn.dtype == np.float32
    assert 0 <= drawn.min() < drawn.max() <= 1


def test_colours_are_those_of_the_drawn_objects():
    images = objects.load("embedded").images
    found = features.measure_colours(images)
    assert np.allclose(found, features.COLOUR_DIRECTIONS, atol=0.002)
    within = [np.cov(image.reshape(-1, 3).T, bias=True) for image in images[:20]]
    few = features.measure_colours(images[:20])
    assert np.allclose(few @ few.T, np.mean(within, axis=0), atol=1e-5)


# What goes wrong


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer": "conv9"}, "The layer 'conv9' does not exist; the convolutions are"),
        ({"channels": [5]}, "The layer 'outside' has channels 0 to 4, got 5"),
        ({"channels": [-1]}, "has channels 0 to 4, got -1"),
        ({"channels": []}, "channels must be a list of whole numbers, got []"),
        ({"channels": 3}, "must be a list of whole numbers, got 3; a single one"),
        ({"size": (96,)}, "size must be a height and a width"),
        ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
        ({"jitter": -1}, "jitter must be a whole number of at least 0, got -1"),
        ({"rate": 0}, "rate must be above 0, got 0"),
        ({"blur": -1}, "blur must be 0 or a number above it, got -1"),
        ({"decay": float("nan")}, "decay must be 0 or a number above it, got nan"),
        ({"space": "waves"}, "The space must be one of 'frequencies', 'pixels', got"),
        ({"colour": "red"}, "The colour must be one of 'decorrelated', 'plain', got"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_sentence(model, settings, message):
    asked = {"layer": "outside", "channels": [0], **settings}
    with pytest.raises(ValueError, match=re.escape(message)):
        features.draw_features(model, **asked)


def test_unknown_classes_and_grey_models_are_told(model, small_model):
    with pytest.raises(ValueError, match="The model has classes 0 to 1, got 2"):
        features.draw_classes(model, [2])
    with pytest.raises(ValueError, match="one that takes 1 channels"):
        features.draw_classes(small_model, [0])


# Sheets and the control


def test_a_sheet_is_cut_into_the_tiles_that_it_was_made_of():
    tiles = np.random.default_rng(0).random((3, 4, 5, 6, 3))
    sheet = features.join_tiles(tiles)
    assert np.array_equal(sheet[5:10, 12:18], tiles[1, 2])
    assert np.array_equal(features.cut_sheet(sheet, 3, 4), tiles)


def test_sheets_are_drawn_and_read_back(monkeypatch, tmp_path):
    def shade(model, layer, channels, **options):
        """Draw flat tiles: redder the deeper the layer, greener the later the unit."""
        tiles = np.zeros((len(channels), 96, 96, 3), "float32")
        tiles[..., 0] = int(layer.removeprefix("block")[0]) / 6
        tiles[..., 1] = np.asarray(channels)[:, None, None] / 100
        return tiles

    monkeypatch.setattr(features, "_DATA", tmp_path)
    monkeypatch.setattr(features, "draw_features", shade)
    with pytest.raises(ValueError, match="There must be a sheet features_random"):
        features.read_sheet("random", "features")
    for kind, tiles in script.draw_sheets(None).items():
        assert tiles.shape == (*features.SHEETS[kind], 96, 96, 3)
        script.save_sheet(features.name_sheet("random", kind), tiles)
    found = features.read_sheet("random", "features")
    assert found.shape == (5, 12, 96, 96, 3)
    for block, (count, _) in enumerate(vgg.STACKS):
        depths = found[block, ..., 0].mean(axis=(1, 2))
        assert np.allclose(depths, (block + 1) / 6, atol=0.02)
        units = found[block, ..., 1].mean(axis=(1, 2)) * 100
        assert np.allclose(units, features.choose_channels(count), atol=2)
    found = features.read_sheet("random", "last_stack")
    assert found.shape == (96, 96, 96, 3)
    assert np.allclose(found[..., 1].mean(axis=(1, 2)), np.arange(96) / 100, atol=0.02)
    with pytest.raises(ValueError, match="The role must be one of 'objects', "):
        features.read_sheet("dogs", "features")


def test_the_channels_of_a_sheet_are_evenly_spaced():
    for count, _ in vgg.STACKS:
        chosen = features.choose_channels(count)
        assert len({*chosen}) == 12
        assert chosen[0] == 0
        assert np.ptp(np.diff(chosen)) <= 1
        assert chosen[-1] < count


def test_the_untrained_control_is_balanced_on_the_pictures():
    images = np.random.default_rng(0).random((8, 96, 96, 3)).astype("float32") ** 2
    model = features.build_random_vgg(images, seed=5)
    for layer in ("block1_norm1", "block5_norm3"):
        maps = read_map(model, layer, images)
        assert np.abs(maps.mean(axis=(0, 1, 2))).max() < 0.02
        assert np.allclose(maps.std(axis=(0, 1, 2)), 1, atol=0.05)
    again = features.build_random_vgg(images, seed=5).get_weights()
    assert all(map(np.array_equal, model.get_weights(), again))


@pytest.mark.slow
def test_two_tiles_of_the_stored_sheet_can_be_drawn_again():
    if not features.name_sheet("objects", "features").is_file():
        pytest.skip("data/vgg/features_objects.jpg is not drawn yet")
    model = vgg.load_small_vgg("objects")
    tiles = features.read_sheet("objects", "features")
    count = vgg.STACKS[-1][0]
    channels = features.choose_channels(count)[[2, 7]]
    drawn = features.draw_features(model, vgg.LAYERS[-1], channels)
    for place, picture in zip((2, 7), drawn, strict=True):
        stored = tiles[-1, place]
        assert np.corrcoef(stored.ravel(), picture.ravel())[0, 1] > 0.8
        assert np.corrcoef(tiles[-1, 4].ravel(), picture.ravel())[0, 1] < 0.5


def test_excitement_is_that_of_each_pictures_own_channel():
    model = vgg.start_small_vgg(3)
    images = np.random.default_rng(0).random((3, 96, 96, 3), "float32")
    channels = np.array([5, 0, 31])
    inside = keras.Model(model.inputs, model.get_layer("block2_norm2").output)
    wanted = [
        float(inside(images[place : place + 1]).numpy()[..., channel].mean())
        for place, channel in enumerate(channels)
    ]
    found = features.measure_excitement(model, "block2_norm2", channels, images)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_shuffling_moves_whole_squares_and_loses_none():
    images = np.random.default_rng(1).random((2, 8, 8, 3))
    shuffled = features.shuffle_squares(images, squares=2)

    def list_squares(image):
        cut = [image[i : i + 4, j : j + 4] for i in (0, 4) for j in (0, 4)]
        return sorted(square.tobytes() for square in cut)

    assert [*map(list_squares, images)] == [*map(list_squares, shuffled)]
    assert not np.array_equal(images, shuffled)
    np.testing.assert_array_equal(shuffled, features.shuffle_squares(images, squares=2))


# What else is asked of a model and of drawn pictures


def test_objectives_are_what_the_model_says_of_each_pictures_own_class(model):
    images = np.random.default_rng(5).random((3, SIZE, SIZE, 3)).astype("float32")
    classes, each = np.array([1, 0, 1]), np.arange(3)
    probabilities = features.read_probabilities(model)(images, classes)
    np.testing.assert_allclose(
        probabilities, model(images).numpy()[each, classes], 1e-5
    )
    logits = features.read_logits(model)(images, classes)
    others = features.read_logits(model)(images, 1 - classes)
    np.testing.assert_allclose(tf.sigmoid(logits - others), probabilities, 1e-5)


def test_the_slope_of_a_linear_objective_is_its_length_everywhere():
    generator = np.random.default_rng(6)
    images, weights = generator.normal(0.5, 0.1, (2, 3, 9, 8, 3)).astype("float32")

    def read(pictures, numbers):
        return tf.reduce_sum(pictures * tf.gather(weights, numbers), (1, 2, 3))

    numbers = np.array([2, 0, 2])
    lengths = np.linalg.norm(weights.reshape(3, -1), axis=1)[numbers]
    slopes = features.measure_slopes(read, images, numbers)
    np.testing.assert_allclose(slopes, lengths, rtol=1e-5)


def test_layers_are_chosen_among_the_relus(model):
    assert features.choose_layers(model, 2) == ["inside", "relu"]
    with pytest.raises(ValueError, match="at least 3 ReLUs that give a map, got 2"):
        features.choose_layers(model, 3)


def test_dead_channels_are_not_chosen(model):
    half = keras.models.clone_model(model)
    half.set_weights(model.get_weights())
    kernel, bias = half.get_layer("inside").get_weights()
    kernel[..., [1, 4]] = 0
    half.get_layer("inside").set_weights([kernel, bias])
    chosen = features.choose_live_channels(half, "inside", 4)
    assert chosen.tolist() == [0, 2, 3, 5]
    with pytest.raises(ValueError, match=r"at least 5 channels .* got 4"):
        features.choose_live_channels(half, "inside", 5)


def test_layers_are_drawn_row_by_row_and_one_square_is_the_whole_effect(model):
    drawn = features.draw_layers(model, ["inside", "outside"], 2, **QUICK)
    chosen = features.choose_live_channels(model, "outside", 2)
    alone = features.draw_features(model, "outside", chosen, **QUICK)
    np.testing.assert_allclose(drawn[1], alone, atol=1e-5)
    left = features.measure_shuffled(model, ["inside"], drawn[:1], [1, 4])
    assert left.shape == (1, 2)
    assert left[0, 0] == pytest.approx(1)
    assert left[0, 1] < 1


def test_fine_detail_is_the_power_of_short_waves():
    across = np.arange(32) * np.ones((32, 1))
    fine, coarse = np.sin(across * np.pi / 2), np.sin(across * np.pi / 8)
    images = np.stack([fine, coarse, fine + 2 * coarse, 0 * fine])[..., None] + 0.5
    found = features.measure_fineness(images)
    np.testing.assert_allclose(found, [1, 0, 1 / (1 + 4), 0], atol=1e-9)


def test_a_damaged_sheet_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(features, "_DATA", tmp_path)
    (tmp_path / "features_objects.jpg").write_bytes(b"not a picture")
    with pytest.raises(
        ValueError, match=r"features_objects\.jpg in data/vgg must be a"
    ):
        features.read_sheet("objects", "features")
