"""Harvest the faces of any films: from videos and photographs to small square pictures.

It samples the frames of each film, finds the faces that look at the camera, cuts them
out, and drops those that are nearly the same as one before.
"""

import argparse
import contextlib
import io
import itertools
import json
import os
import shutil
import sys
import threading
import uuid
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import joblib
import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from helpers import detectors, harvest

INDEX = "index.csv"
COUNTS = "counts.csv"
QUALITY = 95
SHEET_COLUMNS, SHEET_ROWS = 20, 25

# What a run leaves for the next one: its settings, and a journal a film. A line of a
# journal is one sampled frame, written after the frame's crops are there.
_SETTINGS, _RUN, _PARTS = "settings.json", "run", "parts"
_END = "end"  # the last line

_DONE, _TROUBLE, _REFUSED, _STOPPED = 0, 1, 2, 130
_WAIT = 20  # seconds for a Dask scheduler to answer
_GLANCE = 1  # seconds between two looks at the journals

_EPILOGUE = """\
what it writes:
  faces/crops/            the faces, FILM_FRAME_PLACE.jpg
  faces/index.csv         a row a face: film, frame, time in seconds, box in pixels,
                          sharpness (variance of the Laplacian), hash, file in crops/
  faces/counts.csv        a row a film: frames sampled, boxes found, faces kept
  faces/contact_sheet.jpg all faces on one page, or 500 of them

A run that was stopped goes on where it was when it is started again. Films may be added
later with the same settings.

examples:
  python data_scripts/harvest_faces.py film.mp4
  python data_scripts/harvest_faces.py holiday photos --every 2 --unit seconds
  python data_scripts/harvest_faces.py films --detector lbp --output faces_lbp
  python data_scripts/harvest_faces.py /shared/films --output /shared/faces \\
      --scheduler tcp://10.0.0.1:8786

With --scheduler the films run on a Dask cluster. Its workers see films and output
folder under the same paths, and have this project's folder in PYTHONPATH.

exit code:
  0    every film was harvested and gave faces
  1    some films gave none, or could not be read or written to the end; a sentence
       tells which and why
  2    it did not run to its end, because of an option, the detector, the cluster or
       the output folder
  130  stopped by Ctrl-C
"""


class _Superseded(RuntimeError):
    """Another run has started in the same folder."""


