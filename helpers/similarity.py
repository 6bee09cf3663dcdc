"""How alike two networks are: in what their layers tell apart, and in their weights."""

import numpy as np
import pandas as pd
from keras import layers as keras_layers
from scipy.optimize import linear_sum_assignment

from helpers.attribution.graph import read_graph
from helpers.neurons import read_maps


def linear_cka(first, second):
    """Compare two sets of features of the same pictures: centred kernel alignment.

    Kornblith et al. 2019, arXiv:1905.00414, equation 4. 1 means that the two tell the
    same pictures apart, up to a rotation and a scale of all features. With fewer
    pictures than features it is far above 0 even for noise, so `debiased_cka` is what
    the course compares networks with.

    Parameters
    ----------
    first : float array (n, features)
    second : float array (n, other features)

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ValueError
        If the pictures are not as many, fewer than 2, or their features all the same.
    """
    first, second = _check_features(first, second, 2)
    count = len(first)
    if count > max(first.shape[1], second.shape[1]):
        shared = np.sum((second.T @ first) ** 2)
        sizes = [np.linalg.norm(features.T @ features) for features in (first, second)]
        return float(shared / np.prod(sizes))
    return _align(first @ first.T, second @ second.T)


def debiased_cka(first, second):
    """Compare two sets of features of the same pictures, fairly when these are few.

    The alignment of `linear_cka` without the pairs of a picture with itself: the
    unbiased estimate of the Hilbert-Schmidt independence criterion (Song et al. 2012,
    JMLR 13, HSIC₁; used so by Nguyen et al. 2020, arXiv:2010.15327).
    For independent features it is 0 on average, however many there are.

    Parameters
    ----------
    first : float array (n, features)
    second : float array (n, other features)

    Returns
    -------
    float
        -1 to 1.

    Raises
    ------
    ValueError
        If the pictures are not as many, fewer than 4, or their features all the same.
    """
    return _align(*map(_centre_unbiased, _check_features(first, second, 4)))


def compare_layers(models, layers, images):
    """Compare every layer of one network with every layer of another by debiased CKA.

    Features are all values of a layer's map, place by place (as in Kornblith et al.
    2019), so layers count as alike only if they see the same in the same places. Near
    the image that is so for any two networks, even untrained ones: compare with those.

    Parameters
    ----------
    models : two keras.Model
    layers : two lists of str
        Names of layers that give maps, for each model.
    images : two float arrays (n, height, width, channels)
        The same pictures, as each model takes them.

    Returns
    -------
    pandas.DataFrame
        A row for each layer of the first model, a column for each of the second.

    Raises
    ------
    ValueError
        If images and models do not fit, if there is no such layer, or as in
        `debiased_cka`.
    """
    if len(images[0]) != len(images[1]):
        raise ValueError(
            "Both models must see the same pictures, got "
            f"{len(images[0])} and {len(images[1])}; pass as many to each."
        )
    kernels = [
        [_read_kernel(model, layer, shown) for layer in names]
        for model, names, shown in zip(models, layers, images, strict=True)
    ]
    values = [[_align(row, column) for column in kernels[1]] for row in kernels[0]]
    return pd.DataFrame(values, index=list(layers[0]), columns=list(layers[1]))


def compare_weights(first, second):
    """Compare the weights of the layers that two models have under the same name.

    Parameters
    ----------
    first, second : keras.Model

    Returns
    -------
    pandas.DataFrame
        A row a layer. ``identical``: all of its weights, bit for bit. For convolutions
        and dense layers whose kernels agree in shape: ``cosine``, the mean over filters
        of that with the filter in the same place; ``matched``, of that with the partner
        from `match_filters`; ``chance``, the same for random filters.

    Raises
    ------
    ValueError
        If no layer with weights has the same name in both.
    """
    others, rows = _list_layers(second), {}
    for name, layer in _list_layers(first).items():
        if name in others:
            rows[name] = _compare_layer(layer, others[name])
    if not rows:
        raise ValueError(
            "The models must have layers of the same names, got none with weights in "
            "both; name the layers when you build the models."
        )
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("layer")


