"""The tables of claims: those at equal relative change or loss by arm, and every single one with its numbers."""

from __future__ import annotations

from typing import Any

from .elements import Cell, Column, Table
from .numbers import absent, counted, number, signed, span
from .study_folder import EQUAL, LAST, StudyFolder, label_of
from .study_tables import arm_cell, hint_of, mark_of

__all__ = ["EQUAL_LOSS", "at_equal", "claims_table"]

EQUAL_LOSS = "equal loss"
_READ = "Paired differences with their intervals, read off every run's own path where all of the compared runs"
_KINDS = {"representation": "States and gradients: ", "behaviour": "Expectations: "}
_PLACES = {
    EQUAL: ("at relative change", "share", f"{_READ} had changed equally far. ▲ ▼ ◐ ○ as above."),
    EQUAL_LOSS: (
        "at a loss of",
        "bits/byte, mean",
        f"{_READ} of a replicate had the same loss on one broad text: the furthest along that they all came, at the "
        "first passing of that loss. Nothing is continued beyond the checkpoints. ▲ ▼ ◐ ○ as above.",
    ),
}


def at_equal(study: StudyFolder, kind: str, at: str = EQUAL) -> Table | None:
    """The claims made at equal relative change, or at equal loss, on the measures of one kind, arms by measures."""
    wanted = {measure["name"] for measure in study.measures(kind)}
    claims = [c for c in study.claims.get("claims", []) if c.get("at") == at and c["measure"] in wanted]
    never = {name for name in wanted if not any(c["measure"] == name and c.get("comparable", True) for c in claims)}
    claims = [claim for claim in claims if claim["measure"] not in never or len(never) == len(wanted)]
    if not claims:
        return None
    names = list(dict.fromkeys(claim["measure"] for claim in claims))
    place, unit, note = _PLACES[at]
    columns = [Column("Arm", numeric=False), Column(place, unit)]
    columns += [
        Column(m["title"], f"{m.get('unit', '')}, less the control", hint_of(m)) for m in map(study.measure, names)
    ]
    rows = []
    for arm in dict.fromkeys(claim["arm"] for claim in claims):
        here = {claim["measure"]: claim for claim in claims if claim["arm"] == arm}
        values = [claim["at_value"] for claim in here.values() if not absent(claim.get("at_value"))]
        value = Cell(number(values[0]) if values else "—", order=values[0] if values else None)
        cells, said = [], set[str]()
        for name in names:
            cells.append(_compared(here.get(name), said))
            said.add(cells[-1].hint)
        rows.append([arm_cell(study, arm), value, *cells])
    folded = f"Outcomes at {at}" if kind == "outcome" else ""
    return Table(columns, rows, f"{_KINDS.get(kind, '')}Differences from the control at {at}", note, folded)


def _compared(claim: dict[str, Any] | None, said: set[str]) -> Cell:
    """One comparison; a reason that stands in the row already is not said again."""
    if claim is None:
        return Cell("—", hint="not compared", means="not compared")
    if not claim.get("comparable", True) or absent(claim.get("effect")):
        reason = (claim.get("reason") or "no common range").removeprefix("not comparable: ")
        return Cell("not comparable", "" if reason in said else reason, hint=reason)
    mark, means = mark_of(claim)
    interval = span(claim.get("low"), claim.get("high"))
    return Cell(signed(claim["effect"]), interval, mark, means, claim.get("statement") or "", claim["effect"])


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
    floors = {(claim.get("units", claim["replicates"]), _unit(claim)): claim["p_floor"] for claim in claims
              if not absent(claim.get("p_floor"))}  # fmt: skip
    for (units, noun), floor in sorted(floors.items()):
        text += f" With {counted(units, noun)} no two-sided p can be below {number(floor)}."
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
        more = f"about {counted(claim['needed'], _unit(claim))} would be needed"
    if claim.get("declared") == "afterwards":
        more = "exploratory: declared after the first outcome"
    said = label_of(claim) or "—"
    if claim.get("verdict") == "descriptive":
        said = f"descriptive: {said}"
    label = Cell(said, more, hint=claim.get("statement") or "", numeric=False)
    names = [
        Cell(claim["arm"], claim.get("claim") or "", head=True, numeric=False),
        Cell(measure, unit, numeric=False),
        Cell(at, numeric=False),
    ]
    control, arm, mean = (claim.get(key) for key in ("control_mean", "arm_mean", "effect"))
    if mean is not None and abs(mean) < 1e-12 * max(abs(control or 0.0), abs(arm or 0.0)):
        mean = 0.0  # the last bit of a mean is no difference
    reach = max(map(abs, claim["aa"])) if claim.get("aa") else None
    interval = Cell(span(claim.get("low"), claim.get("high")), order=claim.get("low"))
    cells = [_value(control), _value(arm), Cell(signed(mean), order=mean), interval, _value(reach)]
    cells += [_value(claim.get("margin"))] if margins else []
    return [*names, label, *cells, *(_value(claim.get(key)) for key in ("p", "g", "replicates"))]


def _unit(claim: dict[str, Any]) -> str:
    """What inference counts: bases where several replicates share each."""
    return "base" if claim.get("units", claim.get("replicates")) != claim.get("replicates") else "replicate"


def _value(value: float | None) -> Cell:
    return Cell(number(value), order=value)
