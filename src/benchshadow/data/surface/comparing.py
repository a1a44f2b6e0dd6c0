"""Wording over many draws of one amount of text: values that can be compared, with intervals over documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchshadow.errors import InputError

from .concentration import Counts, concentration
from .pooled import ORDERS, Draw, Wordings

__all__ = ["DRAWS", "Measure", "Spread", "by_bytes", "by_texts", "by_words", "concentrations", "spread_of"]

DRAWS = 60
FEWEST = 10
"""Documents that a draw must leave out, so that draws tell anything of each other."""
_Z = 1.959963984540054  # of a 95% interval


class Measure(NamedTuple):
    """Which number: its name in the panel, its parameter, and what it is taken over."""

    name: str
    parameter: float | None = None
    over: str | None = None


@dataclass(frozen=True)
class Spread:
    """A measure at one amount of text, as the mean over draws, with an interval for another sample of documents.

    Attributes:
        value: mean over the draws; None where it is undefined.
        half: half the width of the 95% interval; None where draws leave too little out.
        amount: of text in a draw.
        unit: "words", "texts" or "bytes".
        draws: number of draws.
        documents: mean number of documents in a draw.
        pool: number of documents drawn from.
        reason: why there is no value; empty where there is one.
    """

    value: float | None
    half: float | None
    amount: int
    unit: str
    draws: int
    documents: float
    pool: int
    reason: str = ""

    def minus(self, other: Spread) -> tuple[float | None, float | None]:
        """The difference of two corpora's means, and half the width of its interval; their draws are independent."""
        if self.value is None or other.value is None:
            return None, None
        if self.half is None or other.half is None:
            return self.value - other.value, None
        return self.value - other.value, float(np.hypot(self.half, other.half))


def spread_of(values: list[float | None], amount: int, unit: str, documents: float, pool: int) -> Spread:
    """The delete-d jackknife (Shao & Wu 1989) from draws without replacement, as the draws of m of n documents are.

    Standard error = spread of the draws times sqrt(m / (n - m)), and the chance of which draws were made on top: 1 /
    draws of their variance. Documents are drawn whole, so that words are clustered by document. A bootstrap with
    replacement would hold copies of documents and find every corpus more repetitive than it is: its interval does not
    even cover the value it is drawn around. It supposes that documents are independent draws of a source; it does not
    tell what another source would give.
    """
    known = [each for each in values if each is not None]
    about = {"amount": amount, "unit": unit, "draws": len(values), "documents": documents, "pool": pool}
    if len(known) < len(values) or not known:
        return Spread(None, None, **about, reason="in some draw it is undefined")
    wide = None
    if pool - documents >= FEWEST and len(known) > 1:
        wide = _Z * float(np.std(known, ddof=1) * np.sqrt(documents / (pool - documents) + 1 / len(known)))
    return Spread(float(np.mean(known)), wide, **about)


def by_words(pool: Wordings, words: int, *, rng: np.random.Generator, draws: int = DRAWS) -> dict[Measure, Spread]:
    """Distinct n-grams, self-repetition and the concentration of words, at so many words.

    Args:
        pool: documents, counted.
        words: of every draw, its last document cut.
        rng: draws the documents.
        draws: how many.

    Raises:
        InputError: the pool holds fewer words.
    """
    return _spreads(pool, [pool.of_words(words, rng) for _ in range(draws)], words, "words")


def by_texts(pool: Wordings, texts: int, *, rng: np.random.Generator, draws: int = DRAWS) -> dict[Measure, Spread]:
    """The same at so many whole documents, however many words they have.

    Raises:
        InputError: the pool holds fewer documents.
    """
    if not 1 <= texts <= len(pool):
        raise InputError("texts of a draw", f"must be 1 to {len(pool)}, those of the pool, but are {texts}")
    return _spreads(pool, [pool.of_texts(texts, rng) for _ in range(draws)], texts, "texts")


def by_bytes(pool: Wordings, amount: int, *, rng: np.random.Generator, draws: int = DRAWS) -> Spread:
    """The compression ratio at so many bytes.

    Raises:
        InputError: the pool holds fewer bytes.
    """
    if not 1 <= amount <= pool.bytes:
        raise InputError("bytes of a draw", f"must be 1 to {pool.bytes}, those of the pool, but are {amount}")
    found = [pool.compression(amount, rng) for _ in range(draws)]
    documents = float(np.mean([count for _, count in found]))
    return spread_of([value for value, _ in found], amount, "bytes", documents, len(pool))


def _spreads(pool: Wordings, draws: list[Draw], amount: int, unit: str) -> dict[Measure, Spread]:
    rows = [_measured(pool, draw) for draw in draws]
    documents = float(np.mean([len(draw.documents) for draw in draws]))
    return {name: spread_of([row[name] for row in rows], amount, unit, documents, len(pool)) for name in rows[0]}


def _measured(pool: Wordings, draw: Draw) -> dict[Measure, float | None]:
    return {
        **{Measure("distinct_n", n): pool.distinct(draw, n) for n in ORDERS},
        Measure("self_repetition"): pool.self_repetition(draw),
        **concentrations(pool.counts(draw), "words"),
    }


def concentrations(counts: Counts, over: str) -> dict[Measure, float | None]:
    """Every measure of concentration of one set of counts; None where it is undefined."""
    found = concentration(counts)
    return {
        Measure("gini", None, over): found.gini.value,
        Measure("hhi", None, over): found.hhi.value,
        Measure("top_share", 0.01, over): found.top_1.value,
        Measure("top_share", 0.1, over): found.top_10.value,
        Measure("zipf_slope", None, over): found.zipf_slope.value,
    }
