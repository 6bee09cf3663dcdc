"""A network whose answer depends on one patch: every method must point there.

The first layer multiplies all other pixels by zero, so that the truth is known without
asking any method. ``python -m tests.test_planted_evidence`` prints the table.
"""

import keras
import numpy as np
import pytest
from keras import layers

from helpers import attribution

pytestmark = pytest.mark.usefixtures("started")

SIZE, CELL = 32, 4
PATCH = np.zeros((SIZE, SIZE), bool)
PATCH[8:16, 16:24] = True  # four cells of the feature map

SETTINGS = {
    "occlusion": {"patch": 4, "stride": 2},
    "rise": {"samples": 2000, "batch_size": 500},
    "lime": {"samples": 500, "hide_color": 0, "batch_size": 500},
}
# How far outside the patch, in pixels, a method's resolution lets its heat reach.
REACH = {
    **dict.fromkeys(("cam", "grad_cam", "grad_cam_plus_plus", "layer_cam"), CELL // 2),
    "score_cam": CELL // 2,
    "occlusion": SETTINGS["occlusion"]["patch"] - 1,
}
# Methods of which no share can be demanded.
SAMPLED = {
    "rise": "each pixel gets a mean probability, which is nowhere zero",
    "lime": "its segments cross the patch's edge, and sampling leaves noise on all",
}


def build_network(patch):
    """Pixels times the patch, 4 × 4 cells, two convolutions without bias, the mean."""
    keras.utils.set_random_seed(0)
    plain = {"use_bias": False, "activation": "relu"}
    model = keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 3)),
            layers.Rescaling(patch[..., None].astype("float32")),
            layers.Conv2D(8, CELL, strides=CELL, **plain),
            layers.Conv2D(8, 1, **plain),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    first, second, head, bias = model.get_weights()
    speaks = np.abs(head[:, :1])
    head = np.concatenate([speaks, -speaks], axis=1)
    model.set_weights([first, np.abs(second), head, bias])
    white = attribution.read_scores(model, np.ones((1, SIZE, SIZE, 3)), 0)
    # From a probability of 2 % for black pixels to 98 % for white ones.
    model.set_weights([first, np.abs(second), 4 / white * head, np.array([-2, 2])])
    return model


def draw_images():
    """Cells of one colour each, with a grain."""
    generator = np.random.default_rng(0)
    cells = generator.uniform(0.4, 1, (3, SIZE // CELL, SIZE // CELL, 3))
    images = cells.repeat(CELL, axis=1).repeat(CELL, axis=2)
    return (images - generator.uniform(0, 0.1, images.shape)).astype("float32")


@pytest.fixture(scope="module")
def planted():
    return build_network(PATCH)


@pytest.fixture(scope="module")
def everywhere():
    """The same network, which looks at every pixel."""
    return build_network(np.ones_like(PATCH))


@pytest.fixture(scope="module")
def images():
    return draw_images()


def explain(name, model, images):
    return attribution.METHODS[name](model, images, 0, **SETTINGS.get(name, {}))


def grow(region, reach):
    """Return the region with a border around it."""
    grown = region
    for _ in range(reach):
        for axis in (0, 1):
            grown = grown | np.roll(grown, 1, axis) | np.roll(grown, -1, axis)
    return grown


def measure_share(heatmaps, region):
    """Return the share of absolute heat in a region, the mean over the images."""
    heat = np.abs(heatmaps).astype("float64")
    return (heat[:, region].sum(axis=1) / heat.sum(axis=(1, 2))).mean()


def test_the_answer_depends_on_the_patch_and_on_nothing_else(planted, images):
    scores = attribution.read_scores(planted, images, 0)
    other = np.random.default_rng(1).random(images.shape).astype("float32")
    inside = PATCH[..., None]
    outside_changed = np.where(inside, images, other)
    inside_changed = np.where(inside, other, images)
    assert np.array_equal(attribution.read_scores(planted, outside_changed, 0), scores)
    changes = attribution.read_scores(planted, inside_changed, 0) - scores
    assert np.abs(changes).min() > 0.01


@pytest.mark.parametrize("name", [n for n in attribution.METHODS if n not in SAMPLED])
def test_all_heat_is_where_the_evidence_is(planted, everywhere, images, name):
    """Exactly all of it, within the method's resolution."""
    region = grow(PATCH, REACH.get(name, 0))
    heatmaps = explain(name, planted, images)
    assert np.abs(heatmaps).max(axis=(1, 2)).min() > 0
    assert measure_share(heatmaps, region) == 1
    assert measure_share(explain(name, everywhere, images), region) < 0.5


@pytest.mark.parametrize("name", SAMPLED)
def test_sampled_heat_is_higher_where_the_evidence_is(planted, images, name):
    for heatmap in explain(name, planted, images):
        assert heatmap[PATCH].mean() > heatmap[~PATCH].mean() + heatmap.std()


def print_table():
    model, images = build_network(PATCH), draw_images()
    print(f"{'method':20}{'in the patch':>14}{'reach':>8}{'within reach':>14}")
    for name in attribution.METHODS:
        heatmaps = explain(name, model, images)
        share, reach = measure_share(heatmaps, PATCH), REACH.get(name, 0)
        within = measure_share(heatmaps, grow(PATCH, reach))
        remark = SAMPLED.get(name, "")
        print(f"{name:20}{share:14.3f}{reach:6} px{within:14.3f}  {remark}")
    print(f"{'(area)':20}{PATCH.mean():14.3f}")


if __name__ == "__main__":
    print_table()
