"""Runs that were trained elsewhere, as a study file names them: whose cell they are, and where they lie."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import BaseModel, ConfigDict, Field

from benchshadow.errors import InputError

from .sentences import known

__all__ = ["Joined", "check_joined", "joined_of"]


class Joined(BaseModel):
    """One checkpoint of a run that was trained elsewhere, in place of one that the study would train."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: str = Field(description="of the study")
    replicate: int = Field(description="of the study")
    step: int = Field(ge=1, description="of the study, at which as many tokens were seen")
    checkpoint: str = Field(description="folder with config.json, an adapter of the base, or id@revision in the cache")
    results: str | None = Field(
        None,
        description="JSON of scores measured elsewhere, {task: {measure: value}}; other tasks are scored here, "
        "and after an equaliser all are",
    )


def joined_of(runs: Sequence[Joined], arm: str, replicate: int) -> dict[int, Joined]:
    """Step to checkpoint of one cell of the grid; empty where the study trains it."""
    return {each.step: each for each in runs if (each.arm, each.replicate) == (arm, replicate)}


def check_joined(
    runs: Sequence[Joined], *, arms: Collection[str], replicates: Collection[int], steps: Sequence[int]
) -> None:
    """Hold joined runs to the study's grid: its arms, its replicates, its steps, and the last step in each.

    Args:
        runs: as the study file names them.
        arms: of the study.
        replicates: of the study.
        steps: of the study's checkpoints.
    """
    seen: set[tuple[str, int, int]] = set()
    for number, each in enumerate(runs):
        where = f"runs.{number}"
        try:
            known(f"{where}.arm", each.arm, tuple(arms))
        except InputError as error:
            raise ValueError(str(error)) from None
        for key, value, allowed in (("replicate", each.replicate, replicates), ("step", each.step, steps)):
            if value not in allowed:
                listed = ", ".join(map(str, allowed))
                raise ValueError(f"{where}.{key} must be one of {listed} but is {value}")
        if (each.arm, each.replicate, each.step) in seen:
            raise ValueError(f"{where} must be the only one of its arm, replicate and step but is named twice")
        seen.add((each.arm, each.replicate, each.step))
    for arm, replicate in dict.fromkeys((each.arm, each.replicate) for each in runs):
        if (arm, replicate, steps[-1]) not in seen:
            raise ValueError(f"runs must hold step {steps[-1]} of '{arm}', replicate {replicate}, but hold others only")
