"""What a checkpoint is, by content: digests of its files, remembered until a file changes."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import xxhash

from benchshadow.checkpoints import Checkpoint
from benchshadow.errors import InputError
from benchshadow.records import digest, write_json

__all__ = ["cache_folder", "identity"]

_CHUNK = 1 << 24
_SETTLED = 2.0
"""Seconds after which a file's time stamp tells a later change apart."""


def cache_folder() -> Path:
    """Where spectra and digests are kept: BENCHSHADOW_CACHE, or `benchshadow` in the user's cache folder."""
    named = os.environ.get("BENCHSHADOW_CACHE")
    return Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "benchshadow"


def identity(checkpoint: Checkpoint, cache: Path | None = None) -> dict[str, dict[str, Any]]:
    """Size and XXH3 digest (128 bits) of every file of a checkpoint, by its name, or by folder and name of namesakes.

    The digest tells files apart that differ by accident; it is not made to withstand a forger.

    Args:
        checkpoint: opened.
        cache: folder in which digests are remembered for as long as size, time stamp and inode of a file stay.
    """
    with ThreadPoolExecutor(2) as pool:
        digests = list(pool.map(lambda file: _digest(file, cache), checkpoint.files))
    held = Counter(file.name for file in checkpoint.files)
    return {
        file.name if held[file.name] == 1 else f"{file.parent.name}/{file.name}": {
            "bytes": file.stat().st_size,
            "xxh3": found,
        }
        for file, found in zip(checkpoint.files, digests, strict=True)
    }


def _digest(file: Path, cache: Path | None) -> str:
    before = file.stat()
    stamp = [before.st_size, before.st_mtime_ns, before.st_ino]
    note = None if cache is None else cache / "digests" / f"{digest(str(file.resolve()))[:32]}.json"
    if note is not None and (known := _remembered(note, stamp)):
        return known
    found = xxhash.xxh3_128()
    try:
        with file.open("rb", buffering=0) as stream:
            chunk = bytearray(_CHUNK)
            while count := stream.readinto(chunk):
                found.update(memoryview(chunk)[:count])
    except OSError as error:
        raise InputError(file, f"cannot be read ({error.strerror or error})") from error
    if note is not None and time.time_ns() - before.st_mtime_ns > _SETTLED * 1e9:
        with suppress(InputError):
            write_json(note, {"stamp": stamp, "xxh3": found.hexdigest()})
    return found.hexdigest()


def _remembered(note: Path, stamp: list[int]) -> str | None:
    """The digest in a note that was made of the same bytes; None where there is none."""
    try:
        held = json.loads(note.read_text(encoding="utf-8"))
        return str(held["xxh3"]) if held["stamp"] == stamp else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
