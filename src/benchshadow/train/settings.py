"""Everything that is held equal between arms, as one frozen object."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Architecture", "Settings"]


class Architecture(BaseModel):
    """A Llama-family model, in the words of its `config.json`; the vocabulary comes from the tokenizer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Literal["llama"] = "llama"
    hidden_size: int = Field(ge=8)
    intermediate_size: int = Field(ge=8)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    key_value_heads: int | None = Field(default=None, ge=1, description="as many as heads where it is left out")
    tied_embeddings: bool = False

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.hidden_size % (2 * self.heads):
            rule = "hidden_size must be a multiple of twice the heads (positions turn pairs of dimensions)"
            raise ValueError(f"{rule} but is {self.hidden_size} with {self.heads} heads")
        if self.key_value_heads is not None and self.heads % self.key_value_heads:
            raise ValueError(
                f"heads must be a multiple of key_value_heads but is {self.heads} with {self.key_value_heads}"
            )
        return self


class Settings(BaseModel):
    """Optimiser, schedule, budget and precision of one training; learning rates are per step of the optimiser."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1)
    sequences: int = Field(ge=1, description="per step")
    length: int = Field(ge=8, description="tokens per sequence")
    learning_rate: float = Field(gt=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: int = Field(default=20, ge=0, description="steps of linear warm-up")
    final_share: float = Field(
        default=0.1, ge=0, le=1, description="learning rate that the cosine falls to over the highest"
    )
    weight_decay: float = Field(default=0.01, ge=0)
    betas: tuple[float, float] = (0.9, 0.95)
    epsilon: float = Field(default=1e-8, gt=0)
    clip: float = Field(default=1.0, gt=0, description="largest norm of a gradient")
    optimiser: Literal["adamw"] = "adamw"
    precision: Literal["float32"] = "float32"
    threads: int = Field(default=1, ge=1)
    checkpoints: int = Field(default=6, ge=1, description="number of log-spaced checkpoints, the last step included")
    save_every: int = Field(default=100, ge=1, description="steps between saved states that a killed run resumes from")

    @property
    def tokens(self) -> int:
        """Tokens of the whole training."""
        return self.steps * self.sequences * self.length

    def checkpoint_steps(self) -> tuple[int, ...]:
        """Log-spaced steps, each twice the one before, the last step last."""
        steps = {max(1, round(self.steps / 2**i)) for i in range(self.checkpoints)}
        return tuple(sorted(steps))

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from zero: linear warm-up, then constant or half a cosine."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.schedule == "constant":
            return self.learning_rate * warm
        done = min(1.0, max(0.0, (step - self.warmup) / max(1, self.steps - self.warmup)))
        fall = 0.5 * (1 + math.cos(math.pi * done))
        return self.learning_rate * warm * (self.final_share + (1 - self.final_share) * fall)
