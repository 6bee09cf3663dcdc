"""Draw the films of data/films: the videos, and the truth about every drawing.

Run it from anywhere:

    python data_scripts/render_films.py            all twelve films
    python data_scripts/render_films.py kiosk mill    these films
    python data_scripts/render_films.py --cast     first hold the casting call anew

A film <title>.mp4 has its truth in <title>.npz, which `numpy.load` opens lazily:

drawing, shot, actor, emotion, label, intensity, box, lamp
    One value a face, in the order of the drawings. `label` is the emotion where it is
    shown and "mixed" where it is still rising; `box` is x, y, width, height in pixels;
    `lamp` is true where a lit lamp is in the crop (the box and 10 % on every side).
regions_00 … regions_79
    The region maps of a shot's drawings, uint8 (height, width, drawings) of places in
    helpers.regions.REGIONS. With the drawings last, what stays the same stands side by
    side and packs to two thirds. ``stored["regions_07"].transpose(2, 0, 1)`` are the
    maps of shot 7, drawings 56 to 63.

cast.csv has a row an actor: film, actor, seed, and what follows from the seed; found is
the share of ten test pictures in which the face detector finds the actor.

Drawing d is seen in pictures 2d and 2d + 1 of the film. Boxes of two faces in one
picture never overlap, so a region belongs to the face in whose box it lies.
"""

import argparse
import contextlib
import csv
import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from data_scripts.rendering import films

PROCESSES = 2
QUALITY = 29  # x264's constant rate factor: higher is smaller


def main(arguments=None):
    """Draw the films that are named, or all; hold the casting call if asked.

    Returns 0, or 1 if it said on stderr why it could not.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("titles", nargs="*", help=", ".join(films.TITLES))
    parser.add_argument("--cast", action="store_true", help="choose the actors anew")
    options = parser.parse_args(arguments)
    unknown = sorted({*options.titles} - {*films.TITLES})
    if unknown:
        parser.error(
            f"there is no film {unknown[0]!r}; choose from {', '.join(films.TITLES)}"
        )
    try:
        films.FOLDER.mkdir(parents=True, exist_ok=True)
        if options.cast:
            write_cast(films.FOLDER / "cast.csv")
        for title in options.titles or films.TITLES:
            start = time.perf_counter()
            video, truth = (size / 1e6 for size in make_film(title, films.FOLDER))
            seconds = time.perf_counter() - start
            print(f"{title}: {video:.2f} MB, truth {truth:.2f} MB, {seconds:.0f} s")
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def write_cast(path):
    """Hold the casting call of all films and write the table of actors."""
    casts = Parallel(PROCESSES, return_as="generator")(
        delayed(cast_film)(title) for title in films.TITLES
    )
    rows = [row for cast in tqdm(casts, "cast", len(films.TITLES)) for row in cast]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, films.CAST_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def make_film(title, folder):
    """Draw a film and write its video and its truth.

    Parameters
    ----------
    title : str
    folder : pathlib.Path

    Returns
    -------
    (int, int)
        Bytes of the video and of the truth.

    Raises
    ------
    ValueError
        If the cast is not known, or the video cannot be written.
    """
    films.read_cast(title)  # complains at once, and not from another process
    shots = Parallel(PROCESSES, return_as="generator")(
        delayed(draw_shot)(title, number) for number in range(films.SHOTS)
    )
    video, truth = folder / f"{title}.mp4", folder / f"{title}.npz"
    unfinished = folder / f"{title}.part.mp4"
    truths = []
    # If ffmpeg ends early, its code below tells it.
    with open_encoder(unfinished) as encoder, contextlib.suppress(BrokenPipeError):
        for pictures, frames in tqdm(shots, title, films.SHOTS, unit="shot"):
            encoder.stdin.write(pictures.tobytes())
            truths.append(frames)
    if encoder.returncode:
        raise ValueError(
            f"ffmpeg could not write {video.name} (its code is {encoder.returncode}); "
            "see its message above and check the room on the disk."
        )
    unfinished.replace(video)
    write_truth(truth, truths)
    return video.stat().st_size, truth.stat().st_size


def draw_shot(title, number):
    """Draw a shot in a process of its own, on one thread."""
    cv2.setNumThreads(1)
    return films.render_shot(title, number)


def cast_film(title):
    """Cast a film in a process of its own, on one thread."""
    cv2.setNumThreads(1)
    return films.cast_film(title)


def open_encoder(path):
    """Start ffmpeg: raw RGB pictures on its standard input, H.264 in `path`.

    One thread and no time stamps of the day, so the same pictures give the same bytes.
    Every shot starts with a key picture, so a player can jump to it.

    Raises
    ------
    ValueError
        If imageio-ffmpeg, which brings ffmpeg along, is not installed.
    """
    try:
        import imageio_ffmpeg  # only who makes the films needs it
    except ImportError:
        raise ValueError(
            "Writing the films needs the package imageio-ffmpeg; install it with: "
            "python -m pip install imageio-ffmpeg"
        ) from None
    size = f"{films.WIDTH}x{films.HEIGHT}"
    source = f"-f rawvideo -pix_fmt rgb24 -s {size} -r {films.RATE} -i -"
    coding = (
        f"-an -c:v libx264 -preset slow -crf {QUALITY} -pix_fmt yuv420p -threads 1 "
        f"-g {films.DRAWINGS * films.REPEATS} -sc_threshold 0 "
        "-fflags +bitexact -flags:v +bitexact -map_metadata -1 -movflags +faststart"
    )
    return subprocess.Popen(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-y",
            *("-loglevel", "error"),
            *source.split(),
            *coding.split(),
            str(path),
        ],
        stdin=subprocess.PIPE,
    )


def write_truth(path, shots):
    """Write the truth of a film in the format that this module's first lines give.

    Parameters
    ----------
    path : pathlib.Path
    shots : list of lists of films.Frame
        A list a shot, a frame a drawing.
    """
    faces = np.concatenate([frame.faces for shot in shots for frame in shot])
    arrays = {name: faces[name] for name in faces.dtype.names or ()}
    for number, shot in enumerate(shots):
        maps = np.stack([frame.regions for frame in shot], axis=-1)
        arrays[f"regions_{number:02}"] = maps
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            file = io.BytesIO()
            np.save(file, array, allow_pickle=False)
            # A ZipInfo of its own has a fixed date, so the bytes do not depend on it.
            entry = zipfile.ZipInfo(f"{name}.npy")
            archive.writestr(entry, file.getvalue(), zipfile.ZIP_LZMA)


if __name__ == "__main__":
    sys.exit(main())
