import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from helpers import explain, explain_command, models, overlays, pictures
from tests.test_models import NAMES, build_detector

HEIGHT, WIDTH = 120, 200
DOTS = {"red": (40, 70), "green": (85, 120)}  # row and column of their middles
REACH = {"red": 3, "green": 2}  # pixels from a dot's middle to its edge


def draw_dots(**dots):
    """Draw a wide, dim picture with a dot of each colour named."""
    picture = np.full((HEIGHT, WIDTH, 3), 0.2)
    for channel, name in enumerate(NAMES):
        if name in dots:
            (row, column), reach = dots[name], REACH[name]
            rows, columns = (slice(at - reach, at + reach + 1) for at in (row, column))
            picture[rows, columns] = np.eye(3)[channel]
    return Image.fromarray(np.rint(255 * picture).astype("uint8"))


@pytest.fixture(scope="module")
def detector(started):
    return build_detector()


@pytest.fixture(scope="module")
def shelf(detector, tmp_path_factory):
    """A folder with the detector, its class names and a picture."""
    folder = tmp_path_factory.mktemp("shelf")
    detector.save(folder / "model.keras")
    (folder / "names.txt").write_text("red\ngreen\n")
    draw_dots(red=DOTS["red"], green=DOTS["green"]).save(folder / "dots.png")
    draw_dots(red=DOTS["red"]).save(folder / "only_red.png")
    return folder


@pytest.fixture
def run(shelf, tmp_path, capsys):
    """Run the command with the detector; return exit code, output and errors."""

    def run(*arguments, model="model.keras", names="names.txt"):
        flags = ["--model", shelf / model, "--output", tmp_path / "out"]
        flags += ["--class-names", shelf / names] if names else []
        try:
            code = explain_command.main([str(part) for part in (*flags, *arguments)])
        except SystemExit as stop:
            code = stop.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    run.folder = tmp_path / "out"
    return run


def find_peak(heatmap):
    return np.array(np.unravel_index(heatmap.argmax(), heatmap.shape))


def read(path):
    return np.asarray(Image.open(path)) / 255


# Truth: the heat is on the dot


@pytest.mark.parametrize("flags", [[], ["--crop", "0.9"], ["--stretch"]])
@pytest.mark.parametrize("name", NAMES)
def test_the_heat_is_on_the_dot_of_the_class_asked(run, shelf, name, flags):
    code, _, errors = run(
        shelf / "dots.png", "--class", name, "--save-array", "--style", "shade", *flags
    )
    assert (code, errors) == (0, "")
    heatmap = np.load(run.folder / f"dots_grad_cam_{name}.npy")
    assert heatmap.shape == (HEIGHT, WIDTH)
    assert heatmap.dtype == np.float32
    assert np.abs(find_peak(heatmap) - DOTS[name]).max() <= 3  # the dot's own radius
    shaded = read(run.folder / f"dots_grad_cam_{name}_shade.png")
    assert shaded.shape == (HEIGHT, WIDTH, 3)
    light = shaded.max(axis=-1)
    assert np.abs(find_peak(light) - DOTS[name]).max() <= 3


# Deconvnet does not ask where the ReLU was open: its map is even on this network.
@pytest.mark.parametrize(
    "method", sorted({*explain_command.METHOD_NAMES} - {"deconvnet"})
)
def test_every_method_finds_the_dot(detector, shelf, method):
    answer = explain.explain_picture(detector, shelf / "only_red.png", 0, method=method)
    hottest = np.argwhere(answer.heatmap >= 0.9 * answer.heatmap.max())
    assert answer.heatmap.max() > 0
    # LIME knows superpixels only: one reaches some twelve pixels from its middle.
    assert np.abs(hottest.mean(axis=0) - DOTS["red"]).max() < 12


def test_the_commands_methods_are_those_of_the_toolbox(started):
    from helpers.attribution import METHODS

    assert set(explain_command.METHOD_NAMES) == set(METHODS)


def test_what_the_network_did_not_see_is_cold(detector, shelf):
    answer = explain.explain_picture(detector, shelf / "dots.png", crop=0.5)
    seen = np.zeros((HEIGHT, WIDTH), bool)
    seen[30:90, 70:130] = True
    assert answer.heatmap[seen].any()
    assert not answer.heatmap[~seen].any()


