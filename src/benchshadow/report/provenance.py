"""Where the numbers come from: hashes, versions and machine, as a manifest holds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .elements import Cell, Column, Table
from .numbers import absent, shown

__all__ = ["manifest_table"]

_DEEPEST, _LONGEST = 4, 300


def manifest_table(manifest: dict[str, Any], title: str) -> Table | None:
    """Every entry of a manifest on a line of its own, behind its title."""
    rows = [
        [Cell(key, head=True, numeric=False), Cell(_short(shown(value)), numeric=False)]
        for key, value in _entries(manifest)
        if not absent(value)
    ]
    columns = [Column("Entry", numeric=False), Column("Value", numeric=False)]
    return Table(columns, rows, folded=title) if rows else None


def _entries(value: dict[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, each in sorted(value.items()):
        name = f"{path}{key}"
        if isinstance(each, dict) and depth < _DEEPEST:
            yield from _entries(each, f"{name} · ", depth + 1)
        else:
            yield name, each


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
