"""Look at the machine before the course does, and say what is missing.

    python -m helpers.check_environment

It works on a bare Python too: what it cannot find out, it says.
"""

import importlib.metadata
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from helpers import colab, runtime
from helpers.set_up import ROOT, SUPPORTED_PYTHONS

OK, WARN, WRONG = "ok", "warn", "wrong"

_MARKS = {OK: "✓", WARN: "!", WRONG: "✗"}
_COLOURS = {OK: "\033[32m", WARN: "\033[33m", WRONG: "\033[31m"}
_NO_COLOUR = "\033[0m"
_ASK_TENSORFLOW = """
import tensorflow
for device in tensorflow.config.list_physical_devices("GPU"):
    details = tensorflow.config.experimental.get_device_details(device)
    print(details.get("device_name", device.name))
"""
_ASK_OPENCV = """
import cv2
print(cv2.__version__, hasattr(cv2, "CascadeClassifier"))
"""


class Line(NamedTuple):
    """One thing looked at: status (ok, warn, wrong), what was found and wanted."""

    status: str
    label: str
    found: str
    wanted: str = ""
    fix: str = ""


def collect():
    """Look at Python, the packages, the machine, the edition and the cache.

    Returns
    -------
    list of Line
    """
    return [
        check_python(),
        *check_packages(),
        check_tensorflow(),
        check_opencv(),
        check_memory(),
        check_cores(),
        check_disk(),
        check_edition(),
        *check_cache(),
    ]


def print_report(lines=None):
    """Print one line for each thing looked at, and how to mend what is wrong.

    Parameters
    ----------
    lines : list of Line, optional
        What to print; without it, what `collect` finds.
    """
    lines = collect() if lines is None else lines
    in_colour = _shows_colour()
    for line in lines:
        text = f"{_MARKS[line.status]} {line.label:<24} {line.found}"
        if line.wanted:
            text = f"{text:<44} wanted: {line.wanted}"
        if in_colour:
            text = f"{_COLOURS[line.status]}{text}{_NO_COLOUR}"
        print(text)
    fixes: dict[str, str] = {}
    for status in (WRONG, WARN):
        for line in lines:
            if line.status == status:
                fixes.setdefault(line.fix, status)
    for fix, status in fixes.items():
        print(f"{_MARKS[status]} To do: {fix}")
    if not any(line.status == WRONG for line in lines):
        print("The course runs here.")


def check_python():
    """Compare the running Python with those the course runs on."""
    found = platform.python_version()
    status = OK if found.rpartition(".")[0] in SUPPORTED_PYTHONS else WRONG
    return Line(
        status, "Python", found, " or ".join(SUPPORTED_PYTHONS), _set_up_command()
    )


def check_packages():
    """Compare what is installed with the ranges in pyproject.toml.

    The extra `lab` counts too, except in Colab, which is a notebook server itself.
    """
    try:
        import tomllib
    except ImportError:  # before Python 3.11, which its own line calls wrong
        return []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    requirements = list(project["dependencies"])
    if not colab.is_running():
        requirements += project["optional-dependencies"]["lab"]
    return [check_package(text) for text in requirements]


def check_package(requirement):
    """Compare one installed package with a requirement such as "numpy>=2.1,<2.5"."""
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    wanted = requirement.removeprefix(name).strip()
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        # On Colab OpenCV comes under another name; its own line tells if it serves.
        status = WARN if name.startswith("opencv") and colab.is_running() else WRONG
        return Line(status, name, "missing", wanted, _set_up_command())
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:
        wanted += " (not compared: packaging is missing)"
        return Line(WARN, name, found, wanted, _set_up_command())
    if found in SpecifierSet(wanted):
        return Line(OK, name, found, wanted)
    # Colab's own packages stay as they are: TensorFlow there is built for its GPUs.
    status = WARN if colab.is_running() else WRONG
    return Line(status, name, found, wanted, _set_up_command())


def check_tensorflow():
    """Import TensorFlow in a process of its own, and name the GPUs that it sees.

    A process of its own, because on a processor without AVX the import does not
    raise: it kills.

    Returns
    -------
    Line
    """
    answer, error = _ask(_ASK_TENSORFLOW)
    if error:
        return Line(WRONG, "TensorFlow starts", error, "an import", _set_up_command())
    gpus = ", ".join(answer.splitlines()) or "none (the course needs none)"
    return Line(OK, "GPU", gpus)


def check_opencv():
    """Look for the face detector that OpenCV 5 dropped."""
    answer, error = _ask(_ASK_OPENCV)
    label, wanted = "OpenCV's face detector", "cv2.CascadeClassifier"
    if error:
        return Line(WRONG, label, error, wanted, _set_up_command())
    version, has_detector = answer.split()
    if has_detector == "True":
        return Line(OK, label, f"in {version}", wanted)
    pip = "%pip" if colab.is_running() else f"{_python_command()} -m pip"
    fix = f'{pip} install --force-reinstall --no-deps "opencv-python-headless<5"'
    return Line(WRONG, label, f"not in {version}", wanted, fix)


