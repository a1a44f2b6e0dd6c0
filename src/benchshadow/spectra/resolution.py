"""How much of a change stands above the rounding of the types it was stored in."""

from __future__ import annotations

import numpy as np

from .registered import Reading, Undefined, diagnostic
from .rounding import RoundingNull
from .spectrum import Spectrum
from .update import Update

__all__ = ["rounding_edge", "rounding_share", "signal_norm", "signal_rank"]

_UNCHANGED = Undefined("unchanged: base and tuned are equal entry by entry")


def _said(null: RoundingNull) -> str | None:
    return None if null.resolved else null.sentence


@diagnostic(
    title="Edge of rounding noise",
    unit="weight",
    source="largest singular value of simulated matrices of rounding errors, or a bound on it, times 1.02 or "
    "what one noise matrix in a thousand exceeds",
    tells_not="whether anything was rounded: the sides are declared by the user",
    subject="rounding",
    unaffected_by={"transpose"},
    level=1,
)
def rounding_edge(_update: Update, null: RoundingNull) -> Reading:
    """Largest singular value that rounding alone gives the change, weight."""
    assert null.edge is not None, "an edge needs level 1"
    return Reading(null.edge)


@diagnostic(
    title="Share of the change that rounding explains",
    unit="share",
    source="sum of the variances of the rounding errors / fro(D)^2, at most 1",
    tells_not="what was lost: updates below half an ulp leave no trace when one side was rounded",
    subject="rounding",
    unaffected_by={"transpose"},
    level=0,
)
def rounding_share(_update: Update, null: RoundingNull) -> Reading | Undefined:
    """Expected energy of the rounding errors over that of the change; above one half the change is not resolved."""
    return _UNCHANGED if null.share is None else Reading(null.share, None, _said(null))


@diagnostic(
    title="Rank of the signal",
    unit="dimensions",
    source="singular values of D above the rounding edge, rows and columns weighed by their errors where these are "
    "uneven (Landa, Zhang & Kluger 2022); fewer where so many, rounded again, leave no more than noise",
    tells_not="the directions that rounding drowned; where both sides are taken as rounded but the base lies on the "
    "grid, errors in step with a change of rank one or two can count as directions",
    subject="rounding",
    unaffected_by={"transpose"},
)
def signal_rank(update: Update, null: RoundingNull) -> Reading | Undefined:
    """Number of singular values of the change that rounding cannot make, dimensions."""
    if update.is_unchanged:
        return _UNCHANGED
    if null.directions is not None:
        return Reading(float(null.directions), None, _said(null))
    assert isinstance(update.change, Spectrum), "singular values need level 2"
    assert null.edge is not None, "an edge needs level 1"
    threshold = max(null.edge, update.change.floor)
    return Reading(float(np.count_nonzero(update.change.values > threshold)), None, _said(null))


@diagnostic(
    title="Norm of the signal",
    unit="weight",
    source="Benaych-Georges & Nadakuditi 2012",
    tells_not="the part of the change below the rounding edge",
    subject="rounding",
    unaffected_by={"transpose"},
)
def signal_norm(update: Update, null: RoundingNull) -> Reading | Undefined:
    """Frobenius norm of the part of the change above the rounding edge, corrected for the noise in it, weight."""
    if update.is_unchanged:
        return _UNCHANGED
    if not null.even:
        return Undefined("the rounding errors are uneven over rows or columns, so the correction has no closed form")
    return Reading(float(np.linalg.norm(update.signal_values(null))), None, _said(null))
