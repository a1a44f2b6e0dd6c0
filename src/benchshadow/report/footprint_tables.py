"""The tables of a footprint: the model beside its nulls, the roles, and what became of every tensor."""

from __future__ import annotations

from typing import Any

import polars as pl

from benchshadow.spectra import diagnostics

from .elements import Cell, Column, Table
from .footprint_folder import FootprintFolder
from .numbers import absent, number, shown

__all__ = ["MAIN", "coverage_table", "model_tables", "roles_table", "states_table", "title_of"]

MAIN = (
    "relative_change", "spectral_shift", "rounding_share", "signal_rank", "stable_rank", "participation_ratio",
    "energy_rank", "effective_rank", "rank_at_energy", "top_energy", "effective_layers", "unchanged_share",
)  # fmt: skip
_OWN = {"effective_layers": "Effective layers", "matrices": "Matrices"}
_SIDES = {"tuned": "if the tuned side was rounded", "both": "if both sides were rounded"}
_STATES = {
    "analysed": "measured",
    "equal": "base and tuned are equal entry by entry",
    "skipped": "no matrix to measure",
    "unmatched": "on one side only",
    "refused": "breaks a rule, refused by name",
}


def title_of(name: str) -> str:
    """What a diagnostic is called; a name that nobody registered is spelt out."""
    titles = {entry.name: entry.title for entry in diagnostics()} | _OWN
    return titles.get(name) or name.replace("_", " ").capitalize()


def model_tables(footprint: FootprintFolder) -> list[Table]:
    """The numbers of the model beside what a random update and rounding alone would give: the main ones, then all."""
    rows = [row for row in footprint.model.iter_rows(named=True) if not row["diagnostic"].endswith("_share")]
    rows += [row for row in footprint.model.iter_rows(named=True) if row["diagnostic"] in MAIN and row not in rows]
    shares = {_key(row): row for row in footprint.model.iter_rows(named=True) if row["diagnostic"].endswith("_share")}
    main = sorted((r for r in rows if r["diagnostic"] in MAIN), key=lambda row: MAIN.index(row["diagnostic"]))
    rest = [row for row in rows if row["diagnostic"] not in MAIN]
    title = "The blocks taken together" if footprint.of == "base" else "The change of the blocks, beside its nulls"
    tables = [_model_table(main, shares, title, "")] if main else []
    return tables + ([_model_table(rest, shares, "", f"{len(rest)} more diagnostics")] if rest else [])


def _key(row: dict[str, Any]) -> tuple[str, Any, Any]:
    return row["diagnostic"], row["parameter"], row["side"]


def _model_table(rows: list[dict[str, Any]], shares: dict[Any, Any], title: str, folded: str) -> Table:
    columns = [
        Column("Measure", numeric=False),
        Column("Value"),
        Column("Unit", numeric=False),
        Column("Of all", "share of k", "Divided by the shorter side of the matrix, so that shapes can be compared"),
        Column("Random update", "same shapes and size"),
        Column("Rounding alone", "", "What the rounding of the stored numbers would give by itself"),
    ]
    cells = []
    for row in rows:
        share = shares.get((f"{row['diagnostic']}_share", row["parameter"], row["side"]), {})
        method = "" if absent(row["value"]) else row["method"]
        below = ", ".join(part for part in (_SIDES.get(row["side"], ""), method) if part)
        name = title_of(row["diagnostic"]) + ("" if row["parameter"] is None else f" ({row['parameter']:g})")
        reason = (row["method"] or "no reason was recorded").removeprefix("undefined: ")
        undefined = f"undefined: {reason}" if absent(row["value"]) else ""
        cells.append(
            [
                Cell(name, below, head=True, numeric=False),
                Cell(number(row["value"]), undefined, order=row["value"]),
                Cell("" if row["unit"] == "-" else row["unit"] or "", numeric=False),
                Cell(number(share.get("value"))),
                Cell(number(row["null_random"])),
                Cell(number(row["null_rounding"])),
            ]
        )
    return Table(columns, cells, title, "", folded)


def roles_table(footprint: FootprintFolder) -> Table | None:
    """One row per role, as the summary holds them."""
    rows = footprint.summary.get("by_role") or []
    if not rows:
        return None
    keys = list(dict.fromkeys(key for row in rows for key in row if key != "role"))
    keys.sort(key=lambda key: (key != "matrices", key != "relative_change"))
    columns = [Column("Role", numeric=False)]
    for key in keys:
        name, _, side = key.partition(":")
        columns.append(Column(title_of(name), _SIDES.get(side, "")))
    table = [
        [Cell(row["role"], head=True, numeric=False), *(Cell(number(row.get(key)), order=row.get(key)) for key in keys)]
        for row in rows
    ]
    note = "Means over the matrices of a role; the relative change is pooled over them."
    return Table(columns, table, "By role", note)


def states_table(footprint: FootprintFolder) -> Table:
    """How many tensors and parameters were analysed, and what became of the others."""
    counts = footprint.coverage.group_by("state").agg(pl.len().alias("tensors"), pl.col("parameters").sum())
    by_state = {row["state"]: row for row in counts.iter_rows(named=True)}
    order = [state for state in _STATES if state in by_state] + sorted(by_state.keys() - _STATES.keys())
    rows = []
    for state in order:
        here = by_state[state]
        reasons = footprint.coverage.filter(pl.col("state") == state)["reason"].drop_nulls().value_counts(sort=True)
        said = "; ".join(f"{reason} ({count})" for reason, count in reasons.head(3).iter_rows())
        cells = [Cell(state, _STATES.get(state, ""), head=True, numeric=False)]
        rows.append(
            [*cells, Cell(number(here["tensors"])), Cell(number(here["parameters"])), Cell(said, numeric=False)]
        )
    columns = [Column("State", numeric=False), Column("Tensors"), Column("Parameters"), Column("Why", numeric=False)]
    return Table(columns, rows, "Every parameter is accounted for")


def coverage_table(footprint: FootprintFolder) -> Table:
    """One row per tensor: its place, its types, and what became of it."""
    names = {"tensor": "Tensor", "role": "Role", "layer": "Layer", "shape": "Shape", "stored": "Stored as"}
    names |= {"stored_base": "Base stored as", "parameters": "Parameters", "state": "State", "reason": "Reason"}
    kept = [name for name in (*names, "remarks") if name in footprint.coverage.columns]
    numeric = {"layer", "parameters"}
    columns = [Column(names.get(name, name.capitalize()), numeric=name in numeric) for name in kept]
    rows = [[_covered(name, row, name in numeric) for name in kept] for row in footprint.coverage.iter_rows(named=True)]
    return Table(columns, rows, folded=f"All {number(len(rows))} tensors", sortable=True)


def _covered(name: str, row: dict[str, Any], numeric: bool) -> Cell:
    value = row[name]
    text = "" if value is None else shown(value)
    below = "guessed from its name" if name == "role" and row.get("guessed") else ""
    return Cell(text, below, order=value if numeric else None, head=name == "tensor", numeric=numeric)
