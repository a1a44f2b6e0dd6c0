"""A checkpoint in one or more safetensors files: which file holds which tensor, and the tensors themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchshadow.errors import InputError, TensorRefused

from .checkpoint import MappedMatrix, matrix_shape
from .header import BITS, LARGEST_HEADER, RAW, READABLE, Entry, parse_object, read_header

__all__ = ["SafetensorsCheckpoint", "from_files", "read_config", "read_object"]


@dataclass(frozen=True, eq=False)
class SafetensorsCheckpoint:
    """Tensors of one or more safetensors files under their names; a `Checkpoint`.

    Attributes:
        path: the file or folder, as the user named it.
        files: weights, index and configuration.
        config: content of `config.json`, None where there is none.
        places: for every tensor its file and its entry in that file's header.
    """

    path: Path
    files: tuple[Path, ...]
    config: Mapping[str, Any] | None
    places: Mapping[str, tuple[Path, Entry]]
    is_mapped: ClassVar[bool] = True

    @cached_property
    def parameters(self) -> int:
        """Number of stored values over all tensors."""
        return sum(entry.parameters for _, entry in self.places.values())

    def names(self) -> tuple[str, ...]:
        """Names of all tensors, in the order of the files."""
        return tuple(self.places)

    def shape(self, name: str) -> tuple[int, ...]:
        """Sides of a tensor."""
        return self._place(name)[1].shape

    def dtype(self, name: str) -> str:
        """Type of a tensor: "float32", "bfloat16" ...; for others as the file spells it, "F8_E4M3"."""
        code = self._place(name)[1].code
        return READABLE.get(code, code)

    def source(self, name: str, part: int | None = None) -> MappedMatrix:
        """A tensor, or one slice of its first axis, as a matrix that is read lazily."""
        file, entry = self._place(name)
        if entry.code not in READABLE:
            raise TensorRefused(f"{file}: tensor {name!r}", f"holds {entry.code}, which is not a weight as it stands")
        shape, start, label = entry.shape, entry.start, name
        if part is not None:
            shape, label = shape[1:], f"{name}[{part}]"
            start += part * prod(shape) * BITS[entry.code] // 8
        return MappedMatrix(file, label, start, matrix_shape(shape), READABLE[entry.code])

    def raw(self, name: str) -> np.ndarray:
        """The stored numbers of a tensor in its own shape, mapped: eight-bit floats and bfloat16 as their bits.

        Values of less than a byte come as the bytes that hold them, in one dimension.
        """
        file, entry = self._place(name)
        kind = RAW.get(entry.code, "|u1")
        shape = entry.shape if BITS[entry.code] >= 8 else (entry.stop - entry.start,)
        if not prod(shape):
            return np.empty(shape, kind)
        try:
            return np.asarray(np.memmap(file, kind, "r", entry.start, shape))
        except (OSError, ValueError) as error:
            raise TensorRefused(f"{file}: tensor {name!r}", f"cannot be mapped ({error})") from error

    def read(self, name: str) -> np.ndarray:
        """A whole tensor in its own shape, copied into memory."""
        source = self.source(name)
        return np.array(source.rows(0, source.shape[0])).reshape(self.shape(name))

    def _place(self, name: str) -> tuple[Path, Entry]:
        if name not in self.places:
            raise InputError(self.path, f"has no tensor {name!r}")
        return self.places[name]


def from_files(path: Path, weights: Mapping[str, Path], index: Path | None, config: Path) -> SafetensorsCheckpoint:
    """Open every file and put their tensors under one roof.

    Args:
        path: as the user named it.
        weights: the files, by the name that sentences use.
        index: the index that listed them, None where there is none.
        config: where `config.json` is, if it is there.
    """
    places: dict[str, tuple[Path, Entry]] = {}
    for file in weights.values():
        for name, entry in read_header(file).items():
            if name in places:
                raise InputError(file, f"must hold tensors of its own but {name!r} stands in {places[name][0]} too")
            places[name] = (file, entry)
    if not places:
        raise InputError(path, "must hold at least one tensor but holds none")
    beside = (index, config if config.is_file() else None)
    files = (*weights.values(), *(file for file in beside if file is not None))
    return SafetensorsCheckpoint(path, files, read_config(config), places)


def read_config(path: Path) -> dict[str, Any] | None:
    """The configuration of a model; None where the file does not exist."""
    return read_object(path) if path.is_file() else None


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object, within the bounds of a header."""
    try:
        size = path.stat().st_size
        if size > LARGEST_HEADER:
            raise InputError(path, f"must have at most {LARGEST_HEADER} bytes but has {size}")
        text = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from error
    return parse_object(path, text, "the file")
