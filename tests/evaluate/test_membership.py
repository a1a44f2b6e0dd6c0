"""Min-k% by hand on a few tokens, and on a model that has learnt some texts by heart."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from probe_models import LONGEST, SYMBOLS, TOKENIZER

from benchshadow.data.tokenization import encode, end_token
from benchshadow.evaluate.behaviour import Walk, walk
from benchshadow.evaluate.membership import membership, min_k, min_k_plus
from benchshadow.evaluate.passages import passages
from benchshadow.train import Architecture, Settings
from benchshadow.train.loop import train
from benchshadow.train.model import new


def planted(log_probability, starts, expected=0.0, deviation=1.0):
    values = np.array(log_probability, float)
    return Walk(np.array(starts), values, values * 0 + expected, values * 0 + deviation, None, None, None)


def test_the_least_probable_fifth_counts_and_at_least_one_token():
    ten = [-1, -9, -2, -3, -0.5, -7, -4, -1, -2, -0.1]
    walked = planted([*ten, -3, -1, *ten[:9]], [0, 10, 12, 21])
    assert min_k(walked).tolist() == [-8, -3, -9]
    assert min_k(walked, 1.0).tolist() == pytest.approx([np.mean(ten), -2, np.mean(ten[:9])])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.floats(-30, 0), min_size=1, max_size=30), min_size=1, max_size=5), st.integers(0, 2**32 - 1)
)
def test_order_within_a_text_is_nothing_and_more_tokens_never_lower_the_mean(texts, seed):
    starts = np.cumsum([0, *map(len, texts)])
    rng = np.random.default_rng(seed)
    walked = planted(np.concatenate(texts), starts)
    shuffled = planted(np.concatenate([rng.permutation(text) for text in texts]), starts)
    assert np.allclose(min_k(walked), min_k(shuffled))
    ladder = [min_k(walked, share) for share in (0.1, 0.2, 0.5, 1.0)]
    assert all((low <= high + 1e-12).all() for low, high in pairwise(ladder))
    assert np.allclose(ladder[-1], [np.mean(text) for text in texts])


def test_min_k_plus_is_in_units_of_the_places_spread():
    walked = planted([-1, -9, -4, -2, -3], [0, 5], expected=-2.0, deviation=2.0)
    assert min_k_plus(walked).tolist() == [-3.5]
    assert min_k_plus(walked, 0.4).tolist() == [(-3.5 - 1) / 2]
    sure = planted([0.0, 0.0], [0, 2], deviation=0.0)
    assert min_k_plus(sure).tolist() == [0.0]


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Scores of learnt and of other strings, under a model that learnt and under one that did not."""
    rng = np.random.default_rng(0)
    strings = list(dict.fromkeys("".join(rng.choice(list("abcdefghijkl"), 14)) for _ in range(48)))
    known, others = strings[:24], strings[24:]
    ids = [token for text in known for token in (end_token(TOKENIZER), *encode(TOKENIZER, [text])[0])]
    shape = Architecture(hidden_size=32, intermediate_size=48, layers=2, heads=2)
    chosen = Settings(steps=100, sequences=12, length=15, learning_rate=0.01, warmup=5)
    made = new(shape, vocabulary=SYMBOLS, positions=LONGEST, seed=1)
    fresh = new(shape, vocabulary=SYMBOLS, positions=LONGEST, seed=1)
    stream = np.resize(np.array(ids, np.int32), (1200, 15))
    train(made, stream, chosen, tmp_path_factory.mktemp("learnt"), seed=0)

    def of(model, texts):
        walked = walk(model, passages(model, TOKENIZER, [("", text) for text in texts], tokens=32))
        return min_k(walked), min_k_plus(walked)

    return {name: [of(model, known), of(model, others)] for name, model in (("learnt", made), ("fresh", fresh))}


@pytest.mark.parametrize("score", [0, 1])
def test_what_was_learnt_by_heart_is_told_from_what_was_not(scores, score):
    told = membership(*(side[score] for side in scores["learnt"]))
    assert told.area > 0.95
    assert told.low > 0.8
    chance = membership(*(side[score] for side in scores["fresh"]))
    assert chance.low < 0.5 < chance.high


def test_sides_change_places():
    rng = np.random.default_rng(1)
    one, other = rng.normal(1, 1, 20), rng.normal(0, 1, 30)
    there, back = membership(one, other), membership(other, one)
    assert there.area == pytest.approx(1 - back.area)
    assert (there.low, there.high) == pytest.approx((1 - back.high, 1 - back.low))
    assert there.low < there.area < there.high
