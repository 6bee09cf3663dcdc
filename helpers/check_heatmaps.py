"""What to do on Monday: tell whether the heatmaps of one's own model deserve belief.

    model, _ = models.load_model("mine.keras", input_range=(-1, 1))
    check_heatmaps(model, "photographs")

puts methods to the tests that need no truth, beside maps that know nothing of the
network, and says a word on each. With masks of what should be hot, the truth decides.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from helpers import grading, models, pictures

METHODS = (
    *("saliency", "integrated_gradients", "guided_backprop", "lrp"),
    *("grad_cam", "layer_cam"),
)
# The first of the tests decides.
TESTS = (
    *("insertion, blur", "random weights", "other class"),
    *("another seed", "a small shift", "JPEG"),
)
TRUTH_TESTS = ("relevance mass", "relevance rank", "pointing game")

_SAME = 0.9  # rank correlation of maps that are as good as the same
# What is said where a change does not make maps worse: if it does not change them
# either, and if it does. By the test that tells how much it changes them.
_UNMOVED = {
    "random weights": (
        "does not depend on the weights",
        "no better than with random weights",
    ),
    "other class": (
        "does not depend on the class",
        "no better than for another class",
    ),
}
_BLIND_NAMES = {
    "random": "a random map",
    "centre": "a spot in the middle",
    "edges": "an edge map",
}


def check_heatmaps(
    model, images, methods=METHODS, class_indices=None, masks=None, *, size=None, seed=0
):
    """Grade heatmaps on a model and pictures of one's own, and say a word on each.

    What decides is the share of the heat that lies in the masks or, without masks, how
    fast the class's probability rises when a blurred picture gets its hottest pixels
    back first. By that grade a method's maps are compared with others, picture by
    picture. "Better" means that the 95 % bootstrap interval of the mean difference is
    above 0. The verdict is the first of these that holds:

    - "no better than with random weights": than the same method's maps of a network
      that has learnt nothing; "does not depend on the weights" if these are as good as
      the same, with rank correlations above 0.9;
    - "no better than for another class": than its maps of the class that the network
      would name next; or "does not depend on the class";
    - "no better than an edge map", or "worse than an edge map": compared is with the
      best of the blind maps, which know nothing of the network;
    - "better than an edge map".

    So a verdict says what these pictures show. With few of them intervals are wide, and
    a method may be better than it seems. Nor is a good verdict a proof: without masks
    it says that the network reacts to what is hot, and that may still be the wrong
    thing to react to.

    Parameters
    ----------
    model : keras.Model
        Takes pictures in [0, 1] and has one output; `models.adapt_model` makes one so.
    images : str, pathlib.Path or float array (n, height, width, channels), in [0, 1]
        A folder, whose pictures are taken in the order of their names and cut and
        resized as the model takes them; or pictures ready for the model. Two or more;
        twenty are a good start.
    methods : sequence of str, or dict of str to callable
        Names in `helpers.attribution.METHODS`, or functions like those.
    class_indices : int or int array (n,), optional
        The classes to explain; the model's own answers if not given.
    masks : bool array (n, height, width), optional
        Where the heat should be, in the pictures as the model takes them.
    size : (int, int), optional
        Height and width, for a folder and a model that takes any.
    seed : int
        Decides all that is drawn.

    Returns
    -------
    pandas.DataFrame
        A row for each method, then for each blind map. A column for each test of
        `helpers.grading.TESTS` that was made, the mean over the pictures (NaN where it
        does not apply), and the verdict.

    Raises
    ------
    ValueError
        If the model takes no pictures or has several outputs, the folder holds none, a
        picture cannot be read, there are fewer than two, a method or class does not
        exist, or the masks do not fit.
    """
    methods = _choose_methods(methods)
    images = _prepare_images(model, images, size)
    answers = models.predict(model, images)
    if class_indices is None:
        class_indices = answers.argmax(axis=1)
    tests = [*TESTS] if masks is None else [*TRUTH_TESTS, *TESTS]
    changes = {"random weights": (grading.randomize(model, seed), class_indices)}
    if answers.shape[1] > 1:
        changes["other class"] = (
            model,
            grading.find_rivals(model, images, class_indices),
        )
    else:
        tests.remove("other class")
    question = model, images, class_indices, masks
    table = grading.grade(
        {**methods, **grading.BLIND_METHODS}, *question, tests=tests, seed=seed
    )
    values = {
        key: rows.to_numpy() for key, rows in table.groupby(["method", "test"])["value"]
    }
    report = table.groupby(["method", "test"], sort=False)["value"].mean().unstack()
    report = report[tests].rename_axis(columns=None).assign(verdict="blind")
    for name, method in methods.items():
        if np.isnan(values[name, tests[0]]).any():
            report.loc[name, "verdict"] = "cannot be used on this model"
            continue
        for test, (other, classes) in changes.items():
            heatmaps = method(other, images, classes)
            measure = grading.TESTS[tests[0]].measure
            values[name, test, tests[0]] = measure(method, *question, heatmaps, seed)
        report.loc[name, "verdict"] = _judge(values, name, tests[0])
    return report


def _judge(values, name, deciding):
    """Return the verdict on a method that can be used.

    Values are arrays (n,), by method and test; and by method, what was changed, and
    test for the maps that are made after the change.
    """
    sign = 1 if grading.TESTS[deciding].better == "higher" else -1
    grades = sign * values[name, deciding]
    for change, (same, other) in _UNMOVED.items():
        changed = values.get((name, change, deciding))
        if changed is not None and not _bound(grades - sign * changed)[0] > 0:
            return same if _bound(values[name, change])[0] > _SAME else other
    blind = {known: sign * values[known, deciding] for known in grading.BLIND_METHODS}
    best = max(blind, key=lambda known: blind[known].mean())
    low, high = _bound(grades - blind[best])
    word = "better" if low > 0 else "worse" if high < 0 else "no better"
    return f"{word} than {_BLIND_NAMES[best]}"


def read_folder(folder, shape):
    """Read a folder's pictures, in the order of their names, as a network takes them.

    Parameters
    ----------
    folder : str or pathlib.Path
    shape : (int, int, int)
        Height, width and channels: 1 for grey, 3 for colour.

    Returns
    -------
    float32 array (n, *shape), in [0, 1]

    Raises
    ------
    ValueError
        If there is no such folder, there is no picture in it, or one cannot be read.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise ValueError(
            f"The pictures must lie in a folder, got {found} at {folder}; name the "
            "folder."
        )
    paths = pictures.list_pictures(folder)
    if not paths:
        raise ValueError(
            f"The folder must hold pictures, got none in {folder}; put PNG or JPEG "
            "files there."
        )
    *size, channels = shape
    images = np.stack(
        [pictures.fit_picture(pictures.read_picture(path), size)[0] for path in paths]
    )
    return pictures.turn_grey(images) if channels == 1 else images


