"""How the numbers of an audit were computed: measure, method and n, and what has no value, and why."""

from __future__ import annotations

import polars as pl

from .audit_folder import AuditFolder
from .audit_values import measure_title, reason
from .elements import Block, Cell, Column, Table, present
from .numbers import NONE, counted, number, span

__all__ = ["method_blocks"]

_SHOWN = 4
_BY = ["diagnostic", "method"]


def method_blocks(audit: AuditFolder) -> list[Block]:
    """Of all records: what they come from, over how much, and which are undefined."""
    return present(_methods(audit), _undefined(audit))


def _methods(audit: AuditFolder) -> Table | None:
    defined = audit.records.filter(pl.col("value").is_not_null())
    counts = pl.len(), pl.col("items").min().alias("least"), pl.col("items").max().alias("most"), pl.col("split")
    rows = []
    for row in defined.group_by(_BY, maintain_order=True).agg(*counts).iter_rows(named=True):
        splits = dict.fromkeys(each for each in row["split"] if each)
        over = span(row["least"], row["most"]) if row["least"] is not None else NONE
        rows.append(
            [
                Cell(measure_title(row["diagnostic"]), ", ".join(splits), head=True, numeric=False),
                Cell(str(row["method"] or "not told"), numeric=False),
                Cell(over),
                Cell(number(row["len"])),
            ]
        )
    columns = [Column("Measure", numeric=False), Column("Method", numeric=False), Column("Taken over", "n")]
    title = f"{counted(len(rows), 'method')}, measure by measure"
    return Table([*columns, Column("Records")], rows, folded=title) if rows else None


def _undefined(audit: AuditFolder) -> Table | None:
    """Every reason for which a record holds no value, with how many and which."""
    missing = audit.records.filter(pl.col("value").is_null())
    if not missing.height:
        return None
    rows = []
    for (_,), mine in missing.group_by("method", maintain_order=True):
        titles = dict.fromkeys(measure_title(name) for name in mine["diagnostic"])
        where = dict.fromkeys(
            ", ".join(each for each in place if each) for place in mine.select("arm", "benchmark").iter_rows()
        )
        rows.append(
            [
                Cell(reason(mine.row(0, named=True)), head=True, numeric=False),
                Cell(number(mine.height)),
                Cell(_some(list(titles)), numeric=False),
                Cell(_some(list(where), "; "), numeric=False),
            ]
        )
    columns = [Column("Why there is no value", numeric=False), Column("Records"), Column("Measures", numeric=False)]
    title = f"{counted(missing.height, 'record')} without a value, and why"
    return Table([*columns, Column("Where", numeric=False)], rows, folded=title)


def _some(names: list[str], between: str = ", ") -> str:
    return between.join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
