"""Show where an image classifier looks, on pictures of your own.

It asks a network what each picture shows, prints its five best answers, and lays a
heatmap of what speaks for a class over the picture.
"""

import argparse
import contextlib
import functools
import io
import re
import sys
from glob import glob
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from helpers import explain, models, pictures, runtime, sources

# attribution.METHODS would import TensorFlow: --help and a mistyped flag answer at
# once. A test holds the two against each other.
METHOD_NAMES = (
    *("saliency", "gradient_times_input", "smooth_grad", "guided_backprop"),
    *("deconvnet", "integrated_gradients", "lrp", "cam", "grad_cam"),
    *("grad_cam_plus_plus", "layer_cam", "score_cam", "guided_grad_cam"),
    *("occlusion", "rise", "lime"),
)

_EPILOGUE = """\
examples:
  python -m helpers.explain drawing.png
  python -m helpers.explain cat.jpg --model mobilenet_v2 --style all
  python -m helpers.explain "holiday/*.jpg" --model mobilenet_v2 --method layer_cam
  python -m helpers.explain photos --model mine.keras --class-names names.txt

exit code:
  0  every picture was explained
  1  some pictures could not be; a sentence tells which and why
  2  nothing was done, because of a flag or of the model
"""


def main(arguments=None):
    """Explain the pictures named on the command line, and return the exit code."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # for consoles that lack a letter
    request = _read_arguments(arguments)
    paths, complaints = _find_pictures(request.images)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if not paths:
        return 1
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runtime.start()
        failures = _explain_files(paths, request)
    except (ValueError, sources.SourceError) as error:
        print(error, file=sys.stderr)
        return 2
    return int(bool(complaints or failures))


def _read_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m helpers.explain",
        description=__doc__,
        epilog=_EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help='a picture, a folder of pictures, or a pattern, such as "photos/*.jpg"',
    )
    parser.add_argument(
        "--model",
        default="objects",
        help="objects, the course's own network (default); mobilenet_v2, which knows "
        "ImageNet's 1,000 classes and is fetched on first use; or a .keras, .h5 or "
        ".hdf5 file of yours, such as --model mine.keras",
    )
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        metavar="CLASS",
        help="name or index of a class to explain, such as --class tabby; may be "
        "repeated (default: the network's own first answer)",
    )
    parser.add_argument(
        "--method",
        default="grad_cam",
        choices=METHOD_NAMES,
        metavar="METHOD",
        help=f"{', '.join(METHOD_NAMES)} (default: grad_cam), such as --method "
        "integrated_gradients",
    )
    parser.add_argument(
        "--layer",
        help="the layer that a method of the CAM family reads, such as --layer "
        "block2_conv (default: the last convolution)",
    )
    parser.add_argument(
        "--style",
        dest="styles",
        action="append",
        choices=explain.STYLES,
        help="heat: colours (default); shade: dark where it is cold; blur: sharp where "
        "it is hot; all: the three side by side; may be repeated, such as --style heat "
        "--style blur",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("explained"),
        metavar="FOLDER",
        help="where the overlays go (default: explained), such as --output results",
    )
    parser.add_argument(
        "--save-array",
        action="store_true",
        help="also save each heatmap, raw, at the picture's size, as float32 in a .npy "
        "file for numpy.load",
    )
    parser.add_argument(
        "--crop",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="share of the sides that the network is shown, from the middle, such as "
        "--crop 0.875 (default: 1)",
    )
    parser.add_argument(
        "--stretch",
        action="store_true",
        help="squeeze the whole picture into the network's format, where otherwise "
        "what sticks out of it is cut off",
    )
    own = parser.add_argument_group("for models of your own")
    own.add_argument(
        "--input-range",
        nargs=2,
        type=float,
        metavar=("BLACK", "WHITE"),
        help="the numbers it takes for black and white, such as --input-range -1 1 "
        "(default: 0 1)",
    )
    own.add_argument(
        "--class-names",
        metavar="FILE",
        help="text with one name a line, or JSON like ImageNet's class index, such as "
        "--class-names names.txt",
    )
    own.add_argument(
        "--size",
        nargs=2,
        type=int,
        metavar=("HEIGHT", "WIDTH"),
        help="for a model that takes any size, such as --size 224 224",
    )
    own.add_argument(
        "--model-output",
        metavar="OUTPUT",
        help="name or index of the output, for a model with several, such as "
        "--model-output 0",
    )
    request = parser.parse_args(arguments)
    try:
        _check_arguments(request)
    except ValueError as error:
        parser.exit(2, f"{error}\n")
    return request


def _check_arguments(request):
    """Find what is wrong before TensorFlow starts; read the class names."""
    if request.model in models.COURSE_MODELS:
        for flag in ("input_range", "class_names", "size", "model_output"):
            if getattr(request, flag) is not None:
                raise ValueError(
                    f"--{flag.replace('_', '-')} is for models of your own, and "
                    f"{request.model} is not; leave it out."
                )
    else:
        models.check_model_file(request.model)
    if request.class_names is not None:
        request.class_names = models.read_class_names(request.class_names)
    if not 0 < request.crop <= 1:
        raise ValueError(
            f"--crop takes a share above 0 and up to 1, got {request.crop:g}; write, "
            "for instance, --crop 0.875."
        )
    if request.output.exists() and not request.output.is_dir():
        raise ValueError(
            f"--output takes a folder, and {request.output} is a file; choose another."
        )
    request.styles = list(dict.fromkeys(request.styles or ["heat"]))


def _find_pictures(names):
    """Turn files, folders and patterns into files, each once, and complaints.

    Patterns are expanded here too, since not every shell does.
    """
    paths: dict[Path, Path] = {}
    complaints = []
    for name in names:
        path = Path(name).expanduser()
        if path.is_dir():
            found = pictures.list_pictures(path)
        elif path.exists():
            found = [path]
        else:
            found = map(Path, glob(str(path), recursive=True))
        found = sorted(file for file in found if file.is_file())
        for file in found:
            paths.setdefault(file.resolve(), file)
        if not found:
            complaints.append(
                f"There is no picture at {name}; check its name and folder."
            )
    return list(paths.values()), complaints


def _explain_files(paths, request):
    """Explain the pictures one by one, and return how many could not be."""
    model, own_names = models.load_model(
        request.model, request.input_range or (0, 1), request.model_output
    )
    class_names = models.name_classes(model, request.class_names or own_names)
    ask = functools.partial(
        explain.explain_picture,
        method=request.method,
        style=request.styles[0],
        class_names=class_names,
        size=request.size,
        crop=request.crop,
        stretch=request.stretch,
    )
    options = {} if request.layer is None else {"layer": request.layer}
    failures = 0
    # No bar for one picture, nor (None: ask the terminal) in a log file.
    bar = tqdm(paths, unit="picture", disable=len(paths) == 1 or None)
    for path, stem in zip(bar, _name_files(paths), strict=True):
        try:
            picture = pictures.read_picture(path)
        except ValueError as error:
            failures += 1
            tqdm.write(str(error), file=sys.stderr)
            continue
        # Errors of the model and of the folder are not caught: they end the run.
        wanted = request.classes or [None]
        explained = [ask(model, picture, one, **options) for one in wanted]
        explained = list({one.class_index: one for one in explained}.values())
        with _writing(request.output):
            request.output.mkdir(parents=True, exist_ok=True)
        try:
            written = _save(explained, stem, class_names, paths, request)
        except ValueError as error:
            failures += 1
            tqdm.write(str(error), file=sys.stderr)
            continue
        tqdm.write(_describe(path, explained, written))
    return failures


def _save(explained, stem, class_names, originals, request):
    """Write the overlays of one picture and return their paths."""
    written = []
    for one in explained:
        name = f"{stem}_{request.method}_{_name_class(one.class_index, class_names)}"
        for style in request.styles:
            target = request.output / f"{name}_{style}.png"
            overlay = one.overlay
            if style != request.styles[0]:
                overlay = explain.draw_overlay(one.picture, one.heatmap, style)
            with _writing(target):
                if target.exists() and any(map(target.samefile, originals)):
                    raise ValueError(
                        f"{target} is one of the pictures to explain, so it is not "
                        "written over; choose another folder with --output."
                    )
                Image.fromarray(np.rint(255 * overlay).astype("uint8")).save(target)
            written.append(target)
        if request.save_array:
            target = request.output / f"{name}.npy"
            with _writing(target):
                np.save(target, one.heatmap)
            written.append(target)
    return written


def _describe(path, explained, written):
    """Write out the best answers, those explained too, and the files written."""
    asked = [(one.class_name, one.probability) for one in explained]
    answers = [
        f"{explain.format_share(share):>8}  {name}"
        for name, share in dict.fromkeys([*explained[0].answers, *asked])
    ]
    return "\n".join([str(path), *answers, *(f"      ->  {file}" for file in written)])


def _name_files(paths):
    """Return a stem for each path, numbered where two would be the same."""
    stems, taken = [], set()
    for path in paths:
        number, stem = 1, path.stem
        while stem.casefold() in taken:
            number += 1
            stem = f"{path.stem}_{number}"
        taken.add(stem.casefold())
        stems.append(stem)
    return stems


def _name_class(index, class_names):
    """Return a class's name as a part of a file name, unlike that of any other."""
    plain = [re.sub(r"\W+", "_", name).strip("_").casefold() for name in class_names]
    if plain[index] and plain.count(plain[index]) == 1:
        return plain[index]
    return f"{plain[index]}_{index}".strip("_")


@contextlib.contextmanager
def _writing(target):
    """Turn what the disk refuses into one sentence."""
    try:
        yield
    except OSError as error:
        raise ValueError(
            f"{target} cannot be written: {error.strerror or error}; choose another "
            "folder with --output."
        ) from None
