"""Folders that are whole or absent, with an account that tells when they were altered."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError
from benchshadow.records import digest, read_json, write_json

__all__ = ["read_account", "whole_folder", "write_account"]

_SEAL = "seal"


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write to; when the block ends well it takes the place of `folder`, otherwise it goes.

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


def write_account(path: Path, account: Mapping[str, Any]) -> None:
    """Write what a folder says of itself, with its hash."""
    write_json(path, {**account, _SEAL: digest(account)})


def read_account(path: Path) -> dict[str, Any]:
    """Read what `write_account` wrote.

    Raises:
        InputError: it is not there, or not as it was written.
    """
    account = read_json(path)
    seal = account.pop(_SEAL, None) if isinstance(account, dict) else None
    if seal is None or seal != digest(account):
        raise InputError(path, "must be as it was written but is not")
    return account
