"""The slides: what is on them, and how they look in a browser."""

import json
import re
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from nbformat import v4

from helpers import make_slides, node_packages

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
CHAPTERS = sorted(path.stem for path in NOTEBOOKS.glob("0[1-9]_*.ipynb"))
CHROMIUM = next(
    filter(
        None,
        map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome")),
    ),
    None,
)
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
ALT = 'A "dot" & <nothing> else.'
TITLE = """# 9 · A dot

It is small.

**You will**

- see it;
- keep it.

**You need** eyes.

[![Open in Colab](https://host.invalid/badge.svg)](https://host.invalid/)"""


def tag(cell, kind="slide"):
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


def draw_dot(printed=""):
    picture = v4.new_output("display_data", {"image/png": DOT})
    picture.metadata = {"image/png": {"alt": ALT}}
    outputs = [picture, v4.new_output("stream", text=printed)]
    return tag(v4.new_code_cell("draw()", outputs=outputs))


def list_slides(*cells):
    return make_slides.list_slides(v4.new_notebook(cells=list(cells)))


@pytest.fixture
def without_node(tmp_path, monkeypatch):
    """Let the builder find a reveal.js that is empty, so that no npm is needed."""
    for name in make_slides._REVEAL:
        path = tmp_path / "node_modules" / "reveal.js" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", "utf-8")
    monkeypatch.setattr(node_packages, "install", lambda: tmp_path / "node_modules")


def test_first_cell_makes_a_title_and_the_goals():
    title, goals = list_slides(tag(v4.new_markdown_cell(TITLE)))
    assert title.title == "9 · A dot"
    assert "It is small." in title.body
    assert "host.invalid" not in title.body + goals.body + goals.notes
    assert [li.text for li in BeautifulSoup(goals.body, "html.parser")("li")] == [
        "see it;",
        "keep it.",
    ]
    assert "eyes" in goals.notes


def test_a_picture_keeps_heading_description_claims_and_the_remark_as_notes():
    (slide,) = list_slides(
        v4.new_markdown_cell("# 9\n\n## 1. Look\n\nUntagged."),
        draw_dot("said\n✓ It is a dot (at least 0.9)\n✓ And (one) dot (exactly 1)\n"),
        v4.new_markdown_cell("So it *is*.\n\n## 2. More\n\nNot here."),
    )
    assert slide.title == "1. Look"
    assert slide.picture.alt == ALT
    assert slide.picture.source.endswith(DOT)
    assert slide.claims == (
        ("It is a dot", "at least 0.9"),
        ("And (one) dot", "exactly 1"),
    )
    assert BeautifulSoup(slide.notes, "html.parser").text.strip() == "So it is."


def test_tables_and_films_are_shown_and_code_only_where_there_is_nothing_else():
    def run(html):
        output = v4.new_output("execute_result", {"text/html": html})
        return tag(v4.new_code_cell("secret", outputs=[output]))

    first = v4.new_markdown_cell("# 9")
    table, film, code = list_slides(
        first,
        run("<table><tr><td>1</td></tr></table>"),
        run('<video aria-label="x"></video>'),
        tag(v4.new_code_cell("secret = 1")),
    )
    assert "<td>1</td>" in table.body
    assert "<video" in film.body
    assert "secret" not in table.body + film.body
    assert "secret" in code.body


def test_a_long_text_goes_on_and_small_print_goes_to_the_notes():
    item = "- " + "word " * 25
    text = (
        f"Before.\n\n## End\n\n{item}\n{item}\n{item}\n\n{'word ' * 60}\n\n**Data.** X."
    )
    pages = list_slides(v4.new_markdown_cell("# 9"), tag(v4.new_markdown_cell(text)))
    assert [page.title for page in pages] == ["End", "End"]
    assert "Before" not in pages[0].body
    assert "X." in pages[1].notes
    assert "X." not in pages[1].body


def test_a_paragraph_with_a_colon_stays_with_its_list():
    items = "\n".join(["- " + "word " * 22] * 4)
    text = f"## End\n\n{'word ' * 30}\n\nThese:\n\n{items}"
    pages = list_slides(v4.new_markdown_cell("# 9"), tag(v4.new_markdown_cell(text)))
    assert ["These:" in page.body for page in pages] == [False, True]
    assert "<li>" in pages[1].body


