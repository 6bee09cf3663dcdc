"""The course opens in Colab, and leaves Colab's own packages alone."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers import colab
from tests.colab import execute

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "tests" / "colab" / "constraints.txt"
DEPENDENCIES = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "dependencies"
]
COLAB_MARKERS = {
    "python_version": "3.13",
    "python_full_version": "3.13.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "extra": "",
}


# --- Our dependencies against Colab's list ------------------------------------------


def read_constraints(text):
    """Return {name: version, or "" where it is not recorded}."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = [line.partition("==") for line in lines]
    return {canonicalize_name(name): version for name, _, version in pairs}


def resolve(requirements, listed):
    """Walk requirements as pip would on Colab.

    Returns what it would have to install, and a sentence for each requirement that
    what is there does not meet. What Colab has is not walked any further: its own
    requirements are Colab's affair, and other versions of it are installed here.
    """
    to_install, conflicts = set(), []
    queue = [("the course", requirement) for requirement in requirements]
    while queue:
        parent, text = queue.pop()
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate(COLAB_MARKERS):
            continue
        if name == "opencv-python-headless":
            # Colab has OpenCV 5 and 4.14 in one folder, and luck decides. What counts
            # is the face detector: sort_requirements asks for that, not for a version.
            assert name in listed
        elif name not in listed:
            if name not in to_install:
                to_install.add(name)
                children = importlib.metadata.requires(name) or []
                queue += [(name, child) for child in children]
        elif listed[name] and listed[name] not in requirement.specifier:
            conflicts.append(f"{parent} wants {text}, Colab has {listed[name]}")
    return to_install, conflicts


@pytest.fixture
def listed():
    return read_constraints(CONSTRAINTS.read_text("utf-8"))


def names(requirements):
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_constraints_name_their_python_source_and_date():
    text = CONSTRAINTS.read_text("utf-8")
    assert f"# Python {COLAB_MARKERS['python_version']}\n" in text
    assert "googlecolab/backend-info" in text
    assert re.search(r"# Date: \d{4}-\d{2}-\d{2}\n", text)


def test_our_ranges_accept_colabs_versions(listed):
    assert resolve(DEPENDENCIES, listed)[1] == []


@pytest.mark.parametrize(
    ("name", "version", "parent"),
    [
        ("numpy", "1.26.4", "the course"),
        ("tensorflow", "2.22.0", "the course"),
        ("ipywidgets", "9.0.0", "ipycanvas"),
        ("wrapt", "3.0.0", "deprecated"),  # which only tf-keras-vis brings in
    ],
)
def test_a_version_that_does_not_fit_is_found(listed, name, version, parent):
    _, conflicts = resolve(DEPENDENCIES, listed | {name: version})
    assert any(parent in line and version in line for line in conflicts)


def test_colab_lacks_what_we_think_it_lacks(listed):
    to_install, _ = resolve(DEPENDENCIES, listed)
    assert to_install == {"ipycanvas", "lime", "tf-keras-vis", "deprecated"}


@pytest.mark.parametrize("gone", [None, "pooch", "scipy"])
def test_the_set_up_installs_what_is_missing_and_nothing_else(listed, gone):
    listed.pop(gone, None)
    missing, misfits = colab.sort_requirements(DEPENDENCIES, listed, True)
    to_install, _ = resolve(DEPENDENCIES, listed)
    assert names(missing) == to_install & names(DEPENDENCIES)
    assert (gone is None) or gone in names(missing)
    assert misfits == []


def test_what_is_missing_is_installed_in_our_range(listed):
    missing, _ = colab.sort_requirements(DEPENDENCIES, listed, True)
    assert "tf-keras-vis==0.8.7" in missing


def test_what_is_there_stays_even_when_it_does_not_fit(listed):
    listed["tensorflow"] = "2.30.0"
    missing, misfits = colab.sort_requirements(DEPENDENCIES, listed, True)
    assert "tensorflow" not in names(missing)
    assert len(misfits) == 1
    assert "tensorflow is 2.30.0 here" in misfits[0]


def test_opencv_is_judged_by_its_face_detector(listed):
    for versions in (listed, {}):
        missing, misfits = colab.sort_requirements(DEPENDENCIES, versions, True)
        assert "opencv-python-headless" not in names(missing)
        assert not any("OpenCV" in line for line in misfits)
    missing, misfits = colab.sort_requirements(DEPENDENCIES, listed, False)
    assert "opencv-python-headless" not in names(missing)
    assert len(misfits) == 1
    assert "%pip install" in misfits[0]


def test_installed_versions_are_the_ones_that_import():
    import numpy
    import skimage

    versions = colab.installed_versions()
    assert versions["numpy"] == numpy.__version__
    assert versions["scikit-image"] == skimage.__version__


# --- The address, and what follows from it ------------------------------------------


