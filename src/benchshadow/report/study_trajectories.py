"""Every measure of the change along training: ranks, spread over layers and roles, and the broad loss, run by run."""

from __future__ import annotations

from typing import Any

from . import charts
from .elements import Block, Cell, Column, Figure, Panel, Prose, Table, present
from .numbers import number
from .study_claims import EQUAL_LOSS, at_equal
from .study_figures import labelled
from .study_folder import Reading, StudyFolder

__all__ = ["trajectory_blocks"]

_SPREAD = {
    "effective_layers": ("effective layers", "layers"),
    "effective_roles": ("effective roles", "roles"),
    "gini_of_layers": ("Gini coefficient of the layers", ""),
    "depth_of_change": ("centre of mass of the change", "relative depth"),
}
_AXIS = "relative change (log scale)"


def trajectory_blocks(study: StudyFolder) -> list[Block]:
    """Comparisons at equal loss, then the curves behind all comparisons along training."""
    others = [measure for measure in study.measures("footprint") if measure["diagnostic"] != "relative_change"]
    spread = [
        {"name": name, "title": title, "unit": unit, "kind": "footprint", "diagnostic": name}
        for name, (title, unit) in _SPREAD.items()
        if name not in {measure["diagnostic"] for measure in others}
    ]
    texts = [each for each in study.measures("outcome") if _is_broad(each)]
    losses = [
        {**measure, "title": f"loss on {measure['title']}", "parts": [[-f, b, d] for f, b, d in measure["parts"]]}
        for measure in texts
        if measure.get("parts")
    ]
    without = "No text of tier general was scored, so there is no loss at which all arms could be compared."
    return present(
        None if texts or not others else Prose([without], style="note"),
        at_equal(study, "footprint", EQUAL_LOSS),
        at_equal(study, "outcome", EQUAL_LOSS),
        _figure(
            study,
            "curves",
            "Along training: every measure of the change, and the broad loss",
            [*losses, *others],
            "Where arms lie on one line, their difference at the last step is one of size alone.",
        ),
        _figure(
            study,
            "spread",
            "Along training: over how much of the model the change is spread",
            spread,
            "A falling Gini coefficient and a rising effective number mean a change that is spread more evenly.",
        ),
    )


def _is_broad(measure: dict[str, Any]) -> bool:
    return measure.get("tier") == "general" and measure.get("diagnostic") == "bits_per_byte"


def _figure(study: StudyFolder, name: str, title: str, measures: list[dict[str, Any]], shows: str) -> Figure | None:
    """A chart per measure, a line per run; None where nothing was measured at two steps."""
    size = {"kind": "footprint", "diagnostic": "relative_change"}
    moved = {(r.arm, r.replicate, r.step): r.value for r in study.readings(size, last=False) if r.value > 0}
    series, panels, columns = [study.series[arm] for arm in study.arms], [], []
    cells: list[dict[tuple[str, int], list[float]]] = []
    for measure in measures:
        found = [r for r in study.readings(measure, last=False) if (r.arm, r.replicate, r.step) in moved]
        if len({reading.step for reading in found}) < 2:
            continue
        rows = [_point(reading, moved) for reading in found]
        says = f"{measure['title']} against relative change along training, a line per run."
        ends = min(row["x"] for row in rows) / 1.15, max(row["x"] for row in rows) * 1.15
        label = labelled(measure)
        spec = charts.lines(rows, series, _AXIS, label, says=says, log=True, detail=True, height=200, x_domain=ends)
        panels.append(Panel(measure["title"], spec))
        columns.append(Column(measure["title"], measure.get("unit", "")))
        groups: dict[tuple[str, int], list[float]] = {}
        for reading in found:
            groups.setdefault((reading.arm, reading.step), []).append(reading.value)
        cells.append(groups)
    if not panels:
        return None
    shows = f"Each line is one run, each point a checkpoint. {shows}"
    told = "It does not tell why an arm moved as far as it did, nor what its directions do to the model."
    table = _table(study, moved, columns, cells)
    return Figure(f"trajectory-{name}", title, panels, shows, told, series, table, folded=True)


def _point(reading: Reading, moved: dict[tuple[str, int, int], float]) -> charts.Row:
    note = f"{reading.arm}, replicate {reading.replicate}"
    x = moved[reading.arm, reading.replicate, reading.step]
    return {"arm": reading.arm, "note": note, "step": reading.step, "x": x, "y": reading.value}


def _table(
    study: StudyFolder,
    moved: dict[tuple[str, int, int], float],
    columns: list[Column],
    cells: list[dict[tuple[str, int], list[float]]],
) -> Table:
    """Means over replicates by arm and step."""
    sizes: dict[tuple[str, int], list[float]] = {}
    for (arm, _, step), value in moved.items():
        sizes.setdefault((arm, step), []).append(value)
    rows = [
        [Cell(arm, head=True, numeric=False), Cell(number(step)), _mean(sizes[arm, step])]
        + [_mean(each.get((arm, step), [])) for each in cells]
        for arm, step in sorted(sizes, key=lambda key: (study.arms.index(key[0]), key[1]))
    ]
    heads = [Column("Arm", numeric=False), Column("Step"), Column("Relative change", "share")]
    return Table([*heads, *columns], rows, note="Means over replicates.", folded="These lines as a table")


def _mean(values: list[float]) -> Cell:
    return Cell(number(sum(values) / len(values)) if values else "—")