def _choose_methods(methods):
    """Return a dict of methods, none of them named like a blind map."""
    from helpers.attribution import METHODS as known

    if not isinstance(methods, dict):
        names = [methods] if isinstance(methods, str) else methods
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ValueError(
                f"There is no method {unknown[0]!r}; the methods are "
                f"{', '.join(known)}."
            )
        methods = {name: known[name] for name in names}
    taken = [name for name in methods if name in grading.BLIND_METHODS]
    if taken:
        raise ValueError(
            f"A method must not be named like a blind map, got {taken[0]!r}; give it "
            "another name."
        )
    return methods


def _prepare_images(model, images, size):
    """Return pictures that fit the model, two or more, in [0, 1]."""
    models.adapt_model(model)  # says what is wrong with it, if anything is
    if isinstance(images, str | Path):
        images = read_folder(images, models.read_input_shape(model, size))
    images = np.asarray(images)
    if len(images) < 2:
        raise ValueError(
            f"An interval needs 2 pictures or more, got {len(images)}; twenty are a "
            "good start."
        )
    if not (images.min() >= 0 and images.max() <= 1):
        raise ValueError(
            f"The pictures must have values from 0 to 1, got {images.min():g} to "
            f"{images.max():g}; divide bytes by 255, and see models.adapt_model."
        )
    return images


def _bound(differences):
    """Return the ends of the 95 % interval of a mean, as `grading.summarise` does."""
    table = pd.DataFrame({"method": "", "test": "", "value": differences})
    return grading.summarise(table)[["low", "high"]].to_numpy()[0]
