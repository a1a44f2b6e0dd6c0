"""Weighted overlap: how much of the weight of an item's 5-grams stands in one document, templates weighing little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .grams import NONE, Numbered

__all__ = ["FLOOR", "THRESHOLD", "Shared", "Weights", "distinct", "expanded"]

THRESHOLD = 0.8
"""Share of the weight from which on an item counts as found."""
FLOOR = 0.5
"""Smallest share that is looked for; where every document has less, the share is given as 0."""
_REST = 0.2
"""The part of an item's weight, its most common 5-grams, that alone makes no document a candidate."""
_SLACK = 1e-9
_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class Shared:
    """Pairs of a text and an item that share at least `FLOOR` of the item's weight, one entry each.

    Attributes:
        texts, items: which, ascending by text, then by item.
        shares: of the item's weight, 0 to 1.
        words: the word of the text at which the item's rarest shared 5-gram starts.
    """

    texts: np.ndarray
    items: np.ndarray
    shares: np.ndarray
    words: np.ndarray


@dataclass(frozen=True)
class Weights:
    """The distinct 5-grams of every item, the rarest first, with their weights.

    The weight of a 5-gram is ln((N + 1) / df): N items in the item's own benchmark, df of them with the 5-gram, as
    decon (github.com/allenai/decon, doc/simple-details.md) takes it from the benchmark, with one added so that a
    benchmark of one item has weights.

    Attributes:
        grams, weights: of all items, one after the other.
        bounds: where each item's begin and end, shape (items + 1,).
        totals: weight of each item's, shape (items,).
        rest: weight of those that make no candidate, shape (items,).
        leading: entries that do, ordered by 5-gram.
        leads: where those of each 5-gram begin and end in `leading`, shape (5-grams + 1,).
    """

    grams: np.ndarray
    weights: np.ndarray
    bounds: np.ndarray
    totals: np.ndarray
    rest: np.ndarray
    leading: np.ndarray
    leads: np.ndarray

    @classmethod
    def of(cls, at: np.ndarray, owners: np.ndarray, benchmarks: np.ndarray, grams: int) -> Weights:
        """The weights of items.

        Args:
            at: number of the 5-gram at every word, or `NONE`.
            owners: the word's item.
            benchmarks: every item's benchmark.
            grams: how many 5-grams there are.
        """
        starts = np.flatnonzero(at != NONE)
        keys = distinct(owners[starts].astype(np.int64) << 32 | at[starts])
        items, of = (keys >> 32).astype(np.int32), keys.astype(np.int32)
        kinds = Numbered.of(of.astype(np.int64) << 32 | benchmarks[items]).numbers
        frequency = np.bincount(kinds)[kinds].astype(np.int32)
        order = np.argsort(items.astype(np.int64) << 32 | frequency, kind="stable").astype(np.int32)
        weights = np.log((np.bincount(benchmarks)[benchmarks[items]] + 1) / frequency[order])
        bounds = np.searchsorted(items, np.arange(len(benchmarks) + 1, dtype=np.int32))
        return cls(of[order], weights, bounds, *_leading(of[order], weights, bounds, grams))

    def shared(self, at: np.ndarray, owners: np.ndarray) -> Iterator[Shared]:
        """What texts share with items, from the 5-gram at every word and the word's text, a few texts at a time."""
        starts = np.flatnonzero(at != NONE)
        keys, firsts = np.unique(owners[starts].astype(np.int64) << 32 | at[starts], return_index=True)
        words, texts, grams = starts[firsts], keys >> 32, keys & 0xFFFFFFFF
        counts = self.leads[grams + 1] - self.leads[grams]
        for part in _parts(texts, counts):
            entries = self.leading[expanded(self.leads[grams[part]], counts[part])]
            found = np.repeat(texts[part], counts[part]) << 32 | self._items(entries)
            yield self._checked(self._candidates(found, self.weights[entries]), keys, words)

    def _items(self, entries: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.bounds, entries, side="right") - 1

    def _candidates(self, found: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Pairs, text in the upper half, whose shared weight can reach the floor."""
        pairs, where = np.unique(found, return_inverse=True)
        items = pairs & 0xFFFFFFFF
        most = np.bincount(where, weights, minlength=len(pairs)) + self.rest[items]
        return pairs[most >= (FLOOR - _SLACK) * self.totals[items]]

    def _checked(self, pairs: np.ndarray, keys: np.ndarray, words: np.ndarray) -> Shared:
        """The shares of pairs, all 5-grams of the item looked up among those of the text."""
        texts, items = pairs >> 32, pairs & 0xFFFFFFFF
        counts = self.bounds[items + 1] - self.bounds[items]
        entries = expanded(self.bounds[items], counts)
        wanted = np.repeat(texts, counts) << 32 | self.grams[entries]
        there = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        present = keys[there] == wanted
        bounds = np.concatenate(([0], np.cumsum(counts)))
        shares = _sums(np.where(present, self.weights[entries], 0.0), bounds) / self.totals[items]
        kept = shares >= FLOOR
        hits = np.flatnonzero(present)
        rarest = there[hits[np.searchsorted(hits, bounds[:-1][kept])]]
        return Shared(texts[kept], items[kept], shares[kept], words[rarest])


def _leading(
    of: np.ndarray, weights: np.ndarray, bounds: np.ndarray, grams: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Totals, rest, leading and leads, from each item's 5-grams with the rarest first."""
    totals, counts = _sums(weights, bounds), np.diff(bounds)
    before = np.cumsum(weights) - weights
    before -= np.repeat(np.append(before, 0.0)[bounds[:-1]], counts)
    leads = before < np.repeat((1 - _REST) * totals, counts)
    rest = totals - _sums(np.where(leads, weights, 0.0), bounds)
    leading = np.flatnonzero(leads).astype(np.int32)
    leading = leading[np.argsort(of[leading], kind="stable")]
    return totals, rest, leading, np.searchsorted(of[leading], np.arange(grams + 1, dtype=np.int32)).astype(np.int32)


def distinct(values: np.ndarray) -> np.ndarray:
    """Distinct values, ascending; of many in a third of the time that `np.unique` takes."""
    ordered = np.sort(values)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))[: len(ordered)]]


def expanded(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """All indices of ranges that begin at `starts` and hold `counts`, one range after the other."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))


def _sums(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Sums between bounds, each of them of its own values alone; 0 where there are none."""
    sums = np.zeros(len(bounds) - 1)
    full = np.flatnonzero(np.diff(bounds))
    if len(full):
        sums[full] = np.add.reduceat(values, bounds[:-1][full])
    return sums


def _parts(texts: np.ndarray, counts: np.ndarray) -> Iterator[slice]:
    """Stretches of whole texts with not much more than `_AT_ONCE` entries each."""
    firsts = np.flatnonzero(np.diff(texts, prepend=-1))
    done = np.concatenate(([0], np.cumsum(counts)))
    begin = 0
    while begin < len(texts):
        beyond = np.searchsorted(done, done[begin] + _AT_ONCE, side="right") - 1
        after = firsts[firsts > begin]
        inside = after[after <= beyond]
        end = len(texts) if beyond >= len(texts) or not len(after) else int(inside[-1] if len(inside) else after[0])
        yield slice(begin, end)
        begin = end
