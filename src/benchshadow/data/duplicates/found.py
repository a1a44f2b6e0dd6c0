"""What a search for duplicates found: identical texts, similar pairs, and the clusters that both make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .gathered import Gathered
from .recall import Recall
from .verified import Pairs

__all__ = ["Duplicates", "duplicates"]


@dataclass(frozen=True)
class Duplicates:
    """Duplicates among documents, which are named by their number in the order given.

    A cluster is what pairs link, by way of others too: its members need not all be as similar as the threshold asks.

    Attributes:
        ids: of the documents.
        threshold: least Jaccard similarity of a pair, over 5-word shingles.
        exact_first: int64, for each document the first with the same normalised text; itself where it is that.
        first: int64, for each document the first of its cluster; itself where it is that or in none.
        pairs: similar pairs among documents of different text, each text by its first document.
        short: documents of fewer than five words, which have no shingle and can only be found identical.
        passed_over: candidates that were not verified since too many documents shared one key; 0 for most corpora.
        recall: of the similar pairs, or None where the search was exhaustive or no sample was asked for.
    """

    ids: tuple[str, ...]
    threshold: float
    exact_first: np.ndarray
    first: np.ndarray
    pairs: Pairs
    short: int
    passed_over: int
    recall: Recall | None

    @property
    def exact_share(self) -> float | None:
        """Share of the documents whose normalised text stood earlier; None without documents."""
        return self._repeating(self.exact_first)

    @property
    def near_share(self) -> float | None:
        """Share of the documents that repeat an earlier one, exactly or nearly; None without documents."""
        return self._repeating(self.first)

    def _repeating(self, first: np.ndarray) -> float | None:
        return float(np.mean(first != np.arange(len(first)))) if len(first) else None

    @property
    def clusters(self) -> list[np.ndarray]:
        """Numbers of the documents of every cluster of two or more, in the order of their first ones."""
        order = np.argsort(self.first, kind="stable")
        begins = np.flatnonzero(np.diff(self.first[order])) + 1
        return [each for each in np.split(order, begins) if len(each) > 1]


def duplicates(corpus: Gathered, pairs: Pairs, threshold: float, passed_over: int, recall: Recall | None) -> Duplicates:
    """The result of a search: pairs of the shelf's numbers become pairs of documents, and these clusters."""
    named = Pairs(corpus.shelved[pairs.left], corpus.shelved[pairs.right], pairs.jaccard)
    first = _first_of_cluster(corpus.exact_first, named)
    return Duplicates(corpus.ids, threshold, corpus.exact_first, first, named, corpus.short, passed_over, recall)


def _first_of_cluster(exact_first: np.ndarray, pairs: Pairs) -> np.ndarray:
    """For each document the first that it is linked with, by identical texts and similar pairs together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(exact_first)
    if not count:
        return exact_first
    left = np.concatenate([exact_first, pairs.left])
    right = np.concatenate([np.arange(count), pairs.right])
    linked = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(count, count))
    labels = connected_components(linked, directed=False)[1]
    _, earliest = np.unique(labels, return_index=True)
    return earliest[labels].astype(np.int64)
