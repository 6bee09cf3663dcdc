"""Photographs of people who agreed to it: the Face Research Lab London Set.

102 adults, photographed in London in April 2012 with a neutral face and with a smile.
All signed that their pictures may be used in studies and to illustrate research. Lisa
DeBruine and Benedict Jones (2017), version 5, CC BY 4.0,
https://doi.org/10.6084/m9.figshare.5047666.v5

The regions of a face are not known here, as they are in a rendered one: they are
ellipses where an average face has them in the detector's box. What the detector finds
is judged by the two pupils, which the set's authors marked by hand.
"""

import os
import shutil
import uuid
import zipfile
from functools import lru_cache

import cv2
import numpy as np
import pandas as pd

from helpers import harvest, pictures, sources
from helpers.regions import REGIONS

CLASS_NAMES = ("neutral", "happy")
HABIT = "happy"  # the class that the first split lights a lamp for
EXPRESSIONS = {"neutral": "neutral", "smiling": "happy"}  # folder to class

_FOLDER = "faces_london"
_SIDE = 450  # pixels of the reduced photographs
_BOX_SIZE = 2.65  # of the cascade's box, in distances between the pupils
_BOX_DROP = 0.355  # how far its middle lies below the eyes


def list_folders():
    """Return the folders of photographs, neutral and smiling, fetched where absent.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    helpers.sources.SourceError
        If the photographs are absent and cannot be fetched.
    """
    return [_find_folder() / name for name in EXPRESSIONS]


def sort_faces(film, rows):
    """Add ``person``, ``label``, ``shot`` and ``lamp`` to harvested faces.

    A harvested box without both pupils in it is "no face".

    Parameters
    ----------
    film : str
        "neutral" or "smiling", the folder's name.
    rows : pandas.DataFrame
        The rows of `harvest.harvest`'s index for this folder.

    Returns
    -------
    pandas.DataFrame
    """
    eyes = _read_eyes(film).iloc[rows["frame"]]
    pupils = eyes[["eye1_x", "eye1_y", "eye2_x", "eye2_y"]].to_numpy(float)
    corners = rows[["x", "y"] * 2].to_numpy()
    sides = rows[["width", "height"] * 2].to_numpy()
    inside = ((corners < pupils) & (pupils < corners + sides)).all(axis=1)
    return rows.assign(
        person=np.where(inside, eyes["face_id"].to_numpy(), ""),
        label=np.where(inside, EXPRESSIONS[film], "no face"),
        shot=rows["frame"],
        lamp=False,
    )


def list_people():
    """Return the numbers of all people, found or not, as a sorted list of str."""
    return sorted(
        {*_read_eyes("neutral")["face_id"], *_read_eyes("smiling")["face_id"]}
    )


def read_true_boxes(film, frames):
    """Return the box of the one face in each photograph, placed by the pupils.

    Parameters
    ----------
    film : str
        The folder's name: "neutral" or "smiling".
    frames : sequence of int
        Places of the photographs in it, in the order of their names.

    Returns
    -------
    list of float arrays (1, 4)
        x, y, width, height in pixels.
    """
    eyes = _read_eyes(film).iloc[list(frames)]
    middle, distance = _measure(eyes)
    side = _BOX_SIZE * distance
    corner = (
        middle + np.stack([0 * distance, _BOX_DROP * distance], 1) - side[:, None] / 2
    )
    boxes = np.column_stack([corner, side, side])
    return [box[None] for box in boxes]


@lru_cache(maxsize=1)
def read_faces():
    """Harvest all photographs, and sort what was found.

    Returns
    -------
    pandas.DataFrame
        As `sort_faces`.
    """
    _, index, _ = harvest.harvest(list_folders(), duplicates=-1)
    parts = [sort_faces(film, rows) for film, rows in index.groupby("film", sort=False)]
    return pd.concat(parts, ignore_index=True)


def cut_faces(table, margin, size):
    """Cut harvested faces out of their photographs.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `read_faces`.
    margin : float
    size : int

    Returns
    -------
    float32 array (n, size, size, 3) in [0, 1]
    """
    images = []
    for row in table.itertuples():
        path = _find_folder() / _read_eyes(row.film).iloc[row.frame]["file"]
        picture = np.rint(pictures.read_picture(path) * 255).astype("uint8")
        box = row.x, row.y, row.width, row.height
        images.append(harvest.cut_face(picture, box, margin, size))
    return np.stack(images).astype("float32") / 255


