"""Studies that ship with the package, found by their names where a study file is asked for."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

__all__ = ["SHIPPED", "shipped_file", "study_place"]

SHIPPED = ("demo", "repetition")
"""Their names."""


def shipped_file(name: str) -> Path:
    """The study file that is installed beside this one."""
    return Path(str(resources.files("benchshadow").joinpath(f"studies/{name}.toml")))


def study_place(given: Path) -> tuple[Path, Path]:
    """A study's file, and the folder that is its own unless another is named.

    Args:
        given: a study file, a folder that holds `study.toml`, or the name of a study that ships with the package. A
            file or a folder of that name comes first, and what a shipped study writes is never put into the package.
    """
    if given.is_dir() and (given / "study.toml").is_file():
        return given / "study.toml", given / "out"
    if str(given) in SHIPPED and not given.is_file():
        return shipped_file(str(given)), given / "out"
    return given, given.parent / "out"
