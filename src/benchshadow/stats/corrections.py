"""Many tests at once: Holm inside a declared family, its claims of two sides too, Benjamini-Hochberg over layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

__all__ = ["benjamini_hochberg", "holm", "holm_of_sides"]


def _checked(ps: np.ndarray) -> None:
    if not ((ps >= 0) & (ps <= 1)).all():
        raise InputError("p values", f"must be in [0, 1] but hold {ps[~((ps >= 0) & (ps <= 1))][0]}")


def holm(ps: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
    """Adjusted p values: rejecting those <= alpha errs at all in at most alpha of the families.

    Sorted, the i-th (from 0) times m - i, made monotone, at most 1 (Holm 1979). Any dependence.
    """
    _checked(ps)
    order = np.argsort(ps, kind="stable")
    steps = ps[order] * (len(ps) - np.arange(len(ps)))
    adjusted = np.empty_like(ps)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def holm_of_sides(ps: Float64[np.ndarray, " m"], claims: Sequence[Hashable]) -> Float64[np.ndarray, " m"]:
    """Holm's adjusted p values where the hypotheses of one claim cannot be true together.

    That a difference is zero and that it lies outside a margin exclude each other, so that a family of c claims never
    holds more than c true hypotheses, however many sides are tested. Sorted, each p is multiplied by the number of
    claims that still have a side which is not rejected, made monotone, at most 1 (Shaffer 1986). Rejecting those
    <= alpha errs at all, on any side, in at most alpha of the families; any dependence. With one side to every claim
    it is Holm's procedure.

    Args:
        ps: one per hypothesis.
        claims: what each hypothesis belongs to; only hypotheses that exclude each other may share one.
    """
    _checked(ps)
    if len(claims) != len(ps):
        raise InputError("claims", f"must be one per p value but are {len(claims)} for {len(ps)}")
    left, reached, adjusted = Counter(claims), 0.0, np.empty_like(ps)
    for index in np.argsort(ps, kind="stable"):
        reached = max(reached, min(1.0, float(ps[index]) * len(left)))
        adjusted[index] = reached
        left[claims[index]] -= 1
        if not left[claims[index]]:
            del left[claims[index]]
    return adjusted


def benjamini_hochberg(ps: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
    """Adjusted p values: rejecting those <= q holds the expected share of false ones among them at q.

    Sorted, the i-th (from 1) times m / i, made monotone from above (Benjamini & Hochberg 1995). Independent or
    positively dependent tests; single findings in the list are not protected.
    """
    _checked(ps)
    order = np.argsort(ps, kind="stable")
    steps = ps[order] * len(ps) / np.arange(1, len(ps) + 1)
    adjusted = np.empty_like(ps)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(steps[::-1])[::-1])
    return adjusted
