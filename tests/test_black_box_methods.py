"""Occlusion, RISE, Score-CAM and LIME: they change the picture and ask again."""

import tracemalloc

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from scipy import ndimage

from helpers.attribution.lime import lime
from helpers.attribution.occlusion import occlusion
from helpers.attribution.rise import draw_masks, rise
from helpers.attribution.score_cam import score_cam
from helpers.attribution.scores import read_logits
from helpers.attribution.segments import (
    cut_by_quickshift,
    cut_by_slic,
    cut_in_grid,
    segment_images,
)

pytestmark = pytest.mark.usefixtures("started")

FEW = {
    occlusion: {"patch": 6, "stride": 3},
    rise: {"samples": 60, "cells": 4},
    score_cam: {},
    lime: {"samples": 60, "segments": cut_in_grid},
}


@pytest.fixture
def colour_model():
    """Two convolutions, the second without a ReLU, on 24×24 colour pictures."""
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(6, 3, padding="same", activation="relu", name="fine"),
            layers.MaxPooling2D(),
            layers.Conv2D(5, 3, padding="same", name="coarse"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.fixture
def colour_images():
    return np.random.default_rng(3).random((3, 24, 24, 3)).astype("float32")


@pytest.fixture
def red_model():
    """The truth is known: the more red there is, the surer the model of class 0."""
    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(3, 1, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    red, green, blue = np.eye(3)
    kernel = np.stack([red - green - blue, green, blue], axis=-1)[None, None]
    head = np.array([[50.0, 0], [0, 0], [0, 0]])
    model.set_weights([kernel, np.zeros(3), head, np.array([-2.0, 0])])
    return model


@pytest.mark.parametrize(
    ("method", "more"),
    [
        (occlusion, {}),
        (rise, {"samples": 400}),
        (score_cam, {}),
        (lime, {"samples": 400, "hide_color": 0}),
    ],
)
def test_the_peak_lies_on_the_only_evidence(red_model, method, more):
    image = np.zeros((1, 24, 24, 3), "float32")
    image[0, ..., 1] = np.random.default_rng(0).random((24, 24))
    image[0, 3:9, 12:18] = [1, 0, 0]
    heatmap = method(red_model, image, 0, **{**FEW[method], **more})[0]
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    assert 3 <= row < 9
    assert 12 <= column < 18
    evidence = heatmap[3:9, 12:18].mean()
    heatmap[3:9, 12:18] = -np.inf
    assert evidence > np.quantile(heatmap, 0.95)


@pytest.mark.parametrize("method", FEW)
def test_a_map_does_not_depend_on_the_images_beside_it(
    colour_model, colour_images, method
):
    class_indices = np.array([0, 2, 1])
    together = method(colour_model, colour_images, class_indices, **FEW[method])
    for batch_size in (1, 7):
        alone = [
            method(
                colour_model, image[None], index, batch_size=batch_size, **FEW[method]
            )
            for image, index in zip(colour_images, class_indices, strict=True)
        ]
        assert together.dtype == alone[0].dtype == "float32"
        assert together.shape == (3, 24, 24)
        scale = abs(together).max()
        assert scale > 1e-4
        assert abs(together - np.concatenate(alone)).max() <= 1e-5 * scale


@pytest.mark.parametrize("method", FEW)
def test_the_model_never_sees_more_images_than_the_batch_size(
    colour_images, record_batches, method
):
    model, sizes = record_batches
    method(model, colour_images, 1, batch_size=4, **FEW[method])
    assert max(sizes) == 4
    sizes.clear()
    method(model, colour_images[:1], 1, **FEW[method])
    assert 4 < max(sizes) <= 32


@pytest.mark.parametrize(
    ("method", "settings", "everything"),
    [
        (occlusion, {"patch": 8, "stride": 1}, 57**2 * 64**2),  # a byte for each mask
        (rise, {"samples": 2000}, 4 * 2000 * 64**2),
        (score_cam, {}, 4 * 1024 * 64**2),
        (lime, {"samples": 2000, "segments": cut_in_grid}, 4 * 2000 * 64**2),
    ],
)
def test_masks_are_never_all_in_memory(started, method, settings, everything):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.Input((64, 64, 1)),
            layers.Conv2D(1024 if method is score_cam else 2, 16, strides=16),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    images = np.random.default_rng(0).random((1, 64, 64, 1)).astype("float32")
    method(
        model, images, 0, **{**settings, **({"samples": 9} if method is lime else {})}
    )
    tracemalloc.start()
    try:
        method(model, images, 0, **settings)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < everything / 3


@pytest.mark.parametrize("method", [rise, lime])
def test_the_seed_decides(colour_model, colour_images, method):
    first, again, other = (
        method(colour_model, colour_images[:1], 0, seed=seed, **FEW[method])
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert abs(first - other).max() > 0.01 * abs(first).max()


@pytest.mark.parametrize("method", FEW)
def test_a_class_that_does_not_exist_is_refused(colour_model, colour_images, method):
    with pytest.raises(ValueError, match="classes 0 to 2, got class_index 3"):
        method(colour_model, colour_images, 3)
    with pytest.raises(ValueError, match=r"batch_size .* at least 1, got 0"):
        method(colour_model, colour_images, 0, batch_size=0)


@pytest.mark.parametrize(
    ("side", "patch", "stride"), [(4, 4, 1), (28, 5, 1), (48, 6, 1), (128, 16, 4)]
)
def test_the_square_grows_with_the_picture(side, patch, stride):
    model = keras.Sequential([layers.Input((side, side, 1)), layers.Flatten()])
    model.add(layers.Dense(2))
    images = np.random.default_rng(0).random((1, side, side, 1)).astype("float32")
    chosen = occlusion(model, images, 0)
    assert np.array_equal(chosen, occlusion(model, images, 0, patch, stride))
    other = occlusion(model, images, 0, max(1, patch - 1), stride)
    assert not np.allclose(chosen, other, atol=1e-4)


def test_a_stride_that_leaves_pixels_out_is_refused(colour_model, colour_images):
    with pytest.raises(
        ValueError, match=r"at most the square's side, 6, .* got 7; cho"
    ):
        occlusion(colour_model, colour_images, 0, patch=6, stride=7)


def test_the_square_takes_each_images_own_mean_colour(colour_model, colour_images):
    images = colour_images * np.array([1, 0.5, 0.1], "float32")
    images[1] *= 0.5
    logits = read_logits(colour_model)
    heatmaps = occlusion(colour_model, images, 2, patch=12, stride=12, fill="mean")
    for image, heatmap in zip(images, heatmaps, strict=True):
        hidden = image.copy()
        hidden[12:, :12] = image.mean(axis=(0, 1))
        fall = (logits(image[None]) - logits(hidden[None])).numpy()[0, 2]
        assert np.allclose(heatmap[12:, :12], fall, atol=1e-5)


def test_an_unknown_fill_is_refused(colour_model, colour_images):
    with pytest.raises(ValueError, match="a number or \"mean\", got 'grey'"):
        occlusion(colour_model, colour_images, 0, fill="grey")


@pytest.mark.parametrize(("size", "cells"), [((24, 24), 4), ((13, 20), 3), ((7, 7), 7)])
def test_masks_are_random_grids_enlarged_between_pixel_centres(size, cells):
    masks = draw_masks(size, samples=6, cells=cells, keep=0.3, seed=8)
    generator = np.random.default_rng(8)
    grids = (generator.random((6, cells, cells)) < 0.3).astype(float)
    cell = np.ceil(np.array(size) / cells).astype(int)
    shifts = generator.integers(cell, size=(6, 2))
    assert masks.dtype == "float32"
    for mask, grid, shift in zip(masks, grids, shifts, strict=True):
        stretch = cells / ((cells + 1) * cell)
        places = [
            (np.arange(length) + start + 0.5) * share - 0.5
            for length, start, share in zip(size, shift, stretch, strict=True)
        ]
        places = np.meshgrid(*places, indexing="ij")
        wanted = ndimage.map_coordinates(grid, places, order=1, mode="nearest")
        assert np.allclose(mask, wanted, atol=1e-5)


def test_every_pixel_is_kept_as_often_as_wanted():
    masks = draw_masks((20, 31), samples=4000, cells=5, keep=0.4)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert abs(masks.mean(axis=0) - 0.4).max() < 0.04


def test_rise_equals_a_loop_over_its_masks(colour_model, colour_images):
    class_indices = [0, 1, 2]
    heatmaps = rise(
        colour_model,
        colour_images,
        class_indices,
        samples=50,
        cells=5,
        keep=0.3,
        seed=4,
    )
    masks = draw_masks((24, 24), samples=50, cells=5, keep=0.3, seed=4)
    for image, index, heatmap in zip(
        colour_images, class_indices, heatmaps, strict=True
    ):
        shown = np.stack([image * mask[..., None] for mask in masks])
        answers = colour_model(shown).numpy()[:, index]
        answers = answers - answers.mean()
        total = sum(answer * mask for answer, mask in zip(answers, masks, strict=True))
        assert np.allclose(heatmap, total / (50 * 0.3), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 0}, "at least 1, got 0"),
        ({"cells": 1}, "at least 2, got 1"),
        ({"cells": 25}, "one cell a pixel, here 24.*cells=25"),
        ({"keep": 0}, "between 0 and 1.*keep=0"),
        ({"keep": 1}, "between 0 and 1.*keep=1"),
    ],
)
def test_impossible_masks_are_refused(colour_model, colour_images, settings, message):
    with pytest.raises(ValueError, match=message):
        rise(colour_model, colour_images, 0, **settings)


