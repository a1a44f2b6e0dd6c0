"""Format: one safetensors file, named itself."""

from __future__ import annotations

from pathlib import Path

from .safetensors_files import SafetensorsCheckpoint, from_files

__all__ = ["matches", "open"]


def matches(path: Path) -> bool:
    """Whether the path is a file that calls itself safetensors."""
    return path.is_file() and path.suffix == ".safetensors"


def open(path: Path) -> SafetensorsCheckpoint:  # noqa: A001 (the verb of every format)
    """The checkpoint of that file, with the configuration that lies beside it."""
    return from_files(path, {path.name: path}, None, path.parent / "config.json")
