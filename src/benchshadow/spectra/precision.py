"""What float32 carries and what it does not: the error of singular values from a Gram matrix, and when to use more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .tails import TailFit

__all__ = ["TINY", "carries", "first_kind", "floor", "gram_error", "norm_error", "value_errors"]

TINY = 4096
"""Entries up to which a matrix is decomposed itself: its Gram matrix would save nothing."""
_EPS = {kind: float(np.finfo(kind).eps) for kind in ("float32", "float64")}
_SHORTEST_IN_FLOAT32 = 384
# Largest error of an eigenvalue of a float32 Gram matrix in units of eps lambda_1, over 60 spectra (flat, linear, power
# laws, exponentials, one or eight strong directions on a floor, Gaussian) of 400 x 400 to 8000 x 700: 11 where all
# eigenvalues are near the first, 7 below a tenth of s_1, 0.2 to 3 for all decaying spectra.
_BOUND_32 = 16.0
_USUAL = 2.0
# The ranks are promised to 1e-5. In float64 the estimate below, in which errors of either sign add up, stood a hundred
# times above their true error. In float32 it depends on how far above eps lambda_1 an eigenvalue lies: over 85
# spectra of five shapes (those named, and changes between bfloat16 matrices) the sum of these shares of the estimate
# stood no lower than seven tenths of the true error. Of the second class an eighth is needed where a few dozen values
# end a long fall of the spectrum: their errors have one sign.
_ALLOWED = {"float32": 7.5e-6, "float64": 3e-6}
_SHARES_32 = ((0.0, 1 / 2), (2.0, 1 / 8), (16.0, 1 / 200), (1000.0, 1 / 30))
_SQUARE = 1.5
_COUNT_SHARE = 1e-3
_TAIL = 3e-4


def first_kind(shape: tuple[int, int], stored: Sequence[str], level: int) -> str:
    """The type to try first: float32 where it saves time, where the stored types fit in it, and where it may carry.

    Nearly square matrices have singular values down to zero, and float32 leaves too few digits of these: of square
    weights half had to be read again, of square changes between bfloat16 weights all. Moments need no small values.
    """
    short, long = min(shape), max(shape)
    hopeless = level >= 2 and long < _SQUARE * short
    return "float64" if short < _SHORTEST_IN_FLOAT32 or "float64" in stored or hopeless else "float32"


def gram_error(shape: tuple[int, int], kind: str) -> float:
    """Bound d on the error of an eigenvalue of a Gram matrix, in units of lambda_1.

    In float64 2 sqrt(max(m, n)) eps, three times the largest seen up to 1500 x 1500; in float32, whose iteration runs
    in float64, 16 eps.
    """
    return _BOUND_32 * _EPS[kind] if kind == "float32" else float(2 * np.sqrt(max(shape)) * _EPS[kind])


def norm_error(kind: str) -> float:
    """Relative error of a Frobenius norm summed over strips in a type."""
    return 32 * _EPS[kind]


def value_errors(relative: np.ndarray, shape: tuple[int, int], kind: str) -> np.ndarray:
    """Bound on the absolute error of values s / s_1 from a Gram matrix: min(sqrt d, d / 2 s)."""
    error = gram_error(shape, kind)
    return np.minimum(np.sqrt(error), error / (2 * np.maximum(relative, _EPS["float64"])))


def floor(shape: tuple[int, int], kind: str) -> float:
    """Value, in units of s_1, below which a computed one is not told from zero."""
    if kind == "svd":
        return max(shape) * _EPS["float64"]
    return float(np.sqrt(_USUAL * _EPS[kind] if kind == "float32" else max(shape) * _EPS[kind]))


def carries(relative: np.ndarray, kind: str, edge: float, lowest: float, tail: TailFit | None) -> bool:
    """Whether values from a Gram matrix of a type carry every number that is reported of them.

    Ranks must hold to 1e-5, the tail and counts to 1e-3.

    Args:
        relative: values in units of s_1, largest first.
        kind: "float32" or "float64".
        edge: of the rounding noise, from which ranks count, in units of s_1.
        lowest: the floor of these values, in units of s_1.
        tail: of the eigenvalues in units of lambda_1.
    """
    if _entropy_error(relative, kind) > _ALLOWED[kind]:
        return False
    return kind == "float64" or (_counts_hold(relative, edge, lowest) and _tail_holds(relative, tail))


def _entropy_error(relative: np.ndarray, kind: str) -> float:
    """Estimated relative error of the effective rank of values from a Gram matrix, first order.

    Of the numbers we report it suffers most from small values, known to about eps s_1^2 / 2 s_i.
    """
    eps = _EPS[kind]
    slack = np.minimum(np.sqrt(eps), eps / (2 * np.maximum(relative, eps)))
    total = relative.sum()
    logs = np.log(np.maximum(relative, slack) / total)
    entropy = -np.sum(relative / total * logs)
    if kind == "float32":
        starts, shares = zip(*_SHARES_32, strict=True)
        slack *= np.array(shares)[np.searchsorted(starts, relative**2 / eps, side="right") - 1]
        # A value in the first class may be a zero, and all of it error: nine tenths where 7.5e-6 stand for 1e-5, and
        # entropy grows by a seventh more than its slope tells.
        lost = np.maximum(slack, 0.9 * relative)
        slack = np.where(relative**2 < starts[1] * eps, lost, slack)
    return float(np.sum(np.abs(logs + entropy) * slack / total))


def _counts_hold(relative: np.ndarray, edge: float, lowest: float) -> bool:
    """Whether at most one value in a thousand may lie on either side of the edge that ranks count from."""
    usual, threshold = _USUAL * _EPS["float32"], max(edge, lowest)
    errors = np.minimum(np.sqrt(usual), usual / (2 * np.maximum(relative, usual)))
    undecided = np.abs(relative - threshold) <= errors
    if edge < lowest:
        undecided |= relative < threshold
    return int(np.count_nonzero(undecided)) <= max(1.0, _COUNT_SHARE * len(relative))


def _tail_holds(relative: np.ndarray, tail: TailFit | None) -> bool:
    """Whether the exponent of the tail, where there is one, is known to three digits.

    d alpha = (alpha - 1)^2 times the mean of d ln s^2 over the tail, taken at its root mean square.
    """
    if tail is None:
        return True
    inside = relative[relative**2 >= tail.start]
    slack = np.sqrt(np.mean((_USUAL * _EPS["float32"] / inside**2) ** 2)) if len(inside) else 0.0
    return bool((tail.exponent - 1) ** 2 * slack <= _TAIL * tail.exponent)
