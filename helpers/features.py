"""What a unit of a network answers most strongly: pictures drawn by gradient ascent."""

from pathlib import Path

import cv2
import keras
import numpy as np
import tensorflow as tf

from helpers import vgg
from helpers.attribution.graph import find_feature_step, read_graph, run_steps
from helpers.attribution.scores import check_whole, cut_in_batches, take_gradients
from helpers.neurons import read_maps

SPACES = ("frequencies", "pixels")
COLOURS = ("decorrelated", "plain")

ROLES = ("objects", "identities", "emotions", "random")
SHEETS = {"features": (5, 12), "last_stack": (8, 12)}  # rows and columns of tiles

# Settings of `climb` to compare: from nothing but the gradient to all that is on by
# default.
_PLAIN = {"space": "pixels", "colour": "plain", "jitter": 0, "turn": 0, "variation": 0}
_MOVED = {**_PLAIN, "jitter": 8, "turn": 6}
TRICKS = {
    "nothing": _PLAIN,
    "jitter": {**_PLAIN, "jitter": 8},
    "jitter, turns": _MOVED,
    "… and blur": {**_MOVED, "blur": 2},
    "… or decay": {**_MOVED, "decay": 1},
    "… or variation": {**_MOVED, "variation": 0.2},
    "frequencies": {"colour": "plain"},
    "and colours": {},
}

# What `measure_colours` finds in the course's 480 drawn test pictures. The columns are
# directions in red, green and blue: light, orange against blue, magenta against green.
COLOUR_DIRECTIONS = (
    (0.151, 0.089, 0.016),
    (0.147, -0.021, -0.043),
    (0.130, -0.079, 0.030),
)

_DATA = Path(__file__).resolve().parent.parent / "data" / "vgg"
_BATCH = 12  # pictures that are drawn at a time: about 150 MB at 96 pixels
_NOISE = 0.01  # of the first picture, before the sigmoid
_FINEST_BLUR = 0.3  # pixels: as good as none


def draw_features(model, layer, channels, **options):
    """Draw the pictures that channels of a layer answer most strongly, on the mean.

    Gradient ascent on the pixels, from grey with a little noise (Erhan et al. 2009;
    Simonyan et al. 2013, arXiv:1312.6034, section 2, for classes): the score of a
    picture is the mean of the channel's map. If the layer is or ends in a ReLU, the
    score is read before it, since a ReLU that is shut passes no gradient.

    Parameters
    ----------
    model : keras.Model
        Takes pictures in [0, 1]; models inside it are opened.
    layer : str
        Name of a layer that gives a map, as `find_feature_step` wants it.
    channels : int array (n,)
    **options
        As in `climb`.

    Returns
    -------
    float32 array (n, height, width, 3) in [0, 1]

    Raises
    ------
    ValueError
        If the model cannot be read, if there is no such layer or channel, if no
        gradient reaches the picture, or as `climb` says.
    """
    _, count = _cut_graph(read_graph(model), layer)
    channels = _check_numbers(channels, count, f"The layer {layer!r}", "channels")
    return climb(model, read_means(model, layer), channels, **options)


def draw_layers(model, layers, count, **options):
    """Draw channels of several layers, those of `choose_live_channels` in each.

    Parameters
    ----------
    model : keras.Model
    layers : list of str
    count : int
        Channels of each layer.
    **options
        As in `climb`.

    Returns
    -------
    float32 array (layers, count, height, width, 3) in [0, 1]

    Raises
    ------
    ValueError
        As `draw_features`.
    """
    rows = [
        draw_features(
            model, layer, choose_live_channels(model, layer, count), **options
        )
        for layer in layers
    ]
    return np.stack(rows)


