from types import SimpleNamespace

import numpy as np
import pytest
from imageio.v3 import imread
from scipy import ndimage
from skimage.draw import polygon2mask

from data_scripts import render_objects
from data_scripts.rendering import objects, shading
from helpers import objects as loader


@pytest.fixture(scope="module")
def data():
    return loader.load("embedded")


def test_same_seed_same_picture():
    first, again, other = (objects.render([2], [9, seed]) for seed in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.masks, again.masks)
    assert np.abs(first.image - other.image).mean() > 0.02
    assert first.image.dtype == "float32"
    assert first.image.shape == (128, 128, 3)
    assert first.masks.shape == (1, 128, 128)


@pytest.mark.parametrize(
    ("split", "place"), [("test", 0), ("test", 303), ("pairs", 0), ("pairs", 200)]
)
def test_committed_pictures_are_what_their_seeds_give(data, split, place):
    """Up to what JPEG loses; another place of the same sheet is far off."""
    images, masks = (
        (data.images, data.masks[:, None])
        if split == "test"
        else (data.pair_images, data.pair_masks)
    )
    labels = objects.list_labels(split, render_objects.COUNTS[split])[place]
    stored = data.labels[:, None] if split == "test" else data.pair_labels
    assert np.array_equal(stored[place], labels)
    scene = objects.render(labels, [objects.SPLITS.index(split), place])
    assert np.abs(scene.image - images[place]).mean() < 0.02
    assert np.abs(scene.image - images[place + 1]).mean() > 0.05
    assert (scene.masks != masks[place]).mean() < 0.002
    assert (scene.masks != masks[place + 1]).mean() > 0.02


def test_splits_share_no_picture():
    seeds = [[objects.SPLITS.index(split), 0] for split in objects.SPLITS]
    pictures = {objects.render([0], seed).image.tobytes() for seed in seeds}
    assert len(pictures) == 4


@pytest.mark.parametrize("label", range(len(objects.CLASS_NAMES)))
def test_mask_is_where_the_object_is(label, monkeypatch):
    """Painted black, the object changes the picture in its mask and hardly elsewhere.

    Its shadow stays, since its height does.
    """
    seed = [11, label]
    scene = objects.render([label], seed)
    assemble = objects._assemble
    calls = []

    def blacken(*arguments):
        height, albedo, cover, gloss = assemble(*arguments)
        calls.append(cover.sum())
        return height, albedo * 0 + 0.01, cover, gloss * 0

    spy = SimpleNamespace(put=objects._put)

    def put(scene, view, where, mark, *rest):
        monkeypatch.setattr(
            objects, "_assemble", blacken if mark != objects._BODY else assemble
        )
        return spy.put(scene, view, where, mark, *rest)

    monkeypatch.setattr(objects, "_put", put)
    black = objects.render([label], seed)
    assert calls
    assert np.array_equal(black.masks, scene.masks)
    change = np.abs(black.image - scene.image).mean(axis=2)
    inside = ndimage.binary_erosion(scene.masks[0])
    outside = ~ndimage.binary_dilation(scene.masks[0], iterations=3)
    assert np.median(change[inside]) > 0.1
    assert np.median(change[outside]) < 0.03


def test_both_of_a_pair_can_be_seen(monkeypatch):
    """Each mask holds 60 % of what the object would cover alone."""
    put, areas = objects._put, {}

    def watch(scene, view, where, mark, *rest):
        area = put(scene, view, where, mark, *rest)
        areas[mark] = area
        return area

    monkeypatch.setattr(objects, "_put", watch)
    overlaps = 0
    for place in range(12):
        scene = objects.render([place % 12, (place + 5) % 12], [12, place])
        whole = np.array([areas[1], areas[2]]) / shading.FINENESS**2
        seen = scene.masks.sum(axis=(1, 2)) / whole
        assert seen.min() > 0.6
        overlaps += seen.min() < 0.97
    assert overlaps  # some do overlap, or the test would say nothing


def test_a_hidden_object_is_drawn_again(monkeypatch):
    """One on top of the other is laid out anew, until both are seen."""
    place, calls = objects._place, []

    def stack(count, generator):
        calls.append(count)
        return [[0, 0, 0.4], [0, 0, 0.6]] if len(calls) < 3 else place(count, generator)

    monkeypatch.setattr(objects, "_place", stack)
    scene = objects.render([7, 9], 1)
    assert len(calls) >= 3
    assert scene.masks.mean(axis=(1, 2)).min() > 0.01


