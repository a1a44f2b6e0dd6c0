"""Probe texts as tokens: cut to one length, counted where they are shorter, and put side by side in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import torch

from benchshadow.data.tokenization import encode, end_token
from benchshadow.errors import InputError

from .context import positions

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["Batch", "Passages", "passages"]

LOGITS_PER_BATCH = 1 << 23
"""Most numbers over the vocabulary that a batch asks for; a batch of one text may pass it."""
WIDTHS = 8  # batches are filled up to a multiple of so many tokens


class Batch(NamedTuple):
    """Rows of equal width.

    Attributes:
        texts: which of the passages they are.
        ids: the end token, the passage, and what fills it up, shape (rows, width).
        lengths: tokens of each passage, shape (rows,).
    """

    texts: list[int]
    ids: torch.Tensor
    lengths: torch.Tensor

    @property
    def inside(self) -> torch.Tensor:
        """True for the tokens of a passage, its end token before it left out, shape (rows, width - 1)."""
        return torch.arange(self.ids.shape[1] - 1, device=self.lengths.device)[None] < self.lengths[:, None]


@dataclass(frozen=True)
class Passages:
    """Texts as tokens.

    Attributes:
        ids: tokens of every passage, at least one each.
        answers: index of the first token of the answer; 0 where the whole text is one.
        end: token that stands before every passage, as in training.
        most: tokens that a passage may have.
        shorter: number of texts with fewer tokens than that.
        cut: number of texts with more, of which a part is left.
    """

    ids: tuple[tuple[int, ...], ...]
    answers: tuple[int, ...]
    end: int
    most: int
    shorter: int
    cut: int

    @property
    def tokens(self) -> int:
        """Tokens of all passages together."""
        return sum(map(len, self.ids))

    def batches(self, vocabulary: int, *, device: torch.device) -> Iterator[Batch]:
        """The passages in batches of like width, in rising order of width; the cuts depend on the texts alone.

        Args:
            vocabulary: numbers that a model gives for every token.
            device: where the model is.
        """
        order = sorted(range(len(self.ids)), key=lambda i: self._width(i))
        for width, group in groupby(order, key=self._width):
            texts = list(group)
            many = max(1, LOGITS_PER_BATCH // (width * vocabulary))
            for first in range(0, len(texts), many):
                rows = texts[first : first + many]
                filled = [[self.end, *self.ids[i], *[0] * (width - 1 - len(self.ids[i]))] for i in rows]
                lengths = [len(self.ids[i]) for i in rows]
                yield Batch(rows, torch.tensor(filled, device=device), torch.tensor(lengths, device=device))

    def _width(self, text: int) -> int:
        return min(self.most + 1, (len(self.ids[text]) + 1) // -WIDTHS * -WIDTHS)


def passages(
    model: PreTrainedModel, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], *, tokens: int
) -> Passages:
    """Prompts and answers as tokens, at most so many as the model's context holds beside the end token.

    An answer that is too long loses its end, a prompt its beginning; a text without a prompt is an answer.

    Args:
        model: its context is the limit.
        tokenizer: of the model.
        pairs: (prompt, answer) of every text.
        tokens: most tokens of a passage.
    """
    most = min(tokens, positions(model) - 1)
    coded = encode(tokenizer, [text for pair in pairs for text in pair])
    ids, answers, lengths = [], [], []
    for (prompt, answer), before, after in zip(pairs, coded[::2], coded[1::2], strict=True):
        if not after:
            raise InputError("probe texts", f"must have at least one token but {(prompt + answer)[:40]!r} has none")
        kept = after[:most]
        context = before[max(0, len(before) + len(kept) - most) :]
        lengths.append(len(before) + len(after))
        ids.append((*context, *kept))
        answers.append(len(context))
    shorter, cut = sum(length < most for length in lengths), sum(length > most for length in lengths)
    return Passages(tuple(ids), tuple(answers), end_token(tokenizer), most, shorter, cut)
