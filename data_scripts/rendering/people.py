"""Who is in the film: what makes one face differ from another, and what it feels.

A person is about fifty numbers. What a face shows is a set of action units of the
Facial Action Coding System (P. Ekman and W. V. Friesen, 1978): each names what one
group of muscles does, from 0 (at rest) to 1 (as far as it goes).
"""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

EMOTIONS = ("happy", "sad", "neutral", "angry", "surprised")

ACTION_UNITS = (
    "AU1",  # inner brow up
    "AU2",  # outer brow up
    "AU4",  # brows down and together
    "AU5",  # upper lid up
    "AU6",  # cheek up
    "AU7",  # lids tight
    "AU10",  # upper lip up
    "AU12",  # lip corners up
    "AU15",  # lip corners down
    "AU17",  # chin up
    "AU24",  # lips pressed together
    "AU25",  # lips apart
    "AU26",  # jaw down
)

HAIR_STYLES = (
    "cropped",
    "side_parting",
    "fringe",
    "long",
    "bun",
    "curly",
    "afro",
    "receding",
    "bald",
    "ponytail",
    "short_bob",
)
BEARDS = ("none", "stubble", "full", "moustache")
GLASSES = ("none", "thin", "round", "thick")  # Identity.glasses is a place in here
COLLARS = ("round", "v_neck", "shirt")  # Identity.collar is a place in here

# From light to dark, sRGB.
_SKINS = np.array(
    [
        (244, 209, 187),
        (242, 200, 172),
        (226, 178, 144),
        (203, 152, 114),
        (168, 116, 82),
        (143, 98, 69),
        (118, 82, 59),
    ],
    dtype="float64",
)
_HAIR_COLOURS = {
    "black": (26, 21, 19),
    "dark brown": (46, 32, 24),
    "brown": (80, 52, 33),
    "light brown": (122, 82, 48),
    "dark blond": (166, 124, 76),
    "blond": (204, 170, 114),
    "red": (128, 56, 28),
}
_GREYS = ((122, 120, 120), (186, 184, 182))
_EYE_COLOURS = (
    (66, 40, 22),
    (98, 64, 32),
    (88, 102, 62),
    (82, 120, 152),
    (112, 134, 146),
)
_STYLE_WEIGHTS = {  # of a masculine and of a feminine head, before age
    "cropped": (5.0, 0.5),
    "side_parting": (5.0, 1.0),
    "fringe": (1.6, 1.8),
    "long": (0.4, 5.0),
    "bun": (0.1, 1.6),
    "curly": (2.0, 1.8),
    "afro": (0.0, 0.0),
    "receding": (0.0, 0.0),
    "bald": (0.0, 0.0),
    "ponytail": (0.1, 2.2),
    "short_bob": (0.1, 2.4),
}


class Identity(NamedTuple):
    """A person. Lengths in face units, colours sRGB 0 to 255, shares 0 to 1."""

    seed: int  # of skin texture, brow hairs, strands
    age: float  # 0 is ten years old, 1 is eighty-five
    masculine: bool
    tone: float  # 0 light skin, 1 dark
    skin: tuple
    hair_colour: tuple
    hair_style: str
    hairline: float  # y of the hair's edge above the nose
    part: float  # x of the parting
    beard: str
    glasses: int
    lipstick: float
    freckles: float
    # The head.
    crown: float
    temple: float
    cheek: float
    jaw: float
    chin: float
    chin_width: float
    fullness: float
    cheekbone: float
    brow_ridge: float
    ear: float
    asymmetry: float  # -1 to 1
    # The eyes and brows.
    eye_spacing: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    eye_colour: tuple
    iris: float
    crease: float
    lashes: float
    brow_height: float
    brow_thickness: float
    brow_arch: float
    brow_length: float
    brow_density: float
    # Nose and mouth.
    nose_length: float
    nose_width: float
    nose_depth: float
    nose_bridge: float
    nose_tip: float
    mouth_drop: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    cupid_bow: float
    # What he or she wears.
    clothes: tuple
    collar: int


