"""Checks of the exercises of chapter 2: maps, and what they are good for."""

import numpy as np
from scipy import ndimage

from helpers.attribution.cams import cam
from helpers.exercises.answers import (
    call,
    confirm,
    need,
    need_array,
    need_choice,
)

_ASKED = 6  # pictures that the network is asked about


def weigh_maps(answer, model, images, features, weights, asked):
    """Check CAMs of many pictures, against a loop and against the gradients' road.

    Parameters
    ----------
    answer : callable
        From features (n, height, width, channels), weights (channels, classes) and
        classes (n,) to maps (n, height, width).
    model : keras.Model
    images : float array (n, height, width, 3)
    features : float array (n, map_height, map_width, channels)
    weights : float array (channels, classes)
    asked : int array (n,)

    Raises
    ------
    NotYetRight
        If the maps are not right.
    """
    generator = np.random.default_rng(2)
    stack, columns = generator.normal(size=(4, 3, 5, 6)), generator.normal(size=(6, 7))
    classes = np.array([5, 0, 3, 5])
    name = answer.__name__
    given = need_array(f"{name}(…)", call(answer, stack, columns, classes), (4, 3, 5))
    truth = np.zeros((4, 3, 5))
    for picture, wanted in enumerate(classes):
        for channel in range(6):
            truth[picture] += stack[picture, :, :, channel] * columns[channel, wanted]
    first = np.tensordot(stack, columns[:, classes[0]], axes=(3, 0))
    need(
        not np.allclose(given, first),
        f"`{name}` asks every picture for the class of the first one, "
        f"{classes[0]}. Each has its own: {classes}.",
    )
    need(
        not np.allclose(given, np.maximum(truth, 0)),
        f"`{name}` cut the maps at zero: its lowest value is {given.min():.2f}, and "
        f"should be {truth.min():.2f}. Leave out the ReLU; what speaks against a class "
        "is wanted too.",
    )
    ratio = (given / truth).ravel()
    need(
        np.allclose(ratio, 1) or not np.allclose(ratio, ratio[0]),
        f"`{name}` is right but for a factor of {ratio[0]:.3g}. A CAM is a sum over "
        "the channels, without a division.",
    )
    need(
        np.allclose(given, truth),
        f"`{name}` gives {given[0, 0, 0]:.3f} for the first place of the first map, "
        f"and {truth[0, 0, 0]:.3f} was expected: the sum over the channels of feature "
        "times weight.",
    )
    few = slice(0, _ASKED)
    expected = cam(model, images[few], asked[few], enlarge=False)
    given = call(answer, features[few], weights, asked[few])
    need(
        np.allclose(given, expected, atol=1e-3 * np.abs(expected).max()),
        f"`{name}` does not give the CAMs of this network. Does it use the features "
        "and weights that it is given, and nothing else?",
    )
    confirm("Exercise 2.1: each picture has the map of its own class.")


def find_coldest(answer, heatmaps, masks):
    """Check the prediction of where CAMs are coldest.

    Parameters
    ----------
    answer : str
        "a": on the thing asked for, "b": on the other one, "c": on neither.
    heatmaps : float array (n, height, width)
    masks : bool array (n, 2, height, width)
        The thing asked for, and the other.

    Raises
    ------
    NotYetRight
        If it is not so.
    """
    need_choice("coldest_place", answer, "abc")
    spots = heatmaps.reshape(len(heatmaps), -1).argmin(axis=1)
    rows, columns = np.divmod(spots, heatmaps.shape[2])
    first, second = masks[np.arange(len(masks)), :, rows, columns].T
    counts = {"a": first.sum(), "b": (second & ~first).sum()}
    counts["c"] = len(masks) - sum(counts.values())
    places = {"a": "the first thing", "b": "the second thing", "c": "neither"}
    seen = max(counts, key=counts.__getitem__)
    need(
        answer == seen,
        f"You predicted {answer}), {places[answer]}. It was so in {counts[answer]} of "
        f"{len(masks)} maps, another answer in more. What would you expect of weights "
        "that learned to tell the classes apart? Then put in the letter that you saw.",
    )
    confirm("Exercise 2.2: you know where a class activation map is coldest.")


def point(answer):
    """Check the pointing game on maps whose hottest pixel is known.

    Parameters
    ----------
    answer : callable
        From maps and masks (n, height, width) to n truth values.

    Raises
    ------
    NotYetRight
        If a hit or a miss is not told.
    """
    generator = np.random.default_rng(3)
    name = answer.__name__
    maps, masks = generator.random((40, 7, 9)), generator.random((40, 7, 9)) < 0.4
    maps *= generator.permutation(40)[:, None, None] + 1.0
    peaks = [ndimage.maximum_position(one) for one in maps]
    truth = np.array([mask[peak] for mask, peak in zip(masks, peaks, strict=True)])
    given = need_array(f"{name}(…)", call(answer, maps, masks), (40,)) > 0.5
    misses = np.flatnonzero(given != truth)
    if len(misses):
        first = misses[0]
        need(
            False,
            f"`{name}` says {given[first]} for a map whose hottest pixel is "
            f"{tuple(map(int, peaks[first]))}, where the mask is {truth[first]}. Is "
            "the maximum looked for in each map alone, and only at its single hottest "
            f"pixel? {len(misses)} of 40 maps come out wrong.",
        )
    given = np.asarray(call(answer, maps - 1000.0, masks)) > 0.5
    need(
        (given == truth).all(),
        f"`{name}` goes wrong where all heat is negative. The hottest pixel is the "
        "largest value, not the one farthest from zero; do not take `abs`.",
    )
    flat = np.stack([np.zeros((7, 9)), np.full((7, 9), 2.0)])
    given = np.asarray(call(answer, flat, np.ones((2, 7, 9), bool))) > 0.5
    need(
        not given.any(),
        f"`{name}` counts a map that is the same everywhere as a hit. Such a map "
        "points nowhere: compare its maximum with its minimum.",
    )
    confirm("Exercise 2.3: hits, misses and maps that point nowhere.")


