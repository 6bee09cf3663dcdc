import importlib
import pkgutil
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest

from helpers import grading

pytestmark = pytest.mark.usefixtures("started")

SIZE, COUNT = 16, 3


@pytest.fixture(scope="module")
def model(started):
    """An untrained network that every method can read."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    inputs = keras.Input((SIZE, SIZE, 3))
    maps = layers.Conv2D(6, 3, padding="same", activation="relu")(inputs)
    maps = layers.Conv2D(8, 3, padding="same", activation="relu")(maps)
    means = layers.GlobalAveragePooling2D()(maps)
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(means))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((COUNT, SIZE, SIZE, 3), "float32")


@pytest.fixture(scope="module")
def masks():
    masks = np.zeros((COUNT, SIZE, SIZE), bool)
    masks[:, 2:8, 4:12] = True
    return masks


CLASSES = np.array([2, 0, 3])


@pytest.fixture(scope="module")
def linear(started):
    """A network of which all is known: probabilities of one weight a pixel and class.

    Returns the model and a method that gives what each pixel adds to the logit when it
    takes the place of the picture's mean.
    """
    import keras
    from keras import layers

    keras.utils.set_random_seed(4)
    inputs = keras.Input((SIZE, SIZE, 3))
    dense = layers.Dense(4, activation="softmax", use_bias=False)
    model = keras.Model(inputs, dense(layers.Flatten()(inputs)))
    weights = dense.kernel.numpy().reshape(SIZE, SIZE, 3, 4)

    def add(model, images, class_index):
        above = images - images.mean(axis=(1, 2), keepdims=True)
        own = np.moveaxis(weights[..., class_index], -1, 0)
        return (own * above).sum(axis=-1)

    return model, add


@pytest.fixture(scope="module")
def objects_asked(started):
    """The course's network for drawn objects, and three pictures of them."""
    from helpers import networks, objects

    data = objects.load("embedded")
    some = slice(0, None, 170)
    model = networks.load_object_network("embedded")
    return model, data.images[some], data.labels[some], data.masks[some]


def _draw_edges(model, images, class_index, *, output=None, batch_size=32):
    """An edge detector, dressed as a saliency map."""
    return grading.draw_blind_maps(images)["edges"]


def _ignore_class(model, images, class_index):
    """A saliency map that always answers for the first class."""
    from helpers.attribution import saliency

    return saliency(model, images, 0)


def _draw_anything(model, images, class_index, *, seed=0):
    """A map that changes with everything."""
    seeds = [seed, *np.frombuffer(np.ascontiguousarray(images).tobytes(), "uint8")]
    return np.random.default_rng(seeds).random(np.shape(images)[:3])


def _mean(table, test, method):
    rows = table[(table["method"] == method) & (table["test"] == test)]
    assert rows["value"].notna().all()
    return rows["value"].mean()


# What the package offers


def test_every_public_name_can_be_had_from_the_package():
    for module in pkgutil.iter_modules(grading.__path__):
        loaded = importlib.import_module(f"helpers.grading.{module.name}")
        for name, value in vars(loaded).items():
            is_own = getattr(value, "__module__", None) == loaded.__name__
            is_constant = name.isupper() and name != "METHODS"
            if (is_own or is_constant) and not name.startswith("_"):
                assert name in grading.__all__
                assert getattr(grading, name) is value
    with pytest.raises(AttributeError, match="draw_conclusions"):
        _ = grading.draw_conclusions


def test_what_compares_masks_loads_no_tensorflow():
    code = "import sys; from helpers import grading; print('keras' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == "False\n"


# The cost


def _list_costs():
    """Return methods with settings of their own, and the passes of their papers."""
    from helpers import attribution
    from helpers.attribution import segments

    # Smaller settings than by default, which this small network would not notice.
    places = len(range(0, SIZE - 5, 3)) + 1  # a square of 5, every 3 pixels
    lime = partial(attribution.lime, samples=30, segments=segments.cut_in_grid)
    with_settings = {
        "smooth_grad": (partial(attribution.smooth_grad, samples=7), 7, 7),
        "integrated_gradients": (
            partial(attribution.integrated_gradients, steps=45),
            45,
            45,
        ),
        "occlusion": (
            partial(attribution.occlusion, patch=5, stride=3),
            places**2 + 1,
            0,
        ),
        "rise": (partial(attribution.rise, samples=40), 40, 0),
        "lime": (lime, 30, 0),
        "score_cam": (partial(attribution.score_cam, channels=5), 1 + 5, 0),
        "guided_grad_cam": (attribution.guided_grad_cam, 2, 2),
    }
    return {
        name: with_settings.get(name, (method, 1, 1))
        for name, method in attribution.METHODS.items()
    }


