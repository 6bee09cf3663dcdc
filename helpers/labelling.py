"""Sort face crops by hand: one face at a time, one key a face, a folder a class."""

import base64
import contextlib
import csv
import functools
import html
import io
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from IPython.display import display
from PIL import Image

EMOTIONS = ("happy", "sad", "neutral", "angry", "surprised")
LABELS = "labels.csv"  # in the folder, beside the class folders
SKIPPED = "skipped"
REJECTED = "rejected"

_PART = "unfinished.part"  # what is written lies here until it is complete
_COLUMNS = ["name", "label"]
_UNDO = "z"
_BACKSPACE = "\b"
_FACE_SIDE = 300  # pixels on the screen
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]|^\.|[. ]$')  # on any system

_HINT = "Click here, then press the keys"
_ELSEWHERE = "Run this cell in JupyterLab or Colab to sort the faces yourself."
_NO_WIDGETS = (
    "Faces to sort belong here, but this front end shows no widgets: "
    "open the notebook with `make lab` and run this cell again."
)


# What is on the disk


def read_labels(folder, class_names: Sequence[str] = EMOTIONS) -> dict[str, str]:
    """Read what each face was sorted as, in the order of sorting.

    The folders have the last word: a picture counts as what its folder says, also if
    it was moved there by hand, and one that was deleted counts as not sorted.
    `LABELS` adds the order, and which faces were skipped or rejected.

    Parameters
    ----------
    folder : str or pathlib.Path
        Need not exist.
    class_names : sequence of str
        The names of its sub-folders.

    Returns
    -------
    dict
        From a face's `name_file` to a class name, `SKIPPED` or `REJECTED`.

    Raises
    ------
    ValueError
        If a picture lies in two class folders, or `LABELS` is damaged.
    """
    folder = Path(folder)
    check_class_names(class_names)
    with _tell_trouble(folder):
        found = _find_pictures(folder, class_names)
        noted = _read_table(folder / LABELS)
    labels: dict[str, str] = {}
    for name, label in noted:
        labels.pop(name, None)  # the last line about a face counts
        if name in found or label in (SKIPPED, REJECTED):
            labels[name] = found.get(name, label)
    return labels | found


def save_label(
    folder,
    name: str,
    image: np.ndarray,
    label: str,
    class_names: Sequence[str] = EMOTIONS,
) -> None:
    """Sort one face: write it into ``folder/label``, and note it in `LABELS`.

    A face that was skipped or rejected is noted only. A label given earlier is
    replaced. The picture gets its name once it is complete and is noted after that, so
    that whatever stops this leaves no half picture and no label without a picture.

    Parameters
    ----------
    folder : str or pathlib.Path
        Made if missing.
    name : str
        As `name_file` takes it. The file is always a PNG, which loses nothing.
    image : uint8 array (height, width, 3)
    label : str
        One of `class_names`, `SKIPPED` or `REJECTED`.
    class_names : sequence of str

    Raises
    ------
    ValueError
        If an argument is not as described here, or the folder cannot be written to.
    """
    folder = Path(folder)
    (image,), (name,) = check_faces(np.asarray(image)[None], [name])
    if label not in (*class_names, SKIPPED, REJECTED):
        choices = ", ".join((*class_names, SKIPPED, REJECTED))
        raise ValueError(f"A label must be one of {choices}, got {label!r}.")
    labels = read_labels(folder, class_names)
    with _tell_trouble(folder):
        if label in class_names:
            target = folder / label / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if labels.get(name) in class_names:  # moved, so that it is never in two
                os.replace(folder / labels[name] / name, target)
            _write(target, _encode(image))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            _remove_picture(folder, name, class_names)
        labels.pop(name, None)
        _write_table(folder, labels | {name: label})


def undo_label(folder, name: str, class_names: Sequence[str] = EMOTIONS) -> None:
    """Forget what a face was sorted as, and delete its picture from the class folder.

    Parameters
    ----------
    folder : str or pathlib.Path
    name : str
    class_names : sequence of str

    Raises
    ------
    ValueError
        If the face has no label, or the folder cannot be written to.
    """
    folder = Path(folder)
    name, labels = name_file(name), read_labels(folder, class_names)
    if name not in labels:
        raise ValueError(
            f"{name} has no label in {folder} that could be taken back; "
            "`read_labels` tells which faces have one."
        )
    del labels[name]
    with _tell_trouble(folder):
        _remove_picture(folder, name, class_names)
        _write_table(folder, labels)


