"""Benchmarks: the items of a file as documents, in the view that is compared with a corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchshadow.data.corpora.files import found
from benchshadow.data.corpora.refusals import Refused
from benchshadow.data.corpora.rows import BadRow, Row
from benchshadow.data.documents import Document, fill
from benchshadow.errors import InputError, check_choices
from benchshadow.records import digest

from .views import VIEWS, Schema, View, schema_of

__all__ = ["Benchmark", "read_benchmark"]

DOMAINS = ("subject", "category", "UID", "domain")  # fields that hold an item's subject, the first that is there


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's items, each a document whose domain is its subject.

    Attributes:
        name: what it is called in tables.
        items: the items in the file's order; their ids differ.
        fields: the view that is compared and the fields it is made of, "question with options: question, choices".
        refused: rows that are no items, by line, with the reason.
    """

    name: str
    items: tuple[Document, ...] = field(repr=False)
    fields: str
    refused: tuple[Refused, ...] = ()

    @property
    def sha256(self) -> str:
        """Hash of the items in their order: ids, texts and subjects."""
        return digest([list(item) for item in self.items])


def read_benchmark(
    path: str | Path,
    *,
    name: str = "",
    text: str = "",
    question: str = "",
    choices: str = "",
    answer: str = "",
    view: View | None = None,
    strict: bool = False,
) -> Benchmark:
    """Read a benchmark's items; its fields are known by themselves or named.

    Known are query+choices+gold, question+choices+answer, context+continuation, question+answer, sentence_good and
    text. An item's id is its field `id`, or the benchmark's name and the line; its subject is the field `subject`,
    `category`, `UID` or `domain`.

    Args:
        path: one file of any kind that a corpus may have, or a data set as "hf:owner/name".
        name: what it is called; by default the folder and the file, "mmlu/test".
        text: template over the fields, "{question} {answer}"; it goes before everything else.
        question: field of the question.
        choices: field of the options.
        answer: field of the answer.
        view: what is compared; by default the options with the question where there are any, a context with its
            continuation, and the question alone otherwise.
        strict: stop at the first row that is no item.

    Raises:
        InputError: the file cannot be read, holds no item, has no such field, or not what the view is made of.
    """
    if view is not None:
        check_choices("view", [view], VIEWS)
    if text and (view or question or choices or answer):
        raise InputError("text", f"{text!r} must stand alone, without a view and without names of other fields")
    source = _one(path)
    name = name or source.label.split(".")[0].split("#")[0]
    taker = partial(_taker, text=text, question=question, choices=choices, answer=answer, view=view)
    items: dict[str, Document] = {}
    refused: list[Refused] = []
    take: Callable[[Mapping[str, Any]], str] | None = None
    said = ""
    for row in source.rows():
        try:
            if isinstance(row, BadRow):
                raise ValueError(row.reason)
            if take is None:
                take, said = taker(row, source.where)
            item = _item(row, take(row.values), name)
            if item.id in items:
                raise ValueError(f"must have an id of its own but '{item.id}' was met before")
            items[item.id] = item
        except ValueError as error:
            if strict:
                raise InputError(f"{source.where}:{row.number}", str(error)) from error
            refused.append(Refused(source.where, row.number, str(error)))
    if not items:
        first = f", the first: {refused[0]}" if refused else ""
        raise InputError(source.where, f"must hold at least one item but holds none of {len(refused)} rows{first}")
    return Benchmark(name, tuple(items.values()), said, tuple(refused))


def _one(path: str | Path) -> Any:
    if Path(path).is_dir() and not (Path(path) / "dataset_info.json").is_file():
        raise InputError(path, "must be one file of items but is a folder")
    (source,), _ = found([path], fields=(), by_line=True)
    return source


def _taker(
    row: Row, where: str, *, text: str, question: str, choices: str, answer: str, view: View | None
) -> tuple[Callable[[Mapping[str, Any]], str], str]:
    """What makes the text of an item of its row, and what that is called."""
    if text:
        fill(text, row.values, f"{where}:{row.number}")
        return partial(_filled, text), f"text: {text}"
    schema: Schema = schema_of(row.values, f"{where}:{row.number}", question=question, choices=choices, answer=answer)
    view = view or schema.view
    said = f"{view}: {', '.join(schema.fields(view))}"
    return partial(schema.text, view=view), said


def _filled(template: str, values: Mapping[str, Any]) -> str:
    try:
        return fill(template, dict(values), "")
    except InputError as error:
        raise ValueError(error.problem) from error


def _item(row: Row, text: str, name: str) -> Document:
    if not text:
        raise ValueError("must have a text but has none")
    own = row.values.get("id")
    domain = next((str(row.values[each]) for each in DOMAINS if row.values.get(each) is not None), "")
    return Document(str(own) if own is not None else f"{name}#{row.number}", text, domain)
