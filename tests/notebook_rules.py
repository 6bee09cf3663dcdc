"""What every notebook of the course keeps to, one small function a rule.

A rule takes a notebook (as nbformat reads it) and its path, and returns a list of
problems, each one "where: what is wrong. Fix: what to do.".

Run ``python -m tests.notebook_rules [files]`` to print all problems. It exits with 1
when there are any.
"""

import ast
import base64
import functools
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import mistune
import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
NOTEBOOKS = CHAPTERS + SOLUTIONS

LONGEST_CELL = 20  # lines
LONGEST_LINE = 88  # characters
LONGEST_SET_UP = 10  # lines
CODE_CELLS = range(10, 26)  # in a chapter, the set-up cell not counted
FEWEST_CLAIMS = 3  # in a chapter
SHORTEST_ALT_TEXT = 40  # characters
LARGEST_NOTEBOOK = 2_000_000  # bytes
LARGEST_SOLUTIONS = 60_000  # bytes
LARGEST_IMAGE = 600_000  # bytes

RAINBOW_MAPS = {"jet", "rainbow", "gist_rainbow", "hsv", "nipy_spectral", "turbo"}
RAINBOW_MAPS |= {"COLORMAP_JET", "COLORMAP_RAINBOW", "COLORMAP_HSV", "COLORMAP_TURBO"}
COURSE_NAMES = {
    "acc": "accuracy",
    "ax": "axes",
    "class_idx": "class_index",
    "classes": "class_names",
    "clf": "model",
    "cls": "class_index",
    "df": "table",
    "fig": "figure",
    "idx": "index",
    "img": "image",
    "imgs": "images",
    "lbl": "label",
    "net": "model",
    "preds": "predictions",
    "x_test": "test_images",
    "x_train": "train_images",
    "y_test": "test_labels",
    "y_train": "train_labels",
}

Findings = Iterator[tuple[str, str]]  # where, and what is wrong there
Rule = Callable[[NotebookNode, Path], list[str]]


def _rule(fix: str) -> Callable[[Callable[[NotebookNode, Path], Findings]], Rule]:
    """Make a rule of a function that yields what it finds: one fix for all of it."""

    def make(find: Callable[[NotebookNode, Path], Findings]) -> Rule:
        @functools.wraps(find)
        def rule(notebook: NotebookNode, path: Path) -> list[str]:
            found = find(notebook, path)
            return [f"{path.name}, {at}: {what}. Fix: {fix}." for at, what in found]

        return rule

    return make


# --- Reading a notebook -------------------------------------------------------------


def _cells(notebook: NotebookNode, kind: str = "") -> list[tuple[str, NotebookNode]]:
    """Return (where, cell) of the cells of one kind ("code", "markdown") or of all."""
    return [
        (f"cell {number} «{cell.source.strip().partition(chr(10))[0][:40]}»", cell)
        for number, cell in enumerate(notebook.cells, start=1)
        if kind in ("", cell.cell_type)
    ]


def _outputs(notebook: NotebookNode) -> list[tuple[str, NotebookNode, NotebookNode]]:
    """Return (where, cell, output) of every output."""
    cells = _cells(notebook, "code")
    return [(where, cell, output) for where, cell in cells for output in cell.outputs]


def _images(notebook: NotebookNode) -> list[tuple[str, str, NotebookNode]]:
    """Return (where, mime type, output) of every picture among the outputs."""
    return [
        (where, mime, output)
        for where, _, output in _outputs(notebook)
        for mime in output.get("data", {})
        if mime.startswith("image/")
    ]


