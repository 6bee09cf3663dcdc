"""A pad to draw on, with the network's answer beside it."""

import base64
import functools
import html
import io
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import NamedTuple

import cv2
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.colors import to_hex
from matplotlib.image import imsave
from skimage.measure import find_contours

from helpers import figures

Stroke = Sequence[tuple[float, float]]  # a polyline, in fractions of the canvas

SIZE = 28  # pixels, the side of the picture the network sees
STORED_SEVEN = (
    ((0.30, 0.26), (0.44, 0.24), (0.58, 0.24), (0.69, 0.26)),
    ((0.69, 0.26), (0.62, 0.42), (0.54, 0.58), (0.48, 0.72), (0.45, 0.82)),
)

_PAD_SIDE = 280  # pixels on the screen
_STROKE = 2.5  # pixels of the network's picture, about what MNIST's pens leave
_FINER = 16  # strokes are drawn this many times finer, then averaged down
_ROUNDING = 1e-5  # heat up to here is what float32 leaves of zero

_READY = "Draw with a mouse, a pen or a finger."
_LOADING = (
    "The pad is loading. If no black square appears here, this front end "
    "lacks ipycanvas: open the notebook with `make lab`."
)
_ELSEWHERE = "Run this cell in JupyterLab to draw your own."
_NO_WIDGETS = (
    "A drawing pad belongs here, but this front end shows no widgets: "
    "open the notebook with `make lab` and run this cell again."
)
_NOT_INSTALLED = (
    "To draw your own, the pad needs ipycanvas, which could not be imported ({error}): "
    "run `%pip install ipycanvas`, restart the kernel and reload the page."
)


class _Answer(NamedTuple):
    """What the network says to one drawing."""

    image: np.ndarray  # float32 (28, 28)
    probabilities: np.ndarray  # float32 (classes,)
    winner: int
    heatmap: np.ndarray | None  # float32 (28, 28), from 0 to 1


def draw_strokes(
    strokes: Sequence[Stroke], size: int = SIZE, thickness: float = _STROKE
) -> np.ndarray:
    """Turn pen strokes into a picture like MNIST's: white ink, soft edges, on black.

    Parameters
    ----------
    strokes : sequence of strokes
        A stroke is a sequence of (x, y) points in fractions of the canvas: (0, 0) is
        the upper left corner, (1, 1) the lower right. One point makes a dot.
    size : int
        Side of the picture in pixels.
    thickness : float
        Thickness of a stroke in pixels of the picture. Its ends are round.

    Returns
    -------
    float32 array (size, size), in [0, 1]
    """
    fine = np.zeros((size * _FINER, size * _FINER), np.uint8)
    for stroke in strokes:
        points = np.asarray(stroke, np.float64).reshape(-1, 2)
        corners = np.rint(points * size * _FINER - 0.5).astype(np.int32)
        # A line needs two ends, even when both are the same point.
        corners = np.concatenate([corners, corners[-1:]])
        cv2.polylines(fine, [corners], False, 255, round(thickness * _FINER))
    image = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)
    return image.astype(np.float32) / 255


