"""A long table: its first rows stand open, and all of them wait behind a title, to be ordered and filtered."""

from __future__ import annotations

from dataclasses import replace

from .elements import Table
from .numbers import number

__all__ = ["opened"]

_OPEN, _LONG = 10, 25


def opened(table: Table, what: str) -> list[Table]:
    """The table as it is where it is short; its first rows and, folded, the whole where it is long.

    Args:
        table: most telling rows first.
        what: what its rows are, in the plural.
    """
    many = len(table.rows)
    if many <= _LONG:
        return [table]
    first = replace(table, rows=table.rows[:_OPEN], sortable=False, note="")
    return [first, replace(table, caption="", folded=f"All {number(many)} {what}, to be ordered and filtered")]
