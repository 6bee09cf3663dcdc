"""Every figure of the course: one style, one way out, always with a description."""

import base64
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib import patheffects

HEAT = "inferno"  # perceptual: equal steps of heat look equal, in grey print too
SIGNED = "PuOr_r"  # orange speaks for, violet against; safe for colour-blind eyes

_LARGEST_PNG = 200_000  # bytes; only photographs need more

plt.style.use(Path(__file__).with_name("course.mplstyle"))


def show(figure, alt):
    """Display a figure with a description for those who cannot see it, and close it.

    The description is stored in the output's metadata; the pages of ``make run`` put
    it in the picture's ``alt`` attribute. A figure full of photographs goes out as
    JPEG, which is a third of the size; all others as PNG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    alt : str
        What the picture shows, in a sentence or two.

    Raises
    ------
    ValueError
        If the description is empty.
    """
    text = " ".join(str(alt).split())
    if not text:
        raise ValueError(
            "A figure needs a description, got an empty one; "
            "say in a sentence what the picture shows: show(figure, alt='...')."
        )
    kind, content = (
        "image/png",
        _save(figure, format="png", metadata={"Software": None}),
    )
    if len(content) > _LARGEST_PNG:
        quality = {"quality": 80, "optimize": True}
        kind, content = "image/jpeg", _save(figure, format="jpeg", pil_kwargs=quality)
    plt.close(figure)
    picture = base64.b64encode(content).decode("ascii")
    display({kind: picture}, metadata={kind: {"alt": text}}, raw=True)


def _save(figure, **options):
    buffer = io.BytesIO()
    figure.savefig(buffer, **options)
    return buffer.getvalue()


