"""Rows of text files: JSON lines, lines, and a file as one text; plain or compressed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchshadow.data.documents import parsed
from benchshadow.errors import InputError

from .opened import check_whole, contents, kind_of, opened
from .rows import LONGEST, BadRow, Row, decoded

__all__ = ["JsonLines", "Text"]

PIECE = 1 << 20  # bytes read at a time where nothing says how many there are


@dataclass(frozen=True)
class JsonLines:
    """One JSON object a line; blank lines are left out."""

    path: Path
    label: str
    longest: int = LONGEST

    @property
    def where(self) -> str:
        return str(self.path)

    def rows(self) -> Iterator[Row | BadRow]:
        """The objects, line by line, and the lines that are none."""
        for number, line in _lines(self.path, self.longest):
            if isinstance(line, BadRow):
                yield line
                continue
            if number == 1 and kind_of(self.path) == ".json" and line.strip() in ("[", "{"):
                raise InputError(self.path, f"must hold one JSON object a line but begins with a line {line.strip()!r}")
            if not line.strip():
                continue
            try:
                row = Row(number, parsed(line))
            except ValueError as error:
                row = BadRow(number, str(error))
            del line
            yield row
            del row

    def contents(self) -> str:
        """sha256 of the file's bytes."""
        return contents(self.path)


@dataclass(frozen=True)
class Text:
    """A file as one text, or each of its lines; the fields are `text`, `file` and `folder`."""

    path: Path
    label: str
    by_line: bool = False
    longest: int = LONGEST

    @property
    def where(self) -> str:
        return str(self.path)

    def rows(self) -> Iterator[Row | BadRow]:
        """The text, or its lines, as rows."""
        named = {"file": self.path.name, "folder": self.path.absolute().parent.name}
        if not self.by_line:
            yield Row(1, {"text": self._whole(), **named})
            return
        for number, line in _lines(self.path, self.longest):
            yield line if isinstance(line, BadRow) else Row(number, {"text": line.rstrip("\r\n"), **named})

    def contents(self) -> str:
        """sha256 of the file's bytes."""
        return contents(self.path)

    def _whole(self) -> str:
        pieces: list[bytes] = []
        size = 0
        with opened(self.path) as file:
            while piece := file.read(PIECE):
                pieces.append(piece)
                size += len(piece)
                if size > self.longest:
                    rule = f"must be at most {self.longest} bytes to be one document"
                    raise InputError(self.path, f"{rule} but is longer")
        raw = b"".join(pieces)
        pieces.clear()
        try:
            text = decoded(raw, self.path, first=True)
        except ValueError as error:
            raise InputError(self.path, str(error)) from error
        del raw
        return text.replace("\r\n", "\n") if "\r" in text else text


def _lines(path: Path, longest: int) -> Iterator[tuple[int, str | BadRow]]:
    """Lines with their numbers. No more than two copies of a line are alive at a time, whatever its length."""
    check_whole(path)
    with opened(path) as file:
        number = 0
        while line := file.readline(longest + 1):
            number += 1
            if len(line) > longest:
                _skip(file, line)
                yield number, BadRow(number, f"must be at most {longest} bytes but is longer")
                continue
            try:
                text = decoded(line, path, first=number == 1)
            except ValueError as error:
                yield number, BadRow(number, str(error))
                continue
            del line
            pair = [text]
            del text
            yield number, pair.pop()


def _skip(file: IO[bytes], line: bytes) -> None:
    """Read on to the end of a line."""
    while line and not line.endswith(b"\n"):
        line = file.readline(PIECE)
