"""How the numbers were computed: methods and types with their share of the records, and what has no value, and why."""

from __future__ import annotations

import re

import polars as pl

from .elements import Block, Cell, Column, Table, present
from .footprint_folder import FootprintFolder
from .footprint_tables import title_of
from .numbers import counted, number

__all__ = ["method_blocks"]

_TYPE = re.compile(r"\b(float\d+|bfloat16)\b")
_SHOWN = 3
_UNDEFINED = "undefined: "


def method_blocks(footprint: FootprintFolder) -> list[Block]:
    """Of the records of single matrices: what they come from, and which are undefined."""
    rows = footprint.matrices
    return present(_methods(rows), _undefined(rows)) if rows.height else []


def _methods(rows: pl.DataFrame) -> Table | None:
    defined = rows.filter(pl.col("value").is_not_null())
    if not defined.height:
        return None
    # A bound is in the unit of its value: only relative to that can those of two diagnostics be compared.
    size = pl.when(pl.col("value") != 0).then(pl.col("error_bound") / pl.col("value").abs())
    cells = []
    groups = defined.with_columns(size.alias("relative")).group_by("method", maintain_order=True)
    for (method,), mine in sorted(groups, key=lambda each: -each[1].height):
        found = _TYPE.search(str(method or ""))
        worst = mine.filter(pl.col("relative").is_not_null()).sort("relative", descending=True).head(1).to_dicts()
        bound = Cell(number(None), "no bound is known")
        if worst:
            where = f"{title_of(worst[0]['diagnostic'], worst[0]['parameter'])}, {worst[0]['tensor']}"
            bound = Cell(number(worst[0]["relative"]), where)
        cells.append(
            [
                Cell(str(method or "not told"), _some(mine), head=True, numeric=False),
                Cell(found[1] if found else "", numeric=False),
                Cell(number(mine.height)),
                Cell(f"{100 * mine.height / defined.height:.3g}%"),
                bound,
            ]
        )
    columns = [Column("Method", numeric=False), Column("Type", numeric=False), Column("Records"), Column("Share")]
    columns.append(Column("Worst error bound", "relative to its value", "First order; of the records that have one"))
    note = "Records of single matrices. Where squares would cost too much accuracy a slower method takes over."
    return Table(columns, cells, "Methods", note)


def _some(rows: pl.DataFrame) -> str:
    """A few of the diagnostics, where a method serves few."""
    names = rows["diagnostic"].unique(maintain_order=True).to_list()
    return ", ".join(title_of(name) for name in names) if len(names) <= _SHOWN else f"{len(names)} diagnostics"


def _undefined(rows: pl.DataFrame) -> Table | None:
    """Every reason for which a record holds no value, with how many and which."""
    missing = rows.filter(pl.col("value").is_null())
    if not missing.height:
        return None
    cells = []
    for (method,), mine in sorted(missing.group_by("method", maintain_order=True), key=lambda each: -each[1].height):
        reason = str(method or "no reason was recorded").removeprefix(_UNDEFINED)
        names = mine["diagnostic"].unique(maintain_order=True).to_list()
        named = ", ".join(title_of(name) for name in names[:_SHOWN])
        named += f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        matrices = mine["tensor"].n_unique()
        cells.append(
            [
                Cell(reason, head=True, numeric=False),
                Cell(number(mine.height)),
                Cell(number(matrices), mine["tensor"][0] if matrices == 1 else ""),
                Cell(named, numeric=False),
            ]
        )
    columns = [Column("Why there is no value", numeric=False), Column("Records"), Column("Matrices")]
    columns.append(Column("Diagnostics", numeric=False))
    return Table(columns, cells, folded=f"{counted(missing.height, 'record')} without a value, and why")
