"""Benchmarks kept apart: into a seen and a held-out half, and from each other where items are near-duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.data.overlap.words import words
from benchshadow.errors import InputError

from .reading import Benchmark

__all__ = ["Halves", "Removed", "Separated", "across", "halves", "splitting"]

Pairs = Iterable[tuple[int, int]]


class Halves(NamedTuple):
    """The two halves of a benchmark, each a benchmark of its own.

    Attributes:
        seen: what may be trained on, or aligned to.
        held_out: what is kept for the evaluation.
    """

    seen: Benchmark
    held_out: Benchmark


class Removed(NamedTuple):
    """An item that was removed, and the item of an earlier benchmark that it repeats."""

    benchmark: str
    item: str
    kept_in: str
    kept_item: str


@dataclass(frozen=True)
class Separated:
    """Benchmarks of which no two hold near-duplicates of each other, in the order given, and what that cost.

    Attributes:
        benchmarks: what is left of each.
        removed: what is not, in the order of the benchmarks and their items.
    """

    benchmarks: tuple[Benchmark, ...]
    removed: tuple[Removed, ...]


def splitting(seed: int) -> np.random.Generator:
    """The generator by which benchmarks are split: an audit and a recipe of one seed split the same items alike."""
    return np.random.default_rng([seed, *b"halves"])


def halves(benchmark: Benchmark, *, rng: np.random.Generator, pairs: Pairs = (), share: float = 0.5) -> Halves:
    """Split a benchmark into two halves, items that repeat each other on one side.

    Items of the same words, and items joined by pairs, directly or through others, are one group. Groups are dealt in a
    drawn order, the largest first, each to the half that has fewer items for its share. The halves are equal to within
    one item unless a group is larger than all that is dealt after it.

    Args:
        benchmark: what is split.
        rng: draws the order of the groups, and which half is the seen one.
        pairs: near-duplicates among the items, as positions in `benchmark.items`; of items with the same words one is
            enough to stand for all.
        share: of the items that the seen half gets, in (0, 1); each half gets one group at least.

    Raises:
        InputError: a pair names no item; or all items are one group.
    """
    same = _same_words(benchmark.items)
    links = [*enumerate(same), *_checked(pairs, len(same), benchmark.name)]
    groups = _groups(len(same), links)
    if len(groups) < 2:
        raise InputError(
            benchmark.name, f"must hold two items that are no near-duplicates but all {len(benchmark.items)} are joined"
        )
    order = sorted(rng.permutation(len(groups)).tolist(), key=lambda place: -len(groups[place]))
    sides: tuple[list[int], list[int]] = ([], [])
    first = bool(rng.integers(2))
    shares = (share, 1 - share) if first else (1 - share, share)
    for place in order:
        sides[0 if len(sides[0]) * shares[1] <= len(sides[1]) * shares[0] else 1].extend(groups[place])
    seen, held_out = sides if first else sides[::-1]
    return Halves(_part(benchmark, "seen", seen), _part(benchmark, "held out", held_out))


def across(benchmarks: Sequence[Benchmark], pairs: Pairs = ()) -> Separated:
    """Remove from each benchmark what repeats an item that an earlier one keeps, by the same words or by a pair.

    The order is the order of the tiers: the seen half first, so that what was trained on decides. Repetition inside one
    benchmark removes nothing. An item goes only where the other one stays, so that of a chain no more is lost than its
    middle.

    Args:
        benchmarks: the tiers, nearest first.
        pairs: near-duplicates, as positions in the items of all benchmarks one after the other; of items with the same
            words one is enough to stand for all.

    Raises:
        InputError: two benchmarks have one name, or a pair names no item.
    """
    names = [benchmark.name for benchmark in benchmarks]
    if len(set(names)) < len(names):
        raise InputError("benchmarks", f"must have names of their own but are {names}")
    owner = [number for number, benchmark in enumerate(benchmarks) for _ in benchmark.items]
    items = [item for benchmark in benchmarks for item in benchmark.items]
    gone = _repeats(_same_words(items), owner, _checked(pairs, len(items), "benchmarks"))
    left: list[list[Document]] = [[] for _ in benchmarks]
    for place, item in enumerate(items):
        if place not in gone:
            left[owner[place]].append(item)
    return Separated(
        tuple(replace(benchmark, items=tuple(kept)) for benchmark, kept in zip(benchmarks, left, strict=True)),
        tuple(
            Removed(names[owner[place]], items[place].id, names[owner[other]], items[other].id)
            for place, other in gone.items()
        ),
    )


def _repeats(same: list[int], owner: list[int], pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Each item that goes, with the earliest item kept by an earlier owner that it repeats; all by their positions."""
    alike: dict[int, set[int]] = {}
    for i, j in pairs:
        alike.setdefault(same[i], set()).add(same[j])
        alike.setdefault(same[j], set()).add(same[i])
    first_kept: dict[int, int] = {}  # of the items of the same words, which the first of them stands for
    gone: dict[int, int] = {}
    for place, words_of in enumerate(same):
        kept = [first_kept[each] for each in (words_of, *alike.get(words_of, ())) if each in first_kept]
        earliest = min(kept, default=place)
        if owner[earliest] < owner[place]:
            gone[place] = earliest
        else:
            first_kept.setdefault(words_of, place)
    return gone


def _part(benchmark: Benchmark, side: str, places: list[int]) -> Benchmark:
    return Benchmark(f"{benchmark.name}, {side}", tuple(benchmark.items[i] for i in sorted(places)), benchmark.fields)


def _same_words(items: Sequence[Document]) -> list[int]:
    """For each item the position of the first with the same words; with the same text where it has no word."""
    first: dict[str, int] = {}
    return [first.setdefault(" ".join(words(item.text)) or item.text, place) for place, item in enumerate(items)]


def _groups(count: int, links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Positions that are linked, each group in order, groups by their first position."""
    root = list(range(count))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for i, j in links:
        first, second = sorted((find(i), find(j)))
        root[second] = first
    found: dict[int, list[int]] = {}
    for place in range(count):
        found.setdefault(find(place), []).append(place)
    return list(found.values())


def _checked(pairs: Pairs, count: int, name: str) -> Iterator[tuple[int, int]]:
    for i, j in pairs:
        if not (0 <= i < count and 0 <= j < count):
            raise InputError(name, f"must have both items of a pair among {count} but has the pair ({i}, {j})")
        yield int(i), int(j)