def find_disagreements(root):
    """Return a sentence for each badge and set-up cell that was not generated so."""
    found = []
    readme = (root / "README.md").read_text("utf-8")
    chapters = [(path, "..", "") for path in root.glob("notebooks/*.ipynb")]
    exercises = [
        (path, "../..", f"{path.parent.name}/")
        for path in root.glob("notebooks/*/*.ipynb")
    ]
    for path, up, folder in sorted(chapters + exercises):
        notebook = nbformat.read(path, as_version=4)
        badge = colab.badge_markdown(folder + path.stem, root)
        prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
        tagged = ["setup" in cell.metadata.get("tags", []) for cell in codes]
        if not tagged[0] or sum(tagged) > 1:
            found.append(f"{path.name}: not only the first code cell is tagged `setup`")
        if codes[0].source != colab.setup_cell_source(root, up):
            found.append(f"{path.name}: the set-up cell is not the generated one")
        if (badge in prose[0]) == (folder == "solutions/"):
            found.append(f"{path.name}: the first cell lacks its badge, or has one")
        found += find_other_addresses(path, "\n".join(prose), root)
        if (
            not folder
            and f"<!-- badge {path.stem} -->{badge}<!-- /badge -->" not in readme
        ):
            found.append(f"README.md: no badge of {path.stem} between markers")
    return found + find_other_addresses(root / "README.md", readme, root)


def find_other_addresses(path, text, root):
    colab_link = r"colab\.research\.google\.com/github/([^/]+/[^/]+)/"
    clone = r"git clone https://github\.com/([\w-]+/[\w.-]+?)(?:\.git)?(?=\s|$)"
    addresses = re.findall(colab_link, text) + re.findall(clone, text)
    return [
        f"{path.name}: it names {address}, not {colab.repository(root)}"
        for address in addresses
        if address != colab.repository(root)
    ]


def test_badges_and_set_up_cells_agree_with_the_address():
    assert find_disagreements(ROOT) == [], "Run `make colab`."


