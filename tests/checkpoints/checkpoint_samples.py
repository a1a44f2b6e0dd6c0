"""Files that are whole, and files that are not, written by the safetensors library or by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchshadow.checkpoints import Checkpoint, open_checkpoint
from benchshadow.errors import InputError


def written(folder: Path, tensors: dict[str, np.ndarray], config: dict | None = None) -> Checkpoint:
    """A checkpoint of these tensors in a new folder."""
    folder.mkdir(parents=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / "model.safetensors")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return open_checkpoint(folder)


def raw_file(path: Path, header: object, data: bytes = b"") -> Path:
    """A safetensors file with any header: an object is written as JSON, bytes as they are."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    """The header's description of one tensor."""
    listed = [list(value) if isinstance(value, tuple) else value for value in (shape, offsets)]
    return {"dtype": dtype, "shape": listed[0], "data_offsets": listed[1]}


def refusal(path: Path, names: Path | None = None) -> str:
    """The one sentence with which a path is refused; it names the file."""
    with pytest.raises(InputError) as caught:
        open_checkpoint(path)
    sentence = str(caught.value)
    assert str(names or path) in sentence
    assert "\n" not in sentence
    assert len(sentence) < 600
    return sentence


def matrix(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Random float32 weights."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
