"""Candidate pairs held against their sets of shingles: those that are as similar as asked, with how similar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .shelf import Shelf
from .shingles import jaccard

__all__ = ["Pairs", "verified"]

_TOGETHER = 1 << 14
"""Pairs whose sets are held in memory at once."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of documents with their exact similarity.

    Attributes:
        left: int64, the earlier document of each pair.
        right: int64, the later one.
        jaccard: float64, in [threshold, 1].
    """

    left: np.ndarray
    right: np.ndarray
    jaccard: np.ndarray

    @property
    def numbers(self) -> np.ndarray:
        """Both documents of each pair, int64 of pairs x 2."""
        return np.stack([self.left, self.right], axis=1)

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.left)


def verified(candidates: np.ndarray, shelf: Shelf, threshold: float) -> Pairs:
    """The candidates whose Jaccard similarity is at least the threshold; every one is computed, none estimated.

    Args:
        candidates: int64 of pairs x 2, sorted.
        shelf: the documents' shingles by their number.
        threshold: in (0, 1].
    """
    similarities = np.zeros(len(candidates))
    for first in range(0, len(candidates), _TOGETHER):
        block = candidates[first : first + _TOGETHER].tolist()
        sets = shelf.sets(np.unique(block))
        for place, (left, right) in enumerate(block, first):
            a, b = sets[left], sets[right]
            # No set can share more than the smaller one holds.
            if min(len(a), len(b)) >= threshold * max(len(a), len(b)):
                similarities[place] = jaccard(a, b)
    kept = similarities >= threshold
    return Pairs(candidates[kept, 0], candidates[kept, 1], similarities[kept])
