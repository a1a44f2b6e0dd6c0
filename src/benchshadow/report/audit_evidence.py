"""Evidence: the items that were found, by which rules, with the passage and the document it stands in."""

from __future__ import annotations

import polars as pl

from .audit_folder import AuditFolder
from .audit_overlap import passage_key
from .audit_rules import WEIGHTED, rules_in_order
from .audit_values import percent, quoted
from .elements import Block, Cell, Column, Prose, Table
from .long_tables import opened
from .numbers import NONE, counted, number

__all__ = ["evidence_blocks"]

_MOST, _ALIKE = 300, 3
_ITEM = ["corpus", "benchmark", "item"]


def evidence_blocks(audit: AuditFolder) -> list[Block]:
    """The most telling items of those hit by any rule, and a sentence that says how many more there are."""
    found = _items(audit)
    if not found.height:
        empty = "No item of any benchmark was hit by any rule."
        return [Prose([empty], style="note")] if audit.items.height else []
    shown = found.filter(pl.col("turn") < _ALIKE).head(_MOST)
    told = f"{counted(found.height, 'item was', 'items were')} hit by at least one rule"
    told += f", {number(shown.height)} of them shown" if shown.height < found.height else ", all of them shown"
    told += ": first those that stay hits when words are weighed by how rare they are, then by the number of rules and "
    told += "the longest run."
    if shown.height < found.height:
        told += f" Of items with the same passage at most {_ALIKE} stand here; "
        told += f"the other {number(found.height - shown.height)} stand in items.parquet."
    return [Prose([told]), *opened(_table(audit, shown), "items that are shown")]


def _items(audit: AuditFolder) -> pl.DataFrame:
    """A row per item hit, most telling first; `turn` counts items whose passages begin alike."""
    rare, length = pl.col("rule") == WEIGHTED, pl.col("passage").str.len_chars().fill_null(0)
    hits = audit.items.filter(pl.col("hit")).sort(length, rare, descending=True, maintain_order=True)
    by_item = hits.group_by(_ITEM, maintain_order=True).agg(
        pl.col("rule"),
        rare.any().alias("rare"),
        pl.col("share").filter(rare).first().alias("weight"),
        pl.col("longest").max(),
        pl.col("document", "passage").first(),
    )
    order = [pl.col("rare"), pl.col("rule").list.len(), pl.col("longest")]
    ordered = by_item.sort(order, descending=True, nulls_last=True, maintain_order=True)
    alike = ordered.with_columns(passage_key().alias("key"))
    turn = pl.int_range(pl.len()).over("corpus", "benchmark", "key")
    return alike.with_columns(pl.when(pl.col("key").is_null()).then(0).otherwise(turn).alias("turn"))


def _table(audit: AuditFolder, items: pl.DataFrame) -> Table:
    several, rules = len(audit.corpora) > 1, audit.items["rule"].n_unique()
    rows = []
    for row in items.iter_rows(named=True):
        where = f"{row['benchmark']}, in {row['corpus']}" if several else row["benchmark"]
        weight = row["weight"]
        rows.append(
            [
                Cell(str(row["item"]), where, head=True, numeric=False),
                Cell(number(row["longest"]), order=row["longest"]),
                Cell(percent(weight) if row["rare"] else "no", order=weight if row["rare"] else -1),
                Cell(quoted(row["passage"]) if row["passage"] else NONE, row["document"] or "", numeric=False),
                _rules(row["rule"], rules),
            ]
        )
    columns = [
        Column("Item", "benchmark", numeric=False),
        Column("Longest run", "words"),
        Column("Weighed by rarity", "share of the item", "Hit by weighted-5gram: at least 80% of the item's weight"),
        Column("Passage", "document that it stands in", numeric=False),
        Column("Rules that hit it", numeric=False),
    ]
    return Table(columns, rows, sortable=True)


def _rules(hit: list[str], of: int) -> Cell:
    """How many rules hit an item, and which: where all did, their names wait behind the number."""
    names = ", ".join(rules_in_order(set(hit)))
    return Cell(f"{len(hit)} of {of}", "" if len(hit) == of else names, means=names * (len(hit) == of), numeric=False)
