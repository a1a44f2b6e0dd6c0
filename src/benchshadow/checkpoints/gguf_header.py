"""The header of a GGUF file, read within bounds and held to every rule of the format."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError

from .header import shown

__all__ = ["GgufHeader", "GgufTensor", "read_gguf_header"]

_VERSIONS = (2, 3)
_MOST_SIDES = 4
# Formats of `struct` by the number of a type; 8 is a string, 9 an array.
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True)
class GgufTensor:
    """One tensor of a file.

    Attributes:
        name: in GGUF.
        kind: number of its type.
        shape: sides, outermost first.
        start: first byte, counted from the start of the file.
    """

    name: str
    kind: int
    shape: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class GgufHeader:
    """What stands before the data.

    Attributes:
        settings: numbers and strings by key; of arrays there is no entry, since vocabularies are among them.
        tensors: in the order of the file.
        size: bytes of the file.
    """

    settings: Mapping[str, Any]
    tensors: tuple[GgufTensor, ...]
    size: int


def read_gguf_header(path: Path) -> GgufHeader:
    """Settings and tensors of a GGUF file of version 2 or 3; no value of a tensor is read.

    Source: the specification in the repository of ggml, docs/gguf.md.

    Raises:
        InputError: the file is missing, truncated, or breaks a rule of the format; the sentence names rule and value.
    """
    try:
        size = path.stat().st_size
        if not size:
            raise InputError(path, "must be a GGUF file but is empty")
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(path, data).header()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from error


class _Reader:
    """A place in a file that only moves on, and never beyond its end."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path, self._data, self._at = path, data, 0

    def header(self) -> GgufHeader:
        magic, version = self._data[:4], 0
        if magic == b"GGUF":
            self._at = 4
            version = self._number("<I")
        if version not in _VERSIONS:
            what = f"is of version {version}" if magic == b"GGUF" else f"begins with {shown(magic)}"
            raise InputError(self._path, f"must be a GGUF file of version 2 or 3, little-endian, but {what}")
        tensors, pairs = self._number("<Q"), self._number("<Q")
        settings: dict[str, Any] = {}
        seen: set[str] = set()
        for _ in range(self._count(pairs, 13, "settings")):
            key = self._once(seen, "setting")
            value = self._value(self._number("<I"), 0)
            if value is not None:
                settings[key] = value
        named: set[str] = set()
        listed = [self._tensor(named) for _ in range(self._count(tensors, 24, "tensors"))]
        alignment = settings.get("general.alignment", 32)
        if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
            raise InputError(self._path, f"general.alignment must be a power of two but is {shown(alignment)}")
        start = -(-self._at // alignment) * alignment
        placed = tuple(GgufTensor(each.name, each.kind, each.shape, start + each.start) for each in listed)
        return GgufHeader(settings, placed, len(self._data))

    def _tensor(self, named: set[str]) -> GgufTensor:
        name = self._once(named, "tensor")
        sides = self._number("<I")
        if sides > _MOST_SIDES:
            raise InputError(
                f"{self._path}: tensor {shown(name)}", f"must have at most {_MOST_SIDES} sides but has {sides}"
            )
        shape = tuple(self._number("<Q") for _ in range(sides))
        if prod(shape) >= 2**63:
            raise InputError(
                f"{self._path}: tensor {shown(name)}", f"must fit into a file but has shape {shown(shape)}"
            )
        return GgufTensor(name, self._number("<I"), shape[::-1], self._number("<Q"))

    def _value(self, kind: int, depth: int) -> Any:
        """A number or a string; None for an array, which is passed over."""
        if kind in _SCALARS:
            return self._number(_SCALARS[kind])
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY or depth > 3:
            raise InputError(self._path, f"must hold settings of the types 0 to 12 but holds one of type {kind}")
        kind, count = self._number("<I"), self._number("<Q")
        if kind in _SCALARS:
            self._move(count * struct.calcsize(_SCALARS[kind]))
            return None
        for _ in range(self._count(count, 8, "strings")):
            if kind == _STRING:
                self._move(self._number("<Q"))
            else:
                self._value(kind, depth + 1)
        return None

    def _once(self, seen: set[str], what: str) -> str:
        name = self._text()
        if name in seen:
            raise InputError(self._path, f"must hold every {what} once but holds {shown(name)} twice")
        seen.add(name)
        return name

    def _text(self) -> str:
        start = self._at + 8
        self._move(self._number("<Q"))
        try:
            return self._data[start : self._at].decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                self._path, f"must hold text in UTF-8 but does not at byte {start} ({error.reason})"
            ) from None

    def _number(self, form: str) -> Any:
        start = self._at
        self._move(struct.calcsize(form))
        return struct.unpack_from(form, self._data, start)[0]

    def _move(self, size: int) -> None:
        if size > len(self._data) - self._at:
            raise InputError(
                self._path,
                f"claims {size} bytes at byte {self._at} but only {len(self._data) - self._at} follow",
                "the file is truncated: fetch it again",
            )
        self._at += size

    def _count(self, count: int, smallest: int, what: str) -> int:
        """A number of things, each of which takes some bytes."""
        if count * smallest > len(self._data) - self._at:
            left = len(self._data) - self._at
            raise InputError(self._path, f"claims {count} {what} but only {left} bytes follow")
        return count
