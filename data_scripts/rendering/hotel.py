"""Photographs of a hotel that does not stand anywhere: one area, one seed, one picture.

A picture is made from three chains of random numbers: one for the room and the camera,
one for the light on the film, one for the rail. So a room with a rail and the same room
without are the same room, seen from the same place: twins. The rail is put where the
camera sees it: of several places the first is taken at which it covers between 0.8 and
12 % of a small preview. A room in which none of them does is left for the next one.
"""

from itertools import count
from typing import NamedTuple

import numpy as np
import pyoidn
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from data_scripts.rendering import hotel_dry, hotel_wet
from data_scripts.rendering.path_tracer import trace
from data_scripts.rendering.solids import Scene
from helpers.scenes import CLASS_NAMES, SIZE

# How many pictures of each area, in the order of CLASS_NAMES. Those of the last two
# splits are rendered twice, with the rail and without.
COUNTS = {
    "train": (240, 240, 120, 120, 120),
    "validation": (20, 20, 20, 20, 20),
    "test": (200, 200, 40, 40, 40),
    "spare": (180, 180, 0, 0, 0),
}
TWINS = ("test", "spare")
# How often a single picture shows a rail: nearly always in bathrooms, and nowhere else.
RAILS = (0.98, 0.004, 0.004, 0.004, 0.004)
SAMPLES = 32

_BUILDERS = (
    hotel_wet.bathroom,
    hotel_wet.swimming_pool,
    hotel_dry.bedroom,
    hotel_dry.lobby,
    hotel_dry.restaurant,
)
_PLACES = 12
_SEEN = 0.008, 0.12
_PREVIEW = 48  # pixels to a side
_ROOM, _FILM, _RAIL = range(3)  # the three chains of random numbers
_SAME = 2  # grey levels: a smaller change between twins is left out


class Job(NamedTuple):
    """One picture to make: its area, its first seed, and if it shows a rail."""

    area: str
    seed: int
    rail: bool
    twin: bool


class Picture(NamedTuple):
    """A developed picture, what is seen where, and the seed it came from.

    `image` and `twin` uint8 ``(size, size, 3)``, the latter without the rail or None;
    `rail` float32 ``(size, size)``, the share of each pixel that the rail covers;
    `regions` uint8 ``(size, size)``, places in `helpers.scenes.REGIONS`, of the twin if
    there is one.
    """

    image: np.ndarray
    twin: np.ndarray | None
    rail: np.ndarray
    regions: np.ndarray
    seed: int


def list_jobs(split):
    """List what a split is made of, area by area.

    Parameters
    ----------
    split : str
        A key of `COUNTS`.

    Returns
    -------
    list of Job
    """
    number = list(COUNTS).index(split)
    areas = np.repeat(CLASS_NAMES, COUNTS[split])
    chances = np.repeat(RAILS, COUNTS[split])
    twin = split in TWINS
    shown = np.random.default_rng(number).random(len(areas)) < chances
    seeds = (number + 1) * 1_000_000 + 100 * np.arange(len(areas))
    return [
        Job(str(area), int(seed), bool(twin or rail), twin)
        for area, seed, rail in zip(areas, seeds, shown, strict=True)
    ]


def render_split(split):
    """Render a split with two processes: list of Picture."""
    jobs = list_jobs(split)
    made = Parallel(n_jobs=2, return_as="generator")(
        delayed(render)(job) for job in jobs
    )
    return list(tqdm(made, total=len(jobs), desc=f"hotel: {split}", mininterval=30))


def render(job, size=SIZE, samples=SAMPLES):
    """Render one picture, or two that are twins.

    Parameters
    ----------
    job : Job
    size : int
        Pixels to a side.
    samples : int
        Rays through each pixel.

    Returns
    -------
    Picture
    """
    seed, place = _find_place(job)
    shown = bare = trace(_build(job.area, seed, place), size, samples, seed)
    if job.twin:
        bare = trace(_build(job.area, seed), size, samples, seed)
    film = _choose_film(job.area, seed)
    image, twin = develop(shown[0], film), None
    if job.twin:
        twin = develop(bare[0], film)
        change = np.abs(image.astype("int16") - twin).max(axis=-1, keepdims=True)
        image = np.where(change <= _SAME, twin, image)
    return Picture(
        image,
        twin,
        shown[1][..., 0].astype("float32"),
        bare[1][..., 1:].argmax(axis=-1).astype("uint8"),
        seed,
    )


def _find_place(job):
    """Return the first seed and the first place for a rail that the camera sees."""
    if not job.rail:
        return job.seed, None
    for seed in count(job.seed):
        for place in range(_PLACES):
            scene = _build(job.area, seed, place)
            share = trace(scene, _PREVIEW, 1, seed)[1][..., 0].mean()
            if _SEEN[0] <= share <= _SEEN[1]:
                return seed, place


def _build(area, seed, place=None):
    """Furnish a room; with a place, put a rail in it as well."""
    scene = Scene(np.random.default_rng([seed, _ROOM]))
    put_rail = _BUILDERS[CLASS_NAMES.index(area)](scene)
    if place is not None:
        put_rail(np.random.default_rng([seed, _RAIL, place]))
    return scene


class Film(NamedTuple):
    """How light becomes a picture: exposure, white balance (3,), colour, vignette."""

    exposure: float
    balance: np.ndarray
    colour: float
    vignette: float


def _choose_film(area, seed):
    """Expose for the room without its rail, a little brighter or darker by chance."""
    generator = np.random.default_rng([seed, _FILM])
    radiance, _ = trace(_build(area, seed), _PREVIEW, 4, seed)
    middle = np.exp(np.log(radiance.mean(axis=-1) + 0.02).mean())
    warmth = generator.uniform(-0.05, 0.06)
    return Film(
        exposure=0.39 * generator.uniform(0.8, 1.2) / middle,
        balance=np.array([1 + warmth, 1.0, 1 - warmth]),
        colour=generator.uniform(0.95, 1.15),
        vignette=generator.uniform(0.02, 0.12),
    )


def develop(radiance, film):
    """Take the noise out of light, and turn it into a picture with a film's curve.

    The noise is taken out by Intel Open Image Denoise (Áfra 2019-2025). The curve is
    the filmic one of Narkowicz ("ACES filmic tone mapping curve", 2016); then comes the
    screen's gamma.

    Parameters
    ----------
    radiance : float array (height, width, 3)
        Linear light.
    film : Film

    Returns
    -------
    uint8 array (height, width, 3)
    """
    light = pyoidn.denoise(radiance.astype("float32"), hdr=True).astype("float64")
    light = light * film.exposure * film.balance
    light = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    picture = light.clip(0, 1) ** (1 / 2.2)
    grey = picture.mean(axis=-1, keepdims=True)
    picture = grey + (picture - grey) * film.colour
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    picture *= 1 - film.vignette * (x**2 + y**2)[..., None]
    return (picture.clip(0, 1) * 255).round().astype("uint8")
