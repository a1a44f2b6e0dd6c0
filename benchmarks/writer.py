"""A sharded safetensors checkpoint written tensor by tensor, never more than one of them in memory."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from layouts import ENTRY, Shape, config_of

__all__ = ["Writer"]


class Writer:
    """A checkpoint written tensor by tensor, in the order of its shapes; never more than one of them in memory.

    Args:
        folder: for the files.
        tensors: shapes by name, in the order in which they will come.
        shape: type and bytes of a shard; its sizes stand in `config.json`.
    """

    def __init__(self, folder: Path, tensors: dict[str, tuple[int, ...]], shape: Shape) -> None:
        self.folder, self.tensors, self.shape = folder, tensors, shape
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("model*.safetensors*"):
            old.unlink()
        self.shards = self._shards()
        self.open: BinaryIO | None = None

    def _shards(self) -> dict[str, list[str]]:
        """Names of the tensors of every file: a file is full when the next tensor would pass its size."""
        parts, room = [[]], self.shape.shard
        for name, sides in self.tensors.items():
            size = prod(sides) * ENTRY[self.shape.stored]
            if self.shape.shard and parts[-1] and size > room:
                parts.append([])
                room = self.shape.shard
            parts[-1].append(name)
            room -= size
        if len(parts) == 1:
            return {"model.safetensors": parts[0]}
        return {f"model-{i + 1:05}-of-{len(parts):05}.safetensors": part for i, part in enumerate(parts)}

    def add(self, name: str, raw: np.ndarray) -> None:
        """Write the next tensor, as it is to lie on disk."""
        for file, part in self.shards.items():
            if name == part[0]:
                self._begin(file, part)
        assert self.open is not None
        self.open.write(np.ascontiguousarray(raw).data.cast("B"))

    def _begin(self, file: str, part: list[str]) -> None:
        header, offset = {}, 0
        for name in part:
            size = prod(self.tensors[name]) * ENTRY[self.shape.stored]
            header[name] = {
                "dtype": self.shape.stored,
                "shape": list(self.tensors[name]),
                "data_offsets": [offset, offset + size],
            }
            offset += size
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        if self.open:
            self.open.close()
        self.open = (self.folder / file).open("wb")
        self.open.write(len(text).to_bytes(8, "little") + text)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Close the last file and write the index and the configuration."""
        if self.open:
            self.open.close()
        if kind is not None:
            return
        if len(self.shards) > 1:
            names = {name: file for file, part in self.shards.items() for name in part}
            index = {"metadata": {"total_size": self.shape.bytes()}, "weight_map": names}
            (self.folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
        (self.folder / "config.json").write_text(json.dumps(config_of(self.shape)), encoding="utf-8")
