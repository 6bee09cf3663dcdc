"""Grade every heatmap method in every test, and store the grades in data/leaderboard.

Run it from anywhere:

    python data_scripts/grade_methods.py            all four tasks, about 20 minutes
    python data_scripts/grade_methods.py digits     one; also objects, films, hotel

It writes data/leaderboard/grades.csv: a row for each task, method and test, the mean
over the pictures with its 95 % interval. The rows of other tasks stay as they are. What
is graded on the way is kept in build/leaderboard, so that after an interruption the
same command goes on where it stopped; delete that folder first if the code has changed.

Three methods ask the network very often, and here less than by default, which costs
some of their precision: RISE and LIME draw 250 samples in place of 1,000, and the
square of occlusion moves by half its side in place of a quarter.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import runtime

UNFINISHED = Path(__file__).resolve().parent.parent / "build" / "leaderboard"
PICTURES = {"digits": 40, "films": 16, "hotel": 16, "objects": 16}
SAMPLES = 250  # of RISE and LIME
DIGITS = "%.4g"  # kept of every number


def main(arguments=None):
    """Grade on the tasks that are named, or on all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "tasks", nargs="*", metavar="task", help="digits, objects, films or hotel"
    )
    options = parser.parse_args(arguments)
    runtime.start("embedded")

    from helpers import trials

    tasks = options.tasks or [*trials.NAMES]
    unknown = [task for task in tasks if task not in trials.NAMES]
    if unknown:
        known = ", ".join(trials.NAMES)
        parser.error(f"no task named {unknown[0]!r}; choose from {known}")
    for task in tasks:
        save_grades(grade_task(task), task)


def grade_task(task, count=None, methods=None, folder=UNFINISHED):
    """Put methods and blind maps to every test, on one task.

    Parameters
    ----------
    task : str
        One of `helpers.trials.NAMES`.
    count : int, optional
        Pictures to grade on; `PICTURES` if not given.
    methods : dict of str to callable, optional
        `list_methods` if not given.
    folder : pathlib.Path
        What is graded is kept here until the task is finished.

    Returns
    -------
    pandas.DataFrame
        As `helpers.grading.summarise` returns it.
    """
    from helpers import grading, trials

    trial = trials.load_trial(task, "embedded", count=count or PICTURES[task])
    methods = methods or list_methods(trial.images.shape[1:3])
    path = folder / f"{task}.csv"
    table = grading.grade(
        {**methods, **grading.BLIND_METHODS},
        trial.model,
        trial.images,
        trial.class_indices,
        trial.masks,
        path=path,
    )
    path.unlink()
    return grading.summarise(table)


def list_methods(size):
    """Return all methods, those that take long with lighter settings.

    Parameters
    ----------
    size : (int, int)
        Height and width of the pictures.

    Returns
    -------
    dict of str to callable
    """
    from functools import partial

    from helpers.attribution import METHODS

    patch = max(5, min(size) // 8)  # as by default
    return {
        **METHODS,
        "occlusion": partial(METHODS["occlusion"], patch=patch, stride=patch // 2),
        "rise": partial(METHODS["rise"], samples=SAMPLES),
        "lime": partial(METHODS["lime"], samples=SAMPLES),
    }


def save_grades(grades, task, path=None):
    """Put a task's grades into the table of all, in place of those it has.

    Parameters
    ----------
    grades : pandas.DataFrame
        As `grade_task` returns it.
    task : str
    path : pathlib.Path, optional
        By default, `helpers.leaderboard.GRADES`.
    """
    import pandas as pd

    from helpers import leaderboard

    path = path or leaderboard.GRADES
    parts = [grades.assign(task=task)]
    if path.exists():
        known = leaderboard.read_grades(path)
        parts.append(known[known["task"] != task])
    table = leaderboard.sort_grades(pd.concat(parts))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    table.to_csv(partial, index=False, float_format=DIGITS, lineterminator="\n")
    partial.replace(path)
    print(f"{path.name}: {task}, {len(grades)} grades")


if __name__ == "__main__":
    main()
