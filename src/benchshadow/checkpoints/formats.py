"""The formats of checkpoints, tried in order: a new one is a file with `matches` and `open`, and its name here."""

from __future__ import annotations

from pathlib import Path

from benchshadow.errors import InputError

from . import folder, single_file
from .checkpoint import Checkpoint

__all__ = ["FORMATS", "open_checkpoint"]

FORMATS = (single_file, folder)
"""Every format, in the order in which a path is tried."""
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def open_checkpoint(path: Path | str) -> Checkpoint:
    """Open a checkpoint: headers are read and held to the rules of their format, tensors are not read.

    Raises:
        InputError: nothing is there, no format knows it, or what is there breaks a rule.
    """
    path = Path(path)
    for kind in FORMATS:
        if kind.matches(path):
            return kind.open(path)
    if not path.exists():
        raise InputError(path, "no such file or folder")
    files = [path] if path.is_file() else sorted(path.iterdir())
    pickled = [file for file in files if file.suffix in _PICKLES]
    if pickled:
        raise InputError(pickled[0], "must be safetensors but is a pickle, which could run code", "convert it first")
    held = path.name if path.is_file() else ", ".join(file.name for file in files[:4]) or "nothing"
    rule = "must be a safetensors file, or a folder with one, or with an index and its shards"
    raise InputError(path, f"{rule} but is {held}" if path.is_file() else f"{rule} but holds {held}")
