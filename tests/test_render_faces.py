"""The rendered faces: who they are, what each action unit moves, what the map names."""

import cv2
import numpy as np
import pytest

from data_scripts.rendering import faces, people
from data_scripts.rendering.canvas import make_grid, make_texture, to_linear
from helpers.regions import REGIONS

FINENESS = 40
LIGHT = faces.Light(
    np.array([-0.5, -0.6, 0.75]), np.array([1.1, 1.05, 1.0]), np.ones(3), 0.2
)
FRONTAL = LIGHT._replace(direction=np.array([0.0, -0.5, 0.9]))
NAME = {name: place for place, name in enumerate(REGIONS)}


def draw_person(seed, **changes):
    """Draw a bald person without glasses or beard, so that nothing hides the face."""
    identity = people.draw_identity(np.random.default_rng(seed))
    plain = {"hair_style": "bald", "beard": "none", "glasses": 0, "age": 0.3}
    return identity._replace(**(plain | changes))


@pytest.fixture(scope="module")
def face():
    return faces.prepare_face(draw_person(3, asymmetry=0.0), FINENESS)


@pytest.fixture(scope="module")
def resting(face):
    return faces.render_face(face, {}, LIGHT)


def find(layers, *names):
    """Return rows and columns of the pixels that show one of `names`, in units."""
    grid = make_grid(FINENESS)
    rows, columns = np.nonzero(np.isin(layers.regions, [NAME[name] for name in names]))
    return grid.y[rows], grid.x[columns]


def find_corner_level(layers):
    """Return the mean y of the outermost tenth of the mouth."""
    y, x = find(layers, "mouth")
    outer = np.abs(x) >= np.quantile(np.abs(x), 0.9)
    return y[outer].mean()


def find_brow_level(layers, inner):
    """Return the mean y of the inner or the outer third of both brows."""
    y, x = find(layers, "brow_left", "brow_right")
    limit = np.quantile(np.abs(x), 1 / 3 if inner else 2 / 3)
    return y[np.abs(x) <= limit if inner else np.abs(x) >= limit].mean()


def find_opening(face, units):
    """Return how far the eyes are open: the area where the eyeball shows."""
    grid = face.grid
    full = {name: units.get(name, 0.0) for name in people.ACTION_UNITS}
    return sum(
        faces.face_shape.find_eye(face.identity, grid, full, side, 0.0).open.sum()
        for side in (-1, 1)
    )


def count(layers, *names):
    return len(find(layers, *names)[0])


def render(face, **units):
    return faces.render_face(face, units, LIGHT)


def test_the_same_seed_draws_the_same_picture_whatever_came_before():
    first = faces.prepare_face(people.draw_identity(np.random.default_rng(5)), FINENESS)
    one = faces.render_face(first, {"AU12": 0.7}, LIGHT)
    other = faces.prepare_face(draw_person(8), FINENESS)
    faces.render_face(other, {"AU26": 1.0}, LIGHT)
    again = faces.prepare_face(people.draw_identity(np.random.default_rng(5)), FINENESS)
    two = faces.render_face(again, {"AU12": 0.7}, LIGHT)
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_two_people_differ(face, resting):
    other = faces.prepare_face(draw_person(4), FINENESS)
    drawn = faces.render_face(other, {}, LIGHT)
    assert np.abs(drawn.colour - resting.colour).mean() > 0.01


def test_smiling_raises_the_corners_of_the_mouth_and_sadness_lowers_them(face, resting):
    level = find_corner_level(resting)
    assert find_corner_level(render(face, AU12=1.0)) < level - 0.08
    assert find_corner_level(render(face, AU15=1.0)) > level + 0.06


def test_smiling_widens_the_mouth_and_pressing_the_lips_thins_it(face, resting):
    def measure(layers):
        y, x = find(layers, "mouth")
        return np.ptp(x), len(y) / np.ptp(x)

    assert measure(render(face, AU12=1.0))[0] > 1.15 * measure(resting)[0]
    assert measure(render(face, AU24=1.0))[1] < 0.6 * measure(resting)[1]


def test_brows_rise_inside_rise_outside_or_come_down(face, resting):
    inner = find_brow_level(resting, inner=True)
    outer = find_brow_level(resting, inner=False)
    raised = render(face, AU1=1.0)
    assert find_brow_level(raised, inner=True) < inner - 0.06
    assert find_brow_level(raised, inner=False) > outer - 0.03
    assert find_brow_level(render(face, AU2=1.0), inner=False) < outer - 0.05
    frown = render(face, AU4=1.0)
    assert find_brow_level(frown, inner=True) > inner + 0.08
    gaps = [np.abs(find(drawn, "brow_right")[1]).min() for drawn in (frown, resting)]
    assert gaps[0] < gaps[1]


def test_a_dropped_jaw_opens_the_mouth_and_lengthens_the_face(face, resting):
    dropped = render(face, AU26=1.0)
    assert count(dropped, "mouth") > 1.8 * count(resting, "mouth")
    chins = [find(drawn, "skin")[0].max() for drawn in (dropped, resting)]
    assert chins[0] > chins[1] + 0.1
    levels = [find(drawn, "nose")[0].mean() for drawn in (dropped, resting)]
    assert levels[0] == pytest.approx(levels[1], abs=1e-6)