def test_passes_are_those_of_the_papers_and_counting_changes_no_map(model, images):
    for name, (method, forward, backward) in _list_costs().items():
        maps = []

        def keep(*question, method=method, maps=maps):
            maps.append(method(*question))

        passes = grading.count_passes(keep, model, images, CLASSES)
        assert passes == (forward, backward), name
        if name in ("lrp", "cam", "guided_backprop", "lime"):
            wanted = method(model, images, CLASSES)
            assert np.allclose(maps[0], wanted, atol=1e-6), name
    for method in grading.BLIND_METHODS.values():
        assert grading.count_passes(method, model, images, CLASSES) == (0, 0)


def test_passes_of_methods_of_ones_own_are_counted_too(model, images):
    import tensorflow as tf

    def ask_thrice(model, images, class_index):
        model(images)
        model.predict_on_batch(images)
        with tf.GradientTape() as tape:
            shown = tf.constant(images)
            tape.watch(shown)
            scores = tf.reduce_max(model(shown), axis=1)
        return tape.gradient(scores, shown).numpy()[..., 0]

    assert grading.count_passes(ask_thrice, model, images, 0) == (3, 1)


@pytest.mark.parametrize("head", ["linear", "sigmoid", "softmax", "Softmax"])
def test_counting_finds_the_logits_whatever_the_head(head, images):
    import keras
    from keras import layers

    from helpers import attribution

    inputs = keras.Input((None, None, 3))
    means = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs))
    is_layer = head == "Softmax"
    answers = layers.Dense(3, activation="linear" if is_layer else head)(means)
    model = keras.Model([inputs], layers.Softmax()(answers) if is_layer else answers)
    maps = []

    def keep(*question):
        maps.append(attribution.saliency(*question))

    assert grading.count_passes(keep, model, images, 1) == (1, 1)
    assert np.allclose(maps[0], attribution.saliency(model, images, 1), atol=1e-7)


def test_seconds_are_those_of_a_picture_without_the_first_call(
    model, images, monkeypatch
):
    clock = [0]
    monkeypatch.setattr("time.process_time", lambda: clock[0])

    def work(model, images, class_index):
        clock[0] += 3 * len(images) + (100 if not clock[0] else 0)

    assert grading.measure_seconds(work, model, images, CLASSES) == 3


# The tests


def test_an_edge_detector_dressed_as_a_saliency_map_is_caught(objects_asked):
    methods = {"honest": importlib.import_module("helpers.attribution").saliency}
    methods["dressed"] = _draw_edges
    tests = ["random weights", "other class", "forward passes"]
    table = grading.grade(methods, *objects_asked, tests=tests)
    assert _mean(table, "random weights", "dressed") == pytest.approx(1)
    assert _mean(table, "random weights", "honest") < 0.5
    assert _mean(table, "other class", "dressed") == pytest.approx(1)
    assert _mean(table, "forward passes", "dressed") == 0


def test_a_map_that_ignores_the_class_is_caught(objects_asked):
    methods = {"honest": importlib.import_module("helpers.attribution").grad_cam}
    methods["deaf"] = _ignore_class
    tests = ["random weights", "other class"]
    table = grading.grade(methods, *objects_asked, tests=tests)
    assert _mean(table, "other class", "deaf") == pytest.approx(1)
    assert _mean(table, "other class", "honest") < 0.9
    assert _mean(table, "random weights", "deaf") < 0.5  # it looks at the network


def test_the_better_map_is_better_in_every_test_of_truth(model, images, masks):
    methods = {
        "right": lambda model, images, class_index: 1.0 * masks,
        "wrong": lambda model, images, class_index: 1.0 * ~masks,
    }
    tests = [name for name, test in grading.TESTS.items() if test.family == "truth"]
    table = grading.grade(methods, model, images, CLASSES, masks, tests=tests)
    for name in tests:
        assert grading.TESTS[name].better == "higher"
        assert _mean(table, name, "right") > _mean(table, name, "wrong")
    assert _mean(table, "heat over area", "right") == pytest.approx(256 / 48)


