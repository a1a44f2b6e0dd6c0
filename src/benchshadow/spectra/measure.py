"""Every registered diagnostic of a spectrum or of a change, each beside its nulls."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import NamedTuple

from benchshadow._registry import Diagnostic

from .directions import SIDES
from .marchenko_pastur import noise_values
from .moments import Moments
from .registered import Reading, Undefined, diagnostic
from .spectrum import Spectrum
from .update import Update

__all__ = ["Measure", "diagnostics", "measure_change", "measure_matrix"]

# Importing them is what fills the registry, in this order.
for _theme in ("norms", "ranks", "form", "comparison", "resolution", "turning"):
    import_module(f".{_theme}", __package__)


class Measure(NamedTuple):
    """One measured value and what it must be read beside.

    Attributes:
        diagnostic: registered name, or that name with "_share": divided by k = min(m, n).
        parameter: the q or r, None where there is none.
        value: None where undefined, never a sentinel.
        unit: of the value.
        method: how it was computed.
        error_bound: first-order bound on the numerical error, same unit; None where not known.
        null_rounding: the value that rounding alone would give, of the widest rounding declared; closed form, even
            profiles only.
        null_random: the value of a Gaussian matrix of the same shape and norm.
        side: "tuned" or "both", the sides taken as rounded; "left" or "right" of singular vectors; None elsewhere.
        reason: why there is no value; or, beside a value, that it is not resolved.
    """

    diagnostic: str
    parameter: float | None
    value: float | None
    unit: str
    method: str
    error_bound: float | None = None
    null_rounding: float | None = None
    null_random: float | None = None
    side: str | None = None
    reason: str | None = None


def diagnostics() -> list[Diagnostic]:
    """All registered diagnostics: name, title, unit, source, laws, and what each does not tell."""
    return list(diagnostic)


def measure_matrix(matrix: Spectrum | Moments) -> list[Measure]:
    """All diagnostics of one matrix at its level; those in dimensions once more divided by k."""
    return [
        measure
        for entry, parameter in _entries("matrix", matrix.level)
        for measure in _measures(entry, parameter, entry.function(matrix, *_given(parameter)), matrix)
    ]


def measure_change(update: Update) -> list[Measure]:
    """All diagnostics of a change: those of D as a matrix, those of the pair, and those of every rounding null.

    Values with a random null carry that of a Gaussian matrix of the same shape and norm; where the rounding errors are
    even they carry that of rounding errors alone, which then have the same law at another size. What needs the spectra
    of base and tuned is left out where these were not asked for.
    """
    change, asked = update.change, update.base is not None and update.tuned is not None
    measures = [_beside_nulls(measure, update) for measure in measure_matrix(change)]
    for entry, parameter in _entries("change", update.level):
        if not asked and _needs_both(entry):
            continue
        reading = entry.function(update, *_given(parameter))
        measures += [_beside_nulls(each, update) for each in _measures(entry, parameter, reading, change)]
    for null in update.rounding:
        for entry, parameter in _entries("rounding", update.level):
            found = _measures(entry, parameter, entry.function(update, null, *_given(parameter)), change)
            measures += [each._replace(side=null.sides, method=null.method) for each in found]
    for side in SIDES if update.directions else ():
        for entry, parameter in _entries("directions", update.level):
            reading = entry.function(update.directions, side, *_given(parameter))
            measures += [each._replace(side=side) for each in _measures(entry, parameter, reading, change)]
    return measures


def _needs_both(entry: Diagnostic) -> bool:
    """Whether a diagnostic of a change is the difference of one of its sides."""
    return entry.name == "spectral_shift" or (entry.name.endswith("_change") and entry.name != "relative_change")


def _entries(subject: str, level: int) -> Iterator[tuple[Diagnostic, float | None]]:
    for entry in diagnostic.of(subject):
        if entry.level > level:
            continue
        for parameter in entry.parameters or (None,):
            yield entry, parameter


def _given(parameter: float | None) -> tuple[float, ...]:
    return () if parameter is None else (parameter,)


def _measures(
    entry: Diagnostic, parameter: float | None, reading: Reading | Undefined, matrix: Spectrum | Moments
) -> Iterator[Measure]:
    """The record of one reading, and of its share of k where its unit is dimensions."""
    if isinstance(reading, Undefined):
        found = Measure(entry.name, parameter, None, entry.unit, matrix.method, reason=reading.reason)
    else:
        found = Measure(
            entry.name,
            parameter,
            reading.value,
            entry.unit,
            reading.method or matrix.method,
            reading.error_bound,
            null_random=reading.null_random,
            reason=reading.reason,
        )
    yield found
    if entry.unit == "dimensions":
        k = matrix.short
        share = found._replace(diagnostic=f"{entry.name}_share", unit="share of k")
        if found.value is not None:
            bound = None if found.error_bound is None else found.error_bound / k
            share = share._replace(value=found.value / k, error_bound=bound)
        yield share


def _beside_nulls(measure: Measure, update: Update) -> Measure:
    """The measure with the values that a random update, and rounding alone, would have."""
    null, noise = update.widest_rounding, _noise_measures(update.shape)
    key = (measure.diagnostic, measure.parameter)
    if measure.diagnostic == "relative_change":
        rounding = null.norm / update.base_norm if update.base_norm else None
        return measure._replace(null_rounding=rounding)
    if measure.diagnostic == "frobenius_norm":
        return measure._replace(null_rounding=null.norm)
    if key not in noise or noise[key] is None or update.is_unchanged:
        return measure
    unit, norm = noise[key], update.change.norm
    by_random, by_rounding = (norm, null.norm) if measure.unit == "weight" else (1.0, 1.0)
    return measure._replace(
        null_random=unit * by_random,
        null_rounding=unit * by_rounding if null.even and null.norm > 0 else None,
    )


@lru_cache(maxsize=256)
def _noise_measures(shape: tuple[int, int]) -> dict[tuple[str, float | None], float]:
    """Diagnostics with a random null, of a Gaussian matrix of norm one, from the Marchenko-Pastur quantiles."""
    spectrum = Spectrum(noise_values(shape), shape, "float64", 0.0, 0.0, "Marchenko-Pastur quantiles")
    found: dict[tuple[str, float | None], float] = {}
    for entry, parameter in _entries("matrix", spectrum.level):
        if entry.random_null:
            for each in _measures(entry, parameter, entry.function(spectrum, *_given(parameter)), spectrum):
                if each.value is not None:
                    found[each.diagnostic, each.parameter] = each.value
    for suffix in ("", "_share"):
        found["delta_effective_rank" + suffix, None] = found["effective_rank" + suffix, None]
    return found
