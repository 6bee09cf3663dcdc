"""The shape of a face: its curves, and the heights between them.

The lids, the lips and the brows are curves y(x), so that the picture and the map of
regions are cut along the same lines. The head is a field of heights above the sheet:
a rounded mass, on which bones, fat and folds are hills and grooves. What the action
units do, they do to these curves and hills.
"""

from typing import NamedTuple

import numpy as np

from data_scripts.rendering.canvas import (
    draw_bump,
    draw_line,
    draw_ribbon,
    fill_between,
    mesh,
    smooth_step,
    soften,
)

EYE_LEVEL = -0.04
SIDES = (-1, 1)  # left and right in the picture


class Eye(NamedTuple):
    """One eye: curves y(x) over the sheet's columns."""

    side: int
    place: np.ndarray  # -1 at the inner corner, 1 at the outer
    upper: np.ndarray  # edge of the upper lid
    lower: np.ndarray
    crease: np.ndarray
    open: np.ndarray  # (height, width): share of each pixel that shows the eyeball


class Brow(NamedTuple):
    """One brow: points from the inner end to the outer."""

    side: int
    x: np.ndarray
    y: np.ndarray
    thickness: np.ndarray  # half of it


class Mouth(NamedTuple):
    """The lips: curves y(x) over the sheet's columns, and their fields."""

    half_width: float
    place: np.ndarray  # -1 and 1 at the corners
    top: np.ndarray  # upper edge of the upper lip
    upper: np.ndarray  # lower edge of the upper lip
    lower: np.ndarray  # upper edge of the lower lip
    bottom: np.ndarray
    corner: float  # y of the corners
    opening: float
    upper_lip: np.ndarray  # (height, width)
    lower_lip: np.ndarray
    gap: np.ndarray  # what shows between them


class Relief(NamedTuple):
    """The head as heights in face units."""

    height: np.ndarray
    head: np.ndarray  # alpha of the head without ears
    ears: np.ndarray  # alpha of the ears where the head does not hide them
    folds: np.ndarray  # how deep in a fold, 0 to about 1


def find_eye(identity, grid, units, side, blink):
    """Return one eye's lids; `blink` closes them, 0 to 1."""
    place = (grid.x - side * identity.eye_spacing) * np.float32(
        side / identity.eye_width
    )
    along = np.clip(place, -1, 1)
    arc = np.clip(1 - along * along, 0, 1)
    frown = units["AU4"] * (1 - 0.8 * units["AU1"])
    sorrow = units["AU1"] * (1 - units["AU2"])
    rest = EYE_LEVEL - identity.eye_tilt * along + 0.006 * side * identity.asymmetry
    raised = 1 + 0.44 * units["AU5"] - 0.24 * units["AU7"] - 0.22 * units["AU6"]
    raised -= 0.14 * frown * (1 - 0.5 * units["AU5"]) + 0.16 * sorrow
    slant = 1 - 0.10 * along - 0.30 * sorrow * along
    slant += 0.34 * frown * np.minimum(along, 0)
    upper = rest - identity.eye_height * max(raised, 0.15) * arc**0.62 * slant
    lifted = 0.52 * units["AU7"] + 0.60 * units["AU6"] - 0.12 * units["AU5"]
    depth = identity.eye_height * 0.62 * (1 - min(lifted, 0.85))
    lower = rest + depth * arc**0.75 * (1 + 0.16 * along)
    closed = np.float32(0.25) * rest + np.float32(0.75) * lower + 0.008 * arc
    upper = upper + (closed - upper) * blink
    lower = lower + (closed + 0.002 - lower) * blink
    crease = upper - arc**0.5 * (0.030 + 0.034 * identity.crease) + 0.014 * frown * arc
    crease += 0.012 * sorrow * along - 0.02 * (units["AU5"] + blink) * arc
    visible = fill_between(grid, upper, lower) * (np.abs(place) < 1)
    return Eye(side, place, upper, lower, crease, visible)


