"""Shingles: the runs of five words of every document of a chunk, as 64-bit hashes, and a digest of all its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xxhash

from benchshadow.data.documents import Document

from .word_hashes import WordHashes, hash_words

__all__ = ["CHUNK", "WORDS", "Shingles", "digested", "distinct", "jaccard", "shingle"]

WORDS = 5
"""Words of a shingle."""
CHUNK = 1 << 19
"""Characters after which a chunk ends; its buffers then nearly stay in the caches."""
_MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5, 0x85EBCA77C2B2AE63],
    dtype=np.uint64,
)


@dataclass(frozen=True)
class Shingles:
    """Shingles of a chunk.

    Attributes:
        ids: of its documents.
        hashes: uint64, one per run of five words, document after document, repeats included.
        bounds: int64; those of document d are `hashes[bounds[d]:bounds[d + 1]]`; documents of fewer words have none.
        digests: uint64, one per document: a hash of its normalised words in order.
    """

    ids: tuple[str, ...]
    hashes: np.ndarray
    bounds: np.ndarray
    digests: np.ndarray


def shingle(documents: Sequence[Document]) -> Shingles:
    """Hashed runs of five words (after the normalisation for overlap) of every document.

    The hash of a shingle is a sum of its words' hashes, each times an odd number for its place, modulo 2^64.
    """
    words = hash_words([document.text for document in documents])
    runs = max(0, len(words.hashes) - WORDS + 1)
    hashes = np.zeros(runs, dtype=np.uint64)
    for place, multiplier in enumerate(_MULTIPLIERS):
        hashes += words.hashes[place : place + runs] * multiplier
    counts = np.maximum(np.diff(words.bounds) - (WORDS - 1), 0)
    bounds = np.concatenate([[0], np.cumsum(counts)])
    # Runs that begin in the last four words of a document reach into the next one.
    own = np.arange(bounds[-1]) + np.repeat(words.bounds[:-1] - bounds[:-1], counts)
    ids = tuple(document.id for document in documents)
    return Shingles(ids, hashes[own], bounds, _digests(words))


def digested(texts: Sequence[str]) -> np.ndarray:
    """A 64-bit hash of every text's normalised words in order: equal where these are."""
    return _digests(hash_words(texts))


def _digests(words: WordHashes) -> np.ndarray:
    raw = words.hashes.astype("<u8", copy=False).data.cast("B")
    found = [xxhash.xxh3_64_intdigest(raw[begin:end]) for begin, end in pairwise((8 * words.bounds).tolist())]
    return np.array(found, dtype=np.uint64)


def distinct(hashes: np.ndarray) -> np.ndarray:
    """The sorted set of some shingles."""
    ranked = np.sort(hashes)
    return ranked[np.concatenate([[True], ranked[1:] != ranked[:-1]])] if len(ranked) else ranked


def jaccard(left: np.ndarray, right: np.ndarray) -> float:
    """|A and B| / |A or B| of two sorted sets of shingles without repeats, exactly."""
    both = np.concatenate([left, right])
    both.sort(kind="stable")  # which merges two sorted runs
    shared = int(np.count_nonzero(both[1:] == both[:-1]))
    return shared / (len(both) - shared)
