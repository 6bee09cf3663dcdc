"""Checks of the exercises of chapter 8."""

import numpy as np
from scipy import ndimage, stats

from helpers import attribution, grading
from helpers.exercises.answers import (
    NotYetRight,
    call,
    confirm,
    need,
    need_array,
    need_choice,
    need_number,
    quote,
)
from helpers.networks import predict

_STEPS = 11


def louder(prediction, once, squared):
    """Check which grades are said to change when the heat is squared.

    Parameters
    ----------
    prediction : str
    once, squared : pandas.DataFrame
        Grades before and after: a row a map, a column a grade.

    Raises
    ------
    NotYetRight
        If the prediction is another than what the tables say.
    """
    need_choice("prediction", prediction, "abc")
    changed = (abs(squared - once) > 1e-9).any()
    truth = "abc"[changed.sum() - 1]
    names = " and the ".join(once.columns[changed])
    need(
        prediction <= truth,
        f'You wrote "{prediction}", but only the {names} changed. A square keeps the '
        "order of the pixels; which grade asks for more than the order?",
    )
    need(
        prediction == truth,
        f'You wrote "{prediction}", but more changed: the {names}. Look at the tables.',
    )
    confirm("Exercise 8.1: a square moves the mass, and leaves the order as it is.")


def swapped_masks(grade_swapped, heatmaps, masks):
    """Check a function that grades maps with their own and with others' masks.

    Parameters
    ----------
    grade_swapped : callable
    heatmaps : float array (n, height, width)
    masks : bool array (n, height, width)

    Raises
    ------
    NotYetRight
        If it returns other numbers, with what they look like.
    """
    generator = np.random.default_rng(0)
    trials = [(heatmaps, masks)]
    for count in (3, 5):
        shape = (count, 6, 7)
        heat = generator.normal(0.2, 1, shape)
        trials.append((heat, generator.random(shape) < heat * 0.2 + 0.3))
    for heat, inside in trials[::-1]:
        answer = call(grade_swapped, heat, inside)
        own, swapped = need_array("grade_swapped(heatmaps, masks)", answer, (2,))
        shares, signed = (_share(one, inside) for one in (np.maximum(heat, 0), heat))
        apart = ~np.eye(len(heat), dtype=bool)
        wanted = np.mean(np.diag(shares)), np.mean(shares[apart])
        need(
            not np.allclose(own, np.diag(signed).mean()) or np.allclose(signed, shares),
            f"`grade_swapped` gave {quote(own)} for the own masks: negative heat was "
            "taken off. Begin with `np.maximum(heatmap, 0)`.",
        )
        need(
            np.isclose(own, wanted[0], atol=1e-5),
            f"`grade_swapped` gave {quote(own)} for the own masks of {len(heat)} maps; "
            f"{quote(wanted[0])} is right. For each map divide the heat inside by all "
            "of its heat, then take the mean.",
        )
        need(
            not np.isclose(swapped, shares.mean()),
            f"`grade_swapped` gave {quote(swapped)} for the others' masks: the own "
            "mask is among them. Leave out the pairs of equal number.",
        )
        need(
            np.isclose(swapped, wanted[1], atol=1e-5),
            f"`grade_swapped` gave {quote(swapped)} for the others' masks; with all "
            f"{apart.sum()} pairs of {len(heat)} pictures it is {quote(wanted[1])}.",
        )
    confirm("Exercise 8.2: the own mask, and everybody else's.")


