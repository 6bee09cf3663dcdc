"""Run every notebook from a fresh kernel and report what held.

python -m helpers.run_notebooks [--save] [--jobs 2] [--output build] [notebook ...]
"""

import argparse
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

from helpers import runtime
from helpers.memory import MemoryWatch

ROOT = Path(__file__).resolve().parent.parent
_CELL_TIMEOUT = 3600  # seconds; the real edition may train for minutes in one cell


class Run(NamedTuple):
    """One notebook's run: time in seconds, memory in bytes, claims as recorded."""

    name: str
    seconds: float
    peak_memory: int
    claims: list
    error: str


def main(arguments=None):
    """Run the notebooks, write pages and report, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="files or folders")
    parser.add_argument(
        "--save", action="store_true", help="write the outputs back into the notebooks"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="notebooks at a time; each takes memory"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "build", help="folder of pages and report"
    )
    options = parser.parse_args(arguments)
    paths = find_notebooks(options.notebooks or [ROOT / "notebooks"])
    edition = runtime.choose_edition("embedded")
    build = options.output if edition == "embedded" else options.output / edition
    runs = []
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        run_all = pool.map if options.jobs > 1 else map
        results = run_all(run_notebook, paths)
        for number, path in enumerate(paths, start=1):
            print(f"[{number}/{len(paths)}] {path.stem} … ", end="", flush=True)
            notebook, run = next(results)
            print(describe_run(run), flush=True)
            write_page(notebook, build / "notebooks" / f"{path.stem}.html")
            if options.save and not run.error:
                save_outputs(notebook, path)
            runs.append(run)
    report = build / "report.md"
    report.write_text(format_report(runs, edition), encoding="utf-8")
    print(f"Report: {report}")
    return int(any(run.error for run in runs))


def find_notebooks(paths):
    """Return the notebooks that paths name; a folder stands for all in it, sorted."""
    return [
        notebook
        for path in paths
        for notebook in (sorted(path.glob("*.ipynb")) if path.is_dir() else [path])
    ]


def run_notebook(path):
    """Execute a notebook in its own folder, in a kernel of its own.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    notebook : nbformat.NotebookNode
        With the outputs, up to the first cell that failed.
    run : Run
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=_CELL_TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    error = ""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "claims.jsonl"
        environment = {
            **os.environ,
            "COURSE_CLAIMS_FILE": str(record),
            "COURSE_WIDGETS": "off",
        }
        start = time.perf_counter()
        memory = MemoryWatch()
        try:
            with client.setup_kernel(env=environment, stderr=subprocess.DEVNULL):
                manager: Any = client.km
                memory.watch(manager.provisioner.pid)
                for index, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, index)
                client.set_widgets_metadata()
        except CellExecutionError as failure:
            error = f"{failure.ename}: {failure.evalue}"
        finally:
            peak_memory = memory.stop()
        seconds = time.perf_counter() - start
        lines = record.read_text("utf-8").splitlines() if record.exists() else []
    claims = [json.loads(line) for line in lines]
    return notebook, Run(path.stem, seconds, peak_memory, claims, error)


def describe_run(run):
    """Say in one line how a run went."""
    held = sum(claim["held"] for claim in run.claims)
    text = (
        f"{run.seconds:.0f} s, {run.peak_memory / 1e9:.1f} GB, "
        f"{held} of {len(run.claims)} claims held"
    )
    return f"{text}\n    FAILED: {run.error.splitlines()[0]}" if run.error else text


def write_page(notebook, path):
    """Write a notebook as a page that needs no network and keeps alt texts.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    path : pathlib.Path
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    exporter = HTMLExporter(
        template_name="page_template",
        extra_template_basedirs=[str(Path(__file__).parent)],
        mathjax_url="",
        require_js_url="",
        jquery_url="",
        mermaid_js_url="",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    page_notebook = copy.deepcopy(notebook)
    for cell in page_notebook.cells:  # a badge would be fetched from another host
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\[!\[.*?\]\(http.*?\)\]\(.*?\)", "", cell.source)
    name = {"metadata": {"name": path.stem}}
    page, _ = exporter.from_notebook_node(page_notebook, resources=name)
    path.write_text(page, encoding="utf-8")


def save_outputs(notebook, path):
    """Write an executed notebook in place, without what only this machine knows.

    Solutions keep what they print, and no pictures: readers draw those themselves,
    and a checkout has to stay small.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    path : pathlib.Path
    """
    if path.parent.name == "solutions":
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = [
                    output
                    for output in cell.outputs
                    if not any("image/" in kind for kind in output.get("data", {}))
                ]
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


def format_report(runs, edition):
    """Write the report: a line a notebook, then a line a claim.

    Parameters
    ----------
    runs : list of Run
    edition : str

    Returns
    -------
    str
        Markdown.
    """
    lines = [
        f"# Report, {edition} edition",
        "",
        "| notebook | seconds | peak memory | claims held | |",
        "|---|---:|---:|---:|---|",
    ]
    for run in runs:
        held = sum(claim["held"] for claim in run.claims)
        lines.append(
            f"| {run.name} | {run.seconds:.0f} | {run.peak_memory / 1e9:.2f} GB "
            f"| {held} of {len(run.claims)} | {'FAILED' if run.error else 'passed'} |"
        )
    lines += [
        "",
        "| notebook | claim | wanted | measured | |",
        "|---|---|---|---:|---|",
    ]
    for run in runs:
        for claim in run.claims:
            lines.append(
                f"| {run.name} | {claim['text']} | {claim['wanted']} "
                f"| {claim['measured']:.6g} | {'held' if claim['held'] else 'FAILED'} |"
            )
    failed = [run for run in runs if run.error]
    for run in failed:
        lines += ["", f"## {run.name} failed", "", "```", run.error, "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
