"""Chapter 5's three networks in the real edition: published ones, with a role each.

Objects: VGG16 as trained on ImageNet (Simonyan & Zisserman 2014, arXiv:1409.1556).
Identities: the same convolutions trained on celebrities, "VGG-Face" (Parkhi et al.
2015, doi:10.5244/C.29.41), asked about people who agreed to it. Emotions: VGG-Face with
its last convolution retrained by ``data_scripts/train_vgg_emotion.py``. Three small
networks of the same roles stand in where a cache folder has them instead.
"""

import zipfile
from pathlib import Path
from typing import NamedTuple

import h5py
import keras
import numpy as np
from keras import layers

from helpers import face_networks, faces, london, networks, objects, own_faces, sources
from helpers.attribution.scores import run_in_batches
from helpers.vgg import Trained

SIZE = 224
STACKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # filters, convolutions
CONVOLUTIONS = {
    f"conv{stack}_{place}": filters
    for stack, (filters, count) in enumerate(STACKS, start=1)
    for place in range(1, count + 1)
}
RETRAINED = "conv5_3"  # for emotions
TRAIN = "python data_scripts/train_vgg_emotion.py"

_IMAGENET_MEAN = (103.939, 116.779, 123.68)  # blue, green, red
_FACE_MEAN = (93.5940, 104.7624, 129.1863)
_MOBILE_SIZE = 112
_SCALE = 32.0  # of an identity network's logits
_HELD_OUT = 0.2  # of the people
_VGGS = ("vgg16/weights", "vgg-face/weights-without-top")
_SMALL = ("mobilenet-v2/weights", "mobile-face-net/network", "mini-xception/weights")
_LEARNED = (RETRAINED, "norm5_3", "classes")


class Gathered(NamedTuple):
    """Faces and what is known of each, without lamps.

    `images` float32 ``(n, size, size, 3)`` in [0, 1]; `labels` ``(n,)``, emotions, and
    `people` ``(n,)``, both text.
    """

    images: np.ndarray
    labels: np.ndarray
    people: np.ndarray


class Emotions(NamedTuple):
    """A trained VGGEmotion, its classes, and whom it was not trained on.

    `folder` is that of the sorted faces, "" for the London set; `held_out` names people
    in it.
    """

    model: keras.Model
    class_names: list
    held_out: list
    folder: str


def load_roles():
    """Load three networks, each with pictures it has not seen: the three roles.

    The VGGs, if the files of VGG16 and VGG-Face are at hand or can be fetched. If they
    are not at hand but three smaller networks are, these stand in for them, and a line
    says so.

    Returns
    -------
    list of helpers.vgg.Trained
        Objects, identities, emotions. Identities are asked of smiling faces, of which
        the network knows one neutral photograph each.

    Raises
    ------
    ValueError
        If the VGGs are at hand and VGGEmotion has not been trained.
    helpers.sources.SourceError
        If files are absent and cannot be fetched, or are not what they should be.
    """
    here = [all(map(sources.locate, names)) for names in (_VGGS, _SMALL)]
    if here == [False, True]:
        print(
            "VGG16 and VGG-Face are not in the cache folders; MobileNetV2, "
            "MobileFaceNet and mini-XCEPTION, which are, stand in for them."
        )
        return [_load_mobilenet(), _load_mobile_face_net(), _load_mini_xception()]
    emotions = load_vgg_emotion()  # first: its error needs no download of 600 MB
    return [_load_vgg16(), _load_vgg_face(), _ask_emotions(emotions)]


# --- The VGGs -----------------------------------------------------------------------


