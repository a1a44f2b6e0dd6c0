"""Where a training keeps its checkpoints."""

from __future__ import annotations

from pathlib import Path

__all__ = ["checkpoint_folder"]


def checkpoint_folder(folder: Path, at: int) -> Path:
    """Where the checkpoint after a number of steps lives."""
    return folder / "checkpoints" / f"step-{at:06d}"