def draw_classes(model, classes, **options):
    """Draw the pictures that a network calls a class most surely, by the logit.

    The logit and not the probability, which also grows when the other classes' logits
    fall (Simonyan et al. 2013, arXiv:1312.6034, section 2).

    Parameters
    ----------
    model : keras.Model
        Takes pictures in [0, 1]; models inside it are opened.
    classes : int array (n,)
    **options
        As in `climb`.

    Returns
    -------
    float32 array (n, height, width, 3) in [0, 1]

    Raises
    ------
    ValueError
        If the model cannot be read, if there is no such class, or as `climb` says.
    """
    count = read_graph(model).class_count
    classes = _check_numbers(classes, count, "The model", "classes")
    return climb(model, read_logits(model), classes, **options)


def read_means(model, layer, before_relu=True):
    """Return an objective for `climb`: the mean of each picture's own channel.

    Parameters
    ----------
    model, layer, before_relu
        As in `open_layer`.

    Returns
    -------
    callable
        ``read(images, numbers)``, the numbers being those of channels.
    """
    look = open_layer(model, layer, before_relu)

    def read(images, numbers):
        return _pick(tf.reduce_mean(look(images), (1, 2)), numbers)

    return read


def read_logits(model):
    """Return an objective for `climb`: the logit of each picture's own class."""
    look = open_logits(model)

    def read(images, numbers):
        return _pick(look(images), numbers)

    return read


def read_probabilities(model):
    """Return an objective for `climb`: the probability, by a softmax of all logits."""
    look = open_logits(model)

    def read(images, numbers):
        return _pick(tf.nn.softmax(look(images)), numbers)

    return read


def measure_slopes(read, images, numbers):
    """Measure how long an objective's gradient by each picture is.

    Parameters
    ----------
    read : callable
        An objective, as `climb` takes it.
    images : float array (n, height, width, 3) in [0, 1]
    numbers : int array (n,)

    Returns
    -------
    float32 array (n,)
        Euclidean length over all pixels and colours.
    """
    pictures = tf.constant(images, "float32")
    with tf.GradientTape() as tape:
        tape.watch(pictures)
        scores = read(pictures, numbers)
    slopes = tape.gradient(scores, pictures)
    return tf.sqrt(tf.reduce_sum(slopes**2, (1, 2, 3))).numpy()


def open_layer(model, layer, before_relu=True):
    """Return a function that looks into a model: from pictures to a layer's map.

    Parameters
    ----------
    model : keras.Model
        Takes pictures in [0, 1]; models inside it are opened.
    layer : str
        Name of a layer that gives a map, as `find_feature_step` wants it.
    before_relu : bool
        If the layer is or ends in a ReLU, read what comes into that ReLU: a ReLU that
        is shut passes no gradient.

    Returns
    -------
    callable
        From a float32 tensor (n, height, width, 3), of any size that the layers before
        take, to a float32 tensor (n, map height, map width, channels).

    Raises
    ------
    ValueError
        If the model cannot be read, or if there is no such layer.
    """
    graph, _ = _cut_graph(read_graph(model), layer, before_relu)

    def look(images):
        return tf.cast(run_steps(graph, images)[graph.logits], "float32")

    return look


def open_logits(model):
    """Return a function from pictures to logits (n, classes), as `open_layer` does."""
    graph = read_graph(model)

    def look(images):
        return tf.cast(run_steps(graph, images)[graph.logits], "float32")

    return look


def choose_layers(model, count):
    """Choose ReLUs of a model that are evenly spaced, from the first to the last.

    Parameters
    ----------
    model : keras.Model
    count : int

    Returns
    -------
    list of str
        Names of layers that are a ReLU, perhaps a leaky one, or end in one, and give a
        map.

    Raises
    ------
    ValueError
        If the model cannot be read, or has fewer ReLUs than that.
    """
    check_whole("count", count, 2, "5 is a good start")
    relus = [
        step.name
        for step in read_graph(model).steps
        if len(step.shape) == 3 and _ends_in_relu(step)
    ]
    if len(relus) < count:
        raise ValueError(
            f"The model must have at least {count} ReLUs that give a map, got "
            f"{len(relus)}; choose fewer, or name layers yourself."
        )
    return [relus[round(place)] for place in np.linspace(0, len(relus) - 1, count)]


