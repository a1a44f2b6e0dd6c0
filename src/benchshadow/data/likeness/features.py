"""Texts as sparse rows of hashed word counts, what classifiers and embeddings start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .buckets import bucketed, check_buckets
from .grams import grams

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["count_rows", "unit_rows"]


def count_rows(texts: Sequence[str], buckets: int, *, pairs: bool, marks: bool) -> csr_matrix:
    """Counts of hashed words by text and bucket, texts x buckets, float64.

    Args:
        texts: one row each; a text without words has an empty row.
        buckets: number of columns; words that meet in one are counted as one.
        pairs: also count pairs of words that follow each other.
        marks: also count runs of punctuation.
    """
    from scipy.sparse import csr_matrix

    check_buckets(buckets, "own")
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for block in grams(texts):
        words, doubles = bucketed(block, buckets)
        kept = slice(None) if marks else block.plain
        rows.append(block.word_owners[kept])
        columns.append(words[kept])
        if pairs:
            rows.append(block.pair_owners)
            columns.append(doubles)
    row, column = np.concatenate(rows), np.concatenate(columns)
    cells, number = np.unique(row * buckets + column, return_counts=True)
    starts = np.searchsorted(cells, np.arange(len(texts) + 1, dtype=np.int64) * buckets)
    return csr_matrix((number.astype(np.float64), cells % buckets, starts), shape=(len(texts), buckets))


def unit_rows(rows: csr_matrix) -> csr_matrix:
    """The rows divided by their Euclidean lengths; empty rows stay empty."""
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    scaled = rows.copy()
    scaled.data = rows.data / np.repeat(lengths, np.diff(rows.indptr))
    return scaled
