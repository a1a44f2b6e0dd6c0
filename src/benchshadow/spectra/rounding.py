"""Null 1: what the rounding of the stored type alone would look like in the spectrum of a change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from .formats import ulp
from .source import MatrixSource
from .spectrum import ROUNDING_MARGIN, bound
from .streaming import Profile

__all__ = ["SIDES", "RoundingNull", "corrected_values", "largest_singular_value", "simulated_edge"]

SIDES = ("tuned", "both")
"""Which sides of a pair were rounded when they were stored."""
_DRAWS = 3
_EVEN = 0.2
# Row and column sums of the variance that vary by less (standard deviation over mean) leave the closed form of the edge
# true to half a percent: drawn at 128 x 384, 512 x 512 and 1024 x 2048, even with the whole variation in four columns.
_VERY_EVEN = 0.05
_NEAR = 1.05
_LANCZOS_STEPS = 24


@dataclass(frozen=True)
class RoundingNull:
    """What rounding explains of a change when the sides named were rounded.

    Attributes:
        sides: "tuned" (the base is exactly what was stored) or "both".
        deviation: sqrt v, root mean variance of an entry's rounding error, weight.
        norm: root of the expected squared Frobenius norm of the rounding errors, weight.
        edge: 1.02 times the largest singular value they reach, weight.
        even: whether the variance is even over rows and columns, which the closed forms need.
        share: share of the change's squared Frobenius norm that rounding explains, at most 1; None without a change.
        method: how the edge was found.
    """

    sides: str
    deviation: float
    norm: float
    edge: float
    even: bool
    share: float | None
    method: str

    @property
    def resolved(self) -> bool:
        """Whether rounding explains no more than half of the change's energy."""
        return self.share is not None and self.share <= 0.5

    @property
    def sentence(self) -> str:
        """The share in words, for the side assumed."""
        if self.share is None:
            return f"{self.sides} rounded: there is no change to resolve"
        verdict = "resolved" if self.resolved else "not resolved"
        return f"{verdict}: rounding ({self.sides}) explains {self.share:.0%} of the change's energy"


def rounding_null(
    sides: str,
    profile: Profile,
    scale: float,
    change: Float64[np.ndarray, " k"],
    change_norm: float,
    base: MatrixSource,
    tuned: MatrixSource,
    rng: np.random.Generator,
) -> RoundingNull:
    """The null for one declaration of the sides; simulated only where that can change what is counted.

    The closed form serves where the profile is even to 5%; the bound of Bandeira & van Handel where it lies within 5%
    of the closed form, or where no singular value of the change lies between the two, so that every edge between them
    counts the same.

    Args:
        sides: "tuned" or "both".
        profile: row and column sums of the variances of the sides' rounding errors, in units of scale^2.
        scale: weight.
        change: singular values of the change, weight.
        change_norm: Frobenius norm of the change, weight.
        base: read again only for a simulation.
        tuned: read again only for a simulation.
        rng: draws the rounding errors.
    """
    m, n = len(profile.rows), len(profile.columns)
    total = float(profile.rows.sum())
    closed = np.sqrt(total / (m * n)) * (np.sqrt(m) + np.sqrt(n))
    upper = bound(profile)
    edge, method = ROUNDING_MARGIN * upper * scale, "bound (Bandeira & van Handel 2016)"
    if _is_even(profile, _VERY_EVEN):
        edge, method = ROUNDING_MARGIN * closed * scale, "closed form, even profile"
    elif upper > _NEAR * closed and np.any((change > 0.95 * closed * scale) & (change <= edge)):
        edge = ROUNDING_MARGIN * simulated_edge(base, tuned, sides, rng=rng)
        method = f"largest of {_DRAWS} simulated matrices of rounding errors"
    norm = float(np.sqrt(total)) * scale
    share = None if change_norm == 0 else min(1.0, min(norm / change_norm, 1.0) ** 2)
    return RoundingNull(sides, norm / float(np.sqrt(m * n)), norm, float(edge), _is_even(profile, _EVEN), share, method)


def _is_even(profile: Profile, limit: float) -> bool:
    """Whether row sums and column sums of the variance vary by less than a limit (standard deviation over mean)."""
    return all(sums.std() < limit * sums.mean() for sums in (profile.rows, profile.columns) if sums.any())


def simulated_edge(base: MatrixSource, tuned: MatrixSource, sides: str, *, rng: np.random.Generator) -> float:
    """Largest singular value of three drawn matrices of rounding errors, weight.

    E = u1 ulp(W1) - [both] u0 ulp(W0), u uniform on (-1/2, 1/2). Drawn, not got by rounding again: stored values round
    back to themselves. Entries that are zero on both sides were not rounded.
    """
    after, before = tuned.rows(0, tuned.shape[0]), base.rows(0, base.shape[0])
    zero = (after == 0) & (before == 0)
    gaps = [ulp(after, tuned.stored)] + ([ulp(before, base.stored)] if sides == "both" else [])
    unit = max(float(gap.max()) for gap in gaps)
    gaps = [np.where(zero, 0, gap / unit).astype(np.float32) for gap in gaps]
    largest = 0.0
    for _ in range(_DRAWS):
        errors = sum((rng.random(gap.shape, dtype=np.float32) - np.float32(0.5)) * gap for gap in gaps)
        largest = max(largest, largest_singular_value(np.asarray(errors), rng=rng))
    return largest * unit


def largest_singular_value(matrix: Float[np.ndarray, "m n"], *, rng: np.random.Generator) -> float:
    """s_1 by Golub-Kahan-Lanczos bidiagonalisation from a random start, with full reorthogonalisation.

    Twenty-four steps find the edge of a noise spectrum of 1024 x 2048 to two parts in a thousand, from below; matrices
    with no more rows or columns are exact.
    """
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    short = matrix.shape[1]
    steps = min(_LANCZOS_STEPS, short)
    basis = np.zeros((steps, short))
    projected = np.zeros((steps, steps))
    vector = rng.standard_normal(short)
    for step in range(steps):
        vector -= basis[:step].T @ (basis[:step] @ vector)
        length = np.linalg.norm(vector)
        if length <= 1e-12:
            break
        basis[step] = vector / length
        start = basis[step].astype(matrix.dtype)
        vector = (matrix.T @ (matrix @ start)).astype(np.float64)
        projected[step, : step + 1] = projected[: step + 1, step] = basis[: step + 1] @ vector
        vector -= basis[: step + 1].T @ projected[: step + 1, step]
    return float(np.sqrt(max(np.linalg.eigvalsh(projected)[-1], 0.0)))


def corrected_values(
    values: Float64[np.ndarray, " r"], shape: tuple[int, int], deviation: float
) -> Float64[np.ndarray, " r"]:
    """Singular values of the signal under even noise, from those of signal and noise together, weight.

    x^2 = (y^2 - (m + n) v + sqrt((y^2 - (m + n) v)^2 - 4 m n v^2)) / 2 (Benaych-Georges & Nadakuditi 2012), v the
    square of the noise's standard deviation; zero at or below the edge of the noise.
    """
    m, n = shape
    if deviation == 0:
        return values.copy()
    y = values / deviation
    shifted = np.maximum(y**2 - (m + n), 0.0)
    root = np.sqrt(np.maximum(shifted**2 - 4.0 * m * n, 0.0))
    above = y > np.sqrt(m) + np.sqrt(n)
    return np.where(above, np.sqrt((shifted + root) / 2), 0.0) * deviation
