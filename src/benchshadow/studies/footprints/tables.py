"""What was measured, as tables: one row per number, one row per tensor whatever became of it, and the spectra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from benchshadow.records import frame
from benchshadow.spectra import Directions, Measure

from .over_model import Measurement, over_model, profile_rows

__all__ = ["COVERAGE", "SPECTRA", "Measured", "tables"]

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
        directions: top singular vectors of base, tuned and change by tensor; empty below level 3.
        remarks: sentences that a reader of the numbers must know.
        refused: number of tensors that were refused by name.
    """

    records: pl.DataFrame
    coverage: pl.DataFrame
    spectra: pl.DataFrame
    directions: Mapping[str, Directions]
    remarks: tuple[str, ...]
    refused: int


def tables(
    found: Sequence[Measurement], remarks: Sequence[str], columns: Mapping[str, Any], *, single: bool
) -> Measured:
    """Records, coverage and spectra of all pairs, in their order.

    Args:
        found: what each pair came to.
        remarks: of the checkpoints' layouts.
        columns: values for columns of every record.
        single: whether there is no tuned checkpoint.
    """
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
    rows += [{**columns, "of": "profile", **row} for row in profile_rows(found)]
    spectra = [
        {"tensor": each.pair.piece.name, "of": of, "values": values}
        for each in found
        for of, values in each.spectra.items()
    ]
    coverage = pl.DataFrame([_coverage(each, single) for each in found], schema=COVERAGE)
    refused = [each for each in found if each.state == "refused"]
    said = [*remarks, *(_refusal(each) for each in refused), *_counted(found)]
    directions = {each.pair.piece.name: each.directions for each in found if each.directions is not None}
    return Measured(frame(rows), coverage, pl.DataFrame(spectra, schema=SPECTRA), directions, tuple(said), len(refused))


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
        "tensor": piece.place,
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
    for nulls in zip(*filter(None, moved), strict=True):
        drowned = sum(not null.resolved for null in nulls)
        assumed = "both sides were" if nulls[0].sides == "both" else "only the tuned side was"
        if drowned:
            yield (
                f"if {assumed} rounded, rounding explains more than half of the energy of the change in {drowned} of "
                f"{len(nulls)} matrices: these are not resolved"
            )
