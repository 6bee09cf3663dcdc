"""tf-keras-vis 0.8.7 beside ours: equal where it is right, and where it is not.

Each trap is a test that first shows the library falling into it. If a later version
mends one, that half fails, and the remark in chapter 2 can go.
"""

import keras
import numpy as np
import pytest
from keras import layers

from helpers import attribution
from helpers.overlays import normalize

pytestmark = [
    pytest.mark.usefixtures("started"),
    pytest.mark.filterwarnings("ignore:The structure of .inputs."),
    pytest.mark.filterwarnings("ignore:.*scipy.ndimage.* namespace"),
    pytest.mark.filterwarnings("ignore:.*regularizers. module is deprecated"),
]

CLASSES = [2, 0, 1, 2]


@pytest.fixture(scope="module", autouse=True)
def library(started):
    """tf-keras-vis, imported after TensorFlow started; no progress bars of Keras."""
    keras.utils.disable_interactive_logging()
    yield pytest.importorskip("tf_keras_vis")
    keras.utils.enable_interactive_logging()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((4, 16, 16, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    """Flat, functional and with fused activations, as the library wants it."""
    keras.utils.set_random_seed(1)
    inputs = layers.Input((16, 16, 3))
    values = layers.Conv2D(8, 3, strides=2, activation="relu", name="early")(inputs)
    values = layers.Conv2D(8, 3, activation="relu", name="late")(values)
    values = layers.Flatten()(values)
    values = layers.Dense(12, activation="relu")(values)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(values))


def score(classes):
    from tf_keras_vis.utils.scores import CategoricalScore

    return CategoricalScore(classes)


def look(kind, model, classes, images, modifiers=(), **options):
    """Ask tf-keras-vis on logits, for maps that are neither enlarged nor normalised."""
    from tf_keras_vis import gradcam, gradcam_plus_plus, layercam, saliency
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear

    method = {
        "saliency": saliency.Saliency,
        "grad_cam": gradcam.Gradcam,
        "grad_cam_plus_plus": gradcam_plus_plus.GradcamPlusPlus,
        "layer_cam": layercam.Layercam,
    }[kind]
    plain = {"normalize_cam": False, "expand_cam": False}
    plain = {"normalize_map": False} if kind == "saliency" else plain
    asked = method(model, [*modifiers, ReplaceToLinear()])
    return np.asarray(asked(score(classes), images, **{**plain, **options}))


def assert_equal(ours, theirs, tolerance=1e-6):
    assert ours.shape == theirs.shape
    assert np.abs(theirs).max() > 1e-3
    assert np.abs(ours - theirs).max() <= tolerance


# Where both are right


def test_saliency(model, images):
    ours = attribution.saliency(model, images, CLASSES)
    assert_equal(ours, look("saliency", model, CLASSES, images))
    each_channel = look("saliency", model, CLASSES, images, keepdims=True)
    assert_equal(ours, each_channel.max(axis=-1))


def test_gradient_times_input(model, images):
    gradients = look(
        "saliency", model, CLASSES, images, keepdims=True, gradient_modifier=None
    )
    ours = attribution.gradient_times_input(model, images, CLASSES)
    assert_equal(ours, (gradients * images).sum(axis=-1))


def test_guided_backprop_of_fused_relus(model, images):
    from tf_keras_vis.utils.model_modifiers import GuidedBackpropagation

    ours = attribution.guided_backprop(model, images, CLASSES)
    theirs = look("saliency", model, CLASSES, images, [GuidedBackpropagation()])
    assert_equal(ours, theirs)
    assert np.abs(ours - attribution.saliency(model, images, CLASSES)).max() > 1e-2


def test_smooth_grad_on_the_same_noise(model, images, monkeypatch):
    """As the paper has it: the mean, then the absolute value.

    The library's default takes the absolute value of each gradient first.
    """
    grains = np.random.default_rng(0).standard_normal((5, 16, 16, 3), "float32")
    monkeypatch.setattr(
        np.random, "normal", lambda mean, spread, shape: spread * grains[:, None]
    )
    options = {"smooth_samples": 5, "smooth_noise": 0.2, "keepdims": True}
    means = look("saliency", model, CLASSES, images, gradient_modifier=None, **options)
    ours = attribution.smooth_grad(model, images, CLASSES, samples=5, noise=0.2, seed=0)
    assert_equal(ours, np.abs(means).max(axis=-1))
    absolute = look("saliency", model, CLASSES, images, **options).max(axis=-1)
    assert (absolute >= ours - 1e-6).all()
    assert (absolute - ours).max() > 1e-2


@pytest.mark.parametrize("layer", [None, "early"])
@pytest.mark.parametrize("kind", ["grad_cam", "layer_cam"])
def test_grad_cam_and_layer_cam(model, images, kind, layer):
    ours = attribution.METHODS[kind](model, images, CLASSES, layer=layer, enlarge=False)
    theirs = look(kind, model, CLASSES, images, penultimate_layer=layer)
    assert_equal(ours, theirs)


def build_pooled(channels, activation="softmax"):
    keras.utils.set_random_seed(2)
    inputs = layers.Input((16, 16, 3))
    values = layers.Conv2D(channels, 3, activation="relu")(inputs)
    values = layers.GlobalAveragePooling2D()(values)
    model = keras.Model(inputs, layers.Dense(3, activation=activation)(values))
    *weights, kernel, bias = model.get_weights()
    model.set_weights([*weights, np.abs(kernel), bias])
    return model


def test_cam_is_grad_cam_before_its_relu(images):
    model = build_pooled(8)
    ours = attribution.cam(model, images, CLASSES, enlarge=False) / 14**2
    theirs = look("grad_cam", model, CLASSES, images, activation_modifier=None)
    assert_equal(ours, theirs)


# The traps


def test_trap_1_a_softmax_layer_is_not_replaced(model, images):
    """Every map then explains a probability, whose gradient fades with confidence."""
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear

    dense = model.layers[-1]
    plain = layers.Dense(3)
    apart = keras.Model(model.inputs[0], layers.Softmax()(plain(dense.input)))
    plain.set_weights(dense.get_weights())
    answers = Saliency(apart, ReplaceToLinear()).model(images).numpy()
    assert np.allclose(answers.sum(axis=1), 1, atol=1e-6)
    linear = Saliency(model, ReplaceToLinear()).model(images).numpy()
    assert not np.allclose(linear.sum(axis=1), 1, atol=1e-2)
    ours = attribution.saliency(apart, images, CLASSES)
    assert_equal(ours, attribution.saliency(model, images, CLASSES))
    theirs = look("saliency", apart, CLASSES, images)
    assert not np.allclose(theirs, ours, rtol=0.1)


def test_trap_2_relu_layers_are_not_guided(images):
    from tf_keras_vis.utils.model_modifiers import GuidedBackpropagation

    keras.utils.set_random_seed(1)
    inputs = layers.Input((16, 16, 3))
    values = layers.ReLU()(layers.Conv2D(8, 3)(inputs))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(values)))
    theirs = look("saliency", model, CLASSES, images, [GuidedBackpropagation()])
    assert np.array_equal(theirs, look("saliency", model, CLASSES, images))
    fused = keras.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    fused.set_weights(model.get_weights())
    ours = attribution.guided_backprop(model, images, CLASSES)
    assert_equal(ours, attribution.guided_backprop(fused, images, CLASSES))
    assert np.abs(ours - theirs).max() > 1e-2


