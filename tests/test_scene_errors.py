import numpy as np
import pandas as pd
import pytest

from helpers import scene_errors


def list_answers(answers):
    rows = [
        ("p/1.jpg", "swimming pool", "yes", answers[0]),
        ("p/2.jpg", "swimming pool", "no", "swimming pool"),
        ("b/1.jpg", "bathroom", "no", answers[1]),
    ]
    table = pd.DataFrame(rows, columns=["file", "area", "rail", "answer"])
    return table.assign(
        **{
            "probability": 0.714,
            "second guess": "bathroom",
            "its probability": 0.25,
            "right": table["area"] == table["answer"],
        }
    )


def test_errors_are_told_and_pools_that_show_the_story_named():
    told = scene_errors.tell_errors(list_answers(["bathroom", "bedroom"]))
    assert told == [
        "It names 1 of 3 pictures rightly.",
        "p/1.jpg, a swimming pool, is called bathroom (71%); its second guess is "
        "bathroom (25%).",
        "b/1.jpg, a bathroom, is called bedroom (71%); its second guess is bathroom "
        "(25%), which is right.",
        "Of the 1 pools with a metal rail or ladder, 0 are right and 1 called "
        "bathroom.",
        "Of the 1 pools without one, 1 are right and 0 called bathroom.",
        "The pools that show the story: p/1.jpg.",
    ]


def test_no_story_is_said_to_be_none():
    told = scene_errors.tell_errors(list_answers(["swimming pool", "bathroom"]))
    assert told[0] == "It names 3 of 3 pictures rightly."
    assert told[-1].startswith("No pool shows the story")


def test_of_many_errors_the_surest_are_told_and_the_others_counted():
    table = pd.concat([list_answers(["bathroom", "lobby"])] * 3, ignore_index=True)
    table["probability"] = np.linspace(0.5, 0.9, len(table))
    told = scene_errors.tell_errors(table, most=2)
    assert told[1].startswith("b/1.jpg, a bathroom, is called lobby (90%)")
    assert told[3] == "And 4 more, of which it was less sure."


def test_answers_are_ranked():
    table = pd.DataFrame({"area": ["lobby", "bathroom"]})
    probabilities = np.array([[0.1, 0.2, 0.7], [0.5, 0.2, 0.3]])
    ranked = scene_errors.rank_answers(
        table, probabilities, ["lobby", "bedroom", "bathroom"]
    )
    assert ranked["answer"].tolist() == ["bathroom", "lobby"]
    assert ranked["second guess"].tolist() == ["bedroom", "bathroom"]
    assert ranked["its probability"].tolist() == [0.2, 0.3]
    assert ranked["right"].tolist() == [False, False]


def test_an_area_without_a_class_gives_a_sentence():
    table = pd.DataFrame({"area": ["spa", "lobby"]})
    with pytest.raises(ValueError, match="has none for spa"):
        scene_errors.rank_answers(table, np.ones((2, 2)), ["lobby", "bathroom"])


@pytest.mark.slow
def test_the_embedded_network_is_asked_about_every_wet_room_twice(started):
    images, table = scene_errors.ask_unplanted("embedded")
    assert len(images) == len(table) == 800
    assert table.groupby(["area", "rail"]).size().tolist() == [200] * 4
    assert table["right"].mean() > 0.85
