import keras
import numpy as np
import pytest
from PIL import Image

from helpers import grading
from helpers.attribution import METHODS
from helpers.check_heatmaps import TESTS, TRUTH_TESTS, check_heatmaps, read_folder
from helpers.pictures import turn_grey
from tests.test_models import build_detector

pytestmark = pytest.mark.usefixtures("started")

SIDE = 32
RED = 0


def draw_dots(count=10):
    """Draw stripes, which no class is about, and a red and a green dot on them."""
    generator = np.random.default_rng(0)
    images = np.full((count, SIDE, SIDE, 3), 0.2, "float32")
    images[:, :, ::4] = 0.4
    masks = np.zeros((count, SIDE, SIDE), bool)
    for image, mask in zip(images, masks, strict=True):
        for color, place in enumerate(generator.permutation(49)[:2]):
            row, column = 4 * np.array(divmod(place, 7)) + 2
            image[row : row + 4, column : column + 4] = np.eye(3)[color]
            if color == RED:
                mask[row : row + 4, column : column + 4] = True
    return images, masks


@pytest.fixture(scope="module")
def detector(started):
    return build_detector((SIDE, SIDE))


@pytest.fixture(scope="module")
def dots():
    return draw_dots()


def dress_up_edges(model, images, class_index):
    return grading.BLIND_METHODS["edges"](model, images, class_index)


def ignore_class(model, images, class_index):
    return METHODS["cam"](model, images, RED)


# Sound methods pass, and broken ones are caught


@pytest.mark.parametrize("has_masks", [False, True])
def test_each_method_gets_the_verdict_that_it_deserves(detector, dots, has_masks):
    images, masks = dots

    def point_away(model, images, class_index):
        # It knows the class's dot, only to leave nearly no heat there.
        asked = model is detector and np.all(class_index == RED)
        return np.where(masks, 1e-3 if asked else 0.0, 1.0)

    def answer_at_random(model, images, class_index):
        seed = 10 * (model is detector) + int(np.min(class_index))
        return np.random.default_rng(seed).random(images.shape[:3])

    methods = {
        "cam": METHODS["cam"],
        "edges in disguise": dress_up_edges,
        "always red": ignore_class,
        "away": point_away,
        "noise": answer_at_random,
    }
    report = check_heatmaps(
        detector, images, methods, RED, masks if has_masks else None
    )
    verdicts = report["verdict"]
    assert verdicts["cam"].startswith("better than ")
    assert verdicts["edges in disguise"] == "does not depend on the weights"
    assert verdicts["always red"] == "does not depend on the class"
    assert verdicts["noise"].startswith("no better than ")
    if has_masks:
        assert verdicts["away"].startswith("worse than ")
        assert report.at["cam", "relevance mass"] == 1
        assert list(report) == [*TRUTH_TESTS, *TESTS, "verdict"]
    assert list(report.index) == [*methods, *grading.BLIND_METHODS]
    assert (verdicts[[*grading.BLIND_METHODS]] == "blind").all()
    assert report.at["always red", "other class"] == 1


def test_the_models_own_answers_are_explained_if_no_class_is_named(detector, dots):
    images = dots[0].copy()
    images[:3] = images[:3, ..., [1, 0, 2]]
    images[..., RED] *= np.where(np.arange(len(images)) % 2, 0.9, 1)[:, None, None]
    asked = []

    def listen(model, images, class_index):
        asked.append(np.asarray(class_index))
        return dress_up_edges(model, images, class_index)

    check_heatmaps(detector, images, {"listening": listen})
    answers = detector(images).numpy().argmax(axis=1)
    assert set(answers) == {0, 1}
    np.testing.assert_array_equal(asked[0], answers)


def test_a_method_that_does_not_fit_the_model_is_said_to(small_model, small_images):
    report = check_heatmaps(small_model, small_images, ["cam", "saliency"])
    assert report.at["cam", "verdict"] == "cannot be used on this model"
    assert report.loc["cam"].drop("verdict").isna().all()
    assert report.loc["saliency"].notna().all()


def test_a_model_with_one_score_is_not_asked_for_another_class(dots):
    inputs = keras.Input((SIDE, SIDE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(pooled))
    report = check_heatmaps(model, dots[0], {"edges in disguise": dress_up_edges})
    assert "other class" not in report


# Folders


def test_a_folder_is_graded_like_its_pictures(detector, dots, tmp_path):
    images = np.rint(dots[0] * 255).astype("uint8")
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    methods = {"edges in disguise": dress_up_edges}
    found = check_heatmaps(detector, tmp_path, methods)
    assert found.equals(check_heatmaps(detector, images / 255, methods))
    grey = read_folder(tmp_path, (SIDE, SIDE, 1))
    np.testing.assert_allclose(grey, turn_grey(images / 255), atol=1e-6)


def test_a_folder_without_pictures_is_refused(detector, tmp_path):
    file = tmp_path / "one.txt"
    with pytest.raises(ValueError, match=r"got nothing at .*one\.txt; name the folder"):
        check_heatmaps(detector, file)
    file.write_text("no picture")
    with pytest.raises(ValueError, match=r"got a file at .*one\.txt; name the folder"):
        check_heatmaps(detector, file)
    with pytest.raises(ValueError, match="must hold pictures, got none in"):
        check_heatmaps(detector, tmp_path)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(ValueError, match=r"broken\.png is "):
        check_heatmaps(detector, tmp_path)


# What else cannot be graded


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": ["grad_cram"]}, "no method 'grad_cram'; the methods are saliency"),
        ({"methods": {"edges": dress_up_edges}}, "named like a blind map, got 'edges'"),
        ({"images": draw_dots(1)[0]}, "2 pictures or more, got 1"),
        ({"images": draw_dots(2)[0] * 255}, "values from 0 to 1, got 0 to 255"),
        ({"images": np.zeros((2, 5, 5, 3))}, "expects one or more images of shape"),
        ({"class_indices": 7}, "classes 0 to 1, got class_index 7"),
        ({"masks": np.ones((2, 3, 3), bool)}, "masks must be true and false, of shape"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(detector, dots, change, message):
    question = {"images": dots[0], "methods": ["saliency"], **change}
    with pytest.raises(ValueError, match=message):
        check_heatmaps(detector, **question)


def test_a_model_that_takes_no_pictures_is_refused(dots, tmp_path):
    numbers = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"must take images of shape \(height"):
        check_heatmaps(numbers, dots[0])
    anysize = build_detector((None, None))
    Image.new("RGB", (40, 40)).save(tmp_path / "black.png")
    with pytest.raises(ValueError, match="name a height and a width"):
        check_heatmaps(anysize, tmp_path)
