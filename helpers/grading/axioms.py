"""Axioms: what must hold for every network if a map is to be taken at its word.

Each builds a network of which the truth is known, or adds up what a map hands out.
"""

import keras
import numpy as np
from keras import layers
from scipy import ndimage

from helpers.attribution.scores import check_images, read_scores
from helpers.grading.sanity import correlate_maps, explain


def measure_completeness(
    method, model, images, class_indices, *, baseline=0.0, heatmaps=None
):
    """Tell how far a map's sum is from the score that the picture adds to a baseline's.

    Completeness (Sundararajan, Taly, Yan 2017, arXiv:1703.01365, section 3, proposition
    1): what the pixels are given is the logit of the picture minus that of a baseline.

    Parameters
    ----------
    method : callable
        Any of `helpers.attribution`, or ``method(model, images, class_index)`` to
        heatmaps (n, height, width). `CLAIMS` tells which claim it.
    model : keras.Model
    images : float array (n, height, width, channels)
    class_indices : int or int array (n,)
    baseline : float
        Pixel value of the picture that shows nothing, everywhere the same.
    heatmaps : float array (n, height, width), optional
        The method's maps of these pictures, if they are known already.

    Returns
    -------
    float64 array (n,)
        |sum - difference of scores| / |difference|: 0 where the axiom holds, 1 for a
        map of zeros. Not a number where the scores are the same.

    Raises
    ------
    ValueError
        As the method; or if it gives no finite maps of the images' size.
    """
    heatmaps = explain(method, model, images, class_indices, heatmaps)
    images = check_images(model, images)
    nothing = np.full_like(images, baseline)
    scores, before = (
        read_scores(model, shown, class_indices).astype("float64")
        for shown in (images, nothing)
    )
    return _compare_sums(heatmaps, scores - before)


def measure_conservation(method, model, images, class_indices, *, heatmaps=None):
    """Tell how far a map's sum is from the score itself.

    Conservation (Bach et al. 2015, doi:10.1371/journal.pone.0130140, equation 2): the
    pixels hold the logit. A network's biases take part in the logit and belong to no
    pixel, so in a network with biases no map can be complete by this measure and by
    `measure_completeness` both; `helpers.attribution.relevance.follow_relevance` tells
    which layers keep how much.

    Parameters
    ----------
    method, model, images, class_indices, heatmaps
        As in `measure_completeness`.

    Returns
    -------
    float64 array (n,)
        |sum - score| / |score|: 0 where the axiom holds, 1 for a map of zeros. Not a
        number where the score is 0.

    Raises
    ------
    ValueError
        As in `measure_completeness`.
    """
    heatmaps = explain(method, model, images, class_indices, heatmaps)
    scores = read_scores(model, images, class_indices).astype("float64")
    return _compare_sums(heatmaps, scores)


# Which methods say that their map adds up, and to what. Integrated gradients: whatever
# the network, to the score minus that of its baseline, which is black if it is not told
# otherwise. The other two: to the score, in networks of ReLUs without biases
# (gradient times input: Euler's theorem; LRP: its authors' equation 2); with biases and
# normalisations, what these keep is missing. CAM promises something else: the mean of
# its map, plus a bias, is the score (Zhou et al. 2016, arXiv:1512.04150, equation 2).
CLAIMS = {
    "integrated_gradients": measure_completeness,
    "gradient_times_input": measure_conservation,
    "lrp": measure_conservation,
}


