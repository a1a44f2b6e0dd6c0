"""How many heads the queries and the keys of a model have, as the settings named in its family file say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchshadow.errors import InputError, TensorRefused

__all__ = ["Heads", "parse_heads", "setting", "whole_setting"]

_SECTIONS = {"language": ("text_config",), "vision": ("vision_config",)}
_KEYS = ("queries", "keys", "size", "width")


@dataclass(frozen=True)
class Choice:
    """One place where a number may stand.

    Attributes:
        use: name of a setting, or the number itself.
        only_if: name of a setting that must be true for this place to count; None where it always does.
    """

    use: str | int
    only_if: str | None = None


@dataclass(frozen=True)
class Heads:
    """The settings that hold the heads of an attention, each as places that are tried in order.

    Attributes:
        queries: number of query heads.
        keys: number of key heads.
        size: rows of one head; where no place holds it, the width divided by the query heads.
        width: of the stream that is read.
    """

    queries: tuple[Choice, ...]
    keys: tuple[Choice, ...]
    size: tuple[Choice, ...] = ()
    width: tuple[Choice, ...] = ()

    def counts(self, config: Mapping[str, Any], tower: str, rows: int) -> tuple[int, int, int]:
        """Query heads, key heads and rows of one head, held against the rows of the fused matrix.

        Raises:
            TensorRefused: a setting is missing, or they contradict each other or the rows.
        """
        queries, keys = _first(self.queries, config, tower), _first(self.keys, config, tower)
        if queries is None or keys is None:
            missing = self.queries if queries is None else self.keys
            raise TensorRefused("config.json", f"needs {_places(missing)} of config.json to be split but it is missing")
        size, width = _first(self.size, config, tower), _first(self.width, config, tower)
        if size is None and width is not None:
            if width % queries:
                raise TensorRefused(
                    "config.json", f"must have heads of one size but config.json has {queries} in {width} rows"
                )
            size = width // queries
        size = size or rows // (queries + 2 * keys)
        if queries % keys or rows != (queries + 2 * keys) * size:
            said = f"{queries} query and 2 x {keys} key and value heads of {size} rows"
            raise TensorRefused("config.json", f"must be {said} by config.json but has {rows} rows")
        return queries, keys, size


def parse_heads(where: str, table: Any) -> Heads | None:
    """Heads from the table of a family file; None where it has none."""
    if table is None:
        return None
    if not isinstance(table, Mapping) or not {"queries", "keys"} <= table.keys() or table.keys() - set(_KEYS):
        raise InputError(where, f"heads must hold queries and keys, and may hold size and width, but is {table!r}")
    return Heads(**{key: _choices(where, value) for key, value in table.items()})


def _choices(where: str, value: Any) -> tuple[Choice, ...]:
    return tuple(_choice(where, each) for each in (value if isinstance(value, list) else [value]))


def _choice(where: str, value: Any) -> Choice:
    if isinstance(value, str):
        return Choice(value)
    held = isinstance(value, Mapping) and value.keys() == {"if", "use"}
    if held and isinstance(value["if"], str) and type(value["use"]) in (str, int):
        return Choice(value["use"], value["if"])
    raise InputError(where, f'heads must be names of settings, or {{if = "...", use = ...}}, but hold {value!r}')


def _places(choices: tuple[Choice, ...]) -> str:
    return " or ".join(dict.fromkeys(str(choice.use) for choice in choices))


def _first(choices: tuple[Choice, ...], config: Mapping[str, Any], tower: str) -> int | None:
    for choice in choices:
        if choice.only_if is not None:
            said = setting(config, choice.only_if, tower)
            if not isinstance(said, bool):
                raise TensorRefused(
                    "config.json", f"needs {choice.only_if} of config.json to be split but it is {said!r}"
                )
            if not said:
                continue
        if isinstance(choice.use, int):
            return choice.use
        if setting(config, choice.use, tower) is not None:
            return whole_setting(config, choice.use, tower)
    return None


def setting(config: Mapping[str, Any] | None, key: str, tower: str = "language") -> Any:
    """A setting of one tower, which some configurations nest; None where there is none."""
    config = config or {}
    for section in _SECTIONS.get(tower, ()):
        nested = config.get(section)
        if isinstance(nested, Mapping) and nested.get(key) is not None:
            return nested[key]
    return config.get(key)


def whole_setting(config: Mapping[str, Any] | None, key: str, tower: str) -> int:
    """A setting that must be a whole number above zero.

    Raises:
        TensorRefused: it is missing or anything else.
    """
    value = setting(config, key, tower)
    if value is None:
        raise TensorRefused("config.json", f"needs {key} of config.json to be split but it is missing")
    if type(value) is not int or value < 1:
        raise TensorRefused(
            "config.json", f"needs {key} of config.json to be a whole number above zero but it is {value!r}"
        )
    return value
