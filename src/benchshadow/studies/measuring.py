"""One checkpoint of a run becomes records: its scores on every task, its footprint against the base, its losses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from benchshadow.checkpoints import open_checkpoint
from benchshadow.data.tasks import Task
from benchshadow.records import frame, write

from .measurement import measure

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from benchshadow.evaluate import Scores

__all__ = ["measured"]


def measured(
    place: Path,
    columns: Mapping[str, Any],
    *,
    base: Path,
    checkpoint: Path | None,
    tokenizer: Tokenizer,
    tasks: Sequence[Task],
    losses: np.ndarray,
    seed: int,
    whole: bool,
) -> None:
    """Measure one checkpoint into a folder that is whole or absent.

    Args:
        place: gets `records.part` and `items.part`.
        columns: run, arm, replicate, base, step and checkpoint, which every row carries.
        base: checkpoint that the run started from.
        checkpoint: what is measured; None measures the base itself, which has no footprint.
        tokenizer: of the base.
        tasks: all of them are scored.
        losses: of the training steps so far, nats per token.
        seed: draws rounding errors.
        whole: whether base and tuned are decomposed beside the change.
    """
    from benchshadow.evaluate import score
    from benchshadow.train.model import load

    model = load(checkpoint or base)
    scores = [score(model, tokenizer, task) for task in tasks]
    rows = [{**columns, **row} for each in scores for row in _outcomes(each)]
    if len(losses):
        rows.append({**columns, **_loss(losses)})
    tables = [frame(rows)]
    if checkpoint is not None:
        spectra = ("base", "tuned", "change") if whole else ("change",)
        # Both sides are float32 and the base is exactly what was stored, so only the tuned side was rounded.
        found = measure(
            open_checkpoint(base),
            open_checkpoint(checkpoint),
            seed=seed,
            rounded_sides=("tuned",),
            spectra_of=spectra,
            columns=columns,
        )
        tables.append(found.records)
    partial = place.with_name(f".{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write(pl.concat(tables), partial / "records.part")
    items = pl.concat([_items(each, columns) for each in scores])
    items.write_parquet(partial / "items.part")
    partial.rename(place)


def _outcomes(scores: Scores) -> Iterator[dict[str, Any]]:
    task = scores.task
    for diagnostic, (value, unit) in scores.summary().items():
        yield {
            "of": "outcome",
            "tier": task.tier,
            "benchmark": task.name,
            "diagnostic": diagnostic,
            "value": value,
            "items": len(task.items),
            "unit": unit,
            "method": {"exact": "greedy exact match", "choice": "log-probability", "text": "log-probability"}[
                task.kind
            ],
        }


def _loss(losses: np.ndarray) -> dict[str, Any]:
    """Mean of the last tenth of the steps: single steps are noisy."""
    last = losses[-max(1, len(losses) // 10) :]
    return {
        "of": "behaviour",
        "diagnostic": "training_loss",
        "value": float(last.mean()),
        "items": len(last),
        "unit": "nats/token",
        "method": f"mean of {len(last)} steps",
    }


def _items(scores: Scores, columns: Mapping[str, Any]) -> pl.DataFrame:
    """One row per item: whether it was right, and the log-probabilities behind it."""
    task, count = scores.task, len(scores.task.items)
    correct, margin = (array if len(array) else np.full(count, np.nan) for array in (scores.correct, scores.margin))
    table = pl.DataFrame(
        {
            "benchmark": [task.name] * count,
            "tier": [task.tier] * count,
            "item": [item.id for item in task.items],
            "correct": correct,
            "log_probability": scores.log_probability,
            "margin": margin,
            "bytes": scores.bytes,
        }
    ).with_columns(pl.col("correct", "margin").fill_nan(None))
    return table.select(
        *(pl.lit(columns[key]).alias(key) for key in ("run", "arm", "step")),
        pl.lit(columns["replicate"], pl.Int32).alias("replicate"),
        pl.all(),
    )
