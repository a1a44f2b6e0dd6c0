"""The area under a ROC curve: how often a score ranks one group above the other, and its interval."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64
from scipy import special, stats

from benchshadow.errors import InputError

__all__ = ["area", "area_interval"]


def area(scores: Float64[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> float:
    """Mann-Whitney's count of pairs in the right order, ties half, over the number of pairs.

    Args:
        scores: larger for what is taken for positive.
        positive: which of them are; there must be some of both.
    """
    m, n = int(positive.sum()), int((~positive).sum())
    if not m or not n:
        raise InputError("an area", f"needs scores of both groups but has {m} and {n}")
    return float((stats.rankdata(scores)[positive].sum() - m * (m + 1) / 2) / (m * n))


def area_interval(value: float, m: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of an area under the ROC curve (Newcombe 2006, part 2, method 5).

    The ends are the areas t at which |area - t| = z sqrt(v(t)), v(t) = t (1 - t) (1 + (N - 1) ((1 - t) / (2 - t) +
    t / (1 + t))) / (m n), N = (m + n) / 2. It does not shrink to a point where the sides part without a mistake.

    Args:
        value: the area, in [0, 1].
        m: number of scores on one side.
        n: number on the other.
        level: coverage, in (0, 1).
    """
    if not (0 <= value <= 1 and 0 < level < 1):
        raise InputError("an area and its level", f"must be in [0, 1] and (0, 1) but are {value} and {level}")
    z, mean = special.ndtri((1 + level) / 2), (m + n) / 2

    def within(t: float) -> bool:
        spread = t * (1 - t) * (1 + (mean - 1) * ((1 - t) / (2 - t) + t / (1 + t))) / (m * n)
        return bool(abs(value - t) <= z * np.sqrt(spread))

    ends = []
    for beyond in (0.0, 1.0):
        inside, outside = value, beyond
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if within(middle) else (inside, middle)
        ends.append(inside)
    return float(ends[0]), float(ends[1])