def climb(
    model,
    read,
    numbers,
    *,
    size=None,
    steps=128,
    rate=0.05,
    jitter=8,
    turn=6.0,
    blur=0.0,
    variation=0.05,
    decay=0.0,
    space="frequencies",
    colour="decorrelated",
    seed=0,
    keep=None,
):
    """Change pictures step by step so that their scores grow.

    Each step goes along the gradient of the score, scaled to a root mean square of 1
    in each picture, so that the settings mean the same for every layer. Adam takes the
    steps; their length falls along a cosine to zero. A sigmoid keeps pictures in range.

    "frequencies" and "decorrelated" change nothing about which picture scores best, but
    which one the steps come to first: a step is then as long in each frequency, divided
    by the frequency as in natural pictures, and along each direction in which colours
    vary (Olah, Mordvintsev & Schubert 2017, "Feature Visualization", Distill,
    doi:10.23915/distill.00007, section "Preconditioning and Parameterization").

    Parameters
    ----------
    model : keras.Model
        Asked for the size of its pictures only.
    read : callable
        ``read(images, numbers)`` gives scores float32 (n,) of a tensor of pictures
        float32 (n, height, width, 3) in [0, 1], one number each.
    numbers : int array (n,)
        What is drawn: channels, or classes.
    size : (int, int), optional
        Height and width, if not the model's.
    steps : int
    rate : float
        Length of the first steps, before the sigmoid.
    jitter : int
        At each step the pictures are shifted by up to as many pixels, around the edge.
    turn : float
        And turned by up to as many degrees.
    blur : float
        Standard deviation in pixels of the Gaussian that the gradient is blurred with;
        falls to zero over the steps.
    variation : float
        Weight of the total variation, which is taken off the score.
    decay : float
        Weight of the squared distance from grey, halved, which is taken off too.
    space : str
        One of `SPACES`: what the steps change.
    colour : str
        One of `COLOURS`.
    seed : int
        Decides the first noise, shifts and turns. A picture does not depend on which
        others are drawn with it, unless `read` makes it.
    keep : list of int, optional
        After how many steps the pictures are wanted, 0 being the noise; only after the
        last if not given.

    Returns
    -------
    float32 array (n, height, width, 3) in [0, 1], or (k, n, height, width, 3) with k
        kept stages

    Raises
    ------
    ValueError
        If a setting is out of range, or if no gradient reaches a picture.
    """
    _check_settings(steps, rate, jitter, space, colour)
    _check_lengths(turn=turn, blur=blur, variation=variation, decay=decay)
    stages = _check_stages(keep, steps)
    shape = _find_shape(model, size)
    waves = _scale_frequencies(*shape[:2]) if space == "frequencies" else None
    mix = _mix_colours() if colour == "decorrelated" else None

    def paint(values):
        return tf.sigmoid(_mix(_add_waves(values, waves, shape), mix))

    def draw(numbers):
        values = tf.Variable(_draw_noise(numbers, shape, waves, seed))
        optimizer = keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(rate, steps)
        )
        optimizer.build([values])

        @tf.function(autograph=False)
        def take_step(shift, angle, width):
            pictures = paint(values)
            moved = tf.roll(pictures, shift, (1, 2))
            moved = _turn(moved, angle) if turn else moved
            slopes = take_gradients(read(moved, tf.constant(numbers)), pictures)
            lengths = tf.sqrt(tf.reduce_mean(slopes**2, (1, 2, 3), keepdims=True))
            slopes = tf.math.divide_no_nan(slopes, lengths)
            if blur:
                slopes = _blur(slopes, width)
            if variation:
                (rough,) = tf.gradients(tf.image.total_variation(pictures), pictures)
                slopes -= variation * rough
            slopes -= decay * (pictures - 0.5)
            (upwards,) = tf.gradients(pictures, values, slopes)
            optimizer.apply([-upwards], [values])
            return lengths

        kept = {}
        generator = np.random.default_rng(seed)
        for (number,) in cut_in_batches(steps, 1):
            if number in stages:
                kept[number] = paint(values).numpy()
            shift = generator.integers(-jitter, jitter + 1, 2)
            angle = np.deg2rad(generator.uniform(-turn, turn))
            width = max(blur * (1 - number / steps), _FINEST_BLUR)
            lengths = take_step(
                tf.constant(shift), tf.constant(angle, "float32"), np.float32(width)
            ).numpy()
            if number == 0:
                _check_reached(lengths, numbers)
        kept[steps] = paint(values).numpy()
        return np.stack([kept[stage] for stage in stages])

    numbers = np.asarray(numbers)
    parts = [
        draw(numbers[start : start + _BATCH])
        for start in range(0, len(numbers), _BATCH)
    ]
    drawn = np.concatenate(parts, axis=1)
    return drawn[0] if keep is None else drawn


