"""Interventions in a study file: the settings of a recipe's arms, and the rules that hold between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, WrapSerializer

from benchshadow.data.interventions.recipe import BENCHMARK, ArmSettings, check_parent, source_of
from benchshadow.data.sources import Benchmark, Source

__all__ = ["Declared", "check_interventions", "concerned", "needed"]


def _from_kind(given: Any) -> Any:
    """A table of the study file as the recipe spells it: there the kind is `intervention`, and the dose in it."""
    if not isinstance(given, dict):
        return given
    for key, instead in (("intervention", "kind"), ("dose", "the arm's own dose")):
        if key in given:
            raise ValueError(f"{key} must be left out here but is {given[key]!r}; use {instead}")
    return {("intervention" if key == "kind" else key): value for key, value in given.items()}


def _to_kind(settings: ArmSettings, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
    content = {key: value for key, value in handler(settings).items() if key != "dose"}
    return {("kind" if key == "intervention" else key): value for key, value in content.items()}


Declared = Annotated[
    ArmSettings, Field(discriminator="intervention"), BeforeValidator(_from_kind), WrapSerializer(_to_kind)
]
"""An arm's intervention, told apart by its `kind`; the keys are those of a recipe, less `intervention` and `dose`."""


def concerned(arms: Mapping[str, ArmSettings], arm: str) -> dict[str, ArmSettings]:
    """The settings of an arm, and of the arm it is a control of."""
    of = getattr(arms[arm], "of", None)
    return {name: arms[name] for name in (arm, of) if name is not None}


def needed(arms: Mapping[str, ArmSettings], arm: str) -> tuple[str, ...]:
    """Names of the sources whose items an arm is made of, those of the arm it is a control of among them."""
    both = concerned(arms, arm).values()
    wanted = [source_of(each) for each in both]
    # The items that an off-target arm is aligned to stand in place of the benchmark's; copies are matched to these.
    if arms[arm].intervention == "off-target" and not any(getattr(each, "by", "") == "copies" for each in both):
        wanted = wanted[:1]
    return tuple(dict.fromkeys(name for name in wanted if name is not None))


def check_interventions(arms: Mapping[str, ArmSettings], sources: Mapping[str, Source], seen: str | None) -> None:
    """See that interventions fit each other and a study's sources.

    Args:
        arms: settings with their doses, as a recipe would hold them.
        sources: of the study.
        seen: the source that is the benchmark's seen half, where it is one.

    Raises:
        ValueError: one of them does not fit; the sentence begins with its place.
    """
    for name in arms:
        check_parent(arms, name)
        for source in needed(arms, name):
            named = sources.get(source)
            if source != BENCHMARK and named is None:
                raise ValueError(f"arms.{name}.intervention.source must be among {sorted(sources)} but is '{source}'")
            if source == BENCHMARK and named is not None and source != seen and not isinstance(named, Benchmark):
                where = f"arms.{name}.intervention takes the benchmark's seen half"
                raise ValueError(f"{where}, so sources must not call another source '{BENCHMARK}'")
