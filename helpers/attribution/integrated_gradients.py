"""Integrated gradients: what each pixel adds on the way from a baseline."""

import numpy as np
from scipy import ndimage

from helpers.attribution.gradients import average_gradients
from helpers.attribution.scores import check_request, check_whole

BASELINES = ("black", "white", "blurred", "noise")
RULES = ("gauss-legendre", "trapezoid", "midpoint", "left")
_BLUR = 0.1  # standard deviation of the blurred baseline, as a share of the width


def integrated_gradients(
    model,
    images,
    class_index,
    *,
    baseline="black",
    steps=50,
    rule="gauss-legendre",
    seed=0,
    output=None,
    batch_size=32,
):
    """Add up the gradients on the straight way from a baseline to each image.

    Their mean times (image - baseline), summed over the channels (Sundararajan, Taly,
    Yan 2017, arXiv:1703.01365, equations 1 and 3). The map's sum is the score of the
    image minus the score of the baseline, up to the error of the rule; the paper
    takes right-hand steps, whose error is larger.

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, channels)
    class_index : int or int array (n,)
    baseline : str or float array
        "black" (0), "white" (1), "blurred" (the image itself, without detail), "noise"
        (even noise between 0 and 1, the same for all images); or images of your own,
        one for all or one for each.
    steps : int
        Gradients for each image.
    rule : str
        Where they are taken: "gauss-legendre" (most exact), "trapezoid", "midpoint" or
        "left".
    seed : int
        Decides the noise.
    output : str or int, optional
        Name or index of the output, for models with several.
    batch_size : int
        Gradients at a time: bounds the memory.

    Returns
    -------
    float32 array (n, height, width)
        Logits; positive speaks for the class, negative against it.

    Raises
    ------
    ValueError
        If images, baseline and model do not fit, the class does not exist, the rule
        is unknown, or there are too few steps.
    """
    request = check_request(model, images, class_index, output)
    shares, weights = _place_steps(steps, rule)
    baselines = draw_baselines(request.images, baseline, seed)
    differences = request.images - baselines

    def draw(image, step):
        return baselines[image] + shares[step, None, None, None] * differences[image]

    means = average_gradients(request, draw, weights, batch_size)
    return np.einsum("nhwc,nhwc->nhw", differences, means)


def draw_baselines(images, baseline, seed=0):
    """Return one baseline for each image.

    Parameters
    ----------
    images : float32 array (n, height, width, channels)
    baseline, seed
        As in `integrated_gradients`.

    Returns
    -------
    float32 array (n, height, width, channels)

    Raises
    ------
    ValueError
        If the baseline is unknown, or does not fit the images.
    """
    if not isinstance(baseline, str):
        given = np.asarray(baseline, "float32")
        given = given[None] if given.ndim == 3 else given
        fits = given.shape[1:] == images.shape[1:] and len(given) in (1, len(images))
        if not fits or not np.isfinite(given).all():
            raise ValueError(
                f"The baseline must be one image or {len(images)}, finite, of shape "
                f"{images.shape[1:]}, got an array of shape {np.shape(baseline)}; "
                "resize it, or take one of those with a name."
            )
        return np.broadcast_to(given, images.shape)
    if baseline == "black":
        return np.zeros_like(images)
    if baseline == "white":
        return np.ones_like(images)
    if baseline == "blurred":
        spread = _BLUR * images.shape[2]
        return ndimage.gaussian_filter(images, (0, spread, spread, 0), mode="nearest")
    if baseline == "noise":
        noise = np.random.default_rng(seed).random(images.shape[1:], "float32")
        return np.broadcast_to(noise, images.shape)
    raise ValueError(
        f"The baseline must be one of {', '.join(map(repr, BASELINES))} or images, "
        f"got {baseline!r}; choose one of these."
    )


def _place_steps(steps, rule):
    """Return places in [0, 1] and weights that sum to 1, float32 arrays (steps,)."""
    if rule not in RULES:
        raise ValueError(
            f"The rule must be one of {', '.join(map(repr, RULES))}, got {rule!r}; "
            "choose one of these."
        )
    least = 2 if rule == "trapezoid" else 1
    check_whole("steps", steps, least, f"try 50 for the rule {rule!r}")
    weights = np.full(steps, 1 / steps)
    if rule == "gauss-legendre":
        places, weights = np.polynomial.legendre.leggauss(steps)
        places, weights = (places + 1) / 2, weights / 2
    elif rule == "trapezoid":
        places, weights = np.linspace(0, 1, steps), np.full(steps, 1 / (steps - 1))
        weights[[0, -1]] /= 2
    else:
        places = (np.arange(steps) + (0.5 if rule == "midpoint" else 0)) / steps
    return places.astype("float32"), weights.astype("float32")
