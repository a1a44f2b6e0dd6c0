"""Leaks: items of the benchmark that stand in the control's text, found before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchshadow.data.documents import Document, chunked
from benchshadow.data.overlap import ItemIndex, merge, scan, verdicts, words
from benchshadow.data.tasks import Task
from benchshadow.errors import InputError
from benchshadow.studies.declaring.leak_settings import Leaks

__all__ = ["RULES", "Leak", "leaks", "refuse_leaks"]

RULES = ("any-13gram", "weighted-5gram", "whole text")
"""By which an item counts as found. The last is for items shorter than five words, which no n-gram can find."""
SHORTEST = 5
_CHUNK = 1_000_000
_TIERS = ("seen", "held-out")


@dataclass(frozen=True)
class Leak:
    """How much of a task stands in the control.

    Attributes:
        task: its name.
        items: of the task.
        found: items that at least one rule finds.
        by: the same by rule; an item may count under several.
        item: an item that was found; empty where there is none, as are the next two.
        document: where it was found.
        passage: the text that was found there.
    """

    task: str
    items: int
    found: int
    by: dict[str, int]
    item: str = ""
    document: str = ""
    passage: str = ""

    @property
    def share(self) -> float:
        """Items found over all."""
        return self.found / self.items


def leaks(tasks: Sequence[Task], documents: Sequence[Document]) -> tuple[Leak, ...]:
    """How much of the benchmark's tasks, seen and held out, stands in documents.

    An item is its prompt with the right option. Verbatim text is found, and the same thing said otherwise is not.

    Args:
        tasks: those of other tiers are passed over.
        documents: the control's.
    """
    looked_for = {task.name: task for task in tasks if task.tier in _TIERS}
    texts = {
        name: [Document(item.id, item.prompt + item.options[item.gold], name) for item in task.items]
        for name, task in looked_for.items()
    }
    if not texts:
        return ()
    rules = dict[str, dict[str, list[tuple[int, str, str]]]]((name, {}) for name in texts)
    for name, rule, number, document, passage in (*_by_grams(texts, documents), *_by_text(texts, documents)):
        rules[name].setdefault(rule, []).append((number, document, passage))
    return tuple(_leak(texts[name], name, found) for name, found in rules.items())


Found = tuple[str, str, int, str, str]
"""Task, rule, number of the item, document, passage."""


def _by_grams(texts: dict[str, list[Document]], documents: Sequence[Document]) -> Iterator[Found]:
    index = ItemIndex.of(texts)
    found = verdicts(index, merge(scan(index, chunk) for chunk in chunked(documents, _CHUNK, each=64)))
    each = len(found) // len(index.names)
    numbers = ((name, number) for name, items in texts.items() for number in range(len(items)) for _ in range(each))
    for (name, number), row in zip(numbers, found, strict=True):
        if row.hit and row.rule in RULES:
            yield name, row.rule, number, row.document, row.passage


def _by_text(texts: dict[str, list[Document]], documents: Iterable[Document]) -> Iterator[Found]:
    """Short items whose words are those of a whole document, or of a line of one."""
    short: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for name, items in texts.items():
        for number, item in enumerate(items):
            said = tuple(words(item.text))
            if 0 < len(said) < SHORTEST:
                short.setdefault(said, []).append((name, number))
    for document in documents if short else ():
        for text in {document.text, *document.text.splitlines()}:
            for name, number in short.pop(tuple(words(text)), ()):
                yield name, RULES[-1], number, document.id, text.strip()


def _leak(items: Sequence[Document], name: str, found: dict[str, list[tuple[int, str, str]]]) -> Leak:
    everything = sorted(each for hits in found.values() for each in hits)
    by = {rule: len(found.get(rule, ())) for rule in RULES}
    if not everything:
        return Leak(name, len(items), 0, by)
    number, document, passage = everything[0]
    count = len({number for number, _, _ in everything})
    return Leak(name, len(items), count, by, items[number].text.strip(), document, passage)


def refuse_leaks(found: Iterable[Leak], declared: Leaks, replicate: int) -> None:
    """Refuse a benchmark that leaks into the control, unless the study declares that it may.

    Raises:
        InputError: more of a task's items than the study allows stand in the control; the sentence has an example.
    """
    for leak in found:
        if leak.share > declared.most and leak.task not in declared.allowed:
            text = f"must not stand in the control's text but {leak.found} of {leak.items} items do in replicate"
            where = f"'{leak.item[:60]}' in {leak.document[:60]!r}"
            raise InputError(
                f"tasks.{leak.task}",
                f"{text} {replicate}, such as {where}",
                "take these documents out, or name the task in leaks.allowed and say why in leaks.because",
            )
