"""Time xplique and the course's methods side by side, on the same TensorFlow.

`bench_attribution.py` runs this in xplique's environment: a question, as JSON, on
standard input, and on the last line of the answer xplique's times as multiples of ours.
"""

import json
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import numpy as np

from helpers import runtime
from tests.benchmarks import bench_attribution as bench


def main():
    """Answer one question."""
    runtime.start()
    import keras

    asked = json.load(sys.stdin)
    small = keras.models.model_from_json(asked["small"])
    found = {
        name: time_network(bench.build_network(name, small), asked["seconds"])
        for name in bench.JOBS
    }
    print(json.dumps(found))


def time_network(network, seconds):
    """Time every method that xplique has; those of many passes on one image only.

    Returns
    -------
    dict of str to float
        "method batch": xplique's time divided by ours.
    """
    found = {}
    for method, job in bench.JOBS[network.name].items():
        for batch in job.batches if job.count == 1 else bench.ALONE:
            images = bench.draw_images(network, batch)
            classes = bench.choose_classes(network, images)
            ask = make_theirs(network, method, job, images, classes)
            if ask:
                ours = bench.make_ours(network, method, job, images, classes)
                times = bench.time_in_turns({"ours": ours, "theirs": ask}, seconds)
                found[f"{method} {batch}"] = bench.compare(times, "theirs", "ours")
    return found


def make_theirs(network, method, job, images, classes):
    """Return a function that asks xplique for a method, or None if it has none.

    It is told to read the same layer and to take as many samples as ours, and for LIME
    to cut by the same function; the rest are its defaults.
    """
    import tensorflow as tf
    from xplique import attributions

    from helpers.attribution.segments import cut_by_slic

    options = job.options
    layer = {"conv_layer": network.layer}
    kinds = {
        "saliency": (attributions.Saliency, {}),
        "gradient_times_input": (attributions.GradientInput, {}),
        "guided_backprop": (attributions.GuidedBackprop, {}),
        "deconvnet": (attributions.DeconvNet, {}),
        "grad_cam": (attributions.GradCAM, layer),
        "grad_cam_plus_plus": (attributions.GradCAMPP, layer),
        "smooth_grad": (attributions.SmoothGrad, {"nb_samples": job.count}),
        "integrated_gradients": (
            attributions.IntegratedGradients,
            {"steps": job.count},
        ),
        "occlusion": (
            attributions.Occlusion,
            {
                "patch_size": options.get("patch"),
                "patch_stride": options.get("stride"),
            },
        ),
        "rise": (attributions.Rise, {"nb_samples": job.count, "grid_size": 8}),
        "lime": (
            attributions.Lime,
            {
                "nb_samples": job.count,
                "map_to_interpret_space": lambda image: tf.constant(
                    cut_by_slic(image.numpy()), "int32"
                ),
            },
        ),
    }
    if method not in kinds:
        return None
    kind, extra = kinds[method]
    explainer = kind(network.logits, batch_size=bench.BATCH_SIZE, **extra)
    targets = np.eye(network.logits.outputs[0].shape[-1], dtype="float32")[classes]
    return partial(explainer, images, targets)


if __name__ == "__main__":
    main()
