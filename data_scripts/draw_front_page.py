"""Draw the README's picture: what the digit networks call a bar and a moved 1.

Run it from anywhere: python data_scripts/draw_front_page.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import runtime

PICTURE = Path(__file__).resolve().parent.parent / "data" / "front_page.png"


def main():
    """Ask the five shipped networks and draw three pictures and a map."""
    runtime.start("embedded")

    import matplotlib.pyplot as plt
    import numpy as np

    from helpers import digits, figures, networks, probes

    data = digits.load("embedded")
    models = networks.load_digit_networks("embedded", "plain")
    ones = data.test_images[data.test_labels == 0]
    one = ones[[ones.sum(axis=(1, 2, 3)).argmin()]]  # the slimmest
    asked = np.concatenate(
        [one, probes.draw_bars(row=8), digits.shift(one, right=6, down=0)]
    )
    sevens = networks.predict(models, asked)[..., 1].mean(axis=0)
    moved = digits.shift_everywhere(one, reach=8)
    maps = networks.predict(models, moved.reshape(-1, 28, 28, 1))[..., 1]

    figure, axes = plt.subplots(
        1, 4, figsize=(11, 3.2), width_ratios=[1, 1, 1, 1.25], dpi=120
    )
    names = ["a 1", "a dash", "the same 1, moved"]
    for axis, picture, name, seven in zip(axes, asked, names, sevens, strict=False):
        axis.imshow(picture.squeeze(), vmin=0, vmax=1)
        digit, sure = ("7", seven) if seven > 0.5 else ("1", 1 - seven)
        axis.set_title(f"{name}\n“{digit}”, {sure:.0%} sure")
        axis.axis("off")
    picture = axes[3].imshow(
        maps.mean(axis=0).reshape(17, 17),
        cmap=figures.SIGNED,
        vmin=0,
        vmax=1,
        extent=(-8.5, 8.5, 8.5, -8.5),
    )
    axes[3].plot(0, 0, "+", color="white", markersize=10)
    axes[3].set(
        title="that 1, moved anywhere",
        xlabel="pixels right",
        ylabel="pixels down",
        xticks=[-8, 0, 8],
        yticks=[-8, 0, 8],
    )
    figure.colorbar(picture, ax=axes[3], label="p(7)", ticks=[0, 0.5, 1])
    figure.savefig(PICTURE, metadata={"Software": None}, dpi=120)


if __name__ == "__main__":
    main()
