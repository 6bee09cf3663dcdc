"""Every figure of the course: one style, one way out, always with a description."""

import base64
import html
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display
from matplotlib import patheffects
from matplotlib.patches import Rectangle

HEAT = "inferno"  # perceptual: equal steps of heat look equal, in grey print too
SIGNED = "PuOr_r"  # orange speaks for, violet against; safe for colour-blind eyes

_LARGEST_PNG = 100_000  # bytes; only photographs need more
_LOUD, _OTHER = "#D55E00", "#0072B2"  # of bars

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
    text = _check_description(alt)
    kind, content = (
        "image/png",
        _save(figure, format="png", metadata={"Software": None}),
    )
    if len(content) > _LARGEST_PNG:
        quality = {"quality": 75, "optimize": True}
        kind, content = "image/jpeg", _save(figure, format="jpeg", pil_kwargs=quality)
    plt.close(figure)
    picture = base64.b64encode(content).decode("ascii")
    display({kind: picture}, metadata={kind: {"alt": text}}, raw=True)


def show_video(path, alt):
    """Display a short film with a description; it is stored in the notebook.

    Parameters
    ----------
    path : pathlib.Path
        An mp4 that browsers play, of a few hundred kilobytes.
    alt : str
        What is seen, in a sentence or two.

    Raises
    ------
    ValueError
        If the description is empty.
    """
    text = html.escape(_check_description(alt))
    film = base64.b64encode(Path(path).read_bytes()).decode("ascii")
    display(
        HTML(
            f'<video controls loop muted playsinline width="640" aria-label="{text}" '
            f'src="data:video/mp4;base64,{film}">{text}</video>'
        )
    )


def _check_description(alt):
    text = " ".join(str(alt).split())
    if not text:
        raise ValueError(
            "A figure needs a description, got an empty one; "
            "say in a sentence what the picture shows: show(figure, alt='...')."
        )
    return text


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
        rows,
        columns,
        figsize=(side * columns, (side + 0.6) * rows),
        squeeze=False,
        layout="compressed",
    )
    for axis in axes.ravel():
        axis.axis("off")
    for axis, image, title in zip(axes.ravel(), images, titles, strict=False):
        axis.imshow(image.squeeze(), vmin=0, vmax=1)
        axis.set_title(title, fontsize=12, fontweight="normal")
    return figure


def draw_tiles(sheets, titles, labels=None):
    """Draw sheets of tiles one below the other, without gaps between the tiles.

    Parameters
    ----------
    sheets : list of float arrays (rows, columns, height, width, 3)
    titles : list of str
    labels : list of str, optional
        Of the rows, the same for every sheet.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, columns = sheets[0].shape[:2]
    shape = (8, len(sheets) * (8 * rows / columns + 0.5))
    figure, axes = plt.subplots(
        len(sheets), 1, figsize=shape, squeeze=False, layout="compressed"
    )
    for axis, tiles, title in zip(axes[:, 0], sheets, titles, strict=True):
        axis.imshow(np.concatenate(np.concatenate(tiles, axis=1), axis=1))
        axis.set_title(title)
        middles = (np.arange(rows) + 0.5) * tiles.shape[2]
        axis.set(xticks=[], yticks=middles if labels else [])
        if labels:
            axis.set_yticklabels(labels)
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
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
    parts = figure.subfigures(1, blocks, squeeze=False)
    for number, part in enumerate(parts.ravel()):
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


def draw_lines(x, panels, titles, labels):
    """Draw panels of lines side by side; the same name has the same colour everywhere.

    Parameters
    ----------
    x : sequence (n,)
        Numbers, or names of steps.
    panels : list of dict of str to array (n,)
        For each panel, the lines by their names; the same names in every panel.
    titles : list of str
    labels : (str, str)
        What goes along, and what goes up.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels) + 2, 3.8), squeeze=False, sharey=True
    )
    for axis, lines, title in zip(axes[0], panels, titles, strict=True):
        for name, line in lines.items():
            axis.plot(x, line, "o-", markersize=4, label=name)
        axis.set_title(title)
        axis.set_xlabel(labels[0])
        if isinstance(x[0], str):
            axis.tick_params(axis="x", rotation=40)
    axes[0, 0].set_ylabel(labels[1])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center")
    return figure


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


