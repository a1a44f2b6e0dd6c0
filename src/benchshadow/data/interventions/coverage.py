"""Coverage: treated sequences that spread over domains, clusters or the whole of an embedding, as evenly as can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.errors import InputError

from .centres import facility_location, farthest_first, nearest, unit_rows
from .pool import Pool, Segment, Treatment

__all__ = ["ClusterBalanced", "DomainBalanced", "Embeddings", "Spread"]

Embeddings = np.ndarray | Callable[[Iterable[Document]], np.ndarray]
"""A row for every document, or what gives them from the documents; a mapped file will do."""
FITTED = 100_000
"""Documents that clusters are fitted to at most."""


@dataclass(frozen=True)
class DomainBalanced:
    """Every domain with as many tokens as the others, as long as it has any left."""

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Documents of a domain by lot."""
        there = len(np.unique(pool.domains[pool.free]))
        if there < 2:
            raise InputError("domains", f"must be two or more to be balanced but are {there}", "name a field as domain")
        order = rng.permutation(pool.free)
        return _even(pool, order, pool.domains[order])


@dataclass(frozen=True)
class ClusterBalanced:
    """Every cluster of an embedding with as many tokens as the others, as long as it has any left.

    Attributes:
        embeddings: should not be the ones that coverage is measured in afterwards.
        clusters: of k-means (MacQueen 1967), fitted to the free documents, or to a draw of them where they are many.
    """

    embeddings: Embeddings
    clusters: int = 64

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Documents of a cluster by lot."""
        from sklearn.cluster import MiniBatchKMeans
        from threadpoolctl import threadpool_limits

        order = rng.permutation(pool.free)
        X = unit_rows(_rows(pool, self.embeddings)[order])
        if not 1 <= self.clusters <= len(X):
            raise InputError("clusters", f"must be 1 to {len(X)}, the free documents, but are {self.clusters}")
        seed = int(rng.integers(2**31))
        with threadpool_limits(1):  # so that the bits are the same on every machine
            fitted = MiniBatchKMeans(self.clusters, random_state=seed, n_init="auto").fit(X[:FITTED])
            labels = np.asarray(fitted.predict(X), np.int64)
        return _even(pool, order, labels)


@dataclass(frozen=True)
class Spread:
    """Documents spread over an embedding: first the centres, then around every centre the same number of tokens.

    Attributes:
        embeddings: should not be the ones that coverage is measured in afterwards.
        by: how centres are chosen.
        centres: how many; the fewer there are, the more the choice is one of clusters.
        candidates: free documents, by lot, that centres are chosen among.
    """

    embeddings: Embeddings
    by: Literal["farthest first", "facility location"] = "farthest first"
    centres: int = 1_000
    candidates: int = 5_000

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Around a centre, the nearest first."""
        from threadpoolctl import threadpool_limits

        order = rng.permutation(pool.free)
        X = unit_rows(_rows(pool, self.embeddings)[order])
        among = X[: self.candidates]
        count = min(self.centres, len(among))
        with threadpool_limits(1):  # so that the bits are the same on every machine
            by_distance = self.by == "farthest first"
            chosen = farthest_first(among, count, 0) if by_distance else facility_location(among, count)
            label, cosine = nearest(X, among[chosen])
        label[chosen], cosine[chosen] = np.arange(count), np.inf
        ranked = np.lexsort([-cosine, label])
        return _even(pool, order[ranked], label[ranked])


def _even(pool: Pool, order: np.ndarray, labels: np.ndarray) -> Treatment:
    """An order whose every beginning has the labels' tokens as equal as can be.

    A document stands where its label's earlier documents end, so that a label without more of them leaves its part to
    the others.
    """
    grouped = np.argsort(labels, kind="stable")
    sizes = pool.store.lengths[order][grouped]
    before = np.cumsum(sizes) - sizes
    firsts = np.searchsorted(labels[grouped], labels[grouped])
    level = before - before[firsts]
    return Treatment((Segment(order[grouped][np.argsort(level, kind="stable")]),))


def _rows(pool: Pool, embeddings: Embeddings) -> np.ndarray:
    found = embeddings(pool.documents) if callable(embeddings) else embeddings
    return pool.of_each(found, "embeddings")
