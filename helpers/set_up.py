"""Make the course's own Python environment, `.venv`, from the exact lock.

    python3 -m helpers.set_up

It needs nothing but Python: with uv on the PATH it takes seconds, without it plain
`venv` and pip do the same in a few minutes. When `.venv` is already what
`requirements.txt` asks for, nothing is done. To start afresh, delete `.venv`.

This file is also read by Pythons that are too old for the course, to tell them so.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED_PYTHONS = ("3.11", "3.12", "3.13")

_STAMP = "course-stamp"  # in .venv: which lock it holds, for which Python
_UNFINISHED = "unfinished"
_NEEDED_DISK = 4e9  # bytes: the environment, and what pip unpacks on the way
_ASK_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
_ASK_PATH = "import sys; print(sys.executable)"

# What the installers print when something goes wrong, and what to do then.
_FAILURES = (
    (
        r"No space left on device|os error 28|There is not enough space",
        "The disk is full: the environment needs about 4 GB; free some space and run "
        "this again.",
    ),
    (
        r"DO NOT MATCH THE HASHES|Hash mismatch",
        "A downloaded package is not the one that requirements.txt names: run "
        "`pip cache purge` (or `uv cache clean`) and then this again; if it comes "
        "back, something between this machine and PyPI changes files: ask those who "
        "run the network.",
    ),
    (
        r"NewConnectionError|NameResolutionError|Temporary failure in name resolution"
        r"|Network is unreachable|ConnectTimeout|ReadTimeout|Connection refused"
        r"|ProxyError|SSLError|error sending request|dns error|[Ff]ailed to fetch",
        "PyPI cannot be reached: connect to the network (behind a proxy, set "
        "HTTPS_PROXY) and run this again.",
    ),
    (
        r"No matching distribution found|no wheels? with a matching"
        r"|doesn't have a (source distribution or )?wheel",
        "A package has no build for this system: the course needs a 64-bit Python on "
        "Linux (glibc), Windows, or macOS on Apple silicon; elsewhere, open it in "
        "Colab.",
    ),
)


class SetUpError(Exception):
    """Setting up cannot go on; the message is one sentence with the next step."""


def main():
    """Set up `.venv` if it is needed, and return the exit code."""
    try:
        set_up(ROOT)
    except SetUpError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped: run it again and it goes on.", file=sys.stderr)
        return 130
    return 0


def set_up(folder):
    """Make `.venv` in a folder what the folder's `requirements.txt` asks for.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    bool
        Whether there was anything to do.

    Raises
    ------
    SetUpError
        If it cannot be done.
    """
    venv, lock = folder / ".venv", folder / "requirements.txt"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = venv / _STAMP
    found = stamp.read_text("utf-8") if stamp.is_file() else ""
    version = _ask(_python_of(venv), _ASK_VERSION) if found else None
    if found and found == _describe(digest, version):
        return False

    start = time.time()
    _check_disk(folder)
    if found == _UNFINISHED or _ask(_python_of(venv), _ASK_VERSION) is None:
        _remove(venv)
    uv = shutil.which("uv")
    if not venv.exists():
        python = find_python()
        venv.mkdir()
        stamp.write_text(_UNFINISHED, "utf-8")
        _create(venv, python, uv)
    version = _ask(_python_of(venv), _ASK_VERSION)
    if version not in SUPPORTED_PYTHONS:
        raise SetUpError(
            f"The folder .venv holds Python {version}, and the course needs "
            f"{_wanted()}: delete the folder and run this again."
        )
    stamp.write_text(_UNFINISHED, "utf-8")
    _install(venv, lock, uv)
    stamp.write_text(_describe(digest, version), "utf-8")
    print(f"Set up .venv in {time.time() - start:.0f} s.", flush=True)
    return True


def find_python():
    """Find a Python that the course runs on: the running one, or one on the PATH.

    Returns
    -------
    str
        The path of the program.

    Raises
    ------
    SetUpError
        If there is none.
    """
    # Inside .venv this is the Python that .venv was made with.
    running = getattr(sys, "_base_executable", sys.executable) or sys.executable
    commands = [[running]]
    commands += [[f"python{version}"] for version in reversed(SUPPORTED_PYTHONS)]
    commands += [["py", f"-{version}"] for version in reversed(SUPPORTED_PYTHONS)]
    for command in commands:
        # Asked, not just looked for: a version manager's stand-in may run nothing.
        if _ask(command, _ASK_VERSION) in SUPPORTED_PYTHONS:
            return _ask(command, _ASK_PATH)
    raise SetUpError(
        f"The course needs {_wanted()}, and this is Python "
        f"{sys.version_info[0]}.{sys.version_info[1]}: install Python 3.13 from "
        "python.org or your system's packages (or `uv python install 3.13`) and run "
        "this again."
    )


def _wanted():
    return (
        "Python " + ", ".join(SUPPORTED_PYTHONS[:-1]) + f" or {SUPPORTED_PYTHONS[-1]}"
    )


def _describe(digest, version):
    return f"requirements.txt {digest}, Python {version}\n"


def _python_of(venv):
    return [str(venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))]


def _ask(command, question):
    """Return what a Python prints, or None if it does not run."""
    try:
        answer = subprocess.run(
            [*command, "-c", question],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _check_disk(folder):
    free = shutil.disk_usage(str(folder)).free
    if free < _NEEDED_DISK:
        raise SetUpError(
            f"The environment needs about {_NEEDED_DISK / 1e9:.0f} GB, and "
            f"{free / 1e9:.1f} GB are free: free some space and run this again."
        )


def _remove(venv):
    try:
        if venv.exists():
            print("The folder .venv is unfinished or broken: making it anew.")
            shutil.rmtree(str(venv))
    except OSError:
        raise SetUpError(
            "The folder .venv is in use: close JupyterLab and editors that run it, "
            "delete the folder, and run this again."
        ) from None


def _create(venv, python, uv):
    """Make an empty environment, with pip in it."""
    print("Setting up .venv; the first time it takes some minutes.", flush=True)
    if uv:
        _run([uv, "venv", "--allow-existing", "--seed", "--python", python, str(venv)])
        return
    version = _ask([python], _ASK_VERSION)
    if _ask([python], "import venv, ensurepip") is None:
        raise SetUpError(
            f"This Python {version} came without its module venv: on Debian and Ubuntu "
            f"run `sudo apt-get install python{version}-venv`, elsewhere install "
            "Python from python.org, and run this again."
        )
    _run([python, "-m", "venv", str(venv)])


def _install(venv, lock, uv):
    """Install the lock into an environment, every file checked against its hash."""
    install = ["install", "--require-hashes", "-r", str(lock)]
    if uv:
        _run([uv, "pip", *install, "--python", *_python_of(venv)])
        return
    count = len(re.findall(r"^[\w.-]+==", lock.read_text("utf-8"), re.MULTILINE))
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    _run([*_python_of(venv), "-m", "pip", *install, *quiet], count)


def _run(command, count=0):
    """Run a command, showing where it is; raise its failure as one sentence."""
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    environment.pop("VIRTUAL_ENV", None)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        encoding="utf-8",
        errors="replace",
    )
    lines, packages = [], set()
    try:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            collected = re.match(r"\s*Collecting ([\w.-]+)==", line)
            if collected:
                packages.add(collected.group(1))
                line = f"[{len(packages)}/{count}] {collected.group(1)}"
            _show_progress(line.strip())
    except BaseException:
        process.kill()
        raise
    finally:
        if process.stdout:
            process.stdout.close()
        process.wait()
        _show_progress("")
    if process.returncode != 0:
        raise SetUpError(_explain(lines))


def _show_progress(text):
    """Show a text in place of the last one, where there is a terminal."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\033[K{text[:width]}", end="", flush=True)


def _explain(lines):
    """Say in one sentence why an installer failed, given the lines it printed."""
    for pattern, sentence in _FAILURES:
        if re.search(pattern, "\n".join(lines)):
            return sentence
    said = "\n".join(f"    {line}" for line in lines if line.strip())
    last = "\n".join(said.splitlines()[-10:])
    return f"The installation stopped, after these lines; run it again:\n{last}"


if __name__ == "__main__":
    sys.exit(main())