def build_vgg16(weights):
    """Build VGG16 exactly as Keras has it, for pictures in [0, 1].

    Layers in front of it bring pixels to 0 to 255, put blue first, and subtract
    ImageNet's mean colour.

    Parameters
    ----------
    weights : pathlib.Path or None
        The published file; None for random ones.

    Returns
    -------
    keras.Model
        From ``(n, 224, 224, 3)`` to probabilities ``(n, 1000)``. Its convolutions
        contain their ReLU.

    Raises
    ------
    ValueError
        If the file does not fit the network.
    """
    inputs = keras.Input((SIZE, SIZE, 3))
    try:
        return keras.applications.VGG16(
            input_tensor=_turn_caffe(inputs, _IMAGENET_MEAN),
            weights=None if weights is None else str(weights),
        )
    except (OSError, ValueError, KeyError) as error:
        raise _describe_misfit(weights, "VGG16's weights with its top", error) from None


def load_vgg16():
    """Load VGG16 with its published weights, fetched where absent; see `build_vgg16`.

    Returns
    -------
    keras.Model

    Raises
    ------
    helpers.sources.SourceError
        If the weights are absent and cannot be fetched.
    """
    return build_vgg16(sources.fetch("vgg16/weights"))


def build_vgg_face():
    """Build VGG16's thirteen convolutions with VGG-Face's names and preprocessing.

    ``conv1_1``, ``relu1_1`` to ``conv5_3``, ``relu5_3``, with ``pool1`` to ``pool4``
    between the stacks. Layers in front bring pixels to 0 to 255, put blue first, and
    subtract the mean colour of VGG-Face's training set.

    Returns
    -------
    keras.Model
        From ``(n, 224, 224, 3)`` in [0, 1] to the last map, ``(n, 14, 14, 512)``.
    """
    inputs = keras.Input((SIZE, SIZE, 3))
    maps = _turn_caffe(inputs, _FACE_MEAN)
    for name, filters in CONVOLUTIONS.items():
        stack = int(name[4])
        if stack > 1 and name.endswith("_1"):
            maps = layers.MaxPooling2D(name=f"pool{stack - 1}")(maps)
        maps = layers.Conv2D(filters, 3, padding="same", name=name)(maps)
        maps = layers.ReLU(name=name.replace("conv", "relu"))(maps)
    return keras.Model(inputs, maps, name="vgg_face")


def read_vgg_face(path):
    """Read VGG-Face's convolutions from a weights file as Keras 2 wrote it.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    dict of str to (float32 array (3, 3, channels, filters), float32 array (filters,))
        A kernel and a bias for each of `CONVOLUTIONS`, in that order.

    Raises
    ------
    ValueError
        If the file is no HDF5 file, is cut short, or does not hold exactly these layers
        in this order and these shapes.
    """
    try:
        with h5py.File(path, "r") as file:
            found = _read_layers(file)
    except (OSError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise _describe_misfit(path, "an HDF5 file of layers' weights", error) from None
    channels = 3
    wanted = {}
    for name, filters in CONVOLUTIONS.items():
        wanted[name] = [(3, 3, channels, filters), (filters,)]
        channels = filters
    for place, expected in enumerate(wanted):
        got = [*found][place] if place < len(found) else "its end"
        if got != expected:
            raise _describe_misfit(path, f"layer {place + 1} {expected}", got)
        shapes = [array.shape for array in found[expected]]
        if shapes != wanted[expected]:
            raise _describe_misfit(
                path, f"{expected} in the shapes {wanted[expected]}", shapes
            )
        if not all(np.isfinite(array).all() for array in found[expected]):
            raise _describe_misfit(path, f"{expected} in numbers", "NaN or infinity")
    if len(found) > len(wanted):
        extra = [*found][len(wanted)]
        raise _describe_misfit(path, f"{len(wanted)} layers with weights", extra)
    return found


def give_weights(model, arrays):
    """Give a model's layers what `read_vgg_face` read; changes the model in place."""
    for name, pair in arrays.items():
        model.get_layer(name).set_weights(pair)
    return model


def load_vgg_face():
    """Load VGG-Face's convolutions, fetched where absent; see `build_vgg_face`.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        If the file is not what `read_vgg_face` expects.
    helpers.sources.SourceError
        If the weights are absent and cannot be fetched.
    """
    return give_weights(build_vgg_face(), read_vgg_face(sources.fetch(_VGGS[1])))


def build_vgg_emotion(class_count):
    """Build VGG-Face with a head for emotions; only its last convolution can learn.

    On the last convolution stand batch normalisation, ReLU, the mean over the 14×14
    map, dropout of one half and one dense layer, as class activation maps want it (Zhou
    et al. 2016). Everything before the last convolution is frozen.

    It is trained with Adam at a learning rate of 3e-4 that falls along a cosine to
    zero, in 20 epochs of batches of 32, on photographs and their mirror images, with
    cross-entropy. A fifth of the people are held out.

    Parameters
    ----------
    class_count : int

    Returns
    -------
    keras.Model
        From ``(n, 224, 224, 3)`` in [0, 1] to probabilities ``(n, class_count)``.
    """
    base = build_vgg_face()
    for layer in base.layers:
        layer.trainable = layer.name == RETRAINED
    maps = layers.BatchNormalization(momentum=0.9, name="norm5_3")(
        base.get_layer(RETRAINED).output
    )
    maps = layers.ReLU(name="relu5_3")(maps)
    means = layers.GlobalAveragePooling2D(name="mean")(maps)
    means = layers.Dropout(0.5, name="dropout")(means)
    outputs = layers.Dense(class_count, activation="softmax", name="classes")(means)
    return keras.Model(base.input, outputs, name="vgg_emotion")


def save_vgg_emotion(trained):
    """Keep what `build_vgg_emotion` learned in the cache folder, whole or not at all.

    Parameters
    ----------
    trained : Emotions

    Returns
    -------
    pathlib.Path
    """
    path = sources.writable_cache_folder() / "trained" / "vgg_emotion.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        f"{layer}.{place}": values
        for layer in _LEARNED
        for place, values in enumerate(trained.model.get_layer(layer).get_weights())
    }
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez(
            file,
            class_names=np.array(trained.class_names),
            held_out=np.array(trained.held_out),
            folder=np.array(trained.folder),
            **arrays,
        )
    partial.replace(path)
    return path