def draw_contact_sheets(groups, titles, columns=20):
    """Lay groups of pictures out as sheets, side by side.

    Parameters
    ----------
    groups : list of float arrays (n, height, width, 1 or 3)
    titles : list of str
    columns : int
        Pictures in a row of each sheet.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(1, len(groups), figsize=(6.2 * len(groups), 6.4))
    for axis, images, title in zip(np.atleast_1d(axes), groups, titles, strict=True):
        rows = len(images) // columns
        tiles = images[: rows * columns].reshape(rows, columns, *images.shape[1:])
        sheet = np.concatenate(np.concatenate(tiles, axis=1), axis=1)
        axis.imshow(sheet.squeeze(), vmin=0, vmax=1)
        axis.set_title(title)
        axis.axis("off")
    return figure


def draw_pictures(images, titles, columns=None):
    """Draw pictures in rows, each under its own title.

    Parameters
    ----------
    images : float array (n, height, width, 1 or 3)
    titles : list of str
    columns : int, optional
        Pictures in a row; all in one row if not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = columns or len(images)
    rows = -(-len(images) // columns)
    side = 2.0 if columns > 4 else 3.0  # inches
    figure, axes = plt.subplots(
        rows, columns, figsize=(side * columns, (side + 0.6) * rows), squeeze=False
    )
    for axis in axes.ravel():
        axis.axis("off")
    for axis, image, title in zip(axes.ravel(), images, titles, strict=False):
        axis.imshow(image.squeeze(), vmin=0, vmax=1)
        axis.set_title(title, fontsize=12, fontweight="normal")
    return figure


def draw_comparison(images, rows, titles, blocks=1):
    """Lay methods out on one page: a picture a column, a method a row.

    Parameters
    ----------
    images : float array (n, height, width, 1 or 3)
        Drawn at the top.
    rows : dict of str to float array (n, height, width, 1 or 3)
        Name of a method to the pictures it made, for instance overlays.
    titles : list of str
        One for each picture.
    blocks : int
        How many blocks of rows stand side by side, each with the pictures at its top.

    Returns
    -------
    matplotlib.figure.Figure
    """
    count, height = len(images), -(-len(rows) // blocks)
    figure = plt.figure(figsize=((1.75 * count + 0.5) * blocks, 1.75 * height + 2.2))
    parts = np.atleast_1d(figure.subfigures(1, blocks))
    for number, part in enumerate(parts):
        axes = part.subplots(height + 1, count, squeeze=False)
        for axis in axes.ravel():
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        shown = list(rows.items())[number * height :][:height]
        pages = [("picture", images), *shown]  # the last block may have fewer
        for row, (name, pictures) in zip(axes, pages, strict=False):
            for axis, picture in zip(row, pictures, strict=True):
                axis.imshow(picture.squeeze(), vmin=0, vmax=1)
            row[0].set_ylabel(name.replace("_", " "))
        for axis, title in zip(axes[0], titles, strict=True):
            axis.set_title(title, fontsize=12, fontweight="normal")
    return figure


def draw_heatmaps(images, rows, titles):
    """Draw pictures in a row and, under each, its heatmaps with the ink's outline.

    Each heatmap has its own scale, from its own strongest value. A row with negative
    values is drawn in two colours around zero.

    Parameters
    ----------
    images : float array (n, height, width, 1)
    rows : dict of str to float array (n, height, width)
        Name of a method to its raw heatmaps.
    titles : list of str
        One for each picture.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(
        len(rows) + 1,
        len(images),
        figsize=(2.0 * len(images) + 0.4, 2.0 * (len(rows) + 1) + 0.4),
        squeeze=False,
    )
    for axis, image, title in zip(axes[0], images, titles, strict=True):
        axis.imshow(image.squeeze(), vmin=0, vmax=1)
        axis.set_title(title, fontsize=12, fontweight="normal")
    axes[0, 0].set_ylabel("picture")
    for row, (name, heatmaps) in zip(axes[1:], rows.items(), strict=True):
        signed = heatmaps.min() < -0.05 * np.abs(heatmaps).max()
        for axis, image, heatmap in zip(row, images, heatmaps, strict=True):
            limit = np.abs(heatmap).max() or 1
            axis.imshow(
                heatmap,
                cmap=SIGNED if signed else HEAT,
                vmin=-limit if signed else 0,
                vmax=limit,
            )
            outline = axis.contour(
                image.squeeze(), [0.5], colors="white", linewidths=1.2
            )
            outline.set_path_effects(
                [patheffects.withStroke(linewidth=2.4, foreground="black")]
            )
        row[0].set_ylabel(name)
    for axis in axes.ravel():
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


def draw_curves(axis, x, curves, label, color=None):
    """Draw the mean of several curves and, behind it, the span from least to most.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    x : array (n,)
    curves : array (seeds, n)
    label : str
    color : str, optional
    """
    (line,) = axis.plot(x, curves.mean(axis=0), label=label, color=color)
    axis.fill_between(
        x, curves.min(axis=0), curves.max(axis=0), color=line.get_color(), alpha=0.25
    )


def draw_sweeps(sweeps, class_name):
    """Draw one panel a sweep: a probability against what was varied.

    Parameters
    ----------
    sweeps : dict of str to (array (n,), float array (seeds, n))
        What was varied, its values, and the probability in each network.
    class_name : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(
        1, len(sweeps), figsize=(3.6 * len(sweeps) + 0.6, 3.4), sharey=True
    )
    for axis, (name, (values, curves)) in zip(axes, sweeps.items(), strict=True):
        draw_curves(axis, values, curves, name)
        axis.set(xlabel=name, ylim=(-0.03, 1.05))
    axes[0].set_ylabel(f"p({class_name})")
    return figure


def draw_recipes(values, answers, class_names, varied):
    """Draw one panel a training recipe: every class's probability by what was varied.

    Parameters
    ----------
    values : array (n,)
        What was varied.
    answers : dict of str to float array (seeds, n, classes)
        The probabilities of each recipe's networks.
    class_names : list of str
        Recipes with fewer classes have the first of them.
    varied : str
        Its name, for the axis.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(
        1, len(answers), figsize=(3.6 * len(answers) + 0.6, 3.4), sharey=True
    )
    for axis, (recipe, curves) in zip(axes, answers.items(), strict=True):
        for class_index in range(curves.shape[-1]):
            name = class_names[class_index]
            draw_curves(axis, values, curves[..., class_index], name)
        axis.set(title=recipe, xlabel=varied, ylim=(-0.03, 1.05))
    axes[0].set_ylabel("probability")
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
    return figure


def draw_shares(table, label):
    """Draw a table of shares as bars: a group a row, a colour a column.

    Parameters
    ----------
    table : pandas.DataFrame
        Shares in [0, 1], or correlations in [-1, 1]. A single column needs no name.
    label : str
        What they are shares of.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = plt.subplots(figsize=(9, 0.55 * len(table) + 0.8))
    least = min(0, table.min().min())
    table.plot.barh(ax=axis, xlim=(least, 1), xlabel=label, width=0.7, legend=False)
    axis.invert_yaxis()
    if least < 0:
        axis.axvline(0, color="black", linewidth=1)
    if len(table.columns) > 1:
        figure.legend(loc="outside right center")
    return figure


def draw_shift_maps(maps, titles, class_name):
    """Draw a probability for every shift: one panel a map, contour at one half.

    Parameters
    ----------
    maps : float array (n, 2 * reach + 1, 2 * reach + 1)
        Probabilities by shift, downwards along the rows, to the right along the
        columns, no shift in the middle.
    titles : list of str
    class_name : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    reach = len(maps[0]) // 2
    edges = (-reach - 0.5, reach + 0.5, reach + 0.5, -reach - 0.5)
    figure, axes = plt.subplots(
        1, len(maps), figsize=(2.5 * len(maps) + 1, 3.1), sharey=True
    )
    for axis, values, title in zip(axes, maps, titles, strict=True):
        picture = axis.imshow(values, cmap=SIGNED, vmin=0, vmax=1, extent=edges)
        if values.min() < 0.5 < values.max():
            axis.contour(
                values,
                [0.5],
                colors="black",
                linewidths=1,
                extent=edges,
                origin="upper",
            )
        axis.plot(0, 0, "+", color="black", markersize=9)
        axis.set(title=title, xlabel="pixels right")
    axes[0].set_ylabel("pixels down")
    figure.colorbar(picture, ax=axes, label=f"p({class_name})")
    return figure
