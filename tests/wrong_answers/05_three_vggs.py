"""Typical wrong answers to the exercises of chapter 5."""

WRONG_ANSWERS = {
    "class-neuron": [
        (
            "the tallest spike of one face",
            """
def find_class_neuron(spikes, labels, class_index):
    return int(spikes[labels == class_index][0].argmax())
""",
            "Ask all of its faces",
        ),
        (
            "the loudest for the class, whatever the others do",
            """
def find_class_neuron(spikes, labels, class_index):
    return int(np.median(spikes[labels == class_index], axis=0).argmax())
""",
            "Take the others' median off",
        ),
        (
            "means, which one face can rule",
            """
def find_class_neuron(spikes, labels, class_index):
    members = labels == class_index
    return int((spikes[members].mean(axis=0) - spikes[~members].mean(axis=0)).argmax())
""",
            "Use `np.median`",
        ),
    ],
    "auc": [
        (
            "ties do not count",
            """
def measure_auc(inside, outside):
    return np.mean(inside[:, None] > outside)
""",
            "Count each as one half",
        ),
        (
            "the wrong way round",
            """
def measure_auc(inside, outside):
    differences = outside[:, None] - inside
    return np.mean((differences > 0) + 0.5 * (differences == 0))
""",
            "Turn the comparison round",
        ),
        (
            "each is compared with one only",
            """
def measure_auc(inside, outside):
    count = min(len(inside), len(outside))
    return np.mean(inside[:count] > outside[:count])
""",
            "Compare each of the",
        ),
    ],
    "turn-it-up": [
        ("some", 'prediction = "b"', 'You wrote "b", some'),
        ("nearly all", 'prediction = "c"', 'You wrote "c", nearly all'),
    ],
    "gap": [
        (
            "gradients at the beginning of each part",
            """
def measure_gap(find_score, find_slopes, picture, baseline, steps):
    way = baseline + np.multiply.outer(np.arange(steps) / steps, picture - baseline)
    total = np.sum((picture - baseline) * find_slopes(way).mean(axis=0))
    change = find_score(picture) - find_score(baseline)
    return abs(total - change) / abs(change)
""",
            "at the beginning of each part",
        ),
        (
            "the way begins at black, whatever the baseline",
            """
def measure_gap(find_score, find_slopes, picture, baseline, steps):
    middles = (np.arange(steps) + 0.5) / steps
    slopes = find_slopes(np.multiply.outer(middles, picture)).mean(axis=0)
    change = find_score(picture) - find_score(baseline)
    return abs(np.sum(picture * slopes) - change) / abs(change)
""",
            "Does the way begin at the baseline",
        ),
        (
            "what is missing, and not its share",
            """
def measure_gap(find_score, find_slopes, picture, baseline, steps):
    middles = (np.arange(steps) + 0.5) / steps
    way = baseline + np.multiply.outer(middles, picture - baseline)
    total = np.sum((picture - baseline) * find_slopes(way).mean(axis=0))
    return abs(total - (find_score(picture) - find_score(baseline)))
""",
            "and not its share",
        ),
    ],
    "cka": [
        (
            "the means are left in",
            """
def compare_features(first, second):
    shared = np.linalg.norm(second.T @ first) ** 2
    return shared / np.linalg.norm(first.T @ first) / np.linalg.norm(second.T @ second)
""",
            "Take them off first",
        ),
        (
            "each picture's mean is taken off",
            """
def compare_features(first, second):
    first = first - first.mean(axis=1, keepdims=True)
    second = second - second.mean(axis=1, keepdims=True)
    shared = np.linalg.norm(second.T @ first) ** 2
    return shared / np.linalg.norm(first.T @ first) / np.linalg.norm(second.T @ second)
""",
            "The mean of each *picture* was taken off",
        ),
        (
            "no square",
            """
def compare_features(first, second):
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    shared = np.linalg.norm(second.T @ first)
    return shared / np.linalg.norm(first.T @ first) / np.linalg.norm(second.T @ second)
""",
            "The numerator is not squared",
        ),
    ],
    "never-asked": [
        ("the hair", 'prediction = "a"', "the hair has"),
        ("the background", 'prediction = "c"', "the background has"),
    ],
}
