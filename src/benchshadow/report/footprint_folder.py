"""A footprint's folder as the page sees it: records, coverage, spectra, and what the summary says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from benchshadow.errors import InputError
from benchshadow.records import read, read_json

__all__ = ["FootprintFolder", "open_footprint"]


@dataclass(frozen=True)
class FootprintFolder:
    """Everything of a footprint but the weights.

    Attributes:
        folder: where it lies.
        records: the long table.
        coverage: one row per tensor, whatever became of it.
        spectra: singular values by tensor and by what they are of; empty where they were not kept.
        summary: counts, numbers of the model and remarks.
        manifest: what determined the result.
    """

    folder: Path
    records: pl.DataFrame
    coverage: pl.DataFrame
    spectra: pl.DataFrame
    summary: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def of(self) -> str:
        """What was measured: the change of a pair, or the one checkpoint."""
        return "change" if self.summary.get("tuned") else "base"

    @property
    def model(self) -> pl.DataFrame:
        """The rows that take the matrices inside the blocks together."""
        return self.records.filter(pl.col("of") == "model")

    def value(self, diagnostic: str) -> dict[str, Any] | None:
        """The model's row of one diagnostic that holds a value; the first side where there are two."""
        found = self.model.filter((pl.col("diagnostic") == diagnostic) & pl.col("value").is_finite())
        return found.row(0, named=True) if found.height else None

    def tensors(self, diagnostic: str) -> pl.DataFrame:
        """The rows of single tensors of one diagnostic, without a value too."""
        wanted = (pl.col("of") == self.of) & (pl.col("diagnostic") == diagnostic) & pl.col("parameter").is_null()
        return self.records.filter(wanted)


def open_footprint(folder: Path) -> FootprintFolder:
    """Read a footprint's folder; the tables must be there, spectra and manifest may be missing."""
    for name in ("records.parquet", "coverage.parquet"):
        if not (folder / name).is_file():
            raise InputError(folder / name, "no such file", "make the footprint again")
    spectra = folder / "spectra.parquet"
    empty = pl.DataFrame(schema={"tensor": pl.String, "of": pl.String, "values": pl.List(pl.Float64)})
    said = {name: folder / f"{name}.json" for name in ("summary", "manifest")}
    summary, manifest = (read_json(path) if path.is_file() else {} for path in said.values())
    return FootprintFolder(
        folder,
        read(folder).with_columns(pl.col(pl.Float64).fill_nan(None)),
        _table(folder / "coverage.parquet"),
        _table(spectra) if spectra.is_file() else empty,
        summary,
        manifest,
    )


def _table(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(path, f"must be a Parquet file but is not ({error})") from error
