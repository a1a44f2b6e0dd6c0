"""Intruder dimensions: strong directions of a tuned matrix that resemble no direction of its base."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from .lapack import top_eigenvectors

__all__ = ["BELOW", "TOP", "Intruders", "RandomIntruders", "intruder_dimensions", "random_intruders"]

TOP = 10
"""Number of singular vectors of the tuned matrix that are looked at."""
BELOW = 0.5
"""Cosine below which two directions do not resemble each other."""
_SLACK = 1e-6
# What float64 vectors from a Gram matrix may lack of orthonormality; it only ever delays a verdict.
_FIRST = 32
_GAP = 2.6
# A vector whose singular value stands apart from its neighbours by g keeps a cosine above 1/2 with itself under any
# change of spectral norm below g / 2.6: in the dilation [[0, W], [W^T, 0]] the sine of its angle is at most
# d / (g - d) = .625 (Davis & Kahan 1970), and 2 sqrt(1 - .625^2) - 1 = .56.
_DENSE = 2048


@dataclass(frozen=True)
class Intruders:
    """The verdict on each of the top singular vectors of a tuned matrix, on one side.

    Attributes:
        intruding: whether its largest absolute cosine with every vector of the base is below the limit.
        needed: how many vectors of the base each verdict took.
        exhausted: whether all vectors of the base were looked at.
    """

    intruding: tuple[bool, ...]
    needed: tuple[int, ...]
    exhausted: bool

    @property
    def count(self) -> int:
        """Number of intruders."""
        return sum(self.intruding)


@dataclass(frozen=True)
class RandomIntruders:
    """What a random change of the same norm gives: mean counts on the left and on the right.

    Attributes:
        left: mean number of intruders among the top left singular vectors.
        right: among the right ones.
        draws: number of random changes; 0 where a bound proves that there are none.
        method: how they were found.
    """

    left: float
    right: float
    draws: int
    method: str


def intruder_dimensions(
    vectors: Float64[np.ndarray, "m r"],
    base_vectors: Callable[[int], Float64[np.ndarray, "m c"]],
    total: int,
    *,
    below: float = BELOW,
) -> Intruders:
    """Which of the top singular vectors of W1 resemble no singular vector of W0 (arXiv 2410.21228), certified.

    With coefficients c on the top K vectors of the base: max abs c >= limit is a resemblance; 1 - sum c^2 < limit^2
    proves that no other vector can be one; else K is doubled, to the last vector. The part of a vector outside the span
    of the base (its longer side, or a lower rank) is no cosine with a vector of it. The verdicts know single vectors:
    one that mixes five of the base evenly intrudes as one outside all of them does, and among equal singular values of
    the base the vectors, so the verdicts, are a matter of chance.

    Args:
        vectors: singular vectors of W1 as columns.
        base_vectors: gives the top `count` singular vectors of W0 of the same side as columns, fewer where its rank is
            lower.
        total: number of singular vectors of W0 on this side that belong to a singular value, min(m, n).
        below: limit of the cosine, in (0, 1).
    """
    r = vectors.shape[1]
    intruding, needed = np.zeros(r, bool), np.zeros(r, int)
    open_ones, asked, exhausted = np.arange(r), min(max(_FIRST, r), total), False
    while len(open_ones):
        basis = base_vectors(asked)
        exhausted = asked >= total or basis.shape[1] < asked
        cosines = np.abs(basis.T @ vectors[:, open_ones])
        alike = cosines.max(axis=0, initial=0.0) >= below
        left_over = np.sum(vectors[:, open_ones] ** 2, axis=0) - np.sum(cosines**2, axis=0)
        decided = alike | (left_over < below**2 - _SLACK) | exhausted
        intruding[open_ones[decided]] = ~alike[decided]
        needed[open_ones[decided]] = basis.shape[1]
        open_ones, asked = open_ones[~decided], min(2 * asked, total)
    return Intruders(tuple(map(bool, intruding)), tuple(map(int, needed)), exhausted)


def random_intruders(
    base_values: Float64[np.ndarray, " k"],
    shape: tuple[int, int],
    change_norm: float,
    *,
    rng: np.random.Generator,
    top: int = TOP,
    below: float = BELOW,
    draws: int = 4,
) -> RandomIntruders:
    """Mean number of intruders that a Gaussian change of the same Frobenius norm makes in the same base.

    Gaussian noise looks alike in all bases, so that W0 is replaced by the diagonal matrix of its singular values and
    the coordinates of the perturbed vectors are their cosines with the base's: the law is exact, only the mean over
    draws is not. Not drawn where the singular values stand so far apart that no change of this norm can make one. It
    is a null for size alone: a trained change is not Gaussian, and one along the base's directions makes fewer.

    A draw costs one noise matrix in float32 and about a hundred products with it: 4096 x 4096 takes seconds and 128 MB.

    Args:
        base_values: singular values of W0, all of them, largest first, weight.
        shape: of W0.
        change_norm: fro(D), weight.
        rng: draws the changes.
        top: number of vectors looked at.
        below: limit of the cosine, in (0, 1).
        draws: number of random changes.
    """
    sigma = change_norm / np.sqrt(float(shape[0]) * shape[1])
    k = min(shape)
    top = min(top, k)
    if below <= BELOW and _stands_apart(base_values, top, sigma * (np.sqrt(shape[0]) + np.sqrt(shape[1]) + 4)):
        return RandomIntruders(0.0, 0.0, 0, "none: a bound on how far a change of this norm turns the vectors")
    found = np.mean([_drawn(base_values, shape, sigma, top, below, rng) for _ in range(draws)], axis=0)
    method = f"mean of {draws} Gaussian changes of the diagonal matrix of singular values"
    return RandomIntruders(float(found[0]), float(found[1]), draws, method)


def _stands_apart(values: np.ndarray, top: int, spectral: float) -> bool:
    """Whether every gap down to the vector after the last looked at exceeds what the change can bridge."""
    gaps = values[:top] - np.append(values, 0.0)[1 : top + 1]
    return bool(gaps.min() > _GAP * spectral)


def _drawn(
    values: np.ndarray, shape: tuple[int, int], sigma: float, top: int, below: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Intruders on the left and on the right for one Gaussian change."""
    k = len(values)
    rank = int(np.count_nonzero(values > values[0] * max(shape) * np.finfo(np.float64).eps))
    unit = max(float(values[0]), float(sigma)) or 1.0
    whole = rng.standard_normal(shape, dtype=np.float32)
    whole *= np.float32(sigma / unit)
    whole[np.arange(k), np.arange(k)] += (values / unit).astype(np.float32)
    left, right = _top_vectors(whole, top, rng)
    counts = [np.count_nonzero(np.abs(each[:rank]).max(axis=0, initial=0.0) < below) for each in (left, right)]
    return int(counts[0]), int(counts[1])


def _top_vectors(matrix: np.ndarray, top: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The top left and right singular vectors as columns."""
    if min(matrix.shape) <= _DENSE:
        wide = matrix.shape[0] < matrix.shape[1]
        tall = (matrix.T if wide else matrix).astype(np.float64)
        eigenvalues, short = top_eigenvectors(tall.T @ tall, top)
        long = tall @ short / np.sqrt(np.maximum(eigenvalues, np.finfo(np.float64).tiny))
        return (short, long) if wide else (long, short)
    from scipy.sparse.linalg import svds

    start: np.ndarray = rng.standard_normal(min(matrix.shape)).astype(np.float32)
    found: tuple[np.ndarray, ...] = svds(matrix, top, v0=start, tol=1e-4)  # type: ignore[assignment,arg-type]
    return found[0], found[2].T
