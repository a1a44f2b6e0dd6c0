"""One pass over the blocks of one matrix, or of two and their difference: Gram matrices, norms, rounding profiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchshadow.errors import TensorRefused

from .engines import add_gram
from .formats import ulp
from .source import MatrixSource

__all__ = ["Pass", "Profile", "blocks", "named", "scales", "stream"]

_BLOCK_ENTRIES = 1 << 21
_FEWEST_LINES = 256


def named(source: MatrixSource) -> str:
    """How sentences call a source."""
    return str(getattr(source, "name", "") or "matrix")


@dataclass
class Profile:
    """Variance of the rounding noise of one stored matrix, summed over its rows and over its columns, weight^2."""

    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def zeros(cls, shape: tuple[int, int]) -> Profile:
        """The profile of a matrix that was not rounded."""
        return cls(np.zeros(shape[0]), np.zeros(shape[1]))

    def times(self, factor: float) -> Profile:
        """The profile in another unit."""
        return Profile(self.rows * factor, self.columns * factor)

    def __add__(self, other: Profile) -> Profile:
        return Profile(self.rows + other.rows, self.columns + other.columns)


@dataclass
class Pass:
    """What one pass over a tuned matrix, with or without its base, has gathered (all in units of weight / scale)."""

    shape: tuple[int, int]
    scale: dict[str, float]
    grams: dict[str, np.ndarray] = field(default_factory=dict)
    energy: dict[str, float] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    equal: int = 0
    within: int = 0


def blocks(sources: Sequence[MatrixSource], shape: tuple[int, int]) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Slices of the longer side and the blocks of every source there, in the sources' own types and orientation.

    A tall matrix is read by rows; a wide one by columns where the source offers them, otherwise whole and cut.
    """
    m, n = shape
    lines = max(_FEWEST_LINES, _BLOCK_ENTRIES // min(shape))
    if m >= n:
        for start in range(0, m, lines):
            stop = min(start + lines, m)
            yield slice(start, stop), [source.rows(start, stop) for source in sources]
        return
    whole = [None if hasattr(source, "columns") else source.rows(0, m) for source in sources]
    for start in range(0, n, lines):
        stop = min(start + lines, n)
        yield (
            slice(start, stop),
            [
                source.columns(start, stop) if rows is None else rows[:, start:stop]  # type: ignore[attr-defined]
                for source, rows in zip(sources, whole, strict=True)
            ],
        )


def scales(sources: Sequence[MatrixSource], shape: tuple[int, int]) -> dict[str, float]:
    """Powers of two that bring each side, and the change, near one, so that squares neither overflow nor vanish.

    Types up to float32 need none in float64 arithmetic; only float64 is read once more for its largest entries.
    """
    keys = ("tuned",) if len(sources) == 1 else ("base", "tuned", "change")
    if all(source.stored != "float64" for source in sources):
        return dict.fromkeys(keys, 1.0)
    largest = dict.fromkeys(keys, 0.0)
    for _, parts in blocks(sources, shape):
        parts = [np.asarray(part, np.float64) for part in parts]
        with np.errstate(over="ignore", invalid="ignore"):
            tried = parts if len(parts) == 1 else [*parts, parts[1] - parts[0]]
        for key, part in zip(keys, tried, strict=True):
            largest[key] = max(largest[key], float(np.max(np.abs(part), initial=0.0)))
    return {key: _power(value) for key, value in largest.items()}


def _power(largest: float) -> float:
    """The power of two at or below a magnitude, kept away from the ends of float64 so that its inverse exists."""
    if not np.isfinite(largest) or largest == 0:
        return 1.0
    return float(2.0 ** np.clip(np.frexp(largest)[1] - 1, -1000, 1000))


def stream(sources: Sequence[MatrixSource], wanted: Sequence[str], scale: dict[str, float]) -> Pass:
    """Read one matrix ("tuned"), or a base and a tuned one, once, and gather what their spectra and nulls need.

    Args:
        sources: the tuned matrix, or base and tuned.
        wanted: of which of base, tuned and change the Gram matrix is gathered.
        scale: from `scales`.
    """
    shape = sources[-1].shape
    keys = ("tuned",) if len(sources) == 1 else ("base", "tuned")
    done = Pass(shape, scale)
    short, wide = min(shape), shape[0] < shape[1]
    buffer = np.empty(max(_FEWEST_LINES, _BLOCK_ENTRIES // short) * short)
    for key in (*keys, *(["change"] if len(sources) == 2 else [])):
        done.energy[key] = 0.0
        if key in wanted:
            done.grams[key] = np.zeros((short, short))
    done.profiles = {key: Profile.zeros(shape) for key in keys}
    for place, parts in blocks(sources, shape):
        work = buffer[: parts[0].size].reshape(parts[0].shape)
        ulps = [ulp(part, source.stored) for part, source in zip(parts, sources, strict=True)]
        zero = parts[0] == 0 if len(parts) == 1 else (parts[0] == 0) & (parts[1] == 0)
        if zero.any():
            ulps = [np.where(zero, 0, each) for each in ulps]
        for key, part, gap in zip(keys, parts, ulps, strict=True):
            _add_profile(done.profiles[key], gap, place, wide, work, scale[key])
            _add(done, key, part, work, wide)
        if len(sources) == 2:
            _add_change(done, parts, ulps, work, wide)
    _refuse_non_finite(done, keys, sources)
    return done


def _add(done: Pass, key: str, part: np.ndarray, work: np.ndarray, wide: bool) -> None:
    """Add one block of one side to its energy and, where wanted, its Gram matrix."""
    if done.scale[key] == 1.0:
        np.copyto(work, part)
    else:
        np.divide(part, done.scale[key], out=work)
    flat = work.ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        done.energy[key] += float(np.dot(flat, flat))
    if key in done.grams:
        add_gram(done.grams[key], work, wide)


def _add_change(done: Pass, parts: list[np.ndarray], ulps: list[np.ndarray], work: np.ndarray, wide: bool) -> None:
    """Add one block of the difference; a block that is equal on both sides costs no product."""
    with np.errstate(over="ignore", invalid="ignore"):
        np.subtract(parts[1], parts[0], out=work, dtype=np.float64)
    equal = work.size - int(np.count_nonzero(work))
    done.equal += equal
    if equal == work.size:
        done.within += equal
        return
    gaps = ulps[0] / 2 + ulps[1] / 2
    done.within += int(np.count_nonzero(np.abs(work) <= gaps))
    if done.scale["change"] != 1.0:
        work /= done.scale["change"]
    flat = work.ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        done.energy["change"] += float(np.dot(flat, flat))
    if "change" in done.grams:
        add_gram(done.grams["change"], work, wide)


def _add_profile(profile: Profile, gap: np.ndarray, place: slice, wide: bool, work: np.ndarray, scale: float) -> None:
    """Add ulp^2 / 12, the variance of a rounding error that is uniform within half an ulp on either side."""
    np.divide(gap, scale, out=work)
    np.multiply(work, work, out=work)
    rows, columns = work.sum(axis=1) / 12, work.sum(axis=0) / 12
    profile.rows[slice(None) if wide else place] += rows
    profile.columns[place if wide else slice(None)] += columns


def _refuse_non_finite(done: Pass, keys: Sequence[str], sources: Sequence[MatrixSource]) -> None:
    for key, source in zip(keys, sources, strict=True):
        if not np.isfinite(done.energy[key]):
            where = f"{named(source)} ({key})" if len(sources) == 2 else named(source)
            raise TensorRefused(where, "must be finite but holds NaN or infinite entries")
    if not np.isfinite(done.energy.get("change", 0.0)):
        raise TensorRefused(named(sources[-1]), "the change leaves the range of float64")
