"""What the verbs of data print: overlap by rule, the panel corpus by corpus, and arms side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from benchshadow.data.panel import PANEL

from .printing import console_of

__all__ = ["print_arms", "print_audit", "print_audit_plan"]

_LEADING = (
    ("exact_duplicate_share", None), ("near_duplicate_share", None), ("distinct_n", 2.0), ("self_repetition", None),
    ("compression_ratio", None), ("vendi", 0.5), ("vendi", 1.0), ("vendi", 2.0), ("vendi", float("inf")),
    ("effective_clusters", None), ("clusters_hit", None), ("unseen_mass", None),
)  # fmt: skip
_RULES = {
    "any-13gram": "any 13", "any-8gram": "any 8", "palm-8gram-70": "PaLM", "llama-10token": "Llama",
    "contam-8gram": "ConTAM", "weighted-5gram": "weighted",
}  # fmt: skip
_TITLES = {measure.name: measure.title for measure in PANEL}


def print_audit(folder: Path, summary: Mapping[str, Any], page: Path | None) -> None:
    """Sizes, items hit by rule, likeness, and the panel; what is undefined is a dash, its reason is in the records."""
    console = console_of()
    records = pl.read_parquet(folder / "records.parquet")
    for each in summary["corpora"]:
        console.print(
            f"{each['name']}: {each['documents']:,} documents, {each['words']:,} words", markup=False, soft_wrap=True
        )
        _overlap(console, records.filter(pl.col("arm") == each["name"]), summary["benchmarks"])
    console.print("\n[bold]Panel, at equal numbers of texts and words[/bold]")
    console.print(_panel(records, [each["name"] for each in summary["corpora"]]))
    for text in summary["remarks"]:
        console.print(text, markup=False, soft_wrap=True)
    console.print(f"every item with its passage: {folder / 'items.parquet'}", markup=False, soft_wrap=True)
    console.print(f"every document that shares one: {folder / 'documents.parquet'}", markup=False, soft_wrap=True)
    if page is not None:
        console.print(f"report: {page}", markup=False, soft_wrap=True)


def _overlap(console: Console, records: pl.DataFrame, benchmarks: Sequence[Mapping[str, Any]]) -> None:
    hits = records.filter(pl.col("diagnostic") == "overlap_hits")
    rules = hits["split"].unique(maintain_order=True).to_list()
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("items hit")
    for name in (*(_RULES.get(str(rule), str(rule)) for rule in rules), "alignment", "AUROC"):
        table.add_column(name, justify="right")
    for each in benchmarks:
        mine = records.filter(pl.col("benchmark") == each["name"])
        by_rule = {row["split"]: row for row in mine.filter(pl.col("diagnostic") == "overlap_hits").to_dicts()}
        cells = [f"{by_rule[rule]['value']:.0f}/{by_rule[rule]['items']}" if rule in by_rule else "-" for rule in rules]
        table.add_row(each["name"], *cells, _value(mine, "alignment"), _value(mine, "auroc"))
    console.print(table)


def _panel(records: pl.DataFrame, corpora: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for name in corpora:
        table.add_column(name, justify="right")
    for name, parameter in _LEADING:
        title = _TITLES[name] + ("" if parameter is None else f", {'q' if name == 'vendi' else 'n'} = {parameter:g}")
        cells = [_value(records.filter(pl.col("arm") == corpus), name, parameter, wide=True) for corpus in corpora]
        table.add_row(title, *cells)
    return table


def _value(records: pl.DataFrame, name: str, parameter: float | None = None, *, wide: bool = False) -> str:
    """A value with four digits, and where it is wanted and there is one with half the width of its interval."""
    found = records.filter(pl.col("diagnostic") == name)
    if parameter is not None:
        found = found.filter(pl.col("parameter") == parameter)
    value, half = found.select("value", "error_bound").row(0) if found.height else (None, None)
    return "-" if value is None else f"{value:.4g}" + (f" ± {half:.2g}" if wide and half else "")


def print_audit_plan(folder: Path, plan: Mapping[str, Any], _: Path | None = None) -> None:
    """What an audit would read and write."""
    console = console_of()
    console.print("nothing was done; an audit would read")
    for name, files in plan["read"].items():
        console.print(f"  {name}: {len(files)} file{'s' * (len(files) != 1)}", markup=False)
    for name, items in plan["benchmarks"].items():
        console.print(f"  {name}: {items:,} items", markup=False)
    console.print(f"and write {', '.join(plan['write'])} into {folder}", markup=False, soft_wrap=True)


def print_arms(out: Path, summary: Mapping[str, Any], *, plan: bool) -> None:
    """The arms, their budget, and what of them cannot be equal."""
    console = console_of()
    if plan:
        console.print(f"nothing was done; {out} would hold", markup=False)
    budget = summary["budget"]
    console.print(f"every arm: {budget['tokens']:,} tokens in sequences of {budget['length']}", markup=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("arm", "treated sequences", "unique tokens", "documents", "mean epochs", "entropy per token"):
        table.add_column(name, justify="left" if name == "arm" else "right")
    for arm in summary["arms"]:
        told = arm.get("reported")
        numbers = [] if told is None else [
            f"{arm['treated_sequences']:,}", f"{told['unique_tokens']:,}", f"{told['documents']:,}",
            f"{told['mean_epochs']:.3f}", f"{told['entropy_per_token']:.4f}",
        ]  # fmt: skip
        table.add_row(arm["arm"], *numbers)
    console.print(table)
    for text in summary.get("remarks", ()):
        console.print(text, markup=False, soft_wrap=True)
    if summary.get("items"):
        console.print(f"items seen, held out and left out: {summary['items']}", markup=False, soft_wrap=True)
    if not plan:
        console.print(f"check them: benchshadow verify {out}/arms/*", markup=False, soft_wrap=True)
