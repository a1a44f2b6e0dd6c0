"""Which comparisons were declared as tests, and their p values after correction over their families."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from benchshadow.stats import equivalence, holm_of_sides, over_bases, sign_flip
from benchshadow.studies.declaring.families import Family, Margin, Test
from benchshadow.studies.declaring.study import Study

from .comparing import Comparison

__all__ = ["Tested", "claim_of", "corrected", "tests_of", "units_of"]

Place = tuple[str, str, str]


@dataclass(frozen=True)
class Tested:
    """The corrected p values of one declared comparison.

    Attributes:
        p: of the difference.
        p_equivalence: of equivalence within the margin; None without one that gives its reason.
        alpha: of the family.
        family: number of claims that the family makes.
        effect: size of a difference that the test is to find, where it says so.
        whole: whether no replicate is missing; a test that lost one is not the one that was declared.
        beforehand: whether it was declared before the first outcome.
    """

    p: float
    p_equivalence: float | None
    alpha: float
    family: int
    effect: float | None
    whole: bool
    beforehand: bool

    @property
    def confirmatory(self) -> bool:
        """Whether what it says is confirmed, and not merely described."""
        return self.whole and self.beforehand


def units_of(study: Study, found: Comparison) -> np.ndarray:
    """The differences that inference counts: over replicates, or over bases that several replicates share."""
    return over_bases(found.differences, [study.base_of(replicate) for replicate in found.replicates])


def corrected(
    study: Study, compared: Mapping[Place, Comparison], beforehand: Collection[str] | None
) -> dict[Place, Tested]:
    """Every declared comparison with its p values, corrected over its family by Holm's procedure.

    A comparison with a margin that gives its reason has two sides, difference and equivalence, which exclude each other
    and so count once (`holm_of_sides`): whatever is rejected, on either side, errs at all in at most alpha of the
    families. A test that lost a replicate counts in its family and confirms nothing. A comparison of two families must
    pass in both.

    Args:
        study: declares families and margins.
        compared: the comparisons by their place.
        beforehand: names of the families that were declared before the first outcome; None for all.
    """
    found: dict[Place, Tested] = {}
    for family in study.families:
        declared = beforehand is None or family.name in beforehand
        for place, this in _of_family(study, family, compared, declared).items():
            found[place] = this if place not in found else _both(found[place], this)
    return found


def _of_family(
    study: Study, family: Family, compared: Mapping[Place, Comparison], beforehand: bool
) -> dict[Place, Tested]:
    ps: list[float] = []
    sides: list[Place] = []
    whole = {}
    for place in family.places:
        here = compared.get(place)
        whole[place] = here is not None and len(here.replicates) == len(study.replicates)
        found = _sides(study, here if whole[place] else None, study.tested_margin(place[1]))
        ps += found
        sides += [place] * len(found)
    adjusted: dict[Place, list[float]] = {}
    for place, p in zip(sides, holm_of_sides(np.array(ps), sides), strict=True):
        adjusted.setdefault(place, []).append(float(p))
    effects = {test.place: test.effect for test in family.tests if test.effect is not None}
    return {
        place: Tested(
            two[0],
            two[1] if len(two) > 1 else None,
            family.alpha,
            len(family.places),
            effects.get(place),
            whole[place],
            beforehand,
        )
        for place, two in adjusted.items()
    }


def _sides(study: Study, here: Comparison | None, margin: Margin | None) -> list[float]:
    """The p of the difference and, with a margin, of equivalence; 1 where the comparison is not whole."""
    if here is None:
        return [1.0] if margin is None else [1.0, 1.0]
    units = units_of(study, here)
    differs = sign_flip(units).p
    return [differs] if margin is None else [differs, equivalence(units, np.array(here.aa), margin.value)]


def _both(one: Tested, other: Tested) -> Tested:
    """What holds in both families: the p that is larger beside its alpha, on each side, in terms of one alpha."""
    strict = max(one, other, key=lambda each: each.p / each.alpha)
    equal = [each.p_equivalence * strict.alpha / each.alpha for each in (one, other) if each.p_equivalence is not None]
    return Tested(
        strict.p,
        min(1.0, max(equal)) if equal else None,
        strict.alpha,
        max(one.family, other.family),
        strict.effect or one.effect or other.effect,
        one.whole and other.whole,
        one.beforehand and other.beforehand,
    )


def tests_of(study: Study) -> list[tuple[Family | None, Test]]:
    """Every declared comparison, those of families first, then those that no test is made of."""
    return [
        *((family, test) for family in study.families for test in family.tests),
        *((None, test) for test in study.claims),
    ]


def claim_of(study: Study) -> dict[Place, str]:
    """Comparison to the claim of the preprint that it speaks to."""
    return {test.place: test.claim for _, test in reversed(tests_of(study)) if test.claim is not None}