def measure_excitement(model, layer, channels, images):
    """Measure how strongly each picture excites a channel of its own.

    Parameters
    ----------
    model, layer
        As in `draw_features`.
    channels : int array (n,)
    images : float32 array (n, height, width, 3) in [0, 1]

    Returns
    -------
    float32 array (n,)
        The mean of the channel's map, as the layer gives it.
    """
    means = read_maps(model, layer, images).mean(axis=(1, 2))
    return means[np.arange(len(images)), channels]


def measure_shuffled(model, layers, drawn, squares):
    """Measure how much of the effect is left when drawn pictures are cut and shuffled.

    Parameters
    ----------
    model : keras.Model
    layers : list of str
    drawn : float array (layers, count, height, width, 3) in [0, 1]
        As from `draw_layers`.
    squares : list of int
        To a side; height and width are multiples of each.

    Returns
    -------
    float array (layers, squares)
        The effect is the mean of the channel's map as the layer gives it; the median of
        the shares that are left, over the channels that answer their picture at all.
    """
    left = []
    for layer, pictures in zip(layers, drawn, strict=True):
        read = read_means(model, layer, before_relu=False)
        chosen = choose_live_channels(model, layer, len(pictures))
        whole, *cut = (
            read(tf.constant(shown, "float32"), chosen).numpy()
            for shown in [pictures, *(shuffle_squares(pictures, n) for n in squares)]
        )
        alive = whole > 0
        left.append([np.median(effect[alive] / whole[alive]) for effect in cut])
    return np.array(left)


def shuffle_squares(images, squares=4, seed=0):
    """Cut each picture into squares and shuffle them, all pictures in the same way.

    Parameters
    ----------
    images : float array (n, height, width, 3)
        Height and width are multiples of `squares`.
    squares : int
        To a side.
    seed : int

    Returns
    -------
    float array (n, height, width, 3)
    """
    order = np.random.default_rng(seed).permutation(squares**2)
    shuffled = []
    for image in images:
        tiles = cut_sheet(image, squares, squares)
        mixed = tiles.reshape(-1, *tiles.shape[2:])[order]
        shuffled.append(join_tiles(mixed.reshape(tiles.shape)))
    return np.stack(shuffled)


def measure_fineness(images, shortest=8):
    """Measure how much of a picture's contrast is in fine detail.

    Parameters
    ----------
    images : float array (n, height, width, channels)
    shortest : float
        In pixels: waves that are shorter are fine detail.

    Returns
    -------
    float array (n,) in [0, 1]
        Share of the power of all waves, the mean colour left out; 0 if flat.
    """
    height, width = images.shape[1:3]
    powers = np.abs(np.fft.fft2(images, axes=(1, 2))) ** 2
    powers = powers.sum(axis=3)
    powers[:, 0, 0] = 0
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    fine = powers[:, frequencies > 1 / shortest].sum(axis=1)
    whole = powers.sum(axis=(1, 2))
    return np.divide(fine, whole, out=np.zeros_like(whole), where=whole > 0)


