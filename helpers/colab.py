"""Open in Colab: badges, set-up cells, and what Colab has to install.

    python -m helpers.colab [owner/name]

writes the badges and the set-up cells anew, for a new address if one is given.
"""

import argparse
import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_HOST = "https://github.com/"
_COLAB = "https://colab.research.google.com/"
_BADGE = re.compile(rf"\[!\[[^]]*\]\({re.escape(_COLAB)}[^)]*\)\]\([^)]*\)")
_MARKED_BADGE = re.compile(
    r"(<!-- badge ([\w./-]+) -->).*?(<!-- /badge -->)", re.DOTALL
)


# --- What the notebooks hold --------------------------------------------------------


def repository(root=ROOT):
    """Read the repository's owner/name from the one place where it stands.

    Parameters
    ----------
    root : pathlib.Path
        The folder of pyproject.toml.

    Returns
    -------
    str
    """
    return _read_project(root)["urls"]["Repository"].removeprefix(_HOST)


def setup_cell_source(root=ROOT, up=".."):
    """Return the code of every notebook's first code cell.

    On Colab it fetches the course once and installs what is missing there. Elsewhere
    it only makes `helpers` importable. It is silent, and may be run again.

    Parameters
    ----------
    root : pathlib.Path
    up : str
        The way from the notebook's folder to the project's.

    Returns
    -------
    str
    """
    return f"""\
import importlib
import subprocess
import sys

if "google.colab" in sys.modules:  # elsewhere, the course is here already
    address = "{_HOST}{repository(root)}"
    fetch = f"cd /content; test -d course || git clone -q --depth 1 {{address}} course"
    subprocess.run(fetch, shell=True, check=True)
sys.path[:0] = ["{up}", "/content/course"]
importlib.import_module("helpers.colab").get_ready()"""


def badge_markdown(notebook_name, root=ROOT):
    """Return the badge that opens a notebook in Colab.

    Parameters
    ----------
    notebook_name : str
        Its path below notebooks/, without ending: "01_one_or_seven" or
        "exercises/01_one_or_seven".
    root : pathlib.Path

    Returns
    -------
    str
        Markdown.
    """
    page = f"github/{repository(root)}/blob/main/notebooks/{notebook_name}.ipynb"
    return f"[![Open in Colab]({_COLAB}assets/colab-badge.svg)]({_COLAB}{page})"


def write(address=None, root=ROOT):
    """Write the address, and everything that follows from it, where it belongs.

    That is: the line `Repository` in pyproject.toml; in README.md the badges, each
    between ``<!-- badge 01_one_or_seven -->`` and ``<!-- /badge -->``, and any other
    link to the repository; in each notebook, exercises and their solutions included,
    the set-up cell and the badge. The outputs of the notebooks stay as they are.

    Parameters
    ----------
    address : str, optional
        The new owner/name. Without it, the current address is written anew.
    root : pathlib.Path

    Returns
    -------
    list of pathlib.Path
        The files that changed.

    Raises
    ------
    ValueError
        If the address is not of the form owner/name.
    """
    old = repository(root)
    address = old if address is None else address
    if not re.fullmatch(r"[\w-]+/[\w.-]+", address):
        raise ValueError(
            "The repository's address must read owner/name, as in "
            f"{old}, got {address!r}."
        )
    project, readme = root / "pyproject.toml", root / "README.md"
    link = re.compile(re.escape(_HOST + old) + r"(?![\w-])")  # not name-of-another
    changed = []
    if _rewrite(project, lambda text: link.sub(_HOST + address, text)):
        changed.append(project)

    def write_badge(match):
        return match[1] + badge_markdown(match[2], root) + match[3]

    if _rewrite(
        readme,
        lambda text: _MARKED_BADGE.sub(write_badge, link.sub(_HOST + address, text)),
    ):
        changed.append(readme)
    return changed + [
        path for path in find_notebooks(root) if write_notebook(path, root)
    ]


def find_notebooks(root=ROOT):
    """Return the paths of all notebooks: chapters, exercises and solutions.

    Parameters
    ----------
    root : pathlib.Path

    Returns
    -------
    list of pathlib.Path
    """
    folders = [root / "notebooks" / name for name in ("", "exercises", "solutions")]
    return [path for folder in folders for path in sorted(folder.glob("*.ipynb"))]


