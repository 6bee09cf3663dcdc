"""Slides for the classroom: one presentation a chapter, made of its tagged cells.

    python -m helpers.make_slides

writes build/slides.

A cell is on a slide if its metadata say ``"slideshow": {"slide_type": "slide"}``, which
Jupyter's property inspector sets. A tagged code cell shows its picture, table or film
and its claims; one that has none of these shows its code. A tagged text shows what
follows its first heading, or all of it if it has none. What a text says before its
heading, right after a code cell on a slide, becomes that slide's speaker notes. The
first cell makes two slides: the title, and what the reader will do.

The presentations run in reveal.js (https://revealjs.com), which is copied beside them,
and ask no other host for anything.
"""

import argparse
import base64
import io
import math
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import jinja2
import nbformat
from nbconvert.filters import Highlight2HTML, markdown2html
from PIL import Image

from helpers import colab, node_packages
from helpers.site_notebooks import CLAIM

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "build" / "slides"
LONGEST_CODE = 12  # lines

_LOOK = ROOT / "docs" / "slides"
_REVEAL = [
    "dist/reveal.css",
    "dist/reveal.js",
    "plugin/notes/notes.js",
    "plugin/zoom/zoom.js",
    "LICENSE",
]
_FULL = 11  # lines of text on a slide
_LINE = 64  # letters in a line
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_BADGE = re.compile(r"\[!\[[^]]*\]\([^)]*\)\]\([^)]*\)")
_LOCAL_LINK = re.compile(r"\[([^]]*)\]\((?!https?:)[^)]*\)")
_LINK_TARGET = re.compile(r"\]\([^)]*\)")
_QUESTION = re.compile(r"\*\*((Before|Find|Predict)[^*]*|[^*]*\?)\*\*")
_SMALL_PRINT = ("**Data.**", "Sources:")  # for the notes
# The room for a picture, in pixels of docs/slides/style.css.
_BETWEEN = (1216, 608)  # below the title; what claims there are take from its height
_BESIDE = (740, 670)  # at the right of both
_CLAIM_LINE = 38


class Picture(NamedTuple):
    """A figure: its data address, its description, and its size in pixels."""

    source: str
    alt: str
    width: int
    height: int


