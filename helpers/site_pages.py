"""The parts of the site's pages that are made from the course's own files.

A page of docs/ names such a part in a comment: ``<!-- contents -->``, ``<!-- chapter
01_one_or_seven | Six drawings -->``. `fill` puts it there.
"""

import ast
import html
import re
from pathlib import Path
from urllib.parse import urlsplit

import nbformat

from helpers import site_notebooks, sources

ROOT = Path(__file__).resolve().parent.parent

_COMMENT = re.compile(r"<!-- (?P<part>[a-z]+)(?: (?P<rest>.*?))?? -->", re.DOTALL)
_CONTENTS = {
    "Start": ["draw_your_own", "gallery"],
    "Chapters": ["notebooks/0*"],
    "Exercises": ["notebooks/exercises/0*"],
    "Teach": ["teaching", "classroom"],
    "Look up": ["leaderboard", "glossary", "data_and_consent", "api/index"],
}
_SHARPNESS = 150  # dots an inch


def fill(text, source):
    """Replace each comment that names a part by the part.

    Parameters
    ----------
    text : str
        Markdown of a page.
    source : pathlib.Path
        The folder that Sphinx reads, chapters included; pictures are written below it.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a finding's picture or claim is not in its chapter.
    """
    makers = {
        "contents": lambda: list_contents(source),
        "chapter": lambda *words: write_card(source, *words),
        "finding": lambda *words: write_finding(source, *words),
        "board": lambda: draw_board(source),
        "standings": write_standings,
        "grades": write_grades,
        "shipped": write_shipped,
        "fetched": write_fetched,
    }

    def make(comment):
        if comment["part"] not in makers:
            return comment[0]
        words = " ".join((comment["rest"] or "").split())
        return makers[comment["part"]](*filter(None, words.split(" | ")))

    return _COMMENT.sub(make, text)


def list_contents(source):
    """Return the site's table of contents: every page that is there."""
    parts = []
    for caption, patterns in _CONTENTS.items():
        pages = [
            _name_page(path, source)
            for pattern in patterns
            for ending in (".md", ".ipynb")
            for path in sorted(source.glob(pattern + ending))
        ]
        if pages:
            head = f"```{{toctree}}\n:hidden:\n:caption: {caption}\n"
            parts.append("\n".join([head, *pages, "```"]))
    return "\n\n".join(parts)


def write_card(source, name, description):
    """Return a card that leads to a chapter, with its story and its minutes.

    Parameters
    ----------
    source : pathlib.Path
    name : str
        Of the chapter: "01_one_or_seven".
    description : str
        How the description of the card's picture begins.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    ValueError
        If the chapter has no such picture.
    """
    first = _read_chapter(name).cells[0].source
    title, _, story, *_ = first.split("\n")
    minutes = re.findall(r"About (\d+) minutes", first)[0]
    picture, text, _ = _find_picture(name, description, source)
    quoted = text.replace("\\", "").replace("\n", " ")
    lines = [
        f":::{{grid-item-card}} {title.removeprefix('# ')}",
        f":link: /notebooks/{name}",
        ":link-type: doc",
        f":img-top: /pictures/{picture}",
        f":img-alt: {quoted}",
        *("", story, "", "{.minutes}", f"{minutes} minutes", ":::"),
    ]
    return "\n".join(lines)


def write_finding(source, name, description, sentence):
    """Return a finding: its picture, its claim, and the way to its chapter.

    Parameters
    ----------
    source : pathlib.Path
    name : str
        Of the chapter.
    description : str
        How the description of the picture begins.
    sentence : str
        Of the claim, without what it must reach.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    ValueError
        If the chapter has no such picture, or no such claim.
    """
    picture, text, heading = _find_picture(name, description, source)
    chapter = _read_chapter(name)
    title = chapter.cells[0].source.split("\n")[0].removeprefix("# ")
    claim = site_notebooks.list_claims([_find_claim(name, sentence)])
    link = f"notebooks/{name}.ipynb"
    image = f"![{site_notebooks.escape(text)}](/pictures/{picture})"
    where = f"[Chapter {title}, “{heading}”]({link}#{_slugify(heading)})"
    return "\n\n".join([image, claim, where])


def draw_board(source):
    """Draw the leaderboard into a file and return the picture, described."""
    import matplotlib.pyplot as plt

    from helpers import leaderboard, leaderboard_figures

    grades = leaderboard.read_grades()
    figure = leaderboard_figures.draw_leaderboard(grades)
    path = source / "pictures" / "leaderboard.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_SHARPNESS)
    plt.close(figure)
    overall = _rank(grades)
    best = ", ".join(_name(method) for method in overall.index[:3])
    text = (
        f"A table of {overall['place'].notna().sum()} methods and, below a line, three "
        f"maps that know nothing, by {grades['test'].nunique()} tests in six families. "
        f"Squares are dark where a method beats the others; on top stand {best}. "
        "The tables below hold the same numbers."
    )
    return f"![{site_notebooks.escape(text)}](/pictures/leaderboard.png)"


