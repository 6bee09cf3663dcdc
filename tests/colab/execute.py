"""Run every notebook as Colab would: its Python, its packages, its set-up cell.

    python -m tests.colab.execute [06]

builds an environment from Colab's published versions, those of constraints.txt, in
build/colab, pretends in it to be Colab, and executes chapters and solutions there (or
those of one chapter), embedded edition. Their set-up cells clone the course, as far as
it is committed here, to /content/course and install what Colab lacks. At the end, no
package that was there before may have moved.

It needs uv, the network, Python 3.13 (uv finds or fetches it), and a folder /content
that it may write in: `sudo install -d -o $USER /content`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTENT = Path("/content")
CONSTRAINTS = ROOT / "tests" / "colab" / "constraints.txt"
FOLDERS = ("notebooks", "notebooks/solutions")
NEVER_MOVE = ("tensorflow", "keras", "numpy")


def main(arguments=None):
    """Build, run, compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    chapters = sorted(path.name[:2] for path in (ROOT / "notebooks").glob("*.ipynb"))
    parser.add_argument("chapter", nargs="?", default="", choices=["", *chapters])
    chapter = parser.parse_args(arguments).chapter
    if reason := find_obstacle():
        print(reason, file=sys.stderr)
        return 2
    build = ROOT / "build" / "colab"
    python = build_environment(build, CONSTRAINTS.read_text("utf-8"))
    before = read_versions(python)
    try:
        failed = execute(python, build, chapter)
    finally:
        shutil.rmtree(CONTENT / "course", ignore_errors=True)
    moved, added = compare(before, read_versions(python))
    print("Installed by the set-up cells:", ", ".join(added) or "nothing")
    for sentence in moved:
        print(sentence, file=sys.stderr)
    return int(failed or bool(moved))


def find_obstacle():
    """Return a sentence on what is missing to pretend to be Colab, or ""."""
    if shutil.which("uv") is None:
        return "uv is not on the PATH: install it (`pip install uv`)."
    if not os.access(CONTENT, os.W_OK):
        command = f"sudo install -d -o $USER {CONTENT}"
        return f"{CONTENT} must be a folder to write in, and is not: run `{command}`."
    if (CONTENT / "course").exists():
        return f"{CONTENT / 'course'} is there already: delete it first."
    return ""


def build_environment(build, listed):
    """Install Colab's versions of what the course needs, and a pretended Colab.

    Colab has three OpenCVs, which write into one folder: the last one wins. Here it is
    the one with the face detector.
    """
    shutil.rmtree(build, ignore_errors=True)
    python = build / "environment" / "bin" / "python"
    uv = ["uv", "--quiet"]
    subprocess.run(
        [*uv, "venv", "--seed", "--python", "3.13", python.parents[1]], check=True
    )
    lines = [line for line in listed.splitlines() if line and line[0] != "#"]
    others = [line for line in lines if not line.startswith("opencv")]
    cvs = sorted(set(lines) - set(others), key=lambda line: "contrib" in line)
    install = [*uv, "pip", "install", "--python", str(python)]
    subprocess.run([*install, *others, "nbconvert"], check=True)
    for line in cvs:
        subprocess.run([*install, "--no-deps", line], check=True)
    pretended = build / "pretended" / "google" / "colab"
    pretended.mkdir(parents=True)
    (pretended / "__init__.py").write_text('"""Not really Colab."""\n', "utf-8")
    startup = build / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00_colab.py").write_text("import google.colab\n", "utf-8")
    return python


def read_versions(python):
    """Return {package: version} of an environment."""
    answer = subprocess.run(
        ["uv", "--quiet", "pip", "freeze", "--python", str(python)],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", answer.stdout, re.MULTILINE))


def execute(python, build, chapter):
    """Execute notebooks in kernels that take themselves for Colab.

    Parameters
    ----------
    python : pathlib.Path
        Of the environment.
    build : pathlib.Path
        Where pages and reports go.
    chapter : str
        How the notebooks' names begin; "" for all.

    Returns
    -------
    bool
        Whether any of them failed.
    """
    from helpers import colab

    address = f"https://github.com/{colab.repository()}"
    environment = os.environ | {
        "IPYTHONDIR": str(build / "ipython"),
        "PYTHONPATH": str(build / "pretended"),
        # The set-up cell clones from GitHub; git takes this repository instead.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": address,
        "COURSE_EDITION": "embedded",
    }
    failed = False
    for folder in FOLDERS:
        opened = build / "opened" / folder  # not beside our helpers, but the clone's
        opened.mkdir(parents=True)
        paths = sorted((ROOT / folder).glob(f"{chapter}*.ipynb"))
        copies = [shutil.copy(path, opened) for path in paths]
        command = [python, "-m", "helpers.run_notebooks", "--output", build / folder]
        answer = subprocess.run([*command, *copies], cwd=ROOT, env=environment)
        failed |= answer.returncode != 0
    return failed


def compare(before, after):
    """Return a sentence for each package that moved, and the names of new ones."""
    moved = [
        f"{name} was {version}, and is now {after.get(name, 'gone')}"
        + (": TensorFlow, Keras and NumPy must never move." * (name in NEVER_MOVE))
        for name, version in before.items()
        if after.get(name) != version
    ]
    return moved, sorted(set(after) - set(before))


if __name__ == "__main__":
    sys.exit(main())
