"""Words by the fast path are the words of the plain definition, and places in them are places in the text."""

from __future__ import annotations

import gzip
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchshadow.data.overlap import hashing
from benchshadow.data.overlap.hashing import Words
from benchshadow.data.overlap.words import Places, normalised, words

# What normalisation and lower case treat in ways of their own: final sigma, dotted i, ligatures, wide letters, marks
# that join what stands before them, jamo, blanks and controls beyond ASCII, half a surrogate pair.
ODD = [
    *"ΑΣςσİıIßﬁ２Ａ…½™’‘“”—–´\u0301\u0307\u0338\u0345\u1100\u1161\u11a8\u00a0\u2028\u3000\x85\u00ad\u200d\ud800𝐀कि",
    *"=<>aA zZ09_-'.:^`\0\x1c\x1f\x7f\n\t",
]
texts = st.lists(st.text(st.one_of(st.sampled_from(ODD), st.characters()), max_size=60), min_size=1, max_size=5)


def by_bytes(buffer: bytes) -> list[list[str]]:
    return [part.decode().split(" ") if part.strip() else [] for part in map(squeezed, buffer.split(b"\0"))]


def squeezed(part: bytes) -> bytes:
    return b" ".join(part.split())


@given(texts)
@settings(max_examples=400, deadline=None)
def test_the_fast_path_gives_the_words_of_the_definition(given_texts):
    assert by_bytes(normalised(given_texts)) == [words(text) for text in given_texts]


@given(texts)
@settings(max_examples=200, deadline=None)
def test_arrays_hold_the_same_words_and_know_their_text(given_texts):
    found = Words.of(given_texts)
    spans = zip(found.starts.tolist(), found.lengths.tolist(), strict=True)
    seen = [found.buffer[start : start + length].tobytes().decode() for start, length in spans]
    plain = [(owner, word) for owner, text in enumerate(given_texts) for word in words(text)]
    assert list(zip(found.owners.tolist(), seen, strict=True)) == plain
    alike = np.array([[one == other for _, other in plain] for _, one in plain]).reshape(len(plain), len(plain))
    at, there = np.divmod(np.arange(len(plain) ** 2), max(1, len(plain)))
    assert (found.same(at, found, there) == alike.ravel()).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't panic—it's 42% ﬁne!", ["don", "t", "panic", "it", "s", "42", "fine"]),
        ("ΟΔΟΣ. ΟΔΟΣΑ snake_case", ["οδος", "οδοσα", "snake_case"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        (" \n\t ", []),
    ],
)
def test_words_by_hand(text, expected):
    assert words(text) == expected


def test_where_no_marks_stand_words_are_what_the_usual_expression_finds(data_folder):
    with gzip.open(data_folder / "mmlu" / "test.jsonl.gz", "rt", encoding="utf-8") as lines:
        whole = [unicodedata.normalize("NFKC", line) for line in lines]
    plain = [line for line in whole if not any(unicodedata.category(c).startswith("M") for c in line)]
    assert 14_000 < len(plain) < len(whole)
    assert [words(line) for line in plain] == [re.sub(r"[^\w\s]", " ", line.lower()).split() for line in plain]


@given(st.text(st.one_of(st.sampled_from(ODD), st.sampled_from("ab ")), max_size=80))
@settings(max_examples=300, deadline=None)
def test_a_passage_holds_the_words_it_stands_for(text):
    found = Words.of([text])
    places = Places(text)
    for first in range(len(found.starts)):
        last = min(first + 2, len(found.starts) - 1)
        start, end = found.starts[first] - 1, found.starts[last] + found.lengths[last] - 1
        passage = places.passage(int(start), int(end), 10_000)
        assert passage in text
        inside = " ".join(words(text)[first : last + 1])
        assert inside in " ".join(words(passage))


def test_a_passage_of_plain_text_is_exactly_its_words():
    text = "He said: “No—never!” and left… (at once) the café-bar."
    places, buffer = Places(text), normalised([text])
    for wanted, shown in [("left", "left"), ("never", "never"), ("at once", "at once"), ("bar", "café-bar.")]:
        start = buffer.index(wanted.encode())
        assert places.passage(start, start + len(wanted), 200) == shown


def test_words_that_differ_late_differ(monkeypatch):
    """Bytes decide, whatever the hashes say: here all words of one length have the same."""
    monkeypatch.setattr(hashing, "_hashes", lambda buffer, starts, lengths: lengths.astype(np.uint64))
    long = "x" * 8
    pairs = [long + "a", long + "b", long * 20 + "a", long * 20 + "b", "y" + long * 20]
    one, other = Words.of([" ".join(pairs)]), Words.of([" ".join(pairs)])
    for i in range(len(pairs)):
        for j in range(len(pairs)):
            assert one.same(np.array([i]), other, np.array([j]))[0] == (i == j)


def test_hashes_of_short_words_are_all_different():
    short = [f"{k:x}" for k in range(50_000)]
    assert len(np.unique(Words.of([" ".join(short)]).hashes)) == len(short)


def test_nothing_is_read_where_there_is_nothing():
    for nothing in ([], [""], ["", "...", "\0"]):
        assert len(Words.of(nothing).starts) == 0
