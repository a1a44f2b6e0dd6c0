"""A model family is a data file: which architectures it serves, and what every kind of tensor in them is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any

from benchshadow.errors import InputError

from .heads import Heads, parse_heads
from .line import TOWERS, Line, parse_line

__all__ = ["Family", "Matched", "families", "family_of", "parse_family"]

_TABLES = ("tensors", *TOWERS)
_NUMBER = re.compile(r"(?<![^.])[0-9]+(?![^.])")
_HOLE_OR_NUMBER = re.compile(r"\{[a-z]+\}|(?<![^.])[0-9]+(?![^.])")


@dataclass(frozen=True)
class Matched:
    """The line that a name is matched by.

    Attributes:
        line: of the family file.
        numbers: what its holes stand for.
    """

    line: Line
    numbers: Mapping[str, int]

    @property
    def layer(self) -> int | None:
        """Number of the block; None outside the blocks."""
        return self.numbers.get("layer")


@dataclass(frozen=True)
class Family:
    """Architectures that share one layout of names.

    Attributes:
        name: of the file.
        architectures: as `config.json` spells them.
        lines: one for every kind of tensor.
        renames: runs of parts of a name, and what they are called here, in the order in which they are replaced.
        heads: settings that hold the numbers of heads; None where no line needs them.
        blocks: setting that counts the blocks of the language model, where a checkpoint may hold layers beyond them.
    """

    name: str
    architectures: tuple[str, ...]
    lines: tuple[Line, ...]
    renames: tuple[tuple[str, str], ...] = ()
    heads: Heads | None = None
    blocks: str | None = None

    def match(self, name: str) -> Matched | None:
        """The line of a canonical name; None where no line matches.

        Raises:
            InputError: two lines match, so the family file contradicts itself.
        """
        found = [
            Matched(line, numbers)
            for line in self._alike.get(_NUMBER.sub("#", name), ())
            if (numbers := line.numbers(name)) is not None
        ]
        if len(found) > 1:
            both = " and ".join(repr(each.line.pattern) for each in found[:2])
            raise InputError(f"{self.name}.toml", f"must match tensor {name!r} by one line but has {both}")
        return found[0] if found else None

    @cached_property
    def _alike(self) -> dict[str, list[Line]]:
        """Lines by their pattern without its numbers, so that a name is held against one or two of them."""
        alike: dict[str, list[Line]] = {}
        for line in self.lines:
            alike.setdefault(_HOLE_OR_NUMBER.sub("#", line.pattern), []).append(line)
        return alike


def parse_family(name: str, text: str) -> Family:
    """A family from the text of its file; what it does not know it refuses."""
    where = f"{name}.toml"
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(where, f"must be TOML but is not ({error})") from None
    known = ("architectures", "tower", "blocks", "renames", "heads", *_TABLES)
    unknown = sorted(content.keys() - set(known))
    if unknown:
        raise InputError(where, f"may hold {', '.join(known)} but holds {unknown[0]!r}")
    architectures, tower = content.get("architectures"), content.get("tower", "language")
    if not isinstance(architectures, list) or not all(isinstance(each, str) for each in architectures):
        raise InputError(where, f"architectures must be a list of names but is {architectures!r}")
    lines = [
        parse_line(where, tower if table == "tensors" else table, pattern, value)
        for table in _TABLES
        for pattern, value in _table(where, content, table).items()
    ]
    if not lines:
        raise InputError(where, "must have a table of tensors")
    renames = _table(where, content, "renames")
    if not all(isinstance(new, str) and old.strip("^") for old, new in renames.items()):
        raise InputError(where, f"renames must be runs of parts of a name but are {renames!r}")
    heads = parse_heads(where, content.get("heads"))
    if heads is None and any(line.split in ("heads", "grouped") for line in lines):
        raise InputError(where, "splits by heads, so it must have a table of heads")
    blocks = content.get("blocks")
    if not isinstance(blocks, str | None):
        raise InputError(where, f"blocks must be the name of a setting but is {blocks!r}")
    return Family(name, tuple(architectures), tuple(lines), tuple(renames.items()), heads, blocks)


def _table(where: str, content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = content.get(key, {})
    if not isinstance(table, dict):
        raise InputError(where, f"{key} must be a table but is {table!r}")
    return table


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
