import os
import subprocess
import sys

import pytest

from helpers import runtime


def test_variable_overrides_the_cell(monkeypatch):
    assert runtime.choose_edition("embedded") == "embedded"
    monkeypatch.setenv("COURSE_EDITION", "real")
    assert runtime.choose_edition("embedded") == "real"


def test_unknown_edition_names_the_place_to_mend(monkeypatch):
    with pytest.raises(ValueError, match="'rael'; set EDITION, above"):
        runtime.choose_edition("rael")
    monkeypatch.setenv("COURSE_EDITION", "rael")
    with pytest.raises(ValueError, match="'rael'; set COURSE_EDITION"):
        runtime.choose_edition("embedded")


@pytest.mark.slow
def test_start_prints_one_line_and_nothing_else():
    command = "from helpers import runtime; runtime.start(seed=3)"
    variables = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    result = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, env=variables
    )
    assert result.stderr == ""
    assert result.stdout.startswith("embedded edition · Python 3.")
    assert result.stdout.endswith("seed 3\n")
    assert len(result.stdout.splitlines()) == 1


def test_start_repeats_every_random_stream(capsys):
    import random

    import numpy as np
    import tensorflow as tf

    def draw():
        runtime.start(seed=5)
        legacy = np.random.get_state()[1][0]  # noqa: NPY002
        return random.random(), legacy, float(tf.random.normal(()))

    assert draw() == draw()


def test_silence_swallows_descriptors_and_gives_them_back(capfd):
    with runtime.silenced_descriptors():
        os.write(2, b"chatter")
        os.write(1, b"chatter")
    os.write(1, b"heard")
    assert capfd.readouterr() == ("heard", "")


def test_silence_ends_where_something_fails(capfd):
    def fail():
        with runtime.silenced_descriptors():
            os.write(2, b"the reason")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert capfd.readouterr().err == "the reason"
