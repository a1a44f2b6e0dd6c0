"""The one long table: a row is one measured value, a file is written once, readers scan the folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from .files import replace_whole, write_parquet

__all__ = ["SCHEMA", "SCHEMA_VERSION", "SUPERSEDED", "frame", "read", "write"]

SCHEMA_VERSION = 1
SUPERSEDED = "superseded"
"""Folder of records that newer ones have replaced."""

SCHEMA: dict[str, Any] = {
    "schema": pl.Int32,
    "run": pl.String,  # key of the run that measured it
    "arm": pl.String,
    "replicate": pl.Int32,
    "base": pl.String,  # key of the base model; of a difference of two corpora, the one that is subtracted
    "step": pl.Int32,
    "checkpoint": pl.String,  # folder, as the user named it
    "tower": pl.String,  # language | vision | projector | other
    "role": pl.String,  # attention.query, mlp.up, embedding ...
    "layer": pl.Int32,
    "depth": pl.Float64,  # 0 first block, 1 last
    "tensor": pl.String,
    "of": pl.String,  # base | tuned | change | model | profile | activations | behaviour | outcome | data | trajectory
    "side": pl.String,  # left | right of vectors; tuned | both of rounding; last | mean token of states
    "tier": pl.String,  # seen | held-out | sibling | unrelated | general
    "benchmark": pl.String,
    "split": pl.String,
    "diagnostic": pl.String,
    "parameter": pl.Float64,  # the q of rank_at_energy, the r of top_energy
    "value": pl.Float64,  # null where undefined, never a sentinel
    "null_rounding": pl.Float64,
    "null_random": pl.Float64,
    "null_aa": pl.Float64,
    "items": pl.Int64,  # what the value was taken over: items, bytes, singular values
    "unit": pl.String,
    "method": pl.String,
    "error_bound": pl.Float64,
}
"""Columns of the long table and their types."""


def frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a table of the schema; what a row leaves out is null, a column unknown to the schema is our mistake."""
    rows = [{"schema": SCHEMA_VERSION, **row} for row in rows]
    unknown = {key for row in rows for key in row} - SCHEMA.keys()
    assert not unknown, f"columns unknown to the record schema: {sorted(unknown)}"
    return pl.DataFrame(rows, schema=SCHEMA)


def write(table: pl.DataFrame, path: Path) -> None:
    """Write a table as one Parquet file, whole or not at all."""
    with replace_whole(path) as partial:
        write_parquet(table, partial)


def read(folder: Path) -> pl.DataFrame:
    """Every `records*.parquet` at or below a folder, as one table; an empty one where there is none.

    What lies in a folder called `superseded` was set aside, and what lies in one called `*.partial` is not whole:
    neither is read.
    """
    below = sorted(Path(folder).rglob("records*.parquet"))
    files = [file for file in below if not any(map(_left_out, file.relative_to(folder).parts))]
    return pl.concat([pl.read_parquet(file) for file in files]) if files else frame([])


def _left_out(part: str) -> bool:
    return part == SUPERSEDED or part.endswith(".partial")