def write_notebook(path, root=ROOT):
    """Write the set-up cell and the badge into one notebook.

    A notebook without a cell tagged `setup` gets one before its first code cell, and
    one without a badge gets it at the end of its first cell. Solutions have no badge:
    they are the teacher's.

    Parameters
    ----------
    path : pathlib.Path
    root : pathlib.Path

    Returns
    -------
    bool
        Whether it changed.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    before = nbformat.writes(notebook)
    place = path.resolve().relative_to((root / "notebooks").resolve())
    source = setup_cell_source(root, "/".join([".."] * len(place.parts)))
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tagged = [cell for cell in codes if "setup" in cell.metadata.get("tags", [])]
    for cell in tagged:
        cell.source = source
    if not tagged:
        cell = nbformat.v4.new_code_cell(source)
        cell.metadata["tags"] = ["setup"]
        index = notebook.cells.index(codes[0]) if codes else len(notebook.cells)
        notebook.cells.insert(index, cell)
    if place.parts[0] != "solutions":
        badge = badge_markdown(place.with_suffix("").as_posix(), root)
        title = notebook.cells[0]
        if _BADGE.search(title.source):
            title.source = _BADGE.sub(badge, title.source)
        else:
            title.source = f"{title.source.rstrip()}\n\n{badge}"
    if nbformat.writes(notebook) == before:
        return False
    nbformat.write(notebook, path)
    return True


def _rewrite(path, edit):
    before = path.read_text("utf-8")
    path.write_text(edit(before), "utf-8")
    return edit(before) != before


def _read_project(root):
    import tomllib  # not above: check_environment runs on older Pythons as well

    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]


# --- On Colab -----------------------------------------------------------------------


def is_running():
    """Return whether this is a notebook in Colab."""
    return "google.colab" in sys.modules


def get_ready():
    """On Colab, go to the notebooks' folder and install what is missing there."""
    if is_running():
        os.chdir(ROOT / "notebooks")
        install_missing()


def install_missing():
    """Install what Colab lacks, and leave every package that is there where it is.

    Prints a sentence for each package that is there in a version outside our range.

    Raises
    ------
    RuntimeError
        If pip cannot install them.
    """
    if not is_running():
        return
    installed = installed_versions()
    requirements = _read_project(ROOT)["dependencies"]
    missing, misfits = sort_requirements(requirements, installed, has_face_detector())
    for sentence in misfits:
        print(sentence)
    if not missing:
        return
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(
            "".join(f"{name}=={version}\n" for name, version in installed.items()),
            "utf-8",
        )
        command = [sys.executable, "-m", "pip", "install", "--quiet"]
        command += ["-c", str(constraints), *missing]
        answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode != 0:
        reasons = [line for line in answer.stderr.splitlines() if "ERROR" in line]
        reason = reasons[0] if reasons else f"exit code {answer.returncode}"
        raise RuntimeError(
            f"Colab could not install {', '.join(missing)} ({reason}): choose "
            "Runtime > Disconnect and delete runtime, and run this cell again."
        )
    importlib.invalidate_caches()


def sort_requirements(requirements, installed, face_detector):
    """Find what is missing, and what is there but not as we want it.

    Parameters
    ----------
    requirements : list of str
        As in pyproject.toml: "numpy>=2.1,<2.5".
    installed : dict of str to str
        From names, in lower case with hyphens, to versions; an empty version is one
        that is not known.
    face_detector : bool
        Whether the OpenCV there, whatever its name and version, has the detector.

    Returns
    -------
    missing : list of str
        The requirements to install.
    misfits : list of str
        A sentence for each one that is there in a version outside its range.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    missing, misfits = [], []
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if name.startswith("opencv"):
            # Colab has three OpenCV packages in one folder: which one wins is luck.
            if not face_detector:
                misfits.append(
                    "OpenCV here has no cv2.CascadeClassifier, which the chapters on "
                    f'faces need: run %pip install "{requirement}" and restart.'
                )
        elif name not in installed:
            missing.append(str(requirement))
        elif installed[name] and installed[name] not in requirement.specifier:
            misfits.append(
                f"{name} is {installed[name]} here, and the course was tested with "
                f"{requirement.specifier}: it stays; if a cell fails, this may be why."
            )
    return missing, misfits


def installed_versions():
    """Return the versions of all installed packages that have a proper one.

    Returns
    -------
    dict of str to str
        Names are in lower case with hyphens.
    """
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    versions: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        try:
            version = str(Version(distribution.version))
            name = canonicalize_name(distribution.metadata["Name"])
        except (InvalidVersion, TypeError):
            continue  # a broken folder, which pip does not count either
        versions.setdefault(name, version)
    return versions


def has_face_detector():
    """Return whether the OpenCV that is found first has the detector we use."""
    try:
        import cv2
    except ImportError:
        return False
    return hasattr(cv2, "CascadeClassifier")


def main(arguments=None, root=ROOT):
    """Write badges and set-up cells, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", nargs="?", help="owner/name, when it changes")
    try:
        changed = write(parser.parse_args(arguments).address, root)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for path in changed:
        print(f"Rewrote {path.relative_to(root)}")
    print(f"{len(changed)} files changed; the address is {repository(root)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
