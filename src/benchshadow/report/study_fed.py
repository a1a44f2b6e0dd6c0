"""What each arm was fed: what is equal by construction said once, and what cannot be equal as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .elements import Cell, Column, Table
from .numbers import absent, number, shown
from .study_folder import StudyFolder
from .study_tables import arm_cell

__all__ = ["fed_table"]

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
    return replace(arm_cell(study, arm), below=", ".join(said))


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
