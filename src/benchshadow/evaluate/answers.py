"""Whether what greedy decoding answers is right: in the form that is compared, or by a judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchshadow.data.alike import last_number, normalised
from benchshadow.data.scoring import Scoring
from benchshadow.data.tasks import Item, Task

from .generation import generate

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["Answered", "answered", "is_right"]


class Answered(NamedTuple):
    """What was answered, item by item.

    Attributes:
        correct: 1 where the answer is right, shape (items,); between 0 and 1 where a judge says so.
        predictions: the answers up to their stop, as they were given.
    """

    correct: np.ndarray
    predictions: tuple[str, ...]


def answered(model: PreTrainedModel, tokenizer: Tokenizer, task: Task) -> Answered:
    """Answer every item of a task of the kind `generated`.

    An answer that did not end counts as it stands: a model that goes on after the right words is not right.
    """
    scoring = task.scoring
    given = generate(
        model,
        tokenizer,
        [item.prompt for item in task.items],
        most_tokens=scoring.most_tokens,
        stop=scoring.stop,
    )
    right = [is_right(item, answer.text, scoring) for item, answer in zip(task.items, given, strict=True)]
    return Answered(np.array(right, float), tuple(answer.text for answer in given))


def is_right(item: Item, answer: str, scoring: Scoring) -> float:
    """1 where the answer is one of the options in the form that is compared, or what the judge says."""
    if scoring.judge is not None:
        return scoring.judge.right(item.id, answer.strip())
    if scoring.take == "last number":
        return float(last_number(answer) in {last_number(option) for option in item.options} - {""})
    wanted = {normalised(_before(option, scoring.stop), scoring.alike) for option in item.options}
    return float(normalised(answer, scoring.alike) in wanted)


def _before(option: str, stop: tuple[str, ...]) -> str:
    """A right answer may end in a stop, as documents do; the stop is no part of it."""
    for each in stop:
        option = option.removesuffix(each)
    return option
