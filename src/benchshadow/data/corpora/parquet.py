"""Rows of a Parquet file, read a few megabytes at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchshadow.errors import InputError

from .opened import contents, damage
from .rows import Row

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Parquet"]

SLICE = 8_000_000  # characters that a slice should hold
MOST_ROWS = 8192  # rows of a slice


@dataclass(frozen=True)
class Parquet:
    """The rows of a Parquet file, of its columns only those named in `fields`; all of them where none is.

    polars decodes a slice of rows without the row groups and pages before it, which bounds the memory; its own batches
    hold the whole file when they are read more slowly than they are decoded.
    """

    path: Path
    label: str
    fields: tuple[str, ...]

    @property
    def where(self) -> str:
        return str(self.path)

    def rows(self) -> Iterator[Row]:
        """The rows in order.

        A file cut short has lost the table of contents at its end and is refused before its first row. Damage inside is
        met only where it lies.

        Raises:
            InputError: the file is no Parquet, lacks a column, or is damaged.
        """
        rows = chain.from_iterable(_by_row(part.pop()) for part in self._slices())
        yield from map(Row, count(1), rows)

    def contents(self) -> str:
        """sha256 of the file's bytes."""
        return contents(self.path)

    def _slices(self) -> Iterator[list[pl.DataFrame]]:
        """Slices whose number of rows follows the size of the rows met so far.

        Each comes in a list to be taken out of it, so that none is alive while the next one is decoded.
        """
        columns, total = self._scan()
        start, rows = 0, 1
        while start < total:
            part = [self._read(columns.slice(start, rows))]
            fitting = int(SLICE * rows / max(1, part[0].estimated_size()))
            yield part
            part.clear()
            start += rows
            rows = max(1, min(fitting, 8 * rows, MOST_ROWS))

    def _scan(self) -> tuple[pl.LazyFrame, int]:
        import polars as pl

        try:
            # A path is no pattern here: brackets and stars in a file's name mean themselves.
            scan = pl.scan_parquet(self.path, glob=False)
            names = scan.collect_schema().names()
            total = int(scan.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise damage(self.path, error) from error
        for field in self.fields:
            if field not in names:
                raise InputError(self.path, f"must have the field '{field}' but has {sorted(names)}")
        return (scan.select(self.fields) if self.fields else scan), total

    def _read(self, rows: Any) -> pl.DataFrame:
        import polars as pl

        try:
            return rows.collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise damage(self.path, error) from error


def _by_row(part: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows out of lists of columns: a text is copied once, by polars' own rows up to three times."""
    lists = [part.get_column(name).to_list() for name in part.columns]
    return (dict(zip(part.columns, values, strict=True)) for values in zip(*lists, strict=True))
