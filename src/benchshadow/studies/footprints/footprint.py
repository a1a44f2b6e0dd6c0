"""The footprint of one checkpoint, or of the change between two, as a folder of tables with a summary."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchshadow.checkpoints import Checkpoint, adapted, adapter_alone, is_adapter, open_adapter, open_checkpoint
from benchshadow.errors import Incomplete, InputError, check_choices
from benchshadow.records import open_folder, read_json, replace_together, write_json, write_parquet
from benchshadow.records.source_code import code
from benchshadow.spectra import SIDES, check_level
from benchshadow.spectra.engines import checked_device

from .identity import identity
from .measurement import OF, Measured, Progress, measure, pairs_of
from .overlap import DIRECTIONS, write_directions
from .plan import plan_of
from .summary import summary_of

__all__ = ["FILES", "Footprint", "footprint", "opened"]

FILES = ("records.parquet", "coverage.parquet", "spectra.parquet", "manifest.json", "summary.json")
"""What a finished folder holds, with `directions.safetensors` at level 3; the last one is put in place last."""
_TABLES = ("records", "coverage", "spectra")
_CODE = (
    "spectra",
    "checkpoints",
    *(
        f"studies/footprints/{name}.py"
        for name in ("measurement", "one_pair", "over_model", "overlap", "spread", "tables")
    ),
    "studies/footprints/summary.py",
)


@dataclass(frozen=True)
class Footprint:
    """What came out.

    Attributes:
        folder: where the files are; of a plan, where they would be.
        summary: content of `summary.json`, or the plan.
        remarks: sentences that a reader of the numbers must know.
        refused: number of tensors that were refused by name.
    """

    folder: Path
    summary: dict[str, Any]
    remarks: tuple[str, ...]
    refused: int


def footprint(
    base: Path | str,
    tuned: Path | str | None = None,
    *,
    out: Path,
    rounded_sides: Sequence[str] = SIDES,
    spectra_of: Sequence[str] = OF,
    level: int = 2,
    device: str = "cpu",
    seed: int = 0,
    strict: bool = False,
    plan: bool = False,
    workers: int = 1,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Footprint:
    """Measure a checkpoint, an adapter, or the change from `base` to `tuned`, and write what was found.

    The folder gets `records.parquet`, `coverage.parquet`, `spectra.parquet`, `manifest.json` and `summary.json`, and at
    level 3 `directions.safetensors`, all of them or none. Called again for the same files and settings, it returns what
    is there; interrupted and called again with a cache, it goes on from the matrices that were done.

    Args:
        base: file, folder, or "org/name@revision" in the hub's cache; the only checkpoint, or the one that the other
            was tuned from. An adapter alone is measured as the change that it makes.
        tuned: a checkpoint, or an adapter of the base; None to measure `base` alone.
        out: folder to write to: new, empty, or one of the same work.
        rounded_sides: which sides were rounded when they were stored: "tuned", "both", or the two where unknown.
        spectra_of: which of "base", "tuned" and "change" are decomposed; a change always is where there are two.
        level: 0 one pass, 1 the Gram products too, 2 all singular values, 3 the top singular vectors too.
        device: "cpu", or a torch device.
        seed: of drawn rounding errors.
        strict: whether a refused tensor is an error, raised when everything else is written.
        plan: say what would be read, computed and written, with an estimate of time and memory, and do nothing.
        workers: matrices measured at a time; see `measure`.
        cache: folder of spectra and digests kept from call to call.
        progress: told the work done, all the work, and the matrix that was measured last.

    Raises:
        InputError: a checkpoint breaks a rule, the two share no matrix, or `out` cannot be written or holds other work.
        Incomplete: under `strict`, something was refused.
    """
    check_choices("rounded_sides", rounded_sides, SIDES)
    check_choices("spectra_of", spectra_of, OF)
    check_level(level)
    checked_device(device)
    before, after = opened(base, tuned)
    files = FILES if level < 3 else (DIRECTIONS, *FILES)
    pairs, remarks = pairs_of(before, after)
    if plan:
        spectra = 1 if after is None else 3 if level == 3 else len({*spectra_of, "change"})
        estimate = plan_of(before, after, pairs, Path(out), files, workers, level=level, spectra=spectra)
        return Footprint(Path(out), estimate, remarks, 0)
    settings = {"rounded_sides": list(rounded_sides), "spectra_of": list(spectra_of), "level": level, "seed": seed}
    work = _work(before, after, {**settings, "device": device}, cache)
    folder = open_folder(out, work)
    if not all((folder / name).is_file() for name in files):
        columns = {"checkpoint": str(tuned or base), **({} if tuned is None else {"base": str(base)})}
        measured = measure(
            before,
            after,
            columns=columns,
            device=device,
            cache=cache,
            workers=workers,
            progress=progress,
            paired=(pairs, remarks),
            **settings,
        )
        _write(folder, files, measured, summary_of(before, after, measured), _manifest(work))
    return _finished(folder, strict)


def opened(base: Path | str, tuned: Path | str | None) -> tuple[Checkpoint, Checkpoint | None]:
    """The checkpoints that were named; an adapter becomes its base with the change, or the change alone.

    Raises:
        InputError: one of them breaks a rule, or an adapter is named as the base of another checkpoint.
    """
    if is_adapter(base):
        if tuned is not None:
            raise InputError(base, "must be whole weights to compare with but is an adapter", "name its base instead")
        return adapter_alone(open_adapter(base)), None
    before = open_checkpoint(base)
    if tuned is None:
        return before, None
    return before, adapted(before, open_adapter(tuned)) if is_adapter(tuned) else open_checkpoint(tuned)


def _work(
    base: Checkpoint, tuned: Checkpoint | None, settings: Mapping[str, Any], cache: Path | None
) -> dict[str, Any]:
    """What determines the result: contents of the files, settings, and the source code that measures."""
    sides = {"base": base} if tuned is None else {"base": base, "tuned": tuned}
    return {
        "verb": "footprint",
        **{name: identity(side, cache) for name, side in sides.items()},
        **settings,
        "benchshadow": version("benchshadow"),
        "code": code(_CODE),
    }


def _manifest(work: Mapping[str, Any]) -> dict[str, Any]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    return {**work, "versions": {**versions, "polars": pl.__version__}, "machine": platform.machine()}


def _write(
    folder: Path, files: Sequence[str], measured: Measured, summary: Mapping[str, Any], manifest: Mapping[str, Any]
) -> None:
    """Put all files in place when the last of them is written, the summary last of all."""
    with replace_together(folder, files) as partial:
        for name in _TABLES:
            write_parquet(getattr(measured, name), partial[f"{name}.parquet"])
        if DIRECTIONS in partial:
            write_directions(partial[DIRECTIONS], {name: each.change for name, each in measured.directions.items()})
        write_json(partial["manifest.json"], manifest)
        write_json(partial["summary.json"], summary)


def _finished(folder: Path, strict: bool) -> Footprint:
    summary = read_json(folder / "summary.json")
    refused = summary["tensors"]["refused"]
    if strict and refused:
        coverage = pl.read_parquet(folder / "coverage.parquet").filter(pl.col("state") == "refused")
        first = coverage["tensor"][0]
        raise Incomplete(
            f"{folder}: every tensor must be measured but {refused} were refused, the first {first!r}: "
            f"{coverage['reason'][0]}"
        )
    return Footprint(folder, summary, tuple(summary["remarks"]), refused)
