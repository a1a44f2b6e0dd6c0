"""An audit's folder as the page sees it: the panel of every corpus, the items that were found, and the summary."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from benchshadow.errors import InputError
from benchshadow.records import read, read_json

from .look import Series, series_of

__all__ = ["AuditFolder", "open_audit"]

_DIFFERENCE = "_difference"
_ITEMS = {
    "corpus": pl.String, "benchmark": pl.String, "item": pl.String, "rule": pl.String, "eligible": pl.Boolean,
    "hit": pl.Boolean, "share": pl.Float64, "longest": pl.Int64, "document": pl.String, "passage": pl.String,
}  # fmt: skip
_DOCUMENTS = {
    "corpus": pl.String, "document": pl.String, "domain": pl.String, "weighted": pl.Int64, "place": pl.Int64,
    "words": pl.Int64, "passage": pl.String, "benchmark": pl.String, "item": pl.String, "share": pl.Float64,
    "holders": pl.Int64, "left_out": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True)
class AuditFolder:
    """Everything of an audit but the corpora.

    Attributes:
        folder: where it lies.
        records: the rows of the long table that are of one corpus.
        differences: the rows that are of two, `arm` minus `base`, under the name of the measure that they are of.
        items: one row per corpus, benchmark, item and rule; empty where no benchmark was given.
        documents: one row per document that shares something, and passage; empty where it was not looked for.
        summary: counts of corpora and benchmarks, refused lines and remarks.
        manifest: what determined the result.
    """

    folder: Path
    records: pl.DataFrame
    differences: list[dict[str, Any]]
    items: pl.DataFrame
    documents: pl.DataFrame
    summary: dict[str, Any]
    manifest: dict[str, Any]

    @cached_property
    def corpora(self) -> list[str]:
        """Names of the corpora, in the order they were given in."""
        told = [str(each["name"]) for each in self.summary.get("corpora") or []]
        return list(dict.fromkeys([*told, *self.records["arm"].drop_nulls()]))

    @cached_property
    def benchmarks(self) -> list[str]:
        """Names of the benchmarks, in the order they were given in."""
        told = [str(each["name"]) for each in self.summary.get("benchmarks") or []]
        return list(dict.fromkeys([*told, *self.records["benchmark"].drop_nulls()]))

    @cached_property
    def series(self) -> list[Series]:
        """A colour and a shape for every corpus."""
        return series_of(self.corpora)

    def size(self, benchmark: str) -> int | None:
        """Number of items of a benchmark, whether they are long enough for a rule or not."""
        found = [each.get("items") for each in self.summary.get("benchmarks") or [] if each["name"] == benchmark]
        return found[0] if found else None

    def rows(self, *diagnostics: str, **where: Any) -> list[dict[str, Any]]:
        """The records of some diagnostics; `where` holds columns to what they must be."""
        found = self.records.filter(pl.col("diagnostic").is_in(diagnostics))
        for column, value in where.items():
            found = found.filter(pl.col(column).eq_missing(value))
        return found.to_dicts()

    def row(self, diagnostic: str, corpus: str, **where: Any) -> dict[str, Any] | None:
        """The one record of a corpus, with or without a value; the first where there are several."""
        return next(iter(self.rows(diagnostic, arm=corpus, **where)), None)

    def value(self, diagnostic: str, corpus: str, **where: Any) -> float | None:
        """The value of that record; None where it is undefined or was not taken."""
        found = self.row(diagnostic, corpus, **where)
        return None if found is None else found["value"]


def open_audit(folder: Path) -> AuditFolder:
    """Read an audit's folder; the records must be there, items and manifest may be missing."""
    if not (folder / "records.parquet").is_file():
        raise InputError(folder / "records.parquet", "no such file", "make the audit again")
    said = {name: folder / f"{name}.json" for name in ("summary", "manifest")}
    summary, manifest = (read_json(path) if path.is_file() else {} for path in said.values())
    records = read(folder).with_columns(pl.col("value", "null_random", "error_bound").fill_nan(None))
    records = records.filter(pl.col("of") == "data")
    of_two = pl.col("diagnostic").str.ends_with(_DIFFERENCE)
    differences = records.filter(of_two).with_columns(pl.col("diagnostic").str.strip_suffix(_DIFFERENCE)).to_dicts()
    # An empty text and none mean the same: there is nothing to show.
    shown = pl.when(pl.col("document", "passage") != "").then(pl.col("document", "passage"))
    items = _table(folder / "items.parquet", _ITEMS).with_columns(shown)
    documents = _table(folder / "documents.parquet", _DOCUMENTS)
    return AuditFolder(folder, records.filter(~of_two), differences, items, documents, summary, manifest)


def _table(path: Path, columns: dict[str, Any]) -> pl.DataFrame:
    """Some columns of a file, or no row where it is missing."""
    if not path.is_file():
        return pl.DataFrame(schema=columns)
    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(path, f"must be a Parquet file but is not ({error})") from error
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise InputError(path, f"must have the columns {', '.join(columns)} but lacks {', '.join(lacking)}")
    return table.select(*columns)