def main(arguments=None):
    """Harvest the films named on the command line, and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # for consoles that lack a letter
    request = _read_arguments(arguments)
    settings = harvest.Settings(
        **{field: getattr(request, field) for field in harvest.Settings._fields}
    )
    films, complaints = harvest.list_films(request.films)
    try:
        harvest.check_settings(settings)
        if not films:
            raise ValueError(" ".join(complaints))
        with _open_backend(request, len(films)) as parallel:
            token = prepare_folder(request.output, settings)
            complaints += _run(parallel, films, settings, request.output, token)
        complaints += finish_folder(request.output, token)
    except ValueError as error:
        print(error, file=sys.stderr)
        return _REFUSED
    except BrokenProcessPool:
        print(
            "A worker was ended from outside, perhaps for want of memory; start again "
            "with fewer --jobs, and it goes on from here.",
            file=sys.stderr,
        )
        return _REFUSED
    except KeyboardInterrupt:
        print("Stopped; start it again and it goes on from here.", file=sys.stderr)
        return _STOPPED
    for complaint in dict.fromkeys(complaints):
        print(complaint, file=sys.stderr)
    return _TROUBLE if complaints else _DONE


def _read_arguments(arguments):
    defaults = harvest.Settings()
    parser = argparse.ArgumentParser(
        prog="python data_scripts/harvest_faces.py",
        description=__doc__,
        epilog=_EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(**defaults._asdict())
    add = parser.add_argument
    add(
        "films",
        nargs="+",
        metavar="FILM",
        help="a video, a picture, or a folder; the pictures of a folder are one film",
    )
    add(
        "--output",
        type=Path,
        default=Path("faces"),
        metavar="FOLDER",
        help="where the faces go (default: faces)",
    )
    add(
        "--every",
        type=number,
        metavar="N",
        help="look at every N-th frame, second or shot of a video (default: "
        f"{defaults.every})",
    )
    add(
        "--unit",
        choices=harvest.UNITS,
        help="what --every counts; of a shot, the middle frame is taken (default: "
        f"{defaults.unit})",
    )
    add(
        "--detector",
        choices=detectors.DETECTORS,
        help="haar is OpenCV's frontalface_alt2, lbp is scikit-image's (default: "
        f"{defaults.detector})",
    )
    add(
        "--scale-factor",
        type=float,
        metavar="FACTOR",
        help="how much the search window grows at each step; nearer to 1 is slower and "
        f"finds more (default: {defaults.scale_factor})",
    )
    add(
        "--min-neighbors",
        type=int,
        metavar="N",
        help="how many windows must agree on a face; more give fewer false ones "
        f"(default: {defaults.min_neighbors})",
    )
    add(
        "--smallest",
        type=float,
        metavar="SHARE",
        help="the smallest face, as a share of the picture's shorter side; larger is "
        f"faster (default: {defaults.smallest})",
    )
    add(
        "--margin",
        type=float,
        metavar="SHARE",
        help="added to the box on every side, as a share of its side (default: "
        f"{defaults.margin})",
    )
    add(
        "--size",
        type=int,
        metavar="PIXELS",
        help=f"width and height of the crops (default: {defaults.size})",
    )
    add(
        "--duplicates",
        type=int,
        metavar="BITS",
        help="drop a face whose hash differs from one before in so many of 64 bits or "
        f"fewer; -1 keeps all (default: {defaults.duplicates})",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs",
        type=int,
        default=-1,
        metavar="N",
        help="how many films at a time (default: one a processor core)",
    )
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a Dask cluster to run on, such as tcp://10.0.0.1:8786",
    )
    return parser.parse_args(arguments)


def number(text):
    """Read a number, a whole one as an int: argparse calls it by this name."""
    value = float(text)
    return int(value) if value.is_integer() else value


@contextlib.contextmanager
def _open_backend(request, films):
    """Yield what runs films in parallel: `joblib.Parallel`, set up as asked."""
    if request.scheduler is None:
        if request.jobs == 0:
            raise ValueError("--jobs takes 1 or more, or -1 for one a core, got 0.")
        jobs = min(joblib.effective_n_jobs(request.jobs), films)
        yield joblib.Parallel(n_jobs=jobs)
        return
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise ValueError(
            "--scheduler needs Dask; run pip install distributed and try again."
        ) from None
    try:
        client = Client(request.scheduler, timeout=_WAIT, set_as_default=True)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"No Dask scheduler answers at {request.scheduler} ({type(error).__name__})"
            "; start one with dask scheduler and give its address."
        ) from None
    try:
        with client, joblib.parallel_config("dask", wait_for_workers_timeout=_WAIT):
            yield joblib.Parallel()
    except (OSError, KilledWorker) as error:
        raise ValueError(
            f"The Dask cluster at {request.scheduler} gave up ({type(error).__name__});"
            " check that it has workers that live, then start again."
        ) from None


# The folder


def prepare_folder(folder, settings):
    """Make the output folder ready for a run, and return the run's token.

    Raises
    ------
    ValueError
        If it holds something else, or a harvest with other settings, or refuses files.
    """
    work = folder / harvest.WORK
    if folder.exists() and not folder.is_dir():
        raise ValueError(
            f"--output takes a folder, and {folder} is a file; choose another."
        )
    if (folder / INDEX).exists() and not (work / _SETTINGS).exists():
        raise ValueError(
            f"{folder} holds an {INDEX} that is not of this harvest; choose another "
            "folder with --output."
        )
    wanted = json.loads(json.dumps(settings._asdict()))
    token = uuid.uuid4().hex
    try:
        if (work / _SETTINGS).exists():
            _compare_settings(folder, _read_json(work / _SETTINGS), wanted)
        shutil.rmtree(work / _PARTS, ignore_errors=True)
        (work / _PARTS).mkdir(parents=True, exist_ok=True)
        (folder / harvest.CROPS).mkdir(exist_ok=True)
        _write(folder, work / _SETTINGS, json.dumps(wanted).encode())
        _write(folder, work / _RUN, token.encode())
    except OSError as error:
        raise ValueError(_describe_refusal(folder, error)) from None
    return token


def _compare_settings(folder, before, wanted):
    names = [name for name in wanted if wanted[name] != before.get(name)]
    if names:
        differences = ", ".join(
            f"{name.replace('_', '-')} {before.get(name)}, now {wanted[name]}"
            for name in names
        )
        raise ValueError(
            f"{folder} was harvested with other settings ({differences}); give those "
            "again, or choose another folder with --output."
        )


def _read_json(path):
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return {}


def _write(folder, path, content):
    """Write a file so that it is there whole or not at all."""
    part = folder / harvest.WORK / _PARTS / uuid.uuid4().hex
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _describe_refusal(path, error):
    return (
        f"{path} cannot be written: {error.strerror or error}; make room or choose "
        "another folder, then start again."
    )


def _describe_successor(folder):
    return f"Another harvest has started in {folder}; this one has stopped."


def finish_folder(folder, token):
    """Write index, counts and contact sheet of all films done, and tidy up.

    Returns
    -------
    list of str
        What went wrong.
    """
    work = folder / harvest.WORK
    if not _is_current(folder, token):
        return [_describe_successor(folder)]
    caught = {}
    there = set(os.listdir(folder / harvest.CROPS))
    for path in sorted(work.glob("*.jsonl"), key=lambda path: path.stem):
        journal = read_journal(path)
        if journal.complete:
            caught[path.stem] = [
                catch._replace(faces=[f for f in catch.faces if f.file in there])
                for catch in journal.catches
            ]
    index, counts = harvest.tabulate(caught)
    try:
        if len(index):
            _write(folder, folder / harvest.SHEET, draw_sheet(folder, index["file"]))
        _write(folder, folder / COUNTS, _turn_csv(counts.reset_index()))
        _write(folder, folder / INDEX, _turn_csv(index))
    except OSError as error:
        return [_describe_refusal(folder, error)]
    (work / _RUN).unlink(missing_ok=True)
    shutil.rmtree(work / _PARTS, ignore_errors=True)
    return []


def _turn_csv(table):
    return table.to_csv(index=False, lineterminator="\n").encode()


def draw_sheet(folder, names):
    """Lay crops out on one page, evenly chosen if they are too many; return a JPEG."""
    count = min(len(names), SHEET_COLUMNS * SHEET_ROWS)
    chosen = names.iloc[np.linspace(0, len(names) - 1, count).astype(int)]
    crops = [np.asarray(Image.open(folder / harvest.CROPS / name)) for name in chosen]
    columns = min(SHEET_COLUMNS, count)
    rows = -(-count // columns)
    size = crops[0].shape[0]
    sheet = np.full((rows * size, columns * size, 3), 255, "uint8")
    for place, crop in enumerate(crops):
        top, left = (size * step for step in divmod(place, columns))
        sheet[top : top + size, left : left + size] = crop
    return _encode(sheet)


def _encode(picture):
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=QUALITY, subsampling=0)
    return content.getvalue()


def _is_current(folder, token):
    """Tell whether no other run has started in the folder since."""
    try:
        return (folder / harvest.WORK / _RUN).read_text() == token
    except OSError:
        return False


# Journals


class Journal(NamedTuple):
    """What a journal tells: the film's bytes, the frames done, and whether it is whole.

    `length` is that of its whole lines; after a kill, part of a line may follow.
    """

    size: int | None = None
    catches: tuple = ()
    complete: bool = False
    length: int = 0


def read_journal(path, crops=None):
    """Read a film's journal, up to the first line that is broken.

    Nor are the line of a frame with a face missing from `crops`, if given, and what
    follows it believed.

    Parameters
    ----------
    path : pathlib.Path
    crops : set of str, optional
        The files that are there.

    Returns
    -------
    Journal
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Journal()
    size, complete, length = None, False, 0
    catches: list[harvest.Catch] = []
    for line in content.splitlines(keepends=True):
        try:
            entry = json.loads(line)
        except ValueError:
            break
        if not line.endswith(b"\n"):
            break
        if isinstance(entry, dict):
            size = entry["bytes"]
        elif entry == _END:
            complete = True
        else:
            frame, time, boxes, faces, complaint = entry
            faces = [harvest.Face(*face) for face in faces]
            if crops is not None and not crops.issuperset(f.file for f in faces):
                complete = False
                break
            # Two runs may have written the same line, if the first outlived a kill.
            if not catches or frame > catches[-1].frame:
                catches.append(harvest.Catch(frame, time, boxes, faces, complaint))
        length += len(line)
    return Journal(size, tuple(catches), complete, length)


