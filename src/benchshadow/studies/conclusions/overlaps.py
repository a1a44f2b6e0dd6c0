"""What the changes of a study have in common: arm beside arm in a replicate, replicate beside replicate in an arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchshadow.errors import InputError
from benchshadow.studies.declaring.study import CONTROL, Study
from benchshadow.studies.footprints.overlap import DIRECTIONS, overlap

__all__ = ["COLUMNS", "MEASURES", "overlap_sentences", "overlaps"]

MEASURES = ("left", "right", "left_energy", "right_energy", "cosine")
COLUMNS: dict[str, Any] = {
    "kind": pl.String,  # "arms" within a replicate | "replicates" of an arm
    "arm": pl.String,
    "other": pl.String,
    "replicate": pl.Int32,
    "other_replicate": pl.Int32,
    "same_base": pl.Boolean,
    "measure": pl.String,
    "value": pl.Float64,  # mean over the matrices
    "expected": pl.Float64,  # mean for random directions with the same singular values, exact
    "deviation": pl.Float64,  # standard deviation of the mean for such directions
    "matrices": pl.Int64,
}
"""Columns of `overlaps.parquet`."""


def overlaps(study: Study, folders: Mapping[tuple[str, int], Path]) -> pl.DataFrame:
    """Overlaps of all pairs of arms within a replicate, and of all pairs of replicates within an arm.

    A row per pair and measure, mean over the matrices, beside its exact law for random directions; the matrices are
    taken as independent in the deviation of the mean. Replicates differ in their data order, benchmark split and, where
    `same_base` is false, in the base itself, whose directions need not correspond at all. The numbers know only the
    directions that were kept: see `overlap`.

    Args:
        study: names arms and replicates, and which share a base.
        folders: of (arm, replicate) to the folder of a whole run.
    """
    there = {run: folder for run, folder in folders.items() if (folder / DIRECTIONS).is_file()}
    rows: list[dict[str, Any]] = []
    for kind, one, other in _pairs(study):
        if one in there and other in there:
            same = study.base_of(one[1]) == study.base_of(other[1])
            place = {"kind": kind, "arm": one[0], "other": other[0], "replicate": one[1], "other_replicate": other[1]}
            rows += [{**place, "same_base": same, **each} for each in _over_matrices(there[one], there[other])]
    return pl.DataFrame(rows, schema=COLUMNS)


def _pairs(study: Study) -> Iterator[tuple[str, tuple[str, int], tuple[str, int]]]:
    for replicate in study.replicates:
        for one, other in combinations(study.arms, 2):
            yield "arms", (one, replicate), (other, replicate)
    for arm in study.arms:
        for one, other in combinations(study.replicates, 2):
            yield "replicates", (arm, one), (arm, other)


def _over_matrices(one: Path, other: Path) -> Iterator[dict[str, Any]]:
    """Means over the matrices that both changed."""
    try:
        table = overlap(one, other).filter(pl.col("measure").is_not_null())
    except InputError:  # no matrix changed in both
        return
    for measure in MEASURES:
        here = table.filter(pl.col("measure") == measure)
        if here.height:
            value, expected, deviation = (here[key].to_numpy() for key in ("value", "expected", "deviation"))
            law = {"expected": float(expected.mean()), "deviation": float(np.linalg.norm(deviation)) / here.height}
            yield {"measure": measure, "value": float(value.mean()), **law, "matrices": here.height}


def overlap_sentences(study: Study, table: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Per arm, how much its change shares with the control's, beside what a second draw shares and chance gives."""
    chosen = table.filter(pl.col("kind") == "arms", pl.col("measure") == "left_energy")
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in chosen.iter_rows(named=True):
        found.setdefault((row["arm"], row["other"]), []).append(row)
        found.setdefault((row["other"], row["arm"]), []).append(row)
    scale = found.get((CONTROL, study.same), [])
    for arm in study.treated:
        here = found.get((CONTROL, arm), [])
        if here and scale:
            mean, own, chance = (_mean(here, "value"), _mean(scale, "value"), _mean(here, "expected"))
            text = (
                f"{arm}: the strongest output directions of its change overlap with the control's by {mean:.2f}, where "
            )
            text += f"a second draw of the control overlaps by {own:.2f} and random directions by {chance:.2f}."
            yield {"code": "overlap", "id": f"overlap-{arm}", "about": arm, "text": text, "severity": "info"}


def _mean(rows: list[dict[str, Any]], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))
