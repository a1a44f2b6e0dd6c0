"""How often texts and prompts are repeated, prompts apart from whole documents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchshadow.data.duplicates.shingles import digested
from benchshadow.errors import InputError

__all__ = ["Repetition", "digests", "repetition"]


@dataclass(frozen=True)
class Repetition:
    """Repetition in a corpus, in its order.

    Attributes:
        documents: number of them.
        exact_share: share whose text an earlier one has; None without documents.
        epochs: how many distinct texts occur so many times, by that number: what a pass over the corpus repeats.
        repeated_prompts: share whose prompt an earlier one has; None without prompts, as the next two.
        same_answer: share whose prompt and text an earlier one has: a repeated document.
        new_answer: share whose prompt an earlier one has but whose text none: a repeated prompt, answered otherwise.
    """

    documents: int
    exact_share: float | None
    epochs: dict[int, int]
    repeated_prompts: float | None = None
    same_answer: float | None = None
    new_answer: float | None = None


def digests(texts: Iterable[str]) -> np.ndarray:
    """A 64-bit number per text, of its normalised words; those of chunks are joined by `np.concatenate`."""
    return digested(list(texts))


def repetition(texts: np.ndarray, prompts: np.ndarray | None = None) -> Repetition:
    """Repetition of texts, and of prompts where documents have them as a field of their own.

    Texts are the same where their normalised words are; that prompts are repeated on purpose, as in several answers to
    one question, it does not tell.

    Args:
        texts: uint64, digests of whole documents, prompt included, in order.
        prompts: uint64, digests of their prompts.
    """
    count = len(texts)
    if prompts is not None and len(prompts) != count:
        raise InputError("prompts", f"must be one per document, {count}, but are {len(prompts)}")
    copies, times = np.unique(np.unique(texts, return_counts=True)[1], return_counts=True)
    epochs = dict(zip(copies.tolist(), times.tolist(), strict=True))
    again = _seen(texts)
    whole = Repetition(count, float(again.mean()) if count else None, epochs)
    if prompts is None or not count:
        return whole
    asked = _seen(prompts)
    both = asked & again
    return Repetition(
        count, whole.exact_share, epochs, float(asked.mean()), float(both.mean()), float((asked & ~again).mean())
    )


def _seen(values: np.ndarray) -> np.ndarray:
    """Whether an equal value stands earlier."""
    seen = np.ones(len(values), dtype=bool)
    seen[np.unique(values, return_index=True)[1]] = False
    return seen