def draw_boxes(images, boxes, titles):
    """Draw pictures side by side, each with its boxes.

    Parameters
    ----------
    images : list of uint8 arrays (height, width, 3)
    boxes : list of int arrays (k, 4)
        For each picture: left, top, width, height, in pixels.
    titles : list of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(
        1, len(images), figsize=(5.2 * len(images), 3.4), squeeze=False
    )
    for axis, image, found, title in zip(axes[0], images, boxes, titles, strict=True):
        axis.imshow(image)
        axis.axis("off")
        axis.set_title(title, fontsize=12, fontweight="normal")
        for left, top, width, height in found:
            for color, line in (("black", 4), ("#E69F00", 2)):
                place = (left - 0.5, top - 0.5)
                axis.add_patch(
                    Rectangle(
                        place, width, height, fill=False, color=color, linewidth=line
                    )
                )
    return figure


def draw_tables(tables, titles, label, middle=None):
    """Draw tables side by side as coloured squares, each with its number.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        All with the same rows and columns.
    titles : list of str
    label : str
        What the numbers are.
    middle : float, optional
        The number that is neither much nor little: above it is orange, below it
        violet. By default, colours run from the least to the most.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, columns = tables[0].shape
    figure, axes = plt.subplots(
        1,
        len(tables),
        figsize=((0.95 * columns + 0.5) * len(tables) + 1.6, 0.62 * rows + 1.6),
        squeeze=False,
        sharey=True,
    )
    values = np.stack([table.to_numpy(float) for table in tables])
    limits = {"cmap": "Blues", "vmin": 0, "vmax": np.nanmax(values)}
    if middle is not None:
        reach = min(np.nanmax(np.abs(values - middle)), 2 * middle)
        limits = {"cmap": SIGNED, "vmin": middle - reach, "vmax": middle + reach}
    for axis, table, title in zip(axes[0], tables, titles, strict=True):
        image = axis.imshow(table.to_numpy(float), aspect="auto", **limits)
        axis.set_title(title)
        axis.set_xticks(range(columns), table.columns, rotation=40, ha="right")
        axis.set_yticks(range(rows), table.index)
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0)
        for (row, column), value in np.ndenumerate(table.to_numpy()):
            if np.isnan(float(value)):
                continue
            red, green, blue, _ = image.cmap(image.norm(float(value)))
            dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
            text = f"{value}" if isinstance(value, np.integer) else f"{value:.2f}"
            axis.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                color="white" if dark else "black",
                fontsize=12,
            )
    axes[0, 0].set_ylabel(tables[0].index.name)
    figure.supxlabel(label, fontsize=13)
    return figure


def draw_training(history):
    """Draw the curves of a training: loss and accuracy, on what was and was not shown.

    Parameters
    ----------
    history : pandas.DataFrame
        ``step``, ``loss``, ``validation_loss``, ``accuracy``, ``validation_accuracy``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        steps, held = history["step"], history[f"validation_{name}"]
        axis.plot(steps, history[name], label="trained on")
        axis.plot(steps, held, label="held back", linestyle="--")
        axis.set(title=name, xlabel="batch", ylim=(0, None if name == "loss" else 1.03))
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
    return figure


def draw_points(values, label, picture=None, title=""):
    """Draw values from the least to the most, one point each.

    Parameters
    ----------
    values : array (n,)
    label : str
        What they are.
    picture : float or uint8 array (height, width, 3), optional
        Drawn beside the least, as an example of it.
    title : str
        Of the picture.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axis = plt.subplots(figsize=(9, 3))
    axis.plot(np.sort(values), "o", markersize=6, clip_on=False)
    axis.set(ylabel=label, ylim=(0, 1.03), xlim=(-1, len(values)), xticks=[])
    if picture is not None:
        inset = axis.inset_axes((0.08, 0.08, 0.25, 0.72))
        inset.imshow(picture)
        inset.set(xticks=[], yticks=[])
        inset.set_title(title, fontsize=12, fontweight="normal")
        inset.spines[:].set_visible(True)
    return figure


def draw_spans(tables, titles, lines=()):
    """Draw panels of bars side by side, each bar a mean with the span of its values.

    Parameters
    ----------
    tables : list of dict of str to array (seeds,)
        For each panel, the values behind each bar; the same names in every panel.
    titles : list of str
    lines : sequence of (float or None), optional
        For each panel, a value to compare with.

    Returns
    -------
    matplotlib.figure.Figure
    """
    count = len(tables)
    height = 0.5 * len(tables[0]) + 1.2
    figure, axes = plt.subplots(
        1, count, figsize=(4.6 * count, height), squeeze=False, sharey=True
    )
    for axis, table, title, line in zip(
        axes[0], tables, titles, lines or [None] * count, strict=True
    ):
        values = [np.asarray(row, float) for row in table.values()]
        means = np.array([row.mean() for row in values])
        ends = np.array([(row.min(), row.max()) for row in values]).T
        spans = np.abs(ends - means) if np.ptp(ends, axis=0).any() else None
        axis.barh([*table], means, xerr=spans, height=0.65, capsize=4)
        axis.set_title(title)
        if line is not None:
            axis.axvline(line, color="black", linestyle=":", linewidth=1.6)
    axes[0, 0].invert_yaxis()
    return figure


def draw_twins(groups, label, names):
    """Draw what changes from one twin to the other: an arrow for each pair.

    Parameters
    ----------
    groups : dict of str to (array (n,), array (n,))
        For each panel, a value in [0, 1] of each pair's first twins and second twins.
    label : str
        What the value is.
    names : (str, str)
        What the first twins and the second twins are.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(
        1, len(groups), figsize=(3.1 * len(groups), 3.8), squeeze=False, sharey=True
    )
    for axis, (title, (before, after)) in zip(axes[0], groups.items(), strict=True):
        order = np.lexsort((before, after))
        before, after = np.asarray(before)[order], np.asarray(after)[order]
        place = np.arange(len(before))
        axis.vlines(place, before, after, color="0.75", linewidth=1.2)
        axis.plot(place, before, "o", markersize=4, mfc="white", label=names[0])
        axis.plot(place, after, "o", markersize=4, label=names[1])
        axis.set(xticks=[], ylim=(-0.03, 1.03))
        axis.set_title(f"{title}\n{len(before)} pairs")
    axes[0, 0].set_ylabel(label)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


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
