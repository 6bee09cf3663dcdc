"""From films to faces: sample frames, find faces, cut them out, drop the duplicates.

A film is a video, or all pictures of a folder together. The same for whole folders of
films, with files written and resumed: ``python data_scripts/harvest_faces.py --help``.
"""

import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from helpers import detectors, pictures

UNITS = ("frames", "seconds", "shots")
VIDEO_ENDINGS = (
    *(".3gp", ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
    *(".mts", ".ogv", ".ts", ".webm", ".wmv"),
)
PICTURE_ENDINGS = (".jpeg", ".jpg", ".png")
# What a harvest on disk writes: journals, faces, and all of them on one page.
WORK, CROPS, SHEET = ".harvest", "crops", "contact_sheet.jpg"

# FFmpeg reads this once, when the first video is opened: AV_LOG_QUIET.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

_CUT = 0.08  # mean difference of two thumbnails, of 1, from which a new shot begins
_THUMBNAIL = (32, 18)  # width, height
_HASHED = 32  # side of the picture that is hashed


class Settings(NamedTuple):
    """How to harvest.

    Every `every`-th of `unit` is sampled: "frames", "seconds" (the first frame of each
    stretch) or "shots" (the middle frame). The detector and its numbers are those of
    `detectors.load_detector`. A crop is the box with `margin` of its side added on
    every side, resized to `size` pixels. It is dropped if its hash differs in
    `duplicates` bits of 64 or fewer from that of a crop kept before, of the same film;
    −1 keeps all. Half of the bits are set, so that hashes differ in even numbers.
    """

    every: float = 6
    unit: str = "frames"
    detector: str = "haar"
    scale_factor: float = 1.1
    min_neighbors: int = 7
    smallest: float = 0.125
    margin: float = 0.1
    size: int = 100
    duplicates: int = 2


class Film(NamedTuple):
    """A video, or pictures that count as one film; `name` is a part of file names."""

    name: str
    files: tuple


class Frame(NamedTuple):
    """A sampled frame: its number from 0, its time in seconds and its colours.

    `picture` is uint8 ``(height, width, 3)``, or None where it could not be read; then
    `complaint` says why. Of pictures, `number` is the place in the folder, and `time`
    is None.
    """

    number: int
    time: float | None
    picture: np.ndarray | None
    complaint: str = ""


class Face(NamedTuple):
    """A face that was kept: its box in the frame, and what is known of its crop."""

    x: int
    y: int
    width: int
    height: int
    sharpness: float
    hash: str
    file: str


class Catch(NamedTuple):
    """What a sampled frame gave: boxes found, faces kept, and their crops."""

    frame: int
    time: float | None
    boxes: int
    faces: list
    complaint: str = ""
    crops: Sequence = ()


def harvest(paths, **settings):
    """Harvest the faces of films in memory, with a progress bar.

    Parameters
    ----------
    paths : str or pathlib.Path, or list of them
        Videos, pictures, and folders of either.
    **settings
        Fields of `Settings`.

    Returns
    -------
    crops : uint8 array (n, size, size, 3)
    index : pandas.DataFrame
        A row a crop: film, frame, time in seconds, x, y, width and height of the box in
        the frame's pixels, sharpness, hash, and the file's name in a harvest on disk.
    counts : pandas.DataFrame
        A row a film: frames sampled, boxes found, faces kept.

    Raises
    ------
    ValueError
        If a setting is out of its range or no face is found at all. A film that cannot
        be read gets a sentence on the standard error, and the others go on.
    """
    settings = check_settings(Settings(**settings))
    films, complaints = list_films(paths)
    caught = {}
    with tqdm(total=sum(map(count_frames, films)), desc="harvest", unit="frame") as bar:
        faces = 0
        for film in films:
            catches, start = [], bar.n
            for catch in catch_faces(film, settings):
                catches.append(catch)
                faces += len(catch.faces)
                bar.set_postfix(faces=faces, refresh=False)
                bar.update(start + catch.frame - bar.n)
            bar.update(start + count_frames(film) - bar.n)
            complaints += list_complaints(film, catches)
            caught[film.name] = catches
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if not faces:
        raise ValueError(
            "No face was found; the detector sees frontal faces at least "
            f"{settings.smallest:g} of the picture's shorter side wide: choose other "
            "films, or lower smallest."
        )
    crops = [crop for catches in caught.values() for c in catches for crop in c.crops]
    return np.stack(crops), *tabulate(caught)


def check_settings(settings):
    """Return the settings, or raise a ValueError with one sentence."""
    if settings.unit not in UNITS:
        raise ValueError(
            f"The unit must be one of {', '.join(UNITS)}, got {settings.unit!r}; "
            "choose one of those."
        )
    whole = settings.unit == "seconds" or float(settings.every).is_integer()
    if not (0 < settings.every < np.inf and whole):
        raise ValueError(
            "Sampling takes a number above 0, and whole ones of frames and shots, got "
            f"every {settings.every:g} {settings.unit}; write, for instance, every 6 "
            "frames."
        )
    if not 0 <= settings.margin <= 1:
        raise ValueError(
            "The margin is a share of the box's side, from 0 to 1, got "
            f"{settings.margin:g}; try 0.1."
        )
    if not 8 <= settings.size <= 1000:
        raise ValueError(
            f"Crops are 8 to 1000 pixels wide, got {settings.size}; try 100."
        )
    if not -1 <= settings.duplicates < 64:
        raise ValueError(
            "Duplicates differ in 0 to 63 bits, and −1 keeps all, got "
            f"{settings.duplicates}; try 2."
        )
    load_detector(settings)
    return settings


def load_detector(settings):
    """Load the detector that the settings name; see `detectors.load_detector`."""
    return detectors.load_detector(
        settings.detector,
        scale_factor=settings.scale_factor,
        min_neighbors=settings.min_neighbors,
        smallest=settings.smallest,
    )


# Films


def list_films(paths):
    """Turn a file, a folder or a list of them into films, each once, and complaints.

    Every video is a film. So are the pictures of a folder, together; folders in
    folders are searched too, but hidden ones and what an earlier harvest wrote. Films
    are in the order of the paths and, in a folder, of their names. Where two would
    have the same name, the later one gets a number.

    Parameters
    ----------
    paths : str or pathlib.Path, or list of them

    Returns
    -------
    films : list of Film
    complaints : list of str
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    groups: dict[Path, dict] = {}
    complaints = []
    for path in (Path(path).expanduser() for path in paths):
        files = _search(path) if path.is_dir() else [path]
        readable = [file for file in files if is_readable_name(file)]
        complaints += [
            f"The name of {str(file)!a} cannot be read as text; rename it."
            for file in files
            if file not in readable
        ]
        found = [file.resolve() for file in readable if file.is_file()]
        for file in found:
            group = file.parent if _is_picture(file) else file
            groups.setdefault(group, {})[file] = None
        if not found and len(readable) == len(files):
            complaints.append(f"There is no film at {path}; check its name and folder.")
    return _name_films(groups), complaints


def _search(folder):
    endings = {*VIDEO_ENDINGS, *PICTURE_ENDINGS}
    marks = [*folder.rglob(WORK)]
    written = {mark.with_name(name) for mark in marks for name in (CROPS, SHEET)}
    return [
        file
        for file in sorted(folder.rglob("*"), key=lambda file: file.parts)
        if file.suffix.lower() in endings
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and written.isdisjoint((file, *file.parents))
    ]


def _name_films(groups):
    films, taken = [], set()
    for path, files in groups.items():
        stem = (path.name if path.is_dir() else path.stem) or "film"
        number, name = 1, stem
        while name.casefold() in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.casefold())
        films.append(Film(name, tuple(files)))
    return films


def _is_picture(path):
    return path.suffix.lower() in PICTURE_ENDINGS


def is_readable_name(path):
    """Tell whether a path is text; on Linux any bytes may stand in a name."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def is_video(film):
    """Tell whether a film is a video and not a folder of pictures."""
    return not _is_picture(film.files[0])


def count_frames(film):
    """Return how many frames a film says it has; 0 if it cannot be read."""
    if not is_video(film):
        return len(film.files)
    capture = _open(film.files[0])
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    return max(0, count)


# Frames


def sample_frames(film, every=6, unit="frames", after=-1):
    """Read every so many frames, seconds or shots of a film.

    A turned phone's video comes upright. Times are the file's own, so that a changing
    frame rate does no harm.

    Parameters
    ----------
    film : Film
    every, unit
        As in `Settings`. Of pictures, every one is read.
    after : int
        Skip what lies up to this frame number.

    Yields
    ------
    Frame
    """
    if not is_video(film):
        yield from _read_pictures(film, after)
    elif unit == "shots":
        cuts = find_shots(film)
        middles = {
            (start + stop - 1) // 2
            for start, stop in list(itertools.pairwise(cuts))[:: int(every)]
        }
        yield from _read_video(film, lambda frame, *times: frame in middles, after)
    elif unit == "seconds":
        yield from _read_video(
            film,
            lambda frame, time, before: (
                frame == 0 or _count_steps(time, every) > _count_steps(before, every)
            ),
            after,
        )
    else:
        yield from _read_video(film, lambda frame, *times: frame % every == 0, after)


def _count_steps(time, every):
    return int((time + 1e-6) // every)


def find_shots(film):
    """Find where the shots of a video begin.

    A shot begins where the thumbnail of a frame differs from the one before by more
    than 8 % of the way from black to white, on average.

    Parameters
    ----------
    film : Film

    Returns
    -------
    list of int
        The first frame of each shot, and last the number of all frames.
    """
    cuts, before, count = [], None, 0
    for count, frame in enumerate(_read_video(film, lambda *state: True, -1), 1):
        if frame.picture is None:
            count -= 1
            break
        thumbnail = cv2.resize(
            frame.picture, _THUMBNAIL, interpolation=cv2.INTER_AREA
        ).astype("float32")
        if before is None or np.abs(thumbnail - before).mean() > 255 * _CUT:
            cuts.append(frame.number)
        before = thumbnail
    return [*cuts, count]


def _open(path):
    """Open a video, without the words that OpenCV has for a failure."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        # A whole path, since FFmpeg takes what stands before a colon for a protocol.
        return cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)
    finally:
        cv2.utils.logging.setLogLevel(level)


def _read_video(film, is_due, after):
    """Yield the frames for which ``is_due(number, time, time before)``.

    The others are decoded, since later frames build on them, but not turned into
    colours. A complaint comes last.
    """
    path = film.files[0]
    capture = _open(path)
    number, time, before = -1, 0.0, 0.0
    while capture.grab():
        number += 1
        time = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if number > after and is_due(number, time, before):
            read, picture = capture.retrieve()
            if read:
                colours = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
                yield Frame(number, round(time, 3), colours)
        before = time
    rate = capture.get(cv2.CAP_PROP_FPS)
    length = capture.get(cv2.CAP_PROP_FRAME_COUNT) / rate if rate > 0 else 0
    capture.release()
    complaint = _judge_end(path, number + 1, time, length)
    if complaint:
        yield Frame(number + 1, round(time, 3), None, complaint)


def _judge_end(path, count, time, length):
    """Return what is wrong with a video of which `count` frames could be read."""
    if not path.is_file():
        return f"{path} is no longer there; check its name and folder."
    if path.stat().st_size == 0:
        return f"{path} is empty; copy it again."
    if not count:
        return (
            f"{path} holds no video that OpenCV can read: it is damaged, sound only, "
            "or of another kind; convert it to MP4 and try again."
        )
    # Sound may last a little longer than the pictures.
    if length - time > max(1, 0.1 * length):
        return (
            f"{path} breaks off after {time:.1f} of {length:.1f} seconds; the faces up "
            "to there are kept, copy it again for the rest."
        )
    return ""


def _read_pictures(film, after):
    for number, path in enumerate(film.files):
        if number > after:
            try:
                picture = pictures.read_picture(path)
            except ValueError as error:
                yield Frame(number, None, None, str(error))
            else:
                yield Frame(number, None, np.rint(255 * picture).astype("uint8"))


# Faces


def catch_faces(film, settings, catches=()):
    """Find, cut and sift the faces of a film, frame by frame.

    Parameters
    ----------
    film : Film
    settings : Settings
    catches : list of Catch
        What an earlier run caught; this one goes on behind it.

    Yields
    ------
    Catch
        One a sampled frame.
    """
    detect = load_detector(settings)
    kept = [int(face.hash, 16) for catch in catches for face in catch.faces]
    after = catches[-1].frame if catches else -1
    for frame in sample_frames(film, settings.every, settings.unit, after):
        boxes = [] if frame.picture is None else detect(frame.picture)
        faces, crops = [], []
        for place, box in enumerate(boxes):
            crop = cut_face(frame.picture, box, settings.margin, settings.size)
            code = hash_picture(crop)
            if not is_duplicate(code, kept, settings.duplicates):
                kept.append(code)
                name = f"{film.name}_{frame.number:06d}_{place}.jpg"
                sharpness = round(measure_sharpness(crop), 1)
                faces.append(
                    Face._make([*box.tolist(), sharpness, f"{code:016x}", name])
                )
                crops.append(crop)
        yield Catch(frame.number, frame.time, len(boxes), faces, frame.complaint, crops)


def cut_face(picture, box, margin=0.1, size=100):
    """Cut a square around a box and resize it; beyond the picture, its edge repeats.

    Parameters
    ----------
    picture : uint8 array (height, width, 3)
    box : x, y, width, height in pixels
    margin : float
        Added on every side, as a share of the box's longer side.
    size : int

    Returns
    -------
    uint8 array (size, size, 3)
    """
    crop = cut_square(picture, box, margin)
    return cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)


def cut_square(picture, box, margin=0.1):
    """Cut a square around a box; beyond the picture, its edge repeats.

    Parameters
    ----------
    picture : array (height, width, …)
    box, margin
        As in `cut_face`.

    Returns
    -------
    array (side, side, …)
    """
    x, y, width, height = map(int, box)
    side = max(width, height)
    side += 2 * round(margin * side)
    left, top = x + (width - side) // 2, y + (height - side) // 2
    rows = np.clip(np.arange(top, top + side), 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(left, left + side), 0, picture.shape[1] - 1)
    return picture[rows[:, None], columns]


def measure_sharpness(picture):
    """Return the variance of a picture's Laplacian, low where it is blurred.

    Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy: a
    comparative study".

    Parameters
    ----------
    picture : uint8 array (height, width, 3)

    Returns
    -------
    float
    """
    return float(cv2.Laplacian(_turn_grey(picture), cv2.CV_64F).var())


def hash_picture(picture):
    """Return 64 bits that stay nearly the same when a picture changes a little.

    The picture is reduced to 32×32 grey pixels. Of its cosine transform, the 8×8 lowest
    frequencies but the very lowest each give a bit: are they above their median?
    (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions",
    the hash based on the DCT.)

    Parameters
    ----------
    picture : uint8 array (height, width, 3)

    Returns
    -------
    int
    """
    grey = cv2.resize(
        _turn_grey(picture), (_HASHED, _HASHED), interpolation=cv2.INTER_AREA
    )
    lowest = cv2.dct(grey.astype("float32"))[1:9, 1:9]
    bits = lowest > np.median(lowest)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def is_duplicate(code, others, distance):
    """Tell whether a hash differs from one of `others` in at most `distance` bits."""
    return any((code ^ other).bit_count() <= distance for other in others)


def find_duplicates(index, distance=2):
    """Tell which faces of a harvest look like one kept before, in the same film.

    Parameters
    ----------
    index : pandas.DataFrame
        Of a harvest with ``duplicates=-1``, which keeps all.
    distance : int
        Bits of 64 in which the hashes of duplicates differ at most.

    Returns
    -------
    bool array (n,)
    """
    kept: dict[str, list] = {}
    duplicates = []
    for film, code in zip(index["film"], index["hash"], strict=True):
        others, code = kept.setdefault(film, []), int(code, 16)
        duplicates.append(is_duplicate(code, others, distance))
        if not duplicates[-1]:
            others.append(code)
    return np.array(duplicates, bool)


def _turn_grey(picture):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


# Tables


def tabulate(caught):
    """List what was caught: a row a face, and a row a film.

    Parameters
    ----------
    caught : dict of str to list of Catch
        By the film's name.

    Returns
    -------
    index, counts : pandas.DataFrame
        As `harvest` returns them.
    """
    rows = [
        (name, catch.frame, catch.time, *face)
        for name, catches in caught.items()
        for catch in catches
        for face in catch.faces
    ]
    index = pd.DataFrame(rows, columns=["film", "frame", "time", *Face._fields])
    counts = pd.DataFrame(
        [
            (
                sum(not catch.complaint for catch in catches),
                sum(catch.boxes for catch in catches),
                sum(len(catch.faces) for catch in catches),
            )
            for catches in caught.values()
        ],
        columns=["sampled", "boxes", "faces"],
        index=pd.Index(caught, name="film"),
    )
    return index, counts


def list_complaints(film, catches):
    """Return a sentence for everything that went wrong with a film."""
    complaints = [catch.complaint for catch in catches if catch.complaint]
    if not complaints and not any(catch.faces for catch in catches):
        where = film.files[0] if len(film.files) == 1 else film.files[0].parent
        complaints.append(
            f"{where} shows no face that the detector finds; if its faces are small, "
            "lower the size from which they count (smallest)."
        )
    return complaints
