"""What form a spectrum has: the power law of its tail, and the noise-like bulk with the outliers above it."""

from __future__ import annotations

import numpy as np

from .marchenko_pastur import BulkFit
from .registered import Reading, Undefined, diagnostic
from .spectrum import Spectrum
from .tails import FEWEST_POINTS, TailFit

__all__ = [
    "bulk_edge",
    "outlier_energy",
    "outliers",
    "tail_distance",
    "tail_exponent",
    "tail_exponent_error",
    "tail_points",
    "weighted_alpha",
]

_SCALE_FREE = {"scale", "transpose", "rotation"}
_ABSOLUTE = {"transpose", "rotation"}
_TAIL = "Clauset, Shalizi & Newman 2009; Martin & Mahoney 2021"
_BULK = "Marchenko & Pastur 1967; sigma from the median: Gavish & Donoho 2014; edge: Johnstone 2001"


def _tail(spectrum: Spectrum) -> TailFit | Undefined:
    if spectrum.is_zero:
        return Undefined("every entry is zero")
    if spectrum.tail is None:
        return Undefined(f"fewer than {FEWEST_POINTS} distinct singular values above the floor")
    return spectrum.tail


def _bulk(spectrum: Spectrum) -> BulkFit | Undefined:
    if spectrum.is_zero:
        return Undefined("every entry is zero")
    if spectrum.bulk is None:
        return Undefined("no bulk: fewer than 8 singular values, or more than half of them at the floor")
    return spectrum.bulk


@diagnostic(
    title="Tail exponent",
    unit="-",
    source=_TAIL,
    tells_not="whether a power law is right; see tail_distance and tail_points",
    unaffected_by=_SCALE_FREE,
)
def tail_exponent(spectrum: Spectrum) -> Reading | Undefined:
    """The alpha of p(lambda) ~ lambda^-alpha on lambda = s^2, maximum likelihood above the best x_min."""
    fit = _tail(spectrum)
    return fit if isinstance(fit, Undefined) else Reading(fit.exponent)


@diagnostic(
    title="Distance of the tail from its power law",
    unit="-",
    source=_TAIL,
    tells_not="a p-value: the distance was minimised over x_min",
    unaffected_by=_SCALE_FREE,
)
def tail_distance(spectrum: Spectrum) -> Reading | Undefined:
    """Kolmogorov-Smirnov distance between the tail of the eigenvalues and the power law fitted to it."""
    fit = _tail(spectrum)
    return fit if isinstance(fit, Undefined) else Reading(fit.distance)


@diagnostic(
    title="Points in the tail",
    unit="count",
    source=_TAIL,
    tells_not="anything of the eigenvalues below x_min",
    unaffected_by=_SCALE_FREE,
)
def tail_points(spectrum: Spectrum) -> Reading | Undefined:
    """Number of eigenvalues at or above the start of the tail."""
    fit = _tail(spectrum)
    return fit if isinstance(fit, Undefined) else Reading(float(fit.points))


@diagnostic(
    title="Standard error of the tail exponent",
    unit="-",
    source=_TAIL,
    tells_not="the uncertainty of x_min, which it takes as given",
    unaffected_by=_SCALE_FREE,
)
def tail_exponent_error(spectrum: Spectrum) -> Reading | Undefined:
    """(alpha - 1) / sqrt(points in the tail)."""
    fit = _tail(spectrum)
    return fit if isinstance(fit, Undefined) else Reading(fit.error)


@diagnostic(
    title="Weighted alpha",
    unit="-",
    source="Martin, Peng & Mahoney 2021",
    tells_not="form and size of a spectrum apart",
    unaffected_by=_ABSOLUTE,
)
def weighted_alpha(spectrum: Spectrum) -> Reading | Undefined:
    """Tail exponent and scale in one: alpha log10(lambda_max), lambda_max = s_1^2 in weight^2."""
    fit = _tail(spectrum)
    return fit if isinstance(fit, Undefined) else Reading(fit.exponent * 2 * float(np.log10(spectrum.values[0])))


@diagnostic(
    title="Edge of the bulk",
    unit="weight",
    source=_BULK,
    tells_not="that the bulk is noise",
    unaffected_by=_ABSOLUTE,
)
def bulk_edge(spectrum: Spectrum) -> Reading | Undefined:
    """Largest singular value that noise with the bulk's sigma reaches in 99 of 100 matrices, weight."""
    fit = _bulk(spectrum)
    return fit if isinstance(fit, Undefined) else Reading(fit.edge)


@diagnostic(
    title="Outliers above the bulk",
    unit="count",
    source=_BULK,
    tells_not="directions that hide inside the bulk",
    unaffected_by=_SCALE_FREE,
)
def outliers(spectrum: Spectrum) -> Reading | Undefined:
    """Number of singular values above the edge of the bulk."""
    fit = _bulk(spectrum)
    return fit if isinstance(fit, Undefined) else Reading(float(fit.outliers))


@diagnostic(
    title="Energy of the outliers",
    unit="share",
    source=_BULK,
    tells_not="how much of that energy noise has lent to the outliers",
    unaffected_by=_SCALE_FREE,
)
def outlier_energy(spectrum: Spectrum) -> Reading | Undefined:
    """Share of the energy in the singular values above the edge of the bulk."""
    fit = _bulk(spectrum)
    return fit if isinstance(fit, Undefined) else Reading(float(np.sum(spectrum.energies[: fit.outliers])))
