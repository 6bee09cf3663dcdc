import contextlib
import errno
import itertools
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pandas as pd
import psutil
import pytest
import scipy.fft
import scipy.ndimage
from PIL import Image
from skimage import data, filters

from data_scripts import harvest_faces
from helpers import detectors, faces, harvest, sources

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "data_scripts" / "harvest_faces.py"
WIDTH, HEIGHT, RATE = 320, 240, 25
PORTRAIT = data.astronaut()[20:220, 120:320]  # a face, 115 pixels wide


# Films to test with


def draw_frame(x, y, *, flip=False, size=160, width=WIDTH, height=HEIGHT):
    """Draw a frame with the portrait at a place, on a slope of grey."""
    frame = np.empty((height, width, 3), "uint8")
    frame[:] = np.linspace(60, 120, width)[None, :, None]
    portrait = cv2.resize(PORTRAIT, (size, size), interpolation=cv2.INTER_AREA)
    frame[y : y + size, x : x + size] = portrait[:, ::-1] if flip else portrait
    return frame


def write_film(path, frames, rate=RATE):
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, (width, height)
    )
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame[..., ::-1])
    writer.release()
    return path


def write_numbers(path, count=40):
    """Write a film whose frames show their numbers in six binary bars."""
    bits = [[number >> place & 1 for place in range(6)] for number in range(count)]
    bars = np.repeat(255 * np.array(bits, "uint8"), 16, axis=1)
    return write_film(path, np.broadcast_to(bars[:, None, :, None], (count, 64, 96, 3)))


def read_number(picture):
    bits = picture[32, 8::16].mean(axis=-1) > 128
    return sum(int(bit) << place for place, bit in enumerate(bits))


def run_ffmpeg(*arguments):
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([ffmpeg, "-v", "error", "-y", *map(str, arguments)], check=True)


def list_film(path):
    (film,), complaints = harvest.list_films([path])
    assert not complaints
    return film


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder with two films and a folder of three photographs."""
    folder = tmp_path_factory.mktemp("shelf")
    for name, flip in (("one", False), ("zwei Köpfe", True)):
        frames = [
            draw_frame(10 + 5 * step, 60 - 5 * step, flip=flip, size=150 + step)
            for step in range(12)
        ]
        write_film(folder / f"{name}.mp4", [*frames, np.zeros_like(frames[0])])
    (folder / "photos").mkdir()
    for number, size in enumerate((120, 160, 200)):
        picture = Image.fromarray(draw_frame(20, 10, size=size))
        picture.save(folder / "photos" / f"{number}.png")
    return folder


@pytest.fixture
def run(tmp_path, capfd):
    """Harvest into tmp_path/faces in this process; return code, output and errors."""

    def run(*arguments, jobs=1, every=2):
        flags = ["--output", run.folder, "--jobs", jobs, "--every", every]
        try:
            code = harvest_faces.main([str(part) for part in (*flags, *arguments)])
        except SystemExit as stop:
            code = stop.code
        return code, *capfd.readouterr()

    run.folder = tmp_path / "faces"
    return run


def read_tree(folder):
    """Return the bytes of every file of a harvest that is for its reader."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".harvest" not in path.parts
    }


def check_index(folder):
    """Check that the index, if there is one, names whole pictures only."""
    if (folder / "index.csv").exists():
        for name in pd.read_csv(folder / "index.csv")["file"]:
            assert Image.open(folder / "crops" / name).convert("RGB").size == (100, 100)
    for path in (folder / "crops").glob("*"):
        Image.open(path).load()


