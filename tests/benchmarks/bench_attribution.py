"""Measure what heatmaps cost, beside the passes they need and beside other libraries.

    python tests/benchmarks/bench_attribution.py [--quick]

takes about seven minutes and 6 GB of memory, or with --quick under one minute. It
prints Markdown tables, and at the end which of the wanted figures are met. The networks
are untrained, which makes no difference to time. Whatever is compared takes turns, so
that a busy machine slows all alike, and a ratio is the median over the rounds. xplique
does not fit beside the course's libraries: `time_xplique.py` times it and the course's
methods in one process, in an environment made in build/xplique when first needed.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import numpy as np
from scipy import ndimage

from helpers import runtime

ROOT = Path(__file__).resolve().parent.parent.parent
BATCH_SIZE = 32
ALONE = (1,)
LONG = 10  # seconds


class Job(NamedTuple):
    """What a method is asked for, and the passes that it cannot do without."""

    options: dict
    passes: str  # "forward", or "gradient": forward and backward
    count: int = 1  # passes for each image
    batches: tuple = (1, BATCH_SIZE)  # images at once in which it is timed


class Network(NamedTuple):
    """A network under measurement."""

    name: str
    model: object
    logits: object  # the model without its softmax, as the other libraries want it
    layer: str  # the one that methods of the CAM family read
    differentiate: callable  # images and classes to gradients, by hand


ONE_PASS = {
    "saliency": "gradient",
    "gradient_times_input": "gradient",
    "guided_backprop": "gradient",
    "deconvnet": "gradient",
    "cam": "forward",
    "grad_cam": "forward",
    "grad_cam_plus_plus": "forward",
    "layer_cam": "forward",
    "guided_grad_cam": "gradient",
    "lrp": "gradient",
}
ONE_PASS_JOBS = {method: Job({}, passes) for method, passes in ONE_PASS.items()}
JOBS = {
    "small": {
        **ONE_PASS_JOBS,
        "smooth_grad": Job({"samples": 25}, "gradient", 25),
        "integrated_gradients": Job({"steps": 50}, "gradient", 50),
        "score_cam": Job({"channels": 64}, "forward", 1 + 64),
        "occlusion": Job({"patch": 16, "stride": 16}, "forward", 1 + 64),
        "rise": Job({"samples": 100}, "forward", 100),
        "lime": Job({"samples": 100}, "forward", 100),
    },
    "MobileNetV2": {
        **ONE_PASS_JOBS,
        "smooth_grad": Job({"samples": 8}, "gradient", 8, ALONE),
        "integrated_gradients": Job({"steps": 16}, "gradient", 16, ALONE),
        "score_cam": Job({"channels": 32}, "forward", 1 + 32, ALONE),
        "occlusion": Job({"patch": 56, "stride": 56}, "forward", 1 + 16, ALONE),
        "rise": Job({"samples": 32}, "forward", 32, ALONE),
        "lime": Job({"samples": 32}, "forward", 32, ALONE),
    },
    "VGG16": {"grad_cam": Job({}, "forward", 1, ALONE)},
}
# Each of these explains so many images, to see whether memory grows. If the heatmaps
# alone were kept, it would by 52 MB, and if the images were, by 210 MB.
EXPLAINED = 1000
MEMORY_JOBS = {
    "grad_cam": {},
    "saliency": {},
    "integrated_gradients": {"steps": 10},
    "lrp": {},
}


def main():
    """Measure all; with --quick little of it, on the small network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="take under a minute")
    quick = parser.parse_args().quick
    os.environ["COURSE_WIDGETS"] = "off"  # no progress bars
    runtime.start()

    import psutil

    from helpers import networks

    small = networks.build_object_network()
    jobs, seconds, verdicts = JOBS, 0.7, []
    found, reason = {}, "--quick"
    if quick:
        alone = {key: job._replace(batches=ALONE) for key, job in JOBS["small"].items()}
        jobs, seconds = {"small": alone}, 0.2
    else:
        verdicts += report_memory(small)
        found, reason = ask_xplique(small, seconds)
    if reason:
        print(f"\nxplique: not measured ({reason}).")
    for name, planned in jobs.items():
        verdicts += report_network(name, small, planned, seconds, found.get(name, {}))
    print_table("Wanted", ("figure", "wanted", "measured", "met"), verdicts)
    load, cores = psutil.getloadavg()[1], psutil.cpu_count()
    if load > 1.5 * cores:
        print(
            f"\nThe machine was busy (load {load:.1f} on {cores} cores), so that these "
            "figures are rough; run this again when it is idle."
        )


