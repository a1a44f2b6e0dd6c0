"""Which runs of a study are worked on at this moment, and how long the rest will take at their pace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import filelock

from .progress import Told, told
from .runs import Run, run_folder

__all__ = ["in_words", "seconds_left", "told_of", "worked_on"]


def told_of(out: Path, run: Run) -> Told | None:
    """What a run that is not whole last told; None where it has told nothing."""
    folder = run_folder(out, run)
    return told(folder) or told(folder.with_name(f"{run.name}.partial"))


def worked_on(out: Path, run: Run) -> bool:
    """Whether a worker holds the run's lock; one that was killed has let it go."""
    lock = run_folder(out, run).with_name(f"{run.name}.lock")
    if not lock.is_file():
        return False
    try:
        with filelock.FileLock(lock, timeout=0):
            return False
    except filelock.Timeout:
        return True


def seconds_left(running: Sequence[tuple[Told, float]], work: float, total: float) -> float | None:
    """Time until all work is done at the pace of the runs under way, seconds; None where none has told a pace yet.

    It takes the rest to go on with as many workers; the last runs, when some workers have nothing left, take longer.

    Args:
        running: what each run under way has told, with its work.
        work: done.
        total: to be done in all.
    """
    pace = sum(here.gained * steps / here.seconds for here, steps in running if here.seconds > 0)
    return (total - work) / pace if pace > 0 else None


def in_words(seconds: float | None) -> str:
    """A time left for people: "about 3 min"; empty where it is not known."""
    if seconds is None:
        return ""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {seconds:.0f} s"
