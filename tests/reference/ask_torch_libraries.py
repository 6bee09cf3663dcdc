"""Ask captum, zennit and PAIR's saliency, on PyTorch, for explanations.

`make_reference.py` runs this in an environment of its own:
python ask_torch_libraries.py networks.npz FOLDER

Everything is computed in float64, so that the stored float32 values are exact to their
last digit. Pictures go in as (n, channels, height, width); what is stored is
(n, height, width), the channels reduced as the course's methods do it.
"""

import functools
import importlib.metadata
import itertools
import json
import platform
import sys
import types
import warnings
from pathlib import Path
from unittest import mock

import captum.attr
import numpy as np
import saliency.core
import torch
from captum.attr._utils import lrp_rules
from torch import nn

# zennit takes four class names from torchvision, to recognise them in a model.
for name in ("torchvision", "torchvision.models", "torchvision.models.resnet"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["torchvision"].ops = types.SimpleNamespace(FrozenBatchNorm2d=type(None))
for name in ("Bottleneck", "BasicBlock"):
    setattr(sys.modules["torchvision.models.resnet"], name, type(None))

import zennit  # noqa: E402

NETWORKS = ("pooled", "flat", "residual")
STEPS = 50
SAMPLES = 5
EPSILON = 0.01
STABILISER = 1e-6  # zennit's, against division by zero in rules without an epsilon


def main(networks, folder):
    """Ask every library about every network and write one file a library."""
    torch.set_default_dtype(torch.float64)
    warnings.simplefilter("ignore", UserWarning)
    with np.load(networks, allow_pickle=False) as stored:
        drawn = dict(stored)
    libraries = {"captum": ask_captum, "zennit": ask_zennit, "pair": ask_pair}
    for library, ask in libraries.items():
        answers = {}
        for network in NETWORKS:
            for method, values in ask(network, drawn).items():
                values = np.asarray(values, "float32")
                assert np.isfinite(values).all(), (library, network, method)
                answers[f"{network}/{method}"] = values
        np.savez_compressed(Path(folder) / f"{library}.npz", **answers)
    names = ("numpy", "torch", "captum", "zennit", "saliency")
    versions = {name: importlib.metadata.version(name) for name in names}
    print(json.dumps({"python": platform.python_version()} | versions))


class Network(nn.Module):
    """Features, flattened, then a head."""

    def __init__(self, features, head):
        super().__init__()
        self.features, self.head = features, head

    def forward(self, images):
        return self.head(torch.flatten(self.features(images), 1))


class Residual(nn.Module):
    """A convolution and its normalisation, added to what went in."""

    def __init__(self, conv, norm):
        super().__init__()
        self.branch = nn.Sequential(conv, norm)
        self.add = zennit.layer.Sum(-1)

    def forward(self, values):
        return self.add(torch.stack([values, self.branch(values)], -1))


def build(network, drawn):
    """Return a network, and the layer whose feature map CAM methods read."""

    def part(name):
        return torch.tensor(drawn[f"{network}/{name}"], dtype=torch.float64)

    def conv(name, padding=0, stride=1):
        kernel = part(f"{name}/kernel").permute(3, 2, 0, 1)
        has_bias = f"{network}/{name}/bias" in drawn
        layer = nn.Conv2d(
            kernel.shape[1], kernel.shape[0], 3, stride, padding, bias=has_bias
        )
        layer.weight.data = kernel.contiguous()
        if has_bias:
            layer.bias.data = part(f"{name}/bias")
        return layer

    def norm(name):
        layer = nn.BatchNorm2d(6, eps=1e-3)
        layer.weight.data, layer.bias.data = part(f"{name}/gamma"), part(f"{name}/beta")
        layer.running_mean = part(f"{name}/mean")
        layer.running_var = part(f"{name}/variance")
        return layer

    def dense(name, image_shape=None):
        kernel = part(f"{name}/kernel")
        if (
            image_shape
        ):  # Keras flattens (height, width, channels), PyTorch channels first
            kernel = kernel.reshape(*image_shape, -1).permute(2, 0, 1, 3)
            kernel = kernel.reshape(-1, kernel.shape[-1])
        layer = nn.Linear(*kernel.shape)
        layer.weight.data, layer.bias.data = kernel.T.contiguous(), part(f"{name}/bias")
        return layer

    target = nn.ReLU()
    if network == "pooled":
        features = [conv("conv_1", 1), nn.ReLU(), nn.MaxPool2d(2), conv("conv_2", 1)]
        features += [target, nn.AdaptiveAvgPool2d(1)]
        head = dense("scores")
    elif network == "flat":
        features = [conv("conv_1", 1), nn.ReLU(), conv("conv_2", stride=2), target]
        head = nn.Sequential(dense("hidden", (5, 5, 8)), nn.ReLU(), dense("scores"))
    else:
        # Keras pads an even picture for a stride of 2 at the bottom and right only.
        features = [nn.ZeroPad2d((0, 1, 0, 1)), conv("conv_1", stride=2)]
        features += [norm("norm_1"), nn.ReLU()]
        features += [Residual(conv("conv_2", 1), norm("norm_2")), target]
        features += [nn.AdaptiveAvgPool2d(1)]
        head = dense("scores")
    return Network(nn.Sequential(*features), head).eval(), target


def ask_captum(network, drawn):
    """Return captum's answers."""
    images, classes = as_tensors(network, drawn)
    model, layer = build(network, drawn)

    def explain(asked, **options):
        return back(asked.attribute(images.clone(), target=classes, **options))

    integrated = captum.attr.IntegratedGradients(model)

    def integrate(method, baseline=0.0):
        return explain(
            integrated, method=method, n_steps=STEPS, baselines=baseline
        ).sum(-1)

    def occlude(patch, stride, fill):
        return explain(
            captum.attr.Occlusion(model),
            sliding_window_shapes=(3, patch, patch),
            strides=(3, stride, stride),
            baselines=fill,
        )[..., 0]  # the same in every channel, as the square covers all three

    guided_grad_cam = captum.attr.GuidedGradCam(model, layer)
    grad_cam = captum.attr.LayerGradCam(model, layer)
    answers = {
        "logits": model(images).detach(),
        "gradient": explain(captum.attr.Saliency(model), abs=False),
        "gradient_times_input": explain(captum.attr.InputXGradient(model)).sum(-1),
        "guided_backprop": take_largest(explain(captum.attr.GuidedBackprop(model))),
        "deconvnet": take_largest(explain(captum.attr.Deconvolution(model))),
        "grad_cam": explain(grad_cam)[..., 0],
        "guided_grad_cam": take_largest(
            explain(guided_grad_cam, interpolate_mode="bilinear")
        ),
        "ig_gauss_legendre": integrate("gausslegendre"),
        "ig_gauss_legendre_white": integrate("gausslegendre", 1.0),
        "ig_left": integrate("riemann_left"),
        "ig_midpoint": integrate("riemann_middle"),
        "ig_trapezoid": integrate("riemann_trapezoid"),
        "occlusion_4_2": occlude(4, 2, 0.0),
        "occlusion_5_1": occlude(5, 1, 0.5),
    }
    if network != "residual":  # captum has no rule for padding or stacking
        epsilon = functools.partial(lrp_rules.EpsilonRule, EPSILON)
        for rule, dense, convolution in (
            ("epsilon", epsilon, epsilon),
            ("z_plus", PositiveRule, PositiveRule),
            ("composite", epsilon, PositiveRule),
        ):
            answers[f"lrp_{rule}"] = ask_captum_lrp(network, drawn, dense, convolution)
    return answers


def ask_captum_lrp(network, drawn, make_dense, make_convolution):
    """Return captum's LRP with one rule in dense layers and one in convolutions."""
    images, classes = as_tensors(network, drawn)
    model, _ = build(network, drawn)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.rule = make_dense()
        elif isinstance(layer, nn.Conv2d):
            layer.rule = make_convolution()
        elif isinstance(layer, nn.AdaptiveAvgPool2d):
            layer.rule = lrp_rules.EpsilonRule(STABILISER)
    return back(captum.attr.LRP(model).attribute(images, target=classes)).sum(-1)


class PositiveRule(lrp_rules.Alpha1_Beta0_Rule):
    """captum's z+ rule, which keeps biases whole or not at all, with the positive ones.

    Its stabiliser becomes that of zennit. It counts positive weights only, so its
    inputs must not be negative; here they are not.
    """

    STABILITY_FACTOR = STABILISER

    def _manipulate_weights(self, module, inputs, outputs):
        super()._manipulate_weights(module, inputs, outputs)
        module.bias.data = module.bias.data.clamp(min=0)


def ask_zennit(network, drawn):
    """Return zennit's answers.

    LRP starts from the score of the class. Pooling by maximum passes relevance to the
    winner, pooling by mean and addition share it by contribution (zennit's "Norm"),
    and a normalisation is folded into the convolution before it.
    """

    def explain(composite, by_score=True):
        images, classes = as_tensors(network, drawn)
        images.requires_grad_()
        model, _ = build(network, drawn)
        chosen = torch.eye(4)[classes]
        with zennit.attribution.Gradient(model, composite) as attribute:
            _, result = attribute(
                images, lambda scores: chosen * scores if by_score else chosen
            )
        return back(result)

    def propagate(composite, *layer_map, **options):
        fold = [zennit.canonizers.SequentialMergeBatchNorm()]
        return explain(composite(*layer_map, canonizers=fold, **options)).sum(-1)

    composites = zennit.composites
    any_linear = zennit.types.Linear  # convolutions and dense layers
    base = composites.layer_map_base(STABILISER)
    epsilon = [*base, (any_linear, zennit.rules.Epsilon(EPSILON))]
    z_plus = [*base, (any_linear, zennit.rules.ZPlus(STABILISER))]
    guided, deconvnet = composites.GuidedBackprop(), composites.DeconvNet()
    return {
        "guided_backprop": take_largest(explain(guided, by_score=False)),
        "deconvnet": take_largest(explain(deconvnet, by_score=False)),
        "lrp_epsilon": propagate(composites.LayerMapComposite, epsilon),
        "lrp_z_plus": propagate(composites.LayerMapComposite, z_plus),
        "lrp_composite": propagate(composites.EpsilonPlus, epsilon=EPSILON),
        "lrp_default": propagate(composites.EpsilonPlus),
    }


def ask_pair(network, drawn):
    """Return the answers of PAIR's saliency, which takes one picture at a time."""
    model, layer = build(network, drawn)
    kept = {}
    layer.register_forward_hook(lambda _, __, output: kept.update(map=output))
    core = saliency.core

    def call(images, call_model_args, expected_keys):
        inputs = forth(images).requires_grad_()
        scores = model(inputs)[:, call_model_args]
        if core.OUTPUT_LAYER_VALUES in expected_keys:
            return {core.OUTPUT_LAYER_VALUES: scores.detach().numpy()}
        if core.INPUT_OUTPUT_GRADIENTS in expected_keys:
            gradients = torch.autograd.grad(scores.sum(), inputs)[0]
            return {core.INPUT_OUTPUT_GRADIENTS: back(gradients)}
        gradients = torch.autograd.grad(scores.sum(), kept["map"])[0]
        return {
            core.CONVOLUTION_LAYER_VALUES: back(kept["map"]),
            core.CONVOLUTION_OUTPUT_GRADIENTS: back(gradients),
        }

    images = drawn[f"{network}/images"].astype("float64")
    classes = drawn["class_indices"]

    def explain(asked, get_mask="GetMask", **options):
        ask = getattr(asked, get_mask)
        pictures = zip(images, classes, strict=True)
        return np.stack([ask(image, call, one, **options) for image, one in pictures])

    # PAIR draws its noise afresh; here it gets the noise of the course's smooth_grad,
    # the same for all pictures. Its default, the mean of squares, is switched off.
    grains = np.random.default_rng(0).standard_normal((SAMPLES, 12, 12, 3), "float32")
    turns = itertools.cycle(grains)

    def draw(mean, spread, shape):
        return spread * next(turns)

    with mock.patch("numpy.random.normal", draw):
        smoothed = explain(
            core.GradientSaliency(),
            "GetSmoothedMask",
            stdev_spread=0.15,
            nsamples=SAMPLES,
            magnitude=False,
        )

    return {
        "saliency": take_largest(explain(core.GradientSaliency())),
        "smooth_grad": take_largest(smoothed),
        "grad_cam_relu": explain(core.GradCam(), should_resize=False, three_dims=False),
        "ig": explain(core.IntegratedGradients(), x_steps=STEPS).sum(-1),
        "occlusion_5_1": explain(core.Occlusion(), size=5, value=0.5)[..., 0],
    }


def take_largest(values):
    """Return the largest absolute value over the channels."""
    return np.abs(values).max(axis=-1)


def as_tensors(network, drawn):
    """Return the pictures, channels first, and the classes."""
    return forth(drawn[f"{network}/images"]), torch.tensor(drawn["class_indices"])


def forth(images):
    """Turn pictures (n, height, width, channels) into a tensor, channels first."""
    return torch.tensor(np.asarray(images, "float64")).permute(0, 3, 1, 2).contiguous()


def back(values):
    """Turn a tensor, channels first, into an array (n, height, width, channels)."""
    return values.detach().permute(0, 2, 3, 1).numpy()


if __name__ == "__main__":
    main(*sys.argv[1:])