def build_network(name, small):
    """Build a network.

    Parameters
    ----------
    name : str
        One of `JOBS`.
    small : keras.Model
        The course's own network for objects.

    Returns
    -------
    Network
    """
    import keras
    import tensorflow as tf

    from helpers.attribution.graph import find_feature_step, read_graph
    from helpers.attribution.scores import read_logits

    model = small
    if name != "small":
        model = getattr(keras.applications, name)(weights=None)
    logits = read_logits(model)
    # The layers of a Sequential model remember an older graph, made when they were
    # added one by one; tf-keras-vis finds no gradient in it. Those of a copy do not.
    copy = keras.models.clone_model(logits)
    copy.set_weights(logits.get_weights())

    @tf.function(reduce_retracing=True)
    def differentiate(images, classes):
        with tf.GradientTape() as tape:
            tape.watch(images)
            scores = tf.gather(copy(images), classes, batch_dims=1)
        return tape.gradient(scores, images)

    layer = find_feature_step(read_graph(model)).name
    return Network(name, model, copy, layer, differentiate)


def draw_images(network, count):
    """Draw soft random pictures: float32 (count, height, width, 3) in [0, 1]."""
    height, width = network.model.inputs[0].shape[1:3]
    noise = np.random.default_rng(0).random((count, height, width, 3), "float32")
    soft = ndimage.gaussian_filter(noise, (0, 6, 6, 0))
    return (soft - soft.min()) / np.ptp(soft)


def choose_classes(network, images):
    """Return the class that each image most looks like: int (n,)."""
    return network.logits(images).numpy().argmax(axis=1)


def report_network(name, small, jobs, seconds, xplique):
    """Time every method on one network, and print the table.

    Parameters
    ----------
    name, small
        As in `build_network`.
    jobs : dict of str to Job
        By the names of the methods; all of them, but on VGG16.
    seconds : float
        For each comparison, at least.
    xplique : dict
        As `time_xplique.time_network` returns it.

    Returns
    -------
    list of tuple
        Verdicts on the wanted figures.
    """
    from helpers import attribution

    network = build_network(name, small)
    if name != "VGG16":
        jobs = {method: jobs[method] for method in attribution.METHODS}
    timed = {
        (method, batch): time_job(network, method, job, batch, seconds)
        for method, job in jobs.items()
        for batch in job.batches
    }
    rows = [make_row(method, job, timed, xplique) for method, job in jobs.items()]
    size = "×".join(map(str, network.model.inputs[0].shape[1:3]))
    print_table(
        f"{name}, {size} (batch 1 · batch {BATCH_SIZE})",
        (
            "method",
            "passes an image",
            "ms an image",
            "ours ÷ its passes",
            "tf-keras-vis ÷ ours",
            "xplique ÷ ours",
        ),
        rows,
    )
    lime = report_lime(network, jobs["lime"], seconds) if "lime" in jobs else []
    return [
        *judge_times(name, timed),
        *lime,
        *judge_xplique(name, xplique),
        judge_traces(f"{name}: traces of a compiled function", network.model),
    ]


def make_row(method, job, timed, xplique):
    """Return a method's row of the table."""
    times = [timed[method, batch] for batch in job.batches]
    milliseconds = [
        1000 * np.median(one["ours"]) / batch
        for one, batch in zip(times, job.batches, strict=True)
    ]
    return (
        method + "".join(f", {key} {value}" for key, value in job.options.items()),
        f"{job.count} {job.passes}{'s' * (job.count > 1)}",
        join(milliseconds),
        join(compare(one, "ours", "passes") for one in times),
        join(compare(one, "tf-keras-vis", "ours") for one in times),
        join(xplique.get(f"{method} {batch}") for batch in job.batches),
    )


