"""Folders that are whole or absent: written beside their place as `.partial` and renamed when they are done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchshadow.errors import InputError

__all__ = ["whole_folder"]


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write to; when the block ends well it becomes `folder`, otherwise it goes.

    What an earlier call left half written is thrown away. A full disk is said in one sentence.

    Raises:
        InputError: `folder` is there already, or something cannot be written.
    """
    folder = Path(folder)
    if folder.exists():
        raise InputError(folder, "must not exist yet but does", "name another folder, or remove it")
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(folder)
    except OSError as error:
        raise InputError(
            folder, f"cannot be written ({error.strerror or error})", "name a folder with more room"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
