"""Hashed words are those of the plain definition, in any script."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchshadow.data.duplicates import word_hashes
from benchshadow.data.duplicates.word_hashes import hash_words
from benchshadow.data.overlap.words import words

LETTERS = st.sampled_from([*"aZ9_ .\0\n’—éİßςΣΑ\u0301\u1e9e漢ﬁ½²", "\ud800", "😀", "long" * 3, "x" * 70])
TEXT = st.one_of(st.text(max_size=30), st.lists(LETTERS, max_size=20).map("".join))


@given(st.lists(TEXT, max_size=6))
def test_words_share_a_hash_where_they_are_the_same_and_nowhere_else(texts):
    found = hash_words(texts)
    expected = [words(text) for text in texts]
    assert np.diff(found.bounds).tolist() == [len(each) for each in expected]
    every = [word for some in expected for word in some]
    named = dict(zip(every, found.hashes.tolist(), strict=True))
    assert len(set(named.values())) == len(named)
    assert [named[word] for word in every] == found.hashes.tolist()


def test_lengths_around_eight_bytes_and_beyond_are_told_apart():
    every = [letter * length for letter in "ab" for length in (1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 100, 1_000)]
    every += ["a" * 64 + "b", "a" * 8 + "b", "b" + "a" * 8]
    assert len(set(hash_words([" ".join(every)]).hashes.tolist())) == len(every)
    assert np.array_equal(hash_words(every).hashes, hash_words([" ".join(every)]).hashes)


@given(st.lists(TEXT, min_size=1, max_size=4), st.integers(1, 12))
def test_a_long_text_taken_in_pieces_has_the_hashes_of_the_whole(texts, longest):
    whole = hash_words(texts)
    with patch.object(word_hashes, "_LONG", longest):
        pieces = hash_words(texts)
    assert np.array_equal(pieces.hashes, whole.hashes)
    assert np.array_equal(pieces.bounds, whole.bounds)