@pytest.fixture(scope="module")
def undisturbed(shelf, tmp_path_factory):
    """What a harvest of the shelf gives that nothing disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    code = harvest_faces.main(
        ["--output", str(folder), "--jobs", "1", "--every", "2", str(shelf)]
    )
    assert code == 0
    return folder


# Frames


def test_every_nth_frame_is_read(tmp_path):
    film = list_film(write_numbers(tmp_path / "numbers.mp4"))
    frames = list(harvest.sample_frames(film, 7))
    assert [frame.number for frame in frames] == [0, 7, 14, 21, 28, 35]
    assert [read_number(frame.picture) for frame in frames] == [0, 7, 14, 21, 28, 35]
    np.testing.assert_allclose(
        [frame.time for frame in frames], np.arange(0, 40, 7) / RATE, atol=0.001
    )
    later = list(harvest.sample_frames(film, 7, after=20))
    assert [frame.number for frame in later] == [21, 28, 35]


@pytest.mark.parametrize("after", [-1, 3, 20])
def test_seconds_are_the_files_own(tmp_path, after):
    """Half of the frames come at 25 a second, the others at 5."""
    write_numbers(tmp_path / "numbers.mp4")
    run_ffmpeg(
        *("-i", tmp_path / "numbers.mp4", "-fps_mode", "vfr", "-c:v", "libx264"),
        *("-vf", "setpts='if(lt(N,20),N,20+5*(N-20))/25/TB'"),
        tmp_path / "changing.mkv",
    )
    film = list_film(tmp_path / "changing.mkv")
    times = [number / 25 for number in range(20)] + [0.8 + k / 5 for k in range(20)]
    every = 0.5
    wanted, cell = [], -1
    for number, moment in enumerate(times):
        if int((moment + 0.002) / every) > cell:
            cell = int((moment + 0.002) / every)
            wanted.append(number)
    frames = list(harvest.sample_frames(film, every, "seconds", after))
    assert all(frame.picture is not None for frame in frames)
    assert [f.number for f in frames] == [number for number in wanted if number > after]
    assert [read_number(frame.picture) for frame in frames] == [
        frame.number for frame in frames
    ]
    np.testing.assert_allclose(
        [f.time for f in frames], [times[f.number] for f in frames], atol=0.0021
    )


def test_of_a_shot_the_middle_frame_is_read(tmp_path):
    generator = np.random.default_rng(1)
    shots = [(12, (200, 40, 40)), (7, (40, 40, 200)), (20, (40, 160, 40))]
    frames = [
        np.clip(generator.normal(colour, 12, (90, 160, 3)), 0, 255).astype("uint8")
        for length, colour in shots
        for _ in range(length)
    ]
    film = list_film(write_film(tmp_path / "shots.mp4", frames))
    assert harvest.find_shots(film) == [0, 12, 19, 39]
    sampled = list(harvest.sample_frames(film, 1, "shots"))
    assert [frame.number for frame in sampled] == [5, 15, 28]
    for frame, (_, colour) in zip(sampled, shots, strict=True):
        assert np.abs(frame.picture.mean(axis=(0, 1)) - colour).max() < 8
    second = harvest.sample_frames(film, 2, "shots")
    assert [frame.number for frame in second] == [5, 28]


def test_a_turned_phones_video_comes_upright(tmp_path):
    lying = [np.rot90(draw_frame(40, 30), k=1)] * 3  # turned left, as it was filmed
    write_film(tmp_path / "lying.mp4", [np.ascontiguousarray(f) for f in lying])
    run_ffmpeg(
        *("-display_rotation", -90, "-i", tmp_path / "lying.mp4", "-c", "copy"),
        tmp_path / "upright.mp4",
    )
    (frame,) = harvest.sample_frames(list_film(tmp_path / "upright.mp4"), 3)
    assert frame.picture.shape == (HEIGHT, WIDTH, 3)
    difference = frame.picture.astype(int) - draw_frame(40, 30)
    assert np.abs(difference).mean() < 6
    assert len(detectors.find_faces([frame.picture])[0]) == 1


def test_pictures_are_a_film_in_the_order_of_their_names(shelf):
    film = list_film(shelf / "photos")
    frames = list(harvest.sample_frames(film, 2, "seconds", after=0))
    assert [(frame.number, frame.time) for frame in frames] == [(1, None), (2, None)]
    for frame in frames:
        stored = np.asarray(Image.open(shelf / "photos" / f"{frame.number}.png"))
        np.testing.assert_array_equal(frame.picture, stored)


# Films


def test_films_are_listed_once_and_named_apart(tmp_path):
    for name in ("a/x.mp4", "b/X.MKV", "b/.hidden.mp4", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("b/2.jpg", "b/1.png"):
        (tmp_path / name).touch()
    films, complaints = harvest.list_films(
        [tmp_path / "a" / "x.mp4", tmp_path, tmp_path / "b" / "1.png"]
    )
    assert [(film.name, [file.name for file in film.files]) for film in films] == [
        ("x", ["x.mp4"]),
        ("b", ["1.png", "2.jpg"]),
        ("X_2", ["X.MKV"]),
    ]
    assert complaints == []
    assert [harvest.is_video(film) for film in films] == [True, False, True]


def test_a_harvest_is_not_harvested_again(shelf, undisturbed, tmp_path):
    shutil.copytree(undisturbed, tmp_path / "faces")
    shutil.copy(shelf / "one.mp4", tmp_path)
    films, _ = harvest.list_films([tmp_path])
    assert [film.name for film in films] == ["one"]
    films, _ = harvest.list_films([tmp_path / "faces" / "crops"])  # if one insists
    assert [film.name for film in films] == ["crops"]


def test_one_path_needs_no_list(shelf):
    for path in (shelf / "one.mp4", str(shelf / "one.mp4")):
        assert harvest.list_films(path) == harvest.list_films([shelf / "one.mp4"])


def test_faces_may_go_where_the_films_are(run, shelf, tmp_path):
    run.folder.mkdir()
    shutil.copy(shelf / "one.mp4", run.folder)
    assert run(run.folder)[0] == 0
    once = read_tree(run.folder)
    assert run(run.folder)[0] == 0  # it goes on from there, its own faces apart
    assert read_tree(run.folder) == once


def test_a_lone_picture_without_a_face_is_named(run, shelf, tmp_path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    shutil.copy(shelf / "one.mp4", folder)
    Image.fromarray(np.full((64, 96, 3), 90, "uint8")).save(folder / "cover.png")
    code, _, errors = run(folder)
    assert code == 1
    assert errors.startswith(f"{folder / 'cover.png'} shows no face")


def test_what_is_no_film_gets_a_sentence(tmp_path):
    films, complaints = harvest.list_films([tmp_path, tmp_path / "away.mp4"])
    assert films == []
    assert complaints == [
        f"There is no film at {path}; check its name and folder."
        for path in (tmp_path, tmp_path / "away.mp4")
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is text")
def test_a_name_that_is_no_text_gets_a_sentence(tmp_path, run, shelf):
    shutil.copy(shelf / "one.mp4", os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    shutil.copy(shelf / "one.mp4", tmp_path / "good.mp4")
    code, _, errors = run(tmp_path)
    assert code == 1
    assert "caf\\udce9.mp4' cannot be read as text; rename it." in errors
    assert errors.count("\n") == 1
    assert set(pd.read_csv(run.folder / "index.csv")["film"]) == {"good"}


# Faces


def cut_slowly(picture, x, y, side, margin):
    pad = 200
    padded = np.pad(picture, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    more = round(margin * side)
    top, left = y - more + pad, x - more + pad
    whole = side + 2 * more
    return padded[top : top + whole, left : left + whole]


@pytest.mark.parametrize("place", [(50, 40), (-30, 100), (200, 190), (0, 0)])
def test_a_crop_is_the_box_with_its_margin(place):
    picture = np.random.default_rng(5).integers(0, 256, (240, 260, 3), "uint8")
    crop = harvest.cut_face(picture, (*place, 60, 60), margin=0.1, size=72)
    np.testing.assert_array_equal(crop, cut_slowly(picture, *place, 60, 0.1))
    half = harvest.cut_face(picture, (*place, 60, 60), margin=0.1, size=36)
    slow = cut_slowly(picture, *place, 60, 0.1).reshape(36, 2, 36, 2, 3)
    assert np.abs(half - slow.mean(axis=(1, 3))).max() <= 0.5 + 1e-9


def test_a_box_that_is_no_square_is_cut_square():
    picture = np.random.default_rng(6).integers(0, 256, (100, 100, 3), "uint8")
    crop = harvest.cut_face(picture, (30, 20, 20, 40), margin=0, size=40)
    np.testing.assert_array_equal(crop, picture[20:60, 20:60])


def test_sharpness_is_the_variance_of_the_laplacian():
    grey = data.camera()[::4, ::4]
    picture = np.repeat(grey[..., None], 3, axis=2)
    laplacian = scipy.ndimage.laplace(grey.astype(float), mode="mirror")
    assert harvest.measure_sharpness(picture) == pytest.approx(laplacian.var())
    blurred = 255 * filters.gaussian(picture, 2, channel_axis=2)
    assert harvest.measure_sharpness(blurred.astype("uint8")) < laplacian.var() / 10


def count_bits(one, other):
    return (harvest.hash_picture(one) ^ harvest.hash_picture(other)).bit_count()


def test_the_hash_is_that_of_its_definition():
    grey = np.random.default_rng(7).integers(0, 256, (32, 32), "uint8")
    lowest = scipy.fft.dctn(grey.astype(float), norm="ortho")[1:9, 1:9]
    bits = "".join("01"[int(one)] for one in (lowest > np.median(lowest)).ravel())
    picture = np.repeat(grey[..., None], 3, axis=2)
    assert harvest.hash_picture(picture) == int(bits, 2)
    assert bits.count("1") == 32


def test_near_duplicates_have_near_hashes():
    face = harvest.cut_face(data.astronaut(), (165, 60, 115, 115))
    darker = (0.8 * face).astype("uint8")
    noisy = face + np.random.default_rng(8).normal(0, 5, face.shape)
    assert count_bits(face, face) == 0
    assert count_bits(face, darker) <= 4
    assert count_bits(face, np.clip(noisy, 0, 255).astype("uint8")) <= 4
    assert count_bits(face, face[:, ::-1]) > 12
    assert count_bits(face, data.chelsea()[:100, :100]) > 12


def test_duplicates_are_dropped(tmp_path):
    frames = [
        draw_frame(20 + 3 * step, 30 + step, flip=flip)
        for flip in (False, True)
        for step in (0, 0, 2, 4, 9)
    ]
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
    crops, every, counts = harvest.harvest([tmp_path], duplicates=-1)
    assert counts.iloc[0].tolist() == [10, 10, 10]
    assert len(crops) == 10
    bits = [f"{int(code, 16):064b}" for code in every["hash"]]
    sizes = []
    for distance in (0, 4, 12, 20):
        kept = []
        for place, code in enumerate(bits):
            apart = [sum(map(str.__ne__, code, bits[other])) for other in kept]
            if not apart or min(apart) > distance:
                kept.append(place)
        crops, index, counts = harvest.harvest([tmp_path], duplicates=distance)
        assert index["frame"].tolist() == kept
        assert counts.iloc[0].tolist() == [10, 10, len(kept)]
        assert len(crops) == len(kept)
        later = harvest.find_duplicates(every, distance)
        assert np.flatnonzero(~later).tolist() == kept
        sizes.append(len(kept))
    assert 10 > sizes[0] > sizes[1] > sizes[-1] > 1


def test_the_index_tells_where_a_face_was(shelf):
    crops, index, _ = harvest.harvest([shelf / "one.mp4"], every=4)
    assert crops.shape == (len(index), 100, 100, 3)
    assert crops.dtype == np.uint8
    frames = {frame.number: frame for frame in harvest.sample_frames(
        list_film(shelf / "one.mp4"), 1)}  # fmt: skip
    for crop, row in zip(crops, index.itertuples(), strict=True):
        x, y = 10 + 5 * row.frame, 60 - 5 * row.frame
        scale = (150 + row.frame) / 200
        truth = (x + 45 * scale, y + 40 * scale, 115 * scale, 115 * scale)
        box = (row.x, row.y, row.width, row.height)
        assert detectors.measure_overlaps([box], [truth])[0, 0] > 0.6
        frame = frames[row.frame]
        np.testing.assert_array_equal(crop, harvest.cut_face(frame.picture, box))
        assert row.time == pytest.approx(row.frame / RATE, abs=0.001)
        assert int(row.hash, 16) == harvest.hash_picture(crop)
        assert row.sharpness == pytest.approx(harvest.measure_sharpness(crop), abs=0.05)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"every": 0}, "a number above 0"),
        ({"every": 2.5}, "whole ones of frames and shots, got every 2.5 frames"),
        ({"every": float("nan")}, "a number above 0"),
        ({"every": float("inf"), "unit": "seconds"}, "a number above 0"),
        ({"unit": "hours"}, "one of frames, seconds, shots, got 'hours'"),
        ({"margin": -0.1}, "from 0 to 1, got -0.1"),
        ({"size": 4}, "8 to 1000 pixels wide, got 4"),
        ({"duplicates": 64}, "0 to 63 bits"),
        ({"detector": "hog"}, "must be one of haar, lbp"),
    ],
)
def test_a_wrong_setting_gets_one_sentence(shelf, settings, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        harvest.harvest([shelf / "one.mp4"], **settings)
    assert "\n" not in str(caught.value)


# On disk


def test_disk_and_memory_agree(shelf, undisturbed):
    crops, index, counts = harvest.harvest([shelf], every=2)
    stored = pd.read_csv(undisturbed / "index.csv", dtype={"hash": str})
    order = sorted(counts.index)
    index["place"] = index["film"].map(order.index)
    places = index.sort_values("place", kind="stable").index
    index = index.drop(columns="place")
    pd.testing.assert_frame_equal(
        index.loc[places].reset_index(drop=True), stored, check_dtype=False
    )
    pd.testing.assert_frame_equal(
        counts.loc[order].reset_index(),
        pd.read_csv(undisturbed / "counts.csv"),
        check_dtype=False,
    )
    assert set(counts.index) == {"one", "zwei Köpfe", "photos"}
    for place, name in zip(places, stored["file"], strict=True):
        picture = np.asarray(Image.open(undisturbed / "crops" / name))
        assert np.abs(picture.astype(int) - crops[place]).mean() < 2
    sheet = Image.open(undisturbed / "contact_sheet.jpg")
    assert sheet.size == (100 * min(20, len(index)), 100 * -(-len(index) // 20))
    assert len(list((undisturbed / "crops").iterdir())) == len(index) > 8


def test_a_second_run_changes_nothing(run, shelf, undisturbed, monkeypatch):
    assert run(shelf) == (0, "", "")
    assert read_tree(run.folder) == read_tree(undisturbed)
    monkeypatch.setattr(harvest, "catch_faces", None)  # it must not be called
    assert run(shelf) == (0, "", "")
    assert read_tree(run.folder) == read_tree(undisturbed)


def test_films_may_come_one_by_one(run, shelf, undisturbed):
    for name in ("zwei Köpfe.mp4", "photos", "one.mp4"):
        assert run(shelf / name) == (0, "", "")
        check_index(run.folder)
    assert read_tree(run.folder) == read_tree(undisturbed)


def test_a_lost_crop_is_cut_again(run, shelf, undisturbed):
    run(shelf)
    lost = sorted((run.folder / "crops").iterdir())[2]
    lost.unlink()
    run(shelf / "photos")
    check_index(run.folder)
    assert lost.name not in (run.folder / "index.csv").read_text()
    assert run(shelf) == (0, "", "")
    assert read_tree(run.folder) == read_tree(undisturbed)


@pytest.mark.parametrize(
    ("flags", "difference"),
    [
        (["--every", 3], "every 2, now 3"),
        (["--margin", 0.2], "margin 0.1, now 0.2"),
        (["--detector", "lbp"], "detector haar, now lbp"),
    ],
)
def test_other_settings_are_not_mixed_in(run, shelf, undisturbed, flags, difference):
    run(shelf)
    code, output, errors = run(shelf, *flags)
    assert (code, output) == (2, "")
    assert f"was harvested with other settings ({difference}); give those" in errors
    assert errors.count("\n") == 1
    assert read_tree(run.folder) == read_tree(undisturbed)


def test_another_film_of_the_same_name_is_not_mixed_in(run, shelf, tmp_path):
    run(shelf / "one.mp4")
    before = read_tree(run.folder)
    (tmp_path / "other").mkdir()
    other = shutil.copy(shelf / "zwei Köpfe.mp4", tmp_path / "other" / "one.mp4")
    code, _, errors = run(other)
    assert code == 1
    assert f"{other} is not the film that was harvested" in errors
    assert read_tree(run.folder) == before


def test_a_folder_with_another_index_is_left_alone(run, shelf):
    run.folder.mkdir()
    (run.folder / "index.csv").write_text("mine")
    code, _, errors = run(shelf)
    assert code == 2
    assert "holds an index.csv that is not of this harvest" in errors
    assert read_tree(run.folder) == {"index.csv": b"mine"}
    (run.folder / "index.csv").rename(run.folder.parent / "file")
    run.folder = run.folder.parent / "file"
    code, _, errors = run(shelf)
    assert code == 2
    assert "--output takes a folder" in errors


# Films with something wrong


def make_broken(kind, path, shelf):
    """Make a film with something wrong, and return what is said of it."""
    whole = (shelf / "one.mp4").read_bytes()
    path = path.with_suffix(".mp4")
    unreadable = f"{path} holds no video that OpenCV can read"
    if kind == "empty":
        path.touch()
        return path, f"{path} is empty"
    if kind == "noise":
        path.write_bytes(np.random.default_rng(9).bytes(20_000))
        return path, unreadable
    if kind == "cut off, no end":  # mp4v keeps its table of contents at the end
        path.write_bytes(whole[: len(whole) // 2])
        return path, unreadable
    if kind == "text":
        path.write_text("#EXTM3U\nnot a film\n")
        return path, unreadable
    if kind == "sound only":
        run_ffmpeg("-f", "lavfi", "-i", "sine=duration=1", path)
        return path, unreadable
    if kind == "cut off":
        long = path.with_name("long.avi")
        run_ffmpeg(
            *("-stream_loop", 9, "-i", shelf / "one.mp4", "-c:v", "libx264"),
            *("-movflags", "+faststart", "-f", "mp4", long),
        )
        path.write_bytes(long.read_bytes()[: long.stat().st_size // 2])
        long.unlink()
        return path, f"{path} breaks off after"
    if kind == "no face":
        write_film(path, [np.full((64, 96, 3), 90, "uint8")] * 5)
        return path, f"{path} shows no face that the detector finds"
    raise AssertionError(kind)


BROKEN = (
    *("empty", "noise", "cut off, no end", "text", "sound only", "cut off"),
    "no face",
)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_film_gets_one_sentence_and_the_others_go_on(
    run, shelf, tmp_path, kind
):
    path, sentence = make_broken(kind, tmp_path / f"bröken {kind}", shelf)
    code, output, errors = run(path, shelf / "one.mp4")
    assert (code, output) == (1, "")
    assert errors.startswith(sentence), errors
    assert errors.count("\n") == 1  # nor do FFmpeg's own words reach the terminal
    index = pd.read_csv(run.folder / "index.csv")
    assert "one" in set(index["film"])
    assert (path.stem in set(index["film"])) == (kind == "cut off")
    again = read_tree(run.folder)
    assert run(path, shelf / "one.mp4") == (code, output, errors)
    assert read_tree(run.folder) == again


def test_a_broken_picture_is_left_out(run, shelf, tmp_path):
    shutil.copytree(shelf / "photos", tmp_path / "photos")
    (tmp_path / "photos" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    code, _, errors = run(tmp_path / "photos")
    assert code == 1
    assert "1.png" in errors
    assert errors.count("\n") == 1
    assert pd.read_csv(run.folder / "index.csv")["frame"].tolist() == [0, 2]


def test_nothing_to_harvest(run, tmp_path):
    code, _, errors = run(tmp_path / "away.mp4")
    assert code == 2
    assert errors == f"There is no film at {tmp_path / 'away.mp4'}; check its name " \
        "and folder.\n"  # fmt: skip
    assert not run.folder.exists()
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(ValueError, match="No face was found; the detector sees"):
        harvest.harvest([tmp_path / "empty.mp4"])


def test_a_4k_film(tmp_path):
    frames = [draw_frame(1000, 300, size=1200, width=3840, height=2160)] * 2
    path = write_film(tmp_path / "large.mp4", frames)
    crops, index, _ = harvest.harvest([path], every=2)
    truth = (1000 + 45 * 6, 300 + 40 * 6, 115 * 6, 115 * 6)
    boxes = index[["x", "y", "width", "height"]].to_numpy()
    assert detectors.score_boxes([boxes], [[truth]], overlap=0.6).found == 1
    assert len(crops) == len(boxes)


def test_names_that_ffmpeg_would_take_for_something_else(run, shelf, tmp_path):
    names = ["a %03d.mp4", "été #1.mp4"]
    if sys.platform != "win32":
        names += ["file: one.mp4", "concat:x|y.mp4", 'quote".mp4']
    for name in names:
        shutil.copy(shelf / "one.mp4", tmp_path / name)
    assert run(tmp_path) == (0, "", "")
    index = pd.read_csv(run.folder / "index.csv")
    assert set(index["film"]) == {Path(name).stem for name in names}
    check_index(run.folder)


def test_the_missing_cascade_is_told_before_anything_is_written(
    run, shelf, monkeypatch
):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    code, _, errors = run(shelf)
    assert code == 2
    assert 'run pip install "opencv-python-headless<5"' in errors
    assert not run.folder.exists()
    assert run(shelf / "photos", "--detector", "lbp")[0] == 0


# A full disk, a kill


def list_writes(monkeypatch, stop):
    """Call `stop` before and after every write of a crop and of a journal's line."""

    def surround(function):
        def write(*arguments):
            stop()
            function(*arguments)
            stop()

        return write

    for name in ("_write", "_append"):
        function = surround(getattr(harvest_faces, name))
        monkeypatch.setattr(harvest_faces, name, function)