# A cell's worth


def test_a_picture_is_explained_in_one_call(detector, shelf):
    answer = explain.explain_picture(
        detector, shelf / "only_red.png", class_names=NAMES, style="blur"
    )
    picture = pictures.read_picture(shelf / "only_red.png")
    image, _ = pictures.fit_picture(picture, (60, 60))
    probabilities = detector(image[None]).numpy()[0]
    assert (answer.class_index, answer.class_name) == (0, "red")
    assert answer.probability == pytest.approx(probabilities[0], abs=1e-6)
    assert [name for name, _ in answer.answers] == NAMES
    np.testing.assert_allclose(
        [share for _, share in answer.answers], probabilities, atol=1e-6
    )
    np.testing.assert_array_equal(answer.picture, picture)
    wanted = overlays.overlay_blur(picture[None], answer.heatmap[None])[0]
    np.testing.assert_array_equal(answer.overlay, wanted)


def test_a_files_content_and_a_function_will_do(detector, shelf):
    from helpers.attribution import saliency

    content = (shelf / "dots.png").read_bytes()
    one = explain.explain_picture(detector, content, "green", class_names=NAMES)
    other = explain.explain_picture(detector, shelf / "dots.png", 1)
    np.testing.assert_array_equal(one.heatmap, other.heatmap)
    by_name = explain.explain_picture(detector, content, method="saliency")
    by_function = explain.explain_picture(detector, content, method=saliency)
    np.testing.assert_array_equal(by_name.heatmap, by_function.heatmap)
    assert other.class_name == "class 1"
    read_before = explain.explain_picture(detector, other.picture, 1)
    np.testing.assert_array_equal(one.heatmap, read_before.heatmap)
    with pytest.raises(ValueError, match=r"Pictures must lie in \[0, 1\]"):
        explain.explain_picture(detector, (255 * other.picture).astype("uint8"))


