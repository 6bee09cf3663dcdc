import base64
import io

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from scipy import stats

from data_scripts import draw_leaderboard, grade_methods
from helpers import grading, leaderboard, leaderboard_figures
from helpers.attribution import METHODS

pytestmark = pytest.mark.usefixtures("started")

TESTS = ("relevance mass", "deletion, blur", "random weights", "seconds")


def tabulate(values, test="relevance mass", task="digits", reach=0.1):
    """Return grades of one test: a value, and an interval around it, for each name."""
    rows = [
        (task, name, test, value, value - reach, value + reach, 5)
        for name, value in values.items()
    ]
    return pd.DataFrame(rows, columns=leaderboard.COLUMNS)


def draw_grades(seed=0, tests=TESTS, tasks=("digits", "hotel")):
    """Return grades of six methods and the blind maps, drawn with ties and gaps."""
    generator = np.random.default_rng(seed)
    parts = []
    for task in tasks:
        for test in tests:
            names = [*list(METHODS)[:6], *grading.BLIND_METHODS]
            values = generator.integers(1, 6, len(names)) / 5
            values[generator.integers(6)] = np.nan
            parts.append(tabulate(dict(zip(names, values, strict=True)), test, task))
    return pd.concat(parts, ignore_index=True)


# Ranks


def test_ranks_are_those_of_scipy():
    ranks = leaderboard.rank_methods(draw_grades())
    for (_, test), rows in ranks.groupby(["task", "test"]):
        real = rows[rows["rank"].notna()]
        assert list(rows["rank"].isna()) == list(
            rows["value"].isna() | rows["method"].isin(grading.BLIND_METHODS)
        )
        sign = -1 if grading.TESTS[test].better == "higher" else 1
        wanted = stats.rankdata(sign * real["value"])
        np.testing.assert_allclose(real["rank"], wanted)
        np.testing.assert_allclose(
            real["beaten"], (len(real) - wanted) / (len(real) - 1)
        )


def test_blind_maps_are_placed_among_the_methods_and_never_count():
    values = {"lrp": 0.9, "rise": 0.5, "cam": 0.1, "edges": 0.5, "random": 0.95}
    ranks = leaderboard.rank_methods(tabulate(values)).set_index("method")
    assert ranks["beaten"].to_dict() == {
        "lrp": 1,
        "rise": 0.5,
        "cam": 0,
        "edges": 0.5,  # ahead of one, level with one, of three
        "random": 1,
    }
    assert ranks["rank"].dropna().to_dict() == {"lrp": 1, "rise": 2, "cam": 3}


def test_less_is_better_where_the_test_says_so():
    grades = tabulate({"lrp": 0.1, "rise": 0.7}, "deletion, blur")
    assert list(leaderboard.rank_methods(grades)["rank"]) == [1, 2]


def test_families_count_the_same_and_costs_do_not_count():
    better, worse = {"lrp": 0.9, "rise": 0.1}, {"lrp": 0.1, "rise": 0.9}
    grades = pd.concat(
        [
            *(tabulate(better, test) for test in ("relevance mass", "pointing game")),
            tabulate(better, "pointing game", "hotel"),
            tabulate(better, "random weights"),  # less is better
            tabulate(better, "seconds"),
            tabulate({"lrp": 0.3, "rise": np.nan}, "JPEG"),  # nobody to beat
        ],
        ignore_index=True,
    )
    overall = leaderboard.rank_overall(leaderboard.rank_methods(grades))
    assert overall["truth"].to_dict() == {"lrp": 1, "rise": 0}
    assert overall["sanity"].to_dict() == {"lrp": 0, "rise": 1}
    assert overall["overall"].to_dict() == {"lrp": 0.5, "rise": 0.5}
    assert overall["place"].to_dict() == {"lrp": 1.5, "rise": 1.5}
    assert "cost" not in overall
    grades = pd.concat([grades, tabulate(worse, "insertion, blur")], ignore_index=True)
    overall = leaderboard.rank_overall(leaderboard.rank_methods(grades))
    assert list(overall.index) == ["rise", "lrp"]


def test_a_test_that_few_methods_take_does_not_count():
    names = [*METHODS][:6]
    values = dict.fromkeys(names, np.nan) | {names[0]: 0.1, names[1]: 0.2}
    few = leaderboard.rank_methods(tabulate(values, "completeness"))
    assert not few["counted"].any()
    half = leaderboard.rank_methods(tabulate(values | {names[2]: 0.3}, "completeness"))
    assert half["counted"].all()


