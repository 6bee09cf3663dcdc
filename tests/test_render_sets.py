from itertools import pairwise

import cv2
import numpy as np
import pytest

from data_scripts.rendering import sets, stage

SMALL = (320, 180)


def draw(seed, size=SMALL):
    return sets.draw_set(np.random.default_rng(seed), *size)


@pytest.fixture(scope="module")
def frames():
    """One small set of every kind."""
    return {
        kind: sets.draw_kind(kind, np.random.default_rng(place), *SMALL)
        for place, kind in enumerate(sets.KINDS)
    }


def test_same_seed_same_set_another_seed_another_set():
    first, again, other = draw(1), draw(1), draw(2)
    assert np.array_equal(first.frame, again.frame)
    assert np.array_equal(first.light.direction, again.light.direction)
    assert np.abs(first.frame - other.frame).mean() > 0.03


def test_two_sets_of_a_kind_differ(frames):
    other = sets.draw_kind("kitchen", np.random.default_rng(50), *SMALL)
    assert np.abs(frames["kitchen"].frame - other.frame).mean() > 0.03


@pytest.mark.parametrize("kind", sets.KINDS)
def test_frames_are_linear_light(frames, kind):
    frame, light = frames[kind]
    assert frame.dtype == "float32"
    assert frame.shape == (180, 320, 3)
    assert np.isfinite(frame).all()
    assert frame.min() >= 0
    # Neither black nor washed out, and with something to see in it.
    assert 0.03 < np.median(frame) < 0.5
    assert frame.std() > 0.03
    assert light.key.shape == light.fill.shape == (3,)
    assert 0.1 < light.ambient < 0.4
    assert np.linalg.norm(light.direction) == pytest.approx(1, abs=1e-4)
    assert light.direction[1] < 0  # from above
    assert light.direction[2] > 0  # from the camera's side of the actor


@pytest.mark.parametrize("kind", sets.KINDS)
def test_light_comes_from_the_bright_side(frames, kind):
    """The side is found anew: where the light's centre of mass lies."""
    frame, light = frames[kind]
    columns = np.minimum(frame.mean(axis=2), 3 * frame.mean()).mean(axis=0)
    mass = (columns * np.linspace(-1, 1, len(columns))).sum() / columns.sum()
    if abs(mass) > 0.03:
        assert np.sign(light.direction[0]) == np.sign(mass)


def test_sets_are_out_of_focus(frames):
    """Almost all of a set's power lies in wavelengths above four pixels."""
    for frame, _ in frames.values():
        grey = np.clip(frame.mean(axis=2), 0, 1)
        power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
        down, across = (np.abs(np.fft.fftfreq(length)) for length in grey.shape)
        fine = np.hypot(down[:, None], across) > 0.25
        assert power[fine].sum() < 0.02 * power.sum()


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kitchen"):
        sets.draw_kind("moon", np.random.default_rng(0))


@pytest.mark.parametrize("style", range(6))
def test_lamp_changes_its_mask_most_and_nothing_far_away(style):
    before = np.full((360, 640, 3), 0.12, "float32")
    frame, size = before.copy(), 70.0
    mask = sets.place_lamp(frame, 400.0, 240.0, size, style)
    assert frame.dtype == "float32"
    assert mask.dtype == bool
    change = np.abs(frame - before).mean(axis=2)
    assert change[mask].mean() > 4 * change[~mask].mean()
    assert frame[mask].mean() > 3 * before.mean()  # it is lit
    red, _, blue = frame[mask].mean(axis=0)
    assert red > 1.5 * blue  # and its light is warm
    down, across = np.nonzero(mask)
    assert 0.6 * size < np.ptp(across) < 0.8 * size
    assert np.ptp(down) > size  # the shade and its base
    rows, columns = np.mgrid[:360, :640]
    far = np.hypot(rows - 240, columns - 400) > 2.6 * size
    above = far & (rows < 300)
    assert change[above].max() < 1e-6


def test_lamp_darkens_nothing_above_its_table():
    before = np.full((360, 640, 3), 0.12, "float32")
    frame = before.copy()
    mask = sets.place_lamp(frame, 400.0, 240.0, 70.0)
    around = ~mask
    around[cv2.dilate(mask.astype("uint8"), np.ones((7, 7))) > 0] = False
    assert (frame - before)[:295][around[:295]].min() > -1e-4


def test_cover_holds_the_lamp_and_its_table():
    frame = np.full((360, 640, 3), 0.3, "float32")
    mask = sets.place_lamp(frame, 400.0, 240.0, 70.0, 2)
    cover = sets.find_cover(frame.shape, 400.0, 240.0, 70.0, 2)
    assert cover.dtype == "float32"
    assert cover[mask].min() > 0.4
    assert cover[:180].max() == 0
    assert (cover > 0.5).sum() > 1.5 * mask.sum()
    solid = cv2.erode(mask.astype("uint8"), np.ones((5, 5))) > 0
    assert (cover[solid] == 1).all()


def test_lamp_at_the_edge_of_the_frame_stays_inside():
    frame = np.full((360, 640, 3), 0.1, "float32")
    assert sets.place_lamp(frame, 630.0, 300.0, 82.0).any()
    assert not sets.place_lamp(frame, 2000.0, 300.0, 82.0).any()
    assert np.isfinite(frame).all()


