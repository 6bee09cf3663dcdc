"""Setting up makes .venv, finds it made, mends it half-made, and says what is wrong."""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from helpers import set_up

ROOT = Path(__file__).resolve().parents[1]
THIS_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
posix_only = pytest.mark.skipif(os.name == "nt", reason="it needs a POSIX shell")


# --- What is done, and what is not ----------------------------------------------------


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose installers are quick; ``project.done`` lists what they did."""

    class Project:
        folder, done = tmp_path, []
        lock, venv = tmp_path / "requirements.txt", tmp_path / ".venv"
        stamp = tmp_path / ".venv" / "course-stamp"

    def create(folder, python, uv):
        Project.done.append("create")
        venv.create(folder)

    def install(folder, lock, uv):
        Project.done.append("install")
        if "fails" in lock.read_text("utf-8"):
            raise set_up.SetUpError("It failed.")

    Project.lock.write_text("first==1\n", "utf-8")
    monkeypatch.setattr(set_up, "_create", create)
    monkeypatch.setattr(set_up, "_install", install)
    return Project


def test_the_first_time_makes_everything_and_the_second_nothing(project):
    assert set_up.set_up(project.folder) is True
    assert project.done == ["create", "install"]
    assert set_up.set_up(project.folder) is False
    assert project.done == ["create", "install"]


def test_another_lock_is_installed_into_the_same_environment(project):
    set_up.set_up(project.folder)
    (project.venv / "own-notes").touch()
    project.lock.write_text("first==2\n", "utf-8")
    assert set_up.set_up(project.folder) is True
    assert project.done == ["create", "install", "install"]
    assert (project.venv / "own-notes").exists()
    assert set_up.set_up(project.folder) is False


def test_another_python_in_the_environment_is_noticed(project):
    set_up.set_up(project.folder)
    text = project.stamp.read_text("utf-8")
    assert f"Python {THIS_PYTHON}\n" in text
    project.stamp.write_text(text.replace(THIS_PYTHON, "3.10"), "utf-8")
    assert set_up.set_up(project.folder) is True


def test_a_half_made_environment_is_made_anew(project):
    project.lock.write_text("fails==1\n", "utf-8")
    with pytest.raises(set_up.SetUpError):
        set_up.set_up(project.folder)
    (project.venv / "half-written").touch()
    project.lock.write_text("first==1\n", "utf-8")
    assert set_up.set_up(project.folder) is True
    assert project.done == ["create", "install"] * 2
    assert not (project.venv / "half-written").exists()


def test_an_environment_that_was_only_begun_is_made_anew(project, monkeypatch):
    def begin(folder, python, uv):
        venv.create(folder)
        (folder / "half-written").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(set_up, "_create", begin)
        with pytest.raises(KeyboardInterrupt):
            set_up.set_up(project.folder)
    assert set_up.set_up(project.folder) is True
    assert project.done == ["create", "install"]
    assert not (project.venv / "half-written").exists()


def test_an_update_that_stops_half_way_is_not_taken_for_done(project):
    set_up.set_up(project.folder)
    project.lock.write_text("fails==1\n", "utf-8")
    with pytest.raises(set_up.SetUpError):
        set_up.set_up(project.folder)
    project.lock.write_text("first==1\n", "utf-8")  # back to the lock of before
    assert set_up.set_up(project.folder) is True


@posix_only
@pytest.mark.parametrize("damage", ["python gone", "python elsewhere", "empty folder"])
def test_an_environment_that_does_not_run_is_made_anew(project, damage):
    set_up.set_up(project.folder)
    python = project.venv / "bin" / "python"
    python.unlink()
    if damage == "python elsewhere":
        python.symlink_to("/nowhere/python")
    if damage == "empty folder":
        shutil.rmtree(project.venv)
        project.venv.mkdir()
    assert set_up.set_up(project.folder) is True
    assert project.done == ["create", "install"] * 2
    assert set_up.set_up(project.folder) is False


def test_an_environment_made_by_hand_is_completed(project):
    venv.create(project.venv)
    (project.venv / "own-notes").touch()
    assert set_up.set_up(project.folder) is True
    assert project.done == ["install"]
    assert (project.venv / "own-notes").exists()


def test_an_environment_of_another_python_is_left_alone(project, monkeypatch):
    venv.create(project.venv)
    monkeypatch.setattr(set_up, "SUPPORTED_PYTHONS", ("3.98", "3.99"))
    with pytest.raises(set_up.SetUpError, match=f"holds Python {THIS_PYTHON}, and the"):
        set_up.set_up(project.folder)
    assert project.done == []


def test_a_full_disk_is_told_before_anything_is_made(project, monkeypatch):
    usage = shutil._ntuple_diskusage(total=1, used=1, free=1e9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(set_up.SetUpError, match=r"about 4 GB, and 1\.0 GB"):
        set_up.set_up(project.folder)
    assert not project.venv.exists()


def test_an_error_is_one_sentence_and_an_exit_code(project, monkeypatch, capsys):
    monkeypatch.setattr(set_up, "ROOT", project.folder)
    project.lock.write_text("fails==1\n", "utf-8")
    assert set_up.main() == 1
    assert capsys.readouterr().err == "It failed.\n"
    project.lock.write_text("first==1\n", "utf-8")
    assert set_up.main() == 0


# --- Which Python ---------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with nothing on it, and a function that puts a pretended Python there."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name, version, exit_code=0):
        path = folder / name
        path.write_text(
            "#!/bin/sh\n"
            f'case "$2" in *version_info*) echo {version};; *) echo {path};; esac\n'
            f"exit {exit_code}\n"
        )
        path.chmod(0o755)
        return str(path)

    return add


def test_the_running_python_is_taken(programs):
    assert Path(set_up.find_python()).exists()
    assert set_up._ask([set_up.find_python()], set_up._ASK_VERSION) == THIS_PYTHON


@posix_only
def test_a_python_on_the_path_is_taken_when_the_running_one_is_too_old(
    programs, monkeypatch
):
    monkeypatch.setattr(sys, "_base_executable", programs("python3", "3.9"))
    programs("python3.13", "", exit_code=127)  # a stand-in with nothing behind it
    wanted = programs("python3.12", "3.12")
    programs("python3.11", "3.11")
    assert set_up.find_python() == wanted


@posix_only
def test_no_python_is_told_in_a_sentence(programs, monkeypatch):
    monkeypatch.setattr(sys, "_base_executable", programs("python3", "3.9"))
    with pytest.raises(set_up.SetUpError) as caught:
        set_up.find_python()
    assert "needs Python 3.11, 3.12 or 3.13" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_python_without_ensurepip_names_debians_package(tmp_path, monkeypatch):
    (tmp_path / "ensurepip.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    wanted = f"sudo apt-get install python{THIS_PYTHON}-venv"
    with pytest.raises(set_up.SetUpError, match=re.escape(wanted)):
        set_up._create(tmp_path / ".venv", sys.executable, None)
    assert not (tmp_path / ".venv").exists()


OLD = ["helpers/__init__.py", "helpers/set_up.py", "helpers/check_environment.py"]
OLD += ["helpers/colab.py", "helpers/runtime.py"]  # which check_environment imports


@pytest.mark.parametrize("file", OLD)
def test_old_pythons_can_read_it(file):
    ast.parse((ROOT / file).read_text("utf-8"), feature_version=(3, 8))


def imported(file):
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.Import)]
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    modules = [alias.name for node in imports for alias in node.names]
    return {name.partition(".")[0] for name in modules + [it.module for it in froms]}


@pytest.mark.parametrize("file", OLD)
def test_it_needs_nothing_that_is_not_in_python(file):
    assert imported(file) <= sys.stdlib_module_names | {"helpers"}
    assert "tomllib" not in imported(file)  # new in Python 3.11


def test_the_package_itself_imports_nothing():
    assert imported("helpers/__init__.py") == set()


# --- What pip says, and what we say ---------------------------------------------------


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder with one small wheel, and pip told to look nowhere else."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "small-1.0.dist-info/"
    with zipfile.ZipFile(folder / "small-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small.py", "answer = 42\n")
        wheel.writestr(
            info + "METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n"
        )
        wheel.writestr(
            info + "WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(info + "RECORD", "")
    for name in [name for name in os.environ if re.match("(PIP|UV)_", name)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "1")  # pip tells of the network only then
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def write_lock(folder, digest):
    lock = folder / "requirements.txt"
    lock.write_text(f"small==1.0 \\\n    --hash=sha256:{digest}\n", "utf-8")
    return lock


def install(lock):
    command = [sys.executable, "-m", "pip", "install", "--require-hashes", "--dry-run"]
    set_up._run([*command, "--ignore-installed", "-r", str(lock)])


def digest_of(wheels):
    (wheel,) = wheels.glob("*.whl")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_a_real_environment_is_made_with_venv_and_pip(tmp_path, wheels, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)  # no uv
    write_lock(tmp_path, digest_of(wheels))
    assert set_up.set_up(tmp_path) is True
    python = set_up._python_of(tmp_path / ".venv")
    assert set_up._ask(python, "import small; print(small.answer)") == "42"
    assert set_up.set_up(tmp_path) is False


@pytest.mark.parametrize("uv", [None, "uv"])
def test_nothing_is_installed_without_a_hash(tmp_path, monkeypatch, uv):
    commands = []
    monkeypatch.setattr(
        set_up, "_run", lambda command, count=0: commands.append(command)
    )
    lock = write_lock(tmp_path, "0" * 64)
    set_up._install(tmp_path / ".venv", lock, uv)
    (command,) = commands
    assert "--require-hashes" in command
    assert str(lock) in command
    assert (command[0] == uv) is bool(uv)


def test_a_wrong_hash_is_told(tmp_path, wheels):
    install(write_lock(tmp_path, digest_of(wheels)))
    with pytest.raises(set_up.SetUpError, match="package is not the one that"):
        install(write_lock(tmp_path, "0" * 64))


def test_a_missing_build_is_told(tmp_path, wheels):
    lock = write_lock(tmp_path, digest_of(wheels))
    next(wheels.glob("*.whl")).unlink()
    with pytest.raises(set_up.SetUpError, match="no build for this system"):
        install(lock)


def test_no_network_is_told(tmp_path, wheels, monkeypatch):
    lock = write_lock(tmp_path, digest_of(wheels))
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(set_up.SetUpError, match="PyPI cannot be reached"):
        install(lock)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("NewConnectionError('<connection>: Failed')", "cannot be reached"),
        ("NameResolutionError: no such host", "cannot be reached"),
        ("[Errno -3] Temporary failure in name resolution", "cannot be reached"),
        ("[Errno 101] Network is unreachable", "cannot be reached"),
        ("ConnectTimeoutError(connect timeout=15)", "cannot be reached"),
        ("ReadTimeoutError: Read timed out.", "cannot be reached"),
        ("[Errno 111] Connection refused", "cannot be reached"),
        ("ProxyError('Cannot connect to proxy.')", "cannot be reached"),
        ("SSLError: certificate verify failed", "cannot be reached"),
        ("error sending request for url", "cannot be reached"),
        (
            "error: Failed to fetch: `https://example.org/simple/x/`",
            "cannot be reached",
        ),
        ("  Caused by: dns error: failed to lookup address", "cannot be reached"),
        ("error: Hash mismatch for `x==1`", "changes files"),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("x has no wheels with a matching platform tag", "no build for this system"),
        ("Something never seen", "    Something never seen"),
    ],
)
def test_what_installers_say_is_explained(said, sentence):
    assert sentence in set_up._explain(["Resolved 3 packages", said])


def test_progress_shows_on_a_terminal_only(monkeypatch, capsys):
    code = "print('Collecting one==1'); print('Collecting two==2')"
    set_up._run([sys.executable, "-c", code], 7)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    set_up._run([sys.executable, "-c", code], 7)
    assert "[2/7] two" in capsys.readouterr().out


# --- make, and .ci/run ----------------------------------------------------------------

TARGETS = ["run", "test", "check", "lab", "site", "slides", "student", "assignments"]
TARGETS += ["real", "bench", "data", "leaderboard", "outputs", "measure", "colab"]
TARGETS += ["clean"]


@pytest.fixture(scope="module")
def make():
    """Return a function that runs make and returns what it prints."""
    program = shutil.which("make")
    if program is None:
        pytest.skip("make is not on the PATH")

    def run(*arguments):
        command = [program, "--no-print-directory", "PYTHON=python3", *arguments]
        clean = {name: text for name, text in os.environ.items() if "MAKE" not in name}
        answer = subprocess.run(
            command, cwd=ROOT, env=clean, capture_output=True, text=True, check=True
        )
        return answer.stdout

    return run


def test_help_is_what_make_alone_says(make):
    assert make() == make("help")


def test_help_lists_every_target(make):
    phony = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert sorted(" ".join(phony).split()) == sorted([*TARGETS, "help", "set_up"])
    assert re.findall(r"^  (\w+): \w", make("help"), re.MULTILINE) == TARGETS


@pytest.mark.parametrize("target", TARGETS[:-1])
def test_help_shows_the_commands_that_run(make, target):
    section = re.search(rf"^  {target}: .*\n((    .*\n)+)", make("help"), re.M)[1]
    shown = [line.strip() for line in section.splitlines()]
    first, *commands = make("-n", target, "REPO=owner/name").splitlines()
    assert first == "python3 -m helpers.set_up"
    plain = [
        re.sub(r"^(COURSE_EDITION=real )?\S+", "python", line) for line in commands
    ]
    assert shown == plain
    if target == "real":
        assert all(line.startswith("COURSE_EDITION=real ") for line in commands)


def test_clean_sets_nothing_up(make):
    assert make("-n", "clean") == "rm -rf .venv build\n"


@pytest.fixture
def ci(tmp_path):
    """Run .ci/run in a clone, beside stand-ins for make, apt-get and Chromium."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "dirname"):
        (programs / name).symlink_to(shutil.which(name))
    log = tmp_path / "log"

    def add(name, script=""):
        path = programs / name
        path.write_text(
            f'#!{shutil.which("sh")}\necho {name} "$@" >> {log}\n{script}\n'
        )
        path.chmod(0o755)

    def run(user="0", browser=True, make="", apt=""):
        (tmp_path / "clone" / ".ci").mkdir(parents=True)
        script = shutil.copy(ROOT / ".ci" / "run", tmp_path / "clone" / ".ci")
        add("make", f'echo "cache=$COURSE_CACHE" >> {log}; {make}')
        add("apt-get", apt)
        (programs / "id").write_text(f"#!{shutil.which('sh')}\necho {user}\n")
        (programs / "id").chmod(0o755)
        if browser:
            add("chromium")
        answer = subprocess.run(
            [shutil.which("bash"), str(script)],
            env={"PATH": str(programs)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return answer.returncode, log.read_text().splitlines(), answer.stdout

    return run


@posix_only
def test_ci_runs_the_tests(ci):
    assert ci() == (0, ["make test", "cache="], "")


@posix_only
def test_ci_runs_the_real_edition_where_its_files_are(ci, tmp_path):
    (tmp_path / "shared" / "data").mkdir(parents=True)
    cache = f"cache={tmp_path / 'shared' / 'data'}"
    assert ci()[1] == ["make test", "cache=", "make real", cache]


@posix_only
def test_ci_stops_at_a_failure(ci, tmp_path):
    (tmp_path / "shared" / "data").mkdir(parents=True)
    code, log, _ = ci(make="exit 2")
    assert code != 0
    assert "make real" not in log


@posix_only
def test_ci_brings_a_browser_where_it_may(ci):
    install = "apt-get install -q -y chromium"
    assert ci(browser=False)[1][:3] == ["apt-get update -q", install, "make test"]


@posix_only
def test_ci_goes_on_without_a_browser(ci):
    code, log, said = ci(browser=False, apt="exit 100")
    assert (code, log[-2]) == (0, "make test")
    assert "browser tests will skip" in said


@posix_only
def test_ci_brings_nothing_where_it_may_not(ci):
    assert ci(user="1000", browser=False)[1] == ["make test", "cache="]
