"""From the paths that a user names to the files to read, in an order that is the same on every machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchshadow.errors import InputError

from .hub import PREFIX, hub
from .lines import JsonLines, Text
from .opened import COMPRESSIONS, kind_of
from .parquet import Parquet
from .rows import Rows

__all__ = ["KINDS", "found", "reader"]

KINDS = (".jsonl", ".json", ".ndjson", ".parquet", ".txt")
"""What is read, by suffix; all but Parquet also with a second suffix, .gz or .zst."""


def reader(path: Path, label: str, *, fields: tuple[str, ...], by_line: bool) -> Rows:
    """What reads the rows of a file, chosen by its suffix.

    Raises:
        InputError: the suffix is none of those known.
    """
    kind = kind_of(path)
    if kind == ".parquet" and path.suffix.lower() not in COMPRESSIONS:
        return Parquet(path, label, fields)
    if kind == ".txt":
        return Text(path, label, by_line)
    if kind in KINDS and kind != ".parquet":
        return JsonLines(path, label)
    named = f"'{''.join(path.suffixes[-2:])}'" if path.suffix else "no suffix"
    known = f"{', '.join(KINDS)}, or of these but Parquet one with {' or '.join(COMPRESSIONS)}"
    raise InputError(path, f"must be a file of {known}, but has {named}")


def found(
    paths: Iterable[str | Path], *, fields: tuple[str, ...], by_line: bool
) -> tuple[tuple[Rows, ...], tuple[InputError, ...]]:
    """What reads every file below the paths, in the order of the paths and, below a folder, sorted by name.

    Hidden files and folders are passed over, and so are links to folders.

    Returns:
        The readers, and a refusal for every file in a folder that is of no known kind.

    Raises:
        InputError: a path is not there, is of no known kind, is named twice, or is a folder that holds nothing to read.
    """
    readers: list[Rows] = []
    refused: list[InputError] = []
    for named in paths:
        if str(named).startswith(PREFIX):
            readers.append(hub(str(named)))
            continue
        path = Path(named)
        if not path.is_dir():
            if not path.is_file():
                raise InputError(path, "no such file or folder")
            readers.append(reader(path, f"{path.absolute().parent.name}/{path.name}", fields=fields, by_line=by_line))
            continue
        before = len(readers)
        for file in _below(path):
            label = f"{path.absolute().name}/{file.relative_to(path).as_posix()}"
            try:
                readers.append(reader(file, label, fields=fields, by_line=by_line))
            except InputError as error:
                refused.append(error)
        if len(readers) == before:
            raise InputError(path, f"must hold at least one file of {', '.join(KINDS)} but holds none")
    _each_once(readers)
    return tuple(readers), tuple(refused)


def _below(folder: Path) -> Iterator[Path]:
    files = []
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(top, name) for name in names if not name.startswith(".")]
    yield from sorted(files, key=lambda file: file.relative_to(folder).as_posix())


def _each_once(readers: list[Rows]) -> None:
    """Refuse one file under two names, and two files whose documents would have the same ids."""
    places: dict[str, str] = {}
    labels: dict[str, str] = {}
    for each in readers:
        place = os.path.realpath(each.where)
        if place in places:
            raise InputError(each.where, f"must be named once but is also {places[place]}")
        if each.label in labels:
            rule = f"must have an id of its own, but it and {labels[each.label]} are both {each.label}"
            raise InputError(each.where, rule, "name a folder that holds both")
        places[place], labels[each.label] = each.where, each.where
