"""How large a matrix is: Frobenius, spectral and nuclear norm, in the unit of the weights."""

from __future__ import annotations

import numpy as np

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
)
def frobenius_norm(spectrum: Spectrum) -> Reading:
    """Root of the sum of the squared entries: sqrt(sum s^2), weight."""
    slack = np.sum(spectrum.values / (spectrum.norm or 1.0) * spectrum.errors)
    return Reading(spectrum.norm, float(slack))


@diagnostic(
    title="Spectral norm",
    unit="weight",
    source="s_1",
    tells_not="anything about the other directions",
    unaffected_by=_INVARIANT,
    random_null=True,
)
def spectral_norm(spectrum: Spectrum) -> Reading:
    """Largest singular value: s_1, weight."""
    return Reading(float(spectrum.values[0]), float(spectrum.errors[0]))


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
