"""Documents that are already there, as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from benchshadow.data.documents import Document
from benchshadow.records import digest

from .lineage import Documents

__all__ = ["Held"]


@dataclass(frozen=True)
class Held(Documents):
    """A few documents held in memory under a name, in their own order."""

    kind: ClassVar[str] = "held"
    name: str
    documents: tuple[Document, ...] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "documents", tuple(self.documents))

    def __iter__(self) -> Iterator[Document]:
        """The documents."""
        return iter(self.documents)

    def settings(self) -> dict[str, Any]:
        """A hash of the documents; the name changes nothing."""
        return {"sha256": digest([list(document) for document in self.documents])}

    def label(self) -> str:
        """The name and the number."""
        return f"{self.name}: {len(self.documents)} documents"