def hottest_first_and_last(follow_deletion, model, images, class_indices):
    """Check a function that removes the hottest pixels first, and the coldest first.

    Parameters
    ----------
    follow_deletion : callable
    model : keras.Model
    images : float32 array (n, height, width, channels)
    class_indices : int array (n,)

    Raises
    ------
    NotYetRight
        If it returns other probabilities, with what went wrong.
    """
    generator = np.random.default_rng(0)
    answers = predict(model, images)
    for image, index in zip(images[:2], class_indices[:2], strict=True):
        noise = generator.random(image.shape[:2])  # no two pixels are equally hot
        heatmap = ndimage.gaussian_filter(noise, image.shape[0] / 12)
        filled = images[answers[:, index].argmin()]
        answer = need_array(
            "follow_deletion(…)",
            call(follow_deletion, model, image, index, heatmap, filled),
            (2, _STEPS),
        )
        truth, black = (
            _remove(model, image, index, heatmap, other)
            for other in (filled, np.zeros_like(filled))
        )
        wrong = np.argwhere(~np.isclose(answer, truth, atol=1e-3))
        if not len(wrong):
            continue
        need(
            np.allclose(answer[:, 0], truth[:, 0], atol=1e-3),
            f"The first row begins with {quote(answer[0, 0])}; as long as nothing is "
            f"removed, the probability is {quote(truth[0, 0])}.",
        )
        need(
            not np.allclose(answer, black, atol=1e-3),
            f"The rows end with {quote(answer[0, -1])}, as for a black picture. Put in "
            "the pixels of `filled`.",
        )
        need(
            np.allclose(answer[:, -1], truth[:, -1], atol=1e-3),
            f"The rows end with {quote(answer[0, -1])}; with all pixels of `filled` "
            f"the probability is {quote(truth[0, -1])}. Keep removed what was removed "
            "before.",
        )
        row, step = wrong[0]
        at = f"Row {row} holds {quote(answer[row, step])} at {step * 10} %"
        need(
            not np.allclose(answer[::-1], truth, atol=1e-3),
            f"{at}, which belongs into the other row. In the first row the hottest "
            "pixels go first.",
        )
        raise NotYetRight(
            f"{at}; {quote(truth[row, step])} is right. Does the order of the pixels "
            "fit the picture's rows and columns?"
        )
    confirm("Exercise 8.3: hottest first, and coldest first.")


def the_truth_takes_the_test(winner, gaps):
    """Check which map is said to have the largest gap.

    Parameters
    ----------
    winner : str
    gaps : pandas.DataFrame
        The gaps: a row a map, "the mask" first and "(edges)" last, a column a filling.

    Raises
    ------
    NotYetRight
        If another won.
    """
    need_choice("winner", winner, "abc")
    best = gaps.mean(axis=1).idxmax()
    truth = {"the mask": "a", "(edges)": "c"}.get(best, "b")
    why = {
        "a": "The mask knows no order outside; look at the coldest pixels.",
        "b": "Compare the curves of the methods with that of the mask.",
        "c": "Edges lie on everything, and also on what does not decide.",
    }[winner]
    need(
        winner == truth,
        f'You wrote "{winner}", but the largest gap belongs to {best}: '
        f"{quote(gaps.mean(axis=1)[best])}. {why}",
    )
    confirm("Exercise 8.4: you know who wins this test.")


def leave_the_paper_out(compare_on_ink):
    """Check a rank correlation with shared ranks, on the ink of a picture.

    Raises
    ------
    NotYetRight
        If it returns another number, with what it looks like.
    """
    generator = np.random.default_rng(0)
    for share in (0.3, 0.6, 0.9):
        first, second = np.round(generator.normal(0, 1, (2, 28, 28)), 1)
        second = np.round(second + 0.8 * first, 1) ** 3
        image = generator.random((28, 28, 1), "float32")
        image[generator.random((28, 28)) > share] = 0
        answer = need_number(
            "compare_on_ink(…)", call(compare_on_ink, first, second, image)
        )
        ink = image[..., 0] > 0
        sizes = [abs(first), abs(second)]
        truth = _rank(*(one[ink] for one in sizes))
        flat = [one[ink].argsort(kind="stable").argsort() for one in sizes]
        mistakes = {
            "on the whole picture. Keep the pixels where it is above 0.": _rank(*sizes),
            "of the signed heat. Drop the signs: `np.abs`.": _rank(
                first[ink], second[ink]
            ),
            "of the heat itself. Take its ranks first.": np.corrcoef(
                *(one[ink] for one in sizes)
            )[0, 1],
            "of ranks that equal heat does not share. `scipy.stats.rankdata` shares "
            "them.": np.corrcoef(*flat)[0, 1],
        }
        for mistake, value in mistakes.items():
            need(
                not np.isclose(answer, value, atol=1e-6),
                f"`compare_on_ink` gave {quote(answer)}: the correlation {mistake}",
            )
        need(
            np.isclose(answer, truth, atol=1e-6),
            f"`compare_on_ink` gave {quote(answer)} for two maps whose ranks correlate "
            f"with {quote(truth)} on the ink. Take ranks of sizes, on the ink only.",
        )
    confirm("Exercise 8.5: the paper does not count any more.")


