"""Rows: what a file holds, one by one, each with its number, or with the reason why it is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from benchshadow.errors import InputError

__all__ = ["LONGEST", "BadRow", "Row", "Rows", "decoded"]

LONGEST = 1 << 30
"""Most bytes of one line, and of one text file: a document is held in memory, and twice while it is read."""

UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Row(NamedTuple):
    """The fields of one row; `number` counts from 1, lines of a file as an editor does."""

    number: int
    values: dict[str, Any]


class BadRow(NamedTuple):
    """A row that cannot be used, and why."""

    number: int
    reason: str


class Rows(Protocol):
    """Something that holds rows: a file, a part of a data set.

    `label` begins the ids of its documents and is the same wherever the files lie; `where` is what messages call it.
    """

    @property
    def label(self) -> str: ...

    @property
    def where(self) -> str: ...

    def rows(self) -> Iterator[Row | BadRow]:
        """The rows in order. What makes all of them useless is an InputError before the first."""
        ...

    def contents(self) -> str:
        """A hash of all that the rows come from."""
        ...


def decoded(line: bytes, where: object, *, first: bool) -> str:
    """Text in UTF-8 of a line or a file, without a byte order mark where it is the first.

    Raises:
        InputError: the first line is in another encoding of Unicode.
        ValueError: the bytes are not UTF-8; the message says where.
    """
    if first and line.startswith(UTF16):
        raise InputError(where, "must be UTF-8 but begins with the byte order mark of UTF-16")
    try:
        return line.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise ValueError(f"must be UTF-8 but has the byte 0x{byte:02x} at position {error.start}") from error