@pytest.mark.parametrize(
    ("head", "bias", "probability", "weight"),
    [
        # Sure of its class, of three: the softmax of (1, 0, 0) is e / (e + 2).
        (layers.Dense(3, activation="softmax"), [30, 0, 0], 1, np.e / (np.e + 2)),
        # Sure that it is not: the softmax of a single number is 1.
        (layers.Dense(1, activation="sigmoid"), [-30], 0, 1),
    ],
)
def test_trap_3_score_cam_takes_the_softmax_of_a_softmax(
    images, head, bias, probability, weight
):
    from tf_keras_vis.scorecam import Scorecam

    inputs = layers.Input((16, 16, 3))
    features = layers.Conv2D(1, 3, activation="relu", name="map")(inputs)
    model = keras.Model(inputs, head(layers.GlobalAveragePooling2D()(features)))
    ones = np.ones((3, 3, 3, 1))
    model.set_weights([ones, np.zeros(1), np.zeros((1, len(bias))), np.array(bias)])
    raw = {"normalize_cam": False, "expand_cam": False}
    theirs = np.asarray(Scorecam(model)(score(0), images, **raw))
    ours = attribution.score_cam(model, images, 0, enlarge=False)
    maps = keras.Model(inputs, features)(images).numpy()[..., 0]
    assert np.allclose(theirs, weight * maps, rtol=1e-3)
    assert np.allclose(ours, probability * maps, rtol=1e-3, atol=1e-3)


def test_trap_4_a_map_of_tiny_gradients_comes_out_blank(model, images):
    faint = keras.models.clone_model(model)
    *weights, kernel, bias = model.get_weights()
    faint.set_weights([*weights, 1e-9 * kernel, bias])
    theirs = look("saliency", faint, CLASSES, images, normalize_map=True)
    assert theirs.max() < 0.1
    ours = normalize(attribution.saliency(faint, images, CLASSES))
    wanted = normalize(attribution.saliency(model, images, CLASSES))
    assert ours.max() == 1
    assert np.allclose(ours, wanted, atol=1e-5)


