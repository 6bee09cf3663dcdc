"""All tests for all methods in one table, which can be interrupted and taken up."""

import csv
import difflib
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from tqdm.auto import tqdm

from helpers.attribution import METHODS
from helpers.attribution.scores import check_request
from helpers.grading import axioms, cost, faithfulness, sanity, stability, truth
from helpers.grading.blind import BLIND_METHODS

_COLUMNS = ["method", "test", "picture", "value"]

_STEPS = 16  # of the curves of deletion and insertion
_SAMPLES = 32  # hidden parts of each picture for infidelity and sensitivity-n
_COUNTED, _TIMED = 1, 2  # pictures of which the cost is taken
_WHOLE = -1  # stands for the picture where a method gets one grade for all
_DRAWS = 2000  # bootstrap samples
_SECONDS_BEFORE_PROGRESS = 2.0
_FIRST_LINE = "# sha256 of model, pictures, classes, masks and settings: "


class Test(NamedTuple):
    """One column of the leaderboard.

    ``measure(method, model, images, class_indices, masks, heatmaps, seed)`` returns a
    grade for each picture, an array (n,), or one number for the method.
    """

    measure: Callable
    better: str  # "higher" or "lower"
    family: str  # what the test asks after


def grade(
    methods, model, images, class_indices, masks, *, tests=None, path=None, seed=0
):
    """Grade methods by all tests, picture by picture.

    Each method explains the pictures once, and the tests share these maps; those of
    sanity, stability and axioms ask it again, about eleven times in all. A method that
    cannot be used on this model, or gives no finite maps of the images' size, gets
    blanks (NaN), and so does a test that cannot be made; a printed sentence tells why.

    Parameters
    ----------
    methods : dict of str to callable, or list of str
        Names and ``method(model, images, class_index)``; or names out of
        `helpers.attribution.METHODS` and `BLIND_METHODS`.
    model : keras.Model
    images : float array (n, height, width, channels)
    class_indices : int or int array (n,)
        The class that each map explains.
    masks : bool array (n, height, width) or None
        Where the truth lies. Without masks the tests against a known truth are left
        out.
    tests : list of str, optional
        Names out of `TESTS`; all if not given.
    path : str or pathlib.Path, optional
        A CSV file that keeps each finished grade. What it holds already is not computed
        again. It goes by the names of methods and tests: delete the file after a change
        to either.
    seed : int
        Decides what the tests draw. Methods draw by their own seeds.

    Returns
    -------
    pandas.DataFrame
        A row for each method, test and picture, with the columns method, test, picture
        (its place, -1 where the method has one grade for all) and value.

    Raises
    ------
    ValueError
        If images, model, classes and masks do not fit, a method or test is unknown, or
        the file holds grades of something else.
    """
    request = check_request(model, images, class_indices)
    images, class_indices = request.images, request.class_indices
    masks = _check_masks(masks, images)
    methods, tests = _check_methods(methods), _check_tests(tests, masks)
    fingerprint = _take_fingerprint(model, images, class_indices, masks, seed)
    finished = {} if path is None else _read(Path(path), fingerprint, len(images))
    pending = {
        name: [test for test in tests if (name, test) not in finished]
        for name in methods
    }
    bar = tqdm(
        total=sum(map(len, pending.values())),
        delay=_SECONDS_BEFORE_PROGRESS,
        disable=os.environ.get("COURSE_WIDGETS") == "off",
        leave=False,
        unit="test",
    )
    said: set[str] = set()
    with bar:
        for name, method in methods.items():
            bar.set_description(name)
            question = (method, model, images, class_indices, masks)
            for test, values in _run(name, question, pending[name], seed, said):
                finished[name, test] = values
                if path is not None:
                    _append(Path(path), {(name, test): values})
                bar.update()
    wanted = [(name, test) for name in methods for test in tests]
    rows = _list_rows({key: finished[key] for key in wanted})
    return pd.DataFrame(rows, columns=_COLUMNS)


def summarise(table, seed=0):
    """Average the grades of each method and test over the pictures.

    The intervals are 95 % percentile intervals from 2,000 bootstrap samples of the
    pictures (Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter
    13): how much the mean would change with other pictures of the same kind.

    Parameters
    ----------
    table : pandas.DataFrame
        As `grade` returns it.
    seed : int
        Decides the bootstrap samples.

    Returns
    -------
    pandas.DataFrame
        With the columns method, test, value (the mean), low, high, and count (the
        pictures that have a grade). A single grade has no interval: low and high are
        NaN. Without any, value is NaN too.
    """
    rows = []
    for (method, test), group in table.groupby(["method", "test"], sort=False):
        values = group["value"].dropna().to_numpy()
        value = values.mean() if len(values) else np.nan
        rows.append((method, test, value, *_bound(values, seed), len(values)))
    return pd.DataFrame(
        rows, columns=["method", "test", "value", "low", "high", "count"]
    )


def _bound(values, seed):
    """Return the ends of the interval of the mean."""
    if len(values) < 2:
        return np.nan, np.nan
    result = stats.bootstrap(
        [values], np.mean, n_resamples=_DRAWS, method="percentile", rng=seed
    )
    return tuple(map(float, result.confidence_interval))


