"""Documents: a piece of text with a name and a domain, read from files by a template."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import os
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError
from ..records import file_digest

__all__ = ["DATA_VARIABLE", "Document", "data_file", "file_hash", "read_documents", "read_rows", "unit_hash"]

DATA_VARIABLE = "BENCHSHADOW_DATA"


class Document(NamedTuple):
    """A text, the name it is known by, and the domain it counts towards."""

    id: str
    text: str
    domain: str


def data_file(name: str) -> Path:
    """A data file by its path below the folder that `BENCHSHADOW_DATA` names, or by its own path."""
    root = os.environ.get(DATA_VARIABLE, "")
    if not Path(name).is_absolute() and not root:
        raise InputError(name, f"is looked for below {DATA_VARIABLE}, which is not set", "set it to the data folder")
    path = Path(root, name)
    if not path.is_file():
        raise InputError(path, "no such file", f"{DATA_VARIABLE} is {root or 'not set'}")
    return path


@functools.cache
def file_hash(path: Path) -> str:
    """sha256 of a data file, taken once per process."""
    return file_digest(path)


def unit_hash(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone: the same on every machine, unlike `hash`."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a jsonl file, or lines of a text file as `{"text": line}`; `.gz` of both."""
    opened = gzip.open if path.suffix == ".gz" else open
    kind = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if kind != ".jsonl":
                    yield {"text": line.rstrip("\n")}
                    continue
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as error:
                    raise InputError(f"{path}:{number}", f"must be a JSON object but is not ({error.msg})") from error
                if not isinstance(row, dict):
                    raise InputError(f"{path}:{number}", f"must be a JSON object but is {type(row).__name__}")
                yield row
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})") from error


def fill(template: str, row: dict[str, Any], where: object) -> str:
    """A template such as "{question} {answer}" with the fields of a row; lists are joined by a space."""
    values: dict[str, str] = {}
    for _, field, _, _ in string.Formatter().parse(template):
        if field is None:
            continue
        if field not in row:
            raise InputError(where, f"must have the field '{field}' but has {sorted(row)}")
        value = row[field]
        values[field] = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return template.format_map(values).strip()


@functools.lru_cache(maxsize=16)
def read_documents(path: Path, text: str, domain: str, group: str, passage: int) -> tuple[tuple[str, Document], ...]:
    """All documents of a file with the group each belongs to.

    Args:
        path: jsonl or text, plain or gzipped.
        text: template of a document's text over the row's fields; empty texts are left out.
        domain: template of its domain.
        group: template of what must stay together in a split (a book), or "" for the row itself.
        passage: longest passage in characters; longer texts are cut at ends of lines. 0 keeps them whole.
    """
    found = []
    for number, row in enumerate(read_rows(path)):
        where = f"{path}:{number + 1}"
        whole = fill(text, row, where)
        belongs = fill(group, row, where) if group else f"{path.name}#{number}"
        for part, piece in enumerate(_passages(whole, passage)):
            found.append((belongs, Document(f"{path.name}#{number}.{part}", piece, fill(domain, row, where))))
    return tuple(found)


def _passages(text: str, longest: int) -> Iterator[str]:
    """Pieces of at most about `longest` characters, cut at line ends; a longer line stays whole."""
    if not longest or len(text) <= longest:
        if text:
            yield text
        return
    piece: list[str] = []
    size = 0
    for line in text.splitlines():
        if piece and size + len(line) > longest:
            yield "\n".join(piece)
            piece, size = [], 0
        if line.strip():
            piece.append(line.strip())
            size += len(line) + 1
    if piece:
        yield "\n".join(piece)
