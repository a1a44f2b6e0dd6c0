"""A power law fitted to the upper tail of the eigenvalues: exponent, start, distance and uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

__all__ = ["TailFit", "fit_tail"]

FEWEST_POINTS = 10
"""Tails of fewer points are not fitted; Clauset, Shalizi & Newman warn below about fifty."""
_CANDIDATES = 200


@dataclass(frozen=True)
class TailFit:
    """p(lambda) ~ lambda^-exponent above `start`.

    Attributes:
        exponent: alpha, maximum likelihood.
        start: x_min, in the unit of the eigenvalues.
        distance: Kolmogorov-Smirnov distance between the tail and the fit.
        points: number of eigenvalues at or above the start.
        error: standard error of the exponent, (alpha - 1) / sqrt(points).
    """

    exponent: float
    start: float
    distance: float
    points: int
    error: float


def fit_tail(eigenvalues: Float64[np.ndarray, " k"]) -> TailFit | None:
    """Power-law tail by maximum likelihood, its start where the Kolmogorov-Smirnov distance is smallest.

    alpha = 1 + n / sum ln(lambda_i / x_min) over lambda_i >= x_min; the candidates for x_min are up to 200 of the
    eigenvalues themselves, spaced evenly in their logarithm, each leaving at least ten points (Clauset, Shalizi &
    Newman 2009). None with fewer than ten positive eigenvalues or where they are all equal. It does not tell that a
    power law is right: compare the distance with others.

    Args:
        eigenvalues: in any order; those that are not positive are left out.
    """
    logs = np.sort(np.log(eigenvalues[eigenvalues > 0]))
    count = len(logs)
    if count < FEWEST_POINTS:
        return None
    starts = _candidates(logs)
    points = count - starts
    excess = np.cumsum(logs[::-1])[::-1][starts] - points * logs[starts]
    keep = excess > 1e-12 * points
    starts, points, excess = starts[keep], points[keep], excess[keep]
    if not len(starts):
        return None
    exponents = 1 + points / excess
    distances = _distances(logs, starts, exponents)
    best = int(np.argmin(distances))
    alpha, n = float(exponents[best]), int(points[best])
    return TailFit(alpha, float(np.exp(logs[starts[best]])), float(distances[best]), n, (alpha - 1) / n**0.5)


def _candidates(logs: np.ndarray) -> np.ndarray:
    """Indices into the sorted logarithms: the first eigenvalue at or above each of 200 evenly spaced levels."""
    last = len(logs) - FEWEST_POINTS
    if last < _CANDIDATES:
        indices = np.arange(last + 1)
    else:
        indices = np.searchsorted(logs, np.linspace(logs[0], logs[last], _CANDIDATES))
    return np.unique(np.searchsorted(logs, logs[np.minimum(indices, last)]))


def _distances(logs: np.ndarray, starts: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    """Two-sided Kolmogorov-Smirnov distance of every candidate's tail from its fit."""
    count, distances = len(logs), np.empty(len(starts))
    ranks = np.arange(count)
    # Rows of one chunk hold about a million entries, whatever the number of eigenvalues.
    rows = max(1, 1_000_000 // count)
    for first in range(0, len(starts), rows):
        chunk = slice(first, first + rows)
        begin, slope = starts[chunk, None], (exponents[chunk, None] - 1)
        left = int(begin.min())
        tail = ranks[None, left:] - begin
        model = -np.expm1(-slope * np.maximum(logs[None, left:] - logs[begin], 0.0))
        size = count - begin
        gap = np.maximum(model - tail / size, (tail + 1) / size - model)
        distances[chunk] = np.where(tail >= 0, gap, 0.0).max(axis=1)
    return distances