def box_heat(answer):
    """Check boxes around what is hot, on maps of known boxes.

    Parameters
    ----------
    answer : callable
        From a map (height, width) and a share to left, top, width, height.

    Raises
    ------
    NotYetRight
        If a box is not the smallest one.
    """
    generator = np.random.default_rng(4)
    name = answer.__name__
    for trial in range(12):
        heatmap = generator.random((12, 20)) * 0.3
        left, top = int(generator.integers(1, 8)), int(generator.integers(1, 5))
        width, height = int(generator.integers(4, 10)), int(generator.integers(2, 6))
        scale = (1.0, 20.0, 0.1)[trial % 3]
        # Only two opposite corners are hot: both rows and both columns are needed.
        heatmap[top, left] = 1.0
        heatmap[top + height - 1, left + width - 1] = 0.7
        truth = [left, top, width, height]
        given = call(answer, scale * heatmap, 0.5)
        given = need_array(f"{name}(…)", given, (4,)).astype(float).tolist()
        said = f"[{', '.join(f'{value:g}' for value in given)}]"
        need(
            given != [top, left, height, width],
            f"`{name}` gave {said}: rows and columns have changed places, {truth} was "
            "expected. Left and width count columns.",
        )
        need(
            given != [left, top, width - 1, height - 1],
            f"`{name}` gave {said}, one pixel too narrow and too low: {truth} was "
            "expected. From column 3 to column 5 there are three columns.",
        )
        need(
            given not in ([left, top, left + width, top + height],)
            and given != [left, top, left + width - 1, top + height - 1],
            f"`{name}` gave {said}: two corners of the box. Left, top, width and "
            f"height were expected, {truth}.",
        )
        need(
            given == truth,
            f"`{name}` gave {said} for a map with a maximum of {scale:g} and a share "
            f"of 0.5; {truth} was expected. A pixel is hot from {0.5 * scale:g} on: "
            "the share is one of the map's own maximum.",
        )
    exact = np.zeros((6, 5))
    exact[4, 2], exact[1, 3] = 4.0, 2.0
    given = np.asarray(call(answer, exact, 0.5)).tolist()
    need(
        given == [2, 1, 2, 4],
        f"`{name}` gave {given} for a map with a maximum of 4, one more pixel of 2 and "
        "a share of 0.5; [2, 1, 2, 4] was expected. Exactly the share is enough: `>=`.",
    )
    single = np.zeros((6, 5))
    single[4, 2] = 3.0
    given = np.asarray(call(answer, single, 0.3)).tolist()
    need(
        given == [2, 4, 1, 1],
        f"`{name}` gave {given} for a single hot pixel in row 4, column 2; "
        "[2, 4, 1, 1] was expected.",
    )
    confirm("Exercise 2.4: the smallest box around what is hot.")


def keep_hottest(answer):
    """Check pictures of which only the hottest pixels are left.

    Parameters
    ----------
    answer : callable
        From an image (height, width, 3), a map (height, width) and a share to an image.

    Raises
    ------
    NotYetRight
        If other pixels are left, or the rest has another colour.
    """
    generator = np.random.default_rng(5)
    name = answer.__name__
    for share in (0.1, 0.3, 0.5):
        image = generator.random((10, 20, 3)) * [1.0, 0.6, 0.3]
        # No two pixels are as hot, and most of the heat is in few of them.
        heatmap = generator.permutation(200).reshape(10, 20) ** 3 / 200.0**2 - 5.0
        given = call(answer, image, heatmap, share)
        given = need_array(f"{name}(…)", given, image.shape)
        stays = np.isclose(given, image).all(axis=-1)
        order = np.argsort(heatmap, axis=None)[::-1]
        wanted = np.zeros(200, bool)
        wanted[order[: round(share * 200)]] = True
        wanted = wanted.reshape(10, 20)
        need(
            not (stays.sum() == wanted.sum() and not (stays & wanted).any()),
            f"`{name}` kept the coldest pixels in place of the hottest.",
        )
        need(
            abs(int(stays.sum()) - int(wanted.sum())) <= 1,
            f"`{name}` kept {stays.sum()} of 200 pixels with a share of {share}, and "
            f"{wanted.sum()} were expected. The share is one of the pixels, not of the "
            "heat: use a quantile.",
        )
        need(
            (stays & wanted).sum() >= wanted.sum() - 1,
            f"`{name}` kept the right number of pixels, but not the hottest ones.",
        )
        colour = image.mean(axis=(0, 1))
        rest = given[~stays & ~wanted]
        need(
            np.allclose(rest, colour, atol=1e-6),
            f"`{name}` painted the rest in {np.round(rest[0], 2)}, and the picture's "
            f"mean colour is {np.round(colour, 2)}: one mean for each channel, over "
            "all pixels of the picture.",
        )
    confirm("Exercise 2.5: what is hot stays, the rest has the mean colour.")
