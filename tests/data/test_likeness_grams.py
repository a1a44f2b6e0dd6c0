"""Hashed words and pairs are NLTK's tokens, whatever the script, the length of the text and its neighbours."""

import hashlib
import itertools
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchshadow.data.likeness import buckets
from benchshadow.data.likeness import grams as module
from benchshadow.data.likeness.buckets import bucketed
from benchshadow.data.likeness.features import count_rows, unit_rows
from benchshadow.data.likeness.grams import BLOCK, grams
from benchshadow.data.likeness.sampling import evenly_sampled
from benchshadow.errors import InputError

TEXTS = st.text(st.one_of(st.sampled_from("aB1_ .,!\n\tÉßİΣσς½²中\u0301\u200d\ud800🙂"), st.characters()), max_size=40)


def plain(text):
    return re.findall(r"\w+|[^\w\s]+", text.lower())


def read(texts):
    """Words and pairs of each text, as strings."""
    words, pairs = [[] for _ in texts], [[] for _ in texts]
    for block in grams(texts):
        for owner, word in zip(block.word_owners, block.word_texts(np.arange(len(block.words))), strict=True):
            words[owner].append(word)
        for owner, pair in zip(block.pair_owners, block.pair_texts(np.arange(len(block.pairs))), strict=True):
            pairs[owner].append(pair)
    return words, pairs


def hashes(texts):
    blocks = list(grams(texts))
    return np.concatenate([b.words for b in blocks]), np.concatenate([b.pairs for b in blocks])


@given(st.lists(TEXTS, max_size=6))
def test_words_and_pairs_are_those_of_the_regular_expression(texts):
    words, pairs = read(texts)
    assert words == [plain(text) for text in texts]
    assert pairs == [[f"{a} {b}" for a, b in itertools.pairwise(w)] for w in words]


@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_equal_words_have_equal_hashes_and_different_words_different_ones(texts):
    found = {}
    for block in grams(texts):
        for value, word in zip(block.words.tolist(), block.word_texts(np.arange(len(block.words))), strict=True):
            assert found.setdefault(value, word) == word
    assert len(found) == len(set().union(*map(plain, texts)))


def test_the_hash_is_the_same_on_every_machine():
    words, pairs = hashes(["The cat, naïve."])
    value = 0
    for j, c in enumerate("the"):
        value += ord(c) * pow(0x9E3779B97F4A7C15, j, 1 << 64)
    value %= 1 << 64
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        value = (value ^ (value >> shift)) * factor % (1 << 64)
    assert words[0] == value ^ (value >> 31)
    assert len(words) == 5
    assert len(pairs) == 4
    assert hashlib.sha256(np.concatenate([words, pairs]).astype("<u8").tobytes()).hexdigest()[:16] == "4e7551571cf0c43c"


def test_a_pair_knows_its_order():
    assert hashes(["a b"])[1][0] != hashes(["b a"])[1][0]


