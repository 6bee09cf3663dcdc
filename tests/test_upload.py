import io
import re

import ipywidgets
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image

from helpers import explain, overlays, upload

NAMES = ["left", "right", "<i>up</i>"]
VIEW = "application/vnd.jupyter.widget-view+json"


def encode(side="left", size=(40, 60)):
    """Return the content of a PNG file that is white on one side."""
    picture = np.zeros((*size, 3), "uint8")
    half = slice(0, size[1] // 2) if side == "left" else slice(size[1] // 2, None)
    picture[:, half] = 255
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return file.getvalue()


def explain_light(content, class_index):
    """Stand in for a network: light on the left is the first class."""
    picture = explain.pictures.read_picture(content)
    left = bool(picture[0, 0, 0] > 0.5)
    index = (0 if left else 1) if class_index is None else class_index
    return explain.Explanation(
        picture,
        overlays.overlay_heat(picture[None], picture[None, ..., 0])[0],
        picture[..., 0],
        index,
        NAMES[index],
        0.75,
        [(NAMES[index], 0.75), (NAMES[2], 0.2)],
    )


class Form:
    """A form and what a reader finds on it."""

    def __init__(self, answer=explain_light):
        self.calls = []

        def record(content, class_index):
            self.calls.append((content, class_index))
            return answer(content, class_index)

        self.root = upload._build_form(record, NAMES)
        row, self.label, self.panel = self.root.children
        self.button, self.menu, self.styles = row.children

    def send(self, content):
        """Do what a front end does when a file was chosen."""
        if int(ipywidgets.__version__.partition(".")[0]) < 8:
            self.button.metadata, self.button.data = [{"name": "a.png"}], [content]
            self.button._counter += 1
        else:
            file = {"name": "a.png", "type": "image/png", "size": len(content)}
            file |= {"content": memoryview(content), "last_modified": 0}
            self.button.set_state({"value": [file]})

    @property
    def pictures(self):
        found = re.findall(r'src="data:image/png;base64,([^"]+)"', self.panel.value)
        return [upload.base64.b64decode(data) for data in found]


@pytest.mark.parametrize(
    "value",
    [
        {"a.png": {"metadata": {"name": "a.png"}, "content": b"PNG"}},  # ipywidgets 7
        ({"name": "a.png", "size": 3, "content": memoryview(b"PNG")},),  # ipywidgets 8
    ],
)
def test_both_generations_of_the_button_are_read(value):
    assert upload.read_upload(value) == b"PNG"


def test_the_last_of_several_files_counts():
    assert upload.read_upload(({"content": b"one"}, {"content": b"two"})) == b"two"


@pytest.mark.parametrize("value", [{}, ()])
def test_no_file_is_no_content(value):
    assert upload.read_upload(value) is None


def test_an_upload_is_explained_at_once():
    form = Form()
    assert form.panel.value == ""
    form.send(encode("left"))
    assert form.calls == [(encode("left"), None)]
    assert "What speaks for left (75.0%)" in form.panel.value
    assert "<output>20.0%</output> <b>&lt;i&gt;up&lt;/i&gt;</b>" in form.panel.value
    picture, overlay = (np.asarray(Image.open(io.BytesIO(p))) for p in form.pictures)
    wanted = explain_light(encode("left"), None)
    np.testing.assert_array_equal(picture, np.rint(255 * wanted.picture))
    np.testing.assert_array_equal(overlay, np.rint(255 * wanted.overlay))


def test_another_upload_replaces_the_first():
    form = Form()
    form.send(encode("left"))
    form.send(encode("right"))
    assert "What speaks for right" in form.panel.value
    assert "What speaks for left" not in form.panel.value


def test_the_menu_chooses_the_class():
    form = Form()
    assert form.menu.options[0] == ("the network's own answer", -1)
    form.menu.value = 1
    assert form.calls == []  # nothing to explain yet
    form.send(encode("left"))
    form.menu.value = 0
    form.menu.value = -1
    assert [index for _, index in form.calls] == [1, 0, None]


@pytest.mark.parametrize("style", ["shade", "blur"])
def test_the_style_changes_without_asking_again(style):
    form = Form()
    form.styles.value = style
    form.styles.value = "heat"
    form.send(encode())
    form.styles.value = style
    assert len(form.calls) == 1
    picture, overlay = (np.asarray(Image.open(io.BytesIO(p))) for p in form.pictures)
    explained = explain_light(encode(), None)
    wanted = overlays.STYLES[style](explained.picture[None], explained.heatmap[None])
    np.testing.assert_array_equal(picture, np.rint(255 * explained.picture))
    np.testing.assert_array_equal(overlay, np.rint(255 * wanted[0]))


def test_a_large_picture_is_shown_small():
    form = Form()
    form.send(encode(size=(300, 900)))
    assert [Image.open(io.BytesIO(p)).size for p in form.pictures] == [(420, 140)] * 2


def test_a_broken_upload_gets_a_sentence_and_the_next_one_works():
    form = Form()
    form.send(encode())
    form.send(b"Dear reader,")
    assert form.label.value.startswith("The upload is not a picture")
    assert form.panel.value == ""
    form.styles.value = "blur"
    assert form.panel.value == ""
    form.send(encode("right"))
    assert "right" in form.panel.value
    assert form.label.value.startswith("Choose a picture")


def test_any_other_error_is_told_by_its_kind():
    def fail(content, class_index):
        raise RuntimeError("the lamp is out\nA long story")

    form = Form(fail)
    form.send(encode())
    assert form.label.value == "RuntimeError: the lamp is out"


def test_two_forms_keep_their_pictures_apart():
    one, other = Form(), Form()
    one.send(encode())
    assert one.panel.value
    assert other.panel.value == ""


# What a cell publishes


@pytest.fixture(scope="module")
def model(started):
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((20, 20, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def publish(*arguments, **options):
    """Show the form as a cell would; return what was printed and displayed."""
    InteractiveShell.instance()
    with capture_output() as captured:
        upload.upload_picture(*arguments, **options)
    return captured.stdout.strip(), captured.outputs


def test_a_cell_publishes_a_form_that_asks_the_model(model, monkeypatch):
    monkeypatch.delenv("COURSE_WIDGETS", raising=False)
    built = []
    build = upload._build_form
    monkeypatch.setattr(
        upload, "_build_form", lambda *parts: built.append(parts) or build(*parts)
    )
    printed, (form,) = publish(model, NAMES, method="cam", crop=0.5)
    assert printed == ""
    assert "make lab" in form.data["text/plain"]
    known = ipywidgets.Widget.get_manager_state()["state"]
    assert known[form.data[VIEW]["model_id"]]["model_name"] == "VBoxModel"
    ((answer, names),) = built
    assert names == NAMES
    wanted = explain.explain_picture(
        model, encode(), 2, method="cam", crop=0.5, class_names=NAMES
    )
    found = answer(encode(), 2)
    assert found.class_name == NAMES[2]
    np.testing.assert_array_equal(found.heatmap, wanted.heatmap)


def test_widgets_off_leaves_one_sentence(model, monkeypatch):
    monkeypatch.setenv("COURSE_WIDGETS", "off")
    printed, outputs = publish(model)
    assert printed.startswith("Run this cell in JupyterLab or Colab to upload")
    assert outputs == []


@pytest.mark.parametrize("off", [True, False])
def test_what_does_not_fit_is_refused_at_once(model, monkeypatch, off):
    monkeypatch.setenv("COURSE_WIDGETS", "off" if off else "on")
    with pytest.raises(ValueError, match="3 classes, got 1 class names"):
        publish(model, ["one"])
    with pytest.raises(ValueError, match="leave the size out"):
        publish(model, size=(30, 30))
