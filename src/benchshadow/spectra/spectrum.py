"""The waist: a matrix of any size and origin becomes its singular values, and how far these can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import TensorRefused

from . import engines, marchenko_pastur, tails
from .source import MatrixSource
from .streaming import Profile, blocks, named, scales, stream

__all__ = ["ROUNDING_MARGIN", "Spectrum"]

ROUNDING_MARGIN = 1.02
"""Factor on the largest singular value of rounding noise above which a value is not noise; see `rounding`."""
_EPS = float(np.finfo(np.float64).eps)
# The ranks are promised to 1e-5; the estimate that decides has a factor three to spare.
_ALLOWED = 3e-6
_TINY = 4096


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The singular values of one matrix.

    Attributes:
        values: largest first, in the unit of the weights, k = min(m, n) of them.
        shape: rows and columns, m x n.
        stored: type on disk.
        rounding_edge: no matrix of rounding errors of the stored type has a larger singular value, weight; for a change
            that of the pair it is the change of.
        floor: absolute error below which a computed value is not told from zero, weight: s_1 sqrt(max(m, n) eps) where
            the values come from a Gram matrix, s_1 max(m, n) eps where they come from the matrix.
        method: how they were computed, "gram eigvalsh float64 torch".
    """

    values: Float64[np.ndarray, " k"]
    shape: tuple[int, int]
    stored: str
    rounding_edge: float
    floor: float
    method: str

    @classmethod
    def of(cls, source: MatrixSource, *, engine: str | None = None) -> Spectrum:
        """Singular values of a matrix, read once in blocks.

        Args:
            source: the matrix.
            engine: "torch" or "numpy"; by default torch where it is installed.

        Raises:
            TensorRefused: the matrix is empty, or holds NaN or infinite entries.
        """
        shape, engine = checked_shape(source), engines.choose(engine)
        scale = scales([source], shape)
        done = stream([source], ["tuned"], scale)
        edge = ROUNDING_MARGIN * bound(done.profiles["tuned"]) * scale["tuned"]
        again = lambda: (parts[0] / scale["tuned"] for _, parts in blocks([source], shape))  # noqa: E731
        return from_gram(done.grams["tuned"], again, shape, source.stored, edge, scale["tuned"], engine)

    @cached_property
    def is_zero(self) -> bool:
        """Whether every singular value is zero, so that ranks are undefined."""
        return not bool(self.values[0] > 0)

    @cached_property
    def norm(self) -> float:
        """Frobenius norm, weight."""
        top = float(self.values[0]) or 1.0
        return top * float(np.linalg.norm(self.values / top))

    @cached_property
    def shares(self) -> Float64[np.ndarray, " k"]:
        """p_i = s_i / sum s."""
        relative = self.values / self.values[0]
        return relative / relative.sum()

    @cached_property
    def energies(self) -> Float64[np.ndarray, " k"]:
        """e_i = s_i^2 / sum s^2."""
        relative = (self.values / self.values[0]) ** 2
        return relative / relative.sum()

    @cached_property
    def errors(self) -> Float64[np.ndarray, " k"]:
        """Bound on the absolute error of each value, weight.

        From a Gram matrix min(sqrt d, d / 2 s_i) with d = 2 sqrt(max(m, n)) eps s_1^2, the error of an eigenvalue:
        three times the largest seen up to 1500 x 1500; from the matrix itself the floor.
        """
        if not self.method.startswith("gram") or self.is_zero:
            return np.full(len(self.values), self.floor)
        relative = self.values / self.values[0]
        error = 2 * np.sqrt(max(self.shape)) * _EPS
        return np.minimum(np.sqrt(error), error / (2 * np.maximum(relative, _EPS))) * self.values[0]

    @cached_property
    def tail(self) -> tails.TailFit | None:
        """Power law fitted to the eigenvalues s^2 / s_1^2 above the floor."""
        kept = self.values[self.values > self.floor]
        return tails.fit_tail((kept / self.values[0]) ** 2) if len(kept) else None

    @cached_property
    def bulk(self) -> marchenko_pastur.BulkFit | None:
        """Marchenko-Pastur bulk fitted to the values."""
        return marchenko_pastur.fit_bulk(self.values, self.shape, self.floor)


