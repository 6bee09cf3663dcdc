"""Ask independent libraries to explain three small networks, and to grade heatmaps.

    python tests/reference/make_reference.py

draws the networks and pictures from a fixed seed, makes one temporary environment a
group of libraries (venv and pip; PyPI must be reachable), runs in it the script that
asks them, and writes, beside this file, small arrays and `versions.json`: the versions
that made them and their SHA-256. The tests compare the course's own methods with these
arrays and need none of the libraries.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
NETWORKS = HERE / "networks.npz"
VERSIONS = HERE / "versions.json"
SEED = 72  # gives maps of both signs, and scores that differ between pictures
SIZE, CHANNELS, CLASSES = 12, 3, 4
HIDING = ("masks", "squares", "subsets")
HIDDEN, SIDE, SUBSET = 64, 3, 14  # how many are hidden, and how many pixels at a time


class Environment(NamedTuple):
    """What one script needs; ``bare`` packages are installed without dependencies."""

    script: str
    packages: tuple
    bare: tuple


# Within the ranges that xplique 2.0.2 declares, but without the packages for graphics
# cards, the linter and the OpenCV 5 that it names.
TENSORFLOW = (
    "numpy==2.2.6",
    "tensorflow==2.20.0",
    "keras==3.15.1",
    "tensorflow-probability[tf]==0.25.0",
    "scipy==1.15.3",
    "scikit-image==0.25.2",
    "scikit-learn==1.7.2",
    "matplotlib==3.10.0",
    "einops==0.8.1",
    "deprecated==1.2.18",
    "opencv-python-headless==4.14.0.94",
)

ENVIRONMENTS = (
    Environment(
        "ask_torch_libraries.py",
        ("numpy==2.4.6", "torch==2.13.0", "captum==0.9.0", "saliency==0.2.1"),
        # zennit wants torchvision for the names of four classes only, and a Python
        # 3.11 of a late patch level; neither makes a difference here.
        ("zennit==1.0.0",),
    ),
    Environment("ask_xplique.py", TENSORFLOW, ("xplique==2.0.2",)),
    Environment(
        "ask_graders.py",  # reads what ask_xplique.py wrote
        (*TENSORFLOW, "pandas==2.3.3", "cachetools==6.2.4", "tqdm==4.67.1"),
        # Quantus names the OpenCV 5 too.
        ("xplique==2.0.2", "quantus==0.6.0"),
    ),
)


def main():
    """Make the arrays and `versions.json` again."""
    np.savez_compressed(NETWORKS, **draw_networks())
    versions = {
        environment.script: run_in_environment(environment)
        for environment in ENVIRONMENTS
    }
    hashes = {path.name: hash_file(path) for path in sorted(HERE.glob("*.npz"))}
    text = json.dumps({"versions": versions, "sha256": hashes}, indent=2)
    VERSIONS.write_text(text + "\n", encoding="utf-8", newline="\n")


def draw_networks(seed=SEED):
    """Draw the weights of the three networks, the pictures and the classes asked for.

    Parameters
    ----------
    seed : int

    Returns
    -------
    dict of str to array
        ``class_indices`` int (4,); for each network its pictures,
        ``network/images`` float32 (4, 12, 12, 3), in [0, 1] or, for "residual", in
        [-1, 1]; and its weights as ``network/layer/part``, kernels as Keras has them.
        For the grades ``masks`` bool (4, 12, 12), a rectangle each; and the pixels
        that are hidden, ``squares`` and ``subsets`` bool (64, 12, 12), as
        `helpers.grading.faithfulness` draws them from seed 0.
    """
    generator = np.random.default_rng(seed)
    shapes = {
        "pooled": {"conv_1": (3, 3, 3, 6), "conv_2": (3, 3, 6, 8), "scores": (8, 4)},
        "flat": {
            "conv_1": (3, 3, 3, 6),
            "conv_2": (3, 3, 6, 8),
            "hidden": (200, 16),
            "scores": (16, 4),
        },
        "residual": {
            "conv_1": (3, 3, 3, 6),
            "norm_1": (6,),
            "conv_2": (3, 3, 6, 6),
            "norm_2": (6,),
            "scores": (6, 4),
        },
    }
    images = np.stack([draw_picture(generator) for _ in range(CLASSES)])
    drawn = {
        "class_indices": np.arange(CLASSES),
        "pooled/images": images,
        "flat/images": images[::-1],
        "residual/images": 2 * images - 1,
    }
    for network, layers in shapes.items():
        for layer, shape in layers.items():
            name = f"{network}/{layer}"
            if layer.startswith("norm"):
                drawn[f"{name}/gamma"] = generator.uniform(0.5, 1.5, shape)
                drawn[f"{name}/beta"] = generator.normal(0, 0.3, shape)
                drawn[f"{name}/mean"] = generator.normal(0, 0.3, shape)
                drawn[f"{name}/variance"] = generator.uniform(0.5, 1.5, shape)
                continue
            spread = np.sqrt(2 / np.prod(shape[:-1]))
            drawn[f"{name}/kernel"] = generator.normal(0, spread, shape)
            if network != "residual" or layer == "scores":
                drawn[f"{name}/bias"] = generator.normal(0, 0.1, shape[-1])
    kinds = {"class_indices": "int64"} | dict.fromkeys(HIDING, "bool")
    drawn |= dict(zip(HIDING, draw_masks(generator), strict=True))
    return {
        name: values.astype(kinds.get(name, "float32"))
        for name, values in drawn.items()
    }


def draw_masks(generator):
    """Return rectangles (4, 12, 12), and squares and scattered pixels (64, 12, 12)."""
    rectangles = np.zeros((CLASSES, SIZE, SIZE), bool)
    for rectangle in rectangles:
        top, left = generator.integers(SIZE - 6, size=2)
        height, width = generator.integers(3, 7, size=2)
        rectangle[top : top + height, left : left + width] = True
    squares = np.zeros((HIDDEN, SIZE, SIZE), bool)
    places = np.random.default_rng(0)
    tops, lefts = (places.integers(SIZE - SIDE + 1, size=HIDDEN) for _ in range(2))
    for square, top, left in zip(squares, tops, lefts, strict=True):
        square[top : top + SIDE, left : left + SIDE] = True
    first = np.tile(np.arange(SIZE * SIZE) < SUBSET, (HIDDEN, 1))
    subsets = np.random.default_rng(0).permuted(first, axis=1)
    return rectangles, squares, subsets.reshape(squares.shape)


def draw_picture(generator):
    """Return noise with two bright squares and one black: float (12, 12, 3)."""
    picture = 0.4 * generator.random((SIZE, SIZE, CHANNELS))
    for brightness in (1.0, 1.0, 0.0):
        top, left = generator.integers(SIZE - 4, size=2)
        colour = brightness * generator.random(CHANNELS)
        picture[top : top + 5, left : left + 5] = colour
    return picture


def run_in_environment(environment):
    """Install packages into a temporary folder, run a script with them, delete them.

    Parameters
    ----------
    environment : Environment

    Returns
    -------
    dict of str to str
        The versions that the script reports on its last line.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        venv.create(folder, with_pip=True)
        scripts = "Scripts" if sys.platform == "win32" else "bin"
        python = Path(folder) / scripts / "python"
        install = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *environment.packages], check=True)
        bare = ["--no-deps", "--ignore-requires-python", *environment.bare]
        subprocess.run([*install, *bare], check=True)
        script = HERE / environment.script
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        ran = subprocess.run(
            [python, "-B", script, NETWORKS, HERE],
            check=True,
            stdout=subprocess.PIPE,
            env=os.environ | quiet,
        )
    return json.loads(ran.stdout.decode().splitlines()[-1])


def hash_file(path):
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
