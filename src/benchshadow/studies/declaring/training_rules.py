"""The rules that tie a study's bases, tokenizer, architecture and confound arms to each other, known from its file."""

from __future__ import annotations

from typing import Any

__all__ = ["check_training"]


def check_training(study: Any) -> None:
    """Hold a study, whose own checks call this, to the rules of its training.

    Raises:
        ValueError: names the key, the rule and the value that broke it.
    """
    _check_origin(study)
    longest = None if study.base.settings is None else study.base.settings.length
    if longest is not None and study.settings.length > longest:
        raise ValueError(f"settings.length must be at most the base's {longest} but is {study.settings.length}")
    for name, arm in study.arms.items():
        if arm.settings is None:
            continue
        if name in ("control", study.same):
            raise ValueError(f"arms.{name} is trained under the study's own settings: leave out its settings")
        try:
            found = study.settings_of(name)
        except ValueError as error:
            raise ValueError(f"arms.{name}.settings: {_said(error)}") from None
        if longest is not None and found.length > longest:
            raise ValueError(f"arms.{name}.settings.length must be at most the base's {longest} but is {found.length}")


def _check_origin(study: Any) -> None:
    """A base that is trained needs an architecture, and one that is taken needs none."""
    taken = bool(study.base.checkpoints)
    if taken and study.architecture is not None:
        raise ValueError("architecture and base.checkpoint must not stand together: a checkpoint has its own")
    if not taken and study.architecture is None:
        raise ValueError("architecture must be given but is missing, and so is a base.checkpoint")
    if not taken and study.tokenizer.kind == "checkpoint":
        raise ValueError("tokenizer.kind is 'checkpoint', so base.checkpoint must name one but is missing")


def _said(error: ValueError) -> str:
    """What a rule of the settings said, without the trappings of the library that checked it."""
    errors = getattr(error, "errors", None)
    return str(errors()[0]["msg"]).removeprefix("Value error, ") if errors else str(error)
