"""A school can hand the exercises out and grade them with nbgrader as it is."""

import os

import nbformat
import pytest

from helpers import assignments
from helpers.run_notebooks import ROOT

NAME = "00_start_here"
SOLVED = ROOT / "notebooks" / "solutions" / f"{NAME}.ipynb"


@pytest.fixture(autouse=True)
def apart(tmp_path, monkeypatch):
    """Let nothing touch the home, and put the environment back afterwards."""
    for name in ("PATH", "PYTHONPATH", "COURSE_WIDGETS"):  # the config sets them
        monkeypatch.setenv(name, os.environ.get(name, ""))
    for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


@pytest.fixture
def course(tmp_path):
    """The course folder with one assignment."""
    assignments.write(tmp_path / "course", names=[NAME])
    return tmp_path / "course"


def read(path):
    return nbformat.read(path, as_version=4)


def find_marked(notebook):
    marks = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    pairs = zip(marks, notebook.cells, strict=True)
    return {mark["grade_id"]: cell for mark, cell in pairs if mark.get("grade_id")}


@pytest.mark.slow
def test_nbgrader_releases_the_exercises_and_grades_what_comes_back(course):
    released = read(course / "release" / NAME / f"{NAME}.ipynb")
    text = nbformat.writes(released)
    assert "SOLUTION" not in text
    assert "<summary>Solution" not in text
    assert "# Your code goes here." in text
    assert not any(cell.get("outputs") for cell in released.cells)

    solved, one = read(SOLVED), read(course / "release" / NAME / f"{NAME}.ipynb")
    task = "a-claim-that-can-fail"
    find_marked(one)[task].source = find_marked(solved)[task].source
    points = {
        name.removeprefix("check-"): cell.metadata.nbgrader.points
        for name, cell in find_marked(solved).items()
        if name.startswith("check-")
    }
    expected = {"all": sum(points.values()), "one": points[task], "none": 0}
    grader = assignments.open_course(course)
    for student, notebook in {"all": solved, "one": one, "none": released}.items():
        folder = course / "submitted" / student / NAME
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{NAME}.ipynb")
        result = grader.autograde(NAME, student)
        assert result["success"], result
    with grader.gradebook as gradebook:
        submissions = [gradebook.find_submission(NAME, name) for name in expected]
        assert [entry.score for entry in submissions] == [*expected.values()]
        assert {entry.max_score for entry in submissions} == {sum(points.values())}
        assert not any(entry.needs_manual_grade for entry in submissions)


@pytest.mark.slow
def test_what_nbgrader_cannot_release_is_one_sentence(tmp_path):
    folder = tmp_path / "notebooks" / "solutions"
    folder.mkdir(parents=True)
    notebook = read(SOLVED)
    marked = find_marked(notebook)
    marked["two-ways-to-choose"].source = "prediction = None\n### BEGIN SOLUTION"
    nbformat.write(notebook, folder / f"{NAME}.ipynb")
    with pytest.raises(RuntimeError, match="no end solution statement found") as error:
        assignments.write(tmp_path / "course", tmp_path)
    assert "\n" not in str(error.value)
    assert f"mend notebooks/solutions/{NAME}.ipynb" in str(error.value)


def test_a_file_is_no_folder_for_a_course(tmp_path, capsys):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(SystemExit):
        assignments.main(["--output", str(tmp_path / "file")])
    assert "--output must be a folder, got the file" in capsys.readouterr().err
