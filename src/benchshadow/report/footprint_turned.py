"""Which directions turned: top subspaces of base and tuned side by side, intruders, and where the change lies."""

from __future__ import annotations

from typing import Any

import polars as pl

from .elements import Block, Cell, Column, Figure, Table, present
from .footprint_depth import Reading, depth_figure
from .footprint_folder import FootprintFolder
from .footprint_tables import SIDES, title_of
from .numbers import number

__all__ = ["TURNED", "turned_blocks"]

TURNED = ("subspace_agreement", "subspace_rotation", "intruder_dimensions", "principal_overlap")
_BOTH = ("left", "right")
_QUARTER = 1.6  # radians, just above a right angle
_TELLS_NOT = "Where neighbouring singular values are close, which directions belong to the top is a matter of chance."


def turned_blocks(footprint: FootprintFolder) -> list[Block]:
    """The table and the figures of the directions; empty below level 3."""
    figures = [figure for part in footprint.parts for figure in (_turning(footprint, part), _inside(footprint, part))]
    return present(_table(footprint), *figures)


def _table(footprint: FootprintFolder) -> Table | None:
    """Means over the matrices inside the blocks, beside those of a random change."""
    order = {name: i for i, name in enumerate(TURNED)}
    found = [row for row in footprint.model.iter_rows(named=True) if row["diagnostic"] in order]
    if not found:
        return None
    found.sort(key=lambda row: (order[row["diagnostic"]], row["parameter"] or 0.0))
    rows: dict[tuple[str, Any], dict[Any, dict[str, Any]]] = {}
    for row in found:
        rows.setdefault((row["diagnostic"], row["parameter"]), {})[row["side"]] = row
    cells = []
    for (name, parameter), sides in rows.items():
        line = [Cell(title_of(name, parameter), head=True, numeric=False)]
        for side in _BOTH:
            # A number without a side holds for both at once.
            here = sides.get(side) or (sides.get(None) if side == "left" else None) or {}
            line += [Cell(number(here.get("value"))), Cell(number(here.get("null_random")))]
        cells.append([*line, Cell(next(iter(sides.values()))["unit"] or "", numeric=False)])
    columns = [Column("Measure", numeric=False)]
    for side in _BOTH:
        below = SIDES[side].partition(", ")[2]
        columns += [Column(f"{side.capitalize()} vectors", below), Column("Random change", "same side")]
    note = "Means over the matrices inside the blocks. For agreement and rotation the random change is one that leaves "
    note += "nothing of the base's directions; for intruders it is Gaussian and as large as the change. The share "
    note += "inside the base's directions needs both sides at once and stands in the first column."
    return Table([*columns, Column("Unit", numeric=False)], cells, "Top directions of base and tuned", note)


def _parameters(footprint: FootprintFolder, name: str) -> list[float]:
    rows = footprint.matrices.filter((pl.col("diagnostic") == name) & pl.col("value").is_finite())
    return sorted(rows["parameter"].drop_nulls().unique().to_list())


def _turning(footprint: FootprintFolder, part: str) -> Figure | None:
    """Agreement and rotation of the top r subspaces over depth."""
    wanted = [
        Reading(name, r, _BOTH, beside=True, domain=domain, title=title.format(f"{r:g}"))
        for name, domain, title in (
            ("subspace_agreement", (0.0, 1.0), "Agreement, top {}"),
            ("subspace_rotation", (0.0, _QUARTER), "Rotation, top {}"),
        )
        for r in _parameters(footprint, name)
    ]
    shows = "Each point is one matrix, the mean of its left and right vectors. An agreement of 1 and a rotation of 0 "
    shows += "say that the strongest directions stayed; the broken line is what unrelated directions would give"
    return depth_figure(footprint, part, wanted, "turned", "How far the strongest directions turned", shows, _TELLS_NOT)


def _inside(footprint: FootprintFolder, part: str) -> Figure | None:
    """Intruders, and the share of the change inside the base's strongest directions, over depth."""
    wanted = [Reading("intruder_dimensions", sides=_BOTH, beside=True, title="Intruders among the top 10")]
    wanted += [
        Reading("principal_overlap", r, beside=True, times=True, title=f"Inside the base's top {r:g}")
        for r in _parameters(footprint, "principal_overlap")
    ]
    shows = (
        "Intruders: new top directions that no direction of the base resembles, mean of left and right. Inside: the "
        "share of the energy of the change that lies between the base's strongest directions, over the share that a "
        "random change has there. The broken lines are what a random change of the same size gives"
    )
    tells_not = "Neither tells what the directions do."
    return depth_figure(footprint, part, wanted, "intruders", "New directions, and old ones", shows, tells_not)
