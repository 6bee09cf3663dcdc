"""Build the site: the chapters as they are stored, and the pages around them.

    python -m helpers.build_site

writes build/site from docs/ and notebooks/, without a network and without running a
notebook. Sphinx wants all sources below one folder, so they are laid out in
build/site_source first, with what a web page needs said differently: pictures beside
their descriptions, claims as lists, links to files that are not pages of the site as
links to the repository.
"""

import argparse
import importlib
import os
import re
import shutil
import sys
import time
from pathlib import Path

import nbformat

from helpers import colab, node_packages, runtime, site_notebooks, site_pages

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

# Each writes a folder of the site with its own script: the page without Python, the
# slides.
_EXTRAS = {"try_it": "helpers.export_networks", "slides": "helpers.make_slides"}


def main(arguments=None):
    """Build the site and say where it is; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.parse_args(arguments)
    start = time.perf_counter()
    folder = BUILD / "site"
    try:
        write(folder)
        for name, builder in _EXTRAS.items():
            try:
                importlib.import_module(builder).write(folder / name)
            except node_packages.NodeMissing as error:
                print(f"{name} is left out: {error}")
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    seconds = time.perf_counter() - start
    print(f"build/site: {size / 1e6:.0f} MB in {seconds:.0f} s; open index.html")
    return 0


def write(folder):
    """Write the pages of the site; whatever the folder held before is deleted.

    Parameters
    ----------
    folder : pathlib.Path

    Raises
    ------
    RuntimeError
        If Sphinx warned of anything, such as a link that leads nowhere.
    ValueError
        If a page of docs/ names a finding that its chapter does not hold, or a picture
        has no description.
    """
    runtime.start()
    from sphinx.cmd.build import build_main

    source = folder.with_name(f"{folder.name}_source")
    stage(source)
    shutil.rmtree(folder, ignore_errors=True)
    strict = ["--fail-on-warning", "--keep-going", "--fresh-env", "--quiet"]
    trees = ["--doctree-dir", str(source / ".doctrees")]
    failed = build_main([*strict, *trees, str(source), str(folder)])
    # MyST-NB leaves an empty folder, unless Sphinx failed before it.
    shutil.rmtree(folder.with_name("jupyter_execute"), ignore_errors=True)
    if failed:
        raise RuntimeError(
            "The site must be built without a warning, got those above; mend the page "
            "that each of them names, and build again."
        )


def stage(source):
    """Lay out everything that Sphinx reads below one folder.

    Parameters
    ----------
    source : pathlib.Path
        Deleted first. docs/ comes to its root, notebooks/ keeps its name.
    """
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "docs", source, ignore=_leave_out)
    shutil.copy(ROOT / "data" / "front_page.png", source / "_static")
    for path in list_notebooks():
        notebook = nbformat.read(path, as_version=4)
        page = source / path.relative_to(ROOT)
        page.parent.mkdir(parents=True, exist_ok=True)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = link_pages(cell.source, path)
        site_notebooks.convert(notebook, source / "pictures")
        nbformat.write(notebook, page)
    for path in sorted((ROOT / "docs").rglob("*.md")):
        page = source / path.relative_to(ROOT / "docs")
        if page.exists():
            text = link_pages(path.read_text("utf-8"), path)
            page.write_text(site_pages.fill(text, source), encoding="utf-8")
    site_pages.write_modules(source / "api")


def list_notebooks():
    """Return the notebooks that become pages: the chapters, then their exercises."""
    folder = ROOT / "notebooks"
    return [*sorted(folder.glob("*.ipynb")), *sorted(folder.glob("exercises/*.ipynb"))]


def link_pages(text, path):
    """Let relative links in Markdown lead to where the site has what they name.

    Parameters
    ----------
    text : str
        Markdown, without code.
    path : pathlib.Path
        The file it comes from, in the project.

    Returns
    -------
    str
        Links to sources of pages lead there; all others lead to the repository. A
        badge, whose picture lies on another host, becomes a link in words.
    """
    text = re.sub(r"\[!\[(.*?)\]\(http[^)]*\)\]", r"[\1]", text)

    def lead(link):
        target, anchor = link.groups()
        return f"]({_find_page(target, path)}{anchor or ''})"

    return re.sub(r"\]\((?!\w+:|#|/)([^)#\s]+)(#[^)\s]*)?\)", lead, text)


def _find_page(target, path):
    """Return where a relative link of a file of the project leads in the site."""
    wanted = Path(os.path.normpath(path.parent / target))
    if not wanted.is_relative_to(ROOT) or not wanted.exists():
        return target  # generated, or wrong: Sphinx will tell
    place = wanted.relative_to(ROOT)
    if place.parts[0] == "docs" or wanted in list_notebooks():
        page = _find_source(place)
    elif place.parts[0] == "helpers" and wanted.suffix == ".py":
        page = Path("api") / f"{site_pages.name_module(wanted)}.md"
    else:
        kind = "tree" if wanted.is_dir() else "blob"
        repository = f"https://github.com/{colab.repository(ROOT)}"
        return f"{repository}/{kind}/main/{place.as_posix()}"
    here = _find_source(path.relative_to(ROOT)).parent
    return Path(os.path.relpath(page, here)).as_posix()


def _find_source(place):
    """Return the place below build/site_source of a file at a place of the project."""
    return place.relative_to("docs") if place.parts[0] == "docs" else place


def _leave_out(folder, names):
    """Return what of docs/ is not for Sphinx: other builders put it into the site."""
    others = {*_EXTRAS, "node_modules", "package.json", "package-lock.json", ".npmrc"}
    return others & set(names)


if __name__ == "__main__":
    sys.exit(main())
