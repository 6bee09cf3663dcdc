"""Sanity: a heatmap must change with what it explains, and with nothing else."""

import keras
import numpy as np
import pandas as pd
from keras import layers

from helpers.attribution.graph import read_graph
from helpers.attribution.scores import check_request, check_whole, compute_logits
from helpers.grading.truth import correlate_ranks

# How a layer starts that has learnt nothing, by the names of its variables.
_STARTS = {
    "bias": 0.0,
    "beta": 0.0,
    "moving_mean": 0.0,
    "gamma": 1.0,
    "moving_variance": 1.0,
}
_NORMALISATIONS = (
    layers.BatchNormalization,
    layers.GroupNormalization,
    layers.LayerNormalization,
)


def randomize_cascade(model, seed=0, stages=None):
    """Forget a network from the head down: one layer more at each stage.

    The cascading randomisation of Adebayo et al. 2018, arXiv:1810.03292. Each layer
    starts anew as if it had learnt nothing: kernels are drawn from a normal
    distribution around 0 of variance 2 / (number of values that an output sums up), as
    in He et al. 2015, arXiv:1502.01852, equation 10; biases are 0; normalisations
    neither scale nor move, which is where Keras starts them. What is none of these (the
    slope of a PReLU) is shuffled within the layer.

    That variance keeps signals of about the same size through layers with ReLU, so
    that the random network still answers, and in its own way to each picture. Starts as
    Keras draws them do not: they leave logits of 5e-12 in MobileNetV2, and methods that
    read probabilities would show rounding errors, which resemble nothing and pass.

    Parameters
    ----------
    model : keras.Model
        Not changed.
    seed : int
        Decides the weights. Those of a layer are the same at all later stages.
    stages : int, optional
        Yield only so many, evenly spaced, the first and the last among them; all if not
        given.

    Yields
    ------
    name : str
        The last layer that became random. A normalisation becomes so together with the
        layer before it; layers that prepare pixels (Normalization, Rescaling) stay.
    model : keras.Model
        A copy for this stage. That of the last stage is random throughout.

    Raises
    ------
    ValueError
        If the model cannot be read or copied, or has no weights, or fewer than two
        stages are asked for.
    """
    for name, weights in _draw_stages(model, seed, stages):
        changed = _copy(model)
        changed.set_weights(weights)
        yield name, changed


def randomize(model, seed=0):
    """Return a copy that has learnt nothing: the last stage of `randomize_cascade`.

    Parameters and errors are those of `randomize_cascade`.

    Returns
    -------
    keras.Model
    """
    changed = _copy(model)
    changed.set_weights(_draw_stages(model, seed)[-1][1])
    return changed


def measure_cascade(
    method, model, images, class_indices, *, stages=None, seed=0, heatmaps=None
):
    """Tell how much of a map remains when the network forgets, layer by layer.

    A method that explains the network changes its map with each stage. One whose map
    remains explains something else: often the picture's own edges. The reverse does
    not hold. A random map changes too, and the layers below a stage are still the
    trained ones, so that what is bright there stays bright (Binder et al. 2023,
    arXiv:2211.12486): this test can fail a method, but not rank those that pass. And on
    a picture that is mostly black, a product with the pixel is 0 wherever the picture
    is: such maps remain almost as they were, whatever happens within the strokes.

    Parameters
    ----------
    method : callable
        Any of `helpers.attribution`, or ``method(model, images, class_index)`` to
        heatmaps (n, height, width).
    model : keras.Model
    images : float array (n, height, width, channels)
    class_indices : int or int array (n,)
    stages, seed : int
        As in `randomize_cascade`.
    heatmaps : float array (n, height, width), optional
        The method's maps of these pictures, if they are known already.

    Returns
    -------
    pandas.DataFrame
        A row for each stage, named as in `randomize_cascade`, a column for each
        picture: the grade of `compare_with_other`.

    Raises
    ------
    ValueError
        As in `randomize_cascade` and the method; or if the method gives no finite maps
        of the images' size.
    """
    heatmaps = explain(method, model, images, class_indices, heatmaps)
    drawn = _draw_stages(model, seed, stages)
    changed, rows = _copy(model), {}  # one copy for all: its functions compile once
    for name, weights in drawn:
        changed.set_weights(weights)
        rows[name] = compare_with_other(
            method, model, changed, images, class_indices, heatmaps=heatmaps
        )
    return pd.DataFrame.from_dict(rows, orient="index")


