"""Every answer of the embedded world is right, by solvers written a second time; items are what was asked for."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchshadow.data.skills import FORMATS, LETTERS, LONGEST, SKILLS, draw_items
from benchshadow.errors import InputError


def insertion_sorted(word):
    done = []
    for letter in word:
        place = next((i for i, other in enumerate(done) if other > letter), len(done))
        done.insert(place, letter)
    return "".join(done)


def swapped(word):
    letters = list(word)
    letters[0], letters[-1] = letters[-1], letters[0]
    return "".join(letters)


def larger(text):
    one, two = text.split(",")
    return one if (len(one), one) >= (len(two), two) else two


def column_sum(text):
    one, two = (part[::-1] for part in text.split(","))
    carry, digits = 0, []
    for i in range(max(len(one), len(two))):
        total = sum(ord(n[i]) - 48 for n in (one, two) if i < len(n)) + carry
        digits.append(chr(48 + total % 10))
        carry = total // 10
    return ("1" if carry else "") + "".join(reversed(digits))


def found_in_table(text):
    table, key = text.split("?")
    return table[table.index(key) + 1]


SOLVERS = {
    "copy": lambda w: "".join(list(w)),
    "reverse": lambda w: "".join(w[len(w) - 1 - i] for i in range(len(w))),
    "sort": insertion_sorted,
    "rotate": lambda w: "".join(w[(i + 1) % len(w)] for i in range(len(w))),
    "swap": swapped,
    "shift": lambda w: w.translate(str.maketrans("abcdefghijklmnop", "bcdefghijklmnopa")),
    "first": lambda w: w[:1],
    "last": lambda w: w[-1:],
    "upper": lambda w: "".join(chr(ord(letter) - 32) for letter in w),
    "count": lambda w: str(sum(1 for _ in w)),
    "lookup": found_in_table,
    "compare": larger,
    "add": column_sum,
}


def solved(skill, text):
    for part in skill.split(" then "):
        text = SOLVERS[part](text)
    return text


def input_of(item):
    """The input of an item, read back out of its prompt by its format."""
    before, after = FORMATS[item.format].format(s=item.skill, x="\0").split("\0")
    assert item.prompt.startswith(before)
    assert item.prompt.endswith(after)
    return item.prompt[len(before) : len(item.prompt) - len(after)]


def test_every_skill_has_an_independent_solver():
    assert SOLVERS.keys() == SKILLS.keys()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), skill=st.sampled_from(sorted(SKILLS)), length=st.integers(1, LONGEST))
def test_answers_are_right(seed, skill, length):
    for item in islice(
        draw_items(np.random.default_rng(seed), skills=[skill], formats=list(FORMATS), lengths=(length, length)), 5
    ):
        text = input_of(item)
        assert item.answer == solved(skill, text)
        assert item.length == length
        if set(text) <= set(LETTERS):
            assert len(text) == length


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_compositions_apply_the_first_skill_first(seed):
    rng = np.random.default_rng(seed)
    items = draw_items(
        rng, skills=["copy"], formats=["call"], lengths=(2, 6), compositions=1.0, among=["sort", "shift"]
    )
    for item in islice(items, 5):
        assert item.skill in ("sort then shift", "shift then sort")
        assert item.answer == solved(item.skill, input_of(item))


def test_draws_are_uniform_over_skills_formats_and_lengths_and_compositions_have_their_share():
    rng = np.random.default_rng(0)
    items = list(islice(draw_items(rng, skills=["copy", "sort"], formats=["bar", "tag"], lengths=(3, 5)), 6000))
    cells = Counter((item.skill, item.format, item.length) for item in items)
    assert len(cells) == 12
    assert max(abs(count - 500) for count in cells.values()) < 5 * np.sqrt(500)
    mixed = islice(draw_items(rng, skills=["copy"], formats=["bar"], lengths=(3, 5), compositions=0.25), 4000)
    assert sum(" then " in item.skill for item in mixed) == pytest.approx(1000, abs=5 * np.sqrt(750))


def test_the_same_seed_draws_the_same_items():
    def drawn(seed):
        return list(
            islice(
                draw_items(np.random.default_rng(seed), skills=list(SKILLS), formats=list(FORMATS), lengths=(1, 8)), 50
            )
        )

    assert drawn(3) == drawn(3) != drawn(4)


@pytest.mark.parametrize("lengths", [(0, 3), (5, 4), (3, LONGEST + 1)])
def test_lengths_that_cannot_be_are_refused(lengths):
    with pytest.raises(InputError, match=r"lengths: must rise within 1 to 18 but are"):
        next(draw_items(np.random.default_rng(0), skills=["copy"], formats=["bar"], lengths=lengths))


def test_compositions_need_two_skills():
    items = draw_items(
        np.random.default_rng(0),
        skills=["copy"],
        formats=["bar"],
        lengths=(3, 3),
        compositions=0.5,
        among=["sort", "add"],
    )
    with pytest.raises(InputError, match=r"at least 2 composable skills but have \['sort'\]"):
        next(items)
