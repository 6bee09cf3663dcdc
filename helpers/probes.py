"""Drawings that ask a digit network one question each.

Coordinates are pixels of a 28×28 picture, row first, counted from 0 at the centre of
the top left pixel. Pictures are float32 ``(n, 28, 28, 1)`` in [0, 1], white on black.
"""

import numpy as np

from helpers.digits import SIZE, shift

PROBE_NAMES = [
    "ordinary 1",
    "ordinary 7",
    "bar, high",
    "bar, low",
    "1, left",
    "1, right",
]


def draw_segments(segments, thickness=5.0):
    """Draw straight strokes with round ends and edges one pixel soft.

    Parameters
    ----------
    segments : array (n, strokes, 4)
        Row and column of the start, row and column of the end, for each stroke of each
        picture. Strokes that should not be there are NaN.
    thickness : float or array (n,) or (n, strokes)
        Width of the strokes in pixels.

    Returns
    -------
    float32 array (n, 28, 28, 1)
    """
    segments = np.asarray(segments, float)
    thickness = np.asarray(thickness, float)
    while thickness.ndim < 2:
        thickness = thickness[..., None]
    start, end = segments[..., :2], segments[..., 2:]
    along = end - start
    length_squared = (along**2).sum(-1).clip(1e-9)
    pixels = np.moveaxis(np.mgrid[:SIZE, :SIZE], 0, -1).reshape(1, 1, -1, 2)
    offset = pixels - start[:, :, None]
    position = (offset * along[:, :, None]).sum(-1) / length_squared[..., None]
    nearest = position.clip(0, 1)[..., None] * along[:, :, None]
    distance = np.sqrt(((offset - nearest) ** 2).sum(-1))
    ink = (thickness[..., None] / 2 - distance + 0.5).clip(0, 1)
    pictures = np.nan_to_num(ink).max(axis=1)
    return pictures.reshape(-1, SIZE, SIZE, 1).astype("float32")


def draw_bars(row=8.0, column=13.5, length=14.0, thickness=3.0, angle=0.0):
    """Draw one straight bar a picture.

    Parameters
    ----------
    row, column : float or array (n,)
        The bar's middle.
    length, thickness : float or array (n,)
        Its size in pixels, round ends included in `length`.
    angle : float or array (n,)
        Degrees, counter-clockwise; 0 is horizontal, 90 vertical.

    Returns
    -------
    float32 array (n, 28, 28, 1)
    """
    row, column, length, thickness, angle = np.broadcast_arrays(
        *np.atleast_1d(row, column, length, thickness, np.radians(angle))
    )
    half = (length - thickness).clip(0) / 2
    down, right = -np.sin(angle) * half, np.cos(angle) * half
    ends = [row - down, column - right, row + down, column + right]
    return draw_segments(np.stack(ends, axis=-1)[:, None], thickness)


def draw_six_probes():
    """Draw the story's six probes after the boxes measured on the originals.

    In the order of `PROBE_NAMES`, the ink above one half spans these rows and columns:
    ordinary 1: 2-24, 15-21; ordinary 7: 1-24, 3-22; bar high: 2-6, 4-23; bar low:
    20-25, 3-25; 1 left: 3-23, 6-14; 1 right: the same strokes nine columns further.

    Returns
    -------
    float32 array (6, 28, 28, 1)
    """
    absent = [np.nan] * 4
    strokes = [
        [[4, 19, 22, 17], absent],
        [[3, 5, 3, 20], [3, 20, 22, 17]],
        [[4, 6, 4, 21], absent],
        [[23, 5, 22, 23], absent],
        [[5, 12, 21, 8], absent],
    ]
    pictures = draw_segments(strokes)
    return np.concatenate([pictures, shift(pictures[4:], right=9, down=0)])


def draw_sweeps():
    """Draw the four sweeps of chapter 1: one property of a bar varied at a time.

    Thickness (1 to 5 pixels), length (9 to 23 pixels) and angle (-90° to 90°) of a bar
    at row 8; column (4 to 23) of an upright bar 20 pixels long and 4 thick.

    Returns
    -------
    dict of str to (array (n,), float32 array (n, 28, 28, 1))
        What is varied: its values, and the pictures.
    """
    values = {
        "thickness": np.arange(1, 6),
        "length": np.arange(9, 24),
        "angle": np.arange(-90, 91, 15),
        "column": np.arange(4, 24),
    }
    upright = {"row": 13.5, "length": 20, "thickness": 4, "angle": 90}
    return {
        name: (
            varied,
            draw_bars(**(upright if name == "column" else {}) | {name: varied}),
        )
        for name, varied in values.items()
    }