def time_job(network, method, job, batch, seconds):
    """Time a method, its passes, and tf-keras-vis where it has the method.

    Returns
    -------
    dict of str to float array (rounds,)
        Seconds, under "ours", "passes" and "tf-keras-vis".
    """
    images = draw_images(network, batch)
    classes = choose_classes(network, images)
    candidates = {
        "ours": make_ours(network, method, job, images, classes),
        "passes": make_passes(network, job, images, classes),
    }
    known = list_tf_keras_vis(network, job, images, classes).get(method)
    if known:
        candidates["tf-keras-vis"] = known
    return time_in_turns(candidates, seconds)


def make_ours(network, method, job, images, classes):
    """Return a function that asks a method of the course."""
    from helpers import attribution

    return partial(
        attribution.METHODS[method],
        network.model,
        images,
        classes,
        batch_size=BATCH_SIZE,
        **job.options,
    )


def make_passes(network, job, images, classes):
    """Return a function that makes the passes of a job and nothing else."""
    import tensorflow as tf

    from helpers.attribution.scores import check_request, trace_logits

    forward = trace_logits(check_request(network.model, images, classes))
    numbers = np.arange(BATCH_SIZE) % len(images)
    some_images, some_classes = images[numbers], classes[numbers]
    total = job.count * len(images)

    def ask():
        for start in range(0, total, BATCH_SIZE):
            count = min(BATCH_SIZE, total - start)
            batch = tf.constant(some_images[:count])
            if job.passes == "forward":
                forward(batch).numpy()
            else:
                batch_classes = tf.constant(some_classes[:count])
                network.differentiate(batch, batch_classes).numpy()

    return ask


def list_tf_keras_vis(network, job, images, classes):
    """Return functions that ask tf-keras-vis, by the names of our methods.

    It is told to read the same layer as ours; the rest are its defaults.
    """
    import keras
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    keras.utils.disable_interactive_logging()
    place = {
        "penultimate_layer": network.layer,
        "seek_penultimate_conv_layer": False,
    }
    noise = {"smooth_samples": job.count, "smooth_noise": 0.15}
    asked = {
        "saliency": (Saliency, {}),
        "smooth_grad": (Saliency, noise),
        "grad_cam": (Gradcam, place),
        "grad_cam_plus_plus": (GradcamPlusPlus, place),
        "layer_cam": (Layercam, place),
        "score_cam": (Scorecam, place | {"max_N": job.options.get("channels")}),
    }
    score = CategoricalScore(classes.tolist())
    return {
        method: partial(kind(network.logits), score, images, **options)
        for method, (kind, options) in asked.items()
    }


