"""Do the answers really hang on what the masks show?"""

import numpy as np
import pytest

from helpers import sources, trials
from helpers.networks import predict

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture(scope="module")
def every_trial(started):
    return {name: trials.load_trial(name, "embedded", count=6) for name in trials.NAMES}


@pytest.mark.parametrize("name", trials.NAMES)
def test_every_answer_hangs_on_the_thing(every_trial, name):
    trial = every_trial[name]
    with_thing = predict(trial.model, trial.images).argmax(axis=1)
    without = predict(trial.model, trial.without).argmax(axis=1)
    np.testing.assert_array_equal(with_thing, trial.class_indices)
    assert (without != trial.class_indices).all()


@pytest.mark.parametrize("name", trials.NAMES)
def test_twins_are_pictures_for_the_model_and_methods(every_trial, name):
    trial = every_trial[name]
    assert trial.name == name
    assert trial.images.shape == (6, *trial.model.input_shape[1:])
    assert trial.without.shape == trial.images.shape
    assert trial.images.dtype == trial.without.dtype == "float32"
    assert trial.masks.shape == trial.images.shape[:3]
    assert trial.masks.dtype == bool
    assert trial.class_indices.dtype == "int32"
    assert len(trial.class_names) == trial.model.output_shape[-1]
    assert min(trial.images.min(), trial.without.min()) >= 0
    assert max(trial.images.max(), trial.without.max()) <= 1


@pytest.mark.parametrize("name", ["digits", "films"])
def test_mask_is_exactly_what_differs(every_trial, name):
    trial = every_trial[name]
    differs = np.abs(trial.images - trial.without).max(axis=-1) > 0
    np.testing.assert_array_equal(trial.masks, differs)


def test_objects_differ_nowhere_but_in_the_mask(every_trial):
    trial = every_trial["objects"]
    differs = np.abs(trial.images - trial.without).max(axis=-1) > 0
    assert not (differs & ~trial.masks).any()
    assert (differs & trial.masks).sum() / trial.masks.sum() > 0.95


def test_a_rail_differs_more_than_its_shadow(every_trial):
    trial = every_trial["hotel"]
    change = np.abs(trial.images - trial.without).sum(axis=-1)
    assert change[trial.masks].mean() > 10 * change[~trial.masks].mean()
    assert trial.masks.mean() < 0.15


def test_bars_lie_above_and_lamps_in_the_corner(every_trial):
    bars = every_trial["digits"].masks
    assert bars[:, :14].any(axis=(1, 2)).all()
    assert not bars[:, 14:].any()
    lamps = every_trial["films"].masks
    assert lamps[:, -1, -1].all()
    assert not lamps[:, :50].any()
    assert not lamps[:, :, :50].any()


def test_trials_ask_for_a_class_that_is_not_there(every_trial):
    wanted = {"digits": "7", "films": "angry", "hotel": "bathroom"}
    for name, class_name in wanted.items():
        trial = every_trial[name]
        called = {trial.class_names[place] for place in trial.class_indices}
        assert called == {class_name}


def test_description_counts_what_was_tried(every_trial):
    trial = every_trial["digits"]
    assert "hang on a bar in 5" in trial.description
    assert "of 72 pictures tried; 6 of them" in trial.description
    assert f"{trial.masks.mean():.1%}" in trial.description


def test_a_trial_is_the_same_every_time_and_grows_with_count(every_trial):
    again = trials.load_trial("digits", "embedded", count=6)
    np.testing.assert_array_equal(again.images, every_trial["digits"].images)
    all_of_them = trials.load_trial("digits", "embedded", count=1000)
    assert 40 < len(all_of_them.images) < 72


def test_only_flips_of_visible_things_are_proven():
    class Model:  # calls a picture by its first pixel
        pass

    def fake(model, images):
        return np.eye(3)[images[:, 0, 0, 0].astype(int)]

    images, without = np.zeros((2, 5, 3, 3, 1))
    images[:, 0, 0, 0] = [1, 1, 1, 2, 1]
    without[:, 0, 0, 0] = [0, 2, 1, 0, 0]
    masks = np.ones((5, 3, 3), bool)
    masks[4] = False
    masks[4, 0] = True  # three pixels
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "predict", fake)
        proven = trials.find_proven(Model(), images, without, masks, np.ones(5, int))
    np.testing.assert_array_equal(proven, [True, True, False, False, False])


def test_requests_that_cannot_be_met_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"one of 'digits', .* got 'cats'"):
        trials.load_trial("cats", "embedded")
    with pytest.raises(ValueError, match="1 picture or more, got 0"):
        trials.load_trial("digits", "embedded", count=0)
    monkeypatch.setattr(trials, "find_proven", lambda *_: np.arange(72) == 3)
    with pytest.raises(ValueError, match="hangs on a bar, got 1 of 72 tried"):
        trials.load_trial("digits", "embedded")


@pytest.mark.real
@pytest.mark.parametrize("name", trials.NAMES)
def test_photographs_are_proven_too(name):
    try:
        trial = trials.load_trial(name, "real")
    except sources.SourceError as error:
        pytest.skip(str(error))
    with_thing = predict(trial.model, trial.images).argmax(axis=1)
    without = predict(trial.model, trial.without).argmax(axis=1)
    np.testing.assert_array_equal(with_thing, trial.class_indices)
    assert (without != trial.class_indices).all()
    assert 20 <= len(trial.images) <= 40
