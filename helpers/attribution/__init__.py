"""Every method that asks where a classifier looks, under one signature.

``method(model, images, class_index, ...) -> heatmaps``: float32 ``(n, height, width)``
at the images' size, raw and unnormalised. Drawing normalises.
"""

from collections.abc import Callable

from helpers.attribution.cams import (
    cam,
    enlarge_maps,
    grad_cam,
    grad_cam_plus_plus,
    guided_grad_cam,
    layer_cam,
)
from helpers.attribution.gradients import (
    deconvnet,
    gradient_times_input,
    guided_backprop,
    saliency,
    smooth_grad,
)
from helpers.attribution.integrated_gradients import integrated_gradients
from helpers.attribution.lime import lime
from helpers.attribution.occlusion import occlusion
from helpers.attribution.relevance import lrp
from helpers.attribution.rise import rise
from helpers.attribution.score_cam import score_cam
from helpers.attribution.scores import find_class, read_logits, read_scores

METHODS: dict[str, Callable] = {
    "saliency": saliency,
    "gradient_times_input": gradient_times_input,
    "smooth_grad": smooth_grad,
    "guided_backprop": guided_backprop,
    "deconvnet": deconvnet,
    "integrated_gradients": integrated_gradients,
    "lrp": lrp,
    "cam": cam,
    "grad_cam": grad_cam,
    "grad_cam_plus_plus": grad_cam_plus_plus,
    "layer_cam": layer_cam,
    "score_cam": score_cam,
    "guided_grad_cam": guided_grad_cam,
    "occlusion": occlusion,
    "rise": rise,
    "lime": lime,
}

__all__ = [
    *METHODS,
    "METHODS",
    "enlarge_maps",
    "find_class",
    "read_logits",
    "read_scores",
]
