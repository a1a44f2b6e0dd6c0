"""The footprint of one checkpoint, or of the change between two, as a folder of tables with a summary."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchshadow.checkpoints import Checkpoint, open_checkpoint
from benchshadow.errors import Incomplete
from benchshadow.records import file_digest, open_folder, read_json, replace_whole, write_json
from benchshadow.spectra import SIDES

from .footprint_plan import plan_of
from .footprint_summary import summary_of
from .measurement import Measured, Progress, check_choice, measure, pairs_of
from .source_code import code

__all__ = ["FILES", "Footprint", "footprint"]

FILES = ("records.parquet", "coverage.parquet", "spectra.parquet", "manifest.json", "summary.json")
"""What a finished folder holds; the last one is put in place last."""
_TABLES = ("records", "coverage", "spectra")
_CODE = ("spectra", "checkpoints", "studies/measurement.py", "studies/over_model.py", "studies/footprint_summary.py")


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
    base: Path,
    tuned: Path | None = None,
    *,
    out: Path,
    rounded_sides: Sequence[str] = SIDES,
    seed: int = 0,
    strict: bool = False,
    plan: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> Footprint:
    """Measure a checkpoint, or the change from `base` to `tuned`, and write what was found.

    The folder gets `records.parquet`, `coverage.parquet`, `spectra.parquet`, `manifest.json` and `summary.json`, all of
    them or none. Called again for the same files and settings, it returns what is there.

    Args:
        base: safetensors file or folder; the only checkpoint, or the one that the other was tuned from.
        tuned: None to measure `base` alone.
        out: folder to write to: new, empty, or one of the same work.
        rounded_sides: which sides were rounded when they were stored: "tuned", "both", or the two where unknown.
        seed: of drawn rounding errors.
        strict: whether a refused tensor is an error, raised when everything else is written.
        plan: say what would be read, computed and written, with an estimate of time and memory, and do nothing.
        workers: matrices measured at a time; see `measure`.
        progress: told the work done, all the work, and the matrix that was measured last.

    Raises:
        InputError: a checkpoint breaks a rule, the two share no matrix, or `out` cannot be written or holds other work.
        Incomplete: under `strict`, something was refused.
    """
    check_choice("rounded_sides", rounded_sides, SIDES)
    before = open_checkpoint(base)
    after = None if tuned is None else open_checkpoint(tuned)
    pairs, remarks = pairs_of(before, after)
    if plan:
        return Footprint(Path(out), plan_of(before, after, pairs, Path(out), FILES, workers), remarks, 0)
    work = _work(before, after, rounded_sides, seed)
    folder = open_folder(out, work)
    if not all((folder / name).is_file() for name in FILES):
        columns = {"checkpoint": str(tuned or base), **({} if tuned is None else {"base": str(base)})}
        measured = measure(
            before, after, seed=seed, rounded_sides=rounded_sides, columns=columns, workers=workers, progress=progress
        )
        _write(folder, measured, summary_of(before, after, measured), _manifest(work))
    return _finished(folder, strict)


def _work(base: Checkpoint, tuned: Checkpoint | None, rounded_sides: Sequence[str], seed: int) -> dict[str, Any]:
    """What determines the result: contents of the files, settings, and the source code that measures."""
    sides = {"base": base} if tuned is None else {"base": base, "tuned": tuned}
    return {
        "verb": "footprint",
        **{name: _identity(side) for name, side in sides.items()},
        "rounded_sides": list(rounded_sides),
        "seed": seed,
        "benchshadow": version("benchshadow"),
        "code": code(_CODE),
    }


def _identity(checkpoint: Checkpoint) -> dict[str, dict[str, Any]]:
    """Size and sha256 of every file of a checkpoint, by its name."""
    with ThreadPoolExecutor(2) as pool:
        digests = list(pool.map(file_digest, checkpoint.files))
    return {
        file.name: {"bytes": file.stat().st_size, "sha256": digest}
        for file, digest in zip(checkpoint.files, digests, strict=True)
    }


def _manifest(work: Mapping[str, Any]) -> dict[str, Any]:
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    return {**work, "versions": {**versions, "polars": pl.__version__}, "machine": platform.machine()}


def _write(folder: Path, measured: Measured, summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Put all files in place when the last of them is written, the summary last of all."""
    with ExitStack() as stack:
        partial = {name: stack.enter_context(replace_whole(folder / name)) for name in reversed(FILES)}
        for name in _TABLES:
            getattr(measured, name).write_parquet(partial[f"{name}.parquet"])
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