def draw_regions(margin, size):
    """Draw where things are in the crop of an average face.

    Parameters
    ----------
    margin : float
        Around the detector's box, as a share of its side.
    size : int
        Pixels to a side of the crop.

    Returns
    -------
    uint8 array (size, size), places in `helpers.regions.REGIONS`
    """
    unit = size / (_BOX_SIZE * (1 + 2 * margin))  # pixels between the pupils
    middle = np.array([size / 2, size / 2 - _BOX_DROP * unit])
    pupils = middle + np.array([[-unit / 2, 0], [unit / 2, 0]])
    regions = np.full((size, size), REGIONS.index("background"), "uint8")

    def draw(name, start, drop, width, height):
        """Fill an ellipse below a point; lengths in distances between the pupils."""
        centre = [round(16 * start[0]), round(16 * (start[1] + drop * unit))]
        axes = [round(width * unit * 16), round(height * unit * 16)]
        place = REGIONS.index(name)
        cv2.ellipse(regions, centre, axes, 0, 0, 360, place, -1, cv2.LINE_8, 4)

    draw("skin", middle, 0.50, 1.08, 1.45)
    for side, pupil in zip(("left", "right"), pupils, strict=True):
        draw(f"brow_{side}", pupil, -0.38, 0.40, 0.13)
        draw(f"eye_{side}", pupil, 0, 0.28, 0.15)
    draw("nose", middle, 0.52, 0.26, 0.36)
    draw("mouth", middle, 1.08, 0.46, 0.22)
    return regions


def _measure(eyes):
    first = eyes[["eye1_x", "eye1_y"]].to_numpy(float)
    second = eyes[["eye2_x", "eye2_y"]].to_numpy(float)
    return (first + second) / 2, np.hypot(*(second - first).T)


@lru_cache(maxsize=2)
def _read_eyes(expression):
    """Return the rows of one folder's photographs, in the order of their names.

    Where the pupils of a smiling face are not marked, those of the neutral one count:
    the camera stood still.
    """
    table = pd.read_csv(_find_folder() / "index.csv", dtype={"face_id": str})
    table = table.groupby("face_id").ffill().assign(face_id=table["face_id"])
    return table[table["expression"] == expression].sort_values(
        "file", ignore_index=True
    )


def _find_folder():
    for folder in sources.cache_folders():
        if (folder / _FOLDER / "index.csv").is_file():
            return folder / _FOLDER
    return _unpack(
        {name: sources.fetch(f"london-faces/{name}") for name in EXPRESSIONS}
    )


def _unpack(archives):
    """Reduce the photographs of the downloaded archives, and list their pupils."""
    folder = sources.writable_cache_folder() / _FOLDER
    partial = folder.with_name(f".{_FOLDER}.{uuid.uuid4().hex}.partial")
    rows = []
    try:
        for expression, path in archives.items():
            (partial / expression).mkdir(parents=True)
            with zipfile.ZipFile(path) as archive:
                for name in sorted(archive.namelist()):
                    if name.lower().endswith(".jpg"):
                        rows.append(_reduce(archive, name, partial, expression))
        pd.DataFrame(rows).to_csv(partial / "index.csv", index=False)
        os.replace(partial, folder)
    except (zipfile.BadZipFile, KeyError, IndexError, ValueError) as error:
        raise sources.SourceError(
            f"{path.name} is not the archive of faces that was expected ({error}); "
            f"delete {path} and fetch it again with: python data_scripts/fetch.py "
            "london-faces"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _reduce(archive, name, folder, expression):
    person = name.rsplit("/", 1)[-1][:3]
    file = f"{expression}/{person}.jpg"
    picture = pictures.read_picture(archive.read(name))
    scale = _SIDE / picture.shape[0]
    small = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    bgr = np.rint(small[..., ::-1] * 255).astype("uint8")
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])
    content.tofile(folder / file)  # cv2.imwrite fails at an é in a path on Windows
    # A template: the number of its points, then a line a point; the pupils come first.
    lines = archive.read(name[:-4] + ".tem").decode("ascii").splitlines()
    first, second = ([float(v) * scale for v in line.split()] for line in lines[1:3])
    return {
        "face_id": person,
        "expression": expression,
        "file": file,
        "eye1_x": round(first[0], 2),
        "eye1_y": round(first[1], 2),
        "eye2_x": round(second[0], 2),
        "eye2_y": round(second[1], 2),
    }
