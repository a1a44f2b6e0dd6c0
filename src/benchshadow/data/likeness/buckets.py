"""From the words and pairs of texts to their buckets, by our own hash or by the one of DSIR's code."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable

import numpy as np
from jaxtyping import Int64, UInt64

from benchshadow.errors import InputError, check_choices

from .grams import Grams

__all__ = ["HASHINGS", "bucketed", "check_buckets"]

HASHINGS = ("own", "sha256")
SLOT_BITS = 22
"""Slots, as a power of two, in which a process remembers sha256 buckets: 64 MiB; of two in one slot the later stays."""


def check_buckets(buckets: int, hashing: str) -> None:
    """A number of buckets and a way of hashing that can be used, or an error that says why not."""
    if not 1 <= buckets <= 2**31:
        raise InputError("buckets", f"must be from 1 to {2**31} but is {buckets}")
    check_choices("hashing", [hashing], HASHINGS)


def bucketed(
    block: Grams, buckets: int, hashing: str = "own"
) -> tuple[Int64[np.ndarray, " words"], Int64[np.ndarray, " pairs"]]:
    """Buckets of the words and of the pairs of a block, each from 0 to buckets - 1.

    Args:
        block: words and pairs.
        buckets: how many there are.
        hashing: "own" scales the upper half of our hash; "sha256" is the hash of Xie et al.'s package, of words and of
            pairs with a space between: the same shares of a bucket, so that scores agree with it to the last digits.
    """
    if hashing == "own":
        scale = np.uint64(buckets)
        words, pairs = (
            (((hashes >> np.uint64(32)) * scale) >> np.uint64(32)).astype(np.int64)
            for hashes in (block.words, block.pairs)
        )
        return words, pairs
    return _by_sha256(block.words, block.word_texts, buckets), _by_sha256(block.pairs, block.pair_texts, buckets)


def _by_sha256(
    hashes: UInt64[np.ndarray, " n"], texts: Callable[[Int64[np.ndarray, " m"]], list[str]], buckets: int
) -> Int64[np.ndarray, " n"]:
    """sha256 of each text, modulo the number of buckets; a text is told by its 64-bit hash, and looked up if it can."""
    keys, values = _remembered(buckets)
    slots = (hashes >> np.uint64(64 - SLOT_BITS)).astype(np.int64)
    found = np.where(keys[slots] == hashes, values[slots], -1)
    missing = np.flatnonzero(found < 0)
    if len(missing):
        _, first, back = np.unique(hashes[missing], return_index=True, return_inverse=True)
        new = missing[first]
        digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts(new)]
        bucket = np.array([int.from_bytes(digest, "big") % buckets for digest in digests], np.int64)
        keys[slots[new]], values[slots[new]] = hashes[new], bucket
        found[missing] = bucket[back]
    return found


@functools.cache
def _remembered(buckets: int) -> tuple[UInt64[np.ndarray, " slots"], Int64[np.ndarray, " slots"]]:
    """A hash and its bucket for each slot, -1 where there is none: most words of a block stood in an earlier one."""
    assert buckets > 0
    return np.zeros(1 << SLOT_BITS, np.uint64), np.full(1 << SLOT_BITS, -1, np.int64)
