"""Tensors of a safetensors checkpoint read in the barest way: a header, a map, and a widening to float32."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Stored", "stored_tensors"]

_NUMPY = {"F32": "<f4", "BF16": "<u2"}


@dataclass(frozen=True)
class Stored:
    """Where a tensor lies: file, first byte, shape, and type as the header spells it."""

    file: Path
    start: int
    shape: tuple[int, ...]
    dtype: str

    def read(self) -> np.ndarray:
        """The tensor as float32; bfloat16 is the upper half of one."""
        raw = np.memmap(self.file, _NUMPY[self.dtype], "r", self.start, self.shape)
        if self.dtype == "F32":
            return np.array(raw)
        wide = raw.astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)


def stored_tensors(folder: Path) -> dict[str, Stored]:
    """Every tensor of a folder by name."""
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            header = json.loads(handle.read(length))
        for name, each in header.items():
            if name != "__metadata__":
                start = 8 + length + each["data_offsets"][0]
                found[name] = Stored(file, start, tuple(each["shape"]), each["dtype"])
    return found
