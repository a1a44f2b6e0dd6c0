"""Evidence document by document: which passage of a document stands in which item, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchshadow.data.documents import Document

from .grams import NONE, all_lengths
from .hashing import Words
from .index import ItemIndex
from .partial import DocumentOverlap, Partial
from .rules import document_table
from .scanning import parts, runs
from .weights import distinct, expanded
from .words import Places

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DOCUMENTS", "SharedPassage", "Sharing", "sharing_table", "telling"]

DOCUMENTS = 10_000
"""Documents of a corpus whose passages are looked up."""
PASSAGES = 20
"""Passages of a document that are kept, its longest."""
_N = 8
_NUMBERS: dict[str, Any] = {"place": int, "words": int, "share": float, "holders": int, "left_out": int}
_LONGEST = 200


class SharedPassage(NamedTuple):
    """A run of words in a document whose every 8-gram stands in items.

    In a document of over a million characters, one that lies across a cut is told by its longer side.

    Attributes:
        document, domain: its id and domain.
        place: the character of the document that it begins at.
        words: of the run.
        passage: as it stands there, at most 200 characters.
        benchmark, item: the item that holds most of its 8-grams, the first of equals.
        share: of the run's 8-grams that this item holds, 0 to 1.
        holders: how many items hold one of its 8-grams.
        left_out: shorter passages of the document that are not kept.
    """

    document: str
    domain: str
    place: int
    words: int
    passage: str
    benchmark: str
    item: str
    share: float
    holders: int
    left_out: int


def telling(found: Partial, most: int = DOCUMENTS) -> set[str]:
    """Ids of the documents that share most with items: by weight first, then by 13-grams, then by 8-grams."""
    best = nlargest(most, enumerate(found.hits), key=lambda each: (*_rank(each[1]), -each[0]))
    return {hit.document for _, hit in best}


def _rank(hit: DocumentOverlap) -> tuple[int, int, int]:
    return hit.weighted, hit.thirteens, hit.eights


@dataclass(frozen=True)
class Sharing:
    """Looks up the passages of documents, of which an earlier scan has told that they share something.

    Attributes:
        index: the items.
        order: places in the items' words at which an 8-gram starts, ordered by 8-gram.
        holds: where those of every 8-gram begin and end in `order`.
    """

    index: ItemIndex
    order: np.ndarray
    holds: np.ndarray

    @classmethod
    def of(cls, index: ItemIndex) -> Sharing:
        """From the items; it takes four bytes for each of their words."""
        at = index.at[_N]
        order = np.flatnonzero(at != NONE)
        order = order[np.argsort(at[order], kind="stable")].astype(np.int32)
        return cls(index, order, np.searchsorted(at[order], np.arange(len(index.longer[_N].keys) + 1)))

    def __call__(self, documents: Iterable[Document]) -> Iterator[SharedPassage]:
        """The passages of documents, in their order, of each at most twenty, the longest ones, as they stand."""
        for document in documents:
            found = list(
                _apart(each for begin, text in parts(document.text) for each in self._in(document, begin, text))
            )
            kept = sorted(nlargest(PASSAGES, found, key=lambda each: (each.words, -each.place)), key=lambda p: p.place)
            yield from (each._replace(left_out=len(found) - len(kept)) for each in kept)

    def _in(self, document: Document, begin: int, text: str) -> Iterator[tuple[SharedPassage, int]]:
        """The passages in a part of a document that begins at a character of it, each with the one it ends before."""
        words = Words.of([text])
        at = all_lengths(self.index.fives.found(words, self.index.words), self.index.longer)[_N]
        firsts, lasts = runs(at)
        places = Places(text)
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            end = last + _N - 1
            start, stop = places.span(int(words.starts[first]) - 1, int(words.starts[end] + words.lengths[end]) - 1)
            item, share, holders = self._held(at[first : last + 1])
            passage = SharedPassage(
                document=document.id,
                domain=document.domain,
                place=begin + start,
                words=end - first + 1,
                passage=text[start : min(stop, start + _LONGEST)],
                benchmark=self.index.benchmarks[self.index.belongs[item]],
                item=self.index.names[item],
                share=share,
                holders=holders,
                left_out=0,
            )
            yield passage, begin + stop

    def _held(self, grams: np.ndarray) -> tuple[int, float, int]:
        """The item that holds most of some 8-grams, the share of them that it holds, and how many items hold any."""
        kinds = distinct(grams.astype(np.int64))
        counts = self.holds[kinds + 1] - self.holds[kinds]
        owners = self.index.words.owners[self.order[expanded(self.holds[kinds], counts)]].astype(np.int64)
        pairs = distinct(owners << 32 | np.repeat(kinds, counts))
        items, held = np.unique(pairs >> 32, return_counts=True)
        best = int(np.argmax(held))
        return int(items[best]), float(held[best] / len(kinds)), len(items)


def _apart(found: Iterable[tuple[SharedPassage, int]]) -> Iterator[SharedPassage]:
    """Passages without those that the parts of a long document have twice; of two that overlap the longer stays."""
    last: SharedPassage | None = None
    over = 0
    for passage, end in found:
        if last is not None and passage.place >= over:
            yield last
            last = None
        if last is None or passage.words > last.words:
            last = passage
        over = max(over, end)
    if last is not None:
        yield last


def sharing_table(found: Partial, passages: Sequence[SharedPassage]) -> pl.DataFrame:
    """Every document that shares something, in the order of the corpus, with a row for each passage that was looked up.

    Of documents that were not looked up, or of which items hold no eight words in a row, the passage is null.
    """
    import polars as pl

    schema = {name: _NUMBERS.get(name, pl.String) for name in SharedPassage._fields}
    table = pl.DataFrame(list(passages), schema=schema, orient="row").drop("domain")
    return document_table(found).join(table, on="document", how="left", maintain_order="left_right")
