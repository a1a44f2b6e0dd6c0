"""Claims as the rows of `claims.json`: flat, each with all that it takes to read it alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchshadow.stats import Verdict
from benchshadow.studies.declaring.measures import Measure, measures
from benchshadow.studies.declaring.study import CONTROL, Study
from benchshadow.studies.declaring.task_kinds import tiers
from benchshadow.studies.running.estimate import estimate

from .claims import Claim

__all__ = ["claim_rows", "model_and_benchmark"]

_NUMBERS = (
    "verdict", "effect", "low", "high", "level", "p_floor", "p_equivalence", "margin", "aa_range", "place",
    "replicates", "bases", "units", "needed",
)  # fmt: skip


def claim_rows(study: Study, made: Sequence[Claim]) -> list[dict[str, Any]]:
    """One row per claim.

    `p` is the one that the verdict rests on: corrected over its family where `confirmatory`, otherwise of that
    comparison alone, which then confirms nothing. `declared` is "beforehand", "afterwards" or null, and whatever was
    not declared beforehand is exploratory. Where a comparison could not be made, `verdict` is null with a `reason`.
    """
    known, parameters = {measure.name: measure for measure in measures(study)}, estimate(study).parameters
    said = _said(study, parameters)
    return [_row(study, claim, known[claim.measure], parameters, said) for claim in made]


def model_and_benchmark(study: Study) -> str:
    """What every verdict is of, besides its replicates and bases: the size of the model, and the benchmark."""
    return _said(study, estimate(study).parameters)


def _said(study: Study, parameters: int) -> str:
    return f"{parameters:,} weights, benchmark '{study.benchmark.kind}'"


def _row(study: Study, claim: Claim, measure: Measure, parameters: int, reach: str) -> dict[str, Any]:
    told, tested = claim.verdict, claim.tested
    row: dict[str, Any] = {
        "claim": claim.says,
        "arm": claim.arm,
        "control": CONTROL,
        "measure": claim.measure,
        "kind": measure.kind,
        "tier": _tier(study, measure),
        "at": claim.at,
        "at_value": claim.at_value,
        "unit": claim.unit,
        "control_mean": claim.control_mean,
        "arm_mean": claim.arm_mean,
        "differences": list(claim.differences),
        "aa": list(claim.aa),
        "g": claim.g,
        "declared": None if tested is None else "beforehand" if tested.beforehand else "afterwards",
        "confirmatory": claim.confirmatory,
        "comparable": told is not None,
        "reason": claim.reason,
        "study": study.name,
        "study_hash": study.sha256,
        "benchmark": study.benchmark.kind,
        "parameters": parameters,
    }
    said = claim.reason if told is None else f"{told.sentence}, {reach}"
    row["statement"] = f"{claim.arm} on {measure.title} at {claim.at}: {said}."
    row["p"] = told.p if told is not None and claim.confirmatory else claim.p
    return row | {"p_unadjusted": claim.p} | _numbers(told)


def _numbers(told: Verdict | None) -> dict[str, Any]:
    """What a verdict rests on; nulls where there is none."""
    if told is None:
        return dict.fromkeys(_NUMBERS)
    interval = told.interval
    return {
        "verdict": told.label.partition(":")[0],
        "effect": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "level": interval.level,
        "p_floor": told.p_floor,
        "p_equivalence": told.p_equivalence,
        "margin": told.margin,
        "aa_range": told.aa_range,
        "place": told.place,
        "replicates": told.replicates,
        "bases": told.bases,
        "units": told.units,
        "needed": told.needed,
    }


def _tier(study: Study, measure: Measure) -> str | None:
    """The tier of a measure; of one that is made of several tasks, their tiers."""
    if measure.tier is not None:
        return measure.tier
    placed = tiers(study.tasks)
    named = [placed[task][0] for _, task, _ in measure.parts if task in placed]
    return ", ".join(dict.fromkeys(named)) or None
