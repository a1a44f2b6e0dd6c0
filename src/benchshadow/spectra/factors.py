"""The singular values and vectors of a product that is given by its factors, as an adapter gives it: scale B A."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from benchshadow.errors import InputError, TensorRefused

from .spectrum import Spectrum

__all__ = ["FactoredSpectrum", "Factors", "factored_values", "product_values"]

_WELL_CONDITIONED = 1e3


@dataclass(frozen=True, eq=False)
class Factors:
    """A matrix of small rank, scale L R, as its factors.

    Attributes:
        left: L, m x r.
        right: R, r x n.
        scale: what the product is multiplied by.
    """

    left: Float[np.ndarray, "m r"]
    right: Float[np.ndarray, "r n"]
    scale: float

    def spectrum(self, stored: str) -> Spectrum:
        """All k singular values of the product, those beyond its rank zero; nothing of it was rounded."""
        shape = (self.left.shape[0], self.right.shape[1])
        found = product_values(self.right, self.left, self.scale)[: min(shape)]
        values = np.zeros(min(shape))
        values[: len(found)] = found
        if not values[0] > 0:
            return Spectrum(np.zeros(min(shape)), shape, stored, 0.0, 0.0, "zero")
        floor = float(values[0] * max(shape) * np.finfo(np.float64).eps)
        return Spectrum(values, shape, stored, 0.0, floor, "qr of the factors float64, lapack")


@dataclass(frozen=True)
class FactoredSpectrum:
    """The thin singular value decomposition of a matrix of small rank, U diag(s) V^T.

    Attributes:
        values: singular values, largest first, in the matrix's unit; as many as its factors have room for. All others
            are zero.
        left: U, one column per value.
        right: V, one column per value.
    """

    values: Float64[np.ndarray, " k"]
    left: Float64[np.ndarray, "m k"]
    right: Float64[np.ndarray, "n k"]


def factored_values(A: Float[np.ndarray, "r n"], B: Float[np.ndarray, "m q"], scale: float) -> FactoredSpectrum:
    """Decompose scale B A in float64 without forming it.

    With B = Q_B R_B and A^T = Q_A R_A the matrix is Q_B (scale R_B R_A^T) Q_A^T, and its core has at most r x r
    entries: about r^2 (m + n) operations, where the product alone takes m n r. QR is backward stable, so a value is
    right to about 1e-15 of the product of the factors' norms: where B and A cancel each other, the values are far
    smaller than that and less of them is right. The vectors of zeros are orthonormal and otherwise arbitrary.

    Source: Golub and Van Loan, Matrix Computations (2013), section 5.4.

    Args:
        A: factor on the side of the input, r x n.
        B: factor on the side of the output, m x r.
        scale: what the product is multiplied by.

    Raises:
        TensorRefused: a factor holds a value that is not finite.
    """
    _check(A, B)
    inner, right = np.linalg.qr(A.astype(np.float64).T)
    outer, left = np.linalg.qr(B.astype(np.float64))
    U, values, Vt = np.linalg.svd(scale * (left @ right.T), full_matrices=False)
    return FactoredSpectrum(values, outer @ U, inner @ Vt.T)


def product_values(A: Float[np.ndarray, "r n"], B: Float[np.ndarray, "m q"], scale: float) -> Float64[np.ndarray, " k"]:
    """Singular values of scale B A alone, largest first; twice as fast, because no Q is formed.

    The triangles come from Cholesky factors of the Gram matrices where these are well conditioned (error eps times the
    square of the condition, at most 1e-10), from QR otherwise (Yamamoto et al. 2015).

    Args:
        A: factor on the side of the input, r x n.
        B: factor on the side of the output, m x r.
        scale: what the product is multiplied by.

    Raises:
        TensorRefused: a factor holds a value that is not finite.
    """
    _check(A, B)
    left, right = _triangle(B.astype(np.float64)), _triangle(A.astype(np.float64).T)
    return np.linalg.svd(scale * (left @ right.T), compute_uv=False)


def _check(A: np.ndarray, B: np.ndarray) -> None:
    if A.shape[0] != B.shape[1]:
        raise InputError("factors", f"must share a rank but A has {A.shape[0]} rows and B {B.shape[1]} columns")
    for name, factor in (("A", A), ("B", B)):
        if not np.isfinite(factor).all():
            raise TensorRefused(f"factor {name}", "must hold finite numbers but holds NaN or infinity")


def _triangle(matrix: Float64[np.ndarray, "a b"]) -> Float64[np.ndarray, "k b"]:
    """R of a QR decomposition, up to signs."""
    if matrix.shape[0] >= matrix.shape[1]:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            gram = matrix.T @ matrix
        if np.isfinite(gram).all():
            try:
                found = np.linalg.cholesky(gram).T
            except np.linalg.LinAlgError:
                found = None
            if found is not None and np.linalg.cond(found) < _WELL_CONDITIONED:
                return found
    return np.asarray(np.linalg.qr(matrix, mode="r"))
