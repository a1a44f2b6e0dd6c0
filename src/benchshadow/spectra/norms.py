"""How large a matrix is: Frobenius, spectral and nuclear norm, in the unit of the weights."""

from __future__ import annotations

import numpy as np

from .moments import Moments
from .registered import Reading, diagnostic
from .spectrum import Spectrum

__all__ = ["frobenius_norm", "nuclear_norm", "spectral_norm"]

_INVARIANT = {"transpose", "rotation"}


@diagnostic(
    title="Frobenius norm",
    unit="weight",
    source="sqrt(sum s^2)",
    tells_not="how the size is spread over directions, or what it does to the function",
    unaffected_by=_INVARIANT,
    random_null=True,
    level=0,
)
def frobenius_norm(matrix: Spectrum | Moments) -> Reading:
    """Root of the sum of the squared entries: sqrt(sum s^2), weight."""
    return Reading(matrix.norm, matrix.norm_error)


@diagnostic(
    title="Spectral norm",
    unit="weight",
    source="s_1",
    tells_not="anything about the other directions",
    unaffected_by=_INVARIANT,
    random_null=True,
    level=1,
)
def spectral_norm(matrix: Spectrum | Moments) -> Reading:
    """Largest singular value: s_1, weight."""
    assert matrix.top is not None, "s_1 needs level 1"
    return Reading(matrix.top, matrix.top_error)


@diagnostic(
    title="Nuclear norm",
    unit="weight",
    source="sum s",
    tells_not="size and spread apart: it grows with both",
    unaffected_by=_INVARIANT,
    random_null=True,
)
def nuclear_norm(spectrum: Spectrum) -> Reading:
    """Sum of the singular values, weight."""
    return Reading(float(np.sum(spectrum.values)), float(np.sum(spectrum.errors)))