class Slide(NamedTuple):
    """One slide. Body and notes are HTML; a claim is a sentence and its bound."""

    title: str
    body: str = ""
    picture: Picture | None = None
    claims: tuple[tuple[str, str], ...] = ()
    notes: str = ""

    @property
    def is_beside(self) -> bool:
        """Tell whether the picture is larger beside title and claims than between."""
        if self.picture is None:
            return False
        lines = len(self.claims) if len(self.claims) <= 3 else 1 + len(self.claims)
        return _scale(self.picture, *_BESIDE) > _scale(
            self.picture, _BETWEEN[0], _BETWEEN[1] - _CLAIM_LINE * lines
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, or 1 after a sentence about what is missing."""
    parser = argparse.ArgumentParser(description="Make slides of the tagged cells.")
    parser.parse_args(arguments)
    try:
        paths = write(TARGET)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(paths)} presentations; open {paths[0]} in a browser.")
    return 0


def write(folder: Path, notebooks: Path = ROOT / "notebooks") -> list[Path]:
    """Write a presentation for each chapter that has tagged cells, and reveal.js.

    Parameters
    ----------
    folder : pathlib.Path
        Where the pages go; made if it is not there.
    notebooks : pathlib.Path
        The folder of the chapters. One without a tagged cell is named and left out.

    Returns
    -------
    list of pathlib.Path
        The pages.

    Raises
    ------
    ValueError
        If no notebook has a tagged cell, or a tagged one does not fit on a slide.
    RuntimeError
        If reveal.js cannot be installed.
    """
    chapters = {}
    for path in sorted(notebooks.glob("*.ipynb")):
        slides = list_slides(nbformat.read(path, as_version=4))
        if slides:
            chapters[path.stem] = slides
        else:
            print(f"{path.stem} has no cell tagged as a slide, and gets no slides.")
    if not chapters:
        raise ValueError(
            f"No notebook in {notebooks} has a cell tagged as a slide: in JupyterLab, "
            "choose a cell and set its Slide Type in the property inspector."
        )
    reveal = node_packages.install() / "reveal.js"
    (folder / "reveal").mkdir(parents=True, exist_ok=True)
    for name in _REVEAL:
        shutil.copy(reveal / name, folder / "reveal")
    template = _read_template()
    paths = []
    for stem, slides in chapters.items():
        paths.append(folder / f"{stem}.html")
        paths[-1].write_text(template.render(slides=slides), encoding="utf-8")
    return paths


def list_slides(notebook: nbformat.NotebookNode) -> list[Slide]:
    """Turn the tagged cells of a notebook into slides.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With outputs.

    Returns
    -------
    list of Slide
        Empty if no cell is tagged.

    Raises
    ------
    ValueError
        If a tagged cell shows code that is too long, or has a slide type that these
        slides do not know.
    """
    slides: list[Slide] = []
    heading, is_remark = "", False
    for number, cell in enumerate(notebook.cells):
        is_tagged = _is_tagged(cell)
        if cell.cell_type == "code":
            is_remark = is_tagged
            if is_tagged:
                slides += _show_code_cell(cell, heading)
            continue
        remark, *sections = _split(cell.source, heading)
        if number == 0 and is_tagged:
            slides += _show_title(sections[0])
        elif is_tagged:
            shown = sections or [remark]
            slides += [slide for part in shown for slide in _show_text(*part)]
        if is_remark and remark[1] and (sections or not is_tagged):
            slides[-1] = slides[-1]._replace(notes=_render(remark[1]))
        heading, is_remark = (sections or [remark])[-1][0], False
    return slides


def _is_tagged(cell):
    kind = cell.metadata.get("slideshow", {}).get("slide_type", "-")
    if kind not in ("slide", "skip", "-", ""):
        raise ValueError(
            f"Cell {cell.id} has the slide type {kind!r}, and these slides know only "
            "'slide' and 'skip': choose one of them in Jupyter's property inspector."
        )
    return kind == "slide"


def _split(source, heading):
    """Cut a text at its headings into (heading, text), first what stands before."""
    parts = _HEADING.split(_BADGE.sub("", source))
    headings, texts = [heading, *parts[1::2]], parts[::2]
    return [(one, text.strip()) for one, text in zip(headings, texts, strict=True)]


def _show_title(section):
    title, text = section
    story, _, rest = text.partition("**You will**")
    goals, _, credits = rest.partition("**You need**")
    return [
        Slide(title, _render(story)),
        Slide("You will", _render(goals), notes=_render("You need " + credits.strip())),
    ]


def _show_text(heading, text):
    """Lay a text out on as many slides as it needs, without cutting a paragraph.

    A paragraph that ends with a colon stays with what it announces.
    """
    pages: list[list] = [[]]
    lines, notes = 0.0, ""
    for block in text.split("\n\n"):
        if block.startswith(_SMALL_PRINT):
            notes += _render(block)
            continue
        height = _measure(block)
        if pages[-1] and lines + height > _FULL:
            lead = pages[-1][-1:] if pages[-1][-1].endswith(":") else []
            pages[-1] = pages[-1][: len(pages[-1]) - len(lead)]
            pages, lines = [*filter(None, pages), lead], sum(map(_measure, lead))
        pages[-1].append(block)
        lines += height
    slides = [Slide(heading, "".join(map(_render_block, page))) for page in pages]
    return [*slides[:-1], slides[-1]._replace(notes=notes)]


def _measure(block):
    """Return about how many lines a paragraph or a list takes on a slide."""
    items = re.split(r"\n(?=- |\d+\. )", _LINK_TARGET.sub("]", block))
    lengths = [len(" ".join(item.split())) for item in items]
    return sum(math.ceil(length / _LINE) + 0.4 for length in lengths) + 0.3


def _show_code_cell(cell, heading):
    outputs = [output for output in cell.outputs if "data" in output]
    pictures = [found for output in outputs for found in _find_pictures(output)]
    bodies = [found for output in outputs for found in _find_tables_and_films(output)]
    printed = "".join(o.text for o in cell.outputs if o.output_type == "stream")
    matches = filter(None, map(CLAIM.fullmatch, printed.splitlines()))
    claims = tuple((claim["sentence"], claim["bound"]) for claim in matches)
    if not (pictures or bodies):
        lines = len(cell.source.splitlines())
        if lines > LONGEST_CODE:
            raise ValueError(
                f"Cell {cell.id} has {lines} lines of code and neither picture nor "
                f"table; a slide holds {LONGEST_CODE} lines: tag another cell."
            )
        bodies = [Highlight2HTML(pygments_lexer="python")(cell.source)]
    slides = [Slide(heading, picture=picture) for picture in pictures]
    slides += [Slide(heading, body) for body in bodies]
    return [*slides[:-1], slides[-1]._replace(claims=claims)]


def _find_pictures(output):
    for kind in ("image/png", "image/jpeg"):
        if kind in output.data:
            content = output.data[kind].replace("\n", "")
            width, height = Image.open(io.BytesIO(base64.b64decode(content))).size
            alt = output.metadata.get(kind, {}).get("alt", "")
            yield Picture(f"data:{kind};base64,{content}", alt, width, height)


def _find_tables_and_films(output):
    text = output.data.get("text/html", "")
    if "<table" in text or "<video" in text:
        yield text


def _scale(picture, width, height):
    return min(width / picture.width, height / picture.height)


def _render_block(block):
    text = _render(block)
    if _QUESTION.search(block) and not block.startswith("-"):
        return text.replace("<p>", '<p class="question">', 1)
    return text


def _render(markdown):
    return markdown2html(_LOCAL_LINK.sub(r"\1", markdown))


def _read_template():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_LOOK), autoescape=True
    )
    environment.globals["repository"] = colab.repository()
    environment.globals["style"] = (_LOOK / "style.css").read_text("utf-8")
    return environment.get_template("template.html.j2")


if __name__ == "__main__":
    sys.exit(main())
