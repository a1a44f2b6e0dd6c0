"""What was written is on the disk, not only on its way there, before a rename makes it the one that counts."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["flush"]


def flush(path: Path) -> None:
    """Wait until a file, or the files of a folder and its list of names, have reached the disk."""
    if path.is_dir():
        for file in path.iterdir():
            if file.is_file():
                _flush(file)
    if path.is_file() or os.name == "posix":
        _flush(path)


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
