"""Records of footprints along training with a planted law: ranks that follow the size of the change, or do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from small_study import write_study

from benchshadow.records import frame
from benchshadow.studies.declaring.study import Study, read_study

ARMS = '[arms.aligned]\nsource = "benchmark"\ndose = 1.0\n[arms.half]\nsource = "benchmark"\ndose = 0.5\n'
DOSES = '[doses]\nalignment = ["control", "half", "aligned"]\n'
SIGNATURE = '[signature]\nregimes = { aligned = ["aligned", "aligned-2"], coverage = ["coverage", "coverage-2"] }\n'
SHAPES = ("stable_rank", "participation_ratio", "effective_rank", "effective_layers")


@dataclass(frozen=True)
class Law:
    """What an arm does.

    Attributes:
        size: relative change at the last step, in units of the control's.
        rank: ranks at equal relative change, in units of the control's.
        loss: training loss at the last step less the control's, nats.
    """

    size: float = 1.0
    rank: float = 1.0
    loss: float = 0.0


def study_of(
    folder: Path, replicates: int, arms: tuple[str, ...], more: str = SIGNATURE, *, bases: int | None = None
) -> Study:
    """A study of some arms beside control and second draw, a base for every replicate, or so many for all."""
    made = "".join(f'[arms.{arm}]\nsource = "benchmark"\ndose = 1.0\n' for arm in arms)
    many = "per_replicate = true" if bases is None else f"number = {bases}"
    file = write_study(
        folder,
        ("replicates = [0, 1]", f"replicates = {list(range(replicates))}"),
        ('[base]\nsource = "broad"', f'[base]\nsource = "broad"\n{many}'),
        (ARMS, made),
        (DOSES, more),
    )
    return read_study(file)


def records(study: Study, laws: Mapping[str, Law], *, noise: float, rng: np.random.Generator) -> pl.DataFrame:
    """Every run's size, shape, training loss and broad loss at its checkpoints.

    The size grows with the root of the step. A rank is 10 (size / .1)^.3 times the arm's own factor, so at equal step
    an arm that moves farther has a larger one, and at equal size the same. Every run has noise of its own, relative,
    which its checkpoints share.
    """
    rows = []
    for arm in study.arms:
        law = laws.get(arm, Law())
        for replicate in study.replicates:
            own = 1 + noise * rng.standard_normal(3 + len(SHAPES))
            for step in study.settings.checkpoint_steps():
                place = {"arm": arm, "replicate": replicate, "step": step}
                change = 0.1 * np.sqrt(step / study.settings.steps) * law.size * own[0]
                numbers = {"relative_change": change}
                numbers |= {
                    name: 10 * (change / 0.1) ** 0.3 * law.rank * factor
                    for name, factor in zip(SHAPES, own[3:], strict=True)
                }
                rows += [{**place, "of": "model", "diagnostic": key, "value": each} for key, each in numbers.items()]
                fallen = (2.0 + law.loss) * own[1] - 0.1 * np.log(step)
                rows.append({**place, "of": "behaviour", "diagnostic": "training_loss", "value": fallen})
                told = {"of": "outcome", "tier": "general", "benchmark": "broad text", "diagnostic": "bits_per_byte"}
                rows.append({**place, **told, "value": 3 * own[2] - 0.2 * np.log(step)})
    return frame(rows)