def find_brow(identity, units, side):
    """Return one brow as 16 points from its inner end."""
    share = np.linspace(0, 1, 16)
    inner = 1 - share
    frown, sorrow = units["AU4"], units["AU1"] * (1 - units["AU2"])
    start = 0.150 - 0.050 * frown
    x = start + share * (identity.brow_length * 1.62)
    arch = np.sin(np.pi * np.clip(0.06 + 0.80 * share, 0, 1))
    y = EYE_LEVEL - identity.brow_height + 0.045
    y = y - (identity.brow_arch + 0.04) * arch + 0.10 * np.clip(share - 0.6, 0, 1)
    y -= (0.115 * units["AU1"] + 0.07 * sorrow) * inner**1.4
    y += 0.05 * sorrow * share
    y += frown * (0.155 * inner**1.2 + 0.060 * (1 - 0.8 * sorrow))
    y -= (
        units["AU2"]
        * 0.115
        * np.sin(np.pi * (0.30 + 0.50 * share))
        * smooth_step(share, 0.0, 0.6)
    )
    y -= 0.03 * units["AU2"] * units["AU1"]
    y += 0.008 * side * identity.asymmetry
    y += 0.008 * units["AU6"]
    thickness = identity.brow_thickness * (
        (0.70 + 0.42 * np.sin(np.pi * np.clip(share * 0.85 + 0.1, 0, 1)))
        * (1 - 0.68 * smooth_step(share, 0.5, 1.0))
        * (0.72 + 0.28 * smooth_step(share, 0.0, 0.15))
    )
    return Brow(side, side * x, y, thickness)


def find_mouth(identity, grid, units):
    """Return the lips as the action units draw them."""
    smile, sad, press = units["AU12"], units["AU15"], units["AU24"]
    drop, part, bare = units["AU26"], units["AU25"], units["AU10"]
    pout = units["AU17"]
    round_mouth = drop * (1 - smile)
    half_width = identity.mouth_width * (
        1
        + 0.30 * smile
        - 0.42 * round_mouth
        - 0.14 * press
        + 0.02 * sad
        + 0.10 * bare
        - 0.04 * pout
    )
    place = grid.x * np.float32(1 / half_width)
    away = np.clip(np.abs(place), 0, 1)
    arc = np.clip(1 - away * away, 0, 1)
    level = identity.nose_length + identity.mouth_drop
    level += 0.020 * smile + 0.085 * drop - 0.05 * pout - 0.02 * bare - 0.01 * sad
    bend = (
        -0.028 - 0.160 * smile + 0.130 * sad + 0.02 * press + 0.03 * pout + 0.03 * bare
    )
    opening = 0.46 * drop + 0.12 * part * (1 + 0.25 * smile) + 0.07 * bare * part
    middle = level + bend * away ** (1.8 if smile >= sad else 1.9)
    middle = middle + 0.012 * identity.asymmetry * smile * place
    # A tense mouth opens like a box, a slack one like an egg.
    box = 2.0 + 1.1 * smile + 2.2 * bare
    shape = (1 - away**box) ** (0.5 if bare + drop > 0.3 else 0.62)
    above = 0.36 + 0.12 * bare - 0.12 * smile
    upper = middle - opening * above * shape
    lower = middle + opening * (1 - above) * shape
    # A lip keeps its volume: wider is thinner.
    stretch = identity.mouth_width / half_width
    thin = (1 - 0.68 * press) * min(stretch, 1.2) * (1 - 0.12 * part)
    bow = 1 - identity.cupid_bow * 0.30 * np.exp(-np.square(place / 0.15))
    bow = bow + 0.10 * np.exp(-np.square((away - 0.30) / 0.18))
    top = upper - identity.upper_lip * thin * (1 - 0.15 * smile) * bow * arc**0.72
    full = identity.lower_lip * thin * (1 + 0.16 * pout)
    bottom = lower + full * arc**0.60
    inside = np.abs(place) < 1
    top, bottom = top.astype("float32"), bottom.astype("float32")
    upper, lower = upper.astype("float32"), lower.astype("float32")
    return Mouth(
        half_width=float(half_width),
        place=place,
        top=top,
        upper=upper,
        lower=lower,
        bottom=bottom,
        corner=float(level + bend),
        opening=float(opening),
        upper_lip=fill_between(grid, top, upper) * inside,
        lower_lip=fill_between(grid, lower, bottom) * inside,
        gap=(
            fill_between(grid, upper, lower)
            * inside
            * np.float32(min(opening / 0.02, 1))
        ),
    )