def _run(name, question, tests, seed, said):
    """Yield each test's name and its grades, a float64 array (n,) or ()."""
    if not tests:
        return
    blank = np.array(np.nan)
    method, model, images, class_indices, _ = question
    try:
        heatmaps = sanity.explain(method, model, images, class_indices)
    except ValueError as error:
        _say_once(f"{name} gets no grades here. {error}", said)
        yield from ((test, blank) for test in tests)
        return
    for test in tests:
        try:
            values = TESTS[test].measure(*question, heatmaps, seed)
        except ValueError as error:
            _say_once(f'"{test}" gets no grades here. {error}', said)
            values = blank
        yield test, np.asarray(values, "float64")


def _say_once(sentence, said):
    """Print what was not said before, without breaking the bar."""
    if sentence not in said:
        said.add(sentence)
        tqdm.write(sentence)


def _list_rows(finished):
    """Return the rows of the table for the grades of methods and tests."""
    return [
        (method, test, picture if values.ndim else _WHOLE, value)
        for (method, test), values in finished.items()
        for picture, value in enumerate(values.ravel().tolist())
    ]


def _check_masks(masks, images):
    if masks is None:
        return None
    masks = np.asarray(masks)
    fits = masks.shape == images.shape[:3] and masks.dtype == bool
    if not fits or not masks.any(axis=(1, 2)).all():
        raise ValueError(
            f"The masks must be true and false, of shape {images.shape[:3]}, and each "
            f"hold a pixel, got {masks.dtype} of shape {masks.shape}"
            + (", some of them empty" if fits else "")
            + "; pass masks=None if the truth is not known."
        )
    return masks


def _check_methods(methods):
    """Return a dict of names and methods."""
    if isinstance(methods, dict):
        return methods
    known = {**METHODS, **BLIND_METHODS}
    return {name: known[_check_name(name, known, "method")] for name in methods}


def _check_tests(tests, masks):
    """Return the names of the tests to be made."""
    if tests is None:
        has_truth = masks is not None
        return [n for n, test in TESTS.items() if has_truth or test.family != "truth"]
    for name in tests:
        test = TESTS[_check_name(name, TESTS, "test")]
        if test.family == "truth" and masks is None:
            raise ValueError(
                f"The test {name!r} asks for masks of what should be hot, got none; "
                "pass masks, or leave it out."
            )
    return list(tests)


def _check_name(name, known, kind):
    if name in known:
        return name
    near = difflib.get_close_matches(str(name), known, n=3) or list(known)
    raise ValueError(
        f"There is no {kind} {name!r}; "
        f"{'near are' if len(near) < len(known) else 'there are'} {', '.join(near)}."
    )


def _take_fingerprint(model, images, class_indices, masks, seed):
    """Return a number that other inputs or settings would not have."""
    settings = (seed, _STEPS, _SAMPLES)
    digest = hashlib.sha256(repr(settings).encode())
    masks = np.zeros(0, bool) if masks is None else masks
    for array in (*model.get_weights(), images, class_indices, masks):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _read(path, fingerprint, count):
    """Return the finished grades of a file, and start it if there is none.

    A line that was cut off, or a test of which pictures are missing, is dropped from
    the file: that is how it looks if the machine went down while writing.
    """
    if not path.is_file():
        _start(path, fingerprint, {})
        return {}
    first, _, text = path.read_text(encoding="utf-8").partition("\n")
    if first != _FIRST_LINE + fingerprint:
        is_other = first.startswith(_FIRST_LINE)
        others = "grades of another model, other pictures or settings"
        raise ValueError(
            f"The file {path} must hold grades of these inputs, got "
            f"{others if is_other else 'something else than grades'}; choose another "
            "path, or delete the file."
        )
    groups: dict[tuple, dict] = {}
    rows = csv.reader(io.StringIO(text[: text.rfind("\n") + 1]))
    next(rows, None)  # the names of the columns
    try:
        for method, test, picture, value in rows:
            groups.setdefault((method, test), {})[int(picture)] = float(value)
    except ValueError as error:
        raise ValueError(
            f"The file {path} must hold {', '.join(_COLUMNS)} in each line, got "
            f"something else in line {rows.line_num + 1}; mend or delete it."
        ) from error
    shapes = {(_WHOLE,): (), tuple(range(count)): (count,)}
    finished = {
        key: np.reshape(list(group.values()), shapes[tuple(group)])
        for key, group in groups.items()
        if tuple(group) in shapes
    }
    if not text.endswith("\n") or len(finished) < len(groups):
        _start(path, fingerprint, finished)
    return finished


def _start(path, fingerprint, finished):
    """Write a file of grades, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(f"{path.name}.part")
    rows = _list_rows(finished)
    written.write_text(
        f"{_FIRST_LINE}{fingerprint}\n{_write_csv([_COLUMNS, *rows])}",
        encoding="utf-8",
        newline="\n",
    )
    written.replace(path)


def _append(path, finished):
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(_write_csv(_list_rows(finished)))


def _write_csv(rows):
    """Return rows as text; a float is written so that reading gives the same."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


