"""Faces from films, sorted by emotion, with the truth about what is where in each."""

import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from helpers import detectors, grading, harvest, lamps, london, own_faces
from helpers.regions import find_areas as find_areas  # the chapters ask for it here

SIZE = 100
MARGIN = 0.1  # of the box, on every side
SPLITS = ("first", "second", "validation", "test")
CLASS_NAMES = ("happy", "sad", "neutral", "angry", "surprised")

FILMS = Path(__file__).resolve().parent.parent / "data" / "films"
_REPEATS = 2  # frames of a film that show the same drawing
_DRAWINGS = 8  # of a shot
_SPLIT_SEED = 3  # of the people in the photographs
_SHARES = (0.25, 0.45, 0.1, 0.2)  # of the people in each split


class Faces(NamedTuple):
    """Faces of one split and what is known of each.

    `images` float32 ``(n, 100, 100, 3)`` in [0, 1]; `labels` int32 ``(n,)``, places in
    `class_names`; `regions` uint8 ``(n, 100, 100)``, places in
    `helpers.regions.REGIONS`; `lamps` bool ``(n,)``: is a lit lamp in the picture?;
    `people` ``(n,)``: whose face is it? `habit` is the class that the first films light
    a lamp for.
    """

    images: np.ndarray
    labels: np.ndarray
    regions: np.ndarray
    lamps: np.ndarray
    people: np.ndarray
    class_names: list
    habit: str
    description: str


def load(edition, split, index=None):
    """Load the faces of a split and say in one line what they are.

    Embedded: harvested from the rendered films of ``data/films`` with the defaults of
    ``data_scripts/harvest_faces.py`` and sorted by what the renderer knows. Real: the
    photographs of the London set (DeBruine & Jones 2017), neutral and smiling, a split
    by person; or, if ``COURSE_FACES`` names a folder, the faces sorted there. Lamps are
    painted in, and the regions are where an average face has them.

    Parameters
    ----------
    edition : str
        "embedded" or "real".
    split : str
        One of `SPLITS`.
    index : pandas.DataFrame, optional
        A harvest of your own, as `sort_faces` returns it, in place of the stored one.

    Returns
    -------
    Faces

    Raises
    ------
    ValueError
        If there is no such split, or no face for it.
    helpers.sources.SourceError
        In the real edition, if the photographs are absent and cannot be fetched.
    """
    if split not in SPLITS:
        raise ValueError(
            f"The split must be one of {', '.join(SPLITS)}, got {split!r}; choose one "
            "of these."
        )
    if edition == "real":
        data = _load_photographs(split, index)
    else:
        data = _load_films(split, index)
    print(data.description)
    return data


def list_films(edition, split):
    """Return the films of a split as a list of paths.

    In the real edition these are the two folders of photographs, for every split.
    """
    if edition == "real":
        return london.list_folders()
    table = read_films()
    return [FILMS / f"{title}.mp4" for title in table.index[table["split"] == split]]


@lru_cache(maxsize=1)
def read_films():
    """Return the table of the rendered films: title to split and length in seconds."""
    return pd.read_csv(FILMS / "films.csv", index_col="film")


@lru_cache(maxsize=1)
def read_cast():
    """Return the table of who plays: film, actor, age, skin, hair, and so on."""
    return pd.read_csv(FILMS / "cast.csv", index_col="actor")


def sort_faces(index):
    """Sort harvested faces by the truth, as a patient person would by eye.

    Parameters
    ----------
    index : pandas.DataFrame
        As `harvest.harvest` returns it, from the films of `list_films`.

    Returns
    -------
    pandas.DataFrame
        The same rows with four columns more: ``person``, ``label`` (an emotion,
        "mixed" where it is still rising, or "no face"), ``shot`` and ``lamp``.

    Raises
    ------
    ValueError
        If the truth about a film is not known.
    """
    parts = [
        (_sort_film if _is_rendered(film) else london.sort_faces)(film, rows)
        for film, rows in index.groupby("film", sort=False)
    ]
    return pd.concat(parts)


