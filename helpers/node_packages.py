"""The few JavaScript packages that the site and the slides are made of.

    python -m helpers.node_packages

installs them below build/node.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_FOLDER = ROOT / "build" / "node"
_FILES = ("package.json", "package-lock.json", ".npmrc")
_COMMAND = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


class NodeMissing(RuntimeError):
    """npm, or what it should fetch, cannot be had; the site does without."""


def install() -> Path:
    """Install the packages of ``docs/package-lock.json`` below ``build/node``.

    Does nothing if they are there already. No package's own scripts are run.

    Returns
    -------
    pathlib.Path
        The folder ``node_modules``.

    Raises
    ------
    NodeMissing
        If npm is not installed, or cannot fetch the packages.
    """
    packages = _FOLDER / "node_modules"
    stamp = packages / ".installed"
    lock = _hash_files()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == lock:
        return packages
    npm = shutil.which("npm")
    if npm is None:
        raise NodeMissing(
            "The page to draw on and the slides need npm, which was not found; install "
            "Node.js 20 or later, or do without them: the rest of the site needs none."
        )
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        shutil.copyfile(ROOT / "docs" / name, _FOLDER / name)
    result = subprocess.run(
        [npm, *_COMMAND],
        cwd=_FOLDER,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode:
        raise NodeMissing(
            "npm could not fetch the packages of docs/package-lock.json "
            f"({_find_reason(result.stderr)}); connect to the network once and run "
            "`python -m helpers.node_packages`, or do without the page to draw on and "
            "the slides."
        )
    stamp.write_text(lock, encoding="utf-8")
    return packages


def _hash_files():
    contents = (
        (ROOT / "docs" / name).read_text(encoding="utf-8") for name in _FILES
    )  # as text: Git may change line ends
    return hashlib.sha256("\n".join(contents).encode()).hexdigest()


def _find_reason(messages):
    lines = [line.removeprefix("npm error").strip() for line in messages.splitlines()]
    return next((line for line in lines if line), "it gave no reason")


if __name__ == "__main__":
    try:
        print(f"The JavaScript packages are in {install().relative_to(ROOT)}.")
    except NodeMissing as error:
        raise SystemExit(str(error)) from None
