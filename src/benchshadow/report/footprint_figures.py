"""Singular values of the matrices that changed most, beside the edge that the rounding of stored numbers reaches."""

from __future__ import annotations

import numpy as np
import polars as pl

from . import charts
from .elements import Cell, Column, Figure, Panel, Table
from .footprint_folder import FootprintFolder
from .look import Series
from .numbers import number

__all__ = ["spectrum_figure"]

_TENSORS, _POINTS = 24, 80
_HUES = ("#D55E00", "#0072B2", "#808080")


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
    by = "norm" if footprint.kind == "adapter" or what != "change" else "relative change"
    picked = f"The {len(chosen)} matrices with the largest {by}" if len(chosen) < len(values) else "Every matrix"
    shows = f"{picked}; directions above the dashed edge are stronger than any that simulated rounding made."
    if hidden:
        shows += " Where no edge is drawn, all values stand more than a hundred times above it."
    if what != "change":
        shows = f"{picked}."
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
    if not sizes["value"].is_not_null().any():
        sizes = footprint.tensors("frobenius_norm")
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
    ranks = dict.fromkeys(np.geomspace(1, len(values), min(_POINTS, len(values))).round().astype(int).tolist())
    return [{"tensor": tensor, "what": what, "rank": r, "value": float(f"{values[r - 1]:.5g}")} for r in ranks]


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
