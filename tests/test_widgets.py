import builtins
import math
import re
import sys
from types import SimpleNamespace

import ipycanvas
import ipywidgets
import keras
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image, ImageDraw

from helpers import widgets
from helpers.widgets import draw_strokes, drawing_pad

GAIN = 0.05
RIGHT = np.broadcast_to(np.arange(28) >= 14, (28, 28))
NAMES = ["left", "right"]
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def model():
    """Known truth: p(left) = σ(gain × (ink in the left half − ink in the right))."""
    model = keras.Sequential(
        [
            keras.layers.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    sides = np.stack([~RIGHT.ravel(), RIGHT.ravel()], axis=1)
    model.set_weights([GAIN * sides, np.zeros(2)])
    return model


def explain_by_ink(model, images, class_index):
    half = RIGHT if class_index else ~RIGHT
    return images[..., 0] * half


def expected_shares(image):
    difference = image[~RIGHT].sum() - image[RIGHT].sum()
    left = 1 / (1 + math.exp(-GAIN * difference))
    return [f"{left:.1%}", f"{1 - left:.1%}"]


# The pen


def draw_with_pillow(strokes, size, thickness, finer=40):
    """Draw the strokes another way: thick lines, round corners, then the average."""
    image = Image.new("L", (size * finer, size * finer))
    pen = ImageDraw.Draw(image)
    radius = thickness * finer / 2
    for stroke in strokes:
        corners = [(x * size * finer, y * size * finer) for x, y in stroke]
        pen.line(corners, fill=255, width=round(2 * radius))
        for corner in corners:
            pen.circle(corner, radius, fill=255)
    return np.asarray(image.resize((size, size), Image.Resampling.BOX)) / 255


@pytest.mark.parametrize(
    ("strokes", "size", "thickness"),
    [
        ([[(0.2, 0.5), (0.8, 0.5)]], 28, 2.5),
        ([[(0.31, 0.12), (0.31, 0.93)]], 28, 4.0),
        (widgets.STORED_SEVEN, 28, 2.5),
        ([[(0.1, 0.1), (0.9, 0.35), (0.2, 0.6)], [(0.5, 0.8)]], 40, 3.0),
    ],
)
def test_strokes_agree_with_pillow(strokes, size, thickness):
    image = draw_strokes(strokes, size, thickness)
    other = draw_with_pillow(strokes, size, thickness)
    assert image.shape == (size, size)
    assert np.abs(image - other).max() < 0.15
    assert np.abs(image - other).mean() < 0.01


def test_a_horizontal_stroke_lies_where_it_should():
    image = draw_strokes([[(0.25, 0.5), (0.75, 0.5)]])  # the line between rows 13, 14
    assert image.dtype == np.float32
    assert image.min() == 0
    assert image.max() == 1
    np.testing.assert_array_equal(np.flatnonzero(image.sum(axis=1)), [12, 13, 14, 15])
    assert np.flatnonzero(image.sum(axis=0))[[0, -1]].tolist() == [5, 22]
    assert image[:, 14].sum() == pytest.approx(2.5, abs=0.15)  # its thickness
    # No shift: the picture is its own mirror image to a sixteenth of a pixel.
    np.testing.assert_allclose(image, image[::-1], atol=0.07)
    np.testing.assert_allclose(image, image[:, ::-1], atol=0.07)


def test_a_stroke_that_leaves_the_canvas_is_cut_at_its_edge():
    inside = draw_strokes([[(0.5, 0.5), (1.0, 0.5)]])
    across = draw_strokes([[(0.5, 0.5), (1.4, 0.5)]])
    np.testing.assert_allclose(across[:, :27], inside[:, :27], atol=0.01)
    assert across[:, 27].sum() == pytest.approx(2.5, abs=0.15)


@pytest.mark.parametrize("strokes", [[], [[]]])
def test_no_stroke_leaves_no_ink(strokes):
    assert not draw_strokes(strokes).any()


def test_one_point_makes_a_round_dot():
    image = draw_strokes([[(0.5, 0.5)]])
    assert image.sum() == pytest.approx(math.pi * 1.25**2, rel=0.1)
    np.testing.assert_allclose(image, image.T, atol=0.01)


# The pad, driven by the messages a front end sends


class Pad:
    """A pad and what a reader would find on it."""

    def __init__(self, model, names=NAMES, explain=explain_by_ink):
        def answer(strokes):
            return widgets._answer(model, explain, strokes)

        self.root = widgets._build_pad(answer, names)
        parts = list(self.walk(self.root))
        (self.canvas,) = (part for part in parts if isinstance(part, ipycanvas.Canvas))
        (self.button,) = (part for part in parts if isinstance(part, ipywidgets.Button))
        (self.label,) = (part for part in parts if isinstance(part, ipywidgets.Label))
        (self.panel,) = (
            part for part in parts if "<output>" in getattr(part, "value", "")
        )

    def walk(self, widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from self.walk(child)

    def send(self, event, x=None, y=None, touches=None):
        content = {"event": event, "x": x, "y": y}
        content["touches"] = [{"x": x, "y": y} for x, y in touches or []]
        self.canvas._handle_frontend_event(self.canvas, content, [])

    @property
    def shares(self):
        return re.findall(r"<output>(.*?)</output>", self.panel.value)


EMPTY = ["50.0%", "50.0%"]
STROKE = [(210, 70), (210, 140), (210, 210)]  # on the canvas, in its pixels
STROKE_SHARES = expected_shares(draw_strokes([[(x / 280, y / 280) for x, y in STROKE]]))


def test_a_mouse_stroke_changes_the_answer(model):
    pad = Pad(model)
    assert pad.shares == EMPTY
    pad.send("mouse_down", *STROKE[0])
    pad.send("mouse_move", *STROKE[1])
    pad.send("mouse_move", *STROKE[2])
    pad.send("mouse_up", *STROKE[2])
    assert pad.shares == STROKE_SHARES
    assert STROKE_SHARES != EMPTY
    assert "What speaks for right" in pad.panel.value


def test_the_answer_follows_the_pen_before_it_lifts(model):
    pad = Pad(model)
    pad.send("mouse_down", *STROKE[0])
    pad.send("mouse_move", *STROKE[1])
    assert pad.shares != EMPTY


def test_moving_without_pressing_draws_nothing(model):
    pad = Pad(model)
    pad.send("mouse_move", *STROKE[0])
    pad.send("mouse_move", *STROKE[1])
    pad.send("mouse_up", *STROKE[1])
    assert pad.shares == EMPTY


def test_leaving_the_canvas_ends_the_stroke(model):
    pad = Pad(model)
    pad.send("mouse_down", *STROKE[0])
    pad.send("mouse_move", *STROKE[1])
    pad.send("mouse_move", *STROKE[2])
    pad.send("mouse_out", *STROKE[2])
    assert pad.shares == STROKE_SHARES
    pad.send("mouse_move", 20, 20)
    pad.send("mouse_up", 20, 20)
    assert pad.shares == STROKE_SHARES


@pytest.mark.parametrize("end", ["touch_end", "touch_cancel"])
def test_a_finger_draws_like_a_mouse(model, end):
    pad = Pad(model)
    pad.send("touch_start", touches=STROKE[:1])
    pad.send("touch_move", touches=[STROKE[1], (20, 20)])  # a second finger: ignored
    pad.send("touch_move", touches=STROKE[2:])
    pad.send(end)
    assert pad.shares == STROKE_SHARES


def test_clear_forgets_the_drawing(model):
    pad = Pad(model)
    pad.send("mouse_down", *STROKE[0])
    pad.send("mouse_up", *STROKE[0])
    assert pad.shares != EMPTY
    pad.button.click()
    assert pad.shares == EMPTY
    pad.send("mouse_down", 70, 140)
    pad.send("mouse_up", 70, 140)
    assert pad.shares == expected_shares(draw_strokes([[(0.25, 0.5)]]))


def test_two_pads_keep_their_drawings_apart(model):
    one, other = Pad(model), Pad(model)
    one.send("mouse_down", *STROKE[0])
    one.send("mouse_up", *STROKE[0])
    assert one.shares != EMPTY
    assert other.shares == EMPTY


def test_the_label_asks_to_draw_once_a_front_end_has_the_canvas(model):
    pad = Pad(model)
    assert "lacks ipycanvas" in pad.label.value
    pad.send("client_ready")
    assert pad.label.value == "Draw with a mouse, a pen or a finger."


def test_a_new_front_end_gets_the_drawing_again(model, monkeypatch):
    pad = Pad(model)
    pad.send("mouse_down", *STROKE[0])
    pad.send("mouse_up", *STROKE[0])
    drawn = []
    monkeypatch.setattr(
        ipycanvas.Canvas, "line_to", lambda canvas, x, y: drawn.append((x, y))
    )
    pad.send("client_ready")
    np.testing.assert_allclose(drawn, STROKE[:1])


def test_an_error_while_drawing_is_told_in_the_label(model):
    def explain(model, images, class_index):
        if images.any():
            raise RuntimeError("the lamp is out.\nA long story.")
        return images[..., 0]

    pad = Pad(model, explain=explain)
    pad.send("mouse_down", *STROKE[0])
    pad.send("mouse_up", *STROKE[0])
    assert pad.label.value == "The pad stumbled: RuntimeError: the lamp is out."
    pad.button.click()
    assert pad.label.value == "Draw with a mouse, a pen or a finger."


@pytest.mark.parametrize(("heat", "shown"), [(3e-7, 0), (0.02, 1)])
def test_rounding_does_not_glow_but_weak_heat_does(model, heat, shown):
    def explain(model, images, class_index):
        return np.full(images.shape[:3], heat)

    assert (widgets._answer(model, explain, []).heatmap == shown).all()


def test_class_names_are_shown_as_text(model):
    pad = Pad(model, names=["<b>", "a & b"])
    assert "<b>&lt;b&gt;</b>" in pad.panel.value
    assert "a &amp; b" in pad.panel.value


# What a cell publishes


def publish(*arguments, **options):
    """Call the pad as a cell would; return what it printed and what it displayed."""
    InteractiveShell.instance()
    with capture_output() as captured:
        drawing_pad(*arguments, **options)
    return captured.stdout.strip(), captured.outputs


@pytest.fixture
def _widgets_on(monkeypatch):
    monkeypatch.delenv("COURSE_WIDGETS", raising=False)


@pytest.mark.usefixtures("_widgets_on")
def test_a_cell_publishes_the_figure_and_the_pad(model):
    printed, (figure, pad) = publish(model, NAMES, explain_by_ink)
    assert printed == ""
    assert figure.data["image/png"]
    assert pad.data[VIEW]["version_major"] == 2
    assert pad.data["text/plain"].startswith("A drawing pad belongs here")
    assert "make lab" in pad.data["text/plain"]
    known = ipywidgets.Widget.get_manager_state()["state"]
    assert known[pad.data[VIEW]["model_id"]]["model_name"] == "VBoxModel"


def test_the_figure_is_described_in_words(model, monkeypatch):
    monkeypatch.setenv("COURSE_WIDGETS", "off")
    dot = [[(0.8, 0.15)]]
    _, (figure,) = publish(model, NAMES, explain_by_ink, dot)
    left, right = expected_shares(draw_strokes(dot))
    text = figure.metadata["image/png"]["alt"]
    assert f"left with {left}, right with {right}" in text
    assert "speaks for right is brightest in the upper right" in text
    _, (figure,) = publish(model, NAMES, None, dot)
    assert "speaks for" not in figure.metadata["image/png"]["alt"]


def test_widgets_off_leaves_the_figure_and_one_sentence(model, monkeypatch):
    monkeypatch.setenv("COURSE_WIDGETS", "off")
    printed, (figure,) = publish(model, NAMES, explain_by_ink)
    assert printed == "Run this cell in JupyterLab to draw your own."
    assert VIEW not in figure.data


@pytest.mark.usefixtures("_widgets_on")
@pytest.mark.parametrize("error", [ImportError("No module"), OSError("no library")])
def test_a_missing_or_broken_ipycanvas_gives_one_sentence(model, monkeypatch, error):
    import_module = builtins.__import__

    def refuse(name, *arguments, **options):
        if name == "ipycanvas":
            raise error
        return import_module(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    printed, outputs = publish(model, NAMES)
    assert [sorted(output.data) for output in outputs] == [["image/png"]]
    assert str(error) in printed
    assert "%pip install ipycanvas" in printed
    assert "\n" not in printed


@pytest.mark.usefixtures("_widgets_on")
def test_colab_is_asked_to_load_third_party_widgets(model, monkeypatch):
    calls = []
    output = SimpleNamespace(enable_custom_widget_manager=lambda: calls.append(1))
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace(output=output))
    _, outputs = publish(model, NAMES)
    assert calls == [1]
    assert VIEW in outputs[-1].data


@pytest.mark.usefixtures("_widgets_on")
def test_an_explanation_that_fails_is_not_blamed_on_ipycanvas(model):
    def explain(model, images, class_index):
        if not images.any():
            raise RuntimeError("nothing to explain")
        return images[..., 0]

    with pytest.raises(RuntimeError, match="nothing to explain"):
        drawing_pad(model, NAMES, explain)


# What does not fit


def build_network(input_shape, classes):
    layers = [
        keras.layers.Input(input_shape),
        keras.layers.Flatten(),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    return keras.Sequential(layers)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (lambda: build_network((12, 12, 1), 2), r"shape \(n, 28, 28, 1\).*\(None, 12,"),
        (lambda: build_network((28, 28, 3), 2), r"shape \(n, 28, 28, 1\).*28, 3\)"),
        (lambda: keras.Sequential([keras.layers.Dense(2)]), "built model"),
        (lambda: build_network((28, 28, 1), 3), r"the 2 class names.*\(None, 3\)"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_in_one_sentence(network, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        drawing_pad(network(), NAMES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("outputs", [[1.5, -0.5], [1, 1], [math.nan, 1]])
def test_outputs_that_are_no_probabilities_are_refused(outputs):
    network = build_network((28, 28, 1), 2)
    network.layers[-1].activation = keras.activations.linear
    network.set_weights([np.zeros((784, 2)), np.array(outputs)])
    with pytest.raises(ValueError, match=r"add up to 1, got .*softmax"):
        drawing_pad(network, NAMES)


def test_a_heatmap_of_the_wrong_shape_is_refused_in_one_sentence(model):
    with pytest.raises(ValueError, match=r"\(1, 28, 28\), got \(1, 28, 28, 1\)"):
        drawing_pad(model, NAMES, lambda model, images, class_index: images)
