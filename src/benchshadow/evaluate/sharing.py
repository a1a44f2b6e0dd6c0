"""Options after one long prompt: the prompt is read once, and every option goes on from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import torch

from .context import positions
from .keeping import keeps, read_on

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Question", "is_shared", "read_shared"]

SHORTEST = 24  # tokens of a prompt, below which a second pass costs more than the first one saves


class Question(NamedTuple):
    """A prompt's tokens, the end token before them included, and the options' tokens by the number of their pair."""

    prompt: list[int]
    options: dict[int, list[int]]


def is_shared(model: PreTrainedModel, question: Question) -> bool:
    """Whether reading a prompt once is possible and worth it: told by the model and the question alone."""
    longest = max(map(len, question.options.values()))
    fits = len(question.prompt) + longest <= positions(model)
    return len(question.options) > 1 and len(question.prompt) >= max(SHORTEST, longest) and fits and keeps(model)


def read_shared(
    model: PreTrainedModel, questions: Sequence[Question], tokens_per_batch: int
) -> Iterator[tuple[int, float, bool]]:
    """For every option its pair, its log-probability, and whether greedy decoding would give it token by token.

    Prompts of one length stand together, so nothing is filled up between a prompt and its options.
    """
    by_length = sorted(questions, key=lambda question: len(question.prompt))
    for length, same in groupby(by_length, key=lambda question: len(question.prompt)):
        rows = list(same)
        many = max(1, tokens_per_batch // length)
        for start in range(0, len(rows), many):
            yield from _read(model, rows[start : start + many])


def _read(model: PreTrainedModel, batch: Sequence[Question]) -> Iterator[tuple[int, float, bool]]:
    options = [(row, pair, ids) for row, question in enumerate(batch) for pair, ids in question.options.items()]
    prompts = torch.tensor([question.prompt for question in batch], device=model.device)
    logits, kept = read_on(model, prompts, None, last=1)
    owners = torch.tensor([row for row, _, _ in options], device=model.device)
    logits = logits[:, -1:][owners]
    width = max(len(ids) for _, _, ids in options)
    if width > 1:
        kept.batch_select_indices(owners)
        fed = torch.tensor([ids[:-1] + [0] * (width - len(ids)) for _, _, ids in options], device=model.device)
        logits = torch.cat([logits, read_on(model, fed, kept, last=0).logits], dim=1)
    targets = torch.tensor([ids + [0] * (width - len(ids)) for _, _, ids in options], device=model.device)
    chosen = (logits.gather(-1, targets[..., None])[..., 0] - logits.logsumexp(-1)).double().cpu().numpy()
    best = (logits.argmax(-1) == targets).cpu().numpy()
    for (_, pair, ids), value, hit in zip(options, chosen, best, strict=True):
        yield pair, float(value[: len(ids)].sum()), bool(hit[: len(ids)].all())
