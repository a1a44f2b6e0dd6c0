"""What probe texts tell of a study: states and gradients, how far expectations moved, and states over depth."""

from __future__ import annotations

from typing import Any

import polars as pl

from . import charts
from .elements import Block, Cell, Column, Figure, Panel, Table, Terms, present
from .numbers import number, shown
from .study_claims import at_equal
from .study_folder import StudyFolder
from .study_tables import hint_of, measures_table

__all__ = ["probe_blocks"]

KINDS = ("representation", "behaviour")
_OVER_DEPTH = (("rankme", "RankMe", "dimensions"), ("cka_debiased", "CKA with the base, debiased", "share"))
_KEYS = ["diagnostic", "split", "benchmark", "arm", "layer", "depth"]


def probe_blocks(study: StudyFolder) -> list[Block]:
    """The section of the probes; empty where a study has none."""
    found = [measure for kind in KINDS for measure in study.measures(kind)]
    if not found:
        return []
    told = [(measure["title"], says) for measure in found if (says := hint_of(measure))]
    return present(
        measures_table(study, found, "States, gradients and expectations on the probe texts, at the last step"),
        Terms(told, "What these measures are") if told else None,
        _texts(study),
        _over_depth(study),
        *(at_equal(study, kind) for kind in KINDS),
    )


def _texts(study: StudyFolder) -> Terms | None:
    """What the probes consist of: how many texts, how long, and how many of them were shorter or cut."""
    rows = study.records.filter(
        pl.col("of") == "behaviour", pl.col("diagnostic").str.starts_with("probe_"), pl.col("split").is_not_null()
    )
    found = []
    for (kind, name), group in rows.group_by("split", "benchmark", maintain_order=True):
        means = {d: float(v) for d, v in group.group_by("diagnostic").agg(pl.col("value").mean()).iter_rows()}
        most, many = means.get("probe_tokens_most"), group["items"].max()
        text = f"{shown(many)} texts of at most {shown(most)} tokens, in the mean over runs "
        text += f"{shown(means.get('probe_texts_shorter'))} shorter and {shown(means.get('probe_texts_cut'))} cut."
        found.append((f"{name} ({kind})", text))
    return Terms(found, "What the probes consist of") if found else None


def _over_depth(study: StudyFolder) -> Figure | None:
    """Mean states of the texts over depth: a chart per number and probe, a line per arm."""
    names = [name for name, _, _ in _OVER_DEPTH]
    wanted = (pl.col("of") == "activations") & pl.col("diagnostic").is_in(names) & (pl.col("side") == "mean")
    rows = study.records.filter(wanted & pl.col("value").is_finite() & pl.col("arm").is_in(study.arms))
    rows = rows.filter(pl.col("step") == pl.col("step").max().over("arm", "replicate"))
    if rows["layer"].n_unique() < 2:
        return None
    means = rows.group_by(_KEYS, maintain_order=True).agg(pl.col("value").mean()).sort("arm", "layer")
    series = [study.series[arm] for arm in study.arms]
    panels = []
    for name, title, unit in _OVER_DEPTH:
        here = means.filter(pl.col("diagnostic") == name)
        for (split, probe), group in here.group_by("split", "benchmark", maintain_order=True):
            points = [_point(row) for row in group.iter_rows(named=True)]
            says = f"{title} of the texts' mean states over relative depth, on {probe}, a line per arm."
            label = f"{title} ({unit})"
            spec = charts.lines(points, series, "relative depth", label, says=says, height=200, x_domain=(0, 1))
            panels.append(Panel(f"{title}: {split}", spec))
    return Figure(
        "probe-depth",
        "States over depth",
        panels,
        "Mean states of the texts, from the first block (0) to the last (1); means over replicates at the last step.",
        "It does not tell which block the outcome rests on, and a rank that rose is not better by itself.",
        series,
        _depth_table(study, means),
        folded=True,
    )


def _point(row: dict[str, Any]) -> charts.Row:
    note = f"layer {row['layer']}, {row['benchmark']}"
    return {"arm": row["arm"], "note": note, "x": row["depth"], "y": row["value"]}


def _depth_table(study: StudyFolder, means: pl.DataFrame) -> Table:
    values = {(r["diagnostic"], r["split"], r["layer"], r["arm"]): r["value"] for r in means.iter_rows(named=True)}
    arms = [arm for arm in study.arms if arm in set(means["arm"])]
    titles = {name: title for name, title, _ in _OVER_DEPTH}
    places = dict.fromkeys(key[:3] for key in sorted(values, key=lambda key: (key[0], key[1], key[2])))
    rows = [
        [Cell(f"{titles[name]}, {split}", head=True, numeric=False), Cell(number(layer))]
        + [Cell(number(values.get((name, split, layer, arm)))) for arm in arms]
        for name, split, layer in places
    ]
    columns = [Column("Of the states", numeric=False), Column("Layer"), *(Column(arm) for arm in arms)]
    return Table(columns, rows, folded="These lines as a table")
