"""The header of a safetensors file, read within bounds and held to every rule of the format."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError

__all__ = ["BITS", "LARGEST_HEADER", "RAW", "READABLE", "Entry", "parse_object", "read_header"]

LARGEST_HEADER = 100_000_000
"""Bytes; the limit of the safetensors library itself."""
_MOST_DIMENSIONS = 32
_LARGEST_SIDE = 2**63 - 1

READABLE = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""The types whose values are weights as they stand, and how the rest of the package calls them."""

_CODES_BY_BITS = {
    64: "F64 I64 U64 C64",
    32: "F32 I32 U32",
    16: "F16 BF16 I16 U16",
    8: "I8 U8 BOOL F8_E4M3 F8_E5M2 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ",
    6: "F6_E2M3 F6_E3M2",
    4: "F4",
}
BITS = {code: bits for bits, codes in _CODES_BY_BITS.items() for code in codes.split()}
"""Bits per value of every type of the format."""

_WORDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "BOOL": "|b1"}
RAW = _WORDS | {f"{sign}{bits}": f"<{sign.lower()}{bits // 8}" for sign in "IU" for bits in (8, 16, 32, 64)}
"""NumPy's type of the stored numbers; a type that is missing here is read as its bytes."""


@dataclass(frozen=True)
class Entry:
    """One tensor of a file.

    Attributes:
        code: type as the file spells it, "BF16".
        shape: sides.
        start: first byte, counted from the start of the file.
        stop: byte after the last.
    """

    code: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def parameters(self) -> int:
        """Number of values."""
        return prod(self.shape)


def read_header(path: Path) -> dict[str, Entry]:
    """The tensors of a safetensors file by name, in the file's order; no value is read.

    Eight bytes hold the length of the header, little-endian; the header is a JSON object from names to type, shape and
    offsets; the offsets, counted from its end, cover the rest of the file without overlap and without holes.

    Raises:
        InputError: the file is missing, truncated, or breaks a rule of the format; the sentence names rule and value.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = _header_length(path, file.read(8), size)
            text = file.read(length)
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from error
    header = parse_object(path, text, "its header")
    header.pop("__metadata__", None)
    entries = {name: _entry(path, name, value, 8 + length) for name, value in header.items()}
    _check_cover(path, entries, 8 + length, size)
    return entries


def _header_length(path: Path, first: bytes, size: int) -> int:
    if len(first) < 8:
        raise InputError(path, f"must hold 8 bytes of header length but ends after {len(first)} bytes")
    (length,) = struct.unpack("<Q", first)
    if length > LARGEST_HEADER:
        raise InputError(path, f"its header must have at most {LARGEST_HEADER} bytes but claims {length}")
    if length > size - 8:
        raise InputError(
            path,
            f"its header claims {length} bytes but only {size - 8} follow",
            "the file is truncated: fetch it again",
        )
    return length


def parse_object(path: Path, text: bytes, what: str) -> dict[str, Any]:
    """A JSON object in which no key stands twice; anything else is refused in one sentence."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InputError(path, f"{what} must hold every key once but holds {shown(key)} twice")
            if not key.isascii() and key.encode("utf-8", "replace").decode() != key:
                raise InputError(path, f"{what} must hold names in Unicode but holds {ascii(key)[:80]}")
            found[key] = value
        return found

    def constant(name: str) -> None:
        raise ValueError(f"holds {name}")

    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=unique, parse_constant=constant)
    except RecursionError:
        raise InputError(path, f"{what} must be JSON of little depth but is nested too deep") from None
    except ValueError as error:
        raise InputError(path, f"{what} must be JSON but is not ({error})") from None
    if not isinstance(value, dict):
        raise InputError(path, f"{what} must be a JSON object but is {shown(value)}")
    return value


def shown(value: object) -> str:
    """A value for a sentence, never longer than a line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _entry(path: Path, name: str, value: Any, data: int) -> Entry:
    """One entry of the header, held to the rules that concern it alone."""
    where = f"{path}: tensor {shown(name)}"
    if not isinstance(value, Mapping) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise InputError(where, f"must have dtype, shape and data_offsets but is {shown(value)}")
    code, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(code, str) or code not in BITS:
        raise InputError(where, f"dtype must be one of {', '.join(BITS)} but is {shown(code)}")
    if not _sizes(shape) or len(shape) > _MOST_DIMENSIONS:
        raise InputError(where, f"shape must be a list of at most {_MOST_DIMENSIONS} sizes but is {shown(shape)}")
    if not _sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise InputError(where, f"data_offsets must be a start and a stop but are {shown(offsets)}")
    bits, held = prod(shape) * BITS[code], (offsets[1] - offsets[0]) * 8
    if bits != held:
        raise InputError(
            where,
            f"shape {shown(shape)} of {code} needs {shown(-(-bits // 8))} bytes but data_offsets give {held // 8}",
        )
    return Entry(code, tuple(shape), data + offsets[0], data + offsets[1])


def _sizes(value: Any) -> bool:
    """Whether a value is a list of whole numbers that a file can hold."""
    return isinstance(value, list) and all(type(each) is int and 0 <= each <= _LARGEST_SIDE for each in value)


def _check_cover(path: Path, entries: Mapping[str, Entry], data: int, size: int) -> None:
    """The tensors, in order of their offsets, must meet end to start and end with the file."""
    reached, before = data, "the header"
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != reached:
            kind = "overlaps" if entry.start < reached else "leaves a hole after"
            raise InputError(
                f"{path}: tensor {shown(name)}",
                f"must start at byte {reached - data} of the data but {kind} {before} by starting at "
                f"{entry.start - data}",
            )
        reached, before = entry.stop, shown(name)
    if reached != size:
        remedy = "the file is truncated: fetch it again" if reached > size else ""
        raise InputError(path, f"its tensors end at byte {reached} but the file has {size}", remedy)
