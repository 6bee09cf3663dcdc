"""Draw the README's picture: what networks that do well call six pictures.

Run it from anywhere: python data_scripts/draw_front_page.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import runtime

PICTURE = Path(__file__).resolve().parent.parent / "data" / "front_page.png"


def main():
    """Ask the shipped networks, five at a time, and draw what they answer."""
    runtime.start("embedded")

    import matplotlib.pyplot as plt

    digits_asked, digits_say = ask_about_digits()
    pools, pools_say, heat = ask_about_a_pool()
    figure, axes = plt.subplots(
        1, 7, figsize=(11.6, 2.35), width_ratios=[1, 1, 1, 0.08, 1, 1, 1], dpi=120
    )
    axes[3].axis("off")
    names = ["a 1", "a dash", "the same 1, moved"]
    for axis, picture, name, said in zip(
        axes[:3], digits_asked, names, digits_say, strict=True
    ):
        axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=1)
        axis.set_title(f"{name}\n{said}", fontsize=11, fontweight="normal")
    names = ["a pool", "the same pool, a rail", "what it looks at"]
    said = [*pools_say, "for “bathroom”"]
    for axis, picture, name, text in zip(
        axes[4:], [*pools, heat], names, said, strict=True
    ):
        axis.imshow(picture)
        axis.set_title(f"{name}\n{text}", fontsize=11, fontweight="normal")
    for axis in axes:
        axis.axis("off")
    figure.savefig(PICTURE, metadata={"Software": None}, dpi=120)


def ask_about_digits():
    """Return the slimmest 1, a dash and that 1 moved, and what five networks say."""
    import numpy as np

    from helpers import digits, networks, probes

    data = digits.load("embedded")
    models = networks.load_digit_networks("embedded", "plain")
    ones = data.test_images[data.test_labels == 0]
    one = ones[[ones.sum(axis=(1, 2, 3)).argmin()]]
    asked = np.concatenate(
        [one, probes.draw_bars(row=8), digits.shift(one, right=6, down=0)]
    )
    answers = networks.predict(models, asked).mean(axis=0)
    return asked, describe(answers, ["1", "7"])


def ask_about_a_pool():
    """Return the first test pool that a rail turns into a bathroom, and why.

    The heat is the mean of five networks' answers to "why bathroom rather than pool?".
    """
    import numpy as np

    from helpers import networks, overlays, scene_networks, scenes
    from helpers.attribution.occlusion import occlusion
    from helpers.questions import ask_rather_than

    pairs = scenes.load_pairs("embedded", "test")
    models = scene_networks.load_scene_networks("embedded", "as found")
    pool, bathroom = (
        pairs.class_names.index(name) for name in (scene_networks.STORY, scenes.HABIT)
    )
    chosen = pairs.labels == pool
    with_rail, without = pairs.with_rail[chosen], pairs.without_rail[chosen]
    before, after = (
        networks.predict(models, pictures).mean(axis=0)
        for pictures in (without, with_rail)
    )
    fooled = (before.argmax(axis=1) == pool) & (after.argmax(axis=1) == bathroom)
    first = fooled.argmax()
    answers = np.stack([before[first], after[first]])
    asked = np.stack([without[first], with_rail[first]])
    heatmaps = [
        occlusion(ask_rather_than(model, bathroom, pool), asked[1:], 0)
        for model in models
    ]
    heat = overlays.overlay_heat(asked[1:], np.mean(heatmaps, axis=0))[0]
    return asked, describe(answers, pairs.class_names), heat


def describe(answers, class_names):
    """Say in a few words what was answered, and how surely."""
    return [f"“{class_names[row.argmax()]}”, {row.max():.0%}" for row in answers]


if __name__ == "__main__":
    main()
