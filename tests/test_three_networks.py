import numpy as np
import pandas as pd
import pytest

from helpers import attribution, faces, neurons, regions, three_networks, vgg
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


# What chapter 5 says with one threshold for both editions, held more strictly here.


def measure_auc(model, images, labels):
    maps = neurons.read_maps(model, "block5_relu3", images)
    table = neurons.measure_selectivity(neurons.sum_maps(maps), labels)
    return table["auc"].median()


def test_the_neurons_of_emotions_learned_their_classes(networks):
    emotions = networks[2]
    untrained = vgg.start_small_vgg(5, seed=11)
    trained = measure_auc(emotions.model, emotions.images, emotions.labels)
    assert trained > 0.8
    assert measure_auc(untrained, emotions.images, emotions.labels) < 0.7


def test_the_tallest_neuron_matters_more_than_the_average_one(networks):
    emotions = networks[2]
    images = emotions.images[::8]
    maps = neurons.read_maps(emotions.model, "block5_relu3", emotions.images)
    sums = neurons.sum_maps(maps)
    tallest = neurons.normalise_spikes(sums, sums)[::8].argmax(axis=1)
    falls, _ = neurons.measure_falls(emotions.model, "block5_relu3", images)
    own = falls[tallest, np.arange(len(images))]
    assert np.median(own) > 2 * np.median(falls.mean(axis=0))


def test_with_64_steps_integrated_gradients_are_complete(networks):
    objects = networks[0]
    images, labels = objects.images[:4], objects.labels[:4]
    maps = attribution.integrated_gradients(
        objects.model, images, labels, steps=64, rule="midpoint"
    )
    scores = [
        attribution.scores.read_scores(objects.model, pictures, labels)
        for pictures in (images, np.zeros_like(images))
    ]
    wanted = scores[0] - scores[1]
    missing = np.abs(maps.sum(axis=(1, 2)) - wanted).sum() / np.abs(wanted).sum()
    assert missing < 0.03


def test_the_table_of_transfers_is_that_of_the_stored_network(networks):
    table = pd.read_csv(vgg.FOLDER / "transfer.csv", index_col="frozen stacks")
    emotions = networks[2]
    answers = predict(emotions.model, emotions.images).argmax(axis=1)
    stored = table.loc[vgg.FROZEN_STACKS, "right on unseen films"]
    assert abs((answers == emotions.labels).mean() - stored) < 0.02
    assert table["right on unseen films"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("emotion", "areas"),
    [
        ("happy", {"mouth", "nose"}),
        ("angry", {"brows", "eyes"}),
        ("surprised", {"mouth"}),
    ],
)
def test_emotions_are_read_where_they_are_played(networks, emotion, areas):
    emotions = networks[2]
    label = emotions.class_names.index(emotion)
    places = np.flatnonzero(emotions.labels == label)[::8]
    maps = three_networks.explain(
        emotions,
        emotions.images[places],
        attribution.integrated_gradients,
        baseline="blurred",
        steps=16,
    )
    masks = regions.find_areas(emotions.regions[places])
    found = faces.measure_areas(maps, masks)
    assert {*sorted(found, key=found.get)[-len(areas) :]} == areas
