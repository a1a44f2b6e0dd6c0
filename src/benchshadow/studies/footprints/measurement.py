"""Every matrix of a checkpoint, or of the change between two, measured: records, coverage and spectra."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchshadow.checkpoints import Checkpoint, Pair, alone, layout, layouts, pair
from benchshadow.errors import check_choices
from benchshadow.records import digest
from benchshadow.spectra import SIDES, check_level

from .identity import identity
from .kept import Kept
from .one_pair import Settings, measured_pair
from .side_by_side import each_measured, work_of
from .tables import COVERAGE, SPECTRA, Measured, tables

__all__ = ["COVERAGE", "OF", "SPECTRA", "Measured", "Progress", "measure", "pairs_of", "work_of"]

Progress = Callable[[int, int, str], None]
"""Told the work done, all the work, and the name of the matrix that was measured last."""

Paired = tuple[tuple[Pair, ...], tuple[str, ...]]
"""Pairs, and what a reader must know of how they were found."""

OF = ("base", "tuned", "change")


def measure(
    base: Checkpoint,
    tuned: Checkpoint | None = None,
    *,
    seed: int,
    rounded_sides: Sequence[str] = SIDES,
    spectra_of: Sequence[str] = OF,
    columns: Mapping[str, Any] | None = None,
    level: int = 2,
    device: str = "cpu",
    cache: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    paired: Paired | None = None,
) -> Measured:
    """Measure a checkpoint, an adapter, or the change from `base` to `tuned`.

    Args:
        base: the only checkpoint, or the one that the other was tuned from.
        tuned: None to measure `base` alone.
        seed: of the drawn rounding errors; each matrix has its own stream, so their order does not matter.
        rounded_sides: "tuned", "both" or the two.
        spectra_of: which of "base", "tuned" and "change" are decomposed; a change always is where there are two.
        columns: values for columns of every record: run, arm, replicate, base, step, checkpoint ...
        level: 0 one pass, 1 the Gram products too, 2 all singular values, 3 the top singular vectors too.
        device: "cpu", or a torch device.
        cache: folder of spectra that earlier calls have kept; None keeps nothing.
        workers: matrices measured at a time. The libraries should be held to one thread (OMP_NUM_THREADS=1): two
            matrices at a time take half as long as one at a time on two threads.
        progress: called after each matrix, in units of rows x columns x shorter side.
        paired: what `pairs_of` has given for the same checkpoints, to spare doing it again.

    Raises:
        InputError: the checkpoints share no matrix, a setting is unknown, or a file cannot be read.
    """
    check_choices("spectra_of", spectra_of, OF)
    check_choices("rounded_sides", rounded_sides, SIDES)
    check_level(level)
    settings = Settings(seed, tuple(rounded_sides), tuple(spectra_of), level, device)
    pairs, remarks = paired or pairs_of(base, tuned)
    job = partial(measured_pair, settings=settings, kept=_kept(base, tuned, settings, cache), single=tuned is None)
    found = each_measured(job, pairs, workers, _teller(pairs, progress))
    return tables(found, remarks, columns or {}, single=tuned is None)


def _kept(base: Checkpoint, tuned: Checkpoint | None, settings: Settings, cache: Path | None) -> Kept:
    """What was kept of these contents under these settings; weights that lie in no file are not kept."""
    sides = {"base": base} if tuned is None else {"base": base, "tuned": tuned}
    if cache is None or not all(side.files for side in sides.values()):
        return Kept(None, {}, {}, {})
    contents = {side: digest(identity(checkpoint, cache)) for side, checkpoint in sides.items()}
    of_pair = {"seed": settings.seed, "rounded_sides": list(settings.rounded_sides)}
    stored = {side.dtype(name) for side in sides.values() for name in side.names()}
    made = {"level": settings.level, "device": settings.device, "float64": "float64" in stored, **_libraries(settings)}
    return Kept(cache, contents, made, of_pair)


def _libraries(settings: Settings) -> dict[str, str]:
    """Versions of what numbers pass through between file and spectrum."""
    names = ("numpy", "scipy", "gguf", *(() if settings.device == "cpu" else ("torch",)))
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def pairs_of(base: Checkpoint, tuned: Checkpoint | None) -> Paired:
    """The pairs of two checkpoints, or the pieces of one, and the remarks of their layouts."""
    if tuned is None:
        only = layout(base)
        return alone(only), only.remarks
    before, after = layouts(base, tuned)
    return pair(before, after), tuple(dict.fromkeys((*before.remarks, *after.remarks)))


def _teller(pairs: Sequence[Pair], progress: Progress | None) -> Callable[[Pair], None] | None:
    """Adds up the work of the pairs that are done."""
    if progress is None:
        return None
    done, total = 0, sum(map(work_of, pairs))

    def told(each: Pair) -> None:
        nonlocal done
        done += work_of(each)
        if work_of(each):
            progress(done, total, each.piece.name)

    return told
