"""The waist: a matrix of any size and origin becomes its singular values, and how far these can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import TensorRefused

from . import engines, marchenko_pastur, precision, tails
from .entries import widen
from .moments import Moments, moments_of_gram
from .source import MatrixSource
from .streaming import named, places, read_block, refuse_non_finite, scales, stream
from .sums import Pass, Profile

__all__ = ["ROUNDING_MARGIN", "Spectrum", "matrix_of"]

ROUNDING_MARGIN = 1.02
"""Factor on the largest singular value of rounding noise above which a value is not noise; see `rounding`."""


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
        entry_error: bound on the error of each value from rounding of the entries before the product, weight.
    """

    values: Float64[np.ndarray, " k"]
    shape: tuple[int, int]
    stored: str
    rounding_edge: float
    floor: float
    method: str
    entry_error: float = 0.0

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
        return relative * self.values[0] + self.entry_error

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
    scale = scales([source], shape)
    done = passed([source], ["tuned"] if level else [], scale, device=device)
    return reduced("tuned", done, [source], own_edge("tuned", done), level, device)


def own_edge(key: str, done: Pass) -> float | None:
    """Rounding edge of one side from its own profile, weight; None at level 0, which has none."""
    return ROUNDING_MARGIN * bound(done.profiles[key]) * done.scale[key] if done.profiles else None


def passed(
    sources: list[MatrixSource], wanted: list[str], scale: dict[str, float], *, device: str, kind: str = ""
) -> Pass:
    """One pass in the type that the shape and the stored types allow, in float64 where float32 overflows.

    Raises:
        TensorRefused: a side holds NaN or infinite entries, or the change leaves the range of float64.
    """
    shape = sources[-1].shape
    kind = kind or precision.first_kind(shape, [source.stored for source in sources])
    if device == engines.HOST:
        done = stream(sources, wanted, scale, kind)
    else:
        from .device import stream_on

        done = stream_on(device, sources, wanted, scale, kind)
    if not done.fits:
        return passed(sources, wanted, scale, device=device, kind="float64")
    refuse_non_finite(done, sources)
    return done


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
        gram = _float64_gram(key, sources, done, device)
        spectrum = from_gram(gram, blocks, done.shape, stored, rounding_edge, scale, device)
    elif key == "change" and done.kind == "float32" and "gram float64" in spectrum.method:
        # Differences were rounded to float32: |E| <= 2^-24 |D| entry by entry, and no singular value moves by more.
        spectrum = replace(spectrum, entry_error=2.0**-24 * done.norm(key))
    assert spectrum is not None, "float64 or the matrix itself always serves"
    return spectrum


def _float64_gram(key: str, sources: list[MatrixSource], done: Pass, device: str) -> Any:
    """The Gram matrix of base, tuned or change once more, in float64; one side needs only its own file."""
    if key == "change":
        return passed(sources, [key], done.scale, device=device, kind="float64").grams[key]
    mine = [sources[0 if key == "base" else -1]]
    return passed(mine, ["tuned"], {"tuned": done.scale[key]}, device=device, kind="float64").grams["tuned"]


def _moments(key: str, done: Pass, stored: str, edge: float | None, level: int, device: str) -> Moments:
    norm, kind = done.norm(key), done.kind
    error = precision.norm_error(kind) * norm
    if level == 0 or norm == 0:
        zero = {} if level == 0 else {"top": 0.0, "concentration": 0.0}
        return Moments(done.shape, stored, edge, f"one pass {kind}, {engines.device_name(device)}", norm, error, **zero)
    gram = done.grams.pop(key)
    gram_kind = str(gram.dtype).removeprefix("torch.")
    trace, top, top_error, square = moments_of_gram(gram if isinstance(gram, np.ndarray) else gram.cpu().numpy())
    relative = precision.gram_error(done.shape, gram_kind) + (precision.norm_error(kind) if key == "change" else 0.0)
    s_1 = float(np.sqrt(top)) * done.scale[key]
    return Moments(
        done.shape,
        stored,
        edge,
        f"gram {gram_kind}, Lanczos, {engines.device_name(device)}",
        norm,
        error,
        s_1,
        s_1 * (relative + top_error / top) / 2,
        square / trace**2,
        4 * relative * square / trace**2,
    )


def again(key: str, sources: list[MatrixSource], done: Pass) -> Iterator[np.ndarray]:
    """The blocks of base, tuned or change once more, float64, divided by their scale."""
    by_rows = done.shape[0] >= done.shape[1]
    for place in places(done.shape, by_rows):
        parts = [_float64(read_block(source, place, by_rows)) for source in sources]
        whole = parts[1] - parts[0] if key == "change" else parts[0 if key == "base" else -1]
        yield whole / done.scale[key]


def _float64(block: np.ndarray) -> np.ndarray:
    wide = np.empty(block.shape)
    widen(block, wide)
    return wide


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
