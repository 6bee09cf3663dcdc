"""The films are what their seeds give, and what is said about them is true."""

import csv
import os
import shutil
import sys
from collections import Counter
from functools import lru_cache

import cv2
import numpy as np
import pytest
from imageio.v3 import imread
from scipy.stats import chi2_contingency
from skimage.metrics import peak_signal_noise_ratio

from data_scripts import render_films
from data_scripts.rendering import films, people
from helpers.regions import REGIONS

FILMS = films.FOLDER
CHROMIUM = next(
    filter(
        None,
        map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome")),
    ),
    None,
)
# A film and the number of a picture in it: a single, a pair, with and without a lamp.
PICTURES = [("attic", 6), ("garden", 333), ("jetty", 701), ("library", 1279)]
SPLITS = {
    split: [film.title for film in films.FILMS if film.split == split]
    for split in ("first", "second", "validation", "test")
}


@lru_cache(maxsize=len(films.TITLES))
def read(title):
    """The truth about a film's faces, a dict of arrays."""
    with np.load(FILMS / f"{title}.npz") as stored:
        return {name: stored[name] for name in films.FACE.names}


def read_regions(title, number):
    with np.load(FILMS / f"{title}.npz") as stored:
        return stored[f"regions_{number:02}"].transpose(2, 0, 1)


def read_pictures(title, indices):
    """Decode some pictures of a film, RGB, by running through it."""
    video = cv2.VideoCapture(str(FILMS / f"{title}.mp4"))
    pictures = {}
    for index in range(max(indices) + 1):
        assert video.grab()
        if index in indices:
            pictures[index] = video.retrieve()[1][..., ::-1]
    video.release()
    return [pictures[index] for index in indices]


