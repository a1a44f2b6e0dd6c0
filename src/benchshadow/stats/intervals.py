"""How large a paired difference is: its t interval and its standardised size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import special, stats

from benchshadow.errors import InputError

from .samples import checked, spread

__all__ = ["Interval", "hedges_g", "paired_t"]


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval, all in the unit of the differences.

    Attributes:
        mean: of the differences.
        low: lower end; None with a single replicate.
        high: upper end; None with a single replicate.
        n: number of replicates.
        level: share of such intervals that hold the true mean.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    level: float


def paired_t(differences: Float64[np.ndarray, " n"], level: float = 0.95) -> Interval:
    """Student's t interval for the mean of paired differences.

    mean +- t_{n-1} sd / sqrt n. It holds its level at three replicates, where a percentile bootstrap covers .74; it
    takes the differences as roughly normal.

    Args:
        differences: one per replicate, arm minus control.
        level: coverage, in (0, 1).
    """
    checked(differences, "differences", 1)
    if not 0 < level < 1:
        raise InputError("level", f"must be in (0, 1) but is {level}")
    n, mean = len(differences), float(differences.mean())
    if n == 1:
        return Interval(mean, None, None, 1, level)
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * differences.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n, level)


def hedges_g(differences: Float64[np.ndarray, " n"]) -> float | None:
    """Standardised mean of paired differences, g_z = J(n - 1) mean / sd, without unit.

    J(v) = Gamma(v / 2) / (sqrt(v / 2) Gamma((v - 1) / 2)) takes out the bias of small samples (Hedges 1981); None where
    the differences do not vary or where n = 2, for which J is zero. It is in units of the *differences'* spread, so it
    cannot be compared with a g between independent groups.
    """
    checked(differences, "differences", 2)
    deviation, v = spread(differences), len(differences) - 1
    if deviation == 0 or v < 2:
        return None
    correction = np.exp(special.gammaln(v / 2) - special.gammaln((v - 1) / 2)) / np.sqrt(v / 2)
    return float(correction * differences.mean() / deviation)
