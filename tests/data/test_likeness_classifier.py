"""The AUROC of corpus against benchmark is near .5 where both are drawn alike, 1 where their words differ."""

import numpy as np
import pytest

from benchshadow.data import Document
from benchshadow.data.likeness import Separation, SeparationSettings, separation
from benchshadow.errors import InputError

WORDS = [f"w{n}" for n in range(200)]


def docs(rng, count, vocabulary):
    return [Document(str(n), " ".join(rng.choice(vocabulary, 30)), "") for n in range(count)]


def test_sides_drawn_alike_cannot_be_told_apart_and_different_words_can():
    rng = np.random.default_rng(0)
    alike = separation(docs(rng, 300, WORDS), docs(rng, 200, WORDS), rng=rng)
    apart = separation(docs(rng, 100, WORDS[:100]), docs(rng, 80, WORDS[100:]), rng=rng)
    assert alike.low < 0.5 < alike.high
    assert (alike.corpus, alike.benchmark, alike.folds, alike.level) == (300, 200, 5, 0.95)
    assert apart.area == apart.high == 1
    assert 0.9 < apart.low < 1


def test_a_planted_difference_lies_between():
    rng = np.random.default_rng(1)
    found = separation(docs(rng, 200, WORDS[:195]), docs(rng, 200, WORDS[5:]), rng=rng)
    assert 0.6 < found.low < found.area < found.high < 1


def test_the_same_seed_gives_the_same_bits_and_the_sample_is_bounded():
    rng = np.random.default_rng(2)
    corpus, benchmark = docs(rng, 120, WORDS[:150]), docs(rng, 90, WORDS[50:])
    settings = SeparationSettings(most=60, folds=3)
    one, two = (separation(iter(corpus), iter(benchmark), settings, rng=np.random.default_rng(5)) for _ in range(2))
    assert isinstance(one, Separation)
    assert one == two
    assert (one.corpus, one.benchmark, one.folds) == (60, 60, 3)


def test_what_cannot_be_crossed_is_refused():
    rng = np.random.default_rng(6)
    few, blank = docs(rng, 4, WORDS), [Document("x", "  ", "")] * 9
    with pytest.raises(InputError, match="folds of the benchmark: must be from 2 to its 4 texts but are 5"):
        separation(docs(rng, 9, WORDS), few, rng=rng)
    with pytest.raises(InputError, match="folds of the corpus: must be from 2 to its 0 texts but are 5"):
        separation(blank, few, rng=rng)
