"""Measure the course in a fresh clone, and write the table of README.md.

    python -m helpers.measure

clones what is committed into a temporary folder, runs make's targets there one after
the other, and writes minutes, memory and the checkout's size between the two marks in
README.md, and the chapters' also in docs/teaching.md. It takes about an hour.
"""

import argparse
import datetime
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from helpers.memory import MemoryWatch

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {
    "set_up": "make the environment, packages already downloaded",
    "run": "execute every chapter",
    "test": "run all tests, two files at a time",
    "site": "build the site and the slides",
}

_MARKED = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)
_CHAPTER = re.compile(r"^\| (\d\d_\w+) \| (\d+) \| ([\d.]+) GB \|", re.MULTILINE)
_MEASURED_CHAPTER = re.compile(r"^\| `(\d\d)_\w+` \| ([\d.]+) \| ([\d.]+ GB) \|$", re.M)


class Measured(NamedTuple):
    """One target's run: seconds, and the most memory in bytes."""

    seconds: float
    memory: int


def main(arguments=None):
    """Measure all targets and write the table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args(arguments)
    readme, teaching = ROOT / "README.md", ROOT / "docs" / "teaching.md"
    try:
        _check_tools()
        put_between_marks(readme.read_text("utf-8"), "")  # now, and not an hour later
        table = measure_course()
        print(table)
        for path, put in ((readme, put_between_marks), (teaching, put_in_rows)):
            path.write_text(put(path.read_text("utf-8"), table), "utf-8")
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def measure_course():
    """Run all targets in a fresh clone, and return the table of what they took.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    RuntimeError
        If a target fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "course"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        size = measure_size(clone)
        measured = {}
        for target in TARGETS:
            print(f"make {target} …", flush=True)
            measured[target] = measure_command(["make", target], clone)
        report = (clone / "build" / "report.md").read_text("utf-8")
    return format_table(measured, report, size, describe_machine())


def measure_command(command, folder):
    """Run a command and measure it, with all the processes that it starts.

    Parameters
    ----------
    command : list of str
    folder : pathlib.Path
        Where it runs.

    Returns
    -------
    Measured

    Raises
    ------
    RuntimeError
        If it fails: the figures of half a run mean nothing.
    """
    environment = {
        name: text for name, text in os.environ.items() if name != "COURSE_EDITION"
    }
    memory = MemoryWatch()
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        memory.watch(process.pid)
        code = process.wait()
    peak = memory.stop()
    if code != 0:
        raise RuntimeError(
            f"`{' '.join(command)}` failed with exit code {code}: mend what it says "
            "and measure again."
        )
    return Measured(time.perf_counter() - start, peak)


def measure_size(clone):
    """Return the bytes of all files of a fresh clone, git's own folder left out."""
    files = [path for path in clone.rglob("*") if path.is_file()]
    inside = [path for path in files if ".git" not in path.relative_to(clone).parts]
    return sum(path.stat().st_size for path in inside)


def describe_machine():
    """Say in a few words what the figures were measured on."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{cores} cores, {platform.system()}, Python {python}"


def format_table(measured, report, size, machine):
    """Format what was measured as two tables and a sentence.

    Parameters
    ----------
    measured : dict of str to Measured
        From make's targets.
    report : str
        What `make run` wrote to build/report.md: a line a chapter.
    size : int
        Of the checkout, in bytes.
    machine : str

    Returns
    -------
    str
        Markdown.
    """
    lines = ["| target of make | what | minutes | peak memory |", "|---|---|---:|---:|"]
    for target, (seconds, memory) in measured.items():
        lines.append(
            f"| `{target}` | {TARGETS[target]} | {seconds / 60:.1f} "
            f"| {memory / 1e9:.1f} GB |"
        )
    lines += ["", "| chapter | minutes | peak memory |", "|---|---:|---:|"]
    lines += [
        f"| `{name}` | {int(seconds) / 60:.1f} | {float(memory):.1f} GB |"
        for name, seconds, memory in _CHAPTER.findall(report)
    ]
    today = datetime.date.today().isoformat()
    lines += [
        "",
        f"Measured by `make measure` in a fresh clone on {today} ({machine}); "
        f"the checkout takes {size / 1e6:.1f} MB.",
    ]
    return "\n".join(lines)


def put_between_marks(text, table):
    """Put a table between the two marks of a text.

    Parameters
    ----------
    text : str
    table : str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the marks are not there exactly once.
    """
    found = len(_MARKED.findall(text))
    if found != 1:
        raise ValueError(
            "README.md must hold <!-- measured --> and <!-- /measured --> once, "
            f"found them {found} times; put them around the place of the table."
        )
    return _MARKED.sub(lambda marks: f"{marks[1]}{table}\n{marks[2]}", text)


def put_in_rows(text, table):
    """Put the chapters' minutes and memory at the ends of their rows in another table.

    Parameters
    ----------
    text : str
        With a row ``| 1 · its title | … | 0.9 min | 1.2 GB |`` for each chapter.
    table : str
        From `format_table`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a chapter does not have exactly one row.
    """
    for number, minutes, memory in _MEASURED_CHAPTER.findall(table):
        row = rf"^(\| {int(number)} · .*\|) [\d.]+ min \| [\d.]+ GB \|$"
        cells = rf"\1 {minutes} min | {memory} |"
        text, found = re.subn(row, cells, text, flags=re.MULTILINE)
        if found != 1:
            raise ValueError(
                f"docs/teaching.md must hold one row of chapter {int(number)} with "
                f"minutes and memory at its end, found {found}; write it as the others."
            )
    return text


def _check_tools():
    for tool in ("git", "make"):
        if shutil.which(tool) is None:
            raise RuntimeError(
                f"Measuring clones the course and runs make's targets, and {tool} was "
                "not found; install it, or put it on the PATH."
            )


if __name__ == "__main__":
    sys.exit(main())
