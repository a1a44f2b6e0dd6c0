"""The embedding puts texts that share rare words near each other, and is the same for the same texts and seed."""

import pickle

import numpy as np
import pytest

from benchshadow.data.diversity import fit_embedding
from benchshadow.data.diversity.embedding import _weighted
from benchshadow.errors import InputError

TOPICS = [[f"{topic}{n}" for n in range(30)] for topic in "abcd"]


def texts(rng, count, topics=4):
    return ["the " * 5 + " ".join(rng.choice(TOPICS[n % topics], 25)) for n in range(count)]


def seeded(seed=0):
    return np.random.default_rng(seed)


def test_texts_of_one_topic_are_near_and_of_two_are_not():
    some = texts(seeded(), 80)
    rows = fit_embedding(some, dimensions=4, rng=seeded())(some)
    cosines = rows @ rows.T
    same = np.arange(80)[:, None] % 4 == np.arange(80)[None] % 4
    assert cosines[same].min() > 0.8 > 0.3 > cosines[~same].max()


def test_rows_have_unit_length_or_none():
    some = texts(seeded(), 40)
    rows = fit_embedding(some, dimensions=8, rng=seeded())([*some, "", "unheard ofwords", "!!!"])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1] * 40 + [0, 0, 0], rtol=1e-12)


def test_with_all_dimensions_cosines_are_those_of_tf_idf():
    some = texts(seeded(), 30)
    embedding = fit_embedding(some, dimensions=256, rng=seeded())
    plain = _weighted(some, embedding.weights).toarray()
    rows = embedding(some)
    assert embedding.kept == pytest.approx(1, rel=1e-10)
    np.testing.assert_allclose(rows @ rows.T, plain @ plain.T, atol=1e-10)


def test_the_weights_are_those_of_the_formula():
    embedding = fit_embedding(["a b b", "a c", "a, d"], rng=seeded())
    found = sorted(embedding.weights[embedding.weights > 0])
    assert found == pytest.approx([1 + np.log(4 / 4)] + [1 + np.log(4 / 2)] * 3, rel=1e-12)
    (row,) = _weighted(["a b b"], embedding.weights).toarray()
    a, b = 1.0, (1 + np.log(2)) * (1 + np.log(2))
    assert sorted(row[row > 0]) == pytest.approx(np.array([a, b]) / np.hypot(a, b), rel=1e-12)


def test_dimensions_are_bounded_by_what_the_texts_span():
    assert fit_embedding(["a b", "c d", "a b", "", "e"], rng=seeded()).dimensions == 3
    kept = fit_embedding(texts(seeded(), 50), dimensions=5, rng=seeded())
    assert kept.dimensions == 5
    assert 0 < kept.kept < 1


def test_the_same_seed_gives_the_same_bits_by_any_chunks():
    some = texts(seeded(), 60)
    one, two = (fit_embedding(iter(some), dimensions=6, most=40, rng=seeded(3)) for _ in range(2))
    assert one.name == two.name
    assert one.name.startswith("tf-idf-svd-6-")
    assert one.texts == 40
    assert one.name != fit_embedding(some, dimensions=6, most=40, rng=seeded(4)).name
    whole = one(some)
    chunks = np.concatenate([pickle.loads(pickle.dumps(one))(some[a : a + 7]) for a in range(0, 60, 7)])
    assert chunks.tobytes() == whole.tobytes()


@pytest.mark.parametrize("some", [[], ["a b"], ["", "a", "..."]])
def test_too_few_texts_are_refused(some):
    with pytest.raises(InputError, match=r"must be fitted on at least 2 texts with words but got [01]"):
        fit_embedding(some, rng=seeded())


def test_no_dimensions_are_refused():
    with pytest.raises(InputError, match="dimensions: must be at least 1 but are 0"):
        fit_embedding(["a", "b"], dimensions=0, rng=seeded())