def test_the_better_map_is_better_in_every_test_of_faithfulness(linear, images, masks):
    model, add = linear
    methods = {"right": add, "wrong": lambda *question: -add(*question)}
    tests = [
        name for name, test in grading.TESTS.items() if test.family == "faithfulness"
    ]
    table = grading.grade(methods, model, images, CLASSES, masks, tests=tests)
    for name in tests:
        sign = {"higher": 1, "lower": -1}[grading.TESTS[name].better]
        gain = _mean(table, name, "right") - _mean(table, name, "wrong")
        assert sign * gain > 0, name
    assert _mean(table, "infidelity", "right") == pytest.approx(0, abs=1e-6)
    assert _mean(table, "sensitivity-n", "right") == pytest.approx(1)


def test_a_map_that_changes_with_everything_is_not_stable(model, images, masks):
    methods = {"random": _draw_anything}
    methods["centre"] = grading.BLIND_METHODS["centre"]
    tests = ["shifted input", "another seed", "a small shift", "JPEG", "symmetry"]
    table = grading.grade(methods, model, images, CLASSES, masks, tests=tests)
    for name in tests:
        assert grading.TESTS[name].better == "higher"
        assert abs(_mean(table, name, "random")) < 0.3
        # The middle does not move with the picture.
        least = 0.6 if name == "a small shift" else 0.999
        assert _mean(table, name, "centre") > least


def test_what_a_method_promises_is_tested_and_of_the_others_nothing(
    linear, images, masks
):
    model, _ = linear
    names = ["gradient_times_input", "integrated_gradients", "saliency"]
    tests = ["completeness"]
    table = grading.grade(names, model, images, CLASSES, masks, tests=tests)
    assert _mean(table, "completeness", names[0]) == pytest.approx(0, abs=1e-4)
    assert _mean(table, "completeness", names[1]) == pytest.approx(0, abs=1e-4)
    (silent,) = table[table["method"] == "saliency"].itertuples()
    assert np.isnan(silent.value)
    assert silent.picture == -1


# The table


def test_the_table_has_a_row_for_each_method_test_and_picture(model, images, masks):
    names = ["grad_cam", "edges"]
    table = grading.grade(names, model, images, CLASSES, masks)
    assert list(table) == ["method", "test", "picture", "value"]
    assert list(table["method"].unique()) == names
    for name in names:
        own = table[table["method"] == name]
        assert list(own["test"].unique()) == list(grading.TESTS)
        for test, rows in own.groupby("test"):
            is_whole = test == "completeness" or grading.TESTS[test].family == "cost"
            assert list(rows["picture"]) == ([-1] if is_whole else [0, 1, 2])
    blank = table["value"].isna()
    assert set(table[blank]["test"]) == {"completeness"}
    maps = grading.draw_blind_maps(images)["edges"]
    rows = table[(table["method"] == "edges") & (table["test"] == "relevance mass")]
    assert np.allclose(rows["value"], grading.share_heat(maps, masks))


def test_maps_are_made_once_for_all_tests_that_share_them(model, images, masks):
    calls = []

    def count(model, images, class_index):
        calls.append(len(images))
        return grading.BLIND_METHODS["edges"](model, images, class_index)

    shared = [n for n, t in grading.TESTS.items() if t.family in ("truth", "sanity")]
    grading.grade({"edges": count}, model, images, CLASSES, masks, tests=shared)
    assert calls == [COUNT] * (1 + 4)


def test_a_method_that_cannot_be_used_gets_blanks_and_one_sentence(
    small_model, small_images, capsys
):
    from helpers import attribution

    masks = np.ones((4, 12, 12), bool)
    tests = ["relevance mass", "forward passes"]
    methods = {
        "cam": attribution.cam,
        "coarse": lambda *_: np.ones((4, 3, 3)),
        "divided": lambda *_: np.full((4, 12, 12), np.nan),
        "saliency": attribution.saliency,
    }
    table = grading.grade(methods, small_model, small_images, 1, masks, tests=tests)
    for name in ("cam", "coarse", "divided"):
        blank = table[table["method"] == name]
        assert list(blank["test"]) == tests
        assert list(blank["picture"]) == [-1, -1]
        assert blank["value"].isna().all()
    assert table[table["method"] == "saliency"]["value"].notna().all()
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert said[0].startswith("cam gets no grades here. CAM needs a model")
    assert said[1].startswith("coarse gets no grades here. The method must give")


