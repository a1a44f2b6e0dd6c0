"""What a study says of leaks beforehand: how much of the benchmark may stand in the control's text, and why."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Leaks"]


class Leaks(BaseModel):
    """What a study says of leaks beforehand; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    most: float = Field(
        default=0.01, ge=0, le=1, description="share of a task's items that may stand in the control by chance"
    )
    allowed: tuple[str, ...] = Field(default=(), description="tasks that may leak")
    because: str = Field(default="", description="why these may")

    @model_validator(mode="after")
    def _has_a_reason(self) -> Self:
        if self.allowed and not self.because.strip():
            raise ValueError(f"because must say why {', '.join(self.allowed)} may leak but is empty")
        return self