def test_a_full_disk_gets_one_sentence(run, shelf, undisturbed, monkeypatch):
    moments = itertools.count()
    full = range(31, 1000)

    def stop():
        if next(moments) in full:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        list_writes(patch, stop)
        code, output, errors = run(shelf)
    assert (code, output) == (1, "")
    assert errors == (
        f"{run.folder} cannot be written: No space left on device; make room or "
        "choose another folder, then start again.\n"
    )
    check_index(run.folder)
    assert run(shelf) == (0, "", "")
    assert read_tree(run.folder) == read_tree(undisturbed)


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_disk_that_refuses_large_files(shelf, tmp_path):
    """A real refusal by the system: no file may grow beyond 3 kB."""
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def work():
        limit()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        settings = harvest.Settings(every=2)
        token = harvest_faces.prepare_folder(tmp_path, settings)
        film = list_film(shelf / "one.mp4")
        queue.put(harvest_faces.harvest_film(film, settings, tmp_path, token))

    process = context.Process(target=work)
    process.start()
    process.join(60)
    (sentence,) = queue.get()
    assert sentence.startswith(f"{tmp_path} cannot be written: File too large")
    assert not list((tmp_path / "crops").iterdir())


class Killed(BaseException):
    pass


def test_stopped_at_every_write_in_turn_it_goes_on(
    run, shelf, undisturbed, monkeypatch
):
    """Each run gets one write further than the one before needed for its start."""
    stops = 0
    while True:
        moments = itertools.count()

        def stop(moments=moments, last=7 + stops):
            if next(moments) >= last:
                raise Killed

        try:
            with monkeypatch.context() as patch:
                list_writes(patch, stop)
                assert run(shelf) == (0, "", "")
            break
        except Killed:
            stops += 1
            check_index(run.folder)
    assert stops > 5
    assert read_tree(run.folder) == read_tree(undisturbed)


