"""Typical wrong answers to the exercises of chapter 4, and what is said to each."""

WRONG_ANSWERS = {
    "preference": [
        (
            "forgets the area",
            """def measure_preference(heatmap, mask):
    heat = np.maximum(heatmap, 0)
    return heat[mask].sum() / max(heat.sum(), 1e-9)""",
            "That is the share of the heat",
        ),
        (
            "divides by pixels",
            """def measure_preference(heatmap, mask):
    heat = np.maximum(heatmap, 0)
    return heat[mask].sum() / max(heat.sum(), 1e-9) / mask.sum()""",
            "its number of pixels",
        ),
        (
            "lets negative heat count",
            """def measure_preference(heatmap, mask):
    return heatmap[mask].sum() / heatmap.sum() / mask.mean()""",
            "Negative heat counts as none",
        ),
    ],
    "paint-left": [
        (
            "does not turn the faces back",
            """def paint_on_the_left(images, regions):
    return lamps.paint_in(images[:, :, ::-1], regions[:, :, ::-1])[0]""",
            "left the faces mirrored",
        ),
        (
            "paints on both sides",
            """def paint_on_the_left(images, regions):
    images, regions = lamps.paint_in(images, regions)
    return lamps.paint_in(images[:, :, ::-1], regions[:, :, ::-1])[0][:, :, ::-1]""",
            "changed the right half",
        ),
        (
            "turns them upside down as well",
            """def paint_on_the_left(images, regions):
    turned = images[:, ::-1, ::-1], regions[:, ::-1, ::-1]
    return lamps.paint_in(*turned)[0][:, ::-1, ::-1]""",
            "not the rows",
        ),
    ],
    "left-lamp": [
        ("the same", 'left_lamp = "a"', "You predicted a)"),
        ("in between", 'left_lamp = "b"', "You predicted b)"),
    ],
    "fit-pieces": [
        (
            "has no intercept",
            """def fit_pieces(shown, answers, weights):
    root = np.sqrt(weights)
    return np.linalg.lstsq(shown * root[:, None], answers * root, rcond=None)[0]""",
            "Add a column of ones",
        ),
        (
            "forgets the weights",
            """def fit_pieces(shown, answers, weights):
    table = np.column_stack([shown, np.ones(len(shown))])
    return np.linalg.lstsq(table, answers, rcond=None)[0][:-1]""",
            "The weights do not count",
        ),
        (
            "multiplies by the weights",
            """def fit_pieces(shown, answers, weights):
    table = np.column_stack([shown, np.ones(len(shown))])
    table, values = table * weights[:, None], answers * weights
    return np.linalg.lstsq(table, values, rcond=None)[0][:-1]""",
            "count squared",
        ),
    ],
    "bootstrap": [
        (
            "draws faces",
            """def bootstrap(values, people, count, seed):
    generator = np.random.default_rng(seed)
    means = [generator.choice(values, len(values)).mean() for _ in range(count)]
    return np.percentile(means, [2.5, 97.5])""",
            "draw persons, not faces",
        ),
        (
            "draws without replacement",
            """def bootstrap(values, people, count, seed):
    generator = np.random.default_rng(seed)
    groups = [values[people == person] for person in np.unique(people)]
    means = []
    for _ in range(count):
        drawn = generator.permutation(len(groups))
        means.append(np.concatenate([groups[place] for place in drawn]).mean())
    return np.percentile(means, [2.5, 97.5])""",
            "hardly any width",
        ),
        (
            "forgets the seed",
            """def bootstrap(values, people, count, seed):
    generator = np.random.default_rng()
    groups = [values[people == person] for person in np.unique(people)]
    means = []
    for _ in range(count):
        drawn = generator.integers(len(groups), size=len(groups))
        means.append(np.concatenate([groups[place] for place in drawn]).mean())
    return np.percentile(means, [2.5, 97.5])""",
            "two intervals for one seed",
        ),
    ],
}
