"""Which method did well in which test? Standings from a table of grades.

A table of grades is tidy: a row for each task, method and test, with the columns of
`COLUMNS`. Values of different tests have nothing in common, so methods are compared
within a test only, by how many of the others they beat. The blind maps of
`helpers.grading.BLIND_METHODS`, which know nothing of the network, are placed among the
methods and never counted as one.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from helpers import grading

GRADES = Path(__file__).resolve().parent.parent / "data" / "leaderboard" / "grades.csv"
COLUMNS = ["task", "method", "test", "value", "low", "high", "count"]

_UNCOUNTED = "cost"  # whether a minute is much is for the reader to say
_BLINDLY = ("truth", "faithfulness")  # where a blind map is no trivial winner or loser
_FEWEST = 5  # methods, to correlate two tests


def read_grades(path=GRADES):
    """Read the grades that `data_scripts/grade_methods.py` wrote.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    pandas.DataFrame
        With the columns of `COLUMNS`: value is the mean over `count` pictures, low and
        high are the ends of its 95 % interval. All three are NaN, and count is 0,
        where a test does not apply.

    Raises
    ------
    ValueError
        If there is no such file, or it holds something else.
    """
    try:
        grades = pd.read_csv(path)
    except FileNotFoundError:
        raise ValueError(
            f"There are no grades at {path}; make them with "
            "python data_scripts/grade_methods.py."
        ) from None
    return check_grades(grades)


def check_grades(grades):
    """Return a table of grades, if it is one.

    Parameters
    ----------
    grades : pandas.DataFrame
        A row a task, method and test.

    Returns
    -------
    pandas.DataFrame
        With the columns `COLUMNS` and no others.

    Raises
    ------
    ValueError
        If columns are missing, a test is unknown, or a method is graded twice in a
        test of a task.
    """
    missing = [name for name in COLUMNS if name not in grades]
    if missing:
        raise ValueError(
            f"A table of grades has the columns {', '.join(COLUMNS)}, got one without "
            f"{', '.join(missing)}; add them to grading.summarise's table."
        )
    unknown = [name for name in grades["test"].unique() if name not in grading.TESTS]
    if unknown:
        raise ValueError(
            f"The tests must be among {', '.join(grading.TESTS)}, got {unknown[0]!r}; "
            "grade again."
        )
    twice = grades.duplicated(["task", "method", "test"])
    if twice.any():
        row = grades[twice].iloc[0]
        raise ValueError(
            f"A method has one grade in each test of a task, got two of {row.method} "
            f"in {row.test!r} of {row.task}; keep one."
        )
    return grades[COLUMNS]


def sort_grades(grades):
    """Return the rows of a table of grades in the order in which they are stored."""
    keys = ["task", "method", "test"]
    return check_grades(grades).sort_values(keys, ignore_index=True)


def rank_methods(grades):
    """Place every method among the others, within each test of each task.

    Parameters
    ----------
    grades : pandas.DataFrame
        As `read_grades` returns it.

    Returns
    -------
    pandas.DataFrame
        The grades and, for each row,

        - family: the test's;
        - beaten: the share of the other methods with a worse grade, those with the same
          grade counting half: 1 for the best, 0 for the worst, and comparable between
          tests that differ in how many methods they apply to;
        - rank: 1 for the best; those with the same grade share the mean of their
          places (Kendall 1945, "The treatment of ties in ranking problems");
        - counted: whether the test counts for the standings. Not counted are the costs
          and tests that apply to fewer than half of the methods: the best of three is
          no better than the methods that were not asked.

        Where a test does not apply, beaten and rank are NaN, and the method is neither
        beaten nor ahead. Blind maps have no rank; their beaten says how many of the
        methods a map does better than that knows nothing of the network.
    """
    grades = check_grades(grades)
    groups = grades.groupby(["task", "test"], sort=False)
    parts = [_rank_test(test, rows) for (_, test), rows in groups]
    return pd.concat(parts).loc[grades.index]


def rank_overall(ranks):
    """Average the standings: over a family's tests, over tasks, over families.

    Every task counts the same in a family, and every family the same overall, however
    many tests it has. What does not apply is left out of the means.

    Parameters
    ----------
    ranks : pandas.DataFrame
        As `rank_methods` returns it, of one task or more.

    Returns
    -------
    pandas.DataFrame
        A row for each method, the best first, then the blind maps. A column for each
        family, the mean share of the other methods beaten; overall, their mean; and
        place, counted from 1, NaN for blind maps.
    """
    counted = ranks[ranks["counted"]]
    by_task = counted.groupby(["method", "family", "task"], sort=False)["beaten"].mean()
    table = by_task.groupby(["method", "family"]).mean().unstack()
    table = table.reindex(
        index=ranks["method"].unique(),
        columns=[name for name in list_families() if name in table],
    )
    table["overall"] = table.mean(axis=1)
    blind = table.index.isin(grading.BLIND_METHODS)
    table["place"] = table["overall"].where(~blind).rank(ascending=False)
    order = np.lexsort((-table["overall"], blind))
    return table.iloc[order].rename_axis(index="method", columns=None)


def correlate_tests(ranks):
    """Tell which tests agree on the methods: Spearman's correlation of the ranks.

    Parameters
    ----------
    ranks : pandas.DataFrame
        As `rank_methods` returns it.

    Returns
    -------
    pandas.DataFrame
        Test by test, the mean over the tasks, without blind maps. 1 for the same order
        of the methods, -1 for the reverse; a correlation takes the methods to which
        both tests apply, and is NaN if these are fewer than five or tie in one of them.
    """
    methods = ranks[ranks["counted"] & ranks["rank"].notna()]
    tables = [
        rows.pivot(index="method", columns="test", values="rank").corr(
            "spearman", min_periods=_FEWEST
        )
        for _, rows in methods.groupby("task")
    ]
    tests = [name for name in grading.TESTS if name in set(methods["test"])]
    mean = pd.concat(tables).groupby(level=0).mean()
    return mean.loc[tests, tests].rename_axis(index=None, columns=None)


def list_disagreements(correlations):
    """List pairs of tests, those first that order the methods most differently.

    Parameters
    ----------
    correlations : pandas.DataFrame
        As `correlate_tests` returns it.

    Returns
    -------
    pandas.DataFrame
        With the columns test, other and correlation.
    """
    upper = np.triu(np.ones(correlations.shape, bool), k=1)
    pairs = correlations.where(upper).stack().dropna().sort_values(kind="stable")
    return pairs.rename_axis(["test", "other"]).rename("correlation").reset_index()


def compare_with_blind(grades):
    """Tell whether the methods do better than maps that know nothing of the network.

    Compared is with the best of the blind maps in that test, by intervals: two whose
    95 % intervals do not overlap differ more surely than by 95 %, so that "better" and
    "worse" are said with care, and "unclear" may be a difference that more pictures
    would show.

    Parameters
    ----------
    grades : pandas.DataFrame
        As `read_grades` returns it, blind maps included.

    Returns
    -------
    pandas.DataFrame
        A row for each method in each test of truth and of faithfulness. In the other
        families a blind map wins or loses by its nature: it never changes. Columns:
        task, method, test, blind (the best of the blind maps) and verdict: "better",
        "worse" or "unclear", missing where the test does not apply.

    Raises
    ------
    ValueError
        If a test was not put to any blind map.
    """
    grades = check_grades(grades)
    families = grades["test"].map(lambda test: grading.TESTS[test].family)
    groups = grades[families.isin(_BLINDLY)].groupby(["task", "test"], sort=False)
    return pd.concat([_compare(test, rows) for (_, test), rows in groups])


def list_families():
    """Return the families of tests, in the order of `helpers.grading.TESTS`."""
    return list(dict.fromkeys(test.family for test in grading.TESTS.values()))


def _rank_test(test, rows):
    """Place the methods of one test of one task among each other."""
    family, better = grading.TESTS[test].family, grading.TESTS[test].better
    values = rows["value"].to_numpy(float)
    goodness = values if better == "higher" else -values
    real = ~rows["method"].isin(grading.BLIND_METHODS).to_numpy()
    rival = real & ~np.isnan(goodness)
    above = np.greater.outer(goodness, goodness[rival]).sum(axis=1)
    level = np.equal.outer(goodness, goodness[rival]).sum(axis=1) - rival
    others = rival.sum() - rival
    beaten = np.where(np.isnan(goodness), np.nan, above + level / 2)
    return rows.assign(
        family=family,
        beaten=np.divide(
            beaten, others, out=np.full(len(rows), np.nan), where=others > 0
        ),
        rank=np.where(rival, 1 + others - beaten, np.nan),
        counted=family != _UNCOUNTED and 2 * rival.sum() >= real.sum(),
    )


def _compare(test, rows):
    """Compare the methods of one test of one task with the best blind map."""
    higher = grading.TESTS[test].better == "higher"
    is_blind = rows["method"].isin(grading.BLIND_METHODS)
    blind = rows[is_blind].dropna(subset="value")
    if blind.empty:
        raise ValueError(
            f"The test {test!r} must have the grade of a blind map, got none; grade "
            "grading.BLIND_METHODS along with the methods."
        )
    best = blind.loc[blind["value"].idxmax() if higher else blind["value"].idxmin()]
    rows = rows[~is_blind]
    above, below = rows["low"] > best["high"], rows["high"] < best["low"]
    better, worse = (above, below) if higher else (below, above)
    verdict = np.full(len(rows), "unclear", object)
    verdict[worse], verdict[better] = "worse", "better"
    verdict[rows["value"].isna()] = None
    compared = rows.assign(blind=best["method"], verdict=verdict)
    return compared[["task", "method", "test", "blind", "verdict"]]
