"""Find faces in pictures with a cascade, and score the boxes against the truth.

A cascade slides a window over the picture at every size and asks ever harder questions
about light and dark; a window that fails one is dropped at once. Where several windows
agree there is a face. The questions were learned from frontal faces: turned heads,
covered eyes and drawn features go unseen, and who looks unlike the faces it learned
from is missed more often.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

DETECTORS = ("haar", "lbp")

_HAAR_FILE = "haarcascade_frontalface_alt2.xml"
_WINDOW = 24  # pixels: the side of what either cascade was trained on
_NO_HAAR = (
    "OpenCV {version} came without the Haar cascade; run "
    'pip install "opencv-python-headless<5" and start Python again, '
    "or choose the detector 'lbp' (--detector lbp)."
)


class Score(NamedTuple):
    """How found boxes agree with the truth.

    `matches` has an int array ``(n,)`` a picture: for each found box the place of its
    face in the truth, or −1 for a false box.
    """

    faces: int
    found: int
    false_boxes: int
    recall: float
    false_boxes_per_picture: float
    matches: list


def find_faces(
    images, detector="haar", *, scale_factor=1.1, min_neighbors=7, smallest=0.125
):
    """Find the faces in pictures.

    Parameters
    ----------
    images : uint8 array (n, height, width, 3), or list of arrays (height, width, 3)
        Red, green, blue; grey pictures (height, width) will do.
    detector, scale_factor, min_neighbors, smallest
        As in `load_detector`.

    Returns
    -------
    list of int arrays (faces, 4)
        One a picture; each row is x, y, width, height in pixels, from left to right.
    """
    detect = load_detector(
        detector,
        scale_factor=scale_factor,
        min_neighbors=min_neighbors,
        smallest=smallest,
    )
    return [detect(image) for image in images]


def load_detector(
    detector="haar", *, scale_factor=1.1, min_neighbors=7, smallest=0.125
):
    """Load a detector of frontal faces.

    "haar" asks about differences of rectangles (Viola & Jones 2001, "Rapid object
    detection using a boosted cascade of simple features"); it is OpenCV's
    ``frontalface_alt2``, trained by Lienhart, Kuranov & Pisarevsky 2003. "lbp" asks
    about local binary patterns (Ojala, Pietikäinen & Mäenpää 2002) over blocks of
    pixels (Liao et al. 2007, "Learning multi-scale block local binary patterns for
    face recognition"); it comes with scikit-image.

    The search for small faces takes nearly all of the time, so `smallest` is what makes
    it fast, and what keeps small patterns from being taken for faces.

    Parameters
    ----------
    detector : str
        "haar" or "lbp".
    scale_factor : float
        By how much the window grows from one size to the next, above 1.
    min_neighbors : int
        How many windows must agree; more of them mean fewer boxes.
    smallest : float
        Width of the smallest face that counts, as a share of the picture's shorter
        side, above 0 and up to 1.

    Returns
    -------
    callable
        Takes a uint8 picture and returns the boxes, an int array (faces, 4). It is
        not to be shared between threads.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or this OpenCV has no Haar cascade.
    """
    if detector not in DETECTORS:
        raise ValueError(
            f"The detector must be one of {', '.join(DETECTORS)}, got {detector!r}; "
            "choose one of those."
        )
    if not scale_factor > 1:
        raise ValueError(
            f"The window must grow: scale_factor is above 1, got {scale_factor:g}; "
            "try 1.1."
        )
    if min_neighbors < 1:
        raise ValueError(
            "At least one window must agree: min_neighbors is 1 or more, got "
            f"{min_neighbors}; try 7."
        )
    if not 0 < smallest <= 1:
        raise ValueError(
            "The smallest face is a share of the picture's shorter side, above 0 and "
            f"up to 1, got {smallest:g}; try 0.125."
        )
    search = {"haar": _load_haar, "lbp": _load_lbp}[detector]()

    def detect(image):
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        width = max(_WINDOW, round(smallest * min(grey.shape)))
        boxes = search(grey, scale_factor, min_neighbors, width)
        return np.array(sorted(map(list, boxes)), int).reshape(-1, 4)

    return detect


def _load_haar():
    folder = getattr(getattr(cv2, "data", None), "haarcascades", "")
    path = Path(folder) / _HAAR_FILE
    if not hasattr(cv2, "CascadeClassifier") or not path.is_file():
        raise ValueError(_NO_HAAR.format(version=cv2.__version__))
    cascade = cv2.CascadeClassifier(str(path))

    def search(grey, scale_factor, min_neighbors, width):
        return cascade.detectMultiScale(
            grey, scale_factor, min_neighbors, minSize=(width, width)
        )

    return search


def _load_lbp():
    # Imported here, since only this detector needs it.
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    cascade = Cascade(lbp_frontal_face_cascade_filename())

    def search(grey, scale_factor, min_neighbors, width):
        found = cascade.detect_multi_scale(
            grey,
            scale_factor=scale_factor,
            step_ratio=1,
            min_size=(width, width),
            max_size=grey.shape,
            min_neighbor_number=min_neighbors,
        )
        return [[box["c"], box["r"], box["width"], box["height"]] for box in found]

    return search


def score_boxes(found, truth, overlap=0.5):
    """Compare found boxes with the true ones, picture by picture.

    Boxes are paired one to one so that their overlaps, area of the intersection over
    area of the union (Everingham et al. 2010, "The Pascal visual object classes
    challenge"), add up to the most. A pair with less than `overlap` is none.

    Parameters
    ----------
    found, truth : list of arrays (n, 4) and (m, 4)
        One a picture; each row is x, y, width, height.
    overlap : float

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If the lists speak of different numbers of pictures.
    """
    if len(found) != len(truth):
        raise ValueError(
            f"Each picture needs its found and its true boxes, got {len(found)} and "
            f"{len(truth)} lists; pass the same pictures to both."
        )
    matches = []
    for boxes, faces in zip(found, truth, strict=True):
        overlaps = measure_overlaps(boxes, faces)
        rows, columns = linear_sum_assignment(overlaps, maximize=True)
        close = overlaps[rows, columns] >= overlap
        match = np.full(len(overlaps), -1)
        match[rows[close]] = columns[close]
        matches.append(match)
    faces = sum(map(len, truth))
    boxes = sum(map(len, matches))
    hits = int(sum((match >= 0).sum() for match in matches))
    return Score(
        faces,
        hits,
        boxes - hits,
        hits / faces if faces else float("nan"),
        (boxes - hits) / len(found) if found else float("nan"),
        matches,
    )


def measure_overlaps(boxes, others):
    """Return intersection over union of every box with every other, (n, m) floats."""
    boxes = np.reshape(np.asarray(boxes, float), (-1, 1, 4))
    others = np.reshape(np.asarray(others, float), (1, -1, 4))
    start = np.maximum(boxes[..., :2], others[..., :2])
    ends = np.minimum(
        boxes[..., :2] + boxes[..., 2:], others[..., :2] + others[..., 2:]
    )
    common = np.clip(ends - start, 0, None).prod(axis=-1)
    areas = boxes[..., 2:].prod(axis=-1) + others[..., 2:].prod(axis=-1)
    return common / (areas - common)
