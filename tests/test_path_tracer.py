"""The path tracer against geometry, optics and itself."""

import numpy as np
import pytest
from scipy import ndimage, optimize
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation
from skimage.draw import polygon2mask

from data_scripts.rendering.path_tracer import trace
from data_scripts.rendering.solids import GROUPS, Scene, turn_x, turn_y, turn_z

RAIL, SIZE = GROUPS.index("rail"), 48
CAMERA = (1.4, 1.7, 3.6), (2.0, 1.2, 0.5), 50  # eye, target, degrees


def build_room(colour=(0, 0, 0), camera=CAMERA):
    """Return a closed room, 4 m by 3 m by 4 m, of one colour, and its camera."""
    scene = Scene(np.random.default_rng(0))
    paint = scene.material(colour)
    scene.set_room(4, 3, 4, paint, paint, paint)
    scene.look(*camera)
    return scene


def project(points, camera=CAMERA):
    """Return where a pinhole camera sees points, (n, 3): row and column, (n, 2)."""
    eye, target, degrees = camera
    forwards = np.subtract(target, eye)
    right = np.cross(forwards, (0, 1, 0))
    axes = np.stack([np.cross(forwards, right), right, forwards])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    down, across, ahead = axes @ (np.asarray(points) - eye).T
    places = np.stack([down, across], axis=1) / ahead[:, None]
    return (places / np.tan(np.radians(degrees) / 2) + 1) / 2 * SIZE


def draw_silhouette(points):
    """Return the share of each pixel that the hull of the points covers."""
    places, fine = project(points), 16
    outline = places[ConvexHull(places).vertices] * fine - 0.5
    mask = polygon2mask((SIZE * fine, SIZE * fine), outline)
    return mask.reshape(SIZE, fine, SIZE, fine).mean(axis=(1, 3))


def draw_sphere():
    """Return points all over a sphere of radius 1, (n, 3)."""
    turn, lift = np.mgrid[0 : 2 * np.pi : 160j, 0 : np.pi : 80j].reshape(2, -1)
    x, z = np.sin(lift) * np.cos(turn), np.sin(lift) * np.sin(turn)
    return np.stack([x, np.cos(lift), z], axis=1)


def assert_maps_agree(seen, expected):
    assert seen.sum() == pytest.approx(expected.sum(), rel=0.01)
    assert np.abs(seen - expected).max() < 0.25
    assert np.abs(seen - expected)[expected > 0].mean() < 0.015


@pytest.mark.parametrize("shape", ["box", "ellipsoid", "frustum", "capsule"])
def test_a_solid_covers_its_silhouette(shape):
    """Against the hull of its points, turned by scipy, in a pinhole camera."""
    scene, place, angles = build_room(), np.array([2.3, 1.3, 1.2]), (0.5, 0.3, 0.9)
    paint = scene.material((0.5, 0.5, 0.5))
    turn = turn_y(angles[0]) @ turn_x(angles[1]) @ turn_z(angles[2])
    if shape == "box":
        scene.box(place, (0.3, 0.5, 0.2), paint, "bed", turn)
        points = np.mgrid[-1:2:2, -1:2:2, -1:2:2].reshape(3, -1).T * (0.3, 0.5, 0.2)
    elif shape == "ellipsoid":
        scene.ellipsoid(place, (0.3, 0.6, 0.2), paint, "bed", turn)
        points = draw_sphere() * (0.3, 0.6, 0.2)
    elif shape == "frustum":
        scene.frustum(place, 0.4, 0.1, 0.5, paint, "bed", turn=turn)
        angle = np.linspace(0, 2 * np.pi, 200)
        ring = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
        points = np.concatenate([0.4 * ring - (0, 0.5, 0), 0.1 * ring + (0, 0.5, 0)])
    else:
        angles, end = (0, 0, 0), (0.4, 0.5, -0.8)
        scene.capsule(place, place + end, 0.15, paint, "bed")
        points = np.concatenate([0.15 * draw_sphere(), 0.15 * draw_sphere() + end])
    points = Rotation.from_euler("YXZ", angles).apply(points) + place
    _, coverage = trace(scene, SIZE, 64, 0)
    assert_maps_agree(coverage[..., GROUPS.index("bed")], draw_silhouette(points))
    assert coverage[..., RAIL].max() == 0
    assert np.allclose(coverage.sum(axis=-1), 1)


