"""From the measures of single matrices to those of a model: pooled where there is a sum, plain means elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchshadow.checkpoints import Pair
from benchshadow.spectra import Measure, RoundingNull

__all__ = ["Measurement", "Norms", "over_model"]

_Key = tuple[str, float | None, str | None]
# Pooled instead of averaged, so that a small matrix counts for little.
_BY_ENTRIES = ("unchanged_share", "unchanged_share_within_rounding")
_BY_ENERGY = ("relative_change", "spectral_shift", "rounding_share", "frobenius_norm")


@dataclass(frozen=True)
class Norms:
    """What the sums over a model need of one matrix.

    Attributes:
        base: Frobenius norm of the base, weight.
        change: Frobenius norm of the change, weight.
        rounding: one null for each declaration of the rounded sides.
    """

    base: float
    change: float
    rounding: tuple[RoundingNull, ...]


@dataclass(frozen=True)
class Measurement:
    """What one pair of pieces came to.

    Attributes:
        pair: what was looked at.
        state: "analysed", "equal", "skipped", "unmatched" or "refused".
        reason: why there is nothing; empty where there is something.
        remarks: sentences that belong beside the numbers.
        measures: by what they are of: "base", "tuned", "change".
        spectra: singular values, largest first, by what they are of.
        norms: None without a change.
    """

    pair: Pair
    state: str
    reason: str
    remarks: tuple[str, ...]
    measures: dict[str, list[Measure]]
    spectra: dict[str, np.ndarray]
    norms: Norms | None = None


def over_model(found: Sequence[Measurement]) -> list[Measure]:
    """Measures of the matrices inside the blocks taken together; of the change where there is one.

    Norms, shares of energy and shares of entries are pooled over all of them. Every other number without a unit of
    weight is the plain mean over the matrices where it is defined, equal ones left out. A mean hides which layers
    moved, which `effective_layers` tells in part.
    """
    inside = [each for each in found if each.pair.piece.inside_blocks and each.measures]
    moved = [each for each in inside if each.state == "analysed"]
    paired = [each for each in inside if each.norms is not None]
    of = "change" if paired else "base"
    left_out = f", {len(inside) - len(moved)} equal left out" if len(moved) < len(inside) else ""
    means = _means([each.measures[of] for each in moved], left_out)
    return [*_pooled(paired), *_by_entries(paired), *means] if paired else means


def _means(lists: Sequence[list[Measure]], left_out: str) -> list[Measure]:
    held: dict[_Key, list[Measure]] = {}
    for measure in (measure for measures in lists for measure in measures):
        pooled = measure.diagnostic in (*_BY_ENTRIES, *_BY_ENERGY)
        if measure.value is not None and measure.unit != "weight" and not pooled:
            held.setdefault((measure.diagnostic, measure.parameter, measure.side), []).append(measure)
    return [
        Measure(
            name,
            parameter,
            _mean([each.value for each in held_here]),
            held_here[0].unit,
            f"mean over {len(held_here)} matrices{left_out}",
            error_bound=_mean([each.error_bound for each in held_here]),
            null_rounding=_mean([each.null_rounding for each in held_here]),
            null_random=_mean([each.null_random for each in held_here]),
            side=side,
        )
        for (name, parameter, side), held_here in held.items()
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of values that are all there; None where one is missing."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there and len(there) == len(values) else None


def _by_entries(paired: Sequence[Measurement]) -> list[Measure]:
    """Shares of entries, over the entries of all matrices."""
    sizes = np.array([float(np.prod(each.pair.shape)) for each in paired])
    pooled = []
    for name in _BY_ENTRIES:
        measures = [next(m for m in each.measures["change"] if m.diagnostic == name) for each in paired]
        shares = np.array([measure.value for measure in measures], float)
        value = float(np.sum(sizes / sizes.sum() * shares))
        pooled.append(replace(measures[0], value=value, method=_pooled_over(paired)))
    return pooled


def _pooled(paired: Sequence[Measurement]) -> list[Measure]:
    """Norms and shares of energy over all matrices, and over how many layers the energy of the change is spread."""
    norms = [each.norms for each in paired if each.norms is not None]
    method = _pooled_over(paired)
    base, change = (_root_sum([getattr(each, side) for each in norms]) for side in ("base", "change"))
    sides = [null.sides for null in norms[0].rounding]
    noise = [_root_sum([each.rounding[i].norm for each in norms]) for i in range(len(sides))]
    measures = [Measure("frobenius_norm", None, change, "weight", method, null_rounding=max(noise))]
    if base > 0:
        moved, widest = change / base, max(noise) / base
        measures.append(Measure("relative_change", None, moved, "share", method, null_rounding=widest))
        shift = _shift(paired, base)
        if shift is not None:
            measures.append(Measure("spectral_shift", None, shift, "share", method))
    if change > 0:
        measures += [
            Measure("rounding_share", None, min(1.0, (each / change) ** 2), "share", method, side=side)
            for side, each in zip(sides, noise, strict=True)
        ]
        measures += _layers(paired)
    return measures


def _layers(paired: Sequence[Measurement]) -> list[Measure]:
    """Perplexity of the layers' shares of the energy of the change: over how many of them it is spread."""
    energy: dict[tuple[str, int | None], float] = {}
    top = max(each.norms.change for each in paired if each.norms)
    for each in paired:
        place = (each.pair.piece.tower, each.pair.piece.layer)
        energy[place] = energy.get(place, 0.0) + (each.norms.change / top if each.norms else 0.0) ** 2
    shares = np.array([value for value in energy.values() if value > 0]) / sum(energy.values())
    count, spread = len(energy), float(np.exp(-np.sum(shares * np.log(shares))))
    method = f"exp entropy of the energy of the change over {count} layers"
    return [
        Measure("effective_layers", None, spread, "layers", method),
        Measure("effective_layers_share", None, spread / count, "share of layers", method),
    ]


def _shift(paired: Sequence[Measurement], base: float) -> float | None:
    """Spectral shift over all matrices; None where the spectra of both sides were not asked for."""
    shifts = [m.value for each in paired for m in each.measures["change"] if m.diagnostic == "spectral_shift"]
    if len(shifts) < len(paired):
        return None
    norms = [each.norms for each in paired if each.norms is not None]
    # A base of zeros has no shift of its own, yet all of its spectrum is new: the change is the tuned matrix.
    moved = [n.change if shift is None else shift * n.base for shift, n in zip(shifts, norms, strict=True)]
    return _root_sum(moved) / base


def _root_sum(values: Sequence[float]) -> float:
    return float(np.linalg.norm(np.array(values)))


def _pooled_over(paired: Sequence[Measurement]) -> str:
    return f"pooled over {len(paired)} matrices"
