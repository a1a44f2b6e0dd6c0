"""What the waist lets through, as one small file: the numbers of a matrix or of a change, without weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from .directions import Directions, Vectors
from .intruders import Intruders, RandomIntruders
from .moments import Moments
from .rounding import RoundingNull
from .spectrum import Spectrum
from .update import Unchanged, Update

__all__ = ["load", "save"]

_KINDS = {
    kind.__name__: kind
    for kind in (
        Directions, Intruders, Moments, RandomIntruders, RoundingNull, Spectrum, Unchanged, Update, Vectors
    )
}  # fmt: skip


def save(path: Path, value: Spectrum | Moments | Update) -> None:
    """Write a spectrum, the moments of a matrix, or an update: arrays as tensors, all else as JSON in the header."""
    arrays: dict[str, np.ndarray] = {}
    content = json.dumps(_packed(value, "value", arrays))
    kept = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    save_file(kept, path, {"content": content, "sum": _sum(content, kept)})


def load(path: Path) -> Any:
    """Read what `save` wrote; None where the file is not there or is not whole."""
    try:
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            said = file.metadata()
            if said["sum"] != _sum(said["content"], arrays):
                return None
            return _unpacked(json.loads(said["content"]), arrays)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _sum(content: str, arrays: Mapping[str, np.ndarray]) -> str:
    """CRC-32 of all that was written: the format itself would not notice a bit that fell over."""
    found = crc32(content.encode())
    for name in sorted(arrays):
        array = arrays[name]
        found = crc32(f"{name} {array.dtype} {array.shape}".encode(), found)
        found = crc32(array.tobytes(), found)
    return f"{found:08x}"


def _packed(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """A value as JSON; arrays go aside under the name of where they stood."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if is_dataclass(value):
        kept = {each.name: _packed(getattr(value, each.name), f"{name}.{each.name}", arrays) for each in fields(value)}
        return {"kind": type(value).__name__, "fields": kept}
    if isinstance(value, tuple):
        return {"items": [_packed(each, f"{name}.{i}", arrays) for i, each in enumerate(value)]}
    return value


def _unpacked(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "items" in value:
        return tuple(_unpacked(each, arrays) for each in value["items"])
    return _KINDS[value["kind"]](**{key: _unpacked(each, arrays) for key, each in value["fields"].items()})