def _output_texts(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Return (where, text) of what the outputs say: streams, text, HTML, errors."""
    texts = []
    for where, _, output in _outputs(notebook):
        data = output.get("data", {}).items()
        said = [str(value) for mime, value in data if mime.startswith("text/")]
        said += [output.get("text", ""), *output.get("traceback", [])]
        texts += [(where, text) for text in said]
    return texts


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _tree(cell: NotebookNode) -> ast.Module:
    """Parse a code cell, its magics included; what Python cannot read is empty here.

    Nothing hides that way: such a cell leaves an error output, which is a problem.
    """
    try:
        return ast.parse(TransformerManager().transform_cell(cell.source))
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def _run_with_cell(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when the cell runs, so not the bodies of functions."""
    if not isinstance(node, ast.FunctionDef | ast.Lambda):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _run_with_cell(child)


def _called(nodes: Iterable[ast.AST]) -> list[str]:
    """Return the last name of every call: "show" for ``figures.show(figure)``."""
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    return [getattr(node, "attr", getattr(node, "id", "")) for node in called]


def _is_chapter(path: Path) -> bool:
    return re.match(r"0[1-8]_", path.name) is not None


def _has_solutions(path: Path) -> bool:
    return path.parent.name == "solutions"


# --- Outputs ------------------------------------------------------------------------


@_rule("run `make outputs`, which runs all cells in a fresh kernel")
def is_executed_in_order(notebook: NotebookNode, path: Path) -> Findings:
    """Code cells that hold code are numbered 1, 2, 3, … as a fresh kernel does."""
    cells = [pair for pair in _cells(notebook, "code") if pair[1].source.strip()]
    for count, (where, cell) in enumerate(cells, start=1):
        if cell.execution_count != count:
            yield where, f"its execution count is {cell.execution_count}, not {count}"
            return


@_rule("run `make outputs`")
def has_outputs(notebook: NotebookNode, path: Path) -> Findings:
    """A cell that claims or shows something has an output, and some cell does."""
    if not _outputs(notebook):
        yield "everywhere", "there is no output at all"
    for where, cell in _cells(notebook, "code"):
        for name in _called(_run_with_cell(_tree(cell))):
            if re.fullmatch(r"claim|show(_\w+)?", name) and not cell.outputs:
                yield where, f"it calls {name} and has no output"


@_rule("mend what warns, or import it inside `runtime.silenced_descriptors()`")
def has_no_stderr(notebook: NotebookNode, path: Path) -> Findings:
    """No cell writes to stderr: no warning, no log line."""
    for where, _, output in _outputs(notebook):
        if output.get("name") == "stderr":
            yield where, f"it writes to stderr: {output.text.strip()[:60]!r}"


@_rule("mend the cell, or tag it `raises-exception` if the error is the lesson")
def has_no_errors(notebook: NotebookNode, path: Path) -> Findings:
    """No cell ends in an error, unless its tag says that this is the lesson."""
    for where, cell, output in _outputs(notebook):
        if output.output_type == "error" and "raises-exception" not in _tags(cell):
            yield where, f"it ends in {output.ename}"


# --- Pictures -----------------------------------------------------------------------


@_rule("say what there is to see, in a sentence: `figures.show(figure, alt=...)`")
def has_alt_text(notebook: NotebookNode, path: Path) -> Findings:
    """Every picture among the outputs says in a sentence what it shows."""
    for where, mime, output in _images(notebook):
        alt = output.metadata.get(mime, {}).get("alt", "").strip()
        if len(alt) < SHORTEST_ALT_TEXT:
            wanted = f"expected at least {SHORTEST_ALT_TEXT}"
            yield where, f"an alt text of {len(alt)} characters, {wanted}"
        if re.match(r"((an?|the) )?(image of|picture of|figure)\b", alt, re.IGNORECASE):
            yield where, f"an alt text that begins with {alt[:10]!r}"


@_rule("describe it: `![what there is to see](file)`, or `alt=` in HTML")
def has_alt_text_in_prose(notebook: NotebookNode, path: Path) -> Findings:
    """Every picture in Markdown or HTML has an alt text."""
    bare_image = r"""!\[\s*\][(\[] | <img\b (?! [^>]*\salt=(["'])\s*[^\s"'] ) [^>]*>"""
    texts = [(where, cell.source) for where, cell in _cells(notebook, "markdown")]
    for where, text in texts + _output_texts(notebook):
        for match in re.finditer(bare_image, text, re.VERBOSE):
            yield where, f"a picture without alt text, {match[0][:40]!r}"


def find_rainbow_maps(tree: ast.AST) -> list[str]:
    """Return the rainbow colour maps that code names, as strings or attributes."""
    nodes = ast.walk(tree)
    names = [getattr(node, "attr", getattr(node, "value", None)) for node in nodes]
    words = [name for name in names if isinstance(name, str)]
    return [word for word in words if word.removesuffix("_r") in RAINBOW_MAPS]


@_rule("use magma, viridis or cividis")
def has_no_rainbow_maps(notebook: NotebookNode, path: Path) -> Findings:
    """No colour map that invents edges or fails colour-blind readers."""
    for where, cell in _cells(notebook, "code"):
        for name in find_rainbow_maps(_tree(cell)):
            yield where, f"the colour map {name}"


# --- Claims and numbers -------------------------------------------------------------


@_rule("tag each cell that calls `claim`, and no other, `nbval-check-output`")
def tags_claims(notebook: NotebookNode, path: Path) -> Findings:
    """A cell that calls ``claim`` is tagged for nbval, and only such a cell is."""
    for where, cell in _cells(notebook, "code"):
        claims = "claim" in _called(ast.walk(_tree(cell)))
        if claims != ("nbval-check-output" in _tags(cell)):
            yield where, "a claim without the tag" if claims else "a tag and no claim"


@_rule("put each finding of the chapter into a `claim(...)`")
def makes_claims(notebook: NotebookNode, path: Path) -> Findings:
    """A chapter states at least three findings that running it checks."""
    trees = [_tree(cell) for _, cell in _cells(notebook, "code")]
    count = sum(_called(ast.walk(tree)).count("claim") for tree in trees)
    if _is_chapter(path) and count < FEWEST_CLAIMS:
        yield "everywhere", f"{count} claims, expected at least {FEWEST_CLAIMS}"


@_rule("print it in a cell, correct it, or link its source in the same paragraph")
def states_only_held_numbers(notebook: NotebookNode, path: Path) -> Findings:
    """A number in the prose stands in the code or in an output, or has a source.

    "0.42" is held by 0.42 and by 0.4183; "42 %" by 0.4183 as well. Not looked at:

    - code, formulas, addresses, pictures, arXiv and doi numbers;
    - bare digits ("a 7", "the 1s"), unless a unit follows ("5 %", "3 pixels");
    - names with digits in them (VGG16, top-50, 2.20.15, 121st, 01);
    - years (a bare 1900 to 2099: write 2,000 for a count), dates, the numbers of
      headings, chapters, sections, exercises, versions and the like;
    - the minutes in the title cell;
    - a paragraph, list item or table with a link to the web, or with a footnote.
    """
    held = _held_numbers(notebook)
    for where, cell in _cells(notebook, "markdown"):
        for text in _paragraphs(cell.source, is_title=cell is notebook.cells[0]):
            for stated in _stated_numbers(text):
                if not _is_held(stated, held):
                    yield where, f"{stated[0].strip()} is in no code and no output"


_MARKDOWN = mistune.create_markdown(renderer=None, plugins=["table", "math"])
_MONTH = (
    "(?:January|February|March|April|May|June|July|August|September|October|November"
    "|December)"
)
_NUMBER = re.compile(
    r"""(?<![\w.]) (?<![A-Za-z]-)                          # not in VGG16, top-50
    (?P<digits> (?: [0-9]{1,3} (?:[,\u00a0\u2009\u202f][0-9]{3})+ | [0-9]+ )
        (?:\.[0-9]+)? (?:e[+-]?[0-9]{1,3})? )
    (?! [0-9] | \.[0-9] | (?:st|nd|rd|th)\b )              # nor in 121st
    (?P<unit> \s?% | \s?per\s?cent
        | \s(?:ms|s|seconds?|minutes?|kB|MB|GB|px|pixels?)\b )?""",
    re.VERBOSE,
)
_NOT_MEASURED = re.compile(
    rf"""https?://\S+ | (?i:arxiv:)\s*\S+ | \b10\.[0-9]{{4,}}/\S+
    | [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}
    | \b[0-9]{{1,2}}\s{_MONTH}\b | \b{_MONTH}\s[0-9]{{1,2}}\b
    | \b(?i:(?:chapter|section|part|step|exercise|question|equation|figure|table|page
        |version)s?|python|keras|tensorflow)\s[0-9]+""",
    re.VERBOSE,
)


def _paragraphs(source: str, is_title: bool) -> Iterator[str]:
    """Yield what a Markdown cell says by its own authority, paragraph by paragraph."""
    for kind, text, names_source in _blocks(_MARKDOWN(source)):
        if kind == "heading":
            text = re.sub(r"^[0-9.]+[.:)]?\s", "", text)
        if is_title:
            text = re.sub(r"[0-9]+\sminutes", "", text)
        if not names_source:
            yield _NOT_MEASURED.sub(" ", text)


def _blocks(tokens: list[dict]) -> Iterator[tuple[str, str, bool]]:
    """Yield (kind, text, whether it names its source) of each paragraph-like token."""
    for token in tokens:
        if token["type"] in {"paragraph", "block_text", "heading", "table"}:
            text = _text(token)
            yield token["type"], text, _links_out(token) or "[^" in text
        elif token["type"] == "block_html":
            yield "html", re.sub("<[^>]*>", " ", token["raw"]), "href" in token["raw"]
        else:
            yield from _blocks(token.get("children", []))


def _text(token: dict) -> str:
    """Return the words of a Markdown token: no code, formula, picture or tag."""
    if token["type"] in {"codespan", "inline_math", "image", "inline_html"}:
        return " "
    words = token.get("raw", "") + "".join(map(_text, token.get("children", [])))
    return words + {"table_cell": " | ", "softbreak": " ", "linebreak": " "}.get(
        token["type"], ""
    )


def _links_out(token: dict) -> bool:
    """Whether words in a Markdown token link to the web; a badge alone does not."""
    if token["type"] == "link" and "://" in token["attrs"]["url"]:
        return _text(token).strip() != ""
    return any(map(_links_out, token.get("children", [])))


def _numbers(text: str) -> Iterator[re.Match]:
    """Find the numbers in a text; 28x28 is two, and 1_000 is one."""
    text = re.sub("(?<=[0-9])x(?=[0-9])", "×", text)
    return _NUMBER.finditer(re.sub("(?<=[0-9])_(?=[0-9])", "", text))


def _value(number: re.Match) -> Decimal:
    return Decimal(re.sub("[,\u00a0\u2009\u202f]", "", number["digits"]))


def _stated_numbers(text: str) -> Iterator[re.Match]:
    """Find the numbers in prose that state something: no digit classes, no years."""
    for number in _numbers(text):
        is_name = re.fullmatch("[0-9]|0[0-9]+|(19|20)[0-9]{2}", number["digits"])
        if number["unit"] or not is_name:
            yield number


def _held_numbers(notebook: NotebookNode) -> set[Decimal]:
    """Return all numbers in the code and in the text of the outputs."""
    texts = [cell.source for _, cell in _cells(notebook, "code")]
    for _, text in _output_texts(notebook):
        texts.append(re.sub(r"(?s)<style.*?</style>|</?[A-Za-z][^>]*>", " ", text))
    return {_value(number) for text in texts for number in _numbers(text)}


def _is_held(stated: re.Match, held: set[Decimal]) -> bool:
    """Whether a held number, rounded to the decimals stated, is the stated one."""
    value = _value(stated)
    tolerance = Decimal("0.5").scaleb(value.as_tuple().exponent)
    scales = (1, 100) if re.search("%|cent", stated["unit"] or "") else (1,)
    return any(
        abs(number * scale - value) <= tolerance for number in held for scale in scales
    )


# --- Rhythm -------------------------------------------------------------------------


@_rule("split it, or move a part to helpers/")
def has_short_cells(notebook: NotebookNode, path: Path) -> Findings:
    """A code cell can be read at one glance."""
    for where, cell in _cells(notebook, "code"):
        if (lines := len(cell.source.splitlines())) > LONGEST_CELL:
            yield where, f"{lines} lines of code, expected at most {LONGEST_CELL}"


@_rule("run `ruff format`, and break what it leaves")
def has_short_lines(notebook: NotebookNode, path: Path) -> Findings:
    """No line of code has to be scrolled sideways."""
    for where, cell in _cells(notebook, "code"):
        longest = max(map(len, cell.source.splitlines()), default=0)
        if longest > LONGEST_LINE:
            yield where, f"{longest} characters a line, expected at most {LONGEST_LINE}"


@_rule("give each step a cell of its own; move a second story to another chapter")
def has_the_length_of_a_chapter(notebook: NotebookNode, path: Path) -> Findings:
    """A chapter has 10 to 25 code cells besides the set-up cell."""
    count = sum("setup" not in _tags(cell) for _, cell in _cells(notebook, "code"))
    if _is_chapter(path) and count not in CODE_CELLS:
        wanted = f"expected {CODE_CELLS[0]} to {CODE_CELLS[-1]}"
        yield "everywhere", f"{count} code cells, {wanted}"


@_rule("say in a Markdown cell before it what it is for")
def has_prose_between_code(notebook: NotebookNode, path: Path) -> Findings:
    """Words stand before every code cell but the parameters after the set-up cell."""
    cells = [pair for pair in _cells(notebook) if pair[1].source.strip()]
    for (_, before), (where, cell) in itertools.pairwise(cells):
        generated = "setup" in _tags(before) and "parameters" in _tags(cell)
        if before.cell_type == cell.cell_type == "code" and not generated:
            yield where, "it follows a code cell directly"


@_rule("write it into the first cell, as the other chapters do")
def opens_with_a_title(notebook: NotebookNode, path: Path) -> Findings:
    """The first cell has a title, goals as a list, the minutes, and what one needs."""
    parts = {
        "title, `# ...`": r"^# \S",
        "list of goals, `- ...`": r"^[-*] \S",
        "time, `... minutes`": r"[0-9] minutes\b",
        "list of what is needed, `You need ...`": r"\b[Yy]ou need\b",
    }
    for where, cell in _cells(notebook)[:1]:
        prose = cell.source if cell.cell_type == "markdown" else ""
        for part, pattern in parts.items():
            if not re.search(pattern, prose, re.MULTILINE):
                yield where, f"the opening has no {part}"


@_rule("close in a Markdown cell: what was found, and what comes next")
def closes_with_prose(notebook: NotebookNode, path: Path) -> Findings:
    """The last cell says what was found and what comes next."""
    for where, cell in _cells(notebook)[-1:]:
        if cell.cell_type != "markdown" or not cell.source.strip():
            yield where, "it is the last cell, and no prose"


# --- Code ---------------------------------------------------------------------------


@_rule("run `make colab`, which writes the set-up cells")
def has_the_generated_set_up_cell(notebook: NotebookNode, path: Path) -> Findings:
    """The first code cell is the generated one, tagged `setup`, of at most 10 lines."""
    from helpers.colab import setup_cell_source

    up = "../.." if _has_solutions(path) else ".."
    for where, cell in _cells(notebook, "code")[:1]:
        if "setup" not in _tags(cell):
            yield where, "the first code cell is not tagged `setup`"
        if cell.source != setup_cell_source(up=up):
            yield where, "the first code cell is not the generated set-up cell"
        if (lines := len(cell.source.splitlines())) > LONGEST_SET_UP:
            yield where, f"a set-up cell of {lines} lines, expected {LONGEST_SET_UP}"


@_rule('put the line `EDITION = "embedded"` into one cell tagged `parameters`')
def has_the_parameters_cell(notebook: NotebookNode, path: Path) -> Findings:
    """One cell, tagged `parameters`, chooses the edition: the embedded one."""
    tagged = [
        cell for _, cell in _cells(notebook, "code") if "parameters" in _tags(cell)
    ]
    if len(tagged) != 1:
        yield "everywhere", f"{len(tagged)} cells tagged `parameters`, expected one"
    elif not re.search('(?m)^EDITION = "embedded"', tagged[0].source):
        yield "everywhere", "the parameters do not choose the embedded edition"


@_rule("import it in the cell that uses it first")
def imports_at_first_use(notebook: NotebookNode, path: Path) -> Findings:
    """A name is imported in a cell that uses it, not in a wall at the top."""
    for where, cell in _cells(notebook, "code"):
        nodes = list(ast.walk(_tree(cell)))
        used = {node.id for node in nodes if isinstance(node, ast.Name)}
        for alias in [node for node in nodes if isinstance(node, ast.alias)]:
            name = alias.asname or alias.name.partition(".")[0]
            if name not in used:
                yield where, f"it imports {name} and does not use it"


@_rule("use the whole word that the other chapters use")
def uses_the_names_of_the_course(notebook: NotebookNode, path: Path) -> Findings:
    """The same whole word for the same thing; letters only in loops and lambdas."""
    for where, cell in _cells(notebook, "code"):
        for name, may_be_short in _assigned(_tree(cell)):
            if name.lower() in COURSE_NAMES:
                yield where, f"the name {name} for {COURSE_NAMES[name.lower()]}"
            if len(name) == 1 and name != "_" and not may_be_short:
                yield where, f"the name {name}, one letter"


def _assigned(tree: ast.Module) -> list[tuple[str, bool]]:
    """Return each name given a value, and whether a loop or a lambda gives it."""
    nodes = list(ast.walk(tree))
    short = [
        node.target for node in nodes if isinstance(node, ast.For | ast.comprehension)
    ]
    short += [node.args for node in nodes if isinstance(node, ast.Lambda)]
    passing = [inner for node in short for inner in ast.walk(node)]
    return [
        (getattr(node, "id", getattr(node, "arg", "")), node in passing)
        for node in nodes
        if isinstance(node, ast.arg)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    ]


@_rule("use a path relative to the project, and keep it out of what is printed")
def has_no_machine_paths(notebook: NotebookNode, path: Path) -> Findings:
    """Nothing in it tells on whose computer it ran."""
    absolute = r"(?<![\w.])/(?:home|Users|root|tmp|mnt|var)/[\w.]*|\b[CD]:\\\w*"
    texts = [(where, cell.source) for where, cell in _cells(notebook)]
    for where, text in texts + _output_texts(notebook):
        for match in re.finditer(absolute, text):
            yield where, f"the path {match[0]} of one machine"


@_rule("leave it to the set-up cell")
def has_no_installs(notebook: NotebookNode, path: Path) -> Findings:
    """Only the set-up cell installs anything."""
    for where, cell in _cells(notebook, "code"):
        install = re.search(
            r"(?m)^\s*[%!]+\s*(pip|conda|uv|apt|apt-get)\b", cell.source
        )
        if install and "setup" not in _tags(cell):
            yield where, f"it runs {install[1]}"


# --- Size ---------------------------------------------------------------------------


@_rule("show fewer or smaller pictures")
def is_small(notebook: NotebookNode, path: Path) -> Findings:
    """The file opens fast and shows on the web."""
    largest = LARGEST_SOLUTIONS if _has_solutions(path) else LARGEST_NOTEBOOK
    if (size := len(nbformat.writes(notebook).encode())) > largest:
        yield "everywhere", f"{size:,} bytes, expected at most {largest:,}"


@_rule("draw it smaller, or as JPEG")
def has_small_images(notebook: NotebookNode, path: Path) -> Findings:
    """No picture among the outputs is larger than a page needs."""
    for where, mime, output in _images(notebook):
        if (size := len(base64.b64decode(output.data[mime]))) > LARGEST_IMAGE:
            yield where, f"a picture of {size:,} bytes, expected {LARGEST_IMAGE:,}"


RULES: tuple[Rule, ...] = (
    is_executed_in_order,
    has_outputs,
    has_no_stderr,
    has_no_errors,
    has_alt_text,
    has_alt_text_in_prose,
    has_no_rainbow_maps,
    tags_claims,
    makes_claims,
    states_only_held_numbers,
    has_short_cells,
    has_short_lines,
    has_the_length_of_a_chapter,
    has_prose_between_code,
    opens_with_a_title,
    closes_with_prose,
    has_the_generated_set_up_cell,
    has_the_parameters_cell,
    imports_at_first_use,
    uses_the_names_of_the_course,
    has_no_machine_paths,
    has_no_installs,
    is_small,
    has_small_images,
)
CHAPTERS_ONLY = (  # exercises open, close and count otherwise, and claim nothing
    tags_claims,
    makes_claims,
    states_only_held_numbers,
    opens_with_a_title,
    closes_with_prose,
    has_outputs,  # their pictures are left out
)


def choose_rules(path: Path) -> list[Rule]:
    """Return the rules that a notebook keeps to: a few are not for exercises."""
    skipped = CHAPTERS_ONLY if _has_solutions(path) else ()
    return [rule for rule in RULES if rule not in skipped]


def check(path: Path) -> list[str]:
    """Return the problems of one notebook file."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        return [f"{path}: no notebook can be read here ({error}). Fix: restore it."]
    return [problem for rule in choose_rules(path) for problem in rule(notebook, path)]


def main(arguments: list[str]) -> int:
    """Print the problems of the named notebooks, or of all; return the exit code."""
    paths = [Path(argument) for argument in arguments] or NOTEBOOKS
    problems = [problem for path in paths for problem in check(path)]
    print(*problems, f"{len(problems)} problems in {len(paths)} notebooks", sep="\n")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
