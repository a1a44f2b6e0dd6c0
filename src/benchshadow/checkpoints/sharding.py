"""The index of a sharded checkpoint: it names plain files beside it, and agrees with them on every tensor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError

from .header import shown

__all__ = ["check_agreement", "shards_of"]


def shards_of(
    index: Path, content: Mapping[str, Any], suffix: str, kind: str
) -> tuple[dict[str, str], dict[str, Path]]:
    """The shard of every tensor, and the file of every shard.

    A shard must be a plain file name, so that an index cannot point out of its folder.

    Args:
        index: where the index lies; its shards lie beside it.
        content: what it holds.
        suffix: how the name of a shard ends, ".safetensors".
        kind: how sentences call such a file, "a safetensors file".
    """
    listed = content.get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise InputError(index, f"weight_map must be an object of tensors but is {shown(listed)}")
    for name, shard in listed.items():
        plain = isinstance(shard, str) and shard.endswith(suffix) and not set(shard) & set("/\\:\0")
        if not plain:
            raise InputError(
                index, f"the shard of {shown(name)} must be the plain name of {kind} but is {shown(shard)}"
            )
    shards = {shard: index.parent / shard for shard in dict.fromkeys(listed.values())}
    missing = sorted(shard for shard, file in shards.items() if not file.is_file())
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise InputError(index, f"names the shard {missing[0]!r}, which the folder lacks{more}")
    return listed, shards


def check_agreement(index: Path, listed: Mapping[str, str], held: Mapping[str, Path]) -> None:
    """Refuse a tensor that the index lists and its shard lacks, and one that a shard holds and the index does not list.

    One of the two would be of another checkpoint.
    """
    for name, shard in listed.items():
        file = held[name].name if name in held else None
        if file != shard:
            found = "which lacks it" if file is None else f"but it stands in {file!r}"
            raise InputError(index, f"lists {shown(name)} in {shard!r}, {found}")
    for name, file in held.items():
        if name not in listed:
            raise InputError(index, f"must list every tensor of its shards but not {shown(name)} of {file.name!r}")
