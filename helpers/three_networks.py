"""Three networks with a role each: one names objects, one people, one emotions."""

import numpy as np

from helpers import faces, objects, portraits, real_networks, vgg
from helpers.attribution.cams import enlarge_maps
from helpers.networks import predict


def load(edition):
    """Load the three networks, and pictures that they have never seen.

    Embedded: one architecture, `vgg.build_small_vgg`, trained three times. Real: VGG16,
    VGGFace and VGGEmotion, or three small published networks where a cache folder has
    those; see `real_networks.load_roles`.

    Parameters
    ----------
    edition : str
        "embedded" or "real".

    Returns
    -------
    list of vgg.Trained
        For objects, identities and emotions, in this order.

    Raises
    ------
    helpers.sources.SourceError
        In the real edition, if weights are absent and cannot be fetched.
    """
    if edition == "real":
        return real_networks.load_roles()
    things, people = objects.load(edition), portraits.load()
    actors = faces.load(edition, "test")
    return [
        _name("objects", vgg.fit_images(things.images, vgg.SIZE), things),
        _name("identities", people.images, people, people.regions),
        _name(
            "emotions",
            vgg.fit_faces(actors.images),
            actors,
            vgg.fit_faces(actors.regions),
        ),
    ]


def choose_examples(networks, count=4, seed=0):
    """Choose pictures of each network's own kind, of as many classes as there are.

    Parameters
    ----------
    networks : list of vgg.Trained
    count : int
        Pictures from each.
    seed : int

    Returns
    -------
    list of float32 arrays (height, width, 3)
        Of the sizes that their networks take.
    """
    generator = np.random.default_rng(seed)
    chosen = []
    for network in networks:
        order = generator.permutation(len(network.labels))
        _, first = np.unique(network.labels[order], return_index=True)
        first = np.sort(first)
        rest = np.setdiff1d(np.arange(len(order)), first)
        chosen += [*network.images[order[np.concatenate([first, rest])[:count]]]]
    return chosen


def fit(images, network):
    """Bring pictures, of any size each, to the size that a network takes.

    Parameters
    ----------
    images : sequence of float32 arrays (height, width, 3)
    network : vgg.Trained

    Returns
    -------
    float32 array (n, size, size, 3)
    """
    return vgg.fit_images(images, network.model.input_shape[1])


def explain(network, images, method, **options):
    """Explain what a network itself says of pictures, with maps of the pictures' size.

    Parameters
    ----------
    network : vgg.Trained
    images : float32 array (n, height, width, 3)
        They may be of another size than the network takes.
    method : callable
        One of `helpers.attribution.METHODS`.
    **options
        Of the method.

    Returns
    -------
    float32 array (n, height, width)
        Without signs.
    """
    shown = fit(images, network)
    said = predict(network.model, shown).argmax(axis=1)
    found = method(network.model, shown, said, **options)
    return enlarge_maps(np.abs(found), *images.shape[1:3])


def _name(role, images, data, regions=None):
    return vgg.Trained(
        role,
        vgg.load_small_vgg(role),
        vgg.LAYERS,
        data.class_names,
        images,
        data.labels,
        regions,
        f"a small VGG, asked about {len(images)} pictures of {len(data.class_names)} "
        "classes",
    )
