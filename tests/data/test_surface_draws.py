"""Wording over draws: a draw has the numbers of its documents, and intervals cover what they say they cover."""

from __future__ import annotations

import numpy as np
import pytest

from benchshadow.data.documents import Document
from benchshadow.data.surface import (
    Measure,
    Wordings,
    by_bytes,
    by_texts,
    by_words,
    compression_ratio,
    concentration,
    distinct_n,
    ngram_counts,
    of_documents,
    of_groups,
    repeated_share,
    self_repetition,
)
from benchshadow.data.surface.pooled import _first
from benchshadow.errors import InputError

DISTINCT, AGAIN = Measure("distinct_n", 1), Measure("self_repetition")


def seeded(seed=0):
    return np.random.default_rng(seed)


def documents(count, rng, vocabulary=400, length=30):
    """Documents of skewed words, each about a few words of its own that it says again and again."""
    found = []
    for number in range(count):
        own = rng.integers(0, vocabulary, 4)
        size = int(rng.integers(2, 2 * length))
        said = np.where(rng.random(size) < 0.4, rng.choice(own, size), np.minimum(rng.zipf(1.4, size), vocabulary))
        found.append(Document(f"d{number}", " ".join(f"W{each}, it’s" for each in said), ""))
    return found


class InOrder:
    """A generator whose permutation is the order that stands already."""

    def permutation(self, count):
        return np.arange(count)


def test_a_draw_has_the_numbers_of_its_documents_by_the_plain_definitions():
    corpus = documents(200, seeded(1))
    pool = Wordings.of(corpus, rng=InOrder())
    draw = pool.of_words(5_000, InOrder())
    assert int(draw.words.sum()) == 5_000
    for n in (1, 2, 3, 4):
        assert pool.distinct(draw, n) == distinct_n(corpus, n, amount=5_000).value
    assert pool.self_repetition(draw) == pytest.approx(self_repetition(corpus, amount=5_000).value, rel=1e-12)
    counts = ngram_counts(corpus, amount=5_000)
    assert sorted(pool.counts(draw).tolist()) == sorted(counts.values())
    assert by_words(pool, 5_000, rng=InOrder(), draws=2)[Measure("gini", None, "words")].value == pytest.approx(
        concentration(counts).gini.value
    )
    assert pool.compression(20_000, InOrder())[0] == compression_ratio(corpus, amount=20_000).value
    whole = pool.of_texts(50, InOrder())
    assert pool.distinct(whole, 2) == distinct_n(corpus[:50], 2, amount=int(whole.words.sum())).value


def test_of_a_long_document_the_first_words_are_counted_without_reading_the_rest():
    text = " ".join(f"w{number % 7_001}" for number in range(400_000))
    found = _first(text)
    assert len(found.hashes) == 50_000
    assert (found.hashes == _first(" ".join(text.split()[:50_000])).hashes).all()
    stretches = "x" * 3_000_000 + " end"  # no blank in three million characters
    assert len(_first(stretches).hashes) == 2


def test_a_document_without_words_and_one_shorter_than_the_n_gram_count_as_they_should():
    pool = Wordings.of([Document("a", "one", ""), Document("b", "...", ""), Document("c", "one two", "")], rng=seeded())
    draw = pool.of_words(3, seeded())
    assert pool.distinct(draw, 1) == 2 / 3
    assert pool.distinct(draw, 2) == 1.0
    assert pool.distinct(draw, 3) is None
    assert by_words(pool, 3, rng=seeded(), draws=3)[Measure("distinct_n", 3)].reason == "in some draw it is undefined"


def test_intervals_cover_the_value_of_the_source_as_often_as_they_say():
    """The source is endless: its value at 1,500 words is the mean over many corpora of one draw each."""
    measures = DISTINCT, AGAIN, Measure("zipf_slope", None, "words")
    single = [_source(seed, 60, draws=1) for seed in range(1_000, 1_150)]
    truth = {measure: np.mean([each[measure].value for each in single]) for measure in measures}
    found = [_source(seed, 200, draws=30) for seed in range(80)]
    for measure in measures:
        inside = np.mean([abs(each[measure].value - truth[measure]) <= each[measure].half for each in found])
        assert 0.86 <= inside <= 0.995, measure


def _source(seed, count, draws):
    pool = Wordings.of(documents(count, seeded(seed)), rng=seeded(seed))
    return by_words(pool, 1_500, rng=seeded(seed), draws=draws)


