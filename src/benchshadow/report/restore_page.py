"""The page of a causal test: narrow and broad scores as directions of the change are scaled down."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchshadow.records import read_json

from . import charts
from .elements import Block, Cell, Column, Figure, Page, Panel, Point, Prose, Section, Table, present
from .look import Series, series_of
from .numbers import NONE, counted, number, span
from .provenance import manifest_table
from .words import glossary

__all__ = ["restore_page"]

_PANELS = ("narrow", "broad")
_GLOSSARY_WITHOUT = ("A/A", "A/A range", "dose", "margin", "random update", "rounding edge", "signal rank")
_SHOWN_STATEMENTS = 6


def restore_page(folder: Path) -> Page:
    """Everything that a folder of restored runs can show."""
    summary = read_json(folder / "summary.json")
    records = pl.read_parquet(folder / "records.parquet")
    series = series_of(summary["directions"])
    sections = [
        Section("scale", "Along the scale", _figures(summary, records, series)),
        Section("values", "All measures", [_curves_table(summary)]),
        Section("limits", "What these numbers do not tell", [_limits()]),
        Section("provenance", "Where this comes from", _provenance(folder, summary)),
        Section("glossary", "Words", [glossary(without=_GLOSSARY_WITHOUT)]),
    ]
    statements = _leading(summary)
    return Page(
        f"Causal test of '{summary['arm']}'",
        f"Causal test · study {summary['study']} · {counted(len(summary['replicates']), 'replicate')}",
        f"Does the change of '{summary['arm']}' along these directions carry its scores?",
        statements[0] if statements else "Nothing was scaled.",
        _points(summary, series),
        statements[1:_SHOWN_STATEMENTS],
        [section for section in sections if section.blocks],
    )


def _leading(summary: dict[str, Any]) -> list[str]:
    """The sentences, those of directions that hold nothing of the change behind all others."""
    empty = tuple(f"{name}:" for name, share in summary["energy_share"].items() if share == 0)
    return sorted(summary["statements"], key=lambda text: text.startswith(empty))


def _points(summary: dict[str, Any], series: Sequence[Series]) -> list[Point]:
    shares = summary["energy_share"]
    return [
        Point(each.name, f"holds {number(100 * share)}% of the energy of the change", each)
        for each in series
        if (share := shares.get(each.name)) is not None
    ]


def _figures(summary: dict[str, Any], records: pl.DataFrame, series: Sequence[Series]) -> list[Block]:
    return present(_along(summary, records, series), _against(summary, series))


def _along(summary: dict[str, Any], records: pl.DataFrame, series: Sequence[Series]) -> Figure | None:
    """Narrow and broad by the scale, a line per directions and replicate."""
    panels = []
    for measure in _drawn(summary):
        here = records.filter(pl.col("role") == "study", pl.col("diagnostic") == measure["name"])
        columns = here.drop_nulls("value").select("split", "replicate", "parameter", "value")
        points = [
            {"arm": along, "note": f"{along}, replicate {replicate}", "x": scale, "y": value}
            for along, replicate, scale, value in columns.iter_rows()
        ]
        says = f"{measure['title']} as the change along each set of directions is scaled from 0 to 1."
        unit = f"{measure['title']} ({measure['unit']})"
        axis = "scale of the change along the directions"
        drawn = charts.lines(points, series, axis, unit, says=says, detail=True, height=240, values=summary["scales"])
        panels.append(Panel(measure["title"], drawn))
    if not panels:
        return None
    return Figure(
        "scale",
        "Scores as directions are scaled down",
        panels,
        "At 1 the model is the trained one; at 0 its change along the directions is gone. One line per run.",
        "A score that falls shows that the directions matter for it, not that they alone do; the control of equal "
        "energy tells what any directions would have done.",
        list(series),
    )


def _against(summary: dict[str, Any], series: Sequence[Series]) -> Figure | None:
    """Change of narrow over change of broad, from the trained model at the origin."""
    names = [measure["name"] for measure in _drawn(summary)]
    if len(names) < len(_PANELS):
        return None
    means = {(row["measure"], row["directions"], row["scale"]): row["mean"] for row in summary["curves"]}
    rows = []
    for each in series:
        for scale in summary["scales"]:
            moved = {
                name: means[name, each.name, scale] - means[name, each.name, 1.0]
                for name in _PANELS
                if (name, each.name, scale) in means
            }
            if len(moved) == len(_PANELS):
                point = {"arm": each.name, "replicate": f"scale {scale:g}", "x": moved["broad"], "y": moved["narrow"]}
                rows.append(point)
    says = "Change of the narrow score over change of the broad score, as directions are scaled down from 1."
    units = {measure["name"]: measure["unit"] for measure in _drawn(summary)}
    across, up = (f"change of {name} ({units[name]})" for name in ("broad", "narrow"))
    drawn = charts.scatter(rows, series, across, up, reach=None, says=says)
    return Figure(
        "against",
        "Narrow against broad",
        [Panel("", drawn)],
        "Means over replicates; the trained model lies at the origin. Right and below is what a narrow shift would "
        "show: broad comes back while narrow goes.",
        "It does not tell which of the two moves is beyond chance.",
        list(series),
    )


def _drawn(summary: dict[str, Any]) -> list[dict[str, Any]]:
    known = {measure["name"]: measure for measure in summary["measures"]}
    found = {row["measure"] for row in summary["curves"]}
    return [known[name] for name in _PANELS if name in known and name in found]


def _curves_table(summary: dict[str, Any]) -> Table:
    """Mean and range of every measure at every scale."""
    titles = {each["name"]: (each["title"], each["unit"]) for each in summary["measures"]}
    cells: dict[tuple[str, str], dict[float, dict[str, Any]]] = {}
    for row in summary["curves"]:
        cells.setdefault((row["measure"], row["directions"]), {})[row["scale"]] = row
    columns = [Column("Measure", "unit", numeric=False), Column("Directions", numeric=False)]
    columns += [Column(f"scale {scale:g}", hint="mean, and range over replicates") for scale in summary["scales"]]
    rows = []
    for (measure, along), found in cells.items():
        title, unit = titles.get(measure, (measure.replace("_", " "), ""))
        row = [Cell(title, unit, head=True, numeric=False), Cell(along, numeric=False)]
        for scale in summary["scales"]:
            at = found.get(scale)
            below = span(at["low"], at["high"]) if at and at["n"] > 1 else ""
            row.append(Cell(number(at["mean"]) if at else NONE, below=below))
        rows.append(row)
    return Table(columns, rows, sortable=True)


def _limits() -> Prose:
    texts = [
        "Scaling acts on the weights after training. What training without these directions would have given is "
        "not in it.",
        "Directions of equal energy are not of equal effect on the answers: the control matches the size of what is "
        "taken out, and nothing else.",
        "Without a random control among the directions, an effect may be that of taking out anything of this size.",
        "All numbers are described, not tested.",
    ]
    return Prose(texts, points=True)


def _provenance(folder: Path, summary: dict[str, Any]) -> list[Block]:
    work = folder / "work.json"
    table = manifest_table(read_json(work), "Runs, hashes and settings") if work.is_file() else None
    words = ["benchshadow", "study", "restore", "study.toml", "--arm", summary["arm"]]
    words += ["--directions", ",".join(summary["directions"])]
    words += ["--scales", ",".join(f"{scale:g}" for scale in summary["scales"]), "--out", "DIR"]
    return present(table, Prose(["To make it again:"]), Prose([shlex.join(words)], style="command"))
