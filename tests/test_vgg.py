import keras
import numpy as np
import pytest
from keras.layers import Conv2D

from helpers import vgg
from helpers.networks import predict


def list_convolutions(model):
    return [
        (layer.name, layer.kernel_size, layer.strides, layer.padding)
        for layer in model.layers
        if isinstance(layer, Conv2D)
    ]


def test_the_convolutions_are_those_of_vgg16():
    published = keras.applications.VGG16(weights=None, include_top=False)
    small = vgg.build_small_vgg(12)
    assert list_convolutions(small) == list_convolutions(published)


def test_a_poolings_place_is_that_of_vgg16():
    def list_stacks(model):
        kept = [name for name in (layer.name for layer in model.layers) if "_" in name]
        return [name for name in kept if "conv" in name or "pool" in name]

    published = keras.applications.VGG16(weights=None, include_top=False)
    assert list_stacks(vgg.build_small_vgg(12)) == list_stacks(published)[:-1]


def test_the_five_layers_come_before_a_relu_and_end_their_stacks():
    small = vgg.build_small_vgg(5)
    names = [layer.name for layer in small.layers]
    for block, name in enumerate(vgg.LAYERS, start=1):
        assert names[names.index(name) + 1] == name.replace("norm", "relu")
        last = [other for other in names if other.startswith(f"block{block}_norm")][-1]
        assert name == last


@pytest.fixture(scope="module")
def transferred():
    first = vgg.start_small_vgg(7)
    second = vgg.transfer(first, 3)
    before = {layer.name: layer.get_weights() for layer in second.layers}
    generator = np.random.default_rng(0)
    images = generator.random((64, vgg.SIZE, vgg.SIZE, 3), "float32")
    labels = generator.integers(0, 3, 64)
    vgg.train_small_vgg(
        second, images, labels, lambda batch, _: batch, 10, (images[:8], labels[:8])
    )
    return first, second, before


def test_transfer_starts_from_all_weights_but_the_head(transferred):
    first, second, before = transferred
    for layer in second.layers[:-1]:
        for one, other in zip(
            first.get_layer(layer.name).get_weights(), before[layer.name], strict=True
        ):
            np.testing.assert_array_equal(one, other)
    assert second.output_shape == (None, 3)


def test_training_leaves_the_frozen_stacks_bit_for_bit(transferred):
    _, second, before = transferred
    moved = {
        layer.name
        for layer in second.layers
        for one, other in zip(layer.get_weights(), before[layer.name], strict=True)
        if not np.array_equal(one, other)
    }
    free = {
        layer.name
        for layer in second.layers
        if layer.weights and layer.name.startswith(("block4", "block5", "classes"))
    }
    assert moved == free


def test_the_same_seed_starts_the_same_network():
    images = np.random.default_rng(1).random((2, vgg.SIZE, vgg.SIZE, 3), "float32")
    one, same, other = (
        predict(vgg.start_small_vgg(4, seed), images) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_training_learns_a_colour():
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 2, 96)
    images = generator.random((96, vgg.SIZE, vgg.SIZE, 3), "float32") * 0.5
    images[np.arange(96), :, :, labels] += 0.5
    model = vgg.start_small_vgg(2)
    vgg.train_small_vgg(
        model,
        images[:64],
        labels[:64],
        lambda batch, _: batch,
        20,
        (images[:8], labels[:8]),
    )
    assert (predict(model, images[64:]).argmax(axis=1) == labels[64:]).mean() > 0.9


def test_faces_lose_two_pixels_on_every_side():
    images = np.arange(100 * 100).reshape(1, 100, 100)
    fitted = vgg.fit_faces(images)
    assert fitted.shape == (1, 96, 96)
    assert fitted[0, 0, 0] == images[0, 2, 2]
    assert fitted[0, -1, -1] == images[0, -3, -3]


def test_the_shared_stacks_of_identities_and_emotions_are_identical():
    identities, emotions = map(vgg.load_small_vgg, ("identities", "emotions"))
    shared = {}
    for layer in identities.layers:
        if layer.weights and layer.name != "classes":
            pairs = zip(
                layer.get_weights(),
                emotions.get_layer(layer.name).get_weights(),
                strict=True,
            )
            shared[layer.name] = all(np.array_equal(a, b) for a, b in pairs)
    frozen = {name for name in shared if int(name[5]) <= vgg.FROZEN_STACKS}
    assert {name for name, same in shared.items() if same} == frozen


def test_the_three_networks_stay_small():
    folder = vgg.FOLDER
    assert sum(file.stat().st_size for file in folder.glob("*.npz")) < 8e6