def drawing_pad(
    model,
    class_names: Sequence[str],
    explain: Callable | None = None,
    stored_strokes: Sequence[Stroke] = STORED_SEVEN,
) -> None:
    """Show a stored drawing with the network's answer, and a pad to draw your own.

    The stored drawing is an ordinary figure, so that a page without a kernel has
    something to show. The pad follows it wherever a front end may be able to run one;
    otherwise a sentence says what to do. ``COURSE_WIDGETS=off`` leaves the pad out.

    Parameters
    ----------
    model : keras.Model
        Takes float32 images (n, 28, 28, 1) in [0, 1], white ink on black, and
        returns probabilities (n, classes).
    class_names : list of str
        A name for each of the model's classes.
    explain : callable, optional
        ``explain(model, images, class_index)`` returning heatmaps (n, 28, 28). Only
        what speaks for the class, the values above zero, is shown.
    stored_strokes : sequence of strokes
        The stored drawing, in the form `draw_strokes` takes.

    Raises
    ------
    ValueError
        If the model, `class_names` or a heatmap has not the shape described here, or
        if the model's outputs are not probabilities.
    """
    _check_shapes(model, class_names)
    answer = functools.partial(_answer, model, explain)
    stored = answer(stored_strokes)
    figures.show(_draw_answer(stored, class_names), alt=_describe(stored, class_names))
    if os.environ.get("COURSE_WIDGETS") == "off":
        print(_ELSEWHERE)
        return
    try:
        import ipycanvas  # noqa: F401
    except Exception as error:  # a broken installation may raise anything
        print(_NOT_INSTALLED.format(error=_one_line(error)))
        return
    if "google.colab" in sys.modules:
        from google.colab import output

        output.enable_custom_widget_manager()
    pad = _build_pad(answer, class_names)
    view = {"version_major": 2, "version_minor": 0, "model_id": pad.model_id}
    display(
        {"application/vnd.jupyter.widget-view+json": view, "text/plain": _NO_WIDGETS},
        raw=True,
    )


def _check_shapes(model, class_names):
    wanted = (SIZE, SIZE, 1)
    found = getattr(model, "input_shape", None)
    if found is None or tuple(found[1:]) != wanted:
        raise ValueError(
            f"The pad needs a model for images of shape (n, 28, 28, 1), got one for "
            f"{found}; give it a built model with one 28×28 grey picture as input."
        )
    outputs = model.output_shape
    if len(outputs) != 2 or outputs[1] != len(class_names):
        raise ValueError(
            f"The pad needs one probability for each of the {len(class_names)} class "
            f"names, got a model with output shape {outputs}; make the two agree."
        )


def _answer(model, explain, strokes):
    """Ask the network about a drawing and, if it can be asked, where it looks."""
    image = draw_strokes(strokes)
    images = image[None, ..., None]
    # Compiled on first use: 1 ms a picture, where calling the model takes 8.
    probabilities = np.asarray(model.predict_on_batch(images))[0]
    if (probabilities < 0).any() or not np.isclose(probabilities.sum(), 1, atol=1e-3):
        raise ValueError(
            "The pad needs probabilities that add up to 1, got "
            f"{np.array2string(probabilities, precision=3)}; end the model in a "
            "softmax."
        )
    winner = int(probabilities.argmax())
    if explain is None:
        return _Answer(image, probabilities, winner, None)
    heatmaps = np.asarray(explain(model, images, winner))
    if heatmaps.shape != (1, SIZE, SIZE):
        raise ValueError(
            f"The pad needs a heatmap of shape (1, 28, 28), got {heatmaps.shape}; "
            "make `explain` return one value a pixel for each image."
        )
    heatmap = heatmaps[0].clip(min=0)
    peak = heatmap.max()
    # On an empty pad nothing counts: what is left is rounding, and must not glow.
    heatmap = heatmap / peak if peak > _ROUNDING else np.zeros_like(heatmap)
    return _Answer(image, probabilities, winner, heatmap)


# The stored drawing, as a figure


def _draw_answer(answer, class_names):
    """Draw the picture, the heatmap if there is one, and the probabilities."""
    columns = 2 if answer.heatmap is None else 3
    figure, axes = plt.subplots(1, columns, figsize=(3.6 * columns, 3.4))
    axes[0].imshow(answer.image, cmap="gray", vmin=0, vmax=1)
    axes[0].set_title("What the network sees")
    if answer.heatmap is not None:
        axes[1].imshow(answer.heatmap, cmap=figures.HEAT, vmin=0, vmax=1)
        for outline in _outline(answer.image):
            axes[1].plot(outline[:, 1], outline[:, 0], color="black", linewidth=2.6)
            axes[1].plot(outline[:, 1], outline[:, 0], color="white", linewidth=1.2)
        axes[1].set_title(f"What speaks for {class_names[answer.winner]}")
    for picture in axes[:-1]:
        picture.set(xticks=[], yticks=[])
        picture.spines[:].set_visible(False)
    bars = axes[-1].barh(
        list(class_names), answer.probabilities, color=_colours(len(class_names))
    )
    axes[-1].bar_label(bars, [f"{p:.1%}" for p in answer.probabilities], padding=4)
    axes[-1].set(title="Probability", xlim=(0, 1.35))
    axes[-1].set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
    axes[-1].invert_yaxis()
    return figure


