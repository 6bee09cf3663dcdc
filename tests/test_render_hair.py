"""The actors' hair, beards and clothes: their maps and how they take the light."""

from functools import lru_cache

import numpy as np
import pytest
from skimage.feature import structure_tensor

from data_scripts.rendering import clothes, hair, people
from data_scripts.rendering.canvas import make_grid, mesh
from data_scripts.rendering.faces import Light

COARSE = make_grid(30)


def light_from(right, down, towards=0.7):
    return Light(
        np.array([right, down, towards], "float32"),
        np.ones(3, "float32"),
        np.ones(3, "float32"),
        0.2,
    )


def make_person(**changes):
    person = people.draw_identity(np.random.default_rng(5))
    plain = {"age": 0.3, "beard": "none", "hair_colour": (80, 52, 33), "glasses": 0}
    return person._replace(**{**plain, **changes})


def grow(person, grid=COARSE):
    return hair.grow_hair(person, grid, people.find_outline(person, grid))


def grow_beard(person, grid=COARSE):
    return hair.grow_beard(person, grid, people.find_outline(person, grid))


@lru_cache
def grow_style(style):
    return grow(make_person(hair_style=style))


def test_the_same_seed_grows_the_same_hair():
    person = make_person(hair_style="side_parting")
    np.random.default_rng(0).random(9)
    again = grow(person)
    for first, second in zip(
        grow_style("side_parting").front, again.front, strict=True
    ):
        np.testing.assert_array_equal(first, second)
    other = grow(person._replace(seed=person.seed + 1))
    assert np.abs(other.front.alpha - again.front.alpha).max() > 0.5


@pytest.mark.parametrize("style", people.HAIR_STYLES)
def test_hair_leaves_eyes_nose_and_mouth_free(style):
    person = make_person(hair_style=style)
    x, y = mesh(COARSE)
    eyes = np.hypot(
        (np.abs(x) - person.eye_spacing) / person.eye_width, (y + 0.04) / 0.14
    )
    nose = (np.abs(x) < 0.2) & (y > 0) & (y < person.nose_length + 0.1)
    mouth = person.nose_length + person.mouth_drop
    mouth = (np.abs(x) < person.mouth_width) & (np.abs(y - mouth) < 0.15)
    features = (eyes < 1) | nose | mouth
    assert grow_style(style).front.alpha[features].max() == 0


@pytest.mark.parametrize("style", people.HAIR_STYLES)
def test_layers_are_float32_and_hold_no_holes(style):
    grown = grow_style(style)
    shape = len(COARSE.y), len(COARSE.x)
    for layer in (grown.front, grown.back):
        for values in layer:
            assert values.dtype == np.float32
            assert values.shape[:2] == shape
            assert np.isfinite(values).all()
        assert layer.alpha.min() >= 0
        assert layer.alpha.max() <= 1
        colour = hair.light_hair(layer, light_from(-0.5, -0.5))
        assert colour.dtype == np.float32
        assert np.isfinite(colour).all()
    assert grown.shadow.dtype == np.float32
    assert 0.2 < grown.shadow.min() <= grown.shadow.max() <= 1


@pytest.mark.parametrize("style", ["long", "ponytail"])
def test_long_hair_hangs_behind_too_and_leaves_the_lamp_free(style):
    grown = grow_style(style)
    x, y = mesh(COARSE)
    below = (np.abs(x) < 1) & (y > 1) & (y < 1.6)
    assert grown.back.alpha[below].mean() > 0.08
    lamp = (x > 1.0) & (x < 1.3) & (y > 1.0) & (y < 1.3)
    assert np.maximum(grown.front.alpha, grown.back.alpha)[lamp].mean() < 0.25


def test_strands_are_drawn_along_the_tangents():
    """The structure tensor of the colours finds the strands on its own."""
    front = grow(make_person(hair_style="short_bob"), make_grid(90)).front
    grey = front.albedo.mean(-1) * front.alpha
    down_down, down_right, right_right = structure_tensor(grey, sigma=2.5)
    # Colours change least along a strand: the axis of the smaller eigenvalue.
    angle = 0.5 * np.arctan2(2 * down_right, right_right - down_down) + np.pi / 2
    drawn = np.arctan2(front.tangent[..., 1], front.tangent[..., 0])
    apart = np.abs((angle - drawn + np.pi / 2) % np.pi - np.pi / 2)
    spread = np.hypot(right_right - down_down, 2 * down_right)
    clear = spread / (right_right + down_down + 1e-9) > 0.6
    flat = np.hypot(front.tangent[..., 0], front.tangent[..., 1]) > 0.8
    # The silhouette is an edge as well: stay away from it.
    inside = structure_tensor(front.alpha, sigma=4)[0] < 1e-4
    chosen = clear & flat & inside & (front.alpha > 0.99)
    assert chosen.sum() > 2000
    assert np.degrees(np.median(apart[chosen])) < 10