def compare_with_other(method, model, other, images, class_indices, *, heatmaps=None):
    """Tell how alike the maps of two networks are, for the same pictures and classes.

    With `randomize` as the other network, the model parameter randomisation test of
    Adebayo et al. 2018, arXiv:1810.03292; with one that was trained on shuffled labels,
    their data randomisation test.

    Signs are dropped, of the heat and of the grade: a random network has no reason to
    prefer one sign, and a map that became its own negative still draws the same
    picture.

    Parameters
    ----------
    method, model, images, class_indices, heatmaps
        As in `measure_cascade`.
    other : keras.Model
        With the same input and classes.

    Returns
    -------
    float64 array (n,)
        Absolute rank correlation of absolute heat, 0 to 1; 1 for a method that does
        not look at the network.

    Raises
    ------
    ValueError
        As in `measure_cascade`.
    """
    heatmaps = explain(method, model, images, class_indices, heatmaps)
    others = explain(method, other, images, class_indices)
    return np.abs(correlate_maps(np.abs(heatmaps), np.abs(others)))


def compare_classes(
    method, model, images, class_indices, *, other_indices=None, heatmaps=None
):
    """Tell how alike the maps for two classes are, for the same network and pictures.

    A map that does not depend on the class cannot say what speaks for it. The sign of
    the grade is dropped where there are more than two classes: rules that hand on
    positive shares only can give all classes the same map, times a number that is
    positive for one and negative for the next (Sixt et al. 2020, arXiv:1912.09818,
    theorem 1). With two classes it counts: what speaks for one speaks against the
    other, and a map may say so.

    Parameters
    ----------
    method, model, images, class_indices, heatmaps
        As in `measure_cascade`.
    other_indices : int or int array (n,), optional
        The other classes; `find_rivals` of the pictures if not given.

    Returns
    -------
    float64 array (n,)
        Rank correlation, -1 to 1 with two classes, else its absolute value; 1 for a
        method that does not look at the class.

    Raises
    ------
    ValueError
        As in `measure_cascade`; or if the model has a single class.
    """
    if other_indices is None:
        other_indices = find_rivals(model, images, class_indices)
    heatmaps = explain(method, model, images, class_indices, heatmaps)
    grades = correlate_maps(heatmaps, explain(method, model, images, other_indices))
    return grades if read_graph(model).class_count == 2 else np.abs(grades)


def find_rivals(model, images, class_indices):
    """Return the class, other than the asked one, that each picture most looks like.

    Parameters
    ----------
    model, images, class_indices
        As in `measure_cascade`.

    Returns
    -------
    int64 array (n,)

    Raises
    ------
    ValueError
        If model, images and classes do not fit, or there is only one class.
    """
    request = check_request(model, images, class_indices)
    if request.graph.class_count < 2:
        raise ValueError(
            "A map for another class needs a model with 2 classes or more, got 1; give "
            "a single score a second class."
        )
    logits = compute_logits(request, request.images, batch_size=32)
    logits[np.arange(len(logits)), request.class_indices] = -np.inf
    return logits.argmax(axis=1)


def shift_inputs(model, images, amount):
    """Say the same in other numbers: move all pixel values, and the model with them.

    As Kindermans et al. 2017, arXiv:1711.00867: they take the amount back in the first
    layer's bias, we in a layer before it.

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, channels)
    amount : float
        Added to every value.

    Returns
    -------
    model : keras.Model
        Which gives for the moved images what the given one gives for the images.
    images : float32 array (n, height, width, channels)
    """
    inputs = keras.Input(model.inputs[0].shape[1:], name="shifted")
    moved = np.asarray(images, "float32") + np.float32(amount)
    return keras.Model(inputs, model(layers.Rescaling(1.0, -amount)(inputs))), moved


