"""What README.md promises is there: links, commands, the messages it explains."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import colab, runtime
from helpers.claims import claim

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


@pytest.fixture(scope="module")
def asked():
    """The messages that the five questions quote."""
    return re.findall(r"^\*\*Why `([^`]+)`\?\*\*", README, re.MULTILINE)


def provoke():
    """Provoke each message as a reader would, and return what is said."""
    answer = subprocess.run(
        [sys.executable, "-I", "-c", "import helpers"], capture_output=True, text=True
    )
    yield answer.stderr
    with pytest.raises(AssertionError) as failure:
        claim("…", 1, at_least=2)
    yield str(failure.value)
    with pytest.raises(ValueError, match="edition") as failure:
        runtime.choose_edition("imbedded")
    yield str(failure.value)
    from helpers.set_up import _explain

    yield _explain(["error: ConnectTimeout"])
    yield "\n".join(colab.sort_requirements(["opencv-python-headless<5"], {}, False)[1])


def test_the_five_questions_quote_what_is_really_said(asked, monkeypatch):
    monkeypatch.delenv("COURSE_EDITION", raising=False)
    said = list(provoke())
    assert len(asked) == len(said) == 5
    for message, text in zip(asked, said, strict=True):
        assert message in text


def test_every_linked_file_is_there():
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", README)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_command_exists():
    targets = set(re.findall(r"^make ([a-z_]+)|`make ([a-z_]+)", README, re.MULTILINE))
    known = set(re.findall(r"^([a-z_]+):", MAKEFILE, re.MULTILINE))
    assert len(targets) > 8
    assert {first or second for first, second in targets} <= known
    modules = re.findall(r"python -m (helpers\.[\w.]+|tests\.[\w.]+)", README)
    files = [ROOT / (module.replace(".", "/") + ".py") for module in modules]
    scripts = re.findall(r"python (data_scripts/\w+\.py)", README)
    files += [ROOT / script for script in scripts]
    assert [file for file in files if not file.exists()] == []
