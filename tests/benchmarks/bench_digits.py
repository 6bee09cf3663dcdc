"""Measure what chapter 1 asks of a machine: seconds and peak memory of each step.

python tests/benchmarks/bench_digits.py
"""

import contextlib
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import numpy as np
import psutil

from helpers import runtime


def main():
    """Run each step once to warm up where it is short, then measure it."""
    runtime.start()

    from helpers import attribution, digits, networks, probes

    data = digits.load("embedded")
    models = networks.load_digit_networks("embedded", "plain")
    sweep = np.concatenate(
        [
            probes.draw_six_probes(),
            probes.draw_bars(row=np.arange(2, 27)),
            probes.draw_bars(thickness=np.arange(1, 9)),
            probes.draw_bars(length=np.arange(3, 24)),
            probes.draw_bars(angle=np.arange(-90, 91, 15)),
            probes.draw_bars(row=13.5, column=np.arange(4, 24), angle=90),
        ]
    )
    ones = data.test_images[data.test_labels == 0][:30]
    moved = digits.shift_everywhere(ones, 8).reshape(-1, 28, 28, 1)
    steps = {
        "load the embedded digits": (1, lambda: digits.load("embedded")),
        "train one digit network, 8 epochs": (
            0,
            lambda: networks.train_digit_network(data.train_images, data.train_labels),
        ),
        f"sweep all probes, {len(sweep)} pictures, 5 networks": (
            1,
            lambda: networks.predict(models, sweep),
        ),
        f"shift maps, {len(moved):,} pictures, 5 networks": (
            1,
            lambda: networks.predict(models, moved),
        ),
        "one occlusion map": (
            1,
            lambda: attribution.occlusion(models[0], data.test_images[:1], 1),
        ),
        "one saliency map": (
            1,
            lambda: attribution.saliency(models[0], data.test_images[:1], 1),
        ),
    }
    print(f"{'step':<52} {'seconds':>8} {'peak memory':>12}")
    for name, (warm_ups, step) in steps.items():
        with contextlib.redirect_stdout(None):
            for _ in range(warm_ups):
                step()
            seconds, peak = measure(step)
        print(f"{name:<52} {seconds:>8.2f} {peak / 1e9:>9.2f} GB")


def measure(step):
    """Run a step and return its seconds and the process's peak memory in bytes."""
    process, peak, done = psutil.Process(), [0], threading.Event()

    def watch():
        while not done.wait(0.01):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        step()
    finally:
        seconds = time.perf_counter() - start
        done.set()
        watcher.join()
    return seconds, max(peak[0], process.memory_info().rss)


if __name__ == "__main__":
    main()
