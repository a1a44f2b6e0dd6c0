"""The tables of a study: outcomes and footprint by arm, what each arm was fed, and every claim."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .elements import Cell, Column, Table
from .numbers import absent, decimals, fixed, number, shown, signed, span
from .study_folder import StudyFolder

__all__ = ["EQUAL", "at_equal_change", "claims_table", "fed_table", "hint_of", "measures_table"]

EQUAL = "equal relative change"
_MARKS = {"above": "▲", "below": "▼", "inside": "○"}
_NOTE = (
    "Mean over replicates, lowest and highest below it. ▲ ▼: the differences from the control, paired by replicate, "
    "lie above or below the A/A range throughout; ○: they do not. The A/A range is what a second draw "
    "of the control's own recipe gives."
)

_EQUAL_NOTE = (
    "Paired differences with their intervals, read off every run's own path where all of the compared runs had changed "
    "equally far. ▲ ▼ ○ as above."
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
        [_arm(study, arm), *(_value(study, arm, m["name"], spreads, places) for m in measures)] for arm in study.arms
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
    return " · ".join(part for part in (measure.get("tier"), measure.get("unit")) if part)


def hint_of(measure: dict[str, Any]) -> str:
    """What a measure is, as its column tells on demand."""
    parts = [measure.get("says") or "", f"Higher is {measure['higher']}." if measure.get("higher") else ""]
    return " ".join(part for part in parts if part)


def _arm(study: StudyFolder, arm: str) -> Cell:
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
    mark, means = _mark(claim)
    hint = (claim or {}).get("sentence") or ""
    spread = span(low, high, places[name]) if many > 1 else ""
    return Cell(fixed(mean, places[name]), spread, mark, means, hint, mean)


def _spread(study: StudyFolder, arm: str, measure: dict[str, Any]) -> tuple[float, float, float, int] | None:
    for row in study.summary.get("table", []):
        if (row["arm"], row["measure"]) == (arm, measure["name"]) and not absent(row.get("mean")):
            return row["mean"], row["low"], row["high"], row["n"]
    values = [reading.value for reading in study.readings(measure) if reading.arm == arm]
    return (sum(values) / len(values), min(values), max(values), len(values)) if values else None


def _mark(claim: dict[str, Any] | None) -> tuple[str, str]:
    if claim is None or absent(claim.get("mean")):
        return "", ""
    if not claim.get("outside"):
        return _MARKS["inside"], "inside the A/A range"
    side = "above" if claim["mean"] > 0 else "below"
    return _MARKS[side], f"{side} the A/A range"


def _random_null(study: StudyFolder, measure: dict[str, Any]) -> float | None:
    if measure.get("kind") != "footprint":
        return None
    value = study.rows("model", measure["diagnostic"])["null_random"].drop_nulls().mean()
    return float(value) if isinstance(value, int | float) else None


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
        rows.append([_arm(study, arm), place, *(_compared(here.get(name)) for name in names)])
    folded = "Outcomes at equal relative change" if kind == "outcome" else ""
    return Table(columns, rows, "Differences from the control at equal relative change", _EQUAL_NOTE, folded)


def _compared(claim: dict[str, Any] | None) -> Cell:
    if claim is None:
        return Cell("—", hint="not compared", means="not compared")
    if not claim.get("comparable", True) or absent(claim.get("mean")):
        reason = claim.get("reason") or "no common range"
        return Cell("not comparable", reason, hint=reason)
    mark, means = _mark(claim)
    interval = span(claim.get("low"), claim.get("high"))
    return Cell(signed(claim["mean"]), interval, mark, means, claim.get("sentence") or "", claim["mean"])


def claims_table(study: StudyFolder) -> Table | None:
    """Every claim with its numbers, to be sorted and filtered."""
    claims = study.claims.get("claims", [])
    if not claims:
        return None
    level = next((claim["level"] for claim in claims if claim.get("level")), 0.95)
    interval = f"{100 * level:.0f}% interval"
    titles = [("Arm", ""), ("Measure", ""), ("At", ""), ("What can be said", "")]
    columns = [Column(title, unit, numeric=False) for title, unit in titles]
    columns += [Column("Control", "mean"), Column("Arm's mean"), Column("Difference", "paired mean"), Column(interval)]
    columns += [Column("A/A", "largest difference"), Column("p", "sign flips"), Column("g", "effect size"), Column("n")]
    columns += [Column("Unit", numeric=False)]
    rows = [_claim(study, claim) for claim in claims]
    folded = f"All {len(claims)} claims, with their numbers"
    note = "Intervals are paired t over replicates. A p is given only where enough replicates carry one."
    return Table(columns, rows, "", note, folded, sortable=True)


def _claim(study: StudyFolder, claim: dict[str, Any]) -> list[Cell]:
    at = claim.get("at", "last step")
    if not absent(claim.get("at_value")):
        at += f" ({number(claim['at_value'])})"
    label, reason = claim.get("label") or "—", claim.get("reason") or ""
    words = [claim["arm"], study.measure(claim["measure"])["title"], at]
    cells = [Cell(word, head=i == 0, numeric=False) for i, word in enumerate(words)]
    cells.append(Cell(label, reason, hint=claim.get("sentence") or "", numeric=False))
    aa = claim.get("aa")
    values = [claim.get(key) for key in ("control_mean", "arm_mean")]
    cells += [Cell(number(value), order=value) for value in values]
    cells += [Cell(signed(claim.get("mean")), order=claim.get("mean"))]
    cells += [Cell(span(claim.get("low"), claim.get("high")), order=claim.get("low"))]
    reach = max(map(abs, aa)) if aa else None
    for value in (reach, claim.get("p"), claim.get("g"), claim.get("replicates")):
        cells.append(Cell(number(value), order=value))
    return [*cells, Cell(claim.get("unit") or "", numeric=False)]


_FED = {
    "treated_sequences": ("Treated sequences", "Sequences of the control that were replaced"),
    "tokens": ("Tokens", "Tokens seen in training"),
    "documents": ("Documents", "Documents read, repeats counted"),
    "unique_documents": ("Different documents", "Documents read, each counted once"),
    "mean_epochs": ("Epochs", "How often a document was read, on average"),
    "domains": ("Domains", "Kinds of document"),
    "unique_tokens": ("Different tokens", "Entries of the vocabulary that occur"),
    "effective_domains": ("Effective domains", "Exponential of the entropy of the shares of the domains"),
    "effective_documents": ("Effective documents", "Exponential of the entropy of how often each document was read"),
    "entropy_per_token": ("Entropy per token", "Under a reference model of single tokens, in nats"),
}


def fed_table(study: StudyFolder) -> tuple[str, Table | None]:
    """What is equal in every run, as a sentence, and what each arm was fed, as a table of means over runs."""
    fed = _fed(study)
    runs = [values for each in fed.values() for values in each]
    if not runs:
        return "", None
    budgets = [run.get("budget", {}) for run in runs]
    keys = list(dict.fromkeys(key for budget in budgets for key in budget))
    equal = [key for key in keys if all(budget.get(key) == budgets[0].get(key) for budget in budgets)]
    said = ", ".join(f"{key.replace('_', ' ')} {shown(budgets[0][key])}" for key in equal if _scalar(budgets[0][key]))
    flat = {arm: [_less(run, equal) for run in each] for arm, each in fed.items()}
    numeric = {key for each in flat.values() for run in each for key, value in run.items() if _number(value)} - set(
        equal
    )
    kept = [key for key in _FED if key in numeric] + sorted(numeric - _FED.keys())
    told = [_FED.get(key, (key.replace("_", " ").capitalize(), "")) for key in kept]
    columns = [Column("Arm", "source", numeric=False)]
    columns += [Column(title, "", hint) for title, hint in told]
    rows = [
        [_source(study, arm), *(_mean([run.get(key) for run in runs]) for key in kept)] for arm, runs in flat.items()
    ]
    sentence = f"Equal in every run by construction: {said}." if said else ""
    return sentence, Table(columns, rows, "", "Means over replicates. What differs here is part of the treatment.")


def _less(run: dict[str, Any], equal: list[str]) -> dict[str, Any]:
    """What a run reports, less what is equal in all."""
    budget = {key: value for key, value in run.get("budget", {}).items() if key not in equal}
    return {key: value for key, value in run.items() if _number(value)} | run.get("reported", {}) | budget


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not absent(value)


def _scalar(value: Any) -> bool:
    return isinstance(value, int | float | str) and not absent(value)


def _source(study: StudyFolder, arm: str) -> Cell:
    """An arm with the source and the amount that it was given."""
    planned = study.study["arms"].get(arm, {})
    parts = [("dose", planned.get("dose")), ("epochs", planned.get("epochs"))]
    said = [shown(planned["source"])] if planned.get("source") else []
    said += [f"{word} {number(value)}" for word, value in parts if not absent(value)]
    return replace(_arm(study, arm), below=", ".join(said))


def _mean(values: list[Any]) -> Cell:
    found = [value for value in values if not absent(value)]
    return Cell(number(sum(found) / len(found)), order=sum(found) / len(found)) if found else Cell("—")


def _fed(study: StudyFolder) -> dict[str, list[dict[str, Any]]]:
    """The data part of the manifests, by arm; the records say which run belongs to which arm."""
    pairs = study.records.select("run", "arm").drop_nulls().unique().iter_rows()
    owner = dict(pairs)
    found: dict[str, list[dict[str, Any]]] = {arm: [] for arm in study.arms}
    for run, manifest in study.manifests.items():
        arm = manifest.get("arm") or owner.get(run)
        if arm in found and isinstance(manifest.get("data"), dict):
            found[arm].append(manifest["data"])
    return {arm: runs for arm, runs in found.items() if runs}
