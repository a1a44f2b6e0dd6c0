"""What a matrix tells without an eigensolver: its norm, and from its Gram matrix s_1 and the sum of s^4."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Moments", "fill_upper", "largest_eigenvalue", "moments_of_gram"]

_MOST_STEPS = 96
_CLOSE = 1e-6
_NOTHING = 1e-13
_CROWDED = 4.0
# The error in units of r^2 / gap was 2.5 at most, for 5 to 200 eigenvalues spaced evenly by 1e-7.
_TILE = 256


@dataclass(frozen=True)
class Moments:
    """Norms of one matrix. A `Spectrum` offers the same numbers under the same names.

    Attributes:
        shape: rows and columns.
        stored: type on disk.
        rounding_edge: no matrix of rounding errors of the stored type has a larger singular value, weight; None at
            level 0.
        method: how the numbers were computed.
        norm: Frobenius norm, weight.
        norm_error: bound on its error, weight.
        top: s_1, weight; None without a Gram matrix.
        top_error: bound on its error, weight.
        concentration: sum s^4 / (sum s^2)^2, the sum of the squared energies; None without a Gram matrix.
        concentration_error: bound on its error.
    """

    shape: tuple[int, int]
    stored: str
    rounding_edge: float | None
    method: str
    norm: float
    norm_error: float
    top: float | None = None
    top_error: float = 0.0
    concentration: float | None = None
    concentration_error: float = 0.0

    @property
    def level(self) -> int:
        """0 without a Gram matrix, 1 with one."""
        return 0 if self.top is None else 1

    @property
    def short(self) -> int:
        """How many singular values there are, min(m, n)."""
        return min(self.shape)

    @property
    def is_zero(self) -> bool:
        """Whether every entry is zero, so that ranks are undefined."""
        return self.norm == 0


def moments_of_gram(gram: np.ndarray) -> tuple[float, float, float, float]:
    """Trace, largest eigenvalue, a bound on that eigenvalue's error, and sum of squared eigenvalues of a Gram matrix.

    Sum lambda = tr G and sum lambda^2 = fro(G)^2 hold exactly; the largest eigenvalue is found by Lanczos steps.

    Args:
        gram: lower triangle, float32 or float64; the other triangle is filled in.
    """
    fill_upper(gram)
    trace = float(np.trace(gram, dtype=np.float64))
    top, error = largest_eigenvalue(gram)
    return trace, top, error, sum(float(np.dot(row, row)) for row in gram)


def fill_upper(matrix: np.ndarray) -> None:
    """Copy the lower triangle into the upper one, in place, a tile at a time."""
    for i in range(0, len(matrix), _TILE):
        rows = slice(i, i + _TILE)
        inner = np.tril(matrix[rows, rows])
        matrix[rows, rows] = inner + np.tril(inner, -1).T
        matrix[rows, i + _TILE :] = matrix[i + _TILE :, rows].T


def largest_eigenvalue(gram: np.ndarray) -> tuple[float, float]:
    """Largest eigenvalue of a symmetric matrix without negative ones, and a bound on how far it may lie above.

    Lanczos steps with full reorthogonalisation from a fixed direction, until the residual r of
    the Ritz pair is small: an eigenvalue lies within |r| of the Ritz value, and within r^2 / gap where it stands apart
    by a gap (Parlett 1998, ch. 11); that of the Ritz values is wider than the true one where eigenvalues crowd.
    """
    order = len(gram)
    steps = min(_MOST_STEPS, order)
    basis, projected = np.zeros((steps, order)), np.zeros((steps, steps))
    vector = np.random.default_rng(0).standard_normal(order)
    value, error = 0.0, float("inf")
    for step in range(steps):
        basis[step] = vector / np.linalg.norm(vector)
        product = (gram @ basis[step].astype(gram.dtype)).astype(np.float64)
        known = basis[: step + 1]
        projected[step, : step + 1] = projected[: step + 1, step] = known @ product
        vector = product - known.T @ projected[: step + 1, step]
        vector -= known.T @ (known @ vector)
        length = float(np.linalg.norm(vector))
        # What is left is rounding: the steps so far span everything that the first direction has a share in.
        ended = step == steps - 1 or length <= _NOTHING * np.linalg.norm(product)
        if ended or step % 4 == 3:
            ritz, inner = np.linalg.eigh(projected[: step + 1, : step + 1])
            value = float(ritz[-1])
            residual = length * float(abs(inner[-1, -1]))
            gap = value - float(ritz[-2]) if step else value
            error = min(residual, _CROWDED * residual**2 / gap) if gap > 0 else residual
            if ended or error <= _CLOSE * value:
                break
    return value, error