def measure_colours(images):
    """Find the directions in which the colours of pictures vary, and how far.

    Parameters
    ----------
    images : float array (n, height, width, 3) in [0, 1]

    Returns
    -------
    float array (3, 3)
        Its columns are the eigenvectors of the covariance of red, green and blue within
        a picture, each as long as the standard deviation along it, longest first.
    """
    pixels = images.reshape(len(images), -1, 3)
    pixels = (pixels - pixels.mean(axis=1, keepdims=True)).reshape(-1, 3)
    variances, directions = np.linalg.eigh(pixels.T @ pixels / len(pixels))
    found = (directions * np.sqrt(variances))[:, ::-1]
    return found * np.sign(found[0])


def choose_channels(count):
    """Return the twelve channels of a layer that a sheet shows: evenly spaced."""
    return _space(count, SHEETS["features"][1])


def choose_live_channels(model, layer, count):
    """Choose channels of a layer that are evenly spaced among those that are alive.

    A channel is dead here if half of its map is the same for grey with a little noise:
    then hardly a gradient reaches such a picture. Trained networks have a few.

    Parameters
    ----------
    model, layer
        As in `open_layer`.
    count : int

    Returns
    -------
    int array (count,)

    Raises
    ------
    ValueError
        If fewer are alive, or as `open_layer` says.
    """
    shape = (1, *_find_shape(model, None))
    noise = np.random.default_rng(0).normal(0.5, _NOISE, shape).astype("float32")
    maps = open_layer(model, layer)(tf.constant(noise)).numpy()
    lower, upper = np.percentile(maps, (25, 75), axis=(0, 1, 2))
    live = np.flatnonzero(upper > lower)
    if len(live) < count:
        raise ValueError(
            f"The layer {layer!r} must have at least {count} channels that answer a "
            f"faint noise, got {len(live)}; choose fewer, or another layer."
        )
    return live[_space(len(live), count)]


def name_sheet(role, kind):
    """Return the path of a sheet: which network's, and "features" or "last_stack".

    Parameters
    ----------
    role, kind : str
        As for `read_sheet`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If there is no such role or kind.
    """
    for name, value, known in (("role", role, ROLES), ("kind", kind, [*SHEETS])):
        _check_name(name, value, known)
    return _DATA / f"{kind}_{role}.jpg"


def read_sheet(role, kind):
    """Read pictures that ``data_scripts/draw_features.py`` drew of a small VGG.

    Parameters
    ----------
    role : str
        One of `ROLES`.
    kind : str
        "features": twelve channels of each stack's last normalisation, in five rows,
        those of `choose_channels`. "last_stack": all 96 channels of the last one.

    Returns
    -------
    float32 array (5, 12, 96, 96, 3) or (96, 96, 96, 3) in [0, 1]

    Raises
    ------
    ValueError
        If there is no such sheet, or it is damaged.
    """
    path = name_sheet(role, kind)
    if not path.is_file():
        raise ValueError(
            f"There must be a sheet {path.name} in data/vgg, got none; draw it with "
            f"python data_scripts/draw_features.py {role}."
        )
    sheet = cv2.imdecode(np.fromfile(path, "uint8"), cv2.IMREAD_COLOR_RGB)
    if sheet is None:
        raise ValueError(
            f"{path.name} in data/vgg must be a JPEG, got something else; draw it "
            f"again with python data_scripts/draw_features.py {role}."
        )
    tiles = cut_sheet(sheet.astype("float32") / 255, *SHEETS[kind])
    return tiles if kind == "features" else tiles.reshape(-1, *tiles.shape[2:])


def join_tiles(tiles):
    """Lay tiles (rows, columns, height, width, 3) out as one picture."""
    rows, columns, height, width, _ = tiles.shape
    return tiles.swapaxes(1, 2).reshape(rows * height, columns * width, 3)


