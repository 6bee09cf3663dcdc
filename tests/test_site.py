"""The site: everything the notebooks say and show is there, and leads somewhere."""

import ast
import csv
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from nbformat import v4

from helpers import build_site, site_notebooks, site_pages

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 900  # seconds, for the other process that builds
BUILD = """
import sys
from pathlib import Path
from helpers import build_site
build_site.write(Path(sys.argv[1]))
"""
# What other builders put beside the pages, with packages that a test does not fetch.
EXTRAS = ("try_it/", "slides/")
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def build_once(tmp_path_factory):
    """Build the site, or wait until another process of this run of pytest has."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, log = base / "site", base / "site.log"
    try:
        (base / "site_is_being_built").mkdir()
    except FileExistsError:
        deadline = time.monotonic() + PATIENCE
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.5)
    else:
        command = [sys.executable, "-c", BUILD, str(folder)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        text = run.stderr if run.returncode else ""
        log.with_suffix(".part").write_text(text, encoding="utf-8")
        log.with_suffix(".part").rename(log)
    fault = log.read_text("utf-8") if log.exists() else "nothing after a long wait"
    if fault:
        pytest.fail(f"The site could not be built:\n{fault}")
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    return build_once(tmp_path_factory)


@pytest.fixture(scope="session")
def pages(site):
    """Every page of the site, parsed, by its path."""
    soup = pytest.importorskip("bs4").BeautifulSoup
    return {
        path.relative_to(site).as_posix(): soup(path.read_bytes(), "html.parser")
        for path in sorted(site.rglob("*.html"))
        if path.parent.name != "_static"  # templates of the theme
    }


def list_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        yield from cell.get("outputs", [])


def list_descriptions(path):
    return [
        output.metadata[kind]["alt"]
        for output in list_outputs(path)
        for kind in output.get("data", {})
        if kind in ("image/png", "image/jpeg")
    ]


@pytest.mark.slow
def test_every_notebook_has_a_page_and_keeps_its_descriptions(pages):
    for path in build_site.list_notebooks():
        page = pages[path.relative_to(ROOT).with_suffix(".html").as_posix()]
        pictures = page.select("article img")
        assert [picture["alt"] for picture in pictures] == list_descriptions(path)
    assert len(CHAPTERS) >= 9


@pytest.mark.slow
def test_every_picture_of_every_page_is_there_and_described(pages, site):
    for name, page in pages.items():
        for picture in page.find_all("img"):
            assert picture.get("alt", "").strip(), f"{name}: {picture}"
            source = picture["src"].split("?")[0]
            assert (site / name).parent.joinpath(source).is_file(), f"{name}: {picture}"


@pytest.mark.slow
def test_every_claim_of_a_chapter_is_in_its_page(pages):
    for path in CHAPTERS:
        printed = "\n".join(output.get("text", "") for output in list_outputs(path))
        claims = re.findall(r"(?m)^✓ (.*) \((.*?)\)$", printed)
        items = pages[f"notebooks/{path.stem}.html"].select("ul.claims li")
        shown = [" ".join(item.get_text().split()) for item in items]
        # The report on the machine, in chapter 0, has lines of another form.
        assert shown == [" ".join(f"{text} {bound}".split()) for text, bound in claims]


@pytest.mark.slow
def test_every_link_within_the_site_leads_somewhere(pages, site):
    anchors = {
        name: {tag["id"] for tag in page.find_all(id=True)}
        for name, page in pages.items()
    }
    broken = []
    for name, page in pages.items():
        for link in page.find_all("a", href=True):
            parts = urlsplit(link["href"])
            if parts.scheme or parts.netloc or link["href"] == "#":
                continue
            place = (site / name).parent / unquote(parts.path) if parts.path else None
            target = (place or site / name).resolve().relative_to(site.resolve())
            if target.as_posix().startswith(EXTRAS):
                continue
            if not (site / target).is_file():
                broken.append(f"{name}: {link['href']}")
            elif parts.fragment and parts.fragment not in anchors[target.as_posix()]:
                broken.append(f"{name}: {link['href']} (no such place there)")
    assert not broken


@pytest.mark.slow
def test_nothing_is_loaded_from_another_host(pages, site):
    for name, page in pages.items():
        loaded = [tag["src"] for tag in page.find_all(src=True)]
        loaded += [
            tag["href"]
            for tag in page.find_all("link", href=True)
            if not {"canonical", "author"} & set(tag.get("rel", []))
        ]
        for address in loaded:
            scheme, host = urlsplit(address)[:2]
            assert scheme in ("", "data"), f"{name} loads {address}"
            assert not host, f"{name} loads {address}"
    for path in site.rglob("*.css"):
        sheet = path.read_text("utf-8")
        assert not re.search(r"(url\(\s*['\"]?|@import\s+['\"])(https?:)?//", sheet)


@pytest.mark.slow
def test_no_path_of_the_machine_is_left(site):
    private = [str(ROOT), str(Path.home()) + os.sep, str(site.parent)]
    for path in site.rglob("*"):
        if path.suffix in {".html", ".js", ".css", ".txt", ".inv", ".ipynb"}:
            text = path.read_text("utf-8", errors="replace")
            found = [word for word in private if len(word) > 3 and word in text]
            assert not found, path.relative_to(site)


@pytest.mark.slow
def test_the_gallery_shows_every_chapter_in_its_own_words(pages):
    described = {text for path in CHAPTERS for text in list_descriptions(path)}
    gallery = pages["gallery.html"].select_one("article")
    assert {picture["alt"] for picture in gallery.find_all("img")} <= described
    linked = {link["href"].split(".html")[0] for link in gallery.find_all("a")}
    assert {f"notebooks/{path.stem}" for path in CHAPTERS[1:]} <= linked
    assert len(gallery.select("ul.claims li")) == len(gallery.find_all("img"))


@pytest.mark.slow
def test_the_leaderboard_holds_the_means_of_the_grades(pages):
    values = {}
    path = ROOT / "data" / "leaderboard" / "grades.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = (row["test"], row["method"].replace("_", " "))
            values.setdefault(key, []).append(row["value"])
    table = pages["leaderboard.html"].find("caption", string=re.compile("Every grade"))
    head, *rows = table.find_parent("table").find_all("tr")
    methods = [cell.get_text() for cell in head.find_all("th")][1:]
    seen = {}
    for row in rows:
        test = row.find("th", scope="row").get_text()
        for method, cell in zip(methods, row.find_all("td"), strict=True):
            seen[test, method] = cell.get_text()
    assert seen.keys() == values.keys()
    for key, shown in seen.items():
        known = [float(value) for value in values[key] if value]
        if not known:
            assert shown == "–", key
        elif not shown.endswith("k"):
            assert float(shown) == pytest.approx(statistics.mean(known), abs=0.51)
            if abs(float(shown)) < 1:
                assert float(shown) == pytest.approx(statistics.mean(known), abs=0.0051)


@pytest.mark.slow
def test_every_public_function_of_the_helpers_is_described(pages):
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        name = name.removesuffix(".__init__")
        public = {
            f"{name}.{node.name}"
            for node in ast.parse(path.read_text("utf-8")).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
        }
        page = pages[f"api/{name}.html"]
        assert public <= {tag["id"] for tag in page.select("dt.sig[id]")}


def test_links_lead_to_pages_and_else_to_the_repository():
    chapter = ROOT / "notebooks" / "01_one_or_seven.ipynb"
    text = (
        "[a](02_where_does_it_look.ipynb#x) [b](../helpers/digits.py) "
        "[c](../data/vgg/transfer.csv) [d](https://doi.org/1) [e](#here) [f](gone.md) "
        "[0, 1] (../README.md) "
        "[![Open](https://host/badge.svg)](https://host/page)"
    )
    linked = build_site.link_pages(text, chapter)
    assert "[a](02_where_does_it_look.ipynb#x) [b](../api/helpers.digits.md) " in linked
    assert "/blob/main/data/vgg/transfer.csv)" in linked
    assert "[d](https://doi.org/1) [e](#here) [f](gone.md) " in linked
    assert "[0, 1] (../README.md) " in linked  # no link, but a remark
    assert linked.endswith("[Open](https://host/page)")


def test_links_of_docs_lead_to_notebooks():
    text = "[a](../notebooks/00_start_here.ipynb) [b](glossary.md) [c](../LICENSE)"
    linked = build_site.link_pages(text, ROOT / "docs" / "gallery.md")
    assert linked.startswith("[a](notebooks/00_start_here.ipynb) [b](glossary.md) ")
    assert linked.endswith("/blob/main/LICENSE)")


@pytest.mark.usefixtures("started")
def test_a_site_with_warnings_is_refused_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sphinx.cmd.build.build_main", lambda _: 2)
    monkeypatch.setattr(build_site, "stage", lambda _: None)
    monkeypatch.setattr(build_site, "BUILD", tmp_path)
    assert build_site.main([]) == 1
    assert "must be built without a warning" in capsys.readouterr().err


def make_notebook(*outputs):
    return v4.new_notebook(cells=[v4.new_code_cell("1", outputs=list(outputs))])


def test_printed_claims_become_lists_and_other_lines_stay(tmp_path):
    text = "one\n✓ A < B (at least 0.9)\n✓ C (d) (exactly 1)\ntwo\n"
    notebook = make_notebook(v4.new_output("stream", name="stdout", text=text))
    site_notebooks.convert(notebook, tmp_path)
    first, claims, last = notebook.cells[0].outputs
    assert (first.text, last.text) == ("one", "two")
    assert re.findall(r"<li>(.*?)</li>", claims.data["text/html"]) == [
        'A &lt; B <span class="bound">at least 0.9</span>',
        'C (d) <span class="bound">exactly 1</span>',
    ]


def test_a_picture_without_a_description_is_refused(tmp_path):
    picture = v4.new_output("display_data", data={"image/png": "iVBORw0KGgo="})
    with pytest.raises(ValueError, match="must have a description"):
        site_notebooks.convert(make_notebook(picture), tmp_path)


def test_bars_of_progress_are_left_out(tmp_path):
    view = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "0%"}
    notebook = make_notebook(v4.new_output("display_data", data=view))
    site_notebooks.convert(notebook, tmp_path)
    assert notebook.cells[0].outputs == []


@pytest.mark.parametrize(
    ("description", "sentence", "message"),
    [
        ("Nothing like it", "The test accuracy is 98 % or more", "must be described"),
        ("Accuracy by epoch", "Pigs can fly", "must hold the claim"),
    ],
)
def test_a_finding_that_is_no_more_is_named(tmp_path, description, sentence, message):
    text = f"<!-- finding 01_one_or_seven | {description} | {sentence} -->"
    with pytest.raises(ValueError, match=message):
        site_pages.fill(text, tmp_path)
