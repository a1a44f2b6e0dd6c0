"""A pool of documents counted once, so that the wording of any draw from it is read off instead of read again."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.data.duplicates.word_hashes import WordHashes, hash_words
from benchshadow.data.overlap.hashing import mixed
from benchshadow.data.overlap.weights import expanded
from benchshadow.errors import InputError

from .compression import BYTES, LEVEL
from .wordings import WORDS

__all__ = ["ORDERS", "Draw", "Wordings"]

ORDERS = (1, 2, 3, 4)
"""Lengths of the n-grams that are counted."""
MOST_WORDS = 2_000_000
"""Words of a pool: forty draws that have none in common."""
_REPEATED = 4
_CHARACTERS = 1 << 20
"""Characters of a long document that are looked through first for the words that one draw can take of it."""


@dataclass(frozen=True)
class Draw:
    """Documents of a pool in order, the last one cut.

    Attributes:
        documents: numbers in the pool, int64.
        words: that each gives, int64.
    """

    documents: np.ndarray
    words: np.ndarray


@dataclass(frozen=True)
class Wordings:
    """Documents as numbers of their n-grams, and their bytes.

    Attributes:
        lengths: words of each document, at most as many as one draw takes, int64.
        starts: where each document's first word stands in `grams`, int64.
        grams: for n from 1 to 4 the number of the n-gram that begins at every word; of one that would run over the end
            of its document nothing is said.
        texts: each document's first bytes, as many as one compression takes, and a line's end.
    """

    lengths: np.ndarray
    starts: np.ndarray
    grams: dict[int, np.ndarray] = field(repr=False)
    texts: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def of(cls, documents: Sequence[Document], *, rng: np.random.Generator) -> Wordings:
        """The pool of some documents, or of a draw of them where they hold more words than a pool takes."""
        some = [documents[i] for i in rng.permutation(len(documents))]
        taken = list(_until([_first(each.text) for each in some], MOST_WORDS))
        hashes = np.concatenate([np.empty(0, np.uint64), *(each.hashes for each in taken)])
        lengths = np.array([len(each.hashes) for each in taken], np.int64)
        texts = (_bytes(each.text) for each in some[: len(taken)])
        return cls(lengths, np.cumsum(lengths) - lengths, _numbered(hashes), tuple(texts))

    @property
    def words(self) -> int:
        """Words of all documents together."""
        return int(self.lengths.sum())

    @property
    def bytes(self) -> int:
        """Bytes of all documents together."""
        return sum(map(len, self.texts))

    def __len__(self) -> int:
        return len(self.lengths)

    def of_words(self, words: int, rng: np.random.Generator) -> Draw:
        """Documents by lot, none twice, until they have so many words."""
        if not 1 <= words <= self.words:
            raise InputError("words of a draw", f"must be 1 to {self.words}, those of the pool, but are {words}")
        order = rng.permutation(len(self))
        ends = np.cumsum(self.lengths[order])
        size = int(np.searchsorted(ends, words)) + 1
        given = self.lengths[order[:size]].copy()
        given[-1] -= ends[size - 1] - words
        return Draw(order[:size], given)

    def of_texts(self, texts: int, rng: np.random.Generator) -> Draw:
        """So many documents by lot, whole."""
        order = rng.permutation(len(self))[:texts]
        return Draw(order, self.lengths[order])

    def counts(self, draw: Draw) -> np.ndarray:
        """How often each word stands in a draw, those that do not left out, int64."""
        return np.unique(self._grams(draw, 1)[0], return_counts=True)[1]

    def distinct(self, draw: Draw, n: int) -> float | None:
        """`distinct_n` of a draw; None where no document has n words."""
        grams = self._grams(draw, n)[0]
        return len(np.unique(grams)) / len(grams) if len(grams) else None

    def self_repetition(self, draw: Draw) -> float:
        """`self_repetition` of a draw."""
        grams, owners = self._grams(draw, _REPEATED)
        held = np.unique(owners.astype(np.int64) << 32 | grams)
        _, kinds, holders = np.unique(held & 0xFFFFFFFF, return_inverse=True, return_counts=True)
        others = np.bincount(held >> 32, holders[kinds] - 1, minlength=len(draw.documents))
        return float(np.log1p(others).mean())

    def compression(self, amount: int, rng: np.random.Generator) -> tuple[float, int]:
        """`compression_ratio` of so many bytes from documents by lot, and how many documents they were taken from."""
        text, count = bytearray(), 0
        for document in rng.permutation(len(self)):
            if len(text) >= amount:
                break
            text += self.texts[document]
            count += 1
        return amount / len(gzip.compress(text[:amount], LEVEL, mtime=0)), count

    def _grams(self, draw: Draw, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the n-grams of a draw, and the place in the draw of the document of each."""
        counts = np.maximum(draw.words - n + 1, 0)
        at = expanded(self.starts[draw.documents], counts)
        return self.grams[n][at], np.repeat(np.arange(len(counts)), counts)


def _first(text: str) -> WordHashes:
    """Hashes of the first words of a text, as many as one draw can take."""
    characters = _CHARACTERS
    while True:
        found = hash_words([text[:characters]])
        # Where the text was cut its last word may be half of one; it is left out, since there are more than are taken.
        if characters >= len(text) or len(found.hashes) > WORDS:
            return WordHashes(found.hashes[:WORDS], found.bounds)
        characters *= 4


def _until(texts: Sequence[WordHashes], words: int) -> Iterator[WordHashes]:
    there = 0
    for each in texts:
        if there >= words:
            return
        there += len(each.hashes)
        yield each


def _bytes(text: str) -> bytes:
    return text[:BYTES].encode(errors="surrogatepass")[:BYTES] + b"\n"


def _numbered(hashes: np.ndarray) -> dict[int, np.ndarray]:
    """The number of the n-gram that begins at each word, int32; one that runs over the end has none of its own."""
    found, chained = {}, hashes
    for n in ORDERS:
        if n > 1:
            following = np.concatenate([hashes[n - 1 :], np.zeros(min(n - 1, len(hashes)), np.uint64)])
            chained = mixed(chained) + following
        found[n] = np.unique(chained, return_inverse=True)[1].astype(np.int32)
    return found
