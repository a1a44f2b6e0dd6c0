"""Near-duplicates of a corpus: MinHash proposes pairs, exact Jaccard similarity decides, a sample tells the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np

from benchshadow.data.documents import Document, chunked
from benchshadow.errors import InputError

from .candidates import sharing
from .found import Duplicates, duplicates
from .gathered import gathered
from .recall import measured_recall
from .shelf import Shelf
from .shingles import CHUNK
from .sketch import Sketch, sketch
from .verified import verified

__all__ = ["InOrder", "checked_threshold", "near_duplicates"]


class InOrder(Protocol):
    """`map`, or what does the same on more processes: results in the order of the chunks."""

    def __call__(
        self, function: Callable[[Sequence[Document]], Sketch], chunks: Iterable[Sequence[Document]], /
    ) -> Iterable[Sketch]:
        """The function's results, in order."""
        ...


def near_duplicates(
    documents: Iterable[Document],
    *,
    rng: np.random.Generator,
    threshold: float = 0.8,
    sample: int = 500,
    reach: int = 200,
    mapped: InOrder = map,
) -> Duplicates:
    """Identical and similar documents of a corpus.

    Similar is a Jaccard similarity of at least the threshold between sets of 5-word shingles (after the normalisation
    for overlap, as 64-bit hashes). Candidates agree in one of 14 bands of 8 minima (Broder 1997); each is verified, so
    no pair is wrong, but some are missed: of those at .8 about 8%. A sample of documents is held against all others to
    measure how many. Shingles are words in their order: a paraphrase is not found.

    Memory grows by some 300 bytes per document; shingles beyond 128 MB go to a temporary file.

    Args:
        documents: read once, in order.
        rng: draws the sample, and nothing else: pairs do not depend on it.
        threshold: in (0, 1]. Much below .8, 14 bands of 8 miss most pairs.
        sample: documents to measure the recall with; 0 for none.
        reach: documents that share a key are compared with the next `reach` of them, so that a template of thousands
            of documents does not cost millions of comparisons; what is passed over is counted.
        mapped: an executor's ordered map, for more processes; the result is the same.
    """
    checked_threshold(threshold)
    with Shelf() as shelf:
        corpus = gathered(mapped(sketch, chunked(documents, CHUNK)), shelf)
        candidates = sharing(((keys, None) for keys in corpus.bands()), reach)
        pairs = verified(candidates.pairs, shelf, threshold)
        recall = measured_recall(pairs, shelf, threshold, sample=sample, rng=rng) if sample else None
    return duplicates(corpus, pairs, threshold, candidates.passed_over, recall)


def checked_threshold(threshold: float) -> None:
    """A similarity that sets of shingles can reach, or a sentence that says what is wrong with it."""
    if not 0 < threshold <= 1:
        raise InputError("threshold", f"must be in (0, 1] but is {threshold}")