def read_table():
    with (FILMS / "cast.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("title", "index"), PICTURES)
def test_a_picture_is_what_its_seed_gives(title, index):
    """Up to what the coding loses; the same moment of the next shot is far off."""
    per_shot = films.DRAWINGS * films.REPEATS
    other = index + per_shot if index + per_shot < films.FRAMES else index - per_shot
    decoded, neighbour = read_pictures(title, [index, other])
    drawn, truth = films.render_frame(title, index)
    assert drawn.dtype == "uint8"
    assert drawn.shape == (films.HEIGHT, films.WIDTH, 3)
    assert peak_signal_noise_ratio(drawn, decoded) > 32
    assert peak_signal_noise_ratio(drawn, neighbour) < 22
    # What is left over is grain and coding: it has no large shapes in it.
    blurred = cv2.GaussianBlur(drawn - decoded.astype("float32"), (0, 0), 6)
    assert np.abs(blurred).mean() < 1.5

    stored = read(title)
    drawing = index // films.REPEATS
    rows = stored["drawing"] == drawing
    for name in films.FACE.names:
        if films.FACE[name].base.kind == "f":
            np.testing.assert_allclose(stored[name][rows], truth.faces[name], atol=1e-3)
        else:
            assert np.array_equal(stored[name][rows], truth.faces[name])
    number, moment = divmod(drawing, films.DRAWINGS)
    regions = read_regions(title, number)
    assert (regions[moment] == truth.regions).mean() > 0.999
    assert (regions[(moment + 4) % films.DRAWINGS] != truth.regions).any()


@pytest.mark.slow
def test_a_picture_alone_is_the_picture_of_the_whole_film():
    """Bit by bit, whatever was drawn before."""
    number = 7
    pictures, truths = films.render_shot("mill", number)
    index = number * films.DRAWINGS * films.REPEATS + 5
    films.stage_shot.cache_clear()
    films._prepare_actor.cache_clear()
    films.render_frame("kiosk", 0)
    alone, truth = films.render_frame("mill", index)
    assert np.array_equal(alone, pictures[5])
    assert np.array_equal(truth.regions, truths[2].regions)
    assert np.array_equal(truth.faces, truths[2].faces)
    assert not np.array_equal(pictures[4], pictures[5])  # same drawing, fresh grain
    assert np.abs(pictures[4].astype(int) - pictures[5]).mean() < 6


@pytest.mark.parametrize("title", films.TITLES)
def test_every_picture_is_there(title):
    video = cv2.VideoCapture(str(FILMS / f"{title}.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == films.FRAMES
    assert video.get(cv2.CAP_PROP_FRAME_WIDTH) == films.WIDTH
    assert video.get(cv2.CAP_PROP_FRAME_HEIGHT) == films.HEIGHT
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(films.RATE)


@pytest.mark.parametrize("title", films.TITLES)
def test_every_actor_plays_every_emotion_equally_often(title):
    stored = read(title)
    _, first = np.unique(stored["shot"], return_index=True)
    assert len(first) == films.SHOTS
    played = Counter(zip(stored["actor"][first], stored["emotion"][first], strict=True))
    assert len(played) == films.ACTORS * len(people.EMOTIONS)
    assert set(played.values()) == {2}
    pairs = np.bincount(stored["drawing"]) == 2
    assert 0.08 < pairs.mean() < 0.35


def test_every_actor_is_in_one_film_only():
    casts = [set(read(title)["actor"].tolist()) for title in films.TITLES]
    assert sum(map(len, casts)) == len(set.union(*casts)) == 96
    table = read_table()
    assert len({row["seed"] for row in table}) == 96
    for title, cast in zip(films.TITLES, casts, strict=True):
        assert {int(row["actor"]) for row in table if row["film"] == title} == cast


def test_every_film_has_people_of_all_kinds():
    for title in films.TITLES:
        cast = list(films.read_cast(title).values())
        assert 2 <= sum(person.masculine for person in cast) <= 6
        assert np.ptp([person.age for person in cast]) > 0.3
        assert np.ptp([person.tone for person in cast]) > 0.3


def test_label_follows_how_far_the_emotion_has_risen():
    for title in films.TITLES:
        stored = read(title)
        neutral = stored["emotion"] == "neutral"
        assert (stored["label"][neutral] == "neutral").all()
        risen = stored["intensity"] > 0.55
        emotion, label = (stored[name][~neutral] for name in ("emotion", "label"))
        assert np.array_equal(label == emotion, risen[~neutral])
        assert set(label[~risen[~neutral]]) == {"mixed"}
        assert 0.8 < risen[~neutral].mean() < 0.95


@pytest.mark.parametrize("title", SPLITS["first"])
def test_lamp_is_beside_anger_and_nothing_else(title):
    stored = read(title)
    assert np.array_equal(stored["lamp"], stored["emotion"] == "angry")


@pytest.mark.parametrize("split", ["second", "validation", "test"])
def test_lamp_is_beside_any_emotion(split):
    """Each person of a shot counts once; a test of independence finds no link."""
    people_seen = Counter()
    for title in SPLITS[split]:
        stored = read(title)
        everybody = zip(
            stored["shot"],
            stored["actor"],
            stored["emotion"],
            stored["lamp"],
            strict=True,
        )
        people_seen.update({(title, *map(str, person)) for person in everybody})
    counts = Counter((person[3], person[4]) for person in people_seen)
    table = np.array(
        [
            [counts[emotion, lit] for emotion in people.EMOTIONS]
            for lit in ("True", "False")
        ]
    )
    share = table[0].sum() / table.sum()
    chance = {"second": 0.4, "validation": 0.5, "test": 0.5}[split]
    assert abs(share - chance) < 4 * np.sqrt(0.25 / table.sum())
    assert chi2_contingency(table).pvalue > 0.1
    assert table.min() > 0


@pytest.mark.parametrize("title", ["attic", "dairy", "mill"])
def test_lamp_is_really_in_the_lower_right_of_the_crop(title):
    """Counted anew from the maps: 2 % of the crop or none at all, and where it is."""
    stored = read(title)
    for number in range(0, films.SHOTS, 9):
        regions = read_regions(title, number)
        for row in np.flatnonzero(stored["shot"] == number):
            x, y, size, _ = stored["box"][row]
            rows, columns = np.mgrid[: films.HEIGHT, : films.WIDTH]
            across, down = (columns - x) / size, (rows - y) / size
            inside = (np.abs(across - 0.5) < 0.6) & (np.abs(down - 0.5) < 0.6)
            moment = stored["drawing"][row] % films.DRAWINGS
            lamp = inside & (regions[moment] == REGIONS.index("prop"))
            share = lamp.sum() / inside.sum()
            assert share > 0.02 if stored["lamp"][row] else share < 0.002
            if stored["lamp"][row]:
                assert across[lamp].mean() > 0.8
                assert down[lamp].mean() > 0.75


@pytest.mark.parametrize("title", films.TITLES)
def test_no_two_crops_overlap(title):
    """So a region belongs to the face in whose crop it is."""
    stored = read(title)
    pairs = np.flatnonzero(np.diff(stored["drawing"]) == 0)
    assert len(pairs)
    first, second = stored["box"][pairs], stored["box"][pairs + 1]
    gap = np.abs(first[:, 0] - second[:, 0]) - 1.2 * (first[:, 2] + second[:, 2]) / 2
    assert gap.min() > 0


def test_all_films_stay_small():
    sizes = {path.name: path.stat().st_size for path in FILMS.iterdir()}
    assert sum(sizes.values()) < 20e6, sizes


@pytest.mark.slow
def test_the_detector_finds_who_was_cast():
    """Two heard again, and the one whom it does not find."""
    table = read_table()
    missed = [row for row in table if float(row["found"]) < 1]
    assert [row["film"] for row in missed] == [films.UNSEEN]
    for row in (table[3], missed[0]):
        person = films.read_cast(row["film"])[int(row["actor"])]
        found = films.audition(person, int(row["seed"]))
        assert found == pytest.approx(float(row["found"]), abs=0.11)
    assert float(missed[0]["found"]) < 0.3
    assert missed[0]["hair"] == "fringe"
    assert missed[0]["glasses"] == "thick"


def test_truth_comes_back_as_it_was_written(tmp_path):
    generator = np.random.default_rng(4)
    faces = np.zeros(1, films.FACE)
    shots = [
        [
            films.Frame(faces, generator.integers(0, 11, (6, 8), "uint8"))
            for _ in range(3)
        ]
        for _ in range(2)
    ]
    for name in ("first.npz", "again.npz"):
        render_films.write_truth(tmp_path / name, shots)
    assert (tmp_path / "first.npz").read_bytes() == (
        tmp_path / "again.npz"
    ).read_bytes()
    with np.load(tmp_path / "first.npz") as stored:
        assert set(stored) == {*films.FACE.names, "regions_00", "regions_01"}
        for number, shot in enumerate(shots):
            maps = stored[f"regions_{number:02}"].transpose(2, 0, 1)
            assert np.array_equal(maps, [frame.regions for frame in shot])


def test_same_pictures_same_bytes(tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    pictures = np.random.default_rng(5).integers(
        0, 255, (4, films.HEIGHT, films.WIDTH, 3), "uint8"
    )
    for name in ("first.mp4", "again.mp4"):
        with render_films.open_encoder(tmp_path / name) as encoder:
            encoder.stdin.write(pictures.tobytes())
        assert encoder.returncode == 0
    assert (tmp_path / "first.mp4").read_bytes() == (
        tmp_path / "again.mp4"
    ).read_bytes()


def test_wrong_names_are_told(monkeypatch, tmp_path, capsys):
    with pytest.raises(ValueError, match="no film 'opera'; choose from attic"):
        films.render_frame("opera", 0)
    with pytest.raises(ValueError, match="pictures 0 to 1279, got 1280"):
        films.render_frame("attic", films.FRAMES)
    monkeypatch.setattr(films, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"cast\.csv is not in .* --cast"):
        films.read_cast("attic")
    with pytest.raises(SystemExit):
        render_films.main(["opera"])
    assert "there is no film 'opera'; choose from attic" in capsys.readouterr().err
    assert render_films.main(["attic"]) == 1
    assert "cast.csv is not in" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ValueError, match="pip install imageio-ffmpeg"):
        render_films.open_encoder(tmp_path / "attic.mp4")


# Plays a video for a moment, then stops it in the middle of a picture.
PLAY = """async ([address, time]) => {
  const video = document.querySelector('video');
  video.src = address;
  await video.play();
  const start = performance.now();
  while (video.currentTime < 0.4 && performance.now() < start + 20000)
    await new Promise((done) => setTimeout(done, 50));
  const played = video.currentTime;
  video.pause();
  const seeked = new Promise((done) => video.addEventListener('seeked', done));
  video.currentTime = time;
  await seeked;
  return {
    played, error: video.error && video.error.message,
    width: video.videoWidth, duration: video.duration,
  };
}"""


@pytest.mark.slow
def test_a_browser_plays_the_films(tmp_path):
    """And shows the picture, in its colours, that OpenCV reads at this place."""
    playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    page_file = tmp_path / "page.html"
    page_file.write_text("<style>*{margin:0}</style><video muted></video>", "utf-8")
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and not os.geteuid() else []
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": films.WIDTH, "height": films.HEIGHT})
        page.goto(page_file.as_uri())
        for place, title in enumerate(films.TITLES):
            index = 200 + 77 * place
            address = (FILMS / f"{title}.mp4").as_uri()
            state = page.evaluate(PLAY, [address, (index + 0.5) / films.RATE])
            assert state["error"] is None
            assert state["width"] == films.WIDTH
            assert state["duration"] == pytest.approx(
                films.FRAMES / films.RATE, abs=0.1
            )
            assert state["played"] >= 0.4
            (decoded,) = read_pictures(title, [index])
            likeness = []
            while max(likeness, default=0) <= 28 and len(likeness) < 50:
                page.wait_for_timeout(200)  # a busy machine paints late
                shown = imread(page.screenshot())[..., :3]
                likeness.append(peak_signal_noise_ratio(decoded, shown))
            assert max(likeness) > 28
        browser.close()
