"""Everything that is held equal between arms, as one frozen object."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Adapter", "Settings"]


class Settings(BaseModel):
    """Optimiser, schedule, budget and precision of one training; learning rates are per step of the optimiser."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1, description="of the optimiser")
    sequences: int = Field(ge=1, description="per step")
    length: int = Field(ge=8, description="tokens per sequence")
    micro_sequences: int | None = Field(
        None, ge=1, description="sequences that pass through the model at a time; their gradients are summed"
    )
    learning_rate: float = Field(gt=0, description="highest, after the warm-up")
    schedule: Literal["cosine", "constant"] = Field("cosine", description="of the learning rate after the warm-up")
    warmup: int = Field(default=20, ge=0, description="steps of linear warm-up")
    final_share: float = Field(
        default=0.1, ge=0, le=1, description="learning rate that the cosine falls to over the highest"
    )
    weight_decay: float = Field(default=0.01, ge=0, description="of matrices alone")
    betas: tuple[float, float] = Field((0.9, 0.95), description="decay of AdamW's first and second moments")
    epsilon: float = Field(default=1e-8, gt=0, description="added to the denominator of AdamW")
    clip: float = Field(default=1.0, gt=0, description="largest norm of a gradient")
    optimiser: Literal["adamw", "sgd", "muon"] = Field("adamw", description="what makes a step of gradients")
    momentum: float | None = Field(None, ge=0, lt=1, description="of sgd, 0.9, and of muon, 0.95, where it is left out")
    muon_rate: Literal["match_rms_adamw", "original"] = Field(
        "match_rms_adamw", description="how muon scales a step by the sides of a matrix"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the passes through the model; weights and moments are float32 in either"
    )
    device: Literal["cpu", "cuda"] = Field("cpu", description="where the model lies")
    threads: int = Field(default=1, ge=1, description="of the processor; weights have the same bits at one number only")
    checkpoints: int = Field(default=6, ge=1, description="number of log-spaced checkpoints, the last step included")
    save_every: int = Field(default=100, ge=1, description="steps between saved states that a killed run resumes from")
    diverges_above: float | None = Field(
        None, gt=1, description="loss over the first step's loss above which a training diverges; None: never"
    )
    diverges_after: int = Field(default=20, ge=1, description="steps on end that the loss must stay above that")

    @model_validator(mode="after")
    def _micro_fit(self) -> Self:
        if self.micro_sequences is not None and self.sequences % self.micro_sequences:
            given = f"{self.sequences} with {self.micro_sequences}"
            raise ValueError(f"sequences must be a multiple of micro_sequences but is {given}")
        return self

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


class Adapter(BaseModel):
    """Low-rank adaptation (Hu et al. 2021): of every target only B A is trained, W = W0 + alpha / rank * B A."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(ge=1, description="columns of B, rows of A")
    alpha: float = Field(gt=0, description="over the rank it is what B A is multiplied by")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of a target's inputs that a step drops")
    targets: tuple[str, ...] = Field(
        (), description="last names of modules, such as q_proj; every linear map inside the blocks where empty"
    )