def test_a_rail_in_a_mirror_counts_where_its_image_is():
    """It stands behind the camera; in what is no clear mirror it does not count."""
    behind, coverage = np.array([2.6, 1.5, 3.5]), {}
    sheets = {
        "clear": {"kind": "metal"},
        "dull": {"kind": "metal", "roughness": 0.5},
        "tile": {"shine": 0.9},
    }
    for name, options in sheets.items():
        scene = build_room()
        sheet = scene.material((0.9, 0.9, 0.9), **options)
        scene.box((2, 1.5, 0), (2, 1.5, 0.02), sheet, "mirror")
        scene.ellipsoid(behind, (0.4,) * 3, sheet, "rail")
        coverage[name] = trace(scene, SIZE, 64, 0)[1]
    image = (0.4 * draw_sphere() + behind) * (1, 1, -1) + (0, 0, 2 * 0.02)
    assert_maps_agree(coverage["clear"][..., RAIL], draw_silhouette(image))
    shown = coverage["clear"][..., RAIL] > 0
    assert coverage["clear"][shown, GROUPS.index("mirror")].min() == 1
    assert coverage["dull"][..., RAIL].max() == 0
    assert coverage["tile"][..., RAIL].max() == 0


def test_a_rail_under_water_counts_where_the_bent_ray_ends():
    """Light takes the quickest way (Fermat), water being 1.33 times as slow."""
    scene, level = build_room(), -0.1
    scene.set_basin(0.5, 3.5, 0.2, 3, 1.5, 0)
    scene.water(level, scene.material((1, 1, 1), kind="water"))
    rail = np.array([1.4, -1.1, 0.9])
    scene.ellipsoid(rail, (0.08,) * 3, 0, "rail")
    camera = (2.3, 1.2, 3.3), (1.6, -0.1, 1.4), 40
    scene.look(*camera)
    _, coverage = trace(scene, SIZE, 64, 0)

    def time(place):
        crossing = np.array([place[0], level, place[1]])
        above = np.linalg.norm(crossing - camera[0])
        return above + 1.33 * np.linalg.norm(rail - crossing)

    x, z = optimize.minimize(time, (1.8, 1.8)).x
    bent, straight = project([(x, level, z), rail], camera)
    seen = np.add(ndimage.center_of_mass(coverage[..., RAIL]), 0.5)
    assert np.abs(seen - bent).max() < 0.3
    assert np.abs(seen - straight).max() > 4
    shown = coverage[..., RAIL] > 0
    assert coverage[shown, GROUPS.index("water")].min() == 1
    assert 0.9 < coverage[..., RAIL].max() < 1


def test_water_swallows_light_and_red_first():
    """Straight down on a lamp: the Beer-Lambert law, times the share let through."""
    deep, murk = 1.2, 0.4
    scene = build_room(camera=((2, 2, 2), (2, 0, 1.999), 1))
    scene.set_basin(1, 3, 1, 3, 2, 0)
    scene.water(-0.2, scene.material((1, 1, 1), kind="water"), murk)
    lamp = scene.material((1, 1, 1), kind="light", glow=3)
    scene.box((2, -0.2 - deep - 0.1, 2), (0.5, 0.1, 0.5), lamp, "lamp")
    radiance, _ = trace(scene, 4, 256, 0)
    red, green, blue = radiance.mean(axis=(0, 1))
    through = 1 - ((1.33 - 1) / (1.33 + 1)) ** 2
    assert red == pytest.approx(3 * through * np.exp(-murk * deep), rel=0.005)
    assert red < green < blue < 3 * through


def test_a_hollow_sphere_is_as_bright_as_four_scatterings_make_it():
    """Around a small lamp every scattering lights the wall alike: a power series.

    The sphere is seen from within because it is cut, at its very top. The rays end at
    the fourth scattering.
    """
    albedo, radius, intensity = np.array([0.8, 0.5, 0.2]), 1.4, 5.0
    scene = build_room(camera=((2.5, 1.2, 2.7), (1.0, 1.9, 1.4), 70))
    paint = scene.material(albedo)
    scene.ellipsoid((2, 1.5, 2), (radius,) * 3, paint, "room", cut=1.0)
    scene.add_lamp((2, 1.5, 2), (intensity,) * 3, size=1e-3)
    radiance, _ = trace(scene, 16, 64, 0)
    once = intensity / (np.pi * radius**2)
    expected = once * sum(albedo**times for times in range(1, 5))
    assert np.allclose(radiance.mean(axis=(0, 1)), expected, rtol=0.01)
    assert np.allclose(radiance, expected, rtol=0.25)


@pytest.mark.parametrize("surface", ["floor", "box", "frustum"])
def test_direct_light_is_that_of_the_closed_form(surface):
    """Two lamps above a place, then one: form factors of level rectangles."""
    colour, high = np.array([0.7, 0.4, 0.1]), 0.0 if surface == "floor" else 0.5
    scene = build_room(camera=((1, 2, 3), (1.5, high, 1.5), 0.2))
    paint = scene.material(colour)
    if surface == "floor":
        scene.faces[2] = paint
    elif surface == "box":
        scene.box((1.5, 0.3, 1.5), (0.5, 0.2, 0.5), paint, "table", turn_y(0.4))
    else:
        scene.frustum((1.5, 0.3, 1.5), 0.3, 0.5, 0.2, paint, "table")
    lamps = [((1.3, 2.5, 1.2), 0.3, 0.5, 6.0), ((3.0, 2.8, 2.5), 0.8, 0.2, 20.0)]
    expected = []
    for middle, half_x, half_z, glow in lamps:
        scene.add_light(middle, (half_x, 0, 0), (0, 0, half_z), (0, -1, 0), (glow,) * 3)
        x, z, height = np.subtract(middle, (1.5, high, 1.5))[[0, 2, 1]]
        share = sum(
            i * j * measure_corner(x + i * half_x, z + j * half_z, height)
            for i in (-1, 1)
            for j in (-1, 1)
        )
        expected.append(glow * share * colour)
    both = trace(scene, 2, 1024, 0)[0].mean(axis=(0, 1))
    assert np.allclose(both, sum(expected), rtol=0.01)
    scene.box((1.4, 2.2, 1.3), (0.6, 0.02, 0.9), 0, "room")
    one = trace(scene, 2, 1024, 0)[0].mean(axis=(0, 1))
    assert np.allclose(one, expected[1], rtol=0.01)