def erase_rows(images, top, bottom):
    """Blacken the rows of each digit between two fractions of its own height.

    Parameters
    ----------
    images : array (n, 28, 28, 1)
    top, bottom : float
        0 is the digit's first inked row, 1 is its last.

    Returns
    -------
    array like `images`
    """
    first, last = _find_inked_rows(images)
    height = last - first + 1
    start = np.round(first + top * height)[:, None]
    stop = np.round(first + bottom * height)[:, None]
    rows = np.arange(SIZE)
    kept = (rows < start) | (rows >= stop)
    return images * kept[:, :, None, None].astype(images.dtype)


def add_bars(images, place, length=11.0, thickness=3.0):
    """Lay a horizontal bar over each digit, ending two pixels right of its ink there.

    Parameters
    ----------
    images : array (n, 28, 28, 1)
    place : float
        Where along the digit's height: 0 is its first inked row, 1 its last.
    length, thickness : float
        Pixels.

    Returns
    -------
    float32 array (n, 28, 28, 1)
    """
    first, last = _find_inked_rows(images)
    row = np.round(first + thickness / 2 - 0.5 + place * (last - first - thickness + 1))
    ink = images[np.arange(len(images)), row.astype(int), :, 0] > 0.5
    right_end = np.where(
        ink.any(axis=1), SIZE - 1 - ink[:, ::-1].argmax(axis=1), SIZE // 2
    )
    bars = draw_bars(row, right_end + 2 - length / 2, length, thickness)
    return np.maximum(images, bars)


def draw_neither(count, seed=0):
    """Draw marks that are neither a 1 nor a 7: bars, rings, crosses, blobs and noise.

    Bars keep their middle between rows and columns 6 and 22, so that pictures further
    out can tell whether a network learned the idea or only the examples.

    Parameters
    ----------
    count : int
    seed : int

    Returns
    -------
    float32 array (count, 28, 28, 1)
    """
    generator = np.random.default_rng(seed)
    makers = [_draw_free_bars, _draw_rings, _draw_crosses, _draw_blobs, _draw_noise]
    shares = generator.multinomial(count, [0.35, 0.15, 0.2, 0.15, 0.15])
    pictures = [
        make(share, generator) for make, share in zip(makers, shares, strict=True)
    ]
    return generator.permutation(np.concatenate(pictures))


def _find_inked_rows(images):
    inked = (images > 0.5).any(axis=(2, 3))
    return inked.argmax(axis=1), SIZE - 1 - inked[:, ::-1].argmax(axis=1)


def _draw_free_bars(count, generator):
    row, column = generator.uniform(6, 22, (2, count))
    return draw_bars(
        row,
        column,
        length=generator.uniform(6, 20, count),
        thickness=generator.uniform(1.5, 5, count),
        angle=generator.normal(0, 10, count),
    )


def _draw_rings(count, generator):
    middle = generator.uniform(8, 20, (count, 1, 2))
    radius = generator.uniform(3, 8, (count, 1, 1))
    first = generator.uniform(0, 2 * np.pi, (count, 1))
    turn = generator.uniform(np.pi, 2 * np.pi, (count, 1))
    angle = first + turn * np.linspace(0, 1, 13)
    points = middle + radius * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    segments = np.concatenate([points[:, :-1], points[:, 1:]], axis=-1)
    return draw_segments(segments, generator.uniform(1.5, 4, count))


def _draw_crosses(count, generator):
    middle = generator.uniform(8, 20, (count, 1, 2))
    first = generator.uniform(0, np.pi, count)
    angle = np.stack([first, first + generator.uniform(0.8, 2.3, count)], axis=-1)
    arm = generator.uniform(4, 9, (count, 2))[..., None]
    arm = arm * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    segments = np.concatenate([middle - arm, middle + arm], axis=-1)
    return draw_segments(segments, generator.uniform(1.5, 4, count))


def _draw_blobs(count, generator):
    middle = generator.uniform(5, 23, (count, 4, 2))
    end = middle + generator.normal(0, 1.5, middle.shape)
    segments = np.concatenate([middle, end], axis=-1)
    absent = np.arange(4) >= generator.integers(1, 5, count)[:, None]
    segments[absent] = np.nan
    return draw_segments(segments, generator.uniform(2, 6, (count, 4)))


def _draw_noise(count, generator):
    coarse = generator.random((count, 14, 14, 1)) ** 2
    strength = generator.uniform(0, 1, (count, 1, 1, 1))
    noise = coarse.repeat(2, axis=1).repeat(2, axis=2)
    return (noise * strength).astype("float32")
