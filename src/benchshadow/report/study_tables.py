"""The tables of outcomes and footprint: rows are arms, columns are measures, beside the A/A range."""

from __future__ import annotations

from typing import Any

from .elements import Cell, Column, Table
from .numbers import absent, decimals, fixed, number, span
from .study_folder import StudyFolder

__all__ = ["arm_cell", "hint_of", "mark_of", "measures_table"]

_MARKS = {"above": "▲", "below": "▼", "inside": "○", "partly outside": "◐"}
_NOTE = (
    "Mean over replicates, lowest and highest below it. ▲ ▼: the differences from the control, paired by replicate, "
    "lie above or below the A/A range throughout; ◐: some do; ○: none does. The A/A range is what a second draw "
    "of the control's own recipe gives."
)


def measures_table(
    study: StudyFolder, measures: list[dict[str, Any]], caption: str, *, explained: bool = True
) -> Table:
    """Rows are arms, columns are measures; below them the A/A range and, where there is one, a random update."""
    columns = [Column("Arm", numeric=False)]
    columns += [Column(m["title"], _unit(m), hint_of(m)) for m in measures]
    arms = study.arms if "base" in study.arms else ["base", *study.arms]
    spreads = {(arm, m["name"]): _spread(study, arm, m) for arm in arms for m in measures}
    places = {m["name"]: decimals(each[2] for arm in arms if (each := spreads[arm, m["name"]])) for m in measures}
    rows = [
        [arm_cell(study, arm), *(_value(study, arm, m["name"], spreads, places) for m in measures)]
        for arm in study.arms
    ]
    base = [spreads["base", m["name"]] for m in measures] if "base" not in study.arms else []
    if any(base):
        cells = [
            Cell(fixed(each[0], places[m["name"]]) if each else "—") for each, m in zip(base, measures, strict=True)
        ]
        rows.insert(0, [Cell("base", "before training on", head=True, numeric=False), *cells])
    if study.claims:
        reaches = [study.aa_reach(m["name"]) for m in measures]
        cells = [Cell(f"± {number(each)}" if each is not None else "—") for each in reaches]
        rows.append([Cell("A/A range", "of differences", head=True, numeric=False), *cells])
    nulls = [_random_null(study, m) for m in measures]
    if any(not absent(each) for each in nulls):
        head = Cell("random update", "same shapes and sizes", head=True, numeric=False)
        rows.append([head, *(Cell(number(each)) for each in nulls)])
    return Table(columns, rows, caption, _NOTE if explained else "")


def _unit(measure: dict[str, Any]) -> str:
    turned = "sign reversed" if measure.get("diagnostic") == "bits_per_byte" else ""
    return " · ".join(part for part in (measure.get("tier"), measure.get("unit"), turned) if part)


def hint_of(measure: dict[str, Any]) -> str:
    """What a measure is, as its column tells on demand."""
    return measure.get("says") or ""


def arm_cell(study: StudyFolder, arm: str) -> Cell:
    """An arm as the head of its row: its colour and shape, its name, and what it was given on demand."""
    title = study.title(arm)
    says = study.study.get("arms", {}).get(arm, {}).get("says") or ""
    below = "" if title == arm else title
    return Cell(arm, below, hint=says, head=True, numeric=False, series=study.series.get(arm))


def _value(study: StudyFolder, arm: str, name: str, spreads: dict[Any, Any], places: dict[str, int]) -> Cell:
    """Mean and range of one measure in one arm, marked by where its claim places it."""
    found = spreads[arm, name]
    claim = study.claim(arm, name)
    if found is None:
        reason = (claim or {}).get("reason") or "no value was recorded"
        return Cell("—", hint=f"undefined: {reason}", means=f"undefined: {reason}")
    mean, low, high, many = found
    mark, means = mark_of(claim)
    hint = (claim or {}).get("statement") or ""
    spread = span(low, high, places[name]) if many > 1 else ""
    return Cell(fixed(mean, places[name]), spread, mark, means, hint, mean)


def _spread(study: StudyFolder, arm: str, measure: dict[str, Any]) -> tuple[float, float, float, int] | None:
    for row in study.summary.get("table", []):
        if (row["arm"], row["measure"]) == (arm, measure["name"]) and not absent(row.get("mean")):
            return row["mean"], row["low"], row["high"], row["n"]
    values = [reading.value for reading in study.readings(measure) if reading.arm == arm]
    return (sum(values) / len(values), min(values), max(values), len(values)) if values else None


def mark_of(claim: dict[str, Any] | None) -> tuple[str, str]:
    """Where a claim places an arm, as a sign and in words; nothing where there is no claim."""
    if claim is None or absent(claim.get("effect")):
        return "", ""
    place = claim.get("place", "inside")
    if place != "outside":
        return _MARKS[place], f"{place} the A/A range"
    side = "above" if claim["effect"] > 0 else "below"
    return _MARKS[side], f"{side} the A/A range"


def _random_null(study: StudyFolder, measure: dict[str, Any]) -> float | None:
    if measure.get("kind") != "footprint":
        return None
    value = study.rows("model", measure["diagnostic"])["null_random"].drop_nulls().mean()
    return float(value) if isinstance(value, int | float) else None
