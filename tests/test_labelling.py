import csv
import errno
import io
import os
import re
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image

from helpers import labelling
from helpers.labelling import (
    EMOTIONS,
    REJECTED,
    SKIPPED,
    label_faces,
    make_class_folders,
    name_file,
    read_keys,
    read_labels,
    save_label,
    undo_label,
)

VIEW = "application/vnd.jupyter.widget-view+json"
NAMES = [f"film_{number:02}.png" for number in range(8)]


def draw_faces(count=8):
    """Return faces of a grey each, so that a file tells which face it is."""
    greys = 20 * np.arange(count, dtype="uint8")
    return np.broadcast_to(greys[:, None, None, None], (count, 100, 100, 3))


FACES = draw_faces()


def read_folder(folder):
    """Return {class folder: {file name: its one grey}}, without the code under test."""
    found = {}
    for path in sorted(Path(folder).glob("*/*")):
        (grey,) = set(np.asarray(Image.open(path)).ravel().tolist())
        found.setdefault(path.parent.name, {})[path.name] = grey
    return found


def read_table(folder):
    with (Path(folder) / "labels.csv").open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


# Labels on the disk


def test_a_label_is_a_picture_in_its_folder_and_a_line_in_the_table(tmp_path):
    folder = tmp_path / "new" / "sorted"
    face = np.random.default_rng(1).integers(0, 256, (100, 100, 3), "uint8")
    save_label(folder, "a.png", face, "sad")
    save_label(folder, "b.png", face, SKIPPED)
    save_label(folder, "c.png", face, REJECTED)
    with Image.open(folder / "sad" / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), face)
    assert sorted(path.name for path in folder.rglob("*")) == [
        *("a.png", "labels.csv", "sad")
    ]
    wanted = [("a.png", "sad"), ("b.png", "skipped"), ("c.png", "rejected")]
    assert read_table(folder) == [("name", "label"), *wanted]
    assert list(read_labels(folder).items()) == wanted


def test_a_folder_that_is_not_there_has_no_labels(tmp_path):
    assert read_labels(tmp_path / "nowhere") == {}
    assert not (tmp_path / "nowhere").exists()


def test_a_new_label_replaces_the_old_one_wherever_it_was(tmp_path):
    for label in ("happy", "angry", SKIPPED, "sad", REJECTED, "angry"):
        save_label(tmp_path, NAMES[1], FACES[1], label)
        save_label(tmp_path, NAMES[2], FACES[2], "sad")
        assert read_labels(tmp_path) == {NAMES[1]: label, NAMES[2]: "sad"}
        files = [path.parent.name for path in tmp_path.rglob(NAMES[1])]
        assert files == ([] if label in (SKIPPED, REJECTED) else [label])
    assert read_table(tmp_path)[1:] == [(NAMES[1], "angry"), (NAMES[2], "sad")]


@pytest.mark.parametrize("label", ["angry", SKIPPED, REJECTED])
def test_undo_restores_what_was_there_before(tmp_path, label):
    save_label(tmp_path, NAMES[0], FACES[0], "angry")
    before = read_folder(tmp_path), read_table(tmp_path)
    save_label(tmp_path, NAMES[1], FACES[1], label)
    assert (read_folder(tmp_path), read_table(tmp_path)) != before
    undo_label(tmp_path, NAMES[1])
    assert (read_folder(tmp_path), read_table(tmp_path)) == before
    with pytest.raises(ValueError, match=rf"{NAMES[1]} has no label"):
        undo_label(tmp_path, NAMES[1])


def test_the_folders_have_the_last_word(tmp_path):
    for name, face, label in zip(NAMES, FACES, EMOTIONS, strict=False):
        save_label(tmp_path, name, face, label)
    (tmp_path / "happy" / NAMES[0]).rename(tmp_path / "sad" / NAMES[0])
    (tmp_path / "neutral" / NAMES[2]).unlink()
    (tmp_path / "angry" / "._copy.png").write_bytes(b"not a picture")
    labels = read_labels(tmp_path)
    assert list(labels.items()) == [
        (NAMES[0], "sad"),
        (NAMES[1], "sad"),
        (NAMES[3], "angry"),
        (NAMES[4], "surprised"),
    ]
    (tmp_path / "labels.csv").unlink()
    assert read_labels(tmp_path) == labels


