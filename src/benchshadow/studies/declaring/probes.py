"""What a study file asks of its probes: texts whose states, gradients and expectations are looked at beside tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchshadow.data.sources import Half
from benchshadow.spectra.activations import FEWEST_TEXTS

from .sentences import known

__all__ = ["Probes", "check_probes"]


class Probes(BaseModel):
    """Probe texts, and what is measured on them; a study without this table measures nothing of the kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    narrow: str = Field(description="task or source that stands for the benchmark")
    broad: str = Field(description="task or source that stands for everything else")
    half: Half = Field("held-out", description="of a corpus that is named as a source")
    texts: int = Field(64, ge=FEWEST_TEXTS, description="drawn once for a replicate and the same for all its arms")
    tokens: int = Field(512, ge=2, description="most tokens of a text; the context is a limit too")
    layers: Literal["all"] | tuple[int, ...] = Field("all", description="blocks, counted from zero")
    every: Literal["last", "all"] = Field("last", description="checkpoints that are probed")
    representation: bool = Field(True, description="ranks and decay of the states, and their likeness to the base's")
    gradients: bool = Field(True, description="rank of the gradients of single texts; a pass back for every layer")
    behaviour: bool = Field(True, description="divergence from the base, and Min-k% of seen against held-out items")

    @model_validator(mode="after")
    def _has_something_to_do(self) -> Self:
        if self.narrow == self.broad:
            raise ValueError(f"narrow and broad must be two probes but both are '{self.narrow}'")
        if not (self.representation or self.gradients or self.behaviour):
            raise ValueError("one of representation, gradients and behaviour must be true but none is")
        if self.layers != "all" and (not self.layers or min(self.layers) < 0):
            raise ValueError(f"layers must be 'all' or blocks counted from zero but is {list(self.layers)}")
        return self


def check_probes(probes: Probes | None, *, tasks: Iterable[str], sources: Iterable[str], layers: int | None) -> None:
    """Refuse, before anything runs, a probe that names nothing and a layer that the model does not have.

    Args:
        probes: None where the study has none.
        tasks: names of its tasks.
        sources: names of its sources.
        layers: number of the model's blocks, where the study file tells it.

    Raises:
        InputError: with the key, the rule and the name that was meant.
    """
    if probes is None:
        return
    names = list(dict.fromkeys((*tasks, *sources)))
    known("probes.narrow", probes.narrow, names)
    known("probes.broad", probes.broad, names)
    if layers is not None and probes.layers != "all" and max(probes.layers) >= layers:
        rule = f"must be from 0 to {layers - 1} in a model of {layers}"
        raise ValueError(f"probes.layers {rule} but holds {max(probes.layers)}")