def load_vgg_emotion():
    """Load the VGGEmotion that was trained on this machine or in this classroom.

    Returns
    -------
    Emotions

    Raises
    ------
    ValueError
        If it has not been trained, or the file does not fit the network.
    """
    for folder in sources.cache_folders():
        path = folder / "trained" / "vgg_emotion.npz"
        if path.is_file():
            return _read_vgg_emotion(path)
    raise ValueError(
        "VGGEmotion has to be trained once, and no cache folder holds it; run "
        f"`{TRAIN}`, which takes some minutes, or set COURSE_EDITION=embedded."
    )


# --- People -------------------------------------------------------------------------


def build_identity_network(embed, gallery_images):
    """Turn a network that describes faces into one that tells people apart.

    A person's logit is 32 times the features along the direction of those of one known
    photograph, in units of the known features' mean length: "imprinted weights" (Qi,
    Brown & Lowe 2018, arXiv:1712.07136, section 3). It ranks people as the cosine does,
    from which it differs by the length of the asked face's features, the same for all.
    Not dividing by that length keeps logits linear in the features, as class activation
    maps want it.

    Parameters
    ----------
    embed : keras.Model
        From pictures to features ``(n, features)``.
    gallery_images : float32 array (people, height, width, 3)
        One photograph a person, fit for `embed`.

    Returns
    -------
    keras.Model
        From pictures to probabilities ``(n, people)``. It shares the layers of `embed`.
    """
    known = run_in_batches(embed, gallery_images)
    lengths = np.linalg.norm(known, axis=1, keepdims=True)
    compare = layers.Dense(
        len(known), activation="softmax", use_bias=False, name="people"
    )
    model = keras.Model(embed.input, compare(embed.output))
    compare.set_weights([_SCALE * (known / lengths).T / lengths.mean()])
    return model


