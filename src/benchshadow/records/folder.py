"""The `--out` folder: a new one is claimed, the same work is continued, other work is refused by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError

from .files import digest, read_json, write_json

__all__ = ["CLAIM", "open_folder"]

CLAIM = "work.json"
_CUT_OFF = f".{CLAIM}.*.partial"  # what a process that was killed while it claimed the folder left


def open_folder(out: Path, work: Mapping[str, Any]) -> Path:
    """Claim `out` for a piece of work, or continue it there.

    Args:
        out: the folder; made where it does not exist.
        work: what determines the result, as JSON values; written to `work.json`.

    Raises:
        InputError: the folder cannot be written, holds files of something else, or holds other work.
    """
    out = Path(out)
    work = dict(work)
    if out.exists() and not out.is_dir():
        raise InputError(out, "must be a folder but is a file", "name another --out folder")
    claim = out / CLAIM
    if claim.exists():
        differing = _differing(read_json(claim), work)
        if differing:
            raise InputError(out, f"holds other work ({'; '.join(differing)})", "name another --out folder")
    elif out.exists() and not all(each.match(_CUT_OFF) for each in out.iterdir()):
        raise InputError(out, "holds files that benchshadow did not write", "name an empty or new --out folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(out, f"cannot be made ({error.strerror})", "name another --out folder") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise InputError(out, "must be writable but is not", "name another --out folder")
    if not claim.exists():
        write_json(claim, work)
    return out


def _differing(there: Any, here: Mapping[str, Any]) -> list[str]:
    """What differs between two pieces of work, key by key, long values by their hash."""
    if not isinstance(there, Mapping):
        return ["its work.json is not an object"]
    both = [(key, there.get(key), here.get(key)) for key in sorted(there.keys() | here.keys())]
    return [f"{key} was {_short(was)}, is {_short(now)}" for key, was, now in both if was != now]


def _short(value: Any) -> str:
    return repr(value) if len(repr(value)) < 60 else digest(value)[:12]
