"""Matrices inside a stored matrix: some of its rows, or its transpose, read lazily from the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .checkpoint import TensorSource, widened

__all__ = ["Runs", "selected", "transposed"]

# Rows apart by less than this are read together and then thinned out: one read of twice the bytes beats many of a few.
_SHORT_RUN = 16


@dataclass(frozen=True)
class Runs:
    """Rows that lie in runs of equal length at equal distances: run g holds the rows start + g period + (0 .. length).

    Attributes:
        start: first row.
        length: rows of one run.
        period: rows from the start of one run to the start of the next.
        count: number of runs.
    """

    start: int
    length: int
    period: int = 0
    count: int = 1

    @property
    def rows(self) -> int:
        """Number of rows in all runs."""
        return self.length * self.count

    def of(self, lines: np.ndarray, start: int, stop: int) -> np.ndarray:
        """The chosen rows start to stop (exclusive) of an array of all rows; a view where runs allow one."""
        if self.count == 1:
            return lines[self.start + start : self.start + stop]
        if self.length == 1:
            return lines[self.start + start * self.period :: self.period][: stop - start]
        spans = list(self.spans(start, stop))
        return np.concatenate([lines[slice(*span)] for span in spans]) if spans else lines[:0]

    def spans(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """The chosen rows start to stop (exclusive) as spans of rows of the whole."""
        while start < stop:
            run, inside = divmod(start, self.length)
            taken = min(self.length - inside, stop - start)
            first = self.start + run * self.period + inside
            yield first, first + taken
            start += taken


@dataclass(frozen=True, eq=False)
class _View:
    """What every view takes from the source behind it."""

    source: TensorSource
    is_computed: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """How sentences call it."""
        return self.source.name

    @property
    def stored(self) -> str:
        """The type on disk."""
        return self.source.stored


@dataclass(frozen=True, eq=False)
class Transposed(_View):
    """A matrix that is stored in x out, as out x in."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.source.shape[1], self.source.shape[0]

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive): columns of what is stored."""
        return self.source.columns(start, stop).T

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop (exclusive): rows of what is stored."""
        return self.source.rows(start, stop).T

    def first(self, rows: int) -> TensorSource:
        """The same matrix cut to its first rows."""
        return selected(self, Runs(0, rows))


class RawTransposed(Transposed):
    """The same of a source that shows what is stored without a copy."""

    is_computed: ClassVar[bool] = False

    def raw(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive) as they are stored."""
        return _raw(self.source)[:, start:stop].T


@dataclass(frozen=True, eq=False)
class Selected(_View):
    """Some rows of a matrix; no others are read."""

    runs: Runs

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.runs.rows, self.source.shape[1]

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive)."""
        spans = list(self.runs.spans(start, stop))
        if len(spans) > 1 and self.runs.length < _SHORT_RUN:
            low, high = spans[0][0], spans[-1][1]
            moved = Runs(0, self.runs.length, self.runs.period, self.runs.count)
            skipped = start % self.runs.length
            return moved.of(self.source.rows(low - skipped, high), skipped, skipped + stop - start)
        parts = [self.source.rows(*span) for span in spans]
        return parts[0] if len(parts) == 1 else np.concatenate(parts or [self.source.rows(0, 0)])

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop (exclusive)."""
        return self.runs.of(self.source.columns(start, stop), 0, self.runs.rows)

    def first(self, rows: int) -> TensorSource:
        """The same matrix cut to its first rows."""
        return selected(self, Runs(0, rows))


class RawSelected(Selected):
    """The same of a source that shows what is stored without a copy, so that only the chosen entries are widened."""

    is_computed: ClassVar[bool] = False

    def raw(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive) as they are stored; a copy of them where they lie in several long runs."""
        return self.runs.of(_raw(self.source), start, stop)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive)."""
        return widened(self.raw(start, stop), self.stored)

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop (exclusive)."""
        return widened(self.runs.of(_raw(self.source)[:, start:stop], 0, self.runs.rows), self.stored)


def transposed(source: TensorSource) -> TensorSource:
    """The transpose of a source."""
    return RawTransposed(source) if hasattr(source, "raw") else Transposed(source)


def selected(source: TensorSource, runs: Runs) -> TensorSource:
    """Some rows of a source."""
    return RawSelected(source, runs) if hasattr(source, "raw") else Selected(source, runs)


def _raw(source: Any) -> np.ndarray:
    """All rows as they are stored; nothing is read yet."""
    return source.raw(0, source.shape[0])
