"""The demo: the study file that ships with the package, run like any other."""

from __future__ import annotations

from pathlib import Path

from .grid import Done, Progress, study_run
from .shipped import shipped_file

__all__ = ["demo", "demo_file"]


def demo_file() -> Path:
    """The demo's study file, installed beside this one."""
    return shipped_file("demo")


def demo(*, out: Path, workers: int = 2, strict: bool = False, progress: Progress | None = None) -> Done:
    """Run the embedded world's study into `out`; see `study_run`."""
    return study_run(demo_file(), out=out, workers=workers, strict=strict, progress=progress)
