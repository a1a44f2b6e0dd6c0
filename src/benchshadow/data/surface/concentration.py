"""How unevenly occurrences are spread over documents, n-grams, facts, or whatever was counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchshadow.errors import InputError

from .measured import Measured

__all__ = ["Concentration", "Counts", "concentration", "gini", "hhi", "top_share", "zipf_slope"]

Counts = Mapping[Any, int] | Sequence[float] | np.ndarray
"""How often each entry occurs, the entry with it or not."""
FEWEST = 10
"""Entries below which no slope is fitted."""


@dataclass(frozen=True)
class Concentration:
    """The panel of one set of counts; no single one of its numbers stands for the others."""

    gini: Measured
    hhi: Measured
    top_1: Measured
    top_10: Measured
    zipf_slope: Measured


def concentration(counts: Counts) -> Concentration:
    """All measures of concentration. Of entries that never occur nothing is known, so they are no part of it."""
    return Concentration(gini(counts), hhi(counts), top_share(counts, 0.01), top_share(counts, 0.1), zipf_slope(counts))


def gini(counts: Counts) -> Measured:
    """Gini coefficient of the counts, in [0, 1): 0 where all are equal, (k - 1) / k where one has nearly all.

    sum_i (2 i - k - 1) x_i / (k sum x), x in rising order (Gini 1912). It does not tell which entries are frequent, and
    rises with the number of entries that were met once.
    """
    values = _values(counts)
    k = len(values)
    if not k:
        return _nothing()
    weights = 2 * np.arange(1, k + 1) - k - 1
    return Measured(float(np.sum(weights * values[::-1]) / (k * np.sum(values))), k, "entries")


def hhi(counts: Counts) -> Measured:
    """Herfindahl-Hirschman index: the sum of squared shares, 1 / k where k entries are equally frequent, at most 1.

    The chance that two occurrences are of one entry. It is ruled by the largest entries and says nothing of the tail.
    """
    values = _values(counts)
    if not len(values):
        return _nothing()
    return Measured(float(np.sum((values / values.sum()) ** 2)), len(values), "entries")


def top_share(counts: Counts, share: float) -> Measured:
    """Share of all occurrences that the most frequent `share` of the entries has; the number of these is rounded up.

    Undefined with fewer than 1 / share entries. It does not tell the shape of the rest.
    """
    if not 0 < share <= 1:
        raise InputError("share", f"must be in (0, 1] but is {share}")
    values = _values(counts)
    k = len(values)
    # A number that is whole on paper must not be rounded up by its last bit.
    top, least = int(np.ceil(share * k - 1e-9)), int(np.ceil(1 / share - 1e-9))
    if k < least:
        return Measured(None, k, "entries", reason=f"asks for {least} entries but there are {k}")
    return Measured(float(values[:top].sum() / values.sum()), k, "entries")


def zipf_slope(counts: Counts) -> Measured:
    """Slope of ln count over ln rank, -1 for the law of Zipf, 0 for equal counts.

    Least squares over all entries, each weighted by 1 / rank, so that every factor in rank counts about alike and not
    the many entries met once. It does not tell whether the counts follow a power law at all. Undefined with fewer than
    ten entries.
    """
    values = _values(counts)
    k = len(values)
    if k < FEWEST:
        return Measured(None, k, "entries", reason=f"asks for {FEWEST} entries but there are {k}")
    ranks = np.arange(1, k + 1)
    x, y, weights = np.log(ranks), np.log(values), 1 / ranks
    x, y = x - np.average(x, weights=weights), y - np.average(y, weights=weights)
    return Measured(float(np.sum(weights * x * y) / np.sum(weights * x * x)), k, "entries")


def _values(counts: Counts) -> np.ndarray:
    """The counts above zero, largest first."""
    given = list(counts.values()) if isinstance(counts, Mapping) else counts
    values = np.sort(np.asarray(given, dtype=np.float64))[::-1]
    if len(values) and not (np.isfinite(values).all() and values[-1] >= 0):
        raise InputError("counts", "must be finite and not negative but hold NaN, infinite or negative values")
    return values[values > 0]


def _nothing() -> Measured:
    return Measured(None, 0, "entries", reason="nothing was counted")
