"""Semantic duplicates: texts that lie near each other in an embedding, looked for inside clusters of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchshadow.errors import InputError, check_choices

__all__ = ["KEEPS", "SemanticDuplicates", "semantic_duplicates"]

Keep = Literal["farthest", "first"]
KEEPS: tuple[Keep, ...] = ("farthest", "first")
FITTED = 100_000
"""Rows that clusters are fitted to at most."""
_BLOCK = 1_024
"""Rows that are compared at a time with those before them."""


@dataclass(frozen=True)
class SemanticDuplicates:
    """Rows to remove, each with the one that it is removed for. Every group that they link has one row that stays.

    Attributes:
        removed: int64, ascending.
        kept: int64, for each the row most like it among those that come before it in its cluster, which may itself be
            removed for another.
        cosines: of each pair, float64.
        clusters: how many rows were looked through in.
        unknown: rows of zeros, which the embedding knows nothing of and which are never removed.
    """

    removed: np.ndarray
    kept: np.ndarray
    cosines: np.ndarray
    clusters: int
    unknown: int

    @property
    def pairs(self) -> np.ndarray:
        """Removed and kept, int64, shape (pairs, 2)."""
        return np.stack([self.removed, self.kept], axis=1)


def semantic_duplicates(
    rows: np.ndarray, *, threshold: float = 0.95, clusters: int = 64, keep: Keep = "farthest", rng: np.random.Generator
) -> SemanticDuplicates:
    """SemDeDup (Abbas et al. 2023): k-means, and inside each cluster the pairs above a cosine.

    The rows of a cluster are put in order, the farthest from its centre first as in the paper, or as they come; one is
    removed where an earlier one is nearer than the threshold. What it does not tell: pairs that the clusters part are
    not found, and what an embedding of words calls near need not mean the same: read the pairs.

    Args:
        rows: one per text, of any length.
        threshold: least cosine of a pair, in (0, 1).
        clusters: of the k-means, as many as there are rows at most. More are faster and part more pairs.
        keep: which row of a group comes first, "farthest" from the centre or "first".
        rng: draws the rows that clusters are fitted to, and the starts.

    Raises:
        InputError: a setting is out of its range, or there is no row to compare.
    """
    check_choices("keep", [keep], KEEPS)
    if not 0 < threshold < 1:
        raise InputError("threshold", f"must be in (0, 1) but is {threshold}")
    lengths = np.linalg.norm(np.asarray(rows, np.float64), axis=1)
    known = np.flatnonzero(lengths > 0)
    if not 1 <= clusters <= len(known):
        raise InputError("clusters", f"must be 1 to {len(known)}, the texts with known words, but are {clusters}")
    X = (np.asarray(rows, np.float64)[known] / lengths[known, None]).astype(np.float32)
    labels, to_centre = _clustered(X, clusters, rng)
    found = [np.empty((0, 3))]
    for label in range(clusters):
        inside = np.flatnonzero(labels == label)
        order = inside[np.argsort(to_centre[inside], kind="stable")] if keep == "farthest" else inside
        found.append(_earlier(X[order], threshold, known[order]))
    table = np.concatenate(found)
    table = table[np.argsort(table[:, 0], kind="stable")]
    removed, kept = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    return SemanticDuplicates(removed, kept, table[:, 2], clusters, len(lengths) - len(known))


def _clustered(X: np.ndarray, clusters: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The cluster of every row, and its cosine with the centre; on one thread, so that the bits are the same."""
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    seed, some = int(rng.integers(2**31)), np.sort(rng.permutation(len(X))[:FITTED])
    with threadpool_limits(1):
        model = MiniBatchKMeans(clusters, random_state=seed, n_init="auto").fit(X[some])
        labels = np.asarray(model.predict(X), np.int64)
    centres = np.asarray(model.cluster_centers_, np.float64)
    sizes = np.linalg.norm(centres, axis=1)
    centres /= np.where(sizes > 0, sizes, 1)[:, None]
    return labels, np.einsum("ij,ij->i", X.astype(np.float64), centres[labels])


def _earlier(X: np.ndarray, threshold: float, numbers: np.ndarray) -> np.ndarray:
    """Rows that an earlier one is like, that one, and the cosine, shape (found, 3)."""
    found = [np.empty((0, 3))]
    for begin in range(0, len(X), _BLOCK):
        block = X[begin : begin + _BLOCK]
        near = (block @ X[: begin + len(block)].T).astype(np.float64)
        near[np.arange(len(block))[:, None] + begin <= np.arange(near.shape[1])[None, :]] = -np.inf
        best = np.argmax(near, axis=1)
        cosines = near[np.arange(len(block)), best]
        hit = np.flatnonzero(cosines > threshold)
        found.append(np.stack([numbers[begin + hit], numbers[best[hit]], np.minimum(cosines[hit], 1.0)], axis=1))
    return np.concatenate(found)
