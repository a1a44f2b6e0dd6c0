"""A live `state_dict` as a checkpoint: tensors of torch on any device, or arrays of NumPy, without a copy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchshadow.errors import InputError

from .assembled import AssembledCheckpoint, Member, stored_member
from .torch_tensors import tensor_member

__all__ = ["from_state_dict"]

_ARRAYS = {"float64", "float32", "float16"}
_LETTERS = {"i": "I", "u": "U", "c": "C"}


def from_state_dict(tensors: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> AssembledCheckpoint:
    """A `Checkpoint` over tensors that are in memory.

    Values are read when they are asked for, so what trains on after this call is read as it is then.

    Args:
        tensors: by name, as `model.state_dict()` returns them: torch tensors on any device, or NumPy arrays.
        config: what `config.json` would hold (`model.config.to_dict()`); without it roles are guessed.

    Raises:
        InputError: there is no tensor, or a value is none.
    """
    where = "state_dict"
    if not tensors:
        raise InputError(where, "must hold at least one tensor but holds none")
    members = {name: _member(where, name, value) for name, value in tensors.items()}
    return AssembledCheckpoint(Path(where), (), config, members)


def _member(where: str, name: str, value: Any) -> Member:
    if isinstance(value, np.ndarray):
        kind = str(value.dtype)
        if kind not in _ARRAYS:
            kind = "BOOL" if kind == "bool" else f"{_LETTERS.get(value.dtype.kind, '?')}{value.dtype.itemsize * 8}"
        return stored_member(name, value.shape, kind, lambda: value)
    if hasattr(value, "detach") and hasattr(value, "device"):
        return tensor_member(where, name, value)
    raise InputError(
        f"{where}: {name!r}", f"must be a tensor of torch or an array of NumPy but is a {type(value).__name__}"
    )
