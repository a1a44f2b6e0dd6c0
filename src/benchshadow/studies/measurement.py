"""Every matrix of a checkpoint, or of the change between two, measured: records, coverage and spectra."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
import polars as pl

from benchshadow.checkpoints import Checkpoint, Pair, alone, layout, pair
from benchshadow.errors import InputError, TensorRefused
from benchshadow.records import frame
from benchshadow.spectra import SIDES, Measure, Spectrum, Update, measure_change, measure_matrix

from .over_model import Measurement, Norms, over_model

__all__ = ["COVERAGE", "SPECTRA", "Measured", "Progress", "check_choice", "measure", "pairs_of", "work_of"]

Progress = Callable[[int, int, str], None]
"""Told the work done, all the work, and the name of the matrix that was measured last."""

OF = ("base", "tuned", "change")
# eigvalsh in float64 on one thread of an AMD EPYC, OpenBLAS and MKL (torch 2.13), seconds: .009 and .012 at 512, .053
# and .096 at 1024, .42 and .52 at 2048, 5.0 and 3.5 at 4096. Loading torch takes another second.
_NUMPY_UP_TO = 2048

COVERAGE: dict[str, Any] = {
    "tensor": pl.String,  # as stored; slices of a stack carry their number
    "canonical": pl.String,
    "tower": pl.String,
    "role": pl.String,
    "guessed": pl.Boolean,
    "layer": pl.Int32,
    "depth": pl.Float64,
    "shape": pl.String,  # "4096 x 1024"
    "stored": pl.String,  # type in the tuned checkpoint, or in the only one; null where only the base has the tensor
    "stored_base": pl.String,
    "parameters": pl.Int64,
    "state": pl.String,  # analysed | equal | skipped | unmatched | refused
    "reason": pl.String,
    "remarks": pl.String,
}
SPECTRA: dict[str, Any] = {"tensor": pl.String, "of": pl.String, "values": pl.List(pl.Float64)}


@dataclass(frozen=True)
class Measured:
    """What was measured, as tables.

    Attributes:
        records: in the schema of the records; rows with of="model" take the matrices inside the blocks together.
        coverage: one row for every tensor, whatever became of it. Rows whose `stored` is null stand in the base alone;
            the parameters of the others add up to those of the model.
        spectra: singular values, largest first, by tensor and by what they are of.
        remarks: sentences that a reader of the numbers must know.
        refused: number of tensors that were refused by name.
    """

    records: pl.DataFrame
    coverage: pl.DataFrame
    spectra: pl.DataFrame
    remarks: tuple[str, ...]
    refused: int


def measure(
    base: Checkpoint,
    tuned: Checkpoint | None = None,
    *,
    seed: int,
    rounded_sides: Sequence[str] = SIDES,
    spectra_of: Sequence[str] = OF,
    columns: Mapping[str, Any] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Measured:
    """Measure a checkpoint, or the change from `base` to `tuned`.

    Args:
        base: the only checkpoint, or the one that the other was tuned from.
        tuned: None to measure `base` alone.
        seed: of the drawn rounding errors; each matrix has its own stream, so their order does not matter.
        rounded_sides: "tuned", "both" or the two.
        spectra_of: which of "base", "tuned" and "change" are decomposed; a change always is where there are two.
        columns: values for columns of every record: run, arm, replicate, base, step, checkpoint ...
        workers: matrices measured at a time. The libraries should be held to one thread (OMP_NUM_THREADS=1): two
            matrices at a time take half as long as one at a time on two threads.
        progress: called after each matrix, in units of rows x columns x shorter side.

    Raises:
        InputError: the checkpoints share no matrix, a setting is unknown, or a file cannot be read.
    """
    check_choice("spectra_of", spectra_of, OF)
    check_choice("rounded_sides", rounded_sides, SIDES)
    pairs, remarks = pairs_of(base, tuned)
    job = partial(_measured, seed=seed, rounded_sides=rounded_sides, spectra_of=spectra_of, single=tuned is None)
    found = _each(job, pairs, workers, progress)
    return _tables(found, remarks, columns or {}, tuned is None)


def check_choice(where: str, given: Sequence[str], allowed: Sequence[str]) -> None:
    """A setting must hold some of the words allowed, and no other."""
    if isinstance(given, str) or not given:
        raise InputError(where, f"must hold some of {', '.join(allowed)} but is {given!r}")
    for each in given:
        if each not in allowed:
            raise InputError(where, f"must hold some of {', '.join(allowed)} but holds {each!r}")


def _each(
    job: Callable[[Pair], Measurement], pairs: Sequence[Pair], workers: int, progress: Progress | None
) -> list[Measurement]:
    """Every pair measured, in the order given; the heaviest are begun first, so that the workers end together."""
    work = [work_of(each) for each in pairs]
    done, total = 0, sum(work)
    found: dict[int, Measurement] = {}
    for i, measurement in _as_they_come(job, pairs, sorted(range(len(pairs)), key=lambda i: -work[i]), workers):
        found[i] = measurement
        done += work[i]
        if progress and work[i]:
            progress(done, total, pairs[i].piece.name)
    return [found[i] for i in range(len(pairs))]


def _as_they_come(
    job: Callable[[Pair], Measurement], pairs: Sequence[Pair], order: Sequence[int], workers: int
) -> Iterator[tuple[int, Measurement]]:
    """Place and measurement of every pair; one worker needs no thread of its own."""
    if workers == 1:
        yield from ((i, job(pairs[i])) for i in order)
        return
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(job, pairs[i]): i for i in order}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def pairs_of(base: Checkpoint, tuned: Checkpoint | None) -> tuple[tuple[Pair, ...], tuple[str, ...]]:
    """The pairs of two checkpoints, or the pieces of one, and the remarks of their layouts."""
    before = layout(base)
    if tuned is None:
        return alone(before), before.remarks
    after = layout(tuned)
    return pair(before, after), (*before.remarks, *after.remarks)


def work_of(each: Pair) -> int:
    """Work of one pair, rows x columns x shorter side; zero where there is no matrix."""
    m, n = each.shape
    return m * n * min(m, n) if each.state == "matrix" else 0


def _measured(
    each: Pair, *, seed: int, rounded_sides: Sequence[str], spectra_of: Sequence[str], single: bool
) -> Measurement:
    """One pair measured; a refusal becomes its state."""
    said = (each.remark,) if each.remark else ()
    try:
        if each.state != "matrix":
            _refuse_bad_vector(each)
            return Measurement(each, each.state, each.reason, said, {}, {})
        if single:
            (source,) = each.sources()
            spectrum = Spectrum.of(source, engine=_engine(each))
            return Measurement(
                each, "analysed", "", said, {"base": measure_matrix(spectrum)}, {"base": spectrum.values}
            )
        rng = np.random.default_rng([seed, crc32(each.piece.name.encode())])
        before, after = each.sources()
        update = Update.of(
            before,
            after,
            rng=rng,
            rounded_sides=rounded_sides,
            spectra_of=[of for of in spectra_of if of != "change"],
            engine=_engine(each),
        )
    except TensorRefused as refusal:
        return Measurement(each, "refused", refusal.problem, said, {}, {})
    return _of_update(each, update, said)


def _engine(each: Pair) -> str | None:
    """NumPy for matrices where it is as fast as torch, which then need not be loaded; the default above."""
    return "numpy" if min(each.shape) <= _NUMPY_UP_TO else None


def _refuse_bad_vector(each: Pair) -> None:
    """Vectors have no spectrum, but NaN in one must not pass in silence."""
    for side in (each.base, each.tuned):
        if side is not None and side.is_vector and not np.isfinite(side.checkpoint.read(side.tensor)).all():
            raise TensorRefused(side.tensor, "must be finite but holds NaN or infinite entries")


def _of_update(each: Pair, update: Update, said: tuple[str, ...]) -> Measurement:
    spectra = {"base": update.base, "tuned": update.tuned, "change": update.change}
    kept = {of: spectrum for of, spectrum in spectra.items() if spectrum is not None}
    measures = {of: measure_matrix(spectrum) for of, spectrum in kept.items() if of != "change"}
    measures["change"] = measure_change(update)
    state = "equal" if update.is_unchanged else "analysed"
    reason = "base and tuned are equal entry by entry" if update.is_unchanged else ""
    remarks = said if update.is_unchanged else (*said, *update.remarks)
    values = {of: spectrum.values for of, spectrum in kept.items() if not (of == "change" and update.is_unchanged)}
    norms = Norms(update.base_norm, update.change.norm, update.rounding)
    return Measurement(each, state, reason, remarks, measures, values, norms)


def _tables(found: Sequence[Measurement], remarks: Sequence[str], columns: Mapping[str, Any], single: bool) -> Measured:
    rows: list[dict[str, Any]] = []
    for each in found:
        piece = each.pair.piece
        place = {
            "tower": piece.tower,
            "role": piece.role,
            "layer": piece.layer,
            "depth": piece.depth,
            "tensor": piece.name,
            "items": min(each.pair.shape),
            **columns,
        }
        rows += [_row(measure, of, place) for of, measures in each.measures.items() for measure in measures]
    rows += [_row(measure, "model", {"role": "blocks", **columns}) for measure in over_model(found)]
    spectra = [
        {"tensor": each.pair.piece.name, "of": of, "values": values}
        for each in found
        for of, values in each.spectra.items()
    ]
    coverage = pl.DataFrame([_coverage(each, single) for each in found], schema=COVERAGE)
    refused = [each for each in found if each.state == "refused"]
    said = [*remarks, *(_refusal(each) for each in refused), *_counted(found)]
    return Measured(frame(rows), coverage, pl.DataFrame(spectra, schema=SPECTRA), tuple(said), len(refused))


def _row(measure: Measure, of: str, place: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **place,
        "of": of,
        "side": measure.side,
        "diagnostic": measure.diagnostic,
        "parameter": measure.parameter,
        "value": measure.value,
        "null_rounding": measure.null_rounding,
        "null_random": measure.null_random,
        "unit": measure.unit,
        "method": measure.method if measure.value is not None else f"undefined: {measure.reason}",
        "error_bound": measure.error_bound,
    }


def _coverage(each: Measurement, single: bool) -> dict[str, Any]:
    pair, piece = each.pair, each.pair.piece
    newest = pair.base if single else pair.tuned
    return {
        "tensor": piece.tensor if piece.part is None else f"{piece.tensor}[{piece.part}]",
        "canonical": piece.name,
        "tower": piece.tower,
        "role": piece.role,
        "guessed": piece.guessed,
        "layer": piece.layer,
        "depth": piece.depth,
        "shape": " x ".join(map(str, piece.shape)) or "1",
        "stored": newest.stored if newest else None,
        "stored_base": pair.base.stored if pair.base else None,
        "parameters": piece.parameters,
        "state": each.state,
        "reason": each.reason or None,
        "remarks": "; ".join(each.remarks) or None,
    }


def _refusal(each: Measurement) -> str:
    return f"{each.pair.piece.name}: refused: {each.reason}"


def _counted(found: Sequence[Measurement]) -> list[str]:
    """Sentences on what was left out, resized or not resolved, with numbers."""
    equal = sum(each.state == "equal" for each in found)
    unmatched = [each for each in found if each.state == "unmatched"]
    said = [f"{each.pair.piece.name}: {each.pair.remark}" for each in found if each.pair.remark]
    if equal:
        said.append(f"base and tuned are equal in {equal} matrices, which the averages leave out")
    if unmatched:
        said.append(f"no partner was found for {len(unmatched)} tensors, the first {unmatched[0].pair.piece.name!r}")
    return [*said, *_drowned(found)]


def _drowned(found: Sequence[Measurement]) -> Iterator[str]:
    """How many matrices rounding leaves without a resolved change, for each declaration of the rounded sides."""
    moved = [each.norms.rounding for each in found if each.norms is not None and each.state == "analysed"]
    for nulls in zip(*moved, strict=True):
        drowned = sum(not null.resolved for null in nulls)
        assumed = "both sides were" if nulls[0].sides == "both" else "only the tuned side was"
        if drowned:
            yield (
                f"if {assumed} rounded, rounding explains more than half of the energy of the change in {drowned} of "
                f"{len(nulls)} matrices: these are not resolved"
            )
