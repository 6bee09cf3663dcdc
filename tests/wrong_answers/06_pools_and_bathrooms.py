"""Typical wrong answers to the exercises of chapter 6."""

WRONG_ANSWERS = {
    "worst-mistake": [
        (
            "the diagonal is left in",
            """
from sklearn.metrics import confusion_matrix


def find_worst_mistake(labels, answers, class_names):
    shares = confusion_matrix(labels, answers, normalize="true")
    row, column = np.unravel_index(shares.argmax(), shares.shape)
    return class_names[row], class_names[column], shares[row, column]
""",
            "that is no mistake",
        ),
        (
            "counts instead of shares",
            """
from sklearn.metrics import confusion_matrix


def find_worst_mistake(labels, answers, class_names):
    counts = confusion_matrix(labels, answers)
    np.fill_diagonal(counts, 0)
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    return class_names[row], class_names[column], counts[row, column]
""",
            "Divide each row by its sum",
        ),
        (
            "rows and columns are exchanged",
            """
from sklearn.metrics import confusion_matrix


def find_worst_mistake(labels, answers, class_names):
    shares = confusion_matrix(labels, answers, normalize="true")
    np.fill_diagonal(shares, 0)
    row, column = np.unravel_index(shares.argmax(), shares.shape)
    return class_names[column], class_names[row], shares[row, column]
""",
            "the other way round",
        ),
    ],
    "epsilon-rule": [
        (
            "the sum leaves the bias out",
            """
def share_relevance(inputs, kernel, bias, relevance, small=1e-6):
    added = inputs[:, None] * kernel
    sums = added.sum(axis=0)
    each = relevance / (sums + np.where(sums >= 0, small, -small))
    return (added * each).sum(axis=1), bias * each
""",
            "as if there were no bias",
        ),
        (
            "the z⁺ rule",
            """
def share_relevance(inputs, kernel, bias, relevance, small=1e-6):
    added, bias = np.maximum(inputs[:, None] * kernel, 0), np.maximum(bias, 0)
    each = relevance / (added.sum(axis=0) + bias + small)
    return (added * each).sum(axis=1), bias * each
""",
            "that is the z⁺ rule",
        ),
        (
            "sums below zero are moved upwards too",
            """
def share_relevance(inputs, kernel, bias, relevance, small=1e-6):
    added = inputs[:, None] * kernel
    each = relevance / (added.sum(axis=0) + bias + small)
    return (added * each).sum(axis=1), bias * each
""",
            "was moved towards zero",
        ),
    ],
    "rather-than": [
        (
            "one class alone",
            """
def explain_rather_than(maps, kernel, class_index, other):
    return maps @ kernel[:, class_index]
""",
            "the maps of `class_index` alone",
        ),
        (
            "the classes are exchanged",
            """
def explain_rather_than(maps, kernel, class_index, other):
    return maps @ (kernel[:, other] - kernel[:, class_index])
""",
            "The sign is the wrong way round",
        ),
        (
            "both maps are cut off at zero before they are compared",
            """
def explain_rather_than(maps, kernel, class_index, other):
    first, second = maps @ kernel[:, class_index], maps @ kernel[:, other]
    return np.maximum(first, 0) - np.maximum(second, 0)
""",
            "Keep the signs",
        ),
    ],
    "what-is-a-rail": [
        ("upside down", 'prediction = "a"', "A bar is a bar from both ends"),
        ("in pieces", 'prediction = "b"', "The form is gone, and it hardly cares"),
        ("a word", 'prediction = "white"', 'must be one of "a", "b", "c"'),
    ],
    "interval": [
        (
            "before and after are drawn apart",
            """
def find_interval(before, after, generator, samples=2000):
    shape = (samples, len(before))
    first = before[generator.integers(len(before), size=shape)].mean(axis=1)
    last = after[generator.integers(len(after), size=shape)].mean(axis=1)
    return np.quantile(last - first, [0.025, 0.975])
""",
            "Draw pairs",
        ),
        (
            "drawn without replacement",
            """
def find_interval(before, after, generator, samples=2000):
    rises = after - before
    means = [generator.permutation(rises).mean() for _ in range(samples)]
    return np.quantile(means, [0.025, 0.975])
""",
            "Draw with replacement",
        ),
        (
            "5 % on each side",
            """
def find_interval(before, after, generator, samples=2000):
    rises = after - before
    drawn = generator.integers(len(rises), size=(samples, len(rises)))
    return np.quantile(rises[drawn].mean(axis=1), [0.05, 0.95])
""",
            "about the middle 90 %",
        ),
    ],
    "worst-group": [
        (
            "the accuracy of all",
            """
def measure_worst_group(answers, labels, has_rail):
    return np.mean(answers == labels)
""",
            "the accuracy of all pictures together",
        ),
        (
            "the worst area, whatever the rail",
            """
def measure_worst_group(answers, labels, has_rail):
    return min(np.mean((answers == labels)[labels == each]) for each in set(labels))
""",
            "the worst area, with rail and without together",
        ),
        (
            "an empty group counts",
            """
def measure_worst_group(answers, labels, has_rail):
    shares = []
    for label in set(labels):
        for rail in (False, True):
            group = (labels == label) & (has_rail == rail)
            right = np.sum((answers == labels) & group)
            shares.append(right / group.sum() if group.any() else np.nan)
    return np.min(shares)
""",
            "Leave such groups out",
        ),
    ],
}
