"""A corpus: documents of files of many kinds, in order, by templates; what cannot be read is refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

from benchshadow.data.documents import Document, fill, template_fields
from benchshadow.errors import InputError

from .files import found
from .lineage import Documents
from .refusals import Reading, Refused
from .rows import BadRow, Row, Rows

__all__ = ["Corpus", "open_corpus"]


def open_corpus(
    paths: str | Path | Sequence[str | Path],
    *,
    text: str = "{text}",
    domain: str = "",
    id: str = "",  # noqa: A002 the name of the field it fills
    name: str = "",
    lines: bool = False,
    strict: bool = False,
) -> Corpus:
    """Open files as a corpus; nothing is read before its documents are asked for.

    Args:
        paths: files, folders of files, or "hf:owner/name[:config[:split]]", one or several. Files are JSON lines
            (.jsonl, .json, .ndjson), .parquet or .txt; all but Parquet also with .gz or .zst.
        text: template of a document's text over the fields of a row, "{question} {answer}".
        domain: template of its domain.
        id: template of its id; by default the file and the line, "folder/file.jsonl.gz#12".
        name: what the corpus is called; by default the names of the paths.
        lines: a document for each line of a text file, rather than one for the file.
        strict: stop at the first line or file that is refused.

    Raises:
        InputError: a path is not there, is of no known kind or is named twice, a folder holds nothing to read, a
            template is none; and, where `strict` says so, a folder holds a file of no known kind.
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    if not paths:
        raise InputError("corpus", "must name at least one file or folder but names none")
    fields = tuple(dict.fromkeys(part for each in (text, domain, id) for part in template_fields(each)))
    if not template_fields(text):
        raise InputError(repr(text), "must name at least one field, such as {text}, but names none")
    sources, unknown = found(paths, fields=fields, by_line=lines)
    if strict and unknown:
        raise unknown[0]
    refused = tuple(Refused(error.where, 0, error.problem) for error in unknown)
    name = name or ", ".join(str(each) if str(each).startswith("hf:") else Path(each).name for each in paths)
    return Corpus(name, sources, text, domain, id, lines, strict, refused)


@dataclass(frozen=True)
class Corpus(Documents):
    """The documents of files, in the order of the files and of the rows in them.

    A line that cannot be used is refused by file and number, counted, and listed. A file that cannot be read to its
    end, or whose first row lacks a field of the templates, is refused whole before it gives a document; compressed
    files are therefore read through once before their first. Damage that shows only after documents were given, inside
    a Parquet file or on a failing disk, is an error whatever `strict` says. `strict` stops at the first refusal.

    A document whose id was given before is kept under a new one, "id~2", so that repetition stays in sight and no two
    documents share an id. To know, an `id` template keeps about 100 bytes a document; ids by file and line need none.

    Attributes:
        name: what it is called.
        sources: what reads each file.
        text: template of the text.
        domain: template of the domain.
        id: template of the id, or empty for the file and the line.
        lines: whether each line of a text file is a document.
        strict: whether the first refusal stops.
        unknown: files of a folder that are of no known kind.
    """

    kind: ClassVar[str] = "corpus"
    name: str
    sources: tuple[Rows, ...]
    text: str = "{text}"
    domain: str = ""
    id: str = ""
    lines: bool = False
    strict: bool = False
    unknown: tuple[Refused, ...] = ()
    _readings: dict[str, Reading] = field(default_factory=dict, repr=False, compare=False)

    def __iter__(self) -> Iterator[Document]:
        """The documents from the first on.

        Raises:
            InputError: nothing in the corpus is a document; a file is damaged that had given documents before; or,
                where it is strict, something is refused.
        """
        taken: dict[int, int] = {}
        readings = []
        for source in self.sources:
            reading = self._readings[source.where] = Reading()
            readings.append(reading)
            try:
                yield from self._of(source, reading, taken)
            except InputError as error:
                if self.strict or reading.documents:
                    raise
                reading.refuse(Refused(source.where, 0, error.problem))
        total = Reading.total(readings)
        if not total.documents:
            first = f", the first: {total.listed[0]}" if total.listed else ""
            said = f"none, with {total.empty} rows empty and {total.refused} refused{first}"
            raise InputError(self._called(), f"must hold at least one document but holds {said}")

    def _called(self) -> str:
        """Its name, and its first file where the name is another."""
        files = [each.where for each in self.sources]
        named = len(files) == 1 and Path(files[0]).name == self.name
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        return f"corpus '{self.name}'" + ("" if named or not files else f", {files[0]}{more}")

    @property
    def read(self) -> Reading:
        """The account of all files, each as of the last time it was gone through."""
        total = Reading.total([self._readings[each.where] for each in self.sources if each.where in self._readings])
        for each in self.unknown:
            total.refuse(each)
        return total

    @property
    def refused(self) -> tuple[Refused, ...]:
        """What was refused the last time, by file and line; of each file the first thousand, all counted in `read`."""
        return tuple(self.read.listed)

    def settings(self) -> dict[str, Any]:
        """Templates, and for every file the label that its ids begin with and the hash of what it holds."""
        return {
            "text": self.text,
            "domain": self.domain,
            "id": self.id,
            "lines": self.lines,
            "files": [[each.label, each.contents()] for each in self.sources],
        }

    def label(self) -> str:
        """The corpus, its files and its templates."""
        count = f"{len(self.sources)} file{'s' * (len(self.sources) != 1)}"
        return f"corpus {self.name}: {count}, text {self.text}" + (f", domain {self.domain}" if self.domain else "")

    def _of(self, source: Rows, reading: Reading, taken: dict[int, int]) -> Iterator[Document]:
        first = True
        for row in source.rows():
            if isinstance(row, BadRow):
                self._refuse(source, row.number, row.reason, reading)
                continue
            try:
                document = self._document(source, row)
            except InputError as error:
                if first:
                    raise
                self._refuse(source, row.number, error.problem, reading)
                continue
            first = False
            if not document.id:
                self._refuse(source, row.number, f"must have an id but {self.id} is empty", reading)
                continue
            del row
            if not document.text:
                reading.empty += 1
                continue
            if self.id:
                document = _own_id(document, taken, reading)
            reading.documents += 1
            yield document
            del document

    def _document(self, source: Rows, row: Row) -> Document:
        where = f"{source.where}:{row.number}"
        named = fill(self.id, row.values, where) if self.id else f"{source.label}#{row.number}"
        domain = fill(self.domain, row.values, where) if self.domain else ""
        return Document(named, fill(self.text, row.values, where), domain)

    def _refuse(self, source: Rows, number: int, reason: str, reading: Reading) -> None:
        if self.strict:
            raise InputError(f"{source.where}:{number}", reason)
        reading.refuse(Refused(source.where, number, reason))


def _own_id(document: Document, taken: dict[int, int], reading: Reading) -> Document:
    """The document under an id that no earlier one had."""
    key = _key(document.id)
    times = taken.get(key, 0) + 1
    taken[key] = times
    if times == 1:
        return document
    while _key(named := f"{document.id}~{times}") in taken:
        times += 1
    taken[key] = times
    taken[_key(named)] = 1
    reading.renamed += 1
    return document._replace(id=named)


def _key(named: str) -> int:
    return int.from_bytes(blake2b(named.encode(), digest_size=8).digest(), "big")
