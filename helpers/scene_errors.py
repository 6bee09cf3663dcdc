"""What a network without the planted habit still gets wrong, told in sentences.

Embedded edition: the network that learned from pairs, asked about the pools and
bathrooms of the test set. Real edition: a published network as it comes, asked about
the photographs as they are, with nothing painted in.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers import hotel_photographs, photograph_networks, scene_networks, scenes
from helpers.attribution.scores import run_in_batches


class Answers(NamedTuple):
    """Pictures that a network was asked about, and a table of what it said.

    `images` float32 ``(n, height, width, 3)`` in [0, 1]. `table` has a row a picture:
    ``file``, ``area``, ``rail`` ("yes" or "no"), ``author``, ``licence``, ``page``, and
    what `rank_answers` adds.
    """

    images: np.ndarray
    table: pd.DataFrame


def ask_unplanted(edition):
    """Ask a network without the planted habit.

    Parameters
    ----------
    edition : str
        "embedded" or "real".

    Returns
    -------
    Answers

    Raises
    ------
    ValueError
        If the reader's own network has no class for some area.
    helpers.sources.SourceError
        In the real edition, if files are absent and cannot be fetched.
    """
    if edition == "real":
        model, class_names = photograph_networks.load_published_network()
        table = hotel_photographs.list_photographs()
        images = hotel_photographs.read_pictures(table)
    else:
        model = scene_networks.load_scene_networks(edition, "pairs")[0]
        images, table, class_names = _list_wet_rooms()
    probabilities = run_in_batches(model, images)
    return Answers(images, rank_answers(table, probabilities, class_names))


def _list_wet_rooms():
    pairs = scenes.load_pairs("embedded", "test")
    wet = np.flatnonzero(pairs.labels < 2)
    images = np.concatenate([pairs.with_rail[wet], pairs.without_rail[wet]])
    table = pd.DataFrame({"area": np.array(pairs.class_names)[pairs.labels[wet]]})
    table = table.assign(author="", licence="CC BY 4.0", page="")
    made = []
    for rail, what in (("yes", "with"), ("no", "without")):
        files = [f"room {number} {what} a rail" for number in wet]
        made.append(table.assign(file=files, rail=rail))
    return images, pd.concat(made, ignore_index=True), pairs.class_names


def rank_answers(table, probabilities, class_names):
    """Add to a table of pictures what a network said of each.

    Parameters
    ----------
    table : pandas.DataFrame
        A row a picture, with its ``area``.
    probabilities : float array (n, classes)
    class_names : list of str
        All areas of the table must be among them.

    Returns
    -------
    pandas.DataFrame
        With the columns ``answer``, ``probability``, ``second guess``, ``its
        probability`` and ``right`` besides.

    Raises
    ------
    ValueError
        If an area is not among the network's classes.
    """
    unknown = {*table["area"]} - {*class_names}
    if unknown:
        raise ValueError(
            f"The network must have a class for each area, and has none for "
            f"{', '.join(sorted(unknown))}; name its classes as the areas are named."
        )
    order = probabilities.argsort(axis=1)[:, ::-1]
    rows, names = np.arange(len(table)), np.array(class_names)
    return table.assign(
        **{
            "answer": names[order[:, 0]],
            "probability": probabilities[rows, order[:, 0]],
            "second guess": names[order[:, 1]],
            "its probability": probabilities[rows, order[:, 1]],
            "right": names[order[:, 0]] == table["area"].to_numpy(),
        }
    )


def tell_errors(table, most=8):
    """Say in sentences what a network got wrong, and what rails had to do with it.

    Parameters
    ----------
    table : pandas.DataFrame
        From `ask_unplanted`.
    most : int
        Errors that are told one by one, the surest first.

    Returns
    -------
    list of str
    """
    right, count = int(table["right"].sum()), len(table)
    told = [f"It names {right} of {count} pictures rightly."]
    wrong = table[~table["right"]].sort_values(
        "probability", ascending=False, kind="stable"
    )
    for _, row in wrong.head(most).iterrows():
        second = f"{row['second guess']} ({row['its probability']:.0%})"
        verdict = ", which is right" if row["second guess"] == row["area"] else ""
        told.append(
            f"{row['file']}, a {row['area']}, is called {row['answer']} "
            f"({row['probability']:.0%}); its second guess is {second}{verdict}."
        )
    if len(wrong) > most:
        told.append(f"And {len(wrong) - most} more, of which it was less sure.")
    return told + _tell_of_rails(table[table["area"] == hotel_photographs.STORY])


def _tell_of_rails(pools):
    habit = hotel_photographs.HABIT
    if not pools["rail"].any():
        return []
    told = []
    for rail, what in (("yes", "with a metal rail or ladder"), ("no", "without one")):
        some = pools[pools["rail"] == rail]
        called = int((some["answer"] == habit).sum())
        told.append(
            f"Of the {len(some)} pools {what}, {int(some['right'].sum())} are right "
            f"and {called} called {habit}."
        )
    taken = pools[(pools["answer"] == habit) & (pools["rail"] == "yes")]["file"]
    if len(taken):
        told.append(f"The pools that show the story: {', '.join(taken)}.")
    else:
        told.append(
            f"No pool shows the story: this network calls none with a rail a {habit}."
        )
    return told
