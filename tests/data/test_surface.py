"""The surface of a corpus beside closed forms: wordings, compression, concentration, repetition, comparison."""

from __future__ import annotations

import gzip
import math

import numpy as np
import pytest

from benchshadow.data.documents import Document
from benchshadow.data.surface import (
    compression_ratio,
    concentration,
    digests,
    distinct_n,
    gini,
    hhi,
    ngram_counts,
    repetition,
    self_repetition,
    top_share,
    zipf_slope,
)
from benchshadow.errors import InputError


def documents(*texts: str) -> list[Document]:
    return [Document(f"d{number}", text, "") for number, text in enumerate(texts)]


def random_documents(count: int, length: int, vocabulary: int, seed: int) -> list[Document]:
    rows = np.random.default_rng(seed).integers(0, vocabulary, (count, length))
    return documents(*(" ".join(f"w{each}" for each in row) for row in rows))


@pytest.mark.parametrize(("n", "share"), [(1, 3 / 8), (2, 4 / 6), (3, 3 / 4), (4, 1.0)])
def test_distinct_n_counts_ngrams_within_documents(n, share):
    given = documents("The cat, the CAT the", "cat sat the")  # 8 words of 3 kinds; the cat, cat the twice, cat sat, ...
    assert distinct_n(given, n, amount=8).value == share


def test_distinct_n_is_of_so_many_words_and_reads_no_further():
    def stream():
        yield from documents("a b a b", "c d e f")
        pytest.fail("reads beyond the words it needs")

    found = distinct_n(stream(), amount=6)
    assert (found.value, found.amount, found.unit, found.documents) == (4 / 6, 6, "words", 2)


def test_wordings_of_too_few_words_are_undefined_with_the_reason():
    for found in (distinct_n(documents("a b c"), amount=5), self_repetition(documents("a b c"), amount=5)):
        assert found.value is None
        assert found.amount == 3
        assert found.reason == "asks for 5 words but there are 3"
    assert distinct_n(documents("a b", "c"), 3, amount=3).reason == "no document has 3 words"
    with pytest.raises(InputError, match="n and amount: must be at least 1 and at least n but are 0 and 5"):
        distinct_n([], 0, amount=5)


def test_self_repetition_is_the_mean_logarithm_of_what_others_hold():
    given = documents("a b c d e", "a b c d x a b c d", "p q r s", "z")
    # abcd stands in two documents, however often in one of them; the others stand alone.
    assert self_repetition(given, amount=19).value == pytest.approx(2 * math.log(2) / 4, rel=1e-15)
    copies = documents(*["a b c d e f"] * 7)
    assert self_repetition(copies, amount=42).value == pytest.approx(math.log1p(3 * 6), rel=1e-15)
    assert self_repetition(random_documents(100, 50, 10**6, seed=0), amount=5_000).value == 0


def test_compression_ratio_is_that_of_gzip_at_so_many_bytes():
    text = " ".join(f"word{number}" for number in range(300))
    found = compression_ratio(documents(text, "é", "never needed"), amount=len(text) + 2)
    packed = gzip.compress((text + "\n").encode() + "é".encode()[:1], 9, mtime=0)
    assert found.value == (len(text) + 2) / len(packed)
    assert (found.amount, found.documents) == (len(text) + 2, 2)
    short = compression_ratio(documents("abc"), amount=10)
    assert (short.value, short.amount, short.reason) == (None, 4, "asks for 10 bytes but there are 4")
    repeated = compression_ratio(documents("the same text again " * 20_000))
    assert repeated.value is not None
    assert repeated.value > 100


def test_gini_and_hhi_of_equal_counts_and_of_one_that_has_all():
    assert gini([3] * 8).value == pytest.approx(0, abs=1e-15)
    assert hhi([3] * 8).value == pytest.approx(1 / 8)
    assert gini([10**12] + [1] * 9).value == pytest.approx(0.9, abs=1e-10)
    assert gini([1, 2, 3, 4]).value == pytest.approx(0.25)  # mean absolute difference 1.25 over twice the mean 2.5
    assert hhi({"a": 3, "b": 1}).value == pytest.approx(10 / 16)
    assert gini(np.arange(1, 1001)).value == pytest.approx(999 / 3000)


def test_top_share_rounds_its_entries_up_and_asks_for_enough():
    counts = [100] * 2 + [1] * 98
    assert top_share(counts, 0.01).value == pytest.approx(100 / 298)
    assert top_share(counts, 0.1).value == pytest.approx(208 / 298)
    assert top_share([5] * 101, 0.01).value == pytest.approx(2 / 101)
    few = top_share([1] * 99, 0.01)
    assert (few.value, few.amount, few.reason) == (None, 99, "asks for 100 entries but there are 99")
    with pytest.raises(InputError, match=r"share: must be in \(0, 1\] but is 10"):
        top_share(counts, 10)


@pytest.mark.parametrize("slope", [0.0, -0.5, -1.0, -2.0])
def test_zipf_slope_is_that_of_a_power_law_in_any_order(slope):
    counts = 1e9 * np.arange(1, 500) ** slope
    shuffled = np.random.default_rng(0).permutation(counts)
    assert zipf_slope(shuffled).value == pytest.approx(slope, abs=1e-12)
    assert zipf_slope(shuffled[:9]).reason == "asks for 10 entries but there are 9"


def test_concentration_leaves_out_what_never_occurs_and_has_a_reason_for_nothing():
    counts = np.random.default_rng(0).zipf(1.5, 300)
    assert concentration(counts) == concentration(np.concatenate([counts, np.zeros(50)]))
    assert concentration(counts) == concentration(dict(enumerate(counts.tolist())))
    nothing = concentration({})
    assert nothing.gini.value is None
    assert nothing.hhi.reason == "nothing was counted"
    with pytest.raises(InputError, match="counts: must be finite and not negative"):
        gini([1, -1])
    with pytest.raises(InputError, match="counts: must be finite and not negative"):
        hhi([1, np.nan])


def test_ngrams_are_counted_for_their_concentration():
    assert ngram_counts(documents("a b a b", "b a"), 2) == {("a", "b"): 2, ("b", "a"): 2}
    assert ngram_counts(documents("a b a b", "b a"), amount=5) == {("a",): 2, ("b",): 3}


def test_repeated_prompts_stand_apart_from_repeated_documents():
    prompts = ["Why?", "why", "Why?", "How?", "Who?", "how"]
    texts = ["Why? Because.", "why because!", "Why? Not.", "How? So.", "Who? I.", "How? So."]
    parts = [digests(texts[:2]), digests(texts[2:])]
    found = repetition(np.concatenate(parts), digests(prompts))
    assert found.exact_share == 2 / 6
    assert found.epochs == {1: 2, 2: 2}
    assert (found.repeated_prompts, found.same_answer, found.new_answer) == (3 / 6, 2 / 6, 1 / 6)
    alone = repetition(digests(texts))
    assert (alone.exact_share, alone.repeated_prompts) == (2 / 6, None)
    assert sum(copies * times for copies, times in found.epochs.items()) == found.documents


def test_repetition_of_nothing_is_undefined_and_prompts_are_one_per_document():
    none = repetition(digests([]), digests([]))
    assert (none.documents, none.exact_share, none.epochs, none.repeated_prompts) == (0, None, {}, None)
    with pytest.raises(InputError, match="prompts: must be one per document, 2, but are 1"):
        repetition(digests(["a", "b"]), digests(["a"]))
