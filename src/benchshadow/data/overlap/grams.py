"""n-grams as numbers: fives by a hash that is checked word by word, longer ones exactly, as pairs of shorter ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hashing import Words, mixed

__all__ = ["FIVE", "LONGER", "NONE", "Fives", "Numbered", "Pairs", "all_lengths", "hashed_fives"]

FIVE = 5
NONE = -1
"""Instead of an n-gram's number: no n-gram of an item starts here."""
LONGER = {8: (5, 3), 11: (8, 3), 13: (8, 5)}
"""How long n-grams are put together: n: (m, k) is an m-gram and another that starts k words later."""
_BITS_PER_GRAM = 16
_LEAST_BITS, _MOST_BITS = 16, 28
_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Numbered:
    """Values by the number of each in their ascending order.

    Attributes:
        unique: the distinct values, ascending.
        firsts: where each stands first, int32.
        numbers: for every value its number, int32.
    """

    unique: np.ndarray
    firsts: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Numbered:
        """What `np.unique` gives, in a third of its memory."""
        order = np.argsort(values, kind="stable").astype(np.int32)
        ordered = values[order]
        fresh = np.ones(len(values), bool)
        np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
        numbers = np.empty(len(values), np.int32)
        numbers[order] = np.cumsum(fresh, dtype=np.int32) - 1
        return cls(ordered[fresh], order[fresh], numbers)


@dataclass(frozen=True)
class Fives:
    """The 5-grams of the items, by their hashes.

    Attributes:
        seed: of the multiplier; one under which no two of the 5-grams have the same hash.
        hashes: uint64, ascending, shape (grams,).
        words: where in the items each is found first, int32, shape (grams,).
        bitmap: one bit for each value of a hash's upper bits, set where there is a 5-gram, uint8.
    """

    seed: int
    hashes: np.ndarray
    words: np.ndarray
    bitmap: np.ndarray

    @classmethod
    def of(cls, items: Words) -> tuple[Fives, np.ndarray]:
        """The 5-grams of items, and for every word of theirs the number of the one that starts there, or `NONE`."""
        starts = _inside(items, FIVE)
        seed = 0
        while True:
            found = Numbered.of(hashed_fives(items, seed)[starts])
            firsts = starts[found.firsts].astype(np.int32)
            if _same_grams(items, starts, items, firsts[found.numbers]).all():
                break
            seed += 1
        at = np.full(len(items.starts), NONE, np.int32)
        at[starts] = found.numbers
        return cls(seed, found.unique, firsts, _bitmap(found.unique)), at

    def found(self, text: Words, items: Words) -> np.ndarray:
        """For every word of a text the number of the 5-gram of an item that starts there, or `NONE`."""
        at = np.full(len(text.starts), NONE, np.int32)
        if len(text.starts) < FIVE or not len(self.hashes):
            return at
        hashes = hashed_fives(text, self.seed)
        upper = hashes >> np.uint64(64 - (len(self.bitmap) * 8).bit_length() + 1)
        marked = self.bitmap[(upper >> np.uint64(3)).view(np.int64)] >> (upper & np.uint64(7)).astype(np.uint8) & 1
        starts = np.flatnonzero(marked)
        starts = starts[text.owners[starts] == text.owners[starts + FIVE - 1]]
        numbers = np.minimum(np.searchsorted(self.hashes, hashes[starts]), len(self.hashes) - 1)
        equal = self.hashes[numbers] == hashes[starts]
        starts, numbers = starts[equal], numbers[equal]
        equal = _same_grams(text, starts, items, self.words[numbers])
        at[starts[equal]] = numbers[equal]
        return at


@dataclass(frozen=True)
class Pairs:
    """Longer n-grams as pairs of the numbers of two shorter ones; what has the same pair has the same words.

    Attributes:
        keys: uint64, first number in the upper half, ascending, shape (grams,).
    """

    keys: np.ndarray

    @classmethod
    def of(cls, shorter: np.ndarray, apart: int) -> tuple[Pairs, np.ndarray]:
        """The n-grams of items from the m-grams at their words, and the same for n."""
        starts, keys = _joined(shorter, apart)
        found = Numbered.of(keys)
        at = np.full(len(shorter), NONE, np.int32)
        at[starts] = found.numbers
        return cls(found.unique), at

    def found(self, shorter: np.ndarray, apart: int) -> np.ndarray:
        """For every word of a text the number of the n-gram of an item that starts there, or `NONE`."""
        at = np.full(len(shorter), NONE, np.int32)
        starts, keys = _joined(shorter, apart)
        if len(starts) and len(self.keys):
            numbers = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            equal = self.keys[numbers] == keys
            at[starts[equal]] = numbers[equal]
        return at


def all_lengths(fives: np.ndarray, tables: dict[int, Pairs]) -> dict[int, np.ndarray]:
    """The n-grams of items that start at every word of a text, by n, from its 5-grams."""
    at = {FIVE: fives}
    for n, (shorter, apart) in LONGER.items():
        at[n] = tables[n].found(at[shorter], apart)
    return at


def hashed_fives(text: Words, seed: int) -> np.ndarray:
    """Hashes of all runs of five words, over the edges of texts too, uint64, shape (words - 4,)."""
    one = mixed(np.array([2 * seed + 1], np.uint64)) | np.uint64(1)
    words = text.hashes
    if len(words) < FIVE:
        return np.empty(0, np.uint64)
    twos = words[:-1] * one
    twos += words[1:]
    fours = twos[:-2] * (one * one)
    fours += twos[2:]
    fives = fours[:-1] * one
    fives += words[FIVE - 1 :]
    return mixed(fives)


def _inside(text: Words, n: int) -> np.ndarray:
    """Words at which n-grams start that lie in one text."""
    return np.flatnonzero(text.owners[: max(0, len(text.owners) - n + 1)] == text.owners[n - 1 :])


def _same_grams(text: Words, at: np.ndarray, items: Words, there: np.ndarray) -> np.ndarray:
    """Whether runs of five words are the same, word by word."""
    same = np.ones(len(at), bool)
    for begin in range(0, len(at), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        for k in range(FIVE):
            same[part] &= text.same(at[part] + k, items, there[part] + k)
    return same


def _joined(shorter: np.ndarray, apart: int) -> tuple[np.ndarray, np.ndarray]:
    starts = np.flatnonzero(shorter[: max(0, len(shorter) - apart)] != NONE)
    starts = starts[shorter[starts + apart] != NONE]
    return starts, shorter[starts].astype(np.uint64) << np.uint64(32) | shorter[starts + apart].astype(np.uint64)


def _bitmap(hashes: np.ndarray) -> np.ndarray:
    bits = min(max(_LEAST_BITS, (len(hashes) * _BITS_PER_GRAM).bit_length()), _MOST_BITS)
    upper = hashes >> np.uint64(64 - bits)
    marked = np.zeros(1 << bits, bool)
    marked[upper.view(np.int64)] = True
    return np.packbits(marked, bitorder="little")
