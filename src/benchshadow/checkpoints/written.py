"""A checkpoint written again as safetensors, under the same names, in which single matrices may then be replaced."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterable
from math import prod
from pathlib import Path

import numpy as np

from benchshadow.errors import InputError

from .checkpoint import STORED_AS, Checkpoint, matrix_shape
from .cuts import Cut
from .folder import WHOLE
from .formats import open_checkpoint
from .header import READABLE
from .safetensors_files import SafetensorsCheckpoint

__all__ = ["Written", "narrowed", "write_again"]

_CODES = {kind: code for code, kind in READABLE.items()}
_LARGEST_COMPANION = 1 << 26
_COMPANIONS = (".json", ".txt", ".model", ".jinja")
_ROWS = 1 << 22


class Written:
    """The copy: a folder of safetensors files whose tensors can be written to.

    Args:
        folder: where it lies.
        names: of its tensors.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        opened = open_checkpoint(folder)
        assert isinstance(opened, SafetensorsCheckpoint), "it was written as one"
        assert set(opened.names()) == set(names), "every tensor was written"
        self.folder, self._places = folder, opened.places

    def replace(self, tensor: str, cut: Cut, rows: slice, values: np.ndarray) -> None:
        """Put values in the place of some rows of a piece, rounded to the nearest of the stored type.

        Args:
            tensor: stored name.
            cut: where the piece lies in it.
            rows: of the piece.
            values: shape (rows, columns of the piece).
        """
        file, entry = self._places[tensor]
        stored = READABLE[entry.code]
        lines = np.memmap(file, STORED_AS[stored], "r+", entry.start, entry.shape)
        held = lines if cut.part is None else lines[cut.part]
        matrix = held.reshape(matrix_shape(held.shape))
        matrix = matrix.T if cut.transposed else matrix
        raw, taken = narrowed(values, stored), 0
        spans = [(rows.start, rows.stop)] if cut.runs is None else cut.runs.spans(rows.start, rows.stop)
        for start, stop in spans:
            matrix[start:stop] = raw[taken : taken + stop - start]
            taken += stop - start


def write_again(checkpoint: Checkpoint, folder: Path) -> Written:
    """Write a checkpoint into a new folder.

    Safetensors files are copied byte for byte with index, configuration and what lies beside them (tokenizer,
    templates); of other formats, and of a base with an adapter merged into it, every tensor goes into one
    `model.safetensors` in the type that the checkpoint tells. One block of a tensor is in memory at a time.

    Raises:
        InputError: a tensor is not stored as plain numbers of 16 bits or more, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True)
        if isinstance(checkpoint, SafetensorsCheckpoint):
            for file in checkpoint.files:
                shutil.copyfile(file, folder / file.name)
        else:
            _write(checkpoint, folder / WHOLE)
            if checkpoint.config is not None:
                (folder / "config.json").write_text(json.dumps(checkpoint.config), encoding="utf-8")
        _bring_companions(checkpoint.files, folder)
    except OSError as error:
        raise InputError(folder, f"cannot be written ({error.strerror or error})", "name another --out") from error
    return Written(folder, checkpoint.names())


def narrowed(values: np.ndarray, stored: str) -> np.ndarray:
    """Values as they are stored, rounded to the nearest, ties to even; bfloat16, by way of float32, as its bits."""
    if stored != "bfloat16":
        return np.asarray(values, STORED_AS[stored])
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)


def _write(checkpoint: Checkpoint, file: Path) -> None:
    """Every tensor under its name, one after another, behind a header of the format."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    reached = 0
    for name in checkpoint.names():
        stored, shape = checkpoint.dtype(name), checkpoint.shape(name)
        if stored not in STORED_AS:
            remedy = "name a checkpoint of float64, float32, float16 or bfloat16"
            raise InputError(checkpoint.path, f"tensor {name!r} holds {stored}, which cannot be written again", remedy)
        size = prod(shape) * np.dtype(STORED_AS[stored]).itemsize
        header[name] = {"dtype": _CODES[stored], "shape": shape, "data_offsets": [reached, reached + size]}
        reached += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name in checkpoint.names():
            source = checkpoint.source(name)
            step = max(1, _ROWS // max(1, source.shape[1]))
            for start in range(0, source.shape[0], step):
                block = source.rows(start, min(start + step, source.shape[0]))
                out.write(narrowed(block, checkpoint.dtype(name)).tobytes())


def _bring_companions(files: Iterable[Path], folder: Path) -> None:
    """Tokenizer, templates and settings that lie beside the weights and belong to the model."""
    beside = {file.parent for file in files if (file.parent / "config.json").is_file()}
    for place in sorted(beside):
        for file in sorted(place.iterdir()):
            plain = file.suffix in _COMPANIONS and file.is_file() and file.stat().st_size <= _LARGEST_COMPANION
            of_weights = file.name.startswith("adapter_") or ".index." in file.name
            if plain and not of_weights and not (folder / file.name).exists():
                shutil.copyfile(file, folder / file.name)
