"""VGGEmotion: trained by one command, and nothing but its last convolution learns."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imsave

from data_scripts import train_vgg_emotion as command
from helpers import real_networks, sources
from tests.test_real_networks import draw_weights, list_shapes, write_file

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "data_scripts" / "train_vgg_emotion.py"


def draw_faces(folder, people=5):
    """Sort made-up pictures into a folder: bright ones are glad, dark ones are sad."""
    generator = np.random.default_rng(5)
    for place, name in enumerate(("glad", "sad")):
        (folder / name).mkdir(parents=True)
        for person in range(people):
            noise = generator.integers(0, 100, (30, 30, 3))
            picture = (noise + 150 * (1 - place)).astype("uint8")
            imsave(folder / name / f"p{person}_{place}.png", picture)
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("started")
def test_one_command_trains_and_the_chapter_finds_it(tmp_path, monkeypatch):
    cache, folder = tmp_path / "cache", draw_faces(tmp_path / "faces")
    weights = cache / sources.SOURCES["vgg-face/weights-without-top"].file_name
    weights.parent.mkdir(parents=True)
    write_file(weights, list_shapes(), draw_weights())
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), "--epochs", "3"],
        cwd=tmp_path,
        env=os.environ | {"COURSE_CACHE": str(cache), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    assert result.returncode == 0, result.stderr
    held_out = real_networks.hold_out(np.array([f"p{n}" for n in range(5)]))
    assert "8 faces to learn from and 2 of 1 other people" in result.stdout
    assert f"{held_out[0]}: " in result.stdout
    files = [path.name for path in (cache / "trained").iterdir()]
    assert files == ["vgg_emotion.npz"]

    monkeypatch.setenv("COURSE_CACHE", str(cache))
    trained = real_networks.load_vgg_emotion()
    assert (trained.class_names, trained.held_out) == (["glad", "sad"], held_out)
    published = real_networks.read_vgg_face(weights)
    for name, pair in published.items():
        learned = trained.model.get_layer(name).get_weights()
        same = [np.array_equal(a, b) for a, b in zip(pair, learned, strict=True)]
        assert same == ([False] * 2 if name == "conv5_3" else [True] * 2)

    role = real_networks._ask_emotions(trained)
    answers = trained.model(role.images, training=False).numpy().argmax(axis=1)
    right = (answers == role.labels).sum()
    assert len(role.images) == 2
    assert f"held-out people: {right} of 2 right" in result.stdout


def test_a_folder_with_too_little_gives_one_sentence(tmp_path, capsys):
    folder = draw_faces(tmp_path / "faces", people=2)
    assert command.main([str(folder)]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "2 classes and 2 people" in error


def test_epochs_must_be_positive(capsys):
    with pytest.raises(SystemExit):
        command.main(["--epochs", "0"])
    assert "--epochs must be 1 or more" in capsys.readouterr().err
