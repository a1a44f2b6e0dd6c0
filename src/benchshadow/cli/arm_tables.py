"""Tables with a column for every arm: in parts where a terminal is too narrow for all arms side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

__all__ = ["arm_tables"]


def arm_tables(
    measures: Sequence[Mapping[str, Any]],
    summary: Mapping[str, Any],
    outside: Collection[tuple[str, str]],
    width: int | None,
) -> Iterator[Table]:
    """Measures as rows and arms as columns, as many tables as the width asks for.

    Args:
        measures: of one kind, in order.
        summary: has the means under "table".
        outside: pairs of arm and measure that bear a star.
        width: columns of the terminal; None where there is no need to fit.
    """
    cells = {(row["arm"], row["measure"]): row["mean"] for row in summary["table"]}
    named = [measure["name"] for measure in measures]
    arms = list(dict.fromkeys(row["arm"] for row in summary["table"]))
    arms = [arm for arm in arms if any((arm, name) in cells for name in named)]
    shown = {(arm, name): _shown(cells.get((arm, name)), (arm, name) in outside) for arm in arms for name in named}
    rows = [each for each in measures if any(shown[arm, each["name"]] for arm in arms)]
    if not rows:
        return
    first = max(len("measure"), *(len(each["title"]) for each in rows))
    widths = {arm: max(len(arm), *(len(shown[arm, each["name"]]) for each in rows)) for arm in arms}
    for part in _parts(widths, None if width is None else width - first):
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("measure", no_wrap=True)
        for arm in part:
            table.add_column(arm, justify="right", no_wrap=True)
        for each in rows:
            table.add_row(each["title"], *(shown[arm, each["name"]] for arm in part))
        yield table


def _shown(value: float | None, starred: bool) -> str:
    # What is nothing has no sign.
    return "" if value is None else f"{value + 0.0:.3g}{'*' if starred else ' '}"


def _parts(widths: Mapping[str, int], room: int | None) -> Iterator[list[str]]:
    """The arms in their order, cut where the next one would not fit beside the others."""
    part: list[str] = []
    taken = 0
    for arm, width in widths.items():
        if room is not None and part and taken + width + 1 > room:
            yield part
            part, taken = [], 0
        part.append(arm)
        taken += width + 1
    if part:
        yield part
