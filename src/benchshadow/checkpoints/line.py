"""One line of a family file: which tensors it means, what they are, and how they are cut into matrices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from benchshadow.errors import InputError

__all__ = ["HOLES", "SPLITS", "TOWERS", "Line", "parse_line"]

TOWERS = ("language", "vision", "projector", "other")
"""The parts of a model that are told apart."""
HOLES = ("layer", "expert", "index")
"""What a whole number in a name may stand for; only the first has a depth."""
SPLITS = ("equal", "alternate", "heads", "grouped", "sizes")
"""The ways in which the rows of one stored matrix are those of several."""
_KEYS = ("role", "tower", "tied", "name", "skip", "unstack", "transpose", "split", "into", "sizes", "times", "fused")
_ROLE = re.compile(r"[a-z]+(\.[a-z]+)*")
_HOLE = re.compile(r"\{[^{}]*\}|[{}]")


@dataclass(frozen=True)
class Line:
    """What one line of a family file says of the tensors that its pattern matches.

    Attributes:
        pattern: canonical name with holes: `{layer}`, `{expert}`, `{index}` stand for whole numbers between dots.
        role: "attention.query", "mlp.up", "norm" ...; of the whole, where it is split.
        tower: one of `TOWERS`.
        tied: canonical name of the tensor that this one may be a copy of; None where there is none.
        name: canonical name of the piece, with holes; None where the tensor's own stays.
        skip: why a tensor with two sides has no spectrum; empty where it has one.
        unstack: the hole that counts the slices of the first axis; None where there is no such axis.
        transpose: whether matrices are stored in x out.
        split: one of `SPLITS`; None where the rows are one matrix.
        into: names, with holes, and roles of the parts, in order.
        sizes: for "sizes", the settings that hold the rows of each part.
        times: for "sizes", the setting that says how often the parts follow each other; None where once.
    """

    pattern: str
    role: str
    tower: str
    tied: str | None = None
    name: str | None = None
    skip: str = ""
    unstack: str | None = None
    transpose: bool = False
    split: str | None = None
    into: tuple[tuple[str, str], ...] = ()
    sizes: tuple[str, ...] = ()
    times: str | None = None

    @cached_property
    def stack(self) -> str:
        """The names before the layer's number, which its depth is counted under; empty where there is no layer."""
        before, hole, _ = self.pattern.partition("{layer}")
        return before.rstrip(".") if hole else ""

    @property
    def is_cut(self) -> bool:
        """Whether it says more than a role."""
        return bool(self.name or self.unstack or self.transpose or self.split)

    def numbers(self, name: str) -> dict[str, int] | None:
        """What the holes stand for in a name; None where the pattern does not match it."""
        found = _compiled(self.pattern).fullmatch(name)
        return None if found is None else {hole: int(number) for hole, number in found.groupdict().items()}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (f"(?P<{part[1:-1]}>[0-9]{{1,6}})" if part[:1] == "{" else re.escape(part) for part in pattern.split("."))
    return re.compile(r"\.".join(parts))


def parse_line(where: str, tower: Any, pattern: str, value: Any) -> Line:
    """A line from its key and its value; what it does not know it refuses.

    Args:
        where: name of the file.
        tower: of the table the line stands in.
        pattern: the key.
        value: a role, or a table with a role and more.
    """
    said: Any = {"role": value} if isinstance(value, str) else value
    if not isinstance(said, Mapping) or not said.keys() & {"role", "into"}:
        raise InputError(where, f"{pattern!r} must be a role, or a table with a role or parts, but is {value!r}")
    unknown = sorted(said.keys() - set(_KEYS))
    if unknown:
        raise InputError(where, f"{pattern!r} may hold {', '.join(_KEYS)} but holds {unknown[0]!r}")
    tower = said.get("tower", tower)
    if tower not in TOWERS:
        raise InputError(where, f"the tower of {pattern!r} must be one of {', '.join(TOWERS)} but is {tower!r}")
    _check_types(where, pattern, said)
    line = Line(
        pattern,
        said.get("role") or said.get("fused") or _whole_role(said["split"]),
        tower,
        said.get("tied"),
        said.get("name"),
        said.get("skip", ""),
        said.get("unstack"),
        said.get("transpose", False),
        said.get("split"),
        tuple(said.get("into", {}).items()),
        tuple(said.get("sizes", ())),
        said.get("times"),
    )
    _check_roles(where, line)
    _check_holes(where, line)
    return line


def _whole_role(split: str) -> str:
    """Role of a matrix that could not be split."""
    return "attention.fused" if split in ("heads", "grouped") else "mlp.fused"


def _check_types(where: str, pattern: str, said: Mapping[str, Any]) -> None:
    rules = {"transpose": (bool, "true or false"), "into": (dict, "a table"), "sizes": (list, "a list of settings")}
    for key, value in said.items():
        kind, rule = rules.get(key, (str, "text"))
        if not isinstance(value, kind):
            raise InputError(where, f"{key} of {pattern!r} must be {rule} but is {value!r}")
    if ("split" in said) != ("into" in said) or ("into" in said and ("role" in said or "name" in said)):
        raise InputError(where, f"{pattern!r} must have split and into together, and then no role or name of its own")
    if "split" in said and said["split"] not in SPLITS:
        raise InputError(where, f"split of {pattern!r} must be one of {', '.join(SPLITS)} but is {said['split']!r}")
    if "unstack" in said and said["unstack"] not in HOLES[1:]:
        raise InputError(where, f"unstack of {pattern!r} must be one of {', '.join(HOLES[1:])}")
    if (said.get("split") == "sizes") != ("sizes" in said) or ("times" in said and "sizes" not in said):
        raise InputError(where, f"{pattern!r} must have sizes, and may have times, where it is split by sizes")
    wanted = {"heads": 3, "grouped": 3, "sizes": len(said.get("sizes", ()))}.get(said.get("split", ""))
    if "into" in said and (len(said["into"]) < 2 or wanted not in (None, len(said["into"]))):
        raise InputError(
            where, f"{pattern!r} must be split into {wanted or 'two or more'} but is into {len(said['into'])}"
        )


def _check_roles(where: str, line: Line) -> None:
    for role in (line.role, *(role for _, role in line.into)):
        if not isinstance(role, str) or not _ROLE.fullmatch(role):
            raise InputError(where, f"the role of {line.pattern!r} must be words joined by dots but is {role!r}")


def _check_holes(where: str, line: Line) -> None:
    """Holes are whole parts of a name, each once; the names of pieces hold those of the pattern and of the stack."""
    holes = _HOLE.findall(line.pattern)
    parts = line.pattern.split(".")
    known = {f"{{{hole}}}" for hole in HOLES}
    if set(holes) - known or len(set(holes)) < len(holes) or any(hole not in parts for hole in holes):
        raise InputError(
            where,
            f"{line.pattern!r} may hold {', '.join(sorted(known))}, each once and between dots, and no other hole",
        )
    stacked = {f"{{{line.unstack}}}"} if line.unstack else set()
    if stacked & set(holes):
        raise InputError(where, f"{line.pattern!r} must be unstacked by a hole of its own but has {{{line.unstack}}}")
    needed = set(holes) | (stacked if line.into or line.name else set())
    for name in (*(name for name, _ in line.into), *([line.name] if line.name else ())):
        if set(_HOLE.findall(name)) != needed:
            raise InputError(where, f"the name {name!r} of {line.pattern!r} must have the holes {sorted(needed)}")
