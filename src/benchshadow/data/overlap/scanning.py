"""The scan: a chunk of documents, block by block, against all items at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchshadow.data.documents import Document

from .grams import FIVE, NONE, all_lengths
from .hashing import Words
from .index import ItemIndex
from .partial import DocumentOverlap, Evidence, Partial, largest, merge
from .weights import THRESHOLD, Shared, distinct, expanded
from .words import Places, words

__all__ = ["parts", "runs", "scan"]

_BLOCK = 1 << 18
"""Characters that are taken at a time, so that their arrays stay in the caches."""
_PART = 1 << 20
"""Characters above which a document is taken in parts."""
_PASSAGE = 200
_LONGEST_GRAM = 13
_BLANK = re.compile(r"[\x00- \x7f]")


def scan(index: ItemIndex, chunk: Sequence[Document]) -> Partial:
    """What documents share with the items: every n-gram found is one, word by word; none runs over a document's end.

    A document of over a million characters is taken in parts with twelve words in common, so that no n-gram is lost;
    the share of an item's weight is then the best part's.

    Returns:
        The same for the same documents wherever it runs; `merge` makes one of several.
    """
    tallies: list[_Tally] = []
    partials = [_block(index, chunk, block, tallies) for block in _blocks(chunk)]
    found = merge(partials)
    return Partial(**{**vars(found), "documents": len(chunk), "hits": tuple(_hits(index, chunk, tallies))})


@dataclass(frozen=True)
class _Block:
    """Texts that are taken together, and the index of the document that each is part of."""

    owners: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Tally:
    """Distinct pairs of a document, in the upper half, and an n-gram, or an item that is found by weight."""

    eights: np.ndarray
    thirteens: np.ndarray
    weighted: np.ndarray


def _blocks(chunk: Sequence[Document]) -> Iterator[_Block]:
    block, size = _Block(), 0
    for owner, document in enumerate(chunk):
        for _, text in parts(document.text):
            if block.texts and size + len(text) > _BLOCK:
                yield block
                block, size = _Block(), 0
            block.owners.append(owner)
            block.texts.append(text)
            size += len(text)
    yield block


def parts(text: str) -> Iterator[tuple[int, str]]:
    """A text, or parts of one that is long, cut at blanks, each with where it begins; neighbours share twelve words."""
    begin, end = 0, _PART
    while end < len(text):
        blank = _BLANK.search(text, end)
        end = blank.start() if blank else len(text)
        again = _overlap(text, begin, end)
        if end < len(text) and again > begin:
            yield begin, text[begin:end]
            begin = again
        end += _PART
    yield begin, text[begin:]


def _overlap(text: str, begin: int, end: int) -> int:
    """The place before `end` from which on there are twelve words, or `begin`."""
    width = 256
    while end - width > begin:
        blank = _BLANK.search(text, end - width, end)
        if blank and len(words(text[blank.start() : end])) >= _LONGEST_GRAM - 1:
            return blank.start()
        width *= 2
    return begin


def _block(index: ItemIndex, chunk: Sequence[Document], block: _Block, tallies: list[_Tally]) -> Partial:
    text = Words.of(block.texts)
    at = all_lengths(index.fives.found(text, index.words), index.longer)
    quote = _Quote(chunk, block, text)
    documents = np.array(block.owners, np.int64)[text.owners] if block.owners else np.empty(0, np.int64)
    eights, seen, evidence = _firsts(at[8], quote)
    shared = list(index.weights.shared(at[FIVE], text.owners))
    items, shares, places = _best(shared, at[FIVE], quote)
    tallies.append(_Tally(_pairs(documents, at[8]), _pairs(documents, at[13]), _weighted(shared, block.owners)))
    return Partial(
        documents=0,
        words=len(text.starts),
        eights=eights,
        elevens=_present(at[11]),
        thirteens=_present(at[13]),
        seen=seen,
        evidence=evidence,
        items=items,
        shares=shares,
        places=places,
        hits=(),
    )


class _Quote:
    """Passages of a block's texts as they stand there, from the words they begin and end with."""

    def __init__(self, chunk: Sequence[Document], block: _Block, text: Words) -> None:
        self._chunk, self._block, self._text = chunk, block, text
        self._places: dict[int, Places] = {}

    def __call__(self, first: int, last: int) -> Evidence:
        text, owner = self._text, int(self._text.owners[first])
        if owner not in self._places:
            self._places[owner] = Places(self._block.texts[owner])
        begin = int(text.begins[owner])
        start, end = int(text.starts[first]) - begin, int(text.starts[last] + text.lengths[last]) - begin
        document = self._chunk[self._block.owners[owner]].id
        return Evidence(document, self._places[owner].passage(start, end, _PASSAGE))


