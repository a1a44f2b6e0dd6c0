"""Format: a folder with one safetensors file, or with an index and the shards it names."""

from __future__ import annotations

from pathlib import Path

from benchshadow.errors import InputError

from .safetensors_files import SafetensorsCheckpoint, from_files, read_object
from .sharding import check_agreement, shards_of

__all__ = ["matches", "open"]

WHOLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


def matches(path: Path) -> bool:
    """Whether the path is a folder with an index or with any safetensors file."""
    return path.is_dir() and ((path / INDEX).is_file() or any(path.glob("*.safetensors")))


def open(path: Path) -> SafetensorsCheckpoint:  # noqa: A001 (the verb of every format)
    """The checkpoint in a folder.

    `model.safetensors` comes before an index, as in transformers; without both, the folder's only safetensors file is
    taken. Index and shards must agree on every tensor: one that the index lists and its shard lacks, and one that a
    shard holds and the index does not list, refuse the checkpoint, because one of the two is of another checkpoint.
    """
    config = path / "config.json"
    if (path / "adapter_config.json").is_file() and not (path / WHOLE).is_file():
        raise InputError(path, "must hold whole weights but holds an adapter", "name the base that it adapts too")
    if (path / WHOLE).is_file():
        return from_files(path, {WHOLE: path / WHOLE}, None, config)
    index = path / INDEX
    if index.is_file():
        listed, shards = shards_of(index, read_object(index), ".safetensors", "a safetensors file")
        checkpoint = from_files(path, shards, index, config)
        check_agreement(index, listed, {name: file for name, (file, _) in checkpoint.places.items()})
        return checkpoint
    files = sorted(path.glob("*.safetensors"))
    if len(files) > 1:
        raise InputError(path, f"must hold {WHOLE}, {INDEX} or one safetensors file but holds {len(files)} files")
    return from_files(path, {files[0].name: files[0]}, None, config)
