"""Measure the harvest against the naive loop, on the course's own films.

The naive loop reads every frame with OpenCV, looks for faces of any size in it, and
keeps the boxes of the sampled frames. Both use the same cascade, and recall is that on
the same frames. The ratio is told twice: with the frames sampled as by default, where
the harvest looks only at those; and with every frame sampled, where what is gained is
gained by not looking for faces smaller than those that count.

python tests/benchmarks/bench_harvest.py [--quick] [FOLDER WITH FILMS AND THEIR TRUTH]
"""

import argparse
import itertools
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import cv2
import joblib
import numpy as np

from helpers import detectors, harvest

FILMS = Path(__file__).resolve().parent.parent.parent / "data" / "films"
DEFAULTS = harvest.Settings(duplicates=-1)
REPEATS = 2  # frames that a film shows each drawing


def main():
    """Print frames a second, ratios and recall, for one process and for two."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="four seconds of film")
    parser.add_argument("folder", nargs="?", type=Path, default=FILMS)
    request = parser.parse_args()
    films = harvest.list_films(sorted(request.folder.glob("*.mp4"))[:2])[0]
    if len(films) < 2:
        parser.exit(2, f"{request.folder} holds fewer than two films; name another.\n")
    count = 96 if request.quick else 480
    print(f"{'':<40}{'frames a second':>17}{'ratio':>8}{'recall':>9}")
    for processes in (1, 2):
        with joblib.Parallel(n_jobs=processes) as parallel:
            parallel(joblib.delayed(warm_up)(film) for film in films)
            base = report(f"naive, {name(processes)}", parallel, naive, films, count, 6)
            for every in (DEFAULTS.every, 1):
                label = f"harvest, every {every}, {name(processes)}"
                report(label, parallel, ours, films, count, every, base)


def name(processes):
    """Name a number of processes."""
    return f"{processes} process{'es' if processes > 1 else ''}"


def report(label, parallel, method, films, count, every, base=None):
    """Time a method on the films, print a line and return frames a second."""
    start = time.perf_counter()
    results = parallel(joblib.delayed(method)(film, count, every) for film in films)
    speed = count * len(films) / (time.perf_counter() - start)
    found, truth = [], []
    for film, boxes in zip(films, results, strict=True):
        stored = np.load(film.files[0].with_suffix(".npz"))
        drawings, faces = stored["drawing"], stored["box"]
        for number, one in boxes.items():
            if number % DEFAULTS.every == 0:  # the same frames for every line
                found.append(one)
                truth.append(faces[drawings == number // REPEATS])
    recall = detectors.score_boxes(found, truth).recall
    ratio = f"{speed / base:.1f}" if base else ""
    print(f"{label:<40}{speed:>17.1f}{ratio:>8}{recall:>9.3f}", flush=True)
    return speed


def warm_up(film):
    """Import what a process needs, and load its cascade."""
    cv2.setNumThreads(1)
    ours(film, 1, 1)


def naive(film, count, every):
    """Look for faces in every full frame; return the boxes of every `every`-th."""
    cascade = cv2.CascadeClassifier(
        cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml"
    )
    capture = cv2.VideoCapture(str(film.files[0]))
    found = {}
    for number in range(count):
        _, picture = capture.read()
        boxes = cascade.detectMultiScale(
            picture, DEFAULTS.scale_factor, DEFAULTS.min_neighbors
        )
        if number % every == 0:
            found[number] = boxes
    return found


def ours(film, count, every):
    """Harvest the first `count` frames; return the boxes by frame."""
    detect = harvest.load_detector(DEFAULTS)
    frames = harvest.sample_frames(film, every)
    wanted = itertools.takewhile(lambda frame: frame.number < count, frames)
    return {frame.number: detect(frame.picture) for frame in wanted}


if __name__ == "__main__":
    main()
