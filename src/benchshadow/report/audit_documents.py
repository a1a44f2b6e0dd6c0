"""Documents: which of them share a passage with which item, and where, for those who want to look or to remove them."""

from __future__ import annotations

import polars as pl

from .audit_folder import AuditFolder
from .audit_overlap import passage_key
from .audit_values import percent, quoted
from .elements import Block, Cell, Column, Prose, Table
from .long_tables import opened
from .numbers import counted, number

__all__ = ["document_blocks"]

_MOST, _ALIKE = 200, 3


def document_blocks(audit: AuditFolder) -> list[Block]:
    """The passages of the documents that share most, and a sentence that says what is left out."""
    table = audit.documents
    if not table.height:
        return []
    found = _in_order(table)
    shown = found.filter(pl.col("turn") < _ALIKE).head(_MOST)
    several = table.select(pl.struct("corpus", "document").n_unique()).item()
    told = f"{counted(several, 'document shares', 'documents share')} eight words in a row, or most of what is rare in "
    told += f"it, with an item. {counted(shown.height, 'passage')} of {number(found.height)} that were looked up "
    told += "stand here, those of documents that hold whole items first, then the longest"
    told += f"; of passages that begin alike at most {_ALIKE}." if shown.height < found.height else "."
    unseen = table.filter(pl.col("passage").is_null()).height
    dropped = int(table.unique(["corpus", "document"])["left_out"].fill_null(0).sum())
    if unseen:
        told += f" Documents that share less, or no eight words in a row, stand without a passage: {number(unseen)}."
    if dropped:
        told += f" Shorter passages that were dropped, of documents with very many: {number(dropped)}."
    told += " The rest is in documents.parquet."
    return [Prose([told]), *(opened(_table(audit, shown), "passages that are shown") if shown.height else [])]


def _in_order(table: pl.DataFrame) -> pl.DataFrame:
    """Passages, most telling first; `turn` counts those of a corpus that begin alike."""
    known = table.filter(pl.col("passage").is_not_null())
    ordered = known.sort("weighted", "words", "share", descending=True, maintain_order=True)
    keyed = ordered.with_columns(passage_key().alias("key"))
    return keyed.with_columns(pl.int_range(pl.len()).over("corpus", "key").alias("turn"))


def _table(audit: AuditFolder, shown: pl.DataFrame) -> Table:
    several = len(audit.corpora) > 1
    rows = []
    for row in shown.iter_rows(named=True):
        others = row["holders"] - 1
        more = f", and {counted(others, 'item')} more" if others else ""
        where = ", ".join(each for each in (row["corpus"] if several else "", row["domain"]) if each)
        rows.append(
            [
                Cell(row["document"], where, head=True, numeric=False),
                Cell(number(row["words"]), f"from character {number(row['place'])}", order=row["words"]),
                Cell(quoted(row["passage"]), numeric=False),
                Cell(row["item"], f"{row['benchmark']}{more}", numeric=False),
                Cell(percent(row["share"]), order=row["share"]),
                Cell(number(row["weighted"]), order=row["weighted"]),
            ]
        )
    columns = [
        Column("Document", "corpus and domain" if several else "domain", numeric=False),
        Column("Words in a row", "place in the document"),
        Column("Passage", numeric=False),
        Column("Item", "benchmark", numeric=False),
        Column("Of the passage", "held by the item", "Share of the passage's runs of eight words that stand in it"),
        Column("Whole items", "in the document", "Items of whose weight at least 80% stands in the document"),
    ]
    return Table(columns, rows, "Passages, document by document", sortable=True)
