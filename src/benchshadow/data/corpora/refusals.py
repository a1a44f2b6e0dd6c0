"""What was met and what was refused while a corpus was read, file by file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["LISTED", "Reading", "Refused"]

LISTED = 1000
"""Refusals of a file that are listed one by one; beyond them they are counted."""


class Refused(NamedTuple):
    """A row, or a whole file where `line` is 0, that is not used, and why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        """As messages have it, "corpus.jsonl:12: must be ..."."""
        return f"{self.file}{f':{self.line}' if self.line else ''}: {self.reason}"


@dataclass
class Reading:
    """The account of one file, filled while it is read.

    Attributes:
        documents: documents given.
        empty: rows whose text is empty, which give no document.
        renamed: documents whose id was taken by an earlier one; they are given as "id~2", "id~3" ...
        refused: rows refused; the whole file counts as one.
        listed: the first `LISTED` of them.
    """

    documents: int = 0
    empty: int = 0
    renamed: int = 0
    refused: int = 0
    listed: list[Refused] = field(default_factory=list)

    def refuse(self, refused: Refused) -> None:
        """Count a refusal, and list it where there is room."""
        self.refused += 1
        if len(self.listed) < LISTED:
            self.listed.append(refused)

    @classmethod
    def total(cls, readings: list[Reading]) -> Reading:
        """All files together."""
        counts: Counter[str] = Counter()
        listed: list[Refused] = []
        for each in readings:
            counts.update(documents=each.documents, empty=each.empty, renamed=each.renamed, refused=each.refused)
            listed += each.listed
        return cls(**counts, listed=listed)