def load_mobile_face_net():
    """Load MobileFaceNet for pictures in [0, 1] (Chen et al. 2018, arXiv:1804.07573).

    Its last map is read with weights of their own for each place. So gradients averaged
    over places say little, and `layer_cam` tells more of it than `grad_cam`.

    Returns
    -------
    keras.Model
        From ``(n, 112, 112, 3)`` to features ``(n, 128)``.

    Raises
    ------
    helpers.sources.SourceError
        If no cache folder has its file.
    """
    published = keras.models.load_model(
        sources.fetch(_SMALL[1]), compile=False, safe_mode=True
    )
    inputs = keras.Input((_MOBILE_SIZE, _MOBILE_SIZE, 3))
    deviation = np.array([0.229, 0.224, 0.225])  # ImageNet's, of red, green and blue
    scaled = layers.Normalization(mean=[0.485, 0.456, 0.406], variance=deviation**2)
    return keras.Model(inputs, published(scaled(inputs)))


def gather_faces(size, folder=""):
    """Gather the faces of the London set, or of a folder of sorted faces.

    Parameters
    ----------
    size : int
        Pixels to a side.
    folder : str or pathlib.Path
        As `labelling.label_faces` and `helpers.own_faces` have it; "" for the London
        set (`helpers.london`).

    Returns
    -------
    Gathered

    Raises
    ------
    ValueError
        If a folder holds too little.
    helpers.sources.SourceError
        If the photographs are absent and cannot be fetched.
    """
    if folder:
        table = own_faces.read_faces(Path(folder))
        images = own_faces.cut_faces(table, size)
    else:
        table = london.read_faces()
        table = table[table["label"] != "no face"]
        images = london.cut_faces(table, faces.MARGIN, size)
    return Gathered(images, table["label"].to_numpy(str), table["person"].to_numpy(str))


def hold_out(people, seed=0):
    """Choose a fifth of the people, at least one, to test on.

    Parameters
    ----------
    people : array of str (n,)
    seed : int

    Returns
    -------
    list of str
        Sorted.
    """
    names = np.random.default_rng(seed).permutation(np.unique(people))
    return sorted(names[: max(1, round(_HELD_OUT * len(names)))].tolist())


# --- The roles ----------------------------------------------------------------------


def _load_vgg16():
    names = [f"block{stack}_conv{count}" for stack, (_, count) in enumerate(STACKS, 1)]
    return _ask_objects(load_vgg16(), names, "VGG16, trained on ImageNet")


def _load_mobilenet():
    names = (
        *("bn_Conv1", "block_2_expand_BN", "block_5_expand_BN"),
        *("block_12_expand_BN", "Conv_1_bn"),
    )
    model = networks.load_object_network("real")
    return _ask_objects(model, names, "MobileNetV2, trained on ImageNet")


def _load_vgg_face():
    base = load_vgg_face()
    means = layers.GlobalAveragePooling2D(name="mean")(base.output)
    names = [f"conv{stack}_{count}" for stack, (_, count) in enumerate(STACKS, 1)]
    return _ask_identities(
        keras.Model(base.input, means), names, "VGG-Face, trained on 2,622 celebrities"
    )


def _load_mobile_face_net():
    names = (
        *("conv1_bn", "block3_expand_bn", "block8_expand_bn"),
        *("block14_expand_bn", "conv2_bn"),
    )
    return _ask_identities(
        load_mobile_face_net(),
        names,
        "MobileFaceNet, trained on MS-Celeb-1M, a set that its makers have withdrawn",
    )


def _load_mini_xception():
    model, class_names = face_networks.load_other_network("real")
    names = [f"batch_normalization_{number}" for number in (2, 4, 7, 10, 13)]
    return _make_emotions(
        model,
        names,
        class_names,
        gather_faces(faces.SIZE),
        "mini-XCEPTION, trained on FER2013",
    )


