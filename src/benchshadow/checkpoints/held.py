"""Matrices that are not plain bytes of a safetensors file: arrays at hand, and values computed block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from .checkpoint import widened

__all__ = ["ComputedMatrix", "HeldMatrix"]

_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class HeldMatrix:
    """A matrix whose stored values are at hand as an array, in memory or mapped by whoever made the array.

    Attributes:
        name: how sentences call it.
        array: rows x columns of stored values; bfloat16 as its 16 bits (uint16).
        stored: "float64", "float32", "float16" or "bfloat16".
    """

    name: str
    array: np.ndarray
    stored: str

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.array.shape[0]), int(self.array.shape[1])

    def raw(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive) as they are stored, a view."""
        return self.array[start:stop]

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive), exact."""
        return widened(self.array[start:stop], self.stored)

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop (exclusive), exact."""
        return widened(self.array[:, start:stop], self.stored)

    def first(self, rows: int) -> HeldMatrix:
        """The same matrix cut to its first rows."""
        return replace(self, array=self.array[:rows])


@dataclass(frozen=True, eq=False)
class ComputedMatrix:
    """A matrix whose rows are computed when they are asked for; nothing is kept.

    Attributes:
        name: how sentences call it.
        shape: rows and columns.
        stored: type that the values are rounded to, "float32" or "float64" where they are computed.
        block: rows start to stop (exclusive), as float32 or float64.
    """

    name: str
    shape: tuple[int, int]
    stored: str
    block: Callable[[int, int], np.ndarray]
    is_computed: ClassVar[bool] = True

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive)."""
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        return self.block(start, max(start, stop))

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop (exclusive); every row is computed for them, some at a time."""
        height = max(1, _BLOCK // max(1, self.shape[1]))
        blocks = [self.rows(top, top + height)[:, start:stop] for top in range(0, max(1, self.shape[0]), height)]
        return np.concatenate(blocks)

    def first(self, rows: int) -> ComputedMatrix:
        """The same matrix cut to its first rows."""
        return replace(self, shape=(min(rows, self.shape[0]), self.shape[1]))