def cut_sheet(sheet, rows, columns):
    """Cut a picture into tiles (rows, columns, height, width, 3)."""
    height, width = sheet.shape[0] // rows, sheet.shape[1] // columns
    return sheet.reshape(rows, height, columns, width, 3).swapaxes(1, 2)


def build_random_vgg(images, seed=0):
    """Build a small VGG that has learnt nothing: the control.

    Its convolutions are drawn as before a training (He et al. 2015, arXiv:1502.01852,
    equation 10). The mean and the spread that each normalisation removes are measured
    on pictures, as a training would, so that the units are as balanced as a trained
    network's and differ from those only in what they respond to.

    Parameters
    ----------
    images : float32 array (n, 96, 96, 3) in [0, 1]
    seed : int

    Returns
    -------
    keras.Model
    """
    return _balance(vgg.start_small_vgg(class_count=12, seed=seed), images)


def forget(model, images, seed=0):
    """Build the same network with new random weights: the control for any model.

    Each layer starts as it would before a training. Normalisations are balanced as in
    `build_random_vgg`.

    Parameters
    ----------
    model : keras.Model
        It stays as it is.
    images : float32 array (n, height, width, channels) in [0, 1]
    seed : int

    Returns
    -------
    keras.Model
    """
    keras.utils.set_random_seed(seed)
    return _balance(keras.models.clone_model(model), images)


def _balance(model, images):
    """Let normalisations remove the mean and the spread that pictures have there."""
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for layer in norms:
        layer.momentum, kept = 0.0, layer.momentum  # keep nothing but this batch's
    model(images, training=True)
    for layer in norms:
        layer.momentum = kept
    return model


def _cut_graph(graph, layer, before_relu=True):
    """Return a graph that ends at a layer, and how many channels that has."""
    step = find_feature_step(graph, layer)
    place = graph.steps.index(step)
    if before_relu and (hasattr(step.operation, "activation") or _ends_in_relu(step)):
        step = step._replace(squash="relu")
    needed, steps = {*step.inputs}, [step]
    for other in reversed(graph.steps[:place]):
        if needed.intersection(other.outputs):
            needed.update(other.inputs)
            steps.append(other)
    cut = graph._replace(steps=tuple(steps[::-1]), logits=step.outputs[0])
    return cut, step.shape[-1]


def _space(total, count):
    """Return numbers of things, evenly spaced, the first one included."""
    return np.arange(count) * total // count


def _ends_in_relu(step):
    """Whether a step is a ReLU, perhaps a leaky one, or a layer with one inside."""
    activation = getattr(step.operation, "activation", step.operation)
    name = getattr(activation, "__name__", type(activation).__name__)
    return name.lower().replace("_", "") in ("relu", "relu6", "leakyrelu")


def _pick(scores, numbers):
    """Take the numbered score of each row, as a float32 tensor (n,)."""
    return tf.cast(tf.gather(scores, numbers, axis=1, batch_dims=1), "float32")


def _scale_frequencies(height, width):
    """Return how strongly each frequency is drawn: one over the frequency."""
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    strengths = 1 / np.maximum(frequencies, 1 / max(height, width))
    return (strengths * np.sqrt(height * width) / 4).astype("float32")


def _mix_colours():
    """Return the directions of colour, none longer than 1, as rows."""
    directions = np.array(COLOUR_DIRECTIONS, "float32")
    return directions.T / np.linalg.norm(directions, axis=1).max()


def _draw_noise(numbers, shape, waves, seed):
    """Draw the values that the ascent starts from, for each number by itself."""
    form = shape if waves is None else (3, *waves.shape, 2)
    noise = [
        np.random.default_rng([seed, number]).normal(0, _NOISE, form)
        for number in numbers
    ]
    return np.array(noise, "float32")


def _add_waves(values, waves, shape):
    """Turn real and imaginary parts of waves into planes (n, height, width, 3)."""
    if waves is None:
        return values
    parts = values * waves[..., None]
    planes = tf.signal.irfft2d(tf.complex(parts[..., 0], parts[..., 1]), shape[:2])
    return tf.transpose(planes, (0, 2, 3, 1))


