"""Equal draws: samples of one number of texts, or of words, from corpora of any size, and values over such draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from benchshadow.errors import InputError, check_choices

__all__ = ["UNITS", "Budget", "Drawn", "drawn", "equal_draws"]

UNITS = ("texts", "words")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much of each corpus is measured at a time, equal for all corpora that are compared.

    Attributes:
        amount: number of texts, or of words.
        unit: "texts" or "words".
        draws: number of samples.
        level: share of the draws inside the interval.
    """

    amount: int = 1_000
    unit: str = "texts"
    draws: int = 10
    level: float = 0.95

    def __post_init__(self) -> None:
        """Hold the settings to their rules."""
        check_choices("the unit of a budget", [self.unit], UNITS)
        if self.amount < 1 or self.draws < 1 or not 0 < self.level < 1:
            said = f"{self.amount}, {self.draws} and {self.level}"
            raise InputError(
                "a budget", f"must have an amount and draws of at least 1 and a level in (0, 1) but has {said}"
            )


@dataclass(frozen=True)
class Drawn:
    """A measure over several draws of one budget.

    Attributes:
        value: mean over the draws.
        low: lower end of the middle `level` of the draws.
        high: upper end.
        draws: number of draws.
        texts: mean number of texts in a draw.
        pool: number of texts drawn from. The corpus is all there is: a draw of the whole pool leaves no interval.
    """

    value: float
    low: float
    high: float
    draws: int
    texts: float
    pool: int


def equal_draws(
    words: Int64[np.ndarray, " pool"], budget: Budget, *, rng: np.random.Generator
) -> list[Int64[np.ndarray, " texts"]]:
    """Which texts each draw holds, without replacement inside a draw: doubles of a text would lower every diversity.

    A draw by words takes texts in random order until the next would pass the budget, and then the one after it no more.

    Args:
        words: number of words of each text.
        budget: amount, unit and number of draws.
        rng: draws the orders.

    Raises:
        InputError: the pool holds less than the budget, with the amount that can be had.
    """
    there = len(words) if budget.unit == "texts" else int(np.sum(words))
    if there < budget.amount:
        remedy = f"compare all corpora at {there} or fewer"
        raise InputError("a draw", f"must hold {budget.amount} {budget.unit} but the corpus has {there}", remedy)
    found = []
    for _ in range(budget.draws):
        order = rng.permutation(len(words))
        size = budget.amount
        if budget.unit == "words":
            size = max(1, int(np.searchsorted(np.cumsum(words[order]), budget.amount, side="right")))
        found.append(np.sort(order[:size]))
    return found


def drawn(values: Sequence[float], sizes: Sequence[int], pool: int, level: float = 0.95) -> Drawn:
    """A measure's mean and middle range over draws; of ten draws the middle .95 is nearly all of them.

    Args:
        values: one per draw.
        sizes: number of texts in each draw.
        pool: number of texts drawn from.
        level: share of the draws inside the range.
    """
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Drawn(float(np.mean(values)), float(low), float(high), len(values), float(np.mean(sizes)), pool)
