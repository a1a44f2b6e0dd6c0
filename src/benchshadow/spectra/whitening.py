"""A change weighed by the size of its rounding errors, so that quiet rows and columns are not drowned by loud ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from .lapack import add_gram, symmetric_eigenvalues
from .noise import gaps, oriented, type_for
from .source import MatrixSource
from .sums import Profile

__all__ = ["Weights", "Whitened", "top_pairs", "whitened"]

MOST_VECTORS = 96
"""Changes with more directions than this above the edge come without their vectors."""
_FIRST_VECTORS = 32
_STRONG = 4.0
# Of the edge: where the 32nd direction is as strong as that, many more are above it, and all values are computed.
_NOTHING = 1e-30
_SWEEPS = 3
_LEVEL = 0.1
_DENSE = 256
_CARRIED = 300.0
# Of s_1 over the edge, up to which squares in float32 place a value within half a percent of the edge.


@dataclass(frozen=True, eq=False)
class Weights:
    """Factors of the long and of the short side that bring the mean variance of the errors to one in every line.

    Attributes:
        long: square roots of the weights of the rows of the matrix set upright; zero where nothing was rounded.
        short: of its columns.
        unit: weight, by which the matrix is divided first.
    """

    long: Float64[np.ndarray, " l"]
    short: Float64[np.ndarray, " s"]
    unit: float

    def of(self, block: np.ndarray, place: slice) -> np.ndarray:
        """A block of the long side, weighed."""
        kind = block.dtype.type
        return block * (self.long[place, None] / self.unit).astype(kind) * self.short.astype(kind)

    def undone(self, block: np.ndarray, place: slice) -> np.ndarray:
        """The block that `of` weighed; zero where the weights are."""
        kind = block.dtype.type
        return block * (_inverse(self.long)[place, None] * self.unit).astype(kind) * _inverse(self.short).astype(kind)


@dataclass(frozen=True, eq=False)
class Whitened:
    """What a weighed change shows.

    Attributes:
        weights: of rows and columns.
        bound: largest singular value of the weighed errors, from above, without a margin.
        size: lines on the long and on the short side that were rounded at all.
        count: number of singular values of the weighed change above the edge.
        values: these, largest first, where they are few; else empty.
        vectors: their singular vectors on the short side as columns.
    """

    weights: Weights
    bound: float
    size: tuple[int, int]
    count: int
    values: Float64[np.ndarray, " r"]
    vectors: Float64[np.ndarray, "s r"]


def whitened(
    base: MatrixSource, tuned: MatrixSource, sides: str, profile: Profile, unit: float, margin: float
) -> Whitened:
    """Count the directions of a change after both its sides are weighed by the errors' inverse deviation.

    Weighing changes no rank, and it makes the errors' variance even over rows and columns, so that their largest
    singular value is sqrt m + sqrt n (Landa, Zhang & Kluger 2022, "biwhitening"; that it also brings out the signal:
    Leeb & Romanov 2021). The weights come from the profile and a sweep of Sinkhorn's algorithm, or two or three where
    the first one moves them by more than a tenth. Beyond what `places` gives at a time it holds one Gram matrix.

    Args:
        base: W0.
        tuned: W1.
        sides: "tuned" or "both".
        profile: row and column sums of the errors' variances, weight^2 once multiplied by `unit`^2.
        unit: weight.
        margin: factor on the bound above which a singular value is not noise.
    """
    kind = type_for(base, tuned)
    weights, size = _first(profile, base.shape, unit)
    for _ in range(_SWEEPS):
        weights, moved = _sweep(base, tuned, sides, weights, kind)
        if moved < _LEVEL:
            break
    gram, bound = _gram(base, tuned, sides, weights, kind)
    if np.trace(gram) > (_CARRIED * margin * bound) ** 2:
        gram, bound = _gram(base, tuned, sides, weights, "float64")
    values, vectors, count = top_pairs(gram, margin * bound)
    return Whitened(weights, bound, size, count, values, vectors)


def _first(profile: Profile, shape: tuple[int, int], unit: float) -> tuple[Weights, tuple[int, int]]:
    """Weights from the sums alone: right where the variances are products of a row's and a column's."""
    long, short = profile.rows, profile.columns
    if shape[0] < shape[1]:
        long, short = short, long
    mean = float(long.sum()) / (len(long) * len(short))
    lines = [np.sqrt(_inverse(sums / other / mean)) for sums, other in ((long, len(short)), (short, len(long)))]
    size = int(np.count_nonzero(long)), int(np.count_nonzero(short))
    return Weights(lines[0], lines[1], unit * float(np.sqrt(mean))), size


def _sweep(base: MatrixSource, tuned: MatrixSource, sides: str, weights: Weights, kind: str) -> tuple[Weights, float]:
    """One sweep of Sinkhorn's algorithm, in one pass; and by how much it moved the weights of the long side."""
    long, moved = weights.long.copy(), 0.0
    count_long, count_short = np.count_nonzero(weights.long), np.count_nonzero(weights.short)
    columns = np.zeros(len(weights.short))
    for place, before, after in oriented(base, tuned, kind):
        variances = _variances(before, after, (base.stored, tuned.stored), sides, weights.unit)
        sums = (variances @ weights.short.astype(kind) ** 2).astype(np.float64)
        here = np.sqrt(count_short * _inverse(sums))
        moved = max(moved, float(np.max(np.abs(here * _inverse(long[place]) - 1) * (here > 0), initial=0.0)))
        long[place] = here
        columns += (here.astype(kind) ** 2) @ variances
    return Weights(long, np.sqrt(count_long * _inverse(columns)), weights.unit), moved


