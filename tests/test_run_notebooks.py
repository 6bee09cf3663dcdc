import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat import v4

from helpers import run_notebooks
from helpers.run_notebooks import Run

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)


@pytest.fixture
def write_notebook(tmp_path):
    def write(*sources):
        notebook = v4.new_notebook(cells=[v4.new_code_cell(text) for text in sources])
        path = tmp_path / "09_test.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


CLAIM = "import sys; sys.path.insert(0, {root!r}); from helpers.claims import claim"


@pytest.mark.slow
def test_a_run_collects_outputs_claims_time_and_memory(write_notebook):
    path = write_notebook(
        CLAIM.format(root=str(run_notebooks.ROOT)),
        "ballast = bytearray(300_000_000)",
        "import time; time.sleep(0.5); claim('Four is four', 4, equals=4)",
    )
    notebook, run = run_notebooks.run_notebook(path)
    assert run.error == ""
    assert [claim["text"] for claim in run.claims] == ["Four is four"]
    assert notebook.cells[2].outputs[0].text == "✓ Four is four (exactly 4)\n"
    assert run.peak_memory > 300_000_000
    assert 0.5 < run.seconds < 100


@pytest.mark.slow
def test_a_failed_claim_fails_the_run_and_is_reported(write_notebook, monkeypatch):
    path = write_notebook(
        CLAIM.format(root=str(run_notebooks.ROOT)),
        "claim('Four is five', 4, equals=5)",
        "print('never')",
    )
    monkeypatch.setattr(run_notebooks, "ROOT", path.parent)
    before = path.read_bytes()
    assert run_notebooks.main(["--save", str(path)]) == 1
    report = (path.parent / "build" / "report.md").read_text("utf-8")
    assert "| 09_test | Four is five | exactly 5 | 4 | FAILED |" in report
    assert "«Four is five» does not hold" in report
    assert path.read_bytes() == before


@pytest.mark.slow
def test_two_at_a_time_are_reported_in_their_order(write_notebook, monkeypatch, capsys):
    path = write_notebook("import time\ntime.sleep(3)", "1 / 0")
    monkeypatch.setattr(run_notebooks, "ROOT", path.parent)
    quick = path.with_name("10_quick.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = notebook.cells[:1]
    notebook.cells[0].source = "1 + 1"
    nbformat.write(notebook, quick)
    assert run_notebooks.main(["--jobs", "2", str(path), str(quick)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "[1/2] 09_test" in lines[0]
    assert "ZeroDivisionError" in lines[1]
    assert "[2/2] 10_quick" in lines[2]
    report = (path.parent / "build" / "report.md").read_text("utf-8")
    assert report.index("09_test") < report.index("10_quick")


@pytest.mark.slow
def test_saved_notebook_holds_nothing_of_this_machine(write_notebook, monkeypatch):
    path = write_notebook("1 + 1")
    monkeypatch.setattr(run_notebooks, "ROOT", path.parent)
    monkeypatch.delenv("COURSE_EDITION", raising=False)
    assert run_notebooks.main(["--save", str(path)]) == 0
    saved = nbformat.read(path, as_version=4)
    assert saved.cells[0].execution_count == 1
    assert saved.cells[0].outputs[0].data["text/plain"] == "2"
    assert "execution" not in saved.cells[0].metadata
    assert saved.metadata.language_info == {"name": "python"}
    assert (path.parent / "build" / "notebooks" / "09_test.html").exists()


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_page_keeps_the_description_and_asks_no_other_host(tmp_path, kind):
    output = v4.new_output(
        "display_data",
        {kind: PICTURE},
        metadata={kind: {"alt": 'A "dot" & <nothing> else.'}},
    )
    badge = "# Dot\n\n[![Open](https://host.invalid/badge.svg)](https://host.invalid/)"
    cells = [v4.new_markdown_cell(badge), v4.new_code_cell("dot", outputs=[output])]
    notebook = v4.new_notebook(cells=cells)
    page = tmp_path / "pages" / "dot.html"
    run_notebooks.write_page(notebook, page)
    text = page.read_text("utf-8")
    (picture,) = BeautifulSoup(text, "html.parser").find_all("img")
    assert picture["alt"] == 'A "dot" & <nothing> else.'
    assert picture["src"] == f"data:{kind};base64,{PICTURE}"
    assert "No description" not in text
    assert "host.invalid" not in text
    assert '<script src="http' not in text
    assert '<link rel="stylesheet" href="http' not in text


def test_report_tells_every_measured_value():
    held = {"text": "A", "wanted": "at least 1", "measured": 1.25, "held": True}
    runs = [
        Run("01_a", 61.4, 2_340_000_000, [held], ""),
        Run("02_b", 5, 1, [], "E: x"),
    ]
    report = run_notebooks.format_report(runs, "embedded")
    assert "| 01_a | 61 | 2.34 GB | 1 of 1 | passed |" in report
    assert "| 01_a | A | at least 1 | 1.25 | held |" in report
    assert "| 02_b | 5 | 0.00 GB | 0 of 0 | FAILED |" in report
    assert "## 02_b failed" in report


def test_a_folder_stands_for_the_notebooks_in_it(tmp_path):
    for name in ("b.ipynb", "a.ipynb", "notes.txt"):
        (tmp_path / name).write_text("")
    other = tmp_path / "elsewhere.ipynb"
    found = run_notebooks.find_notebooks([tmp_path, other])
    assert found == [tmp_path / "a.ipynb", tmp_path / "b.ipynb", other]


@pytest.mark.parametrize(("folder", "kept"), [("solutions", 1), ("notebooks", 2)])
def test_solutions_are_saved_with_what_they_print_and_no_pictures(
    tmp_path, folder, kept
):
    printed = v4.new_output("stream", name="stdout", text="✓ Exercise 1.1: right.\n")
    picture = v4.new_output("display_data", {"image/png": PICTURE})
    cell = v4.new_code_cell("check", outputs=[printed, picture])
    path = tmp_path / folder / "01_dot.ipynb"
    path.parent.mkdir()
    run_notebooks.save_outputs(v4.new_notebook(cells=[cell]), path)
    saved = nbformat.read(path, as_version=4).cells[0].outputs
    assert saved == [printed, picture][:kept]
