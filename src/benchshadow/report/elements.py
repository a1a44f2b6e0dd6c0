"""What a page is made of: sections of prose, tables and figures, as plain data that one template lays out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .look import Series

__all__ = [
    "Block",
    "Cell",
    "Column",
    "Figure",
    "Page",
    "Panel",
    "Point",
    "Prose",
    "Section",
    "Table",
    "Terms",
    "present",
]


@dataclass(frozen=True)
class Cell:
    """One cell: its text, a smaller second line, a mark with what it means, a hint, and what it sorts by."""

    text: str
    below: str = ""
    mark: str = ""
    means: str = ""
    hint: str = ""
    order: float | str | None = None
    head: bool = False
    numeric: bool = True
    series: Series | None = None


@dataclass(frozen=True)
class Column:
    """One column: its title, the unit below it, and what it is."""

    title: str
    unit: str = ""
    hint: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """Rows under columns; `folded` is the title that it waits behind, `sortable` lets the reader order and filter."""

    columns: list[Column]
    rows: list[list[Cell]]
    caption: str = ""
    note: str = ""
    folded: str = ""
    sortable: bool = False
    kind: str = "table"


@dataclass(frozen=True)
class Panel:
    """One chart of a figure: its title and its Vega-Lite specification."""

    title: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """Charts under one caption: what they show, what they do not, and the same numbers as a table."""

    name: str
    title: str
    panels: list[Panel]
    shows: str
    shows_not: str
    legend: list[Series] = field(default_factory=list)
    table: Table | None = None
    folded: bool = False
    kind: str = "figure"


@dataclass(frozen=True)
class Prose:
    """Paragraphs, or points of a list; a style sets notes, remarks and commands apart."""

    texts: list[str]
    points: bool = False
    style: str = ""
    kind: str = "prose"


@dataclass(frozen=True)
class Terms:
    """Terms, each with its explanation."""

    terms: list[tuple[str, str]]
    folded: str = ""
    kind: str = "terms"


Block = Table | Figure | Prose | Terms


def present(*blocks: Block | None) -> list[Block]:
    """The blocks that there are, in their order."""
    return [block for block in blocks if block is not None]


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    name: str
    title: str
    blocks: list[Block]


@dataclass(frozen=True)
class Page:
    """The whole page: what it is about, what can be said, and the sections; `warned` where statements are warnings."""

    title: str
    kicker: str
    question: str
    lead: str
    points: list[Point]
    statements: list[str]
    sections: list[Section]
    warned: bool = False

    def figures(self) -> list[Figure]:
        """Every figure, in reading order."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Figure)]


@dataclass(frozen=True)
class Point:
    """One line of the answer: what it is about, and what can be said of it."""

    about: str
    text: str
    series: Series | None = None
