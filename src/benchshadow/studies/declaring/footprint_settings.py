"""What a study file asks of its footprints: the probe of equal loss, the directions kept, the regimes to be told."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from benchshadow.errors import InputError
from benchshadow.spectra import diagnostics

from .sentences import known
from .task_kinds import TaskSettings, tiers

__all__ = ["SHAPES", "Signature", "Trajectory", "check_footprints", "probe"]

_OVER_MODEL = (
    *(f"{kind}_{group}{by}" for group in ("layers", "roles") for kind in ("effective", "gini_of")
      for by in ("", "_by_relative_change")),
    "depth_of_change",
    "spectral_shift",
)  # fmt: skip


SHAPES = ("stable_rank", "participation_ratio", "effective_rank", "effective_layers")
"""Diagnostics of a signature by default: how many directions carry the change, and how many layers."""


class Strict(BaseModel):
    """Frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Trajectory(Strict):
    """How runs are compared along training, and what is kept of the change at their last step."""

    loss: str | None = Field(
        default=None,
        description="text task whose bits per byte are the loss of *equal loss*; the first of tier general",
    )
    directions: int = Field(
        default=16, ge=0, le=32, description="singular vectors kept of every change at the last step"
    )


class Signature(Strict):
    """The regimes that a classifier shall tell from the footprint alone; arms left out here are shown to it."""

    regimes: dict[str, tuple[str, ...]] = Field(min_length=2, description="name to its arms, each in one regime")
    benchmarks: dict[str, str] = Field(
        default_factory=dict, description="arm to the benchmark its data is made after, to leave one benchmark out"
    )
    diagnostics: tuple[str, ...] = Field(SHAPES, min_length=1, description="of the change, over the model")
    permutations: int = Field(999, ge=19, description="relabellings drawn where there are more than so many")


def probe(trajectory: Trajectory, tasks: Iterable[TaskSettings]) -> str | None:
    """The task whose bits per byte are the broad loss; None where the study has no text of tier general."""
    if trajectory.loss is not None:
        return trajectory.loss
    placed = tiers(tuple(tasks))
    return next((name for name, (tier, kind) in placed.items() if (tier, kind) == ("general", "text")), None)


def check_footprints(
    trajectory: Trajectory,
    signature: Signature | None,
    *,
    arms: Iterable[str],
    control: str,
    tasks: Iterable[TaskSettings],
) -> None:
    """Refuse names that are not there, before anything runs.

    Raises:
        InputError: with the key and the name that was meant.
    """
    texts = [name for name, (_, kind) in tiers(tuple(tasks)).items() if kind == "text"]
    if trajectory.loss is not None:
        known("trajectory.loss", trajectory.loss, texts)
    if signature is None:
        return
    treated = [arm for arm in arms if arm != control]
    placed: dict[str, str] = {}
    for regime, named in signature.regimes.items():
        if not named:
            raise InputError(f"signature.regimes.{regime}", "must name at least one arm but names none")
        for arm in named:
            known(f"signature.regimes.{regime}", arm, treated)
            if arm in placed:
                raise InputError(
                    f"signature.regimes.{regime}", f"'{arm}' must stand in one regime but stands in '{placed[arm]}' too"
                )
            placed[arm] = regime
    for arm in signature.benchmarks:
        known("signature.benchmarks", arm, list(placed))
    for name in signature.diagnostics:
        known("signature.diagnostics", name, _diagnostics())
    if len(set(signature.diagnostics)) < len(signature.diagnostics):
        raise InputError("signature.diagnostics", f"must be distinct but are {list(signature.diagnostics)}")


def _diagnostics() -> list[str]:
    """Names of what is measured of a change over the model; sizes are no part of a shape and stand beside it."""
    sizes = {"relative_change", "frobenius_norm", "spectral_norm", "nuclear_norm"}
    registered = {entry.name for entry in diagnostics() if entry.subject in ("matrix", "change")}
    shares = {f"{name}_share" for name in registered if name.endswith(("rank", "ratio"))}
    return sorted((registered | shares | set(_OVER_MODEL)) - sizes)
