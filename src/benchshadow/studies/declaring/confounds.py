"""An arm under settings of its own: the control's tokens cut into other sequences, its checkpoints at equal budget."""

from __future__ import annotations

from typing import Any

from benchshadow.records import differing
from benchshadow.train import Settings

from .study import Study

__all__ = ["budget", "checkpoints_of", "declared_places", "recut"]


def checkpoints_of(study: Study, arm: str) -> dict[int, int]:
    """Step of the study to the step of the arm at which as many tokens were seen, to within half a step of either.

    Records count the study's steps, so that arms are compared at equal budget; folders count the arm's own.

    Args:
        study: has the settings.
        arm: "" for a base, which counts its own.
    """
    if not arm:
        steps = (0,) if study.base.settings is None else study.base.settings.checkpoint_steps()
        return dict(zip(steps, steps, strict=True))
    return dict(zip(study.settings.checkpoint_steps(), study.settings_of(arm).checkpoint_steps(), strict=True))


def recut(ids: Any, settings: Settings) -> Any:
    """The same tokens in the same order as sequences of the arm's length, shape (steps * sequences, length)."""
    return ids.reshape(settings.steps * settings.sequences, settings.length)


def budget(settings: Settings) -> dict[str, int]:
    """What a manifest tells of an arm's budget; the first token of every sequence bears no loss."""
    sequences = settings.steps * settings.sequences
    return {
        "tokens": settings.tokens,
        "loss_bearing_tokens": settings.tokens - sequences,
        "sequences": sequences,
        "length": settings.length,
        "padding": 0,
    }


def declared_places(study: Study, one: Any, other: Any) -> set[str]:
    """Places of two arms' manifests that differ because the study declares other settings for one of them."""
    if not all(isinstance(arm, str) and arm in study.arms for arm in (one, other)):
        return set()
    return {place for place, _, _ in differing(_told(study, one), _told(study, other))}


def _told(study: Study, arm: str) -> dict[str, Any]:
    settings = study.settings_of(arm)
    return {
        "settings": settings.model_dump(mode="json"),
        "checkpoint_steps": list(settings.checkpoint_steps()),
        "data": {"budget": budget(settings)},
    }
