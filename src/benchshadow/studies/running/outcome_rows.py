"""Scores become rows: of the long table, one per measure, and of the table of items, one per item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from benchshadow.evaluate import Scores

__all__ = ["item_rows", "outcome_rows"]


def outcome_rows(scores: Scores, split: str | None = None) -> Iterator[dict[str, Any]]:
    """One row per measure of a task, and one per measure that another program gives under its own name.

    Args:
        scores: of one task.
        split: "equalised" where every arm had the same short training before; None for the checkpoint as it is.
    """
    from benchshadow.evaluate import METHODS

    task = scores.task
    place = {"of": "outcome", "tier": task.tier, "split": split, "method": METHODS[task.kind]}
    for diagnostic, (value, unit) in scores.summary().items():
        named = {"benchmark": task.name, "diagnostic": diagnostic, "value": value, "unit": unit}
        yield {**place, **named, "items": len(task.items)}
    for (part, measure), value in scores.others.items():
        count = sum(item.id.rpartition("#")[0] == part for item in task.items)
        named = {"benchmark": f"{task.name}: {part}", "diagnostic": measure, "value": value, "unit": None}
        yield {**place, **named, "items": count}


def item_rows(scores: Scores, columns: Mapping[str, Any], split: str | None = None) -> pl.DataFrame:
    """One row per item: what was answered, whether that was right, and the log-probabilities behind it.

    Args:
        scores: of one task.
        columns: run, arm, replicate and step, which every row carries.
        split: as in `outcome_rows`.
    """
    task, count = scores.task, len(scores.task.items)
    correct, margin = (array if len(array) else np.full(count, np.nan) for array in (scores.correct, scores.margin))
    table = pl.DataFrame(
        {
            "benchmark": [task.name] * count,
            "tier": [task.tier] * count,
            "item": [item.id for item in task.items],
            "prediction": pl.Series(list(scores.predictions) or [None] * count, dtype=pl.String),
            "correct": correct,
            "log_probability": scores.log_probability,
            "margin": margin,
            "bytes": scores.bytes,
        }
    ).with_columns(pl.col("correct", "log_probability", "margin").fill_nan(None))
    return table.select(
        *(pl.lit(columns[key]).alias(key) for key in ("run", "arm", "step")),
        pl.lit(columns["replicate"], pl.Int32).alias("replicate"),
        pl.lit(split, pl.String).alias("split"),
        pl.all(),
    )
