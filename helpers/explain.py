"""What a network says to a picture of your own, and what in it speaks for a class.

The same for files, without a notebook: ``python -m helpers.explain --help``.
"""

import inspect
import sys
from typing import NamedTuple

import numpy as np

from helpers import models, overlays, pictures

STYLES = (*overlays.STYLES, "all")


class Explanation(NamedTuple):
    """What a network says to a picture, and what in it speaks for one class.

    Arrays are float32 of the picture's size, colours in [0, 1]. The heatmap is raw,
    and zero where the network did not look. `answers` are the most probable classes,
    up to five, as (name, probability).
    """

    picture: np.ndarray
    overlay: np.ndarray
    heatmap: np.ndarray
    class_index: int
    class_name: str
    probability: float
    answers: list


def explain_picture(
    model,
    source,
    wanted_class=None,
    *,
    method="grad_cam",
    style="heat",
    class_names=None,
    size=None,
    crop=1.0,
    stretch=False,
    **options,
):
    """Ask a model what a picture shows, and where it sees a class.

    Parameters
    ----------
    model : keras.Model
        Takes pictures in [0, 1] and has one output; `models.adapt_model` makes one so.
    source : str, pathlib.Path, bytes or float array (height, width, 3), in [0, 1]
        A picture's file, its content, or what `pictures.read_picture` made of it.
    wanted_class : int or str, optional
        Index or name of the class to explain; the most probable one if not given.
    method : str or callable
        A name in `helpers.attribution.METHODS`, or a function like those.
    style : str
        As in `draw_overlay`.
    class_names : list of str, optional
        "class 0", "class 1" and so on if not given.
    size : (int, int), optional
        Height and width to bring the picture to, for a model that takes any.
    crop, stretch
        As in `pictures.fit_picture`.
    **options
        For the method, such as ``layer="conv_2"``.

    Returns
    -------
    Explanation

    Raises
    ------
    ValueError
        If the picture cannot be read, the class, style, method or option does not
        exist, or the model cannot be explained.
    """
    if style not in STYLES:
        raise ValueError(
            f"The style must be one of {', '.join(STYLES)}, got {style!r}; choose one "
            "of these."
        )
    *size, channels = models.read_input_shape(model, size)
    class_names = models.name_classes(model, class_names)
    index = models.find_wanted_class(wanted_class, class_names)
    find_heat = _choose_method(method, options)
    is_read = isinstance(source, np.ndarray)
    picture = source.astype("float32") if is_read else pictures.read_picture(source)
    image, box = pictures.fit_picture(picture, size, crop, stretch)
    images = (pictures.turn_grey(image) if channels == 1 else image)[None]
    (probabilities,) = models.predict(model, images)
    best = np.argsort(-probabilities, kind="stable")[:5].tolist()
    index = best[0] if index is None else index
    (heatmap,) = find_heat(model, images, np.array([index]), **options)
    heatmap = pictures.place_heatmap(heatmap, box, *picture.shape[:2])
    return Explanation(
        picture,
        draw_overlay(picture, heatmap, style),
        heatmap,
        index,
        class_names[index],
        float(probabilities[index]),
        [(class_names[one], float(probabilities[one])) for one in best],
    )


def draw_overlay(picture, heatmap, style):
    """Lay one heatmap over its picture.

    Parameters
    ----------
    picture : float array (height, width, 3), in [0, 1]
    heatmap : float array (height, width)
    style : str
        "heat", "shade" or "blur", as in `helpers.overlays`; or "all", which puts the
        three side by side with a white gap.

    Returns
    -------
    float32 array (height, width, 3), in [0, 1]; of "all", wider
    """
    styles = overlays.STYLES if style == "all" else [style]
    gap = np.ones((len(picture), max(2, len(picture) // 50), 3), "float32")
    row = []
    for one in styles:
        row += [gap, overlays.STYLES[one](picture[None], heatmap[None])[0]]
    return np.concatenate(row[1:], axis=1)


def format_share(probability):
    """Write a probability for people: "93.6%", "<0.1%"."""
    return f"{probability:.1%}" if probability >= 0.0005 else "<0.1%"


def _choose_method(method, options):
    """Return the function that a name stands for, if it takes these options."""
    from helpers.attribution import METHODS  # imports TensorFlow

    function = METHODS.get(method) if isinstance(method, str) else method
    if function is None:
        raise ValueError(
            f"There is no method {method!r}; the methods are {', '.join(METHODS)}."
        )
    known = [*inspect.signature(function).parameters][3:]  # after the class index
    for option in options:
        if option not in known:
            raise ValueError(
                f"The method {function.__name__} knows no {option}; leave it out, or "
                "choose another method, such as grad_cam."
            )
    return function


if __name__ == "__main__":
    from helpers.explain_command import main

    sys.exit(main())
