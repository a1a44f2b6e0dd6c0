"""What became of every tensor: measured, equal, or left out and why; nothing is hidden."""

from __future__ import annotations

from typing import Any

import polars as pl

from .elements import Cell, Column, Point, Table
from .footprint_folder import FootprintFolder
from .numbers import counted, number, shown

__all__ = ["coverage_points", "coverage_table", "states_table"]

_STATES = {
    "analysed": ("Measured", ""),
    "equal": ("Equal", "base and tuned are equal entry by entry"),
    "refused": ("Refused", "breaks a rule, refused by name"),
    "unmatched": ("Without a partner", "on one side only"),
    "skipped": ("Skipped", "no matrix to measure"),
}
_LIMIT, _REASONS = 1500, 3
_ALIKE = ("tower", "role", "layer", "shape", "stored", "stored_base", "state", "reason", "remarks")


def coverage_points(footprint: FootprintFolder) -> list[Point]:
    """One line per state for the first screen: tensors, parameters, their share of all, and why."""
    total = int(_own(footprint.coverage)["parameters"].sum())
    points = []
    for state in _order(footprint.coverage):
        here = footprint.coverage.filter(pl.col("state") == state)
        held = int(_own(here)["parameters"].sum())
        text = f"{counted(here.height, 'tensor')}, {counted(held, 'parameter')} ({_percent(held, total)})"
        gone = here.height - _own(here).height
        if gone == here.height:
            text = f"{counted(gone, 'tensor')}, in the base alone"
        elif gone:
            text += f"; {number(gone)} of these tensors {'stands' if gone == 1 else 'stand'} in the base alone"
        why = _reasons(here) if state not in ("analysed", "equal") else ""
        points.append(Point(_STATES.get(state, (state, ""))[0], f"{text}: {why}." if why else f"{text}."))
    return points


def states_table(footprint: FootprintFolder) -> Table:
    """How many tensors and parameters were analysed, and what became of the others, reason by reason."""
    total = int(_own(footprint.coverage)["parameters"].sum())
    rows = []
    for state in _order(footprint.coverage):
        here = footprint.coverage.filter(pl.col("state") == state)
        reasons = here.group_by("reason", maintain_order=True).agg(pl.len(), pl.col("tensor").first())
        for reason, *_ in reasons.sort("len", descending=True).iter_rows():
            mine = here.filter(pl.col("reason").eq_missing(reason))
            held = int(mine["parameters"].sum())
            # What only the base holds is no part of the parameters that add up to all.
            share = _percent(held, total) if _own(mine).height else "in the base alone"
            first = (
                ""
                if state in ("analysed", "equal")
                else f"{'the first: ' if mine.height > 1 else ''}{mine['tensor'][0]}"
            )
            cells = [Cell(_STATES.get(state, (state, ""))[0], head=True, numeric=False), Cell(number(mine.height))]
            cells += [Cell(number(held)), Cell(share)]
            said = reason or _STATES.get(state, ("", state))[1]
            rows.append([*cells, Cell(said, first, numeric=False)])
    columns = [Column("State", numeric=False), Column("Tensors"), Column("Parameters"), Column("Share", "of all")]
    return Table([*columns, Column("Why", numeric=False)], rows, "Every parameter is accounted for")


def coverage_table(footprint: FootprintFolder) -> Table:
    """One row per tensor: its place, its types, and what became of it; very many that are alike share a row."""
    names = {"tensor": "Tensor", "role": "Role", "layer": "Layer", "shape": "Shape", "stored": "Stored as"}
    names |= {"stored_base": "Base stored as", "parameters": "Parameters", "state": "State", "reason": "Reason"}
    names |= {"remarks": "Remarks"}
    coverage, many = footprint.coverage, footprint.coverage.height
    if "tower" in coverage.columns and coverage["tower"].n_unique() > 1:
        names = {"tensor": "Tensor", "tower": "Tower"} | names
    empty = {name for name in ("reason", "remarks") if name in coverage.columns and coverage[name].is_null().all()}
    kept = [name for name in names if name in coverage.columns and name not in empty]
    rows, note = coverage, ""
    if many > _LIMIT:
        alike = [name for name in _ALIKE if name in coverage.columns]
        rest = [pl.col(name).first() for name in coverage.columns if name not in (*alike, "parameters")]
        rows = coverage.group_by(alike, maintain_order=True).agg(*rest, pl.col("parameters").sum(), pl.len())
        note = "Tensors of one layer, role, shape and state share a row; coverage.parquet has them one by one."
    columns = [Column(names[name], numeric=name in ("layer", "parameters")) for name in kept]
    cells = [[_covered(name, row) for name in kept] for row in rows.iter_rows(named=True)]
    return Table(columns, cells, folded=f"All {counted(many, 'tensor')}", note=note, sortable=True)


def _covered(name: str, row: dict[str, Any]) -> Cell:
    value, numeric = row[name], name in ("layer", "parameters")
    text = "" if value is None else shown(value)
    below = "guessed from its name" if name == "role" and row.get("guessed") else ""
    if name == "tensor":
        canonical = row.get("canonical") or ""
        below = "" if text.endswith(canonical) else f"read as {canonical}"
        if row.get("len", 1) > 1:
            below = f"and {number(row['len'] - 1)} more like it"
    return Cell(text, below, order=value if numeric else None, head=name == "tensor", numeric=numeric)


def _own(coverage: pl.DataFrame) -> pl.DataFrame:
    """The tensors of the tuned checkpoint, or of the only one: their parameters add up to those of the model."""
    return coverage.filter(pl.col("stored").is_not_null()) if "stored" in coverage.columns else coverage


def _order(coverage: pl.DataFrame) -> list[str]:
    found = set(coverage["state"])
    return [state for state in _STATES if state in found] + sorted(found - _STATES.keys())


def _reasons(coverage: pl.DataFrame) -> str:
    counts = coverage["reason"].drop_nulls().value_counts(sort=True)
    said = [f"{reason} ({count})" if count > 1 else reason for reason, count in counts.head(_REASONS).iter_rows()]
    more = counts.height - len(said)
    return "; ".join(said) + (f"; {counted(more, 'more reason')} below" if more else "")


def _percent(part: int, whole: int) -> str:
    """A share of all that never rounds to nothing or to all."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "below 0.1%"
    return f"{min(share, 99.9):.1f}%" if part < whole else f"{share:.0f}%"
