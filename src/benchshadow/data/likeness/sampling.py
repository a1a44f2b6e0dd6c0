"""An even sample of a stream whose length nobody knows, in memory for the sample alone."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from benchshadow.errors import InputError

__all__ = ["evenly_sampled"]

T = TypeVar("T")


def evenly_sampled(stream: Iterable[T], most: int, *, rng: np.random.Generator) -> list[T]:
    """At most `most` members of a stream, each set of that size equally likely, in the stream's order.

    Every member draws a number and the smallest numbers stay, so a stream that is no longer than `most` comes whole.

    Raises:
        InputError: `most` is below 1.
    """
    if most < 1:
        raise InputError("the size of a sample", f"must be at least 1 but is {most}")
    kept: list[tuple[float, int, T]] = []
    for number, member in enumerate(stream):
        entry = (-rng.random(), -number, member)
        if len(kept) < most:
            heapq.heappush(kept, entry)
        elif entry[:2] > kept[0][:2]:
            heapq.heapreplace(kept, entry)
    return [member for _, _, member in sorted(kept, key=lambda entry: -entry[1])]
