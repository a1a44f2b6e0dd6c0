"""The formats of checkpoints, tried in order: a new one is a file with `matches` and `open`, and its name here."""

from __future__ import annotations

from pathlib import Path

from benchshadow.errors import InputError

from . import folder, gguf_file, pickled, single_file
from .checkpoint import Checkpoint
from .hub import cache_folder, hub_name, snapshot
from .quantised import dequantised

__all__ = ["FORMATS", "located", "open_checkpoint"]

FORMATS = (single_file, folder, pickled, gguf_file)
"""Every format, in the order in which a path is tried."""
_PICKLES = (".ckpt", ".pkl", ".pickle")


def open_checkpoint(path: Path | str) -> Checkpoint:
    """Open a checkpoint: headers are read and held to the rules of their format, tensors are not read.

    Args:
        path: a file, a folder, or "org/name" or "org/name@revision" of a model in the local cache of the hub.

    Raises:
        InputError: nothing is there, no format knows it, or what is there breaks a rule.
    """
    path = located(path)
    for kind in FORMATS:
        if kind.matches(path):
            return dequantised(kind.open(path))
    files = [path] if path.is_file() else sorted(path.iterdir())
    pickles = [file for file in files if file.suffix in _PICKLES]
    if pickles:
        raise InputError(pickles[0], "must be safetensors but is a pickle, which could run code", "convert it first")
    if (path / "adapter_config.json").is_file():
        raise InputError(path, "must hold whole weights but holds an adapter", "name the base that it adapts too")
    held = path.name if path.is_file() else ", ".join(file.name for file in files[:4]) or "nothing"
    rule = "must be a safetensors file, or a folder with one, or with an index and its shards (or .bin, .pt, .gguf)"
    raise InputError(path, f"{rule} but is {held}" if path.is_file() else f"{rule} but holds {held}")


def located(path: Path | str) -> Path:
    """The file or folder that a path or an id of the hub names; a path that exists comes first.

    Raises:
        InputError: it is neither.
    """
    path = Path(path)
    if path.exists():
        return path
    name = hub_name(path.as_posix())
    if name is not None and (set(path.as_posix()) & set("/@") or (cache_folder() / name.folder).is_dir()):
        return snapshot(name)
    raise InputError(path, "no such file or folder")
