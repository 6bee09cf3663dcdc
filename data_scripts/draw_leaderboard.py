"""Draw the leaderboard from data/leaderboard/grades.csv, as a figure and as a page.

Run it from anywhere, after data_scripts/grade_methods.py:

    python data_scripts/draw_leaderboard.py

It writes build/leaderboard.png, and build/leaderboard.html: figures, tables, how to
read them, and where the tests come from, in one file that needs no network.
"""

import base64
import datetime
import html
import io
import platform
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import runtime

BUILD = Path(__file__).resolve().parent.parent / "build"
SHARPNESS = 150  # dots an inch, for a projector: a notebook shows 100
COLOURS = 128  # of a PNG: all that the figures need, at a third of the size
LISTED = 8  # pairs of tests that disagree
TASKS = {
    "digits": "a bar above the foot of a 1 makes the network say 7",
    "films": "a painted lamp gives a face the emotion that the network expects of it",
    "hotel": "a rail makes a room a bathroom",
    "objects": "one of two drawn objects is what the network names",
}
SOURCES = {
    "relevance mass, relevance rank": "Arras et al. 2022, arXiv:2003.07258",
    "pointing game": "Zhang et al. 2018, arXiv:1608.00507",
    "deletion, insertion": "Petsiuk et al. 2018, arXiv:1806.07421",
    "infidelity": "Yeh et al. 2019, arXiv:1901.09392",
    "sensitivity-n": "Ancona et al. 2018, arXiv:1711.06104",
    "random weights, random head": "Adebayo et al. 2018, arXiv:1810.03292",
    "shifted input": "Kindermans et al. 2017, arXiv:1711.00867",
    "completeness, symmetry": "Sundararajan et al. 2017, arXiv:1703.01365",
    "dummy feature": "Sundararajan and Najmi 2020, arXiv:1908.08474",
}
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Leaderboard of heatmap methods</title>
<style>
body {{ font: 17px/1.5 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem;
  max-width: 1000px; color: #111; background: #fff; }}
img {{ max-width: 100%; height: auto; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 1rem 0; }}
th, td {{ padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }}
th:first-child, td:first-child {{ text-align: left; white-space: nowrap; }}
summary {{ cursor: pointer; font-weight: bold; }}
</style>
</head>
<body>
<h1>Which heatmap to believe?</h1>
<p>{method_count} methods that ask what an image classifier looks at, graded by
{test_count} tests on {task_count} networks. In every picture it is proven what the
network's answer hangs on: without it, the answer is another.</p>
<ul>
{tasks}
</ul>
{board}
<h2>How to read it</h2>
<p>A square's number is the mean grade over the tasks. Its colour tells how many of the
other methods have a worse grade in that test, from none (white) to all (dark). Grades
of different tests have nothing in common, so only these shares are averaged: over the
tests of a family, over the tasks, then over the families. What does not apply is left
out. Costs are shown and not counted, and neither is a test that applies to fewer than
half of the methods.</p>
<p>Below the line stand maps that know nothing of the network: noise, a spot in the
middle, and the picture's own edges. An orange corner marks where, in half of the tasks
or more, a method's 95&nbsp;% interval does not lie clear of that of the best of them.
In the other families they win or lose by their nature: what never changes is perfectly
stable, and fails where it should change.</p>
<p>An order of methods is not a law. It holds for these networks and pictures, and where
the tests disagree, the mean depends on which tests were taken.</p>
<h2>Standings</h2>
<p>The share of the other methods beaten, in percent, by family. The last two count
in how many tests of truth and faithfulness, over all tasks, a method is clearly better
and clearly worse than the best of the blind maps.</p>
<div class="wide">
{standings}
</div>
<h2>Where the tests disagree</h2>
<p>Spearman's correlation of the methods' ranks in two tests, the mean over the tasks: 1
if they put the methods in the same order, −1 if in the reverse. The pairs that disagree
most:</p>
{disagreements}
{agreement}
<h2>Task by task</h2>
{by_task}
<h2>Where the tests come from</h2>
<ul>
{sources}
</ul>
<p>Each grade with its 95 % interval stands in data/leaderboard/grades.csv. Made on
{date} with {versions}.</p>
</body>
</html>
"""


def main():
    """Write the figure and the page."""
    runtime.start("embedded")

    from helpers import leaderboard

    grades = leaderboard.read_grades()
    BUILD.mkdir(exist_ok=True)
    for name, content in draw(grades).items():
        (BUILD / name).write_bytes(content)
        print(f"build/{name}: {len(content) / 1e3:.0f} kB")


def draw(grades):
    """Return both files.

    Parameters
    ----------
    grades : pandas.DataFrame
        As `helpers.leaderboard.read_grades` returns it.

    Returns
    -------
    dict of str to bytes
        Names of files and what is in them.
    """
    from helpers import leaderboard, leaderboard_figures

    ranks = leaderboard.rank_methods(grades)
    overall = leaderboard.rank_overall(ranks)
    correlations = leaderboard.correlate_tests(ranks)
    pairs = leaderboard.list_disagreements(correlations)[:LISTED]
    board = _save(leaderboard_figures.draw_leaderboard(grades))
    agreement = _save(leaderboard_figures.draw_agreement(correlations))
    by_task = [
        f"<details><summary>{task}</summary>\n"
        + _embed(
            _save(leaderboard_figures.draw_leaderboard(rows)),
            f"The same table for {task} alone. " + _describe(rows),
        )
        + "\n</details>"
        for task, rows in grades.groupby("task")
    ]
    tasks = [task for task in grades["task"].unique()]
    page = PAGE.format(
        method_count=overall["place"].notna().sum(),
        test_count=grades["test"].nunique(),
        task_count=len(tasks),
        tasks=_list(f"{task}: {TASKS[task]}" for task in tasks),
        board=_embed(board, _describe(grades)),
        standings=_tabulate(_write_standings(grades, overall)),
        disagreements=_tabulate(pairs.round(2)),
        agreement=_embed(
            agreement,
            "Table of tests by tests, coloured by how alike they order the methods.",
        ),
        by_task="\n".join(by_task),
        sources=_list(f"{test}: {source}" for test, source in SOURCES.items()),
        date=datetime.date.today().isoformat(),
        versions=_list_versions(),
    )
    return {"leaderboard.png": board, "leaderboard.html": page.encode("utf-8")}


def _describe(grades):
    """Say in words what the figure shows, for those who cannot see it."""
    from helpers import grading, leaderboard

    overall = leaderboard.rank_overall(leaderboard.rank_methods(grades))["overall"]
    blind = overall.index.isin(grading.BLIND_METHODS)
    named = [f"{name.replace('_', ' ')} {share:.0%}" for name, share in overall.items()]
    methods, maps = named[: (~blind).sum()], named[(~blind).sum() :]
    return (
        f"Table of {len(methods)} methods by {grades['test'].nunique()} tests. Share "
        f"of the other methods beaten, mean over the families: {', '.join(methods)}. "
        f"Below a line, maps that know nothing of the network: {', '.join(maps)}."
    )


def _write_standings(grades, overall):
    """Return the table of standings, for people."""
    from helpers import leaderboard

    compared = leaderboard.compare_with_blind(grades).dropna(subset="verdict")
    counts = compared.groupby("method")["verdict"].value_counts().unstack()
    asked = compared.groupby("method").size()
    table = overall.drop(columns="place").map(
        lambda share: "–" if share != share else f"{100 * share:.0f}"
    )
    for verdict in ("better", "worse"):
        table[f"{verdict} than blind"] = [
            f"{counts[verdict].fillna(0)[name]:.0f} of {asked[name]}"
            if name in asked
            else ""
            for name in table.index
        ]
    table.insert(0, "method", [name.replace("_", " ") for name in table.index])
    return table


def _save(figure):
    """Return a figure as PNG, and close it."""
    import matplotlib.pyplot as plt
    from PIL import Image

    drawn, saved = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=SHARPNESS)
    plt.close(figure)
    picture = Image.open(drawn).convert("RGB").quantize(COLOURS)
    picture.save(saved, format="PNG", optimize=True)
    return saved.getvalue()


def _embed(picture, alt):
    """Return a picture as HTML that needs no other file."""
    text = base64.b64encode(picture).decode("ascii")
    return f'<img src="data:image/png;base64,{text}" alt="{html.escape(alt)}">'


def _tabulate(table):
    return table.to_html(index=False, border=0)


def _list(lines):
    return "\n".join(f"<li>{html.escape(line)}</li>" for line in lines)


def _list_versions():
    names = {"TensorFlow": "tensorflow", "Keras": "keras", "NumPy": "numpy"}
    return f"Python {platform.python_version()}, " + ", ".join(
        f"{name} {version(package)}" for name, package in names.items()
    )


if __name__ == "__main__":
    main()
