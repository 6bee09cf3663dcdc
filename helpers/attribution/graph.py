"""A Keras model as one flat list of steps, however deeply its parts are nested.

Every method of the toolbox reads a model this way: it can look at the output of any
step, stop before the softmax, or go through the list backwards. The given model is
neither changed nor copied; its weights are read when the steps run.
"""

from typing import NamedTuple

import keras
from keras import layers, tree

_SQUASHES = {
    "softmax": "softmax",
    "logsoftmax": "softmax",
    "sigmoid": "sigmoid",
    "logsigmoid": "sigmoid",
}
_SHAPERS = {"Reshape", "Flatten", "Squeeze", "Cast", "Dropout", "Identity"}
_CONVOLUTIONS = (
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
)
_RESIZERS = (
    layers.AveragePooling2D,
    layers.Cropping2D,
    layers.MaxPooling2D,
    layers.Resizing,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
)


class Step(NamedTuple):
    """One call of one layer or operation.

    ``inputs`` and ``outputs`` are numbers of values, 0 being the image; ``shape`` is
    that of the first output, without the batch axis. A ``squash`` ("softmax" or
    "sigmoid") is left out when the step runs: it stands between logits and answer.
    """

    name: str
    operation: object
    node: object
    inputs: tuple
    outputs: tuple
    shape: tuple
    squash: str | None = None


class Graph(NamedTuple):
    """The steps from the image to the logits, in an order in which they can run."""

    steps: tuple
    logits: int  # number of the value
    class_count: int
    squash: str | None  # what turns logits into the model's answer


def read_graph(model, output=None):
    """List the steps that lead from a model's image to the logits of one output.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential; models inside it are opened.
    output : str or int, optional
        Name or index of the output, for models with several.

    Returns
    -------
    Graph

    Raises
    ------
    ValueError
        If the model has no graph of layers or takes more than one input, or if the
        output is not named where there are several, does not exist, or does not give
        one score a class.
    """
    functional = _find_functional(model)
    if len(functional.inputs) != 1:
        raise ValueError(
            "The model must take one image, got a model with "
            f"{len(functional.inputs)} inputs; wrap it in a keras.Model that has one."
        )
    chosen = _choose_output(functional, output)
    steps, ends = _open_model(functional, (0,), "", [1])
    steps, squash = _leave_out_squash(steps, ends[chosen])
    steps = _keep_what_leads_to(ends[chosen], steps)
    shape = functional.outputs[chosen].shape
    if len(shape) != 2 or shape[-1] is None:
        raise ValueError(
            "The model must end in one score a class, shape (images, classes), got an "
            f"output of shape {tuple(shape)}; choose another output or add a head."
        )
    return Graph(tuple(steps), ends[chosen], shape[-1], squash)


def run_steps(graph, images):
    """Run a graph on images and return every value on the way.

    Parameters
    ----------
    graph : Graph
    images : tensor (n, height, width, channels)

    Returns
    -------
    dict of int to tensor
        ``values[0]`` is the image, ``values[graph.logits]`` the logits.
    """
    values = {0: images}
    for step in graph.steps:
        results = run_step(step, [values[number] for number in step.inputs])
        values.update(zip(step.outputs, tree.flatten(results), strict=True))
    return values


def run_step(step, inputs):
    """Run one step on its input tensors, as at inference, without its squash."""
    tensors = step.node.input_tensors
    filled = {id(tensor): value for tensor, value in zip(tensors, inputs, strict=True)}
    arguments, options = step.node.arguments.fill_in(filled)
    operation = step.operation
    if step.squash and not hasattr(operation, "activation"):
        return inputs[0]
    if getattr(operation, "_call_has_training_arg", False):
        options = {**options, "training": False}
    if not step.squash:
        return operation(*arguments, **options)
    activation, operation.activation = operation.activation, keras.activations.linear
    try:
        return operation(*arguments, **options)
    finally:
        operation.activation = activation


def find_feature_step(graph, layer=None):
    """Return the step whose feature map a CAM-type method reads.

    Parameters
    ----------
    graph : Graph
    layer : str, optional
        Name of a layer that gives a map of features, with the path of the models
        around it where the name alone is not unique ("base/conv_1"). If not given:
        the last convolution that still has a map, together with what follows it at
        the same size (normalisation, activation, residual add).

    Returns
    -------
    Step

    Raises
    ------
    ValueError
        If no layer is given and there is no convolution, or no such layer.
    """
    maps = [step for step in graph.steps if _is_map(step)]
    convolutions = [step for step in maps if isinstance(step.operation, _CONVOLUTIONS)]
    if not maps or (layer is None and not convolutions):
        raise ValueError(
            "Methods of the CAM family need a convolution that keeps a map, and this "
            "model has none; use saliency, integrated_gradients or occlusion."
        )
    if layer is None:
        return _follow(convolutions[-1], maps)
    named = [
        step
        for step in graph.steps
        if step.name == layer or step.name.endswith(f"/{layer}")
    ]
    maps_named = [step for step in named if _is_map(step)]
    if not maps_named:
        listed = [step.name for step in convolutions or maps]
        shown = ", ".join(listed if len(listed) <= 12 else [*listed[:3], *listed[-6:]])
        raise ValueError(
            f"The layer {layer!r} {'has no map' if named else 'does not exist'}; the "
            f"{'convolutions' if convolutions else 'layers with a map'} are {shown}"
            + (f" (9 of {len(listed)} shown)." if len(listed) > 12 else ".")
        )
    if len({step.name for step in maps_named}) > 1:
        raise ValueError(
            f"The layer name {layer!r} is not unique; choose one of "
            f"{', '.join(step.name for step in maps_named)}."
        )
    return maps_named[-1]