def draw_rest(identity, grid):
    """Draw the hills no muscle moves: sockets, eyeballs, nose, hollows.

    Returns
    -------
    float32 array (height, width)
    """
    spacing, length = identity.eye_spacing, identity.nose_length
    width = identity.nose_width
    rest = np.zeros((len(grid.y), len(grid.x)), "float32")
    for side in SIDES:
        rest -= 0.105 * draw_bump(grid, side * (spacing - 0.02), -0.07, 0.21, 0.13)
        rest -= 0.050 * draw_bump(grid, side * 0.20, -0.02, 0.065, 0.10)
        rest += 0.090 * draw_bump(grid, side * spacing, EYE_LEVEL, 0.15, 0.115)
        hollow = 0.030 * (1 - identity.fullness) + 0.030 * max(identity.age - 0.5, 0)
        rest -= hollow * draw_bump(grid, side * 0.66, 0.70, 0.14, 0.20)
        full = 0.02 + 0.07 * identity.fullness
        rest += full * draw_bump(grid, side * 0.50, 0.58, 0.24, 0.26)
        temple = 0.025 + 0.03 * max(identity.age - 0.5, 0)
        rest -= temple * draw_bump(grid, side * 0.84, -0.38, 0.12, 0.22)
        rest += 0.030 * draw_bump(grid, side * 0.36, -0.62, 0.26, 0.20)
    rest += _draw_age(identity, grid)
    return rest + _draw_nose(grid, length, width, identity)


def _draw_age(identity, grid):
    """Draw what age does: bags below the eyes, jowls beside the chin."""
    old = max(identity.age - 0.45, 0) / 0.55
    sag = np.zeros((len(grid.y), len(grid.x)), "float32")
    for side in SIDES:
        spacing = side * identity.eye_spacing
        sag += 0.030 * old * draw_bump(grid, spacing, 0.12, 0.15, 0.045)
        sag -= 0.028 * old * draw_bump(grid, spacing, 0.205, 0.17, 0.030)
        sag += 0.045 * old * draw_bump(grid, side * 0.52, 0.92, 0.12, 0.12)
        sag -= 0.035 * old * draw_bump(grid, side * 0.36, 1.02, 0.05, 0.14)
    return sag


def _draw_nose(grid, length, width, identity):
    """Draw the nose: a ridge that widens and rises to the tip, and its wings."""
    x, y = mesh(grid)
    down = np.clip((y + 0.20) / np.float32(length + 0.16), 0, 1)
    breadth = 0.100 + (width * 0.70 - 0.095) * down * down
    rise = identity.nose_bridge * 0.85 + (
        identity.nose_depth * 0.80 - identity.nose_bridge * 0.5
    ) * (down**1.35)
    nose = np.exp(-(np.abs(x / breadth) ** 2.0)) * rise
    nose *= smooth_step(y, -0.36, -0.02) * smooth_step(y, length + 0.13, length - 0.05)
    tip = identity.nose_tip
    ball = 0.30 * identity.nose_depth
    nose += ball * draw_bump(grid, 0, length - 0.01, tip, tip * 0.85)
    for side in SIDES:
        wing = side * width
        nose += 0.095 * draw_bump(grid, 0.86 * wing, length + 0.015, 0.058, 0.058)
        nose -= 0.030 * draw_bump(grid, wing + side * 0.085, length + 0.02, 0.03, 0.06)
    nose -= 0.022 * draw_bump(grid, 0, length + 0.17, 0.032, 0.055)
    return nose


def build_relief(identity, grid, units, rest, outline, eyes, brows, mouth):
    """Raise the head: the mass, the resting hills, and what the muscles move.

    Parameters
    ----------
    identity : data_scripts.rendering.people.Identity
    grid : data_scripts.rendering.canvas.Grid
    units : dict of str to float
    rest : float32 array (height, width)
        From `draw_rest`.
    outline : float32 array (height, width)
        From `data_scripts.rendering.people.find_outline`.
    eyes : tuple of Eye
    brows : tuple of Brow
    mouth : Mouth

    Returns
    -------
    Relief
    """
    x, y = mesh(grid)
    distance = np.sqrt(x * x + y * y)
    head = np.clip((outline - distance) * np.float32(grid.fineness) + 0.5, 0, 1)
    share = np.clip(distance / outline, 0, 1)
    height = 0.95 * np.sqrt(np.clip(1 - share**2.4, 0, 1))
    height -= 0.28 * smooth_step(y, -0.50, -1.55) * head
    height += rest
    height += _draw_muscles(identity, grid, units, brows, mouth)
    height += _draw_lids(grid, eyes)
    height += _draw_lips(grid, mouth, units)
    grooves, hills, folds = draw_folds(identity, grid, units, mouth)
    height += hills - grooves
    ears, ear_height = _draw_ears(identity, grid)
    height = np.maximum(height, 0) * head + (1 - head) * ear_height * ears
    return Relief(
        soften(height.astype("float32"), 0.012, grid), head, ears, np.clip(folds, 0, 1)
    )


