"""Downloads that fail in every way a classroom knows leave a sentence and no file."""

import ast
import errno
import gzip
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest
import requests

from data_scripts import fetch as command
from helpers import sources
from tests.loopback_server import refused_url, serving

ROOT = Path(__file__).resolve().parent.parent
NAME = "group/file"
BODY = bytes(range(256)) * 4096  # 1 MiB: several chunks of the downloader
SHA256 = hashlib.sha256(BODY).hexdigest()
STALL = 1.5  # seconds; a busy machine's own pauses must be shorter


@pytest.fixture
def server():
    with serving(BODY) as running:
        yield running


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """The user's own cache folder, moved to `tmp_path`; no classroom, no proxy."""
    folder = tmp_path / "own"
    monkeypatch.setattr(pooch, "os_cache", lambda project: folder)
    monkeypatch.delenv("COURSE_CACHE", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(sources, "STALL_SECONDS", STALL)
    return folder


@pytest.fixture
def classroom(tmp_path, monkeypatch):
    """A folder named by COURSE_CACHE that cannot be written."""
    folder = tmp_path / "classroom"
    folder.mkdir()
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    can_write = sources._can_write
    monkeypatch.setattr(
        sources, "_can_write", lambda other: other != folder and can_write(other)
    )
    return folder


@pytest.fixture
def offer(monkeypatch):
    """Make the table hold one file, to be had from the addresses given."""

    def replace_table(*urls, known_hash=f"sha256:{SHA256}"):
        source = sources.Source(
            "models/file.bin",
            urls,
            len(BODY),
            known_hash,
            "CC0",
            "https://example.org/files",
            "a file",
        )
        monkeypatch.setattr(sources, "SOURCES", {NAME: source})

    return replace_table


def list_files(folder):
    """Return every file below a folder, relative to it: leftovers show here."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


def put(folder, content):
    path = folder / "models" / "file.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def alter(content):
    return content[:-1] + bytes([content[-1] ^ 1])


def assert_one_sentence(message):
    assert "\n" not in message
    assert message.endswith(".")
    assert not re.search(r"\. [A-Z]", message), "more than one sentence"
    assert NAME in message
    assert "COURSE_EDITION=embedded" in message


# --- The table ----------------------------------------------------------------------


def test_every_row_is_complete():
    for name, source in sources.SOURCES.items():
        assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", name)
        assert source.urls
        for url in (*source.urls, source.page):
            assert url.startswith("https://")
        for url in source.urls:
            named = url.endswith("/" + Path(source.file_name).name)
            assert named or url.startswith("https://ndownloader.figshare.com/files/")
        assert len(set(source.urls)) == len(source.urls)
        digits = {"sha256": 64, "md5": 32}
        if source.known_hash is not None:
            algorithm, digest = source.known_hash.split(":")
            assert re.fullmatch(f"[0-9a-f]{{{digits[algorithm]}}}", digest)
        assert source.licence
        assert source.description
    names = [source.file_name for source in sources.SOURCES.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("imagenet/class-index", "imagenet_utils"),
        ("mobilenet-v2/weights", "mobilenet_v2"),
        ("vgg16/weights", "vgg16"),
        ("vgg16/weights-without-top", "vgg16"),
    ],
)
def test_addresses_and_hashes_are_those_keras_uses(name, module):
    keras = Path(importlib.util.find_spec("keras").origin).parent
    code = (keras / "src" / "applications" / f"{module}.py").read_text("utf-8")
    constants = {
        node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    source = sources.SOURCES[name]
    url = source.urls[0]
    if module == "mobilenet_v2":  # Keras puts this address together
        url = url.rpartition("/")[0] + "/"
    assert url in constants
    algorithm, _, digest = (source.known_hash or "").partition(":")
    if algorithm == "md5":
        assert digest in constants


@pytest.mark.real
@pytest.mark.parametrize("name", sources.SOURCES)
def test_the_real_file_is_the_one_in_the_table(name, real_cache):
    source = sources.SOURCES[name]
    path = real_cache / source.file_name
    if not path.is_file():
        pytest.skip(f"COURSE_CACHE holds no {source.file_name}")
    content = path.read_bytes()
    assert len(content) == source.size
    if source.known_hash is not None:
        algorithm, digest = source.known_hash.split(":")
        assert hashlib.new(algorithm, content).hexdigest() == digest
    assert sources.fetch(name) == path


# The MD5 sums that MNIST's and Keras's own users have published for years: a second
# opinion on the SHA-256 in the table.
PUBLISHED_MD5 = {
    "mnist/train-images": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "mnist/train-labels": "d53e105ee54ea40749a09fcbcd1e9432",
    "mnist/t10k-images": "9fb629c4189551a2d022fa330f9573f3",
    "mnist/t10k-labels": "ec29112dd5afa0611ce80d1b7f02629c",
    "imagenet/class-index": "c2c37ea517e94d9795004a39431a14cb",
}


@pytest.mark.real
@pytest.mark.parametrize("name", PUBLISHED_MD5)
def test_the_real_file_has_its_published_md5_and_content(name, real_cache):
    path = real_cache / sources.SOURCES[name].file_name
    if not path.is_file():
        pytest.skip(f"COURSE_CACHE holds no {sources.SOURCES[name].file_name}")
    content = path.read_bytes()
    assert hashlib.md5(content).hexdigest() == PUBLISHED_MD5[name]
    if name == "imagenet/class-index":
        assert len(json.loads(content)) == 1000
    else:
        count = 60_000 if "train" in name else 10_000
        header, item = (16, 28 * 28) if "images" in name else (8, 1)
        assert len(gzip.decompress(content)) == header + count * item


@pytest.fixture(scope="session")
def real_folder():
    # Read before `own_cache` hides it from each test.
    return os.environ.get("COURSE_CACHE")


@pytest.fixture
def real_cache(real_folder, own_cache, monkeypatch):
    if not real_folder:
        pytest.skip("COURSE_CACHE, the folder of the real files, is not set")
    monkeypatch.setenv("COURSE_CACHE", real_folder)
    return Path(real_folder)


def test_what_has_no_address_is_found_or_explained(own_cache, monkeypatch):
    row = sources.STAND_INS["mobile-face-net/network"]
    assert row.urls == ()
    row = row._replace(size=len(BODY), known_hash=f"sha256:{SHA256}")
    monkeypatch.setattr(sources, "STAND_INS", {"small/network": row})
    with pytest.raises(sources.SourceError, match="no public address") as caught:
        sources.fetch("small/network")
    assert row.file_name in str(caught.value)
    path = own_cache / row.file_name
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    assert sources.fetch("small/network") == path


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'mnist/trains'.*mnist/train-images"):
        sources.fetch("mnist/trains")


# --- Downloads that go well ---------------------------------------------------------


def test_a_good_server_gives_the_file_and_nothing_else(server, offer, own_cache):
    offer(server.url("good"))
    path = sources.fetch(NAME)
    assert path == own_cache / "models" / "file.bin"
    assert path.read_bytes() == BODY
    assert list_files(own_cache) == ["models/file.bin"]


def test_a_second_fetch_asks_no_server(server, offer):
    offer(server.url("good"))
    assert sources.fetch(NAME) == sources.fetch(NAME)
    assert len(server.paths) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_others_may_read_the_file(server, offer):
    offer(server.url("good"))
    mask = os.umask(0o022)
    try:
        assert sources.fetch(NAME).stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(mask)


def test_a_writable_course_cache_gets_the_file(
    server, offer, own_cache, tmp_path, monkeypatch
):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "new"))
    offer(server.url("good"))
    assert sources.fetch(NAME) == tmp_path / "new" / "models" / "file.bin"
    assert not own_cache.exists()


# --- Servers that misbehave ---------------------------------------------------------

MISBEHAVIOURS = {
    "truncated": "broke off half-way",
    "dying": "broke off half-way",
    "mute": f"sent nothing for {STALL} seconds",
    "stalling": f"sent nothing for {STALL} seconds",
    "403": "answered 403 Forbidden",
    "404": "answered 404 Not Found",
    "500": "answered 500 Internal Server Error",
    "altered": "has another sha256 hash than the one published",
    "page": "has 51 bytes instead of 1,048,576",
    "refused": "could not be reached",
    "insecure": "gave no secure connection",
}


BREAKING = ("truncated", "dying", "stalling")  # what came of the file is kept


def assert_only_parts(folder, behaviour):
    """Nothing is left but the half that a next download goes on with."""
    left = list_files(folder)
    assert all(re.fullmatch(r"models/file\.bin\.[0-9a-f]{32}\.part", f) for f in left)
    assert len(left) == (behaviour in BREAKING)


def find_url(server, behaviour):
    if behaviour == "refused":
        return refused_url()
    if behaviour == "insecure":
        return server.url("good").replace("http:", "https:")
    return server.url(behaviour)


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
def test_a_misbehaving_server_gives_one_sentence_and_no_file(
    behaviour, server, offer, own_cache
):
    offer(find_url(server, behaviour))
    with pytest.raises(sources.SourceError) as caught:
        sources.fetch(NAME)
    message = str(caught.value)
    assert_one_sentence(message)
    assert f"127.0.0.1 {MISBEHAVIOURS[behaviour]}" in message
    assert "https://example.org/files" in message
    assert str(own_cache / "models" / "file.bin") in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert_only_parts(own_cache, behaviour)


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
def test_the_command_says_one_sentence_and_exits_with_1(
    behaviour, server, offer, own_cache, capsys
):
    offer(find_url(server, behaviour))
    assert command.main([NAME]) == 1
    error = capsys.readouterr().err
    assert error.endswith("\n")
    assert_one_sentence(error[:-1])
    assert_only_parts(own_cache, behaviour)


@pytest.mark.parametrize("behaviour", MISBEHAVIOURS)
def test_the_second_address_is_tried(behaviour, server, offer, own_cache, capsys):
    offer(find_url(server, behaviour), server.url("good"))
    assert sources.fetch(NAME).read_bytes() == BODY
    assert list_files(own_cache) == ["models/file.bin"]
    assert server.paths[-1].startswith("/good/")
    assert MISBEHAVIOURS[behaviour] in capsys.readouterr().out


def test_every_address_that_failed_is_named(server, offer):
    offer(server.url("404"), server.url("500"))
    with pytest.raises(sources.SourceError, match=r"answered 404.*answered 500"):
        sources.fetch(NAME)


def test_a_cut_file_of_unknown_hash_is_not_recorded(server, offer, own_cache):
    offer(server.url("truncated"), known_hash=None)
    with pytest.raises(sources.SourceError):
        sources.fetch(NAME)
    assert list_files(own_cache) == []


# --- Downloads that break off and go on ----------------------------------------------


def break_off(server, count=1):
    """Fetch in vain from a careful server that breaks off half-way; return the half."""
    server.breaks = count
    with pytest.raises(sources.SourceError, match="broke off half-way"):
        sources.fetch(NAME)
    server.paths.clear()
    server.ranges.clear()


@pytest.mark.parametrize("known_hash", [f"sha256:{SHA256}", None])
def test_a_broken_download_goes_on_where_it_stopped(
    known_hash, server, offer, own_cache, capsys
):
    offer(server.url("careful"), known_hash=known_hash)
    break_off(server)
    assert sources.fetch(NAME).read_bytes() == BODY
    # The first answer tells the version, the second is the rest.
    assert server.ranges == [None, f"bytes={len(BODY) // 2}-"]
    assert "Going on after 524.3 kB." in capsys.readouterr().out
    records = [] if known_hash else [sources.RECORDS]
    assert list_files(own_cache) == ["models/file.bin", *records]


def test_it_breaks_off_twice(server, offer, own_cache):
    offer(server.url("careful"))
    break_off(server)
    server.breaks = 2  # the first of the two answers is not read
    with pytest.raises(sources.SourceError):
        sources.fetch(NAME)
    assert sources.fetch(NAME).read_bytes() == BODY
    half, quarter = len(BODY) // 2, len(BODY) // 4
    started = [f"bytes={half}-", f"bytes={half + quarter}-"]
    assert server.ranges == [None, started[0], None, started[1]]


def test_a_part_that_is_whole_is_only_verified(server, offer, own_cache):
    offer(server.url("careful"))
    break_off(server)
    (part,) = own_cache.rglob("*.part")
    part.write_bytes(BODY)
    assert sources.fetch(NAME).read_bytes() == BODY
    assert server.ranges == [None]


@pytest.mark.parametrize("status", [200, 416])
def test_a_server_without_ranges_sends_all_again(status, server, offer, own_cache):
    offer(server.url("careful"))
    break_off(server)
    server.range_status = status
    assert sources.fetch(NAME).read_bytes() == BODY
    assert server.ranges == [None, f"bytes={len(BODY) // 2}-"]
    assert list_files(own_cache) == ["models/file.bin"]


@pytest.mark.parametrize("known_hash", [f"sha256:{SHA256}", None])
def test_halves_of_two_versions_are_never_joined(known_hash, server, offer, own_cache):
    server.body = alter(BODY)[::-1]  # as long, and another first half
    offer(server.url("careful"), known_hash=known_hash)
    break_off(server)
    server.body, server.version = BODY, '"second"'
    assert sources.fetch(NAME).read_bytes() == BODY
    assert server.ranges == [None]
    assert not list(own_cache.rglob("*.part"))


def test_a_file_that_changes_between_two_answers_is_not_joined(
    server, offer, monkeypatch
):
    server.body = first = BODY[::-1]
    offer(server.url("careful"), known_hash=None)
    break_off(server)
    ask = sources._ask

    def change_version(url, start=0):
        if start:
            server.body, server.version = BODY, '"second"'
        return ask(url, start)

    monkeypatch.setattr(sources, "_ask", change_version)
    assert sources.fetch(NAME).read_bytes() == first
    assert server.ranges == [None, f"bytes={len(BODY) // 2}-"]


def test_without_a_version_or_a_hash_nothing_is_kept(server, offer, own_cache):
    server.version = None
    offer(server.url("careful"), known_hash=None)
    break_off(server)
    assert list_files(own_cache) == []
    assert sources.fetch(NAME).read_bytes() == BODY
    assert server.ranges == [None]


def test_a_damaged_half_is_thrown_away_and_all_fetched_anew(
    server, offer, own_cache, capsys
):
    offer(server.url("careful"))
    break_off(server)
    (part,) = own_cache.rglob("*.part")
    part.write_bytes(alter(part.read_bytes()))
    assert sources.fetch(NAME).read_bytes() == BODY
    assert server.ranges == [None, f"bytes={len(BODY) // 2}-", None]
    assert "has another sha256 hash" in capsys.readouterr().out
    assert list_files(own_cache) == ["models/file.bin"]


def test_a_wrong_file_is_not_asked_for_for_ever(server, offer, own_cache):
    offer(server.url("careful"))
    server.body = alter(BODY)
    break_off(server)
    with pytest.raises(sources.SourceError, match="has another sha256 hash"):
        sources.fetch(NAME)
    assert server.ranges == [None, f"bytes={len(BODY) // 2}-", None]
    assert list_files(own_cache) == []


def test_the_disk_needs_room_for_the_rest_only(server, offer, monkeypatch):
    offer(server.url("careful"))
    break_off(server)
    usage = SimpleNamespace(free=len(BODY) // 2 - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(sources.SourceError, match=r"needs 524\.3 kB"):
        sources.fetch(NAME)
    usage.free += 1
    assert sources.fetch(NAME).read_bytes() == BODY


def test_a_size_the_server_tells_is_checked_too(server, offer, own_cache, monkeypatch):
    offer(server.url("careful"))
    table = {NAME: sources.SOURCES[NAME]._replace(size=None)}
    monkeypatch.setattr(sources, "SOURCES", table)
    usage = SimpleNamespace(free=len(BODY) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(sources.SourceError, match=r"needs 1\.0 MB"):
        sources.fetch(NAME)
    assert list_files(own_cache) == []


# --- Several processes, and one that is killed ---------------------------------------

FETCH_AND_PRINT = """
import sys
from functools import partial
from helpers import sources

url, size, known_hash = sys.argv[1:]
source = sources.Source("models/file.bin", (url,), int(size), known_hash, "", "", "")
sources.SOURCES = {"group/file": source}
sources.print = partial(print, flush=True)
sources.fetch("group/file")
"""


@pytest.fixture
def start_fetching():
    """Return a function that fetches in a process of its own, ended with the test."""
    processes = []

    def start(url, folder):
        arguments = [url, str(len(BODY)), f"sha256:{SHA256}"]
        process = subprocess.Popen(
            [sys.executable, "-c", FETCH_AND_PRINT, *arguments],
            cwd=ROOT,
            env=os.environ | {"COURSE_CACHE": str(folder)},
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def wait_for_part(folder, size):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for part in folder.rglob("*.part"):
            if part.stat().st_size >= size:
                return part
        time.sleep(0.02)
    raise AssertionError("the download never began")


def test_a_killed_download_goes_on_where_it_stopped(start_fetching, server, tmp_path):
    folder = tmp_path / "shared"
    server.patience, server.breaks, server.stalls = 60, 1, True
    process = start_fetching(server.url("careful"), folder)
    part = wait_for_part(folder, len(BODY) // 2)
    process.kill()
    process.wait()
    start = part.stat().st_size
    assert set(list_files(folder)) == {
        "models/file.bin.lock",
        part.relative_to(folder).as_posix(),
    }

    again = start_fetching(server.url("careful"), folder)
    assert again.wait(60) == 0
    assert server.ranges == [None, None, f"bytes={start}-"]
    assert list_files(folder) == ["models/file.bin"]
    assert (folder / "models" / "file.bin").read_bytes() == BODY


def test_two_processes_fetch_a_file_once(start_fetching, server, tmp_path):
    folder = tmp_path / "shared"
    server.patience, server.breaks, server.stalls = 60, 1, True
    first = start_fetching(server.url("careful"), folder)
    wait_for_part(folder, len(BODY) // 2)
    second = start_fetching(server.url("careful"), folder)
    assert "waiting for it" in second.stdout.readline()
    assert first.poll() is None
    server.closing.set()  # the first gets its other half
    assert first.wait(60) == second.wait(60) == 0
    assert server.ranges == [None]
    assert list_files(folder) == ["models/file.bin"]


def test_a_process_takes_over_from_a_killed_one(start_fetching, server, tmp_path):
    folder = tmp_path / "shared"
    server.patience, server.breaks, server.stalls = 60, 1, True
    first = start_fetching(server.url("careful"), folder)
    wait_for_part(folder, len(BODY) // 2)
    second = start_fetching(server.url("careful"), folder)
    assert "waiting for it" in second.stdout.readline()
    first.kill()
    first.wait()
    assert second.wait(60) == 0
    assert server.ranges[2].startswith("bytes=")
    assert list_files(folder) == ["models/file.bin"]


def test_what_nobody_goes_on_with_is_taken_away(server, offer, own_cache):
    names = ["thesis.part", "notes.txt", f"other.bin.{'1' * 32}.part"]
    old = [put(own_cache, b"").with_name(name) for name in names]
    long_ago = time.time() - 2 * sources.STALE_SECONDS
    for path in old:
        path.write_text("mine")
        os.utime(path, (long_ago, long_ago))
    young = old[0].with_name(f"other.bin.{'0' * 32}.part")
    young.write_text("to be gone on with")
    offer(server.url("good"))
    sources.fetch(NAME)
    assert [path.exists() for path in [*old, young]] == [True, True, False, True]


# --- Files that are here already ----------------------------------------------------


def test_a_read_only_folder_is_used_and_not_written(classroom, offer, own_cache):
    path = put(classroom, BODY)
    before = {item: item.stat().st_mtime_ns for item in classroom.rglob("*")}
    offer(refused_url())
    assert sources.fetch(NAME) == path
    assert {item: item.stat().st_mtime_ns for item in classroom.rglob("*")} == before
    assert not own_cache.exists()


def test_what_a_read_only_folder_lacks_goes_to_the_users_cache(
    classroom, server, offer, own_cache
):
    offer(server.url("good"), known_hash=None)
    assert sources.fetch(NAME) == own_cache / "models" / "file.bin"
    assert list_files(classroom) == []
    assert list_files(own_cache) == ["models/file.bin", sources.RECORDS]


@pytest.mark.parametrize("damaged", [alter(BODY), BODY[:100], b""])
def test_a_damaged_file_in_a_read_only_folder_is_passed_over(
    damaged, classroom, server, offer, own_cache, capsys
):
    path = put(classroom, damaged)
    offer(server.url("good"))
    assert sources.fetch(NAME) == own_cache / "models" / "file.bin"
    assert path.read_bytes() == damaged
    assert f"{path} is not used, because it has" in capsys.readouterr().out


def test_a_sound_file_in_the_next_folder_is_found(classroom, offer, own_cache):
    put(classroom, alter(BODY))
    path = put(own_cache, BODY)
    offer(refused_url())
    assert sources.fetch(NAME) == path


@pytest.mark.parametrize("damaged", [alter(BODY), BODY[:100], b""])
def test_a_damaged_file_is_downloaded_again(damaged, server, offer, own_cache, capsys):
    path = put(own_cache, damaged)
    offer(server.url("good"))
    assert sources.fetch(NAME) == path
    assert path.read_bytes() == BODY
    said = capsys.readouterr().out.splitlines()
    assert sum("is not used, because it has" in line for line in said) == 1


def test_a_damaged_file_is_never_returned(server, offer, own_cache):
    put(own_cache, alter(BODY))
    offer(server.url("404"))
    with pytest.raises(sources.SourceError):
        sources.fetch(NAME)


def test_the_users_folder_comes_second(own_cache, monkeypatch, tmp_path):
    assert sources.cache_folders() == [own_cache]
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    assert sources.cache_folders() == [tmp_path, own_cache]
    monkeypatch.setenv("COURSE_CACHE", "~")
    assert sources.cache_folders()[0] == Path.home()


# --- Hashes recorded on the first download ------------------------------------------


def test_the_first_hash_is_recorded_and_a_changed_file_refused(
    server, offer, own_cache
):
    offer(server.url("good"), known_hash=None)
    path = sources.fetch(NAME)
    records = own_cache / sources.RECORDS
    assert json.loads(records.read_text("utf-8")) == {NAME: f"sha256:{SHA256}"}

    path.unlink()
    offer(server.url("altered"), known_hash=None)
    with pytest.raises(sources.SourceError) as caught:
        sources.fetch(NAME)
    message = str(caught.value)
    assert_one_sentence(message)
    assert "another sha256 hash than the one recorded on the first download" in message
    assert str(records) in message
    assert list_files(own_cache) == [sources.RECORDS]
    assert json.loads(records.read_text("utf-8")) == {NAME: f"sha256:{SHA256}"}

    offer(server.url("good"), known_hash=None)
    assert sources.fetch(NAME).read_bytes() == BODY


def test_a_recorded_hash_guards_the_cached_file(server, offer, own_cache):
    offer(server.url("good"), known_hash=None)
    sources.fetch(NAME)
    path = put(own_cache, alter(BODY))
    assert sources.fetch(NAME) == path
    assert path.read_bytes() == BODY
    assert len(server.paths) == 2


def test_a_record_in_the_classroom_folder_counts(classroom, server, offer, own_cache):
    record = json.dumps({NAME: f"sha256:{SHA256}"})
    (classroom / sources.RECORDS).write_text(record, encoding="utf-8")
    offer(server.url("altered"), known_hash=None)
    with pytest.raises(sources.SourceError, match="recorded on the first download"):
        sources.fetch(NAME)
    offer(server.url("good"), known_hash=None)
    sources.fetch(NAME)
    assert list_files(own_cache) == ["models/file.bin"]


def test_other_records_are_kept(server, offer, own_cache):
    own_cache.mkdir()
    records = own_cache / sources.RECORDS
    records.write_text('{"other/file": "sha256:00"}', encoding="utf-8")
    offer(server.url("good"), known_hash=None)
    sources.fetch(NAME)
    assert json.loads(records.read_text("utf-8")) == {
        "other/file": "sha256:00",
        NAME: f"sha256:{SHA256}",
    }


def test_damaged_records_give_a_sentence(server, offer, own_cache):
    own_cache.mkdir()
    (own_cache / sources.RECORDS).write_text("{", encoding="utf-8")
    offer(server.url("good"), known_hash=None)
    with pytest.raises(sources.SourceError, match="is damaged: delete it"):
        sources.fetch(NAME)
    assert list_files(own_cache) == [sources.RECORDS]


# --- Disks and folders --------------------------------------------------------------


def test_a_disk_too_full_is_seen_before_the_download(
    server, offer, own_cache, monkeypatch
):
    usage = SimpleNamespace(free=len(BODY) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    offer(server.url("good"))
    with pytest.raises(sources.SourceError, match=r"needs 1\.0 MB") as caught:
        sources.fetch(NAME)
    assert_one_sentence(str(caught.value))
    assert server.paths == []
    assert list_files(own_cache) == []

    usage.free = len(BODY)
    assert sources.fetch(NAME).read_bytes() == BODY


def test_a_disk_that_fills_up_meanwhile_gives_a_sentence(
    server, offer, own_cache, monkeypatch
):
    def fill_up(self, chunk_size):
        yield b"some"
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(requests.Response, "iter_content", fill_up)
    offer(server.url("good"))
    with pytest.raises(sources.SourceError, match="No space left on device") as caught:
        sources.fetch(NAME)
    assert_one_sentence(str(caught.value))
    assert caught.value.__suppress_context__
    assert list_files(own_cache) == []


def test_nowhere_to_write_gives_a_sentence(offer, own_cache, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "file" / "below")
    offer(refused_url())
    with pytest.raises(sources.SourceError, match="No cache folder can be written"):
        sources.fetch(NAME)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_a_folder_without_permission_cannot_be_written():
    # Permission bits do not bind root, so root becomes nobody for the question, in a
    # folder that nobody can enter: pytest's own are closed to others.
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o755)
        folder = Path(parent) / "folder"
        folder.mkdir()
        user = os.geteuid()
        try:
            folder.chmod(0o777)
            if user == 0:
                os.seteuid(65534)
            assert sources._can_write(folder)
            os.seteuid(user)
            folder.chmod(0o555)
            if user == 0:
                os.seteuid(65534)
            assert not sources._can_write(folder)
            assert not sources._can_write(folder / "below")
        finally:
            os.seteuid(user)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode of this kind")
def test_even_root_writes_nothing_into_a_folder_marked_read_only(tmp_path):
    folder = tmp_path / "classroom"
    folder.mkdir()
    assert sources._can_write(folder)
    folder.chmod(0o555)
    try:
        assert not sources._can_write(folder)
        assert not sources._can_write(folder / "below")
        assert [*folder.iterdir()] == []
    finally:
        folder.chmod(0o755)


# --- The command --------------------------------------------------------------------


def test_a_group_stands_for_its_members():
    assert command.expand_groups(["mnist", "vgg16/weights", "nonsense"]) == [
        "mnist/train-images",
        "mnist/train-labels",
        "mnist/t10k-images",
        "mnist/t10k-labels",
        "vgg16/weights",
        "nonsense",
    ]
    assert command.expand_groups(["mnist", "mnist/train-images"])[4:] == []


def test_one_failure_does_not_stop_the_others(server, offer, own_cache, capsys):
    offer(server.url("good"))
    assert command.main(["nonsense", "group"]) == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "'nonsense'" in captured.err
    assert f"{NAME}: {own_cache / 'models' / 'file.bin'}" in captured.out


def test_all_fetches_everything(server, offer, own_cache):
    offer(server.url("good"))
    assert command.main(["--all"]) == 0
    assert list_files(own_cache) == ["models/file.bin"]


def test_the_list_shows_what_is_here(server, offer, own_cache, capsys):
    offer(server.url("good"))
    assert command.main(["--list"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert row.split("  ")[0] == NAME
    assert "1.0 MB" in row
    assert "CC0" in row
    assert row.endswith("not here")
    assert heading.index("where") == row.index("not here")
    assert server.paths == []

    path = put(own_cache, BODY)
    assert command.main(["--list"]) == 0
    assert capsys.readouterr().out.rstrip().endswith(str(path))


def run_command(folder, *arguments, **environment):
    """Run the script as a reader does, from another folder, with an empty own cache."""
    code = (
        "import pathlib, pooch, runpy, sys\n"
        "own, script, *sys.argv[1:] = sys.argv[1:]\n"
        "pooch.os_cache = lambda project: pathlib.Path(own)\n"
        "runpy.run_path(script, run_name='__main__')"
    )
    script = ROOT / "data_scripts" / "fetch.py"
    return subprocess.run(
        [sys.executable, "-c", code, str(folder / "own"), str(script), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONUTF8": "1"} | environment,
        capture_output=True,
        encoding="utf-8",
    )


def test_the_script_lists_from_any_folder(tmp_path):
    result = run_command(tmp_path, "--list")
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 1 + len(sources.SOURCES)
    assert result.stdout.count("not here") == len(sources.SOURCES)
    assert list_files(tmp_path) == []


def test_the_script_without_a_network_says_so(tmp_path):
    # A proxy that refuses is the network that is not there.
    proxy = refused_url().removesuffix("/good/file")
    result = run_command(tmp_path, "mnist", HTTPS_PROXY=proxy, NO_PROXY="")
    assert result.returncode == 1
    sentences = result.stderr.splitlines()
    assert len(sentences) == 4
    for name, sentence in zip(command.expand_groups(["mnist"]), sentences, strict=True):
        assert sentence.startswith(f"{name} could not be fetched (ossci-datasets")
        assert sentence.count("could not be reached") == 2
        assert "COURSE_EDITION=embedded" in sentence
    assert list_files(tmp_path) == []


def test_the_script_asks_for_a_name(tmp_path):
    result = run_command(tmp_path)
    assert result.returncode == 2
    assert "give names, --all or --list" in result.stderr
