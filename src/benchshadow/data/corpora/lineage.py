"""What every stream of documents can do: be gone through again, be cut into chunks, give its hash and family tree."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from benchshadow.data.documents import Document, chunked
from benchshadow.errors import InputError
from benchshadow.records import digest

__all__ = ["CHUNK", "Documents"]

CHUNK = 4_000_000
"""Characters of a chunk: enough that work on one is worth handing to a process, little beside a gigabyte."""


class Documents(ABC):
    """Documents in a fixed order. Going through them twice gives the same documents twice.

    A kind of stream is a frozen dataclass that says its `kind`, its `settings` and its `parents`; all else follows.
    """

    kind: ClassVar[str]

    @abstractmethod
    def __iter__(self) -> Iterator[Document]:
        """The documents from the first on."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """All that determines the documents beside the parents, as JSON can say it."""

    @abstractmethod
    def label(self) -> str:
        """The stream in a few words, as its line of the family tree."""

    def parents(self) -> tuple[Documents, ...]:
        """The streams that this one draws from; none where it reads files."""
        return ()

    @property
    def fingerprint(self) -> str:
        """sha256 of the kind, the settings and the parents' fingerprints. Files that are read are read for it once."""
        return digest(
            {
                "kind": self.kind,
                "settings": self.settings(),
                "parents": [parent.fingerprint for parent in self.parents()],
            }
        )

    def tree(self) -> str:
        """The stream and all that it comes from, a line each with the start of its fingerprint, parents indented."""
        lines = [f"{self.label()} [{self.fingerprint[:12]}]"]
        for parent in self.parents():
            lines += [f"  {line}" for line in parent.tree().splitlines()]
        return "\n".join(lines)

    def chunks(self, characters: int = CHUNK) -> Iterator[list[Document]]:
        """Lists of whole documents, as `chunked` cuts them."""
        if characters < 1:
            raise InputError("characters", f"must be at least 1 but is {characters}")
        return chunked(self, characters)