@pytest.mark.parametrize(
    ("size", "claims", "expected"),
    [
        ((400, 400), 0, True),
        ((1600, 300), 3, False),
        ((1240, 1000), 0, False),
        ((1240, 1000), 3, True),
    ],
)
def test_a_picture_stands_where_it_is_larger(size, claims, expected):
    picture = make_slides.Picture("data:", ALT, *size)
    slide = make_slides.Slide("1", picture=picture, claims=(("A", "b"),) * claims)
    assert slide.is_beside is expected


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (tag(v4.new_code_cell("x\n" * 13)), "13 lines of code.*tag another cell"),
        (tag(v4.new_markdown_cell("x"), "fragment"), "'fragment'.*'slide' and 'skip'"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(cell, said):
    with pytest.raises(ValueError, match=said):
        list_slides(v4.new_markdown_cell("# 9"), cell)


def test_notebooks_without_tags_are_named_or_refused(tmp_path, without_node, capsys):
    untagged = v4.new_notebook(cells=[v4.new_markdown_cell("# 9")])
    tagged = v4.new_notebook(cells=[tag(v4.new_markdown_cell(TITLE))])
    (tmp_path / "08_none.ipynb").write_text(json.dumps(untagged), "utf-8")
    with pytest.raises(ValueError, match=r"No notebook in .* property inspector"):
        make_slides.write(tmp_path / "slides", tmp_path)
    (tmp_path / "09_dot.ipynb").write_text(json.dumps(tagged), "utf-8")
    paths = make_slides.write(tmp_path / "slides", tmp_path)
    assert [path.name for path in paths] == ["09_dot.html"]
    assert "08_none has no cell tagged as a slide" in capsys.readouterr().out


def test_every_chapter_has_slides_and_every_picture_its_description(
    tmp_path, without_node
):
    paths = make_slides.write(tmp_path / "slides", NOTEBOOKS)
    assert [path.stem for path in paths] == CHAPTERS
    for path in paths:
        page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        assert 10 <= len(page.select(".slides > section")) <= 18, path.stem
        found = [(image["src"], image["alt"]) for image in page("img")]
        assert found == read_pictures(NOTEBOOKS / f"{path.stem}.ipynb")
        assert len(found) >= 5
        assert all(len(alt) >= 40 for _, alt in found)


def read_pictures(path):
    """Read from the file as it is what should be shown: addresses and descriptions."""
    pictures = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["metadata"].get("slideshow") == {"slide_type": "slide"}:
            for output in cell.get("outputs", []):
                for kind, content in output.get("data", {}).items():
                    if kind.startswith("image/"):
                        text = "".join(content).replace("\n", "")
                        alt = output["metadata"][kind]["alt"]
                        pictures.append((f"data:{kind};base64,{text}", alt))
    return pictures


# --- In a browser -------------------------------------------------------------------

MEASURE = """() => {
  const slide = Reveal.getCurrentSlide().querySelector(".slide");
  const frame = slide.getBoundingClientRect();
  const inside = [...slide.querySelectorAll("*")];
  const letters = inside.filter((e) =>
    [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()));
  const picture = slide.querySelector("img");
  const scale = picture && Math.min(picture.clientWidth / picture.naturalWidth,
    picture.clientHeight / picture.naturalHeight);
  return {
    sizes: letters.map((e) => parseFloat(getComputedStyle(e).fontSize)),
    hidden: [slide, ...slide.querySelectorAll(".content, .text, .claims, pre")].filter(
      (e) => e.scrollHeight > e.clientHeight + 1).length,
    outside: inside.filter((e) => {
      const box = e.getBoundingClientRect();
      return box.bottom > frame.bottom + 1 || box.right > frame.right + 1;
    }).length,
    width: picture && scale * picture.naturalWidth,
    height: picture && scale * picture.naturalHeight,
  };
}"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
    if CHROMIUM is None:
        pytest.skip("needs Chromium or Chrome on the PATH; none was found")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as browsers:
        started = browsers.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def presentations(tmp_path_factory):
    try:
        node_packages.install()
    except node_packages.NodeMissing as error:
        pytest.skip(str(error))
    return make_slides.write(tmp_path_factory.mktemp("slides"), NOTEBOOKS)


@pytest.mark.slow
def test_in_a_browser_everything_fits_and_can_be_read(browser, presentations):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    asked, faults = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    for path in presentations:
        page.goto(path.as_uri())
        page.wait_for_function("Reveal.isReady()")
        count = page.evaluate("Reveal.getTotalSlides()")
        for number in range(count):
            where = f"{path.stem}, slide {number + 1}"
            assert page.evaluate("Reveal.getIndices().h") == number, where
            seen = page.evaluate(MEASURE)
            assert min(seen["sizes"]) >= 24, where
            assert (seen["hidden"], seen["outside"]) == (0, 0), where
            if seen["width"] is not None:
                assert seen["width"] >= 1100 or seen["height"] >= 360, where
            page.keyboard.press("ArrowRight")
    assert faults == []
    folder = presentations[0].parent.as_uri()
    assert [url for url in asked if not url.startswith((folder, "data:"))] == []


@pytest.mark.slow
def test_prints_one_page_a_slide(browser, presentations):
    page = browser.new_page()
    page.goto(presentations[2].as_uri() + "?print-pdf")
    page.wait_for_function("document.querySelectorAll('.pdf-page').length > 1")
    count = len(page.query_selector_all(".slides .slide"))
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == count