def measure_dummy_feature(
    method, model, images, class_indices, *, region=None, reach=None
):
    """Tell how much heat goes to pixels that the network cannot see.

    The network gets a first layer that multiplies a region by 0. Whatever is there, the
    answer is the same, so the region must stay cold: the dummy axiom of the Shapley
    value (Sundararajan and Najmi 2020, arXiv:1908.08474). Methods of coarse maps and
    squares smear heat across the region's border, so a margin along it does not count.
    Feature maps keep heat deep inside too: what the biases put there.

    Parameters
    ----------
    method, model, images, class_indices
        As in `measure_completeness`.
    region : bool array (height, width), optional
        What the network is not to see; the upper left quarter if not given.
    reach : int, optional
        Width of the margin in pixels; an eighth of the shorter side if not given, the
        side of `occlusion`'s square.

    Returns
    -------
    float64 array (n,)
        The share of absolute heat in the region without its margin, divided by the
        share of the picture that this is: 0 where the axiom holds, about 1 for a map
        that does not know of the region; 0 also for a map without any heat.

    Raises
    ------
    ValueError
        As in `measure_completeness`; or if the region does not fit the images, or is
        nothing or everything, or the margin leaves nothing of it.
    """
    images = check_images(model, images)
    size = images.shape[1:3]
    if region is None:
        region = np.zeros(size, bool)
        region[: size[0] // 2, : size[1] // 2] = True
    inside = _shrink(region, min(size) // 8 if reach is None else reach, size)
    heatmaps = explain(method, hide_region(model, region), images, class_indices)
    heat = np.abs(heatmaps).astype("float64")
    within, total = heat[:, inside].sum(axis=1), heat.sum(axis=(1, 2))
    share = np.divide(within, total, out=np.zeros_like(total), where=total > 0)
    return share / inside.mean()


def hide_region(model, region):
    """Build a model that does not see part of its picture: pixels times 0 there.

    Parameters
    ----------
    model : keras.Model
    region : bool array (height, width)

    Returns
    -------
    keras.Model
        With the layers of the given one.
    """
    seen = 1 - np.asarray(region, "float32")[..., None]
    inputs = keras.Input((*seen.shape[:2], model.inputs[0].shape[-1]), name="seen")
    return keras.Model(inputs, model(layers.Rescaling(seen)(inputs)))


def measure_symmetry(method, model, images, class_indices):
    """Tell whether a map is mirrored with its picture, where the network cannot tell.

    Symmetry preservation (Sundararajan, Taly, Yan 2017, arXiv:1703.01365, section 4):
    inputs that play the same part in a network get the same heat if they have the same
    value. In a network that treats left and right alike, this makes the map of the
    mirrored picture the mirrored map.

    Parameters
    ----------
    method, model, images, class_indices
        As in `measure_completeness`.

    Returns
    -------
    float64 array (n,)
        Rank correlation of the map of the mirrored picture with the mirrored map, -1 to
        1: 1 where the axiom holds. Below it stay methods that read feature maps from
        halfway, where left and right are no longer treated alike, and methods that draw
        random masks or segments, which are not symmetric.

    Raises
    ------
    ValueError
        As in `measure_completeness`.
    """
    images, symmetric = check_images(model, images), ignore_mirroring(model)
    heatmaps, mirrored = (
        explain(method, symmetric, shown, class_indices)
        for shown in (images, images[:, :, ::-1])
    )
    return correlate_maps(heatmaps[:, :, ::-1], mirrored)


def ignore_mirroring(model):
    """Build a model that gives a picture and its mirror image the same answer.

    It shows the given model the mean of both: then all methods can read it. (The mean
    of two answers would do too, but its softmax is not at the end, and it has two last
    feature maps.)

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    keras.Model
        With the layers of the given one.
    """
    inputs = keras.Input(model.inputs[0].shape[1:], name="picture")
    both = layers.Average()([inputs, inputs[:, :, ::-1]])
    return keras.Model(inputs, model(both))


def _compare_sums(heatmaps, wanted):
    missing = np.abs(heatmaps.sum(axis=(1, 2), dtype="float64") - wanted)
    nothing = np.full(len(wanted), np.nan)
    return np.divide(missing, np.abs(wanted), out=nothing, where=wanted != 0)


def _shrink(region, reach, size):
    """Return a region without a margin along its border inside the picture."""
    region = np.asarray(region)
    if region.shape != size or region.dtype != bool or region.all():
        raise ValueError(
            f"The region must be true and false, of shape {size}, and leave pixels to "
            f"see, got {region.dtype} of shape {region.shape}."
        )
    # Square neighbourhoods; beyond the picture's edge there is no border.
    inside = ndimage.minimum_filter(region, size=2 * reach + 1, mode="nearest")
    if not inside.any():
        raise ValueError(
            f"The region must be wider than twice its margin of {reach} pixels, got "
            f"{region.sum()} pixels of which none is left; lower reach."
        )
    return inside
