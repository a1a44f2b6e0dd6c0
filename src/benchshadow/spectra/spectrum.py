"""The waist: a matrix of any size and origin becomes its singular values, and how far these can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float64

from . import engines, marchenko_pastur, precision, tails
from .moments import Moments, moments_of_gram
from .passes import again, checked_shape, float64_gram, own_edge, passed
from .source import MatrixSource, at_hand
from .streaming import scales
from .sums import Pass

__all__ = ["Spectrum", "matrix_of", "reduced"]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The singular values of one matrix.

    Attributes:
        values: largest first, in the unit of the weights, k = min(m, n) of them.
        shape: rows and columns, m x n.
        stored: type on disk.
        rounding_edge: no matrix of rounding errors of the stored type has a larger singular value, weight; for a change
            that of the pair it is the change of.
        floor: absolute error below which a computed value is not told from zero, weight.
        method: how they were computed, "gram float32, lapack".
    """

    values: Float64[np.ndarray, " k"]
    shape: tuple[int, int]
    stored: str
    rounding_edge: float
    floor: float
    method: str

    @classmethod
    def of(cls, source: MatrixSource, *, device: str = engines.HOST) -> Spectrum:
        """Singular values of a matrix, read once in blocks, or twice where float32 does not do.

        Args:
            source: the matrix.
            device: "cpu", or a torch device.

        Raises:
            TensorRefused: the matrix is empty, or holds NaN or infinite entries.
            InputError: the device is not there.
        """
        found = matrix_of(source, level=2, device=device)
        assert isinstance(found, Spectrum), "level 2 gives a spectrum"
        return found

    @property
    def level(self) -> int:
        """2: all singular values."""
        return 2

    @property
    def short(self) -> int:
        """How many singular values there are, min(m, n)."""
        return len(self.values)

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
    def norm_error(self) -> float:
        """Bound on the error of the norm, weight."""
        return float(np.sum(self.values / (self.norm or 1.0) * self.errors))

    @property
    def top(self) -> float:
        """s_1, weight."""
        return float(self.values[0])

    @property
    def top_error(self) -> float:
        """Bound on the error of s_1, weight."""
        return float(self.errors[0])

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
    def energy_errors(self) -> Float64[np.ndarray, " k"]:
        """First-order bound on the error of each energy, from the errors of the values."""
        values, errors = self.values / self.values[0], self.errors / self.values[0]
        raw = errors * (2 * values + errors) / np.sum(values**2)
        return raw + self.energies * raw.sum()

    @cached_property
    def concentration(self) -> float:
        """Sum of the squared energies."""
        return float(np.sum(self.energies**2))

    @cached_property
    def concentration_error(self) -> float:
        """First-order bound on the error of the concentration."""
        return float(2 * np.sum(self.energies * self.energy_errors))

    @cached_property
    def errors(self) -> Float64[np.ndarray, " k"]:
        """Bound on the absolute error of each value, weight; see `precision`."""
        if not self.method.startswith("gram") or self.is_zero:
            return np.full(len(self.values), self.floor)
        kind = "float32" if "float32" in self.method else "float64"
        relative = precision.value_errors(self.values / self.values[0], self.shape, kind)
        return relative * self.values[0]

    @cached_property
    def tail(self) -> tails.TailFit | None:
        """Power law fitted to the eigenvalues s^2 / s_1^2 above the floor."""
        kept = self.values[self.values > self.floor]
        return tails.fit_tail((kept / self.values[0]) ** 2) if len(kept) else None

    @cached_property
    def bulk(self) -> marchenko_pastur.BulkFit | None:
        """Marchenko-Pastur bulk fitted to the values."""
        return marchenko_pastur.fit_bulk(self.values, self.shape, self.floor)


def matrix_of(source: MatrixSource, *, level: int = 2, device: str = engines.HOST) -> Spectrum | Moments:
    """A matrix at a level: 0 its norm, 1 its Gram matrix's moments too, 2 its singular values.

    Raises:
        TensorRefused: the matrix is empty, or holds NaN or infinite entries.
        InputError: the device is not there.
    """
    shape = checked_shape(source)
    engines.checked_device(device)
    source = at_hand(source)
    scale = scales([source], shape)
    done = passed([source], ["tuned"] if level else [], scale, level=level, device=device)
    return reduced("tuned", done, [source], own_edge("tuned", done), level, device)