def check_memory():
    """Compare the memory with what a notebook takes: up to 3 GB of it."""
    try:
        import psutil
    except ImportError:
        found = "unknown (psutil is missing)"
        return Line(WARN, "memory", found, "4 GB", _set_up_command())
    return judge_memory(psutil.virtual_memory().total)


def judge_memory(total):
    """Judge an amount of memory in bytes."""
    status = WRONG if total < 3e9 else WARN if total < 4e9 else OK
    fix = "close other programs, or open the course in Colab"
    return Line(status, "memory", f"{total / 1e9:.1f} GB", "4 GB", fix)


def check_cores():
    """Count the cores that this process may use."""
    return judge_cores(
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count()
    )


def judge_cores(count):
    """Judge a number of cores."""
    fix = "nothing, but reckon with twice the minutes"
    return Line(OK if count >= 2 else WARN, "cores", str(count), "2", fix)


def check_disk():
    """Measure the free space where the course lies."""
    return judge_disk(shutil.disk_usage(ROOT).free)


def judge_disk(free):
    """Judge an amount of free disk space in bytes."""
    status, fix = OK if free >= 2e9 else WRONG, "free some disk space"
    return Line(status, "free disk", f"{free / 1e9:.1f} GB", "2 GB", fix)


def check_edition():
    """Name the edition that would run."""
    try:
        edition = runtime.choose_edition("embedded")
    except ValueError as error:
        return Line(WRONG, "edition", os.environ["COURSE_EDITION"], fix=str(error))
    return Line(OK, "edition", edition, "embedded or real")


def check_cache():
    """Look at the folders for downloaded files: one shared, one the user's own."""
    try:
        from helpers import sources
    except ImportError as error:
        found = f"unknown ({error.name} is missing)"
        return [Line(WARN, "cache folder", found, fix=_set_up_command())]
    *shared, own = sources.cache_folders()
    return [*map(judge_shared_folder, shared), judge_own_folder(own)]


def judge_shared_folder(folder):
    """Judge the folder that COURSE_CACHE names: it must be there, to read from."""
    label = "shared cache folder"
    if not folder.is_dir():
        fix = "let COURSE_CACHE name a folder that is there, or unset it"
        return Line(WRONG, label, f"{_shorten(folder)} is no folder", "readable", fix)
    how = "writable" if _is_writable(folder) else "read-only, which is enough"
    return Line(OK, label, f"{_shorten(folder)}, {how}")


def judge_own_folder(folder):
    """Judge the user's own cache folder, or the place where it will be made."""
    label, place = "own cache folder", folder
    while not place.exists():
        place = place.parent
    if place.is_dir() and _is_writable(place):
        state = "writable" if place == folder else "made when needed"
        return Line(OK, label, f"{_shorten(folder)}, {state}")
    fix = "make the folder writable, or let COURSE_CACHE name one that is"
    return Line(WARN, label, f"{_shorten(folder)} is not writable", "writable", fix)


def _shorten(folder):
    """Write a folder with ~ for the home, so that it tells of no one's machine."""
    folder, home = Path(folder), Path.home()
    if folder.is_relative_to(home):
        return (Path("~") / folder.relative_to(home)).as_posix()
    return str(folder)


def _is_writable(folder):
    # Windows answers os.access with yes for folders it then refuses to write to.
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _ask(code):
    """Run code in a fresh Python; return what it printed, and why it failed, or ""."""
    answer = subprocess.run(
        [sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        encoding="utf-8",
        errors="replace",
    )
    if answer.returncode == 0:
        return answer.stdout.strip(), ""
    if answer.returncode == -4:  # SIGILL
        return "", "this processor lacks instructions (AVX) that it needs"
    said = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
    return "", said[-1][:100]


def _shows_colour():
    in_notebook = type(sys.stdout).__module__.startswith("ipykernel")
    return not os.environ.get("NO_COLOR") and (in_notebook or sys.stdout.isatty())


def _python_command():
    return ".venv\\Scripts\\python" if os.name == "nt" else ".venv/bin/python"


def _set_up_command():
    """Return what to type so that the packages are as wanted."""
    if colab.is_running():
        return "run the notebook's first cell again"
    if Path(sys.prefix) != ROOT / ".venv" and (ROOT / ".venv").is_dir():
        return f"use the course's own Python, {_python_command()}"
    return f"{'python' if os.name == 'nt' else 'python3'} -m helpers.set_up"


def main():
    """Print the report and return 1 where something is wrong."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # for consoles that lack the marks
        sys.stdout.reconfigure(errors="replace")
    if os.name == "nt":
        os.system("")  # older Windows consoles show colours only after this
    lines = collect()
    print_report(lines)
    return int(any(line.status == WRONG for line in lines))


if __name__ == "__main__":
    sys.exit(main())
