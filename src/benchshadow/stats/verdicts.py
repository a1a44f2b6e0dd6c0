"""From paired differences to one of the few things that can be said: shift, no shift, cannot tell, or descriptive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from .equivalence import replicates_for_margin, tost
from .intervals import Interval, paired_t
from .permutation import p_floor, sign_flip
from .samples import checked, spread

__all__ = ["FEWEST_BASES", "FEWEST_REPLICATES", "LABELS", "Verdict", "outside_range", "verdict"]

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
    "descriptive: inside the A/A range",
)
"""Everything that a verdict can say."""


@dataclass(frozen=True)
class Verdict:
    """What can be said of one measure in one arm, and the numbers it rests on.

    Attributes:
        label: one of `LABELS`.
        sentence: the label with its numbers.
        interval: mean and t interval of the differences.
        p: of the difference, adjusted where it was given so; None where descriptive.
        p_floor: smallest p that so many replicates can give, before adjustment.
        p_equivalence: of TOST; None without a margin or where descriptive.
        margin: as given.
        aa_range: a, the largest absolute A/A difference; the range is [-a, a].
        outside: whether the range of the differences and the A/A range do not overlap.
        replicates: number of differences.
        bases: number of base models.
        needed: replicates that would be needed to tell; None where it was told or cannot be reckoned.
    """

    label: str
    sentence: str
    interval: Interval
    p: float | None
    p_floor: float
    p_equivalence: float | None
    margin: float | None
    aa_range: float
    outside: bool
    replicates: int
    bases: int
    needed: int | None


def outside_range(differences: Float64[np.ndarray, " n"], aa: Float64[np.ndarray, " a"]) -> bool:
    """Whether [min, max] of the differences does not meet [-a, a], a = max |A/A difference|."""
    checked(differences, "differences", 1)
    reach = float(np.abs(checked(aa, "A/A differences", 1)).max())
    # Shares of a few items often tie on paper; the last bits of a difference must not tell them apart.
    reach *= 1 + 1e-10
    return bool(differences.min() > reach or differences.max() < -reach)


def verdict(
    differences: Float64[np.ndarray, " n"],
    *,
    aa: Float64[np.ndarray, " a"],
    margin: float | None = None,
    alpha: float = 0.05,
    p_adjusted: float | None = None,
    confirmatory: bool = False,
    bases: int = 1,
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
        p_adjusted: p of the difference after Holm over its family; by default that of this test alone.
        confirmatory: whether the study file declared this test beforehand.
        bases: number of base models behind the replicates.
    """
    outside = outside_range(differences, aa)
    reach, n = float(np.abs(aa).max()), len(differences)
    interval = paired_t(differences)
    p, p_equivalence, needed = None, None, None
    if n < FEWEST_REPLICATES or bases < FEWEST_BASES or not confirmatory:
        label = LABELS[4] if outside else LABELS[5]
    else:
        p = sign_flip(differences).p if p_adjusted is None else p_adjusted
        p_equivalence = None if margin is None else tost(differences, margin)
        label = _tested(p <= alpha, p_equivalence is not None and p_equivalence <= alpha)
        if label == "cannot tell" and margin is not None:
            deviation = spread(aa if len(aa) > 1 else differences)
            # A second draw that never differs tells nothing of the spread to plan for.
            needed = max(n + 1, replicates_for_margin(deviation, margin, alpha)) if deviation > 0 else None
    floor = f"no less than {p_floor(n):.2g} is possible"
    if p_adjusted is not None:
        floor = f"corrected; {floor} before"
    said_p = None if p is None else f"p = {p:.3g} ({floor})"
    sentence = f"{label}: {_numbers(interval, said_p, p_equivalence, margin, reach, bases, needed)}"
    return Verdict(label, sentence, interval, p, p_floor(n), p_equivalence, margin, reach, outside, n, bases, needed)


def _tested(differs: bool, equivalent: bool) -> str:
    if differs:
        return "shift below the margin" if equivalent else "shift"
    return "no shift" if equivalent else "cannot tell"


def _numbers(
    interval: Interval,
    said_p: str | None,
    p_equivalence: float | None,
    margin: float | None,
    reach: float,
    bases: int,
    needed: int | None,
) -> str:
    """The numbers behind a verdict, in one line."""
    said = f"{interval.mean:+.3g}"
    if interval.low is not None and interval.high is not None:
        said += f" [{interval.low:.3g}, {interval.high:.3g}]"
    said += f", {_counted(interval.n, 'replicate')}, {_counted(bases, 'base')}, A/A within {reach:.2g}"
    if said_p is not None:
        said += f", {said_p}"
    if p_equivalence is not None:
        said += f", p of equivalence within {margin:.3g} = {p_equivalence:.3g}"
    if needed is not None:
        said += f"; about {needed} replicates would be needed"
    return said


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
