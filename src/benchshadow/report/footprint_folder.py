"""A footprint's folder as the page sees it: records, coverage, spectra, and what the summary says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from benchshadow.errors import InputError
from benchshadow.records import read, read_json

from .roles import parts

__all__ = ["FootprintFolder", "open_footprint"]


@dataclass(frozen=True)
class FootprintFolder:
    """Everything of a footprint but the weights.

    Attributes:
        folder: where it lies.
        records: the long table, with the column `stack` (what a layer is counted in; null outside the blocks) and the
            column `part` (what a page calls the tower and the stack; empty where there is one of each).
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
    def kind(self) -> str:
        """What was measured: "checkpoint", "change", "adapter" or "adapter on its base"."""
        return self.summary.get("kind") or ("change" if self.summary.get("tuned") else "checkpoint")

    @property
    def of(self) -> str:
        """Whose numbers the page is about: those of a change, or of the one checkpoint."""
        return "base" if self.kind == "checkpoint" else "change"

    @property
    def level(self) -> int | None:
        """The level that it was measured at, where the manifest tells."""
        return self.manifest.get("level")

    @cached_property
    def model(self) -> pl.DataFrame:
        """The rows that take the matrices inside the blocks together."""
        return self.records.filter(pl.col("of") == "model")

    @cached_property
    def matrices(self) -> pl.DataFrame:
        """The rows of single matrices."""
        return self.records.filter(pl.col("of").is_in(["base", "tuned", "change"]))

    @cached_property
    def parts(self) -> list[str]:
        """What the towers and stacks with blocks are called: towers in the order of the records, encoders first."""
        inside = set(self.matrices.filter(pl.col("stack").is_not_null())["part"])
        places = self.matrices.select("tower", "stack").unique(maintain_order=True)
        return [part for part in dict.fromkeys(parts(places.iter_rows()).values()) if part in inside]

    def value(self, diagnostic: str) -> dict[str, Any] | None:
        """The model's row of one diagnostic that holds a value; the first side where there are two."""
        found = self.model.filter((pl.col("diagnostic") == diagnostic) & pl.col("value").is_finite())
        return found.row(0, named=True) if found.height else None

    def tensors(self, diagnostic: str, parameter: float | None = None) -> pl.DataFrame:
        """The rows of single tensors of one diagnostic, without a value too."""
        here = pl.col("parameter").is_null() if parameter is None else pl.col("parameter") == parameter
        return self.matrices.filter((pl.col("of") == self.of) & (pl.col("diagnostic") == diagnostic) & here)


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
        _with_parts(read(folder).with_columns(pl.col(pl.Float64).fill_nan(None))),
        _table(folder / "coverage.parquet"),
        _table(spectra) if spectra.is_file() else empty,
        summary,
        manifest,
    )


def _with_parts(records: pl.DataFrame) -> pl.DataFrame:
    """The records with the stack of every layer, which is its tensor's name before its number, and what it is called.

    A profile has no single tensor: it stands under the name of its stack, or under none where towers have one each.
    """
    before = pl.col("tensor").str.split(pl.format(".{}.", pl.col("layer"))).list.first()
    stack = pl.when(pl.col("of") == "profile").then(pl.col("tensor"))
    placed = records.with_columns(stack.when(pl.col("layer").is_not_null()).then(before).alias("stack"))
    places = placed.filter(pl.col("tower").is_not_null()).select("tower", "stack").unique(maintain_order=True)
    named = [{"tower": t, "stack": s, "part": part} for (t, s), part in parts(places.iter_rows()).items()]
    called = pl.DataFrame(named, schema={"tower": pl.String, "stack": pl.String, "part": pl.String})
    return placed.join(called, on=["tower", "stack"], how="left", nulls_equal=True, maintain_order="left")


def _table(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(path, f"must be a Parquet file but is not ({error})") from error
