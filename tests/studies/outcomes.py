"""What a study came to, as hashes: two folders of the same study are compared by them, time columns aside."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl

__all__ = ["hashes"]

_TIMES = ("seconds", "time", "started", "ended")


def hashes(out: Path) -> dict[str, str]:
    """sha256 of every manifest, table and checkpoint of a study, and of what was concluded from them."""
    found = {}
    for file in sorted(out.rglob("*")):
        place = file.relative_to(out).as_posix()
        if file.suffix == ".parquet":
            found[place] = _hash(_table(file))
        elif file.suffix in (".json", ".safetensors", ".toml"):
            found[place] = _hash(file.read_bytes())
    assert any(place.endswith("model.safetensors") for place in found)
    assert "claims.json" in found
    return found


def _table(file: Path) -> bytes:
    """A table's names, types and values to the bit, without columns that tell of time."""
    table = pl.read_parquet(file)
    table = table.drop(each for each in table.columns if each in _TIMES)
    return repr((table.schema, table.rows())).encode()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
