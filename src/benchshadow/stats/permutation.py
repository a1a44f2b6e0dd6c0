"""Whether paired differences favour one sign: the exact sign-flip test, its floor, and what a family needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

from .samples import checked

__all__ = ["MOST", "Permutation", "p_floor", "replicates_needed", "sign_flip"]

MOST = 24
"""Replicates whose patterns of signs are all counted: 2^24 of them."""
_ALTERNATIVES = ("two-sided", "greater", "less")


@dataclass(frozen=True)
class Permutation:
    """The outcome of an exact permutation test.

    Attributes:
        p: share of the sign patterns that are at least as extreme as the one observed.
        floor: the smallest p that so many replicates can give.
        n: number of replicates.
    """

    p: float
    floor: float
    n: int


def p_floor(n: int, alternative: str = "two-sided") -> float:
    """Smallest p of a sign-flip test on n replicates: 2 / 2^n, one-sided 1 / 2^n."""
    return min(1.0, (2 if alternative == "two-sided" else 1) * 0.5**n)


def sign_flip(differences: Float64[np.ndarray, " n"], alternative: str = "two-sided") -> Permutation:
    """Exact test that paired differences are symmetric about zero, by all 2^n patterns of signs.

    p = share of the patterns whose mean is at least as extreme as the observed one (Fisher 1935). Its size is exact for
    every distribution that is symmetric under the null; it does not tell how large the difference is.

    Args:
        differences: one per replicate, at most 24.
        alternative: "two-sided", "greater" (mean above zero) or "less".
    """
    checked(differences, "differences", 1)
    n = len(differences)
    if alternative not in _ALTERNATIVES:
        raise InputError("alternative", f"must be one of {', '.join(_ALTERNATIVES)} but is {alternative!r}")
    if n > MOST:
        raise InputError("differences", f"must hold at most {MOST} values for an exact test but holds {n}")
    sums = np.zeros(1)
    for value in differences:
        sums = np.concatenate([sums + value, sums - value])
    observed = float(differences.sum())
    # Patterns that tie on paper must not be told apart by the last bits of a sum.
    slack = 1e-12 * float(np.abs(differences).sum())
    if alternative == "two-sided":
        extreme = np.abs(sums) >= abs(observed) - slack
    else:
        sign = 1 if alternative == "greater" else -1
        extreme = sign * sums >= sign * observed - slack
    return Permutation(float(extreme.mean()), p_floor(n, alternative), n)


def replicates_needed(family: int, alpha: float = 0.05) -> int:
    """Fewest replicates at which a family of two-sided sign-flip tests reaches alpha under Holm: m 2 / 2^n <= alpha."""
    if family < 1:
        raise InputError("family", f"must hold at least one test but holds {family}")
    if not 0 < alpha < 1:
        raise InputError("alpha", f"must be in (0, 1) but is {alpha}")
    n = 1
    while family * p_floor(n) > alpha:
        n += 1
    return n