def report_lime(network, job, seconds):
    """Time lime with its own defaults and ours on one image, and print the table.

    Both cut by the same function and draw the same samples. lime is asked as its
    documentation does, with `model.predict`, and then with the compiled model, which
    leaves only the difference in putting the images together.

    Returns
    -------
    list of tuple
        Verdicts on the wanted figures.
    """
    from lime import lime_image

    from helpers.attribution.scores import check_request, trace_probabilities
    from helpers.attribution.segments import cut_by_slic

    images = draw_images(network, 1)
    classes = choose_classes(network, images)
    compiled = trace_probabilities(check_request(network.model, images, classes))

    def ask(classify, **options):
        with mock.patch.object(lime_image, "tqdm", lambda rows: rows):
            explainer = lime_image.LimeImageExplainer(random_state=0)
            return explainer.explain_instance(
                images[0],
                classify,
                segmentation_fn=cut_by_slic,
                num_samples=job.options["samples"],
                **options,
            )

    def predict(images):
        return compiled(images).numpy()

    ours = make_ours(network, "lime", job, images, classes)
    times = time_in_turns(
        {
            "ours": ours,
            "model.predict": partial(ask, partial(network.model.predict, verbose=0)),
            "compiled model": partial(ask, predict),
        },
        seconds,
    )
    theirs = ask(predict, labels=classes, top_labels=None)
    numbers, values = zip(*theirs.local_exp[classes[0]], strict=True)
    theirs = np.array(values)[np.argsort(numbers)][theirs.segments]
    # On an untrained MobileNetV2 every coefficient is zero.
    difference = abs(ours()[0] - theirs).max() / (abs(theirs).max() or 1)
    print_table(
        f"LIME, {network.name}, {job.options['samples']} samples, one image",
        ("lime, same segments and samples", "lime ÷ ours"),
        [
            (f"its defaults, {classify}", join([compare(times, classify, "ours")]))
            for classify in ("model.predict", "compiled model")
        ],
    )
    return [
        judge(
            f"{network.name}: lime's defaults ÷ our LIME",
            compare(times, "model.predict", "ours"),
            least=1.5,
        ),
        judge(
            f"{network.name}: LIME, largest relative difference of a coefficient",
            difference,
            most=1e-5,
        ),
    ]


