"""Documents: a piece of text with a name and a domain, read from files by a template."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import os
import re
import string
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from benchshadow.errors import InputError
from benchshadow.records import file_digest

__all__ = [
    "DATA_VARIABLE", "Document", "Passage", "batched", "chunked", "data_file", "file_hash", "fill", "parsed",
    "read_documents", "read_rows", "template_fields", "unit_hash",
]  # fmt: skip

_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")

DATA_VARIABLE = "BENCHSHADOW_DATA"
"""The environment variable that names the folder below which data files are looked for."""


class Document(NamedTuple):
    """A text, the name it is known by, and the domain it counts towards."""

    id: str
    text: str
    domain: str


class Passage(NamedTuple):
    """A document with what it must stay together with.

    Attributes:
        group: what a split by groups keeps together (a book); the row itself where no group is asked for.
        row: hash of the whole row's text, so that a text which a file holds twice is one row to a split.
        document: the passage.
    """

    group: str
    row: str
    document: Document


def data_file(name: str) -> Path:
    """A data file by its path below the folder that `BENCHSHADOW_DATA` names, or by its own absolute path."""
    root = os.environ.get(DATA_VARIABLE, "")
    if not Path(name).is_absolute() and not root:
        raise InputError(name, f"is looked for below {DATA_VARIABLE}, which is not set", "set it to the data folder")
    path = Path(root, name)
    if not path.is_file():
        remedy = "" if Path(name).is_absolute() else f"{DATA_VARIABLE} is {root}"
        raise InputError(path, "no such file", remedy)
    return path


@functools.cache
def file_hash(path: Path) -> str:
    """sha256 of a data file, taken once per process."""
    return file_digest(path)


def unit_hash(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone: the same on every machine, unlike `hash`."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def chunked(documents: Iterable[Document], characters: int, *, each: int = 0) -> Iterator[list[Document]]:
    """Documents in runs, each closed by the document with which it reaches `characters`.

    The cuts depend on the documents alone, so that partial results merged in this order are the same bits whoever
    computed them.

    Args:
        documents: in their order.
        characters: of a run; it is longer by less than its last document.
        each: characters that a document counts beside its text, so that a run holds no endless number of empty ones.
    """
    chunk: list[Document] = []
    size = 0
    for document in documents:
        chunk.append(document)
        size += len(document.text) + each
        if size >= characters:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def batched(documents: Iterable[Document], count: int) -> Iterator[list[Document]]:
    """Documents in runs of so many, the last one shorter."""
    rest = iter(documents)
    while batch := list(islice(rest, count)):
        yield batch


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a jsonl file, blank lines left out, or lines of a text file as `{"text": line}`; `.gz` of both."""
    opened = gzip.open if path.suffix == ".gz" else open
    kind = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if kind != ".jsonl":
                    yield {"text": line.rstrip("\n")}
                    continue
                if line.strip():
                    yield _row(line, f"{path}:{number}")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(path, f"cannot be read ({error})") from error


def parsed(line: str) -> dict[str, Any]:
    """A JSON object of one line.

    Raises:
        ValueError: the line is none, or holds half a surrogate pair, which is no text; the message says which.
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"must be a JSON object but is not ({error})") from error
    if not isinstance(values, dict):
        raise ValueError(f"must be a JSON object but is of type {type(values).__name__}")
    if _HALF_PAIR.search(line):
        try:
            json.dumps(values, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError("must be text in Unicode but holds half a surrogate pair") from error
    return values


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        return parsed(line)
    except ValueError as error:
        raise InputError(where, str(error)) from error


def fill(template: str, row: dict[str, Any], where: object) -> str:
    """A template such as "{question} {answer}" with the fields of a row; lists are joined by a space, null is empty."""
    values: dict[str, str] = {}
    for field in template_fields(template):
        if field not in row:
            raise InputError(where, f"must have the field '{field}' but has {sorted(row)}")
        value = row[field]
        values[field] = " ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    return template.format_map(values).strip()


@functools.cache
def template_fields(template: str) -> tuple[str, ...]:
    """The fields that a template names, each in plain braces: "{text}", no formats and no indices."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise InputError(repr(template), f"must be a template such as '{{text}}' but is not ({error})") from error
    for _, field, form, conversion in parts:
        if field is not None and (form or conversion or not field.replace("_", "a").isalnum()):
            raise InputError(
                repr(template), f"must name fields in plain braces but has '{field}' with more than a name"
            )
    return tuple(field for _, field, _, _ in parts if field is not None)


@functools.lru_cache(maxsize=16)
def read_documents(path: Path, text: str, domain: str, group: str, passage: int) -> tuple[Passage, ...]:
    """All documents of a file, with the group and the row that each belongs to.

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
        key = hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()
        belongs = fill(group, row, where) if group else key
        kind = fill(domain, row, where)
        for part, piece in enumerate(_passages(whole, passage)):
            name = f"{path.parent.name}/{path.name}#{number}.{part}"
            found.append(Passage(belongs, key, Document(name, piece, kind)))
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
