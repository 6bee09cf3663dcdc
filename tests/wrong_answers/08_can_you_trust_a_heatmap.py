"""Typical wrong answers to the exercises of chapter 8, and what they shall be told."""

WRONG_ANSWERS = {
    "louder": [
        ("the rank, too", 'prediction = "b"', 'You wrote "b", but only'),
        ("all three", 'prediction = "c"', 'You wrote "c", but only'),
        ("the name of a grade", 'prediction = "mass"', "must be one of"),
    ],
    "swapped-masks": [
        (
            "own pairs among the others",
            """
def grade_swapped(heatmaps, masks):
    heat = np.maximum(heatmaps, 0)
    all_pairs = [
        one[mask].sum() / one.sum() for one in heat for mask in masks
    ]
    return grading.share_heat(heat, masks).mean(), np.mean(all_pairs)
""",
            "the own mask is among them",
        ),
        (
            "negative heat counts",
            """
def grade_swapped(heatmaps, masks):
    table = np.array(
        [[one[mask].sum() / one.sum() for mask in masks] for one in heatmaps]
    )
    apart = ~np.eye(len(masks), dtype=bool)
    return np.diag(table).mean(), table[apart].mean()
""",
            "negative heat was taken off",
        ),
        (
            "one other picture only",
            """
def grade_swapped(heatmaps, masks):
    other = np.roll(masks, 1, axis=0)
    own, swapped = (grading.share_heat(heatmaps, one) for one in (masks, other))
    return own.mean(), swapped.mean()
""",
            "with all 20 pairs",
        ),
    ],
    "hottest-first-and-last": [
        (
            "the coldest first",
            """
def follow_deletion(model, image, class_index, heatmap, filled):
    order = np.argsort(heatmap, axis=None)
    pictures = []
    for each in (order, order[::-1]):
        for share in np.linspace(0, 1, 11):
            removed = image.reshape(order.size, -1).copy()
            gone = each[: round(share * order.size)]
            removed[gone] = filled.reshape(removed.shape)[gone]
            pictures.append(removed.reshape(image.shape))
    return predict(model, np.stack(pictures))[:, class_index].reshape(2, 11)
""",
            "belongs into the other row",
        ),
        (
            "each tenth alone",
            """
def follow_deletion(model, image, class_index, heatmap, filled):
    order = np.argsort(-heatmap, axis=None)
    pictures = []
    for each in (order, order[::-1]):
        for part in [order[:0], *np.array_split(each, 10)]:
            removed = image.reshape(order.size, -1).copy()
            removed[part] = filled.reshape(removed.shape)[part]
            pictures.append(removed.reshape(image.shape))
    return predict(model, np.stack(pictures))[:, class_index].reshape(2, 11)
""",
            "Keep removed what was removed before",
        ),
        (
            "black holes",
            """
def follow_deletion(model, image, class_index, heatmap, filled):
    order = np.argsort(-heatmap, axis=None)
    pictures = []
    for each in (order, order[::-1]):
        for share in np.linspace(0, 1, 11):
            removed = image.reshape(order.size, -1).copy()
            removed[each[: round(share * order.size)]] = 0
            pictures.append(removed.reshape(image.shape))
    return predict(model, np.stack(pictures))[:, class_index].reshape(2, 11)
""",
            "as for a black picture",
        ),
    ],
    "the-truth-takes-the-test": [
        ("the mask", 'winner = "a"', "The mask knows no order outside"),
        ("the edges", 'winner = "c"', "Edges lie on everything"),
    ],
    "leave-the-paper-out": [
        (
            "the whole picture",
            """
def compare_on_ink(heatmap, other, image):
    return grading.correlate_ranks(abs(heatmap)[None], abs(other)[None])[0]
""",
            "on the whole picture",
        ),
        (
            "an order without shared ranks",
            """
def compare_on_ink(heatmap, other, image):
    ink = image[..., 0] > 0
    orders = [
        abs(one)[ink].argsort(kind="stable").argsort() for one in (heatmap, other)
    ]
    return np.corrcoef(*orders)[0, 1]
""",
            "ranks that equal heat does not share",
        ),
        (
            "signed heat",
            """
def compare_on_ink(heatmap, other, image):
    ink = image[..., 0] > 0
    return stats.spearmanr(heatmap[ink], other[ink]).statistic
""",
            "of the signed heat",
        ),
    ],
    "three-dealers": [
        (
            "signs count",
            """
def ask_twice(method, model, spoilt, images, class_indices, others):
    first = method(model, images, class_indices)
    changed = method(spoilt, images, class_indices), method(model, images, others)
    return [grading.correlate_ranks(first, one).mean() for one in changed]
""",
            "one is the negative of the other",
        ),
        (
            "the spoilt network for the other class, too",
            """
def ask_twice(method, model, spoilt, images, class_indices, others):
    first = np.abs(method(model, images, class_indices))
    changed = [method(spoilt, images, classes) for classes in (class_indices, others)]
    return [grading.correlate_ranks(first, np.abs(one)).mean() for one in changed]
""",
            "Change one thing at a time",
        ),
        (
            "asks whether they are equal",
            """
def ask_twice(method, model, spoilt, images, class_indices, others):
    first = method(model, images, class_indices)
    changed = method(spoilt, images, class_indices), method(model, images, others)
    return [float(np.array_equal(first, one)) for one in changed]
""",
            "Compare the ranks of the maps",
        ),
    ],
}