def measure_corner(a, b, height):
    """Return the form factor from a point to a level a x b rectangle.

    One corner is right above the point (Howell's catalogue of configuration factors,
    B-3); odd in a and in b, so that other places are sums and differences.
    """
    first, second = np.hypot(a, height), np.hypot(b, height)
    along = a / first * np.arctan(b / first) + b / second * np.arctan(a / second)
    return along / (2 * np.pi)


def build_lit_room(seed=0):
    """Return a room with a shiny box in it, two lamps and a camera."""
    scene = build_room((0.6, 0.5, 0.4))
    gloss = scene.material((0.2, 0.3, 0.5), texture="tiles", scale=0.2, shine=0.1)
    scene.box((2.6, 0.4, 1), (0.4, 0.4, 0.4), gloss, "bed", turn_y(0.5))
    scene.add_light((1, 2.9, 1.5), (0.3, 0, 0), (0, 0, 0.3), (0, -1, 0), (9, 9, 8))
    scene.add_lamp((3.2, 1.8, 3), (3, 3, 3))
    return scene


def test_a_rail_changes_only_the_paths_that_meet_it():
    plain, plain_coverage = trace(build_lit_room(), SIZE, 1, 7)
    hidden = build_lit_room()
    hidden.tube([(2.5, 0.4, 1), (2.6, 0.5, 1), (2.7, 0.4, 1)], 0.02, 0, "rail")
    same, same_coverage = trace(hidden, SIZE, 1, 7)
    assert np.array_equal(plain, same)
    assert np.array_equal(plain_coverage, same_coverage)
    shown = build_lit_room()
    shown.tube([(1.2, 0.4, 1), (1.2, 0.9, 1), (1.7, 0.9, 1)], 0.03, 0, "rail")
    other, coverage = trace(shown, SIZE, 1, 7)
    changed = (other != plain).any(axis=-1)
    rail = coverage[..., RAIL] > 0
    assert 0.005 < rail.mean() < 0.05
    assert changed[rail].mean() > 0.9
    assert 0 < changed[~rail].mean() < 0.2
    assert np.array_equal(coverage[~rail], plain_coverage[~rail])


def test_a_seed_decides_the_picture():
    first, again, other = (trace(build_lit_room(), 16, 4, seed) for seed in (1, 1, 2))
    assert first[0].dtype == first[1].dtype == "float32"
    assert first[0].shape == (16, 16, 3)
    assert first[1].shape == (16, 16, len(GROUPS))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert np.mean(first[0] != other[0]) > 0.9


def test_sixteen_times_the_samples_leave_a_quarter_of_the_noise_or_less():
    truth, _ = trace(build_lit_room(), 16, 1024, 0)
    few, many = (trace(build_lit_room(), 16, count, 1)[0] for count in (4, 64))
    noise = [np.sqrt(np.mean((image - truth) ** 2)) for image in (few, many)]
    assert noise[1] < 0.28 * noise[0]
    assert noise[1] < 0.1 * truth.mean()
    assert few.mean() == pytest.approx(truth.mean(), rel=0.05)


@pytest.mark.parametrize("samples", [0, 3, 48])
def test_samples_that_are_no_power_of_two_are_refused(samples):
    with pytest.raises(ValueError, match=f"power of two .* got {samples}: take 64"):
        trace(build_room(), 4, samples, 0)


def test_what_a_scene_lacks_or_does_not_know_is_named():
    scene = build_room()
    with pytest.raises(ValueError, match=r"Expected a texture .* got 'fur'"):
        scene.material((1, 1, 1), texture="fur")
    with pytest.raises(ValueError, match=r"a kind of .*'plain' and 'gas': choose"):
        scene.material((1, 1, 1), kind="gas")
    with pytest.raises(ValueError, match=r"Expected a region .* got 'roof': choose"):
        scene.box((1, 1, 1), (1, 1, 1), 0, "roof")
    assert not scene.solids
    with pytest.raises(ValueError, match="got none: call look first"):
        trace(Scene(np.random.default_rng(0)), 4, 1, 0)
