"""Log-probability of a text after a prompt, for many at a time and however long: what every score is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from benchshadow.data.tokenization import encode, end_token

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["Reading", "read"]

TOKENS_PER_BATCH = 4096
WIDTHS = 8  # windows are filled up to a multiple of so many tokens


class Reading(NamedTuple):
    """Log-probability of a text in nats, and whether greedy decoding would give it token by token."""

    nats: float
    greedy: bool


class _Window(NamedTuple):
    """Tokens for one row of a batch, those from `first` on to be scored for the pair `pair`."""

    pair: int
    tokens: list[int]
    first: int

    def width(self, longest: int) -> int:
        return min(longest, -len(self.tokens) // WIDTHS * -WIDTHS)


def read(model: PreTrainedModel, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> list[Reading]:
    """Read the second text of every pair after the end token and the first.

    Windows are filled up on the right, where a causal model does not look, to a width that depends on the window alone,
    so a reading does not depend on its neighbours beyond rounding (about 1e-6 nats per token).
    """
    end = end_token(tokenizer)
    longest = model.config.max_position_embeddings
    prompts = encode(tokenizer, [prompt for prompt, _ in pairs])
    options = encode(tokenizer, [option for _, option in pairs])
    windows = [
        _Window(pair, *cut)
        for pair, (prompt, option) in enumerate(zip(prompts, options, strict=True))
        for cut in _windows([end, *prompt], option, longest)
    ]
    nats, greedy = np.zeros(len(pairs)), np.ones(len(pairs), bool)
    training = model.training
    model.eval()
    try:
        for batch in _batches(windows, longest):
            for window, value, best in zip(batch, *_scored(model, batch, longest), strict=True):
                nats[window.pair] += value
                greedy[window.pair] &= best
    finally:
        model.train(training)
    return [Reading(float(n), bool(g)) for n, g in zip(nats, greedy, strict=True)]


def _batches(windows: list[_Window], longest: int) -> Iterator[list[_Window]]:
    """Windows of one width together, in rising order of width and otherwise in their own order."""
    for width, same in groupby(sorted(windows, key=lambda w: w.width(longest)), key=lambda w: w.width(longest)):
        rows = list(same)
        many = max(1, TOKENS_PER_BATCH // width)
        for start in range(0, len(rows), many):
            yield rows[start : start + many]


def _scored(model: PreTrainedModel, batch: list[_Window], longest: int) -> tuple[list[float], list[bool]]:
    """Per window the log-probability of its scored tokens, and whether each of them is the most probable one."""
    width = batch[0].width(longest)
    ids = torch.tensor([window.tokens + [0] * (width - len(window.tokens)) for window in batch])
    # Only the positions from the earliest scored token on need logits over the vocabulary.
    keep = width - min(window.first for window in batch) + 1
    with torch.inference_mode():
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=keep).logits[:, :-1].float()
        targets = ids[:, width - keep + 1 :]
        chosen = logits.gather(-1, targets[..., None])[..., 0] - logits.logsumexp(-1)
        best = (logits.argmax(-1) == targets).numpy()
    chosen = chosen.double().numpy()
    spans = [slice(w.first - (width - keep + 1), len(w.tokens) - (width - keep + 1)) for w in batch]
    return (
        [float(row[span].sum()) for row, span in zip(chosen, spans, strict=True)],
        [bool(row[span].all()) for row, span in zip(best, spans, strict=True)],
    )


def _windows(context: list[int], option: list[int], longest: int) -> list[tuple[list[int], int]]:
    """Windows of at most `longest` tokens that score every token of the option once, and their first scored positions.

    An option that fits keeps as much of its context as fits (the end of it); a longer one, a book, is cut in windows
    that overlap by one token, so the first tokens of a window are predicted from little.
    """
    if len(option) < longest:
        context = context[-(longest - len(option)) :]
        return [([*context, *option], len(context))]
    tokens = [context[-1], *option]
    return [(tokens[i : i + longest], 1) for i in range(0, len(tokens) - 1, longest - 1)]
