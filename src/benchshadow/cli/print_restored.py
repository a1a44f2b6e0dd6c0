"""What a terminal is told of restored checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from .printing import console_of, print_pairs

__all__ = ["print_restored", "print_restoring"]


def print_restored(folder: Path, summary: Mapping[str, Any]) -> None:
    """How much of the change lay along the directions, and where the checkpoint is; or the plan."""
    console = console_of()
    if summary.get("plan"):
        console.print(f"would write to {folder}; nothing was done", markup=False, soft_wrap=True)
        print_pairs(console, summary)
        return
    console.print(f"{summary['base']} -> {summary['tuned']}", markup=False, soft_wrap=True)
    console.print(
        f"directions {summary['directions']}, {summary['left']} on the left and {summary['right']} on the right, hold "
        f"{summary['energy_share']:.1%} of the energy of the change of {summary['matrices']} matrices; they were "
        f"scaled by {summary['scale']:g}",
        markup=False,
        soft_wrap=True,
    )
    console.print(f"checkpoint: {folder / 'checkpoint'}", markup=False, soft_wrap=True)
    console.print(f"energy matrix by matrix: {folder / 'manifest.json'}", markup=False, soft_wrap=True)


def print_restoring(folder: Path, summary: Mapping[str, Any], page: Path | None) -> None:
    """The main measures along the scale, by directions."""
    console = console_of()
    if summary.get("plan"):
        console.print(f"would write to {folder}; nothing was done", markup=False, soft_wrap=True)
        print_pairs(console, summary)
        return
    for text in summary["statements"]:
        console.print(text, markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("measure", "directions"):
        table.add_column(head, no_wrap=True)
    for scale in summary["scales"]:
        table.add_column(f"scale {scale:g}", justify="right", no_wrap=True)
    means = {(row["measure"], row["directions"], row["scale"]): row["mean"] for row in summary["curves"]}
    for measure in (each for each in ("narrow", "broad") if any(key[0] == each for key in means)):
        for along in summary["directions"]:
            found = [means.get((measure, along, scale)) for scale in summary["scales"]]
            table.add_row(measure, along, *("" if mean is None else f"{mean:.3f}" for mean in found))
    console.print(table)
    console.print(f"every task at every scale: {folder / 'records.parquet'}", markup=False, soft_wrap=True)
    if page is not None:
        console.print(f"report: {page}", markup=False, soft_wrap=True)
