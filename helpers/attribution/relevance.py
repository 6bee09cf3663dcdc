"""Layer-wise relevance propagation: the score is handed back, layer by layer.

Every layer divides what its outputs were given among its inputs, in proportion to what
each input had added to each output. At the end the pixels hold the score, less what
the biases kept.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from helpers.attribution.graph import run_step, run_steps
from helpers.attribution.scores import check_request, gather_scores, in_batches, trace

RULES = ("composite", "epsilon", "z+")

_STABILISER = 1e-6  # against division by zero where epsilon has no say

# What Keras layers and operations do with relevance, by the names of their types.
_WEIGHTED = {
    "Conv2D": keras.ops.conv,
    "DepthwiseConv2D": keras.ops.depthwise_conv,
    "SeparableConv2D": keras.ops.conv,  # after a depthwise convolution
    "Conv2DTranspose": keras.ops.conv_transpose,
    "Dense": keras.ops.matmul,
}
_SHARING = {  # linear: in proportion, by the epsilon rule
    *("Add", "Subtract", "Average", "BatchNormalization", "CustomScaleLayer"),
    *("AveragePooling2D", "GlobalAveragePooling2D", "Mean"),
    *("UpSampling2D", "Resizing", "CenterCrop"),
}
_ROUTING = {  # each output is one of the inputs, or 0
    *("Flatten", "Reshape", "Permute", "Transpose", "Squeeze", "ExpandDims"),
    *("Concatenate", "GetItem", "Cropping2D", "ZeroPadding2D"),
    *("MaxPooling2D", "GlobalMaxPooling2D", "Maximum"),
}
_PASSING = {  # each output has one input
    *("Rescaling", "Normalization", "Identity", "Cast", "ActivityRegularization"),
    *("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout"),
    *("GaussianNoise", "RandomBrightness", "RandomContrast", "RandomFlip"),
    *("RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom"),
}
_ACTIVATIONS = {  # so do these, and give zero for zero
    *("linear", "relu", "relu6", "leakyrelu", "prelu", "elu", "selu", "celu", "gelu"),
    *("silu", "hardsilu", "mish", "tanh", "hardtanh", "softsign"),
}
_ARITHMETIC = {"Add", "Subtract", "Multiply", "Divide", "TrueDivide"}  # with a number


def lrp(
    model,
    images,
    class_index,
    *,
    rule="composite",
    epsilon=1e-6,
    output=None,
    batch_size=32,
):
    """Hand the class's logit back through the layers until the pixels hold it.

    Layer-wise relevance propagation (Bach et al. 2015,
    doi:10.1371/journal.pone.0130140): the asked class starts with its logit, the other
    classes with 0. Where a layer computes z = Σ x·w + b, an input gets x·w / z of what
    z was given, summed over all z.

    - "epsilon", equation 58: z is moved away from 0 by epsilon. If all activations are
      ReLUs and epsilon is tiny, this is gradient times input.
    - "z+", equation 60 with α = 1 and β = 0, and Montavon et al. 2017,
      doi:10.1016/j.patcog.2016.11.008: only what raises z counts, x·w > 0. This takes
      negative inputs too, if their weights are negative.
    - "composite", rules by depth as in Montavon et al. 2019,
      doi:10.1007/978-3-030-28954-6_10, section 10.3: z+ in convolutions, epsilon in
      dense layers. A convolution that gives a single place counts as a dense layer.

    A bias takes its share too and keeps it (in z+, if it is positive), and by z+ an
    output that no input raised keeps all. So the heatmap's sum is the logit in a ReLU
    network without biases, and can be a tiny part of it in a deep network with them:
    compare places within a heatmap, not sums.

    Batch normalisation is merged into the convolution or dense layer before it; without
    one, it shares like one, by epsilon. Mean pooling and addition share in proportion,
    so that beside a negative summand even z+ gives negative shares; max-pooling gives
    all to the winner. Activations pass everything on, which for GELU, swish and the
    like is a convention. So do layers that rescale pixels: if a model first brings
    pixels to [-1, 1], its heatmap is one of the rescaled pixels.

    Rules, biases and stabilisers are those of zennit 1.0.0, whose `EpsilonPlus` is the
    composite. It differs in two places: a batch normalisation on its own passes all
    on there, and every convolution is one.

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, channels)
    class_index : int or int array (n,)
    rule : str
        One of `RULES`.
    epsilon : float
        Above 0. A large one swallows weak and contradictory evidence.
    output : str or int, optional
        Name or index of the output, for models with several.
    batch_size : int
        Images at a time: bounds the memory.

    Returns
    -------
    float32 array (n, height, width)
        Logits, summed over the channels; positive speaks for the class, negative
        against it.

    Raises
    ------
    ValueError
        If images and model do not fit, the class does not exist, the rule is unknown,
        epsilon is not above 0, or a layer has no rule: products of two values, layer
        normalisation, attention, softmax inside the network, layers of one's own.
    """
    request = check_request(model, images, class_index, output)
    hand_back, _ = _trace_way_back(request, rule, epsilon, follow=False)
    return in_batches(hand_back, batch_size, request.images, request.class_indices)


def follow_relevance(
    model,
    images,
    class_index,
    *,
    rule="composite",
    epsilon=1e-6,
    output=None,
    batch_size=32,
):
    """Tell how much relevance each layer hands on, and so what its biases keep.

    Parameters and errors are those of `lrp`.

    Returns
    -------
    names : list of str
        The layers, from the last to the first. A batch normalisation that was merged
        stands for the layer it was merged into.
    left : float32 array (n, layers)
        Logits: the sum over all values that hold relevance after this layer. After the
        first layer it is the heatmap's sum.
    """
    request = check_request(model, images, class_index, output)
    hand_back, moves = _trace_way_back(request, rule, epsilon, follow=True)
    left = in_batches(hand_back, batch_size, request.images, request.class_indices)
    return [move.name for move in moves], left


class _Move(NamedTuple):
    """One layer on the way back: from the relevance of one value to that of others."""

    name: str
    output: int
    inputs: tuple
    share: Callable  # (inputs, relevance) -> the share of each input


class _WeightedSum(NamedTuple):
    """What a convolution or dense layer computes: ``apply(inputs, kernel) + bias``."""

    apply: Callable
    kernel: tf.Tensor
    bias: tf.Tensor


def _trace_way_back(request, rule, epsilon, follow):
    """Return the compiled way back, to heatmaps or to what is left, and its moves."""
    if rule not in RULES:
        raise ValueError(
            f"The rule must be one of {', '.join(map(repr, RULES))}, got {rule!r}; "
            "choose one of these."
        )
    if not 0 < epsilon < np.inf:
        raise ValueError(f"epsilon must be above 0, got {epsilon}; try 1e-6 or 0.01.")
    graph, moves = request.graph, _plan_moves(request.graph, rule, epsilon)

    def hand_back(images, class_indices):
        values = run_steps(graph, images)
        scores = gather_scores(values[graph.logits], class_indices)
        asked = tf.one_hot(class_indices, graph.class_count)
        relevance, left = {graph.logits: scores[:, None] * asked}, []
        for move in moves:
            inputs = [tf.cast(values[number], "float32") for number in move.inputs]
            shares = move.share(inputs, relevance.pop(move.output))
            for number, share in zip(move.inputs, shares, strict=True):
                relevance[number] = relevance.get(number, 0) + share
            if follow:
                held = [_sum_images(values) for values in relevance.values()]
                left.append(tf.add_n(held))
        return tf.stack(left, axis=1) if follow else tf.reduce_sum(relevance[0], -1)

    return trace(request, ("lrp", rule, epsilon, follow), hand_back), moves


def _plan_moves(graph, rule, epsilon):
    """List how each layer hands relevance back, from the logits to the image."""
    makers = {step.outputs[0]: step for step in graph.steps}
    uses = Counter(number for step in graph.steps for number in step.inputs)
    moves, merged = [], set()
    for step in reversed(graph.steps):
        name, output, kind, norm = step.name, step.outputs[0], _find_kind(step), None
        if output in merged:
            continue
        before = makers.get(step.inputs[0])
        if before and uses[step.inputs[0]] == 1 and _is_mergeable(step, before):
            merged.add(before.outputs[0])
            step, kind, norm = before, "weighted", step.operation
        if kind == "weighted":
            layer = step.operation
            is_dense = isinstance(layer, layers.Dense) or step.shape[:2] == (1, 1)
            positive = rule == "z+" or (rule == "composite" and not is_dense)
            share = partial(_share_weighted, layer, norm, positive, float(epsilon))
        elif kind == "sharing":
            share = partial(_share_step, step)
        else:
            share = partial(_route, step) if kind == "routing" else _pass
        moves.append(_Move(name, output, step.inputs, share))
    return moves


def _find_kind(step):
    """Return how a layer hands relevance back, or refuse it."""
    operation, kind = step.operation, type(step.operation).__name__
    activation = getattr(operation, "activation", None)
    function = getattr(activation, "__name__", kind).lower().replace("_", "")
    is_plain = function in _ACTIVATIONS or step.squash
    if type(operation).__module__.partition(".")[0] == "keras":
        if kind in _WEIGHTED and is_plain and not operation.quantization_mode:
            return "weighted"
        if kind in _PASSING:
            return "passing"
        if is_plain and (kind == "Activation" or activation is None):
            return "passing"
        if kind in _ARITHMETIC and len(step.inputs) == 1:
            first = step.node.arguments.args[0]
            if "Divide" not in kind or isinstance(first, keras.KerasTensor):
                return "passing"
        if kind in _SHARING:
            return "sharing"
        if kind in _ROUTING:
            return "routing"
    what = kind if activation is None else f"{kind} with activation {function}"
    raise ValueError(
        "LRP needs layers of which it can tell what each input added, got "
        f"{step.name!r} ({what}); use integrated_gradients, which takes any model."
    )


def _is_mergeable(step, before):
    """Tell whether a step normalises the weighted sums of the step before it."""
    return (
        type(step.operation).__name__ == "BatchNormalization"
        and step.operation.axis in (-1, len(step.shape))
        and _find_kind(before) == "weighted"
        and before.operation.activation is keras.activations.linear
    )


def _pass(inputs, relevance):
    return [relevance]


def _route(step, inputs, relevance):
    """Give all to the inputs that the outputs were taken from: ∂z/∂x is 1 or 0."""
    inputs = [tf.identity(value) for value in inputs]
    outputs = run_step(step, inputs)
    relevance = tf.cast(relevance, outputs.dtype)
    return tf.gradients(outputs, inputs, relevance, unconnected_gradients="zero")


def _share(compute, inputs, relevance, epsilon=_STABILISER):
    """Share in proportion to what each input added to the outputs z = compute(x).

    The sum of x·w / z · relevance over all z is x times a gradient: of z, weighted by
    relevance / z.
    """
    inputs = [tf.identity(value) for value in inputs]
    outputs = tf.cast(compute(*inputs), "float32")
    each = relevance / (outputs + tf.where(outputs >= 0, epsilon, -epsilon))
    parts = tf.gradients(outputs, inputs, each, unconnected_gradients="zero")
    return [value * part for value, part in zip(inputs, parts, strict=True)]


def _share_step(step, inputs, relevance):
    return _share(lambda *values: run_step(step, values), inputs, relevance)


def _share_weighted(layer, norm, positive, epsilon, inputs, relevance):
    """Share by a rule among the inputs of a convolution or dense layer."""
    (values,), passed = inputs, []
    for weighted_sum in _read_sums(layer, norm):
        passed.append((values, weighted_sum))
        values = weighted_sum.apply(values, weighted_sum.kernel) + weighted_sum.bias
    for values, weighted_sum in reversed(passed):
        share = _share_by_z_plus if positive else partial(_share_by_epsilon, epsilon)
        relevance = share(weighted_sum, values, relevance)
    return [relevance]


def _share_by_epsilon(epsilon, weighted_sum, values, relevance):
    apply, kernel, bias = weighted_sum

    def compute(values):
        return apply(values, kernel) + bias

    (share,) = _share(compute, [values], relevance, epsilon)
    return share


def _share_by_z_plus(weighted_sum, values, relevance):
    apply, kernel, bias = weighted_sum

    def compute(above, below):
        raised = apply(above, tf.maximum(kernel, 0.0))
        return raised + apply(below, tf.minimum(kernel, 0.0)) + tf.maximum(bias, 0.0)

    sides = [tf.maximum(values, 0.0), tf.minimum(values, 0.0)]
    return tf.add_n(_share(compute, sides, relevance))


def _read_sums(layer, norm):
    """Return a layer's weighted sums, with a normalisation merged into the last.

    There is one, or, in separable convolutions, two.
    """
    kind, sums = type(layer).__name__, []
    names = ("strides", "padding", "output_padding", "data_format", "dilation_rate")
    options = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    if kind == "SeparableConv2D":
        apply = partial(keras.ops.depthwise_conv, **options)
        sums.append(_WeightedSum(apply, _read(layer.depthwise_kernel), 0.0))
        kernel, options = _read(layer.pointwise_kernel), {}
    else:
        kernel = _read(layer.kernel)
    bias = _read(layer.bias) if layer.use_bias else 0.0
    if norm:
        scale = tf.math.rsqrt(_read(norm.moving_variance) + norm.epsilon)
        scale *= _read(norm.gamma) if norm.scale else 1.0
        bias = (bias - _read(norm.moving_mean)) * scale
        bias += _read(norm.beta) if norm.center else 0.0
        shapes = {"DepthwiseConv2D": kernel.shape[2:], "Conv2DTranspose": (-1, 1)}
        kernel *= tf.reshape(scale, shapes.get(kind, (-1,)))
    return [*sums, _WeightedSum(partial(_WEIGHTED[kind], **options), kernel, bias)]


def _read(variable):
    return tf.cast(keras.ops.convert_to_tensor(variable), "float32")


def _sum_images(values):
    return tf.reduce_sum(tf.reshape(values, (tf.shape(values)[0], -1)), axis=1)
