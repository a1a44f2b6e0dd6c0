"""How a verb ends: its page, its remarks, its summary for machines or for people, and an exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import typer

from benchshadow.errors import MissingExtra

__all__ = ["fail", "page_of", "remark", "tell"]


def tell(
    folder: Path,
    summary: Mapping[str, Any],
    show: Callable[[Path, Mapping[str, Any], Path | None], None],
    *,
    remarks: Iterable[str] = (),
    json: bool,
    plan: bool = False,
) -> None:
    """Write the page, unless only a plan was asked for; then remarks, then the summary for machines or by `show`."""
    from .printing import print_json

    page = None if plan else page_of(folder)
    for each in remarks:
        remark(each)
    if json:
        print_json(summary)
    else:
        show(folder, summary, page)


def page_of(folder: Path) -> Path | None:
    """The report, or a remark where the libraries for it are not installed."""
    from benchshadow.report import write

    try:
        return write(folder)
    except MissingExtra as error:
        remark(f"no report.html: {error}")
        return None


def remark(text: str) -> None:
    """Say something beside the results, on standard error."""
    typer.echo(text, err=True)


def fail(text: str, code: int) -> None:
    """Say what is wrong, and end with an exit code."""
    typer.echo(text, err=True)
    raise typer.Exit(code)
