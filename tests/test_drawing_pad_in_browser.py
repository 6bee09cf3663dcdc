"""The drawing pad where readers meet it: JupyterLab, in a real browser."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
pytest.importorskip("jupyterlab")

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = next(
    filter(
        None,
        map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome")),
    ),
    None,
)
PATIENCE = 120  # seconds, for a cold start on a busy machine
GAIN = 0.05

# A model whose answer is known: the half with more ink wins, p(left) = σ(gain × (left
# ink − right ink)); what speaks for a half is the ink in it.
NOTEBOOK = f"""
import keras
import numpy as np
from helpers.widgets import drawing_pad

right = np.broadcast_to(np.arange(28) >= 14, (28, 28)).ravel()
model = keras.Sequential(
    [
        keras.layers.Input((28, 28, 1)),
        keras.layers.Flatten(),
        keras.layers.Dense(2, activation="softmax"),
    ]
)
model.set_weights([{GAIN} * np.stack([~right, right], axis=1), np.zeros(2)])

def explain(model, images, class_index):
    return images[..., 0] * (right.reshape(28, 28) == bool(class_index))

drawing_pad(model, ["left", "right"], explain)
"""


@pytest.fixture
def lab(tmp_path):
    """Start JupyterLab on a folder with one notebook; yield the notebook's address."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(NOTEBOOK.strip())],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    (tmp_path / "work").mkdir()
    nbformat.write(notebook, tmp_path / "work" / "pad.ipynb")
    page_settings = {
        "disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}
    }
    (tmp_path / "config" / "labconfig").mkdir(parents=True)
    (tmp_path / "config" / "labconfig" / "page_config.json").write_text(
        json.dumps(page_settings), encoding="utf-8"
    )
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_TOKEN": "loopback-only",
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("COURSE_WIDGETS", None)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ip=127.0.0.1", "--port=0", f"--ServerApp.root_dir={tmp_path / 'work'}"),
    ]
    log = tmp_path / "lab.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        address = wait_for_address(log, server)
        yield f"{address}lab/tree/pad.ipynb?token=loopback-only"
    finally:
        server.terminate()  # the server ends its kernels
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for_address(log, server):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:[1-9]\d*/", log.read_text())
        if found:
            return found[0]
        time.sleep(0.2)
    pytest.fail(f"JupyterLab gave no address; its log says:\n{log.read_text()}")


@pytest.fixture
def page():
    if CHROMIUM is None:
        pytest.skip("needs Chromium or Chrome on the PATH; none was found")
    arguments = [
        *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update"),
        "--disable-sync",
    ]
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(1000 * PATIENCE)
        playwright.expect.set_options(timeout=1000 * PATIENCE)
        yield page
        browser.close()


def drag(page, canvas, *points):
    """Draw a polyline on the canvas with the mouse; points in canvas fractions."""
    canvas.hover()  # waits until the canvas stands still and nothing covers it
    box = canvas.bounding_box()
    corners = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=8)
    page.mouse.up()


def wait_for_ink(page, right, down):
    """Wait until the canvas is white at a point, given in fractions of its sides."""
    page.wait_for_function(
        """([right, down]) => {
            const canvas = document.querySelector(".jp-OutputArea canvas");
            if (!canvas) return false;
            const [x, y] = [right * canvas.width, down * canvas.height];
            const colour = canvas.getContext("2d").getImageData(x, y, 1, 1).data;
            return colour.every((value) => value === 255);
        }""",
        arg=[right, down],
    )


def probability_of_left(ink_left, ink_right):
    return 1 / (1 + math.exp(-GAIN * (ink_left - ink_right)))


def test_a_stroke_changes_the_numbers_and_lasts_until_cleared(lab, page, tmp_path):
    page.goto(lab)
    page.get_by_text("| Idle").wait_for()  # the kernel stands by
    page.locator(".jp-Notebook-cell .cm-content").first.click()
    page.keyboard.press("Control+Enter")  # Shift+Enter would scroll to a new cell
    canvas = page.locator(".jp-OutputArea canvas")
    canvas.wait_for()
    pad = page.locator(".jp-OutputArea-output", has=page.locator("canvas"))
    expect = playwright.expect
    expect(pad.get_by_text("Draw with a mouse, a pen or a finger.")).to_be_visible()
    shares = pad.locator("output")
    expect(shares).to_have_text(["50.0%", "50.0%"])  # an empty pad favours neither

    # A vertical stroke, 14 pixels long and 2.5 thick with round ends, on the right.
    ink = 14 * 2.5 + math.pi * 1.25**2
    drag(page, canvas, (0.75, 0.25), (0.75, 0.75))
    expect(shares).not_to_have_text(["50.0%", "50.0%"])
    expect(pad.get_by_text("What speaks for right")).to_be_visible()
    final = r"^1[1-4]\.\d%$"
    assert re.match(final, f"{probability_of_left(0, ink):.1%}")
    expect(shares.first).to_have_text(re.compile(final))

    # The same on the left, in two strokes: together more ink than on the right.
    drag(page, canvas, (0.2, 0.1), (0.2, 0.9))
    drag(page, canvas, (0.35, 0.1), (0.35, 0.9))
    expect(pad.get_by_text("What speaks for left")).to_be_visible()
    wait_for_ink(page, right=0.75, down=0.5)
    page.screenshot(path=tmp_path / "pad.png")

    # A reloaded page shows the drawing again.
    page.locator('[data-command="docmanager:save"]').first.click()
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    page.reload()
    wait_for_ink(page, right=0.75, down=0.5)
    wait_for_ink(page, right=0.2, down=0.5)

    pad.get_by_role("button", name="Clear").click()
    expect(shares).to_have_text(["50.0%", "50.0%"])
