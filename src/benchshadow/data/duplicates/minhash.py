"""MinHash: 112 minima per document in 14 bands of 8, so that similar documents agree in some band."""

from __future__ import annotations

import numpy as np

__all__ = ["BANDS", "ROWS", "band_keys", "expected_recall"]

BANDS, ROWS = 14, 8
"""At a Jaccard similarity of .8 about 92% of the pairs agree in a band, at .5 five percent."""
_BLOCK = 1 << 16
"""Shingles that are hashed together: their 32-bit halves stay in the caches over all 112 functions."""
_DRAWS = np.random.default_rng(20_000_314)
_MULTIPLIERS = _DRAWS.integers(0, 2**32, BANDS * ROWS, dtype=np.uint32) | np.uint32(1)
_WEIGHTS = _DRAWS.integers(0, 2**64, ROWS, dtype=np.uint64) | np.uint64(1)


def expected_recall(jaccard: float) -> float:
    """Chance that a pair of this similarity agrees in at least one band: 1 - (1 - j^8)^14 (Broder 1997)."""
    return 1 - (1 - jaccard**ROWS) ** BANDS


def band_keys(hashes: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """A 64-bit key per band and document; two documents are candidates where a key is equal.

    The minimum of h_k(x) = a_k x mod 2^32 over a document's shingles, k = 1..112, a_k odd and x the upper half of the
    shingle's hash, which is spread evenly as it is; a key is a weighted sum of the eight minima of its band. Keys of
    different minima may be equal by chance: candidates are only ever candidates.

    Args:
        hashes: uint64, shingles of all documents.
        bounds: int64 of documents + 1; every document has at least one shingle.

    Returns:
        uint64 of 14 x documents.
    """
    halves = (hashes >> np.uint64(32)).astype(np.uint32)
    count = len(bounds) - 1
    minima = np.empty((BANDS * ROWS, count), dtype=np.uint32)
    first = 0
    while first < count:
        last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + _BLOCK, side="right")) - 1)
        block = halves[bounds[first] : bounds[last]]
        starts, values = bounds[first:last] - bounds[first], np.empty_like(block)
        for function, multiplier in enumerate(_MULTIPLIERS):
            np.multiply(block, multiplier, out=values)
            np.minimum.reduceat(values, starts, out=minima[function, first:last])
        first = last
    rows = minima.reshape(BANDS, ROWS, count)
    keys = np.zeros((BANDS, count), dtype=np.uint64)
    for row, weight in enumerate(_WEIGHTS):
        keys += rows[:, row] * weight
    return keys
