"""A shelf for the shingles of a corpus: in memory while they are few, in an unnamed temporary file beyond that."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from benchshadow.errors import InputError

from .shingles import Shingles, distinct

__all__ = ["Shelf"]

_HELD = 1 << 27
"""Bytes that stay in memory."""
_BLOCK = 1 << 17
"""Shingles that are read at once when all are gone through."""


class Shelf:
    """Shingles of documents by number, 0 for the first that was put there; closed, they are gone."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_HELD)  # noqa: SIM115 - closed with the shelf
        self._ends = [np.zeros(1, dtype=np.int64)]
        self._bounds = np.zeros(1, dtype=np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def put(self, shingles: Shingles, chosen: np.ndarray) -> None:
        """Add the chosen documents (bool) of a chunk."""
        counts = np.diff(shingles.bounds)
        kept = shingles.hashes if chosen.all() else shingles.hashes[np.repeat(chosen, counts)]
        try:
            self._file.write(np.ascontiguousarray(kept).data)
        except OSError as error:
            raise InputError(tempfile.gettempdir(), f"cannot hold the shingles of the corpus ({error})") from error
        self._ends.append(self._ends[-1][-1] + np.cumsum(counts[chosen]))

    @property
    def bounds(self) -> np.ndarray:
        """int64; document d has the shingles from bounds[d] up to bounds[d + 1] of all."""
        if len(self._ends) > 1:
            self._bounds = np.concatenate([self._bounds, *self._ends[1:]])
            self._ends = [self._bounds[-1:]]
        return self._bounds

    def _read(self, first: int, last: int) -> np.ndarray:
        self._file.seek(8 * first)
        return np.frombuffer(self._file.read(8 * (last - first)), dtype=np.uint64)

    def sets(self, numbers: Sequence[int] | np.ndarray) -> dict[int, np.ndarray]:
        """The sorted shingles of some documents, each once."""
        bounds = self.bounds
        return {int(each): distinct(self._read(int(bounds[each]), int(bounds[each + 1]))) for each in np.sort(numbers)}

    def blocks(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """All documents in order, some at a time: number of the first, shingles, bounds within these."""
        bounds, first = self.bounds, 0
        while first < len(bounds) - 1:
            last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + _BLOCK, side="right")) - 1)
            yield first, self._read(bounds[first], bounds[last]), bounds[first : last + 1] - bounds[first]
            first = last
