"""The JavaScript packages: a lock that names no host, and sentences when it fails."""

import json
import os
import stat
import sys

import pytest

from helpers import node_packages


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(node_packages, "_FOLDER", tmp_path / "node")
    return tmp_path / "node"


def pretend(tmp_path, monkeypatch, script):
    """Put an npm on the PATH that is a few lines of Python."""
    if sys.platform == "win32":
        pytest.skip("the npm of this test is a script with a #! line")
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!{sys.executable}\n{script}\n", encoding="utf-8")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=os.pathsep)


def test_the_lock_names_no_host_and_what_the_page_wants():
    lock = (node_packages.ROOT / "docs" / "package-lock.json").read_text("utf-8")
    assert "://" not in lock
    packages = json.loads(lock)["packages"]
    wanted = packages[""]["dependencies"]
    assert wanted["@tensorflow/tfjs-core"] == "4.22.0"
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in one for name, one in packages.items() if name)


def test_it_installs_once_a_lock(folder, tmp_path, monkeypatch):
    script = (
        "import os, sys\n"
        "assert sys.argv[1] == 'ci' and '--ignore-scripts' in sys.argv\n"
        "assert os.path.isfile('package-lock.json') and os.path.isfile('.npmrc')\n"
        "os.makedirs('node_modules', exist_ok=True)\n"
        "open('calls', 'a').write('x')"
    )
    pretend(tmp_path, monkeypatch, script)
    assert node_packages.install() == folder / "node_modules"
    assert node_packages.install() == folder / "node_modules"
    assert (folder / "calls").read_text() == "x"
    (folder / "node_modules" / ".installed").write_text("another lock")
    node_packages.install()
    assert (folder / "calls").read_text() == "xx"


@pytest.mark.usefixtures("folder")
def test_without_npm_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(node_packages.NodeMissing, match=r"install Node\.js 20"):
        node_packages.install()


@pytest.mark.usefixtures("folder")
def test_without_network_it_says_what_to_do(tmp_path, monkeypatch):
    script = "import sys\nsys.exit('npm error code ENOTFOUND\\nnpm error more')"
    pretend(tmp_path, monkeypatch, script)
    expected = r"\(code ENOTFOUND\); connect to the network once and run `python -m"
    with pytest.raises(node_packages.NodeMissing, match=expected):
        node_packages.install()
    with pytest.raises(node_packages.NodeMissing, match=expected):  # not half there
        node_packages.install()
