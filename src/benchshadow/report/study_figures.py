"""Two figures of a study: narrow against broad, and the trajectory of the change along training."""

from __future__ import annotations

from statistics import mean
from typing import Any

import polars as pl

from . import charts
from .elements import Cell, Column, Figure, Panel, Table
from .numbers import number, signed
from .study_folder import Reading, StudyFolder

__all__ = ["labelled", "narrow_broad_figure", "trajectory_figure"]

_NARROW, _BROAD = ("held-out",), ("sibling", "unrelated")
# In order of preference: what corrects for guessing first; what decides early in small models beside it.
_SCORES = (("centred_score", "accuracy"), ("margin", "answer_log_probability"))
_WORDS = {
    "centred_score": "score centred on guessing",
    "accuracy": "accuracy",
    "margin": "margin in log-probability",
    "answer_log_probability": "log-probability of the answer",
}


def narrow_broad_figure(study: StudyFolder) -> Figure | None:
    """One point per run: its difference from the control near the benchmark, and far from it."""
    panels, rows, columns = [], {}, []
    for choices in _SCORES:
        for diagnostic in choices:
            points = _differences(study, diagnostic)
            if points:
                words, unit = _WORDS[diagnostic], _unit(study, diagnostic)
                panels.append(Panel(words.capitalize(), _scattered(study, points, words, unit)))
                columns += [Column("narrow", f"{words}, {unit}"), Column("broad", f"{words}, {unit}")]
                for point in points:
                    cells = [Cell(signed(point[axis]), order=point[axis]) for axis in ("x", "y")]
                    rows.setdefault((point["arm"], point["replicate"]), []).extend(cells)
                break
    if not panels:
        return None
    heads = [Column("Arm", numeric=False), Column("Replicate")]
    table = [[Cell(arm, head=True, numeric=False), Cell(number(rep)), *cells] for (arm, rep), cells in rows.items()]
    return Figure(
        "narrow-broad",
        "Narrow against broad",
        panels,
        "Each point is one run, less the control run of the same replicate. Narrow: held-out items of the benchmark. "
        "Broad: the mean over all sibling and unrelated tasks. The grey box is the A/A range of both.",
        "It does not tell which sibling or unrelated task moved: a broad mean of zero may hide a gain and a loss.",
        [study.series[arm] for arm in study.arms if arm != study.control],
        Table([*heads, *columns], table, folded="These points as a table"),
    )


def _unit(study: StudyFolder, diagnostic: str) -> str:
    """The unit of the records; where tasks were scored in several, all of them."""
    rows = study.rows("outcome", diagnostic).filter(pl.col("tier").is_in([*_NARROW, *_BROAD]))
    return " and ".join(sorted(rows["unit"].drop_nulls().unique())) or "share"


def _scattered(study: StudyFolder, points: list[charts.Row], words: str, unit: str) -> dict[str, Any]:
    placebo = [point for point in points if point["arm"] == study.placebo]
    reach = None
    if placebo:
        reach = max(abs(point["x"]) for point in placebo), max(abs(point["y"]) for point in placebo)
    series = [study.series[arm] for arm in study.arms if arm != study.control]
    labels = [f"{which}, less the control ({unit})" for which in ("narrow", "broad")]
    says = f"Scatter of {words}: broad difference from the control against the narrow one, a point per run."
    return charts.scatter(points, series, *labels, reach=reach, says=says)


def _differences(study: StudyFolder, diagnostic: str) -> list[charts.Row]:
    narrow, broad = (_by_run(study, diagnostic, tiers) for tiers in (_NARROW, _BROAD))
    found = []
    for arm in study.arms:
        for (name, replicate), value in narrow.items():
            control = (study.control, replicate)
            if name != arm or arm == study.control or (name, replicate) not in broad:
                continue
            if control in narrow and control in broad:
                x, y = value - narrow[control], broad[name, replicate] - broad[control]
                found.append({"arm": arm, "replicate": replicate, "x": x, "y": y})
    return found