def test_a_test_that_cannot_be_made_says_so_once(model, images, masks, capsys):
    names = ["centre", "edges"]
    table = grading.grade(names, model, 2 * images, CLASSES, masks, tests=["JPEG"])
    assert table["value"].isna().all()
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith('"JPEG" gets no grades here. JPEG takes')


def test_one_picture_is_still_a_picture(model, images, masks, tmp_path):
    grade = partial(
        grading.grade,
        ["edges"],
        model,
        images[:1],
        2,
        masks[:1],
        tests=["pointing game", "forward passes"],
        path=tmp_path / "grades.csv",
    )
    assert list(grade()["picture"]) == [0, -1]
    pd.testing.assert_frame_equal(grade(), grade())


def test_the_bar_names_the_method_and_can_be_switched_off(
    model, images, masks, monkeypatch, capsys
):
    monkeypatch.setattr("helpers.grading.table._SECONDS_BEFORE_PROGRESS", 0)
    for setting, shown in (("on", True), ("off", False)):
        monkeypatch.setenv("COURSE_WIDGETS", setting)
        tests = ["pointing game"]
        grading.grade(["edges"], model, images, CLASSES, masks, tests=tests)
        assert ("edges" in capsys.readouterr().err) == shown


# Interrupted, taken up, refused

FEW = ["relevance mass", "sensitivity-n", "random weights", "forward passes"]


def _take_two(model, images, masks, path=None, seed=0, saliency=None):
    from helpers import attribution

    methods = {"centre": grading.BLIND_METHODS["centre"]}
    methods['a "quoted", name'] = saliency or attribution.saliency
    return grading.grade(
        methods, model, images, CLASSES, masks, tests=FEW, path=path, seed=seed
    )


def test_an_interrupted_table_goes_on_where_it_stopped(model, images, masks, tmp_path):
    from helpers import attribution

    path, calls = tmp_path / "new folder" / "grades.csv", []

    def stop(asked, *question):
        calls.append(asked)
        if len(calls) == 2:  # the maps are made, "random weights" asks again
            raise KeyboardInterrupt
        return attribution.saliency(asked, *question)

    with pytest.raises(KeyboardInterrupt):
        _take_two(model, images, masks, path, saliency=stop)
    written = path.read_text("utf-8")
    assert '"a ""quoted"", name",sensitivity-n,2' in written
    assert "random weights" in written  # of the first method
    whole = _take_two(model, images, masks)
    taken_up = _take_two(model, images, masks, path)
    pd.testing.assert_frame_equal(taken_up, whole, check_exact=True)
    assert path.read_text("utf-8").startswith(written)

    def refuse(*question):
        raise AssertionError("nothing is left to do")

    again = _take_two(model, images, masks, path, saliency=refuse)
    pd.testing.assert_frame_equal(again, whole, check_exact=True)


def test_a_file_that_was_cut_off_while_writing_is_mended(
    model, images, masks, tmp_path
):
    path = tmp_path / "grades.csv"
    whole = _take_two(model, images, masks, path)
    written = path.read_bytes()
    lines = written.splitlines(keepends=True)
    within_a_number = written[:-3]
    between_the_pictures_of_a_test = b"".join(lines[: 2 + COUNT + 2])
    before_the_columns = lines[0]
    for left in (
        within_a_number,
        between_the_pictures_of_a_test,
        before_the_columns,
    ):
        path.write_bytes(left)
        mended = _take_two(model, images, masks, path)
        pd.testing.assert_frame_equal(mended, whole, check_exact=True)
        assert sorted(path.read_bytes().splitlines()) == sorted(written.splitlines())


