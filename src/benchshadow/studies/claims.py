"""From the records of a study to its claims: every arm against the control on every measure, with a verdict each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isclose
from typing import Any

import numpy as np
import polars as pl

from benchshadow.records import frame
from benchshadow.stats import Trajectory, Verdict, common_range, hedges_g, holm, sign_flip, verdict

from .measures import Measure, measures, values
from .study import CONTROL, Study

__all__ = ["AT_END", "AT_EQUAL_CHANGE", "Claim", "claims", "derived", "table"]

AT_END = "last step"
AT_EQUAL_CHANGE = "equal relative change"

_TOO_FEW = "no replicate has two checkpoints or more that carry it in arm, control and A/A"

Values = Mapping[tuple[str, int, int], float]


@dataclass(frozen=True)
class Claim:
    """One arm against the control on one measure.

    Attributes:
        arm: the arm.
        measure: name of the measure.
        at: `AT_END` or `AT_EQUAL_CHANGE`.
        at_value: the relative change they are compared at.
        unit: of the values and of their differences.
        control_mean: mean over the replicates compared.
        arm_mean: likewise.
        differences: arm less control, one per replicate.
        aa: second draw of the control less control, one per replicate.
        g: Hedges g_z of the differences.
        p: of the exact sign-flip test, two-sided and not adjusted; with few replicates no less than its floor.
        verdict: what can be said; None where it is not comparable.
        reason: why it is not comparable.
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

    def row(self) -> dict[str, Any]:
        """The claim as one flat row of `claims.json`."""
        found = {key: value for key, value in asdict(self).items() if key != "verdict"}
        found["comparable"] = self.verdict is not None
        if self.verdict is not None:
            told = asdict(self.verdict)
            interval = told.pop("interval")
            told["p_adjusted"] = told.pop("p")
            found |= told | {key: interval[key] for key in ("mean", "low", "high", "level")}
        return found


def claims(study: Study, records: pl.DataFrame) -> list[Claim]:
    """Every claim of a study that its records carry, in the order of arms and measures."""
    arms = [arm for arm in study.arms if arm not in (CONTROL, study.same)]
    known = measures(study)
    found = {measure.name: values(records, measure) for measure in known}
    declared = _declared(study, found)
    last = study.settings.steps
    made = []
    for arm in arms:
        for measure in known:
            pairs, aa = _at_step(found[measure.name], arm, study, last)
            made.append(_claim(study, arm, measure, AT_END, None, pairs, aa, declared))
            if measure.name != "relative_change":
                made.append(_at_equal_change(study, arm, measure, found))
    return made


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
    rows, last = [], study.settings.steps
    for measure in measures(study):
        found = values(records, measure)
        _, aa = _at_step(found, study.same, study, last)
        null = float(np.std(aa, ddof=1)) if len(aa) > 1 else None
        of = "outcome" if measure.kind == "outcome" else "model"
        for (arm, replicate, step), value in sorted(found.items()):
            if step == last:
                place = {
                    "arm": arm,
                    "replicate": replicate,
                    "step": step,
                    "of": of,
                    "role": "study",
                    "tier": measure.tier,
                }
                told = {"diagnostic": measure.name, "value": value, "null_aa": null, "unit": measure.unit}
                rows.append({**place, **told, "method": "weighted sum of records"})
    return frame(rows)


Pairs = list[tuple[float, float]]


def _at_step(found: Values, arm: str, study: Study, step: int) -> tuple[Pairs, list[float]]:
    """(control, arm) and the A/A difference of every replicate that has all three at a step."""
    pairs, aa = [], []
    for replicate in study.replicates:
        three = [found.get((name, replicate, step)) for name in (CONTROL, arm, study.same)]
        if any(value is None for value in three):
            continue
        control, treated, same = (float(value) for value in three if value is not None)
        pairs.append((control, treated))
        aa.append(_less(same, control))
    return pairs, aa


def _less(one: float, other: float) -> float:
    """The difference of two values; values that differ in the last bits of a sum alone are the same."""
    return 0.0 if isclose(one, other, rel_tol=1e-12, abs_tol=1e-15) else one - other


