"""Figures of single channels: how loud each is, and where in the picture."""

import matplotlib.pyplot as plt
import numpy as np

from helpers import figures
from helpers.attribution.cams import enlarge_maps
from helpers.overlays import overlay_heat

_LOUD, _OTHER = "#D55E00", "#0072B2"


def draw_spikes(images, spikes, titles, marks=3):
    """Draw one bar a channel beside each picture, the longest with their numbers.

    Parameters
    ----------
    images : float array (n, height, width, 1 or 3)
        One a row.
    spikes : dict of str to float array (n, channels)
        What the bars are, for instance before and after normalising; a column each.
        The rows of a column have one scale.
    titles : list of str
        One for each picture.
    marks : int
        How many channels of each row bear their number.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(
        len(images),
        1 + len(spikes),
        figsize=(2.2 + 4.6 * len(spikes), 1.9 * len(images) + 0.7),
        width_ratios=[2.2] + [4.6] * len(spikes),
        squeeze=False,
    )
    for axis, image, title in zip(axes[:, 0], images, titles, strict=True):
        axis.imshow(image.squeeze(), vmin=0, vmax=1)
        axis.set_title(title, fontsize=12, fontweight="normal")
        axis.axis("off")
    for column, (name, rows) in zip(axes[:, 1:].T, spikes.items(), strict=True):
        for axis, values in zip(column, rows, strict=True):
            _draw_bars(axis, values, np.max(rows), marks)
        column[0].set_title(name)
        column[-1].set_xlabel("number of the channel")
        for axis in column[:-1]:
            axis.tick_params(labelbottom=False)
    return figure


def draw_neuron_maps(images, maps, channels, titles):
    """Lay the maps of some channels over the pictures: a picture a column.

    Each channel has one scale over all pictures: where it is quieter than at its
    loudest, its map is as much fainter.

    Parameters
    ----------
    images : float array (n, height, width, 1 or 3)
    maps : float array (n, map height, map width, all channels)
    channels : sequence of int
        The rows, from top to bottom.
    titles : list of str
        One for each picture.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = {}
    for channel in channels:
        heat = enlarge_maps(maps[..., channel], *images.shape[1:3])
        peaks = heat.max(axis=(1, 2)).clip(min=0)[:, None, None, None]
        strength = peaks / (peaks.max() or 1)
        overlaid = overlay_heat(images, heat)
        rows[f"channel {channel}"] = strength * overlaid + (1 - strength) * images
    return figures.draw_comparison(images, rows, titles)


def _draw_bars(axis, values, top, marks):
    """Draw one bar a channel up to `top`, the longest in another colour."""
    loudest = np.argsort(-values, kind="stable")[:marks]
    places = np.arange(len(values))
    width = max(0.8, 260 / len(values))  # points
    axis.vlines(places, 0, values, color=_OTHER, linewidth=width)
    axis.vlines(loudest, 0, values[loudest], color=_LOUD, linewidth=max(1.6, width))
    axis.set(xlim=(-1, len(values)), ylim=(0, 1.25 * top or 1))
    _label(axis, np.sort(loudest), values, len(values))


def _label(axis, channels, values, count):
    """Write the channels' numbers over their bars, none over another."""
    gap = 0.085 * count
    places = channels.astype(float)
    for _ in range(20):  # neighbours push each other apart
        missing = (gap - np.diff(places)).clip(min=0) / 2
        places[:-1] -= missing
        places[1:] += missing
        places = places.clip(0, count)
    for channel, place in zip(channels, places, strict=True):
        axis.annotate(
            str(channel),
            (place, values[channel]),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=12,
            color=_LOUD,
        )
