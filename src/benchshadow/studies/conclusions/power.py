"""How many replicates each declared claim needs, by the spread between the control and its second draw so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchshadow.records import read
from benchshadow.stats import (
    FEWEST_BASES,
    FEWEST_REPLICATES,
    MOST,
    over_bases,
    replicates_for_difference,
    replicates_for_equivalence,
    replicates_needed,
    spread_at_most,
)
from benchshadow.studies.declaring.families import Family, Test
from benchshadow.studies.declaring.study import CONTROL, Study
from benchshadow.studies.running.runs import Run, run_folder

from .comparing import comparison
from .declared import tests_of

__all__ = ["Need", "needs", "needs_so_far"]

POWER = 0.8


@dataclass(frozen=True)
class Need:
    """What one declared test needs.

    Attributes:
        family: its family; "" for a comparison that no test is made of.
        test: arm, measure, place and kind.
        target: the difference to be found, or the margin to stay inside; None where none was declared.
        spread: standard deviation of the A/A differences over the units of inference; None with fewer than two.
        pairs: units of control and A/A that are whole.
        declared: units that the study has.
        counted: "replicates" or "bases", what the units are.
        needed: fewest units with a power of .8; None where it cannot be reckoned.
        cautious: the same with the upper 80% limit of the spread; with few pairs it is far larger.
        reason: why it cannot be reckoned.
    """

    family: str
    test: Test
    target: float | None
    spread: float | None
    pairs: int
    declared: int
    counted: str
    needed: int | None
    cautious: int | None
    reason: str

    def row(self) -> dict[str, Any]:
        """For machines."""
        plain = {key: value for key, value in vars(self).items() if key != "test"}
        return {**self.test.model_dump(mode="json"), **plain, "sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """The need in one sentence."""
        test, where = self.test, f"{self.family}: " if self.family else ""
        said = f"{where}{self.test.arm} on {test.measure} at {test.at}, {test.kind}"
        if self.needed is None:
            return f"{said}: {self.reason}; {self.declared} {self.counted} declared"
        what, more = "the floor of p alone", ""
        if self.target is not None:
            kind = "margin" if test.kind == "equivalence" else "difference"
            what = f"a {kind} of {self.target:.3g} at an A/A spread of {self.spread:.2g}"
        if self.cautious not in (None, self.needed):
            more = f", {self.cautious} by the upper limit of that spread"
        enough = "enough" if self.needed <= self.declared else "too few"
        if self.needed > MOST:
            enough += f", and more than the {MOST} that an exact test counts"
        return f"{said}: {self.needed} {self.counted} needed for {what}{more}; {self.declared} declared, {enough}"


def needs(study: Study, records: pl.DataFrame | None) -> Iterator[Need]:
    """What every declared test needs for a power of .8, in the order of the study file.

    Each test is planned at its family's alpha over the number of its claims, the first and strictest step of Holm. A
    difference is planned at the test's `effect` or else at the margin, an equivalence at the margin where nothing
    differs. The spread is that of a second draw of the control, never of the arm: it plans without looking at the
    effect. It supposes that an arm's differences vary as the A/A differences do, which a treatment can break.

    Args:
        study: declares the tests.
        records: of control and A/A as far as they are whole; None where nothing is.
    """
    for family, test in tests_of(study):
        yield _need(study, family, test, records)


def needs_so_far(study: Study, out: Path, whole: Sequence[Run]) -> tuple[Need, ...]:
    """`needs` by the whole runs of control and A/A in a study's folder."""
    if not tests_of(study):
        return ()
    tables = [read(run_folder(out, run)) for run in whole if run.arm in (CONTROL, study.same)]
    return tuple(needs(study, pl.concat(tables) if tables else None))


def _need(study: Study, family: Family | None, test: Test, records: pl.DataFrame | None) -> Need:
    units = _second_draw(study, test, records)
    spread = float(units.std(ddof=1)) if len(units) > 1 else None
    margin = study.margins.get(test.measure)
    target = margin.value if margin is not None else None
    if test.kind == "difference" and test.effect is not None:
        target = test.effect
    alpha, claims = (family.alpha, len(family.places)) if family else (0.05, 1)
    counted = "replicates" if study.units == len(study.replicates) else "bases"
    least = FEWEST_REPLICATES if counted == "replicates" else FEWEST_BASES
    if test.kind == "difference":
        least = max(least, replicates_needed(claims, alpha))
    needed, cautious, reason = least, None, ""
    if target is not None and spread is None:
        needed, reason = None, f"the spread is not known before two {counted} of control and {study.same} are whole"
    elif target is not None and spread == 0:
        needed, reason = None, "a second draw that never differs tells nothing of the spread to plan for"
    elif target is not None and spread is not None:
        needed = _fewest(test, spread, target, alpha / claims, least)
        cautious = _fewest(test, spread_at_most(spread, len(units)), target, alpha / claims, least)
        reason = "" if needed else "more than ten thousand would be needed"
    name = family.name if family else ""
    return Need(name, test, target, spread, len(units), study.units, counted, needed, cautious, reason)


def _fewest(test: Test, spread: float, target: float, alpha: float, least: int) -> int | None:
    reckon = replicates_for_equivalence if test.kind == "equivalence" else replicates_for_difference
    found = reckon(spread, target, alpha, POWER)
    return None if found is None else max(found, least)


def _second_draw(study: Study, test: Test, records: pl.DataFrame | None) -> np.ndarray:
    """A/A differences over the units of inference, where the test compares."""
    if records is None:
        return np.array([])
    found = comparison(study, records, study.same, test.measure, test.at)
    return over_bases(np.array(found.aa), [study.base_of(replicate) for replicate in found.replicates])
