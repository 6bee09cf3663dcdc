import matplotlib
import numpy as np
import pytest
from scipy import ndimage

from helpers import figures
from helpers.overlays import (
    STYLES,
    normalize,
    overlay_blur,
    overlay_heat,
    overlay_shade,
)

GENERATOR = np.random.default_rng(5)
ROWS, COLUMNS = np.mgrid[:120, :160]


def make_hill(row=60, column=80, radius=40.0):
    """Heat that falls evenly from 1 in the middle to 0 at the radius."""
    distance = np.hypot(ROWS - row, COLUMNS - column)
    return (1 - distance / radius).clip(0).astype("float32")[None]


def make_noise(*shape):
    return GENERATOR.random(shape).astype("float32")


# Normalising


def test_each_map_is_divided_by_its_own_maximum():
    heatmaps = np.array([[[1.0, 2.0]], [[5.0, 50.0]]])
    np.testing.assert_allclose(normalize(heatmaps), [[[0.5, 1]], [[0.1, 1]]])


@pytest.mark.parametrize("peak", [1e-30, 1e30])
def test_the_scale_of_a_map_does_not_matter(peak):
    heatmaps = np.array([[[0.25, 1.0]]]) * peak
    np.testing.assert_allclose(normalize(heatmaps), [[[0.25, 1]]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_map_without_heat_is_zero(value):
    normalized = normalize(np.full((2, 3, 4), value))
    assert normalized.dtype == np.float32
    assert (normalized == 0).all()


def test_what_speaks_against_is_cut_off():
    assert normalize([[[-8.0, 2.0, 4.0]]]).tolist() == [[[0, 0.5, 1]]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_map_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="finite numbers, got NaN or infinity"):
        normalize([[[1.0, value]]])


def test_a_single_map_needs_its_first_axis():
    with pytest.raises(ValueError, match=r"heatmap\[None\]"):
        normalize(np.zeros((3, 4)))


# All styles


@pytest.fixture(params=STYLES)
def overlay(request):
    return STYLES[request.param]


def test_overlays_are_colour_pictures(overlay):
    images = make_noise(2, 120, 160, 1)
    laid = overlay(images, np.concatenate([make_hill(), -make_hill()]))
    assert laid.shape == (2, 120, 160, 3)
    assert laid.dtype == np.float32
    assert laid.min() >= 0
    assert laid.max() <= 1


def test_each_picture_is_laid_over_by_itself(overlay):
    images = make_noise(2, 120, 160, 3)
    heatmaps = np.concatenate([make_hill(), 7 * make_hill(20, 30)])
    both = overlay(images, heatmaps)
    for place in range(2):
        alone = overlay(images[place : place + 1], heatmaps[place : place + 1])
        np.testing.assert_allclose(both[place], alone[0])


def test_no_picture_gives_no_overlay(overlay):
    assert overlay(np.zeros((0, 4, 5, 3)), np.zeros((0, 4, 5))).shape == (0, 4, 5, 3)


def test_the_arrays_given_are_not_changed(overlay):
    images, heatmaps = make_noise(1, 120, 160, 3), make_hill() - 0.5
    copies = images.copy(), heatmaps.copy()
    overlay(images, heatmaps)
    np.testing.assert_array_equal(images, copies[0])
    np.testing.assert_array_equal(heatmaps, copies[1])


def test_a_speck_is_seen_as_an_area(overlay):
    # The gradient's maps are made of single pixels, which no eye would find.
    images = make_noise(1, 120, 160, 3)
    speck = np.zeros((1, 120, 160))
    speck[0, 40, 50] = 1
    changed = np.abs(overlay(images, speck) - overlay(images, 0 * speck)).max(axis=-1)
    assert 30 < np.count_nonzero(changed > 0.05) < 600
    rows, columns = np.nonzero(changed[0] > 0.05)
    assert abs(rows.mean() - 40) < 1
    assert abs(columns.mean() - 50) < 1


@pytest.mark.parametrize(
    ("images", "heatmaps", "sentence"),
    [
        (np.zeros((1, 4, 5, 3)), np.zeros((1, 5, 4)), "heatmap of its own size"),
        (np.zeros((2, 4, 5, 3)), np.zeros((1, 4, 5)), "heatmap of its own size"),
        (np.zeros((4, 5, 3)), np.zeros((1, 4, 5)), r"image\[None\]"),
        (np.zeros((1, 4, 5, 2)), np.zeros((1, 4, 5)), "width, 1 or 3"),
        (np.full((1, 4, 5, 3), 255), np.zeros((1, 4, 5)), "from 255 to 255; undo"),
        (np.full((1, 4, 5, 3), -0.5), np.zeros((1, 4, 5)), r"lie in \[0, 1\]"),
        (np.full((1, 4, 5, 3), np.nan), np.zeros((1, 4, 5)), r"lie in \[0, 1\]"),
        (np.zeros((1, 4, 5, 3)), np.full((1, 4, 5), np.nan), "finite"),
    ],
)
def test_what_does_not_fit_is_refused(overlay, images, heatmaps, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        overlay(images, heatmaps)
    assert "\n" not in str(caught.value)


# Heat


def test_what_is_cold_stays_the_picture():
    images = make_noise(1, 120, 160, 3)
    laid = overlay_heat(images, make_hill())
    far = np.hypot(ROWS - 60, COLUMNS - 80) > 50
    np.testing.assert_array_equal(laid[0, far], images[0, far])
    np.testing.assert_array_equal(overlay_heat(images, 0 * make_hill()), images)


def test_what_is_hot_has_the_maps_colour_and_lets_the_picture_through():
    top = np.array(matplotlib.colormaps[figures.HEAT](1.0)[:3])
    dark, light = (
        overlay_heat(np.full((1, 120, 160, 3), value), make_hill())[0, 60, 80]
        for value in (0.0, 1.0)
    )
    assert np.abs(dark / dark[0] - top / top[0]).max() < 0.05
    np.testing.assert_allclose(light - dark, (light - dark)[0], atol=1e-6)
    assert 0.2 < (light - dark)[0] < 0.6  # the picture's share


def test_more_heat_is_never_darker_on_a_dark_picture():
    # Jet fails this: its middle is lighter than its end.
    laid = overlay_heat(np.zeros((1, 120, 160, 3)), make_hill())[0]
    luminance = laid[60, 80:] @ [0.2126, 0.7152, 0.0722]  # from the top down to cold
    off_the_line = np.abs(np.arange(80) - 20) > 4
    assert (np.diff(luminance[off_the_line]) <= 1e-6).all()
    assert luminance[0] > 0.4


def test_a_line_surrounds_what_is_at_least_half_as_hot():
    laid = overlay_heat(np.full((1, 120, 160, 3), 0.5), make_hill())[0]
    line = laid.min(axis=-1) > 0.65
    radii = np.hypot(ROWS - 60, COLUMNS - 80)[line]
    assert np.abs(radii - 20).max() < 2.5  # half of the hill's radius, bar smoothing
    angles = np.arctan2(ROWS[line] - 60, COLUMNS[line] - 80)
    assert (np.histogram(angles, bins=12, range=(-np.pi, np.pi))[0] > 0).all()


@pytest.mark.parametrize("brightness", [0.0, 0.5, 1.0])
def test_the_line_reads_in_grey_print(brightness):
    laid = overlay_heat(np.full((1, 120, 160, 3), brightness), make_hill())[0]
    across = laid[60, 92:110] @ [0.299, 0.587, 0.114]  # over the line, to the right
    assert across.max() - across.min() > 0.4


def test_the_line_closes_where_the_heat_meets_the_pictures_edge():
    laid = overlay_heat(np.full((1, 120, 160, 3), 0.4), make_hill(60, 0))[0]
    assert (laid[50:70, 0].min(axis=-1) > 0.6).mean() > 0.9


# Shade and blur


def test_shade_keeps_what_is_hot_and_darkens_what_is_cold():
    images = make_noise(1, 120, 160, 3)
    laid = overlay_shade(images, make_hill())
    np.testing.assert_allclose(laid[0, 60, 80], images[0, 60, 80], rtol=1e-5)
    np.testing.assert_allclose(laid[0, :10], 0.15 * images[0, :10], rtol=1e-5)
    light = (laid / images.clip(1e-6))[0, 60, 80:]
    assert (np.diff(light) <= 1e-5).all()


def test_blur_keeps_what_is_hot_sharp():
    images = make_noise(1, 120, 160, 3)
    laid = overlay_blur(images, make_hill())
    np.testing.assert_allclose(laid[0, 60, 80], images[0, 60, 80], rtol=1e-5)


@pytest.mark.parametrize("size", [120, 900])  # 900: made smaller for blurring
def test_blur_blurs_and_dims_what_is_cold(size):
    images = ndimage.gaussian_filter(make_noise(1, size, size, 1), (0, 2, 2, 0))
    laid = overlay_blur(images, np.zeros((1, size, size)))
    wanted = 0.6 * ndimage.gaussian_filter(
        images, (0, 0.03 * size, 0.03 * size, 0), mode="mirror"
    )
    np.testing.assert_allclose(laid, np.repeat(wanted, 3, axis=3), atol=0.005)
