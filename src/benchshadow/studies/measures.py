"""What a study compares its arms on: one number per run and step, of the scores or of the footprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from benchshadow.errors import InputError

from .task_kinds import tiers

if TYPE_CHECKING:
    from .study import Study

__all__ = ["Measure", "measures", "values"]

Part = tuple[float, str | None, str]

_BROAD = ("sibling", "unrelated")


@dataclass(frozen=True)
class Measure:
    """One number of a run at a step.

    Attributes:
        name: as margins and families call it.
        title: for people.
        unit: of the value and of its differences.
        kind: "outcome" or "footprint".
        says: what it is and what it does not tell.
        parts: the records it is made of: (factor, benchmark or None, diagnostic); their weighted sum.
        tier: of the benchmark, where it is a single one.
    """

    name: str
    title: str
    unit: str
    kind: str
    says: str
    parts: tuple[Part, ...]
    tier: str | None = None


_FOOTPRINT = {
    "relative_change": ("relative change", "share", "size of the change over the size of the base, blocks pooled"),
    "stable_rank": ("stable rank", "dimensions", "energy of the change in units of its strongest direction"),
    "participation_ratio": ("participation ratio", "dimensions", "directions that share the energy of the change"),
    "effective_rank": (
        "effective rank",
        "dimensions",
        "delta effective rank, one of its readings: of the change itself",
    ),
    "effective_rank_change": (
        "change of the effective rank",
        "dimensions",
        "delta effective rank, the other reading: tuned less base, at the last step only",
    ),
    "effective_layers": ("effective layers", "layers", "over how many layers the energy of the change is spread"),
}


def measures(study: Study) -> list[Measure]:
    """The measures of a study in the order of its report: each task's, those of the tiers together, the footprint's."""
    placed = tiers(study.tasks)
    found = []
    for task, (tier, kind) in placed.items():
        if kind == "text":
            says = "bits per byte with the sign reversed: higher is better; never averaged with accuracies"
            found.append(Measure(task, task, "bits/byte", "outcome", says, ((-1.0, task, "bits_per_byte"),), tier))
            continue
        found.append(
            Measure(task, task, "share", "outcome", "share of right answers", ((1.0, task, "accuracy"),), tier)
        )
        if kind == "choice":
            says = "log-probability of the right option less that of the best wrong one; decides earlier than accuracy"
            margin = ((1.0, task, "margin"),)
            found.append(Measure(f"{task}: margin", f"{task}: margin", "nats", "outcome", says, margin, tier))
    found += _together(placed)
    for name, (title, unit, says) in _FOOTPRINT.items():
        found.append(Measure(name, title, unit, "footprint", says, ((1.0, None, name),)))
    _check_names(found)
    return found


def _check_names(found: Sequence[Measure]) -> None:
    """A task must not be called like a measure of the study, or one would be read for the other."""
    names = [measure.name for measure in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError("tasks", f"must not be named like a measure of the study but one is '{name}'")


def _together(placed: dict[str, tuple[str, str]]) -> list[Measure]:
    """Memorisation, narrow, broad and gap, from centred scores: 0 is guessing, 1 is perfect."""
    by_tier: dict[str, list[str]] = {}
    for task, (tier, kind) in placed.items():
        if kind != "text":
            by_tier.setdefault(tier, []).append(task)
    seen, held = (_mean(1.0, by_tier.get(tier, [])) for tier in ("seen", "held-out"))
    wide = [tier for tier in _BROAD if tier in by_tier]
    broad = tuple(part for tier in wide for part in _mean(1.0 / len(wide), by_tier[tier]))
    names = "; ".join(f"{tier}: {', '.join(by_tier[tier])}" for tier in wide)
    given = {
        "narrow": ("held-out items of the benchmark, centred on guessing", held),
        "broad": (f"mean of the tiers {' and '.join(wide)} ({names}), centred on guessing", broad),
        "gap": ("narrow less broad", (*held, *_minus(broad)) if held and broad else ()),
        "memorisation": ("seen less held-out items of the benchmark", (*seen, *_minus(held)) if seen and held else ()),
    }
    return [Measure(name, name, "share", "outcome", says, parts) for name, (says, parts) in given.items() if parts]


def _mean(factor: float, tasks: Sequence[str]) -> tuple[Part, ...]:
    return tuple((factor / len(tasks), task, "centred_score") for task in tasks)


def _minus(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple((-factor, task, diagnostic) for factor, task, diagnostic in parts)


def values(records: pl.DataFrame, measure: Measure) -> dict[tuple[str, int, int], float]:
    """(arm, replicate, step) to the measure's value; where a part is missing or undefined there is no value."""
    found: dict[tuple[str, int, int], list[float]] = {}
    of = "outcome" if measure.kind == "outcome" else "model"
    for factor, benchmark, diagnostic in measure.parts:
        chosen = records.filter(pl.col("of") == of, pl.col("diagnostic") == diagnostic, pl.col("value").is_not_null())
        if benchmark is not None:
            chosen = chosen.filter(pl.col("benchmark") == benchmark)
        elif measure.kind == "footprint":
            chosen = chosen.filter(pl.col("parameter").is_null())
        for arm, replicate, step, value in chosen.select("arm", "replicate", "step", "value").iter_rows():
            found.setdefault((arm, replicate, step), []).append(factor * value)
    return {at: sum(parts) for at, parts in found.items() if len(parts) == len(measure.parts)}
