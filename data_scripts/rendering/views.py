"""What all sets share: where the camera stands, and the light on the actors."""

import numpy as np

from data_scripts.rendering.faces import Light
from data_scripts.rendering.stage import make_stage

EYE_HEIGHT = 1.35  # metres; the actors sit or stand about a metre from the camera


def draw_light(generator, key, fill):
    """Choose the light on the actors: a key from the right and above, a weaker fill.

    Parameters
    ----------
    generator : numpy.random.Generator
    key, fill : array (3,)
        The colours of the light in the set.

    Returns
    -------
    data_scripts.rendering.faces.Light
    """
    direction = np.array(
        [generator.uniform(0.4, 0.9), -generator.uniform(0.3, 0.75),
         generator.uniform(0.5, 0.85)]
    )  # fmt: skip
    direction /= np.linalg.norm(direction)
    soft = 0.35 + 0.65 * np.asarray(key) / np.max(key)  # eyes adapt to coloured light
    return Light(
        direction.astype("float32"),
        (soft * generator.uniform(0.95, 1.15)).astype("float32"),
        (np.asarray(fill) / np.max(fill)).astype("float32"),
        float(generator.uniform(0.18, 0.27)),
    )


def point_camera(generator, width, height, turn=0.24, view=(52, 62)):
    """Set up the camera: turned by up to `turn` radians, `view` degrees wide."""
    return make_stage(
        width,
        height,
        EYE_HEIGHT + generator.uniform(-0.1, 0.15),
        generator.uniform(-turn, turn),
        np.radians(generator.uniform(*view)),
        generator.uniform(-0.04, 0.03),
    )