def runs(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last word of every unbroken run of words at which n-grams of items start."""
    starts = np.flatnonzero(at != NONE)
    breaks = np.flatnonzero(np.diff(starts) != 1)
    return starts[np.concatenate(([0], breaks + 1))[: len(starts)]], starts[np.append(breaks, -1)[: len(starts)]]


def _firsts(at: np.ndarray, quote: _Quote) -> tuple[np.ndarray, np.ndarray, tuple[Evidence, ...]]:
    """The 8-grams found, and the run in which each is found first."""
    starts = np.flatnonzero(at != NONE)
    grams, firsts = np.unique(at[starts], return_index=True)
    begins, ends = runs(at)
    kept, seen = np.unique(np.searchsorted(begins, starts[firsts], side="right") - 1, return_inverse=True)
    evidence = tuple(
        quote(first, last + 7) for first, last in zip(begins[kept].tolist(), ends[kept].tolist(), strict=True)
    )
    return grams, seen.astype(np.int32), evidence


def _best(
    shared: Sequence[Shared], at: np.ndarray, quote: _Quote
) -> tuple[np.ndarray, np.ndarray, tuple[Evidence, ...]]:
    """For every item the largest share of its weight that a text has, and the run around its rarest 5-gram there."""
    if not shared:
        return np.empty(0, np.int32), np.empty(0), ()
    items, shares = np.concatenate([s.items for s in shared]), np.concatenate([s.shares for s in shared])
    best = largest(items, shares)
    begins, ends = runs(at)
    rarest = np.concatenate([s.words for s in shared])[best]
    run = np.searchsorted(begins, rarest, side="right") - 1
    places = tuple(
        quote(first, last + FIVE - 1) for first, last in zip(begins[run].tolist(), ends[run].tolist(), strict=True)
    )
    return items[best].astype(np.int32), shares[best], places


def _present(at: np.ndarray) -> np.ndarray:
    return distinct(at[at != NONE])


def _pairs(documents: np.ndarray, at: np.ndarray) -> np.ndarray:
    starts = np.flatnonzero(at != NONE)
    return distinct(documents[starts] << 32 | at[starts])


def _weighted(shared: Sequence[Shared], owners: Sequence[int]) -> np.ndarray:
    pairs = [np.array(owners, np.int64)[s.texts] << 32 | s.items for s in shared if len(s.texts)]
    over = [s.shares >= THRESHOLD for s in shared if len(s.texts)]
    return np.concatenate([np.empty(0, np.int64), *(p[o] for p, o in zip(pairs, over, strict=True))])


def _hits(index: ItemIndex, chunk: Sequence[Document], tallies: Sequence[_Tally]) -> Iterator[DocumentOverlap]:
    """The documents that share something, from all blocks together, since a long one lies in several."""
    eights = distinct(np.concatenate([t.eights for t in tallies]))
    thirteens = distinct(np.concatenate([t.thirteens for t in tallies]))
    weighted = distinct(np.concatenate([t.weighted for t in tallies]))
    grams = thirteens & 0xFFFFFFFF
    counts = index.holds[grams + 1] - index.holds[grams]
    items = index.words.owners[index.holders[expanded(index.holds[grams], counts)]]
    held = distinct(np.repeat(thirteens >> 32, counts) << 32 | items)
    columns = [np.bincount(pairs >> 32, minlength=len(chunk)) for pairs in (eights, thirteens, held, weighted)]
    for k in np.flatnonzero(columns[0] + columns[3]).tolist():
        yield DocumentOverlap(chunk[k].id, chunk[k].domain, *(int(column[k]) for column in columns))