def _draw_muscles(identity, grid, units, brows, mouth):
    """Return brow ridge, cheeks, muzzle and chin as the muscles push them."""
    frown, cheek_up = units["AU4"], 0.60 * units["AU6"] + 0.45 * units["AU12"]
    drop, pout = units["AU26"], units["AU17"]
    hills = np.zeros((len(grid.y), len(grid.x)), "float32")
    for brow in brows:
        level = float(brow.y[3:9].mean())
        strength = identity.brow_ridge + 0.030 * frown
        middle = brow.side * identity.eye_spacing * 0.9
        hills += strength * draw_bump(grid, middle, level + 0.02, 0.25, 0.085)
        hills += 0.016 * draw_bump(grid, middle, level + 0.01, 0.24, 0.035)
        place = brow.side * (0.56 - 0.03 * cheek_up), 0.36 - 0.06 * cheek_up
        strength = identity.cheekbone * 0.7 + 0.130 * cheek_up
        hills += strength * draw_bump(grid, *place, 0.20 - 0.01 * cheek_up, 0.16)
        depth = 0.022 + 0.030 * units["AU12"] + 0.03 * units["AU24"]
        corner = brow.side * (mouth.half_width + 0.015)
        hills -= depth * draw_bump(grid, corner, mouth.corner, 0.035, 0.040)
    hills += (0.5 * identity.brow_ridge + 0.028 * frown) * draw_bump(
        grid, 0, EYE_LEVEL - 0.22, 0.09, 0.09
    )
    level = identity.nose_length + identity.mouth_drop
    hills += 0.060 * draw_bump(grid, 0, level + 0.08 * drop, 0.30, 0.18 + 0.07 * drop)
    under = float(mouth.bottom.max())
    strength = 0.040 + 0.03 * pout
    hills -= strength * draw_bump(grid, 0, under + 0.055, 0.20, 0.040)
    chin = identity.chin + 0.17 * drop
    hills += (0.060 + 0.045 * pout) * draw_bump(grid, 0, chin - 0.19, 0.20, 0.13)
    if identity.masculine:
        hills -= 0.012 * draw_bump(grid, 0, chin - 0.12, 0.030, 0.06)
    return hills


def _draw_lids(grid, eyes):
    """Return the lids' thickness over the eyeball, and the fold above."""
    lids = np.zeros((len(grid.y), len(grid.x)), "float32")
    for eye in eyes:
        near = smooth_step(np.abs(eye.place), 1.25, 0.7)
        lids -= 0.030 * eye.open
        lids += draw_ribbon(grid, eye.upper - 0.018, 0.018, 0.012 * near)
        lids += draw_ribbon(grid, eye.lower + 0.020, 0.016, 0.010 * near)
        lids -= draw_ribbon(grid, eye.crease, 0.014, 0.016 * near)
        lids += draw_ribbon(grid, eye.crease - 0.055, 0.035, 0.018 * near)
    return lids


def _draw_lips(grid, mouth, units):
    """Return the lips' rolls and the drop between them."""
    tight = 1 - 0.5 * units["AU24"]
    y = grid.y[:, None]
    upper_span = np.maximum(mouth.upper - mouth.top, 0.01)
    lower_span = np.maximum(mouth.bottom - mouth.lower, 0.01)
    upper = np.clip((y - mouth.top) / upper_span, 0, 1)
    lower = np.clip((y - mouth.lower) / lower_span, 0, 1)
    lips = mouth.upper_lip * np.sin(np.float32(0.85 * np.pi) * upper) * (0.034 * tight)
    lips += mouth.lower_lip * np.sin(np.float32(np.pi) * lower) * (0.058 * tight)
    return lips - 0.05 * mouth.gap


def draw_folds(identity, grid, units, mouth):
    """Draw the lines of age and of expression.

    Returns
    -------
    grooves, hills, folds : float32 arrays (height, width)
        What to take off the height, what to add, and how dark the fold is.
    """
    lines = _list_folds(identity, units, mouth)
    shape = (len(grid.y), len(grid.x))
    grooves, hills = np.zeros(shape, "float32"), np.zeros(shape, "float32")
    folds = np.zeros(shape, "float32")
    for points, strength, width, mound in lines:
        if strength < 0.04:
            continue
        points = np.asarray(points)
        line = np.zeros(shape, "float32")
        beside = np.zeros(shape, "float32")
        for side in SIDES:
            line += draw_line(grid, points * (side, 1), width)
            if mound:
                shifted = points * (side, 1) + (side * mound[0], mound[1])
                beside += draw_line(grid, shifted, 2.2 * width)
        line = np.clip(soften(line, width, grid), 0, 1)
        grooves += line * np.float32(0.034 * strength)
        folds += line * np.float32(0.75 * strength)
        if mound:
            hills += soften(beside, 1.6 * width, grid) * np.float32(0.030 * strength)
    return grooves, hills, folds


