"""Controls of any treatment: a second draw, new documents, and documents of the same lengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .filling import taken
from .pool import LENGTHS, Intervention, Pool, Segment, Strata, Treatment, length_strata

__all__ = ["AsBuilt", "LengthMatched", "NovelBroad", "SecondDraw", "lengths_of", "realised"]


@dataclass(frozen=True)
class SecondDraw:
    """A/A: the control's recipe drawn a second time, from all that stands in no untreated sequence."""

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Documents by lot within strata of length: a long document is seldom free, since all of it must be treated."""
        return Treatment((Segment(pool.fresh(rng), strata=pool.like_control(length_strata(pool.store.lengths))),))


@dataclass(frozen=True)
class NovelBroad:
    """Documents that the control does not hold, in the control's own mix of domains."""

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Documents by lot within strata of domain and length."""
        order = pool.fresh(rng, without=pool.control)
        labels = pool.domains * (len(LENGTHS) + 1) + length_strata(pool.store.lengths)
        return Treatment((Segment(order, strata=pool.like_control(labels)),))


@dataclass(frozen=True)
class AsBuilt:
    """A treatment as its own arm holds it, whoever asks for it.

    Attributes:
        of: the treatment.
        seeded: gives the generator with which its arm is drawn.
    """

    of: Intervention
    seeded: Callable[[], np.random.Generator]

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:  # noqa: ARG002 (its own arm's instead)
        """The documents of its own arm."""
        return self.of(pool, rng=self.seeded())


@dataclass(frozen=True)
class LengthMatched:
    """Documents by lot with the lengths of another treatment.

    Attributes:
        of: the treatment whose shares of tokens by stratum of length are kept.
    """

    of: Intervention

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """Documents by lot within strata of length."""
        treatment = self.of(pool, rng=rng)
        lengths = lengths_of(pool, treatment)[realised(pool, treatment)]
        shares = np.bincount(length_strata(lengths), lengths, minlength=len(LENGTHS) + 1)
        strata = Strata(length_strata(pool.store.lengths), shares / shares.sum())
        return Treatment((Segment(pool.fresh(rng), strata=strata),))


def lengths_of(pool: Pool, treatment: Treatment) -> np.ndarray:
    """Tokens of every document, of the pool and of those that a treatment wrote, int64."""
    written = treatment.written
    return pool.store.lengths if written is None else np.concatenate([pool.store.lengths, written.lengths])


def realised(pool: Pool, treatment: Treatment) -> np.ndarray:
    """The documents with which a treatment fills its room, those of the last sequence included."""
    lengths = lengths_of(pool, treatment)
    rooms = [pool.room.tokens] if len(treatment.segments) == 1 else [pool.room.early, pool.room.late]
    return np.concatenate(
        [taken(segment, lengths, room) for segment, room in zip(treatment.segments, rooms, strict=True)]
    )