def test_props_differ_and_change_only_what_they_cover():
    frames = []
    for seed in range(8):
        before = np.full((360, 640, 3), 0.2, "float32")
        frame = before.copy()
        generator = np.random.default_rng(seed)
        cover = sets.place_prop(generator, frame, 420.0, 245.0, 66.0)
        change = np.abs(frame - before).max(axis=2)
        near = cv2.dilate((cover > 0).astype("uint8"), np.ones((9, 9))) > 0
        assert change[~near].max() < 1e-6
        assert change[cover > 0.99].mean() > 0.03
        assert frame.max() < 1.2  # nothing there is a lamp
        frames.append(frame)
    changes = [np.abs(first - second).sum() for first, second in pairwise(frames)]
    assert min(changes) > 20


def make_plain_stage(turn=0.0):
    return stage.make_stage(161, 91, 1.0, turn, np.pi / 2)


def test_camera_sees_places_where_perspective_puts_them():
    """With a view of 90 degrees, half the frame's width is as wide as it is deep."""
    scene = make_plain_stage()
    corners = stage.face_of(2, 4.0, np.array([0.9, 0.9, 0]), np.array([1.1, 1.1, 0]))
    stage.add_polygon(scene, corners, np.ones(3))
    down, across = np.nonzero(scene.albedo[..., 0])
    assert across.mean() == pytest.approx(80 + 80.5 / 4, abs=0.6)
    assert down.mean() == pytest.approx(45, abs=0.6)
    assert np.allclose(scene.depth[down, across], 4, atol=1e-4)


def test_nearer_piece_hides_farther_whatever_the_order():
    results = []
    for order in ((2.0, 3.0), (3.0, 2.0)):
        scene = make_plain_stage(0.3)
        for depth in order:
            low, high = np.array([-3, -1, depth]), np.array([3, 3, depth + 0.2])
            stage.add_box(scene, low, high, np.full(3, depth / 10))
        results.append(scene.albedo)
    assert np.array_equal(*results)
    assert np.allclose(results[0][45, 80], 0.2)


def test_ball_lights_the_floor_by_the_law_of_distance_and_slant():
    scene = make_plain_stage()
    low, high = np.array([-20, 0, -1.0]), np.array([20, 0, 40.0])
    stage.add_polygon(scene, stage.face_of(1, 0, low, high), np.ones(3))
    height = 2.0
    ball = stage.Source(np.array([0, height, 3.0]), np.zeros((2, 3)), np.ones(3))
    generator = np.random.default_rng(0)
    light = stage.gather_light(scene, [ball], np.zeros(3), generator)[..., 0]
    for row in (65, 75, 85):
        position = scene.eye + scene.depth[row, 80] * scene.rays[row, 80]
        square = ((position - ball.centre) ** 2).sum()
        expected = height / np.sqrt(square) / (square + 0.15)
        assert light[row, 80] == pytest.approx(expected, rel=0.06)


def test_box_shadows_the_floor_from_the_sun():
    scene = make_plain_stage()
    low, high = np.array([-20, 0, -1.0]), np.array([20, 0, 40.0])
    stage.add_polygon(scene, stage.face_of(1, 0, low, high), np.ones(3))
    scene.boxes.append((np.array([-0.5, 1, 2.5]), np.array([0.5, 1.2, 3.5])))
    towards = np.array([0.0, 1.0, 0.0])
    generator = np.random.default_rng(0)
    light = stage.cast_sun(scene, towards, np.ones(3), generator, softness=1e-4)
    floor = scene.depth < 30
    position = scene.eye + scene.depth[..., None] * scene.rays
    below = (np.abs(position[..., 0]) < 0.45) & (np.abs(position[..., 2] - 3) < 0.45)
    beside = (np.abs(position[..., 0]) > 0.55) & floor
    assert light[below & floor].max() == 0
    assert light[beside].min() > 0.99


def test_sun_shines_through_a_pane_and_nowhere_else():
    scene = make_plain_stage()
    low, high = np.array([-9, -9, 0.0]), np.array([9, 9, 0.0])
    stage.add_polygon(scene, stage.face_of(2, 3.0, low, high), np.ones(3))
    towards = np.array([-1.0, 0, -1.0]) / np.sqrt(2)
    pane = np.array([-2, 0.5, 0.8]), np.array([-2, 1.5, 1.2])
    generator = np.random.default_rng(0)
    light = stage.cast_sun(
        scene, towards, np.ones(3), generator, (0, -2.0, [pane]), softness=1e-4
    )
    across = scene.rays[45, :, 0] * 3
    lit = across[light[45, :, 0] > 0.5]
    # From z = 0.8 … 1.2 on the left wall the rays reach x = 0.2 … -0.2 at z = 3.
    assert lit.min() == pytest.approx(-0.2, abs=0.06)
    assert lit.max() == pytest.approx(0.2, abs=0.06)
    assert light[5].max() == 0


def test_lens_draws_a_point_as_an_even_disc():
    picture = np.zeros((61, 61, 3), "float32")
    picture[30, 30] = 100
    blurred = stage.blur_disc(picture, 6.0)[..., 0]
    assert blurred.sum() == pytest.approx(100, rel=1e-4)
    rows, columns = np.mgrid[:61, :61]
    distance = np.hypot(rows - 30, columns - 30)
    assert blurred[distance > 7.1].max() < 1e-4
    inside = blurred[distance < 5.4]
    assert inside.max() < 1.5 * inside.min()
