"""Diagnostics of single matrices over relative depth, a line per role, a figure for each tower and stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from . import charts
from .elements import Cell, Column, Figure, Panel, Table
from .footprint_folder import FootprintFolder
from .footprint_tables import SIDES, title_of
from .look import Series, series_of
from .numbers import counted, number
from .roles import in_order

__all__ = ["RANDOM", "Reading", "depth_figure", "depth_figures"]

RANDOM = Series("random change", "#808080", "dash")
_PROFILES = {
    "change": ("relative_change", "stable_rank", "participation_ratio", "signal_rank"),
    "base": ("stable_rank", "participation_ratio", "effective_rank", "tail_exponent"),
}
_FALLBACK = "frobenius_norm"
_PLACE = ("role", "layer", "depth")


@dataclass(frozen=True)
class Reading:
    """One panel: a diagnostic, the q or r and the side that it is read at, and how it is drawn.

    Attributes:
        diagnostic: as the records call it.
        parameter: its q or r.
        sides: what its points are the mean over; empty for rows without a side.
        beside: whether the value of a random change is drawn.
        times: whether a value is told in units of that of a random change, which differs from matrix to matrix.
        domain: of the vertical axis.
        title: of the panel, where the diagnostic's own is too long.
    """

    diagnostic: str
    parameter: float | None = None
    sides: tuple[str, ...] = ()
    beside: bool = False
    times: bool = False
    domain: tuple[float, float] | None = None
    title: str = ""

    @property
    def name(self) -> str:
        """Title of the panel."""
        return self.title or title_of(self.diagnostic, self.parameter)

    def points(self, footprint: FootprintFolder, part: str) -> list[dict[str, Any]]:
        """One point per role and layer; matrices that share both (heads, experts) give their mean."""
        rows = footprint.tensors(self.diagnostic, self.parameter)
        rows = rows.filter(pl.col("depth").is_not_null() & pl.col("value").is_finite() & (pl.col("part") == part))
        if self.sides:
            rows = rows.filter(pl.col("side").is_in(self.sides))
        means = [pl.col(name).mean() for name in ("value", "null_random")]
        held = [pl.col("tensor").first(), pl.col("tensor").n_unique().alias("matrices"), pl.col("unit").first()]
        found = rows.group_by(_PLACE, maintain_order=True).agg(*means, *held).sort("role", "depth")
        if self.times:
            found = found.filter(pl.col("null_random") > 0).with_columns(
                pl.col("value") / pl.col("null_random"), null_random=pl.lit(1.0), unit=pl.lit("times random")
            )
        return found.to_dicts()


def depth_figures(footprint: FootprintFolder) -> list[Figure]:
    """The leading diagnostics over depth; the norm where no other has a value."""
    wanted = [Reading(name, sides=_sides(footprint, name)) for name in _PROFILES[footprint.of]]
    if not footprint.tensors(wanted[0].diagnostic)["value"].is_not_null().any():
        wanted[0] = Reading(_FALLBACK)
    what = "the checkpoint" if footprint.of == "base" else "the change"
    shows = f"Each point is one matrix of {what}, from the first block (0) to the last (1)"
    tells_not = "It does not tell which block matters for what the model does."
    made = [
        depth_figure(footprint, part, wanted, "profile", "Over depth, by role", shows, tells_not)
        for part in footprint.parts
    ]
    return [figure for figure in made if figure is not None]


def _sides(footprint: FootprintFolder, name: str) -> tuple[str, ...]:
    """The one side of rounding that is drawn: the first that was declared."""
    return tuple(footprint.tensors(name)["side"].drop_nulls().unique(maintain_order=True)[:1].to_list())


def depth_figure(
    footprint: FootprintFolder, part: str, wanted: list[Reading], name: str, title: str, shows: str, tells_not: str
) -> Figure | None:
    """A panel for each reading that has points in a part of the model; None where none has."""
    there = [(reading, points) for reading in wanted if (points := reading.points(footprint, part))]
    if not there:
        return None
    series = series_of(in_order(point["role"] for _, points in there for point in points))
    panels = [_panel(reading, points, series) for reading, points in there]
    beside = any(reading.beside for reading, _ in there)
    pooled = any(point["matrices"] > 1 for _, points in there for point in points)
    return Figure(
        f"{name}-{part.replace(' ', '-')}" if part else name,
        f"{title}: {part}" if part else title,
        panels,
        f"{shows}{'; matrices of one role in one block (experts) give their mean.' if pooled else '.'}",
        tells_not,
        [*series, *([RANDOM] if beside else [])],
        _table(there),
    )


def _panel(reading: Reading, points: list[dict[str, Any]], series: list[Series]) -> Panel:
    unit = points[0]["unit"]
    label = reading.name if unit in ("-", None) else f"{reading.name} ({unit})"
    rows = [{"arm": p["role"], "note": _named(p), "x": p["depth"], "y": p["value"]} for p in points]
    drawn = [each for each in series if any(row["arm"] == each.name for row in rows)]
    if reading.beside and (nulls := _nulls(points)):
        rows += nulls
        drawn.append(RANDOM)
    says = f"{reading.name} over relative depth, a line per role."
    title = f"{reading.name}, {SIDES[reading.sides[0]]}" if len(reading.sides) == 1 else reading.name
    spec = charts.lines(
        rows, drawn, "relative depth", _short(label), says=says, height=230, x_domain=(0, 1), y_domain=reading.domain
    )
    return Panel(title, spec)


def _nulls(points: list[dict[str, Any]]) -> list[charts.Row]:
    """The mean over roles of what a random change gives, at every depth."""
    held: dict[float, list[float]] = {}
    for point in points:
        if point["null_random"] is not None:
            held.setdefault(point["depth"], []).append(point["null_random"])
    return [
        {"arm": RANDOM.name, "note": "mean over the roles", "x": depth, "y": sum(found) / len(found)}
        for depth, found in sorted(held.items())
    ]


def _short(label: str) -> str:
    """A label that fits the height of a panel; the panel's title says it whole."""
    return label if len(label) <= 36 else label[label.rindex("(") + 1 : -1] if "(" in label else label[:35] + "…"


def _named(point: dict[str, Any]) -> str:
    if point["matrices"] == 1:
        return point["tensor"]
    return f"block {point['layer']}, {counted(point['matrices'], 'matrix', 'matrices')}, the first: {point['tensor']}"


def _table(there: list[tuple[Reading, list[dict[str, Any]]]]) -> Table:
    columns, values = [Column("Matrix", numeric=False)], {}
    for i, (reading, points) in enumerate(there):
        unit = points[0]["unit"]
        columns.append(Column(reading.name, "" if unit in ("-", None) else unit))
        for point in points:
            values.setdefault((point["role"], point["layer"]), (point, {}))[1][i] = point
    rows = []
    for point, held in values.values():
        cells = [_cell(held.get(i), reading.beside) for i, (reading, _) in enumerate(there)]
        rows.append([Cell(_named(point), head=True, numeric=False), *cells])
    return Table(columns, rows, folded="These profiles as a table")


def _cell(point: dict[str, Any] | None, beside: bool) -> Cell:
    if point is None:
        return Cell(number(None))
    below = f"random {number(point['null_random'])}" if beside and point["null_random"] is not None else ""
    return Cell(number(point["value"]), below)