def _gram(
    base: MatrixSource, tuned: MatrixSource, sides: str, weights: Weights, kind: str
) -> tuple[Float[np.ndarray, "s s"], float]:
    """Lower triangle of the Gram matrix of the weighed change, and the bound on the weighed errors."""
    gram = np.zeros((len(weights.short),) * 2, kind)
    largest, columns = 0.0, np.zeros(len(weights.short))
    for place, before, after in oriented(base, tuned, kind):
        variances = _variances(before, after, (base.stored, tuned.stored), sides, weights.unit)
        variances *= (weights.long[place, None] ** 2).astype(kind)
        variances *= (weights.short**2).astype(kind)
        largest = max(largest, float(variances.sum(axis=1, dtype=np.float64).max()))
        columns += variances.sum(axis=0, dtype=np.float64)
        after -= before
        add_gram(gram, weights.of(after, place), wide=False)
    return gram, float(np.sqrt(largest) + np.sqrt(columns.max()))


def _variances(before: np.ndarray, after: np.ndarray, types: tuple[str, str], sides: str, unit: float) -> np.ndarray:
    """Variance of every entry's rounding error, over unit^2."""
    found = np.zeros_like(after)
    for gap in gaps(before, after, types, sides, unit):
        gap *= gap
        found += gap
    found /= found.dtype.type(12)
    return found


def top_pairs(
    gram: Float[np.ndarray, "s s"], edge: float
) -> tuple[Float64[np.ndarray, " r"], Float64[np.ndarray, "s r"], int]:
    """Singular values above an edge, with vectors of the short side, from a Gram matrix; and how many there are.

    No values and vectors where there are more than `MOST_VECTORS`.

    Args:
        gram: lower triangle; used up.
        edge: in the unit of the singular values.
    """
    order = len(gram)
    for most in (_FIRST_VECTORS, MOST_VECTORS):
        values, vectors = _strongest(gram, most + 1)
        count = int(np.count_nonzero(values > edge))
        if count <= most:
            return values[:count].copy(), np.ascontiguousarray(vectors[:, :count]), count
        if values[most] > _STRONG * edge:
            break
    if order > _DENSE:
        values = np.sqrt(np.maximum(symmetric_eigenvalues(gram, overwrite=True), 0.0))
    return np.zeros(0), np.zeros((order, 0)), int(np.count_nonzero(values > edge))


def _strongest(gram: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """At least so many of the largest singular values, largest first, and their vectors; all of a small matrix."""
    if len(gram) <= _DENSE:
        values, vectors = np.linalg.eigh(gram.astype(np.float64))
    else:
        values, vectors = _krylov(gram, count)
    return np.sqrt(np.maximum(values[::-1], 0.0)), vectors[:, ::-1]


def _krylov(gram: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues and their vectors, by products with the lower triangle alone."""
    from scipy.linalg import blas
    from scipy.sparse.linalg import LinearOperator, eigsh

    multiply: Any = getattr(blas, "ssymv" if gram.dtype == np.float32 else "dsymv")
    form: Any = LinearOperator
    operator = form(gram.shape, matvec=lambda x: multiply(1.0, gram.T, x.astype(gram.dtype), lower=0), dtype=gram.dtype)
    start = np.random.default_rng(0).standard_normal(len(gram)).astype(gram.dtype)
    values, vectors = eigsh(operator, count, which="LA", v0=start, tol=1e-4)  # type: ignore[reportArgumentType]
    order = np.argsort(values)
    return values[order].astype(np.float64), vectors[:, order].astype(np.float64)


def _inverse(values: np.ndarray) -> np.ndarray:
    """1 / values, zero where they are zero or next to nothing beside the largest."""
    return np.divide(1.0, values, out=np.zeros(len(values)), where=values > _NOTHING * values.max(initial=0.0))
