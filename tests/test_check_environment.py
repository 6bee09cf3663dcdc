"""The report on the machine says what is there, what is missing, and what to do."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers import check_environment as check
from helpers.check_environment import OK, WARN, WRONG, Line
from helpers.set_up import _python_of

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def in_colab(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())


# --- The whole ------------------------------------------------------------------------


def test_here_everything_is_well(monkeypatch):
    monkeypatch.setattr(check, "check_tensorflow", lambda: Line(OK, "GPU", "none"))
    lines = check.collect()
    assert [line for line in lines if line.status == WRONG] == []
    labels = [line.label for line in lines]
    assert labels[:3] == ["Python", "h5py", "ipycanvas"]
    assert {"tensorflow", "jupyterlab", "memory", "cores", "edition"} <= set(labels)
    numpy = lines[labels.index("numpy")]
    assert numpy.found == importlib.metadata.version("numpy")


@pytest.mark.slow
def test_the_command_runs_and_says_so():
    answer = run_report(sys.executable)
    assert answer.returncode == 0
    assert "The course runs here." in answer.stdout
    assert "✓ GPU" in answer.stdout
    assert answer.stderr == ""


def test_a_python_without_any_package_gets_a_report_too(tmp_path):
    venv.create(tmp_path)
    answer = run_report(*_python_of(tmp_path))
    assert answer.returncode == 1
    assert answer.stderr == ""
    assert "✗ tensorflow               missing" in answer.stdout
    assert "! memory                   unknown (psutil is missing)" in answer.stdout
    assert re.search(r"TensorFlow starts .*No module named 'tensorflow'", answer.stdout)
    assert answer.stdout.count("To do: ") == 1
    assert "The course runs here" not in answer.stdout


def run_report(python):
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    environment.pop("COURSE_EDITION", None)
    return subprocess.run(
        [python, "-m", "helpers.check_environment"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
    )


# --- How it looks ---------------------------------------------------------------------

LINES = [
    Line(OK, "good", "1", "1"),
    Line(WARN, "fair", "2", "1", "look at it"),
    Line(WRONG, "bad", "3", "1", "mend it"),
    Line(WRONG, "worse", "4", "1", "mend it"),
]


def test_a_mark_tells_the_status_without_colour(capsys):
    check.print_report(LINES)
    assert capsys.readouterr().out.splitlines() == [
        "✓ good                     1                 wanted: 1",
        "! fair                     2                 wanted: 1",
        "✗ bad                      3                 wanted: 1",
        "✗ worse                    4                 wanted: 1",
        "✗ To do: mend it",
        "! To do: look at it",
    ]


def test_nothing_wrong_is_said_too(capsys):
    check.print_report(LINES[:2])
    assert capsys.readouterr().out.endswith(
        "! To do: look at it\nThe course runs here.\n"
    )


def test_colours_show_on_a_terminal(monkeypatch, capsys):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    check.print_report(LINES)
    colours = [line[:5] for line in capsys.readouterr().out.splitlines()[:4]]
    assert colours == ["\033[32m", "\033[33m", "\033[31m", "\033[31m"]
    monkeypatch.setenv("NO_COLOR", "1")
    check.print_report(LINES)
    assert "\033" not in capsys.readouterr().out


def test_colours_show_in_a_notebook(monkeypatch):
    class OutStream:
        isatty = staticmethod(lambda: False)

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", OutStream())
    assert not check._shows_colour()
    OutStream.__module__ = "ipykernel.iostream"
    assert check._shows_colour()


@pytest.mark.parametrize(("lines", "code"), [(LINES, 1), (LINES[:2], 0)])
def test_the_exit_code_tells_if_something_is_wrong(monkeypatch, capsys, lines, code):
    monkeypatch.setattr(check, "collect", lambda: lines)
    monkeypatch.setattr(sys.stdout, "reconfigure", lambda **_: None, raising=False)
    assert check.main() == code


# --- Packages and Python --------------------------------------------------------------


def test_another_python_is_wrong(monkeypatch):
    assert check.check_python().status == OK
    for version in ("3.10.14", "3.14.0", "3.9.18"):
        monkeypatch.setattr(platform, "python_version", lambda version=version: version)
        assert check.check_python()[:3] == (WRONG, "Python", version)


@pytest.mark.parametrize(
    ("requirement", "found", "status"),
    [
        ("numpy>=2.1,<2.5", "2.4.6", OK),
        ("numpy>=2.1,<2.5", "2.5.0", WRONG),
        ("numpy>=2.1,<2.5", "2.0.9", WRONG),
        ("numpy>=2.1,<2.5", "2.10", WRONG),  # not 2.1
        ("lime==0.2.0.1", "0.2.0.1", OK),
        ("lime==0.2.0.1", "0.2.0", WRONG),
    ],
)
def test_a_package_is_held_against_its_range(monkeypatch, requirement, found, status):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: found)
    line = check.check_package(requirement)
    assert (line.status, line.found) == (status, found)
    assert line.label + line.wanted == requirement


def test_a_missing_package_is_wrong():
    line = check.check_package("not-a-package-of-anyone>=1")
    assert line[:4] == (WRONG, "not-a-package-of-anyone", "missing", ">=1")


def test_without_packaging_versions_are_shown_and_not_judged(monkeypatch):
    monkeypatch.setitem(sys.modules, "packaging.specifiers", None)
    line = check.check_package("numpy>=99")
    assert line.status == WARN
    assert "not compared" in line.wanted


def test_all_ranges_are_those_of_pyproject():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    expected = project["dependencies"] + project["optional-dependencies"]["lab"]
    lines = check.check_packages()
    assert [line.label + line.wanted for line in lines] == expected


@pytest.mark.usefixtures("in_colab")
def test_colab_needs_no_lab_and_keeps_its_versions(monkeypatch):
    assert "jupyterlab" not in [line.label for line in check.check_packages()]
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99")
    line = check.check_package("tensorflow>=2.20,<2.22")
    assert (line.status, line.fix) == (WARN, "run the notebook's first cell again")


# --- What to do -----------------------------------------------------------------------


def test_the_fix_depends_on_the_python_that_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "ROOT", tmp_path)
    assert check._set_up_command().endswith("-m helpers.set_up")  # no .venv yet
    (tmp_path / ".venv").mkdir()
    assert check._set_up_command().startswith("use the course's own Python, .venv")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert check._set_up_command().endswith("-m helpers.set_up")


# --- The machine ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judge", "amount", "status"),
    [
        (check.judge_memory, 4.1e9, OK),
        (check.judge_memory, 3.5e9, WARN),
        (check.judge_memory, 2.9e9, WRONG),
        (check.judge_cores, 2, OK),
        (check.judge_cores, 1, WARN),
        (check.judge_disk, 2.1e9, OK),
        (check.judge_disk, 1.9e9, WRONG),
    ],
)
def test_the_machine_is_judged(judge, amount, status):
    line = judge(amount)
    assert line.status == status
    assert line.fix


def test_the_machine_is_measured():
    import psutil

    assert check.check_memory().found == f"{psutil.virtual_memory().total / 1e9:.1f} GB"
    assert 1 <= int(check.check_cores().found) <= os.cpu_count()
    assert re.fullmatch(r"[\d.]+ GB", check.check_disk().found)


# --- TensorFlow and OpenCV ------------------------------------------------------------


def answer_with(monkeypatch, code):
    for name in ("_ASK_TENSORFLOW", "_ASK_OPENCV"):
        monkeypatch.setattr(check, name, code)


def test_gpus_are_named(monkeypatch):
    answer_with(monkeypatch, "print('Card A\\nCard B')")
    assert check.check_tensorflow() == Line(OK, "GPU", "Card A, Card B")
    answer_with(monkeypatch, "")
    assert check.check_tensorflow().found == "none (the course needs none)"


def test_a_failing_import_is_told_in_a_line(monkeypatch):
    answer_with(monkeypatch, "print('noise')\nraise ImportError('no such library')")
    for line in (check.check_tensorflow(), check.check_opencv()):
        assert (line.status, line.found) == (WRONG, "ImportError: no such library")


@pytest.mark.skipif(not hasattr(os, "kill") or os.name == "nt", reason="POSIX signals")
def test_a_processor_that_is_too_old_is_told(monkeypatch):
    answer_with(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    assert "AVX" in check.check_tensorflow().found


def test_the_face_detector_is_found():
    line = check.check_opencv()
    assert line.status == OK
    assert re.fullmatch(r"in 4\.\d+\.\d+", line.found)


def test_an_opencv_without_face_detector_is_wrong(monkeypatch):
    answer_with(monkeypatch, "print('5.0.0', False)")
    line = check.check_opencv()
    assert (line.status, line.found) == (WRONG, "not in 5.0.0")
    assert "opencv-python-headless<5" in line.fix


# --- Edition and cache ----------------------------------------------------------------


def test_the_edition_is_named(monkeypatch):
    monkeypatch.delenv("COURSE_EDITION", raising=False)
    assert check.check_edition().found == "embedded"
    monkeypatch.setenv("COURSE_EDITION", "real")
    assert check.check_edition().found == "real"
    monkeypatch.setenv("COURSE_EDITION", "reel")
    line = check.check_edition()
    assert (line.status, line.found) == (WRONG, "reel")
    assert "COURSE_EDITION" in line.fix


def test_a_home_is_not_shown(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    line = check.judge_own_folder(tmp_path / ".cache" / "course")
    assert line[:3] == (OK, "own cache folder", "~/.cache/course, made when needed")
    assert not (tmp_path / ".cache").exists()
    (tmp_path / ".cache" / "course").mkdir(parents=True)
    assert check.judge_own_folder(tmp_path / ".cache" / "course").found == (
        "~/.cache/course, writable"
    )
    assert list((tmp_path / ".cache" / "course").iterdir()) == []


def test_a_folder_that_refuses_is_told(monkeypatch, tmp_path):
    def refuse(dir):
        raise PermissionError

    monkeypatch.setattr(check.tempfile, "TemporaryFile", refuse)
    assert check.judge_own_folder(tmp_path).status == WARN
    shared = check.judge_shared_folder(tmp_path)
    assert shared.status == OK
    assert "read-only, which is enough" in shared.found


def test_a_shared_folder_that_is_not_there_is_wrong(tmp_path):
    line = check.judge_shared_folder(tmp_path / "none")
    assert line.status == WRONG
    assert "COURSE_CACHE" in line.fix


def test_the_cache_folders_are_those_of_sources(monkeypatch, tmp_path):
    sources = pytest.importorskip("helpers.sources")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    assert len(sources.cache_folders()) == 2
    labels = [line.label for line in check.check_cache()]
    assert labels == ["shared cache folder", "own cache folder"]
    monkeypatch.delenv("COURSE_CACHE")
    assert [line.label for line in check.check_cache()] == ["own cache folder"]


def test_what_a_bare_python_cannot_find_out_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    line = check.check_memory()
    assert (line.status, line.found) == (WARN, "unknown (psutil is missing)")
    monkeypatch.setitem(sys.modules, "tomllib", None)  # before Python 3.11
    assert check.check_packages() == []