def _ask_emotions(emotions):
    gathered = gather_faces(SIZE, emotions.folder)
    chosen = np.isin(gathered.people, emotions.held_out)
    if not chosen.any():
        raise ValueError(
            f"None of the people that VGGEmotion was not trained on is in "
            f"{emotions.folder or 'the London set'} any more; train it again with "
            f"`{TRAIN}`."
        )
    names = [f"conv{stack}_{count}" for stack, (_, count) in enumerate(STACKS, 1)]
    return _make_emotions(
        emotions.model,
        [*names[:-1], "norm5_3"],
        emotions.class_names,
        Gathered(*(values[chosen] for values in gathered)),
        "VGGEmotion, VGG-Face with its last convolution retrained",
    )


def _ask_objects(model, names, source):
    data = objects.load("real")
    return Trained(
        "objects",
        model,
        tuple(names),
        data.class_names,
        data.images,
        data.labels,
        None,
        f"{source}; asked about {len(data.images)} photographs",
    )


def _ask_identities(embed, names, source):
    size = embed.input_shape[1]
    gathered = gather_faces(size)
    known = gathered.labels == london.CLASS_NAMES[0]  # neutral
    both = np.intersect1d(gathered.people[known], gathered.people[~known])
    gallery, asked = (
        np.array(
            [np.flatnonzero(mask & (gathered.people == person))[0] for person in both]
        )
        for mask in (known, ~known)
    )
    return Trained(
        "identities",
        build_identity_network(embed, gathered.images[gallery]),
        tuple(names),
        [f"person {int(person)}" for person in both],
        gathered.images[asked],
        np.arange(len(both), dtype="int32"),
        _repeat_regions(len(both), size),
        f"{source}; shown one neutral face of each of {len(both)} adults of the London "
        "set, and asked who it is when they smile",
    )


def _make_emotions(model, names, class_names, gathered, source):
    labels = [class_names.index(label) for label in gathered.labels]
    return Trained(
        "emotions",
        model,
        tuple(names),
        list(class_names),
        gathered.images,
        np.array(labels, "int32"),
        _repeat_regions(len(labels), gathered.images.shape[1]),
        f"{source}; asked about {len(labels)} faces of "
        f"{len(np.unique(gathered.people))} people it has not seen",
    )


def _repeat_regions(count, size):
    return np.stack([london.draw_regions(faces.MARGIN, size)] * count)


# --- Files and layers ---------------------------------------------------------------


def _turn_caffe(inputs, mean):
    """Bring [0, 1] to 0 to 255, put blue first, and subtract a mean colour."""
    blue_first = layers.Rescaling(255.0, name="scale")(inputs)[..., ::-1]
    return layers.Normalization(mean=mean, variance=(1.0,) * 3, name="centre")(
        blue_first
    )


def _read_layers(file):
    """Return the layers of a Keras 2 file that have weights, in the file's order."""
    root = file.get("model_weights", file)
    found = {}
    for name in map(_decode, root.attrs["layer_names"]):
        weights = [_decode(weight) for weight in root[name].attrs["weight_names"]]
        if weights:
            found[name] = [np.asarray(root[name][weight]) for weight in weights]
    return found


def _decode(name):
    return name.decode("utf-8") if isinstance(name, bytes) else str(name)


def _describe_misfit(path, wanted, got):
    """Say in one sentence what a weights file should hold and what it holds."""
    got = (str(got).splitlines() or ["nothing"])[0].rstrip(".")
    return ValueError(
        f"{path} is not the weights file it should be (expected {wanted}, got {got}); "
        "delete it, and fetch it again with `python data_scripts/fetch.py`."
    )


def _read_vgg_emotion(path):
    """Read the file of `save_vgg_emotion` on top of VGG-Face's own weights."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        class_names = arrays["class_names"].tolist()
        model = build_vgg_emotion(len(class_names))
        give_weights(model, read_vgg_face(sources.fetch(_VGGS[1])))
        for name in _LEARNED:
            layer = model.get_layer(name)
            layer.set_weights(
                [arrays[f"{name}.{n}"] for n in range(len(layer.weights))]
            )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} does not fit VGGEmotion ({error}); train it again with `{TRAIN}`."
        ) from None
    return Emotions(
        model, class_names, arrays["held_out"].tolist(), str(arrays["folder"])
    )