def test_labels_take_turns():
    assert objects.list_labels("train", 25)[:, 0].tolist() == [*range(12)] * 2 + [0]
    pairs = objects.list_labels("pairs", 132)
    assert (np.sort(pairs, axis=1)[:, 0] < np.sort(pairs, axis=1)[:, 1]).all()
    every, counts = np.unique(np.sort(pairs, axis=1), axis=0, return_counts=True)
    assert len(every) == 66
    assert (counts == 2).all()
    assert 0.3 < (pairs[:, 0] < pairs[:, 1]).mean() < 0.7


def test_sheets_give_the_pictures_back(tmp_path):
    """Masks exactly; pictures closely, and no tile bleeds into its neighbour."""
    generator = np.random.default_rng(3)
    images = generator.integers(0, 256, (24, 128, 128, 3)).astype("uint8")
    images = ndimage.uniform_filter(images, (1, 9, 9, 1))
    masks = generator.random((24, 1, 128, 128)) < 0.3
    render_objects.write_sheets(tmp_path, "test", images, masks)
    sheet = imread(tmp_path / "test.jpg")
    assert sheet.shape == (2 * 128, 12 * 128, 3)
    tiles = loader._split(sheet, 24)
    assert np.abs(tiles.astype(int) - images).mean() < 4
    grey = loader._split(imread(tmp_path / "test_masks.png"), 24)
    assert np.array_equal(grey == render_objects.MASK_STEP, masks[:, 0])
    images[13] = 255 - images[13]
    render_objects.write_sheets(tmp_path, "test", images, masks)
    changed = loader._split(imread(tmp_path / "test.jpg"), 24)
    same = (changed == tiles).all(axis=(1, 2, 3))
    assert same.tolist() == [place != 13 for place in range(24)]


def test_names_table_agrees_with_the_labels():
    table = render_objects.list_names("pairs", 66)
    labels = objects.list_labels("pairs", 66)
    assert table["first"].tolist() == [loader.CLASS_NAMES[a] for a, _ in labels]
    assert table["second"].tolist() == [loader.CLASS_NAMES[b] for _, b in labels]
    assert (render_objects.list_names("test", 12)["second"] == "").all()


# Light.


def _make_lamp(azimuth, elevation, softness=0.15):
    return shading.Lamp(
        np.radians(azimuth),
        np.radians(elevation),
        np.full((3, 1, 1), 1.5, "float32"),
        np.full((3, 1, 1), 0.3, "float32"),
        softness,
    )


@pytest.mark.parametrize(
    ("azimuth", "down", "right"), [(0, 0, -1), (90, 1, 0), (180, 0, 1), (270, -1, 0)]
)
def test_a_post_throws_its_shadow_away_from_the_lamp(azimuth, down, right):
    """As long as its height over the tangent of the lamp's elevation."""
    height = np.zeros((256, 256), "float32")
    height[116:140, 116:140] = 40
    lit = shading._cast_shadows(height, _make_lamp(azimuth, 45))
    length = 40

    def look(share):
        far = 12 + share * length
        return lit[round(128 + down * far), round(128 + right * far)]

    assert look(0.4) < 0.2
    assert look(1.6) > 0.9
    assert lit[round(128 - down * 28), round(128 - right * 28)] > 0.9
    low = shading._cast_shadows(height, _make_lamp(azimuth, 25))
    high = shading._cast_shadows(height, _make_lamp(azimuth, 65))
    assert low.mean() < lit.mean() < high.mean()


def test_flat_ground_is_evenly_lit_by_the_cosine_law():
    """By lamp and sky only; the corrections for bounced light are the same anywhere."""
    flat = np.zeros((128, 128), "float32")
    albedo = np.full((3, 128, 128), 0.5, "float32")
    means = []
    for elevation in (30, 60):
        lamp = _make_lamp(0, elevation)
        light = shading.shade(flat, albedo, flat, lamp)
        assert np.ptp(light) < 1e-4
        direct = 0.88 * np.sin(np.radians(elevation)) + 0.12
        means.append((light.mean(), 0.5 * (1.5 * direct + 0.3)))
    for measured, expected in means:
        assert measured == pytest.approx(1.05 * expected, rel=0.01)  # 5 % bounced


