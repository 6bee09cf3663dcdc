"""Typical wrong answers to the exercises of chapter 3, and what is said to each."""

WRONG_ANSWERS = {
    "overlap": [
        (
            "lets boxes that lie apart share something",
            """def measure_overlap(box, other):
    left, top = max(box[0], other[0]), max(box[1], other[1])
    right = min(box[0] + box[2], other[0] + other[2])
    bottom = min(box[1] + box[3], other[1] + other[3])
    common = (right - left) * (bottom - top)
    return common / (box[2] * box[3] + other[2] * other[3] - common)""",
            "lie apart in both directions",
        ),
        (
            "counts the shared part twice",
            """def measure_overlap(box, other):
    left, top = max(box[0], other[0]), max(box[1], other[1])
    right = min(box[0] + box[2], other[0] + other[2])
    bottom = min(box[1] + box[3], other[1] + other[3])
    common = max(0, right - left) * max(0, bottom - top)
    return common / (box[2] * box[3] + other[2] * other[3])""",
            "take it off once",
        ),
        (
            "divides by one area",
            """def measure_overlap(box, other):
    left, top = max(box[0], other[0]), max(box[1], other[1])
    right = min(box[0] + box[2], other[0] + other[2])
    bottom = min(box[1] + box[3], other[1] + other[3])
    common = max(0, right - left) * max(0, bottom - top)
    return common / (other[2] * other[3])""",
            "not by the area of one",
        ),
    ],
    "count": [
        (
            "lets two boxes find one face",
            """def count_faces(boxes, truth):
    hits = [any(measure_overlap(b, f) >= 0.5 for f in truth) for b in boxes]
    found = [any(measure_overlap(b, f) >= 0.5 for b in boxes) for f in truth]
    return sum(found), len(truth) - sum(found), len(boxes) - sum(hits)""",
            "for two boxes on one face",
        ),
        (
            "lets one box find two faces",
            """def count_faces(boxes, truth):
    found = [any(measure_overlap(b, f) >= 0.5 for b in boxes) for f in truth]
    count = sum(found)
    return count, len(truth) - count, max(0, len(boxes) - count)""",
            "for one box around two faces",
        ),
        (
            "takes any touch for a hit",
            """def count_faces(boxes, truth):
    free, found = list(boxes), 0
    for face in truth:
        overlaps = [measure_overlap(box, face) for box in free]
        if overlaps and max(overlaps) > 0:
            free.pop(int(np.argmax(overlaps)))
            found += 1
    return found, len(truth) - found, len(free)""",
            "a corner of a face only",
        ),
    ],
    "split": [
        (
            "splits faces, not persons",
            """def split_by_person(people, share, seed):
    order = np.random.default_rng(seed).permutation(len(people))
    cut = round(share * len(people))
    return order[cut:], order[:cut]""",
            "on both sides",
        ),
        (
            "always holds the first persons out",
            """def split_by_person(people, share, seed):
    names = np.unique(people)
    is_out = np.isin(people, names[: round(share * len(names))])
    return np.flatnonzero(~is_out), np.flatnonzero(is_out)""",
            "the same persons out for every seed",
        ),
        (
            "forgets the seed",
            """def split_by_person(people, share, seed):
    names = np.random.default_rng().permutation(np.unique(people))
    is_out = np.isin(people, names[: round(share * len(names))])
    return np.flatnonzero(~is_out), np.flatnonzero(is_out)""",
            "two splits for one seed",
        ),
    ],
    "doubles": [
        (
            "compares sizes",
            """def has_double(codes, others, distance):
    return np.array([any(abs(c - o) <= distance for o in others) for c in codes])""",
            "compare bits, not sizes",
        ),
        (
            "wants them equal",
            """def has_double(codes, others, distance):
    return np.array([code in others for code in codes])""",
            "doubles that differ in at most",
        ),
        (
            "looks at the low half of the bits",
            """def has_double(codes, others, distance):
    low = 2**32 - 1
    return np.array(
        [any(((c ^ o) & low).bit_count() <= distance for o in others) for c in codes]
    )""",
            "differ in more than",
        ),
    ],
    "memory": [
        ("as bad as guessing", 'memory = "a"', "You predicted a)"),
        ("in between", 'memory = "b"', "You predicted b)"),
    ],
}
