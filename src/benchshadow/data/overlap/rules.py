"""The published rules, side by side: which items each of them calls found in the corpus, and on what evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .grams import NONE
from .index import ItemIndex
from .partial import DocumentOverlap, Evidence, Partial
from .weights import THRESHOLD

if TYPE_CHECKING:
    import polars as pl

__all__ = ["RULES", "ItemOverlap", "Rule", "document_table", "overlap_table", "verdicts"]


@dataclass(frozen=True)
class Rule:
    """One rule: an item is found where its share is at least `threshold`, or above 0 where that is 0.

    Attributes:
        name: as it stands in tables.
        n: words of its n-grams; shorter items are not eligible.
        share: what its share is of, in words.
        threshold: 0 to 1.
        source: who used it.
    """

    name: str
    n: int
    share: str
    threshold: float
    source: str


RULES = (
    Rule("any-13gram", 13, "13-grams of the item found", 0.0, "Brown et al. 2020 (GPT-3), appendix C"),
    Rule("any-8gram", 8, "8-grams of the item found", 0.0, "the lower end of n in Brown et al. 2020"),
    Rule("palm-8gram-70", 8, "8-grams of the item found", 0.7, "Chowdhery et al. 2022 (PaLM), section 8"),
    Rule("llama-10token", 11, "words in found spans of over 10 words", 0.8, "Touvron et al. 2023 (Llama 2), A.6"),
    Rule("contam-8gram", 8, "words in the longest found span", 0.5, "Singh et al. 2024 (ConTAM), arXiv 2411.03923"),
    Rule("weighted-5gram", 5, "weight of the item's 5-grams in one document", THRESHOLD, "allenai/decon"),
)
"""The rules in the order of the tables.

