"""The figures of a footprint: profiles over depth by role, and singular values beside the rounding edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from . import charts
from .elements import Cell, Column, Figure, Panel, Table
from .footprint_folder import FootprintFolder
from .footprint_tables import title_of
from .look import Series, series_of
from .numbers import number
from .roles import in_order

__all__ = ["profile_figure", "spectrum_figure"]

_PROFILES = {
    "change": ("relative_change", "stable_rank", "participation_ratio", "signal_rank"),
    "base": ("stable_rank", "effective_rank", "tail_exponent"),
}
_TENSORS, _POINTS = 24, 80
_HUES = ("#D55E00", "#0072B2", "#808080")


def profile_figure(footprint: FootprintFolder) -> Figure | None:
    """A chart per diagnostic: a line per role, from the first block to the last."""
    panels, columns, values, named = [], [], {}, []
    for diagnostic in _PROFILES[footprint.of]:
        rows = footprint.tensors(diagnostic).filter(pl.col("depth").is_not_null())
        rows = rows.unique(["tensor", "diagnostic"], keep="first", maintain_order=True)
        there = rows.filter(pl.col("value").is_finite())
        if not there.height:
            continue
        named = named or series_of(in_order(there["role"].unique().to_list()))
        title, unit = title_of(diagnostic), there["unit"][0]
        points = [
            {"arm": r["role"], "note": r["tensor"], "x": r["depth"], "y": r["value"]}
            for r in there.sort("role", "depth").iter_rows(named=True)
        ]
        says = f"{title} over relative depth, a line per role."
        label = title if unit == "-" else f"{title} ({unit})"
        panels.append(Panel(title, charts.lines(points, named, "relative depth", label, says=says, height=230)))
        columns.append(Column(title, "" if unit == "-" else unit))
        values[diagnostic] = {r["tensor"]: r for r in rows.iter_rows(named=True)}
    if not panels:
        return None
    what = "the change" if footprint.of == "change" else "the checkpoint"
    return Figure(
        "profile",
        "Over depth, by role",
        panels,
        f"Each point is one matrix of {what}, from the first block (0) to the last (1).",
        "It does not tell which block matters for what the model does: a part that changed little can matter much.",
        named,
        _profile_table(columns, list(values.values())),
    )


def _profile_table(columns: list[Column], values: list[dict[str, dict[str, Any]]]) -> Table:
    tensors = list(dict.fromkeys(tensor for each in values for tensor in each))
    rows = [
        [Cell(tensor, head=True, numeric=False), *(_read(each.get(tensor)) for each in values)] for tensor in tensors
    ]
    return Table([Column("Tensor", numeric=False), *columns], rows, folded="These profiles as a table")


def _read(row: dict[str, Any] | None) -> Cell:
    if row is None:
        return Cell("—")
    if row["value"] is None:
        return Cell("—", row["method"] or "undefined", hint=row["method"] or "undefined")
    return Cell(number(row["value"]))


def spectrum_figure(footprint: FootprintFolder) -> Figure | None:
    """Singular values of the tensors that changed most, one at a time, beside the edge that rounding alone reaches."""
    spectra = footprint.spectra.filter(pl.col("of") == footprint.of)
    values = {row["tensor"]: np.array(row["values"]) for row in spectra.iter_rows(named=True) if len(row["values"])}
    chosen = _chosen(footprint, values)
    if not chosen:
        return None
    edges = _edges(footprint)
    rows, table, hidden = [], [], False
    what = "change" if footprint.of == "change" else "checkpoint"
    for tensor in chosen:
        found = values[tensor][values[tensor] > 0]
        rows += _curve(tensor, found, what)
        for side, edge in edges.get(tensor, {}).items():
            # An edge far below every value would only press the curve flat: the table below tells it.
            if edge * 100 < found[-1]:
                hidden = True
                continue
            rows += [{"tensor": tensor, "what": side, "rank": rank, "value": edge} for rank in (1, len(found))]
        table.append(_edge_row(tensor, found, edges.get(tensor, {})))
    drawn = [what, *dict.fromkeys(row["what"] for row in rows if row["what"] != what)]
    series = [
        Series(name, colour, "dash" if name != what else "line") for name, colour in zip(drawn, _HUES, strict=False)
    ]
    says = f"Singular values of the {what} of a tensor by rank, both axes logarithmic, beside the rounding edge."
    shows = f"The {len(chosen)} matrices with the largest {'relative change' if what == 'change' else 'norm'}; "
    shows += "directions above the dashed edge are stronger than any that simulated rounding made."
    if hidden:
        shows += " Where no edge is drawn, all values stand more than a hundred times above it."
    if what != "change":
        shows = f"The {len(chosen)} matrices with the largest norm."
    return Figure(
        "spectrum",
        "Singular values, one matrix at a time",
        [Panel("", charts.spectra(rows, chosen, series, says))],
        shows,
        "It does not tell what the directions do.",
        series,
        _edge_table(edges, table),
    )


def _chosen(footprint: FootprintFolder, values: dict[str, np.ndarray]) -> list[str]:
    """The tensors with the largest relative change, or norm, in falling order."""
    sizes = footprint.tensors("relative_change" if footprint.of == "change" else "frobenius_norm")
    ordered = sizes.filter(pl.col("value") > 0).sort("value", descending=True)["tensor"].to_list()
    return [tensor for tensor in ordered if tensor in values and (values[tensor] > 0).any()][:_TENSORS]


def _edges(footprint: FootprintFolder) -> dict[str, dict[str, float]]:
    """The rounding edges of every tensor, by the sides taken as rounded."""
    found: dict[str, dict[str, float]] = {}
    for row in footprint.tensors("rounding_edge").filter(pl.col("value") > 0).iter_rows(named=True):
        side = {"tuned": "edge, tuned side rounded", "both": "edge, both sides rounded"}.get(
            row["side"], "rounding edge"
        )
        found.setdefault(row["tensor"], {})[side] = row["value"]
    return found


def _curve(tensor: str, values: np.ndarray, what: str) -> list[charts.Row]:
    """At most eighty values of a spectrum, spaced evenly in the logarithm of their rank."""
    ranks = np.unique(np.geomspace(1, len(values), min(_POINTS, len(values))).round().astype(int))
    return [{"tensor": tensor, "what": what, "rank": int(r), "value": float(f"{values[r - 1]:.5g}")} for r in ranks]


def _edge_row(tensor: str, values: np.ndarray, edges: dict[str, float]) -> list[Cell]:
    middle = values[len(values) // 2]
    cells = [Cell(number(float(each))) for each in (values[0], middle, values[-1])]
    cells += [Cell(number(edge), f"{int((values > edge).sum())} of {len(values)} above") for edge in edges.values()]
    return [Cell(tensor, head=True, numeric=False), *cells]


def _edge_table(edges: dict[str, dict[str, float]], rows: list[list[Cell]]) -> Table:
    sides = list(dict.fromkeys(side for each in edges.values() for side in each))
    columns = [Column("Tensor", numeric=False), Column("Largest", "weight"), Column("Middle", "weight")]
    columns += [Column("Smallest", "weight"), *(Column(side[:1].upper() + side[1:], "weight") for side in sides)]
    return Table(columns, rows, folded="These spectra as a table")
