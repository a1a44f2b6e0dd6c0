"""Cluster coverage: how many kinds of text, found in all corpora together, a corpus has, and how evenly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from benchshadow.errors import InputError

from .kernel import entropy_number

__all__ = ["Clusters", "Coverage", "coverage", "fit_clusters", "unseen_mass"]


@dataclass(frozen=True)
class Clusters:
    """Centres of the kinds of text.

    Attributes:
        centres: one row per cluster.
        embedding: name of the embedding whose rows were clustered.
    """

    centres: Float64[np.ndarray, "k d"] = field(repr=False)
    embedding: str

    def occupancy(self, embeddings: Float64[np.ndarray, "n d"]) -> Int64[np.ndarray, " k"]:
        """Number of texts nearest to each centre; the counts of chunks add up."""
        return np.bincount(self.labels(embeddings), minlength=len(self.centres))

    def labels(self, embeddings: Float64[np.ndarray, "n d"]) -> Int64[np.ndarray, " n"]:
        """Number of the nearest centre, by Euclidean distance, the first of equals."""
        return np.argmin(np.sum(self.centres**2, axis=1) - 2 * embeddings @ self.centres.T, axis=1)


@dataclass(frozen=True)
class Coverage:
    """How some texts spread over clusters.

    Attributes:
        effective: exp entropy of the occupancy, in clusters: so many equally filled ones would be as even.
        hit: share of all clusters that hold at least one text.
        unseen: Good-Turing estimate of the chance that the next text falls in a cluster none is in.
        texts: number of texts.
        clusters: number of clusters.
    """

    effective: float
    hit: float
    unseen: float
    texts: int
    clusters: int


def fit_clusters(
    embeddings: Float64[np.ndarray, "n d"],
    embedding: str,
    k: int = 64,
    *,
    built_with: str = "",
    rng: np.random.Generator,
) -> Clusters:
    """k-means (k-means++, five starts) on the union of all corpora or arms, on one thread: the same bits everywhere.

    Args:
        embeddings: rows of all corpora together, each as strong as it shall count.
        embedding: name of the embedding.
        k: number of clusters; fewer where there are fewer distinct rows.
        built_with: name of the embedding that an arm under measure was built with, if any.
        rng: draws the starts.

    Raises:
        InputError: there are fewer than k rows, or the arm was built with this embedding: a yardstick that was used to
            cut the cloth measures nothing.
    """
    from sklearn import cluster
    from threadpoolctl import threadpool_limits

    if built_with and built_with == embedding:
        raise InputError(
            "cluster coverage", f"must use another embedding than built the arm but both are '{embedding}'"
        )
    if not 1 <= k <= len(embeddings):
        raise InputError("k", f"must be from 1 to the {len(embeddings)} texts but is {k}")
    distinct = len({row.tobytes() for row in embeddings})
    means: Any = cluster.KMeans
    with threadpool_limits(1):
        model = means(min(k, distinct), n_init=5, random_state=int(rng.integers(2**31))).fit(embeddings)
    return Clusters(np.asarray(model.cluster_centers_, np.float64), embedding)


def coverage(counts: Int64[np.ndarray, " k"]) -> Coverage:
    """Coverage of clusters from the number of texts in each.

    It grows with the number of texts, so corpora compare at equal numbers only. It tells spread over the kinds found
    in the union: a kind that all corpora lack is missed by none.
    """
    texts = int(counts.sum())
    if not texts:
        raise InputError("cluster coverage", "must have at least one text but has none")
    hit = float(np.count_nonzero(counts) / len(counts))
    return Coverage(entropy_number(counts / texts, 1.0), hit, unseen_mass(counts), texts, len(counts))


def unseen_mass(counts: Int64[np.ndarray, " kinds"]) -> float:
    """Good-Turing estimate of the chance that the next one is of a kind not met yet: kinds met once / all met.

    Good 1953. Of clusters it is near zero as soon as each holds several texts; of n-grams it is never. It supposes
    independent draws: n-grams come in documents, so theirs is a little too low for the next document.

    Args:
        counts: how often each kind was met.
    """
    total = int(counts.sum())
    if not total:
        raise InputError("unseen mass", "must be of at least one text or n-gram but nothing was counted")
    return float(np.count_nonzero(counts == 1) / total)
