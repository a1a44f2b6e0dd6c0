"""Pairs of documents that share a key, before anything is known of how similar they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

__all__ = ["Candidates", "sharing"]

_TOGETHER = 1 << 22
"""Pairs that are gathered before repeats among them are dropped."""


@dataclass(frozen=True)
class Candidates:
    """Pairs to verify.

    Attributes:
        pairs: int64 of pairs x 2, the smaller number first, sorted, each pair once.
        passed_over: pairs that share a key but stand too far apart among the documents that share it; a pair counts
            once for every key that it shares.
    """

    pairs: np.ndarray
    passed_over: int


def sharing(keys: Iterable[tuple[np.ndarray, np.ndarray | None]], reach: int | None) -> Candidates:
    """Pairs of documents that hold an equal key, under any of several sets of keys.

    Of a key the upper bits count, as many as the number of keys leaves free in 64: forty-four of a million.

    Args:
        keys: for each set, the keys (uint64, spread over all bits), and the document of each in rising order (int64) or
            None where the i-th key is the i-th document's.
        reach: each document meets the next `reach` of those that hold the same key; None for all of them. Of a key
            that k documents share that is k * reach pairs instead of k^2 / 2.
    """
    found, waiting, passed = np.zeros(0, dtype=np.int64), [], 0
    for values, documents in keys:
        order, ranked = _ranked(values)
        owners = order if documents is None else documents[order]
        sizes = np.diff(np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1], [True]])))
        at, step = np.arange(len(ranked) - 1), 1
        while len(at) and (reach is None or step <= reach):
            at = at[at < len(ranked) - step]
            at = at[ranked[at] == ranked[at + step]]
            waiting.append(owners[at] << 32 | owners[at + step])
            step += 1
            if sum(map(len, waiting)) > _TOGETHER:
                found, waiting = np.unique(np.concatenate([found, *waiting])), []
        if reach is not None:
            beyond = np.maximum(sizes - reach - 1, 0)
            passed += int((beyond * (beyond + 1) // 2).sum())
    found = np.unique(np.concatenate([found, *waiting]))
    pairs = np.stack([found >> 32, found & 0xFFFFFFFF], axis=1)
    return Candidates(pairs[pairs[:, 0] != pairs[:, 1]], passed)


def _ranked(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which keys come first, equal ones in their order, and the upper bits of each; a sort that carries no index."""
    low = np.uint64(max(1, len(keys) - 1).bit_length())
    packed = keys >> low << low
    packed |= np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    ranked = packed >> low
    return (packed ^ ranked << low).astype(np.int64), ranked