# Where the tests agree, and where not


def test_agreement_of_tests_is_spearmans():
    tests = ("relevance mass", "deletion, blur", "random weights")
    grades = pd.concat(
        [draw_grades(seed, tests, [f"task {seed}"]) for seed in range(3)],
        ignore_index=True,
    )
    found = leaderboard.correlate_tests(leaderboard.rank_methods(grades))
    assert list(found) == list(tests)
    by_task = []
    for _, rows in grades[grades["method"].isin(METHODS)].groupby("task"):
        wide = rows.pivot(index="method", columns="test", values="value")
        wide = wide[[tests[0], tests[1]]].dropna()
        by_task.append(-stats.spearmanr(*wide.to_numpy().T).statistic)
        by_task[-1] = by_task[-1] if len(wide) >= 5 else np.nan
    assert found.at[tests[0], tests[1]] == pytest.approx(np.nanmean(by_task))


def test_the_pairs_that_disagree_most_come_first():
    tests = ["relevance mass", "random weights", "JPEG"]
    values = [[1, -0.8, np.nan], [-0.8, 1, 0.3], [np.nan, 0.3, 1]]
    pairs = leaderboard.list_disagreements(pd.DataFrame(values, tests, tests))
    assert pairs.to_numpy().tolist() == [
        ["relevance mass", "random weights", -0.8],
        ["random weights", "JPEG", 0.3],
    ]


@pytest.mark.parametrize(
    ("test", "verdicts"),
    [
        ("relevance mass", ["better", "unclear", "worse"]),
        ("deletion, blur", ["worse", "unclear", "better"]),
    ],
)
def test_methods_are_compared_with_the_best_blind_map(test, verdicts):
    values = {"lrp": 0.9, "rise": 0.6, "cam": 0.2, "lime": np.nan}
    blind = {"random": 0.5, "centre": 0.45, "edges": np.nan}
    grades = pd.concat([tabulate(values, test), tabulate(blind, test)])
    compared = leaderboard.compare_with_blind(
        pd.concat([grades, tabulate(values | blind, "JPEG")], ignore_index=True)
    )
    assert list(compared["method"]) == list(values)
    assert list(compared["verdict"].dropna()) == verdicts
    assert list(compared["method"][compared["verdict"].isna()]) == ["lime"]
    assert set(compared["blind"]) == {"random" if verdicts[0] == "better" else "centre"}


def test_a_test_without_blind_maps_is_refused():
    with pytest.raises(ValueError, match="must have the grade of a blind map"):
        leaderboard.compare_with_blind(tabulate({"lrp": 0.9}))


# The table


def test_other_tables_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no grades at .*make them with"):
        leaderboard.read_grades(tmp_path / "none.csv")
    grades = tabulate({"lrp": 0.5})
    with pytest.raises(ValueError, match="got one without low, high"):
        leaderboard.check_grades(grades.drop(columns=["low", "high"]))
    with pytest.raises(ValueError, match="got 'beauty'; grade again"):
        leaderboard.check_grades(grades.assign(test="beauty"))
    with pytest.raises(ValueError, match="got two of lrp in 'relevance mass' of dig"):
        leaderboard.check_grades(pd.concat([grades, grades]))


def test_what_ships_is_whole():
    grades = leaderboard.read_grades()
    assert grades.equals(leaderboard.sort_grades(grades))
    counts = grades.groupby("task")[["method", "test"]].nunique()
    assert list(counts.index) == ["digits", "films", "hotel", "objects"]
    assert (counts["method"] == len(METHODS) + len(grading.BLIND_METHODS)).all()
    assert (counts["test"] == len(grading.TESTS)).all()
    known = grades.dropna(subset=["low"])
    assert (known["low"] <= known["value"]).all()
    assert (known["value"] <= known["high"]).all()
    assert (grades["value"].isna() == (grades["count"] == 0)).all()


def test_saving_replaces_the_rows_of_one_task(tmp_path):
    path = tmp_path / "new" / "grades.csv"
    for task, values in [
        ("hotel", {"lrp": 0.123456}),
        ("digits", {"rise": 0.5, "cam": np.nan}),
        ("hotel", {"rise": 1234.56}),
    ]:
        grade_methods.save_grades(tabulate(values), task, path)
    found = leaderboard.read_grades(path)
    assert found[["task", "method", "value"]].dropna().to_numpy().tolist() == [
        ["digits", "rise", 0.5],
        ["hotel", "rise", 1235],
    ]
    assert len(found) == 3


