"""Pictures of any kind in, what a network can take out, and the way back for a map."""

import io
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

LARGEST = 50_000_000  # pixels: a phone's best; more would fill the memory

_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and Keras turn colour to grey


class Box(NamedTuple):
    """The part of a picture that a network saw, in the picture's pixels."""

    top: int
    left: int
    height: int
    width: int


def list_pictures(folder):
    """List a folder's pictures, in the order of their names.

    A picture is what ends in a way that Pillow can open; hidden files are none.

    Parameters
    ----------
    folder : pathlib.Path

    Returns
    -------
    list of pathlib.Path
    """
    opened = Image.registered_extensions()
    endings = {ending for ending, kind in opened.items() if kind in Image.OPEN}
    return [
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in endings and not file.name.startswith(".")
    ]


def read_picture(source):
    """Read a picture in any format that Pillow knows, the way a viewer shows it.

    A camera's orientation mark is obeyed, transparency is laid on white, grey becomes
    colour, 16 bits keep their precision. Of an animation, the first picture counts.

    Parameters
    ----------
    source : str, pathlib.Path or bytes
        A file's path, or its content.

    Returns
    -------
    float32 array (height, width, 3), in [0, 1]

    Raises
    ------
    ValueError
        If there is no such file, if it is empty, damaged or no picture, or if it has
        more than `LARGEST` pixels.
    """
    name, content = _read_content(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content))
        too_large = image.width * image.height > LARGEST
    except UnidentifiedImageError:
        raise ValueError(
            f"{name} is not a picture in a format that Pillow knows; "
            "save it as PNG or JPEG and try again."
        ) from None
    except Image.DecompressionBombError:
        too_large = True
    except Exception as error:  # a damaged file may raise anything
        raise _blame(name, error) from None
    if too_large:
        raise ValueError(
            f"{name} has more than {LARGEST // 10**6} million pixels; "
            "save a smaller copy and try that."
        )
    try:
        return _decode(image)
    except Exception as error:
        raise _blame(name, error) from None


def fit_picture(picture, size, crop=1.0, stretch=False):
    """Cut the middle out of a picture and bring it to the size a network takes.

    The cut has the proportions of `size`, so that nothing is squeezed; with `stretch`
    it has those of the picture. The preprocessing of Inception (Szegedy et al. 2015)
    in its usual code is ``crop=0.875, stretch=True``. Pixels are averaged with a
    triangle as wide as the reduction, which keeps fine patterns from turning into
    coarse ones.

    Parameters
    ----------
    picture : float array (height, width, 3), in [0, 1]
    size : (int, int)
        Height and width wanted.
    crop : float
        Share of the largest possible cut's sides that is kept, above 0, up to 1.
    stretch : bool

    Returns
    -------
    image : float32 array (*size, 3), in [0, 1]
    box : Box
        What was cut out.

    Raises
    ------
    ValueError
        If the picture has another shape, or size or crop are out of range.
    """
    picture = np.asarray(picture, "float32")
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(
            f"A picture must have the shape (height, width, 3), got {picture.shape}; "
            "read it with read_picture."
        )
    if len(size) != 2 or min(size) < 1:
        raise ValueError(
            f"The size must be a height and a width of at least 1, got {size}; "
            "choose, for instance, (224, 224)."
        )
    if not 0 < crop <= 1:
        raise ValueError(
            f"The crop must be a share above 0 and up to 1, got {crop}; "
            "1 keeps as much as possible."
        )
    box = _lay_box(picture.shape[:2], size, crop, stretch)
    inside = picture[box.top : box.top + box.height, box.left : box.left + box.width]
    channels = [_resize(inside[..., channel], size) for channel in range(3)]
    return np.stack(channels, axis=-1).clip(0, 1), box


def place_heatmap(heatmap, box, height, width):
    """Put the map of a cut back where the cut was made, with zeros around it.

    Parameters
    ----------
    heatmap : float array (map_height, map_width)
    box : Box
        As `fit_picture` returned it.
    height, width : int
        Size of the whole picture.

    Returns
    -------
    float32 array (height, width)

    Raises
    ------
    ValueError
        If the map is not one map, or the box does not lie in the picture.
    """
    heatmap = np.asarray(heatmap, "float32")
    if heatmap.ndim != 2:
        raise ValueError(
            f"One map of shape (height, width) is placed at a time, got an array of "
            f"shape {heatmap.shape}; take one with heatmaps[0]."
        )
    box = Box(*box)
    bottom, right = box.top + box.height, box.left + box.width
    if min(box.top, box.left) < 0 or bottom > height or right > width:
        raise ValueError(
            f"{box} does not lie in a picture of {height} by {width} pixels; "
            "give the size of the picture that fit_picture was given."
        )
    placed = np.zeros((height, width), "float32")
    placed[box.top : bottom, box.left : right] = _resize(heatmap, box[2:])
    return placed


def turn_grey(images):
    """Turn colour into one grey channel, weighted as the eye does (ITU-R BT.601).

    Parameters
    ----------
    images : float array (..., 3)

    Returns
    -------
    float32 array (..., 1)
    """
    return (np.asarray(images, "float32") @ np.array(_GREY, "float32"))[..., None]


def _read_content(source):
    if isinstance(source, bytes):
        name, content = "The upload", source
    else:
        path = Path(source).expanduser()
        name = str(path)
        if path.is_dir():
            raise ValueError(f"{name} is a folder; name a picture in it.")
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise ValueError(
                f"There is no file {name}; check its name and folder."
            ) from None
        except OSError as error:
            raise ValueError(
                f"{name} cannot be read: {error.strerror}; check its permissions."
            ) from None
    if not content:
        raise ValueError(f"{name} is empty, 0 bytes; fetch or save it again.")
    return name, content


def _decode(image):
    """Load the pixels and turn them into float32 RGB."""
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        grey = np.asarray(image, "float32") / (1 if image.mode == "F" else 65535)
        if not (grey.min() >= 0 and grey.max() <= 1):  # not: NaN is refused too
            raise ValueError("its values have no known white")
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"), "float32") / 255


def _blame(name, error):
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    return ValueError(
        f"{name} is damaged or unusual and cannot be read "
        f"({reason or type(error).__name__}); save it anew as PNG or JPEG."
    )


def _lay_box(shape, size, crop, stretch):
    height, width = shape
    if not stretch:
        scale = min(height / size[0], width / size[1])
        height, width = scale * size[0], scale * size[1]
    height, width = (max(1, round(crop * length)) for length in (height, width))
    return Box((shape[0] - height) // 2, (shape[1] - width) // 2, height, width)


def _resize(plane, size):
    """Resize one channel: bilinear, and anti-aliased where it shrinks."""
    image = Image.fromarray(np.ascontiguousarray(plane, "float32"))
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR))
