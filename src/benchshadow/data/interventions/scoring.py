"""Aligned by score: the documents nearest to a benchmark's seen half; its control is the same with permuted scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from benchshadow.data.documents import Document

from .pool import Pool, Segment, Treatment, length_strata

__all__ = ["ByScore", "Placebo", "Scores"]

Scores = np.ndarray | Callable[[Iterable[Document]], np.ndarray]
"""A score for every document, or what gives them from the documents."""


@dataclass(frozen=True)
class ByScore:
    """The free documents with the largest scores, within strata of length.

    Scores against another benchmark than the one that is measured make the off-target control.

    Attributes:
        scores: larger is nearer; a document whose score is nan is never taken.
        lengths: whether the shares of the control's strata of length are kept, so that length does not choose.
    """

    scores: Scores
    lengths: bool = True

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Best first; ties by lot."""
        return _best(pool, self._values(pool)[pool.free], self.lengths, rng)

    def _values(self, pool: Pool) -> np.ndarray:
        scores = self.scores(pool.documents) if callable(self.scores) else self.scores
        return pool.of_each(scores, "scores").astype(np.float64)


@dataclass(frozen=True)
class Placebo:
    """The same choice by scores that were dealt out anew among the free documents."""

    of: ByScore

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Best first by the permuted scores; what has none keeps none."""
        scores = self.of._values(pool)[pool.free]
        known = np.flatnonzero(~np.isnan(scores))
        scores[known] = rng.permutation(scores[known])
        return _best(pool, scores, self.of.lengths, rng)


def _best(pool: Pool, scores: np.ndarray, lengths: bool, rng: np.random.Generator) -> Treatment:
    order = np.lexsort([rng.random(len(scores)), -scores])
    order = pool.free[order[~np.isnan(scores[order])]]
    strata = pool.like_control(length_strata(pool.store.lengths)) if lengths else None
    return Treatment((Segment(order, strata=strata),))