def test_half_a_file_is_never_seen(run, shelf, undisturbed, monkeypatch):
    def write_half(path, content, _original=Path.write_bytes):
        if not content.startswith(b"\xff\xd8"):  # a JPEG
            return _original(path, content)
        _original(path, content[: len(content) // 2])
        raise Killed

    run(shelf / "photos")
    before = read_tree(run.folder)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_half)
        with pytest.raises(Killed):
            run(shelf)
    assert read_tree(run.folder) == before
    assert run(shelf) == (0, "", "")
    assert read_tree(run.folder) == read_tree(undisturbed)


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments_it_goes_on(shelf, tmp_path, undisturbed, seed):
    generator = random.Random(seed)
    context = multiprocessing.get_context("fork")
    arguments = ["--output", str(tmp_path / "faces"), "--jobs", "1", "--every", "2"]
    patience, kills = 0.05, 0
    while True:
        process = context.Process(
            target=harvest_faces.main, args=([*arguments, str(shelf)],)
        )
        process.start()
        process.join(generator.uniform(0, patience))
        if process.exitcode is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
        patience *= 1.1
        check_index(tmp_path / "faces")
    assert kills > 2
    assert read_tree(tmp_path / "faces") == read_tree(undisturbed)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("seed", range(2))
def test_workers_that_outlive_their_run_do_no_harm(shelf, tmp_path, undisturbed, seed):
    """Only the parent is killed: its workers may still write when the next run does."""
    generator = random.Random(seed)
    folder = tmp_path / "faces"
    command = [sys.executable, SCRIPT, "--output", folder, "--every", "2", shelf]
    kills, orphans = 0, []
    while True:
        process = subprocess.Popen(
            [*map(str, command), "--jobs", "2"], stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 60
        wanted = len(list(folder.glob("crops/*"))) + generator.randint(0, 3)
        while process.poll() is None and time.monotonic() < deadline:
            if kills < 2 and len(list(folder.glob("crops/*"))) > wanted:
                orphans += psutil.Process(process.pid).children(recursive=True)
                process.kill()
                kills += 1
            time.sleep(0.005)
        process.wait()
        process.stderr.close()
        if process.returncode != -signal.SIGKILL:
            break
        check_index(folder)
    for orphan in orphans:
        with contextlib.suppress(psutil.NoSuchProcess):
            orphan.kill()
    assert process.returncode == 0
    assert kills > 0
    assert read_tree(folder) == read_tree(undisturbed)


def test_a_torn_line_and_a_line_written_twice_are_no_harm(run, shelf, undisturbed):
    run(shelf)
    path = run.folder / ".harvest" / "one.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:4], lines[2], lines[3], lines[4][:-9]]))
    assert run(shelf) == (0, "", "")
    assert read_tree(run.folder) == read_tree(undisturbed)


def test_a_run_gives_way_to_a_later_one(run, shelf, monkeypatch):
    def interrupt(*arguments, _original=harvest.catch_faces):
        for number, catch in enumerate(_original(*arguments)):
            if number == 2:
                settings = harvest.Settings(every=2)
                harvest_faces.prepare_folder(run.folder, settings)
            yield catch

    monkeypatch.setattr(harvest, "catch_faces", interrupt)
    code, _, errors = run(shelf / "one.mp4", shelf / "photos")
    assert code == 1
    assert errors == (
        f"Another harvest has started in {run.folder}; this one has stopped.\n"
    )
    assert not (run.folder / "index.csv").exists()
    work = run.folder / ".harvest"
    assert len((work / "one.jsonl").read_text().splitlines()) == 1 + 2
    assert len((work / "photos.jsonl").read_text().splitlines()) == 1


# In parallel


@pytest.mark.slow
def test_two_jobs_give_the_same_bytes(run, shelf, undisturbed):
    assert run(shelf, jobs=2) == (0, "", "")
    assert read_tree(run.folder) == read_tree(undisturbed)


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_bytes(shelf, tmp_path, undisturbed, capfd):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        code = harvest_faces.main(
            [
                *("--output", str(tmp_path / "faces"), "--every", "2", str(shelf)),
                *("--scheduler", cluster.scheduler_address),
            ]
        )
    assert (code, *capfd.readouterr()) == (0, "", "")
    assert read_tree(tmp_path / "faces") == read_tree(undisturbed)


@pytest.mark.slow
def test_a_cluster_without_workers_gets_one_sentence(
    shelf, tmp_path, capfd, monkeypatch
):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(harvest_faces, "_WAIT", 1)
    arguments = ["--output", str(tmp_path / "faces"), str(shelf)]
    with distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        assert harvest_faces.main([*arguments, "--scheduler", address]) == 2
    errors = capfd.readouterr().err
    assert errors.startswith(f"The Dask cluster at {address} gave up")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt, 130, "Stopped; start it again and it goes on from here."),
        (BrokenProcessPool, 2, "A worker was ended from outside"),
    ],
)
def test_a_run_cut_short_gets_one_sentence(
    run, shelf, monkeypatch, error, code, sentence
):
    def stop(*arguments):
        raise error

    monkeypatch.setattr(harvest_faces, "_run", stop)
    stopped, _, errors = run(shelf)
    assert stopped == code
    assert errors.startswith(sentence)
    assert errors.count("\n") == 1


