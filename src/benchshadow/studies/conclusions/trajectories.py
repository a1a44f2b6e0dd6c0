"""Runs side by side along training: where their weights moved equally far, and where their broad loss is equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from benchshadow.stats import Trajectory, common_range, common_values, passings
from benchshadow.studies.declaring.footprint_settings import probe
from benchshadow.studies.declaring.measures import Measure, measures, values
from benchshadow.studies.declaring.study import CONTROL, Study

__all__ = ["AT_EQUAL_LOSS", "Compared", "at_equal_loss", "broad_losses", "curves", "equal_change_in", "path"]

AT_EQUAL_LOSS = "equal loss"
POINTS = 9
"""Relative changes at which the curves of all runs are read off, evenly spaced in the logarithm."""

_METHOD = "between checkpoints linear in the logarithm of the relative change"

Values = Mapping[tuple[str, int, int], float]
"""(arm, replicate, step) to a value."""


@dataclass(frozen=True)
class Compared:
    """Arm, control and the control's second draw read at one place of their trajectories, replicate by replicate.

    Attributes:
        triples: (control, arm, second draw of the control) of every replicate compared.
        at_value: mean over the replicates of the place, in the unit of what is held equal; None without one.
        replicates: those compared, in the order of the triples.
        turned: paths that pass the place more than once.
        paths: paths read.
        reason: why nothing is compared; empty where something is.
    """

    triples: tuple[tuple[float, float, float], ...]
    at_value: float | None
    replicates: tuple[int, ...]
    turned: int
    paths: int
    reason: str


def path(changes: Values, found: Values, arm: str, replicate: int) -> Trajectory | None:
    """A measure of one run against its relative change; None with fewer than two checkpoints that have both."""
    steps = sorted(step for (name, r, step) in found if (name, r) == (arm, replicate) and step > 0)
    both = [(changes[arm, replicate, s], found[arm, replicate, s]) for s in steps if (arm, replicate, s) in changes]
    both = [(x, y) for x, y in both if x > 0]
    # One checkpoint is a point and not a path: nothing can be interpolated.
    if len(both) < 2:
        return None
    return Trajectory(np.array([x for x, _ in both]), np.array([y for _, y in both]))


def broad_losses(study: Study, records: pl.DataFrame) -> tuple[str | None, dict[tuple[str, int, int], float]]:
    """The task that serves as the broad probe, and its bits per byte in every run and step."""
    task = probe(study.trajectory, study.tasks)
    known = next((measure for measure in measures(study) if measure.name == task), None)
    if known is None:
        return None, {}
    return task, {place: -value for place, value in values(records, known).items()}


def equal_change_in(changes: Values, arms: Sequence[str], replicate: int) -> float | None:
    """The largest relative change that the runs of some arms all went through in a replicate; None without one."""
    paths = [path(changes, changes, arm, replicate) for arm in arms]
    there = [each for each in paths if each is not None]
    here = common_range(there) if len(there) == len(paths) else None
    return None if here is None else here[1]


def at_equal_loss(study: Study, arm: str, changes: Values, found: Values, losses: Values) -> Compared:
    """Arm, control and second draw where their loss on the broad probe is equal, within each replicate.

    The level is the end of the losses which all three took on that lies nearest to where the control's training ended:
    the furthest along that they can be compared. Between checkpoints loss and measure are linear in the logarithm of
    the relative change, and nothing is continued beyond the checkpoints, the base's own loss at no change included. A
    path that passes the level more than once is read at its *first* passing, the smallest change that buys that loss;
    how many do so is told. A replicate in which the three never had one loss makes the arm *not comparable*: leaving it
    out would keep the replicates that happen to agree.

    Args:
        study: names control and second draw.
        arm: that is compared.
        changes: relative change of every run and step.
        found: the measure; `changes` again for the relative change itself.
        losses: on the broad probe.
    """
    names = (CONTROL, arm, study.same)
    triples, levels, used, turned, apart = [], [], [], 0, 0
    for replicate in study.replicates:
        loss = [path(changes, losses, name, replicate) for name in names]
        measure = [path(changes, found, name, replicate) for name in names]
        both = [(one, other) for one, other in zip(loss, measure, strict=True) if one is not None and other is not None]
        if len(both) < len(names):
            continue
        here = _level(losses, [one for one, _ in both], replicate)
        read = [] if here is None else [_read(one, other, here, found is changes) for one, other in both]
        there = [value for value, _ in read if value is not None]
        if here is None or len(there) < len(names):
            apart += 1
            continue
        triples.append((there[0], there[1], there[2]))
        levels.append(here)
        used.append(replicate)
        turned += sum(times > 1 for _, times in read)
    if apart or not triples:
        return Compared((), None, (), 0, 0, _why_not(study, apart, apart + len(triples)))
    level = float(np.mean(levels))
    return Compared(tuple(triples), level, tuple(used), turned, len(names) * len(triples), "")


def _why_not(study: Study, apart: int, whole: int) -> str:
    if not whole:
        return "no replicate has two checkpoints or more that carry it in arm, control and A/A"
    where = "" if whole == 1 else f" in {apart} of {whole} replicates"
    return f"not comparable: the arms never had an equal loss on '{probe(study.trajectory, study.tasks)}'{where}"


def _level(losses: Values, paths: Sequence[Trajectory], replicate: int) -> float | None:
    """The common loss nearest to the control's last one; None where there is no common loss."""
    here = common_values(paths)
    if here is None:
        return None
    last = losses[CONTROL, replicate, max(s for (name, r, s) in losses if (name, r) == (CONTROL, replicate))]
    return min(here, key=lambda end: abs(end - last))


