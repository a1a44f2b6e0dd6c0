"""Per-item scores of tasks under a causal language model: log-probabilities, greedy exact match, bits per byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchshadow.data.tasks import Task

from .reading import read

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["Scores", "score"]


@dataclass(frozen=True)
class Scores:
    """What a model made of a task, item by item.

    Attributes:
        task: the task.
        correct: 1 where the item was answered rightly, shape (items,); empty for texts.
        log_probability: of the right option given the prompt, in nats, shape (items,).
        margin: log-probability of the right option less that of the best wrong one, in nats; empty without one.
        bytes: length of the right option in bytes, shape (items,).
    """

    task: Task
    correct: np.ndarray
    log_probability: np.ndarray
    margin: np.ndarray
    bytes: np.ndarray

    def summary(self) -> dict[str, tuple[float, str]]:
        """Each measure's value and unit. Accuracy alone says little near the baseline: read the margins beside it."""
        nats, size = float(self.log_probability.sum()), int(self.bytes.sum())
        if self.task.kind == "text":
            return {"bits_per_byte": (-nats / float(np.log(2)) / size, "bits")}
        accuracy = float(self.correct.mean())
        baseline = self.task.baseline
        found = {
            "accuracy": (accuracy, "share"),
            "centred_score": ((accuracy - baseline) / (1 - baseline), "share"),
            "answer_log_probability": (nats / size, "nats/byte"),
        }
        if self.margin.size:
            found["margin"] = (float(self.margin.mean()), "nats")
        return found


def score(model: PreTrainedModel, tokenizer: Tokenizer, task: Task) -> Scores:
    """Score every item of a task.

    Every option is read after the end token and the prompt, as documents are in training. Greedy decoding gives exactly
    the right answer if and only if each of its tokens is the most probable one after the tokens before it, so exact
    match needs one pass and no generation (the answer's end, a line end, is part of it). A choice between options of
    equal log-probability is not a right one. Options compete by their whole log-probability, not by that per token, so
    among options of very different lengths the short ones are favoured.
    """
    readings = read(model, tokenizer, [(item.prompt, option) for item in task.items for option in item.options])
    starts = np.cumsum([0, *(len(item.options) for item in task.items)])
    size = np.array([len(item.options[item.gold].encode()) for item in task.items])
    right, margin, correct = [], [], []
    for item, start in zip(task.items, starts.tolist(), strict=False):
        here = readings[start : start + len(item.options)]
        right.append(here[item.gold].nats)
        if task.kind == "exact":
            correct.append(here[item.gold].greedy)
        elif task.kind == "choice":
            wrong = max(option.nats for i, option in enumerate(here) if i != item.gold)
            margin.append(right[-1] - wrong)
            correct.append(margin[-1] > 0)
    return Scores(task, np.array(correct, float), np.array(right), np.array(margin), size)
