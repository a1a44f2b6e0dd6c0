"""Which option a model chooses, by the log-probability that the task lets them compete by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchshadow.data.tasks import Item, Task

from .reading import Reading

__all__ = ["Chosen", "chosen"]


class Chosen(NamedTuple):
    """What was chosen, item by item.

    Attributes:
        correct: 1 where the right option leads all others, shape (items,).
        log_probability: of the right option given the prompt, in nats, whatever options compete by, shape (items,).
        margin: by how much the right option leads the best wrong one in what they compete by, shape (items,).
        predictions: the leading option's text; of equals the first.
    """

    correct: np.ndarray
    log_probability: np.ndarray
    margin: np.ndarray
    predictions: tuple[str, ...]


def chosen(task: Task, readings: Sequence[Reading]) -> Chosen:
    """Let the options of every item compete.

    Args:
        task: of the kind `choice`.
        readings: of all options after their prompts, item by item, in order; where they compete by unconditional
            log-probability, followed by those of all options after the bare prompt.
    """
    starts = np.cumsum([0, *(len(item.options) for item in task.items)]).tolist()
    bare = readings[starts[-1] :] if task.scoring.compete == "unconditional" else None
    right, margin, predictions = [], [], []
    for item, start in zip(task.items, starts, strict=False):
        here = slice(start, start + len(item.options))
        values = _values(task, item, readings[here], bare[here] if bare is not None else None)
        right.append(readings[start + item.gold].nats)
        margin.append(values[item.gold] - max(np.delete(values, item.gold)))
        predictions.append(item.options[int(np.argmax(values))])
    leads = np.array(margin)
    return Chosen((leads > 0).astype(float), np.array(right), leads, tuple(predictions))


def _values(task: Task, item: Item, readings: Sequence[Reading], bare: Sequence[Reading] | None) -> np.ndarray:
    """What each option competes with."""
    nats = np.array([reading.nats for reading in readings])
    if bare is not None:
        return nats - np.array([reading.nats for reading in bare])
    match task.scoring.compete:
        case "token":
            return nats / [reading.tokens for reading in readings]
        case "byte":
            return nats / [len(option.encode()) for option in item.options]
        case _:
            return nats
