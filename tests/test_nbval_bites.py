"""nbval is only worth its minutes if it fails when it should."""

import os
import subprocess
import sys

import nbformat
import pytest

from helpers.run_notebooks import ROOT

CHAPTER = ROOT / "notebooks" / "01_one_or_seven.ipynb"


def _run_nbval(notebook, folder):
    path = folder / CHAPTER.name
    nbformat.write(notebook, path)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "--nbval-lax", str(path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def _read_until(text):
    """Read chapter 1 up to and with the first cell that contains `text`."""
    notebook = nbformat.read(CHAPTER, as_version=4)
    last = next(i for i, cell in enumerate(notebook.cells) if text in cell.source)
    notebook.cells = notebook.cells[: last + 1]
    return notebook


@pytest.mark.slow
def test_a_spoiled_network_fails(tmp_path):
    notebook = _read_until("The test accuracy is 98 % or more")
    spoiled = 0
    for cell in notebook.cells:
        if "learning_rate=1.0" in cell.source:
            cell.source = cell.source.replace("learning_rate=1.0", "learning_rate=0.0")
            spoiled += 1
    assert spoiled == 1
    result = _run_nbval(notebook, tmp_path)
    assert result.returncode == 1
    assert "«The test accuracy is 98 % or more» does not hold" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("change", ["", "not "])
def test_a_changed_claim_line_fails_and_an_unchanged_one_passes(tmp_path, change):
    notebook = _read_until("A 7 is wider at the top")
    stored = notebook.cells[-1].outputs[-1]
    assert stored.text.startswith("✓ A 7 is wider at the top")
    stored.text = stored.text.replace("✓ ", f"✓ {change}")
    result = _run_nbval(notebook, tmp_path)
    assert result.returncode == (1 if change else 0), result.stdout
