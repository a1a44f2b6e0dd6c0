"""Whether more of a dose gives more of an effect: Page's test for ordered alternatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import stats

from benchshadow.errors import InputError

__all__ = ["Trend", "page_trend"]


@dataclass(frozen=True)
class Trend:
    """Outcome of Page's test.

    Attributes:
        statistic: L, the sum over doses of dose rank times rank sum.
        p: one-sided, for values that rise with the dose.
        method: "exact" or "asymptotic".
    """

    statistic: float
    p: float
    method: str


def page_trend(table: Float64[np.ndarray, "replicates doses"]) -> Trend:
    """Page's L for values that rise from the first dose to the last within each replicate (Page 1963).

    One-sided; for falling values give the table with its sign reversed. It tells of a trend in the order, not of
    monotony at every step nor of its form.

    Args:
        table: a row per replicate, at least two, and a column per dose in rising order, at least three.
    """
    if table.shape[0] < 2 or table.shape[1] < 3:
        size = f"{table.shape[0]} x {table.shape[1]}"
        raise InputError("table", f"must have at least 2 replicates and 3 doses but is {size}")
    if not np.isfinite(table).all():
        raise InputError("table", "must be finite but holds NaN or infinite values")
    found = stats.page_trend_test(table)
    return Trend(float(found.statistic), float(found.pvalue), str(found.method))
