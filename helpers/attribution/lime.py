"""LIME, by its authors' library: fit a linear model to the answers for hidden parts."""

from functools import partial

import numpy as np

from helpers.attribution.scores import (
    check_request,
    check_whole,
    cut_in_batches,
    trace_probabilities,
)
from helpers.attribution.segments import as_colour, segment_images


def lime(
    model,
    images,
    class_index,
    *,
    segments=None,
    samples=1000,
    hide_color=None,
    seed=0,
    output=None,
    batch_size=32,
):
    """Fit a linear model that predicts the class probability from the segments shown.

    Each sample hides a random half of the segments; samples that hide less weigh more
    (Ribeiro, Singh, Guestrin 2016, arXiv:1602.04938, section 3.4). The sampling, the
    weights and the fit are those of the library lime with its defaults; the images are
    put together here, many at a time. The paper fits at most K segments, the library
    and this function all of them.

    Parameters
    ----------
    model : keras.Model
    images : float array (n, height, width, 1 or 3)
    class_index : int or int array (n,)
    segments : callable or int array, optional
        As in `segments.segment_images`, which also returns them for drawing: 50 pieces
        by `cut_by_slic` if not given. (The library's quickshift finds a single piece
        in a digit.)
    samples : int
        At least 2; several times the number of segments, to be stable.
    hide_color : float or array (channels,), optional
        Colour of a hidden segment; its own mean colour if not given, which leaves a
        segment of a single colour as it is.
    seed : int
        Decides what the samples hide.
    output : str or int, optional
        Name or index of the output, for models with several.
    batch_size : int
        Samples at a time: bounds the memory.

    Returns
    -------
    float32 array (n, height, width)
        The coefficient of each pixel's segment, in probability; positive speaks for
        the class, negative against it.

    Raises
    ------
    ValueError
        If images and model do not fit, the class does not exist, or the segments, the
        colour or the number of samples cannot be used.
    """
    # Loads scikit-learn and pandas, seconds that the other methods need not pay.
    from lime.lime_image import LimeImageExplainer

    request = check_request(model, images, class_index, output)
    channels = request.images.shape[-1]
    _check_settings(channels, samples, hide_color)
    labels = segment_images(request.images, segments)
    read = trace_probabilities(request)
    heatmaps = np.empty(labels.shape, "float32")
    for (one,) in cut_in_batches(len(labels), 1):
        explainer = LimeImageExplainer(random_state=seed)
        explainer.data_labels = partial(_ask, explainer.random_state)
        wanted = int(request.class_indices[one])
        explanation = explainer.explain_instance(
            as_colour(request.images[one]),
            lambda images: read(images[..., :channels]).numpy(),
            labels=[wanted],
            hide_color=hide_color,
            top_labels=None,
            num_samples=samples,
            batch_size=batch_size,
            segmentation_fn=lambda _, one=one: labels[one],
        )
        numbers, coefficients = zip(*explanation.local_exp[wanted], strict=True)
        heatmaps[one] = np.array(coefficients)[np.argsort(numbers)][labels[one]]
    return heatmaps


def _ask(random_state, image, hidden, labels, classify, samples, batch_size):
    """Draw what each sample shows, and ask the model: in place of the library's loop.

    The library puts the images together one by one, with a progress bar that cannot be
    switched off. The draws are the same.

    Returns
    -------
    int array (samples, segments), float32 array (samples, classes)
    """
    shown = random_state.randint(0, 2, (samples, labels.max() + 1))
    shown[0] = 1
    places = np.repeat(labels[..., None], image.shape[-1], axis=-1)
    answers = []
    for numbers in cut_in_batches(samples, batch_size):
        keep = shown[numbers].astype(bool)[:, places]
        answers.append(classify(np.where(keep, image, hidden)))
    return shown, np.concatenate(answers)


def _check_settings(channels, samples, hide_color):
    if channels not in (1, 3):
        raise ValueError(
            f"LIME needs images with 1 or 3 channels, got {channels}; "
            "use rise or occlusion."
        )
    check_whole("samples", samples, 2, "try 1000")
    if hide_color is not None and np.shape(hide_color) not in ((), (channels,)):
        raise ValueError(
            f"hide_color must be one number, or one for each of the {channels} "
            f"channels, got {hide_color!r}."
        )
