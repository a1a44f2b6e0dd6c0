"""How many directions the states of a model use, how fast they decay, and how alike two models' states are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

from .marchenko_pastur import noise_values

__all__ = [
    "FEWEST_TEXTS", "Decay", "centred", "cka", "debiased_cka", "decay_exponent", "evened", "gram_rank",
    "rank_of_noise", "rankme",
]  # fmt: skip

FIRST = 3
"""First rank of the fit of `decay_exponent`: the few before it hold what all texts share."""
FEWEST_POINTS = 5
FEWEST_TEXTS = 4
"""Fewest texts of `debiased_cka`, whose estimate divides by n - 3."""
_ROUNDING = 1e-12  # energy, as a share of the largest, below which a direction is not told from zero


@dataclass(frozen=True)
class Decay:
    """A power law through a part of a spectrum: eigenvalue i is about i^-exponent.

    Attributes:
        exponent: alpha, without unit.
        first: first rank of the fit, counted from one.
        last: last rank of the fit.
    """

    exponent: float
    first: int
    last: int


def centred(states: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    """States less their mean over the texts."""
    return states - states.mean(axis=0)


def rankme(states: Float64[np.ndarray, "n d"]) -> float | None:
    """Effective rank of a matrix of states: exp(-sum p ln p), p = s / sum s, dimensions (Garrido et al. 2023).

    It is `effective_rank` of another matrix, not centred, so what all texts share counts as one strong direction; of
    the centred states it tells how the texts differ. None where every state is zero. It cannot exceed min(n, d), so
    values at other numbers of texts do not compare, and more is not better by itself: noise has the highest rank.

    Args:
        states: one row per text.
    """
    return _perplexity(np.linalg.svd(_checked(states), compute_uv=False))


def rank_of_noise(shape: tuple[int, int]) -> float:
    """The `rankme` of independent normal numbers, from the Marchenko-Pastur quantiles: as high as states can come.

    Args:
        shape: texts and width of the states.
    """
    found = _perplexity(noise_values(shape))
    assert found is not None, "noise is not zero"
    return found


def gram_rank(gram: Float64[np.ndarray, "n n"]) -> float | None:
    """Effective rank, as `rankme` defines it, of a matrix of n rows that is known by its rows' inner products.

    None where all rows are zero. Squares cost half of the digits: singular values below 1e-6 of the first are left out.

    Args:
        gram: inner products of the rows, symmetric.
    """
    energies = np.maximum(np.linalg.eigvalsh(_checked(gram))[::-1], 0.0)
    return _perplexity(np.sqrt(np.where(energies > _ROUNDING * energies[0], energies, 0.0)))


def evened(gram: Float64[np.ndarray, "n n"]) -> Float64[np.ndarray, "n n"]:
    """Inner products of the same rows, each scaled to length one; a row of zeros stays.

    Of its `gram_rank` a few long rows are no larger part than the short ones.

    Args:
        gram: inner products of the rows, symmetric.
    """
    lengths = np.sqrt(np.maximum(np.diag(gram), 0.0))
    unit = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return gram * unit[:, None] * unit


def _perplexity(values: np.ndarray) -> float | None:
    if not values[0] > 0:
        return None
    shares = values / values[0]
    shares = shares[shares > 0] / shares.sum()
    return float(np.exp(-np.sum(shares * np.log(shares))))


def decay_exponent(states: Float64[np.ndarray, "n d"]) -> Decay | None:
    """Exponent of the decay of the covariance's eigenvalues, lambda_i ~ i^-alpha (alpha-ReQ, Agrawal et al. 2022).

    Least squares of ln lambda on ln i with weights 1 / i, so that every octave of ranks counts alike (Stringer et al.
    2019), from rank 3 to half of min(n - 1, d): the lower half of a sample's eigenvalues is bent down by the number of
    texts. None with fewer than five such ranks above rounding. It does not tell that a power law is right, and with few
    texts alpha is too large: compare it at equal n only.

    Args:
        states: one row per text.
    """
    energies = np.linalg.svd(centred(_checked(states)), compute_uv=False) ** 2
    above = int(np.count_nonzero(energies > _ROUNDING * energies[0])) if energies[0] > 0 else 0
    last = min(min(len(states) - 1, states.shape[1]) // 2, above)
    if last - FIRST + 1 < FEWEST_POINTS:
        return None
    ranks = np.arange(FIRST, last + 1)
    x, y, weights = np.log(ranks), np.log(energies[FIRST - 1 : last]), 1 / ranks
    weights = weights / weights.sum()
    x, y = x - weights @ x, y - weights @ y
    return Decay(-float((weights * x) @ y / ((weights * x) @ x)), FIRST, last)


def cka(one: Float64[np.ndarray, "n d"], other: Float64[np.ndarray, "n e"]) -> float | None:
    """Linear centred kernel alignment of two models' states of the same texts, in [0, 1] (Kornblith et al. 2019).

    HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with K = X X', L = Y Y' and the centred states X, Y. Orthogonal maps and
    common factors leave it as it is. Its bias grows with d / n: states that have nothing to do with each other come
    near 1 where the texts are few, so read `debiased_cka` beside it. None where one side does not vary.

    Args:
        one: one row per text.
        other: rows of the same texts in the same order.
    """
    x, y = centred(_checked(one)), centred(_checked(other))
    return _aligned(np.sum((x @ x.T) * (y @ y.T)), np.sum((x @ x.T) ** 2), np.sum((y @ y.T) ** 2))


def debiased_cka(one: Float64[np.ndarray, "n d"], other: Float64[np.ndarray, "n e"]) -> float | None:
    """Linear CKA with the unbiased estimate of HSIC, near 0 for unrelated states at any n and below 0 by chance.

    With zero diagonals, HSIC(K, L) = [tr(K L) + 1'K1 1'L1 / ((n - 1)(n - 2)) - 2 / (n - 2) 1'K L 1] / (n (n - 3)) (Song
    et al. 2012; Murphy, Zylberberg & Fyshe 2024). The ratio of unbiased estimates is itself nearly, not exactly,
    unbiased. None with fewer than four texts, or where one side's own estimate is not positive.

    Args:
        one: one row per text.
        other: rows of the same texts in the same order.
    """
    if len(one) < FEWEST_TEXTS:
        return None
    # Centring first changes nothing on paper and spares digits where the states share a large mean.
    x, y = centred(_checked(one)), centred(_checked(other))
    k, l = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0.0)
    np.fill_diagonal(l, 0.0)
    return _aligned(_unbiased(k, l), _unbiased(k, k), _unbiased(l, l))


def _unbiased(k: np.ndarray, l: np.ndarray) -> float:
    """The bracket of the unbiased estimate; its factor 1 / (n (n - 3)) cancels in the ratio."""
    n = len(k)
    rows, columns = k.sum(axis=0), l.sum(axis=0)
    return float(np.sum(k * l) + rows.sum() * columns.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (rows @ columns))


def _aligned(both: float, one: float, other: float) -> float | None:
    if not (one > 0 and other > 0):
        return None
    return float(both / np.sqrt(one) / np.sqrt(other))


def _checked(states: np.ndarray) -> np.ndarray:
    if not states.size or not np.isfinite(states).all():
        rows, columns = states.shape
        what = "is empty" if not states.size else "is not"
        raise InputError("states", f"must be a matrix of finite numbers but one of {rows} x {columns} {what}")
    return states
