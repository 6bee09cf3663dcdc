import itertools

import cv2
import numpy as np
import pytest
from skimage import data

from helpers import detectors

FACE = (165, 60, 115, 115)  # of scikit-image's astronaut, set by hand: x, y, side


@pytest.fixture(scope="module")
def photograph():
    return data.astronaut()


def overlap(box, other=FACE):
    return detectors.measure_overlaps([box], [other])[0, 0]


# Finding


@pytest.mark.parametrize("detector", detectors.DETECTORS)
def test_a_face_is_found_where_it_is(photograph, detector):
    (boxes,) = detectors.find_faces([photograph], detector)
    assert boxes.shape[1:] == (4,)
    assert boxes.dtype.kind == "i"
    assert max(map(overlap, boxes)) > 0.6


def test_the_box_follows_the_face(photograph):
    canvas = np.full((400, 600, 3), 90, "uint8")
    portrait = photograph[:250, 90:340]
    places = [(0, 0), (140, 20), (350, 150)]
    frames = []
    for x, y in places:
        frames.append(canvas.copy())
        frames[-1][y : y + 250, x : x + 250] = portrait
    frames.append(canvas)
    found = detectors.find_faces(frames)
    assert [len(boxes) for boxes in found] == [1, 1, 1, 0]
    for (x, y), boxes in zip(places, found, strict=False):
        moved = (FACE[0] - 90 + x, FACE[1] + y, *FACE[2:])
        assert overlap(boxes[0], moved) > 0.6


def test_a_larger_picture_has_a_larger_box(photograph):
    large = cv2.resize(photograph, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    one, two = detectors.find_faces([photograph, large])
    assert overlap(two[0] / 2, one[0]) > 0.8


def test_grey_pictures_will_do(photograph):
    grey = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    colour, other = detectors.find_faces([photograph, grey])
    np.testing.assert_array_equal(colour, other)


@pytest.mark.parametrize("detector", detectors.DETECTORS)
def test_faces_smaller_than_the_smallest_do_not_count(photograph, detector):
    for smallest, seen in [(0.15, True), (0.4, False)]:  # the face is 0.22 of it
        (boxes,) = detectors.find_faces([photograph], detector, smallest=smallest)
        assert any(overlap(box) > 0.5 for box in boxes) == seen


def test_more_neighbors_find_no_other_faces(photograph):
    counts = [
        len(detectors.find_faces([photograph], min_neighbors=many, smallest=0.05)[0])
        for many in (1, 3, 7, 1000)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] == 0


@pytest.mark.parametrize("detector", detectors.DETECTORS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (20, 30, 3), (200, 7, 3)])
def test_a_picture_without_room_for_a_face_has_none(detector, shape):
    (boxes,) = detectors.find_faces([np.zeros(shape, "uint8")], detector)
    assert boxes.shape == (0, 4)


@pytest.mark.parametrize("missing", ["class", "folder", "file"])
def test_opencv_without_cascades_gets_one_sentence(monkeypatch, tmp_path, missing):
    if missing == "class":
        monkeypatch.delattr(cv2, "CascadeClassifier")
    elif missing == "folder":
        monkeypatch.delattr(cv2, "data")
    else:
        monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(
        ValueError, match=r'pip install "opencv-python-headless<5"'
    ) as e:
        detectors.load_detector("haar")
    assert "\n" not in str(e.value)
    assert "--detector lbp" in str(e.value)
    detectors.load_detector("lbp")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"detector": "hog"}, "must be one of haar, lbp, got 'hog'"),
        ({"scale_factor": 1}, "scale_factor is above 1, got 1"),
        ({"scale_factor": float("nan")}, "scale_factor is above 1, got nan"),
        ({"min_neighbors": 0}, "min_neighbors is 1 or more, got 0"),
        ({"smallest": 0}, "above 0 and up to 1, got 0"),
        ({"smallest": 70}, "above 0 and up to 1, got 70"),
    ],
)
def test_a_wrong_request_gets_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        detectors.load_detector(**options)


# Scoring


def draw_boxes(generator, count):
    return np.column_stack(
        [generator.integers(0, 40, (count, 2)), generator.integers(5, 30, (count, 2))]
    )


def test_the_overlap_is_the_share_of_common_pixels():
    generator = np.random.default_rng(3)
    boxes, others = draw_boxes(generator, 6), draw_boxes(generator, 5)

    def paint(box):
        mask = np.zeros((80, 80), bool)
        x, y, width, height = box
        mask[y : y + height, x : x + width] = True
        return mask

    counted = [
        [(paint(a) & paint(b)).sum() / (paint(a) | paint(b)).sum() for b in others]
        for a in boxes
    ]
    measured = detectors.measure_overlaps(boxes, others)
    np.testing.assert_allclose(measured, counted)
    assert measured.max() > 0.2


def test_the_score_of_known_boxes():
    found = [
        [(0, 0, 10, 10), (50, 50, 10, 10)],  # a face; a false box
        [],  # a face missed
        [(5, 0, 10, 10)],  # overlaps by 1/3: neither a face nor found
        [(0, 0, 10, 10), (1, 0, 10, 10)],  # twice the same face: one is false
    ]
    truth = [[(0, 0, 10, 10)], [(0, 0, 9, 9)], [(0, 0, 10, 10)], [(1, 0, 10, 10)]]
    score = detectors.score_boxes(found, truth)
    assert (score.faces, score.found, score.false_boxes) == (4, 2, 3)
    assert (score.recall, score.false_boxes_per_picture) == (0.5, 0.75)
    assert [match.tolist() for match in score.matches] == [[0, -1], [], [-1], [-1, 0]]
    assert detectors.score_boxes(found, truth, overlap=0.3).found == 3


def test_boxes_are_paired_for_the_largest_sum():
    generator = np.random.default_rng(4)
    for _ in range(20):
        found, truth = draw_boxes(generator, 3), draw_boxes(generator, 4)
        overlaps = detectors.measure_overlaps(found, truth)
        best = max(
            overlaps[[0, 1, 2], list(places)].sum()
            for places in itertools.permutations(range(4), 3)
        )
        match = detectors.score_boxes([found], [truth], overlap=0).matches[0]
        assert overlaps[[0, 1, 2], match].sum() == pytest.approx(best)


def test_scores_of_nothing():
    nothing = np.empty((0, 4), int)
    score = detectors.score_boxes([nothing], [nothing])
    assert (score.faces, score.false_boxes, score.false_boxes_per_picture) == (0, 0, 0)
    assert np.isnan(score.recall)
    assert np.isnan(detectors.score_boxes([], []).false_boxes_per_picture)
    with pytest.raises(ValueError, match="got 1 and 2 lists"):
        detectors.score_boxes([nothing], [nothing, nothing])
