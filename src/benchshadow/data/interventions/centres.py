"""Few points that stand for many: by farthest-first traversal, and by greedy facility location."""

from __future__ import annotations

import numpy as np

from benchshadow.errors import InputError

__all__ = ["facility_location", "farthest_first", "nearest", "unit_rows"]

BLOCK = 4096


def unit_rows(X: np.ndarray) -> np.ndarray:
    """Rows of Euclidean norm one, float32; a row of zeros stays."""
    X = np.asarray(X, np.float32)
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(norms > 0, norms, 1)


def farthest_first(X: np.ndarray, count: int, first: int) -> np.ndarray:
    """Rows each of which is farthest from those before it (Gonzalez 1985), in that order.

    The largest distance of any row to them is at most twice what the best choice of so many could reach.

    Args:
        X: points, shape (points, dimensions).
        count: rows wanted, at most as many as there are.
        first: the row that is taken first.
    """
    _check(X, count)
    squares = np.einsum("ij,ij->i", X, X)
    chosen = np.empty(count, np.int64)
    distance = np.full(len(X), np.inf)
    for step in range(count):
        chosen[step] = first
        to_it = squares + squares[first] - 2 * (X @ X[first])
        distance = np.minimum(distance, to_it)
        distance[first] = -np.inf
        first = int(np.argmax(distance))
    return chosen


def facility_location(X: np.ndarray, count: int) -> np.ndarray:
    """Rows whose largest cosines with all rows sum to the most, found greedily (Nemhauser et al. 1978), in that order.

    The sum is at least 1 - 1/e of the best that so many could reach. Cosines below zero count as zero. Takes memory of
    points squared: for some thousands of points.
    """
    _check(X, count)
    similar = np.maximum(X @ X.T, 0).astype(np.float64)
    covered = np.zeros(len(X))
    gains = similar.sum(axis=0)
    chosen = np.empty(count, np.int64)
    taken = np.zeros(len(X), bool)
    for step in range(count):
        # Gains only fall, so one that is still the largest after it was computed anew is the largest (Minoux 1978).
        stale = np.ones(len(X), bool)
        while True:
            best = int(np.argmax(np.where(taken, -np.inf, gains)))
            if not stale[best]:
                break
            gains[best] = np.maximum(similar[:, best] - covered, 0).sum()
            stale[best] = False
        chosen[step], taken[best] = best, True
        covered = np.maximum(covered, similar[:, best])
    return chosen


def nearest(X: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every row the nearest centre, and the cosine with it, for rows of norm one."""
    label, cosine = np.empty(len(X), np.int64), np.empty(len(X), np.float64)
    for low in range(0, len(X), BLOCK):
        products = X[low : low + BLOCK] @ centres.T
        label[low : low + BLOCK] = products.argmax(axis=1)
        cosine[low : low + BLOCK] = products.max(axis=1)
    return label, cosine


def _check(X: np.ndarray, count: int) -> None:
    if not 1 <= count <= len(X):
        raise InputError("centres", f"must be 1 to {len(X)}, the points there are, but are {count}")
