"""Deduplicated: treated sequences in which no text stands twice, nor any that the untreated ones hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchshadow.errors import InputError

from .pool import Pool, Segment, Treatment

__all__ = ["Deduplicated", "Pairs", "linked", "unlike_untreated"]

Pairs = np.ndarray | Callable[[Pool], np.ndarray]
"""Pairs of documents of the pool, shape (pairs, 2), int64, or what gives them."""


@dataclass(frozen=True)
class Deduplicated:
    """New documents, one of every group of duplicates, and none of a group that the untreated sequences have.

    Attributes:
        near: pairs of near duplicates, each verified; without them only equal texts are duplicates. What pairs link
            is one group, however far apart its ends.
    """

    near: Pairs | None = None

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Documents by lot; the first of a group stays."""
        pairs = self.near(pool) if callable(self.near) else self.near
        groups = linked(pool, np.empty((0, 2), np.int64) if pairs is None else pairs)
        order = unlike_untreated(pool, groups, rng)
        _, first = np.unique(groups[order], return_index=True)
        return Treatment((Segment(order[np.sort(first)]),))


def unlike_untreated(pool: Pool, groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The free documents by lot, without those of a group that the untreated sequences hold one of."""
    fixed = np.ones(len(pool), bool)
    fixed[pool.free] = False
    untreated = pool.control[fixed[pool.control]]
    order = pool.fresh(rng)
    return order[~np.isin(groups[order], groups[untreated])]


def linked(pool: Pool, pairs: np.ndarray) -> np.ndarray:
    """The group of every document, as a number: equal texts, and what pairs link.

    Raises:
        InputError: a pair names a document that the pool does not hold.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, texts = np.unique(pool.store.table["content"].to_numpy(), return_inverse=True)
    pairs = np.asarray(pairs, np.int64).reshape(-1, 2)
    if not len(pairs):
        return texts
    if not 0 <= pairs.min() <= pairs.max() < len(pool):
        raise InputError("pairs", f"must name documents 0 to {len(pool) - 1} but reach {pairs.min()}, {pairs.max()}")
    one, other = texts[pairs].T
    size = int(texts.max()) + 1
    links = coo_array((np.ones(len(pairs), np.int8), (one, other)), shape=(size, size))
    return connected_components(links, directed=False)[1][texts]
