"""Measure what pictures of chapter 5 cost, as multiples of the passes they need.

    python tests/benchmarks/bench_features.py [--quick]

takes about six minutes, or with --quick, without VGG16, about one. It prints a Markdown
table: integrated gradients with 64 steps for one picture, and one picture drawn by
gradient ascent for the logit of a class. Both are divided by as many forward and
backward passes, made by hand, one after the other for the ascent, and 32 at a time for
integrated gradients. VGG16 climbs 8 steps instead of 256; the graph, which is traced
anew for each drawing, then weighs more. The networks are untrained, which makes no
difference to time.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from helpers import runtime
from tests.benchmarks import bench_attribution as bench

STEPS = 64  # of integrated gradients
CLIMB = {"small VGG": 256, "VGG16": 8}  # steps of gradient ascent
SECONDS = 1.0  # for each comparison, at least


def main():
    """Measure both networks; with --quick the small one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out VGG16")
    quick = parser.parse_args().quick
    os.environ["COURSE_WIDGETS"] = "off"  # no progress bars
    runtime.start()

    from helpers import vgg

    small = vgg.build_small_vgg(12)
    rows = []
    for name, climb in CLIMB.items():
        if name == "VGG16" and quick:
            continue
        network = bench.build_network("small" if name == "small VGG" else name, small)
        size = "×".join(map(str, network.model.inputs[0].shape[1:3]))
        for what, steps, times in time_network(network, STEPS, climb):
            rows.append(
                (
                    f"{name}, {size}",
                    f"{what}, {steps} steps",
                    f"{min(times['ours']):.2f}",
                    f"{min(times['passes']):.2f}",
                    f"{bench.compare(times, 'ours', 'passes'):.2f}",
                )
            )
    bench.print_table(
        "Pictures of chapter 5, one at a time",
        ("network", "what", "seconds", "its passes, seconds", "÷ its passes"),
        rows,
    )


def time_network(network, steps, climb):
    """Time integrated gradients and gradient ascent on one picture.

    Parameters
    ----------
    network : bench_attribution.Network
    steps, climb : int

    Returns
    -------
    list of (str, int, dict)
        What, its steps, and what `bench_attribution.time_in_turns` returns.
    """
    from helpers import features

    job = bench.Job({"steps": steps}, "gradient", steps)
    integrated = bench.time_job(network, "integrated_gradients", job, 1, SECONDS)
    images = bench.draw_images(network, 1)
    classes = bench.choose_classes(network, images)
    candidates = {
        "ours": partial(features.draw_classes, network.model, classes, steps=climb),
        "passes": make_single_passes(network, images, classes, climb),
    }
    return [
        ("integrated gradients", steps, integrated),
        ("gradient ascent", climb, bench.time_in_turns(candidates, SECONDS)),
    ]


def make_single_passes(network, images, classes, count):
    """Return a function that makes passes one after the other and nothing else."""
    import tensorflow as tf

    image, number = tf.constant(images), tf.constant(classes)

    def ask():
        for _ in range(count):
            network.differentiate(image, number).numpy()

    return ask


if __name__ == "__main__":
    main()
