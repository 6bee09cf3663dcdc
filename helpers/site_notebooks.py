"""A stored notebook, made ready to be a page of the site."""

import base64
import hashlib
import html
import itertools
import re

from nbformat import v4

CLAIM = re.compile(r"✓ (?P<sentence>.*) \((?P<bound>[^()]*)\)")

_WIDGET = "application/vnd.jupyter.widget-view+json"
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg"}


def convert(notebook, folder):
    """Say in Markdown and HTML what a page would not show as a notebook does.

    Pictures become files, with their descriptions; claims become lists; tables get a
    box of their own to scroll in. Bars of progress, which want a script, are left out.
    The set-up cell is folded.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Changed in place.
    folder : pathlib.Path
        Where the pictures go.

    Raises
    ------
    ValueError
        If a picture has no description.
    """
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if "setup" in cell.metadata.get("tags", []):
            prompts = {"code_prompt_show": "Show the set-up cell"}
            cell.metadata["tags"] = [*cell.metadata["tags"], "hide-input"]
            cell.metadata["mystnb"] = prompts | {"code_prompt_hide": "Hide it again"}
        outputs = [_convert_output(output, folder) for output in cell.outputs]
        cell.outputs = list(itertools.chain(*outputs))


def store_picture(output, folder):
    """Write an output's picture to a file.

    Parameters
    ----------
    output : nbformat.NotebookNode
    folder : pathlib.Path

    Returns
    -------
    (str, str) or None
        The file's name, and the description in words; None if there is no picture.

    Raises
    ------
    ValueError
        If the picture has no description.
    """
    kind = next((kind for kind in _ENDINGS if kind in output.get("data", {})), None)
    if kind is None:
        return None
    content = base64.b64decode(output["data"][kind])
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.{_ENDINGS[kind]}"
    text = output["metadata"].get(kind, {}).get("alt", "")
    if not text:
        raise ValueError(
            "Every picture of a notebook must have a description, got one without; "
            "display it with figures.show(figure, alt='...')."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return name, text


def list_claims(lines):
    """Return claims as a list in HTML.

    Parameters
    ----------
    lines : iterable of str
        Each as `helpers.claims.claim` prints it; others are left out.

    Returns
    -------
    str
    """
    items = [
        f'<li>{html.escape(claim["sentence"])} <span class="bound">'
        f"{html.escape(claim['bound'])}</span></li>"
        for claim in filter(None, map(CLAIM.fullmatch, lines))
    ]
    return f'<ul class="claims" aria-label="Checked">{"".join(items)}</ul>'


def escape(text):
    """Return Markdown that reads as the text does, letter by letter."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def _convert_output(output, folder):
    """Return the outputs that stand for one."""
    if output.output_type == "stream":
        return _convert_lines(output)
    if _WIDGET in output.get("data", {}):
        return []
    picture = store_picture(output, folder)
    if picture:
        name, text = picture
        return [_show("text/markdown", f"![{escape(text)}](/pictures/{name})")]
    page = output.get("data", {}).get("text/html", "")
    if "<table" in page:
        return [_show("text/html", _box_tables(page))]
    return [output]


def _convert_lines(output):
    """Return what was printed, with the claims in it as lists."""
    outputs = []
    lines = output.text.splitlines()
    for is_claim, group in itertools.groupby(lines, lambda x: bool(CLAIM.fullmatch(x))):
        if is_claim:
            outputs.append(_show("text/html", list_claims(group)))
        else:
            text = "\n".join(group)
            if text.strip():
                outputs.append(v4.new_output("stream", name=output.name, text=text))
    return outputs


def _box_tables(page):
    """Let tables scroll in a box of their own, in the site's look."""
    page = re.sub(r"<style scoped>.*?</style>", "", page, flags=re.DOTALL)
    colours = r"background-color: #(\w{6});(\s*)color: #\w{6}"
    page = re.sub(colours, _write_legibly, page)
    page = re.sub(r' (border="1"|style="text-align: right;")', "", page)
    opening = '<div class="pst-scrollable-table-container">'
    return re.sub(r"<table.*?</table>", rf"{opening}\g<0></div>", page, flags=re.DOTALL)


def _write_legibly(colours):
    """Return a cell's colours with black or white text, whichever stands out more."""
    shares = [int(colours[1][place : place + 2], 16) / 255 for place in (0, 2, 4)]
    # Relative luminance and where both contrasts are equal: WCAG 2.2, "contrast ratio".
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in shares
    )
    bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179
    text = "000000" if bright else "ffffff"
    return f"background-color: #{colours[1]};{colours[2]}color: #{text}"


def _show(kind, text):
    return v4.new_output("display_data", data={kind: text})
