"""The hash of source code, so that no number is taken for the result of code that is gone."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

__all__ = ["code"]

_SOURCES = (".py", ".toml")


@cache
def code(rooms: tuple[str, ...], without: tuple[str, ...] = ()) -> str:
    """Hash of the sources of some rooms, but for some files: their every change is a change of what they determine."""
    root = resources.files("benchshadow")
    found = hashlib.sha256()
    for room in rooms:
        with resources.as_file(root.joinpath(room)) as path:
            inside = path.rglob("*") if path.is_dir() else [path]
            for file in sorted(each for each in inside if each.suffix in _SOURCES):
                name = file.relative_to(path.parent).as_posix()
                if name not in without:
                    found.update(name.encode())
                    found.update(file.read_bytes())
    return found.hexdigest()
