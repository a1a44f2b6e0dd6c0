"""How many of the similar pairs were found: a sample of documents against the whole corpus, without MinHash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .minhash import expected_recall
from .shelf import Shelf
from .verified import Pairs, verified

__all__ = ["Recall", "measured_recall"]

_BITS = 22
"""Bits of a shingle that a first look goes by; a table of so many is quick to look into."""


@dataclass(frozen=True)
class Recall:
    """Share of the pairs at or above the threshold that a search found.

    Attributes:
        at_threshold: expected at the threshold itself, where it is lowest.
        sampled: documents that were held against all others.
        pairs: similar pairs that these are in.
        found: of those, found by the search too.
        expected: expected over those pairs, each at its own similarity; None without pairs.
        measured: found / pairs; None without pairs.
    """

    at_threshold: float
    sampled: int
    pairs: int
    found: int
    expected: float | None
    measured: float | None


def measured_recall(found: Pairs, shelf: Shelf, threshold: float, *, sample: int, rng: np.random.Generator) -> Recall:
    """Hold some documents against all others exhaustively and count how many of their pairs were found.

    It tells of pairs of documents that differ; identical ones are found apart and without loss. With few pairs it is a
    rough figure: its standard error is about sqrt(r (1 - r) / pairs).

    Args:
        found: what the search found, by the shelf's numbers.
        shelf: shingles of all documents.
        threshold: in (0, 1].
        sample: documents to draw, at most all.
        rng: draws them.
    """
    count = len(shelf.bounds) - 1
    drawn = np.sort(rng.permutation(count)[:sample])
    true = verified(_meeting(drawn, shelf, threshold), shelf, threshold)
    hits = np.isin(true.left << 32 | true.right, found.left << 32 | found.right)
    pairs, kept = len(true), int(hits.sum())
    expected = float(np.mean([expected_recall(each) for each in true.jaccard])) if pairs else None
    measured = kept / pairs if pairs else None
    return Recall(expected_recall(threshold), len(drawn), pairs, kept, expected, measured)


def _meeting(drawn: np.ndarray, shelf: Shelf, threshold: float) -> np.ndarray:
    """Pairs of a drawn document and any other that share enough shingles to be similar: |A and B| >= t |A|."""
    from scipy import sparse

    sets = list(shelf.sets(drawn).values())
    sizes = np.array([len(each) for each in sets])
    known, columns = np.unique(np.concatenate([*sets, np.zeros(0, np.uint64)]), return_inverse=True)
    if not len(known):
        return np.zeros((0, 2), dtype=np.int64)
    owners = np.repeat(np.arange(len(drawn)), sizes)
    held = sparse.csr_array((np.ones(len(columns), np.int32), (columns, owners)), shape=(len(known), len(drawn)))
    likely = np.zeros(1 << _BITS, dtype=bool)
    likely[known >> np.uint64(64 - _BITS)] = True
    pairs = []
    for first, hashes, bounds in shelf.blocks():
        at = np.flatnonzero(likely[hashes >> np.uint64(64 - _BITS)])
        place = np.minimum(np.searchsorted(known, hashes[at]), len(known) - 1)
        true = known[place] == hashes[at]
        rows = np.searchsorted(bounds, at[true], side="right") - 1
        cells = np.unique(rows << 32 | place[true])
        size = (len(bounds) - 1, len(known))
        block = sparse.csr_array((np.ones(len(cells), np.int32), (cells >> 32, cells & 0xFFFFFFFF)), shape=size)
        shared = sparse.coo_array(block @ held)
        enough = shared.data >= threshold * sizes[shared.col]
        pairs.append(np.stack([shared.row[enough] + first, drawn[shared.col[enough]]], axis=1).astype(np.int64))
    both = np.sort(np.concatenate(pairs), axis=1)
    return np.unique(both[both[:, 0] != both[:, 1]], axis=0)
