"""Reads a page as a browser would: its elements, its visible text, its links, and the charts inside it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "link", "input", "br", "path", "img", "hr"}
FETCHING = {"src", "href", "srcset", "action", "data", "poster", "formaction", "xlink:href", "background"}


@dataclass
class Found(HTMLParser):
    """What a page holds; `problems` are tags that do not match."""

    open: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    charts: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    _chart: str | None = None

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in FETCHING and tag != "path"]
        self.handlers += [name for name in given if name.startswith("on")]
        self.ids += [given["id"] or ""] if "id" in given else []
        self.hints += [given["title"] or ""] if "title" in given else []
        self.places += [given["data-chart"] or ""] if "data-chart" in given else []
        if tag == "script" and given.get("type") == "application/json":
            self._chart = given["id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing of its kind")
        self._chart = None

    def handle_data(self, data: str) -> None:
        if self._chart is not None:
            self.charts[self._chart] = json.loads(data)
        elif self.open and self.open[-1] == "style":
            self.styles.append(data)
        elif self.open and self.open[-1] != "script" and data.strip():
            self.text.append(data.strip())

    @property
    def words(self) -> str:
        """The visible text in one line."""
        return re.sub(r"[ \n]+", " ", " ".join(self.text))

    def rows(self, chart: str) -> list[dict[str, Any]]:
        """All rows of data of one chart."""
        return [row for rows in self.charts[chart].get("datasets", {}).values() for row in rows]


def read_page(text: str) -> Found:
    """Parse a page whole."""
    found = Found()
    found.feed(text)
    found.close()
    found.problems += [f"<{tag}> is never closed" for tag in found.open]
    return found
