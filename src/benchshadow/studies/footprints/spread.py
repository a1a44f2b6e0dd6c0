"""Where in a model the change sits: over layers, roles and towers, and along the depth, beside an even update."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from benchshadow.errors import InputError

__all__ = ["DEPTHS", "GROUPINGS", "Amounts", "Place", "Profile", "Share", "Spread", "profiles", "shares", "spreads"]

GROUPINGS = ("layer", "role", "tower")
"""By what the amounts are added up before their spread is taken."""
DEPTHS = 11
"""Points of the grid of relative depth on which profiles of models of different depth are laid side by side."""


@dataclass(frozen=True)
class Place:
    """Where a matrix stands.

    Attributes:
        tower: "language", "vision", "projector" ...
        role: "attention.query", "mlp.up" ...
        stack: what its layer is counted in; an encoder and a decoder are two.
        layer: number of its block.
        depth: 0 first block of its stack, 1 last.
    """

    tower: str
    role: str
    stack: str
    layer: int
    depth: float


@dataclass(frozen=True, eq=False)
class Amounts:
    """One entry per matrix inside blocks; tied tensors stand here once, embeddings and heads not at all.

    Attributes:
        places: of the matrices.
        energy: fro(D)^2, weight^2.
        base: fro(W0)^2, weight^2.
        parameters: number of entries.
    """

    places: Sequence[Place]
    energy: np.ndarray
    base: np.ndarray
    parameters: np.ndarray

    def __post_init__(self) -> None:
        count = len(self.places)
        for name in ("energy", "base", "parameters"):
            values = np.asarray(getattr(self, name), float)
            if values.shape != (count,) or not np.all(np.isfinite(values)) or np.any(values < 0):
                raise InputError(f"amounts.{name}", f"must hold {count} finite numbers, none below zero")
            object.__setattr__(self, name, values)

    @property
    def relative(self) -> np.ndarray:
        """Squared relative change fro(D)^2 / fro(W0)^2; zero where nothing changed, infinite from a base of zeros."""
        return _ratio(self.energy, self.base)

    def even(self) -> Amounts:
        """The update that gives every parameter the same mean square and the model the same energy."""
        whole = self.parameters.sum()
        return Amounts(self.places, self.energy.sum() * self.parameters / whole, self.base, self.parameters)


@dataclass(frozen=True)
class Spread:
    """How shares of an amount, which sum to one, are spread over groups.

    Attributes:
        amount: "energy" (fro(D)^2) or "relative" (fro(D)^2 / fro(W0)^2).
        grouping: one of `GROUPINGS`.
        groups: number of groups.
        effective: exp entropy of the shares, groups; 1 where all is in one, `groups` where all are alike.
        gini: 0 where all are alike, (groups - 1) / groups where all is in one.
        depth: centre of mass in relative depth, 0 first block, 1 last.
        even_effective: the same of an update that is uniform per parameter.
        even_gini: the same.
        even_depth: the same.
        left_out: number of matrices whose amount has no value (a base of zeros).
    """

    amount: str
    grouping: str
    groups: int
    effective: float
    gini: float
    depth: float
    even_effective: float
    even_gini: float
    even_depth: float
    left_out: int


@dataclass(frozen=True)
class Share:
    """One group's share of an amount, beside that of an update that is uniform per parameter."""

    group: Hashable
    value: float
    even: float


@dataclass(frozen=True)
class Profile:
    """Relative change along the depth for one role of one stack; all roles together under the role "all".

    Attributes:
        tower: of the matrices.
        stack: what their layers are counted in; an encoder and a decoder are two.
        role: of the matrices, or "all".
        layers: number of blocks that it was found in.
        depths: grid of relative depth.
        values: fro(D) / fro(W0) there, between blocks on a straight line; not continued beyond the blocks it has.
        even: the same for an update that is uniform per parameter.
    """

    tower: str
    stack: str
    role: str
    layers: int
    depths: tuple[float, ...]
    values: tuple[float | None, ...]
    even: tuple[float | None, ...]


def spreads(amounts: Amounts) -> list[Spread]:
    """The spread of energy and of squared relative change over layers, roles and towers.

    Layers are counted apart in each tower. The even update makes large matrices weigh in energy and small-valued ones
    in relative change: a spread tells something only by its distance from that. Empty without any change. It does not
    tell whether what moved matters, nor whether rounding moved it.
    """
    return [
        spread
        for amount in ("energy", "relative")
        for grouping in GROUPINGS
        if (spread := _spread(amounts, amount, grouping)) is not None
    ]


def shares(amounts: Amounts, amount: str, grouping: str) -> list[Share]:
    """Each group's share, in the order in which the groups first appear; empty without any change."""
    kept = _kept(amounts, amount)
    if not len(kept.places) or kept.energy.sum() == 0:
        return []
    groups = _groups(kept.places, grouping)
    values, even = (_added(getattr(each, amount), groups) for each in (kept, kept.even()))
    return [Share(*each) for each in zip(dict.fromkeys(groups), map(float, values), map(float, even), strict=True)]


