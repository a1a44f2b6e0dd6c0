"""The Vendi score: how many texts that have nothing in common would be as diverse as these."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError
from benchshadow.spectra.lapack import add_gram, symmetric_eigenvalues

__all__ = ["ORDERS", "entropy_number", "kernel_spectra", "kernel_spectrum", "vendi"]

ORDERS = (0.5, 1.0, 2.0, math.inf)
"""From one that rare texts move to one that the commonest kind decides alone."""


def vendi(embeddings: Float64[np.ndarray, "n d"], q: float = 1.0) -> float:
    """Vendi score of order q, in texts, from 1 to min(n, d).

    exp of the Renyi entropy of order q of the eigenvalues of K / n, K the cosine kernel of the rows (Friedman & Dieng
    2023; Pasarkar & Dieng 2024 for the orders). The dimension of the embedding caps it, and only scores at equal n and
    in one embedding compare. Of order 1 it is the energy rank of the matrix of rows of unit length. It tells spread in
    the embedding, not quality; texts of many lengths and formats on one subject score high.

    Args:
        embeddings: one row per text, not zero; rows are brought to unit length.
        q: order, 0 or above; inf for the inverse of the largest eigenvalue.
    """
    return entropy_number(kernel_spectrum(embeddings), q)


def kernel_spectrum(embeddings: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " k"]:
    """Eigenvalues of K / n, largest first, k = min(n, d); they sum to one.

    From the smaller of the two Gram matrices, which share them; what lies below k eps of the largest is rounding and
    becomes zero.

    Raises:
        InputError: there is no row, or a row is zero or not finite and so has no cosine.
    """
    n, d = embeddings.shape
    squares = np.einsum("ij,ij->i", embeddings, embeddings)
    known = np.isfinite(squares) & (squares > 0)
    if not n or not known.all():
        wrong = int(np.count_nonzero(~known))
        raise InputError("embeddings", f"must be rows with a direction but {wrong} of {n} have none")
    scales, gram = 1 / np.sqrt(squares), np.zeros((min(n, d),) * 2)
    if d < n:
        add_gram(gram, embeddings * scales[:, None], wide=False)
    else:
        add_gram(gram, np.ascontiguousarray(embeddings, np.float64), wide=True)
        gram *= scales[:, None]
        gram *= scales
    gram /= n
    values = symmetric_eigenvalues(gram, overwrite=True)[::-1]
    return np.where(values > values[0] * len(values) * np.finfo(np.float64).eps, values, 0.0)


def kernel_spectra(draws: Iterable[Float64[np.ndarray, "n d"]]) -> list[Float64[np.ndarray, " k"]]:
    """`kernel_spectrum` of each draw, on all cores; one thread a draw, so that their number changes no bit."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(kernel_spectrum, draws))


def entropy_number(shares: Float64[np.ndarray, " k"], q: float) -> float:
    """Exponential of the Renyi entropy of order q: the number of equal shares that would have it (Hill 1973).

    (sum p^q)^(1 / (1 - q)); exp(-sum p ln p) for q = 1; 1 / max p for q = inf; the number of shares for q = 0.
    """
    if not q >= 0:
        raise InputError("the order of an entropy", f"must be 0 or above but is {q}")
    p = shares[shares > 0]
    if q == 1:
        return float(np.exp(-np.sum(p * np.log(p))))
    if q == math.inf:
        return float(1 / p.max())
    return float(np.sum(p**q) ** (1 / (1 - q)))