# What follows turns the grades of this package into tests: all of one signature.


def _look_up(measure):
    """Compare the maps with the masks."""

    def test(method, model, images, class_indices, masks, heatmaps, seed):
        return measure(heatmaps, masks)

    return test


def _follow(curve, fill):
    """Measure the area under the curve of `delete` or `insert`."""

    def test(method, model, images, class_indices, masks, heatmaps, seed):
        options = {"fill": fill, "steps": _STEPS, "seed": seed}
        return faithfulness.measure_area(
            curve(model, images, class_indices, heatmaps, **options)
        )

    return test


def _hide(measure):
    """Compare the maps with what hiding parts of the pictures does."""

    def test(method, model, images, class_indices, masks, heatmaps, seed):
        options = {"samples": _SAMPLES, "seed": seed}
        return measure(model, images, class_indices, heatmaps, **options)

    return test


def _compare(measure):
    """Compare the maps with those of the same method in another situation."""

    def test(method, model, images, class_indices, masks, heatmaps, seed):
        return measure(method, model, images, class_indices, heatmaps=heatmaps)

    return test


def _forget(method, model, images, class_indices, masks, heatmaps, seed):
    """Compare the maps with those of a network that has learnt nothing."""
    random = sanity.randomize(model, seed)
    return sanity.compare_with_other(
        method, model, random, images, class_indices, heatmaps=heatmaps
    )


def _forget_head(method, model, images, class_indices, masks, heatmaps, seed):
    """Compare the maps with those of a network that lost its last layer's weights."""
    _, headless = next(iter(sanity.randomize_cascade(model, seed)))
    return sanity.compare_with_other(
        method, model, headless, images, class_indices, heatmaps=heatmaps
    )


def _add_up(method, model, images, class_indices, masks, heatmaps, seed):
    """Compare the maps' sums with what the method says of them, if it says anything."""
    promises = {METHODS[name]: measure for name, measure in axioms.CLAIMS.items()}
    measure = promises.get(getattr(method, "func", method))  # of a functools.partial
    if measure is None:
        return np.nan
    return measure(method, model, images, class_indices, heatmaps=heatmaps)


def _build(measure):
    """Ask the method about a network of which the truth is known."""

    def test(method, model, images, class_indices, masks, heatmaps, seed):
        return measure(method, model, images, class_indices)

    return test


def _count(direction):
    """Count one direction's passes."""

    def test(method, model, images, class_indices, masks, heatmaps, seed):
        few = images[:_COUNTED], class_indices[:_COUNTED]
        return getattr(cost.count_passes(method, model, *few), direction)

    return test


def _time(method, model, images, class_indices, masks, heatmaps, seed):
    few = images[:_TIMED], class_indices[:_TIMED]
    return cost.measure_seconds(method, model, *few)


TESTS = {
    "relevance mass": Test(_look_up(truth.share_heat), "higher", "truth"),
    "relevance rank": Test(_look_up(truth.measure_rank_accuracy), "higher", "truth"),
    "pointing game": Test(_look_up(truth.play_pointing_game), "higher", "truth"),
    "heat over area": Test(_look_up(truth.measure_heat_over_area), "higher", "truth"),
    "deletion, blur": Test(
        _follow(faithfulness.delete, "blur"), "lower", "faithfulness"
    ),
    "deletion, mean": Test(
        _follow(faithfulness.delete, "mean"), "lower", "faithfulness"
    ),
    "insertion, blur": Test(
        _follow(faithfulness.insert, "blur"), "higher", "faithfulness"
    ),
    "insertion, mean": Test(
        _follow(faithfulness.insert, "mean"), "higher", "faithfulness"
    ),
    "infidelity": Test(_hide(faithfulness.measure_infidelity), "lower", "faithfulness"),
    "sensitivity-n": Test(
        _hide(faithfulness.measure_sensitivity_n), "higher", "faithfulness"
    ),
    "random head": Test(_forget_head, "lower", "sanity"),
    "random weights": Test(_forget, "lower", "sanity"),
    "other class": Test(_compare(sanity.compare_classes), "lower", "sanity"),
    "shifted input": Test(
        _compare(sanity.measure_input_invariance), "higher", "sanity"
    ),
    "another seed": Test(
        _compare(stability.measure_seed_stability), "higher", "stability"
    ),
    "a small shift": Test(
        _compare(stability.measure_shift_stability), "higher", "stability"
    ),
    "JPEG": Test(_compare(stability.measure_jpeg_stability), "higher", "stability"),
    "completeness": Test(_add_up, "lower", "axioms"),
    "dummy feature": Test(_build(axioms.measure_dummy_feature), "lower", "axioms"),
    "symmetry": Test(_build(axioms.measure_symmetry), "higher", "axioms"),
    "forward passes": Test(_count("forward"), "lower", "cost"),
    "backward passes": Test(_count("backward"), "lower", "cost"),
    "seconds": Test(_time, "lower", "cost"),
}