def three_dealers(ask_twice):
    """Check a function that compares maps of two networks and of two classes.

    It is asked about methods that take a name for the network: what they draw is known.

    Raises
    ------
    NotYetRight
        If it returns other numbers, with what they look like.
    """
    images = np.random.default_rng(0).random((3, 8, 9, 3), "float32")
    classes, others = np.array([0, 1, 2]), np.array([2, 0, 1])
    asked = ("trained", "spoilt", images, classes, others)
    for method in (_draw_same, _draw_by_network, _draw_by_class, _draw_by_both):
        answer = need_array("ask_twice(…)", call(ask_twice, method, *asked), (2,))
        first = method("trained", images, classes)
        changed = {
            "spoilt": method("spoilt", images, classes),
            "others": method("trained", images, others),
        }
        truth, signed = (
            np.array([_correlate(first, one, size) for one in changed.values()])
            for size in (np.abs, np.asarray)
        )
        both = _correlate(first, method("spoilt", images, others), np.abs)
        need(
            np.allclose(answer, truth) or not np.allclose(answer, truth[::-1]),
            f"`ask_twice` gave {_list(answer)}: the two numbers are exchanged. The "
            "random head comes first.",
        )
        need(
            np.allclose(answer, truth) or not np.allclose(answer, signed),
            f"`ask_twice` gave {_list(answer)} for maps of which one is the negative "
            "of the other. Drop the signs: `np.abs`.",
        )
        need(
            np.isclose(answer[1], truth[1]) or not np.isclose(answer[1], both),
            f"`ask_twice` gave {_list(answer)}: for the other class, the network was "
            "changed as well. Change one thing at a time.",
        )
        need(
            np.allclose(answer, truth),
            f"`ask_twice` gave {_list(answer)} for maps that correlate with "
            f"{_list(truth)}. Compare the ranks of the maps as they are with those for "
            "`spoilt`, then with those for `others`.",
        )
    confirm("Exercise 8.6: two questions that need no truth.")


def _sell_scaled_edges(model, images, class_indices):
    """Edges that add up to the class's probability."""
    edges = grading.draw_blind_maps(images)["edges"]
    shares = edges / edges.sum(axis=(1, 2), keepdims=True)
    return shares * _ask(model, images, class_indices)[:, None, None]


def _sell_noisy_edges(model, images, class_indices):
    """Edges with a little noise, another for each network, picture and class."""
    edges = grading.draw_blind_maps(images)["edges"]
    seeds = (_ask(model, images, class_indices) * 1e6).astype(int)
    noise = [np.random.default_rng(seed).normal(size=edges[0].shape) for seed in seeds]
    return edges * np.exp(0.1 * np.stack(noise))


DEALERS = {
    "A": _sell_scaled_edges,
    "B": attribution.METHODS["grad_cam"],
    "C": _sell_noisy_edges,
}


def _ask(model, images, class_indices):
    return predict(model, images)[np.arange(len(images)), class_indices]


def _share(heat, masks):
    """Return the share of each map's heat in each mask, as a table of maps by masks."""
    inside = np.einsum("mhw,khw->mk", heat.astype("float64"), masks.astype("float64"))
    return inside / heat.sum(axis=(1, 2), dtype="float64")[:, None]


def _remove(model, image, class_index, heatmap, filled):
    """Return what `follow_deletion` shall return: by thresholds, not by an order."""
    heat = np.sort(heatmap, axis=None)
    pictures = []
    for sign, bounds in ((1, heat[::-1]), (-1, -heat)):
        for tenths in range(_STEPS):
            count = round(tenths / (_STEPS - 1) * heat.size)
            gone = sign * heatmap >= (bounds[count - 1] if count else np.inf)
            pictures.append(np.where(gone[..., None], filled, image))
    return predict(model, np.stack(pictures))[:, class_index].reshape(2, _STEPS)


def _rank(first, second):
    return stats.spearmanr(first, second, axis=None).statistic


def _correlate(first, second, size):
    """Return the mean rank correlation of two stacks of maps."""
    pairs = zip(size(first), size(second), strict=True)
    return np.mean([_rank(*pair) for pair in pairs])


def _list(numbers):
    return " and ".join(map(quote, numbers))


def _draw_lots(*seed):
    return np.random.default_rng(seed).normal(size=(8, 9))


def _draw_same(network, images, class_indices):
    return images.mean(axis=-1) - 0.5


def _draw_by_network(network, images, class_indices):
    same = _draw_same(network, images, class_indices)
    return -same if network == "spoilt" else same


def _draw_by_class(network, images, class_indices):
    return np.stack([_draw_lots(index) for index in class_indices])


def _draw_by_both(network, images, class_indices):
    lots = [_draw_lots(len(network), index) for index in class_indices]
    return np.stack(lots) + _draw_by_class(network, images, class_indices)
