"""From the measures of single matrices to those of a model: pooled where there is a sum, plain means elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchshadow.checkpoints import Pair
from benchshadow.spectra import Directions, Measure, RoundingNull

from .spread import Amounts, Place, profiles, spreads

__all__ = ["Measurement", "Norms", "over_model", "profile_rows"]

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
        rounding: one null for each declaration of the rounded sides; empty where the rounding is not modelled.
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
        norms: None without a base to compare with.
        directions: top singular vectors; None below level 3.
    """

    pair: Pair
    state: str
    reason: str
    remarks: tuple[str, ...]
    measures: dict[str, list[Measure]]
    spectra: dict[str, np.ndarray]
    norms: Norms | None = None
    directions: Directions | None = None


def over_model(found: Sequence[Measurement]) -> list[Measure]:
    """Measures of the matrices inside the blocks taken together; of the change where there is one.

    Norms, shares of energy and shares of entries are pooled over all of them. Every other number without a unit of
    weight is the plain mean over the matrices where it is defined, equal ones left out. A mean hides which layers
    moved, which `effective_layers` and its kin tell in part.
    """
    inside = [each for each in found if each.pair.piece.inside_blocks and each.measures]
    moved = [each for each in inside if each.state == "analysed"]
    paired = [each for each in inside if each.norms is not None]
    of = "change" if any("change" in each.measures for each in inside) else "base"
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
        if any(measure.value is None for measure in measures):
            continue
        shares = np.array([measure.value for measure in measures], float)
        value = float(np.sum(sizes / sizes.sum() * shares))
        pooled.append(measures[0]._replace(value=value, method=_pooled_over(paired)))
    return pooled


def _pooled(paired: Sequence[Measurement]) -> list[Measure]:
    """Norms and shares of energy over all matrices, and over how many layers the energy of the change is spread."""
    norms = [each.norms for each in paired if each.norms is not None]
    method = _pooled_over(paired)
    base, change = (_root_sum([getattr(each, side) for each in norms]) for side in ("base", "change"))
    noise = _noise(norms)
    widest = max(noise.values(), default=None)
    measures = [Measure("frobenius_norm", None, change, "weight", method, null_rounding=widest)]
    if base > 0:
        relative = Measure("relative_change", None, change / base, "share", method)
        measures.append(relative._replace(null_rounding=None if widest is None else widest / base))
        shift = _shift(paired, base)
        if shift is not None:
            measures.append(Measure("spectral_shift", None, shift, "share", method))
    if change > 0:
        measures += [
            Measure("rounding_share", None, min(1.0, (each / change) ** 2), "share", method, side=side)
            for side, each in noise.items()
        ]
        measures += _spreads(paired)
    return measures


def _noise(norms: Sequence[Norms]) -> dict[str, float]:
    """Norm of the rounding errors by declaration of the sides; empty where those of a matrix are not modelled."""
    if not all(each.rounding for each in norms):
        return {}
    sides = [null.sides for null in norms[0].rounding]
    return {side: _root_sum([each.rounding[i].norm for each in norms]) for i, side in enumerate(sides)}


_GROUPS = {"layer": "layers", "role": "roles", "tower": "towers"}
_AMOUNTS = {"energy": "", "relative": "_by_relative_change"}


def _spreads(paired: Sequence[Measurement]) -> list[Measure]:
    """Over how many layers, roles and towers the change is spread, beside an update uniform per parameter."""
    measures: list[Measure] = []
    for each in spreads(_amounts(paired)):
        if each.grouping == "tower" and each.groups == 1:
            continue
        unit, suffix = _GROUPS[each.grouping], _AMOUNTS[each.amount]
        amount = "energy of the change" if each.amount == "energy" else "squared relative change"
        method = f"{amount} over {each.groups} {unit}" + (f", {each.left_out} left out" if each.left_out else "")
        named = Measure(f"effective_{unit}{suffix}", None, each.effective, unit, f"exp entropy of the {method}")
        share = named._replace(
            diagnostic=f"effective_{unit}_share{suffix}",
            value=each.effective / each.groups,
            unit=f"share of {unit}",
            null_random=each.even_effective / each.groups,
        )
        gini = Measure(f"gini_of_{unit}{suffix}", None, each.gini, "-", f"Gini of the {method}")
        measures += [
            named._replace(null_random=each.even_effective),
            share,
            gini._replace(null_random=each.even_gini),
        ]
        if each.grouping == "layer":
            depth = Measure(f"depth_of_change{suffix}", None, each.depth, "depth", f"centre of mass of the {amount}")
            measures.append(depth._replace(null_random=each.even_depth))
    return measures


def profile_rows(found: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Relative change at eleven depths for every stack and role, as rows of the records; nothing without a change."""
    return [
        {
            "tower": profile.tower,
            "tensor": profile.stack,
            "role": profile.role,
            "depth": depth,
            "diagnostic": "relative_change_at_depth",
            "parameter": depth,
            "value": value,
            "null_random": even,
            "unit": "share",
            "method": f"pooled in {profile.layers} blocks, between them on a straight line",
        }
        for profile in profiles(_amounts([each for each in found if each.norms is not None]))
        for depth, value, even in zip(profile.depths, profile.values, profile.even, strict=True)
        if value is not None
    ]


def _amounts(paired: Sequence[Measurement]) -> Amounts:
    """Energies of the matrices inside the blocks, in units that cannot overflow."""
    inside = [(each.pair.piece, each.norms, each.pair.shape) for each in paired if each.pair.piece.inside_blocks]
    held = [(piece, norms, shape) for piece, norms, shape in inside if norms is not None]
    unit = max((max(norms.base, norms.change) for _, norms, _ in held), default=0.0) or 1.0
    return Amounts(
        [Place(piece.tower, piece.role, piece.stack, piece.layer or 0, piece.depth or 0.0) for piece, _, _ in held],
        np.array([(norms.change / unit) ** 2 for _, norms, _ in held]),
        np.array([(norms.base / unit) ** 2 for _, norms, _ in held]),
        np.array([float(shape[0]) * shape[1] for _, _, shape in held]),
    )


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
