"""Per-item scores of tasks under a causal language model: log-probabilities, greedy exact match, bits per byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..data.tasks import Item, Task
from ..data.tokenization import END

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["Scores", "score"]

TOKENS_PER_BATCH = 8192


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
            return {"bits_per_byte": (-nats / np.log(2) / size, "bits")}
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
    match needs one pass and no generation (the answer's end, a line end, is part of it).
    """
    options = [(item, option) for item in task.items for option in item.options]
    read = _read(model, tokenizer, options)
    starts = np.cumsum([0, *(len(item.options) for item in task.items)])
    size = np.array([len(item.options[item.gold].encode()) for item in task.items])
    right, margin, correct = [], [], []
    for item, start in zip(task.items, starts, strict=False):
        here = read[start : start + len(item.options)]
        right.append(here[item.gold].nats)
        if task.kind == "exact":
            correct.append(here[0].greedy)
        elif task.kind == "choice":
            wrong = max(option.nats for i, option in enumerate(here) if i != item.gold)
            margin.append(right[-1] - wrong)
            correct.append(margin[-1] > 0)
    return Scores(task, np.array(correct, float), np.array(right), np.array(margin), size)


@dataclass(frozen=True)
class _Reading:
    nats: float
    greedy: bool


def _read(model: PreTrainedModel, tokenizer: Tokenizer, pairs: Sequence[tuple[Item, str]]) -> list[_Reading]:
    """Log-probability of each option after its prompt, and whether greedy decoding would give it."""
    end = tokenizer.token_to_id(END)
    longest = model.config.max_position_embeddings
    windows: list[tuple[int, list[int], int]] = []  # (pair, tokens, first scored position)
    for index, (item, option) in enumerate(pairs):
        prompt = tokenizer.encode(item.prompt).ids if item.prompt else []
        windows += [(index, *window) for window in _windows([end, *prompt], tokenizer.encode(option).ids, longest)]
    nats, greedy = np.zeros(len(pairs)), np.ones(len(pairs), bool)
    order = sorted(range(len(windows)), key=lambda i: (len(windows[i][1]), i))
    model.eval()
    at = 0
    while at < len(order):
        width = len(windows[order[at]][1])
        # All windows of a batch are equally long: no padding, no mask, and no dependence on the neighbours.
        many = at
        while many < len(order) and len(windows[order[many]][1]) == width and (many - at) * width < TOKENS_PER_BATCH:
            many += 1
        batch = [windows[i] for i in order[at:many]]
        ids = torch.tensor([tokens for _, tokens, _ in batch])
        with torch.inference_mode():
            scores = torch.log_softmax(model(input_ids=ids, use_cache=False).logits[:, :-1].float(), -1)
        chosen = scores.gather(-1, ids[:, 1:, None])[..., 0].double().numpy()
        best = (scores.argmax(-1) == ids[:, 1:]).numpy()
        for row, (index, _, first) in enumerate(batch):
            nats[index] += chosen[row, first - 1 :].sum()
            greedy[index] &= bool(best[row, first - 1 :].all())
        at = many
    return [_Reading(float(n), bool(g)) for n, g in zip(nats, greedy, strict=True)]


def _windows(context: list[int], option: list[int], longest: int) -> list[tuple[list[int], int]]:
    """Windows of at most `longest` tokens that score every token of the option once.

    An option that fits keeps as much of its context as fits (the end of it); a longer one, a book, is cut in windows
    that overlap by one token, so the first tokens of a window are predicted from little.
    """
    if len(option) < longest:
        context = context[-(longest - len(option)) :]
        return [([*context, *option], len(context))]
    tokens = [context[-1], *option]
    return [(tokens[i : i + longest], 1) for i in range(0, len(tokens) - 1, longest - 1)]
