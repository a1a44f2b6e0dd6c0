"""Whether a difference is smaller than a margin: two one-sided tests."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy import stats

from benchshadow.errors import InputError

from .samples import checked, spread

__all__ = ["equivalence", "tost"]


def tost(differences: Float64[np.ndarray, " n"], margin: float) -> float:
    """Test of the hypothesis that the mean difference lies outside (-margin, margin): its p.

    The larger p of two one-sided t tests (Schuirmann 1987); a small one is equivalence. It means nothing
    unless the margin was fixed beforehand.

    Args:
        differences: one per replicate.
        margin: in the unit of the differences, above zero.
    """
    checked(differences, "differences", 2)
    _checked_margin(margin)
    n, mean = len(differences), float(differences.mean())
    error = float(differences.std(ddof=1)) / np.sqrt(n)
    if error == 0:
        return 0.0 if abs(mean) < margin else 1.0
    return float(stats.t.sf((margin - abs(mean)) / error, n - 1))


def equivalence(differences: Float64[np.ndarray, " n"], aa: Float64[np.ndarray, " a"], margin: float) -> float:
    """The p of TOST for a measure that can move; 1 where it never did.

    Where neither the arm's differences nor those of a second draw vary at all, the measure stands at its floor or its
    ceiling (no item right in any run), and that nothing differs there shows nothing.

    Args:
        differences: one per unit of inference.
        aa: A/A differences.
        margin: in the same unit, above zero.
    """
    if spread(differences) == 0 and not checked(aa, "A/A differences", 1).any() and not differences.any():
        _checked_margin(margin)
        return 1.0
    return tost(differences, margin)


def _checked_margin(margin: float) -> None:
    if not (np.isfinite(margin) and margin > 0):
        raise InputError("margin", f"must be above zero but is {margin}")
