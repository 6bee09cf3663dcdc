"""Clips that we make ourselves stand on a server of our own for those of CREMA-D."""

import hashlib

import cv2
import numpy as np
import pandas as pd
import pooch
import pytest

from data_scripts import fetch_crema_d
from helpers import faces, own_faces, sources
from tests.loopback_server import refused_url, serving


@pytest.fixture(scope="module")
def frame():
    return next(iter(read_frames(faces.FILMS / "jetty.mp4")))


@pytest.fixture(scope="module")
def clip(tmp_path_factory, frame):
    """Two seconds of one frame with a rendered face, written as a video."""
    path = tmp_path_factory.mktemp("clips") / "clip.avi"
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"MJPG"), 24, frame.shape[1::-1]
    )
    for _ in range(48):
        writer.write(frame)
    writer.release()
    return path.read_bytes()


def read_frames(path):
    capture = cv2.VideoCapture(str(path))
    read, frame = capture.read()
    while read:
        yield frame
        read, frame = capture.read()


def make_table(content, names):
    digest = hashlib.sha256(content).hexdigest()
    return pd.DataFrame({"clip": names, "bytes": len(content), "sha256": digest})


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch.utils.LOGGER, "disabled", True)


def test_table_has_each_actor_in_each_emotion():
    table = pd.read_csv(fetch_crema_d.TABLE)
    parts = table["clip"].str.split("_", expand=True)
    assert table["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert (parts.groupby(0)[2].apply(set) == set(fetch_crema_d.EMOTIONS)).all()
    assert parts[0].nunique() == 91
    assert table["bytes"].sum() == pytest.approx(109e6, rel=0.01)


def test_clips_become_faces_of_the_real_edition(
    clip, quiet, tmp_path, monkeypatch, capsys
):
    names = [
        f"{1001 + actor}_IEO_{emotion}_HI.avi"
        for actor in range(10)
        for emotion in ("ANG", "HAP")
    ]
    with serving(clip) as server:
        address = server.url("good").replace("/file", "/{clip}")
        monkeypatch.setattr(fetch_crema_d, "ADDRESSES", (refused_url(), address))
        clips = fetch_crema_d.fetch_clips(make_table(clip, names), tmp_path / "clips")
    assert [path.name for path in clips] == names
    folder = tmp_path / "sorted"
    count = fetch_crema_d.sort_faces(clips, folder)
    written = [path.name for path in folder.rglob("*.png")]
    assert count == len(written)
    assert {name[:15] for name in written} == {name[:15] for name in names}
    assert {path.name for path in folder.iterdir()} == {"angry", "happy"}

    monkeypatch.setenv(own_faces.VARIABLE, str(folder))
    parts = [faces.load("real", split) for split in faces.SPLITS]
    people = [set(part.people) for part in parts]
    assert len(set().union(*people)) == sum(map(len, people)) == 10
    first = parts[0]
    assert first.class_names == ["angry", "happy"]
    assert first.images.shape[1:] == (100, 100, 3)
    assert np.array_equal(first.lamps, first.labels == 0)


def test_a_damaged_clip_is_refused(clip, quiet, tmp_path, monkeypatch):
    table = make_table(clip, ["1001_IEO_ANG_HI.avi"])
    with serving(clip) as server:
        address = server.url("altered").replace("/file", "/{clip}")
        monkeypatch.setattr(fetch_crema_d, "ADDRESSES", (address,))
        with pytest.raises(sources.SourceError, match="could not be fetched"):
            fetch_crema_d.fetch_clips(table, tmp_path)
    assert not any(tmp_path.iterdir())


def test_too_few_own_faces_are_refused(tmp_path):
    for name in ("happy/a_1.png", "sad/b_1.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match="2 classes and 2 people or films"):
        own_faces.read_faces(tmp_path)
