"""From the models that read a TOML file to its reference: a section per table, a row per key."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Models = tuple[type[BaseModel], ...]
"""The model of a table, or the models of its kinds."""

PLAIN = {int: "whole number", float: "number", str: "text", bool: "true or false", Any: "any value"}
BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


Elsewhere = Mapping[type[BaseModel], str]
"""Models that another page tells of, each with what is said in place of a link."""


class Place(NamedTuple):
    """Where in a file a table stands.

    Attributes:
        path: its name with dots between; NAME is one that the user gives.
        listed: whether there are several of it, each in double brackets.
    """

    path: str
    listed: bool = False

    def __str__(self) -> str:
        return f"`[[{self.path}]]`" if self.listed else f"`[{self.path}]`"


def sections(root: type[BaseModel], elsewhere: Elsewhere | None = None) -> str:
    """The reference of a file: its top level, then every table below it in the order of the keys.

    Args:
        root: of the whole file.
        elsewhere: of a table of several kinds the first stands for all.
    """
    found: dict[Models, list[Place]] = {}
    _walk(root, "", found, elsewhere or {})
    titles = {models: " and ".join(str(place) for place in places) for models, places in found.items()}

    def linked(key: str, models: Models) -> str:
        if elsewhere and models[0] in elsewhere:
            return elsewhere[models[0]]
        mine = [str(place) for place in found[models] if place.path.removesuffix(".NAME").split(".")[-1] == key]
        return _link(titles[models], " and ".join(mine))

    lines = ["## At the top of the file", "", *_one(root, linked)]
    for models, title in titles.items():
        lines += ["", f"## {title}", ""]
        if len(models) == 1:
            lines += _one(models[0], linked)
            continue
        key = told_apart_by(models)
        headings = {model: f"{title} of {key} {', '.join(choices(model, key))}" for model in models}
        lines.append(f"One of these, told apart by `{key}`:")
        lines += ["", *(f"- {_link(heading)}: {_first(model)}" for model, heading in headings.items())]
        for model, heading in headings.items():
            lines += ["", f"### {heading}", "", *_one(model, linked)]
    return "\n".join(lines) + "\n"


def undescribed(root: type[BaseModel]) -> list[str]:
    """Keys of a file that say nothing of themselves, as "Model.key"; a key that only tells the kind need not."""
    found: dict[Models, list[Place]] = {}
    _walk(root, "", found, {})
    silent = []
    for models in ((root,), *found):
        kind = told_apart_by(models) if len(models) > 1 else None
        for model in models:
            for key, field in model.model_fields.items():
                if not (field.description or "").strip() and not (key == kind and len(choices(model, key)) == 1):
                    silent.append(f"{model.__name__}.{key}")
    return silent


def told_apart_by(models: Models) -> str:
    """The key whose value tells the kinds of a table apart."""
    shared = [
        key for key in models[0].model_fields if all(key in each.model_fields and choices(each, key) for each in models)
    ]
    return next(key for key in shared if _distinct([choices(each, key) for each in models]))


def choices(model: type[BaseModel], key: str) -> tuple[str, ...]:
    """The values that a key may have, where these are listed; otherwise none."""
    annotation = model.model_fields[key].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _distinct(listed: list[tuple[str, ...]]) -> bool:
    values = [value for each in listed for value in each]
    return len(set(values)) == len(values)


def _walk(model: type[BaseModel], path: str, found: dict[Models, list[Place]], elsewhere: Elsewhere) -> None:
    """Note every table below a model, with all places that it stands at."""
    for key, field in model.model_fields.items():
        models = _models(field.annotation)
        if not models or models[0] in elsewhere:
            continue
        origin = _container(field.annotation)
        place = Place(f"{path}{key}.NAME" if origin is dict else f"{path}{key}", listed=origin is tuple)
        first = models not in found
        places = found.setdefault(models, [])
        if place not in places:
            places.append(place)
        for each in models if first else ():
            _walk(each, f"{place.path}.", found, elsewhere)


def _parts(annotation: Any) -> list[Any]:
    """The alternatives of an annotation but None, each without its trappings."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        return [part for each in get_args(annotation) for part in _parts(each)]
    return [] if annotation is NoneType else [annotation]


def _container(annotation: Any) -> Any:
    """Dict or tuple, where an annotation is one of models."""
    parts = _parts(annotation)
    return get_origin(parts[0]) if len(parts) == 1 else None


def _models(annotation: Any) -> Models:
    """The models of a table, or of the tables in a list or under names; none where it is a plain value."""
    parts = _parts(annotation)
    if len(parts) == 1 and get_origin(parts[0]) in (dict, tuple):
        inner = get_args(parts[0])
        return _models(inner[1] if get_origin(parts[0]) is dict else inner[0])
    return tuple(part for part in parts if isinstance(part, type) and issubclass(part, BaseModel))


def _one(model: type[BaseModel], linked: Callable[[str, Models], str]) -> Iterator[str]:
    """What a model says of itself, and a row for each of its keys."""
    yield inspect.cleandoc(model.__doc__ or "")
    yield ""
    yield "| key | value | default | |"
    yield "|---|---|---|---|"
    for key, field in model.model_fields.items():
        cells = (f"`{key}`", _value(key, field, linked), _default(field), field.description or "")
        yield f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"


def _value(key: str, field: FieldInfo, linked: Callable[[str, Models], str]) -> str:
    """What a key may hold, with its bounds."""
    models = _models(field.annotation)
    if models:
        kind = {dict: "tables ", tuple: "list of "}.get(_container(field.annotation), "")
        return f"{kind}{linked(key, models)}"
    said = " or ".join(_plain(part) for part in _parts(field.annotation))
    for each in field.metadata:
        said += "".join(f", {word} {getattr(each, name):g}" for name, word in BOUNDS.items() if hasattr(each, name))
        if hasattr(each, "min_length"):
            said += f", {each.min_length} or more"
    return said


def _plain(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(_code(each) for each in inner)
    if origin is tuple:
        many = inner[-1] is Ellipsis
        return f"list of {'' if many else f'{len(inner)} '}{_plural(inner[0])}"
    if origin is dict:
        return f"table of {_plural(inner[1])} by name"
    return PLAIN[annotation]


def _plural(annotation: Any) -> str:
    parts = _parts(annotation)
    if get_origin(parts[0]) is tuple:
        return f"lists of {_plural(get_args(parts[0])[0])}"
    if get_origin(parts[0]) is Literal:
        return _plain(parts[0])
    return PLAIN[parts[0]] if parts[0] is Any else f"{PLAIN[parts[0]]}s"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return ""
    if isinstance(value, BaseModel):
        kinds = [_code(held) for key, held in value if key in ("kind", "intervention")]
        return f"of kind {kinds[0]}" if kinds else "its defaults"
    return "none" if value in ((), {}) else _code(value)


def _code(value: Any) -> str:
    """A value as TOML spells it."""
    if isinstance(value, float):
        return f"`{value:.4g}`"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _first(model: type[BaseModel]) -> str:
    """The first line of what a model says of itself."""
    return inspect.cleandoc(model.__doc__ or "").splitlines()[0]


def _link(heading: str, text: str = "") -> str:
    anchor = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
    return f"[{text or heading}](#{anchor})"
