"""Deduplicated by meaning: treated sequences in which no text says what another says, every removed pair listed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from benchshadow.data.duplicates.meaning import Keep, SemanticDuplicates, semantic_duplicates

from .coverage import Embeddings
from .duplicates import linked, unlike_untreated
from .pool import Pool, Segment, Treatment

__all__ = ["DeduplicatedByMeaning"]


@dataclass(frozen=True)
class DeduplicatedByMeaning:
    """New documents, one of every group of semantic duplicates, and none of a group that untreated sequences have.

    Of a group the document stays for which SemDeDup (Abbas et al. 2023) removes the others. What pairs link is one
    group, however far apart its ends.

    Attributes:
        embeddings: should not be the ones that coverage is measured in afterwards.
        threshold: cosine above which two documents say the same.
        clusters: of the k-means inside whose clusters pairs are looked for; fewer where there are fewer documents.
        keep: which of a group stays, the "farthest" from the cluster's centre or the "first" of the corpus.
    """

    embeddings: Embeddings
    threshold: float = 0.95
    clusters: int = 64
    keep: Keep = "farthest"

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Documents by lot, those that are kept."""
        found = self._found(pool, rng)
        groups = linked(pool, found.pairs)
        order = unlike_untreated(pool, groups, rng)
        order = order[~np.isin(order, found.removed)]
        _, first = np.unique(groups[order], return_index=True)  # equal texts whose words the embedding does not know
        return Treatment((Segment(order[np.sort(first)]),), listed=_listed(pool, found))

    def _found(self, pool: Pool, rng: np.random.Generator) -> SemanticDuplicates:
        given = self.embeddings(pool.documents) if callable(self.embeddings) else self.embeddings
        rows = pool.of_each(given, "embeddings")
        known = int(np.count_nonzero(np.any(rows != 0, axis=1)))
        clusters = max(1, min(self.clusters, known))
        return semantic_duplicates(rows, threshold=self.threshold, clusters=clusters, keep=self.keep, rng=rng)


def _listed(pool: Pool, found: SemanticDuplicates) -> pl.DataFrame:
    """Every pair, by the ids of its documents."""
    ids = pool.store.table["id"]
    return pl.DataFrame({"removed": ids[found.removed], "kept": ids[found.kept], "cosine": found.cosines})
