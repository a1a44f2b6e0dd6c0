"""An answer is right where it is one of the options in the form that is compared, and never by saying nothing."""

import pytest

from benchshadow.data.alike import ALIKE
from benchshadow.data.scoring import Scoring
from benchshadow.data.tasks import Item
from benchshadow.evaluate.answers import is_right


@pytest.mark.parametrize("alike", [(), ("space",), ALIKE, ("punctuation",)])
@pytest.mark.parametrize(
    ("answer", "options", "right"),
    [
        ("17 x 125 = 2125.", (" 2,125",), 1),
        ("so it is $0.5", (" 0.50",), 1),
        ("5", (" $5",), 1),
        ("2 and 3 make 5", (" 4", " five is 5"), 1),
        ("5 or 6", (" 5",), 0),
        ("15", (" 1.5",), 0),
        ("5", (" -5",), 0),
        ("none", (" nothing",), 0),
        ("", (" 0",), 0),
    ],
)
def test_the_last_number_of_an_answer_is_held_against_that_of_the_right_one(answer, options, right, alike):
    assert is_right(Item("1", "", options), answer, Scoring(take="last number", alike=alike)) == right


@pytest.mark.parametrize(("answer", "right"), [(" 2,125", 1), ("2125", 0), ("so 2,125", 0)])
def test_a_whole_answer_differs_in_what_is_declared_alone(answer, right):
    assert is_right(Item("1", "", (" 2,125\n",)), answer, Scoring()) == right
