"""Draw what the units of the small VGGs answer most strongly, and store it in data/vgg.

Run it from anywhere:

    python data_scripts/draw_features.py            four networks, about fifteen minutes
    python data_scripts/draw_features.py objects    one; also identities, emotions
    python data_scripts/draw_features.py random     one that has learnt nothing

For each network there are two sheets of tiles of 96×96 pixels, read by
`helpers.features.read_sheet`. ``features_<role>.jpg`` has a row for each stack, the
first on top, with twelve evenly spaced channels of its last normalisation, in
ascending order. ``last_stack_<role>.jpg`` has all 96 channels of the fifth stack's last
normalisation, row by row. No channel is left out, whatever its picture looks like.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import runtime

QUALITY = 85


def main(arguments=None):
    """Draw the sheets of the roles that are named, or of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "roles",
        nargs="*",
        metavar="role",
        help="objects, identities, emotions or random",
    )
    options = parser.parse_args(arguments)
    runtime.start("embedded")

    from helpers import features

    roles = options.roles or [*features.ROLES]
    unknown = [role for role in roles if role not in features.ROLES]
    if unknown:
        known = ", ".join(features.ROLES)
        parser.error(f"no network named {unknown[0]!r}; choose from {known}")
    for role in roles:
        for kind, tiles in draw_sheets(load_network(role)).items():
            save_sheet(features.name_sheet(role, kind), tiles)


def load_network(role):
    """Load a small VGG, or build the one that has learnt nothing.

    Its normalisations are fitted to the drawn objects.
    """
    from helpers import features, objects, vgg

    if role != "random":
        return vgg.load_small_vgg(role)
    images = objects.load("embedded").images
    return features.build_random_vgg(vgg.fit_images(images, vgg.SIZE))


def draw_sheets(model, **options):
    """Draw both sheets of a network.

    Parameters
    ----------
    model : keras.Model
        A small VGG.
    **options
        As in `helpers.features.climb`.

    Returns
    -------
    dict of str to float32 array (rows, columns, 96, 96, 3) in [0, 1]
        By the names of `helpers.features.SHEETS`.
    """
    import numpy as np
    from tqdm.auto import tqdm

    from helpers import features, vgg

    counts = [filters for filters, _ in vgg.STACKS]
    last = np.arange(counts[-1]).reshape(features.SHEETS["last_stack"])
    rows = [
        *zip(vgg.LAYERS, map(features.choose_channels, counts), strict=True),
        *((vgg.LAYERS[-1], channels) for channels in last),
    ]
    drawn = [
        features.draw_features(model, layer, channels, **options)
        for layer, channels in tqdm(rows, desc="drawing", unit="row")
    ]
    stacks = len(counts)
    return {
        "features": np.stack(drawn[:stacks]),
        "last_stack": np.stack(drawn[stacks:]),
    }


def save_sheet(path, tiles):
    """Store tiles (rows, columns, 96, 96, 3) as one JPEG, whole or not at all."""
    import numpy as np
    from PIL import Image

    from helpers import features

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    sheet = (features.join_tiles(tiles) * 255).round().astype(np.uint8)
    Image.fromarray(sheet).save(partial, "JPEG", quality=QUALITY, optimize=True)
    partial.replace(path)
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