def checked_shape(source: MatrixSource) -> tuple[int, int]:
    """The shape of a source; an empty matrix is refused."""
    m, n = source.shape
    if m < 1 or n < 1:
        raise TensorRefused(named(source), f"must have at least one entry but is {m} x {n}")
    return int(m), int(n)


def bound(profile: Profile) -> float:
    """Largest singular value of noise with this profile of variances, from above.

    max_i sqrt(sum_j v_ij) + max_j sqrt(sum_i v_ij) (Bandeira & van Handel 2016, leading terms); for an even profile it
    is sqrt(v) (sqrt m + sqrt n).
    """
    return float(np.sqrt(profile.rows.max()) + np.sqrt(profile.columns.max()))


def from_gram(
    gram: np.ndarray,
    again: Callable[[], Iterator[np.ndarray]],
    shape: tuple[int, int],
    stored: str,
    rounding_edge: float,
    scale: float,
    engine: str,
) -> Spectrum:
    """Spectrum from a Gram matrix; from the blocks themselves where the squares cost too much accuracy.

    Args:
        gram: lower triangle of the Gram matrix of the matrix divided by `scale`.
        again: gives the blocks of the scaled matrix once more.
        shape: of the matrix.
        stored: type on disk.
        rounding_edge: weight.
        scale: weight.
        engine: "torch" or "numpy".
    """
    long, short = max(shape), min(shape)
    if not gram.diagonal().any():
        return Spectrum(np.zeros(short), shape, stored, rounding_edge, 0.0, "zero")
    if short * long > _TINY:
        eigenvalues = engines.gram_eigenvalues(gram, engine)[::-1]
        values = np.sqrt(np.maximum(eigenvalues, 0.0))
        if _entropy_error(values) < _ALLOWED:
            floor = float(values[0] * np.sqrt(long * _EPS) * scale)
            return Spectrum(values * scale, shape, stored, rounding_edge, floor, f"gram eigvalsh float64 {engine}")
    values = _stable_values(again, shape, engine)
    floor = float(values[0] * long * _EPS * scale)
    return Spectrum(values * scale, shape, stored, rounding_edge, floor, f"qr svdvals float64 {engine}")


def _entropy_error(values: np.ndarray) -> float:
    """Estimated relative error of the entropy rank of values from a Gram matrix, first order.

    Of the numbers we report it suffers most from small values, known to about eps s_1^2 / 2 s_i from a Gram matrix: the
    small eigenvalues of changes of rank 8 on noise of 1e-5 to 1e-8 s_1, from 300 x 200 to 1500 x 1500, were off by 0.1
    to 3 eps s_1^2, and the rank by a hundredth of this estimate, in which errors of either sign add up.
    """
    relative = values / values[0]
    slack = np.minimum(np.sqrt(_EPS), _EPS / (2 * np.maximum(relative, _EPS)))
    total = relative.sum()
    logs = np.log(np.maximum(relative, slack) / total)
    entropy = -np.sum(relative / total * logs)
    return float(np.sum(np.abs(logs + entropy) * slack) / total)


def _stable_values(again: Callable[[], Iterator[np.ndarray]], shape: tuple[int, int], engine: str) -> np.ndarray:
    """Singular values by QR of the blocks, stacked on the triangle so far until they are three times k high."""
    wide, short = shape[0] < shape[1], min(shape)
    stack: list[np.ndarray] = []
    for block in again():
        stack.append(np.asarray(block.T if wide else block, np.float64))
        if sum(map(len, stack)) >= 3 * short:
            stack = [np.asarray(np.linalg.qr(np.vstack(stack), mode="r"))]
    return engines.singular_values(np.vstack(stack), engine)
