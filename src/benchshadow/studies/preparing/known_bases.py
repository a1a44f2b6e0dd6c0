"""Bases that were trained before: where each lies is noted by its key, and its bits are taken over."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError
from benchshadow.records import file_digest, read_json, seal, sealed, write_json
from benchshadow.studies.footprints.identity import cache_folder

__all__ = ["note", "take"]

_ASIDE = ".taken"


def note(folder: Path, key: str) -> None:
    """Remember in the user's cache where the whole base of a key lies; where that cannot be written, forget it."""
    with suppress(InputError):
        write_json(_note(key), {"folder": str(folder.resolve())})


def take(key: str, partial: Path, *, manifest: str, tokenizer: str, says: dict[str, Any]) -> bool:
    """Fill the folder of a base from where its key was noted; whether that was possible.

    A base is taken when its manifest is as it was sealed, is of this key, and tells the hash of the tokenizer and of
    the weights that lie beside it. Files are linked where the file system can, and copied elsewhere, aside: they come
    to their places when all of them are whole, so that a kill leaves nothing half. A training under way is left alone.

    Args:
        key: training key.
        partial: folder that is filled; the manifest comes last.
        manifest: its file's name.
        tokenizer: likewise.
        says: what the manifest tells of the study and not of the base; it is this study's.
    """
    from benchshadow.train.model import load, weights_sha256
    from benchshadow.train.state import STATE

    aside = partial / _ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    found = _noted(key)
    if found is None or found.resolve() == partial.resolve() or (partial / STATE).exists():
        return False
    try:
        held = read_json(found / manifest)
        if not sealed(held) or held["key"] != key or file_digest(found / tokenizer) != held["tokenizer_sha256"]:
            return False
        _copied(found, aside, without=manifest)
        last = max((aside / "checkpoints").iterdir())
        if weights_sha256(load(last)) == held["results"]["weights_sha256"]:
            _moved(aside, partial)
            write_json(partial / manifest, seal({**held, **says}))
            return True
    except (InputError, OSError, KeyError, TypeError, ValueError):
        pass
    shutil.rmtree(aside, ignore_errors=True)
    return False


def _note(key: str) -> Path:
    return cache_folder() / "bases" / f"{key}.json"


def _noted(key: str) -> Path | None:
    try:
        return Path(read_json(_note(key))["folder"])
    except (InputError, KeyError, TypeError):
        return None


def _copied(found: Path, aside: Path, *, without: str) -> None:
    aside.mkdir()
    for file in sorted(found.rglob("*")):
        place = aside / file.relative_to(found)
        if file.is_dir():
            place.mkdir()
        elif file.name != without:
            try:
                os.link(file, place)
            except OSError:
                shutil.copyfile(file, place)


def _moved(aside: Path, partial: Path) -> None:
    for each in sorted(aside.iterdir()):
        place = partial / each.name
        if place.is_dir():
            shutil.rmtree(place)
        each.replace(place)
    shutil.rmtree(aside)  # a link that is renamed to another of the same file stays
