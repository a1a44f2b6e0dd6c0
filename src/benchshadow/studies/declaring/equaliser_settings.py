"""What a study file asks of its equaliser: the same short training for every arm, before arms are compared again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from benchshadow.errors import InputError

from .sentences import known

__all__ = ["EQUALISED", "Equaliser", "check_equaliser"]

EQUALISED = "equalised"
"""What the records' column `split` says of scores after the equaliser."""


class Equaliser(BaseModel):
    """A short training of a copy of every arm, so that none is ahead by knowing the form (arXiv 2407.07890)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(20, ge=1, description="of the optimiser")
    examples: int = Field(256, ge=1, description="texts, none of them an item; gone through as often as steps need")
    learning_rate: float = Field(gt=0, description="in place of the study's")
    sequences: int = Field(8, ge=1, description="per step")
    source: str | None = Field(None, description="what the examples are of; the benchmark's seen half if left out")
    every: Literal["last", "all"] = Field("last", description="checkpoints that are equalised and scored once more")


def check_equaliser(equaliser: Equaliser | None, *, sources: Iterable[str], seen: str | None, blimp: bool) -> None:
    """Refuse, before anything runs, an equaliser that has nothing to draw its examples from.

    Raises:
        InputError: with the key, the rule and the name that was meant.
    """
    if equaliser is None:
        return
    if equaliser.source is not None:
        known("equaliser.source", equaliser.source, tuple(sources))
    elif not blimp and seen is None:
        raise InputError("equaliser.source", "must name a source where the benchmark has no seen half but is missing")
