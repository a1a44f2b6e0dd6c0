"""The panel as tables: measures as rows, corpora side by side, and the sizes of what was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchshadow.data.panel import PANEL

from .audit_folder import AuditFolder
from .audit_values import dashes, measure_title, order_of, reason, value_cell
from .elements import Cell, Column, Table
from .numbers import NONE, absent, counted, number

__all__ = ["copies_table", "names_of", "panel_table", "refused_table", "sizes_table"]

_COUNTS = (
    ("documents", "Documents", ""), ("words", "Words", ""), ("characters", "Characters", ""),
    ("empty", "Empty", "documents without a word"), ("refused", "Refused", "lines that break a rule"),
    ("renamed", "Renamed", "documents whose id another had"),
)  # fmt: skip
_MOST_REFUSED = 200


def names_of(*groups: str) -> list[str]:
    """Names of the measures of some groups of the panel, in its order."""
    return [measure.name for measure in PANEL if measure.group in groups]


def panel_table(
    audit: AuditFolder, names: Sequence[str], caption: str = "", *, note: str = "", folded: str = "", beside: str = ""
) -> Table | None:
    """A row per measure, parameter, benchmark and what it is taken over, a column per corpus; None without records."""
    rows = sorted(audit.rows(*names), key=order_of)
    found: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("benchmark", "diagnostic", "parameter", "split", "unit"))
        found.setdefault(key, {})[row["arm"]] = row
    if not found:
        return None
    several = any(key[0] is not None for key in found)
    places = {name: at for at, name in enumerate(audit.benchmarks)}
    cells = []
    for key in sorted(found, key=lambda key: places.get(key[0], -1)):
        benchmark, diagnostic, parameter, split, unit = key
        title = Cell(measure_title(diagnostic, parameter, split), unit or "", head=True, numeric=False)
        first = [Cell(benchmark or "", head=True, numeric=False), Cell(title.text, title.below, numeric=False)]
        values = [value_cell(found[key].get(corpus), beside) for corpus in audit.corpora]
        cells.append([*(first if several else [title]), *values])
    missing = [row for row in rows if absent(row["value"])]
    told = " ".join(each for each in (note, dashes((_about(row), reason(row)) for row in missing)) if each)
    heads = [*([Column("Benchmark", numeric=False)] if several else []), Column("Measure", "unit", numeric=False)]
    return Table([*heads, *(Column(name) for name in audit.corpora)], cells, caption, told, folded)


def _about(row: dict[str, Any]) -> str:
    """What a record is about, in a note."""
    title = measure_title(row["diagnostic"], row["parameter"], row["split"])
    return f"{title} ({', '.join(each for each in (row['benchmark'], row['arm']) if each)})"


def copies_table(audit: AuditFolder) -> Table | None:
    """How many distinct texts stand once, twice and more often, corpora side by side."""
    rows = audit.rows("copies")
    if not rows:
        return None
    found = {(row["parameter"], row["arm"]): row for row in rows}
    times = sorted({row["parameter"] for row in rows if row["parameter"] is not None})
    cells = [
        [Cell(number(many), head=True), *(value_cell(found.get((many, corpus))) for corpus in audit.corpora)]
        for many in times
    ]
    note = "A dash: no text stands so many times."
    columns = [Column("Times", "in the corpus"), *(Column(name, "distinct texts") for name in audit.corpora)]
    return Table(columns, cells, folded="Texts by how many times they stand in the corpus", note=note)


def sizes_table(audit: AuditFolder) -> Table | None:
    """What was read of every corpus, corpora side by side."""
    told = {str(each["name"]): each for each in audit.summary.get("corpora") or []}
    if not told:
        return None
    rows = [
        [
            Cell(title, below, head=True, numeric=False),
            *(Cell(_count(told.get(corpus, {}).get(name))) for corpus in audit.corpora),
        ]
        for name, title, below in _COUNTS
    ]
    return Table([Column("Read", numeric=False), *(Column(name) for name in audit.corpora)], rows)


def _count(value: int | None) -> str:
    return NONE if value is None else number(value)


def refused_table(audit: AuditFolder) -> Table | None:
    """Every line that was refused, with the rule that it breaks."""
    refused = audit.summary.get("refused") or []
    if not refused:
        return None
    rows = [
        [
            Cell(str(each.get("where") or ""), head=True, numeric=False),
            Cell(_count(each.get("line"))),
            Cell(str(each.get("reason") or ""), numeric=False),
        ]
        for each in refused[:_MOST_REFUSED]
    ]
    more = len(refused) - len(rows)
    columns = [Column("Where", numeric=False), Column("Line"), Column("Why", numeric=False)]
    note = f"{counted(more, 'more')} in summary.json." if more > 0 else ""
    return Table(columns, rows, folded=f"{counted(len(refused), 'refused line')}, and why", note=note)