def test_score_cam_may_use_the_liveliest_channels_only(colour_model, colour_images):
    """With one channel, the map is that channel's, weighed by what it shows."""
    whole = score_cam(colour_model, colour_images, 0, layer="coarse", enlarge=False)
    few = score_cam(
        colour_model, colour_images, 0, layer="coarse", channels=1, enlarge=False
    )
    features = keras.Model(
        colour_model.inputs[0], colour_model.get_layer("coarse").output
    )(colour_images).numpy()
    for image, heatmap, full in zip(features, few, whole, strict=True):
        liveliest = np.maximum(image[..., image.std(axis=(0, 1)).argmax()], 0)
        assert np.corrcoef(heatmap.ravel(), liveliest.ravel())[0, 1] > 0.9999
        assert not np.allclose(heatmap, full)
    count = features.shape[-1]
    every = score_cam(
        colour_model, colour_images, 0, layer="coarse", channels=count, enlarge=False
    )
    assert np.allclose(every, whole, atol=1e-6)
    with pytest.raises(ValueError, match="channels must be a whole number"):
        score_cam(colour_model, colour_images, 0, channels=0)


@pytest.mark.parametrize("layer", [None, "fine", "coarse"])
def test_score_cam_equals_a_loop_over_the_channels(colour_model, colour_images, layer):
    ours = score_cam(colour_model, colour_images, [0, 1, 2], layer=layer, enlarge=False)
    features = read_layer(colour_model, layer or "coarse", colour_images)
    for number, heatmap in enumerate(ours):
        wanted = weigh_channels(
            colour_model, colour_images[number], features[number], number, zoom_centres
        )
        assert heatmap.max() > heatmap.min() >= 0
        assert np.allclose(heatmap, wanted, rtol=1e-5, atol=1e-6)


