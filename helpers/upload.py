"""A button to upload a picture, with the network's answer and its overlay below."""

import base64
import functools
import html
import io
import os
from types import SimpleNamespace

import numpy as np
from IPython.display import display
from PIL import Image

from helpers import explain, models, overlays

_SHOWN = 420  # pixels on the screen, the longer side of a picture
_OWN_ANSWER = "the network's own answer"
_READY = "Choose a picture from your computer; it stays in this notebook."
_ELSEWHERE = "Run this cell in JupyterLab or Colab to upload a picture of your own."
_NO_WIDGETS = (
    "An upload button belongs here, but this front end shows no widgets: "
    "open the notebook with `make lab` and run this cell again."
)


def upload_picture(model, class_names=None, *, method="grad_cam", **options):
    """Show a button to upload a picture, a menu of classes and a choice of styles.

    The overlay of the uploaded picture appears below. ``COURSE_WIDGETS=off`` leaves
    the button out; a sentence then says where to find it.

    Parameters
    ----------
    model : keras.Model
        Takes pictures in [0, 1] and has one output (see `models.adapt_model`).
    class_names : list of str, optional
    method, **options
        As in `explain.explain_picture`.

    Raises
    ------
    ValueError
        If the model does not take pictures, or the class names do not fit it.
    """
    models.read_input_shape(model, options.get("size"))
    class_names = models.name_classes(model, class_names)
    if os.environ.get("COURSE_WIDGETS") == "off":
        print(_ELSEWHERE)
        return

    def answer(content, class_index):
        return explain.explain_picture(
            model,
            content,
            class_index,
            method=method,
            class_names=class_names,
            **options,
        )

    form = _build_form(answer, class_names)
    view = {"version_major": 2, "version_minor": 0, "model_id": form.model_id}
    display(
        {"application/vnd.jupyter.widget-view+json": view, "text/plain": _NO_WIDGETS},
        raw=True,
    )


def read_upload(value):
    """Return the content of the file that a FileUpload holds.

    Parameters
    ----------
    value : dict or tuple
        The widget's value: of ipywidgets 7, by file name; of ipywidgets 8, in a row.

    Returns
    -------
    bytes, or None if there is no file
    """
    files = list(value.values() if isinstance(value, dict) else value)
    return bytes(files[-1]["content"]) if files else None


def draw_panel(explanation, style):
    """Write picture, overlay and best answers side by side, as HTML.

    Parameters
    ----------
    explanation : explain.Explanation
    style : str
        A key of `overlays.STYLES`.

    Returns
    -------
    str
    """
    name = explanation.class_name
    overlay = explain.draw_overlay(explanation.picture, explanation.heatmap, style)
    share = explain.format_share(explanation.probability)
    blocks = [
        _draw_picture("Your picture", explanation.picture),
        _draw_picture(f"What speaks for {name} ({share})", overlay),
        "".join(
            f"<div><output>{explain.format_share(probability)}</output> "
            f"<b>{html.escape(answer)}</b></div>"
            for answer, probability in explanation.answers
        ),
    ]
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:20px;font-size:14px;'
        f'line-height:22px">{"".join(f"<div>{block}</div>" for block in blocks)}</div>'
    )


def _draw_picture(title, picture):
    """Write one picture under its title, small enough for the screen."""
    image = Image.fromarray(np.rint(255 * picture).astype("uint8"))
    image.thumbnail((_SHOWN, _SHOWN))
    file = io.BytesIO()
    image.save(file, "png")
    source = base64.b64encode(file.getvalue()).decode("ascii")
    title = html.escape(title)
    return f'<b>{title}</b><br><img alt="{title}" src="data:image/png;base64,{source}">'


def _build_form(answer, class_names):
    """Build the form.

    Parameters
    ----------
    answer : callable
        From a file's content and a class index or None to an `explain.Explanation`.
    class_names : list of str

    Returns
    -------
    ipywidgets.VBox
        Everything the form remembers lives in the closures of its handlers.
    """
    import ipywidgets

    button = ipywidgets.FileUpload(accept="image/*", multiple=False)
    choices = [(name, index) for index, name in enumerate(class_names)]
    menu = ipywidgets.Dropdown(
        options=[(_OWN_ANSWER, -1), *choices], description="explain"
    )
    styles = ipywidgets.ToggleButtons(options=list(overlays.STYLES))
    styles.style.button_width = "70px"
    message = ipywidgets.Label(_READY)
    panel = ipywidgets.HTML()
    shown = SimpleNamespace(content=None, explanation=None)

    def reports_errors(handler):
        # ipywidgets writes a handler's error to a log that few readers open.
        @functools.wraps(handler)
        def run(_):
            try:
                handler()
            except Exception as error:
                first = str(error).strip().partition("\n")[0]
                named = isinstance(error, ValueError) and first
                message.value = first if named else f"{type(error).__name__}: {first}"
                panel.value = ""

        return run

    def redraw():
        if shown.explanation is not None:
            panel.value = draw_panel(shown.explanation, styles.value)

    def look():
        if shown.content is None:
            return
        shown.explanation = None
        message.value = "Looking …"
        wanted = None if menu.value == -1 else menu.value
        shown.explanation = answer(shown.content, wanted)
        redraw()
        message.value = _READY

    @reports_errors
    def take_file():
        shown.content = read_upload(button.value)
        look()

    button.observe(take_file, "value")
    menu.observe(reports_errors(look), "value")
    styles.observe(reports_errors(redraw), "value")
    row = ipywidgets.HBox([button, menu, styles])
    row.layout.flex_flow = "row wrap"
    return ipywidgets.VBox([row, message, panel])
