"""Sorting faces where readers do it: JupyterLab, in a real browser."""

import csv

import numpy as np
import pytest
from PIL import Image

from tests import test_drawing_pad_in_browser as drawing_pad

pytestmark = pytest.mark.slow

lab = drawing_pad.lab
page = drawing_pad.page
expect = drawing_pad.playwright.expect

# Each face is a grey of its own, so that a file on the disk tells which face it is.
NOTEBOOK = """
import numpy as np
from helpers.labelling import label_faces

greys = 20 * np.arange(10, dtype="uint8")[:, None, None, None]
faces = np.broadcast_to(greys, (10, 100, 100, 3))
label_faces(faces, [f"face_{number}.png" for number in range(10)], "sorted")
"""


@pytest.fixture(autouse=True)
def _notebook(monkeypatch):
    monkeypatch.setattr(drawing_pad, "NOTEBOOK", NOTEBOOK)


def read_folder(folder):
    """Return {class: numbers of the faces in its folder}, by their greys."""
    found = {}
    for path in sorted(folder.glob("*/*")):
        number = int(np.asarray(Image.open(path))[50, 50, 0]) // 20
        assert path.name == f"face_{number}.png"
        found.setdefault(path.parent.name, []).append(number)
    return found


def read_table(folder):
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return [label for _, label in list(csv.reader(file))[1:]]


def run_cell(page):
    page.get_by_text("| Idle").wait_for()  # the kernel stands by
    page.locator(".jp-Notebook-cell .cm-content").first.click()
    page.keyboard.press("Control+Enter")


def test_faces_are_sorted_by_keys_and_clicks_and_the_next_run_goes_on(
    lab, page, tmp_path
):
    folder = tmp_path / "work" / "sorted"
    form = page.locator(".jp-OutputArea-output", has=page.get_by_label("Keys"))
    field = form.get_by_label("Keys")

    def expect_progress(text):
        expect(form.get_by_text(" of 10 faces")).to_have_text(text)

    page.goto(lab)
    run_cell(page)
    expect(form.get_by_alt_text("The face to sort")).to_be_visible()
    expect_progress("0 of 10 faces")
    expect(form.get_by_role("button", name="undo")).to_be_disabled()

    field.click()
    page.keyboard.press("1")
    expect_progress("1 of 10 faces")
    form.get_by_role("button", name="sad").click()
    expect_progress("2 of 10 faces")
    # R on a button would make JupyterLab turn the cell into text: the field has the
    # focus again.
    expect(field).to_be_focused()
    page.keyboard.press("r")
    expect_progress("3 of 10 faces, 1 rejected")
    page.keyboard.press("Space")
    expect_progress("4 of 10 faces, 1 skipped, 1 rejected")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(form.get_by_role("button", name="sad")).to_be_focused()
    page.keyboard.press("Enter")
    expect_progress("5 of 10 faces, 1 skipped, 1 rejected")
    page.keyboard.type("5")
    expect_progress("6 of 10 faces, 1 skipped, 1 rejected")
    assert read_folder(folder) == {"happy": [0], "sad": [1, 4], "surprised": [5]}
    page.keyboard.press("Backspace")
    expect_progress("5 of 10 faces, 1 skipped, 1 rejected")
    assert read_folder(folder) == {"happy": [0], "sad": [1, 4]}
    page.keyboard.type("45z3")  # as fast as a browser takes them
    expect_progress("7 of 10 faces, 1 skipped, 1 rejected")
    sorted_so_far = {"happy": [0], "sad": [1, 4], "neutral": [6], "angry": [5]}
    assert read_folder(folder) == sorted_so_far
    page.screenshot(path=tmp_path / "labelling.png")

    # A reloaded page shows the same face, and the keys still work.
    page.locator('[data-command="docmanager:save"]').first.click()
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    page.reload()
    expect_progress("7 of 10 faces, 1 skipped, 1 rejected")
    field.click()
    page.keyboard.press("End")
    page.keyboard.press("1")
    expect_progress("8 of 10 faces, 1 skipped, 1 rejected")

    # So does a new kernel.
    page.locator('[data-command="notebook:restart-run-all"]').first.click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(field).to_have_value("")
    expect_progress("8 of 10 faces, 1 skipped, 1 rejected")
    field.click()
    page.keyboard.press("z")
    expect_progress("7 of 10 faces, 1 skipped, 1 rejected")
    page.keyboard.type("222")
    expect_progress("10 of 10 faces, 1 skipped, 1 rejected")
    expect(form.get_by_text("No face is left.")).to_be_visible()
    expect(form.get_by_role("button", name="sad")).to_be_disabled()

    assert read_folder(folder) == {**sorted_so_far, "sad": [1, 4, 7, 8, 9]}
    assert read_table(folder) == [
        *("happy", "sad", "rejected", "skipped", "sad"),
        *("angry", "neutral", "sad", "sad", "sad"),
    ]
    expect(page.locator(".jp-CodeCell")).to_have_count(1)  # no key went astray