def _at_equal_change(study: Study, arm: str, measure: Measure, found: Mapping[str, Values]) -> Claim:
    """The comparison at the largest relative change that all trajectories of arm, control and A/A went through."""
    paths = {
        (name, replicate): path
        for name in (CONTROL, arm, study.same)
        for replicate in study.replicates
        if (path := _path(found, measure, name, replicate)) is not None
    }
    complete = [r for r in study.replicates if all((name, r) in paths for name in (CONTROL, arm, study.same))]
    here = common_range([path for (_, replicate), path in paths.items() if replicate in complete])
    if here is None:
        reason = "not comparable: the arms never changed equally far" if complete else _TOO_FEW
        return _nothing(arm, measure, AT_EQUAL_CHANGE, reason)
    pairs, aa = [], []
    for replicate in complete:
        control, treated, same = (paths[name, replicate].at(here[1]) for name in (CONTROL, arm, study.same))
        assert control is not None, "inside the common range"
        assert treated is not None, "inside the common range"
        assert same is not None, "inside the common range"
        pairs.append((control, treated))
        aa.append(_less(same, control))
    return _claim(study, arm, measure, AT_EQUAL_CHANGE, here[1], pairs, aa, {})


def _path(found: Mapping[str, Values], measure: Measure, arm: str, replicate: int) -> Trajectory | None:
    changes, here = found["relative_change"], found[measure.name]
    steps = sorted(step for (name, r, step) in here if (name, r) == (arm, replicate) and step > 0)
    both = [(changes[arm, replicate, s], here[arm, replicate, s]) for s in steps if (arm, replicate, s) in changes]
    both = [(x, y) for x, y in both if x > 0]
    # One checkpoint is a point and not a path: nothing can be interpolated.
    if len(both) < 2:
        return None
    return Trajectory(np.array([x for x, _ in both]), np.array([y for _, y in both]))


def _declared(study: Study, found: Mapping[str, Values]) -> dict[tuple[str, str], tuple[float, float]]:
    """(arm, measure) to its p after Holm and its family's alpha, for the confirmatory tests that are whole.

    A test that lost a replicate is not the one that was declared: it counts in its family and confirms nothing. A test
    of two families must pass in both.
    """
    declared: dict[tuple[str, str], tuple[float, float]] = {}
    for family in study.families:
        all_pairs = [_at_step(found[t.measure], t.arm, study, study.settings.steps)[0] for t in family.tests]
        whole = [len(pairs) == len(study.replicates) for pairs in all_pairs]
        ps = [
            sign_flip(np.array([_less(b, a) for a, b in pairs])).p if there else 1.0
            for pairs, there in zip(all_pairs, whole, strict=True)
        ]
        for test, p, there in zip(family.tests, holm(np.array(ps)), whole, strict=True):
            if there:
                key, this = (test.arm, test.measure), (float(p), family.alpha)
                declared[key] = max(declared.get(key, this), this, key=lambda each: each[0] / each[1])
    return declared


def _claim(
    study: Study,
    arm: str,
    measure: Measure,
    at: str,
    at_value: float | None,
    pairs: Pairs,
    aa: list[float],
    declared: Mapping[tuple[str, str], tuple[float, float]],
) -> Claim:
    if not pairs:
        return _nothing(arm, measure, at, "no replicate of arm, control and A/A is whole")
    differences = np.array([_less(treated, control) for control, treated in pairs])
    p, alpha = declared.get((arm, measure.name), (None, 0.05))
    told = verdict(
        differences,
        aa=np.array(aa),
        margin=study.margins.get(measure.name),
        alpha=alpha,
        p_adjusted=p,
        confirmatory=p is not None,
        bases=min(study.bases, len(pairs)),
    )
    control, treated = np.array(pairs).mean(axis=0)
    return Claim(
        arm,
        measure.name,
        at,
        at_value,
        measure.unit,
        float(control),
        float(treated),
        tuple(differences.tolist()),
        tuple(aa),
        hedges_g(differences) if len(differences) > 1 else None,
        sign_flip(differences).p,
        told,
        None,
    )


def _nothing(arm: str, measure: Measure, at: str, reason: str) -> Claim:
    return Claim(arm, measure.name, at, None, measure.unit, None, None, (), (), None, None, None, reason)