def test_lids_open_wide_tighten_and_close(face, resting):
    rest = find_opening(face, {})
    assert find_opening(face, {"AU5": 1.0}) > 1.2 * rest
    assert find_opening(face, {"AU7": 1.0}) < 0.8 * rest
    assert find_opening(face, {"AU6": 1.0}) < 0.8 * rest
    closed = faces.render_face(face, {}, LIGHT, blink=1.0)
    assert count(closed, "eye_left") < 0.6 * count(resting, "eye_left")


@pytest.mark.parametrize(
    ("unit", "measure"),
    [
        ("AU12", find_corner_level),
        ("AU15", find_corner_level),
        ("AU1", lambda layers: find_brow_level(layers, inner=True)),
        ("AU4", lambda layers: find_brow_level(layers, inner=True)),
        ("AU26", lambda layers: count(layers, "mouth")),
        ("AU25", lambda layers: count(layers, "mouth")),
    ],
)
def test_more_of_a_unit_moves_further(face, unit, measure):
    steps = [measure(render(face, **{unit: share})) for share in (0, 0.33, 0.66, 1)]
    differences = np.diff(steps)
    assert (differences > 0).all() or (differences < 0).all()


def test_a_face_without_asymmetry_is_its_own_mirror_image():
    face = faces.prepare_face(draw_person(6, asymmetry=0.0), FINENESS)
    layers = faces.render_face(face, {"AU12": 0.8, "AU1": 0.5}, FRONTAL)
    mirrored = layers.regions[:, ::-1]
    swapped = mirrored.copy()
    for left, right in (("brow_left", "brow_right"), ("eye_left", "eye_right")):
        swapped[mirrored == NAME[left]] = NAME[right]
        swapped[mirrored == NAME[right]] = NAME[left]
    bald = (layers.regions != NAME["hair"]) & (swapped != NAME["hair"])
    assert (layers.regions == swapped)[bald].mean() > 0.995
    heights = layers.height, layers.height[:, ::-1]
    np.testing.assert_allclose(*heights, atol=0.02)


def test_the_map_names_what_the_picture_shows(resting, face):
    inside = resting.alpha > 0.6
    outside = resting.alpha < 0.4
    assert (resting.regions[inside] != NAME["background"]).all()
    assert (resting.regions[outside] == NAME["background"]).all()
    for name in ("brow_left", "brow_right", "eye_left", "eye_right", "nose", "mouth"):
        assert count(resting, name) > 30
    for left, right in (("brow_left", "brow_right"), ("eye_left", "eye_right")):
        assert find(resting, left)[1].max() < 0 < find(resting, right)[1].min()
    # The brow region holds the dark hairs: it is darker than the skin around it.
    brightness = resting.colour.sum(axis=2)
    skin = np.median(brightness[resting.regions == NAME["skin"]])
    assert np.median(brightness[resting.regions == NAME["brow_left"]]) < 0.75 * skin


def test_everything_is_float32(resting, face):
    for name in ("colour", "alpha", "height", "body_colour", "back_colour"):
        assert getattr(resting, name).dtype == np.float32, name
    assert resting.regions.dtype == np.uint8
    assert np.isfinite(resting.colour).all()
    frame = np.zeros((120, 160, 3), "float32")
    faces.place_face(frame, face, resting, (80, 60), 30, 0.1, 0.05, 0.02)
    assert frame.dtype == np.float32


def test_light_adds_up():
    """Light is linear: a lamp twice as bright, in the same place, shines twice."""
    face = faces.prepare_face(draw_person(9), FINENESS)
    dim = faces.render_face(face, {}, LIGHT)
    bright = LIGHT._replace(key=2 * LIGHT.key, ambient=2 * LIGHT.ambient)
    lit = faces.render_face(face, {}, bright)
    skin = (dim.regions == NAME["nose"]) & (dim.alpha == 1)
    ratio = lit.colour[skin].mean() / dim.colour[skin].mean()
    assert ratio == pytest.approx(2, abs=0.08)


def test_light_from_the_left_lights_the_left(face):
    layers = faces.render_face(face, {}, LIGHT)
    half = layers.colour.shape[1] // 2
    skin = layers.regions == NAME["skin"]
    left, right = skin.copy(), skin.copy()
    left[:, half:] = right[:, :half] = False
    assert layers.colour[left].mean() > 1.1 * layers.colour[right].mean()


def test_placing_moves_picture_and_map_together(face, resting):
    places = []
    for centre in ((120, 100), (150, 110)):
        frame = np.zeros((200, 260, 3), "float32")
        regions = faces.place_face(frame, face, resting, centre, 40)
        rows, columns = np.nonzero(regions == NAME["nose"])
        places.append((columns.mean(), rows.mean()))
        covered = frame.sum(axis=2) > 1e-3
        assert covered[regions > 0].mean() > 0.999
    np.testing.assert_allclose(np.subtract(*places), (-30, -10), atol=0.2)


