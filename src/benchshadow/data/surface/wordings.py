"""How much wording repeats: distinct n-grams, and the n-grams that documents share with each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from benchshadow.data.documents import Document
from benchshadow.errors import InputError

from .measured import Measured, first_words

__all__ = ["WORDS", "distinct_n", "ngram_counts", "self_repetition"]

WORDS = 50_000
"""Words at which wordings are compared."""


def distinct_n(documents: Iterable[Document], n: int = 1, *, amount: int = WORDS) -> Measured:
    """Share of the n-grams that are distinct, in the first `amount` words (Li et al. 2016).

    Distinct n-grams / n-grams; none reaches from one document into the next. Among more words more repeat, so values
    at different amounts cannot be compared. It does not tell meaning: shuffled words are as distinct.

    Args:
        documents: in the order in which words are taken; no more are read than needed.
        n: words of an n-gram, 1 to 4 as a rule.
        amount: words.
    """
    texts = _taken(documents, n, amount)
    grams = [gram for text in texts for gram in _grams(text, n)]
    short = _too_few(texts, amount)
    if short or not grams:
        return short or Measured(None, amount, "words", len(texts), f"no document has {n} words")
    return Measured(len(set(grams)) / len(grams), amount, "words", len(texts))


def self_repetition(documents: Iterable[Document], n: int = 4, *, amount: int = WORDS) -> Measured:
    """How much documents repeat each other's n-grams, in nats, over the first `amount` words (Salkar et al. 2022).

    Mean over documents of ln(1 + sum over its distinct n-grams of the number of other documents that hold them). It
    rises with the number and the length of documents: compare at equal amounts, and read it beside the number of
    documents. It tells nothing of repetition inside a document.

    Args:
        documents: in the order in which words are taken; no more are read than needed.
        n: words of an n-gram.
        amount: words.
    """
    texts = _taken(documents, n, amount)
    short = _too_few(texts, amount)
    if short:
        return short
    held = [set(_grams(text, n)) for text in texts]
    holders = Counter(gram for grams in held for gram in grams)
    scores = [math.log1p(sum(holders[gram] - 1 for gram in grams)) for grams in held]
    return Measured(math.fsum(scores) / len(scores), amount, "words", len(texts))


def ngram_counts(documents: Iterable[Document], n: int = 1, *, amount: int = WORDS) -> Counter[tuple[str, ...]]:
    """How often each n-gram stands in the first `amount` words, or in all where there are fewer."""
    return Counter(gram for text in _taken(documents, n, amount) for gram in _grams(text, n))


def _taken(documents: Iterable[Document], n: int, amount: int) -> list[list[str]]:
    if n < 1 or amount < n:
        raise InputError("n and amount", f"must be at least 1 and at least n but are {n} and {amount}")
    return first_words(documents, amount)


def _grams(text: Sequence[str], n: int) -> Iterator[tuple[str, ...]]:
    return zip(*(text[place:] for place in range(n)), strict=False)


def _too_few(texts: Sequence[Sequence[str]], amount: int) -> Measured | None:
    there = sum(map(len, texts))
    if there >= amount:
        return None
    return Measured(None, there, "words", len(texts), f"asks for {amount} words but there are {there}")