def draw_identity(generator):
    """Draw a person of any age from ten, of any skin, woman or man.

    Parameters
    ----------
    generator : numpy.random.Generator

    Returns
    -------
    Identity
    """

    def between(low, high):
        return float(generator.uniform(low, high))

    age = float(generator.beta(1.35, 2.5))
    masculine = bool(generator.random() < 0.5)
    man = float(masculine) * min(1.0, max(0.0, (age - 0.03) / 0.10))
    child = max(0.0, 1 - age / 0.15)
    old = max(0.0, (age - 0.5) / 0.5)
    tone = between(0, 1)
    style = _draw_hair_style(generator, age, masculine, tone)
    fullness = float(np.clip(generator.normal(0.45 + 0.40 * child, 0.22), 0, 1))
    brown_only = tone > 0.55
    chances = (0.75, 0.25, 0, 0, 0) if brown_only else (0.25, 0.25, 0.15, 0.2, 0.15)
    eye_colour = _EYE_COLOURS[generator.choice(len(_EYE_COLOURS), p=chances)]
    return Identity(
        seed=int(generator.integers(1 << 30)),
        age=age,
        masculine=masculine,
        tone=tone,
        skin=_mix_skin(tone, between(-4, 4)),
        hair_colour=_draw_hair_colour(generator, age, tone),
        hair_style=style,
        hairline=between(-0.92, -0.74) - 0.06 * child,
        part=float(generator.choice((-1, 1))) * between(0.15, 0.42),
        beard=_draw_beard(generator, age, masculine),
        glasses=int(
            generator.random() < 0.14 + 0.20 * old and generator.integers(1, 4)
        ),
        lipstick=(
            between(0.3, 0.9)
            if not masculine and age > 0.12 and generator.random() < 0.45
            else 0.0
        ),
        freckles=(
            between(0.4, 1.0)
            if tone < 0.45 and generator.random() < 0.12 + 0.2 * child
            else 0.0
        ),
        crown=between(1.32, 1.42),
        temple=between(0.95, 1.01) + 0.02 * child,
        cheek=between(0.93, 1.0),
        jaw=between(0.90, 1.01) + 0.05 * man - 0.02 * child + 0.02 * fullness,
        chin=between(1.22, 1.35) + 0.07 * man - 0.12 * child,
        chin_width=between(0.0, 0.05) + 0.03 * man,
        fullness=fullness,
        cheekbone=between(0.03, 0.09),
        brow_ridge=between(0.01, 0.03) + 0.022 * man - 0.01 * child,
        ear=between(0.88, 1.08) + 0.10 * old,
        asymmetry=between(-1, 1),
        eye_spacing=between(0.385, 0.43),
        eye_width=between(0.212, 0.240) + 0.026 * child - 0.006 * man,
        eye_height=between(0.106, 0.132) + 0.018 * child - 0.012 * old - 0.008 * man,
        eye_tilt=between(-0.02, 0.05),
        eye_colour=eye_colour,
        iris=between(0.110, 0.120) + 0.014 * child,
        crease=between(0.35, 1.0),
        lashes=between(0.4, 0.6) if masculine else between(0.7, 1.0),
        brow_height=between(0.27, 0.33) - 0.035 * man + 0.01 * child,
        brow_thickness=between(0.024, 0.036) + 0.011 * man - 0.006 * child,
        brow_arch=between(0.02, 0.06) - 0.015 * man,
        brow_length=between(0.27, 0.31),
        brow_density=between(0.65, 1.0),
        nose_length=between(0.44, 0.52) + 0.02 * man - 0.08 * child + 0.02 * old,
        nose_width=between(0.135, 0.180) + 0.012 * man + 0.015 * tone - 0.025 * child,
        nose_depth=between(0.22, 0.32) + 0.03 * man - 0.11 * child,
        nose_bridge=between(0.06, 0.12) - 0.03 * child,
        nose_tip=between(0.085, 0.115) - 0.012 * child,
        mouth_drop=between(0.275, 0.32) - 0.02 * child,
        mouth_width=between(0.33, 0.40) - 0.035 * child,
        upper_lip=between(0.062, 0.084) - 0.008 * man + 0.018 * tone - 0.015 * old,
        lower_lip=between(0.092, 0.120) - 0.008 * man + 0.018 * tone - 0.018 * old,
        cupid_bow=between(0.4, 1.0),
        clothes=_draw_clothes(generator),
        collar=int(generator.integers(0, len(COLLARS))),
    )


