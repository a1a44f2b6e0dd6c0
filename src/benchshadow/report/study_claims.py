"""The tables of claims: those made at equal relative change by arm, and every single one with its numbers."""

from __future__ import annotations

from typing import Any

from .elements import Cell, Column, Table
from .numbers import absent, counted, number, signed, span
from .study_folder import EQUAL, LAST, StudyFolder
from .study_tables import arm_cell, hint_of, mark_of

__all__ = ["at_equal_change", "claims_table"]

_EQUAL_NOTE = (
    "Paired differences with their intervals, read off every run's own path where all of the compared runs had changed "
    "equally far. ▲ ▼ ○ as above."
)


def at_equal_change(study: StudyFolder, kind: str) -> Table | None:
    """The claims made at equal relative change on the measures of one kind, arms by measures."""
    wanted = {measure["name"] for measure in study.measures(kind)}
    claims = [c for c in study.claims.get("claims", []) if c.get("at") == EQUAL and c["measure"] in wanted]
    never = {name for name in wanted if not any(c["measure"] == name and c.get("comparable", True) for c in claims)}
    claims = [claim for claim in claims if claim["measure"] not in never or len(never) == len(wanted)]
    if not claims:
        return None
    names = list(dict.fromkeys(claim["measure"] for claim in claims))
    columns = [Column("Arm", numeric=False), Column("at relative change", "share")]
    columns += [
        Column(m["title"], f"{m.get('unit', '')}, less the control", hint_of(m)) for m in map(study.measure, names)
    ]
    rows = []
    for arm in dict.fromkeys(claim["arm"] for claim in claims):
        here = {claim["measure"]: claim for claim in claims if claim["arm"] == arm}
        values = [claim["at_value"] for claim in here.values() if not absent(claim.get("at_value"))]
        place = Cell(number(values[0]) if values else "—", order=values[0] if values else None)
        rows.append([arm_cell(study, arm), place, *(_compared(here.get(name)) for name in names)])
    folded = "Outcomes at equal relative change" if kind == "outcome" else ""
    return Table(columns, rows, "Differences from the control at equal relative change", _EQUAL_NOTE, folded)


def _compared(claim: dict[str, Any] | None) -> Cell:
    if claim is None:
        return Cell("—", hint="not compared", means="not compared")
    if not claim.get("comparable", True) or absent(claim.get("mean")):
        reason = claim.get("reason") or "no common range"
        return Cell("not comparable", reason, hint=reason)
    mark, means = mark_of(claim)
    interval = span(claim.get("low"), claim.get("high"))
    return Cell(signed(claim["mean"]), interval, mark, means, claim.get("sentence") or "", claim["mean"])


def claims_table(study: StudyFolder) -> Table | None:
    """Every claim with its numbers, to be sorted and filtered."""
    claims = study.claims.get("claims", [])
    if not claims:
        return None
    level = next((claim["level"] for claim in claims if claim.get("level")), 0.95)
    margins = any(not absent(claim.get("margin")) for claim in claims)
    columns = [Column(title, numeric=False) for title in ("Arm", "Measure", "At", "What can be said")]
    columns += [Column("Control", "mean"), Column("Arm", "mean"), Column("Difference", "paired mean")]
    columns += [Column(f"{100 * level:.0f}% interval"), Column("A/A", "largest difference")]
    columns += [Column("Margin")] if margins else []
    columns += [Column("p", "sign flips"), Column("g", "effect size"), Column("n", "replicates")]
    rows = [_claim(study, claim, margins=margins) for claim in claims]
    return Table(columns, rows, "", _note(claims), f"All {len(claims)} claims, with their numbers", sortable=True)


def _note(claims: list[dict[str, Any]]) -> str:
    """How the numbers were got, and the least p that so many replicates can give."""
    text = "Intervals are paired t over replicates; p is of the exact sign-flip test, where the replicates carry one."
    floors = {claim["replicates"]: claim["p_floor"] for claim in claims if not absent(claim.get("p_floor"))}
    for replicates, floor in sorted(floors.items()):
        text += f" With {counted(replicates, 'replicate')} no two-sided p can be below {number(floor)}."
    if any(not absent(claim.get("margin")) for claim in claims):
        text += " A margin is the smallest difference that matters, fixed beforehand."
    return text


def _claim(study: StudyFolder, claim: dict[str, Any], *, margins: bool) -> list[Cell]:
    """One claim as a row."""
    at = claim.get("at", LAST)
    if not absent(claim.get("at_value")):
        at += f" ({number(claim['at_value'])})"
    measure, unit = study.measure(claim["measure"])["title"], claim.get("unit") or ""
    more = claim.get("reason") or ""
    if claim.get("needed"):
        more = f"about {number(claim['needed'])} replicates would be needed"
    label = Cell(claim.get("label") or "—", more, hint=claim.get("sentence") or "", numeric=False)
    names = [Cell(claim["arm"], head=True, numeric=False), Cell(measure, unit, numeric=False), Cell(at, numeric=False)]
    control, arm, mean = (claim.get(key) for key in ("control_mean", "arm_mean", "mean"))
    if mean is not None and abs(mean) < 1e-12 * max(abs(control or 0.0), abs(arm or 0.0)):
        mean = 0.0  # the last bit of a mean is no difference
    reach = max(map(abs, claim["aa"])) if claim.get("aa") else None
    interval = Cell(span(claim.get("low"), claim.get("high")), order=claim.get("low"))
    cells = [_value(control), _value(arm), Cell(signed(mean), order=mean), interval, _value(reach)]
    cells += [_value(claim.get("margin"))] if margins else []
    return [*names, label, *cells, *(_value(claim.get(key)) for key in ("p", "g", "replicates"))]


def _value(value: float | None) -> Cell:
    return Cell(number(value), order=value)