def _mix(planes, mix):
    return planes if mix is None else planes @ mix


def _turn(pictures, angle):
    """Turn pictures around their centre; what was outside is mirrored."""
    y, x = ((int(side) - 1) / 2 for side in pictures.shape[1:3])
    c, s = tf.cos(angle), tf.sin(angle)
    zero = tf.zeros_like(c)
    row = [c, -s, x - c * x + s * y, s, c, y - s * x - c * y, zero, zero]
    rows = tf.tile(tf.stack(row)[None], (tf.shape(pictures)[0], 1))
    return keras.ops.image.affine_transform(pictures, rows, fill_mode="reflect")


def _blur(slopes, width):
    """Blur along rows and columns, with weights that sum to 1 at the edges too."""

    def weigh(size):
        places = tf.range(size, dtype="float32")
        weights = tf.exp(-((places[:, None] - places) ** 2) / (2 * width**2))
        return weights / tf.reduce_sum(weights, axis=1, keepdims=True)

    down, across = (weigh(int(side)) for side in slopes.shape[1:3])
    return tf.einsum("yh,xw,nhwc->nyxc", down, across, slopes)


def _find_shape(model, size):
    """Return height, width and 3, of the model's pictures or as wished."""
    height, width, channels = model.inputs[0].shape[1:]
    wished = (height, width) if size is None else tuple(np.ravel(size))
    whole = [isinstance(side, int | np.integer) and side >= 8 for side in wished]
    if len(whole) != 2 or not all(whole):
        raise ValueError(
            "size must be a height and a width of at least 8 pixels, got "
            f"{wished}; (96, 96) is a good start."
        )
    if channels != 3:
        raise ValueError(
            f"The model must take pictures in colour, got one that takes {channels} "
            "channels; put a layer that makes them from three before it."
        )
    return (*map(int, wished), 3)


def _check_numbers(numbers, count, owner, what):
    array = np.asarray(numbers)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise ValueError(
            f"The {what} must be a list of whole numbers, got {numbers!r}; "
            "a single one is drawn with [0]."
        )
    unknown = array[(array < 0) | (array >= count)]
    if unknown.size:
        raise ValueError(
            f"{owner} has {what} 0 to {count - 1}, got {unknown[0]}; choose one of "
            "these."
        )
    return array.astype("int32")


def _check_settings(steps, rate, jitter, space, colour):
    check_whole("steps", steps, 1, "128 is a good start")
    check_whole("jitter", jitter, 0, "8 is a good start")
    _check_name("space", space, SPACES)
    _check_name("colour", colour, COLOURS)
    if not rate > 0:
        raise ValueError(f"rate must be above 0, got {rate}; 0.05 is a good start.")


def _check_stages(keep, steps):
    """Return after which steps pictures are kept, in order."""
    if keep is None:
        return [steps]
    stages = [*keep]
    for stage in stages:
        check_whole("keep", stage, 0, "0 is the noise")
    if not stages or sorted({*stages}) != stages or stages[-1] > steps:
        raise ValueError(
            f"keep must be a rising list of steps from 0 to {steps}, got {stages}; "
            "raise steps, or leave some out."
        )
    return stages


def _check_lengths(**settings):
    for name, value in settings.items():
        if not 0 <= value < np.inf:
            raise ValueError(
                f"{name} must be 0 or a number above it, got {value}; 0 leaves it out."
            )


def _check_name(name, value, known):
    if value not in known:
        raise ValueError(
            f"The {name} must be one of {', '.join(map(repr, known))}, got {value!r}; "
            "choose one of these."
        )


def _check_reached(lengths, numbers):
    dead = numbers[~(lengths.ravel() > 0)]
    if dead.size:
        raise ValueError(
            f"A gradient must reach the picture, got none for number {dead[0]}: it is "
            "switched off for a grey picture; draw it from an earlier layer."
        )
