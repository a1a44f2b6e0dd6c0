"""All similar pairs among some thousand documents, none missed: for tiers of benchmarks that must not share items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from benchshadow.data.documents import Document, chunked

from .candidates import sharing
from .found import Duplicates, duplicates
from .gathered import gathered
from .near import checked_threshold
from .shelf import Shelf
from .shingles import CHUNK, shingle
from .sketch import Sketch
from .verified import verified

__all__ = ["exact_pairs"]


def exact_pairs(items: Iterable[Document], *, threshold: float = 0.8) -> Duplicates:
    """Identical and similar documents, by exhaustive search.

    The same similarity as in `near_duplicates`, without MinHash and without loss. Two sets with a Jaccard similarity
    of t share at least ceil(t n) of the n shingles of either, so they meet among the n - ceil(t n) + 1 rarest of each
    (prefix filter, Bayardo, Ma & Srikant 2007); all pairs that meet are verified. It takes seconds for 20,000 items,
    and much longer where thousands of them differ from one template in a few words.

    Args:
        items: read once, in order; all their shingles are held in memory.
        threshold: in (0, 1].
    """
    checked_threshold(threshold)
    with Shelf() as shelf:
        corpus = gathered(_sketches(items), shelf)
        candidates = sharing([_prefixes(shelf, threshold)], None)
        pairs = verified(candidates.pairs, shelf, threshold)
    return duplicates(corpus, pairs, threshold, 0, None)


def _sketches(items: Iterable[Document]) -> Iterator[Sketch]:
    for chunk in chunked(items, CHUNK):
        shingles = shingle(chunk)
        yield Sketch(shingles, np.zeros((0, int(np.count_nonzero(np.diff(shingles.bounds)))), dtype=np.uint64))


def _prefixes(shelf: Shelf, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """The rarest shingles of every document, and the document of each."""
    sets = list(shelf.sets(range(len(shelf.bounds) - 1)).values())
    if not sets:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    sizes = np.array([len(each) for each in sets])
    owners = np.repeat(np.arange(len(sets)), sizes)
    hashes = np.concatenate(sets)
    _, places, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    # All documents must rank equally common shingles alike; by their place among all they do.
    order = np.lexsort((places, counts[places], owners))
    rank = np.arange(len(hashes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # A share that is whole on paper must not be rounded up by its last bit.
    needed = np.ceil(threshold * sizes - 1e-9)
    kept = order[rank <= np.repeat(sizes - needed, sizes)]
    return hashes[kept], owners[kept]
