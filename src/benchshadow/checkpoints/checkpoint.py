"""What every format of checkpoint offers: tensors by name, their shapes without reading, their values on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchshadow.errors import TensorRefused

__all__ = ["STORED_AS", "Checkpoint", "MappedMatrix", "TensorSource", "matrix_shape", "widened"]

STORED_AS = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}
"""NumPy's type of the stored values; bfloat16, which it lacks, is held as its 16 bits."""


class TensorSource(Protocol):
    """A stored tensor as a matrix: a `spectra.MatrixSource` that also reads columns and has a name."""

    @property
    def name(self) -> str:
        """How sentences call it."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        ...

    @property
    def stored(self) -> str:
        """The type on disk."""
        ...

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive), exact: float64 where that is stored, float32 otherwise."""
        ...

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop (exclusive), exact."""
        ...

    def first(self, rows: int) -> TensorSource:
        """The same matrix cut to its first rows."""
        ...


class Checkpoint(Protocol):
    """Weights on disk by name. Asking for names, shapes and types reads no tensor."""

    @property
    def path(self) -> Path:
        """The file or folder, as the user named it."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file whose bytes determine what is read: weights, index, configuration."""
        ...

    @property
    def config(self) -> Mapping[str, Any] | None:
        """The `config.json` beside the weights; None where there is none."""
        ...

    @property
    def parameters(self) -> int:
        """Number of stored values over all tensors."""
        ...

    def names(self) -> tuple[str, ...]:
        """Names of all tensors, in the order of the files."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Sides of a tensor."""
        ...

    def dtype(self, name: str) -> str:
        """Type of a tensor: "float32", "bfloat16" ..., or the format's own spelling of one that is not a weight."""
        ...

    def source(self, name: str, part: int | None = None) -> TensorSource:
        """A tensor, or one slice of its first axis, as an out x in matrix that is read lazily."""
        ...

    def read(self, name: str) -> np.ndarray:
        """A whole tensor in its own shape: float64 where that is stored, float32 otherwise."""
        ...


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """How a tensor lies as a matrix: leading sides of one dropped, then the first side x all the others.

    A vector becomes one row of its own; a convolution (out, in, height, width) becomes out x (in height width).
    """
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) < 2:
        return 1, prod(shape)
    return shape[0], prod(shape[1:])


def widened(raw: np.ndarray, stored: str) -> np.ndarray:
    """Stored values as float32, or as float64 where that is stored; a view where nothing has to change.

    Exact: float16 is a subset of float32, and bfloat16 is the upper half of one.
    """
    if stored == "bfloat16":
        wide = raw.astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)
    if stored == "float16":
        return raw.astype(np.float32)
    return np.require(raw, np.float64 if stored == "float64" else np.float32, "A")


@dataclass(frozen=True, eq=False)
class MappedMatrix:
    """A matrix inside a file, mapped while this object lives, so that its pages go when it goes.

    Attributes:
        file: where the bytes are.
        name: how sentences call it.
        start: first byte in the file.
        shape: rows and columns.
        stored: "float64", "float32", "float16" or "bfloat16", little-endian.
    """

    file: Path
    name: str
    start: int
    shape: tuple[int, int]
    stored: str

    def raw(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive) as they are stored, a view without a copy; bfloat16 as its 16 bits (uint16).

        The pages stay mapped while a view lives; a tensor that starts at an odd byte gives one that is not aligned.
        """
        return self._mapped[start:stop]

    @contextmanager
    def opened(self) -> Iterator[Callable[[int, int, np.ndarray], np.ndarray]]:
        """The file, and what reads rows from it, as they are stored, into bytes that the caller uses again and again.

        Where every row is looked at once that is quicker than mapped pages, each of which is found for the first time.
        """
        kind = np.dtype(STORED_AS[self.stored])
        width = self.shape[1] * kind.itemsize

        def read(start: int, stop: int, into: np.ndarray) -> np.ndarray:
            wanted = into[: (stop - start) * width]
            file.seek(self.start + start * width)
            held, left = 0, wanted.data
            while held < len(left):
                more = file.readinto(left[held:])
                if not more:
                    raise TensorRefused(f"{self.file}: tensor {self.name!r}", "is cut short")
                held += more
            return wanted.view(kind).reshape(stop - start, self.shape[1])

        try:
            with self.file.open("rb", buffering=0) as file:
                yield read
        except OSError as error:
            raise TensorRefused(f"{self.file}: tensor {self.name!r}", f"cannot be read ({error})") from error

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop (exclusive)."""
        return widened(self._mapped[start:stop], self.stored)

    def columns(self, start: int, stop: int) -> np.ndarray:
        """Columns start to stop (exclusive)."""
        return widened(self._mapped[:, start:stop], self.stored)

    def first(self, rows: int) -> MappedMatrix:
        """The same matrix cut to its first rows."""
        return MappedMatrix(self.file, self.name, self.start, (rows, self.shape[1]), self.stored)

    @cached_property
    def _mapped(self) -> np.ndarray:
        kind = STORED_AS[self.stored]
        if not prod(self.shape):
            return np.empty(self.shape, kind)
        try:
            return np.asarray(np.memmap(self.file, kind, "r", self.start, self.shape))
        except (OSError, ValueError) as error:
            raise TensorRefused(f"{self.file}: tensor {self.name!r}", f"cannot be mapped ({error})") from error
