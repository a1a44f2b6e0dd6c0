"""Differences: what every two corpora differ by at equal words and at equal numbers of texts, with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from .audit_folder import AuditFolder
from .audit_values import dashes, margin, measure_title, order_of, reason
from .elements import Block, Cell, Column, Prose, Table
from .numbers import NONE, absent, counted, number, signed

__all__ = ["difference_blocks"]

_SHOWN = 3
"""Pairs of corpora whose tables stand open."""


def difference_blocks(audit: AuditFolder) -> list[Block]:
    """A table for every two corpora; nothing where there is one."""
    pairs = list(combinations(audit.corpora, 2))
    tables = [table for place, pair in enumerate(pairs) if (table := _table(audit, *pair, folded=place >= _SHOWN))]
    if not tables:
        return []
    told = "Both corpora are measured at one amount of text, since every one of these numbers depends on how much text "
    told += "it is taken over. Each interval is for documents drawn anew; of twenty of them one misses by chance."
    return [Prose([told]), *tables]


def _table(audit: AuditFolder, one: str, other: str, *, folded: bool) -> Table | None:
    rows = [row for row in audit.differences if (row["arm"], row["base"]) == (one, other)]
    if not rows:
        return None
    places = {name: at for at, name in enumerate(audit.benchmarks)}
    rows.sort(key=lambda row: (places.get(row["benchmark"], -1), order_of(row)))
    missing = [row for row in rows if absent(row["value"])]
    note = dashes((_title(row), reason(row)) for row in missing)
    columns = [Column("Measure", "unit", numeric=False), Column("At", numeric=False), Column("Difference")]
    title = f"{one} minus {other}"
    return Table(
        [*columns, Column("Clear of 0", hint="Whether the interval leaves out 0", numeric=False)],
        [list(_cells(row)) for row in rows],
        "" if folded else title,
        note,
        f"{title}, {counted(len(rows), 'measure')}" if folded else "",
    )


def _title(row: dict[str, Any]) -> str:
    over = (row["split"] or "").partition(", ")
    title = measure_title(row["diagnostic"], row["parameter"], over[0] if over[2] else None)
    return f"{title} ({row['benchmark']})" if row["benchmark"] else title


def _cells(row: dict[str, Any]) -> Iterator[Cell]:
    yield Cell(_title(row), row["unit"] or "", head=True, numeric=False)
    at = (row["split"] or "every document").split(", ")[-1]
    yield Cell(at, number(row["items"]) if row["items"] is not None else "", numeric=False)
    half = row["error_bound"]
    if absent(row["value"]):
        yield Cell(NONE, means=reason(row), hint=reason(row))
        yield Cell(NONE, numeric=False)
        return
    below = f"± {margin(half)}" if half is not None else "no interval"
    yield Cell(signed(row["value"]), below, hint=row["method"] or "", order=row["value"])
    yield Cell(NONE if half is None else "yes" if abs(row["value"]) > half else "no", numeric=False)
