"""What a chunk of a corpus was found to share with the items, and how such findings become one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["DocumentOverlap", "Evidence", "Partial", "merge"]

_WAITING = 64
"""Partial results that are merged at a time, so that a long corpus is never held as one list of them."""


class Evidence(NamedTuple):
    """Where something was found: the document's id, and the matched words as they stand in it."""

    document: str
    passage: str


class DocumentOverlap(NamedTuple):
    """A document that shares something with items, for those who want to remove it.

    Attributes:
        document, domain: its id and domain.
        eights, thirteens: distinct 8-grams and 13-grams of items that stand in it.
        items: items of which a 13-gram stands in it.
        weighted: items of whose weight of 5-grams at least .8 stands in it.
    """

    document: str
    domain: str
    eights: int
    thirteens: int
    items: int
    weighted: int


@dataclass(frozen=True)
class Partial:
    """What a chunk, or several, shares with the items; nothing in it refers to the chunk's texts.

    Attributes:
        documents, words: how much was read; the words that parts of a long document have in common count in both.
        eights, elevens, thirteens: numbers of the n-grams found, ascending.
        seen: for every entry of `eights` the entry of `evidence` that tells where it was found first.
        evidence: of those.
        items: items of whose weight a document has at least a half, ascending.
        shares: the largest share that one document has, one per entry of `items`.
        places: where, one per entry of `items`; of equal shares the first.
        hits: every document that shares an 8-gram or the weight with an item, in the order of the corpus.
    """

    documents: int
    words: int
    eights: np.ndarray
    elevens: np.ndarray
    thirteens: np.ndarray
    seen: np.ndarray
    evidence: tuple[Evidence, ...]
    items: np.ndarray
    shares: np.ndarray
    places: tuple[Evidence, ...]
    hits: tuple[DocumentOverlap, ...]


def merge(partials: Iterable[Partial]) -> Partial:
    """One finding from those of chunks in the order of the corpus; a generator is read as it is needed.

    However the corpus was cut into chunks, and the chunks grouped before, the result is the same.
    """
    waiting: list[Partial] = []
    for partial in partials:
        waiting.append(partial)
        if len(waiting) == _WAITING:
            waiting = [_merged(waiting)]
    return _merged(waiting)


def _merged(partials: Sequence[Partial]) -> Partial:
    eights, firsts = np.unique(_all([p.eights for p in partials]), return_index=True)
    evidence = [each for p in partials for each in p.evidence]
    before = np.cumsum([0, *(len(p.evidence) for p in partials)])
    seen = _all([p.seen + start for p, start in zip(partials, before, strict=False)])[firsts]
    kept, seen = np.unique(seen, return_inverse=True)
    items, shares = _all([p.items for p in partials]), _all([p.shares for p in partials], np.float64)
    places = [each for p in partials for each in p.places]
    best = largest(items, shares)
    return Partial(
        documents=sum(p.documents for p in partials),
        words=sum(p.words for p in partials),
        eights=eights,
        elevens=np.unique(_all([p.elevens for p in partials])),
        thirteens=np.unique(_all([p.thirteens for p in partials])),
        seen=seen.astype(np.int32),
        evidence=tuple(evidence[k] for k in kept.tolist()),
        items=items[best],
        shares=shares[best],
        places=tuple(places[k] for k in best.tolist()),
        hits=tuple(hit for p in partials for hit in p.hits),
    )


def largest(items: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """For every item, ascending, the entry with its largest share; of equal ones the first."""
    order = np.lexsort((-shares, items))
    return order[np.flatnonzero(np.diff(items[order], prepend=-1))]


def _all(arrays: Sequence[np.ndarray], kind: type[np.generic] = np.int32) -> np.ndarray:
    return np.concatenate([np.empty(0, kind), *arrays]).astype(kind, copy=False)
