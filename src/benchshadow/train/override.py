"""What an arm may change of the settings that all others share, with its budget of tokens unchanged."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .settings import Settings

__all__ = ["Override"]

_OWN = ("learning_rate_times",)
_SAME = "as in the study's settings"


class Override(BaseModel):
    """Settings of a confound arm that differ from the study's; what is left out stays.

    The tokens in all stay as they are, so that the number of steps follows from `sequences` and `length`, and a warm-up
    that is not given covers the same share of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: float | None = Field(None, gt=0, description="in place of the study's")
    learning_rate_times: float | None = Field(None, gt=0, description="the study's learning rate, so many times")
    optimiser: Literal["adamw", "sgd", "muon"] | None = Field(None, description=_SAME)
    momentum: float | None = Field(None, ge=0, lt=1, description=_SAME)
    muon_rate: Literal["match_rms_adamw", "original"] | None = Field(None, description=_SAME)
    sequences: int | None = Field(None, ge=1, description=_SAME)
    length: int | None = Field(None, ge=8, description=_SAME)
    micro_sequences: int | None = Field(None, ge=1, description=_SAME)
    schedule: Literal["cosine", "constant"] | None = Field(None, description=_SAME)
    warmup: int | None = Field(None, ge=0, description=_SAME)
    final_share: float | None = Field(None, ge=0, le=1, description=_SAME)
    weight_decay: float | None = Field(None, ge=0, description=_SAME)
    betas: tuple[float, float] | None = Field(None, description=_SAME)
    epsilon: float | None = Field(None, gt=0, description=_SAME)
    clip: float | None = Field(None, gt=0, description=_SAME)
    precision: Literal["float32", "bfloat16"] | None = Field(None, description=_SAME)

    @model_validator(mode="after")
    def _changes_one_way(self) -> Self:
        if self.learning_rate is not None and self.learning_rate_times is not None:
            given = f"{self.learning_rate:g} and {self.learning_rate_times:g}"
            raise ValueError(f"learning_rate and learning_rate_times must not stand together but are {given}")
        if not self.model_fields_set:
            raise ValueError("settings must change something but are empty")
        return self

    def applied(self, shared: Settings) -> Settings:
        """The settings of the arm.

        Raises:
            ValueError: the budget is no whole number of steps, or the arm would have fewer checkpoints.
        """
        changed = self.model_dump(exclude_none=True, exclude=set(_OWN))
        if self.learning_rate_times is not None:
            changed["learning_rate"] = shared.learning_rate * self.learning_rate_times
        each = (self.sequences or shared.sequences) * (self.length or shared.length)
        steps, left = divmod(shared.tokens, each)
        if left:
            raise ValueError(f"sequences x length must divide the budget of {shared.tokens} tokens but is {each}")
        changed |= {"steps": steps, "checkpoints": len(shared.checkpoint_steps())}
        if self.warmup is None:
            changed["warmup"] = round(shared.warmup * steps / shared.steps)
        found = Settings.model_validate({**shared.model_dump(), **changed})
        wanted, here = changed["checkpoints"], len(found.checkpoint_steps())
        if here != wanted:
            raise ValueError(f"steps must be enough for the study's {wanted} checkpoints but {steps} have {here}")
        return found
