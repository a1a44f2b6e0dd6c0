"""How much the changes of arms, and of replicates, have in common: tables beside chance and a second draw."""

from __future__ import annotations

from statistics import mean
from typing import Any

import polars as pl

from benchshadow.errors import InputError

from .elements import Block, Cell, Column, Prose, Table, present
from .numbers import fixed, span
from .study_folder import StudyFolder
from .study_tables import arm_cell

__all__ = ["overlap_blocks"]

_FILE = "overlaps.parquet"
_SHOWN = {
    "left_energy": "Output directions, counted by their energy",
    "right_energy": "Input directions, counted by their energy",
    "cosine": "Cosine of the changes, from their strongest directions",
}
_NOTE = (
    "Mean over matrices and replicates; below it, what random directions with the same singular values give. 1 is the "
    "same directions."
)


def overlap_blocks(study: StudyFolder) -> list[Block]:
    """Arm against arm within a replicate, and replicate against replicate within an arm; nothing where none is kept."""
    table = _read(study)
    if not table.height:
        return []
    return present(
        Prose([_lead(study, table)]),
        *(_arms(study, table, measure, folded=measure != "left_energy") for measure in _SHOWN),
        _replicates(study, table),
        Prose(
            ["Only the strongest directions of each change were kept: the numbers do not tell of the rest of it."],
            style="note",
        ),
    )


def _read(study: StudyFolder) -> pl.DataFrame:
    path = study.folder / _FILE
    if not path.is_file():
        return pl.DataFrame()
    try:
        return pl.read_parquet(path)
    except pl.exceptions.ComputeError as error:
        raise InputError(path, f"must be a Parquet file but is not ({error})", "run the study again") from error


def _lead(study: StudyFolder, table: pl.DataFrame) -> str:
    """What the numbers are to be read beside."""
    own = _rows(table, "arms", "left_energy", {study.control, study.placebo})
    if not own:
        return "What two changes of one base have in common, direction by direction."
    return (
        f"What two changes of one base have in common, direction by direction. The scale is what the control and its "
        f"second draw have in common: {fixed(mean(row['value'] for row in own), 2)} of 1, where random directions have "
        f"{fixed(mean(row['expected'] for row in own), 2)}."
    )


def _rows(table: pl.DataFrame, kind: str, measure: str, arms: set[Any]) -> list[dict[str, Any]]:
    """Rows of a pair of arms, or of one arm's replicates."""
    chosen = table.filter(pl.col("kind") == kind, pl.col("measure") == measure)
    return [row for row in chosen.iter_rows(named=True) if {row["arm"], row["other"]} == arms]


def _arms(study: StudyFolder, table: pl.DataFrame, measure: str, *, folded: bool) -> Table:
    columns = [Column("Arm", numeric=False), *(Column(arm) for arm in study.arms)]
    rows = [
        [
            arm_cell(study, arm),
            *(_cell(_rows(table, "arms", measure, {arm, other})) if arm != other else Cell("") for other in study.arms),
        ]
        for arm in study.arms
    ]
    title = f"{_SHOWN[measure]}: arm beside arm within a replicate"
    return Table(columns, rows, "" if folded else title, _NOTE, title if folded else "")


def _replicates(study: StudyFolder, table: pl.DataFrame) -> Table:
    columns = [Column("Arm", numeric=False), *(Column(title) for title in _SHOWN.values())]
    rows = [
        [arm_cell(study, arm), *(_cell(_rows(table, "replicates", measure, {arm})) for measure in _SHOWN)]
        for arm in study.arms
    ]
    apart = table.filter(pl.col("kind") == "replicates", ~pl.col("same_base")).height
    note = f"{_NOTE} Replicates differ in data order and benchmark split."
    if apart:
        note += " Some start from other bases, whose directions need not correspond at all."
    return Table(columns, rows, "Replicate beside replicate within an arm", note)


def _cell(rows: list[dict[str, Any]]) -> Cell:
    """The mean of some pairs, with chance below it and the range on demand."""
    if not rows:
        return Cell("—", hint="not kept", means="not kept")
    values = [row["value"] for row in rows]
    chance = f"chance {fixed(mean(row['expected'] for row in rows), 2)}"
    shown = round(mean(values), 2) + 0.0  # no minus before a zero
    return Cell(fixed(shown, 2), chance, hint=f"from {span(min(values), max(values), 2)}", order=mean(values))
