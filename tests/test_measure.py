"""The table in README.md is made by measuring, and measures what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import measure, memory

ROOT = Path(__file__).resolve().parents[1]
REPORT = """\
# Report, embedded edition

| notebook | seconds | peak memory | claims held | |
|---|---:|---:|---:|---|
| 00_start_here | 12 | 0.93 GB | 1 of 1 | passed |
| 01_one_or_seven | 90 | 2.04 GB | 25 of 25 | passed |

| notebook | claim | wanted | measured | |
|---|---|---|---:|---|
| 01_one_or_seven | A dash | 3 | 2 GB | held |
"""


def run_python(code, folder):
    return measure.measure_command([sys.executable, "-c", code], folder)


def test_children_count_and_so_do_seconds(tmp_path):
    child = "ballast = bytearray(300_000_000); import time; time.sleep(2)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    measured = run_python(code, tmp_path)
    assert measured.memory > 300_000_000
    assert measured.seconds > 2


def test_a_command_of_a_moment_has_a_peak_too(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_PAUSE", 3600)  # so that only the first look counts
    assert run_python("import time; time.sleep(1)", tmp_path).memory > 0


def test_a_process_that_is_gone_takes_nothing():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    watch = memory.MemoryWatch()
    watch.watch(process.pid)
    assert watch.stop() == 0


def test_the_command_runs_in_its_folder_in_the_embedded_edition(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_EDITION", "real")
    code = "import os; open('seen', 'w').write(os.environ.get('COURSE_EDITION', ''))"
    run_python(code, tmp_path)
    assert (tmp_path / "seen").read_text() == ""


def test_a_failing_command_gives_no_figures(tmp_path):
    with pytest.raises(RuntimeError, match=r"failed with exit code 3: mend"):
        run_python("raise SystemExit(3)", tmp_path)


def test_the_size_is_that_of_the_files_without_git(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(b"x" * 700)
    (tmp_path / "b").write_bytes(b"x" * 50)
    assert measure.measure_size(tmp_path) == 750


def test_the_table_holds_what_was_measured():
    measured = {"run": measure.Measured(630, int(2.74e9))}
    table = measure.format_table(measured, REPORT, 77_940_000, "2 cores")
    assert "| `run` | execute every chapter | 10.5 | 2.7 GB |" in table
    assert "| `01_one_or_seven` | 1.5 | 2.0 GB |" in table
    assert table.count("01_one_or_seven") == 1
    assert "the checkout takes 77.9 MB" in table
    assert "2 cores" in table


def test_the_table_goes_between_the_marks_and_can_be_written_again():
    text = "before\n<!-- measured -->\nold\n<!-- /measured -->\nafter\n"
    once = measure.put_between_marks(text, "| new \\1 |")
    assert once == (
        "before\n<!-- measured -->\n| new \\1 |\n<!-- /measured -->\nafter\n"
    )
    assert measure.put_between_marks(once, "| new \\1 |") == once


@pytest.mark.parametrize(
    ("readme", "path", "said"),
    [("no marks", None, "found them 0 times"), ("", "", "git was not found; install")],
)
def test_what_is_missing_is_said_before_the_hour_begins(
    readme, path, said, tmp_path, monkeypatch, capsys
):
    (tmp_path / "README.md").write_text(readme)
    monkeypatch.setattr(measure, "ROOT", tmp_path)
    monkeypatch.setattr(measure, "measure_course", pytest.fail)
    if path is not None:
        monkeypatch.setenv("PATH", path)
    else:
        monkeypatch.setattr(measure.shutil, "which", str)
    assert measure.main([]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["no marks", "<!-- measured -->\n" * 2])
def test_a_readme_without_the_marks_is_refused(text):
    with pytest.raises(ValueError, match="found them 0 times"):
        measure.put_between_marks(text, "table")


def test_the_readme_has_a_row_of_every_target_and_chapter():
    names = re.findall(r"^\| `(\w+)` \|", read_measured(), re.M)
    chapters = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    assert names == [*measure.TARGETS, *chapters]


def read_measured():
    readme = (ROOT / "README.md").read_text("utf-8")
    return re.search(r"<!-- measured -->\n(.*?)<!-- /measured -->", readme, re.S)[1]


def test_teachers_read_the_same_figures():
    teaching = (ROOT / "docs" / "teaching.md").read_text("utf-8")
    assert measure.put_in_rows(teaching, read_measured()) == teaching


def test_new_figures_reach_the_teachers_table():
    table = measure.format_table({}, REPORT, 1, "2 cores")
    text = "| 0 · Start | 5 min | 7 min | 9 GB |\n| 1 · One | 60 min | 1 min | 1 GB |\n"
    assert measure.put_in_rows(text, table) == (
        "| 0 · Start | 5 min | 0.2 min | 0.9 GB |\n"
        "| 1 · One | 60 min | 1.5 min | 2.0 GB |\n"
    )
    with pytest.raises(ValueError, match=r"one row of chapter 1 .* found 0; write it"):
        measure.put_in_rows(text.splitlines()[0], table)
