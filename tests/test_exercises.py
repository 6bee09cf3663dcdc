"""Each exercise, both ways: its solution passes, the stub and wrong answers do not.

``python -m pytest tests/test_exercises.py -k 06`` tests those of one chapter.
"""

import ast
import contextlib
import functools
import gc
import io
import re
import runpy
from typing import NamedTuple

import matplotlib.pyplot as plt
import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from helpers import student
from helpers.exercises.answers import NotYetRight
from helpers.run_notebooks import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
FAST = "00_start_here"


class Outcome(NamedTuple):
    """What became of one exercise."""

    printed: str  # by the check of the solution
    stored: str  # what the notebook says that it printed
    stub: str  # what the check said to the untouched exercise; "" if it passed
    wrong: list  # ... and to each wrong answer


def read_wrong_answers(name):
    path = ROOT / "tests" / "wrong_answers" / f"{name}.py"
    return runpy.run_path(str(path))["WRONG_ANSWERS"]


def pair_cells(notebook):
    """Return {task: (place of its solution, place of its check)}."""
    solutions, pairs = {}, {}
    for place, cell in enumerate(notebook.cells):
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution"):
            solutions[marks["grade_id"]] = place
        elif (task := student.checked_task(cell)) is not None:
            pairs[task] = (solutions[task], place)
    assert set(pairs) == set(solutions), "solutions without a check"
    return pairs


def parameters():
    for path in NOTEBOOKS:
        marks = [] if path.stem == FAST else [pytest.mark.slow]
        for task in pair_cells(nbformat.read(path, as_version=4)):
            yield pytest.param(
                path.stem, task, marks=marks, id=f"{path.stem[:2]}-{task}"
            )


@functools.cache
def outcomes_of(name):
    """Run one notebook from top to bottom, each exercise in all its versions."""
    (path,) = [path for path in NOTEBOOKS if path.stem == name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_WIDGETS", "off")
        patch.setenv("MPLBACKEND", "agg")
        patch.chdir(path.parent)
        patch.syspath_prepend(str(ROOT))
        found = run_exercises(nbformat.read(path, as_version=4), name)
    plt.close("all")
    gc.collect()
    return found


def run_exercises(notebook, name):
    pairs, wrong = pair_cells(notebook), read_wrong_answers(name)
    stubs = student.derive_copy(notebook, name).cells
    stubs = {cell.id: cell.source for cell in stubs}
    tasks = {solution: task for task, (solution, _) in pairs.items()}
    checks = {check: task for task, (_, check) in pairs.items()}
    names, refused, outcomes = {"__name__": "__main__"}, {}, {}
    for place, cell in enumerate(notebook.cells):
        if place in tasks:
            task = tasks[place]
            rest = notebook.cells[place + 1 : pairs[task][1] + 1]
            imports = keep_imports(cell.source)
            versions = [code for _, code, _ in wrong[task]]
            versions = [stubs[cell.id], *(imports + code for code in versions)]
            refused[task] = [ask(names, version, rest) for version in versions]
        printed = execute(names, cell)
        if place in checks:
            task = checks[place]
            stored = "".join(output.get("text", "") for output in cell.outputs)
            stub, *others = refused[task]
            outcomes[task] = Outcome(printed, stored, stub, others)
    return outcomes


def keep_imports(source):
    """Return the imports that begin a solution's cell: a reader has them as well."""
    kinds = (ast.Import, ast.ImportFrom)
    lines = [node for node in ast.parse(source).body if isinstance(node, kinds)]
    return "".join(f"{ast.unparse(node)}\n" for node in lines)


def ask(names, version, rest):
    """Run another version of a solution up to its check; return what that says."""
    names = dict(names)
    execute(names, nbformat.v4.new_code_cell(version))
    *between, check = rest
    for cell in between:
        execute(names, cell)
    try:
        execute(names, check)
    except NotYetRight as refusal:
        return str(refusal)
    return ""


def execute(names, cell):
    """Run a cell and return what it prints."""
    printed = io.StringIO()
    if cell.cell_type == "code":
        source = TransformerManager().transform_cell(cell.source)
        first_line = cell.source.partition("\n")[0]
        with contextlib.redirect_stdout(printed):
            exec(compile(source, f"<cell: {first_line}>", "exec"), names)
    return printed.getvalue()


each_exercise = pytest.mark.parametrize(("name", "task"), [*parameters()])


@each_exercise
def test_the_solution_passes_with_the_line_that_is_stored(name, task):
    outcome = outcomes_of(name)[task]
    assert outcome.printed.startswith("✓ Exercise ")
    assert outcome.printed.count("\n") == 1
    assert outcome.printed == outcome.stored, "execute the notebook again"


@each_exercise
def test_the_untouched_exercise_gets_a_sentence(name, task):
    outcome = outcomes_of(name)[task]
    assert outcome.stub, "the check accepts the untouched exercise"
    assert "\n" not in outcome.stub


@each_exercise
def test_each_wrong_answer_gets_a_sentence_of_its_own(name, task):
    answers = read_wrong_answers(name)[task]
    outcome = outcomes_of(name)[task]
    for (what, _, piece), message in zip(answers, outcome.wrong, strict=True):
        assert message, f"the check accepts an answer that is wrong: {what}"
        assert piece in message, f"{what}: the check says {message!r}"
        assert "\n" not in message
    assert len({outcome.stub, *outcome.wrong}) == 1 + len(outcome.wrong)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_exercise_has_two_or_three_wrong_answers(path):
    notebook = nbformat.read(path, as_version=4)
    wrong = read_wrong_answers(path.stem)
    assert set(wrong) == set(pair_cells(notebook))
    for task, answers in wrong.items():
        assert len(answers) in (2, 3), task
        assert len({piece for _, _, piece in answers}) == len(answers), task


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_exercise_says_its_kind_and_minutes_and_has_hints(path):
    notebook = nbformat.read(path, as_version=4)
    prose = "\n\n".join(
        cell.source for cell in notebook.cells if cell.cell_type == "markdown"
    )
    chapter = int(path.stem[:2])
    _, *exercises = re.split(r"(?m)^(?=## Exercise )", prose)
    assert len(exercises) == len(pair_cells(notebook))
    assert len(exercises) in (4, 5, 6)
    for number, text in enumerate(exercises, start=1):
        opening = (
            rf"## Exercise {chapter}\.{number} · \S.*\n+"
            r"\*(Prediction|Coding), (easy|medium|hard), \d+ minutes?\.\*\n"
        )
        assert re.match(opening, text), text[:80]
        hints = re.findall(r"<details><summary>Hint (\d)</summary>", text)
        assert hints in (["1", "2"], ["1", "2", "3"]), text[:80]
    assert prose.count("\n*Prediction, ") in (1, 2)
