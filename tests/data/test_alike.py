"""Two answers are one where they differ in nothing but what is declared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchshadow.data.alike import ALIKE, last_number, normalised
from benchshadow.errors import InputError


@pytest.mark.parametrize(
    ("alike", "one", "other"),
    [
        (("space",), "  a  b\n", "a b"),
        (("case",), "PARIS", "paris"),
        (("articles",), "The cat", "cat"),
        (("punctuation",), "it's, well: fine!", "its well fine"),
        (("numbers",), "1,000.50", "1000.5"),
        (("numbers",), "$1000.5", "1000.5"),
        (("numbers",), "007", "7"),
        (("numbers",), "-0", "0"),
        (("numbers",), "50%", "50"),
        (("numbers", "punctuation"), "-3.5.", "-3.5"),
        (("space", "case", "articles", "punctuation"), "An  Apple.", "apple"),
        (ALIKE, "The answer: 1,234!", "answer 1234"),
    ],
)
def test_what_is_declared_is_forgiven(alike, one, other):
    assert normalised(one, alike) == normalised(other, alike)


@pytest.mark.parametrize(
    ("alike", "one", "other"),
    [
        ((), "a b", "a  b"),
        (("space",), "Paris", "paris"),
        (("case",), "the cat", "cat"),
        (("articles",), "then", "n"),
        (("numbers",), "3.5", "35"),
        (("numbers", "punctuation"), "3.5", "35"),
        (("numbers", "punctuation"), "-3", "3"),
        (("numbers",), "-3", "3"),
        (("numbers",), "1,00", "100"),
        (("numbers",), "seven", "7"),
        (ALIKE, "x1", "x01"),
    ],
)
def test_nothing_else_is(alike, one, other):
    assert normalised(one, alike) != normalised(other, alike)


@given(st.text(), st.sets(st.sampled_from(ALIKE)))
def test_the_form_that_is_compared_is_its_own_form_but_for_what_a_removal_uncovers(text, alike):
    once = normalised(text, tuple(alike))
    assert normalised(once, ("space",)) == once or not {"space", "articles"} & alike


def test_the_rule_of_squad():
    """Against the published script: lower case, no punctuation, no articles, one space."""
    import re
    import string

    def squad(text):
        text = "".join(c for c in text.lower() if c not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    rule = ("space", "case", "articles", "punctuation")
    for text in ("The  U.S.A.", "a man, a plan; an (old) canal!", "theatre-goers' 1,000 an", '$3.50 = "x"'):
        assert normalised(text, rule) == squad(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("so 3 + 4 = 7.", "7"), ("it costs $1,250.00", "1250"), ("none", ""), ("from -2 to -5", "-5"), ("v2x", "")],
)
def test_the_last_number(text, number):
    assert last_number(text) == number


def test_a_word_that_is_none_of_them_is_named():
    with pytest.raises(InputError, match=r"alike: must hold some of space, case, .* but holds 'accents'"):
        normalised("a", ("accents",))
