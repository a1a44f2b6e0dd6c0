"""Format is told from content: words of a template are found, and without them equal texts are not told apart."""

from __future__ import annotations

import numpy as np
import pytest

from benchshadow.data.documents import Document
from benchshadow.data.likeness import separation, without_format
from benchshadow.data.likeness.fixed_words import fixed_words
from benchshadow.errors import InputError


def seeded(seed=0):
    return np.random.default_rng(seed)


def texts(count, seed, words="abcdefghijklmnop", form="{}"):
    rng = seeded(seed)
    return [
        Document(f"d{seed}.{k}", form.format(" ".join(f"w{each}" for each in rng.choice(list(words), 12))), "")
        for k in range(count)
    ]


def test_a_template_alone_parts_equal_texts_and_without_it_nothing_does():
    corpus, items = texts(200, 1, form="Question: {} #### 7"), texts(200, 2)
    assert separation(corpus, items, rng=seeded()).area > 0.999
    found = without_format(corpus, items, rng=seeded())
    assert {each.word for each in found.words} == {"question", ":", "####", "7"}
    assert all((each.corpus, each.benchmark) == (1.0, 0.0) for each in found.words)
    assert found.by_one == 1.0
    assert abs(found.rest.area - 0.5) < 0.1


def test_other_words_stay_apart_without_the_template():
    corpus = texts(200, 1, words="abcdefghijklmnopqrstuvwxyz", form="Question: {}")
    items = texts(200, 2, words="αβγδεζηθικλμνξοπρστυφχψω")
    found = without_format(corpus, items, rng=seeded())
    assert found.rest.area > 0.999
    assert {each.word for each in found.words} == {"question", ":"}


def test_without_a_template_no_word_is_fixed():
    found = without_format(texts(100, 1), texts(100, 2), rng=seeded())
    assert found.words == ()
    assert found.by_one == 0.5


def test_a_word_is_fixed_where_many_of_one_side_and_few_of_the_other_have_it():
    corpus = ["Both said, Often"] * 8 + ["both rare"] * 2
    items = ["both"] * 6 + ["both often", "both often", "both often", "both rare"]
    words = {each.word: (each.corpus, each.benchmark) for each in fixed_words(corpus, items)}
    assert words == {"said": (0.8, 0.0), ",": (0.8, 0.0), "often": (0.8, 0.3)}


def test_where_nothing_is_left_there_is_no_area_and_too_few_texts_are_refused():
    found = without_format(texts(20, 1), [Document(f"e{k}", "yes or no", "") for k in range(20)], rng=seeded())
    assert found.rest is None
    with pytest.raises(InputError, match="folds of the"):
        without_format(texts(3, 1), texts(3, 2), rng=seeded())
