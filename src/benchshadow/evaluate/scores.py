"""Per-item scores of tasks under a causal language model: log-probabilities, exact match, bits per byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from benchshadow.data.tasks import Task

from .answers import answered
from .harness import harnessed
from .options import Chosen, chosen
from .reading import Reading, read

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["METHODS", "Scores", "score", "score_all"]

METHODS = {
    "exact": "greedy exact match",
    "choice": "log-probability",
    "text": "log-probability",
    "generated": "greedy generation",
    "harness": "lm-evaluation-harness",
}
"""How each kind of task is scored, in the words of the records."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Scores:
    """What a model made of a task, item by item.

    Attributes:
        task: the task.
        correct: 1 where the item was answered rightly, shape (items,); between 0 and 1 where a judge says so; empty for
            texts.
        log_probability: of the right option given the prompt, in nats, shape (items,); NaN where it was not read.
        margin: by how much the right option leads the best wrong one in what options compete by: nats, or nats per
            token or byte; empty without one.
        bytes: length of the right option in bytes, shape (items,).
        predictions: the answer given, by its text, one for every item; empty where the right one was read and nothing
            was answered.
        others: measures of another program under its own names, (part of the task, measure) to value.
    """

    task: Task
    correct: np.ndarray
    log_probability: np.ndarray
    margin: np.ndarray
    bytes: np.ndarray
    predictions: tuple[str, ...] = ()
    others: dict[tuple[str, str], float] = field(default_factory=dict)

    def summary(self) -> dict[str, tuple[float, str]]:
        """Each measure's value and unit.

        Accuracy alone says little near the baseline: read the margins beside it, and the share of the most frequent
        right answer, which a model scores that has learnt nothing else.
        """
        nats, size = float(self.log_probability.sum()), int(self.bytes.sum())
        if self.task.kind == "text":
            return {"bits_per_byte": (-nats / float(np.log(2)) / size, "bits")}
        accuracy = float(self.correct.mean())
        baseline = self.task.baseline
        found = {
            "accuracy": (accuracy, "share"),
            "centred_score": ((accuracy - baseline) / (1 - baseline), "share"),
        }
        if np.isfinite(nats):
            found["answer_log_probability"] = (nats / size, "nats/byte")
        if self.margin.size:
            found["margin"] = (float(self.margin.mean()), self.task.scoring.margin_unit)
        majority = self.task.majority
        if majority is not None and self.task.kind == "choice":
            found["majority_rate"] = (majority, "share")
        return found


def score(model: PreTrainedModel, tokenizer: Tokenizer, task: Task) -> Scores:
    """Score every item of a task; see `score_all`."""
    return score_all(model, tokenizer, [task])[0]


def score_all(model: PreTrainedModel, tokenizer: Tokenizer, tasks: Sequence[Task]) -> list[Scores]:
    """Score every item of some tasks, all that is read in one go.

    Every option is read after the end token and the prompt, as documents are in training. Greedy decoding gives exactly
    the tokens of the right answer if and only if each is the most probable one after those before it, so an `exact`
    task needs one pass and no generation (the answer's end, a line end, is part of it). Where a tokenizer can spell one
    text in several ways greedy decoding may give the text by other tokens: `exact` calls that wrong, `generated` right.
    A choice between options that compete equally is not a right one. Options compete by their whole log-probability
    unless the task says otherwise, so among options of very different lengths the short ones are favoured.
    """
    asked = [_pairs(task) for task in tasks]
    overlaps = [task.scoring.overlap for task, pairs in zip(tasks, asked, strict=True) for _ in pairs]
    readings = read(model, tokenizer, [pair for pairs in asked for pair in pairs], overlaps=overlaps)
    found, start = [], 0
    for task, pairs in zip(tasks, asked, strict=True):
        here = readings[start : start + len(pairs)]
        start += len(pairs)
        found.append(_scores(model, tokenizer, task, here))
    return found


def _pairs(task: Task) -> list[Pair]:
    """What is read: every option of a choice, the right answer of other tasks, and nothing for another program."""
    if task.kind == "harness" or task.scoring.judge is not None:
        return []
    if task.kind == "generated":
        return [(item.prompt, item.options[0]) for item in task.items]
    pairs = [(item.prompt, option) for item in task.items for option in item.options]
    if task.scoring.compete == "unconditional":
        pairs += [(task.scoring.bare, option) for item in task.items for option in item.options]
    return pairs


def _scores(model: PreTrainedModel, tokenizer: Tokenizer, task: Task, readings: Sequence[Reading]) -> Scores:
    size = np.array([len(item.options[item.gold].encode()) for item in task.items])
    nats = np.array([reading.nats for reading in readings])
    none = np.zeros(0)
    match task.kind:
        case "text":
            return Scores(task, none, nats, none, size)
        case "exact":
            return Scores(task, np.array([reading.greedy for reading in readings], float), nats, none, size)
        case "choice":
            made: Chosen = chosen(task, readings)
            return Scores(task, made.correct, made.log_probability, made.margin, size, made.predictions)
        case "generated":
            right, given = answered(model, tokenizer, task)
            unread = np.full(len(task.items), np.nan)
            return Scores(task, right, nats if len(nats) else unread, none, size, given)
        case "harness":
            told = harnessed(model, tokenizer, task)
            return Scores(task, told.correct, told.log_probability, none, size, told.predictions, told.others)
