"""How many replicates a test needs: its chance of finding what is there, as a function of their number."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import special, stats

from benchshadow.errors import InputError

from .permutation import p_floor

__all__ = [
    "MOST_REPLICATES",
    "power_of_difference",
    "power_of_equivalence",
    "replicates_for_difference",
    "replicates_for_equivalence",
    "replicates_for_margin",
    "spread_at_most",
]

MOST_REPLICATES = 10_000
"""Number of replicates beyond which none is reckoned."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_COUNTED = 12
"""Replicates up to which the power of the sign-flip test is found by its patterns; beyond, it is that of the t test."""
_STUDIES = 4_000


def power_of_difference(n: int, ratio: float, alpha: float = 0.05) -> float:
    """Chance that the exact two-sided sign-flip test of n normal differences rejects.

    Up to 12 replicates over 4,000 studies that are drawn once (standard error .006 at .8): close to its floor the test
    rejects only where nearly all signs agree, and finds less than a t test would. Beyond, that of the t test, to which
    it comes near: noncentral t with n - 1 degrees and noncentrality ratio sqrt n.

    Args:
        n: replicates, at least 2.
        ratio: true mean difference over the standard deviation of the differences.
        alpha: of the test.
    """
    _checked(n, alpha)
    if p_floor(n) > alpha:
        return 0.0
    if n <= _COUNTED:
        drawn, signs = _patterns(n)
        studies = drawn + abs(ratio)
        # Half of the patterns: the others are their mirror images.
        extreme = np.abs(studies @ signs) >= np.abs(studies.sum(axis=1, keepdims=True)) * (1 - 1e-12)
        return float((extreme.mean(axis=1) <= alpha).mean())
    v, shift = n - 1, abs(ratio) * np.sqrt(n)
    edge = stats.t.ppf(1 - alpha / 2, v)
    # SciPy loses the far tail where it is beyond the last digit of the near one.
    far = stats.nct.cdf(-edge, v, shift) if shift < 5 else 0.0
    return float(stats.nct.sf(edge, v, shift) + far)


@cache
def _patterns(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal differences of many studies, studies x n, and the patterns of signs that begin with a plus."""
    drawn = np.random.default_rng(n).standard_normal((_STUDIES, n))
    bits = np.arange(2 ** (n - 1))[None, :] >> np.arange(n)[:, None] & 1
    return drawn, 1.0 - 2.0 * bits


def power_of_equivalence(n: int, ratio: float, alpha: float = 0.05) -> float:
    """Chance that TOST on n differences finds equivalence where the true mean difference is zero.

    P(|mean| < margin - t s / sqrt n), integrated over the distribution of s (Julious 2004; Owen 1965). It has no floor:
    with a spread that is small beside the margin two replicates suffice.

    Args:
        n: replicates, at least 2.
        ratio: margin over the standard deviation of the differences.
        alpha: of each of the two one-sided tests.
    """
    _checked(n, alpha)
    v = n - 1
    edge = stats.t.ppf(1 - alpha, v)
    # Above this s nothing is found; the quantiles of s below it are the nodes.
    share = stats.chi2.cdf(v * n * (ratio / edge) ** 2, v)
    if share <= 0:
        return 0.0
    s = np.sqrt(stats.chi2.ppf(share * (_NODES + 1) / 2, v) / v)
    inside = 2 * stats.norm.cdf(np.sqrt(n) * ratio - edge * s) - 1
    return float(share / 2 * (_WEIGHTS * inside).sum())


def replicates_for_difference(spread: float, effect: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Fewest replicates at which a difference of this size is found; None where more than 10,000 would be needed.

    Args:
        spread: standard deviation of the paired difference over replicates, zero or more.
        effect: true mean difference, same unit, above zero.
        alpha: of the test; in a family, alpha over its number of claims is what the first step of Holm leaves.
        power: chance of finding it.
    """
    _checked_sizes(spread, effect, "effect")
    least = next(n for n in range(2, MOST_REPLICATES) if p_floor(n) <= alpha)
    if spread == 0:
        return least
    guess = ((_z(1 - alpha / 2) + _z(power)) * spread / effect) ** 2
    return _fewest(lambda n: power_of_difference(n, effect / spread, alpha), power, least, guess)


def replicates_for_equivalence(spread: float, margin: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Fewest replicates at which no difference is found to lie inside the margin; None beyond 10,000.

    Args:
        spread: standard deviation of the paired difference over replicates, zero or more.
        margin: same unit, above zero.
        alpha: of each one-sided test; in a family, alpha over its number of claims.
        power: chance of finding equivalence where the true difference is zero.
    """
    _checked_sizes(spread, margin, "margin")
    if spread == 0:
        return 2
    guess = ((_z(1 - alpha) + _z((1 + power) / 2)) * spread / margin) ** 2
    return _fewest(lambda n: power_of_equivalence(n, margin / spread, alpha), power, 2, guess)


def replicates_for_margin(spread: float, margin: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Fewest replicates with which a shift of the margin's size, and the absence of any, are both found.

    Args:
        spread: standard deviation of the paired difference over replicates, from the A/A arm.
        margin: same unit, above zero.
        alpha: of both tests.
        power: chance of finding either.
    """
    shift = replicates_for_difference(spread, margin, alpha, power)
    none = replicates_for_equivalence(spread, margin, alpha, power)
    return None if shift is None or none is None else max(shift, none)


def spread_at_most(spread: float, n: int, level: float = 0.8) -> float:
    """Upper limit of a standard deviation that was estimated from n differences.

    s sqrt((n - 1) / chi2 quantile); planning with it keeps the power with this confidence (Browne 1995). With three
    differences it is twice the estimate.
    """
    if n < 2:
        raise InputError("spread", f"must be of at least 2 differences but is of {n}")
    return float(spread * np.sqrt((n - 1) / stats.chi2.ppf(1 - level, n - 1)))


def _z(share: float) -> float:
    return float(special.ndtri(share))


def _fewest(power_at: Callable[[int], float], power: float, least: int, guess: float) -> int | None:
    """Smallest n of this power, sought around the guess of a normal approximation; powers rise with n."""
    if guess > MOST_REPLICATES:
        return None
    low, high, step = least, max(least, int(guess) + 1), 2
    while power_at(high) < power:
        low, high, step = high + 1, high + step, 2 * step
    while low < high and power_at(max(low, high - step)) >= power:
        high, step = max(low, high - step), 2 * step
    low = max(low, high - step)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power_at(middle) >= power else (middle + 1, high)
    return high


def _checked(n: int, alpha: float) -> None:
    if n < 2:
        raise InputError("replicates", f"must be at least 2 but are {n}")
    if not 0 < alpha < 1:
        raise InputError("alpha", f"must be in (0, 1) but is {alpha}")


def _checked_sizes(spread: float, size: float, name: str) -> None:
    if not (np.isfinite(spread) and spread >= 0):
        raise InputError("spread", f"must be zero or more but is {spread}")
    if not (np.isfinite(size) and size > 0):
        raise InputError(name, f"must be above zero but is {size}")
