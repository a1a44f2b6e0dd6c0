"""What a measured run need not keep, removed so that a kill in the midst of it leaves nothing that looks whole."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchshadow.studies.declaring.study import Study
from benchshadow.train import checkpoint_folder

from .joined import steps_of

__all__ = ["MEASURES", "holds_all", "remove_spare"]

MEASURES = "measures"
"""Folder of the records of single checkpoints, until they are joined."""
_ASIDE = "removed.partial"


def holds_all(study: Study, arm: str, replicate: int, folder: Path) -> bool:
    """Whether every checkpoint that a run is measured by is there."""
    return all(place.is_dir() for place in _checkpoints(study, arm, replicate, folder))


def remove_spare(study: Study, arm: str, replicate: int, folder: Path) -> None:
    """Remove what was joined into a run's records, and the checkpoints that the study does not keep.

    Each loses its name first and its files then: one that is half removed is never taken for a whole one.
    """
    aside = folder / _ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    spare = _checkpoints(study, arm, replicate, folder)[:-1] if study.keep == "last" else []
    for place in (folder / MEASURES, *spare):
        if place.is_dir():
            place.rename(aside)
            shutil.rmtree(aside)


def _checkpoints(study: Study, arm: str, replicate: int, folder: Path) -> list[Path]:
    return [checkpoint_folder(folder, own) for own in steps_of(study, arm, replicate).values()]
