"""Format: a folder with one safetensors file, or with an index and the shards it names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError

from .header import shown
from .safetensors_files import SafetensorsCheckpoint, from_files, read_object

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
        raise InputError(path, "must hold whole weights but holds an adapter", "merge it into its base first")
    if (path / WHOLE).is_file():
        return from_files(path, {WHOLE: path / WHOLE}, None, config)
    index = path / INDEX
    if index.is_file():
        listed = _weight_map(index, read_object(index))
        shards = {shard: path / shard for shard in dict.fromkeys(listed.values())}
        missing = sorted(shard for shard, file in shards.items() if not file.is_file())
        if missing:
            raise InputError(index, f"names the shard {missing[0]!r}, which the folder lacks{_others(missing)}")
        checkpoint = from_files(path, shards, index, config)
        _check_agreement(index, listed, checkpoint)
        return checkpoint
    files = sorted(path.glob("*.safetensors"))
    if len(files) > 1:
        raise InputError(path, f"must hold {WHOLE}, {INDEX} or one safetensors file but holds {len(files)} files")
    return from_files(path, {files[0].name: files[0]}, None, config)


def _weight_map(index: Path, content: Mapping[str, Any]) -> dict[str, str]:
    """Shard of every tensor; a shard must be a plain file name, so that an index cannot point out of its folder."""
    listed = content.get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise InputError(index, f"weight_map must be an object of tensors but is {shown(listed)}")
    for name, shard in listed.items():
        plain = isinstance(shard, str) and shard.endswith(".safetensors") and not set(shard) & set("/\\:\0")
        if not plain:
            raise InputError(
                index, f"the shard of {shown(name)} must be the plain name of a safetensors file but is {shown(shard)}"
            )
    return listed


def _check_agreement(index: Path, listed: Mapping[str, str], checkpoint: SafetensorsCheckpoint) -> None:
    for name, shard in listed.items():
        file = checkpoint.places[name][0].name if name in checkpoint.places else None
        if file != shard:
            found = "which lacks it" if file is None else f"but it stands in {file!r}"
            raise InputError(index, f"lists {shown(name)} in {shard!r}, {found}")
    for name, (file, _) in checkpoint.places.items():
        if name not in listed:
            raise InputError(index, f"must list every tensor of its shards but not {shown(name)} of {file.name!r}")


def _others(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