def reduced(
    key: str, done: Pass, sources: list[MatrixSource], rounding_edge: float | None, level: int, device: str
) -> Spectrum | Moments:
    """What a level tells of base, tuned or change; computed again in float64 where float32 does not do.

    Args:
        key: "base", "tuned" or "change".
        done: the pass over the sources; its Gram matrix of this key is used up.
        sources: what was read, to read it again.
        rounding_edge: weight; None at level 0.
        level: 0, 1 or 2.
        device: where a Gram matrix is made again.
    """
    stored, scale = sources[0 if key == "base" else -1].stored, done.scale[key]
    if level < 2:
        return _moments(key, done, stored, rounding_edge, level, device)
    assert rounding_edge is not None, "a Gram matrix comes with a profile"
    blocks = lambda: again(key, sources, done)  # noqa: E731
    gram = done.grams.pop(key)
    spectrum = from_gram(gram, blocks, done.shape, stored, rounding_edge, scale, device)
    if spectrum is None:
        gram = float64_gram(key, sources, done, device)
        spectrum = from_gram(gram, blocks, done.shape, stored, rounding_edge, scale, device)
    assert spectrum is not None, "float64 or the matrix itself always serves"
    return spectrum


def _moments(key: str, done: Pass, stored: str, edge: float | None, level: int, device: str) -> Moments:
    norm, kind = done.norm(key), done.kind
    error = precision.norm_error(kind) * norm
    if level == 0 or norm == 0:
        zero = {} if level == 0 else {"top": 0.0, "concentration": 0.0}
        return Moments(done.shape, stored, edge, f"one pass {kind}, {engines.device_name(device)}", norm, error, **zero)
    gram = done.grams.pop(key)
    trace, top, top_error, square = moments_of_gram(gram if isinstance(gram, np.ndarray) else gram.cpu().numpy())
    relative = precision.gram_error(done.shape, kind) + (precision.norm_error(kind) if key == "change" else 0.0)
    s_1 = float(np.sqrt(top)) * done.scale[key]
    return Moments(
        done.shape,
        stored,
        edge,
        f"gram {kind}, Lanczos, {engines.device_name(device)}",
        norm,
        error,
        s_1,
        s_1 * (relative + top_error / top) / 2,
        square / trace**2,
        4 * relative * square / trace**2,
    )


def from_gram(
    gram: Any,
    again: Callable[[], Iterator[np.ndarray]],
    shape: tuple[int, int],
    stored: str,
    rounding_edge: float,
    scale: float,
    device: str = engines.HOST,
) -> Spectrum | None:
    """Spectrum from a Gram matrix, which is used up; None where its float32 does not carry what is reported.

    Where the squares cost too much accuracy even in float64, the values come from the blocks themselves.

    Args:
        gram: lower triangle of the Gram matrix of the matrix divided by `scale`.
        again: gives the blocks of the scaled matrix once more.
        shape: of the matrix.
        stored: type on disk.
        rounding_edge: weight.
        scale: weight.
        device: where the Gram matrix lies.
    """
    long, short = max(shape), min(shape)
    if not gram.diagonal().any():
        return Spectrum(np.zeros(short), shape, stored, rounding_edge, 0.0, "zero")
    name = engines.device_name(device)
    if short * long > precision.TINY:
        kind = str(gram.dtype).removeprefix("torch.")
        values = np.sqrt(np.maximum(engines.eigenvalues(gram)[::-1], 0.0))
        floor = float(values[0] * precision.floor(shape, kind) * scale)
        spectrum = Spectrum(values * scale, shape, stored, rounding_edge, floor, f"gram {kind}, {name}")
        edges = (rounding_edge / spectrum.values[0], floor / spectrum.values[0])
        if precision.carries(values / values[0], kind, *edges, spectrum.tail):
            return spectrum
        if kind == "float32":
            return None
    values = _stable_values(again, shape)
    floor = float(values[0] * precision.floor(shape, "svd") * scale)
    return Spectrum(values * scale, shape, stored, rounding_edge, floor, "qr svdvals float64, lapack")


def _stable_values(again: Callable[[], Iterator[np.ndarray]], shape: tuple[int, int]) -> np.ndarray:
    """Singular values by QR of the blocks, stacked on the triangle so far until they are three times k high."""
    wide, short = shape[0] < shape[1], min(shape)
    stack: list[np.ndarray] = []
    for block in again():
        stack.append(np.asarray(block.T if wide else block, np.float64))
        if sum(map(len, stack)) >= 3 * short:
            stack = [np.asarray(np.linalg.qr(np.vstack(stack), mode="r"))]
    return engines.singular_values(np.vstack(stack))