def match_filters(first, second):
    """Pair the filters of two kernels one to one, so that the pairs are most alike.

    A filter of a deeper layer weighs the channels before it, and these stand in no
    common order in two networks that were trained apart. There the cosine says little,
    even if both networks do the same; `compare_layers` asks what comes out instead.

    Parameters
    ----------
    first, second : float array (..., filters)
        Kernels of the same shape.

    Returns
    -------
    (int array (filters,), float array (filters,))
        For each filter of the first, the place of its partner in the second, and the
        cosine of the angle between them.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if np.shape(first) != np.shape(second) or np.ndim(first) < 2:
        raise ValueError(
            "Filters can be matched only between kernels of the same shape, got "
            f"{np.shape(first)} and {np.shape(second)}; use compare_layers instead."
        )
    cosines = _normalise(first).T @ _normalise(second)
    rows, order = linear_sum_assignment(cosines, maximize=True)
    return order, cosines[rows, order]


def match_random_filters(shape, seed=0):
    """Match two kernels of random filters: the cosines that chance gives.

    Parameters
    ----------
    shape : tuple of int
        Of a kernel, filters last.
    seed : int

    Returns
    -------
    float array (filters,)
        Cosines, as from `match_filters`.
    """
    return match_filters(*np.random.default_rng(seed).normal(size=(2, *shape)))[1]


def _check_features(first, second, least):
    """Return both as float64, with the mean of each feature taken off."""
    checked = [np.asarray(features, "float64") for features in (first, second)]
    shapes = [features.shape for features in checked]
    if not (len(shapes[0]) == len(shapes[1]) == 2 and shapes[0][0] == shapes[1][0]):
        raise ValueError(
            "Both must be features of the same pictures, shape (pictures, features), "
            f"got {shapes[0]} and {shapes[1]}; flatten maps with "
            "maps.reshape(len(maps), -1)."
        )
    return [_centre(features, least) for features in checked]


def _centre(features, least):
    if len(features) < least:
        raise ValueError(
            f"The comparison needs {least} pictures or more, got {len(features)}; "
            "a hundred is a good start."
        )
    if not np.ptp(features, axis=0).any():
        raise ValueError(
            "The features must differ between pictures, got the same for all "
            f"{len(features)}; choose another layer, this one is dead."
        )
    return features - features.mean(axis=0)


def _read_kernel(model, layer, images):
    """Return the unbiased centred products of a layer's maps (n, n)."""
    maps = read_maps(model, layer, images)
    return _centre_unbiased(_centre(maps.reshape(len(maps), -1), 4))


def _centre_unbiased(features):
    """Return products of features (n, n) so centred that noise adds up to nothing.

    The sum over two such matrices, multiplied place by place, is n (n - 3) times the
    estimate of Song et al. 2012 (U-centring: Székely and Rizzo 2014, arXiv:1310.2926).
    """
    products = (features @ features.T).astype("float64")
    np.fill_diagonal(products, 0)
    count, sums = len(products), products.sum(axis=0)
    products -= (sums + sums[:, None]) / (count - 2)
    products += sums.sum() / ((count - 1) * (count - 2))
    np.fill_diagonal(products, 0)
    return products


def _align(first, second):
    """Return the cosine of the angle between two matrices."""
    size = np.linalg.norm(first) * np.linalg.norm(second)
    return float(np.sum(first * second) / size)


def _list_layers(model):
    steps = read_graph(model).steps
    return {
        step.name: step.operation
        for step in steps
        if getattr(step.operation, "weights", None)
    }


def _compare_layer(first, second):
    weights, others = first.get_weights(), second.get_weights()
    row = {
        "identical": len(weights) == len(others)
        and all(
            one.shape == other.shape and one.tobytes() == other.tobytes()
            for one, other in zip(weights, others, strict=True)
        ),
        "cosine": np.nan,
        "matched": np.nan,
        "chance": np.nan,
    }
    has_filters = isinstance(first, keras_layers.Conv2D | keras_layers.Dense)
    if has_filters and others and weights[0].shape == others[0].shape:
        same = (_normalise(weights[0]) * _normalise(others[0])).sum(axis=0)
        row["cosine"] = same.mean()
        row["matched"] = match_filters(weights[0], others[0])[1].mean()
        row["chance"] = match_random_filters(weights[0].shape).mean()
    return row


def _normalise(kernel):
    """Return filters as columns of length 1; one of zeros stays zeros."""
    columns = np.asarray(kernel, "float64").reshape(-1, np.shape(kernel)[-1])
    lengths = np.linalg.norm(columns, axis=0)
    return columns / np.where(lengths > 0, lengths, 1)