def test_a_task_is_graded_and_its_unfinished_file_is_gone(tmp_path, monkeypatch):
    few = {test: grading.TESTS[test] for test in ("pointing game", "JPEG")}
    monkeypatch.setattr("helpers.grading.table.TESTS", few)
    methods = {"saliency": METHODS["saliency"]}
    grades = grade_methods.grade_task("digits", 3, methods, tmp_path)
    assert set(grades["method"]) == {"saliency", *grading.BLIND_METHODS}
    assert set(grades["test"]) == set(few)
    assert (grades["count"] == 3).all()
    assert not list(tmp_path.iterdir())


def test_the_methods_with_lighter_settings_can_be_asked(small_model, small_images):
    methods = grade_methods.list_methods(small_images.shape[1:3])
    assert list(methods) == list(METHODS)
    for name in ("occlusion", "rise", "lime"):
        heatmaps = methods[name](small_model, small_images, 0)
        assert heatmaps.shape == small_images.shape[:3]
        assert heatmaps.std() > 0


def test_an_unknown_task_is_refused(capsys):
    with pytest.raises(SystemExit):
        grade_methods.main(["letters"])
    assert "no task named 'letters'; choose from digits" in capsys.readouterr().err


# The picture and the page


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.424, ".42"),
        (-0.07, "-.07"),
        (0, "0"),
        (0.0004, ".00"),
        (0.996, "1.0"),
        (3.14, "3.1"),
        (42.4, "42"),
        (999.6, "1.0k"),
        (-12345, "-12k"),
        (np.nan, "–"),
    ],
)
def test_numbers_are_short(value, text):
    assert leaderboard_figures.write_number(value) == text


def test_each_grade_stands_where_its_method_and_test_meet():
    grades = draw_grades()
    figure = leaderboard_figures.draw_leaderboard(grades)
    texts = {}
    for text in figure.axes[0].texts:
        texts.setdefault(text.get_text(), []).append(text.get_position())
    places = {key: round(x, 3) for key, [(x, _), *_] in texts.items()}
    rows = {key: y for key, [(_, y), *_] in texts.items()}
    overall = leaderboard.rank_overall(leaderboard.rank_methods(grades))
    heights = [rows[name.replace("_", " ")] for name in overall.index]
    assert heights == sorted(heights)
    means = grades.groupby(["method", "test"])["value"].mean()
    for (method, test), value in means.items():
        arrow = "↑" if grading.TESTS[test].better == "higher" else "↓"
        place = places[f"{test} {arrow}"], rows[method.replace("_", " ")]
        at = [
            (round(x, 3), y) for x, y in texts[leaderboard_figures.write_number(value)]
        ]
        assert place in at
    compared = leaderboard.compare_with_blind(grades).dropna(subset="verdict")
    poor = compared.assign(poor=compared["verdict"] != "better")
    marked = (poor.groupby(["method", "test"])["poor"].mean() >= 0.5).sum()
    corners = [patch for patch in figure.axes[0].patches if len(patch.get_xy()) == 4]
    assert 0 < marked == len(corners) - 1  # one is the key's


def test_the_page_needs_no_other_file_and_describes_its_pictures():
    grades = draw_grades(tests=tuple(grading.TESTS)[:6])
    files = draw_leaderboard.draw(grades)
    page = BeautifulSoup(files["leaderboard.html"].decode("utf-8"), "html.parser")
    pictures = page.find_all("img")
    assert len(pictures) == 2 + grades["task"].nunique()
    for picture in pictures:
        kind, _, content = picture["src"].partition(",")
        assert kind == "data:image/png;base64"
        assert Image.open(io.BytesIO(base64.b64decode(content))).width > 500
        assert len(picture["alt"]) > 60
    assert not page.find_all(["script", "link"])
    overall = leaderboard.rank_overall(leaderboard.rank_methods(grades))
    best = overall.index[0].replace("_", " ")
    assert f"{best} {overall['overall'].iloc[0]:.0%}" in pictures[0]["alt"]
    rows = page.find("table").find("tbody").find_all("tr")
    names = [name.replace("_", " ") for name in overall.index]
    assert [row.find("td").text for row in rows] == names
