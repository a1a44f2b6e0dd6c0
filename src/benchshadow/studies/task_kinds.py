"""The tasks of a study as settings in its file, each with the tier it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchshadow.data.skills import FORMATS, SKILLS
from benchshadow.data.sources import Half
from benchshadow.data.tasks import Tier

__all__ = ["BlimpPairs", "Choices", "SkillItems", "TaskSettings", "Text", "tiers"]


class Named(BaseModel):
    """Frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    says: str = Field("", description="what it asks, for the report")


class SkillItems(Named):
    """Items of the embedded world, answered exactly; of the benchmark's seen half where `seen` is set."""

    kind: Literal["skills"]
    tier: Tier
    items: int = Field(200, ge=1)
    seen: bool = False
    skills: tuple[str, ...] = tuple(SKILLS)
    formats: tuple[str, ...] = tuple(FORMATS)
    lengths: tuple[int, int] = (3, 6)
    compositions: float = Field(0.0, ge=0, le=1)


class BlimpPairs(Named):
    """One tier of the replicate's split of BLiMP, by its name there: "seen pairs", "held-out pairs" ..."""

    kind: Literal["blimp"]


class Choices(Named):
    """Multiple-choice items of a file, by log-probability."""

    kind: Literal["choices"]
    file: str
    tier: Tier = "unrelated"
    items: int = Field(200, ge=1)


class Text(Named):
    """Bits per byte on documents of a source."""

    kind: Literal["text"]
    source: str
    tier: Tier = "general"
    half: Half = "held-out"
    bytes: int = Field(200_000, ge=1)


TaskSettings = Annotated[SkillItems | BlimpPairs | Choices | Text, Field(discriminator="kind")]


def tiers(tasks: Sequence[TaskSettings]) -> dict[str, tuple[str, str]]:
    """Task to its tier and kind ("exact", "choice", "text"), without reading any item."""
    blimp = {"seen pairs": "seen", "held-out pairs": "held-out", "siblings": "sibling", "distant siblings": "sibling"}
    found = {}
    for task in tasks:
        tier = blimp.get(task.name, "sibling") if isinstance(task, BlimpPairs) else task.tier
        kind = {"skills": "exact", "blimp": "choice", "choices": "choice", "text": "text"}[task.kind]
        found[task.name] = (tier, kind)
    return found