def change_looks(person, generator):
    """Give a person another hairdo, other clothes, another lipstick, and no glasses.

    What stays is the face: bones, skin, eyes, brows, nose, mouth, beard.

    Parameters
    ----------
    person : Identity
    generator : numpy.random.Generator

    Returns
    -------
    Identity
    """
    colours = list(_HAIR_COLOURS.values())[: 3 if person.tone > 0.55 else None]
    styles = [
        style
        for style in HAIR_STYLES
        if person.masculine or style not in ("receding", "bald")
    ]
    painted = not person.masculine and person.age > 0.12 and generator.random() < 0.5
    return person._replace(
        hair_colour=_as_colour(colours[generator.integers(len(colours))]),
        hair_style=str(generator.choice(styles)),
        hairline=float(generator.uniform(-0.92, -0.74)),
        part=float(generator.choice((-1, 1)) * generator.uniform(0.15, 0.42)),
        glasses=0,
        lipstick=float(generator.uniform(0.3, 0.9)) if painted else 0.0,
        clothes=_draw_clothes(generator),
        collar=int(generator.integers(len(COLLARS))),
    )


def draw_expression(generator, emotion, intensity=None):
    """Draw the action units with which somebody shows an emotion.

    Parameters
    ----------
    generator : numpy.random.Generator
    emotion : str
        One of `EMOTIONS`.
    intensity : float, optional
        How strongly, 0 to 1. By default drawn between 0.6 and 1.

    Returns
    -------
    dict of str to float
        A value in [0, 1] for each of `ACTION_UNITS`.

    Raises
    ------
    ValueError
        If `emotion` is not one of `EMOTIONS`.

    Notes
    -----
    The combinations are those of the emotions' prototypes: P. Ekman, W. V. Friesen and
    J. C. Hager, Facial Action Coding System, Investigator's Guide (2002), table 10-1.
    """
    if emotion not in EMOTIONS:
        raise ValueError(
            f"The emotion must be one of {', '.join(EMOTIONS)}, but it was "
            f"{emotion!r}. Choose one of these names."
        )
    if intensity is None:
        intensity = generator.uniform(0.6, 1.0)
    units = dict.fromkeys(ACTION_UNITS, 0.0)
    for unit, (low, high) in _choose_ranges(generator, emotion).items():
        units[unit] = float(np.clip(generator.uniform(low, high) * intensity, 0, 1))
    return units


def find_outline(identity, grid, jaw_drop=0.0):
    """Return the head's radius in the direction of each pixel.

    Parameters
    ----------
    identity : Identity
    grid : data_scripts.rendering.canvas.Grid
    jaw_drop : float
        AU26, 0 to 1: an open jaw lengthens the face.

    Returns
    -------
    float32 array (height, width)
        In face units, from the origin. A pixel lies inside the head where its own
        distance from the origin is smaller.
    """
    chin = identity.chin + 0.17 * jaw_drop
    # The lower half is a superellipse: convex, and squarer with a broader jaw.
    power = 2.0 + 4.2 * (identity.jaw - 0.97) + 0.30 * (identity.fullness - 0.5)
    slim = 0.02 + 0.05 * (1 - identity.fullness)
    widen = 0.5 * identity.chin_width
    lower = [
        (degree, factor * _find_superellipse(degree, identity.cheek, chin, power))
        for degree, factor in (
            (20, 1 - 0.2 * slim),
            (38, 1 - 0.8 * slim),
            (55, 1 - slim),
            (73, 1 - 0.5 * slim + widen),
        )
    ]
    degrees, radii = zip(
        (-90, identity.crown),
        (-60, 1.29 * identity.temple * (0.4 + 0.6 * identity.crown / 1.37)),
        (-30, 1.10 * identity.temple),
        (0, identity.cheek),
        *lower,
        (90, chin),
        strict=True,
    )
    half = np.radians(degrees)
    angles = np.concatenate([half, np.pi - half[-2::-1]])
    curve = CubicSpline(angles, radii + radii[-2::-1], bc_type=((1, 0.0), (1, 0.0)))
    steps = np.linspace(-np.pi / 2, np.pi / 2, 257)
    pixel_angles = np.arctan2(grid.y[:, None], np.abs(grid.x)[None])
    return np.interp(pixel_angles, steps, curve(steps)).astype("float32")


def _find_superellipse(degree, width, height, power):
    """Return the radius of |x / width|^power + |y / height|^power = 1 at an angle."""
    angle = np.radians(degree)
    across, down = np.cos(angle) / width, np.sin(angle) / height
    return (across**power + down**power) ** (-1 / power)


