"""Sketches of chunks become one corpus: identical texts are set apart, the others go to the shelf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from .shelf import Shelf
from .sketch import Sketch

__all__ = ["Gathered", "gathered"]


@dataclass(frozen=True)
class Gathered:
    """A corpus whose shingles are on a shelf.

    Attributes:
        ids: of all documents.
        exact_first: int64, for each document the first with the same normalised text.
        shelved: int64, the document behind each number of the shelf: the first of its text, of five words or more.
        short: documents of fewer than five words.
        keys: for each chunk, uint64 of bands x documents on the shelf.
    """

    ids: tuple[str, ...]
    exact_first: np.ndarray
    shelved: np.ndarray
    short: int
    keys: list[np.ndarray]

    def bands(self) -> Iterator[np.ndarray]:
        """The keys of one band after another, by the shelf's numbers."""
        for band in range(len(self.keys[0]) if self.keys else 0):
            yield np.concatenate([each[band] for each in self.keys])


def gathered(sketches: Iterable[Sketch], shelf: Shelf) -> Gathered:
    """Put the first document of every text on the shelf, chunk after chunk, in the order of the chunks."""
    seen: dict[int, int] = {}
    ids: list[str] = []
    firsts, shelved, keys = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], []
    short = 0
    for part in sketches:
        numbers = np.arange(len(ids), len(ids) + len(part.shingles.ids))
        ids.extend(part.shingles.ids)
        digests = zip(part.shingles.digests.tolist(), numbers.tolist(), strict=True)
        first = np.array([seen.setdefault(digest, number) for digest, number in digests], dtype=np.int64)
        whole = np.diff(part.shingles.bounds) > 0
        chosen = whole & (first == numbers)
        shelf.put(part.shingles, chosen)
        firsts.append(first)
        shelved.append(numbers[chosen])
        keys.append(part.keys[:, chosen[whole]])
        short += int(np.count_nonzero(~whole))
    return Gathered(tuple(ids), np.concatenate(firsts), np.concatenate(shelved), short, keys)
