import numpy as np
import pytest

from helpers import three_networks, vgg
from helpers.networks import predict


@pytest.fixture(scope="module")
def networks():
    return three_networks.load("embedded")


def test_there_is_one_for_each_role(networks):
    assert [network.role for network in networks] == [*vgg.CLASS_COUNTS]
    for network in networks:
        assert network.model.output_shape[1] == len(network.class_names)
        assert network.images.shape == (len(network.labels), vgg.SIZE, vgg.SIZE, 3)
        assert 0 <= network.labels.min() <= network.labels.max()
        assert network.labels.max() < len(network.class_names)


def test_their_architecture_is_the_same(networks):
    shapes = [
        [weights.shape for weights in network.model.weights[:-2]]
        for network in networks
    ]
    assert shapes[0] == shapes[1] == shapes[2]


@pytest.mark.parametrize(
    ("place", "least"), [(0, 0.9), (1, 0.8), (2, 0.75)], ids=[*vgg.CLASS_COUNTS]
)
def test_each_is_good_at_what_it_was_trained_for(networks, place, least):
    network = networks[place]
    answers = predict(network.model, network.images).argmax(axis=1)
    assert (answers == network.labels).mean() >= least


def test_faces_come_with_their_regions(networks):
    assert networks[0].regions is None
    for network in networks[1:]:
        assert network.regions.shape == network.images.shape[:3]
        assert network.regions.dtype == np.uint8


def test_examples_are_of_different_classes_and_kinds(networks):
    examples = three_networks.choose_examples(networks, count=4)
    assert len(examples) == 12
    for place, network in enumerate(networks):
        mine = examples[4 * place : 4 * place + 4]
        found = [
            int(np.flatnonzero((network.images == image).all(axis=(1, 2, 3)))[0])
            for image in mine
        ]
        assert len({*network.labels[found].tolist()}) == 4


def test_no_example_comes_twice_where_classes_are_few(networks):
    few = networks[2]
    kept = few.labels < 2
    few = few._replace(images=few.images[kept], labels=few.labels[kept])
    examples = three_networks.choose_examples([few], count=4)
    assert len({image.tobytes() for image in examples}) == 4


def test_pictures_of_any_size_are_fitted(networks):
    pictures = [np.full((50, 70, 3), 0.25, "float32"), np.ones((200, 96, 3), "float32")]
    fitted = three_networks.fit(pictures, networks[0])
    assert fitted.shape == (2, vgg.SIZE, vgg.SIZE, 3)
    np.testing.assert_allclose(fitted[0], 0.25, atol=1e-6)
    np.testing.assert_allclose(fitted[1], 1, atol=1e-6)


def test_networks_are_explained_for_what_they_say(networks):
    objects, identities, _ = networks
    asked = []

    def method(model, images, class_indices, sign):
        asked.append((model, images.shape, class_indices))
        return np.full(images.shape[:3], sign, "float32")

    pictures = np.stack([objects.images[0], objects.images[5]])[:, 8:88, 8:88]
    maps = three_networks.explain(identities, pictures, method, sign=-2.0)
    np.testing.assert_allclose(maps, np.full((2, 80, 80), 2), rtol=1e-6)
    model, shape, classes = asked[0]
    assert model is identities.model
    assert shape == (2, 96, 96, 3)
    said = predict(identities.model, three_networks.fit(pictures, identities))
    np.testing.assert_array_equal(classes, said.argmax(axis=1))