def test_score_cam_is_enlarged_to_the_images(colour_model, colour_images):
    small, large = (
        score_cam(colour_model, colour_images, 1, enlarge=enlarge)
        for enlarge in (False, True)
    )
    assert small.shape == (3, 12, 12)
    wanted = [zoom_centres(heatmap) for heatmap in small]
    assert np.allclose(large, wanted, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The structure of .inputs.")
@pytest.mark.filterwarnings("ignore:Please import .zoom.:DeprecationWarning")
@pytest.mark.parametrize("layer", ["fine", "coarse"])
def test_score_cam_and_tf_keras_vis_differ_in_the_enlargement_only(
    colour_model, colour_images, layer
):
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    keras.utils.disable_interactive_logging()
    class_indices = [2, 0, 1]
    theirs = Scorecam(read_logits(colour_model))(
        CategoricalScore(class_indices),
        colour_images,
        penultimate_layer=layer,
        expand_cam=False,
        normalize_cam=False,
    ).numpy()
    ours = score_cam(
        colour_model, colour_images, class_indices, layer=layer, enlarge=False
    )
    features = read_layer(colour_model, layer, colour_images)
    corners = [
        weigh_channels(colour_model, *given, zoom_corners)
        for given in zip(colour_images, features, class_indices, strict=True)
    ]
    assert abs(theirs - corners).max() <= 1e-5
    if layer == "fine":  # as large as the image: nothing is enlarged
        assert abs(theirs - ours).max() <= 1e-5
    else:
        assert abs(theirs - ours).max() > 1e-4


def test_score_cam_reads_the_probability_once_whatever_the_head(
    colour_model, colour_images
):
    linear = read_logits(colour_model)
    apart = keras.Sequential([layers.Input((24, 24, 3)), linear, layers.Softmax()])
    maps = [score_cam(m, colour_images, 0) for m in (colour_model, linear, apart)]
    assert np.allclose(maps[0], maps[1], rtol=1e-5)
    assert np.allclose(maps[0], maps[2], rtol=1e-5)


def test_a_channel_without_a_picture_counts_nothing(colour_model, colour_images):
    kernel, bias = colour_model.get_layer("coarse").get_weights()
    kernel[..., 0], bias[0] = 0, 5  # the same everywhere
    kernel[..., 1], bias[1] = 0, 0  # dead
    colour_model.get_layer("coarse").set_weights([kernel, bias])
    features = read_layer(colour_model, "coarse", colour_images)
    ours = score_cam(colour_model, colour_images, 1, enlarge=False)
    for image, feature, heatmap in zip(colour_images, features, ours, strict=True):
        wanted = weigh_channels(colour_model, image, feature[..., 2:], 1, zoom_centres)
        assert np.allclose(heatmap, wanted, rtol=1e-5, atol=1e-6)
    blank = np.zeros((1, 24, 24, 3), "float32")
    colour_model.get_layer("coarse").set_weights([kernel * 0, bias])
    assert np.array_equal(score_cam(colour_model, blank, 1), np.zeros((1, 24, 24)))


@pytest.mark.parametrize("hide_color", [None, 0.25])
@pytest.mark.parametrize("channels", [1, 3])
def test_lime_equals_the_library_with_its_defaults(
    colour_model, small_model, colour_images, small_images, channels, hide_color
):
    from lime.lime_image import LimeImageExplainer

    model, images = (
        (small_model, small_images) if channels == 1 else (colour_model, colour_images)
    )
    labels = segment_images(images, lambda image: cut_in_grid(image, 3))
    images, labels = images[:2], labels[:2]
    heatmaps = lime(
        model, images, 1, segments=labels, samples=40, hide_color=hide_color, seed=7
    )
    for image, cut, heatmap in zip(images, labels, heatmaps, strict=True):
        explanation = LimeImageExplainer(random_state=7).explain_instance(
            image if channels == 3 else image[..., 0],
            lambda batch: model.predict(batch[..., :channels], verbose=0),
            labels=[1],
            top_labels=None,
            hide_color=hide_color,
            num_samples=40,
            segmentation_fn=lambda _, cut=cut: cut,
        )
        coefficients = dict(explanation.local_exp[1])
        wanted = np.array([coefficients[number] for number in range(9)])
        assert np.allclose(heatmap, wanted[cut], atol=1e-5 * abs(wanted).max())


def test_lime_is_quiet(colour_model, colour_images, capfd):
    lime(colour_model, colour_images, 0, samples=20)
    assert capfd.readouterr() == ("", "")


def test_labels_of_any_numbers_give_the_same_map(colour_model, colour_images):
    labels = cut_in_grid(colour_images[0], 4)
    wanted = lime(colour_model, colour_images, 0, segments=labels, samples=50)
    for other in (labels + 1, labels * 10 - 7, np.stack([labels] * 3)):
        heatmaps = lime(colour_model, colour_images, 0, segments=other, samples=50)
        assert np.array_equal(heatmaps, wanted)


def test_the_segments_drawn_are_those_that_lime_hides(colour_model, colour_images):
    images = ndimage.zoom(colour_images[:, ::8, ::8], (1, 8, 8, 1), order=1)
    labels = segment_images(images)
    assert np.array_equal(labels[0], cut_by_slic(images[0]))
    heatmaps = lime(colour_model, images, 0, samples=50)
    for cut, heatmap in zip(labels, heatmaps, strict=True):
        pieces = [np.unique(heatmap[cut == number]) for number in range(cut.max() + 1)]
        assert [len(piece) for piece in pieces] == [1] * len(pieces)
        assert len(np.unique(pieces)) == len(pieces) > 20


def test_quickshift_cuts_as_the_library_does(colour_images):
    from lime.wrappers.scikit_image import SegmentationAlgorithm

    theirs = SegmentationAlgorithm(
        "quickshift", kernel_size=4, max_dist=200, ratio=0.2, random_seed=5
    )
    image = ndimage.zoom(colour_images[0], (4, 4, 1))
    assert len(np.unique(cut_by_quickshift(image))) > 1
    assert np.array_equal(cut_by_quickshift(image), theirs(image))


def test_grid_and_slic_cut_as_finely_as_asked(colour_images):
    grid = cut_in_grid(colour_images[0], 4)
    wanted = np.arange(16).reshape(4, 4).repeat(6, axis=0).repeat(6, axis=1)
    assert np.array_equal(grid, wanted)
    smooth = ndimage.zoom(colour_images[0, ::8, ::8], (8, 8, 1), order=1)
    few, many = (cut_by_slic(smooth, count).max() + 1 for count in (9, 60))
    assert 4 < few < 20 < 40 < many
    assert cut_by_slic(smooth).min() == 0


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        (np.zeros((24, 24), int), "at least 2 segments.*cut_by_slic"),
        (lambda image: image[..., 0], r"whole numbers.*\(24, 24\), got float32"),
        (np.zeros((24, 23), int), r"\(24, 24\), got int64 of shape \(24, 23\)"),
        (np.zeros((2, 24, 24), int), r"\(24, 24\), got int64 of shape \(2, 24, 24\)"),
    ],
)
def test_useless_segments_are_refused(colour_model, colour_images, segments, message):
    with pytest.raises(ValueError, match=message):
        lime(colour_model, colour_images, 0, segments=segments)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 1}, "at least 2, got 1"),
        ({"hide_color": [0, 1]}, "each of the 3 channels"),
    ],
)
def test_impossible_samples_are_refused(colour_model, colour_images, settings, message):
    with pytest.raises(ValueError, match=message):
        lime(colour_model, colour_images, 0, **settings)


