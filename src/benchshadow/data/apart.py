"""Tasks kept apart: an item that repeats, or nearly, one of a nearer tier or what was trained on is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .benchmarks import Benchmark, Removed, across
from .documents import Document
from .duplicates import exact_pairs
from .overlap.words import words
from .tasks import TIERS, Item, Task

__all__ = ["THRESHOLD", "TRAINED", "Apart", "apart", "repeating_none"]

THRESHOLD = 0.8
"""Least Jaccard similarity, over 5-word shingles, of two items that count as one."""
TRAINED = "training text"
"""What the list calls the text that is trained on."""


@dataclass(frozen=True)
class Apart:
    """Tasks that share no item, and what that cost.

    Attributes:
        tasks: in the order given.
        removed: every item that was left out, with the one that it repeats and where that stands.
    """

    tasks: tuple[Task, ...]
    removed: tuple[Removed, ...]

    def of(self, task: str) -> tuple[Removed, ...]:
        """What was left out of one task."""
        return tuple(each for each in self.removed if each.benchmark == task)


def apart(tasks: Sequence[Task], training: Sequence[Document]) -> Apart:
    """Leave out of every task what repeats an item of a nearer tier, of an earlier task, or what is trained on.

    Compared are prompts with their right answers, by their words and by the exhaustive search of near-duplicates, so
    that no pair is missed. The seen tier keeps all its items: it is what was trained on. Inside one task only items of
    the same words are repeats. Items of fewer than five words have no shingle and are compared by their words alone,
    and two items that ask the same thing in other words are not found.

    Args:
        tasks: of any kind and in any order; the nearer tier decides, and within a tier the earlier task.
        training: texts of the benchmark's seen half, where it is text.

    Raises:
        InputError: nothing is left of a task; names it.
    """
    seen = [task for task in tasks if task.tier == "seen"]
    rest = sorted((task for task in tasks if task.tier != "seen"), key=lambda task: TIERS.index(task.tier))
    # Ids may repeat, so an item is called by its place among all.
    places = [_Place(task.name, item.id, _text(item)) for task in (*seen, *rest) for item in task.items]
    before = sum(len(task.items) for task in seen)
    places[before:before] = [_Place(TRAINED, each.id, each.text) for each in training]
    gone = _repeats(places, [before + len(training), *(len(task.items) for task in rest)])
    kept, start = {}, before + len(training)
    for task in rest:
        kept[task.name] = replace(task, items=tuple(i for at, i in enumerate(task.items, start) if at not in gone))
        start += len(task.items)
    removed = tuple(
        Removed(places[place].task, places[place].id, places[other].task, places[other].id)
        for place, other in sorted(gone.items())
    )
    return Apart(tuple(kept.get(task.name, task) for task in tasks), removed)


def repeating_none(documents: Sequence[Document], tasks: Sequence[Task]) -> list[Document]:
    """The documents that repeat, or nearly repeat, no item of any task, seen items included; in their order."""
    items = [_Place(task.name, item.id, _text(item)) for task in tasks for item in task.items]
    places = [*items, *(_Place("", each.id, each.text) for each in documents)]
    gone = _repeats(places, [len(items), len(documents)])
    return [each for place, each in enumerate(documents, len(items)) if place not in gone]


class _Place(NamedTuple):
    """An item, or a text that is trained on, where it stands among all."""

    task: str
    id: str
    text: str


def _repeats(places: Sequence[_Place], sizes: Sequence[int]) -> dict[int, int]:
    """Places of what is left out, each with that of what it repeats; the first group keeps all it has."""
    ends = np.cumsum([0, *sizes]).tolist()
    groups = [
        Benchmark(str(number), tuple(Document(str(place), places[place].text, "") for place in range(start, end)), "")
        for number, (start, end) in enumerate(pairwise(ends))
    ]
    found = exact_pairs([item for group in groups for item in group.items], threshold=THRESHOLD)
    between = across(groups, (tuple(pair) for pair in found.pairs.numbers.tolist()))
    gone = {int(each.item): int(each.kept_item) for each in between.removed}
    for group in between.benchmarks[1:]:
        gone |= dict(_again([int(item.id) for item in group.items], places))
    return gone


def _again(group: Sequence[int], places: Sequence[_Place]) -> Iterator[tuple[int, int]]:
    """What repeats the words of an item of its own task, and that item."""
    first: dict[str, int] = {}
    for place in group:
        text = places[place].text
        known = first.setdefault(" ".join(words(text)) or text, place)
        if known != place:
            yield place, known


def _text(item: Item) -> str:
    return item.prompt + item.options[item.gold]
