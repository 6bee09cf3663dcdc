import io
import os

import numpy as np
import pytest
from PIL import Image

from helpers import pictures
from helpers.pictures import Box, fit_picture, place_heatmap, read_picture, turn_grey

GENERATOR = np.random.default_rng(3)
BYTES = GENERATOR.integers(0, 256, (4, 6, 3), dtype="uint8")


def save(folder, image, name="picture.png", **options):
    path = folder / name
    image.save(path, **options)
    return path


# Reading


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.webp"])
def test_colours_are_read_as_they_are(tmp_path, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    picture = read_picture(save(tmp_path, Image.fromarray(BYTES), name, **options))
    assert picture.dtype == np.float32
    np.testing.assert_array_equal(picture, BYTES.astype("float32") / 255)


def test_a_path_its_text_and_its_content_give_the_same(tmp_path):
    path = save(tmp_path, Image.fromarray(BYTES))
    for source in (str(path), path.read_bytes()):
        np.testing.assert_array_equal(read_picture(source), read_picture(path))


# What a viewer does to the stored pixels, by EXIF 2.3, section 4.6.4, tag 274.
TURNS = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: stored[::-1, ::-1],
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", TURNS)
def test_the_cameras_orientation_is_obeyed(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    path = save(tmp_path, Image.fromarray(BYTES), exif=exif)
    wanted = TURNS[orientation](BYTES).astype("float32") / 255
    np.testing.assert_array_equal(read_picture(path), wanted)


def test_grey_becomes_colour(tmp_path):
    grey = BYTES[..., 0]
    picture = read_picture(save(tmp_path, Image.fromarray(grey)))
    np.testing.assert_array_equal(picture, np.stack([grey] * 3, -1) / np.float32(255))


def test_black_and_white_become_zero_and_one(tmp_path):
    ink = BYTES[..., 0] > 127
    picture = read_picture(save(tmp_path, Image.fromarray(ink)))
    np.testing.assert_array_equal(picture[..., 1], ink)


@pytest.mark.parametrize("name", ["deep.png", "deep.tiff"])
def test_sixteen_bits_keep_their_precision(tmp_path, name):
    deep = np.array([[0, 1, 257], [30000, 65534, 65535]], "uint16")
    picture = read_picture(save(tmp_path, Image.fromarray(deep), name))
    np.testing.assert_allclose(picture[..., 2], deep / 65535, rtol=1e-6)


def test_real_numbers_are_read_if_white_is_one(tmp_path):
    values = np.array([[0.0, 0.25, 1.0]], "float32")
    picture = read_picture(save(tmp_path, Image.fromarray(values), "a.tiff"))
    np.testing.assert_array_equal(picture[..., 0], values)


@pytest.mark.parametrize("values", [[[0.0, 200.0]], [[-1.0, 1.0]], [[np.nan, 1.0]]])
def test_real_numbers_without_a_known_white_are_refused(tmp_path, values):
    path = save(tmp_path, Image.fromarray(np.array(values, "float32")), "a.tiff")
    with pytest.raises(ValueError, match=r"no known white\); save it anew"):
        read_picture(path)


def test_transparency_is_laid_on_white(tmp_path):
    alpha = GENERATOR.integers(0, 256, (4, 6, 1), dtype="uint8")
    path = save(tmp_path, Image.fromarray(np.concatenate([BYTES, alpha], axis=2)))
    share = alpha / 255
    wanted = share * BYTES / 255 + (1 - share)
    np.testing.assert_allclose(read_picture(path), wanted, atol=1.01 / 255)


def test_a_transparent_colour_of_a_palette_is_white(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    path = save(tmp_path, image, transparency=0)
    assert read_picture(path).tolist() == [[[1, 1, 1], [0, 0, 1]]]


def test_grey_with_transparency_is_laid_on_white(tmp_path):
    image = Image.new("LA", (2, 1), (0, 0))
    image.putpixel((1, 0), (102, 255))
    picture = read_picture(save(tmp_path, image))
    np.testing.assert_allclose(picture[0], [[1] * 3, [0.4] * 3])


def test_printers_colours_become_red_green_and_blue(tmp_path):
    path = save(tmp_path, Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "a.tiff")
    np.testing.assert_allclose(read_picture(path)[0, 0], [1, 0, 0], atol=0.02)


def test_of_an_animation_the_first_picture_counts(tmp_path):
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("red", "blue")]
    path = save(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert read_picture(path)[0, 0].tolist() == [1, 0, 0]


# What cannot be read


def refuse(source, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        read_picture(source)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_missing_file_is_named(tmp_path):
    refuse(tmp_path / "nobody.jpg", r"There is no file .*nobody\.jpg; check its name")


def test_a_folder_is_no_picture(tmp_path):
    refuse(tmp_path, "is a folder; name a picture in it")


def test_an_empty_file_is_no_picture(tmp_path):
    (tmp_path / "empty.png").touch()
    refuse(tmp_path / "empty.png", r"empty\.png is empty, 0 bytes")
    refuse(b"", "The upload is empty")


def test_a_text_is_no_picture(tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear reader,")
    refuse(tmp_path / "letter.jpg", r"letter\.jpg is not a picture .* PNG or JPEG")


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
def test_a_truncated_picture_is_refused_whole(kind):
    file = io.BytesIO()
    noise = GENERATOR.integers(0, 256, (64, 64, 3), dtype="uint8")
    Image.fromarray(noise).save(file, kind)
    refuse(file.getvalue()[: len(file.getvalue()) // 2], "The upload is (damaged|not)")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read all")
def test_a_locked_file_is_named(tmp_path):
    path = save(tmp_path, Image.fromarray(BYTES))
    path.chmod(0)
    refuse(path, "cannot be read: Permission denied")


@pytest.mark.parametrize("shape", [(10000, 5001), (10000, 10000), (20000, 10000)])
@pytest.mark.filterwarnings("error")
def test_an_absurdly_large_picture_is_refused_before_it_is_loaded(shape, monkeypatch):
    file = io.BytesIO()
    Image.new("1", shape).save(file, "png")
    monkeypatch.setattr(pictures, "_decode", lambda image: pytest.fail("loaded"))
    refuse(file.getvalue(), "more than 50 million pixels; save a smaller copy")


# Cutting and resizing


def resize_with_triangles(plane, size):
    """Resize as the definition says: each output pixel is a weighted mean."""

    def weigh(count, wanted):
        scale = count / wanted
        places = (np.arange(wanted)[:, None] + 0.5) * scale
        distance = np.abs(np.arange(count) + 0.5 - places) / max(scale, 1)
        weights = (1 - distance).clip(min=0)
        return weights / weights.sum(axis=1, keepdims=True)

    return weigh(plane.shape[0], size[0]) @ plane @ weigh(plane.shape[1], size[1]).T


@pytest.mark.parametrize("size", [(10, 10), (7, 21), (90, 60), (33, 120)])
def test_fitting_agrees_with_the_definition(size):
    picture = GENERATOR.random((60, 90, 3)).astype("float32")
    image, box = fit_picture(picture, size)
    cut = picture[box.top : box.top + box.height, box.left : box.left + box.width]
    assert image.shape == (*size, 3)
    assert image.dtype == np.float32
    for channel in range(3):
        wanted = resize_with_triangles(cut[..., channel], size)
        np.testing.assert_allclose(image[..., channel], wanted, atol=2e-6)


@pytest.mark.parametrize(
    ("shape", "size", "options", "box"),
    [
        ((100, 200), (50, 50), {}, (0, 50, 100, 100)),
        ((200, 100), (50, 50), {}, (50, 0, 100, 100)),
        ((100, 200), (30, 60), {}, (0, 0, 100, 200)),
        ((100, 100), (20, 80), {}, (37, 0, 25, 100)),
        ((100, 200), (50, 50), {"crop": 0.5}, (25, 75, 50, 50)),
        ((100, 200), (50, 50), {"stretch": True}, (0, 0, 100, 200)),
        ((80, 160), (50, 50), {"crop": 0.875, "stretch": True}, (5, 10, 70, 140)),
        ((1, 400), (50, 50), {"crop": 0.1}, (0, 199, 1, 1)),
    ],
)
def test_the_middle_is_cut_out(shape, size, options, box):
    image, found = fit_picture(np.ones((*shape, 3)), size, **options)
    assert found == Box(*box)
    np.testing.assert_allclose(image, 1)


def test_a_fine_pattern_turns_grey_not_coarse():
    stripes = np.zeros((128, 128, 3))
    stripes[:, ::2] = 1
    image, _ = fit_picture(stripes, (50, 50))
    assert np.abs(image - 0.5).max() < 0.1


@pytest.mark.parametrize("shape", [(5, 5), (5, 5, 1), (5, 5, 4), (0, 5, 3)])
def test_what_is_no_picture_is_not_fitted(shape):
    with pytest.raises(ValueError, match=r"shape \(height, width, 3\), got"):
        fit_picture(np.zeros(shape), (4, 4))


@pytest.mark.parametrize("crop", [0, -1, 1.01, np.nan])
def test_a_crop_is_a_share(crop):
    with pytest.raises(ValueError, match="above 0 and up to 1"):
        fit_picture(np.zeros((5, 5, 3)), (4, 4), crop)


def test_a_size_has_pixels():
    with pytest.raises(ValueError, match="at least 1, got"):
        fit_picture(np.zeros((5, 5, 3)), (4, 0))


# The way back


@pytest.mark.parametrize(
    "options", [{}, {"crop": 0.7}, {"stretch": True}, {"crop": 0.875, "stretch": True}]
)
@pytest.mark.parametrize("shape", [(200, 360), (360, 200), (90, 100)])
def test_a_dots_map_comes_back_onto_the_dot(shape, options):
    height, width = shape
    row, column = height // 2 + 23, width // 2 - 27
    picture = np.zeros((height, width, 3), "float32")
    picture[row - 2 : row + 3, column - 2 : column + 3] = 1
    image, box = fit_picture(picture, (96, 96), **options)
    placed = place_heatmap(image[..., 0], box, height, width)
    peak = np.unravel_index(placed.argmax(), placed.shape)
    assert placed.shape == shape
    assert np.abs(np.subtract(peak, (row, column))).max() <= 2
    if min(box) > 0:
        # Stretched over the whole picture, the map would miss the dot.
        missed = place_heatmap(image[..., 0], (0, 0, height, width), height, width)
        wrong = np.unravel_index(missed.argmax(), shape)
        assert np.abs(np.subtract(wrong, (row, column))).max() > 2


def test_outside_the_cut_there_is_no_heat_and_inside_the_map_keeps_its_values():
    placed = place_heatmap(np.full((7, 7), -2.5), Box(3, 4, 10, 20), 30, 40)
    assert placed.dtype == np.float32
    np.testing.assert_allclose(placed[3:13, 4:24], -2.5)
    assert np.count_nonzero(placed) == 10 * 20


def test_a_map_is_enlarged_as_its_definition_says():
    heatmap = GENERATOR.normal(size=(7, 9))
    placed = place_heatmap(heatmap, Box(0, 0, 50, 60), 50, 60)
    wanted = resize_with_triangles(heatmap, (50, 60))
    np.testing.assert_allclose(placed, wanted, atol=1e-6)


@pytest.mark.parametrize(
    "box", [Box(-1, 0, 5, 5), Box(0, -1, 5, 5), Box(6, 0, 5, 5), Box(0, 6, 5, 5)]
)
def test_a_box_beyond_the_picture_is_refused(box):
    with pytest.raises(ValueError, match="does not lie in a picture of 10 by 10"):
        place_heatmap(np.zeros((3, 3)), box, 10, 10)


def test_one_map_is_placed_at_a_time():
    with pytest.raises(ValueError, match=r"got an array of shape \(1, 3, 3\)"):
        place_heatmap(np.zeros((1, 3, 3)), Box(0, 0, 5, 5), 5, 5)


def test_grey_is_as_pillow_makes_it():
    wanted = np.asarray(Image.fromarray(BYTES).convert("L"))
    grey = turn_grey(BYTES / 255)
    assert grey.shape == (4, 6, 1)
    np.testing.assert_allclose(grey[..., 0], wanted / 255, atol=0.6 / 255)