def test_an_option_reaches_the_method(detector, shelf):
    calls = []

    def method(model, images, class_index, *, layer=None):
        calls.append((class_index.tolist(), layer))
        return np.ones(images.shape[:3], "float32")

    explain.explain_picture(
        detector, shelf / "dots.png", 1, method=method, layer="colours"
    )
    assert calls == [([1], "colours")]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"style": "jet"},
            "The style must be one of heat, shade, blur, all, got 'jet'",
        ),
        ({"method": "magic"}, "There is no method 'magic'; the methods are .*grad_cam"),
        ({"method": "saliency", "layer": "x"}, "method saliency knows no layer"),
        ({"layer": "x"}, "layer 'x' does not exist"),
        ({"class_index": 1}, "grad_cam knows no class_index"),
        ({"class_names": ["one"]}, "has 2 classes, got 1 class names"),
        ({"wanted_class": 2}, "classes 0 to 1, got 2"),
        ({"wanted_class": "-1"}, "classes 0 to 1, got -1"),
        ({"wanted_class": "blue", "class_names": NAMES}, "no class 'blue'"),
        ({"size": (30, 30)}, "pictures of 60 by 60 pixels, got the size 30 by 30"),
    ],
)
def test_a_wrong_request_gets_one_sentence(detector, shelf, options, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        explain.explain_picture(detector, shelf / "dots.png", **options)
    assert "\n" not in str(caught.value)


# Models of all kinds


@pytest.mark.parametrize("scale", [(-1, 1), (0, 255), (-0.5, 2)])
@pytest.mark.parametrize("method", ["grad_cam", "integrated_gradients"])
def test_the_input_range_only_changes_the_scale(detector, shelf, scale, method):
    other = models.adapt_model(build_detector((60, 60), *scale), scale)
    answers = [
        explain.explain_picture(model, shelf / "dots.png", 1, method=method)
        for model in (detector, other)
    ]
    assert answers[0].probability == pytest.approx(answers[1].probability, abs=1e-5)
    peak = answers[0].heatmap.max()
    np.testing.assert_allclose(*(a.heatmap / peak for a in answers), atol=1e-4)


@pytest.mark.parametrize(
    ("head", "squash"),
    [
        ("linear", lambda x: np.exp(x) / np.exp(x).sum()),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    ],
)
def test_logits_and_sigmoids_become_probabilities(shelf, head, squash, started):
    answer = explain.explain_picture(build_detector(head=head), shelf / "dots.png")
    image, _ = pictures.fit_picture(answer.picture, (60, 60))
    logits = build_detector(head="linear")(image[None]).numpy()[0]
    wanted = sorted(squash(logits), reverse=True)
    found = [share for _, share in answer.answers]
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_a_model_for_grey_pictures_gets_grey(started, shelf):
    from keras import Input, Sequential, layers

    model = Sequential(
        [Input((60, 60, 1)), layers.Conv2D(1, 1, use_bias=False), layers.Flatten()]
    )
    seen = []

    def method(model, images, class_index):
        seen.append(images)
        return images[..., 0]

    answer = explain.explain_picture(model, shelf / "dots.png", 0, method=method)
    image, _ = pictures.fit_picture(answer.picture, (60, 60))
    assert seen[0].shape == (1, 60, 60, 1)
    np.testing.assert_allclose(seen[0][0], pictures.turn_grey(image))


def test_a_model_of_any_size_needs_one(started, shelf):
    model = build_detector((None, None))
    with pytest.raises(ValueError, match=r"any size, .* such as 224 and 224"):
        explain.explain_picture(model, shelf / "dots.png")
    answer = explain.explain_picture(model, shelf / "dots.png", 0, size=(60, 100))
    assert np.abs(find_peak(answer.heatmap) - DOTS["red"]).max() <= 3
    assert answer.heatmap[:, 0].shape == (HEIGHT,)


# The command


def test_the_five_best_answers_are_printed(run, shelf):
    code, output, _ = run(shelf / "only_red.png")
    assert code == 0
    lines = output.splitlines()
    assert lines[0] == str(shelf / "only_red.png")
    shares = [
        re.fullmatch(r" +(<?[\d.]+)%  (\w+)", line).groups() for line in lines[1:3]
    ]
    assert [name for _, name in shares] == NAMES
    assert float(shares[0][0]) > 90
    assert lines[3].split()[-1] == str(run.folder / "only_red_grad_cam_red_heat.png")
    assert len(lines) == 4


def test_only_the_five_best_are_printed_and_those_asked_for():
    best = [("a", 0.3), ("c", 0.25), ("d", 0.2), ("e", 0.1), ("f", 0.08)]
    explained = [
        explain.Explanation(None, None, None, index, name, share, best)
        for index, name, share in [(7, "h", 0.0003), (0, "a", 0.3)]
    ]
    lines = explain_command._describe("x.png", explained, ["y.png"])
    listed = [line.split()[-1] for line in lines.splitlines()]
    assert listed == ["x.png", "a", "c", "d", "e", "f", "h", "y.png"]
    assert "<0.1%  h" in lines


def test_styles_are_written_one_a_file_or_side_by_side(run, shelf):
    code, _, _ = run(
        shelf / "dots.png",
        *(["--style", "heat", "--style", "blur", "--style", "all", "--style", "heat"]),
    )
    assert code == 0
    stem = "dots_grad_cam_red"
    files = sorted(path.name for path in run.folder.iterdir())
    assert files == [f"{stem}_{style}.png" for style in ("all", "blur", "heat")]
    together = read(run.folder / f"{stem}_all.png")
    assert together.shape[0] == HEIGHT
    np.testing.assert_array_equal(
        together[:, :WIDTH], read(run.folder / f"{stem}_heat.png")
    )
    assert (together[:, WIDTH] == 1).all()  # the gap
    np.testing.assert_array_equal(
        together[:, -WIDTH:], read(run.folder / f"{stem}_blur.png")
    )


def test_the_written_overlay_is_that_of_the_call(run, shelf, detector):
    classes = ["--class", "green", "--class", "1", "--class", "red"]
    _, output, _ = run(shelf / "dots.png", *classes)
    assert output.count(".png") == 1 + 2
    files = sorted(path.name for path in run.folder.iterdir())
    assert files == [f"dots_grad_cam_{name}_heat.png" for name in ("green", "red")]
    answer = explain.explain_picture(detector, shelf / "dots.png", 1)
    np.testing.assert_allclose(read(run.folder / files[0]), answer.overlay, atol=0.003)


def test_every_picture_gets_a_map_of_its_own(run, tmp_path):
    places = [(20, 60), (90, 60), (60, 100), (30, 140), (100, 130)]
    for number, place in enumerate(places):
        draw_dots(**{NAMES[number % 2]: place}).save(tmp_path / f"{number}.png")
    code, _, _ = run(tmp_path / "*.png", "--save-array", "--method", "cam")
    assert code == 0
    for number, place in enumerate(places):
        name = NAMES[number % 2]
        heatmap = np.load(run.folder / f"{number}_cam_{name}.npy")
        assert np.abs(find_peak(heatmap) - place).max() <= 3


def test_a_broken_picture_does_not_stop_the_others(run, shelf, tmp_path):
    (tmp_path / "broken.png").write_bytes((shelf / "dots.png").read_bytes()[:100])
    code, output, errors = run(
        *(shelf / "only_red.png", tmp_path / "broken.png", tmp_path / "nobody.png"),
        shelf / "dots.png",
    )
    assert code == 1
    assert [line.split(" ")[0] for line in errors.splitlines()] == [
        "There",
        str(tmp_path / "broken.png"),
    ]
    assert "nobody.png" in errors
    assert "broken.png" not in output
    assert len(list(run.folder.iterdir())) == 2
    assert run(shelf / "dots.png", tmp_path / "nobody.png")[0] == 1
    assert run(shelf / "dots.png", tmp_path / "broken.png")[0] == 1
    assert run(shelf / "dots.png")[0] == 0


def test_a_picture_is_never_written_over(run, shelf, tmp_path):
    run.folder.mkdir()
    shutil.copy(shelf / "dots.png", run.folder / "dots.png")
    target = run.folder / "dots_grad_cam_red_heat.png"
    shutil.copy(shelf / "only_red.png", target)
    code, _, errors = run(run.folder)
    assert code == 1
    assert "is one of the pictures to explain" in errors
    assert target.read_bytes() == (shelf / "only_red.png").read_bytes()
    assert (run.folder / "dots_grad_cam_red_heat_grad_cam_red_heat.png").exists()


def test_pictures_of_one_name_are_kept_apart(run, shelf, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    shutil.copy(shelf / "only_red.png", tmp_path / "a" / "x.png")
    shutil.copy(shelf / "dots.png", tmp_path / "b" / "X.png")
    shutil.copy(shelf / "dots.png", tmp_path / "b" / "x_2.png")
    assert run(tmp_path / "a", tmp_path / "b")[0] == 0
    stems = sorted(path.name.split("_grad")[0] for path in run.folder.iterdir())
    assert len({stem.casefold() for stem in stems}) == 3


@pytest.mark.parametrize(
    ("names", "slugs"),
    [
        (["tabby cat", "a/b"], ["tabby_cat", "a_b"]),
        (["crane", "Crane", "x"], ["crane_0", "crane_1", "x"]),
        (["???", "кот"], ["0", "кот"]),
    ],
)
def test_class_names_become_parts_of_file_names(names, slugs):
    found = [explain_command._name_class(index, names) for index in range(len(names))]
    assert found == slugs


def test_files_folders_and_patterns_are_found_once(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png", "deep/c.png", "[d].png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found, complaints = explain_command._find_pictures([str(tmp_path)])
    assert [path.name for path in found] == ["[d].png", "a.JPG", "b.png"]
    found, _ = explain_command._find_pictures(
        [f"{tmp_path}/b.png", f"{tmp_path}/**/*.png"]
    )
    assert [path.name for path in found] == ["b.png", "[d].png", "c.png"]
    found, _ = explain_command._find_pictures([f"{tmp_path}/[d].png"])
    assert [path.name for path in found] == ["[d].png"]
    assert complaints == []
    (tmp_path / "empty").mkdir()
    found, complaints = explain_command._find_pictures(
        [f"{tmp_path}/empty", f"{tmp_path}/x.png", f"{tmp_path}/x*.png"]
    )
    assert found == []
    assert complaints == [
        f"There is no picture at {tmp_path}/{name}; check its name and folder."
        for name in ("empty", "x.png", "x*.png")
    ]


def test_errors_of_the_model_end_the_run_with_a_sentence(run, shelf):
    cases = [
        (["--layer", "nobody"], "The layer 'nobody' does not exist"),
        (["--method", "saliency", "--layer", "colours"], "saliency knows no layer"),
        (["--class", "blue"], "There is no class 'blue'"),
        (["--size", "30", "30"], "60 by 60 pixels, got the size 30 by 30"),
        (["--model-output", "7"], "no output 7"),
    ]
    for flags, sentence in cases:
        code, output, errors = run(shelf / "dots.png", *flags)
        assert (code, output) == (2, "")
        assert sentence in errors
        assert errors.count("\n") == 1
    assert not run.folder.exists()


def test_a_file_in_the_way_of_a_folder_is_told(run, shelf, tmp_path):
    (tmp_path / "file").touch()
    code, _, errors = run(shelf / "dots.png", "--output", tmp_path / "file" / "below")
    assert code == 2
    assert "cannot be written: " in errors
    assert "choose another folder with --output" in errors


QUICK = r"""
import sys
from helpers import explain_command

for arguments, wanted in {cases}:
    try:
        code = explain_command.main(arguments)
    except SystemExit as stop:
        code = stop.code
    print("code", code, wanted)
print(*sorted({{"tensorflow", "keras"}} & set(sys.modules)), "loaded")
"""


def test_help_and_mistakes_answer_without_tensorflow(tmp_path):
    picture, file = tmp_path / "dots.png", tmp_path / "file"
    draw_dots().save(picture)
    file.touch()
    mistakes = {
        "--model=nobody.keras": "The model nobody.keras cannot be read",
        "--model=photo.jpg": "a file that ends in .keras, .h5, .hdf5, got photo.jpg",
        "--method=magic": "invalid choice: 'magic'",
        "--style=jet": "invalid choice: 'jet'",
        "--crop=1.5": "--crop takes a share above 0 and up to 1, got 1.5",
        "--crop=nan": "--crop takes a share",
        "--input-range=1": "expected 2 arguments",
        "--class-names=nobody.txt": "is for models of your own, and objects is not",
        f"--output={file}": "--output takes a folder",
        "--colour": "unrecognized arguments: --colour",
    }
    cases = [([str(picture), flag], 2) for flag in mistakes]
    cases += [([], 2), (["--help"], 0), ([str(tmp_path / "nobody.png")], 1)]
    done = subprocess.run(
        [sys.executable, "-c", QUICK.format(cases=cases)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    codes = [line.split()[1:] for line in lines if line.startswith("code")]
    assert len(codes) == len(cases)
    assert all(found == wanted for found, wanted in codes)
    assert lines[-1].split() == ["loaded"]
    for sentence in mistakes.values():
        assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_help_explains_every_flag_with_an_example(capsys):
    with pytest.raises(SystemExit) as stop:
        explain_command.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    flags = set(re.findall(r"--[a-z-]+", text)) - {"--help"}
    assert flags == {
        *("--model", "--class", "--method", "--layer", "--style", "--output"),
        *("--save-array", "--crop", "--stretch"),
        *("--input-range", "--class-names", "--size", "--model-output"),
    }
    flat = " ".join(text.split())
    for flag in flags - {"--save-array", "--stretch"}:
        assert re.search(rf"such as {flag} \S", flat), flag
    assert "python -m helpers.explain cat.jpg" in flat
    assert "exit code" in flat


@pytest.mark.slow
def test_a_run_prints_its_answers_and_nothing_else(shelf, tmp_path):
    command = [sys.executable, "-m", "helpers.explain", str(shelf / "dots.png")]
    command += ["--model", str(shelf / "model.keras"), "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 4
    assert (tmp_path / "dots_grad_cam_class_0_heat.png").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--crop", "1.5"], "--crop takes a share above 0 and up to 1, got 1.5"),
        (["--class-names", "a.txt"], "--class-names is for models of your own"),
        (["--model", "none.keras"], "none.keras cannot be read"),
        (["--output", __file__], "is a file; choose another"),
    ],
)
def test_flags_that_do_not_fit_end_it_before_tensorflow_starts(flags, message, capsys):
    with pytest.raises(SystemExit) as ended:
        explain_command.main(["x.png", *flags])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_where_no_picture_is_there_is_nothing_to_start(tmp_path, capsys):
    assert explain_command.main([str(tmp_path / "none.png")]) == 1
    assert "none.png" in capsys.readouterr().err
