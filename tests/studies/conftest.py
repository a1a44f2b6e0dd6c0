"""One small study, run once, that several files of tests look at and none changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from small_study import write_study


@dataclass(frozen=True)
class Whole:
    """The study's file, its folder, and the folders of its runs by arm and replicate."""

    file: Path
    out: Path

    def run(self, arm: str, replicate: int = 0) -> Path:
        (found,) = (self.out / "runs").glob(f"{arm.replace('/', '-')}.{replicate}.*[0-9a-f]/")
        return found


@pytest.fixture(autouse=True)
def no_known_bases(tmp_path_factory, monkeypatch) -> None:
    """Every test trains its own bases: none is known from another's."""
    monkeypatch.setenv("BENCHSHADOW_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Whole:
    from benchshadow.studies.grid import study_run

    folder = tmp_path_factory.mktemp("whole")
    file = write_study(folder)
    done = study_run(file, out=folder / "out", workers=1)
    assert done.failed == {}
    return Whole(file, done.folder)
