"""One number of a text's surface with the amount it was computed at, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchshadow.data.documents import Document
from benchshadow.data.overlap.words import words

__all__ = ["Measured", "first_words"]


@dataclass(frozen=True)
class Measured:
    """A number that depends on how much text it is computed on, and so is only comparable at one amount.

    Attributes:
        value: the number; None where it is undefined.
        amount: what it was computed at, or what there was where that is too little.
        unit: of the amount: "words", "bytes", "documents" or "entries".
        documents: that the amount was taken from; None where it is not of documents.
        reason: why there is no value; empty where there is one.
    """

    value: float | None
    amount: int
    unit: str
    documents: int | None = None
    reason: str = ""


def first_words(documents: Iterable[Document], amount: int) -> list[list[str]]:
    """The first `amount` words of documents, a list for each, the last one cut; fewer where there are no more.

    Nothing is read beyond the document in which the amount is reached.
    """
    found: list[list[str]] = []
    left = amount
    for document in documents:
        some = words(document.text)[:left]
        found.append(some)
        left -= len(some)
        if not left:
            break
    return found
