"""A sketch: what the search for near-duplicates keeps of a chunk of documents, made by any process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchshadow.data.documents import Document

from .minhash import band_keys
from .shingles import Shingles, shingle

__all__ = ["Sketch", "sketch"]


@dataclass(frozen=True)
class Sketch:
    """A chunk's part of the search.

    Attributes:
        shingles: of its documents.
        keys: uint64 of bands x documents with five words or more; no bands where the search is exhaustive.
    """

    shingles: Shingles
    keys: np.ndarray


def sketch(documents: Sequence[Document]) -> Sketch:
    """Shingles and the keys of 14 bands."""
    shingles = shingle(documents)
    counts = np.diff(shingles.bounds)
    bounds = np.concatenate([[0], np.cumsum(counts[counts > 0])])
    return Sketch(shingles, band_keys(shingles.hashes, bounds))