def make_class_folders(folder, class_names: Sequence[str] = EMOTIONS) -> None:
    """Make an empty folder for each class, so that none is missing from the numbering.

    `keras.utils.image_dataset_from_directory` takes each sub-folder for a class and
    numbers them in the order of the alphabet; files beside them do not count.

    Parameters
    ----------
    folder : str or pathlib.Path
    class_names : sequence of str

    Raises
    ------
    ValueError
        If there are other sub-folders, or the folder cannot be written to.
    """
    folder = Path(folder)
    check_class_names(class_names)
    with _tell_trouble(folder):
        for class_name in class_names:
            (folder / class_name).mkdir(parents=True, exist_ok=True)
        (folder / _PART).unlink(missing_ok=True)
        others = sorted(
            entry.name
            for entry in folder.iterdir()
            if entry.is_dir()
            and not entry.name.startswith(".")
            and entry.name not in class_names
        )
    if others:
        raise ValueError(
            f"{folder} also holds the folder {others[0]!r}, which Keras would take for "
            "a class; choose an empty folder, or one that holds sorted faces only."
        )


def name_file(name: str) -> str:
    """Return the name that a sorted face has on the disk, and in `read_labels`.

    Parameters
    ----------
    name : str
        A plain file name that ends in ``.png``, ``.jpg`` or ``.jpeg``.

    Returns
    -------
    str
        The same with ``.png`` at the end.

    Raises
    ------
    ValueError
        If it is no such name.
    """
    stem, ending = os.path.splitext(name) if isinstance(name, str) else ("", "")
    if ending.lower() not in (".png", ".jpg", ".jpeg") or _FORBIDDEN.search(stem):
        raise ValueError(
            "A face's name must be a plain file name that ends in .png or .jpg, got "
            f"{name!r}; leave out folders and characters that files cannot have."
        )
    return f"{stem}.png"


