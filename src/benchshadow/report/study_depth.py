"""Profiles of the change over the depth of the model: a chart per role, a line per arm."""

from __future__ import annotations

import polars as pl

from . import charts
from .elements import Cell, Column, Figure, Panel, Table
from .numbers import number
from .roles import in_order
from .study_figures import labelled
from .study_folder import StudyFolder

__all__ = ["depth_figures"]

_SHOWN = ("stable_rank", "relative_change")


def depth_figures(study: StudyFolder) -> list[Figure]:
    """Profiles over depth, a chart per role: of the shape of the change, and of its size."""
    planned = [m for name in _SHOWN for m in study.measures("footprint") if m["diagnostic"] == name]
    figures = [_depth(study, measure, folded=index > 0) for index, measure in enumerate(planned)]
    return [figure for figure in figures if figure is not None]


def _depth(study: StudyFolder, measure: charts.Row, *, folded: bool) -> Figure | None:
    wanted = (pl.col("of") == "change") & (pl.col("diagnostic") == measure["diagnostic"])
    rows = study.records.filter(wanted & pl.col("depth").is_not_null() & pl.col("value").is_finite())
    rows = rows.filter(pl.col("step").is_null() | (pl.col("step") == pl.col("step").max().over("arm", "replicate")))
    if not rows.height:
        return None
    means = rows.group_by("arm", "role", "layer", "depth", maintain_order=True).agg(
        pl.col("value").mean(), pl.col("value").min().alias("low"), pl.col("value").max().alias("high")
    )
    means = means.sort("arm", "role", "depth")
    low, high = float(means["value"].min()), float(means["value"].max())  # type: ignore[arg-type]
    edge = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    series = [study.series[arm] for arm in study.arms]
    panels = []
    for role in in_order(means["role"].unique().to_list()):
        points = [
            {"arm": r["arm"], "note": f"layer {r['layer']}, {role}", "x": r["depth"], "y": r["value"]}
            for r in means.filter(pl.col("role") == role).iter_rows(named=True)
        ]
        says = f"{measure['title']} of the change of {role} over relative depth, a line per arm."
        label, domain = labelled(measure), (low - edge, high + edge)
        spec = charts.lines(
            points, series, "relative depth", label, says=says, height=170, x_domain=(0, 1), y_domain=domain
        )
        panels.append(Panel(role, spec))
    return Figure(
        f"depth-{measure['diagnostic'].replace('_', '-')}",
        f"Over depth: {measure['title'][:1].lower()}{measure['title'][1:]}",
        panels,
        "One chart per role, from the first block (0) to the last (1); means over replicates at the last step.",
        "It does not tell which block matters for an outcome: a part that changed little can matter much.",
        series,
        _depth_table(study, means, measure),
        folded,
    )


def _depth_table(study: StudyFolder, means: pl.DataFrame, measure: charts.Row) -> Table:
    arms = [arm for arm in study.arms if arm in set(means["arm"])]
    values = {(r["role"], r["layer"], r["arm"]): r for r in means.iter_rows(named=True)}
    rows = [
        [Cell(role, head=True, numeric=False), Cell(number(layer))]
        + [Cell(number(values[role, layer, arm]["value"]) if (role, layer, arm) in values else "—") for arm in arms]
        for role in in_order(means["role"].unique().to_list())
        for layer in sorted({layer for r, layer, _ in values if r == role})
    ]
    columns = [Column("Role", numeric=False), Column("Layer"), *(Column(arm, measure.get("unit", "")) for arm in arms)]
    return Table(columns, rows, folded="These profiles as a table")
