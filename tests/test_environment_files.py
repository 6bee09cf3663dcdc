"""pyproject.toml, the lock, environment.yml, the workflows and set_up agree."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from helpers.set_up import SUPPORTED_PYTHONS

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LOCKING = "uv pip compile pyproject.toml --all-extras --universal"


def read(name):
    return (ROOT / name).read_text("utf-8")


def read_lock(text):
    """Return {name: [(version, number of hashes), ...]} of a requirements.txt."""
    joined = text.replace("\\\n", " ")
    locked = {}
    for line in joined.splitlines():
        if pin := re.match(r"([\w.-]+)==([^\s;]+)(.*)", line):
            hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}\b", pin[3])
            locked.setdefault(canonicalize_name(pin[1]), []).append(
                (pin[2], len(hashes))
            )
    return locked


def read_dependencies(text):
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"].values()
    return [
        Requirement(line)
        for line in project["dependencies"]
        + [line for extra in extras for line in extra]
    ]


# --- The checks: each takes texts and returns what is wrong with them ----------------


def find_unlocked(pyproject, lock):
    """Every dependency is in the lock, in a version inside its range."""
    locked = read_lock(lock)
    for requirement in read_dependencies(pyproject):
        versions = [
            version
            for version, _ in locked.get(canonicalize_name(requirement.name), [])
        ]
        if not versions:
            yield f"{requirement} is not in requirements.txt"
        for version in versions:
            if version not in requirement.specifier:
                yield f"requirements.txt has {version} for {requirement}"


def find_loose_lines(lock):
    """Every line of the lock pins one version and has hashes; none names a host."""
    for name, pins in read_lock(lock).items():
        for version, hashes in pins:
            if hashes == 0:
                yield f"{name} {version} has no hash"
    for line in lock.replace("\\\n", " ").splitlines():
        if line.strip() and not re.match(r"\s*#|[\w.-]+==\S", line):
            yield f"{line.strip()[:60]!r} pins nothing"
        if "://" in line:
            yield f"{line.strip()[:60]!r} names a host"


def find_wrong_header(lock):
    """The lock says how it is made: for all extras, systems and Pythons."""
    header = "\n".join(lock.splitlines()[:2])
    oldest = f"--python-version {SUPPORTED_PYTHONS[0]} "
    for part in (LOCKING, oldest, "--generate-hashes", "-o requirements.txt"):
        if part not in header:
            yield f"the header of requirements.txt lacks `{part}`"


def find_wrong_opencv(lock):
    """OpenCV is below 5, which has no face detector, and there is only one."""
    packages = {
        name: pins
        for name, pins in read_lock(lock).items()
        if name.startswith("opencv")
    }
    if len(packages) != 1:
        yield f"{len(packages)} OpenCV packages in requirements.txt, expected one"
    for name, pins in packages.items():
        for version, _ in pins:
            if int(version.split(".")[0]) >= 5:
                yield f"{name} {version}, expected one below 5"


def find_python_disagreements(pyproject, environment, push):
    """Everyone names the same Pythons: pyproject.toml, conda, CI, set_up."""
    wanted = SpecifierSet(tomllib.loads(pyproject)["project"]["requires-python"])
    minors = [f"3.{minor}" for minor in range(6, 30)]
    accepted = tuple(minor for minor in minors if f"{minor}.5" in wanted)
    if accepted != SUPPORTED_PYTHONS:
        yield f"pyproject.toml accepts {accepted}, set_up {SUPPORTED_PYTHONS}"
    conda = [
        line for line in yaml.safe_load(environment)["dependencies"] if "python" in line
    ]
    if conda not in [[f"python={version}"] for version in SUPPORTED_PYTHONS]:
        yield f"environment.yml has {conda}"
    matrix = yaml.safe_load(push)["jobs"]["all"]["strategy"]["matrix"]["python"]
    if tuple(matrix) != SUPPORTED_PYTHONS:
        yield f"push.yml tests Python {matrix}"


def find_wrong_environment(environment):
    """Conda gives Python and pip; all else comes from the lock."""
    *from_conda, pip = yaml.safe_load(environment)["dependencies"]
    names = [re.match("[a-z-]+", line)[0] for line in from_conda]
    if names != ["python", "pip"]:
        yield f"environment.yml takes {names} from conda"
    if pip != {"pip": ["-r requirements.txt"]}:
        yield f"environment.yml lets pip install {pip}"


def find_wrong_workflow(text):
    """A workflow reads, has no rights and no secrets, and pins major versions."""
    workflow = yaml.safe_load(text)
    if workflow["permissions"] != {"contents": "read"}:
        yield f"it has the permissions {workflow['permissions']}"
    if "secrets." in text:
        yield "it uses secrets"
    for job in workflow["jobs"].values():
        if "timeout-minutes" not in job:
            yield "a job may run for hours"
        for action in [step["uses"] for step in job["steps"] if "uses" in step]:
            if not re.fullmatch(r"actions/[\w-]+@v\d+", action):
                yield f"the action {action}"


# --- They hold, and they bite ---------------------------------------------------------


def test_every_dependency_is_locked():
    assert list(find_unlocked(read("pyproject.toml"), read("requirements.txt"))) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("pyproject", "numpy>=2.1,<2.5", "numpy>=2.1,<2.2", "has 2.4.6 for numpy"),
        ("pyproject", "ruff>=0.14", "ruff>=99", "for ruff>=99"),
        ("pyproject", '"lime==0.2.0.1"', '"limes==1"', "limes==1 is not in"),
        ("lock", "\ntf-keras-vis==0.8.7", "\ntf-keras-vis==0.8.6", "has 0.8.6 for tf"),
        ("lock", "\nscipy==1.18.1", "\nscipy==2.0.0", "has 2.0.0 for scipy"),
        ("lock", "\npooch==", "\nmooch==", "pooch<2,>=1.8 is not in"),
    ],
)
def test_a_dependency_that_is_not_locked_is_found(file, old, new, complaint):
    texts = {"pyproject": read("pyproject.toml"), "lock": read("requirements.txt")}
    texts[file] = replace(texts[file], old, new)
    assert any(complaint in line for line in find_unlocked(*texts.values()))


def test_every_line_of_the_lock_is_pinned_and_hashed():
    assert list(find_loose_lines(read("requirements.txt"))) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (r"pooch==(\S+) \\\n(    --hash.*\n)+", r"pooch==\1\n", "pooch 1.9.0 has no"),
        (r"\npooch==\S+", "\npooch>=1.9.0", "pins nothing"),
        (r"\Z", "--index-url https://example.org/simple\n", "names a host"),
        (r"\Z", "--find-links wheels\n", "pins nothing"),
        (r"\Z", "pooch @ https://example.org/pooch.whl\n", "names a host"),
    ],
)
def test_a_loose_line_is_found(old, new, complaint):
    lock, count = re.subn(old, new, read("requirements.txt"), count=1)
    assert count == 1
    assert any(complaint in line for line in find_loose_lines(lock))


def test_the_lock_says_how_it_is_made():
    assert list(find_wrong_header(read("requirements.txt"))) == []


@pytest.mark.parametrize(
    "part", ["--all-extras", "--universal", "--generate-hashes", " 3.11", "uv "]
)
def test_a_header_that_says_too_little_is_found(part):
    lock = replace(read("requirements.txt"), part, "")
    assert list(find_wrong_header(lock)) != []


def test_opencv_is_one_and_below_5():
    assert list(find_wrong_opencv(read("requirements.txt"))) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("headless==4.14.0.94", "headless==5.0.0.93", "expected one below 5"),
        ("\nopt-einsum==", "\nopencv-python==", "2 OpenCV packages"),
        ("\nopencv-python-headless==", "\nopen-cv==", "0 OpenCV packages"),
    ],
)
def test_a_wrong_opencv_is_found(old, new, complaint):
    lock = replace(read("requirements.txt"), old, new)
    assert any(complaint in line for line in find_wrong_opencv(lock))


def test_everyone_names_the_same_pythons():
    files = ("pyproject.toml", "environment.yml", ".github/workflows/push.yml")
    assert list(find_python_disagreements(*map(read, files))) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("pyproject", ">=3.11,<3.14", ">=3.11,<3.15", "pyproject.toml accepts"),
        ("pyproject", ">=3.11,<3.14", ">=3.12,<3.14", "pyproject.toml accepts"),
        ("environment", "python=3.12", "python=3.10", "environment.yml has"),
        ("environment", "python=3.12", "pythonic", "environment.yml has"),
        ("push", '"3.11", ', "", "push.yml tests"),
    ],
)
def test_another_python_is_found(file, old, new, complaint):
    texts = {
        "pyproject": read("pyproject.toml"),
        "environment": read("environment.yml"),
        "push": read(".github/workflows/push.yml"),
    }
    texts[file] = replace(texts[file], old, new)
    assert any(complaint in line for line in find_python_disagreements(*texts.values()))


def test_conda_gives_python_and_the_lock_the_rest():
    assert list(find_wrong_environment(read("environment.yml"))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  - pip\n", "  - numpy\n  - pip\n"),
        ("  - pip\n", ""),
        ("-r requirements.txt\n", "-r requirements.in\n"),
        ("-r requirements.txt\n", "-r requirements.txt\n      - lime\n"),
    ],
)
def test_another_source_of_packages_is_found(old, new):
    environment = replace(read("environment.yml"), old, new)
    assert list(find_wrong_environment(environment)) != []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_have_no_rights_and_no_secrets(path):
    assert list(find_wrong_workflow(path.read_text("utf-8"))) == []


def test_the_workflows_are_there():
    names = [path.stem for path in WORKFLOWS]
    assert names == ["push", "weekly-colab", "weekly-newest"]
    for path in WORKFLOWS:
        triggers = yaml.safe_load(path.read_text("utf-8"))[True]  # `on` is YAML's true
        wanted = "push" if path.stem == "push" else "schedule"
        assert wanted in triggers


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("contents: read", "contents: write", "permissions"),
        ("@v4", "@main", "actions/checkout@main"),
        ("actions/checkout", "someone/checkout", "someone/checkout"),
        ("make test", "make test ${{ secrets.KEY }}", "secrets"),
        ("timeout-minutes: 60", "name: x", "hours"),
    ],
)
def test_a_wrong_workflow_is_found(old, new, complaint):
    push = read(".github/workflows/push.yml").replace("    name: All", "    id: All")
    assert any(
        complaint in line for line in find_wrong_workflow(replace(push, old, new))
    )


def test_the_fast_job_runs_what_make_check_runs():
    steps = yaml.safe_load(read(".github/workflows/push.yml"))["jobs"]["fast"]["steps"]
    commands = [line for line in steps[-1]["run"].splitlines() if "python" in line]
    recipe = re.search(r"\ncheck: set_up\n((\t.*\n)+)", read("Makefile"))[1]
    wanted = recipe.replace("\t$(VENV_PYTHON)", "python").splitlines()
    assert commands == wanted


def test_colabs_python_is_one():
    steps = yaml.safe_load(read(".github/workflows/weekly-colab.yml"))["jobs"]["colab"]
    (version,) = [
        step["with"]["python-version"]
        for step in steps["steps"]
        if "setup-python" in step.get("uses", "")
    ]
    assert f"# Python {version}\n" in read("tests/colab/constraints.txt")
    assert version in SUPPORTED_PYTHONS


def replace(text, old, new):
    assert old in text
    return text.replace(old, new)