def profiles(amounts: Amounts, *, depths: int = DEPTHS) -> list[Profile]:
    """Relative change along the depth, for every stack and role and for all roles of a stack together.

    Matrices of one role at one depth (heads, experts) are pooled: sqrt(sum fro(D)^2 / sum fro(W0)^2). Models of
    different depth meet on one grid; that hides what single layers do in models of more than `depths` layers.

    Args:
        amounts: of the matrices.
        depths: number of points from 0 to 1.
    """
    even = amounts.even() if len(amounts.places) and amounts.parameters.sum() > 0 else amounts
    grid, found = np.linspace(0, 1, depths), []
    for tower, stack in dict.fromkeys((place.tower, place.stack) for place in amounts.places):
        mine = [(place.tower, place.stack) == (tower, stack) for place in amounts.places]
        roles = dict.fromkeys(place.role for place, here in zip(amounts.places, mine, strict=True) if here)
        for role in ("all", *roles):
            inside = np.array(mine) & np.array([role in ("all", p.role) for p in amounts.places])
            at = np.array([place.depth for place in amounts.places])[inside]
            values, even_values = (_along(at, each.energy[inside], each.base[inside], grid) for each in (amounts, even))
            layers = len({(p.stack, p.layer) for p, here in zip(amounts.places, inside, strict=True) if here})
            found.append(Profile(tower, stack, role, layers, tuple(map(float, grid)), values, even_values))
    return found


def _along(at: np.ndarray, change: np.ndarray, base: np.ndarray, grid: np.ndarray) -> tuple[float | None, ...]:
    """Pooled relative change at each depth that occurs, laid on the grid; None beyond the first and the last."""
    points, group = np.unique(at, return_inverse=True)
    pooled = _ratio(np.bincount(group, change), np.bincount(group, base))
    defined = np.isfinite(pooled)
    points, values = points[defined], np.sqrt(pooled[defined])
    if not len(points):
        return (None,) * len(grid)
    inside = (grid >= points[0] - 1e-9) & (grid <= points[-1] + 1e-9)
    return tuple(
        float(value) if here else None for value, here in zip(np.interp(grid, points, values), inside, strict=True)
    )


def _spread(amounts: Amounts, amount: str, grouping: str) -> Spread | None:
    """None without any change."""
    kept = _kept(amounts, amount)
    if not len(kept.places) or kept.energy.sum() == 0:
        return None
    groups = _groups(kept.places, grouping)
    at = np.array([place.depth for place in kept.places])
    numbers = []
    for each in (kept, kept.even()):
        values = getattr(each, amount)
        parts = _added(values, groups)
        numbers.append((_effective(parts), _gini(parts), float(np.sum(values / values.sum() * at))))
    left_out = len(amounts.places) - len(kept.places)
    (spread, gini, depth), (even_spread, even_gini, even_depth) = numbers
    count = len(set(groups))
    return Spread(amount, grouping, count, spread, gini, depth, even_spread, even_gini, even_depth, left_out)


def _kept(amounts: Amounts, amount: str) -> Amounts:
    """The matrices that have a value of this amount."""
    kept = np.ones(len(amounts.places), bool) if amount == "energy" else amounts.base > 0
    places = [place for place, here in zip(amounts.places, kept, strict=True) if here]
    return Amounts(places, amounts.energy[kept], amounts.base[kept], amounts.parameters[kept])


def _groups(places: Sequence[Place], grouping: str) -> list[Hashable]:
    """What each matrix counts towards."""
    if grouping not in GROUPINGS:
        raise InputError("grouping", f"must be one of {', '.join(GROUPINGS)} but is {grouping!r}")
    return [(p.tower, p.stack, p.layer) if grouping == "layer" else getattr(p, grouping) for p in places]


def _added(values: np.ndarray, groups: Sequence[Hashable]) -> np.ndarray:
    """Shares of the groups, in the order in which they first appear."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    added = np.bincount([numbers[group] for group in groups], values / values.max())
    return added / added.sum()


def _effective(parts: np.ndarray) -> float:
    held = parts[parts > 0]
    return float(np.exp(-np.sum(held * np.log(held))))


def _gini(parts: np.ndarray) -> float:
    """Mean absolute difference of two shares over twice their mean."""
    count = len(parts)
    ranks = np.arange(1, count + 1)
    return float(np.sum((2 * ranks - count - 1) * np.sort(parts)) / count)


def _ratio(change: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Change over base, zero where nothing changed, infinite from a base of zeros."""
    return np.where(change == 0, 0.0, np.divide(change, base, out=np.full(len(base), np.inf), where=base > 0))
