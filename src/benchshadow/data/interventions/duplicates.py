"""Deduplicated: treated sequences in which no text stands twice, nor any that the untreated ones hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchshadow.errors import InputError

from .pool import Pool, Segment, Treatment

__all__ = ["Deduplicated", "Pairs"]

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
        groups = self._groups(pool)
        fixed = np.ones(len(pool), bool)
        fixed[pool.free] = False
        untreated = pool.control[fixed[pool.control]]
        order = pool.fresh(rng)
        order = order[~np.isin(groups[order], groups[untreated])]
        _, first = np.unique(groups[order], return_index=True)
        return Treatment((Segment(order[np.sort(first)]),))

    def _groups(self, pool: Pool) -> np.ndarray:
        """The group of every document, as a number."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        _, texts = np.unique(pool.store.table["content"].to_numpy(), return_inverse=True)
        if self.near is None:
            return texts
        pairs = np.asarray(self.near(pool) if callable(self.near) else self.near, np.int64).reshape(-1, 2)
        if len(pairs) and not 0 <= pairs.min() <= pairs.max() < len(pool):
            raise InputError(
                "pairs", f"must name documents 0 to {len(pool) - 1} but reach {pairs.min()}, {pairs.max()}"
            )
        one, other = texts[pairs].T
        size = int(texts.max()) + 1
        links = coo_array((np.ones(len(pairs), np.int8), (one, other)), shape=(size, size))
        return connected_components(links, directed=False)[1][texts]
