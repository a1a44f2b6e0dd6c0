"""An arm's footprint against the control in units of what a second draw of the control gives: its signature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from benchshadow.studies.declaring.footprint_settings import SHAPES
from benchshadow.studies.declaring.study import CONTROL, Study

from .trajectories import equal_change_in, path

__all__ = ["AT_EQUAL", "AT_LAST", "WITHIN", "Feature", "Footprints", "footprints", "signature_rows"]

AT_LAST = "last step"
AT_EQUAL = "equal relative change"
WITHIN = "within each replicate"
"""What words add to it: here every replicate is read at a change of its own, claims read all of them at one."""
SIZE, LOSS = "relative_change", "training_loss"
"""What the spectra must add to: how far the weights moved, and the loss on what was trained on."""

Values = Mapping[tuple[str, int, int], float]


@dataclass(frozen=True, order=True)
class Feature:
    """One number of a run: a diagnostic at a place of its trajectory.

    Attributes:
        diagnostic: as the records call it.
        at: "last step", "equal relative change", or "step" with its number.
    """

    diagnostic: str
    at: str

    @property
    def name(self) -> str:
        """How tables call it."""
        return f"{self.diagnostic} at {self.at}" + f" {WITHIN}" * (self.at == AT_EQUAL)


@dataclass(frozen=True)
class Footprints:
    """Differences from the control of every run, beside those of the control's second draw.

    Attributes:
        differences: of every feature, (arm, replicate) to arm less control; the second draw is an arm like others.
        aa: likewise second draw less control, read at the same place: at equal change it is that arm's.
    """

    differences: Mapping[Feature, Mapping[tuple[str, int], float]]
    aa: Mapping[Feature, Mapping[tuple[str, int], float]]

    def spread(self, feature: Feature, runs: Iterable[tuple[str, int]]) -> float:
        """The A/A spread here: root mean square over some runs of second draw less control; 0 where there is none.

        It is no standard deviation, which is what plans count replicates by. Both are draws of one recipe, so their
        mean difference is zero and is not estimated: with few replicates that is steadier than a spread about a mean.
        """
        aa = self.aa[feature]
        there = [aa[run] for run in runs if run in aa]
        found = float(np.sqrt(np.mean(np.square(there)))) if there else 0.0
        # What subtraction left in the last bits is no spread.
        largest = max((abs(value) for value in self.differences[feature].values()), default=0.0)
        return 0.0 if found <= 1e-10 * largest else found


def footprints(study: Study, records: pl.DataFrame) -> Footprints:
    """Every diagnostic of the signature at every checkpoint, at the last step, and at equal relative change.

    Equal change is, within each replicate, the largest relative change that arm, control and second draw went through.
    """
    names = study.signature.diagnostics if study.signature is not None else SHAPES
    changes = _values(records, "model", SIZE)
    found = {name: _values(records, "model", name) for name in names}
    found |= {SIZE: changes, LOSS: _values(records, "behaviour", LOSS)}
    differences: dict[Feature, dict[tuple[str, int], float]] = {}
    aa: dict[Feature, dict[tuple[str, int], float]] = {}
    for name, each in found.items():
        for arm in (arm for arm in study.arms if arm != CONTROL):
            for replicate in study.replicates:
                for feature, (control, treated, same) in _read(study, name, each, changes, arm, replicate):
                    differences.setdefault(feature, {})[arm, replicate] = treated - control
                    aa.setdefault(feature, {})[arm, replicate] = same - control
    return Footprints(differences, aa)


def _read(
    study: Study, name: str, found: Values, changes: Values, arm: str, replicate: int
) -> Iterable[tuple[Feature, tuple[float, float, float]]]:
    """Control, arm and second draw at every place where all three have the diagnostic."""
    names = (CONTROL, arm, study.same)
    *earlier, last = study.settings.checkpoint_steps()
    for at, step in ({f"step {step}": step for step in earlier} | {AT_LAST: last}).items():
        three = [found.get((each, replicate, step)) for each in names]
        there = [value for value in three if value is not None]
        if len(there) == len(names):
            yield Feature(name, at), (there[0], there[1], there[2])
    change = equal_change_in(changes, names, replicate)
    if name == SIZE or change is None:
        return
    paths = [path(changes, found, each, replicate) for each in names]
    there = [value for each in paths if each is not None and (value := each.at(change)) is not None]
    if len(there) == len(names):
        yield Feature(name, AT_EQUAL), (there[0], there[1], there[2])


def signature_rows(study: Study, found: Footprints) -> list[dict[str, Any]]:
    """The signature as a table: per arm and feature the mean difference, the A/A spread, and the one over the other.

    One unit is what a single second draw of the control is off by. Within few units an arm looks like the control; the
    number is no test, and says nothing of whether the difference matters for an outcome. With few replicates the spread
    itself is known poorly: by half its size with three.
    """
    rows = []
    for feature, values in found.differences.items():
        for arm in study.arms:
            runs = [(arm, r) for r in study.replicates if (arm, r) in values]
            if arm in (CONTROL, study.same) or not runs:
                continue
            here = np.array([values[run] for run in runs])
            spread = found.spread(feature, runs)
            units = here / spread if spread > 0 else None
            rows.append(
                {
                    "arm": arm,
                    "diagnostic": feature.diagnostic,
                    "at": feature.at,
                    "mean": float(here.mean()),
                    "aa_spread": spread if spread > 0 else None,
                    "units": None if units is None else float(units.mean()),
                    "low": None if units is None else float(units.min()),
                    "high": None if units is None else float(units.max()),
                    "replicates": len(runs),
                    "reason": None if spread > 0 else "the control and its second draw do not differ in it",
                }
            )
    return rows


def _values(records: pl.DataFrame, of: str, diagnostic: str) -> dict[tuple[str, int, int], float]:
    """(arm, replicate, step) to a diagnostic without parameter or side."""
    chosen = records.filter(
        pl.col("of") == of,
        pl.col("diagnostic") == diagnostic,
        pl.col("parameter").is_null(),
        pl.col("side").is_null(),
        pl.col("value").is_finite(),
    )
    return {
        (arm, replicate, step): value
        for arm, replicate, step, value in chosen.select("arm", "replicate", "step", "value").iter_rows()
    }
