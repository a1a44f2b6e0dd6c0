"""The items of benchmarks, ready to be looked for: their words, their n-grams, and the weights of those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.errors import InputError

from .grams import FIVE, LONGER, NONE, Fives, Pairs
from .hashing import Words
from .weights import Weights

__all__ = ["ItemIndex"]

_STRICT = 13


@dataclass(frozen=True)
class ItemIndex:
    """Items of benchmarks with all their n-grams of 5, 8, 11 and 13 words.

    For 100,000 items of 50 words it takes about 0.5 GB; what it takes does not depend on the corpus.

    Attributes:
        benchmarks: their names.
        names: id of every item, in the order of the benchmarks.
        belongs: index of every item's benchmark, shape (items,).
        bounds: first word of every item, and the end, shape (items + 1,).
        words: the items' words.
        fives, longer: the n-grams that are looked for.
        at: for n = 8, 11, 13 and every word of the items the number of the n-gram that starts there, or `NONE`.
        weights: of the 5-grams.
        holders: words of the items at which a 13-gram starts, ordered by 13-gram.
        holds: where those of every 13-gram begin and end in `holders`, shape (13-grams + 1,).
    """

    benchmarks: tuple[str, ...]
    names: tuple[str, ...]
    belongs: np.ndarray
    bounds: np.ndarray
    words: Words
    fives: Fives
    longer: dict[int, Pairs]
    at: dict[int, np.ndarray]
    weights: Weights
    holders: np.ndarray
    holds: np.ndarray

    @classmethod
    def of(cls, benchmarks: Mapping[str, Sequence[Document]]) -> ItemIndex:
        """The index of all items; the same n-gram in several items is held once.

        Raises:
            InputError: there is no item at all.
        """
        items = [item for each in benchmarks.values() for item in each]
        if not items:
            raise InputError("benchmarks", f"must have items but the {len(benchmarks)} given have none")
        belongs = np.repeat(np.arange(len(benchmarks)), [len(each) for each in benchmarks.values()])
        words = Words.of([item.text for item in items])
        fives, at_five = Fives.of(words)
        at, longer = {FIVE: at_five}, {}
        for n, (shorter, apart) in LONGER.items():
            longer[n], at[n] = Pairs.of(at[shorter], apart)
        weights = Weights.of(at.pop(FIVE), words.owners, belongs, len(fives.hashes))
        holders = np.flatnonzero(at[_STRICT] != NONE)
        holders = holders[np.argsort(at[_STRICT][holders], kind="stable")].astype(np.int32)
        return cls(
            benchmarks=tuple(benchmarks),
            names=tuple(item.id for item in items),
            belongs=belongs,
            bounds=_bounds(words.owners, len(items)),
            words=words,
            fives=fives,
            longer=longer,
            at=at,
            weights=weights,
            holders=holders,
            holds=_bounds(at[_STRICT][holders], len(longer[_STRICT].keys)),
        )

    @property
    def lengths(self) -> np.ndarray:
        """Words of every item, int64, shape (items,)."""
        return np.diff(self.bounds)


def _bounds(ordered: np.ndarray, count: int) -> np.ndarray:
    """Where each of the numbers below `count` begins among ascending ones, and the end."""
    return np.searchsorted(ordered, np.arange(count + 1, dtype=ordered.dtype))
