"""Every notebook keeps every rule, and every rule catches what it is there for."""

import ast
import base64
import copy
import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests import notebook_rules as rules
from tests.notebook_rules import NOTEBOOKS, ROOT, RULES

# --- The notebooks and modules of the course ----------------------------------------

MODULES = sorted([*ROOT.glob("helpers/**/*.py"), *ROOT.glob("data_scripts/**/*.py")])


def test_there_are_notebooks():
    assert NOTEBOOKS, "notebooks/ holds no notebook"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        pytest.param(path, rule, id=f"{path.parent.name}-{path.stem}-{rule.__name__}")
        for path in NOTEBOOKS
        for rule in rules.choose_rules(path)
    ],
)
def test_a_notebook_keeps_a_rule(path, rule):
    problems = rule(nbformat.read(path, as_version=4), path)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_module_names_no_rainbow_map(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert rules.find_rainbow_maps(tree) == []


# --- A good notebook ----------------------------------------------------------------

TITLE, SETUP, PARAMETERS, PROSE, PLAIN, FIGURE, CLAIM = 0, 1, 3, 4, 5, 7, 9
SETUP_SOURCE = "\n".join(["import sys", "", "sys.path", *["# As generated."] * 7])
ALT = "A grid of ones and sevens, drawn by hand"  # 40 characters, the fewest allowed


def text_output(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def data_output(mime, data, **metadata):
    return new_output("display_data", {mime: data}, metadata={mime: metadata})


def image_output(size=100, alt=ALT, mime="image/png"):
    return data_output(mime, base64.b64encode(bytes(size)).decode(), alt=alt)


def code_cell(source, *outputs, tags=()):
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


@pytest.fixture
def good(monkeypatch):
    """Build the smallest chapter that keeps all rules, on a stand-in for colab."""
    colab = SimpleNamespace(setup_cell_source=lambda up: SETUP_SOURCE)
    monkeypatch.setitem(sys.modules, "helpers.colab", colab)
    opening = (
        "# 1. One or seven\n\nAbout 25 minutes. You need nothing.\n\n- Train a net."
    )
    shown = f'figures.show(figure, alt="{ALT}")'
    claim = (
        "claim('A bar is a 7', share, at_least=0.9)",
        text_output("✓ A bar is a 7"),
    )
    cells = [
        code_cell("print(share)", text_output("0.4183\n")),
        code_cell(f"from helpers import figures\n\n{shown}", image_output()),
        *[code_cell(*claim, tags=["nbval-check-output"]) for _ in range(3)],
        *[code_cell("model") for _ in range(4)],
    ]
    notebook = new_notebook(
        cells=[
            new_markdown_cell(opening),
            code_cell(SETUP_SOURCE, tags=["setup"]),
            new_markdown_cell("Choose the edition."),
            code_cell('EDITION = "embedded"', tags=["parameters"]),
        ]
    )
    for cell in cells:
        notebook.cells += [new_markdown_cell("Of the ones, 42 % are misread."), cell]
    notebook.cells.append(new_markdown_cell("Next: where does it look?"))
    return number(notebook)


def number(notebook):
    """Number the code cells as a fresh kernel does."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
    return notebook


# --- Ways to change it --------------------------------------------------------------


class Case(NamedTuple):
    """One rule, what is done to the good notebook, and the name of its file."""

    rule: Callable
    what: str
    change: Callable[[NotebookNode], object]
    file: str = "01_one_or_seven.ipynb"


def edit(position, **fields):
    """Return a change that sets fields of one cell; tags are set as metadata."""
    if "tags" in fields:
        fields["metadata"] = {"tags": fields.pop("tags")}
    return lambda notebook: notebook.cells[position].update(copy.deepcopy(fields))


def add_output(output):
    return lambda notebook: notebook.cells[PLAIN].outputs.append(output)


def insert(cell):
    """Return a change that inserts a cell early on and numbers nothing anew."""
    return lambda notebook: notebook.cells.insert(PROSE, copy.deepcopy(cell))


def add_prose(text):
    return insert(new_markdown_cell(text))


def add_code(source, *outputs, tags=(), times=1):
    """Return a change that adds cells of code, each after a sentence."""

    def change(notebook):
        for _ in range(times):
            cell = code_cell(source, *outputs, tags=tags)
            notebook.cells[PROSE:PROSE] = [new_markdown_cell("Now look."), cell]
        number(notebook)

    return change


def add_cell(position, cell):
    def change(notebook):
        notebook.cells.insert(position, cell)
        number(notebook)

    return change


def remove(*positions):
    def change(notebook):
        for position in sorted(positions, reverse=True):
            del notebook.cells[position]
        number(notebook)

    return change


def fill(size):
    """Return a change that brings the file to a size in bytes."""

    def change(notebook):
        output = text_output(".")
        notebook.cells[PLAIN].outputs.append(output)
        output.text += "." * (size - len(nbformat.writes(notebook).encode()))

    return change


def silence(notebook):
    """Leave no cell that must have an output, and no output."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.outputs:
            cell.update(source="model", outputs=[], metadata={})
        if cell.source.startswith("Of"):
            cell.source = "Look."


def fail(tags):
    error = new_output("error", ename="ValueError", evalue="no", traceback=["no"])
    return add_code("raise ValueError", error, tags=tags)


TAG = "nbval-check-output"
OPENING = ["# One", "25 minutes", "You need Python", "- Train a net"]


def opening_without(part):
    return edit(TITLE, source="\n\n".join(line for line in OPENING if line != part))


# --- What each rule catches, and it alone -------------------------------------------

BROKEN = [
    Case(rules.is_executed_in_order, "run twice", edit(CLAIM, execution_count=12)),
    Case(rules.is_executed_in_order, "never run", edit(CLAIM, execution_count=None)),
    Case(rules.has_outputs, "silent claim", edit(CLAIM, outputs=[])),
    Case(rules.has_outputs, "silent figure", edit(FIGURE, outputs=[])),
    Case(rules.has_outputs, "silent helper", add_code("figures.show_heatmaps(images)")),
    Case(rules.has_outputs, "silent everywhere", silence, "00_start_here.ipynb"),
    Case(rules.has_no_stderr, "warning", add_output(text_output("Oh", "stderr"))),
    Case(rules.has_no_errors, "error", fail(tags=[])),
    Case(rules.has_alt_text, "none", edit(FIGURE, outputs=[image_output(alt="")])),
    Case(
        rules.has_alt_text,
        "no metadata",
        add_output(new_output("display_data", {"image/png": "AAAA"})),
    ),
    Case(
        rules.has_alt_text, "jpeg", add_output(image_output(alt="", mime="image/jpeg"))
    ),
    Case(rules.has_alt_text, "blank", add_output(image_output(alt=" " * 40))),
    Case(rules.has_alt_text, "too short", add_output(image_output(alt=ALT[:-1]))),
    Case(
        rules.has_alt_text,
        "image of",
        add_output(image_output(alt="An image of " + ALT)),
    ),
    Case(rules.has_alt_text, "Figure", add_output(image_output(alt="Figure: " + ALT))),
    Case(rules.has_alt_text_in_prose, "Markdown", add_prose("![](digits.png)")),
    Case(rules.has_alt_text_in_prose, "reference", add_prose("![ ][digits]")),
    Case(rules.has_alt_text_in_prose, "HTML", add_prose("<img src='a.png'>")),
    Case(rules.has_alt_text_in_prose, "empty", add_prose("<img src='a.png' alt=''>")),
    Case(
        rules.has_alt_text_in_prose,
        "HTML output",
        add_output(data_output("text/html", "<img src='a.png'>")),
    ),
    Case(rules.has_no_rainbow_maps, "jet", add_code("plt.imshow(image, cmap='jet')")),
    Case(rules.has_no_rainbow_maps, "reversed", add_code("use('hsv_r')")),
    Case(rules.has_no_rainbow_maps, "attribute", add_code("plt.cm.nipy_spectral(1)")),
    Case(rules.has_no_rainbow_maps, "OpenCV", add_code("draw(cv2.COLORMAP_JET)")),
    Case(
        rules.has_no_rainbow_maps, "after magic", add_code("%time x\nplt.cm.rainbow(1)")
    ),
    Case(rules.tags_claims, "untagged claim", edit(CLAIM, tags=[])),
    Case(rules.tags_claims, "tag without claim", edit(PLAIN, tags=[TAG])),
    Case(rules.tags_claims, "hidden", add_code("def check(image):\n    claim(image)")),
    Case(rules.makes_claims, "two claims", edit(CLAIM, source="1", metadata={})),
    Case(rules.states_only_held_numbers, "number", add_prose("It is 99.5 % sure.")),
    Case(
        rules.states_only_held_numbers,
        "title",
        edit(TITLE, source="\n\n".join([*OPENING, "- 42.5"])),
    ),
    Case(rules.has_short_cells, "21 lines", add_code("model\n" * 20 + "model")),
    Case(rules.has_short_lines, "89 characters", add_code("#" * 89)),
    Case(rules.has_the_length_of_a_chapter, "9 cells", remove(-2, -3)),
    Case(rules.has_the_length_of_a_chapter, "26 cells", add_code("model", times=16)),
    Case(
        rules.has_prose_between_code,
        "two in a row",
        add_cell(PLAIN, code_cell("model")),
    ),
    Case(rules.has_prose_between_code, "empty prose", edit(PROSE, source=" ")),
    Case(rules.has_prose_between_code, "after set-up", add_cell(2, code_cell("model"))),
    Case(
        rules.has_prose_between_code,
        "before parameters",
        add_cell(PARAMETERS, code_cell("model")),
    ),
    *[
        Case(rules.opens_with_a_title, f"without {part}", opening_without(part))
        for part in OPENING
    ],
    Case(
        rules.opens_with_a_title,
        "subtitle only",
        edit(TITLE, source="\n\n".join(["## One", *OPENING[1:]])),
    ),
    Case(rules.opens_with_a_title, "no opening", remove(TITLE)),
    Case(rules.opens_with_a_title, "raw cell", edit(TITLE, cell_type="raw")),
    Case(rules.closes_with_prose, "ends in code", remove(-1)),
    Case(rules.closes_with_prose, "ends empty", edit(-1, source=" ")),
    Case(
        rules.has_the_generated_set_up_cell,
        "untagged",
        edit(SETUP, tags=[]),
    ),
    Case(rules.has_the_generated_set_up_cell, "by hand", edit(SETUP, source="model")),
    Case(rules.has_the_parameters_cell, "untagged", edit(PARAMETERS, tags=[])),
    Case(
        rules.has_the_parameters_cell,
        "real edition",
        edit(PARAMETERS, source='EDITION = "real"'),
    ),
    Case(
        rules.has_the_parameters_cell,
        "commented out",
        edit(PARAMETERS, source='# EDITION = "embedded"'),
    ),
    Case(
        rules.has_the_parameters_cell,
        "twice",
        add_code('EDITION = "embedded"', tags=["parameters"]),
    ),
    Case(rules.imports_at_first_use, "wall", add_code("import keras")),
    Case(rules.imports_at_first_use, "alias", add_code("import numpy as np\nnumpy")),
    Case(
        rules.imports_at_first_use,
        "one of two",
        add_code("from keras import layers, ops\n\nlayers.Dense"),
    ),
    Case(rules.uses_the_names_of_the_course, "alias", add_code("imgs = model")),
    Case(rules.uses_the_names_of_the_course, "capital", add_code("X_train = model")),
    Case(
        rules.uses_the_names_of_the_course, "loop", add_code("for img in images: img")
    ),
    Case(rules.uses_the_names_of_the_course, "letter", add_code("x = model")),
    Case(
        rules.uses_the_names_of_the_course, "argument", add_code("def turn(x):\n    x")
    ),
    Case(rules.has_no_machine_paths, "source", add_code("open('/home/me/a.png')")),
    Case(rules.has_no_machine_paths, "macOS", add_prose("See /var/folders/a.png.")),
    Case(rules.has_no_machine_paths, "prose", add_prose("See /Users/me/a.png.")),
    Case(
        rules.has_no_machine_paths, "output", add_output(text_output("in /tmp/a.png"))
    ),
    Case(rules.has_no_machine_paths, "Windows", add_output(text_output("C:\\Users"))),
    Case(
        rules.has_no_machine_paths,
        "html",
        add_output(data_output("text/html", "/root/a")),
    ),
    Case(
        rules.has_no_machine_paths,
        "text",
        add_output(data_output("text/plain", "/mnt/a")),
    ),
    Case(rules.has_no_installs, "magic", add_code("%pip install lime")),
    Case(rules.has_no_installs, "shell", add_code("if model:\n    !pip install lime")),
    Case(rules.is_small, "one byte too many", fill(2_000_001)),
    Case(rules.has_small_images, "one byte", add_output(image_output(600_001))),
]


def name_case(case):
    return f"{case.rule.__name__}-{case.what}".replace(" ", "_")


def find_problems(notebook, file):
    """Return the problems of each rule that finds any."""
    found = {rule: rule(notebook, Path(file)) for rule in RULES}
    return {rule: problems for rule, problems in found.items() if problems}


def test_the_good_notebook_keeps_all_rules(good):
    nbformat.validate(good)
    assert find_problems(good, "01_one_or_seven.ipynb") == {}


@pytest.mark.parametrize("case", BROKEN, ids=name_case)
def test_a_rule_catches_what_breaks_it_and_no_other_does(case, good):
    case.change(good)
    problems = find_problems(good, case.file)
    assert list(problems) == [case.rule]
    for problem in problems[case.rule]:
        assert problem.startswith(f"{case.file}, ")
        assert ". Fix: " in problem


def test_each_rule_is_listed_and_broken():
    functions = inspect.getmembers(rules, inspect.isfunction)
    made = {function for _, function in functions if hasattr(function, "__wrapped__")}
    assert made == set(RULES) == {case.rule for case in BROKEN}


def test_an_empty_notebook_has_problems_and_no_crash(good):
    empty = find_problems(new_notebook(), "01_one_or_seven.ipynb")
    assert {rules.has_outputs, rules.makes_claims, rules.has_the_parameters_cell} < set(
        empty
    )


def test_a_problem_names_the_cell(good):
    good.cells[CLAIM].execution_count = 9
    assert rules.is_executed_in_order(good, Path("notebooks/01_one.ipynb")) == [
        "01_one.ipynb, cell 10 «claim('A bar is a 7', share, at_least=0.»: its "
        "execution count is 9, not 5. Fix: run `make outputs`, which runs all cells "
        "in a fresh kernel."
    ]


def test_a_problem_names_the_word_to_use(good):
    add_code("X_train = model")(good)
    (problem,) = rules.uses_the_names_of_the_course(good, Path("01_one.ipynb"))
    assert "the name X_train for train_images. Fix: " in problem


@pytest.mark.parametrize("name", ["jet", "hsv", "rainbow", "gist_rainbow", "turbo"])
def test_a_rainbow_map_is_found_however_it_is_named(name):
    code = f"use('{name}', '{name}_r', cm.{name}, cv2.COLORMAP_{name.upper()})"
    found = rules.find_rainbow_maps(ast.parse(code))
    assert found[:3] == [f"{name}", f"{name}_r", f"{name}"]
    assert found[3:] == ([] if name == "gist_rainbow" else [f"COLORMAP_{name.upper()}"])


def test_a_set_up_cell_may_not_grow(good, monkeypatch):
    longer = SETUP_SOURCE + "\n# One more."
    colab = SimpleNamespace(setup_cell_source=lambda up: longer)
    monkeypatch.setitem(sys.modules, "helpers.colab", colab)
    good.cells[SETUP].source = longer
    (problem,) = rules.has_the_generated_set_up_cell(good, Path("01_one.ipynb"))
    assert "11 lines, expected 10" in problem


# --- What the rules let pass --------------------------------------------------------

ALLOWED = [
    Case(rules.is_executed_in_order, "empty cell", insert(new_code_cell(" "))),
    Case(
        rules.has_outputs,
        "shown in a function",
        add_code("def look(it):\n    figures.show(it)\nsee = lambda it: show(it)"),
    ),
    Case(rules.has_outputs, "other names", add_code("shower(model)\nreshow(model)")),
    Case(rules.has_no_errors, "the lesson", fail(tags=["raises-exception"])),
    Case(
        rules.has_alt_text, "figures", add_output(image_output(alt="Figurines: " + ALT))
    ),
    Case(rules.has_alt_text_in_prose, "Markdown", add_prose("![A seven](a.png)")),
    Case(rules.has_alt_text_in_prose, "HTML", add_prose("<img alt='A 7' src='a.png'>")),
    Case(rules.has_no_rainbow_maps, "conversion", add_code("rgb_to_hsv('jet lag')")),
    Case(rules.makes_claims, "start", remove(9, 8), "00_start_here.ipynb"),
    Case(rules.has_short_cells, "20 lines", add_code("model\n" * 19 + "model")),
    Case(rules.has_short_lines, "88 characters", add_code("#" * 88)),
    Case(rules.has_the_length_of_a_chapter, "25", add_code("model", times=15)),
    Case(
        rules.has_the_length_of_a_chapter,
        "start",
        remove(-2, -3),
        "00_start_here.ipynb",
    ),
    Case(
        rules.has_the_parameters_cell,
        "remark",
        edit(PARAMETERS, source='# Choose.\nEDITION = "embedded"  # or "real"'),
    ),
    Case(rules.has_prose_between_code, "parameters after set-up", remove(2)),
    Case(
        rules.imports_at_first_use,
        "used",
        add_code("import os.path\nimport numpy as np\n\nos.sep, np.pi"),
    ),
    Case(
        rules.uses_the_names_of_the_course,
        "loops, lambdas and leftovers",
        add_code(
            "_, image = [(x, y) for x, y in pairs]\nfor x in model: x\nlambda x: x"
        ),
    ),
    Case(
        rules.has_no_machine_paths,
        "addresses and relative paths",
        add_prose("[Home](https://example.org/home/me) and data/mnt/a.png"),
    ),
    Case(
        rules.has_no_machine_paths,
        "chance in a picture",
        add_output(data_output("image/png", "/tmp/" + "A" * 7, alt=ALT)),
    ),
    Case(rules.has_no_installs, "word", add_code("# Colab runs %pip install lime")),
    Case(rules.is_small, "to the byte", fill(2_000_000)),
    Case(rules.has_small_images, "to the byte", add_output(image_output(600_000))),
]


@pytest.mark.parametrize("case", ALLOWED, ids=name_case)
def test_a_rule_lets_pass_what_it_should(case, good):
    case.change(good)
    assert case.rule(good, Path(case.file)) == []


def test_an_installing_set_up_cell_is_allowed(good):
    good.cells[SETUP].source = "%pip install lime"
    assert rules.has_no_installs(good, Path("01_one.ipynb")) == []


# --- Numbers in the prose -----------------------------------------------------------

NUMBERS = [
    'count = 231_140\nvector = "VGG16 of 3,5"\nshape = (28, 30)',
    text_output("accuracy 0.9953\nloss: 4.5e-03 in 12.5s, id 88e99999999\n"),
    data_output("text/plain", "<tf.Tensor: 77>\narray([0.4183, 1.    ]) p < 0.062 > 0"),
    data_output("text/html", "<style>#T_1 {width: 640px}</style><td id='51'>361</td>"),
]

HELD = [
    "0.9953, 0.995 or 1.00",
    "12.5 %, 99.5 % and 99.53% and 100 per cent",
    "0.42 of them, **0.418** of them, (0.4183), −0.4183",
    "231,140 weights, or 231\u202f140",
    "3 pixels and 5 pixels, 28×28 and 28x28 and 28 × 30 pixels",
    "| pictures |\n|---|\n| 361 |",
    "- 361 pictures",
    "a loss of 0.0045 after 12.5 s, that is 13 s, a rate of 4.5e-3",
    "p is 0.062",
]
IGNORED = [
    "`99.5` and\n\n```\n99.5\n```\n\n    99.5",
    "$x = 99.5$ and\n\n$$\nx = 99.5\n$$",
    "[chapter](99_5.ipynb#99.5), <https://example.org/99.5>",
    "Our address is https://example.org/99.5 now.",
    "![A 99](99.png) <b id='99'>bold</b>\n\n<details id='99'>",
    "## 12.3 Sweeps\n\n### 14. More",
    "1. one\n2. two\n",
    "Since 1998, in the 1990s, in 2015.",
    "On 14 March 2015, on March 14, on 2015-03-14.",
    "A 7, the 1s, 1-vs-7, 1/7, 3 of 5.",
    "VGG16, VGG-16, conv_12, top-50, 2D, the 121st, NumPy 2.20.15, file 08",
    "arXiv:1312.6034 and doi 10.1038/s41467-019-08987-4",
    "Chapter 12, section 12.3, exercise 14, Python 3.12, version 12.3.",
    "The paper says 99.5 % ([Simonyan](https://example.org)).",
    "The paper says 99.5 %.[^paper]\n\n[^paper]: It is 99 pages long.",
    "| a |\n|---|\n| 99.5 |\n| [source](https://example.org) |",
    "<p>Simonyan says <a href='https://example.org'>99.5</a></p>",
]
REPORTED = {
    "99.5": "It is 99.5 there.",
    "99.4 %": "**99.4 %** of all.",
    "43 %": "43 % of the ones",
    "0.41": "0.41, cut and not rounded",
    "0.99": "0.99, cut and not rounded",
    "0.4182": "More decimals, 0.4182.",
    "42": "42 ones; only a share is multiplied",
    "362": "| pictures |\n|---|\n| 362 |",
    "29": "29×28",
    "27": "28x27",
    "8 %": "- 8 % of them\n- [source](https://example.org)",
    "6 pixels": "6 pixels wide",
    "2,000": "2,000 pictures",
    "2000 ms": "In 2000 ms.",
    "101": "Chapter 12, 101 pictures",
    "97 %": "In chapter 3, 97 % are read.",
    "400": "In May 400 were read.",
    "640": "640 wide, says the style sheet",
    "51": "51, says a tag",
    "16": "16 layers, says a name",
    "98": "98, see [chapter 2](02_where.ipynb)",
    "96": "[![Badge](b.svg)](https://example.org) 96 of them",
    "95": "<p>95 of them</p>",
    "94": "## Of 94 ones",
    "93": "> 93, they say",
    "25 minutes": "25 minutes of training",
    "1e-5": "a rate of 1e-5",
}


@pytest.fixture
def with_numbers(good):
    add_code(*NUMBERS)(good)
    return good


def find_numbers(notebook, prose):
    add_prose(prose)(notebook)
    problems = rules.states_only_held_numbers(notebook, Path("01_one.ipynb"))
    return [
        problem.partition("»: ")[2].partition(" is in no ")[0] for problem in problems
    ]


@pytest.mark.parametrize("prose", HELD)
def test_a_held_number_passes(prose, with_numbers):
    assert find_numbers(with_numbers, prose) == []


@pytest.mark.parametrize("prose", IGNORED)
def test_what_states_no_number_of_ours_is_ignored(prose, good):
    assert find_numbers(good, prose) == []


@pytest.mark.parametrize(("stated", "prose"), REPORTED.items())
def test_a_number_held_by_nothing_is_reported(stated, prose, with_numbers):
    assert find_numbers(with_numbers, prose) == [stated]


# --- The command --------------------------------------------------------------------


def test_the_command_passes_a_good_notebook(good, tmp_path, capsys):
    path = tmp_path / "01_one_or_seven.ipynb"
    nbformat.write(good, path)
    assert rules.main([str(path)]) == 0
    assert capsys.readouterr().out == "0 problems in 1 notebooks\n"


def test_the_command_takes_all_notebooks_by_itself(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rules, "NOTEBOOKS", [tmp_path / "01.ipynb"] * 3)
    assert rules.main([]) == 1
    assert capsys.readouterr().out.endswith("3 problems in 3 notebooks\n")


def test_the_command_prints_every_problem(good, tmp_path, capsys):
    fail(tags=[])(good)
    edit(-1, source="")(good)
    path = tmp_path / "01_one_or_seven.ipynb"
    nbformat.write(good, path)
    assert rules.main([str(path), str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.count(". Fix: ") for line in lines] == [1, 1, 1, 1, 0]
    assert lines[-1] == "4 problems in 2 notebooks"


def test_the_command_says_which_file_is_no_notebook(tmp_path):
    path = tmp_path / "01_one_or_seven.ipynb"
    path.write_text("no notebook")
    command = [sys.executable, "-m", "tests.notebook_rules", path]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, "")
    assert run.stdout.startswith(f"{path}: no notebook can be read here")
