"""Intervals of what is counted over groups and domains: groups, or documents, are drawn again with replacement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchshadow.errors import InputError

from .comparing import Measure, Spread, concentrations, spread_of

__all__ = ["Resampled", "of_documents", "of_groups", "repeated_share"]

_LEVEL = 0.95
_DRAWS = 400
_ENTRIES = 20_000_000
"""Counts that are drawn in all, so that a corpus of millions takes seconds; never fewer than fifty draws."""


@dataclass(frozen=True)
class Resampled:
    """Percentile intervals.

    Attributes:
        low: lower end by measure; only of measures that were defined in every draw.
        high: upper end.
        draws: number of draws.
    """

    low: dict[Measure, float]
    high: dict[Measure, float]
    draws: int

    def half(self, measure: Measure) -> float | None:
        """Half the width of an interval; None where there is none."""
        return (self.high[measure] - self.low[measure]) / 2 if measure in self.low else None


def of_groups(sizes: np.ndarray, share: str, *, rng: np.random.Generator) -> Resampled:
    """A bootstrap over groups of documents that repeat each other, clustered: a group is drawn with all its documents.

    Of the share of documents that repeat an earlier one, of the number of groups of every size, and of the
    concentration of documents over groups. Drawing single documents again would make repetitions of its own.

    Args:
        sizes: documents of each group, int64; a document that repeats nothing is a group of one.
        share: what the share is called.
        rng: draws the groups.
    """
    kinds, times = np.unique(sizes, return_counts=True)
    if not len(kinds):
        raise InputError("groups", "must be one at least but there are none")
    count = int(times.sum())

    def once() -> dict[Measure, float | None]:
        drawn = rng.multinomial(count, times / count)
        numbers = {Measure("copies", float(k)): float(n) for k, n in zip(kinds, drawn, strict=True)}
        repeated = 1 - count / float(drawn @ kinds)
        return {Measure(share): repeated, **numbers, **concentrations(np.repeat(kinds, drawn), "documents")}

    return _percentiles(once, count)


def of_documents(counts: np.ndarray, over: str, *, rng: np.random.Generator) -> Resampled:
    """A bootstrap over documents of how they spread over domains.

    Args:
        counts: documents of each domain.
        over: what the domains are called.
        rng: draws the documents.
    """
    total = int(np.sum(counts))
    shares = np.asarray(counts) / total
    return _percentiles(lambda: concentrations(rng.multinomial(total, shares), over), len(shares))


def repeated_share(groups: np.ndarray, texts: int, *, rng: np.random.Generator, draws: int = 200) -> Spread:
    """The share of documents that repeat another, among so many of them: it grows with their number.

    Args:
        groups: the group of every document, as a number.
        texts: documents of every draw.
        rng: draws the documents.
        draws: how many.
    """
    if not 1 <= texts <= len(groups):
        raise InputError("texts of a draw", f"must be 1 to {len(groups)}, those of the corpus, but are {texts}")
    drawn = (rng.choice(groups, texts, replace=False, shuffle=False) for _ in range(draws))
    values: list[float | None] = [1 - len(np.unique(each)) / texts for each in drawn]
    return spread_of(values, texts, "texts", texts, len(groups))


def _percentiles(once: Callable[[], dict[Measure, float | None]], entries: int) -> Resampled:
    draws = max(50, min(_DRAWS, _ENTRIES // max(entries, 1)))
    rows = [once() for _ in range(draws)]
    ends = [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]
    low, high = {}, {}
    for measure in rows[0]:
        values = [row[measure] for row in rows]
        if all(value is not None for value in values):
            low[measure], high[measure] = map(float, np.quantile(np.array(values, np.float64), ends))
    return Resampled(low, high, draws)