@pytest.fixture
def course(tmp_path):
    """A small course, with everything in it that holds the address."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "notebooks").mkdir()
    address = colab.repository(ROOT)
    (tmp_path / "README.md").write_text(
        f"# The course\n\ngit clone https://github.com/{address}\n\n"
        "| 1 | <!-- badge 01_first -->to come<!-- /badge --> |\n"
        "| 2 | <!-- badge 02_second --><!-- /badge --> | "
        f"https://github.com/{address}-2 is another |\n",
        "utf-8",
    )
    for folder in ("exercises", "solutions"):
        (tmp_path / "notebooks" / folder).mkdir()
    for name in ("01_first", "02_second", "exercises/01_first", "solutions/01_first"):
        output = nbformat.v4.new_output("stream", name="stdout", text="Wärme 0.5\n")
        cells = [
            nbformat.v4.new_markdown_cell("# Title\n\nYou need nothing."),
            nbformat.v4.new_code_cell(
                "print('Wärme 0.5')", execution_count=7, outputs=[output]
            ),
        ]
        notebook = nbformat.v4.new_notebook(cells=cells)
        nbformat.write(notebook, tmp_path / "notebooks" / f"{name}.ipynb")
    colab.write(None, tmp_path)
    return tmp_path


def read_all(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_writing_adds_what_was_missing_and_keeps_the_outputs(course):
    assert find_disagreements(course) == []
    notebook = nbformat.read(course / "notebooks" / "01_first.ipynb", as_version=4)
    title, setup, first = notebook.cells
    assert title.source.startswith("# Title\n\nYou need nothing.\n\n[![Open in Colab]")
    assert setup.metadata.tags == ["setup"]
    assert (first.execution_count, first.outputs[0].text) == (7, "Wärme 0.5\n")


def test_exercises_and_solutions_find_the_project_two_folders_up(course):
    first = 'sys.path[:0] = ["{up}", "/content/course"]'
    for folder, up in {"": "..", "exercises": "../..", "solutions": "../.."}.items():
        path = course / "notebooks" / folder / "01_first.ipynb"
        cells = nbformat.read(path, as_version=4).cells
        assert first.format(up=up) in cells[1].source
        assert (path.parent / up / "pyproject.toml").exists()
        page = f"/blob/main/notebooks/{folder}/01_first.ipynb".replace("//", "/")
        assert (page in cells[0].source) == (folder != "solutions")


def test_writing_again_changes_nothing(course):
    before = read_all(course)
    assert colab.write(None, course) == []
    assert read_all(course) == before


def test_a_new_address_is_written_everywhere(course):
    old = colab.repository(course)
    changed = colab.write("new-owner/new.name", course)
    assert [path.name for path in changed] == [
        "pyproject.toml",
        "README.md",
        "01_first.ipynb",
        "02_second.ipynb",
        "01_first.ipynb",
        "01_first.ipynb",
    ]
    assert colab.repository(course) == "new-owner/new.name"
    assert find_disagreements(course) == []
    for path, content in read_all(course).items():
        text = content.decode().replace(f"{old}-2", "")
        assert old not in text, path.name
    assert f"{old}-2" in (course / "README.md").read_text("utf-8")
    colab.write(old, course)
    assert tomllib.loads((course / "pyproject.toml").read_text("utf-8")) == (
        tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    )


def test_the_outputs_of_the_real_notebooks_stay(course):
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        shutil.copy(path, course / "notebooks")
    colab.write("new-owner/new.name", course)
    for path in notebooks:
        old, new = (
            nbformat.read(folder / path.name, as_version=4)
            for folder in (ROOT / "notebooks", course / "notebooks")
        )
        assert outputs(old) == outputs(new)


def outputs(notebook):
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [
        (cell.source, cell.execution_count, cell.outputs)
        for cell in codes
        if "setup" not in cell.metadata.get("tags", [])
    ]


def spoil(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


FIRST, SECOND = "notebooks/01_first.ipynb", "notebooks/02_second.ipynb"
EXERCISE = "notebooks/exercises/01_first.ipynb"
CLONE = "clone https://github.com/"


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("pyproject.toml", "github.com/OWNER/", "github.com/x/", "not x/"),
        ("README.md", "badge 02_second", "bagde 02_second", "no badge of 02_second"),
        ("README.md", CLONE + "OWNER", CLONE + "x", "it names x/"),
        (FIRST, "test -d course", "true", "not the generated one"),
        (FIRST, '"setup"\n', '"other"\n', "is tagged `setup`"),
        (SECOND, "/02_second.ipynb", "/01_first.ipynb", "lacks its badge"),
        (SECOND, "github/OWNER", "github/x", "it names x/"),
        (EXERCISE, "../..", "..", "not the generated one"),
        (EXERCISE, "/exercises/01_first.ipynb", "/01_first.ipynb", "lacks its badge"),
    ],
)
def test_a_disagreement_is_found(course, file, old, new, complaint):
    owner = colab.repository(course).partition("/")[0]
    spoil(course / file, old.replace("OWNER", owner), new)
    assert any(complaint in line for line in find_disagreements(course))


@pytest.mark.parametrize(
    ("file", "old"),
    [
        (FIRST, "test -d course"),
        (SECOND, "/02_second.ipynb"),
        ("README.md", "blob/main"),
    ],
)
def test_writing_mends_what_disagrees(course, file, old):
    spoil(course / file, old, "spoiled")
    assert find_disagreements(course) != []
    colab.write(None, course)
    assert find_disagreements(course) == []


@pytest.mark.parametrize("address", ["owner", "https://github.com/a/b", "a/b c", ""])
def test_an_address_of_another_form_is_refused(course, address):
    before = read_all(course)
    with pytest.raises(ValueError, match="must read owner/name"):
        colab.write(address, course)
    assert read_all(course) == before


def test_the_command_writes_and_says_so(capsys, course):
    assert colab.main(["a/b"], course) == 0
    assert "6 files changed; the address is a/b." in capsys.readouterr().out
    assert colab.main(["a"], course) == 2
    assert "owner/name" in capsys.readouterr().err


# --- The set-up cell ----------------------------------------------------------------


def test_the_set_up_cell_is_short(course):
    colab.write("an-owner-with-a-name/and-a-repository-of-thirty-six", course)
    source = colab.setup_cell_source(course)
    assert len(source.splitlines()) <= 10
    assert max(map(len, source.splitlines())) <= 88


def test_the_set_up_cell_is_clean(tmp_path):
    path = tmp_path / "cell.py"
    path.write_text(colab.setup_cell_source() + "\n", "utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    subprocess.run([*ruff, "format", "--check", *config, str(path)], check=True)
    ignored = ["--ignore", "D,E402,I"]  # as for the notebooks in pyproject.toml
    subprocess.run([*ruff, "check", *config, *ignored, str(path)], check=True)


def test_elsewhere_the_set_up_cell_is_silent_and_finds_the_helpers():
    code = colab.setup_cell_source() + "\nimport helpers, os; seen = helpers.__file__"
    check = f"{code}\n{colab.setup_cell_source()}\nassert os.path.isabs(seen)"
    answer = subprocess.run(
        # -I: neither the working directory nor PYTHONPATH help to find the helpers.
        [sys.executable, "-I", "-c", check],
        cwd=ROOT / "notebooks",
        capture_output=True,
        text=True,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@pytest.fixture
def in_colab(monkeypatch, listed):
    """A pretended Colab; returns the list of commands that it is asked to run."""
    commands = []

    def run(command, **options):
        entry = {"command": command, "options": options, "constraints": ""}
        if isinstance(command, list):
            path = Path(command[command.index("-c") + 1])
            entry["constraints"] = path.read_text("utf-8")
        commands.append(SimpleNamespace(**entry))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(colab, "installed_versions", lambda: known(listed))
    monkeypatch.setattr(colab, "has_face_detector", lambda: True)
    monkeypatch.chdir(ROOT)
    return commands


def known(listed):
    """The list, with the oldest version we take for each that was not recorded."""
    oldest = {
        canonicalize_name(requirement.name): bound.version
        for requirement in map(Requirement, DEPENDENCIES)
        for bound in requirement.specifier
        if bound.operator == ">="
    }
    return {name: version or oldest.get(name, "1") for name, version in listed.items()}


def test_in_colab_the_set_up_cell_fetches_and_installs(in_colab, capsys):
    exec(colab.setup_cell_source(), {})
    fetch, install = in_colab
    address = f"https://github.com/{colab.repository()}"
    assert fetch.command == (
        f"cd /content; test -d course || git clone -q --depth 1 {address} course"
    )
    assert fetch.options == {"shell": True, "check": True}
    assert install.command[:5] == [sys.executable, "-m", "pip", "install", "--quiet"]
    assert names(install.command[7:]) == {"ipycanvas", "lime", "tf-keras-vis"}
    assert "tensorflow==2.20.0\n" in install.constraints
    assert "numpy==2.1.3\n" in install.constraints
    assert "/content/course" in sys.path
    assert Path.cwd() == ROOT / "notebooks"
    assert capsys.readouterr().out == ""


def test_in_colab_nothing_is_installed_twice(monkeypatch, in_colab, listed):
    there = known(listed) | {
        "ipycanvas": "0.14.3",
        "lime": "0.2.0.1",
        "tf-keras-vis": "0.8.7",
    }
    monkeypatch.setattr(colab, "installed_versions", lambda: there)
    exec(colab.setup_cell_source(), {})
    assert [run.options.get("shell") for run in in_colab] == [True]


def test_a_failure_of_pip_is_one_sentence(monkeypatch, in_colab):
    said = "WARNING: x\nERROR: No matching distribution found for lime\nmore\n"
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 1, "", said),
    )
    with pytest.raises(RuntimeError) as caught:
        colab.install_missing()
    assert "No matching distribution found for lime" in str(caught.value)
    assert "run this cell again" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_elsewhere_nothing_is_installed(monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    monkeypatch.setattr(colab, "installed_versions", dict)
    before = Path.cwd()
    colab.install_missing()
    colab.get_ready()
    assert Path.cwd() == before


@pytest.mark.skipif(os.name == "nt", reason="the command is for Colab's shell")
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not on the PATH")
def test_the_fetching_command_fetches_once(tmp_path):
    origin, content = tmp_path / "origin", tmp_path / "content"
    content.mkdir()
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", origin], check=True)
    (origin / "file").write_text("first", "utf-8")
    subprocess.run(["git", "add", "file"], cwd=origin, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "a"], cwd=origin, check=True)
    (line,) = re.findall(r'fetch = f"(.*)"', colab.setup_cell_source())
    command = line.format(address=f"file://{origin}").replace("/content", str(content))
    subprocess.run(command, shell=True, check=True)
    assert (content / "course" / "file").read_text("utf-8") == "first"
    (content / "course" / "file").write_text("the reader's own", "utf-8")
    subprocess.run(command, shell=True, check=True)
    assert (content / "course" / "file").read_text("utf-8") == "the reader's own"
    shutil.rmtree(origin)
    shutil.rmtree(content / "course")
    failed = subprocess.run(command, shell=True, capture_output=True)
    assert failed.returncode != 0


# --- The run that pretends to be Colab ----------------------------------------------


@pytest.mark.parametrize(
    ("codes", "failed"), [((0, 0), False), ((1, 0), True), ((-9, 0), True)]
)
def test_a_run_that_was_killed_has_failed_too(codes, failed, tmp_path, monkeypatch):
    ends = iter(codes)
    runs = []

    def run(command, **_):
        runs.append(command)
        return SimpleNamespace(returncode=next(ends))

    monkeypatch.setattr(subprocess, "run", run)
    assert execute.execute("python", tmp_path, "00") is failed
    assert [Path(command[-1]).parent.name for command in runs] == [
        "notebooks",
        "solutions",
    ]


def test_packages_that_moved_are_named():
    before = {"numpy": "2.1.3", "dask": "1", "kept": "3"}
    moved, added = execute.compare(before, {"numpy": "2.2", "kept": "3", "new": "1"})
    assert moved == [
        "numpy was 2.1.3, and is now 2.2: TensorFlow, Keras and NumPy must never move.",
        "dask was 1, and is now gone",
    ]
    assert added == ["new"]