def test_no_scheduler_gets_one_sentence(shelf, tmp_path, capfd, monkeypatch):
    arguments = ["--output", str(tmp_path / "faces"), str(shelf)]
    address = ["--scheduler", "tcp://127.0.0.1:9"]
    if "distributed" in sys.modules or shutil.which("dask"):
        monkeypatch.setattr(harvest_faces, "_WAIT", 0.5)
        assert harvest_faces.main([*arguments, *address]) == 2
        errors = capfd.readouterr().err
        assert errors.startswith("No Dask scheduler answers at tcp://127.0.0.1:9")
        assert errors.count("\n") == 1
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert harvest_faces.main([*arguments, *address]) == 2
    errors = capfd.readouterr().err
    assert errors.startswith("--scheduler needs Dask; run pip install distributed")
    assert not (tmp_path / "faces").exists()


# The command


def test_the_bar_shows_faces_and_time_left(run, shelf, undisturbed, monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(harvest_faces, "_GLANCE", 0.01)
    assert run(shelf)[0] == 0
    faces = len(pd.read_csv(run.folder / "index.csv"))
    last = terminal.getvalue().strip().split("\r")[-1]
    assert "100%" in last
    assert f"faces={faces}" in last
    assert "29/29" in last


def test_the_defaults_of_the_command_are_those_of_the_notebook():
    request = harvest_faces._read_arguments(["film.mp4"])
    for field, value in harvest.Settings()._asdict().items():
        assert getattr(request, field) == value


@pytest.mark.slow
def test_the_command_says_what_it_takes():
    answer = subprocess.run(
        [sys.executable, str(SCRIPT), "--help"], capture_output=True, text=True
    )
    assert answer.returncode == 0
    for word in (*(f"--{f.replace('_', '-')}" for f in harvest.Settings._fields),
                 "--scheduler", "exit code"):  # fmt: skip
        assert word in answer.stdout


@pytest.mark.slow
def test_the_defaults_reach_their_targets_on_the_courses_films():
    """All films by the stored harvest; a third of them harvested again to the box."""
    films = [faces.FILMS / f"{title}.mp4" for title in faces.read_films().index]
    stored = faces.read_index()
    assert set(stored["film"]) == set(faces.read_films().index)
    score = faces.score_harvest(stored, films)
    assert score.recall >= 0.97
    assert score.false_boxes_per_picture <= 0.03
    _, index, counts = harvest.harvest(films[::3], duplicates=-1)
    assert len(counts) == 4
    place = ["film", "frame", "x", "y", "width", "height"]
    again = set(index[place].itertuples(index=False, name=None))
    once = stored[stored["film"].isin(counts.index)]
    once = set(once[place].itertuples(index=False, name=None))
    assert len(again & once) >= 0.99 * len(again | once)  # films decode alike, nearly


# Films and photographs made by others


@pytest.fixture
def real():
    """Find a folder of the cache by the end of its name, or skip."""

    def find(name):
        for folder in sources.cache_folders():
            if (folder / name).is_dir():
                return folder / name
        pytest.skip(f"absent from the cache folders: {name}")

    return find


@pytest.mark.real
def test_the_clips_give_their_people_and_a_skull(real):
    _, index, counts = harvest.harvest(
        [real("video/intel-sample-videos")], every=15, duplicates=-1
    )
    assert counts["sampled"].sum() == 71
    assert counts["boxes"].sum() == pytest.approx(67, abs=3)
    assert set(index["film"]) == set(counts.index)


@pytest.mark.real
def test_the_london_faces_are_all_found(real):
    _, _, counts = harvest.harvest([real("faces_london")], duplicates=-1)
    assert counts["sampled"].tolist() == [102, 102]
    assert counts["boxes"].tolist() == pytest.approx([102, 102], abs=1)
