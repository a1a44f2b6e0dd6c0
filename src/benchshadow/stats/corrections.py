"""Many tests at once: Holm inside a declared family, Benjamini-Hochberg over layers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

__all__ = ["benjamini_hochberg", "holm"]


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
