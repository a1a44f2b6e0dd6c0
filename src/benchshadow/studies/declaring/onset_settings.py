"""What a study declares of an onset: a row of arms that differ in one number, and the measures to follow along it."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Onset"]


class Onset(BaseModel):
    """A row of arms that differ in one number alone; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arms: tuple[str, ...] = Field(min_length=2, description="the row, by rising level")
    levels: tuple[float, ...] = Field(description="one for each of the arms, rising")
    measures: tuple[str, ...] = Field(min_length=1, description="that are followed along the row")
    at: Literal["last step", "equal relative change", "equal loss"] = Field(
        default="last step", description="where arms and control are compared"
    )
    level: str = Field(default="level", description="what the number is called")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if len(self.levels) != len(self.arms):
            raise ValueError(f"levels must be one for each of {len(self.arms)} arms but are {len(self.levels)}")
        if not all(one < other for one, other in pairwise(self.levels)):
            raise ValueError(f"levels must rise but are {list(self.levels)}")
        return self
