"""How measures follow the dose, with the sentence that says whether they do so throughout."""

from __future__ import annotations

from typing import Any

from . import charts
from .elements import Cell, Column, Figure, Panel, Table
from .numbers import number
from .study_figures import labelled
from .study_folder import StudyFolder

__all__ = ["dose_figures"]

_NAMES, _DIAGNOSTICS, _MOST = ("narrow", "broad"), ("stable_rank", "participation_ratio"), 4


def dose_figures(study: StudyFolder) -> list[Figure]:
    """A figure for every declared row of doses: the main measures as charts, all of them as a table."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for dose in study.claims.get("doses", []):
        rows.setdefault(dose.get("row") or "", []).append(dose)
    return [_figure(study, row, doses, index) for index, (row, doses) in enumerate(rows.items(), start=1)]


def _figure(study: StudyFolder, row: str, doses: list[dict[str, Any]], index: int) -> Figure:
    chosen = _chosen(study, doses)
    panels = [Panel(study.measure(dose["measure"])["title"], _chart(study, dose)) for dose in chosen]
    said = " ".join(_sentence(row, dose["text"]) for dose in chosen if dose.get("text"))
    arms = list(dict.fromkeys(arm for dose in chosen for arm in dose["arms"] if arm in study.series))
    return Figure(
        f"dose-{index}",
        f"By dose: {row}" if row else "By dose",
        panels,
        f"{said} The line joins the means of the arms; points are runs, or means where a run's own value is not kept.",
        "A dose is a share of the training data; it does not tell how much of it the model took in.",
        [study.series[arm] for arm in arms],
        _table(study, doses),
    )


def _sentence(row: str, text: str) -> str:
    text = text.removeprefix(f"{row}: ")
    return text[:1].upper() + text[1:]


def _chosen(study: StudyFolder, doses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The doses of the main measures, or the first ones where there is none of these."""
    main = [
        dose
        for dose in doses
        if dose["measure"] in _NAMES or study.measure(dose["measure"]).get("diagnostic") in _DIAGNOSTICS
    ]
    return (main or doses)[:_MOST]


def _chart(study: StudyFolder, dose: dict[str, Any]) -> charts.Row:
    """Points by dose; where an arm's dose is not known beforehand the arms stand side by side in their order."""
    measure, known = study.measure(dose["measure"]), None not in dose["doses"]
    at = dict(zip(dose["arms"], dose["doses"] if known else dose["arms"], strict=True))
    points = [
        {"arm": r.arm, "note": f"{r.arm}, replicate {r.replicate}", "x": at[r.arm], "y": r.value}
        for r in study.readings(measure)
        if r.arm in at
    ]
    if not points:
        means = zip(dose["arms"], dose["means"], strict=True)
        points = [{"arm": a, "note": f"{a}, mean", "x": at[a], "y": mean} for a, mean in means if mean is not None]
    series = [study.series[arm] for arm in dose["arms"] if arm in study.series]
    says = f"{measure['title']} by dose. {dose.get('text') or ''}"
    axis = "dose (share of the data)" if known else "arm, by rising dose"
    order = None if known else dose["arms"]
    return charts.lines(
        points, series, axis, labelled(measure), says=says, height=200, one_line=True, order=order, values=_ticks(dose)
    )


def _ticks(dose: dict[str, Any]) -> list[float] | None:
    return None if None in dose["doses"] else sorted(set(dose["doses"]))


def _table(study: StudyFolder, doses: list[dict[str, Any]]) -> Table:
    """Means of every measure along the row."""
    arms, at = doses[0]["arms"], doses[0]["doses"]
    heads = [Column(arm, "" if share is None else f"dose {number(share)}") for arm, share in zip(arms, at, strict=True)]
    columns = [Column("Measure", numeric=False), Column("Unit", numeric=False), *heads]
    rows = [
        [
            Cell(study.measure(dose["measure"])["title"], head=True, numeric=False),
            Cell(study.measure(dose["measure"]).get("unit") or "", numeric=False),
            *(Cell(number(mean)) for mean in dose["means"]),
            Cell("yes" if dose.get("monotone") else "no", numeric=False),
        ]
        for dose in doses
        if dose["arms"] == arms
    ]
    return Table([*columns, Column("One way throughout", numeric=False)], rows, folded="All measures along the doses")
