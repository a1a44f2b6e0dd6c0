"""Log-probability of a text after a prompt, for many at a time and however long: what every score is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from benchshadow.data.tokenization import encode, end_token

from .context import positions
from .sharing import Question, is_shared, read_shared

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["Reading", "evaluating", "read"]

TOKENS_PER_BATCH = 4096
WIDTHS = 4  # windows are filled up to a multiple of so many tokens


class Reading(NamedTuple):
    """What a model makes of a text after a prompt.

    Attributes:
        nats: log-probability of the text.
        greedy: whether greedy decoding would give it token by token.
        tokens: of the text.
    """

    nats: float
    greedy: bool
    tokens: int


class _Window(NamedTuple):
    """Tokens for one row of a batch, those from `first` on to be scored for the pair `pair`."""

    pair: int
    tokens: list[int]
    first: int

    def width(self, longest: int) -> int:
        return min(longest, -len(self.tokens) // WIDTHS * -WIDTHS)


@contextmanager
def evaluating(model: PreTrainedModel) -> Iterator[None]:
    """The model without dropout and without gradients; afterwards as it was."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


def read(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    pairs: Sequence[tuple[str, str]],
    *,
    overlaps: Sequence[float] | None = None,
) -> list[Reading]:
    """Read the second text of every pair after the end token and the first.

    Windows are filled up on the right, where a causal model does not look, to a width that depends on the window alone,
    so a reading does not depend on its neighbours beyond rounding (about 1e-6 nats per token). Texts after one long
    prompt share its pass.

    Args:
        model: causal, of any family.
        tokenizer: of the model.
        pairs: prompts and texts.
        overlaps: for each pair, the share of a window that is read and not scored once more where the text is longer
            than the context, in [0, 1); without it a window's first tokens are predicted from little.
    """
    end = end_token(tokenizer)
    longest = positions(model)
    prompts = encode(tokenizer, [prompt for prompt, _ in pairs])
    options = encode(tokenizer, [option for _, option in pairs])
    questions, alone = _questions(model, pairs, prompts, options, end)
    windows = [
        _Window(pair, *cut)
        for pair in alone
        for cut in windows_of([end, *prompts[pair]], options[pair], longest, overlap=overlaps[pair] if overlaps else 0)
    ]
    nats, greedy = np.zeros(len(pairs)), np.ones(len(pairs), bool)
    with evaluating(model):
        for batch in _batches(windows, longest):
            for window, value, best in zip(batch, *_scored(model, batch, longest), strict=True):
                nats[window.pair] += value
                greedy[window.pair] &= best
        for pair, value, best in read_shared(model, questions, TOKENS_PER_BATCH):
            nats[pair], greedy[pair] = value, best
    return [Reading(float(n), bool(g), len(o)) for n, g, o in zip(nats, greedy, options, strict=True)]


def _questions(
    model: PreTrainedModel,
    pairs: Sequence[tuple[str, str]],
    prompts: Sequence[list[int]],
    options: Sequence[list[int]],
    end: int,
) -> tuple[list[Question], list[int]]:
    """Pairs that stand together and have one long prompt, as questions; and the pairs that are read alone."""
    questions, alone = [], []
    for prompt, group in groupby(range(len(pairs)), key=lambda pair: pairs[pair][0]):
        places = list(group)
        question = Question([end, *prompts[places[0]]], {place: options[place] for place in places})
        if prompt and is_shared(model, question):
            questions.append(question)
        else:
            alone += places
    return questions, alone


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
    ids = torch.tensor([window.tokens + [0] * (width - len(window.tokens)) for window in batch], device=model.device)
    # Only the positions from the earliest scored token on need logits over the vocabulary.
    keep = width - min(window.first for window in batch) + 1
    logits = model(input_ids=ids, use_cache=False, logits_to_keep=keep).logits[:, -keep:-1].float()
    targets = ids[:, width - keep + 1 :]
    chosen = (logits.gather(-1, targets[..., None])[..., 0] - logits.logsumexp(-1)).double().cpu().numpy()
    best = (logits.argmax(-1) == targets).cpu().numpy()
    spans = [slice(w.first - (width - keep + 1), len(w.tokens) - (width - keep + 1)) for w in batch]
    return (
        [float(row[span].sum()) for row, span in zip(chosen, spans, strict=True)],
        [bool(row[span].all()) for row, span in zip(best, spans, strict=True)],
    )


def windows_of(
    context: list[int], option: list[int], longest: int, *, overlap: float = 0.0
) -> list[tuple[list[int], int]]:
    """Windows of at most `longest` tokens that score every token of the option once, and their first scored positions.

    An option that fits keeps as much of its context as fits (the end of it); a longer one, a book, is cut in windows of
    which each but the first begins with a share of what was scored before it, one token at least.
    """
    if len(option) < longest:
        context = context[-(longest - len(option)) :]
        return [([*context, *option], len(context))]
    tokens = [context[-1], *option]
    again = min(longest - 1, max(1, round(overlap * longest)))
    found = [(tokens[:longest], 1)]
    for scored in range(longest, len(tokens), longest - again):
        start = scored - again
        found.append((tokens[start : start + longest], again))
    return found