def harvest_film(film, settings, folder, token):
    """Harvest one film into a folder, from where an earlier run stopped.

    Returns
    -------
    list of str
        What went wrong.
    """
    cv2.setNumThreads(1)  # films run side by side, a core each
    path = folder / harvest.WORK / f"{film.name}.jsonl"
    try:
        return _go_on(film, settings, folder, token, path)
    except _Superseded:
        return [_describe_successor(folder)]
    except OSError as error:
        if not _is_current(folder, token):  # which has tidied up
            return [_describe_successor(folder)]
        return [_describe_refusal(folder, error)]
    except Exception as error:  # a damaged film may raise anything
        reason = str(error).strip().split("\n")[0]
        return [f"{film.files[0]} could not be harvested: {reason}."]


def _go_on(film, settings, folder, token, path):
    size = sum(file.stat().st_size for file in film.files)
    journal = read_journal(path, set(os.listdir(folder / harvest.CROPS)))
    if journal.size not in (None, size):
        return [
            f"{film.files[0]} is not the film that was harvested into {folder} as "
            f"{film.name}; rename it, or choose another folder with --output."
        ]
    catches = list(journal.catches)
    if not journal.complete:
        with path.open("ab") as file:
            file.truncate(journal.length)
            if journal.size is None:
                _append(file, {"film": film.name, "bytes": size})
            for catch in harvest.catch_faces(film, settings, journal.catches):
                if not _is_current(folder, token):
                    raise _Superseded
                for face, crop in zip(catch.faces, catch.crops, strict=True):
                    _write(folder, folder / harvest.CROPS / face.file, _encode(crop))
                _append(file, catch[:-1])
                catches.append(catch._replace(crops=()))
            _append(file, _END)
    return harvest.list_complaints(film, catches)