def test_normals_of_a_slope():
    """A plane that rises to the right by 1 in 2 and to the top by 1 in 4."""
    rows, columns = np.indices((32, 32)).astype("float32")
    normal = np.stack(shading._find_normals(0.5 * columns - 0.25 * rows))
    expected = np.array([-0.5, -0.25, 1]) / np.sqrt(1 + 0.25 + 0.0625)
    assert np.allclose(normal[:, 5:-5, 5:-5], expected[:, None, None], atol=1e-5)


def test_corners_see_less_sky():
    height = np.zeros((128, 128), "float32")
    height[:, :64] = 30
    sky = shading._find_open_sky(height)
    assert sky[64, 66] < 0.8 < sky[64, 120]
    assert sky[64, 30] > 0.95


def test_noise_is_a_partition_of_its_grid():
    weights = shading._spline_weights(512, 7)
    assert np.allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert weights.min() >= 0
    noise = shading.make_noise(np.random.default_rng(1), 256, (6, 60))
    assert noise.std() == pytest.approx(1, abs=0.25)
    assert np.abs(np.diff(noise, axis=0)).mean() * 4 < np.abs(np.diff(noise)).mean()


def test_shrink_is_the_mean_of_blocks():
    values = np.random.default_rng(2).random((3, 16, 16)).astype("float32")
    wanted = values.reshape(3, 4, 4, 4, 4).mean(axis=(2, 4))
    assert np.allclose(shading.shrink(values), wanted, atol=1e-6)
    assert np.allclose(shading.shrink(shading.enlarge(wanted)), wanted, atol=1e-6)


def test_linear_colour_is_srgb_undone():
    """Against the standard's own two numbers: mid grey, and the straight part."""
    assert shading.to_linear("#bcbcbc") == pytest.approx(0.5029, abs=1e-3)
    assert shading.to_linear("#ff0a00")[1] == pytest.approx(10 / 255 / 12.92, rel=1e-5)


# Shapes.


def _make_grid(size=401):
    place = np.linspace(-1.2, 1.2, size, dtype="float32")
    return np.meshgrid(place, -place)


def _measure(inside, step):
    """Signed distance of a mask, by the exact Euclidean distance transform."""
    return step * (
        ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    )


def test_polygon_distance_agrees_with_a_distance_transform():
    corners = np.array([(-0.7, -0.6), (0.8, -0.3), (0.1, 0.0), (0.3, 0.8)])
    x, y = _make_grid()
    step = 2.4 / 400
    pixels = np.stack([(1.2 - corners[:, 1]) / step, (corners[:, 0] + 1.2) / step], 1)
    truth = _measure(polygon2mask(x.shape, pixels), step)
    found = objects._polygon(x, y, corners, rounding=0)
    assert np.abs(found - truth).max() < 3 * step


@pytest.mark.parametrize(
    "shape",
    [
        lambda x, y: objects._circle(x, y, 0.1, -0.2, 0.6),
        lambda x, y: objects._box(x, y, 0.1, 0, 0.7, 0.4, 0.1),
        lambda x, y: objects._line(x, y, (-0.5, -0.4), (0.6, 0.3), 0.2),
    ],
)
def test_exact_distances_agree_with_a_distance_transform(shape):
    found = shape(*_make_grid())
    truth = _measure(found < 0, 2.4 / 400)
    near = np.abs(truth) < 0.2
    assert np.abs(found - truth)[near].max() < 0.02


def test_spindle_is_where_two_circles_overlap():
    """Tips, widest place, and the distance from within."""
    x, y = _make_grid()
    found = objects._spindle(x, y, 0.9, 0.4)
    inside = found < 0
    assert np.abs(y[inside]).max() == pytest.approx(0.9, abs=0.02)
    assert np.abs(x[inside]).max() == pytest.approx(0.4, abs=0.01)
    truth = _measure(inside, 2.4 / 400)
    assert np.abs(found - truth)[inside].max() < 0.02


def test_ellipse_is_turned_counter_clockwise():
    x, y = _make_grid()
    inside = objects._ellipse(x, y, 0.1, 0.2, 0.8, 0.2, np.pi / 4) < 0
    assert inside.sum() * (2.4 / 400) ** 2 == pytest.approx(np.pi * 0.16, rel=0.01)
    assert x[inside].mean() == pytest.approx(0.1, abs=0.01)
    assert y[inside].mean() == pytest.approx(0.2, abs=0.01)
    assert np.corrcoef(x[inside], y[inside])[0, 1] > 0.8
