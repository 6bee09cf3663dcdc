"""Typical wrong answers to the exercises of chapter 7, and what they shall be told."""

WRONG_ANSWERS = {
    "one-step-uphill": [
        (
            "one length for all pictures",
            """
def take_step(images, slopes, rate):
    length = np.sqrt((slopes**2).mean())
    return np.clip(images + rate * slopes / (length or 1), 0, 1)
""",
            "Scale each picture by itself",
        ),
        (
            "leaves the range",
            """
def take_step(images, slopes, rate):
    lengths = np.sqrt((slopes**2).mean(axis=(1, 2, 3), keepdims=True))
    return images + rate * slopes / np.where(lengths > 0, lengths, 1)
""",
            "After a long step the values run from",
        ),
        (
            "divides by zero",
            """
def take_step(images, slopes, rate):
    lengths = np.sqrt((slopes**2).mean(axis=(1, 2, 3), keepdims=True))
    return np.clip(images + rate * slopes / lengths, 0, 1)
""",
            "Where the length is 0",
        ),
    ],
    "a-third-way": [
        ("at the start", 'prediction = "a"', 'You wrote "a"'),
        ("at both ends", 'prediction = "c"', 'You wrote "c"'),
    ],
    "how-rough": [
        (
            "goes around the edge",
            """
def measure_variation(images):
    steps = [np.abs(images - np.roll(images, 1, axis)) for axis in (1, 2)]
    return np.sum(steps, axis=(0, 2, 3, 4))
""",
            "the left edge was compared with the right one",
        ),
        (
            "one number for all pictures",
            """
def measure_variation(images):
    return sum(np.abs(np.diff(images, axis=axis)).sum() for axis in (1, 2))
""",
            "must have the shape",
        ),
        (
            "down only",
            """
def measure_variation(images):
    return np.abs(np.diff(images, axis=1)).sum(axis=(1, 2, 3))
""",
            "the differences to the right are missing",
        ),
    ],
    "the-best-in-the-world": [
        (
            "the least exciting",
            """
def find_best(excitements, count):
    return np.argsort(excitements, axis=0)[:count].T
""",
            "excite it least",
        ),
        (
            "the best last",
            """
def find_best(excitements, count):
    return np.argsort(excitements, axis=0)[-count:].T
""",
            "the best last",
        ),
        (
            "excitements instead of numbers",
            """
def find_best(excitements, count):
    return -np.sort(-excitements, axis=0)[:count].T
""",
            "an excitement",
        ),
    ],
    "how-small": [
        (
            "the Euclidean length",
            """
def estimate_levels(leads, slopes):
    return 255 * leads / np.sqrt((slopes**2).sum(axis=(1, 2, 3)))
""",
            "Euclidean length",
        ),
        (
            "no grey levels",
            """
def estimate_levels(leads, slopes):
    return leads / np.abs(slopes).sum(axis=(1, 2, 3))
""",
            "in units of the whole range",
        ),
        (
            "signs that cancel",
            """
def estimate_levels(leads, slopes):
    return 255 * leads / slopes.sum(axis=(1, 2, 3))
""",
            "of both signs that cancel",
        ),
    ],
    "few-but-loud": [
        (
            "uphill",
            """
def change_few(image, slopes, count):
    changed = image.copy()
    largest = np.argsort(-np.abs(slopes), axis=None)[:count]
    changed.flat[largest] = slopes.flat[largest] > 0
    return changed
""",
            "makes the lead larger",
        ),
        (
            "positive slopes only",
            """
def change_few(image, slopes, count):
    changed = image.copy()
    changed.flat[np.argsort(-slopes, axis=None)[:count]] = 0
    return changed
""",
            "of positive slope only",
        ),
        (
            "whole pixels",
            """
def change_few(image, slopes, count):
    changed = image.copy().reshape(-1, 3)
    sizes = np.abs(slopes).sum(axis=2).ravel()
    largest = np.argsort(-sizes)[:count]
    changed[largest] = slopes.reshape(-1, 3)[largest] < 0
    return changed.reshape(image.shape)
""",
            "A pixel has three values",
        ),
    ],
}
