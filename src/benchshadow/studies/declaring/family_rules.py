"""What families and margins must hold to, before anything runs and beside what came out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchshadow.errors import InputError
from benchshadow.stats import FEWEST_BASES, FEWEST_REPLICATES, p_floor, replicates_needed

from .families import Family, Margin, Test
from .footprint_settings import probe
from .measures import Measure
from .sentences import known
from .study import Study

__all__ = ["check_families", "loose_margins"]

MOST_OF_EFFECT = 1 / 3
"""Largest margin as a share of the aligned arm's effect in a pilot."""


def check_families(study: Study, measures: Sequence[Measure]) -> None:
    """Refuse, before anything runs, what cannot be tested or could not be believed.

    Unknown arms and measures, an equivalence test without a justified margin, a margin that is too wide or that nothing
    holds to its bounds, and a family that its replicates cannot carry. The floor of the sign-flip test binds a family
    with a test of difference. It does not bind TOST, whose p is of a t distribution and has no floor: whether
    replicates suffice for that depends on the spread, which `study status` reckons with once there are runs.

    Raises:
        InputError: with the family or the margin, the rule and the number that would be needed.
    """
    units = {measure.name: measure.unit for measure in measures}
    for name, margin in study.margins.items():
        known(f"margins.{name}", name, tuple(units))
        _check_margin(f"margins.{name}", margin, units[name])
    names = [family.name for family in study.families]
    if len(set(names)) < len(names):
        raise InputError("families", f"must have distinct names but are {names}")
    for test in study.claims:
        _check_test(study, "claims", test, tuple(units))
    for family in study.families:
        where = f"families.{family.name}"
        for test in family.tests:
            _check_test(study, where, test, tuple(units))
        _check_carried(study, family, where)


def loose_margins(study: Study, controls: dict[str, float]) -> Iterator[str]:
    """A sentence for every margin that gives no reason, or that the control's value shows to be too wide.

    Args:
        study: declares them.
        controls: measure to the control's mean in the study's own runs.
    """
    for name, margin in study.margins.items():
        if not margin.justified:
            said = "does not say why smaller differences do not matter: no equivalence is tested"
            yield f"The margin of {name} ({margin.value:g}) {said}."
        elif (problem := margin.over(controls.get(name))) is not None:
            yield f"The margin of {name} {problem}: equivalence within it says little."


def _check_margin(where: str, margin: Margin, unit: str) -> None:
    if margin.unit is None and not margin.because:
        return
    if not margin.justified:
        raise InputError(where, "must say its unit and, in `because`, why smaller differences do not matter")
    if margin.unit != unit:
        raise InputError(where, f"must be in the measure's unit '{unit}' but is in '{margin.unit}'")
    if margin.pilot_effect is not None and margin.value > MOST_OF_EFFECT * abs(margin.pilot_effect) * (1 + 1e-9):
        most = MOST_OF_EFFECT * abs(margin.pilot_effect)
        raise InputError(where, f"must be at most a third of the pilot's effect, {most:.3g}, but is {margin.value:g}")
    problem = margin.over(margin.control)
    if problem is not None:
        raise InputError(where, problem)


def _check_test(study: Study, where: str, test: Test, measures: tuple[str, ...]) -> None:
    known(where, test.arm, study.treated)
    known(where, test.measure, measures)
    if test.at != "last step" and test.measure == "relative_change":
        raise InputError(where, f"relative_change cannot be compared at {test.at}", "leave out `at`")
    if test.at == "equal loss" and probe(study.trajectory, study.tasks) in (None, test.measure):
        text = f"'{test.measure}' at equal loss needs a text of tier general that it is not itself"
        raise InputError(where, text, "name one by trajectory.loss, or leave out `at`")
    if test.kind == "equivalence":
        margin = study.margins.get(test.measure)
        if margin is None or not margin.justified:
            has = "has none" if margin is None else "has one without unit and reason"
            text = f"an equivalence test needs a margin but '{test.measure}' {has}"
            raise InputError(where, text, f"add [margins.{test.measure}] with value, unit and because")
        lacking = [name for name in ("pilot_effect", "control") if getattr(margin, name) is None]
        if margin.unit == "share":
            lacking = [name for name in lacking if name != "control"]
        if lacking:
            text = f"must say {' and '.join(lacking)}, which hold it to its bounds, where equivalence is tested"
            raise InputError(f"margins.{test.measure}", text, "take them from a pilot on other seeds")


def _check_carried(study: Study, family: Family, where: str) -> None:
    """Whether the replicates, or the bases where there are fewer, can carry a family's tests."""
    n, m = study.units, len(family.places)
    noun = "replicates" if n == len(study.replicates) else "bases"
    if any(test.kind == "difference" for test in family.tests) and m * p_floor(n) > family.alpha:
        needed = replicates_needed(m, family.alpha)
        tests = f"{m} test{'s' * (m > 1)} reach{'es' * (m == 1)}"
        text = f"{tests} {family.alpha:g} under Holm with {needed} {noun} or more, but there are {n}"
        floor = f"the smallest p of {n} is {p_floor(n):.2g}; add {noun} or leave out tests"
        raise InputError(where, text, floor)
    if len(study.replicates) < FEWEST_REPLICATES:
        text = f"confirmatory tests need {FEWEST_REPLICATES} replicates but there are {len(study.replicates)}"
        raise InputError(where, text, "add replicates, or leave the family out")
    if study.bases < FEWEST_BASES:
        text = f"confirmatory tests need {FEWEST_BASES} bases but the study has {study.bases}"
        raise InputError(where, text, "set base.per_replicate or base.number, or leave the family out")