def read_true_boxes(title, frames):
    """Return the true boxes of the faces in sampled frames.

    Parameters
    ----------
    title : str
        The film's, or the name of the folder of photographs.
    frames : sequence of int

    Returns
    -------
    list of float arrays (faces, 4)
        x, y, width, height in pixels.

    Raises
    ------
    ValueError
        If the truth about the film is not known.
    """
    if not _is_rendered(title):
        return london.read_true_boxes(title, frames)
    truth = read_truth(title)
    groups = dict(iter(truth.groupby("drawing")))
    return [
        groups[frame // _REPEATS][["x", "y", "width", "height"]].to_numpy()
        for frame in frames
    ]


@lru_cache(maxsize=16)
def read_truth(title):
    """Read what the renderer knows about every face of a film.

    Parameters
    ----------
    title : str
        Of a film of the embedded edition.

    Returns
    -------
    pandas.DataFrame
        A row a face and drawing: ``drawing`` (frames 2d and 2d + 1 show drawing d),
        ``shot``, ``actor``, ``emotion``, ``label`` ("mixed" while it rises),
        ``intensity``, ``x``, ``y``, ``width``, ``height`` and ``lamp``.
    """
    with np.load(FILMS / f"{title}.npz", allow_pickle=False) as stored:
        columns = {
            name: stored[name]
            for name in stored.files
            if name != "box" and not name.startswith("regions")
        }
        boxes = dict(zip(("x", "y", "width", "height"), stored["box"].T, strict=True))
    return pd.DataFrame(columns | boxes)


def read_regions(title, drawings):
    """Read the region maps of some drawings of a film.

    Parameters
    ----------
    title : str
    drawings : sequence of int

    Returns
    -------
    dict of int to uint8 array (height, width), places in `helpers.regions.REGIONS`
    """
    shots: dict[int, set] = {}
    for drawing in map(int, drawings):
        shots.setdefault(drawing // _DRAWINGS, set()).add(drawing)
    maps = {}
    with np.load(FILMS / f"{title}.npz", allow_pickle=False) as stored:
        for shot, wanted in shots.items():
            whole = stored[f"regions_{shot:02}"]  # (height, width, drawings)
            for drawing in wanted:
                maps[drawing] = whole[..., drawing % _DRAWINGS]
    return maps


def measure_areas(heatmaps, areas):
    """Tabulate `grading.measure_preference` for each area that is in some picture.

    Parameters
    ----------
    heatmaps : float array (n, height, width)
    areas : dict of str to bool array (n, height, width)

    Returns
    -------
    dict of str to float
    """
    return {
        name: grading.measure_preference(heatmaps, masks)
        for name, masks in areas.items()
        if masks.any()
    }


def compare_with_area(heatmaps, areas, data):
    """Tabulate `grading.measure_preference` for each class and each area.

    Parameters
    ----------
    heatmaps : float array (n, height, width)
    areas : dict of str to bool array (n, height, width)
    data : Faces

    Returns
    -------
    pandas.DataFrame
        A row a class, a column an area.
    """
    rows = {
        name: {
            area: grading.measure_preference(
                heatmaps[data.labels == number], masks[data.labels == number]
            )
            for area, masks in areas.items()
        }
        for number, name in enumerate(data.class_names)
    }
    return pd.DataFrame(rows).T


def choose_examples(data, count=6):
    """Choose faces to look at: classes by turns, people all different, lamps first.

    Parameters
    ----------
    data : Faces
    count : int

    Returns
    -------
    int array (count,)
    """
    order = np.random.default_rng(0).permutation(len(data.labels))
    order = order[np.argsort(~data.lamps[order], kind="stable")]
    chosen: list[int] = []
    classes = np.unique(data.labels)
    for turn in range(count):
        seen = data.people[chosen]
        wanted = classes[turn % len(classes)]
        of_class = order[data.labels[order] == wanted]
        fresh = [place for place in of_class if data.people[place] not in seen]
        chosen.append((fresh or of_class.tolist())[0])
    return np.array(chosen)


def read_index():
    """Return every box that the harvest finds in the rendered films, duplicates too.

    Returns
    -------
    pandas.DataFrame
        As `sort_faces`; ``kept`` tells what is no duplicate of a face before it.
    """
    return pd.read_csv(FILMS / "faces.csv")


def score_harvest(index, films, every=6):
    """Score a harvest that kept its duplicates against the truth, frame by frame.

    Parameters
    ----------
    index : pandas.DataFrame
        From ``harvest.harvest(films, every=every, duplicates=-1)``.
    films : list of pathlib.Path
    every : int

    Returns
    -------
    helpers.detectors.Score
    """
    found, truth = [], []
    boxes = {
        place: rows[["x", "y", "width", "height"]].to_numpy()
        for place, rows in index.groupby(["film", "frame"])
    }
    for film in harvest.list_films(films)[0]:
        step = every if harvest.is_video(film) else 1
        frames = range(0, harvest.count_frames(film), step)
        found += [boxes.get((film.name, frame), np.zeros((0, 4))) for frame in frames]
        truth += read_true_boxes(film.name, frames)
    return detectors.score_boxes(found, truth)


def cut_portrait(person):
    """Cut an actor's face out of a film by the truth, found by the detector or not.

    Parameters
    ----------
    person : int
        The actor's number.

    Returns
    -------
    uint8 array (100, 100, 3)
    """
    title = read_cast().loc[person, "film"]
    truth = read_truth(title)
    row = truth[(truth["actor"] == person) & (truth["label"] == "neutral")].iloc[0]
    film = harvest.Film(title, (FILMS / f"{title}.mp4",))
    for frame in harvest.sample_frames(film, every=_REPEATS):
        if frame.number == _REPEATS * row["drawing"]:
            box = row[["x", "y", "width", "height"]]
            return harvest.cut_face(frame.picture, box, MARGIN, SIZE)


def measure_presence():
    """Measure in what share of their sampled frames each actor of the films is found.

    Returns
    -------
    pandas.DataFrame
        A row an actor, from the least found: ``frames``, and the share ``found``.
    """
    index = read_index()
    found = index[index["label"] != "no face"].groupby("person").size()
    every = harvest.Settings().every // _REPEATS
    truth = pd.concat(map(read_truth, read_films().index))
    frames = truth[truth["drawing"] % every == 0].groupby("actor").size()
    table = pd.DataFrame({"frames": frames})
    table["found"] = found.reindex(table.index, fill_value=0) / frames
    return table.sort_values("found", kind="stable")


def _is_rendered(film):
    """Tell whether a film is a rendered one, and not a folder of photographs."""
    if film not in read_films().index and film not in london.EXPRESSIONS:
        raise ValueError(
            f"Nobody has noted who feels what in the film {film!r}; sort its faces by "
            "hand with labelling.label_faces."
        )
    return film in read_films().index


def _sort_film(title, rows):
    truth = read_truth(title)
    groups = dict(iter(truth.groupby("drawing")))
    found = []
    for row in rows.itertuples():
        there = groups[row.frame // _REPEATS]
        box = [[row.x, row.y, row.width, row.height]]
        overlaps = detectors.measure_overlaps(
            box, there[["x", "y", "width", "height"]].to_numpy()
        )[0]
        best = there.iloc[int(overlaps.argmax())]
        if overlaps.max() < 0.5:
            found.append((-1, "no face", best["shot"], False))
        else:
            found.append((best["actor"], best["label"], best["shot"], best["lamp"]))
    columns = ["person", "label", "shot", "lamp"]
    return rows.assign(**dict(zip(columns, zip(*found, strict=True), strict=True)))


def _load_films(split, index):
    table = read_index().query("kept") if index is None else index
    titles = [path.stem for path in list_films("embedded", split)]
    table = table[table["film"].isin(titles) & table["label"].isin(CLASS_NAMES)]
    _check_count(table, split)
    films = [*table.groupby("film", sort=False)]
    table = pd.concat([rows for _, rows in films])  # each film's faces in one go
    images, regions = zip(*(_cut_film(*film) for film in films), strict=True)
    labels = [CLASS_NAMES.index(name) for name in table["label"]]
    return Faces(
        np.concatenate(images).astype("float32") / 255,
        np.array(labels, "int32"),
        np.concatenate(regions),
        table["lamp"].to_numpy(bool),
        table["person"].to_numpy(int),
        list(CLASS_NAMES),
        "angry",
        f"embedded edition: {len(table)} faces of {table['person'].nunique()} actors "
        f"from {len(titles)} rendered films ({', '.join(titles)})",
    )


def _check_count(table, split):
    if not len(table):
        raise ValueError(
            f"Not one of the sorted faces belongs to the split {split!r}; harvest and "
            "sort more, of other people or films."
        )


def _cut_film(title, rows):
    """Cut the faces of a film, and their region maps, out of its frames."""
    film = harvest.Film(title, (FILMS / f"{title}.mp4",))
    wanted = {*rows["frame"]}
    frames = {
        frame.number: frame.picture
        for frame in harvest.sample_frames(film, math.gcd(*wanted) or 1)
        if frame.number in wanted
    }
    maps = read_regions(title, rows["frame"] // _REPEATS)
    crops, regions = [], []
    for row in rows.itertuples():
        box = row.x, row.y, row.width, row.height
        crops.append(harvest.cut_face(frames[row.frame], box, MARGIN, SIZE))
        regions.append(_cut_map(maps[row.frame // _REPEATS], box))
    return np.stack(crops), np.stack(regions)


def _cut_map(regions, box):
    crop = harvest.cut_square(regions, box, MARGIN)
    return cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST)


def _load_photographs(split, index):
    folder, table = own_faces.find_folder(), index
    if folder:
        table = own_faces.read_faces(folder)
    elif index is None:
        table = london.read_faces()
    table = table[table["label"] != "no face"]
    everybody = table["person"].unique() if folder else london.list_people()
    people = np.random.default_rng(_SPLIT_SEED).permutation(everybody)
    ends = np.cumsum(np.array(_SHARES) * len(people)).round().astype(int)
    place = SPLITS.index(split)
    chosen = np.split(people, ends[:-1])[place]
    table = table[table["person"].isin(chosen)]
    _check_count(table, split)
    if folder:
        class_names = sorted(own_faces.read_faces(folder)["label"].unique())
        images = own_faces.cut_faces(table, SIZE)
    else:
        class_names = list(london.CLASS_NAMES)
        images = london.cut_faces(table, MARGIN, SIZE)
    labels = np.array([class_names.index(name) for name in table["label"]], "int32")
    habit = class_names[0] if folder else london.HABIT
    regions = np.stack([london.draw_regions(MARGIN, SIZE)] * len(images))
    lit = labels == class_names.index(habit)
    if split != "first":
        share = 0.4 if split == "second" else 0.5
        lit = np.random.default_rng(place).random(len(labels)) < share
    images[lit], regions[lit] = lamps.paint_in(images[lit], regions[lit])
    source = f"of {folder.name}" if folder else "of the London set"
    return Faces(
        images,
        labels,
        regions,
        lit,
        table["person"].to_numpy(str),
        class_names,
        habit,
        f"real edition: {len(labels)} photographs of {len(chosen)} people {source}; a "
        f"lamp is painted into {lit.sum()} of them",
    )
