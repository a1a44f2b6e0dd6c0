"""A corpus read again from texts that were put aside while it was coded, without its files being parsed once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from benchshadow.data.documents import Document

from .store import TokenStore

__all__ = ["Again"]

_BLOCK = 1 << 20
"""Bytes of text that are read at a time."""


@dataclass(frozen=True, eq=False)
class Again:
    """The documents of a store in their order, as often as wanted.

    Attributes:
        store: tells ids, domains and where texts end.
        texts: the file that `TokenStore.write` put them into.
    """

    store: TokenStore
    texts: Path

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self.store.table["bytes"].to_numpy(), dtype=np.int64)

    @cached_property
    def _named(self) -> tuple[pl.Series, pl.Series]:
        return self.store.table["id"], self.store.table["domain"]

    def __iter__(self) -> Iterator[Document]:
        return self.at(np.arange(len(self.store)))

    def at(self, numbers: np.ndarray) -> Iterator[Document]:
        """The documents of these numbers, which rise."""
        stops = self._ends[numbers]
        starts = np.where(numbers > 0, self._ends[numbers - 1], 0)
        first = 0
        with self.texts.open("rb") as file:
            while first < len(numbers):
                last = max(first + 1, int(np.searchsorted(stops, starts[first] + _BLOCK, "right")))
                file.seek(int(starts[first]))
                block = file.read(int(stops[last - 1] - starts[first]))
                begins, ends = starts[first:last] - starts[first], stops[first:last] - starts[first]
                texts = [block[begin:end].decode() for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
                ids, domains = (named[numbers[first:last]].to_list() for named in self._named)
                yield from map(Document, ids, texts, domains)
                first = last