def _read(loss: Trajectory, measure: Trajectory, level: float, is_change: bool) -> tuple[float | None, int]:
    """The measure at the first passing of a loss, and how many passings there are."""
    places = passings(loss, level)
    if not places:
        return None, 0
    return (places[0] if is_change else measure.at(places[0])), len(places)


def curves(study: Study, records: pl.DataFrame) -> list[dict[str, Any]]:
    """Every measure and diagnostic of every run along its relative change, as rows of the records.

    All runs are read at the same nine relative changes between the smallest and the largest that occur (`parameter`),
    each run only inside its own range. The null is the standard deviation, over replicates, of the difference between
    control and second draw at that change. Diagnostics over the model that are no measure of the study stand here too,
    among them those of the spread over layers and roles.
    """
    known = measures(study)
    size = next(measure for measure in known if measure.name == "relative_change")
    changes = values(records, size)
    moved = [value for (_, _, step), value in changes.items() if step > 0 and value > 0]
    if not moved:
        return []
    grid = np.geomspace(min(moved), max(moved), POINTS) if min(moved) < max(moved) else np.array(moved[:1])
    found = [*known, *_diagnostics(records, {part for measure in known for _, _, part in measure.parts})]
    rows = []
    for measure in found:
        if measure.name == "relative_change":
            continue
        named = {"tier": measure.tier, "diagnostic": measure.name, "unit": measure.unit, "method": _METHOD}
        for place, value, null in _along(study, changes, values(records, measure), grid):
            rows.append({"of": "trajectory", "role": "study", **named, **place, "value": value, "null_aa": null})
    return rows


def _diagnostics(records: pl.DataFrame, known: set[str]) -> list[Measure]:
    """Diagnostics over the model without parameter or side that no measure of the study is made of."""
    plain = pl.col("parameter").is_null() & pl.col("side").is_null() & (pl.col("step") > 0)
    rows = records.filter(plain & (pl.col("of") == "model")).select("diagnostic", "unit").unique(maintain_order=True)
    units = {name: unit or "" for name, unit in rows.iter_rows() if name not in known}
    return [Measure(name, name, unit, "footprint", "", ((1.0, None, name),)) for name, unit in units.items()]


def _along(
    study: Study, changes: Values, found: Values, grid: np.ndarray
) -> Iterator[tuple[dict[str, Any], float, float | None]]:
    """Run and change, value and A/A null at every point of the grid that a run went through."""
    runs = sorted({(arm, r) for arm, r, step in found if step > 0})
    paths = {run: each for run in runs if (each := path(changes, found, *run)) is not None}
    for change in grid.tolist():
        here = {run: value for run, each in paths.items() if (value := each.at(change)) is not None}
        null = _null(study, here)
        for (arm, replicate), value in here.items():
            yield {"arm": arm, "replicate": replicate, "parameter": change}, value, null


def _null(study: Study, here: Mapping[tuple[str, int], float]) -> float | None:
    aa = [
        here[study.same, r] - here[CONTROL, r]
        for r in study.replicates
        if (study.same, r) in here and (CONTROL, r) in here
    ]
    return float(np.std(aa, ddof=1)) if len(aa) > 1 else None
