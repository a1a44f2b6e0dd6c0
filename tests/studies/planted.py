"""Records as a study would leave them, with planted values: no training, every number known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
from small_study import write_study

from benchshadow.records import frame
from benchshadow.studies.declaring.study import Study, read_study

TASKS = {"seen items": "seen", "held-out items": "held-out", "other skills": "unrelated"}
FOOTPRINTS = ("relative_change", "stable_rank", "participation_ratio")
Value = Callable[[str, int, int, str], float | None]
"""Arm, replicate, step and what is asked for (a task or a footprint) to its value; None leaves it undefined."""


def study_of(folder: Path, replicates: int, *changed: tuple[str, str], bases: bool = False, more: str = "") -> Study:
    """The small study with so many replicates."""
    changes = [("replicates = [0, 1]", f"replicates = {list(range(replicates))}"), *changed]
    if bases:
        changes.append(('[base]\nsource = "broad"', '[base]\nsource = "broad"\nper_replicate = true'))
    file = write_study(folder, *changes)
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    return read_study(file)


def records(study: Study, value: Value) -> pl.DataFrame:
    """Records of every arm, replicate and checkpoint."""
    rows = []
    for arm in study.arms:
        for replicate in study.replicates:
            for step in study.settings.checkpoint_steps():
                place = {"arm": arm, "replicate": replicate, "step": step}
                for task, tier in TASKS.items():
                    found = value(arm, replicate, step, task)
                    for diagnostic in ("accuracy", "centred_score"):
                        told = {"diagnostic": diagnostic, "value": found, "unit": "share"}
                        rows.append({**place, "of": "outcome", "tier": tier, "benchmark": task, **told})
                for name in FOOTPRINTS:
                    told = {"diagnostic": name, "value": value(arm, replicate, step, name)}
                    rows.append({**place, "of": "model", **told})
                # Not the study's measures: a spread with a parameter, and one matrix.
                rows.append({**place, "of": "model", "diagnostic": "stable_rank", "parameter": 0.5, "value": 99.0})
                rows.append({**place, "of": "change", "diagnostic": "stable_rank", "tensor": "w", "value": 99.0})
    return frame(rows)


def plain(arm: str, replicate: int, step: int, name: str) -> float:
    """A control that moves a little with the replicate, and a second draw that is .01 or 1% beside it."""
    aa = {0: 0.01, 1: -0.01}[replicate % 2] if arm == "A/A" else 0.0
    match name:
        case "relative_change":
            return 0.1 * step * (1 + aa)
        case "stable_rank" | "participation_ratio":
            return (10 + 0.1 * replicate) * (1 + aa)
        case _:
            return 0.4 + 0.01 * replicate + aa
