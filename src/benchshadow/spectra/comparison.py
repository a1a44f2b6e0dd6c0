"""What happened between base and tuned: size of the change, ranks gained or lost, entries left alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import ranks
from .moments import Moments
from .registered import Reading, Undefined, diagnostic
from .spectrum import Spectrum
from .update import Update

__all__ = [
    "cosine",
    "delta_effective_rank",
    "relative_change",
    "spectral_shift",
    "unchanged_share",
    "unchanged_share_within_rounding",
]

_UNCHANGED = Undefined("unchanged: base and tuned are equal entry by entry")
_INVARIANT = {"scale", "transpose", "rotation"}
_NO_BASE = Undefined("no base was given")
_NOT_ASKED = Undefined("the spectra of base and tuned were not asked for")


@diagnostic(
    title="Relative change",
    unit="share",
    source="fro(D) / fro(W0)",
    tells_not="in which directions, or whether rounding made it",
    subject="change",
    unaffected_by=_INVARIANT,
    level=0,
)
def relative_change(update: Update) -> Reading | Undefined:
    """Frobenius norm of the change over that of the base; zero where nothing changed."""
    if update.base_norm is None:
        return _NO_BASE
    if update.base_norm == 0:
        return Undefined("the base is zero")
    return Reading(update.change.norm / update.base_norm, update.change.norm_error / update.base_norm)


@diagnostic(
    title="Cosine between base and tuned",
    unit="-",
    source="sum W0 W1 / (fro(W0) fro(W1)), from the norms of both and of the change",
    tells_not="a turn of few directions in a large matrix: all entries count alike",
    subject="change",
    unaffected_by=_INVARIANT,
    level=0,
)
def cosine(update: Update) -> Reading | Undefined:
    """Cosine of the angle between W0 and W1 as vectors, at most one."""
    if update.base_norm is None:
        return _NO_BASE
    if update.cosine is None:
        return Undefined("base or tuned is zero")
    return Reading(update.cosine, method="from the norms of base, tuned and change")


@diagnostic(
    title="Effective rank of the change",
    unit="dimensions",
    source="effective_rank(D), one of two readings of 'delta effective rank'",
    tells_not="signal from noise: read it beside its rounding null and its random null only",
    subject="change",
    unaffected_by=_INVARIANT,
    random_null=True,
)
def delta_effective_rank(update: Update) -> Reading | Undefined:
    """Roy-Vetterli effective rank of D itself, dimensions; the other reading is effective_rank_change."""
    if update.is_unchanged:
        return _UNCHANGED
    assert isinstance(update.change, Spectrum), "the rank of a change needs level 2"
    return ranks.effective_rank(update.change)


@diagnostic(
    title="Shift of the spectrum",
    unit="share",
    source="arXiv 2511.08567",
    tells_not="rotation: directions can turn while no singular value moves",
    subject="change",
    unaffected_by=_INVARIANT,
)
def spectral_shift(update: Update) -> Reading | Undefined:
    """norm(s(W1) - s(W0)) / norm(s(W0)), both largest first; never above the relative change."""
    if not isinstance(update.base, Spectrum) or not isinstance(update.tuned, Spectrum):
        return _NOT_ASKED
    if update.base.is_zero:
        return Undefined("the base is zero")
    assert update.base_norm, "a base that is not zero has a norm"
    before, after = update.base.values, update.tuned.values
    return Reading(float(np.linalg.norm((after - before) / update.base_norm)))


@diagnostic(
    title="Share of entries unchanged",
    unit="share",
    source="entries equal in W0 and W1",
    tells_not="whether they were left alone or rounded back",
    subject="change",
    unaffected_by={"scale", "transpose"},
    level=0,
)
def unchanged_share(update: Update) -> Reading | Undefined:
    """Share of entries that are equal in base and tuned."""
    return Reading(update.unchanged.exact, 0.0, method="entries compared") if update.unchanged else _NO_BASE


@diagnostic(
    title="Share of entries unchanged within rounding",
    unit="share",
    source="abs(W1 - W0) <= (ulp(W0) + ulp(W1)) / 2, each ulp in its stored type",
    tells_not="that the others changed by training: half of all rounding errors may add up",
    subject="change",
    unaffected_by={"transpose"},
    level=0,
)
def unchanged_share_within_rounding(update: Update) -> Reading | Undefined:
    """Share of entries whose difference the rounding of both sides could make."""
    if update.unchanged is None:
        return _NO_BASE
    return Reading(update.unchanged.within_rounding, method="entries compared")


def _rank_change(
    rank: Callable[..., Reading | Undefined],
) -> Callable[[Update], Reading | Undefined]:
    """Signed difference of one rank between tuned and base."""

    def change(update: Update, *given: float) -> Reading | Undefined:
        if update.base is None or update.tuned is None:
            return _NOT_ASKED
        before, after = _of_both(rank, update.base, update.tuned, *given)
        if isinstance(before, Undefined):
            return Undefined(f"base: {before.reason}")
        if isinstance(after, Undefined):
            return Undefined(f"tuned: {after.reason}")
        errors = [each.error_bound for each in (before, after) if each.error_bound is not None]
        return Reading(after.value - before.value, sum(errors) if len(errors) == 2 else None)

    return change


def _of_both(
    rank: Callable[..., Reading | Undefined], base: Spectrum | Moments, tuned: Spectrum | Moments, *given: float
) -> tuple[Reading | Undefined, Reading | Undefined]:
    return rank(base, *given), rank(tuned, *given)


def _register_rank_changes() -> None:
    """One signed change for every diagnostic in dimensions, so that a new rank brings its change with it."""
    for entry in diagnostic.of("matrix"):
        if entry.unit != "dimensions":
            continue
        function = _rank_change(entry.function)
        function.__name__ = f"{entry.name}_change"
        function.__doc__ = f"{entry.name}(W1) - {entry.name}(W0), signed, dimensions."
        diagnostic(
            title=f"Change of the {entry.title[0].lower()}{entry.title[1:]}",
            unit="dimensions",
            source=f"{entry.name}(W1) - {entry.name}(W0); {entry.source}",
            tells_not="the rank of the change: both sides can have one rank and differ in every direction",
            subject="change",
            unaffected_by=entry.unaffected_by,
            parameters=entry.parameters,
            level=entry.level,
        )(function)


_register_rank_changes()