def test_a_bootstrap_with_replacement_would_not_even_cover_its_own_value():
    """Why documents are drawn without replacement: copies lower the share of distinct n-grams."""
    corpus = documents(120, seeded(3))
    amount = sum(len(each.text.split()) for each in corpus) // 2
    value = distinct_n(corpus, 4, amount=amount).value
    rng, again = seeded(4), []
    for _ in range(100):
        drawn = [corpus[i] for i in rng.integers(0, 120, 120)]
        again.append(distinct_n(drawn, 4, amount=amount).value)
    assert np.quantile(again, 0.975) < value
    pool = Wordings.of(corpus, rng=seeded())
    found = by_words(pool, amount, rng=seeded())[Measure("distinct_n", 4)]
    assert abs(found.value - value) < 3 * found.half


def test_where_a_draw_is_nearly_the_whole_pool_there_is_a_value_and_no_interval():
    pool = Wordings.of(documents(12, seeded()), rng=seeded())
    found = by_words(pool, pool.words, rng=seeded(), draws=5)[DISTINCT]
    assert found.value is not None
    assert found.half is None
    with pytest.raises(InputError, match="words of a draw: must be 1 to"):
        pool.of_words(pool.words + 1, seeded())
    with pytest.raises(InputError, match="texts of a draw: must be 1 to 12, those of the pool, but are 13"):
        by_texts(pool, 13, rng=seeded())
    with pytest.raises(InputError, match="bytes of a draw: must be 1 to"):
        by_bytes(pool, 10**9, rng=seeded())


def test_a_difference_of_two_corpora_is_seen_and_one_of_a_corpus_and_itself_is_not():
    one, same = (Wordings.of(documents(300, seeded(seed)), rng=seeded()) for seed in (1, 2))
    narrow = Wordings.of(documents(300, seeded(3), vocabulary=100), rng=seeded())
    a, b, c = (by_words(pool, 2_000, rng=seeded(seed))[DISTINCT] for seed, pool in enumerate((one, same, narrow)))
    assert abs(a.minus(b)[0]) < 1.5 * a.minus(b)[1]
    assert a.minus(c)[0] > a.minus(c)[1]
    assert a.minus(b)[1] == pytest.approx(np.hypot(a.half, b.half))


def test_the_same_generator_gives_the_same_numbers():
    pool = Wordings.of(documents(80, seeded()), rng=seeded())
    one, two, other = (by_words(pool, 900, rng=seeded(seed), draws=5) for seed in (1, 1, 2))
    assert one == two != other


def test_repeated_shares_are_drawn_by_whole_groups():
    """By groups, the interval covers the share of the source; its spread grows where copies come in few groups."""
    inside, rng = 0, seeded(5)
    for _ in range(60):
        sizes = np.where(rng.random(400) < 0.1, 5, 1)  # share expected: 1 - 1 / 1.4
        found = of_groups(sizes, "exact_duplicate_share", rng=rng)
        share = Measure("exact_duplicate_share")
        inside += found.low[share] <= 1 - 1 / 1.4 <= found.high[share]
    assert 0.85 <= inside / 60 <= 1
    few = of_groups(np.array([41] + [1] * 359), "share", rng=seeded())
    many = of_groups(np.array([2] * 40 + [1] * 320), "share", rng=seeded())
    assert few.half(Measure("share")) > 3 * many.half(Measure("share"))
    assert few.half(Measure("copies", 41.0)) is not None
    assert few.half(Measure("gini", None, "documents")) > 0


def test_no_repetition_leaves_nothing_to_doubt_and_no_group_at_all_is_refused():
    found = of_groups(np.ones(50, np.int64), "share", rng=seeded())
    assert found.half(Measure("share")) == 0
    with pytest.raises(InputError, match="groups: must be one at least"):
        of_groups(np.empty(0, np.int64), "share", rng=seeded())


def test_domains_are_counted_over_documents_drawn_again():
    found = of_documents(np.array([800, 150, 50]), "domains", rng=seeded())
    measure = Measure("hhi", None, "domains")
    assert found.low[measure] < 0.8**2 + 0.15**2 + 0.05**2 < found.high[measure]
    assert found.half(Measure("zipf_slope", None, "domains")) is None  # fewer than ten domains have no slope


def test_the_share_of_repeated_documents_is_compared_at_one_number_of_them():
    small, large = np.repeat(np.arange(500), 2), np.repeat(np.arange(5_000), 2)
    one, other = (repeated_share(groups, 300, rng=seeded()) for groups in (small, large))
    assert one.value == pytest.approx(1 - (1 - (1 - 0.3) ** 2) / 0.6, abs=0.02)
    assert other.value < one.value / 5
