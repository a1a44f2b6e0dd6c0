"""Several corpora compared on the same number of words, with the spread over draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.data.duplicates.word_hashes import hash_words
from benchshadow.data.likeness.sampling import evenly_sampled
from benchshadow.errors import InputError

from .measured import Measured

__all__ = ["Compared", "compared"]

_LEVEL = 0.95


@dataclass(frozen=True)
class Compared:
    """A measure of one corpus over draws of as many words as the others gave.

    Attributes:
        value: mean over the draws; None where it is undefined, as the ends.
        low: lower end of the middle 95% of the draws.
        high: upper end.
        words: of every draw, but for the rest of its last document.
        documents: mean number of documents in a draw.
        draws: number of draws.
        reason: why there is no value; empty where there is one.
    """

    value: float | None
    low: float | None
    high: float | None
    words: int
    documents: float
    draws: int
    reason: str = ""


def compared(
    corpora: Mapping[str, Iterable[Document]],
    measure: Callable[[Sequence[Document]], Measured],
    *,
    words: int = 50_000,
    rng: np.random.Generator,
    draws: int = 100,
    pool: int = 20_000,
) -> dict[str, Compared]:
    """One measure of several corpora at an equal number of words.

    A draw takes documents in random order, none twice (copies would lower every diversity), until it has the words.
    The interval tells how much the choice of documents matters: it is a subsampling interval for the corpus at hand,
    and too narrow where a draw is a large part of it. Equal words are not equal numbers of documents; those are told.

    Args:
        corpora: by name; of each an even sample of `pool` documents is held in memory.
        measure: of documents, which itself takes no more than its amount: at most `words` words.
        words: of every draw.
        rng: draws samples and orders.
        draws: number of draws.
        pool: documents of a corpus that draws are made from.
    """
    if words < 1 or draws < 2:
        raise InputError("words and draws", f"must be at least 1 and 2 but are {words} and {draws}")
    found = {}
    for name, documents in corpora.items():
        found[name] = _over_draws(evenly_sampled(documents, pool, rng=rng), measure, words, draws, rng)
    return found


def _over_draws(
    documents: Sequence[Document],
    measure: Callable[[Sequence[Document]], Measured],
    words: int,
    draws: int,
    rng: np.random.Generator,
) -> Compared:
    lengths = np.diff(hash_words([each.text for each in documents]).bounds)
    there = int(lengths.sum())
    if there < words:
        reason = f"asks for {words} words but there are {there}"
        return Compared(None, None, None, there, float(len(documents)), 0, reason)
    values, sizes = [], []
    for _ in range(draws):
        order = rng.permutation(len(documents))
        size = int(np.searchsorted(np.cumsum(lengths[order]), words)) + 1
        one = measure([documents[each] for each in order[:size]])
        if one.value is None:
            return Compared(None, None, None, words, float(size), len(values), one.reason)
        values.append(one.value)
        sizes.append(size)
    low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Compared(float(np.mean(values)), float(low), float(high), words, float(np.mean(sizes)), draws)
