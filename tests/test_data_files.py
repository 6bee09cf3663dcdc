import re
import subprocess
from fnmatch import fnmatch

import pytest

from data_scripts import hash_data
from helpers.run_notebooks import ROOT


def test_every_file_has_the_hash_it_was_committed_with():
    written = hash_data.SUMS.read_text("utf-8").splitlines()
    assert written == hash_data.list_hashes()


def test_hashes_follow_the_content(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.bin").write_bytes(b"abc")
    (tmp_path / "README.md").write_text("not hashed")
    # The SHA-256 of "abc" is the first test vector of FIPS 180-4.
    wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_data.list_hashes(tmp_path) == [f"{wanted}  a/b.bin"]


def test_every_file_has_a_line_in_the_provenance_table():
    table = (ROOT / "data" / "README.md").read_text("utf-8")
    patterns = re.findall(r"^\| `([^`]+)` \|", table, flags=re.MULTILINE)
    names = [line.split("  ")[1] for line in hash_data.list_hashes()]
    for name in names:
        described = any(fnmatch(name, pattern) for pattern in patterns)
        assert described, f"{name} is not in data/README.md; add a row."
    for pattern in patterns:
        assert any(fnmatch(name, pattern) for name in names), f"no file is {pattern}"


def test_a_checkout_stays_small():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("this folder is not a git checkout")
    names = [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]
    assert sum((ROOT / name).stat().st_size for name in names) < 80e6
