"""How far the strongest directions turned: angles, overlaps and intruders, each beside what chance would give."""

from __future__ import annotations

import numpy as np

from . import subspaces
from .directions import METHOD, Directions
from .registered import Reading, Undefined, diagnostic
from .subspaces import principal_angles, random_angles, subspace_overlap
from .update import Update

__all__ = ["intruder_dimensions", "principal_overlap", "subspace_agreement", "subspace_rotation"]

_INVARIANT = {"scale", "rotation"}
_AT = (1.0, 8.0, 32.0)


def _both(directions: Directions, side: str, r: float) -> tuple[np.ndarray, np.ndarray] | Undefined:
    """The top r vectors of base and tuned on a side."""
    base, tuned = directions.base.side(side), directions.tuned.side(side)
    fewest = min(base.shape[1], tuned.shape[1])
    if r > fewest:
        return Undefined(f"base or tuned has only {fewest} singular vectors")
    return base[:, : int(r)], tuned[:, : int(r)]


@diagnostic(
    title="Rotation of the top r subspace",
    unit="radians",
    source="largest principal angle between the top r singular subspaces of W0 and W1; Björck & Golub 1973",
    tells_not="which direction turned; where s_r and s_(r+1) are close, the subspace itself is a matter of chance",
    subject="directions",
    unaffected_by=_INVARIANT,
    parameters=_AT,
    level=3,
)
def subspace_rotation(directions: Directions, side: str, r: float) -> Reading | Undefined:
    """Largest angle between the two subspaces, radians; beside the mean for random subspaces."""
    found = _both(directions, side, r)
    if isinstance(found, Undefined):
        return found
    size = len(found[0])
    return Reading(
        float(principal_angles(*found)[-1]),
        null_random=float(random_angles(size, int(r), int(r))[-1]),
        method=METHOD,
    )


@diagnostic(
    title="Agreement of the top r subspaces",
    unit="share",
    source="fro(U0^T U1)^2 / r, the mean squared cosine of the principal angles",
    tells_not="how the agreement is spread over the angles",
    subject="directions",
    unaffected_by=_INVARIANT,
    parameters=_AT,
    level=3,
)
def subspace_agreement(directions: Directions, side: str, r: float) -> Reading | Undefined:
    """1 where the subspace stayed, r / size where it is as good as random, which is the value beside it."""
    found = _both(directions, side, r)
    if isinstance(found, Undefined):
        return found
    overlap = subspace_overlap(*found)
    return Reading(overlap.value, null_random=overlap.expected, method=METHOD)


@diagnostic(
    title="Intruder dimensions",
    unit="count",
    source="among the top 10 singular vectors of W1, those whose cosine with every one of W0 is below .5; "
    "arXiv 2410.21228",
    tells_not="whether a vector lies outside the base's space: one that mixes five of its vectors evenly intrudes too",
    subject="directions",
    unaffected_by=_INVARIANT,
    level=3,
)
def intruder_dimensions(directions: Directions, side: str) -> Reading | Undefined:
    """Number of intruders, each certified; beside the mean that a Gaussian change of the same norm makes."""
    if not directions.base.left.shape[1]:
        return Undefined("the base is zero")
    found, chance = directions.intruders(side)
    return Reading(float(found.count), 0.0, null_random=chance, method=METHOD)


@diagnostic(
    title="Share of the change inside the base's top r directions",
    unit="share",
    source="fro(U0_r^T D V0_r)^2 / fro(D)^2; arXiv 2511.08567",
    tells_not="whether the change follows the directions one by one: any of the r x r pairings counts",
    subject="change",
    unaffected_by={"scale", "transpose", "rotation"},
    parameters=_AT,
    level=3,
)
def principal_overlap(update: Update, r: float) -> Reading | Undefined:
    """Share of the energy of D between the strongest directions of W0; beside r^2 / (m n), that of a random change."""
    assert update.directions is not None, "level 3 has directions"
    projected = update.directions.projected
    if r > min(projected.shape):
        return Undefined(f"the base has only {min(projected.shape)} singular vectors")
    overlap = subspaces.principal_overlap(projected[: int(r), : int(r)], update.change.norm, update.shape)
    if overlap is None:
        return Undefined("unchanged: base and tuned are equal entry by entry")
    return Reading(overlap.value, null_random=overlap.expected, method=METHOD)