def ask_xplique(small, seconds):
    """Time xplique in its own environment.

    Parameters
    ----------
    small : keras.Model
    seconds : float
        For each comparison, at least.

    Returns
    -------
    dict of str to dict, str
        What `time_xplique.time_network` gives for each network, and, if that is
        nothing, why.
    """
    print("\nTiming xplique, which prints nothing for a while.", file=sys.stderr)
    asked = {"small": small.to_json(), "seconds": seconds}
    try:
        python = prepare_environment(ROOT / "build" / "xplique")
        ran = run(
            [python, "-B", Path(__file__).with_name("time_xplique.py")],
            input=json.dumps(asked),
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no message"]
        return {}, f"{Path(error.cmd[0]).name} failed: {lines[-1]}"
    return json.loads(ran.stdout.splitlines()[-1]), ""


def prepare_environment(folder):
    """Make xplique's environment, unless it is there: uv if it is on the PATH, or pip.

    Returns
    -------
    pathlib.Path
        Its Python.

    Raises
    ------
    subprocess.CalledProcessError
        If PyPI cannot be reached.
    """
    from tests.reference.make_reference import ENVIRONMENTS

    needs = next(one for one in ENVIRONMENTS if "xplique" in one.script)
    ours = [f"{name}=={importlib.metadata.version(name)}" for name in ("lime", "tqdm")]
    packages = [*needs.packages, *ours]
    stamp, made_of = folder / "made-of.txt", "\n".join([*packages, *needs.bare])
    windows = sys.platform == "win32"
    python = folder / ("Scripts/python.exe" if windows else "bin/python")
    if stamp.is_file() and stamp.read_text("utf-8") == made_of:
        return python
    uv = shutil.which("uv")
    venv.create(folder, clear=True, with_pip=uv is None)
    install = [python, "-m", "pip", "install", "--quiet"]
    if uv:
        install = [uv, "pip", "install", "--quiet", "--python", python]
    run([*install, *packages])
    run([*install, "--no-deps", *needs.bare])
    stamp.write_text(made_of, "utf-8")
    return python


def run(command, **options):
    """Run a command, quietly; its output is kept."""
    return subprocess.run(
        list(map(str, command)), check=True, capture_output=True, text=True, **options
    )


def report_memory(model):
    """Explain many images, a fifth at a time, and print what memory that took.

    Returns
    -------
    list of tuple
        Verdicts on the wanted figures.
    """
    from helpers import attribution
    from tests.benchmarks.bench_digits import measure

    generator, fifth = np.random.default_rng(0), EXPLAINED // 5
    rows, verdicts = [], []
    for method, options in MEMORY_JOBS.items():

        def explain(method=method, options=options):
            images = generator.random((fifth, *model.inputs[0].shape[1:]), "float32")
            classes = generator.integers(model.outputs[0].shape[-1], size=fifth)
            attribution.METHODS[method](model, images, classes, **options)

        measured = [measure(explain) for _ in range(5)]
        peaks = [peak / 1e6 for _, peak in measured]
        growth = peaks[-1] - peaks[0]
        seconds = sum(seconds for seconds, _ in measured)
        rows.append((method, f"{seconds:.1f}", f"{max(peaks):,.0f}", f"{growth:+.0f}"))
        verdicts.append(
            judge(f"{method}: growth over {EXPLAINED:,} images, MB", growth, most=25)
        )
    print_table(
        f"Memory: {EXPLAINED:,} images of the small network",
        ("method", "seconds", "peak MB", f"growth MB, first to last {fifth}"),
        rows,
    )
    return [*verdicts, judge_traces("the same: traces of a compiled function", model)]


def judge_times(name, timed):
    """Judge the multiples of the passes, and Grad-CAM beside tf-keras-vis."""
    verdicts = []
    for (method, batch), times in timed.items():
        where = f"{name}, batch {batch}"
        passes = compare(times, "ours", "passes")
        if method == "cam":
            verdicts.append(judge(f"{where}: CAM ÷ a forward pass", passes, most=1.2))
        if method == "integrated_gradients":
            what = f"{where}: integrated gradients ÷ its batched gradients"
            verdicts.append(judge(what, passes, most=1.3))
        if method == "grad_cam" and name != "MobileNetV2":
            what = f"{where}: Grad-CAM, tf-keras-vis ÷ ours"
            least = 5 if name == "small" else 2.5
            verdicts.append(judge(what, compare(times, "tf-keras-vis", "ours"), least))
    return verdicts


def judge_xplique(name, found):
    """Judge the worst case beside xplique."""
    if not found:
        return []
    worst = min(found, key=found.get)
    what = f"{name}: ours ÷ xplique, at worst (batch: {worst})"
    return [judge(what, 1 / found[worst], most=1.1)]


def judge_traces(what, model):
    """Judge how often the compiled functions that live with a model were traced."""
    traced = vars(model)["_traced_by_the_course"].values()
    most = max(compiled.experimental_get_tracing_count() for compiled, _ in traced)
    return judge(what, most, most=1)


def judge(what, measured, least=-np.inf, most=np.inf):
    """Return a row that says whether a figure is within what is wanted."""
    wanted = f"≤ {most:g}" if most < np.inf else f"≥ {least:g}"
    met = "yes" if least <= measured <= most else "**no**"
    return what, wanted, f"{measured:.3g}", met


def time_in_turns(candidates, seconds):
    """Time functions in rounds, each beginning with another of them.

    Parameters
    ----------
    candidates : dict of str to callable
    seconds : float
        Rounds go on for as long. There are at least three; two, if these take long.

    Returns
    -------
    dict of str to float array (rounds,)
        Seconds, without the first round, which traces graphs and fills caches.
    """
    names, times = list(candidates), {name: [] for name in candidates}
    begin, enough = time.perf_counter(), False
    while not enough:
        for name in names:
            start = time.perf_counter()
            candidates[name]()
            times[name].append(time.perf_counter() - start)
        names = [*names[1:], names[0]]
        rounds, passed = len(times[name]), time.perf_counter() - begin
        enough = passed >= seconds and rounds >= (2 if passed > LONG else 3)
    return {name: np.array(values[1:]) for name, values in times.items()}


def compare(times, above, below):
    """Return the median over the rounds of one time divided by another, or None."""
    if above not in times:
        return None
    return float(np.median(times[above] / times[below]))


def join(values):
    """Write one number a batch; a dash for what was not measured."""
    shown = ["–" if value is None else f"{value:.3g}" for value in values]
    return " · ".join(shown) if set(shown) != {"–"} else "–"


def print_table(title, names, rows):
    """Print a Markdown table under a heading."""
    print(f"\n## {title}\n")
    for row in (names, ["---"] * len(names), *rows):
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