All count words where the Llama and ConTAM papers count tokens. Llama 2 calls a sample dirty from 80% on, the threshold
here, and clean below 20%; its budget of four differing tokens inside a span is not given. ConTAM takes the longest
match alone, with n = 8, and sets its threshold anew for every model and benchmark: half of the item is our convention.
decon adds answers, passages and penalties for short texts; here is its weighted overlap alone.
"""


@dataclass(frozen=True, slots=True)
class ItemOverlap:
    """What one rule says of one item.

    Attributes:
        benchmark, item, rule: which.
        eligible: whether the item has as many words as the rule's n-grams; where not, it is no hit.
        hit: whether the rule calls it found.
        share: what the rule compares with its threshold, 0 to 1. By weight, shares below .5 are given as 0.
        longest: words of the longest span of the item whose every 8-gram stands in the corpus, 0 below eight words. A
            span may be pieced together from several documents.
        document: where most of that span was found first; of the weighted rule, the document with the largest share.
            Empty where there is nothing.
        passage: the matched words as they stand there, at most 200 characters.
    """

    benchmark: str
    item: str
    rule: str
    eligible: bool
    hit: bool
    share: float
    longest: int
    document: str
    passage: str


def verdicts(index: ItemIndex, found: Partial) -> list[ItemOverlap]:
    """What every rule says of every item, in the order of the items, then of `RULES`.

    What it does not tell: whether a model was trained on it often enough to remember it, or whether the same thing was
    said in other words.
    """
    longest, spans = _spans(index, found)
    shares = _shares(index, found, longest)
    weighted = dict(zip(found.items.tolist(), found.places, strict=True))
    evidence = dict(_passages(index, found, spans))
    lengths = index.lengths
    nothing = Evidence("", "")
    rows = []
    for item in range(len(index.names)):
        for rule in RULES:
            share = float(shares[rule.name][item])
            by_weight = rule.name == "weighted-5gram"
            place = (weighted if by_weight else evidence).get(item, nothing)
            rows.append(
                ItemOverlap(
                    benchmark=index.benchmarks[index.belongs[item]],
                    item=index.names[item],
                    rule=rule.name,
                    eligible=bool(lengths[item] >= rule.n),
                    hit=share >= rule.threshold if rule.threshold else share > 0,
                    share=share,
                    longest=int(longest[item]),
                    document=place.document,
                    passage=place.passage,
                )
            )
    return rows


def overlap_table(overlaps: Sequence[ItemOverlap]) -> pl.DataFrame:
    """Verdicts as a table with a row per benchmark, item and rule."""
    import polars as pl

    kinds = {"eligible": pl.Boolean, "hit": pl.Boolean, "share": pl.Float64, "longest": pl.Int64}
    schema = {name: kinds.get(name, pl.String) for name in ItemOverlap.__dataclass_fields__}
    return pl.DataFrame({name: [getattr(row, name) for row in overlaps] for name in schema}, schema=schema)


def document_table(found: Partial) -> pl.DataFrame:
    """The documents that share something with items, in the order of the corpus, with how much."""
    import polars as pl

    fields = DocumentOverlap._fields
    schema = {name: pl.String if name in ("document", "domain") else pl.Int64 for name in fields}
    return pl.DataFrame(list(found.hits), schema=schema, orient="row")


def _shares(index: ItemIndex, found: Partial, longest: np.ndarray) -> dict[str, np.ndarray]:
    """The share of every item by rule, shape (items,)."""
    eights, thirteens = _where(index, 8, found.eights), _where(index, 13, found.thirteens)
    elevens = _where(index, 11, found.elevens)
    weighted = np.zeros(len(index.names))
    weighted[found.items] = found.shares
    of_eights = _per_item(index, eights) / np.maximum(1, index.lengths - 7)
    return {
        "any-13gram": _per_item(index, thirteens) / np.maximum(1, index.lengths - 12),
        "any-8gram": of_eights,
        "palm-8gram-70": of_eights,
        "llama-10token": _per_item(index, _covered(elevens, 11)) / np.maximum(1, index.lengths),
        "contam-8gram": longest / np.maximum(1, index.lengths),
        "weighted-5gram": weighted,
    }


def _where(index: ItemIndex, n: int, grams: np.ndarray) -> np.ndarray:
    """Words of the items at which an n-gram starts that was found, bool."""
    there = np.zeros(len(index.longer[n].keys) + 1, bool)
    there[grams] = True
    return there[index.at[n]]


def _covered(starts: np.ndarray, n: int) -> np.ndarray:
    """Words that lie in an n-gram that starts at one of the words marked, bool."""
    edges = np.zeros(len(starts) + n, np.int32)
    edges[: len(starts)] += starts
    edges[n:] -= starts
    return np.cumsum(edges)[: len(starts)] > 0


def _per_item(index: ItemIndex, marked: np.ndarray) -> np.ndarray:
    return np.bincount(index.words.owners[marked], minlength=len(index.names))


def _spans(index: ItemIndex, found: Partial) -> tuple[np.ndarray, np.ndarray]:
    """Words of every item's longest span, and the word it starts at, or `NONE`; of equal ones the first."""
    starts = np.flatnonzero(_where(index, 8, found.eights))
    longest, first = np.zeros(len(index.names), np.int64), np.full(len(index.names), NONE, np.int64)
    if len(starts):
        begins = np.flatnonzero(np.diff(starts, prepend=-2) != 1)
        lengths = np.diff(np.append(begins, len(starts))) + 7
        items = index.words.owners[starts[begins]]
        order = np.lexsort((-lengths, items))
        best = order[np.flatnonzero(np.diff(items[order], prepend=-1))]
        longest[items[best]], first[items[best]] = lengths[best], starts[begins[best]]
    return longest, first


def _passages(index: ItemIndex, found: Partial, spans: np.ndarray) -> Iterator[tuple[int, Evidence]]:
    """For every item with a span the passage in which most of its 8-grams were found first."""
    there = _where(index, 8, found.eights)
    for item in np.flatnonzero(spans != NONE).tolist():
        inside = there[spans[item] : index.bounds[item + 1]]
        stop = np.flatnonzero(~inside)
        grams = index.at[8][spans[item] : spans[item] + (stop[0] if len(stop) else len(inside))]
        seen, counts = np.unique(found.seen[np.searchsorted(found.eights, grams)], return_counts=True)
        yield item, found.evidence[seen[np.argmax(counts)]]