def check_faces(images, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return faces as an array and their file names, if they can be sorted.

    Parameters
    ----------
    images : uint8 array (n, height, width, 3), n at least 1
    names : sequence of n str
        As `name_file` takes them.

    Returns
    -------
    images : uint8 array (n, height, width, 3)
    file_names : list of n different str

    Raises
    ------
    ValueError
        If they are anything else.
    """
    images = np.asarray(images)
    if (
        images.ndim != 4
        or images.shape[3] != 3
        or 0 in images.shape
        or images.dtype != np.uint8
    ):
        raise ValueError(
            "Faces must be uint8 of the shape (n, height, width, 3) with at least one "
            f"face, got {images.dtype} {images.shape}; stack the crops of the harvest."
        )
    if len(names) != len(images):
        raise ValueError(
            f"Each face needs a name, got {len(images)} faces and {len(names)} names; "
            "give both in the same order."
        )
    file_names = [name_file(name) for name in names]
    seen = set()
    for name in file_names:
        if name.casefold() in seen:  # one file on Windows and macOS
            raise ValueError(
                f"Two faces have the name {name!r}, and one file would overwrite the "
                "other; give each face a name of its own."
            )
        seen.add(name.casefold())
    return images, file_names


def check_class_names(class_names: Sequence[str]) -> None:
    """Refuse class names that cannot be folders with a key from 1 to 9 each.

    Parameters
    ----------
    class_names : sequence of str

    Raises
    ------
    ValueError
        If they are too few or too many, equal, reserved or no file names.
    """
    names = [name.casefold() for name in class_names]
    usable = not any(_FORBIDDEN.search(name) or not name for name in names)
    if not 2 <= len(names) <= 9 or len(set(names)) != len(names) or not usable:
        raise ValueError(
            "Class names must be two to nine different names that folders can have, "
            f"got {list(class_names)}."
        )
    if {SKIPPED, REJECTED} & set(names):
        raise ValueError(
            f"The names {SKIPPED!r} and {REJECTED!r} are taken for faces that belong "
            "to no class; name the class differently."
        )


def _find_pictures(folder, class_names):
    """Return {file name: class name} of the pictures in the class folders."""
    found: dict[str, str] = {}
    for class_name in class_names:
        for path in sorted((folder / class_name).glob("*.png")):
            if path.name.startswith("."):  # left by macOS on other systems' disks
                continue
            if path.name in found:
                raise ValueError(
                    f"{path.name} lies in both {found[path.name]!r} and "
                    f"{class_name!r} of {folder}; delete one of the two."
                )
            found[path.name] = class_name
    return found


def _read_table(path):
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
        if header != _COLUMNS or any(len(row) != 2 for row in rows):
            raise ValueError
    except (ValueError, csv.Error):
        raise ValueError(
            f"{path} is not the table of {' and '.join(_COLUMNS)} that it should be; "
            "delete it: sorted faces stay sorted, skipped ones are asked again."
        ) from None
    return rows


def _write_table(folder, labels):
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n").writerows([_COLUMNS, *labels.items()])
    _write(folder / LABELS, table.getvalue().encode("utf-8"))


def _write(path, content):
    """Write a file so that it is there as a whole or not at all."""
    # Beside the class folders: what a killed process leaves there is no picture.
    part = (path.parent if path.name == LABELS else path.parent.parent) / _PART
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _remove_picture(folder, name, class_names):
    for class_name in class_names:
        (folder / class_name / name).unlink(missing_ok=True)


def _encode(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()


@contextlib.contextmanager
def _tell_trouble(folder):
    """Turn what the disk refuses into a sentence."""
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"The faces cannot be sorted into {folder} ({error.strerror or error}); "
            "free some space there, or choose a folder that you may write to."
        ) from None


# What the keys do


def read_keys(before: str, after: str) -> str:
    r"""Tell which keys turned one text of a field into another.

    A front end sends the text of a field, not its keys, and several keys at once when
    they are pressed fast. What is deleted in one go counts as one Backspace, and a text
    of which nothing is left at the beginning as replaced: the Tab key that leads into a
    field selects all of its text, and the next key replaces it.

    Parameters
    ----------
    before, after : str

    Returns
    -------
    str
        The characters that are new; before them ``"\b"`` if some were deleted.
    """
    start = _count_common(before, after)
    end = _count_common(before[start:][::-1], after[start:][::-1])
    deleted = before[start : len(before) - end]
    added = after[start : len(after) - end]
    if deleted and added and not start:
        return after
    return (_BACKSPACE if deleted else "") + added


def _count_common(one, other):
    """Count the characters with which both texts begin."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _assign_keys(class_names):
    """Return {key: label}."""
    keys = {str(number): name for number, name in enumerate(class_names, 1)}
    return keys | {"s": SKIPPED, " ": SKIPPED, "r": REJECTED}


def _describe_progress(labels, total):
    """Write how far the sorting is, as in "12 of 40 faces, 3 skipped, 1 rejected"."""
    counts = [
        f"{count} {label}"
        for label in (SKIPPED, REJECTED)
        if (count := list(labels.values()).count(label))
    ]
    return ", ".join([f"{len(labels)} of {total} faces", *counts])


# The widget


def label_faces(
    images, names: Sequence[str], folder, class_names: Sequence[str] = EMOTIONS
) -> None:
    """Show one face at a time, to be sorted by a click or a key.

    Each face is saved at once, in the layout that
    `keras.utils.image_dataset_from_directory` reads; see `save_label`. Running the
    cell again goes on at the first face without a label. ``COURSE_WIDGETS=off`` leaves
    the faces out; a sentence then says where to find them.

    Keys: 1 to 9 for the classes, S or the space bar to skip a face, R to reject what is
    none, Z to take the last one back; so does Backspace while the field has text. They
    work while the text field named "Keys" has the focus: click into it, or reach it
    with Tab. A click on a button brings the focus back to the field (from ipywidgets 8
    on; in Colab, click into the field again). On a button reached with Tab, Enter
    presses it; a letter there is a shortcut of JupyterLab's own.

    Parameters
    ----------
    images : uint8 array (n, height, width, 3)
        For instance the crops of a harvest, (n, 100, 100, 3).
    names : sequence of n str
        A different file name for each face, ending in ``.png`` or ``.jpg``. The
        sorted face has the same name with ``.png`` at the end.
    folder : str or pathlib.Path
        Where to put the class folders. Made if missing. What Colab stores outside of
        a mounted Drive is gone when the session ends.
    class_names : sequence of str
        Two to nine.

    Raises
    ------
    ValueError
        If the images, names or class names are not as described here, the folder
        holds anything but sorted faces, or it cannot be written to.
    """
    images, file_names = check_faces(images, names)
    check_class_names(class_names)
    if os.environ.get("COURSE_WIDGETS") == "off":
        print(_ELSEWHERE)
        return
    make_class_folders(folder, class_names)
    form = _build_form(images, file_names, Path(folder), tuple(class_names))
    view = {"version_major": 2, "version_minor": 0, "model_id": form.model_id}
    display(
        {"application/vnd.jupyter.widget-view+json": view, "text/plain": _NO_WIDGETS},
        raw=True,
    )


def _build_form(images, names, folder, class_names):
    """Build the form: a face, and beside it the field, the buttons and the progress.

    Returns
    -------
    ipywidgets.HBox
        What was sorted is on the disk and is read anew for each step, so that two
        forms on one folder agree.
    """
    import ipywidgets

    keys = _assign_keys(class_names)
    progress, face, message = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
    field = ipywidgets.Text(placeholder=_HINT, description="Keys")
    typed = SimpleNamespace(text="")
    known = set(names)

    def look_up():
        """Return the labels of these faces, and the places of those without one."""
        labels = read_labels(folder, class_names)
        labels = {name: labels[name] for name in labels if name in known}
        return labels, [i for i, name in enumerate(names) if name not in labels]

    def show():
        labels, left = look_up()
        progress.value = _draw_progress(labels, len(names))
        if left:
            face.value = _draw_face(images[left[0]], names[left[0]])
        else:
            face.value = _draw_end(labels, class_names)
        undo_button.disabled = not labels
        for button in giving_buttons:
            button.disabled = not left

    def say(text):
        message.value = f'<div style="line-height:20px">{html.escape(text)}</div>'

    def give(label):
        _, left = look_up()
        if not left:
            say("No face is left. Z takes the last one back.")
            return
        name = names[left[0]]
        save_label(folder, name, images[left[0]], label, class_names)
        say(f"{name}: {label}.")

    def undo():
        labels, _ = look_up()
        if not labels:
            say("There is nothing to take back.")
            return
        name, label = list(labels.items())[-1]
        undo_label(folder, name, class_names)
        say(f"{name}: {label} no more.")

    def press(key):
        key = key.casefold()
        if key in (_UNDO, _BACKSPACE):
            undo()
        elif key in keys:
            give(keys[key])
        else:
            say(f"The key {key} does nothing here.")

    def reports_errors(handler):
        # ipywidgets writes a handler's error to a log that few readers open.
        @functools.wraps(handler)
        def run(*arguments):
            try:
                try:
                    handler(*arguments)
                finally:
                    show()
            except Exception as error:
                first = str(error).strip().partition("\n")[0]
                named = isinstance(error, ValueError) and first
                say(first if named else f"{type(error).__name__}: {first}")

        return run

    @reports_errors
    def take_text(change):
        # Emptying the field here would mix up keys that are on their way.
        pressed = read_keys(typed.text, change["new"])
        typed.text = change["new"]
        for key in pressed:
            press(key)

    def make_button(key, text, tooltip):
        button = ipywidgets.Button(description=text, tooltip=tooltip)
        button.layout = ipywidgets.Layout(width="auto", height="36px", margin="2px")

        @reports_errors
        def click(_):
            typed.text = field.value = ""
            # On a button, JupyterLab would take the next key for one of its own.
            if hasattr(field, "focus"):  # from ipywidgets 8 on
                field.focus()
            press(key)

        button.on_click(click)
        return button

    class_buttons = [
        make_button(key, f"{key}   {label}", f"Sort this face into {label}: key {key}")
        for key, label in keys.items()
        if label in class_names
    ]
    skip_button = make_button("s", "S   skip", "Leave this face out: key S or space")
    reject_button = make_button("r", "R   not a face", "Reject this crop: key R")
    undo_button = make_button("z", "Z   undo", "Take the last one back: key Z")
    giving_buttons = [*class_buttons, skip_button, reject_button]
    field.observe(take_text, "value")

    field.style.description_width = "40px"
    field.layout = ipywidgets.Layout(width="auto", margin="0 2px 8px 2px")
    columns = [
        ipywidgets.VBox(buttons, layout={"width": "50%"})
        for buttons in (class_buttons, [skip_button, reject_button, undo_button])
    ]
    side = ipywidgets.VBox([progress, field, ipywidgets.HBox(columns), message])
    side.layout = ipywidgets.Layout(width="320px")
    form = ipywidgets.HBox([face, side])
    form.layout.flex_flow = "row wrap"
    show()
    return form


def _draw_progress(labels, total):
    done = _describe_progress(labels, total)
    return (
        f'<div style="font-size:14px;font-weight:600;line-height:22px">{done}</div>'
        '<div style="height:8px;margin:2px 0 10px;background:#8883">'
        f'<div style="height:100%;width:{len(labels) / total:.1%};'
        'background:#0072b2"></div></div>'
    )


def _draw_face(image, name):
    source = base64.b64encode(_encode(image)).decode("ascii")
    return _draw_panel(
        f'<img alt="The face to sort" width="{_FACE_SIDE}" height="{_FACE_SIDE}" '
        'style="display:block;max-width:none;object-fit:contain;background:#8883" '
        f'src="data:image/png;base64,{source}">'
        '<div style="font-size:12px;line-height:20px;overflow-wrap:anywhere">'
        f"{html.escape(name)}</div>"
    )


def _draw_end(labels, class_names):
    given = list(labels.values())
    rows = "".join(
        f'<tr><td style="text-align:right;padding-right:12px">{given.count(label)}</td>'
        f"<td>{html.escape(label)}</td></tr>"
        for label in (*class_names, SKIPPED, REJECTED)
    )
    return _draw_panel(
        '<div style="font-size:16px;font-weight:600;line-height:32px">'
        f'No face is left.</div><table style="font-size:14px">{rows}</table>'
    )


def _draw_panel(content):
    style = f"width:{_FACE_SIDE}px;min-height:{_FACE_SIDE + 20}px;margin-right:20px"
    return f'<div style="{style}">{content}</div>'
