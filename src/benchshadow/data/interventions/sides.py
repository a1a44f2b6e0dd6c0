"""Which items an arm may see: every source's seen and held-out half, and what was left out because it is repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from benchshadow.data.benchmarks import Benchmark, Removed, across, halves, splitting
from benchshadow.data.documents import Document
from benchshadow.data.duplicates import exact_pairs
from benchshadow.errors import InputError

from .prompts import Prompt, prompts_hash, read_prompts
from .recipe import BENCHMARK, Items, Recipe

__all__ = ["Repeat", "Sides", "both_sides", "sides_hashes", "sides_table"]

_SIDES = ("seen", "held out")


class Repeat(NamedTuple):
    """An item that was left out, and the one that it repeats.

    Attributes:
        item: left out.
        kept_in: source and side of the other.
        kept: the other.
    """

    item: Prompt
    kept_in: str
    kept: Prompt


class Sides(NamedTuple):
    """The items of a source.

    Attributes:
        seen: what arms may hold.
        held_out: what they may not.
        removed: what repeats, or nearly, an item of the benchmark or of an earlier source.
    """

    seen: list[Prompt]
    held_out: list[Prompt]
    removed: tuple[Repeat, ...] = ()


def both_sides(recipe: Recipe, seed: int) -> dict[str, Sides]:
    """The items of every source of a recipe, the benchmark's first, then by name.

    Prompts are compared. In one source, those that are near-duplicates of each other are on one side; of two sources,
    the later one loses what the earlier one has on either side. Prompts of fewer than five words are compared by their
    words alone, and two that ask the same in other words are not found.

    Raises:
        InputError: a file cannot be read, or no seen item is left of it.
    """
    files = dict(sorted(recipe.sources.items()))
    if recipe.benchmark is not None:
        files = {BENCHMARK: recipe.benchmark} | {name: each for name, each in files.items() if name != BENCHMARK}
    split = {name: _split(items, seed) for name, items in files.items()}
    found = _apart(split) if len(split) > 1 else split
    for name, sides in found.items():
        if not sides.seen:
            there = len(sides.removed) + len(sides.held_out)
            rule = f"must have seen items but has none among {there}, {len(sides.removed)} of which others repeat"
            raise InputError(files[name].file, rule, "raise its 'seen', or name another file")
    return found


def _split(items: Items, seed: int) -> Sides:
    found = read_prompts(items.file, prompt=items.prompt, answer=items.answer, domain=items.domain)
    if items.seen == 1:
        return Sides(found, [])
    whole = Benchmark(items.file, _asked(found), "prompt")
    pairs = exact_pairs(whole.items).pairs.numbers
    seen, held_out = halves(whole, rng=splitting(seed), pairs=pairs, share=items.seen)
    return Sides(_prompts(seen, found), _prompts(held_out, found))


def _apart(split: Mapping[str, Sides]) -> dict[str, Sides]:
    """The same without what repeats an item of an earlier source."""
    named = {
        f"{name}, {side}": items for name, both in split.items() for side, items in zip(_SIDES, both[:2], strict=True)
    }
    everything = [item for items in named.values() for item in items]
    asked, start, tiers = _asked(everything), 0, []
    for name, items in named.items():
        tiers.append(Benchmark(name, asked[start : start + len(items)], "prompt"))
        start += len(items)
    between = across(tiers, exact_pairs(asked).pairs.numbers)
    left = {each.name: _prompts(each, everything) for each in between.benchmarks}
    gone: dict[str, list[Repeat]] = {name: [] for name in split}
    for each in between.removed:
        repeat = Repeat(everything[int(each.item)], each.kept_in, everything[int(each.kept_item)])
        gone[_source(each)].append(repeat)
    return {name: Sides(left[f"{name}, seen"], left[f"{name}, held out"], tuple(gone[name])) for name in split}


def _asked(items: list[Prompt]) -> tuple[Document, ...]:
    """The prompts as documents, called by their places."""
    return tuple(Document(str(place), item.prompt, item.domain) for place, item in enumerate(items))


def _prompts(benchmark: Benchmark, items: list[Prompt]) -> list[Prompt]:
    return [items[int(each.id)] for each in benchmark.items]


def _source(removed: Removed) -> str:
    return removed.benchmark.rpartition(", ")[0]


def sides_hashes(sides: Mapping[str, Sides]) -> dict[str, dict[str, Any]]:
    """Hash and number of the items of every side, by source, for the manifest."""
    return {
        name: {
            "seen": _told(each.seen),
            "held_out": _told(each.held_out),
            "removed": _told([repeat.item for repeat in each.removed]),
        }
        for name, each in sides.items()
    }


def _told(items: list[Prompt]) -> dict[str, Any]:
    return {"items": len(items), "sha256": prompts_hash(items)}


def sides_table(sides: Mapping[str, Sides]) -> pl.DataFrame:
    """A row per item: source, side, id, domain, prompt and answer, and for one that was left out what it repeats."""
    columns = ("source", "side", "id", "domain", "prompt", "answer", "kept_in", "kept")
    return pl.DataFrame(list(_rows(sides)), schema=dict.fromkeys(columns, pl.String), orient="row")


def _rows(sides: Mapping[str, Sides]) -> Iterator[tuple[str | None, ...]]:
    for name, each in sides.items():
        for side, items in zip(_SIDES, each[:2], strict=True):
            for item in items:
                yield name, side, item.id, item.domain, item.prompt, item.answer, None, None
        for item, kept_in, kept in each.removed:
            yield name, "removed", item.id, item.domain, item.prompt, item.answer, kept_in, kept.id
