"""Where the change sits: its profile along the depth and its spread, beside an update uniform per parameter."""

from __future__ import annotations

from typing import Any

import polars as pl

from . import charts
from .elements import Block, Cell, Column, Figure, Panel, Table, present
from .footprint_folder import FootprintFolder
from .look import Series
from .numbers import number
from .roles import in_order

__all__ = ["where_blocks"]

_CHANGE = Series("the change", "#D55E00", "circle")
_EVEN = Series("uniform per parameter", "#808080", "dash")
_OPEN = 16
_ZERO = 1e-12
_GROUPS = ("layers", "roles", "towers")
_AMOUNTS = {
    "": "energy of the change",
    "_by_relative_change": "squared relative change",
}


def where_blocks(footprint: FootprintFolder) -> list[Block]:
    """The profiles of the towers, those of their roles, and how widely the change is spread; empty without a base."""
    rows = footprint.records.filter((pl.col("of") == "profile") & pl.col("value").is_finite())
    profiles: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows.sort("depth").iter_rows(named=True):
        profiles.setdefault((row["part"] or "", row["role"]), []).append(row)
    return present(_whole(footprint, profiles), _roles(profiles), _spread_table(footprint))


def _whole(footprint: FootprintFolder, profiles: dict[tuple[str, str], list[dict[str, Any]]]) -> Figure | None:
    """One panel for each tower and stack, all of its roles pooled."""
    chosen = {part: rows for (part, role), rows in profiles.items() if role == "all"}
    if not chosen:
        return None
    shows = (
        "Relative change of all matrices of a block together, from the first block (0) to the last (1), on a grid of "
    )
    shows += "depths; between two blocks it is read from a straight line. The broken line is the same amount of change "
    shows += "spread evenly over all parameters of the blocks."
    together = [part for part in footprint.parts if part not in chosen]
    if together:
        shows += f" The stacks {' and '.join(together)} are taken together here."
    return Figure(
        "where",
        "Along the depth",
        _panels({part or "all roles": rows for part, rows in chosen.items()}, 230),
        shows,
        "It does not tell whether what moved matters, nor whether rounding moved it.",
        [_CHANGE, _EVEN],
        _table({part or "all roles": rows for part, rows in chosen.items()}),
    )


def _roles(profiles: dict[tuple[str, str], list[dict[str, Any]]]) -> Figure | None:
    """Small multiples: one panel per role, all on one scale."""
    order = in_order(role for _, role in profiles if role != "all")
    parts = list(dict.fromkeys(part for part, _ in profiles))
    chosen = [(part, role) for part in parts for role in order if (part, role) in profiles]
    if len(chosen) < 2:
        return None
    named = {(f"{part} · {role}" if part else role): profiles[part, role] for part, role in chosen}
    return Figure(
        "where-roles",
        "Along the depth, role by role",
        _panels(named, 150),
        "The same for every role alone, all on one scale.",
        "Roles differ in size: a small matrix that changed much can hold little of the energy of the change.",
        [_CHANGE, _EVEN],
        _table(named),
        folded=len(named) > _OPEN,
    )


def _panels(named: dict[str, list[dict[str, Any]]], height: int) -> list[Panel]:
    """One panel for each name, all on one scale from zero, so that they can be compared."""
    drawn = [row[of] for rows in named.values() for row in rows for of in ("value", "null_random")]
    top = max((value for value in drawn if value is not None), default=0.0)
    return [_panel(name, rows, height, 1.05 * top) for name, rows in named.items()]


def _panel(title: str, rows: list[dict[str, Any]], height: int, top: float) -> Panel:
    points = [
        {"arm": series.name, "note": title, "x": row["depth"], "y": row[of]}
        for series, of in ((_CHANGE, "value"), (_EVEN, "null_random"))
        for row in rows
        if row[of] is not None
    ]
    spec = charts.lines(
        points,
        [_CHANGE, _EVEN],
        "relative depth",
        "relative change (share)",
        says=f"Relative change over relative depth, {title}, beside an update uniform per parameter.",
        height=height,
        x_domain=(0, 1),
        y_domain=(0, top) if top > 0 else None,
    )
    return Panel(title, spec)


def _table(named: dict[str, list[dict[str, Any]]]) -> Table:
    depths = sorted({row["depth"] for rows in named.values() for row in rows})
    columns = [Column("Profile", numeric=False), *(Column(f"{depth:.1f}", "depth") for depth in depths)]
    cells = []
    for name, rows in named.items():
        at = {row["depth"]: row for row in rows}
        row = [Cell(name, head=True, numeric=False)]
        for depth in depths:
            found = at.get(depth)
            below = f"even {number(found['null_random'])}" if found and found["null_random"] is not None else ""
            row.append(Cell(number(found["value"]) if found else number(None), below))
        cells.append(row)
    return Table(columns, cells, folded="These profiles as a table")


def _spread_table(footprint: FootprintFolder) -> Table | None:
    """Over how many layers, roles and towers the change is spread, each beside an even update."""
    held = {row["diagnostic"]: row for row in footprint.model.iter_rows(named=True)}
    rows = []
    for suffix, amount in _AMOUNTS.items():
        for group in _GROUPS:
            found = held.get(f"effective_{group}{suffix}")
            if found is None:
                continue
            share = held.get(f"effective_{group}_share{suffix}", {}).get("value")
            count = round(found["value"] / share) if share and found["value"] else None
            gini, depth = held.get(f"gini_of_{group}{suffix}", {}), held.get(f"depth_of_change{suffix}", {})
            depth = depth if group == "layers" else {}
            cells = [Cell(f"Over {group}", amount, head=True, numeric=False), Cell(number(count))]
            rows.append(cells + [_tidy(e.get(of)) for e in (found, gini, depth) for of in ("value", "null_random")])
    if not rows:
        return None
    columns = [Column("Spread of the change", numeric=False), Column("Groups")]
    for name, hint in (
        ("Effective number", "exp of the entropy of the shares: 1 where all is in one group"),
        ("Gini", "0 where all groups are alike"),
        ("Centre of mass", "relative depth: 0 first block, 1 last"),
    ):
        columns += [Column(name, "the change", hint), Column(name, "uniform update", "The same amount, spread evenly")]
    note = "A spread tells something only by its distance from that of the uniform update. Energy is the squared "
    note += "Frobenius norm, in which large matrices weigh more; in the squared relative change, the same over that of "
    note += "the base, matrices of small values do."
    return Table(columns, rows, "How widely it is spread", note)


def _tidy(value: float | None) -> Cell:
    """A number; what only the last bits of float64 tell from zero is zero."""
    return Cell(number(0.0 if value is not None and abs(value) < _ZERO else value))
