"""Sharper questions to a classifier: why this class rather than that one."""

import keras
import numpy as np
from keras import layers

from helpers.attribution.graph import read_graph, run_steps


def ask_rather_than(model, class_index, other, *, output=None):
    """Make a model whose only score is how far one class is ahead of another.

    The score is logit[class_index] - logit[other], which in softmax models is also
    log(p[class_index] / p[other]). Every method of `helpers.attribution` takes the
    result with class_index 0; RISE, LIME and Score-CAM, which read probabilities, see
    the share of the first class in the two. The question is that of Prabhushankar et
    al. 2020, arXiv:2008.00178 (who differentiate a loss); for the difference of logits
    compare Wang and Wang 2022, "Why not other classes?", NeurIPS 35.

    Methods that are linear in the score (CAM, gradient times input, integrated
    gradients, occlusion, LRP by "epsilon" and "composite") give the map of
    `class_index` minus the map of `other`. LRP by "z+" hears only what speaks for the
    first class: that rule leaves out whatever lowers a score.

    Parameters
    ----------
    model : keras.Model
        Ends in logits, or in a softmax or sigmoid, which is left out. It shares its
        layers with the result and is not changed. Only the weights of a last layer
        that has its softmax built in are copied: after training, ask again.
    class_index : int
        The class asked about.
    other : int
        The class it is compared with.
    output : str or int, optional
        Name or index of the output, for models with several.

    Returns
    -------
    keras.Model
        From the same images to scores (n, 1), in logits.

    Raises
    ------
    ValueError
        If the model cannot be read (see `graph.read_graph`), if it has one class only,
        if a class does not exist, if both are the same, or if layers of models inside
        the model have the same name.
    """
    graph = read_graph(model, output)
    _check_classes(graph.class_count, class_index, other)
    _check_names(graph.steps)
    linear = {
        step: _copy_without_squash(step.operation)
        for step in graph.steps
        if step.squash and hasattr(step.operation, "activation")
    }
    steps = tuple(
        step._replace(operation=linear[step], squash=None) if step in linear else step
        for step in graph.steps
    )
    taken = model.inputs[0]
    inputs = keras.Input(taken.shape[1:], dtype=taken.dtype)
    logits = run_steps(graph._replace(steps=steps), inputs)[graph.logits]
    for step, layer in linear.items():
        layer.set_weights(step.operation.get_weights())
    subtract = layers.Dense(1, use_bias=False, dtype="float32", name="rather_than")
    question = keras.Model(inputs, subtract(logits))
    signs = np.zeros((graph.class_count, 1), "float32")
    signs[class_index], signs[other] = 1, -1
    subtract.set_weights([signs])
    return question


def _copy_without_squash(layer):
    return type(layer).from_config({**layer.get_config(), "activation": "linear"})


def _check_classes(count, class_index, other):
    if count < 2:
        raise ValueError(
            "The question needs a model with 2 classes or more, got one with a single "
            "score; that score already compares the two answers, so explain it itself."
        )
    for name, asked in (("class_index", class_index), ("other", other)):
        whole = isinstance(asked, int | np.integer) and not isinstance(asked, bool)
        if not whole or not 0 <= asked < count:
            raise ValueError(
                f"{name} must be a whole number from 0 to {count - 1}, got {asked!r}; "
                "attribution.find_class(name, class_names) turns a name into its index."
            )
    if class_index == other:
        raise ValueError(
            f"The two classes must differ, got {class_index} twice; choose the class "
            "that should have won as other."
        )


def _check_names(steps):
    """Refuse what Keras cannot put into one model: two layers of the same name."""
    seen: dict[str, object] = {}
    for step in steps:
        operation = seen.setdefault(step.operation.name, step.operation)
        if operation is not step.operation:
            raise ValueError(
                "The layers of the models inside the model must have names of their "
                f"own, got two called {step.operation.name!r}; rename one of them."
            )