def test_a_picture_in_two_folders_is_refused(tmp_path):
    save_label(tmp_path, NAMES[0], FACES[0], "sad")
    (tmp_path / "angry").mkdir()
    (tmp_path / "angry" / NAMES[0]).write_bytes(b"")
    with pytest.raises(ValueError, match=r"both 'sad' and 'angry'.*delete one"):
        read_labels(tmp_path)


def test_a_table_that_a_spreadsheet_saved_is_read(tmp_path):
    save_label(tmp_path, NAMES[0], FACES[0], SKIPPED)
    table = (tmp_path / "labels.csv").read_bytes()
    table = b"\xef\xbb\xbf" + table.replace(b"\n", b"\r\n")
    (tmp_path / "labels.csv").write_bytes(table)
    assert read_labels(tmp_path) == {NAMES[0]: SKIPPED}


@pytest.mark.parametrize(
    "table",
    [b"", b"name;label\na.png;sad\n", b"name,label\na.png\n", b"name,label\n\xff,sad"],
)
def test_a_damaged_table_gets_a_sentence(tmp_path, table):
    (tmp_path / "labels.csv").write_bytes(table)
    with pytest.raises(ValueError, match=r"labels\.csv is not the table.*delete it"):
        read_labels(tmp_path)


def test_a_jpeg_of_the_harvest_becomes_a_png(tmp_path):
    save_label(tmp_path, "film.2_000120_0.jpg", FACES[3], "sad")
    assert read_folder(tmp_path) == {"sad": {"film.2_000120_0.png": 60}}
    assert read_labels(tmp_path) == {name_file("film.2_000120_0.jpg"): "sad"}
    undo_label(tmp_path, "film.2_000120_0.jpg")
    assert read_folder(tmp_path) == {}


# Whatever stops it


class KilledError(BaseException):
    """The process ends: nothing that would follow happens."""


def kill_at(patch, moment):
    """Let the disk take `moment` steps, half of the next if it writes, and no more."""
    steps = list(range(moment))
    alive = [True]

    def limit(owner, name):
        work = getattr(owner, name)

        def run(*arguments, **options):
            if steps:
                steps.pop()
                return work(*arguments, **options)
            if alive and name == "write_bytes":
                path, content = arguments
                work(path, content[: len(content) // 2])
            alive.clear()
            raise KilledError

        patch.setattr(owner, name, run)

    limit(Path, "write_bytes")
    limit(Path, "unlink")
    limit(os, "replace")


def relabel(folder, label):
    """Give one face a label, or take its label back."""
    if label:
        save_label(folder, NAMES[3], FACES[3], label)
    else:
        undo_label(folder, NAMES[3])


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        (None, "sad", 6),  # write, name, tidy up; the picture, then the table
        ("happy", "sad", 7),
        (SKIPPED, "sad", 6),
        ("happy", SKIPPED, 8),
        ("sad", None, 8),
    ],
)
def test_killed_at_any_step_each_label_has_its_picture(tmp_path, before, after, steps):
    """The next run finds the old label, the new one or none, and can go on."""
    for moment in range(steps + 1):
        folder = tmp_path / str(moment)
        make_class_folders(folder)
        save_label(folder, NAMES[0], FACES[0], "neutral")
        if before:
            relabel(folder, before)
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, moment)
            if moment < steps:
                with pytest.raises(KilledError):
                    relabel(folder, after)
            else:
                relabel(folder, after)
        make_class_folders(folder)
        labels = read_labels(folder)
        assert labels.pop(NAMES[0]) == "neutral"
        assert labels.get(NAMES[3]) in ({before, after, None} if moment else {before})
        files = read_folder(folder)  # fails if a picture is not whole
        assert files.pop("neutral") == {NAMES[0]: 0}
        label = labels.get(NAMES[3])
        assert files == ({label: {NAMES[3]: 60}} if label in EMOTIONS else {})
        tops = {path.name for path in folder.iterdir()}
        assert tops == {*EMOTIONS, "labels.csv"}
        relabel(folder, "angry")
        assert read_folder(folder) == {
            "neutral": {NAMES[0]: 0},
            "angry": {NAMES[3]: 60},
        }


