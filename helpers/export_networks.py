"""The page that needs no Python: it gets the networks as arrays and rebuilds them.

    python -m helpers.export_networks

writes build/site/try_it alone, which `python -m helpers.build_site` writes too.
"""

import argparse
import base64
import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np

from helpers import networks, node_packages, scene_networks, scenes
from helpers.attribution.graph import read_graph, run_steps

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "docs" / "try_it"
TARGET = ROOT / "build" / "site" / "try_it"
PAIR_COUNT = 6

_SCRIPTS = (
    "tfjs-core/dist/tf-core.min.js",
    "tfjs-backend-cpu/dist/tf-backend-cpu.min.js",
    "tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
)
_BINARY = "tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"
_NOTICE = """\
The files tf-*.min.js and backend_data.js hold TensorFlow.js, copyright Google LLC,
under the Apache License 2.0, which follows, and in it long.js (Apache License 2.0) and
seedrandom (MIT licence, copyright David Bau). All other files here belong to the
course: code under the MIT licence, text and pictures under CC BY 4.0.

"""
# For each kind of layer the settings that the page reads, and what others may be.
_LAST = {"data_format": ["channels_last"]}
_ACTIVATION = {"activation": ["linear", "relu"]}
_CONVOLUTION = _LAST | _ACTIVATION | {"dilation_rate": [1, (1, 1)]}
_KINDS: dict[str, tuple[list[str], dict[str, list]]] = {
    "Rescaling": (["scale", "offset"], {}),
    "Conv2D": (["strides", "padding", "activation"], _CONVOLUTION | {"groups": [1]}),
    "DepthwiseConv2D": (["strides", "padding", "activation"], _CONVOLUTION),
    "BatchNormalization": (
        ["epsilon"],
        {"axis": [-1, 3], "center": [True], "scale": [True]},
    ),
    "ReLU": ([], {"max_value": [None], "negative_slope": [0], "threshold": [0]}),
    "MaxPooling2D": (["pool_size", "strides", "padding"], _LAST),
    "GlobalAveragePooling2D": ([], _LAST | {"keepdims": [False]}),
    "Flatten": ([], _LAST),
    "Dense": (["activation"], _ACTIVATION),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, or 1 after a sentence about what is missing."""
    parser = argparse.ArgumentParser(description="Write the page without Python.")
    parser.parse_args(arguments)
    try:
        write(TARGET)
    except node_packages.NodeMissing as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Open {TARGET / 'index.html'} in a browser.")
    return 0


def write(folder: Path) -> None:
    """Write the page, all that it needs and nothing from another host.

    Parameters
    ----------
    folder : pathlib.Path
        Whatever it held before is deleted.

    Raises
    ------
    helpers.node_packages.NodeMissing
        If TensorFlow.js cannot be had.
    """
    packages = node_packages.install()
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(SOURCES, folder)
    for name in _SCRIPTS:
        source = packages / "@tensorflow" / name
        shutil.copyfile(source, folder / source.name)
    licence = (packages / "long" / "LICENSE").read_text(encoding="utf-8")
    (folder / "LICENCES.txt").write_text(_NOTICE + licence, encoding="utf-8")
    binary = (packages / "@tensorflow" / _BINARY).read_bytes()
    _write_script(folder, "backend", base64.b64encode(binary).decode("ascii"))
    _write_script(folder, "digit", _gather_digits())
    _write_script(folder, "hotel", _gather_hotel())


def export_network(model: keras.Model) -> dict:
    """Describe a network so that the page can rebuild it.

    Parameters
    ----------
    model : keras.Model
        A row of layers, the last of them dense with a softmax.

    Returns
    -------
    dict
        `input`, the shape of a picture; `layers`, a dict each with its `kind`, the
        settings that matter, and `weights` as `export_array` gives them; `tried`, the
        logits for `draw_pattern`, by which the page checks itself.

    Raises
    ------
    ValueError
        If the layers are no row, or one of them is of a kind or has a setting that the
        page does not know.
    """
    graph = read_graph(model)
    _check_row(graph)
    described = [_describe_step(step) for step in graph.steps]
    shape = model.inputs[0].shape[1:]
    tried = np.array(run_steps(graph, draw_pattern(shape)[None])[graph.logits])[0]
    return {"input": list(shape), "layers": described, "tried": tried.tolist()}


def export_array(values: np.ndarray) -> dict:
    """Describe an array as text: `shape`, `type` and little-endian bytes in `base64`.

    Its type is float16 where that loses nothing, as with all weights that ship with
    the course, else float32.

    Parameters
    ----------
    values : float array

    Returns
    -------
    dict
    """
    values = np.asarray(values, "<f4")
    with np.errstate(over="ignore"):  # too large for float16: then float32 is kept
        half = values.astype("<f2")
    kept, name = (
        (half, "float16") if np.array_equal(half, values) else (values, "float32")
    )
    return {
        "shape": list(values.shape),
        "type": name,
        "base64": base64.b64encode(kept.tobytes()).decode("ascii"),
    }


def draw_pattern(shape: tuple) -> np.ndarray:
    """Draw the picture by which page and Keras are compared: value i is 7919·i mod 256.

    Parameters
    ----------
    shape : tuple of int

    Returns
    -------
    float32 array of the shape asked for, in [0, 1]
    """
    numbers = np.arange(np.prod(shape)) * 7919 % 256
    return (numbers / 255).astype("float32").reshape(shape)


def choose_pools(*right: np.ndarray) -> np.ndarray:
    """Choose the pools that the page shows: by a rule, not by hand.

    Parameters
    ----------
    *right : bool arrays (n,)
        For each network, which pools without a rail it calls pools.

    Returns
    -------
    int array (`PAIR_COUNT`,)
        The first that all networks call pools.
    """
    return np.flatnonzero(np.all(right, axis=0))[:PAIR_COUNT]


def _gather_digits():
    recipes = {"plain": "plain", "shifts": "shifts", "both": "shifts and neither"}
    return {
        name: export_network(networks.load_digit_networks("embedded", recipe)[0])
        for name, recipe in recipes.items()
    }


def _gather_hotel():
    pairs = scenes.load_pairs("embedded", "test")
    pool = pairs.class_names.index(scene_networks.STORY)
    twins = [part[pairs.labels == pool] for part in pairs[:2]]  # with, without a rail
    models = {
        name: scene_networks.load_scene_networks("embedded", recipe)[0]
        for name, recipe in {"found": "as found", "mended": "pairs"}.items()
    }
    right = {
        name: np.stack([networks.predict(model, part).argmax(1) for part in twins])
        == pool
        for name, model in models.items()
    }
    return {
        "classes": pairs.class_names,
        "networks": {name: export_network(model) for name, model in models.items()},
        "size": scenes.SIZE,
        "pairs": [
            [_export_picture(part[number]) for part in twins]
            for number in choose_pools(*(each[1] for each in right.values()))
        ],
        "right": {name: each.sum(axis=1).tolist() for name, each in right.items()},
        "pools": len(twins[0]),
    }


def _export_picture(picture):
    """Return the bytes of a picture as text; they are 255 times its values."""
    levels = np.rint(picture * 255).astype("uint8")
    return base64.b64encode(levels.tobytes()).decode("ascii")


def _check_row(graph):
    before = 0  # the picture
    for step in graph.steps:
        if step.inputs != (before,):
            raise ValueError(
                f"The page computes layers in a row, and {step.name!r} takes something "
                "else than what the layer before it gives; export a network without "
                "branches."
            )
        before = step.outputs[0]
    if graph.squash != "softmax":
        raise ValueError(
            f"The page turns logits into probabilities by a softmax, and this network "
            f"ends in {graph.squash or 'logits'}; give its last layer a softmax."
        )


def _describe_step(step):
    layer, kind = step.operation, type(step.operation).__name__
    if kind not in _KINDS:
        raise ValueError(
            f"The page knows layers of the kinds {', '.join(_KINDS)}, and "
            f"{step.name!r} is of the kind {kind}; add it to docs/try_it/networks.js "
            "and here first."
        )
    read, expected = _KINDS[kind]
    settings = layer.get_config()
    if step.squash:
        settings["activation"] = "linear"  # the page takes the softmax by itself
    for name, wanted in expected.items():
        if settings[name] not in wanted:
            raise ValueError(
                f"The page computes {kind} only with {name}={wanted[0]!r}, and "
                f"{step.name!r} has {settings[name]!r}; add that to "
                "docs/try_it/networks.js and here first."
            )
    weights = {one.name: export_array(one.numpy()) for one in layer.weights}
    return {"kind": kind, "weights": weights} | {name: settings[name] for name in read}


def _write_script(folder, name, value):
    """Write data as a script: a page opened as a file may run one, but fetch none."""
    text = json.dumps(value, separators=(",", ":"))
    path = folder / f"{name}_data.js"
    path.write_text(f"const {name}Data = {text};\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