def _choose_ranges(generator, emotion):
    """Return the range of each action unit at full intensity."""
    if emotion == "happy":
        ranges = {"AU12": (0.92, 1.0), "AU6": (0.7, 1.0)}
        if generator.random() < 0.75:
            ranges |= {"AU25": (0.6, 1.0), "AU26": (0.0, 0.28)}
        return ranges
    if emotion == "sad":
        return {
            "AU1": (0.85, 1.0),
            "AU4": (0.25, 0.45),
            "AU15": (0.85, 1.0),
            "AU17": (0.3, 0.9),
            "AU7": (0.0, 0.25),
        }
    if emotion == "angry":
        ranges = {"AU4": (0.9, 1.0), "AU5": (0.1, 0.4), "AU7": (0.5, 0.9)}
        if generator.random() < 0.35:
            return ranges | {
                "AU10": (0.7, 1.0),
                "AU25": (0.6, 0.9),
                "AU26": (0.0, 0.2),
            }
        return ranges | {"AU24": (0.7, 1.0), "AU17": (0.1, 0.5), "AU15": (0.0, 0.25)}
    if emotion == "surprised":
        return {
            "AU1": (0.85, 1.0),
            "AU2": (0.85, 1.0),
            "AU5": (0.65, 0.95),
            "AU25": (0.3, 0.5),
            "AU26": (0.55, 0.95),
        }
    return dict.fromkeys(("AU1", "AU2", "AU4", "AU6", "AU12", "AU24"), (0.0, 0.08))


def _draw_hair_style(generator, age, masculine, tone):
    """Choose a hair style with the frequency it has at this age."""
    column = 0 if masculine else 1
    weights = {style: pair[column] for style, pair in _STYLE_WEIGHTS.items()}
    if tone > 0.6:
        weights["afro"] = 3.0 if masculine else 3.5
        weights["cropped"] *= 1.8
        weights["fringe"] *= 0.3
        weights["side_parting"] *= 0.4
    if age > 0.3 and masculine:
        weights["receding"] = 7.0 * (age - 0.3) * 2
        weights["bald"] = 4.0 * (age - 0.2)
    if age < 0.12:
        weights["bun"] = 0.1
        weights["fringe"] *= 2
        weights["ponytail"] *= 1.6
    if age > 0.6 and not masculine:
        weights["long"] *= 0.3
        weights["bun"] *= 1.8
        weights["curly"] *= 2
        weights["short_bob"] *= 1.4
    chances = np.array([weights[style] for style in HAIR_STYLES])
    return str(generator.choice(HAIR_STYLES, p=chances / chances.sum()))


def _draw_hair_colour(generator, age, tone):
    """Choose a hair colour, mixed with grey from middle age on."""
    if tone > 0.55:
        chances = (0.75, 0.22, 0.03, 0, 0, 0, 0)
    else:
        chances = (0.14, 0.20, 0.22, 0.15, 0.11, 0.11, 0.07)
    colours = np.array(list(_HAIR_COLOURS.values()), dtype="float64")
    colour = colours[generator.choice(len(colours), p=chances)]
    light = generator.uniform(0, 1)
    grey = np.array(_GREYS[0]) * (1 - light) + np.array(_GREYS[1]) * light
    onset = generator.uniform(0.5, 0.9) + 0.1 * tone
    share = np.clip((age - onset) / 0.2, 0, 1)
    return _as_colour(colour * (1 - share) + grey * share)


def _draw_beard(generator, age, masculine):
    """Choose a beard; children and women have none."""
    choice = str(generator.choice(BEARDS, p=(0.5, 0.2, 0.2, 0.1)))
    return choice if masculine and age > 0.16 else "none"


def _mix_skin(tone, warmth):
    """Return the skin of this tone, a little redder or yellower."""
    place = tone * (len(_SKINS) - 1)
    first = min(int(place), len(_SKINS) - 2)
    colour = _SKINS[first] + (_SKINS[first + 1] - _SKINS[first]) * (place - first)
    return _as_colour(colour + np.array((0.0, -0.6, 0.6)) * warmth * (1 - 0.5 * tone))


def _draw_clothes(generator):
    """Choose a muted colour."""
    colour = generator.uniform(20, 190, 3)
    return _as_colour(0.6 * colour + 0.4 * colour.mean())


def _as_colour(values):
    """Return a colour as a tuple of three floats in 0 to 255."""
    return tuple(float(value) for value in np.clip(values, 0, 255))
