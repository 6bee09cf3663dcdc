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
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from helpers import claims, student
from helpers.exercises import (
    faces_from_films,
    start_here,
    what_gives_emotion_away,
    what_neurons_want,
    where_does_it_look,
)
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


def claim_at_least(bound, pictures):
    """Answer exercise 0.2 with some bound, and print what was measured."""
    share = np.mean(pictures < 0.5)
    print(f"{share:.3f}")
    claims.claim("Most of each picture is paper", share, at_least=bound)
    return float(share)


def box_what_exceeds(compare, heatmap, share):
    """Answer exercise 2.4, with or without the pixels of exactly the share."""
    rows, columns = np.nonzero(compare(heatmap, share * heatmap.max()))
    return [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]


def count_by_boxes(least, boxes, truth):
    """Answer exercise 3.2 box by box, with some overlap as the least."""
    left = list(truth)
    for box in boxes:
        overlaps = [faces_overlap(box, face) for face in left]
        if overlaps and max(overlaps) >= least:
            left.pop(int(np.argmax(overlaps)))
    found = len(truth) - len(left)
    return [found, len(left), len(boxes) - found]


def faces_overlap(box, face):
    (start, end), (other, far) = (
        (np.array(one[:2]), np.add(one[:2], one[2:])) for one in (box, face)
    )
    common = np.prod(np.maximum(np.minimum(end, far) - np.maximum(start, other), 0))
    return common / (np.prod(end - start) + np.prod(far - other) - common)


def find_doubles(codes, others, distance):
    """Answer exercise 3.4 with arrays."""
    differences = np.array(codes, np.uint64)[:, None] ^ np.array(others, np.uint64)
    return (np.bitwise_count(differences) <= distance).any(axis=1)


def draw_persons(ends, values, people, count, seed):
    """Answer exercise 4.5 with sums and sizes, and some ends of the interval."""
    generator = np.random.RandomState(seed)
    names = list(set(people.tolist()))
    sums, sizes = (
        np.array([sum_up(values[people == name]) for name in names])
        for sum_up in (np.sum, len)
    )
    drawn = generator.choice(len(names), (count, len(names)))
    return tuple(np.percentile(sums[drawn].sum(1) / sizes[drawn].sum(1), ends))


def take_step(small, kind, images, slopes, rate):
    """Answer exercise 7.1 with a small number against zero, and some kind of float."""
    images, slopes = images.astype(kind), slopes.astype(kind)
    lengths = np.sqrt(np.mean(slopes**2, axis=(1, 2, 3), keepdims=True))
    return np.clip(images + rate * slopes / (lengths + small), 0, 1)


def name_answer(function, *settings):
    """Return a function of the other arguments, with a name as answers have one."""
    return functools.update_wrapper(functools.partial(function, *settings), function)


DIGITS = np.pad(np.full((60, 8, 8, 1), 1, "float32"), [(0, 0), *[(10, 10)] * 2, (0, 0)])


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (start_here.a_claim_that_can_fail, (name_answer(claim_at_least, 0.6), DIGITS)),
        (
            where_does_it_look.box_heat,
            [name_answer(box_what_exceeds, np.greater_equal)],
        ),
        (faces_from_films.count_faces, [name_answer(count_by_boxes, 0.5)]),
        (faces_from_films.has_double, [find_doubles]),
        (what_gives_emotion_away.bootstrap, [name_answer(draw_persons, [2.5, 97.5])]),
        (what_neurons_want.one_step_uphill, [name_answer(take_step, 1e-8, "float64")]),
        (what_neurons_want.one_step_uphill, [name_answer(take_step, 1e-7, "float32")]),
    ],
)
def test_a_right_answer_of_another_kind_is_accepted(check, answer, capsys):
    check(*answer)
    assert capsys.readouterr().out.startswith("✓ Exercise ")


@pytest.mark.parametrize(
    ("check", "answer", "piece"),
    [
        (
            start_here.a_claim_that_can_fail,
            (name_answer(claim_at_least, 0.55), DIGITS),
            "only 57% paper",
        ),
        (
            start_here.a_claim_that_can_fail,
            (name_answer(claim_at_least, 0.65), DIGITS),
            "claimed nothing of pictures that are 61% paper",
        ),
        (
            where_does_it_look.box_heat,
            [name_answer(box_what_exceeds, np.greater)],
            "Exactly the share is enough",
        ),
        (
            faces_from_films.count_faces,
            [name_answer(count_by_boxes, 0.4)],
            "overlaps by 0.48",
        ),
        (
            faces_from_films.count_faces,
            [name_answer(count_by_boxes, 0.51)],
            "overlaps by exactly 0.5",
        ),
        (
            what_gives_emotion_away.bootstrap,
            [name_answer(draw_persons, [5, 95])],
            "about the middle 90 %",
        ),
        (
            what_neurons_want.one_step_uphill,
            [name_answer(take_step, 1e-5, "float64")],
            "Each should be the rate",
        ),
    ],
)
def test_a_near_miss_is_told_what_is_missing(check, answer, piece):
    with pytest.raises(NotYetRight, match=piece):
        check(*answer)
