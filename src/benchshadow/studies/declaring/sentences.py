"""A broken rule of a settings file as one sentence: the key, the rule, the value, and the key that was meant."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from benchshadow.errors import InputError

__all__ = ["first_error", "known"]


def known(where: str, name: str, allowed: Sequence[str]) -> None:
    """Refuse a name that is none of those allowed, with the near one."""
    if name not in allowed:
        near = get_close_matches(name, allowed, n=1)
        meant = f"did you mean '{near[0]}'?" if near else ""
        raise InputError(where, f"must name one of {', '.join(allowed)} but names '{name}'", meant)


def first_error(path: Path, error: ValidationError, model: type[BaseModel]) -> InputError:
    """The first of the errors as our own, with a near name where a key is misspelt."""
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    misspelt = first["type"] == "extra_forbidden"
    place = [str(part) for part in first["loc"]]
    shown, allowed = _walk(model, place[:-1] if misspelt else place)
    key = ".".join([*shown, place[-1]] if misspelt else shown)
    where = f"{path}: {key}" if key else str(path)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if misspelt:
        near = get_close_matches(place[-1], allowed, n=1, cutoff=0.5)
        meant = f"did you mean '{near[0]}'?" if near else f"the keys are {', '.join(allowed)}" if allowed else ""
        return InputError(where, f"no such key{more}", meant)
    if first["type"] == "missing":
        return InputError(where, f"must be given but is missing{more}")
    if first["type"].startswith("union_tag"):
        told = first.get("ctx", {})
        given = f"is {told['tag']!r}" if "tag" in told else "is missing"
        return InputError(where, f"kind must be one of {', '.join(_tags(model, place))} but {given}{more}")
    said = first["msg"].removeprefix("Value error, ")
    value = repr(first["input"])
    was = "" if len(value) > 80 or first["type"] == "value_error" else f" but is {value}"
    return InputError(where, f"{said[0].lower()}{said[1:]}{was}{more}")


def _walk(model: Any, place: list[str]) -> tuple[list[str], list[str]]:
    """A place as the file's author would write it, without the tags of unions, and the keys that may stand there."""
    shown, models = _follow(model, place)
    return shown, sorted({key for each in models for key in each.model_fields})


def _tags(model: Any, place: list[str]) -> list[str]:
    return [tag for each in _follow(model, place)[1] for tag in _told_by(each)]


def _follow(model: Any, place: list[str]) -> tuple[list[str], list[Any]]:
    shown, models, entry = [], [model], False
    for step in place:
        tagged = [each for each in models if len(models) > 1 and step in _told_by(each)]
        if tagged and not entry:
            models = tagged
            continue
        shown.append(step)
        if entry:  # the name or the number of an entry; the models of the entries are known already
            entry = False
            continue
        fields = [each.model_fields[step].annotation for each in models if step in each.model_fields]
        models = [found for field in fields for found in _models(field)]
        entry = any(get_origin(field) in (dict, tuple) for field in fields)
    return shown, models


def _told_by(model: Any) -> tuple[str, ...]:
    """The values by which a model is told from the others of its union."""
    fields = (model.model_fields.get(key) for key in ("kind", "intervention"))
    return next((get_args(field.annotation) for field in fields if field is not None), ())


def _models(annotation: Any) -> list[Any]:
    """Every settings model inside an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
