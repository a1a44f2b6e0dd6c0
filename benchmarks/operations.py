"""Bytes, operations and memory that the footprint of a pair takes at each level, from the shapes of its tensors alone.

An operation is one multiplication or addition. The Gram matrix of an m x n matrix, k = min(m, n), takes m n k of them
(half of a product, as it is symmetric), its eigenvalues 4/3 k^3 (the reduction to a tridiagonal matrix). The top 32
vectors take both once more, and a third pass with four products, 8 m n 32. Base, tuned and change take each of these
once. Level 0 does a few operations on every entry and waits for memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from layouts import Shape

__all__ = ["LEVELS", "Load", "loads_of", "peak_memory", "rate_at", "total"]

LEVELS = (0, 1, 2, 3)
SPECTRA = 3
_BESIDE = 250e6
_VECTORS, _PRODUCTS, _PASSES = 32, 4, 3


@dataclass(frozen=True)
class Load:
    """What one matrix, or many, ask for at a level.

    Attributes:
        short: shorter side of the matrix; of many, of the largest.
        read: bytes from disk, both sides.
        gram: operations of products.
        eigen: operations of eigenvalues.
        vectors: operations of vectors.
    """

    short: int
    read: float
    gram: float
    eigen: float
    vectors: float

    @property
    def operations(self) -> float:
        """All of them."""
        return self.gram + self.eigen + self.vectors


def loads_of(shape: Shape, level: int) -> list[Load]:
    """The load of every matrix of a pair."""
    size, found = {"F32": 4, "BF16": 2}[shape.stored], []
    for sides in shape.tensors().values():
        if len(sides) == 2:
            entries, k = prod(sides), min(sides)
            times = 2 if level >= 3 else 1
            gram = times * SPECTRA * entries * k if level >= 1 else 0.0
            eigen = times * SPECTRA * 4 / 3 * k**3 if level >= 2 else 0.0
            vectors = 2 * _PRODUCTS * _VECTORS * entries if level >= 3 else 0.0
            passes = _PASSES if level >= 3 else 1
            found.append(Load(k, passes * 2 * size * entries, gram, eigen, vectors))
    return found


def total(loads: Iterable[Load]) -> Load:
    """All loads together."""
    every = list(loads)
    parts = [sum(getattr(each, name) for each in every) for name in ("read", "gram", "eigen", "vectors")]
    return Load(max(each.short for each in every), *parts)


def peak_memory(shape: Shape) -> float:
    """Bytes that a footprint of this layout may hold at most: three of its largest matrices in float32, and 250 MB."""
    return 3 * 4 * max(prod(sides) for sides in shape.tensors().values()) + _BESIDE


def rate_at(rates: Mapping[str, float] | Mapping[int, float], k: int) -> float:
    """A rate measured at some sizes, between them in the logarithm of the size, beyond them that of the nearest."""
    known = sorted((int(size), rate) for size, rate in rates.items())
    if k <= known[0][0]:
        return known[0][1]
    for (low, slow), (high, fast) in pairwise(known):
        if k <= high:
            share = math.log(k / low) / math.log(high / low)
            return slow + share * (fast - slow)
    return known[-1][1]