def test_texts_longer_than_a_block_lose_nothing():
    rng = np.random.default_rng(0)
    long = " ".join(f"w{n}" for n in rng.integers(1000, size=BLOCK // 3))
    words, pairs = read(["before", long, "after"])
    assert words == [["before"], long.split(), ["after"]]
    assert pairs[1] == [f"{a} {b}" for a, b in itertools.pairwise(words[1])]
    assert pairs[0] == pairs[2] == []


def test_a_word_longer_than_a_block_is_cut_and_the_rest_stands():
    words, pairs = read(["x" * (2 * BLOCK) + " end"])
    assert "".join(words[0][:-1]) == "x" * (2 * BLOCK)
    assert words[0][-1] == "end"
    assert len(pairs[0]) == len(words[0]) - 1


def test_a_block_of_letters_that_grow_in_lower_case_fits():
    (words,), _ = read(["İ" * (BLOCK - 2)])
    assert "".join(words) == ("İ" * (BLOCK - 2)).lower()


def test_words_and_marks_are_told_apart():
    (block,) = grams(["a1_, b!"])
    assert block.plain.tolist() == [True, False, True, False]


def test_own_buckets_are_even():
    (block,) = grams([" ".join(f"word{n}" for n in range(10_000))])
    words, pairs = bucketed(block, 100)
    for found, n in ((words, 10_000), (pairs, 9_999)):
        counts = np.bincount(found, minlength=100)
        chi2 = np.sum((counts - n / 100) ** 2 / (n / 100))
        assert 55 < chi2 < 160  # 99 degrees of freedom: .0001 and .9999


def test_sha256_buckets_are_those_of_the_original():
    (block,) = grams(["A cat sat , a Cat"])
    words, pairs = bucketed(block, 10_000, "sha256")
    expected = [int(hashlib.sha256(w.encode()).hexdigest(), 16) % 10_000 for w in plain("A cat sat , a Cat")]
    assert words.tolist() == expected
    assert pairs[0] == int(hashlib.sha256(b"a cat").hexdigest(), 16) % 10_000


def test_sha256_holds_where_words_share_a_slot(monkeypatch):
    monkeypatch.setattr(buckets, "SLOT_BITS", 2)
    buckets._remembered.cache_clear()
    texts = ["a b c d e", "a f g h", "b a b a c"]
    found = [bucketed(block, 77, "sha256")[0].tolist() for text in texts for block in grams([text])]
    assert found == [[int(hashlib.sha256(w.encode()).hexdigest(), 16) % 77 for w in text.split()] for text in texts]
    assert len(buckets._remembered(77)[0]) == 4
    buckets._remembered.cache_clear()


def test_sha256_sees_pairs_across_a_cut(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 12)
    text = "alpha beta gamma delta epsilon"
    found = np.concatenate([bucketed(block, 10_000, "sha256")[1] for block in grams([text])])
    names = [f"{a} {b}" for a, b in itertools.pairwise(text.split())]
    assert found.tolist() == [int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10_000 for name in names]


@pytest.mark.parametrize("block", [40, BLOCK])
def test_rows_count_the_words_of_each_text(block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    texts = ["b a b", "", "! ! c", "x y " * 30]
    for pairs, marks in ((False, False), (False, True), (True, True)):
        rows = count_rows(texts, 2**20, pairs=pairs, marks=marks)
        for row, text in zip(rows.toarray(), texts, strict=True):
            tokens = plain(text)
            kept = [t for t in tokens if marks or t.isalnum()]
            expected = list(Counter(kept).values())
            if pairs:
                expected += Counter(itertools.pairwise(tokens)).values()
            assert sorted(row[row > 0]) == sorted(expected)


def test_unit_rows_have_unit_length_and_empty_rows_stay():
    rows = unit_rows(count_rows(["a b b", "", "c"], 64, pairs=False, marks=True)).toarray()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0, 1])


@pytest.mark.parametrize(("buckets", "said"), [(0, "buckets: must be from 1 to"), (2**31 + 1, "is 2147483649")])
def test_a_number_of_buckets_that_cannot_be_is_refused(buckets, said):
    with pytest.raises(InputError, match=said):
        count_rows(["a"], buckets, pairs=False, marks=False)


def test_a_sample_is_even_ordered_and_whole_where_the_stream_is_short():
    rng = np.random.default_rng(0)
    assert evenly_sampled(iter("abc"), 5, rng=rng) == ["a", "b", "c"]
    met = Counter(each for _ in range(4000) for each in evenly_sampled(range(10), 3, rng=rng))
    assert all(abs(met[each] - 1200) < 5 * np.sqrt(4000 * 0.3 * 0.7) for each in range(10))
    sample = evenly_sampled(range(1000), 50, rng=rng)
    assert sample == sorted(set(sample))
    with pytest.raises(InputError, match="size of a sample: must be at least 1 but is 0"):
        evenly_sampled([1], 0, rng=rng)