def _list_folds(identity, units, mouth):
    """Return each fold: points on the right, strength, width, shift of its mound."""
    smile, old = units["AU12"], max(identity.age - 0.30, 0) / 0.70
    bare, sad = units["AU10"], units["AU15"]
    frown, raised = units["AU4"], 0.5 * (units["AU1"] + units["AU2"])
    wing, length = identity.nose_width, identity.nose_length
    corner = mouth.half_width, mouth.corner
    outer = identity.eye_spacing + identity.eye_width
    start = np.array([wing + 0.045, length - 0.07])
    end = np.array([corner[0] + 0.095, corner[1] + 0.05])
    bulge = np.array([0.045, -0.035])
    nasolabial = [
        start,
        start + 0.35 * (end - start) + 0.7 * bulge,
        start + 0.72 * (end - start) + bulge,
        end,
    ]
    strength = 0.10 + 0.60 * old + 0.75 * smile + 0.55 * bare + 0.15 * sad
    folds: list[tuple] = []
    folds.append((_round_off(nasolabial), min(strength, 1.1), 0.024, (0.07, -0.02)))
    mouth_line = [corner, (corner[0] + 0.045, corner[1] + 0.10)]
    folds.append((mouth_line, 0.45 * sad + 0.40 * old, 0.020, (0.05, 0)))
    crow = 0.55 * units["AU6"] * (0.35 + 0.65 * min(identity.age * 2, 1)) + 0.45 * old
    for start, end in ((-0.05, -0.115), (-0.005, -0.02), (0.035, 0.075)):
        line = [(outer + 0.035, start), (outer + 0.13, end)]
        folds.append((np.add(line, (0, EYE_LEVEL)), crow, 0.012, None))
    spacing = identity.eye_spacing
    bag = [(spacing - 0.17, 0.085), (spacing, 0.125), (spacing + 0.16, 0.080)]
    bag_strength = 0.15 + 0.45 * units["AU6"] + 0.45 * old
    folds.append((_round_off(bag), bag_strength, 0.014, (0, 0.035)))
    wrinkle = 0.42 * raised * (0.35 + 0.65 * min(identity.age * 1.6, 1)) + 0.42 * old
    wide = 0.46 if units["AU2"] >= 0.5 * units["AU1"] else 0.20
    for row in range(3):
        level = -0.52 - 0.095 * row
        line = [
            (place, level + 0.05 * place * place + 0.012 * np.sin(7 * place + row))
            for place in np.linspace(0, wide, 6)
        ]
        folds.append((line, wrinkle, 0.013, (0, 0.045)))
    glabella = [(0.060, -0.36), (0.048, -0.26), (0.060, -0.17)]
    folds.append((_round_off(glabella), 0.95 * frown, 0.016, (0.05, 0)))
    root = [(0.0, -0.105), (0.10, -0.085)]
    folds.append((root, 0.45 * frown * (1 - units["AU1"]), 0.016, None))
    return folds


def _round_off(points):
    """Return a smooth curve of 12 points through a few (a parabola in each run)."""
    points = np.asarray(points, dtype="float64")
    place = np.arange(len(points))
    fine = np.linspace(0, len(points) - 1, 12)
    degree = min(3, len(points) - 1)
    return np.stack(
        [np.polyval(np.polyfit(place, points[:, k], degree), fine) for k in (0, 1)], 1
    )


def _draw_ears(identity, grid):
    """Return the ears' alpha and height."""
    x, y = mesh(grid)
    ears = np.zeros_like(x)
    height = np.zeros_like(x)
    size = identity.ear
    for side in SIDES:
        across = (side * x - (identity.cheek + 0.035) + 0.10 * (y - 0.06)) / (
            0.115 * size
        )
        down = (y - 0.06) / (0.235 * size)
        away = np.sqrt(across * across + down * down)
        ears = np.maximum(ears, smooth_step(away, 1.06, 0.94))
        shell = 0.22 * np.sqrt(np.clip(1 - away * away, 0, 1))
        shell -= 0.085 * np.exp(-np.square(away / 0.52))
        shell += 0.030 * draw_bump(
            grid, side * (identity.cheek + 0.03), 0.10, 0.03, 0.06
        )
        height = np.maximum(height, shell)
    return ears, height
