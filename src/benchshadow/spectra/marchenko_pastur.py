"""The singular values of independent noise: their law, its median and edge, and the spectrum it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64

__all__ = ["BulkFit", "edge", "fit_bulk", "margin", "median", "noise_values"]

_GRID = 8192
_TRACY_WIDOM_MEAN = -1.2065335745820
_TRACY_WIDOM_99 = 2.02344928138015
# Mean and 99th percentile of the Tracy-Widom law of order 1 (Bornemann 2010; Bejan 2005, table).
_TRACY_WIDOM_999 = 3.2724
# 99.9th percentile of the Tracy-Widom law of order 1 (Bejan 2005, table).
_LEAST_MARGIN = 1.02
# Of the edge of rounding noise, whose entries are not quite alike.
_FEWEST = 8
# A median and an edge of fewer singular values say nothing about a bulk.


@dataclass(frozen=True)
class BulkFit:
    """A Marchenko-Pastur bulk fitted to a spectrum.

    Attributes:
        sigma: standard deviation of an entry of the noise, weight.
        edge: largest singular value that such noise reaches in 99 of 100 matrices of this size, weight.
        outliers: number of singular values above it.
    """

    sigma: float
    edge: float
    outliers: int


@lru_cache(maxsize=256)
def _law(aspect: float) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of X X^T / N in rising order and the law's distribution function there, aspect = k / N <= 1.

    With lambda = 1 + aspect - 2 sqrt(aspect) cos(phi) the density in phi is (2 / pi) sin(phi)^2 / lambda, without the
    square-root edges.
    """
    phi = (np.arange(_GRID) + 0.5) * np.pi / _GRID
    eigenvalues = 1 + aspect - 2 * np.sqrt(aspect) * np.cos(phi)
    mass = np.sin(phi) ** 2 / eigenvalues
    cumulative = np.cumsum(mass) - mass / 2
    return eigenvalues, cumulative / mass.sum()


def median(aspect: float) -> float:
    """Median of the Marchenko-Pastur law for X X^T / N with entries of variance one, aspect = k / N in (0, 1]."""
    eigenvalues, distribution = _law(aspect)
    return float(np.interp(0.5, distribution, eigenvalues))


def edge(shape: tuple[int, int], tracy_widom: float = _TRACY_WIDOM_99) -> float:
    """Largest singular value of an m x n matrix of unit-variance noise, at a value of the Tracy-Widom variable.

    s_1^2 = (a + b)^2 + w (a + b) (1/a + 1/b)^(1/3) with a = sqrt(m - 1), b = sqrt n, m the longer side (Johnstone
    2001); by default w is the 99th percentile of the law of order 1.
    """
    long, short = max(shape), min(shape)
    if long == 1:
        return float(np.sqrt(max(1 + tracy_widom, 0.0)))
    a, b = np.sqrt(long - 1), np.sqrt(short)
    return float(np.sqrt(max((a + b) ** 2 + tracy_widom * (a + b) * (1 / a + 1 / b) ** (1 / 3), 0.0)))


def margin(shape: tuple[int, int]) -> float:
    """Factor on sqrt(v) (sqrt m + sqrt n) that one noise matrix in a thousand exceeds, and at least 1.02.

    In small matrices the largest singular value varies by more than that: 1.06 at 64 x 64, 1.02 from 310 x 310.
    """
    law = edge(shape, _TRACY_WIDOM_999) / (np.sqrt(shape[0]) + np.sqrt(shape[1]))
    return max(_LEAST_MARGIN, float(law))


def fit_bulk(values: Float64[np.ndarray, " k"], shape: tuple[int, int], floor: float = 0.0) -> BulkFit | None:
    """Marchenko-Pastur bulk with sigma from the median singular value, outliers taken out until nothing changes.

    sigma = median(s) / sqrt(N mu), N the longer side and mu the median of the law (Gavish & Donoho 2014); with r
    outliers taken out, of a matrix of r fewer rows and columns. None where fewer than eight singular values are left or
    their median lies at or below `floor`. It does not tell that the bulk *is* noise: trained weights have bulks too.
    """
    if len(values) < _FEWEST:
        return None
    outliers = 0
    while True:
        short, long = min(shape) - outliers, max(shape) - outliers
        middle = float(np.median(values[outliers:]))
        if middle <= floor or short < _FEWEST:
            return None
        sigma = middle / np.sqrt(long * median(short / long))
        top = sigma * edge((long, short))
        above = int(np.count_nonzero(values > top))
        if above <= outliers:
            return BulkFit(float(sigma), float(top), above)
        outliers = above


@lru_cache(maxsize=256)
def noise_values(shape: tuple[int, int]) -> Float64[np.ndarray, " k"]:
    """The singular values, largest first, that a Gaussian matrix of this shape has in the mean, scaled to norm one.

    Quantiles (i - 1/2) / k of the Marchenko-Pastur law; the largest is the mean of the Tracy-Widom law.
    """
    short, long = min(shape), max(shape)
    eigenvalues, distribution = _law(short / long)
    levels = (np.arange(short, 0, -1) - 0.5) / short
    values = np.sqrt(np.interp(levels, distribution, eigenvalues) * long)
    if short > 1:
        values[0] = max(edge(shape, _TRACY_WIDOM_MEAN), values[1])
    values /= np.sqrt(np.sum(values**2))
    values.setflags(write=False)
    return values