@pytest.mark.parametrize("fault", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_disk_that_refuses_gets_one_sentence(tmp_path, monkeypatch, fault):
    save_label(tmp_path, NAMES[0], FACES[0], "sad")
    before = read_folder(tmp_path), read_table(tmp_path)

    def refuse(path, content):
        raise OSError(fault, os.strerror(fault), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(ValueError, match="cannot be sorted") as caught:
        save_label(tmp_path, NAMES[1], FACES[1], "angry")
    assert os.strerror(fault) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (read_folder(tmp_path), read_table(tmp_path)) == before


@pytest.mark.parametrize(
    "call",
    [
        lambda folder: label_faces(FACES, NAMES, folder),
        lambda folder: save_label(folder, NAMES[0], FACES[0], "sad"),
    ],
)
def test_a_file_where_the_folder_should_be_gets_one_sentence(
    tmp_path, monkeypatch, call
):
    monkeypatch.delenv("COURSE_WIDGETS", raising=False)
    (tmp_path / "sorted").write_text("a letter")
    with pytest.raises(ValueError, match=r"cannot be sorted into .*choose a folder"):
        call(tmp_path / "sorted")
    assert (tmp_path / "sorted").read_text() == "a letter"


# What does not fit


@pytest.mark.parametrize(
    ("images", "names", "sentence"),
    [
        (FACES[0], NAMES, r"shape \(n, height, width, 3\).*\(100, 100, 3\)"),
        (FACES[..., :1], NAMES, r"\(8, 100, 100, 1\)"),
        (FACES[:0], [], r"at least one face, got uint8 \(0, 100, 100, 3\)"),
        (FACES / 255, NAMES, "uint8.*got float64"),
        (FACES, NAMES[1:], "8 faces and 7 names"),
        (FACES, [*NAMES[1:], NAMES[1]], "Two faces have the name 'film_01.png'"),
        (FACES, [*NAMES[1:], NAMES[1].upper()[:-4] + ".png"], "Two faces have"),
        (FACES, ["film_01.JPG", *NAMES[1:]], "Two faces have the name 'film_01.png'"),
        (FACES, ["a.gif", *NAMES[1:]], r"ends in \.png or \.jpg, got 'a.gif'"),
        (FACES, ["film_01", *NAMES[1:]], "got 'film_01'"),
        (FACES, ["a.\n.png", *NAMES[1:]], r"got 'a\.\\n\.png'"),
        (FACES, ["a .png", *NAMES[1:]], "got 'a .png'"),
        (FACES, ["../a.png", *NAMES[1:]], r"got '\.\./a\.png'"),
        (FACES, ["c:a.png", *NAMES[1:]], "got 'c:a.png'"),
        (FACES, [".png", *NAMES[1:]], r"got '\.png'"),
        (FACES, range(8), "got 0"),
    ],
)
@pytest.mark.parametrize("off", [True, False])
def test_faces_that_do_not_fit_are_refused(
    tmp_path, monkeypatch, images, names, sentence, off
):
    monkeypatch.setenv("COURSE_WIDGETS", "off" if off else "on")
    with pytest.raises(ValueError, match=sentence) as caught:
        label_faces(images, names, tmp_path / "sorted")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sorted").exists()


@pytest.mark.parametrize(
    ("class_names", "sentence"),
    [
        (["happy"], "two to nine"),
        ([str(number) for number in range(10)], "two to nine"),
        (["sad", "Sad"], "different"),
        (["sad", "a/b"], r"\['sad', 'a/b'\]"),
        (["sad", ""], "folders can have"),
        (["sad", "Skipped"], "are taken"),
    ],
)
def test_class_names_that_cannot_be_folders_are_refused(
    tmp_path, class_names, sentence
):
    with pytest.raises(ValueError, match=sentence):
        label_faces(FACES, NAMES, tmp_path, class_names)
    with pytest.raises(ValueError, match=sentence):
        read_labels(tmp_path, class_names)
    assert list(tmp_path.iterdir()) == []


def test_a_label_that_is_no_class_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one of happy, .*, got 'furious'"):
        save_label(tmp_path, NAMES[0], FACES[0], "furious")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_would_count_as_a_class_is_refused(tmp_path):
    make_class_folders(tmp_path)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    make_class_folders(tmp_path)  # Keras leaves hidden ones out
    (tmp_path / "angrier").mkdir()
    with pytest.raises(ValueError, match="the folder 'angrier', which Keras would"):
        make_class_folders(tmp_path)


# What Keras reads


@pytest.mark.usefixtures("started")
def test_keras_reads_the_sorted_faces(tmp_path):
    from keras.utils import image_dataset_from_directory

    given = ["sad", "happy", SKIPPED, "angry", "sad", REJECTED, "surprised", "sad"]
    make_class_folders(tmp_path)
    for name, face, label in zip(NAMES, FACES, given, strict=True):
        save_label(tmp_path, name, face, label)
    undo_label(tmp_path, NAMES[7])
    dataset = image_dataset_from_directory(
        str(tmp_path), batch_size=None, image_size=(100, 100), verbose=False
    )
    assert dataset.class_names == sorted(EMOTIONS)  # "neutral" too, which is empty
    found = {
        (round(float(np.mean(image))) // 20, dataset.class_names[int(label)])
        for image, label in dataset
    }
    wanted = {(0, "sad"), (1, "happy"), (3, "angry"), (4, "sad"), (6, "surprised")}
    assert found == wanted
    assert len(dataset) == len(wanted)


# The keys


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        ("", "1", "1"),
        ("12", "1234", "34"),  # fast
        ("11", "111", "1"),
        ("12", "1", "\b"),
        ("1222", "12", "\b"),
        ("12", "13", "\b3"),  # Backspace and 3, fast
        ("12", "152", "5"),  # the caret stood in the middle
        ("12", "512", "5"),  # or at the beginning
        ("1233", "4", "4"),  # Tab selected all
        ("1233", "43", "43"),
        ("12", "", "\b"),
        ("12", "12", ""),
        ("", "", ""),
    ],
)
def test_keys_are_read_from_the_text(before, after, keys):
    assert read_keys(before, after) == keys


# The form, driven by the messages a front end sends


class Form:
    """A form and what a reader finds on it."""

    def __init__(self, folder, faces=FACES, names=NAMES, class_names=EMOTIONS):
        make_class_folders(folder, class_names)
        self.folder = folder
        root = labelling._build_form(faces, list(names), folder, tuple(class_names))
        self.face, side = root.children
        self.progress, self.field, columns, self.message = side.children
        buttons = [button for column in columns.children for button in column.children]
        self.buttons = {button.description.split()[-1]: button for button in buttons}

    def press(self, *texts):
        """Append to the field; each text arrives in one message."""
        for text in texts:
            self.field.set_state({"value": self.field.value + text})

    def click(self, word):
        button = self.buttons[word]
        assert not button.disabled
        button._handle_button_msg(button, {"event": "click"}, [])

    @property
    def shown(self):
        """The grey of the face on the screen, counted in steps of 20."""
        data = re.search(r'src="data:image/png;base64,([^"]+)"', self.face.value)
        if data is None:
            return None
        content = labelling.base64.b64decode(data[1])
        return int(np.asarray(Image.open(io.BytesIO(content)))[0, 0, 0]) // 20

    @property
    def done(self):
        return re.search(r">([^<>]+)</div>", self.progress.value)[1]

    @property
    def said(self):
        return re.search(r">([^<>]+)</div>", self.message.value)[1]


def test_each_key_sorts_one_face(tmp_path):
    form = Form(tmp_path)
    assert form.shown == 0
    assert form.done == "0 of 8 faces"
    form.press("1", "5", "s", " ", "R", "3")
    assert read_folder(tmp_path) == {
        "happy": {NAMES[0]: 0},
        "surprised": {NAMES[1]: 20},
        "neutral": {NAMES[5]: 100},
    }
    assert form.shown == 6
    assert form.done == "6 of 8 faces, 2 skipped, 1 rejected"
    assert form.said == f"{NAMES[5]}: neutral."


def test_keys_that_arrive_together_sort_one_face_each(tmp_path):
    form = Form(tmp_path)
    form.press("12", "z4s")
    assert list(read_labels(tmp_path).items()) == [
        (NAMES[0], "happy"),
        (NAMES[1], "angry"),
        (NAMES[2], SKIPPED),
    ]


def test_undo_goes_back_face_by_face(tmp_path):
    form = Form(tmp_path)
    form.press("1", "2", "s")
    form.press("Z")
    assert form.shown == 2
    assert form.said == f"{NAMES[2]}: skipped no more."
    form.field.set_state({"value": form.field.value[:-1]})  # Backspace
    assert form.shown == 1
    assert read_folder(tmp_path) == {"happy": {NAMES[0]: 0}}
    form.click("undo")
    assert form.shown == 0
    assert read_labels(tmp_path) == {}
    assert form.buttons["undo"].disabled
    form.press("z")
    assert form.said == "There is nothing to take back."


def test_each_button_does_what_its_key_does(tmp_path):
    by_click, by_key = Form(tmp_path / "click"), Form(tmp_path / "key")
    for button in list(by_click.buttons.values()):
        key, name = button.description.split()[0], button.description.split()[-1]
        by_click.click(name)
        by_key.press(key)
        assert read_labels(by_click.folder) == read_labels(by_key.folder)
        assert by_click.shown == by_key.shown
        assert f"key {key}" in button.tooltip
    assert len(by_click.buttons) == 8


def test_after_a_click_the_field_is_empty_and_has_the_focus(tmp_path, monkeypatch):
    form, focused = Form(tmp_path), []
    monkeypatch.setattr(
        type(form.field), "focus", lambda field: focused.append(field), raising=False
    )
    form.press("1", "2")
    form.click("sad")
    assert focused == [form.field]
    assert form.field.value == ""
    form.press("2")
    assert list(read_labels(tmp_path).values()) == ["happy", "sad", "sad", "sad"]


def test_ipywidgets_7_has_no_focus_to_give(tmp_path, monkeypatch):
    form = Form(tmp_path)
    monkeypatch.delattr(ipywidgets.DOMWidget, "focus", raising=False)
    form.click("sad")
    assert read_labels(tmp_path) == {NAMES[0]: "sad"}
    assert form.said == f"{NAMES[0]}: sad."


def test_the_end_is_counted_and_can_be_taken_back(tmp_path):
    form = Form(tmp_path)
    form.press("112s5r11")
    assert form.shown is None
    rows = re.findall(r"<td[^>]*>(\w+)</td>", form.face.value)
    assert dict(zip(rows[1::2], map(int, rows[::2]), strict=True)) == {
        **{"happy": 4, "sad": 1, "neutral": 0, "angry": 0, "surprised": 1},
        **{"skipped": 1, "rejected": 1},
    }
    assert {name for name, b in form.buttons.items() if not b.disabled} == {"undo"}
    form.press("4")
    assert form.said == "No face is left. Z takes the last one back."
    form.press("z")
    assert form.shown == 7
    assert not any(button.disabled for button in form.buttons.values())
    form.press("4")
    assert read_labels(tmp_path)[NAMES[7]] == "angry"


def test_a_new_form_goes_on_and_can_undo_what_the_last_one_did(tmp_path):
    Form(tmp_path).press("1", "s", "3")
    form = Form(tmp_path)
    assert form.shown == 3
    assert form.done == "3 of 8 faces, 1 skipped"
    form.press("zz")
    assert form.shown == 1
    assert read_folder(tmp_path) == {"happy": {NAMES[0]: 0}}


def test_two_forms_on_one_folder_agree(tmp_path):
    old, new = Form(tmp_path), Form(tmp_path)
    new.press("1", "2")
    old.press("3")
    assert list(read_labels(tmp_path).values()) == ["happy", "sad", "neutral"]
    assert old.shown == 3


def test_faces_of_another_harvest_in_the_folder_are_left_alone(tmp_path):
    save_label(tmp_path, "other.png", FACES[7], "sad")
    form = Form(tmp_path)
    assert form.done == "0 of 8 faces"
    assert form.buttons["undo"].disabled
    form.press("1", "z", "z")
    assert read_labels(tmp_path) == {"other.png": "sad"}


def test_a_key_without_a_meaning_is_told(tmp_path):
    form = Form(tmp_path)
    form.press("<")
    assert form.said == "The key &lt; does nothing here."
    form.press("9")
    assert read_labels(tmp_path) == {}


def test_other_classes_get_keys_in_their_order(tmp_path):
    form = Form(tmp_path, class_names=["cat & dog", "bird"])
    assert [button.description for button in form.buttons.values()][:2] == [
        *("1   cat & dog", "2   bird")
    ]
    form.press("2", "1", "3")
    assert list(read_labels(tmp_path, ["cat & dog", "bird"]).values()) == [
        *("bird", "cat & dog")
    ]
    form.press("rrrrrr")
    assert "cat &amp; dog" in form.face.value


def test_what_stops_a_key_is_told_and_the_face_stays(tmp_path, monkeypatch):
    form = Form(tmp_path)
    form.press("1")
    with monkeypatch.context() as patch:

        def refuse(path, content):
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(Path, "write_bytes", refuse)
        form.press("23")
        assert "(No space left on device)" in form.said
    assert form.shown == 1
    assert read_folder(tmp_path) == {"happy": {NAMES[0]: 0}}
    form.press("5")  # the keys that failed are not pressed again
    assert list(read_labels(tmp_path).values()) == ["happy", "surprised"]


def test_an_unknown_error_is_told_by_its_kind(tmp_path, monkeypatch):
    form = Form(tmp_path)

    def fail(*arguments):
        raise RuntimeError("the lamp is out\nA long story")

    monkeypatch.setattr(labelling, "save_label", fail)
    form.press("1")
    assert form.said == "RuntimeError: the lamp is out"


# What a cell publishes


def publish(*arguments):
    """Call the function as a cell would; return what it printed and displayed."""
    InteractiveShell.instance()
    with capture_output() as captured:
        label_faces(*arguments)
    return captured.stdout, captured.outputs


def test_a_cell_publishes_a_form_and_makes_the_folders(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_WIDGETS", raising=False)
    names = [name.replace(".png", ".jpg") for name in NAMES]
    printed, (form,) = publish(FACES, names, str(tmp_path / "sorted"))
    assert printed == ""
    assert "make lab" in form.data["text/plain"]
    known = ipywidgets.Widget.get_manager_state()["state"]
    assert known[form.data[VIEW]["model_id"]]["model_name"] == "HBoxModel"
    assert {path.name for path in (tmp_path / "sorted").iterdir()} == set(EMOTIONS)


def test_widgets_off_leaves_one_sentence_and_nothing_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WIDGETS", "off")
    printed, outputs = publish(FACES, NAMES, tmp_path / "sorted")
    assert printed == (
        "Run this cell in JupyterLab or Colab to sort the faces yourself.\n"
    )
    assert outputs == []
    assert not (tmp_path / "sorted").exists()
