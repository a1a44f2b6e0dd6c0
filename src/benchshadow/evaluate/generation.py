"""What greedy decoding answers to prompts, many at a time, up to a stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from benchshadow.data.tokenization import encode, end_token

from .context import positions
from .keeping import Read, keeps, read_on, takes
from .reading import evaluating

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["Generated", "generate"]

TOKENS_PER_BATCH = 4096
WIDTHS = 8  # prompts are filled up to a multiple of so many tokens


class Generated(NamedTuple):
    """A greedy answer.

    Attributes:
        text: what stands before the stop.
        tokens: that were generated, the stop's included.
        ended: whether a stop or the end token was met, rather than the last token allowed.
    """

    text: str
    tokens: int
    ended: bool


def generate(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    *,
    most_tokens: int,
    stop: Sequence[str] = ("\n",),
) -> list[Generated]:
    """Greedy answers to prompts, each read after the end token, as documents are in training.

    Prompts are filled up on the left, masked, to a width that depends on the prompt alone; where a model takes no
    positions, prompts of one length stand together and nothing is filled up. An answer does not depend on its
    neighbours, but where two tokens are equally probable to the last digits (about 1e-6) rounding decides.

    Args:
        model: causal, of any family.
        tokenizer: of the model.
        prompts: one too long keeps its end, so that the answer fits into the context.
        most_tokens: longest answer; an answer is shorter where the context holds fewer.
        stop: texts that end an answer and are no part of it.
    """
    end = end_token(tokenizer)
    longest = positions(model)
    most = min(most_tokens, longest - 1)
    coded = [[end, *ids][-(longest - most) :] for ids in encode(tokenizer, prompts)]
    widths = WIDTHS if takes(model, "position_ids") and keeps(model) else 1
    found: dict[int, Generated] = {}
    with evaluating(model):
        for places, width in _batches(coded, widths, longest - most):
            rows = _Rows(model, tokenizer, [coded[place] for place in places], width, end, most, stop)
            found |= dict(zip(places, rows.answers(), strict=True))
    return [found[place] for place in range(len(prompts))]


def _batches(coded: Sequence[list[int]], widths: int, room: int) -> Iterator[tuple[list[int], int]]:
    """Prompts of one width together, by their places."""

    def width(place: int) -> int:
        return min(room, -len(coded[place]) // widths * -widths)

    for wide, same in groupby(sorted(range(len(coded)), key=width), key=width):
        places = list(same)
        many = max(1, TOKENS_PER_BATCH // wide)
        for start in range(0, len(places), many):
            yield places[start : start + many], wide


class _Rows:
    """Prompts that are answered together; a row whose answer has ended leaves the batch."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Tokenizer,
        prompts: Sequence[list[int]],
        width: int,
        end: int,
        most: int,
        stop: Sequence[str],
    ) -> None:
        self._model, self._tokenizer, self._end, self._most, self._stop = model, tokenizer, end, most, stop
        filled = [[end] * (width - len(ids)) + ids for ids in prompts]
        self._ids = torch.tensor(filled, device=model.device)
        lengths = torch.tensor([[len(ids)] for ids in prompts], device=model.device)
        self._mask = (torch.arange(width, device=model.device)[None] >= width - lengths).long()
        self._keeps = keeps(model)
        self._padded = bool((self._mask == 0).any())
        self._answers: list[list[int]] = [[] for _ in prompts]

    def answers(self) -> list[Generated]:
        """Decode until every row has ended."""
        done: dict[int, Generated] = {}
        going = list(range(len(self._answers)))
        ids, held = self._ids, None
        while going:
            logits, held = self._step(ids, held)
            chosen = logits[:, -1].argmax(-1)
            for row, token in zip(going, chosen.tolist(), strict=True):
                self._answers[row].append(token)
                if (answer := self._ended(self._answers[row])) is not None:
                    done[row] = answer
            kept = [at for at, row in enumerate(going) if row not in done]
            going = [going[at] for at in kept]
            ids = chosen[:, None] if held is not None else torch.cat([ids, chosen[:, None]], dim=1)
            if kept and len(kept) < len(ids):
                index = torch.tensor(kept, device=ids.device)
                ids, self._mask = ids[index], self._mask[index]
                if held is not None:
                    held.batch_select_indices(index)
        return [done[row] for row in range(len(self._answers))]

    def _step(self, ids: torch.Tensor, kept: Any) -> Read:
        """Logits of the next token, and what is kept; a model that does not keep reads everything at every step."""
        if not self._keeps:
            return Read(self._model(input_ids=ids).logits.float(), None)
        if kept is not None and self._padded:
            self._mask = torch.cat([self._mask, self._mask.new_ones(len(ids), 1)], dim=1)
        told: dict[str, Any] = {}
        if self._padded:
            positions = (self._mask.cumsum(-1) - 1).clamp(min=0)
            told = {"attention_mask": self._mask, "position_ids": positions[:, -ids.shape[1] :]}
        return read_on(self._model, ids, kept, last=1, **told)

    def _ended(self, answer: list[int]) -> Generated | None:
        if answer[-1] == self._end:
            return Generated(self._tokenizer.decode(answer[:-1]), len(answer), True)
        text = self._tokenizer.decode(answer)
        at = min((place for each in self._stop if (place := text.find(each)) >= 0), default=-1)
        if at >= 0:
            return Generated(text[:at], len(answer), True)
        return Generated(text, len(answer), False) if len(answer) >= self._most else None