def test_trap_5_grad_cam_plus_plus_breaks_on_large_logits(images):
    model = build_pooled(8, None)
    *weights, bias = model.get_weights()
    model.set_weights([*weights, bias + 100])
    assert np.isnan(look("grad_cam_plus_plus", model, CLASSES, images)).all()
    ours = attribution.grad_cam_plus_plus(model, images, CLASSES)
    assert np.isfinite(ours).all()
    assert ours.max() > 0


@pytest.mark.parametrize(("channels", "equal"), [(1, True), (8, False)])
def test_grad_cam_plus_plus_up_to_its_normalisation(images, channels, equal):
    """The library makes each channel's alpha sum to 1, which the paper does not.

    With a single channel that is a matter of scale; with several it weighs them anew.
    """
    model = build_pooled(channels, None)
    theirs = look("grad_cam_plus_plus", model, CLASSES, images)
    ours = attribution.grad_cam_plus_plus(model, images, CLASSES, enlarge=False)
    theirs = theirs / theirs.max(axis=(1, 2), keepdims=True)
    ours = ours / ours.max(axis=(1, 2), keepdims=True)
    difference = np.abs(ours - theirs).max()
    assert difference <= 1e-6 if equal else 1e-4 < difference < 0.1


def test_trap_6_the_image_returned_is_not_the_image_that_was_scored():
    """Activation maximisation clips its result after the last step only."""
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.activation_maximization.callbacks import Callback

    class Note(Callback):
        def __call__(self, i, values, grads, scores, *args, **kwargs):
            self.score = float(np.ravel(scores[0])[0])

    inputs = layers.Input((4, 4, 1))
    head = layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = keras.Model(inputs, head(layers.Flatten()(inputs)))
    note = Note()
    image = ActivationMaximization(model)(
        score(0),
        seed_input=np.full((1, 4, 4, 1), 0.5, "float32"),
        input_range=(0, 1),
        input_modifiers=None,
        regularizers=None,
        steps=5,
        callbacks=[note],
    )
    assert np.asarray(image).max() <= 1
    assert note.score > 2 * float(model(image)[0, 0])


def test_trap_7_films_of_images_between_0_and_1_are_black():
    from tf_keras_vis.activation_maximization.callbacks import GifGenerator2D

    film = GifGenerator2D("unused.gif")
    film.on_begin()
    film(0, [np.full((1, 64, 64, 3), 0.9, "float32")])
    assert film.data[0][0][32:].max() == 0  # below the caption


def test_trap_8_the_seed_does_not_reach_the_rotations():
    from tf_keras_vis.activation_maximization.input_modifiers import Rotate2D

    image = np.random.default_rng(0).random((1, 16, 16, 3)).astype("float32")
    turned = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        turned.append(np.asarray(Rotate2D(10)(image)))
    assert not np.allclose(*turned)


def test_trap_9_without_a_clone_the_callers_model_is_changed(images):
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear

    model = build_pooled(8)
    before = model(images).numpy()
    attribution.saliency(model, images, CLASSES)
    attribution.guided_backprop(model, images, CLASSES)
    assert np.array_equal(model(images).numpy(), before)
    Saliency(model, ReplaceToLinear(), clone=False)
    assert not np.allclose(model(images).numpy(), before, atol=0.01)


def find_centre(heatmap):
    places = np.indices(heatmap.shape)
    return (places * heatmap).sum(axis=(1, 2)) / heatmap.sum()


@pytest.mark.parametrize(
    ("cell", "centre"), [((1, 2), (5.5, 9.5)), ((2, 1), (9.5, 5.5))]
)
def test_trap_10_enlarged_maps_are_shifted(cell, centre):
    """One cell of a 4 × 4 map is lit by the 4 × 4 pixels below it."""
    inputs = layers.Input((16, 16, 1))
    cells = layers.Conv2D(1, 4, strides=4, kernel_initializer="ones")(inputs)
    head = layers.Dense(1, kernel_initializer="ones")
    model = keras.Model(inputs, head(layers.GlobalAveragePooling2D()(cells)))
    image = np.zeros((1, 16, 16, 1), "float32")
    row, column = (4 * place for place in cell)
    image[0, row : row + 4, column : column + 4] = 1
    ours = attribution.grad_cam(model, image, 0)[0]
    theirs = look("grad_cam", model, 0, image, expand_cam=True)[0]
    assert np.allclose(find_centre(ours), centre, atol=1e-4)
    assert np.allclose(find_centre(theirs), np.multiply(cell, 5), atol=1e-4)