def test_lime_refuses_channels_that_the_library_cannot_take():
    model = keras.Sequential([layers.Input((6, 6, 2)), layers.Flatten()])
    model.add(layers.Dense(2))
    with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
        lime(model, np.ones((1, 6, 6, 2)), 0)


@pytest.fixture
def record_batches():
    """A model for 24×24 colour pictures, and the batch sizes it has seen."""
    sizes = []

    class Recorder(layers.Layer):
        def call(self, images):
            note = tf.py_function(
                lambda count: sizes.append(int(count)), [tf.shape(images)[0]], []
            )
            with tf.control_dependencies([note] if note is not None else []):
                return tf.identity(images)

    keras.utils.set_random_seed(0)
    inputs = layers.Input((24, 24, 3))
    features = layers.Conv2D(20, 3, activation="relu")(Recorder()(inputs))
    outputs = layers.Dense(2)(layers.GlobalAveragePooling2D()(features))
    model = keras.Model(inputs, outputs)
    sizes.clear()
    return model, sizes


def read_layer(model, name, images):
    inside = keras.Model(model.inputs[0], model.get_layer(name).output)
    return inside(images).numpy()


def weigh_channels(model, image, features, index, enlarge):
    """Score-CAM of one image, one channel after the other."""
    total = np.zeros(features.shape[:2])
    for channel in np.moveaxis(features, -1, 0):
        mask = enlarge(channel)
        if not np.ptp(mask):
            continue
        mask = (mask - mask.min()) / (mask.max() - mask.min())
        shown = (image * mask[..., None]).astype("float32")
        total += model(shown[None]).numpy()[0, index] * channel
    return np.maximum(total, 0)


def zoom_centres(channel):
    factor = 24 / len(channel)
    return ndimage.zoom(channel, factor, order=1, mode="nearest", grid_mode=True)


def zoom_corners(channel):
    return ndimage.zoom(channel, 24 / len(channel), order=1, mode="nearest")