def test_turning_moves_the_nose_before_the_cheeks(face, resting):
    def locate(**turn):
        frame = np.zeros((240, 240, 3), "float32")
        regions = faces.place_face(frame, face, resting, (120, 110), 50, **turn)
        rows, columns = np.nonzero(regions == NAME["nose"])
        return columns.mean(), rows.mean()

    straight = locate()
    assert locate(yaw=0.15)[0] > straight[0] + 2
    assert locate(yaw=-0.15)[0] < straight[0] - 2
    assert locate(pitch=0.07)[1] > straight[1] + 0.8


def test_a_face_outside_the_frame_leaves_it_alone(face, resting):
    frame = np.zeros((60, 80, 3), "float32")
    regions = faces.place_face(frame, face, resting, (-500, 30), 30)
    assert not frame.any()
    assert not regions.any()


def test_an_unknown_action_unit_is_named(face):
    with pytest.raises(ValueError, match="AU99"):
        faces.render_face(face, {"AU99": 1.0}, LIGHT)


def test_an_unknown_emotion_is_named():
    with pytest.raises(ValueError, match="bored"):
        people.draw_expression(np.random.default_rng(0), "bored")


def test_emotions_use_the_units_of_their_prototypes():
    generator = np.random.default_rng(1)
    wanted = {
        "happy": {"AU6", "AU12"},
        "sad": {"AU1", "AU4", "AU15"},
        "angry": {"AU4", "AU5", "AU7"},
        "surprised": {"AU1", "AU2", "AU5", "AU26"},
        "neutral": set(),
    }
    for emotion, units in wanted.items():
        for _ in range(20):
            drawn = people.draw_expression(generator, emotion, 1.0)
            assert set(drawn) == set(people.ACTION_UNITS)
            assert all(0 <= value <= 1 for value in drawn.values())
            assert all(drawn[unit] >= 0.1 for unit in units)
            if emotion == "neutral":
                assert max(drawn.values()) < 0.1


def test_a_cast_has_every_age_hair_and_skin():
    generator = np.random.default_rng(2)
    cast = [people.draw_identity(generator) for _ in range(600)]
    assert {person.hair_style for person in cast} == set(people.HAIR_STYLES)
    assert {person.beard for person in cast} == set(people.BEARDS)
    assert {person.glasses for person in cast} == {0, 1, 2, 3}
    assert min(person.age for person in cast) < 0.05
    assert max(person.age for person in cast) > 0.85
    assert 0.4 < np.mean([person.masculine for person in cast]) < 0.6
    for person in cast:
        assert person.beard == "none" or (person.masculine and person.age > 0.16)
        assert all(0 <= value <= 255 for value in person.skin + person.hair_colour)


def test_glasses_show_on_the_face():
    without = draw_person(5)
    pictures = [
        faces.render_face(faces.prepare_face(person, FINENESS), {}, LIGHT)
        for person in (without, without._replace(glasses=3))
    ]
    eyes = np.isin(pictures[0].regions, (NAME["eye_left"], NAME["skin"]))
    change = np.abs(pictures[0].colour - pictures[1].colour).sum(axis=2)
    assert change[eyes].max() > 0.2
    np.testing.assert_array_equal(pictures[0].regions, pictures[1].regions)


def test_linear_light_is_the_standard_curve_of_srgb():
    values = np.arange(256)
    back = to_linear(values)
    scaled = values / 255
    assert back[0] == 0
    assert back[255] == pytest.approx(1)
    # IEC 61966-2-1: 18 % grey is code 118, half of the light is code 188.
    assert back[118] == pytest.approx(0.18, abs=0.003)
    assert back[188] == pytest.approx(0.5, abs=0.006)
    assert (np.diff(back) > 0).all()
    assert (back <= scaled + 1e-6).all()


def test_a_texture_repeats_without_a_seam():
    tile = make_texture(3, 4.0)
    inside = np.abs(np.diff(tile, axis=0)).mean()
    seam = np.abs(tile[0] - tile[-1]).mean()
    assert seam < 1.5 * inside


@pytest.mark.slow
def test_the_detector_sees_the_faces():
    name = cv2.data.haarcascades + "haarcascade_frontalface_default.xml"
    detector = cv2.CascadeClassifier(name)
    found = 0
    for seed in range(6):
        generator = np.random.default_rng([77, seed])
        face = faces.prepare_face(people.draw_identity(generator), 60)
        for emotion in people.EMOTIONS:
            units = people.draw_expression(generator, emotion)
            frame = np.full((300, 300, 3), 0.15, "float32")
            layers = faces.render_face(face, units, LIGHT)
            faces.place_face(frame, face, layers, (150, 150), 66)
            grey = (255 * frame.clip(0, 1).mean(axis=2) ** (1 / 2.2)).astype("uint8")
            boxes = detector.detectMultiScale(grey, 1.1, 5, minSize=(70, 70))
            found += any(
                abs(x + w / 2 - 150) < 35 and abs(y + h / 2 - 157) < 35
                for x, y, w, h in boxes
            )
    assert found >= 28
