"""Runs that were trained elsewhere join a study: their checkpoints are copied in, their scores held to its tasks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchshadow.checkpoints import is_adapter, open_adapter, open_checkpoint, write_again
from benchshadow.checkpoints.formats import located
from benchshadow.data.tasks import Task
from benchshadow.errors import InputError
from benchshadow.records import file_digest, frame, read_json
from benchshadow.records.source_code import code
from benchshadow.studies.declaring.confounds import checkpoints_of
from benchshadow.studies.declaring.joined_settings import Joined, joined_of
from benchshadow.studies.declaring.sentences import known
from benchshadow.studies.declaring.study import Study
from benchshadow.studies.footprints.identity import cache_folder, identity
from benchshadow.studies.preparing.taken_bases import check_rows
from benchshadow.train import checkpoint_folder

__all__ = ["account", "bring", "left_to_score", "no_losses", "steps_of", "told_rows"]

_UNITS = {
    "accuracy": "share",
    "centred_score": "share",
    "answer_log_probability": "nats/byte",
    "margin": "nats",
    "bits_per_byte": "bits",
}


def account(study: Study, arm: str, replicate: int) -> list[dict[str, Any]]:
    """What determines a joined run: its checkpoints and its scores by content. Empty where the study trains it."""
    found = joined_of(study.runs, arm, replicate)
    return [_account(found[step]) for step in sorted(found)]


def _account(joined: Joined) -> dict[str, Any]:
    place = located(joined.checkpoint)
    if is_adapter(place):
        files = {file.name: {"sha256": file_digest(file)} for file in open_adapter(place).files}
    else:
        opened = open_checkpoint(place)
        if opened.config is None:
            raise InputError(place, "must be the folder of a checkpoint but has no config.json")
        files = identity(opened, cache_folder())
    results = None if joined.results is None else file_digest(Path(joined.results))
    told = {"step": joined.step, "checkpoint": joined.checkpoint, "results": results}
    return {**told, "files": files, "code": code(("studies/running/joined.py", "checkpoints/written.py"))}


def bring(study: Study, arm: str, replicate: int, partial: Path, *, vocabulary: int) -> None:
    """Copy the checkpoints of a joined run to where a trained one would have written them.

    Args:
        study: has the run.
        arm: of it.
        replicate: of it.
        partial: its folder.
        vocabulary: tokens that the study's tokenizer knows.

    Raises:
        InputError: a checkpoint has no row for one of them.
    """
    own = checkpoints_of(study, arm)
    for step, joined in joined_of(study.runs, arm, replicate).items():
        place, target = located(joined.checkpoint), checkpoint_folder(partial, own[step])
        if target.is_dir():
            continue
        aside = target.with_name(f".{target.name}.partial")
        shutil.rmtree(aside, ignore_errors=True)
        if is_adapter(place):
            shutil.copytree(place, aside)
        else:
            check_rows(place, vocabulary)
            write_again(open_checkpoint(place), aside)
        aside.rename(target)


def steps_of(study: Study, arm: str, replicate: int) -> dict[int, int]:
    """Step of the study to the arm's own, of every checkpoint that the run has."""
    found = joined_of(study.runs, arm, replicate)
    return {step: own for step, own in checkpoints_of(study, arm).items() if not found or step in found}


def left_to_score(study: Study, tasks: Sequence[Task], arm: str, replicate: int, step: int) -> tuple[Task, ...]:
    """The tasks whose scores were not brought along."""
    told = _results(study, tasks, arm, replicate, step)
    return tuple(task for task in tasks if task.name not in told)


def told_rows(
    study: Study, tasks: Sequence[Task], arm: str, replicate: int, step: int, columns: Mapping[str, Any]
) -> pl.DataFrame:
    """The scores that were brought along, as records; the centred score follows from the accuracy and the baseline."""
    told = _results(study, tasks, arm, replicate, step)
    rows = [row for task in tasks if task.name in told for row in _rows(task, told[task.name])]
    return frame({**columns, **row} for row in rows)


def no_losses() -> pl.DataFrame:
    """The losses of a run that was trained elsewhere: none are known."""
    return pl.DataFrame({"step": np.empty(0, np.int64), "loss": np.empty(0)})


def _rows(task: Task, scores: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    whole = dict(scores)
    if "accuracy" in whole and "centred_score" not in whole:
        whole["centred_score"] = (whole["accuracy"] - task.baseline) / (1 - task.baseline)
    for diagnostic, value in whole.items():
        place = {"of": "outcome", "tier": task.tier, "benchmark": task.name, "items": len(task.items)}
        unit = task.scoring.margin_unit if diagnostic == "margin" else _UNITS[diagnostic]
        found = {"diagnostic": diagnostic, "value": float(value), "unit": unit}
        yield {**place, **found, "method": "elsewhere"}


def _results(study: Study, tasks: Sequence[Task], arm: str, replicate: int, step: int) -> dict[str, dict[str, float]]:
    """Scores by task and measure, held to the study's tasks."""
    joined = joined_of(study.runs, arm, replicate).get(step)
    if joined is None or joined.results is None:
        return {}
    file = Path(joined.results)
    content = read_json(file)
    if not isinstance(content, dict) or not all(isinstance(each, dict) for each in content.values()):
        raise InputError(file, "must hold an object of tasks, each with an object of measures")
    for task, scores in content.items():
        known(f"{file}: task", task, [each.name for each in tasks])
        for diagnostic, value in scores.items():
            known(f"{file}: {task}", diagnostic, tuple(_UNITS))
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
                raise InputError(f"{file}: {task}.{diagnostic}", f"must be a finite number but is {value!r}")
            if diagnostic == "accuracy" and not 0 <= value <= 1:
                raise InputError(f"{file}: {task}.{diagnostic}", f"must be in [0, 1] but is {value}")
    return content
