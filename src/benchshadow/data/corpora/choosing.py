"""Part of a stream: a sample, one side of a split, a stretch from one position to another."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Literal

import numpy as np

from benchshadow.data.documents import Document, unit_hash
from benchshadow.errors import InputError, check_choices

from .lineage import Documents

__all__ = ["Sample", "Side", "Slice", "sample", "split"]

By = Literal["id", "domain", "text"]


def sample(
    stream: Documents, *, share: float | None = None, count: int | None = None, rng: np.random.Generator
) -> Sample:
    """A share of the documents, or so many of them, in the stream's own order.

    Args:
        stream: what is sampled.
        share: probability of each document, in (0, 1]; which ones is decided by a hash of the id.
        count: exact number; the stream is gone through twice, and a number and a position are kept for each.
        rng: draws the seed that the sample keeps.
    """
    return Sample(stream, share, count, _seed(rng))


def split(stream: Documents, *, share: float, by: By = "id", rng: np.random.Generator) -> tuple[Side, Side]:
    """Two streams that together are the whole: about `share` of it, and the rest.

    Args:
        stream: what is split.
        share: probability of the first side, in (0, 1).
        by: what stays together: documents of one id, of one domain, or of one text.
        rng: draws the seed that both sides keep.
    """
    seed = _seed(rng)
    return Side(stream, share, by, seed, first=True), Side(stream, share, by, seed, first=False)


@dataclass(frozen=True)
class Sample(Documents):
    """A seeded part of a stream, of a given share or of a given number; `sample` draws the seed.

    Documents of one id are drawn together by `share` and apart by `count`.
    """

    kind: ClassVar[str] = "sample"
    stream: Documents
    share: float | None
    count: int | None
    seed: int

    def __post_init__(self) -> None:
        if (self.share is None) == (self.count is None):
            raise InputError("sample", f"must have a share or a count but has {self.share} and {self.count}")
        if self.share is not None and not 0 < self.share <= 1:
            raise InputError("sample", f"must have a share in (0, 1] but has {self.share:g}")
        if self.count is not None and self.count < 1:
            raise InputError("sample", f"must have a count of at least 1 but has {self.count}")

    def __iter__(self) -> Iterator[Document]:
        """The documents drawn.

        Raises:
            InputError: the stream has fewer documents than were asked for.
        """
        if self.share is not None:
            share = self.share
            yield from (each for each in self.stream if unit_hash("sample", self.seed, each.id) < share)
            return
        places = iter(self._places())
        wanted = next(places, None)
        for place, document in enumerate(self.stream):
            if place == wanted:
                yield document
                wanted = next(places, None)
                if wanted is None:
                    return

    def parents(self) -> tuple[Documents, ...]:
        """What is sampled."""
        return (self.stream,)

    def settings(self) -> dict[str, Any]:
        """The share or the count, and the seed."""
        return {"share": self.share, "count": self.count, "seed": self.seed}

    def label(self) -> str:
        """How much, and the seed."""
        much = f"of share {self.share:g}" if self.share is not None else f"of {self.count}"
        return f"sample {much}, seed {self.seed}"

    def _places(self) -> list[int]:
        """Positions of the documents with the lowest hashes, in order."""
        count = self.count or 0
        hashes = ((unit_hash("sample", self.seed, each.id, i), i) for i, each in enumerate(self.stream))
        lowest = heapq.nsmallest(count, hashes)
        if len(lowest) < count:
            rule = f"must be at most what {self.stream.label()} holds"
            raise InputError("sample", f"count {rule} but is {count}, and {len(lowest)} were found")
        return sorted(place for _, place in lowest)


@dataclass(frozen=True)
class Side(Documents):
    """One side of a split; `split` makes both."""

    kind: ClassVar[str] = "side"
    stream: Documents
    share: float
    by: By
    seed: int
    first: bool

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise InputError("split", f"must have a share in (0, 1) but has {self.share:g}")
        check_choices("split, by", [self.by], ["id", "domain", "text"])

    def __iter__(self) -> Iterator[Document]:
        """The documents of this side, in the stream's own order."""
        for document in self.stream:
            key = getattr(document, self.by)
            if (unit_hash("split", self.seed, key) < self.share) == self.first:
                yield document

    def parents(self) -> tuple[Documents, ...]:
        """What is split."""
        return (self.stream,)

    def settings(self) -> dict[str, Any]:
        """The share, what stays together, the seed, and which side."""
        return {"share": self.share, "by": self.by, "seed": self.seed, "first": self.first}

    def label(self) -> str:
        """Which side of which split."""
        much = self.share if self.first else 1 - self.share
        side = "first" if self.first else "second"
        return f"{side} side of a split by {self.by}, share {much:g}, seed {self.seed}"


@dataclass(frozen=True)
class Slice(Documents):
    """The documents from position `start` up to, not including, `stop`, counted from 0; to the end where it is None."""

    kind: ClassVar[str] = "slice"
    stream: Documents
    start: int = 0
    stop: int | None = None

    def __post_init__(self) -> None:
        if self.start < 0 or (self.stop is not None and self.stop < self.start):
            raise InputError("slice", f"must have 0 <= start <= stop but has {self.start} and {self.stop}")

    def __iter__(self) -> Iterator[Document]:
        """The documents between."""
        return islice(iter(self.stream), self.start, self.stop)

    def parents(self) -> tuple[Documents, ...]:
        """What is cut."""
        return (self.stream,)

    def settings(self) -> dict[str, Any]:
        """The two positions."""
        return {"start": self.start, "stop": self.stop}

    def label(self) -> str:
        """From where to where."""
        return f"documents {self.start} to {'the end' if self.stop is None else self.stop}"


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**63))
