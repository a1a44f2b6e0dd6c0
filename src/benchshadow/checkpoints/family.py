"""A model family is a data file: which architectures it serves, and the role of every kind of tensor in them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from benchshadow.errors import InputError

__all__ = ["TOWERS", "Family", "Line", "families", "family_of", "parse_family"]

TOWERS = ("language", "vision", "projector", "other")
"""The parts of a model that are told apart."""
_ROLE = re.compile(r"[a-z]+(\.[a-z]+)*")


@dataclass(frozen=True)
class Line:
    """What one line of a family file says of the tensors that its pattern matches.

    Attributes:
        pattern: canonical name in which `{layer}` stands for a whole number.
        role: "attention.query", "mlp.up", "norm" ...
        tower: one of `TOWERS`.
    """

    pattern: str
    role: str
    tower: str

    def layer(self, name: str) -> int | None:
        """The layer of a name that the pattern matches; -1 where it names none, None where it does not match."""
        found = _compiled(self.pattern).fullmatch(name)
        if found is None:
            return None
        return int(found["layer"]) if "{layer}" in self.pattern else -1


@dataclass(frozen=True)
class Family:
    """Architectures that share one layout of names.

    Attributes:
        name: of the file.
        architectures: as `config.json` spells them.
        lines: one for every kind of tensor.
    """

    name: str
    architectures: tuple[str, ...]
    lines: tuple[Line, ...]

    def match(self, name: str) -> tuple[Line, int | None] | None:
        """The line of a canonical name and its layer; None where no line matches.

        Raises:
            InputError: two lines match, so the family file contradicts itself.
        """
        found = [(line, layer) for line in self.lines if (layer := line.layer(name)) is not None]
        if len(found) > 1:
            both = " and ".join(repr(line.pattern) for line, _ in found[:2])
            raise InputError(f"{self.name}.toml", f"must match tensor {name!r} by one line but has {both}")
        if not found:
            return None
        line, layer = found[0]
        return line, None if layer == -1 else layer


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    before, hole, after = pattern.partition("{layer}")
    return re.compile(re.escape(before) + (r"(?P<layer>[0-9]{1,6})" if hole else "") + re.escape(after))


def parse_family(name: str, text: str) -> Family:
    """A family from the text of its file; what it does not know it refuses."""
    where = f"{name}.toml"
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(where, f"must be TOML but is not ({error})") from None
    unknown = sorted(content.keys() - {"architectures", "tower", "tensors"})
    if unknown:
        raise InputError(where, f"may hold architectures, tower and tensors but holds {unknown[0]!r}")
    architectures, tensors = content.get("architectures"), content.get("tensors")
    if not isinstance(architectures, list) or not all(isinstance(each, str) for each in architectures):
        raise InputError(where, f"architectures must be a list of names but is {architectures!r}")
    if not isinstance(tensors, dict) or not tensors:
        raise InputError(where, "must have a table of tensors")
    tower = content.get("tower", "language")
    return Family(name, tuple(architectures), tuple(_line(where, tower, *item) for item in tensors.items()))


def _line(where: str, tower: Any, pattern: str, value: Any) -> Line:
    said = {"role": value} if isinstance(value, str) else value
    if not isinstance(said, Mapping) or "role" not in said or said.keys() - {"role", "tower"}:
        raise InputError(where, f"{pattern!r} must be a role, or a role and a tower, but is {value!r}")
    role, tower = said["role"], said.get("tower", tower)
    if not isinstance(role, str) or not _ROLE.fullmatch(role):
        raise InputError(where, f"the role of {pattern!r} must be words joined by dots but is {role!r}")
    if tower not in TOWERS:
        raise InputError(where, f"the tower of {pattern!r} must be one of {', '.join(TOWERS)} but is {tower!r}")
    if pattern.count("{layer}") != pattern.count("{") or pattern.count("{") > 1:
        raise InputError(where, f"{pattern!r} may hold {{layer}} once and no other hole")
    return Line(pattern, role, tower)


@cache
def families() -> tuple[Family, ...]:
    """Every family that is shipped, one per file in `families/`."""
    folder = resources.files("benchshadow.checkpoints").joinpath("families")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(parse_family(file.name.removesuffix(".toml"), file.read_text(encoding="utf-8")) for file in files)


def family_of(config: Mapping[str, Any] | None) -> Family | None:
    """The family whose file names the architecture of a configuration; None where none does."""
    named = (config or {}).get("architectures")
    if not isinstance(named, list):
        return None
    return next((each for each in families() if any(name in each.architectures for name in named)), None)
