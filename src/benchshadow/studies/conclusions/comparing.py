"""Where arms are compared: at the last step, where all have changed equally far, and where their loss is equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isclose

import numpy as np
import polars as pl

from benchshadow.stats import common_range
from benchshadow.studies.declaring.measures import Measure, measures, values
from benchshadow.studies.declaring.study import CONTROL, Study

from .trajectories import AT_EQUAL_LOSS, at_equal_loss, broad_losses, path

__all__ = [
    "AT_END",
    "AT_EQUAL_CHANGE",
    "AT_EQUAL_LOSS",
    "Comparison",
    "Values",
    "at_step",
    "comparison",
    "comparisons",
    "less",
]

AT_END = "last step"
AT_EQUAL_CHANGE = "equal relative change"
SIZE = "relative_change"

_NONE_WHOLE = "no replicate of arm, control and A/A is whole"
_TOO_FEW = "no replicate has two checkpoints or more that carry it in arm, control and A/A"

Values = Mapping[tuple[str, int, int], float]


@dataclass(frozen=True)
class Comparison:
    """One arm beside the control on one measure, replicate by replicate.

    Attributes:
        arm: the arm.
        measure: what is compared.
        at: `AT_END`, `AT_EQUAL_CHANGE` or `AT_EQUAL_LOSS`.
        at_value: the relative change, or the loss, that they are compared at.
        replicates: those that have arm, control and A/A.
        control: value of the control, one per replicate.
        treated: value of the arm, likewise.
        aa: second draw of the control less control, likewise.
        reason: why there is nothing to compare, where there is not.
    """

    arm: str
    measure: Measure
    at: str
    at_value: float | None = None
    replicates: tuple[int, ...] = ()
    control: tuple[float, ...] = ()
    treated: tuple[float, ...] = ()
    aa: tuple[float, ...] = ()
    reason: str | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """Arm, measure and where, as declared tests name it."""
        return self.arm, self.measure.name, self.at

    @property
    def differences(self) -> np.ndarray:
        """Arm less control, one per replicate."""
        return np.array([less(treated, control) for control, treated in zip(self.control, self.treated, strict=True)])


def comparisons(study: Study, records: pl.DataFrame) -> Iterator[Comparison]:
    """Every comparison of a study that its records carry, in the order of arms and measures."""
    known = measures(study)
    found = {measure.name: values(records, measure) for measure in known}
    task, losses = broad_losses(study, records)
    for arm in study.treated:
        for measure in known:
            yield at_step(study, arm, measure, found[measure.name])
            if measure.name != SIZE:
                yield _at_equal_change(study, arm, measure, found)
            # On the probe itself arms are equal by construction.
            if losses and measure.name != task:
                yield _at_equal_loss(study, arm, measure, found, losses)


def comparison(study: Study, records: pl.DataFrame, arm: str, name: str, at: str) -> Comparison:
    """One comparison, of an arm or of the second draw itself, on the measure of that name."""
    known = {measure.name: measure for measure in measures(study)}
    measure, found = known[name], {each: values(records, known[each]) for each in {name, SIZE}}
    if at == AT_EQUAL_CHANGE:
        return _at_equal_change(study, arm, measure, found)
    if at == AT_EQUAL_LOSS:
        return _at_equal_loss(study, arm, measure, found, broad_losses(study, records)[1])
    return at_step(study, arm, measure, found[name])


def at_step(study: Study, arm: str, measure: Measure, found: Values) -> Comparison:
    """The comparison at the study's last step, over the replicates that have all three there.

    Records count the study's steps: an arm under settings of its own has its last checkpoint there too.
    """
    last = study.settings.steps
    three = {
        r: values
        for r in study.replicates
        if None not in (values := [found.get((name, r, last)) for name in (CONTROL, arm, study.same)])
    }
    return _compared(arm, measure, AT_END, None, three, _NONE_WHOLE)


def less(one: float, other: float) -> float:
    """The difference of two values; values that differ in the last bits of a sum alone are the same."""
    return 0.0 if isclose(one, other, rel_tol=1e-12, abs_tol=1e-15) else one - other


def _compared(
    arm: str, measure: Measure, at: str, at_value: float | None, three: Mapping[int, Sequence[float | None]], empty: str
) -> Comparison:
    """A comparison from (control, arm, A/A) of each replicate."""
    if not three:
        return Comparison(arm, measure, at, reason=empty)
    control, treated, same = zip(*three.values(), strict=True)
    aa = tuple(map(less, same, control))
    return Comparison(arm, measure, at, at_value, tuple(three), control, treated, aa)


def _at_equal_change(study: Study, arm: str, measure: Measure, found: Mapping[str, Values]) -> Comparison:
    """The comparison at the largest relative change that all trajectories of arm, control and A/A went through."""
    names, changes = (CONTROL, arm, study.same), found[SIZE]
    paths = {
        (name, replicate): line
        for name in names
        for replicate in study.replicates
        if (line := path(changes, found[measure.name], name, replicate)) is not None
    }
    complete = [r for r in study.replicates if all((name, r) in paths for name in names)]
    here = common_range([line for (_, replicate), line in paths.items() if replicate in complete])
    if here is None:
        reason = "not comparable: the arms never changed equally far" if complete else _TOO_FEW
        return Comparison(arm, measure, AT_EQUAL_CHANGE, reason=reason)
    three = {r: [paths[name, r].at(here[1]) for name in names] for r in complete}
    return _compared(arm, measure, AT_EQUAL_CHANGE, here[1], three, _TOO_FEW)


def _at_equal_loss(study: Study, arm: str, measure: Measure, found: Mapping[str, Values], losses: Values) -> Comparison:
    here = at_equal_loss(study, arm, found[SIZE], found[measure.name], losses)
    three = {r: list(each) for r, each in zip(here.replicates, here.triples, strict=True)}
    return _compared(arm, measure, AT_EQUAL_LOSS, here.at_value, three, here.reason)
