"""The student's copies of the exercises, derived from the notebooks with solutions.

    python -m helpers.student

writes ``notebooks/exercises/`` anew from ``notebooks/solutions/``.
"""

import argparse
import copy
import sys
import textwrap

import nbformat
from nbgrader.nbgraderformat import ValidationError
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    LockCells,
)

from helpers import colab
from helpers.run_notebooks import ROOT

STUB = "# Your code goes here.\n..."

_BEGIN, _END = "BEGIN SOLUTION", "END SOLUTION"  # in comments, as nbgrader reads them


def derive_copy(solved, name, root=ROOT):
    """Make the student's copy of a notebook of exercises.

    nbgrader's own preprocessors put a stub where the solutions were, lock the checks
    and drop all outputs. A folded cell after each check holds the solution.

    Parameters
    ----------
    solved : nbformat.NotebookNode
        With solutions between nbgrader's markers. It stays as it is.
    name : str
        Its name without folder and ending, for the badge.
    root : pathlib.Path
        The folder of pyproject.toml.

    Returns
    -------
    nbformat.NotebookNode

    Raises
    ------
    ValueError
        If nbgrader cannot read the marks, or a check belongs to no solution.
    """
    solutions = read_solutions(solved)
    student = copy.deepcopy(solved)
    stub = {"python": STUB}
    steps = [CheckCellMetadata(), ClearSolutions(code_stub=stub), LockCells()]
    try:
        for step in [*steps, ClearOutput()]:
            student, _ = step.preprocess(student, {})
    except (RuntimeError, ValidationError) as error:
        reason = str(error.__context__ or error).splitlines()[0]
        raise ValueError(
            f"{name}: nbgrader must be able to read the marks of all cells, and says "
            f"“{reason}”; mend the notebook in notebooks/solutions."
        ) from error
    cells = []
    for cell in student.cells:
        cells.append(cell)
        task = checked_task(cell)
        if task is not None:
            if task not in solutions:
                raise ValueError(
                    f"{name}: each check needs a solution with its name, got "
                    f"check-{task} and solutions {', '.join(solutions) or 'none'}; "
                    "rename one of them."
                )
            if not solutions[task]:
                raise ValueError(
                    f"{name}: the solution {task} must stand between ### {_BEGIN} and "
                    f"### {_END}, got nothing there; put the two lines around it."
                )
            cells.append(_fold_solution(task, solutions[task]))
    student.cells = cells
    badge = colab.badge_markdown(f"exercises/{name}", root)
    cells[0].source = f"{cells[0].source.rstrip()}\n\n{badge}"
    return student


def read_solutions(notebook):
    """Read what stands between the markers of each solution.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    dict of str to str
        From the grade_id of a solution to its lines, not indented.
    """
    solutions = {}
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution"):
            solutions[marks["grade_id"]] = _cut_solution(cell.source)
    return solutions


def checked_task(cell):
    """Return the grade_id of the solution that a cell checks, or None."""
    marks = cell.metadata.get("nbgrader", {})
    return marks["grade_id"].removeprefix("check-") if marks.get("grade") else None


def write(root=ROOT):
    """Write all the student's copies anew, and delete those without a solution.

    Parameters
    ----------
    root : pathlib.Path
        The folder of pyproject.toml.

    Returns
    -------
    list of pathlib.Path
        The copies.

    Raises
    ------
    ValueError
        If a notebook of solutions is not marked as nbgrader wants it.
    """
    folder = root / "notebooks" / "exercises"
    folder.mkdir(exist_ok=True)
    written = []
    for path in sorted((root / "notebooks" / "solutions").glob("*.ipynb")):
        solved = nbformat.read(path, as_version=4)
        nbformat.write(derive_copy(solved, path.stem, root), folder / path.name)
        written.append(folder / path.name)
    for path in set(folder.glob("*.ipynb")) - set(written):
        path.unlink()
    return written


def _cut_solution(source):
    """Return the lines between the markers, not indented."""
    kept, inside = [], False
    for line in source.splitlines():
        if _BEGIN in line or _END in line:
            inside = _BEGIN in line
        elif inside:
            kept.append(line)
    return textwrap.dedent("\n".join(kept)).strip()


def _fold_solution(task, lines):
    """Return a cell that shows a solution once the reader unfolds it."""
    return nbformat.v4.new_markdown_cell(
        "<details><summary>Solution</summary>\n\n"
        f"```python\n{lines}\n```\n\n</details>",
        id=f"solution-{task}",
    )


def main(arguments=None, root=ROOT):
    """Write the student's copies, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args(arguments)
    try:
        written = write(root)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path in written:
        print(f"Wrote {path.relative_to(root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