def _by_run(study: StudyFolder, diagnostic: str, tiers: tuple[str, ...]) -> dict[tuple[Any, Any], float]:
    """Per run, the mean over the tasks of the tiers; a run that lacks one of the tasks is left out."""
    rows = study.rows("outcome", diagnostic).filter(pl.col("tier").is_in(tiers))
    whole = rows["benchmark"].n_unique()
    means = (
        rows.sort("arm", "replicate", "benchmark")
        .group_by("arm", "replicate", maintain_order=True)
        .agg(pl.col("value").mean(), pl.col("benchmark").n_unique().alias("tasks"))
    )
    return {(r["arm"], r["replicate"]): r["value"] for r in means.iter_rows(named=True) if r["tasks"] == whole}


def trajectory_figure(study: StudyFolder) -> Figure | None:
    """Measures of the change along training, against how far the weights have moved."""
    size = {"kind": "footprint", "diagnostic": "relative_change"}
    moved = {(r.arm, r.replicate, r.step): r.value for r in study.readings(size, last=False) if r.value > 0}
    panels, columns, cells = [], [], {}
    for measure in study.measures("footprint"):
        if measure["diagnostic"] == "relative_change" or len(panels) == 2:
            continue
        found = [r for r in study.readings(measure, last=False) if (r.arm, r.replicate, r.step) in moved]
        if len({reading.step for reading in found}) < 2:
            continue
        rows = [_along(reading, moved) for reading in found]
        label = labelled(measure)
        says = f"{measure['title']} against relative change, a line per run, along training."
        series = [study.series[arm] for arm in study.arms]
        ends = min(row["x"] for row in rows) / 1.15, max(row["x"] for row in rows) * 1.15
        axis = "relative change of the blocks (share, log scale)"
        spec = charts.lines(rows, series, axis, label, says=says, log=True, detail=True, x_domain=ends)
        panels.append(Panel(measure["title"], spec))
        columns.append(Column(measure["title"], measure.get("unit", "")))
        cells[measure["title"]] = _means(found)
    if not panels:
        return None
    return Figure(
        "trajectory",
        "Along training, at equal relative change",
        panels,
        "Each line is one run, each point a checkpoint. Arms are compared fairly where their lines pass the same "
        "relative change: straight above one another, not at their ends.",
        "It does not tell what the directions of the change do to the model, nor why an arm moved farther.",
        [study.series[arm] for arm in study.arms],
        _trajectory_table(study, moved, columns, list(cells.values())),
    )


def _along(reading: Reading, moved: dict[tuple[str, int, int], float]) -> charts.Row:
    place = f"{reading.arm}, replicate {reading.replicate}"
    x = moved[reading.arm, reading.replicate, reading.step]
    return {"arm": reading.arm, "note": place, "step": reading.step, "x": x, "y": reading.value}


def _means(found: list[Reading]) -> dict[tuple[str, int], float]:
    groups: dict[tuple[str, int], list[float]] = {}
    for reading in found:
        groups.setdefault((reading.arm, reading.step), []).append(reading.value)
    return {key: mean(values) for key, values in groups.items()}


def _trajectory_table(
    study: StudyFolder,
    moved: dict[tuple[str, int, int], float],
    columns: list[Column],
    values: list[dict[tuple[str, int], float]],
) -> Table:
    sizes = _means([Reading(*key, value) for key, value in moved.items()])
    heads = [Column("Arm", numeric=False), Column("Step"), Column("Relative change", "share")]
    rows = [
        [Cell(arm, head=True, numeric=False), Cell(number(step)), Cell(number(sizes[arm, step]))]
        + [Cell(number(each.get((arm, step)))) for each in values]
        for arm, step in sorted(sizes, key=lambda key: (study.arms.index(key[0]), key[1]))
    ]
    return Table([*heads, *columns], rows, note="Means over replicates.", folded="These lines as a table")


def labelled(measure: dict[str, Any]) -> str:
    """A measure's title with its unit, as an axis carries it."""
    unit = measure.get("unit")
    return f"{measure['title']} ({unit})" if unit and unit != "-" else measure["title"]