def test_a_file_of_other_inputs_is_refused(model, linear, images, masks, tmp_path):
    path = tmp_path / "grades.csv"
    grade = partial(grading.grade, ["edges"], tests=["pointing game"], path=path)
    grade(model, images, CLASSES, masks)
    grade(model, images, CLASSES.astype("int64"), masks)  # the same in another type
    others = [
        (linear[0], images, CLASSES, masks),
        (model, images[::-1], CLASSES, masks),
        (model, images, 0, masks),
        (model, images, CLASSES, ~masks),
    ]
    for other in others:
        with pytest.raises(ValueError, match=r"of another model.*; choose another"):
            grade(*other)
    with pytest.raises(ValueError, match="or settings"):
        grade(model, images, CLASSES, masks, seed=1)
    path.write_text("my notes\n")
    with pytest.raises(ValueError, match="something else than grades; choose another"):
        grade(model, images, CLASSES, masks)
    assert path.read_text() == "my notes\n"
    path.unlink()
    grade(model, images, CLASSES, masks)
    path.write_text(path.read_text().replace(",1,", ";1;"))
    with pytest.raises(ValueError, match="something else in line 4; mend or delete"):
        grade(model, images, CLASSES, masks)


def test_random_draws_come_from_the_seed_alone(model, images, masks):
    tests = ["sensitivity-n", "random weights"]
    grade = partial(
        grading.grade, ["saliency"], model, images, CLASSES, masks, tests=tests
    )
    first = grade()
    np.random.seed(5)  # noqa: NPY002
    pd.testing.assert_frame_equal(grade(), first, check_exact=True)
    other = grade(seed=1)
    assert (other["value"] != first["value"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": ["salience"]}, "no method 'salience'; near are saliency"),
        ({"tests": ["JPG"]}, "no test 'JPG'; near are JPEG"),
        ({"tests": ["???"]}, "no test '...'; there are relevance mass"),
        ({"masks": np.ones((COUNT, SIZE, SIZE))}, "true and false.*float64"),
        ({"masks": np.ones((COUNT, SIZE, 9), bool)}, "of shape .3, 16, 16., and each"),
        ({"masks": np.zeros((COUNT, SIZE, SIZE), bool)}, "some of them empty"),
        ({"masks": None, "tests": ["pointing game"]}, "asks for masks"),
        ({"class_indices": 4}, "classes 0 to 3, got class_index 4"),
    ],
)
def test_bad_input_gets_one_sentence(change, message, model, images, masks):
    question = {
        "methods": ["edges"],
        "model": model,
        "images": images,
        "class_indices": CLASSES,
        "masks": masks,
    }
    with pytest.raises(ValueError, match=message):
        grading.grade(**{**question, **change})


def test_without_masks_the_truth_is_left_out(model, images, monkeypatch):
    left = [name for name, test in grading.TESTS.items() if test.family != "truth"]
    quick = {n: t._replace(measure=lambda *_: 1) for n, t in grading.TESTS.items()}
    monkeypatch.setattr("helpers.grading.table.TESTS", quick)
    table = grading.grade(["edges"], model, images, CLASSES, None)
    assert list(table["test"]) == left


# The summary


def test_the_summary_is_the_mean_with_its_interval():
    values = np.random.default_rng(0).normal(5, 2, 400)
    table = pd.DataFrame(
        {
            "method": ["a"] * 400 + ["b", "b", "b", "b", "c"],
            "test": ["t"] * 400 + ["t", "t", "t", "u", "t"],
            "picture": [*range(400), 0, 1, 2, -1, -1],
            "value": [*values, 1, np.nan, 1, 7, np.nan],
        }
    )
    summary = grading.summarise(table)
    assert list(summary) == ["method", "test", "value", "low", "high", "count"]
    assert list(summary["method"] + summary["test"]) == ["at", "bt", "bu", "ct"]
    assert list(summary["count"]) == [400, 2, 1, 0]
    assert np.allclose(summary["value"][:3], [values.mean(), 1, 7])
    first, same, single, blank = summary.itertuples()
    reach = 1.96 * values.std() / 20
    assert first.low == pytest.approx(values.mean() - reach, abs=0.1 * reach)
    assert first.high == pytest.approx(values.mean() + reach, abs=0.1 * reach)
    assert (same.low, same.high) == (1, 1)
    assert np.isnan([single.low, single.high, blank.value, blank.low]).all()
    pd.testing.assert_frame_equal(summary, grading.summarise(table), check_exact=True)
    assert grading.summarise(table, seed=1)["low"][0] != first.low
