"""The tables of numbers of a footprint: the model beside its nulls, and the roles side by side."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from benchshadow.spectra import diagnostics

from .elements import Cell, Column, Table
from .footprint_folder import FootprintFolder
from .numbers import absent, number
from .roles import in_order, parts

__all__ = ["MAIN", "SIDES", "model_tables", "roles_table", "title_of"]

MAIN = (
    "relative_change", "spectral_shift", "rounding_share", "signal_rank", "stable_rank", "participation_ratio",
    "energy_rank", "effective_rank", "rank_at_energy", "top_energy", "unchanged_share", "cosine",
)  # fmt: skip
SIDES = {
    "tuned": "if the tuned side was rounded",
    "both": "if both sides were rounded",
    "left": "left vectors, of what is written",
    "right": "right vectors, of what is read",
}
_OWN = {"effective_layers": "Effective layers", "matrices": "Matrices", "frobenius_norm": "Frobenius norm"}
# Each has a table of its own, beside what it must be read with.
_ELSEWHERE = re.compile(r"^(effective_(layers|roles|towers)|gini_of_|depth_of_change|subspace_|intruder_|principal_)")


def title_of(name: str, parameter: float | None = None) -> str:
    """What a diagnostic is called, with its q or r in place; a name that nobody registered is spelt out."""
    titles = {entry.name: entry.title for entry in diagnostics()} | _OWN
    title = titles.get(name) or name.replace("_", " ").capitalize()
    if parameter is None:
        return title
    placed = re.sub(r"\b[qr]\b", f"{parameter:g}", title, count=1)
    # One of them is no plural: "the top 1 directions".
    placed = re.sub(r"\btop 1 (direction|subspace)s\b", r"top \1", placed)
    return placed if placed != title else f"{title} ({parameter:g})"


def model_tables(footprint: FootprintFolder) -> list[Table]:
    """The numbers of the model beside what a random update and rounding alone would give: the main ones, then all."""
    every = [row for row in footprint.model.iter_rows(named=True) if not _ELSEWHERE.match(row["diagnostic"])]
    shares = {_key(row): row for row in every if row["diagnostic"].endswith("_share")}
    rows = [row for row in every if not row["diagnostic"].endswith("_share") or row["diagnostic"] in MAIN]
    main = sorted((r for r in rows if r["diagnostic"] in MAIN), key=lambda row: MAIN.index(row["diagnostic"]))
    rest = [row for row in rows if row["diagnostic"] not in MAIN]
    title = "The blocks taken together" if footprint.of == "base" else "The change of the blocks, beside its nulls"
    tables = [_model_table(main, shares, title, "")] if main else []
    return tables + ([_model_table(rest, shares, "", f"{len(rest)} more diagnostics")] if rest else [])


def _key(row: dict[str, Any]) -> tuple[str, Any, Any]:
    return row["diagnostic"], row["parameter"], row["side"]


def _model_table(rows: list[dict[str, Any]], shares: dict[Any, Any], title: str, folded: str) -> Table:
    usual = Counter(row["method"] for row in rows if not absent(row["value"])).most_common(1)
    method = usual[0][0] if usual and usual[0][0] else ""
    made = [_model_row(row, shares.get((f"{row['diagnostic']}_share", *_key(row)[1:]), {}), method) for row in rows]
    columns = [
        Column("Measure", numeric=False),
        Column("Value"),
        Column("Random update", "same shapes and size", "A Gaussian change of the same shapes and the same size"),
        Column("Rounding alone", "", "What the rounding of the stored numbers would give by itself"),
        Column("Of all", "share of k", "Divided by the shorter side of the matrix, so that shapes can be compared"),
        Column("Unit", numeric=False),
    ]
    # A column that no row fills says nothing: a checkpoint alone has neither null.
    kept = [i for i in range(len(columns)) if i < 2 or any(cells[i].text != number(None) for cells in made)]
    note = f"{method[:1].upper()}{method[1:]}, unless the row says otherwise." if method else ""
    return Table([columns[i] for i in kept], [[cells[i] for i in kept] for cells in made], title, note, folded)


def _model_row(row: dict[str, Any], share: dict[str, Any], usual: str) -> list[Cell]:
    method = "" if absent(row["value"]) or row["method"] == usual else row["method"]
    below = ", ".join(part for part in (SIDES.get(row["side"], ""), method) if part)
    reason = (row["method"] or "no reason was recorded").removeprefix("undefined: ")
    undefined = f"undefined: {reason}" if absent(row["value"]) else ""
    return [
        Cell(title_of(row["diagnostic"], row["parameter"]), below, head=True, numeric=False),
        Cell(number(row["value"]), undefined, order=row["value"]),
        Cell(number(row["null_random"])),
        Cell(number(row["null_rounding"])),
        Cell(number(share.get("value"))),
        Cell("" if row["unit"] == "-" else row["unit"] or "", numeric=False),
    ]


def roles_table(footprint: FootprintFolder) -> Table | None:
    """One row per role, towers and stacks apart, as the summary holds them."""
    rows = footprint.summary.get("by_role") or []
    if not rows:
        return None
    places = [(row.get("tower") or "", row.get("stack")) for row in rows]
    called = parts(places)
    roles = in_order(row["role"] for row in rows)
    order = list(dict.fromkeys(called.values()))
    ranked = sorted(
        zip(rows, places, strict=True), key=lambda each: (order.index(called[each[1]]), roles.index(each[0]["role"]))
    )
    keys = list(dict.fromkeys(key for row in rows for key in row if key not in ("role", "tower", "stack")))
    keys = [key for key in keys if any(row.get(key) is not None for row in rows)]
    keys.sort(key=_place_of)
    units = [{"frobenius_norm": "weight"}.get(key) or SIDES.get(key.partition(":")[2], "") for key in keys]
    columns = [Column("Role", numeric=False)] + ([Column("Part", numeric=False)] if any(order) else [])
    columns += [Column(title_of(key.partition(":")[0]), unit) for key, unit in zip(keys, units, strict=True)]
    table = []
    for row, place in ranked:
        head = [Cell(row["role"], head=True, numeric=False)] + (
            [Cell(called[place], numeric=False)] if any(order) else []
        )
        table.append([*head, *(Cell(number(row.get(key)), order=row.get(key)) for key in keys)])
    note = "Means over the matrices of a role; the relative change and the norm are pooled over them."
    return Table(columns, table, "By role", note)


def _place_of(key: str) -> tuple[int, bool]:
    """Where a column stands: counts and sizes first, then as in the table of the model."""
    name, _, side = key.partition(":")
    first = ("matrices", "relative_change", "frobenius_norm", *MAIN)
    return (first.index(name) if name in first else len(first)), side == "both"
