"""The student's copies hold what the solutions give, and no solution unfolded."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers import colab, student
from helpers.run_notebooks import ROOT

SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
SOURCE = """def double(number):
    \"\"\"Return twice the number.\"\"\"
    ### BEGIN SOLUTION
    if number:
        return 2 * number
    return 0
    ### END SOLUTION"""


def mark(task, solution):
    name = task if solution else f"check-{task}"
    marks = {"grade_id": name, "solution": solution, "grade": not solution}
    marks |= {"locked": not solution, "task": False, "schema_version": 3}
    if not solution:
        marks["points"] = 2
    return {"nbgrader": {"cell_type": "code"} | marks}


@pytest.fixture
def solved():
    cells = [
        new_markdown_cell("# Exercises\n\nAbout numbers."),
        new_code_cell(SOURCE, metadata=mark("double", True), execution_count=1),
        new_code_cell(
            "check.double(double)",
            metadata=mark("double", False),
            execution_count=2,
            outputs=[new_output("stream", name="stdout", text="✓ Exercise 1\n")],
        ),
        new_markdown_cell("Well done."),
    ]
    return new_notebook(cells=cells)


def test_a_stub_takes_the_place_of_the_solution(solved):
    source = student.derive_copy(solved, "01_numbers").cells[1].source
    kept = SOURCE.partition("    ### BEGIN")[0]
    assert source == f"{kept}    # Your code goes here.\n    ..."
    names = {}
    exec(source, names)
    assert names["double"](3) is None


def test_the_solution_is_folded_after_its_check(solved):
    cells = student.derive_copy(solved, "01_numbers").cells
    assert [cell.cell_type for cell in cells] == [
        "markdown",
        "code",
        "code",
        "markdown",
        "markdown",
    ]
    assert cells[3].source == (
        "<details><summary>Solution</summary>\n\n```python\nif number:\n"
        "    return 2 * number\nreturn 0\n```\n\n</details>"
    )
    assert [cell.source for cell in cells].count(cells[3].source) == 1


def test_a_copy_has_its_own_badge_and_no_outputs(solved):
    cells = student.derive_copy(solved, "01_numbers").cells
    assert cells[0].source.startswith("# Exercises\n\nAbout numbers.\n\n[![Open in")
    assert "/notebooks/exercises/01_numbers.ipynb)" in cells[0].source
    assert [cell.outputs for cell in cells[1:3]] == [[], []]
    assert [cell.execution_count for cell in cells[1:3]] == [None, None]
    assert [cell.metadata["deletable"] for cell in cells[1:3]] == [False, False]
    assert cells[2].metadata["editable"] is False


def test_the_solved_notebook_stays_as_it_is(solved):
    before = nbformat.writes(solved)
    student.derive_copy(solved, "01_numbers")
    assert nbformat.writes(solved) == before


def test_a_check_without_a_solution_is_refused(solved):
    del solved.cells[1]
    with pytest.raises(ValueError, match="got check-double and solutions none"):
        student.derive_copy(solved, "01_numbers")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("double = 2", "solution double must stand between ### BEGIN SOLUTION and"),
        (SOURCE.replace("### END", "###"), "says “no end solution .*”; mend the"),
    ],
)
def test_a_solution_without_its_markers_is_refused(solved, source, message):
    solved.cells[1].source = source
    with pytest.raises(ValueError, match=f"01_numbers: .*{message}"):
        student.derive_copy(solved, "01_numbers")


def test_a_notebook_with_wrong_marks_is_refused_in_a_sentence(solved, tmp_path, capsys):
    folder = tmp_path / "notebooks" / "solutions"
    folder.mkdir(parents=True)
    solved.cells[2].metadata["nbgrader"]["grade_id"] = "double"  # twice
    nbformat.write(solved, folder / "01_numbers.ipynb")
    assert student.main([], tmp_path) == 2
    said = capsys.readouterr().err
    assert re.search("01_numbers: nbgrader must .*double.*; mend the notebook", said)


def test_writing_twice_gives_the_same_bytes_and_drops_what_is_gone(
    solved, tmp_path, capsys
):
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    folder = tmp_path / "notebooks"
    (folder / "solutions").mkdir(parents=True)
    (folder / "exercises").mkdir()
    for name in ("01_numbers", "02_more"):
        nbformat.write(solved, folder / "solutions" / f"{name}.ipynb")
    assert student.main([], tmp_path) == 0
    assert "exercises" in capsys.readouterr().out
    path = folder / "exercises" / "01_numbers.ipynb"
    before = path.read_bytes()
    (folder / "solutions" / "02_more.ipynb").unlink()
    assert student.write(tmp_path) == [path]
    assert path.read_bytes() == before
    assert list((folder / "exercises").iterdir()) == [path]


def test_a_new_address_gives_the_copy_that_deriving_gives(solved, tmp_path):
    for name in ("pyproject.toml", "README.md"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    folder = tmp_path / "notebooks"
    (folder / "solutions").mkdir(parents=True)
    nbformat.write(solved, folder / "solutions" / "01_numbers.ipynb")
    colab.write(None, tmp_path)
    student.write(tmp_path)
    colab.write("new-owner/new-name", tmp_path)
    text = (folder / "exercises" / "01_numbers.ipynb").read_text("utf-8")
    assert "new-owner/new-name" in text
    student.write(tmp_path)
    assert (folder / "exercises" / "01_numbers.ipynb").read_text("utf-8") == text


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_the_copy_that_ships_is_what_its_solutions_give(path):
    copy = student.derive_copy(nbformat.read(path, as_version=4), path.stem)
    shipped = ROOT / "notebooks" / "exercises" / path.name
    assert shipped.exists(), "Run `make student`."
    assert shipped.read_text("utf-8").rstrip("\n") == nbformat.writes(copy).rstrip(
        "\n"
    ), "Run `make student`."


def test_no_copy_is_left_without_a_solution():
    copies = (ROOT / "notebooks" / "exercises").glob("*.ipynb")
    assert {path.name for path in copies} == {path.name for path in SOLUTIONS}