def _follow(convolution, maps):
    """Return the last step that reads a convolution's map without resizing it."""
    last, reached = convolution, set(convolution.outputs)
    for step in maps[maps.index(convolution) + 1 :]:
        resizes = isinstance(step.operation, _RESIZERS)  # a size can be None
        if (
            reached.intersection(step.inputs)
            and step.shape[:2] == convolution.shape[:2]
            and not resizes
        ):
            last = step
            reached.update(step.outputs)
    return last


def _find_functional(model):
    """Return the part of a model that knows its graph."""
    functional = getattr(model, "_functional", None) or model
    if not hasattr(functional, "_nodes_by_depth"):
        raise ValueError(
            "The model must be functional or Sequential and built, got a "
            f"{type(model).__name__} without a graph of layers; give it an Input "
            "layer, or, if it ends in logits, wrap it: "
            "keras.Model(inputs, model(inputs))."
        )
    return functional


def _choose_output(functional, output):
    names, count = _name_outputs(functional), len(functional.outputs)
    listed = ", ".join(f"{number} ({name})" for number, name in enumerate(names))
    if output is None:
        if count > 1:
            raise ValueError(
                f"The model has {count} outputs, {listed}; choose one with output=, "
                "or with --model-output on the command line."
            )
        return 0
    if names.count(output) == 1:
        return names.index(output)
    if output in range(count):
        return int(output)
    problem = "Several outputs are called" if output in names else "There is no output"
    raise ValueError(f"{problem} {output!r}; choose a number: {listed}.")


def _name_outputs(functional):
    """Return the keys of a model that gives a dict, else its layers' names."""
    named = functional._outputs_struct
    if isinstance(named, dict) and len(named) == len(functional.outputs):
        return sorted(named)  # the order of functional.outputs
    return list(functional.output_names)


def _open_model(model, inputs, path, counter):
    """Return a model's steps and the numbers of its outputs.

    `counter` holds the next free number, shared by the models inside one another.
    """
    functional = _find_functional(model)
    numbers = {id(t): n for t, n in zip(functional.inputs, inputs, strict=True)}
    steps = []
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            if node.is_input:
                continue
            operation = node.operation
            taken = tuple(numbers[id(tensor)] for tensor in node.input_tensors)
            if hasattr(getattr(operation, "_functional", operation), "_nodes_by_depth"):
                fed = [numbers[id(tensor)] for tensor in _order_inputs(node)]
                inside, given = _open_model(
                    operation, fed, f"{path}{operation.name}/", counter
                )
                steps += inside
            else:
                given = tuple(range(counter[0], counter[0] + len(node.outputs)))
                counter[0] += len(node.outputs)
                shape = tuple(node.outputs[0].shape[1:])
                name = f"{path}{operation.name}"
                steps.append(Step(name, operation, node, taken, given, shape))
            numbers.update({id(t): n for t, n in zip(node.outputs, given, strict=True)})
    return steps, [numbers[id(tensor)] for tensor in functional.outputs]


def _order_inputs(node):
    """Return what a nested model is called on, in the order of its inputs."""
    given, wanted = next(iter(node.arguments.args), None), node.operation.inputs
    if isinstance(given, dict) and {tensor.name for tensor in wanted} == set(given):
        return [given[tensor.name] for tensor in wanted]
    return node.input_tensors


def _leave_out_squash(steps, end):
    """Mark the softmax or sigmoid that the output went through, if there is one."""
    makers = {
        number: place for place, step in enumerate(steps) for number in step.outputs
    }
    place = makers.get(end)
    while place is not None:
        step = steps[place]
        squash = _find_squash(step.operation)
        if squash:
            marked = [*steps[:place], step._replace(squash=squash), *steps[place + 1 :]]
            return marked, squash
        linear = getattr(step.operation, "activation", None) is keras.activations.linear
        passes_on = isinstance(step.operation, layers.Activation) and linear
        if not passes_on and type(step.operation).__name__ not in _SHAPERS:
            break
        place = makers.get(step.inputs[0])
    return steps, None


def _find_squash(operation):
    """Return "softmax" or "sigmoid", if an operation is one or ends in one."""
    activation = getattr(operation, "activation", operation)
    name = getattr(activation, "__name__", type(activation).__name__)
    return _SQUASHES.get(name.lower().removesuffix("_v2").replace("_", ""))


def _keep_what_leads_to(end, steps):
    needed, kept = {end}, []
    for step in reversed(steps):
        if needed.intersection(step.outputs):
            needed.update(step.inputs)
            kept.append(step)
    return kept[::-1]


def _is_map(step):
    return len(step.shape) == 3 and step.shape[:2] != (1, 1)