def measure_input_invariance(
    method, model, images, class_indices, *, amount=-1.0, heatmaps=None
):
    """Tell how much of a map remains when pixels are written in other numbers.

    Input invariance (Kindermans et al. 2017, arXiv:1711.00867): with pixels from -1 to
    0 in place of 0 to 1, the network sees and answers the same, so the map should stay.
    It moves where a method takes the number 0 for "nothing there": in a product with
    the pixel, a black baseline, a black square, a mask that dims.

    Parameters
    ----------
    method, model, images, class_indices, heatmaps
        As in `measure_cascade`.
    amount : float
        As in `shift_inputs`.

    Returns
    -------
    float64 array (n,)
        Rank correlation, -1 to 1; 1 for a map that stays.

    Raises
    ------
    ValueError
        As in `measure_cascade`.
    """
    heatmaps = explain(method, model, images, class_indices, heatmaps)
    shifted, moved = shift_inputs(model, images, amount)
    return correlate_maps(heatmaps, explain(method, shifted, moved, class_indices))


def explain(method, model, images, class_indices, heatmaps=None):
    """Return a method's maps, if there is one for each image and all are finite.

    Parameters
    ----------
    method, model, images, class_indices
        As in `measure_cascade`.
    heatmaps : float array (n, height, width), optional
        Maps that are known already: checked, and the method not asked.

    Returns
    -------
    array (n, height, width)

    Raises
    ------
    ValueError
        If they are not finite numbers of the images' size.
    """
    if heatmaps is None:
        heatmaps = method(model, images, class_indices)
    heatmaps, wanted = np.asarray(heatmaps), np.shape(images)[:3]
    if heatmaps.shape != wanted or not np.isfinite(heatmaps).all():
        raise ValueError(
            f"The method must give finite heatmaps of shape {wanted}, one an image, "
            f"got {heatmaps.shape}; those of helpers.attribution do."
        )
    return heatmaps


def correlate_maps(heatmaps, others):
    """Compare maps by rank, and call two maps without any heat the same.

    Parameters
    ----------
    heatmaps, others : float array (n, height, width)

    Returns
    -------
    float64 array (n,)
        As `correlate_ranks`, but 1 where both maps are the same everywhere.
    """
    flat = [np.ptp(maps, axis=(1, 2)) == 0 for maps in (heatmaps, others)]
    return np.where(flat[0] & flat[1], 1.0, correlate_ranks(heatmaps, others))


def _draw_stages(model, seed, count=None):
    """List the stages from the head down: a layer's name and all weights (list)."""
    if count is not None:
        check_whole("stages", count, 2, "6 is a good start")
    places = {id(variable): place for place, variable in enumerate(model.weights)}
    generator, weights = np.random.default_rng(seed), model.get_weights()
    drawn, stages = set(), []
    for step in reversed(read_graph(model).steps):
        layer = step.operation
        if isinstance(layer, layers.Normalization) or id(layer) in drawn:
            continue
        drawn.add(id(layer))
        for variable in getattr(layer, "weights", []):
            place = places[id(variable)]
            weights[place] = _draw(layer, variable.name, weights[place], generator)
        if getattr(layer, "weights", []) and not isinstance(layer, _NORMALISATIONS):
            stages.append((step.name, list(weights)))
    if not stages:
        raise ValueError(
            "The model must have layers with weights to forget, got none; only a "
            "trained network can be compared with a random one."
        )
    stages[-1] = (stages[-1][0], weights)  # with a norm before all layers
    if count is None or count >= len(stages):
        return stages
    places = np.linspace(0, len(stages) - 1, count).round().astype(int)
    return [stages[place] for place in places]


def _draw(layer, name, values, generator):
    """Return new values for one variable of a layer."""
    if name in _STARTS:
        return np.full_like(values, _STARTS[name])
    if "kernel" not in name:
        return generator.permuted(values, axis=None)
    shape, is_depthwise = values.shape, isinstance(layer, layers.DepthwiseConv2D)
    is_depthwise |= name.startswith("depthwise")
    summed_up = np.prod(shape[:2] if is_depthwise else shape[:-1])
    return generator.normal(0, np.sqrt(2 / summed_up), shape).astype(values.dtype)


def _copy(model):
    """Return a model that answers the same, with layers and weights of its own."""
    try:
        copy = keras.models.clone_model(model)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            "The model must be one that Keras can copy, and a layer in it is not; give "
            "each layer of your own a get_config and let it pass **kwargs on."
        ) from error
    copy.set_weights(model.get_weights())
    for step in read_graph(copy).steps:
        if isinstance(step.operation, layers.Normalization):
            step.operation.finalize_state()  # else it keeps the mean that it began with
    return copy
