"""An embedding of texts that needs no model: weighted word counts, reduced to a few hundred dimensions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from benchshadow.data.likeness.features import count_rows, unit_rows
from benchshadow.data.likeness.sampling import evenly_sampled
from benchshadow.errors import InputError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Embedding", "fit_embedding"]

BUCKETS = 2**16
"""Buckets of hashed words."""
_SWEEPS = 7
"""Power iterations of the randomised decomposition (Halko, Martinsson & Tropp 2011)."""


@dataclass(frozen=True)
class Embedding:
    """TF-IDF of hashed words, projected on the strongest directions of the texts it was fitted on.

    Attributes:
        weights: inverse document frequency by bucket, 1 + ln((1 + n) / (1 + texts with it)); zero where never met.
        directions: right singular vectors, buckets x dimensions.
        texts: number of texts it was fitted on.
        kept: share of the energy of the weighted counts that the dimensions hold.
    """

    weights: Float64[np.ndarray, " buckets"] = field(repr=False)
    directions: Float64[np.ndarray, "buckets d"] = field(repr=False)
    texts: int
    kept: float

    @property
    def dimensions(self) -> int:
        """Number of dimensions, the most that any Vendi score of these rows can reach."""
        return self.directions.shape[1]

    @property
    def name(self) -> str:
        """What the result of a measure calls this embedding: kind, dimensions, and a hash of its numbers."""
        digest = hashlib.sha256(self.weights.tobytes() + np.float32(self.directions).tobytes()).hexdigest()
        return f"tf-idf-svd-{self.dimensions}-{digest[:8]}"

    def __call__(self, texts: Sequence[str]) -> Float64[np.ndarray, "n d"]:
        """Rows of unit length, one per text; a text of which no word was met in fitting has a row of zeros."""
        rows = np.asarray(_weighted(texts, self.weights) @ self.directions)
        lengths = np.linalg.norm(rows, axis=1)
        return rows / np.where(lengths > 0, lengths, 1)[:, None]


def fit_embedding(
    texts: Iterable[str],
    *,
    dimensions: int = 256,
    most: int = 20_000,
    longest: int = 100_000,
    rng: np.random.Generator,
) -> Embedding:
    """TF-IDF of words (sublinear counts, hashed) and a truncated singular value decomposition.

    One embedding is fitted on the union of all corpora that are to be compared: fitted on one of them it would see
    differences inside that one only. Words in their order and words that mean the same are not seen.

    Args:
        texts: the union, each corpus as strong as it shall count.
        dimensions: at most; fewer where the texts span fewer.
        most: texts sampled from the stream.
        longest: characters kept of each text while fitting.
        rng: draws the sample and starts the decomposition.

    Raises:
        InputError: fewer than two texts hold words.
    """
    if dimensions < 1:
        raise InputError("dimensions", f"must be at least 1 but are {dimensions}")
    sample = evenly_sampled((text[:longest] for text in texts), most, rng=rng)
    met = np.diff(count_rows(sample, BUCKETS, pairs=False, marks=False).tocsc().indptr)
    weights = np.where(met > 0, 1 + np.log((1 + len(sample)) / (1 + met)), 0.0)
    rows = _weighted(sample, weights)
    filled = int(np.count_nonzero(np.diff(rows.indptr)))
    if filled < 2:
        raise InputError("an embedding", f"must be fitted on at least 2 texts with words but got {filled}")
    directions, kept = _decomposed(rows, min(dimensions, filled, int(np.count_nonzero(met))), rng)
    return Embedding(weights, directions, len(sample), kept)


def _weighted(texts: Sequence[str], weights: Float64[np.ndarray, " buckets"]) -> csr_matrix:
    """Rows of (1 + ln count) weight, of unit length."""
    rows = count_rows(texts, len(weights), pairs=False, marks=False)
    rows.data = (1 + np.log(rows.data)) * weights[rows.indices]
    rows.eliminate_zeros()
    return unit_rows(rows)


def _decomposed(
    rows: csr_matrix, most: int, rng: np.random.Generator
) -> tuple[Float64[np.ndarray, "buckets d"], float]:
    """Right singular vectors above the rounding of the largest, and their share of the energy; on one thread."""
    from sklearn.utils import extmath
    from threadpoolctl import threadpool_limits

    used = np.flatnonzero(np.diff(rows.tocsc().indptr))
    narrow = rows[:, used]
    seed = int(rng.integers(2**31))
    decompose: Any = extmath.randomized_svd
    with threadpool_limits(1):
        _, values, right = decompose(narrow, n_components=most, n_iter=_SWEEPS, random_state=seed)
    kept = values > values[0] * max(narrow.shape) * np.finfo(np.float64).eps
    directions = np.zeros((BUCKETS, int(kept.sum())))
    directions[used] = right[kept].T
    return directions, float(np.sum(values[kept] ** 2) / np.sum(rows.data**2))
