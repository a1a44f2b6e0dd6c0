"""Concentrated: few documents often, by Zipf's law or as a small subset repeated through all or half of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchshadow.errors import InputError

from .pool import Pool, Segment, Treatment

__all__ = ["Subset", "Zipf"]


@dataclass(frozen=True)
class Zipf:
    """Few distinct documents, the one of rank r in proportion to r^-exponent.

    Attributes:
        documents: how many distinct ones.
        exponent: 0 is even, 1 is Zipf's.
    """

    documents: int
    exponent: float = 1.0

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Drawn with replacement until the room is filled."""
        if not 1 <= self.documents <= len(pool.free):
            raise InputError(
                "documents", f"must be 1 to {len(pool.free)}, the free documents, but are {self.documents}"
            )
        few = pool.fresh(rng)[: self.documents]
        weights = np.arange(1, len(few) + 1, dtype=np.float64) ** -self.exponent
        weights /= weights.sum()
        lengths = pool.store.lengths[few]
        count = int(pool.room.tokens / (lengths @ weights)) + 64
        drawn = np.empty(0, np.int64)
        while lengths[drawn].sum() < pool.room.tokens:
            drawn = np.append(drawn, rng.choice(len(few), size=count, p=weights))
        return Treatment((Segment(few[drawn]),))


@dataclass(frozen=True)
class Subset:
    """A small subset, repeated.

    Attributes:
        repeats: how often; the subset is as large as that leaves it.
        when: "whole": spread over all treated sequences. "first half": over those of the first half of the stream;
            the others hold new documents.
    """

    repeats: int
    when: Literal["whole", "first half"] = "whole"

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Whole passes over the subset."""
        if self.repeats < 1:
            raise InputError("repeats", f"must be at least 1 but is {self.repeats}")
        tokens = pool.room.tokens if self.when == "whole" else pool.room.early
        order = pool.fresh(rng)
        ends = np.cumsum(pool.store.lengths[order])
        few = order[: int(np.searchsorted(ends, -(-tokens // self.repeats))) + 1]
        repeated = Segment(np.tile(few, self.repeats))
        if self.when == "whole":
            return Treatment((repeated,))
        return Treatment((repeated, Segment(order[len(few) :])))
