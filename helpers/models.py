"""Any Keras model of the reader's own: load it, adapt it, name its classes, ask it.

TensorFlow takes seconds to import, so only the functions that need it do.
"""

import json
import re
from pathlib import Path

from helpers import runtime, sources

COURSE_MODELS = ("objects", "mobilenet_v2")

_FIRST_BYTES = {".keras": b"PK", ".h5": b"\x89HDF", ".hdf5": b"\x89HDF"}


def load_model(name, input_range=(0, 1), output=None):
    """Load one of the course's models, or one from a file, for pictures in [0, 1].

    Parameters
    ----------
    name : str
        "objects", "mobilenet_v2" (fetched on first use), or the path of a model in a
        .keras, .h5 or .hdf5 file. Code inside such a file is refused, not run.
    input_range, output
        As in `adapt_model`, for files.

    Returns
    -------
    model : keras.Model
    class_names : list of str, or None for files

    Raises
    ------
    ValueError
        If the file does not hold a model that can be explained.
    helpers.sources.SourceError
        If the weights are absent and cannot be fetched.
    """
    if name in COURSE_MODELS:
        from helpers import networks, objects

        if name == "objects":
            return networks.load_object_network("embedded"), objects.CLASS_NAMES
        names = read_class_names(sources.fetch("imagenet/class-index"))
        return networks.load_object_network("real"), names
    import keras

    check_model_file(name)
    try:
        with runtime.silenced_descriptors():
            model = keras.saving.load_model(name, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the file makes it stumble over
        reason = re.split(r"\.\s|\n", str(error).strip())[0].rstrip(".")
        raise ValueError(
            f"{name} holds no model that Keras can load ({reason[:200]}); save it "
            "with model.save('name.keras')."
        ) from None
    return adapt_model(model, input_range, output), None


def check_model_file(name):
    """Raise a ValueError if a file cannot be a Keras model, without TensorFlow."""
    path = Path(name)
    start = _FIRST_BYTES.get(path.suffix.lower())
    if start is None:
        raise ValueError(
            f"The model must be one of {', '.join(COURSE_MODELS)} or a file that ends "
            f"in {', '.join(_FIRST_BYTES)}, got {name}; save it with "
            "model.save('name.keras')."
        )
    try:
        with path.open("rb") as file:
            fits = file.read(len(start)) == start
    except OSError as error:
        raise ValueError(
            f"The model {name} cannot be read: {error.strerror}; check its name and "
            "folder."
        ) from None
    if not fits:
        raise ValueError(
            f"{name} is not a {path.suffix} file, whatever its name says; save the "
            "model with model.save('name.keras')."
        )


def adapt_model(model, input_range=(0, 1), output=None):
    """Return a model that takes pictures in [0, 1] and has one output.

    With the scaling inside the model, black is 0 for every method that needs a black.

    Parameters
    ----------
    model : keras.Model
    input_range : (float, float)
        What it takes for black and for white, such as (-1, 1) or (0, 255).
    output : str or int, optional
        Name or index of the output to keep, for models with several.

    Returns
    -------
    keras.Model
        The given one, if nothing is to change.

    Raises
    ------
    ValueError
        If the model is not made of layers with one input, has no such output, or
        takes the same number for black and white.
    """
    import keras

    from helpers.attribution.graph import read_graph

    if isinstance(output, str) and output.isdecimal():
        output = int(output)
    read_graph(model, output)  # says what is wrong, if anything is
    if output is not None:
        # A model that gives a dict keeps its outputs in the order of the sorted keys.
        named = model.output
        names = sorted(named) if isinstance(named, dict) else model.output_names
        place = names.index(output) if output in names else output
        model = keras.Model(model.inputs[0], model.outputs[place])
    low, high = input_range
    if not abs(high - low) > 0:  # not: NaN is refused too
        raise ValueError(
            "The input range must be two numbers, for black and for white, got "
            f"{low:g} and {high:g}; many models take -1 and 1, or 0 and 255."
        )
    if (low, high) != (0, 1):
        inputs = keras.Input(model.inputs[0].shape[1:])
        scaled = keras.layers.Rescaling(high - low, offset=low)(inputs)
        model = keras.Model(inputs, model(scaled))
    return model


def read_input_shape(model, size=None):
    """Return height, width and channels of the pictures that a model takes.

    Parameters
    ----------
    model : keras.Model
    size : (int, int), optional
        Height and width, for a model that takes any.

    Returns
    -------
    (int, int, int)

    Raises
    ------
    ValueError
        If the model does not take one grey or colour picture, or if the size is
        missing or not the model's.
    """
    try:
        (tensor,) = model.inputs
        height, width, channels = tensor.shape[1:]
    except (AttributeError, TypeError, ValueError):
        raise ValueError(
            "The model must take one picture, shape (height, width, channels), got a "
            "model with other inputs; give it one such keras.Input."
        ) from None
    if channels not in (1, 3, None):
        raise ValueError(
            "The model must take pictures with 1 or 3 channels, along the last axis, "
            f"got one for {(height, width, channels)}; wrap it in a model that does."
        )
    if size is None and None in (height, width):
        raise ValueError(
            "The model takes pictures of any size, so one must be chosen; name a "
            "height and a width, such as 224 and 224."
        )
    size = tuple(size or (height, width))
    own = (height or size[0], width or size[1])
    if size != own:
        raise ValueError(
            f"The model takes pictures of {own[0]} by {own[1]} pixels, got the size "
            f"{size[0]} by {size[1]}; leave the size out."
        )
    return (*size, channels or 3)


def predict(model, images):
    """Return a model's probabilities; of one that ends in logits, their softmax.

    Parameters
    ----------
    model : keras.Model
    images : float32 array (n, height, width, channels)

    Returns
    -------
    float32 array (n, classes)
    """
    from helpers.attribution import scores

    request = scores.check_request(model, images, 0)
    ask = scores.trace_probabilities(request)
    return scores.in_batches(ask, 32, request.images)


def name_classes(model, class_names=None):
    """Return one name for each of a model's classes, made up if none are given.

    Parameters
    ----------
    model : keras.Model
    class_names : list of str, optional

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If there are more or fewer names than classes, or several outputs.
    """
    if len(model.outputs) != 1:
        raise ValueError(
            f"One output is explained at a time, and the model has "
            f"{len(model.outputs)}; keep one with models.adapt_model(model, output=…)."
        )
    count = model.outputs[0].shape[-1]
    if class_names is None:
        return [f"class {index}" for index in range(count)]
    if len(class_names) != count:
        raise ValueError(
            f"The model has {count} classes, got {len(class_names)} class names; "
            "give one name for each, in the model's order."
        )
    return list(class_names)


def find_wanted_class(wanted, class_names):
    """Return the index of a class given as index or name, or None if it is None.

    A text that could be both, such as "7" where the classes are digits, is a name.

    Parameters
    ----------
    wanted : int, str or None
    class_names : list of str

    Returns
    -------
    int or None

    Raises
    ------
    ValueError
        If there is no such class.
    """
    from helpers.attribution import find_class

    if wanted is None:
        return None
    is_text = isinstance(wanted, str)
    if is_text and (wanted in class_names or not re.fullmatch(r"-?\d+", wanted)):
        return find_class(wanted, class_names)
    if not 0 <= int(wanted) < len(class_names):
        raise ValueError(
            f"The model has classes 0 to {len(class_names) - 1}, got {wanted}; "
            "choose one of these."
        )
    return int(wanted)


def read_class_names(path):
    """Read class names: one a line, or JSON as Keras publishes ImageNet's.

    Parameters
    ----------
    path : str or pathlib.Path
        Text in UTF-8; or JSON: a list of names, or a dictionary from the index to
        the name or to a list that ends in the name.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If the file is missing, not text, or JSON of another form.
    """
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig").strip()
        if not text.startswith(("{", "[")):
            names = [line.strip() for line in text.splitlines()]
        else:
            content = json.loads(text)
            if isinstance(content, dict):
                content = [content[str(index)] for index in range(len(content))]
            names = [name[-1] if isinstance(name, list) else name for name in content]
        if not (names and all(isinstance(name, str) and name for name in names)):
            raise ValueError("a name is missing")
    except OSError as error:
        raise ValueError(
            f"The class names {path} cannot be read: {error.strerror}; check the "
            "file's name."
        ) from None
    except (ValueError, KeyError, IndexError):
        raise ValueError(
            f"The class names {path} must be text with one name a line, or JSON like "
            "ImageNet's class index, got something else; look into the file."
        ) from None
    return names
