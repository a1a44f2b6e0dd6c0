"""From paired differences to one of the few things that can be said: shift, no shift, cannot tell, or descriptive."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from .equivalence import equivalence
from .intervals import Interval, paired_t
from .levels import over_bases
from .permutation import p_floor, sign_flip
from .power import replicates_for_difference, replicates_for_margin
from .samples import checked, spread

__all__ = ["FEWEST_BASES", "FEWEST_REPLICATES", "LABELS", "PLACES", "Verdict", "placed", "verdict"]

FEWEST_REPLICATES = 6
"""At six replicates one two-sided sign-flip test can reach .05: 2 / 2^6."""
FEWEST_BASES = 3
"""Below three base models a study describes its bases; it does not infer beyond them."""
LABELS = (
    "shift",
    "no shift",
    "shift below the margin",
    "cannot tell",
    "descriptive: outside the A/A range",
    "descriptive: partly outside the A/A range",
    "descriptive: inside the A/A range",
)
"""Everything that a verdict can say."""
PLACES = ("outside", "partly outside", "inside")
"""Where differences lie against the A/A range."""


@dataclass(frozen=True)
class Verdict:
    """What can be said of one measure in one arm, and the numbers it rests on.

    Attributes:
        label: one of `LABELS`.
        sentence: the label with its numbers.
        interval: mean and t interval of the differences, over bases where several replicates share each.
        p: of the difference, adjusted where it was given so; None where descriptive.
        p_floor: smallest p that so many replicates (or bases) can give, before adjustment.
        p_equivalence: of TOST, adjusted where it was given so; None without a margin or where descriptive.
        margin: as given.
        aa_range: a, the largest absolute A/A difference; the range is [-a, a].
        place: one of `PLACES`: where the differences lie against that range.
        replicates: number of differences.
        bases: number of base models.
        units: what inference counted: `bases` where several replicates share each, otherwise `replicates`.
        needed: units that would be needed to tell; None where it was told or cannot be reckoned.
    """

    label: str
    sentence: str
    interval: Interval
    p: float | None
    p_floor: float
    p_equivalence: float | None
    margin: float | None
    aa_range: float
    place: str
    replicates: int
    bases: int
    units: int
    needed: int | None


def placed(differences: Float64[np.ndarray, " n"], aa: Float64[np.ndarray, " a"]) -> str:
    """Where the differences lie against [-a, a], a = max |A/A difference|.

    *Outside*: all on one side of it. *Inside*: all in it. *Partly outside*: some beyond it, so that neither holds.
    """
    checked(differences, "differences", 1)
    reach = float(np.abs(checked(aa, "A/A differences", 1)).max())
    # Shares of a few items often tie on paper; the last bits of a difference must not tell them apart.
    reach *= 1 + 1e-10
    if differences.min() > reach or differences.max() < -reach:
        return "outside"
    return "inside" if np.abs(differences).max() <= reach else "partly outside"


def verdict(
    differences: Float64[np.ndarray, " n"],
    *,
    aa: Float64[np.ndarray, " a"],
    margin: float | None = None,
    alpha: float = 0.05,
    p_adjusted: float | None = None,
    p_equivalence: float | None = None,
    family: int = 1,
    effect: float | None = None,
    confirmatory: bool = False,
    bases: int = 1,
    owners: Sequence[Hashable] | None = None,
) -> Verdict:
    """Verdict on the paired differences of an arm from its control.

    The difference test is the exact two-sided sign-flip test, the equivalence test TOST inside the margin. *Shift*: the
    first rejects; *no shift*: the second; *shift below the margin*: both; *cannot tell*: neither. With fewer than six
    replicates, fewer than three bases, or a measure that was not declared confirmatory beforehand it is descriptive.

    Args:
        differences: arm minus control, one per replicate.
        aa: A/A arm minus control, one per replicate.
        margin: smallest difference that matters, fixed beforehand; without it *no shift* cannot be said.
        alpha: of both tests.
        p_adjusted: p of the difference after correction over its family; by default that of this test alone.
        p_equivalence: likewise of the equivalence.
        family: number of claims in the family, for the replicates that would be needed.
        effect: size of a difference that should be found, for the same where there is no margin.
        confirmatory: whether the study file declared this test beforehand.
        bases: number of base models behind the replicates.
        owners: the base of every replicate, where several share one: then bases are the units of inference.
    """
    place = placed(differences, aa)
    reach, n = float(np.abs(aa).max()), len(differences)
    units = differences if owners is None else over_bases(differences, owners)
    interval = paired_t(units)
    p, needed = None, None
    if n < FEWEST_REPLICATES or bases < FEWEST_BASES or not confirmatory:
        label, p_equivalence = f"descriptive: {place} the A/A range", None
    else:
        p = sign_flip(units).p if p_adjusted is None else p_adjusted
        if p_equivalence is None and margin is not None:
            p_equivalence = equivalence(units, aa, margin)
        label = _tested(p <= alpha, p_equivalence is not None and p_equivalence <= alpha)
        if label == "cannot tell":
            noise = aa if owners is None or len(owners) != len(aa) else over_bases(aa, owners)
            needed = _needed(units, noise, margin, effect or abs(interval.mean), alpha / family)
    floor = f"no less than {p_floor(len(units)):.2g} is possible"
    if p_adjusted is not None:
        floor = f"corrected; {floor} before"
    said_p = None if p is None else f"p = {p:.3g} ({floor})"
    if p is None and len(units) >= FEWEST_REPLICATES:
        said_p = f"sign-flip p = {sign_flip(units).p:.3g}, which confirms nothing"
    found = Verdict(
        label, "", interval, p, p_floor(len(units)), p_equivalence, margin, reach, place, n, bases, len(units), needed
    )
    return replace(found, sentence=f"{label}: {_numbers(found, said_p)}")


def _needed(
    units: Float64[np.ndarray, " n"],
    aa: Float64[np.ndarray, " a"],
    margin: float | None,
    effect: float,
    alpha: float,
) -> int | None:
    """Units that would tell, by the spread of the A/A differences; a second draw that never differs plans none."""
    deviation = spread(aa if len(aa) > 1 else units)
    if deviation == 0 or (margin is None and effect == 0):
        return None
    if margin is None:
        found = replicates_for_difference(deviation, effect, alpha)
    else:
        found = replicates_for_margin(deviation, margin, alpha)
    return None if found is None else max(len(units) + 1, found)


def _tested(differs: bool, equivalent: bool) -> str:
    if differs:
        return "shift below the margin" if equivalent else "shift"
    return "no shift" if equivalent else "cannot tell"


def _numbers(found: Verdict, said_p: str | None) -> str:
    """The numbers behind a verdict, in one line."""
    interval = found.interval
    said = f"{interval.mean:+.3g}"
    if interval.low is not None and interval.high is not None:
        said += f" [{interval.low:.3g}, {interval.high:.3g}]"
    said += f", {_counted(found.replicates, 'replicate')}, {_counted(found.bases, 'base')}"
    said += f", A/A within {found.aa_range:.2g}"
    if said_p is not None:
        said += f", {said_p}"
    if found.p_equivalence is not None:
        said += f", p of equivalence within {found.margin:.3g} = {found.p_equivalence:.3g}"
    if found.p_equivalence is not None and found.aa_range == 0 == interval.mean and interval.low == interval.high:
        said += "; the measure never varied, as at a floor or a ceiling"
    if found.needed is not None:
        noun = "replicates" if found.units == found.replicates else "bases"
        said += f"; about {found.needed} {noun} would be needed"
    return said


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