def _describe(answer, class_names):
    """Say in words what the figure shows, for those who cannot see it."""
    chances = ", ".join(
        f"{name} with {probability:.1%}"
        for name, probability in zip(class_names, answer.probabilities, strict=True)
    )
    text = f"A drawing of 28 by 28 pixels. The network takes it for: {chances}."
    if answer.heatmap is None or not answer.heatmap.any():
        return text
    row, column = np.unravel_index(answer.heatmap.argmax(), answer.heatmap.shape)
    down = ("upper", "middle", "lower")[3 * row // SIZE]
    across = ("left", "middle", "right")[3 * column // SIZE]
    place = "middle" if down == across else f"{down} {across}"
    return (
        f"{text} What speaks for {class_names[answer.winner]} "
        f"is brightest in the {place} of the picture."
    )


def _outline(image):
    """Return the edge of the ink as (row, column) polylines."""
    return [line - 1 for line in find_contours(np.pad(image, 1), 0.5)]


def _colours(count):
    cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    return [to_hex(cycle[index % len(cycle)]) for index in range(count)]


# The pad


def _build_pad(answer, class_names):
    """Build the pad: a canvas to draw on and, beside it, the live answer.

    Parameters
    ----------
    answer : callable
        From strokes to an `_Answer`.
    class_names : list of str

    Returns
    -------
    ipywidgets.VBox
        Everything the pad remembers lives in the closures of its handlers.
    """
    import ipywidgets
    from ipycanvas import Canvas, hold_canvas

    side = f"{_PAD_SIDE}px"
    canvas = Canvas(width=_PAD_SIDE, height=_PAD_SIDE)
    canvas.layout = ipywidgets.Layout(width=side, height=side, flex="0 0 auto")
    elsewhere = Canvas(width=1, height=1)  # never shown
    panel = ipywidgets.HTML()
    message = ipywidgets.Label(_LOADING)
    clear_button = ipywidgets.Button(description="Clear", icon="eraser")
    pen = SimpleNamespace(strokes=[], down=False, next_update=0.0)

    def reports_errors(handler):
        # ipywidgets writes a handler's error to a log that few readers open.
        @functools.wraps(handler)
        def run(*arguments):
            try:
                handler(*arguments)
            except Exception as error:
                message.value = f"The pad stumbled: {_one_line(error)}."

        return run

    def update():
        started = time.monotonic()
        panel.value = _panel_html(answer(pen.strokes), class_names)
        message.value = _READY
        # While a stroke grows, spend at most a third of the time on answers.
        now = time.monotonic()
        pen.next_update = now + max(0.1, 2 * (now - started))

    def paint(strokes):
        with hold_canvas():
            for stroke in strokes:
                corners = [(_PAD_SIDE * x, _PAD_SIDE * y) for x, y in stroke]
                canvas.begin_path()
                canvas.move_to(*corners[0])
                for corner in corners:
                    canvas.line_to(*corner)
                canvas.stroke()

    def repaint():
        # ipycanvas names the canvas only when it changes, so a page that was reloaded
        # would not know where to draw: change twice.
        with hold_canvas():
            elsewhere.clear()
            canvas.fill_style = "black"
            canvas.fill_rect(0, 0, _PAD_SIDE, _PAD_SIDE)
            canvas.stroke_style = "white"
            canvas.line_width = _STROKE * _PAD_SIDE / SIZE
            canvas.line_cap = canvas.line_join = "round"
        paint(pen.strokes)

    @reports_errors
    def start(x, y):
        pen.down = True
        pen.strokes.append([(x / _PAD_SIDE, y / _PAD_SIDE)])
        paint(pen.strokes[-1:])

    @reports_errors
    def move(x, y):
        if not pen.down:
            return
        pen.strokes[-1].append((x / _PAD_SIDE, y / _PAD_SIDE))
        paint([pen.strokes[-1][-2:]])
        if time.monotonic() >= pen.next_update:
            update()

    @reports_errors
    def lift(*_):
        if pen.down:
            pen.down = False
            update()

    @reports_errors
    def clear(_):
        pen.strokes.clear()
        pen.down = False
        repaint()
        update()

    @reports_errors
    def greet():
        repaint()
        message.value = _READY

    canvas.on_mouse_down(start)
    canvas.on_mouse_move(move)
    canvas.on_mouse_up(lift)
    canvas.on_mouse_out(lift)
    canvas.on_touch_start(lambda touches: start(*touches[0]))
    canvas.on_touch_move(lambda touches: move(*touches[0]))
    canvas.on_touch_end(lift)
    canvas.on_touch_cancel(lift)
    canvas.on_client_ready(greet)
    clear_button.on_click(clear)

    panel.value = _panel_html(answer([]), class_names)
    repaint()
    caption = ipywidgets.HTML(_caption_html("Your drawing"))
    row = ipywidgets.HBox([ipywidgets.VBox([caption, canvas]), panel])
    row.layout.flex_flow = "row wrap"
    footer = ipywidgets.HBox([clear_button, message])
    footer.layout.margin = "8px 0 0 0"
    return ipywidgets.VBox([row, footer])


def _panel_html(answer, class_names):
    """Write the live answer: picture, heatmap and probabilities side by side."""
    blocks = [_picture_html("What the network sees", answer.image, "gray")]
    if answer.heatmap is not None:
        title = f"What speaks for {class_names[answer.winner]}"
        outline = _outline(answer.image)
        blocks.append(_picture_html(title, answer.heatmap, figures.HEAT, outline))
    bars = "".join(
        _bar_html(name, probability, colour)
        for name, probability, colour in zip(
            class_names, answer.probabilities, _colours(len(class_names)), strict=True
        )
    )
    blocks.append(
        f'<div style="width:180px">{_caption_html("Probability")}{bars}</div>'
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:20px;margin-left:20px">'
        f"{''.join(blocks)}</div>"
    )


def _caption_html(text):
    return (
        '<div style="font-size:14px;font-weight:600;line-height:22px;'
        f'white-space:nowrap">{html.escape(text)}</div>'
    )


def _picture_html(title, picture, colour_map, outline=()):
    file = io.BytesIO()
    imsave(file, picture, cmap=colour_map, vmin=0, vmax=1, format="png")
    source = base64.b64encode(file.getvalue()).decode("ascii")
    lines = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="{width}" points="'
        + " ".join(f"{column + 0.5:.2f},{row + 0.5:.2f}" for row, column in line)
        + '"/>'
        for colour, width in (("black", 0.4), ("white", 0.2))
        for line in outline
    )
    return (
        f'<div>{_caption_html(title)}<svg role="img" width="196" height="196" '
        f'aria-label="{html.escape(title)}" viewBox="0 0 {SIZE} {SIZE}">'
        f'<image width="{SIZE}" height="{SIZE}" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{source}"/>{lines}</svg></div>'
    )


def _bar_html(name, probability, colour):
    return (
        '<div style="margin-top:10px;font-size:16px;line-height:22px">'
        '<div style="display:flex;justify-content:space-between">'
        f"<b>{html.escape(name)}</b><output>{probability:.1%}</output></div>"
        '<div style="height:18px;background:#8883">'
        f'<div style="height:100%;width:{probability:.1%};background:{colour}">'
        "</div></div></div>"
    )


def _one_line(error):
    first = str(error).strip().partition("\n")[0].rstrip(".")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