def _append(file, entry):
    file.write(json.dumps(entry).encode() + b"\n")
    file.flush()


# The run


def _run(parallel, films, settings, folder, token):
    """Harvest the films in parallel behind a progress bar; return what went wrong."""
    paths = [folder / harvest.WORK / f"{film.name}.jsonl" for film in films]
    jobs = [
        joblib.delayed(harvest_film)(film, settings, folder, token) for film in films
    ]
    totals = dict(zip(paths, map(harvest.count_frames, films), strict=True))
    with (
        tqdm(
            total=sum(totals.values()), desc="harvest", unit="frame", disable=None
        ) as bar,
        _watching(bar, totals),
    ):
        results = parallel(jobs)
    return list(itertools.chain.from_iterable(results))


@contextlib.contextmanager
def _watching(bar, totals):
    """Keep the bar up to date from a thread: the films run in other processes."""
    if bar.disable:
        yield
        return
    bar.initial = _show(bar, totals)
    done = threading.Event()

    def watch():
        while not done.wait(_GLANCE):
            _show(bar, totals)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        _show(bar, totals)


def _show(bar, totals):
    """Set the bar to what the journals tell."""
    frames = faces = 0
    for path, total in totals.items():
        journal = read_journal(path)
        faces += sum(len(catch.faces) for catch in journal.catches)
        if journal.complete:
            frames += total
        elif journal.catches:
            frames += min(total, journal.catches[-1].frame)
    bar.set_postfix(faces=faces, refresh=False)
    bar.n = frames
    bar.refresh()
    return frames


if __name__ == "__main__":
    sys.exit(main())
