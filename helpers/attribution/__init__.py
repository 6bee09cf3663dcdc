"""Every method that asks where a classifier looks, under one signature.

``method(model, images, class_index, ...) -> heatmaps``: float32 ``(n, height, width)``
at the images' size, raw and unnormalised. Drawing normalises.
"""

from helpers.attribution.gradients import saliency
from helpers.attribution.occlusion import occlusion

__all__ = ["occlusion", "saliency"]