def test_a_fibre_shines_when_it_lies_across_the_halfway_direction():
    """Kajiya and Kay: the highlight is sin(T, H); 6.9 degrees is the shift's lobe."""
    light = light_from(0, -1, 1)
    angles = np.linspace(-np.pi / 2, np.pi / 2, 721, dtype="float32")
    tangent = np.stack([0 * angles, np.sin(angles), np.cos(angles)], -1)[None]
    flat = np.ones((1, len(angles)), "float32")
    normal = np.broadcast_to(np.array([0, 0, 1], "float32"), tangent.shape)
    layer = hair.HairLayer(
        flat, np.full_like(tangent, 1e-6), tangent, normal, flat, flat, flat
    )
    brightest = angles[hair.light_hair(layer, light)[0, :, 0].argmax()]
    halfway = np.array([0, -1, 1 + np.sqrt(2)])
    halfway /= np.linalg.norm(halfway)
    perpendicular = np.arctan2(halfway[2], -halfway[1])
    assert abs(np.degrees(brightest - perpendicular)) < 8


@pytest.mark.parametrize("style", ["long", "cropped", "afro"])
def test_the_highlight_follows_the_lamp(style):
    front = grow_style(style).front
    x, _ = mesh(COARSE)

    def find_middle(right):
        colour = hair.light_hair(front, light_from(right, -0.4)).sum(-1)
        weight = colour * front.alpha
        return (weight * x).sum() / weight.sum()

    assert find_middle(0.8) - find_middle(-0.8) > 0.3


def test_hair_turns_grey_with_age():
    lock = np.zeros(4000, int)
    colours, shares = [], []
    for age in (0.3, 0.6, 0.75, 0.95):
        person = make_person(age=age, hair_colour=(128, 56, 28))
        grown = hair.draw_colours(person, lock, np.random.default_rng(1))
        colours.append(np.mean(grown.max(1) / grown.min(1)))
        shares.append(hair.find_grey_share(person))
    assert shares[0] == 0
    assert np.all(np.diff(shares) > 0)
    assert np.all(np.diff(colours) < 0)


@pytest.mark.parametrize("kind", ["stubble", "full", "moustache"])
def test_a_beard_covers_the_chin_or_the_lip_and_leaves_the_lips_free(kind):
    person = make_person(beard=kind, masculine=True)
    beard = grow_beard(person)
    x, y = mesh(COARSE)
    mouth = person.nose_length + person.mouth_drop
    lips = (np.abs(x) < 0.6 * person.mouth_width) & (np.abs(y - mouth) < 0.03)
    assert beard.alpha[lips].max() < 0.02
    assert beard.alpha[(y < 0.1) & (np.abs(x) < 0.7)].max() == 0
    lip = (np.abs(x) > 0.05) & (np.abs(x) < 0.2)
    lip &= np.abs(y - (mouth - person.upper_lip - 0.06)) < 0.03
    assert beard.alpha[lip].mean() > 0.25
    chin = (np.abs(x) < 0.2) & (np.abs(y - person.chin + 0.12) < 0.05)
    covered = beard.alpha[chin].mean()
    assert covered < 0.02 if kind == "moustache" else covered > 0.3
    for values in beard:
        assert values.dtype == np.float32


def test_who_has_no_beard_gets_none():
    assert grow_beard(make_person()) is None


@pytest.mark.parametrize("garment", [name for row in clothes.GARMENTS for name in row])
def test_every_garment_covers_the_shoulders_and_leaves_the_throat(garment):
    row = next(i for i, names in enumerate(clothes.GARMENTS) if garment in names)
    place = clothes.GARMENTS[row].index(garment)
    seed = 7 * place + 7 * len(clothes.GARMENTS[row]) * 11
    person = make_person(collar=row, seed=seed)
    assert clothes.name_garment(person) == garment
    body = clothes.dress(person, COARSE)
    x, y = mesh(COARSE)
    shoulder = (np.abs(np.abs(x) - 1.1) < 0.2) & (y > 2.0)
    throat = (np.abs(x) < 0.15) & (y > 1.0) & (y < 1.35)
    assert body.alpha[shoulder].min() == 1
    assert body.cloth[shoulder].min() > 0.99
    assert body.cloth[throat].max() < 0.01
    assert body.alpha[throat].min() == 1
    assert np.all(body.cloth <= body.alpha)
    for values in body[:-1]:
        assert values.dtype == np.float32
    lengths = np.linalg.norm(body.normal, axis=-1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_the_lamp_lights_its_side_and_the_chin_throws_a_shadow():
    person = make_person()
    body = clothes.dress(person, COARSE)
    x, y = mesh(COARSE)
    left, right = ((y > 2) & (np.abs(x - at) < 0.3) for at in (-1.2, 1.2))
    colour = clothes.light_body(body, light_from(0.8, -0.5)).sum(-1)
    assert colour.dtype == np.float32
    assert colour[right].mean() > 1.15 * colour[left].mean()
    front = clothes.light_body(body, light_from(0, -0.6)).sum(-1)
    middle = np.abs(x) < 0.15
    below_chin = middle & (np.abs(y - person.chin - 0.05) < 0.04)
    throat = middle & (np.abs(y - 1.72) < 0.04) & (body.cloth < 0.5)
    lower = throat if throat.any() else middle & (np.abs(y - 2.3) < 0.1)
    shade = body.albedo.sum(-1)
    assert (front / shade)[below_chin].mean() < 0.75 * (front / shade)[lower].mean()
