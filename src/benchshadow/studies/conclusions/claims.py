"""From the records of a study to its claims: every arm against the control on every measure, with a verdict each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from benchshadow.records import frame
from benchshadow.stats import Verdict, hedges_g, sign_flip, verdict
from benchshadow.studies.declaring.measures import measures, values
from benchshadow.studies.declaring.study import Study

from .comparing import AT_END, AT_EQUAL_CHANGE, AT_EQUAL_LOSS, Comparison, at_step, comparisons
from .declared import Tested, claim_of, corrected, units_of

__all__ = ["AT_END", "AT_EQUAL_CHANGE", "AT_EQUAL_LOSS", "Claim", "claims", "derived", "table"]


@dataclass(frozen=True)
class Claim:
    """One arm against the control on one measure.

    Attributes:
        arm: the arm.
        measure: name of the measure.
        at: `AT_END`, `AT_EQUAL_CHANGE` or `AT_EQUAL_LOSS`.
        at_value: the relative change, or the loss, they are compared at.
        unit: of the values and of their differences.
        control_mean: mean over the replicates compared.
        arm_mean: likewise.
        differences: arm less control, one per replicate.
        aa: second draw of the control less control, one per replicate.
        g: Hedges g_z of the differences that inference counts.
        p: of the exact sign-flip test, two-sided and not adjusted; with few replicates no less than its floor.
        verdict: what can be said; None where it is not comparable.
        reason: why it is not comparable.
        says: the claim of the preprint that it speaks to, where the study says so.
        tested: its corrected p values, where a family declares it.
    """

    arm: str
    measure: str
    at: str
    at_value: float | None
    unit: str
    control_mean: float | None
    arm_mean: float | None
    differences: tuple[float, ...]
    aa: tuple[float, ...]
    g: float | None
    p: float | None
    verdict: Verdict | None
    reason: str | None
    says: str | None = None
    tested: Tested | None = None

    @property
    def confirmatory(self) -> bool:
        """Whether its verdict is that of a test declared beforehand."""
        return self.verdict is not None and not self.verdict.label.startswith("descriptive")


def claims(study: Study, records: pl.DataFrame, beforehand: Collection[str] | None = None) -> list[Claim]:
    """Every claim of a study that its records carry, in the order of arms and measures.

    Args:
        study: names arms, measures, families and margins.
        records: of all its runs.
        beforehand: families that were declared before the first outcome; None for all.
    """
    compared = {each.place: each for each in comparisons(study, records)}
    tested, says = corrected(study, compared, beforehand), claim_of(study)
    return [_claim(study, each, tested.get(place), says.get(place)) for place, each in compared.items()]


def table(study: Study, records: pl.DataFrame) -> list[dict[str, Any]]:
    """Mean and range over replicates of every arm and measure at the last step; the base's at step zero."""
    rows = []
    for measure in measures(study):
        found = values(records, measure)
        for arm in ("base", *study.arms):
            at = 0 if arm == "base" else study.settings.steps
            here = [value for (name, _, step), value in found.items() if name == arm and step == at]
            if here:
                middle = float(np.mean(here))
                row = {"arm": arm, "measure": measure.name, "mean": middle, "low": min(here), "high": max(here)}
                rows.append({**row, "n": len(here)})
    return rows


def derived(study: Study, records: pl.DataFrame) -> pl.DataFrame:
    """Every measure of every run at the last step as records, beside its A/A null.

    The null is the standard deviation, over replicates, of the difference between the control and its second draw.
    """
    rows = []
    for measure in measures(study):
        found = values(records, measure)
        aa = at_step(study, study.same, measure, found).aa
        null = float(np.std(aa, ddof=1)) if len(aa) > 1 else None
        for (arm, replicate, step), value in sorted(found.items()):
            if arm in study.arms and step == study.settings.steps:
                place = {
                    "arm": arm,
                    "replicate": replicate,
                    "step": step,
                    "of": measure.of,
                    "role": "study",
                    "tier": measure.tier,
                }
                told = {"diagnostic": measure.name, "value": value, "null_aa": null, "unit": measure.unit}
                rows.append({**place, **told, "method": "weighted sum of records"})
    return frame(rows)


def _claim(study: Study, found: Comparison, tested: Tested | None, says: str | None) -> Claim:
    measure, differences = found.measure, found.differences
    named = (found.arm, measure.name, found.at, found.at_value, measure.unit)
    if not found.replicates:
        return Claim(*named, None, None, (), (), None, None, None, found.reason, says, tested)
    margin, units = study.tested_margin(measure.name), units_of(study, found)
    owners = [study.base_of(replicate) for replicate in found.replicates]
    sure = tested is not None and tested.confirmatory
    told = verdict(
        differences,
        aa=np.array(found.aa),
        margin=None if margin is None else margin.value,
        alpha=tested.alpha if tested else 0.05,
        p_adjusted=tested.p if tested and sure else None,
        p_equivalence=tested.p_equivalence if tested and sure else None,
        family=tested.family if tested else 1,
        effect=tested.effect if tested else None,
        confirmatory=sure,
        bases=len(set(owners)),
        owners=owners,
    )
    return Claim(
        *named,
        float(np.mean(found.control)),
        float(np.mean(found.treated)),
        tuple(differences.tolist()),
        found.aa,
        hedges_g(units) if len(units) > 1 else None,
        sign_flip(units).p,
        told,
        None,
        says,
        tested,
    )