def write_standings():
    """Return the table of standings: methods by families of tests."""
    from helpers import leaderboard

    table = _rank(leaderboard.read_grades()).drop(columns="place")
    table = table.map(lambda share: "–" if share != share else f"{100 * share:.0f}")
    caption = "Share of the other methods beaten, in percent, by family of tests."
    return _write_table(table.rename(index=_name), caption)


def write_grades():
    """Return the table of all grades: tests by methods, the mean over the tasks."""
    from helpers import leaderboard, leaderboard_figures

    grades = leaderboard.read_grades()
    methods = _rank(grades).index
    table = grades.groupby(["test", "method"])["value"].mean().unstack()[methods]
    table = table.reindex(grades["test"].unique())
    cells = table.map(leaderboard_figures.write_number)
    caption = "Every grade: the mean over the tasks. “–” where a test does not apply."
    return _write_table(cells.rename(columns=_name), caption)


def write_shipped():
    """Return the table of what ships with the course, from data/README.md."""
    text = (ROOT / "data" / "README.md").read_text("utf-8")
    return "\n".join(line for line in text.splitlines() if line.startswith("|"))


def write_fetched():
    """Return the table of what the real edition fetches or takes from a cache."""
    rows = [
        f"| {source.description} | {sources.format_size(source.size)} "
        f"| {source.licence} | [{urlsplit(source.page).hostname}]({source.page}) |"
        for table in (sources.SOURCES, sources.STAND_INS)
        for source in table.values()
    ]
    head = ["| what | size | licence | where it comes from |", "|---|---|---|---|"]
    return "\n".join(head + list(dict.fromkeys(rows)))


def write_modules(folder):
    """Write a page for each module of `helpers`, and one that lists them.

    Parameters
    ----------
    folder : pathlib.Path
        It holds index.md, to which the list is added.
    """
    parts: dict[str, list] = {}
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        name = name_module(path)
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        lines = ["```{eval-rst}", f".. automodule:: {name}"]
        lines += ["   :members:", "   :ignore-module-all:", "```"]
        # No part of the table of contents, which would be long: the list leads here.
        head = ["---", "orphan: true", "---", "", f"# `{name}`", ""]
        page = "\n".join([*head, *lines, ""])
        (folder / f"{name}.md").write_text(page, encoding="utf-8")
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        summary = " ".join(text.split("\n\n")[0].split())
        parts.setdefault(package, []).append(f"| [`{name}`]({name}.md) | {summary} |")
    tables = [
        f"## `{package}`\n\n| module | what it does |\n|---|---|\n" + "\n".join(rows)
        for package, rows in parts.items()
    ]
    index = (folder / "index.md").read_text("utf-8")
    page = "\n\n".join([index.rstrip(), *tables]) + "\n"
    (folder / "index.md").write_text(page, encoding="utf-8")


def name_module(path):
    """Return the name by which a file of the project is imported."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def _name_page(path, source):
    """Return a page as a table of contents wants it, notebooks with a short title."""
    page = path.relative_to(source).with_suffix("").as_posix()
    if path.suffix == ".md":
        return page
    title = nbformat.read(path, as_version=4).cells[0].source.split("\n")[0]
    short = title.removeprefix("# ").removeprefix("Exercises: ")
    return f"{short if short[0].isdigit() else '0 · Start here'} <{page}>"


def _read_chapter(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def _find_picture(name, description, source):
    """Return a picture's file, its description, and the heading above it."""
    heading = ""
    for cell in _read_chapter(name).cells:
        if cell.cell_type == "markdown":
            heading = [heading, *re.findall(r"(?m)^##+ (.*)$", cell.source)][-1]
            continue
        for output in cell.outputs:
            picture = site_notebooks.store_picture(output, source / "pictures")
            if picture and picture[1].startswith(description):
                return *picture, heading
    raise ValueError(
        f"A picture of {name} must be described as “{description}…”, got none; look "
        "for its alt text in the notebook and write its first words in docs/."
    )


def _find_claim(name, sentence):
    """Return the line that a claim of a chapter printed."""
    for cell in _read_chapter(name).cells:
        for output in cell.get("outputs", []):
            for line in output.get("text", "").splitlines():
                claim = site_notebooks.CLAIM.fullmatch(line)
                if claim and claim["sentence"] == sentence:
                    return line
    raise ValueError(
        f"{name} must hold the claim “{sentence}”, got none that reads so; copy its "
        "sentence from the notebook's output into docs/."
    )


def _rank(grades):
    from helpers import leaderboard

    return leaderboard.rank_overall(leaderboard.rank_methods(grades))


def _name(method):
    return method.replace("_", " ")


def _slugify(heading):
    """Return the anchor of a heading, as MyST makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _write_table(table, caption):
    """Return a table of texts as HTML: a caption, headers of columns and of rows."""
    head = [f'<th scope="col">{html.escape(name)}</th>' for name in table.columns]
    lines = [
        '<div class="pst-scrollable-table-container"><table class="table numbers">',
        f"<caption>{html.escape(caption)}</caption>",
        f'<thead><tr><th scope="col">{table.index.name}</th>{"".join(head)}</tr>',
        "</thead><tbody>",
    ]
    for name, row in zip(table.index, table.to_numpy(), strict=True):
        cells = "".join(f"<td>{html.escape(text)}</td>" for text in row)
        lines.append(f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody></table></div>"])
