"""Whether a difference is smaller than a margin: two one-sided tests, and the replicates these need."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy import stats

from benchshadow.errors import InputError

from .samples import checked

__all__ = ["replicates_for_margin", "tost"]


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


def replicates_for_margin(spread: float, margin: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Fewest replicates with which a shift of the margin's size, and the absence of any, are both found.

    Normal approximations, one replicate added for the t: ((z_{1-alpha/2} + z_power) sd / margin)^2 for the difference,
    ((z_{1-alpha} + z_{(1+power)/2}) sd / margin)^2 for the equivalence at a true difference of zero (Julious 2004).

    Args:
        spread: standard deviation of the paired difference over replicates, from the A/A arm.
        margin: same unit, above zero.
        alpha: of both tests.
        power: chance of finding either.
    """
    _checked_margin(margin)
    z = stats.norm.ppf
    quantiles = max(z(1 - alpha / 2) + z(power), z(1 - alpha) + z((1 + power) / 2))
    return max(2, int(np.ceil((quantiles * spread / margin) ** 2)) + 1)


def _checked_margin(margin: float) -> None:
    if not (np.isfinite(margin) and margin > 0):
        raise InputError("margin", f"must be above zero but is {margin}")
