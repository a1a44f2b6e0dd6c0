"""Where a matrix comes from: its shape, the type it is stored in, and its rows, read block by block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from benchshadow.errors import InputError, TensorRefused

from .formats import FORMATS

__all__ = ["ArraySource", "MatrixSource", "at_hand"]


@runtime_checkable
class MatrixSource(Protocol):
    """A matrix (out x in) that can be read in blocks of rows or of columns without loss.

    A source may also have a `name` (used in sentences), `raw(start, stop)`, rows as stored, bfloat16 as uint16,
    which spares a copy, `opened()`, a context that reads rows as stored into given bytes, and `is_computed`, true where
    its values are made as they are read; all are optional.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    @property
    def stored(self) -> str:
        """The type on disk: "float64", "float32", "float16" or "bfloat16"; it fixes the rounding."""
        ...

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive) as float32, or as float64 where that is what is stored; exact."""
        ...

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop (exclusive), as `rows` gives rows."""
        ...


@dataclass(frozen=True, eq=False)
class ArraySource:
    """A matrix that is already in memory.

    Args:
        array: two-dimensional, float16, float32 or float64.
        stored: the type its values were rounded to, where that differs from the array's ("bfloat16" values in float32).
        name: how sentences call it.
    """

    array: np.ndarray
    stored: str = ""
    name: str = "matrix"
    shape: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.ndim != 2:
            raise TensorRefused(self.name, f"must have two dimensions but has {array.ndim}")
        if array.dtype.kind != "f" or array.dtype.itemsize > 8:
            raise TensorRefused(self.name, f"must hold float16, float32 or float64 but holds {array.dtype}")
        stored = self.stored or str(array.dtype)
        if stored not in FORMATS:
            raise InputError(self.name, f"stored type must be one of {', '.join(FORMATS)} but is {stored!r}")
        object.__setattr__(self, "array", array.astype(np.float32) if array.dtype == np.float16 else array)
        object.__setattr__(self, "stored", stored)
        object.__setattr__(self, "shape", (int(array.shape[0]), int(array.shape[1])))

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive), as a view."""
        return self.array[start:stop]

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop (exclusive), as a view."""
        return self.array[:, start:stop]


def at_hand(source: MatrixSource) -> MatrixSource:
    """A source to be read several times: values that are made as they are read are made once, in float32 or float64."""
    if not getattr(source, "is_computed", False):
        return source
    return ArraySource(source.rows(0, source.shape[0]), source.stored, str(getattr(source, "name", "matrix")))
