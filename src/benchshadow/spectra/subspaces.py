"""How two sets of directions lie to each other: angles, overlaps, and what random directions would give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

__all__ = [
    "ChangeOverlap",
    "Overlap",
    "change_overlap",
    "principal_angles",
    "principal_overlap",
    "random_angles",
    "subspace_overlap",
]

_DRAWS = 400


@dataclass(frozen=True)
class Overlap:
    """A share or a cosine, beside its law for random directions.

    Attributes:
        value: as measured.
        expected: mean for directions drawn evenly from the sphere; exact.
        deviation: standard deviation of the same; exact.
    """

    value: float
    expected: float
    deviation: float


@dataclass(frozen=True)
class ChangeOverlap:
    """How much two changes of one matrix have in common, from the strongest directions of each.

    Attributes:
        left: overlap of the left singular subspaces, every direction counted alike, in [0, 1].
        right: of the right ones.
        left_energy: cosine between D1 D1^T and D2 D2^T: directions counted by their energy, signs left out, in [0, 1].
        right_energy: cosine between D1^T D1 and D2^T D2.
        cosine: <D1, D2> / (fro(D1) fro(D2)), in [-1, 1]; expected 0.
    """

    left: Overlap
    right: Overlap
    left_energy: Overlap
    right_energy: Overlap
    cosine: Overlap


def principal_angles(
    first: Float64[np.ndarray, "m p"], second: Float64[np.ndarray, "m q"]
) -> Float64[np.ndarray, " r"]:
    """Angles between two subspaces, smallest first, radians, r = min(p, q).

    Those above 45 degrees from their cosines, those below from their sines, which alone tell small ones apart (Björck &
    Golub 1973). They do not tell which vector turned into which, and mean little where the singular values on both
    sides of the cut are close: there the subspace itself is a matter of chance.

    Args:
        first: independent columns; only what they span counts.
        second: of the same length.

    Raises:
        InputError: more columns than rows.
    """
    one, other = _basis(first), _basis(second)
    if one.shape[1] < other.shape[1]:
        one, other = other, one
    products = one.T @ other
    cosines = np.linalg.svd(products, compute_uv=False)
    sines = np.linalg.svd(other - one @ products, compute_uv=False)[::-1]
    small = np.arcsin(np.minimum(sines, 1.0))
    large = np.arccos(np.minimum(cosines, 1.0))
    return np.where(cosines**2 >= 0.5, small, large)


@lru_cache(maxsize=256)
def random_angles(size: int, first: int, second: int) -> Float64[np.ndarray, " r"]:
    """Mean of each principal angle between random subspaces of a space, smallest first, radians.

    The mean of 400 draws with a fixed seed: its standard error is a twentieth of the spread of an angle. Only what the
    angles depend on is drawn: one subspace is fixed, and of the other the part inside it and the Wishart matrix of the
    part outside, so the cost does not grow with the space.

    Args:
        size: dimensions of the space.
        first: dimensions of one subspace.
        second: dimensions of the other.
    """
    rng = np.random.default_rng(0)
    large, small = max(first, second), min(first, second)
    total = np.zeros(small)
    for _ in range(_DRAWS):
        inside = rng.standard_normal((large, small))
        outside = _triangle(size - large, small, rng)
        triangle = np.asarray(np.linalg.qr(np.vstack([inside, outside]), mode="r"))
        cosines = np.linalg.svd(np.linalg.solve(triangle.T, inside.T), compute_uv=False)
        total += np.arccos(np.minimum(cosines, 1.0))
    mean = total / _DRAWS
    mean.setflags(write=False)
    return mean


def _triangle(rows: int, columns: int, rng: np.random.Generator) -> np.ndarray:
    """A matrix whose Gram matrix has the law of that of rows x columns Gaussian noise (Bartlett 1933)."""
    if rows < columns:
        return rng.standard_normal((rows, columns))
    upper = np.triu(rng.standard_normal((columns, columns)), 1)
    np.fill_diagonal(upper, np.sqrt(rng.chisquare(rows - np.arange(columns))))
    return upper


def subspace_overlap(first: Float64[np.ndarray, "m p"], second: Float64[np.ndarray, "m q"]) -> Overlap:
    """Mean squared cosine of the principal angles, fro(U^T V)^2 / min(p, q).

    1 where one subspace holds the other, 0 where they are perpendicular, max(p, q) / m at random. It does not tell how
    the agreement is spread over the angles.

    Args:
        first: independent columns; only what they span counts.
        second: of the same length.

    Raises:
        InputError: more columns than rows.
    """
    one, other = _basis(first), _basis(second)
    (m, p), q = one.shape, other.shape[1]
    value = float(np.linalg.norm(one.T @ other)) ** 2 / min(p, q)
    mean, deviation = _trace_law(m, np.ones(p), np.ones(q))
    return Overlap(min(value, 1.0), mean / min(p, q), deviation / min(p, q))


def principal_overlap(
    projected: Float64[np.ndarray, "p q"], change_norm: float, shape: tuple[int, int]
) -> Overlap | None:
    """fro(U0^T D V0)^2 / fro(D)^2: share of a change that maps the base's strongest inputs to its strongest outputs.

    A random change of any norm has p q / (m n) there: its share follows a beta law. None without a change. A share near
    the expectation does not tell that the change avoids the base's directions, nor one above it that it follows them
    one by one: which of the p x q pairings is used is left out (arXiv 2511.08567).

    Args:
        projected: U0^T D V0, weight.
        change_norm: fro(D), weight.
        shape: of D.
    """
    if change_norm == 0:
        return None
    part, whole = float(projected.size), float(shape[0]) * shape[1]
    share = float(np.linalg.norm(projected / change_norm)) ** 2
    deviation = np.sqrt(2 * part * (whole - part) / (whole + 2)) / whole
    return Overlap(min(share, 1.0), part / whole, float(deviation))


def change_overlap(
    first: tuple[Float64[np.ndarray, " p"], Float64[np.ndarray, "m p"], Float64[np.ndarray, "n p"]],
    second: tuple[Float64[np.ndarray, " q"], Float64[np.ndarray, "m q"], Float64[np.ndarray, "n q"]],
) -> ChangeOverlap:
    """Overlaps of two changes of one matrix, arm against arm or seed against seed, from their strongest directions.

    No number moves with the signs of the vectors or with a rotation among equal singular values inside what was kept.
    The random baseline turns each change by rotations of its own and leaves its singular values. The numbers know only
    the directions kept: they do not tell of the rest of either change, and where both are mostly the rest (rounding,
    noise) they are of the noise. A cosine of zero with energies near one means equal directions paired otherwise, or
    signs that cancel.

    Args:
        first: singular values, left and right singular vectors (as columns, orthonormal) of one change.
        second: of the other.

    Raises:
        InputError: a change has no direction above zero.
    """
    for values in (first[0], second[0]):
        if not np.any(values > 0):
            raise InputError("change_overlap", "needs a singular value above zero on both sides")
    s, t = first[0] / first[0].max(), second[0] / second[0].max()
    left, right = first[1].T @ second[1], first[2].T @ second[2]
    m, n = first[1].shape[0], first[2].shape[0]
    cosine = float(np.sum(np.outer(s, t) * left * right) / (np.linalg.norm(s) * np.linalg.norm(t)))
    return ChangeOverlap(
        subspace_overlap(first[1][:, s > 0], second[1][:, t > 0]),
        subspace_overlap(first[2][:, s > 0], second[2][:, t > 0]),
        _energy_overlap(left, s**2, t**2, m),
        _energy_overlap(right, s**2, t**2, n),
        Overlap(float(np.clip(cosine, -1.0, 1.0)), 0.0, float(1 / np.sqrt(float(m) * n))),
    )


def _energy_overlap(products: np.ndarray, first: np.ndarray, second: np.ndarray, size: int) -> Overlap:
    """Cosine of two matrices with these eigenvalues: sum e_i f_j <u_i, v_j>^2 over the norms of e and f."""
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    mean, deviation = _trace_law(size, first, second)
    value = float(first @ products**2 @ second) / norms
    return Overlap(min(value, 1.0), mean / norms, deviation / norms)


def _trace_law(size: int, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of tr(A Q B Q^T) over random rotations Q, from the eigenvalues other than zero.

    mean = tr A tr B / m; variance = 2 a b / ((m - 1)(m + 2)), a = tr A^2 - (tr A)^2 / m and b alike: the traceless
    parts of A and B turn in one irreducible representation of O(m), of dimension (m - 1)(m + 2) / 2.
    """
    mean = float(first.sum() * second.sum()) / size
    if size == 1:
        return mean, 0.0
    spread = [max(float(np.sum(each**2) - each.sum() ** 2 / size), 0.0) for each in (first, second)]
    return mean, float(np.sqrt(2 * spread[0] * spread[1] / ((size - 1.0) * (size + 2.0))))


def _basis(vectors: np.ndarray) -> np.ndarray:
    """An orthonormal basis of what the columns span."""
    rows, columns = vectors.shape
    if not 1 <= columns <= rows:
        raise InputError("subspace", f"must have between 1 and {rows} columns in {rows} dimensions but has {columns}")
    return np.linalg.qr(vectors)[0]
