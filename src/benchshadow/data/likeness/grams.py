"""Words and word pairs of many texts at once as 64-bit hashes that are the same on every machine."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt64

__all__ = ["BLOCK", "Grams", "grams"]

BLOCK = 1 << 17
"""Characters that are hashed at once: what they need fits a core's second cache."""

_SPACE, _MARK, _WORD = 0, 1, 2
# 2^64 / golden ratio, odd and so invertible; the other two are the finaliser of SplitMix64 (Steele et al. 2014).
_BASE = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


@dataclass(frozen=True)
class Grams:
    """The words of a few neighbouring texts, and the pairs of words that follow each other in one text.

    Attributes:
        words: hash of each word, in the order of the text.
        word_owners: number of the text that each word stands in.
        plain: true for a word of letters, digits and underscores, false for a run of marks.
        pairs: hash of each pair.
        seconds: which word is the second of each pair.
        text: the texts in lower case, one after the other.
        starts: where in `text` each word starts.
        ends: where it ends.
        before: the word before the first, the first of a pair where a long text was cut.
    """

    words: UInt64[np.ndarray, " words"]
    word_owners: Int64[np.ndarray, " words"]
    plain: Bool[np.ndarray, " words"]
    pairs: UInt64[np.ndarray, " pairs"]
    seconds: Int64[np.ndarray, " pairs"]
    text: str
    starts: Int64[np.ndarray, " words"]
    ends: Int64[np.ndarray, " words"]
    before: str

    @property
    def pair_owners(self) -> Int64[np.ndarray, " pairs"]:
        """Number of the text that each pair stands in."""
        return self.word_owners[self.seconds]

    def word_texts(self, numbers: Int64[np.ndarray, " n"]) -> list[str]:
        """Words by their numbers; -1 is the word before the first."""
        text = self.text
        bounds = zip(self.starts[numbers].tolist(), self.ends[numbers].tolist(), strict=True)
        found = [text[start:end] for start, end in bounds]
        for place in np.flatnonzero(numbers < 0).tolist():
            found[place] = self.before
        return found

    def pair_texts(self, numbers: Int64[np.ndarray, " n"]) -> list[str]:
        """Pairs by their numbers, with a space between the words."""
        seconds = self.seconds[numbers]
        both = zip(self.word_texts(seconds - 1), self.word_texts(seconds), strict=True)
        return [f"{first} {second}" for first, second in both]


def grams(texts: Iterable[str]) -> Iterator[Grams]:
    r"""Words and pairs of texts, block by block, in lower case.

    A word is a run of letters, digits and underscores, or a run of marks: `\w+|[^\w\s]+`, the tokens of NLTK's
    WordPunctTokenizer, which DSIR's code uses. Texts longer than `BLOCK` characters are cut at white space, where there
    is any, and pairs across a cut are counted. What a text gives does not depend on its neighbours. Two different words
    share a hash with a chance of 2^-64: fit for counting, not for evidence about one word.
    """
    last_hash, last_owner, last_word = np.zeros(1, np.uint64), np.array([-1]), ""
    for owners, pieces in _blocks(texts):
        lowered = [piece.lower() for piece in pieces]
        text = "\n".join(lowered) + "\n"
        starts, ends, hashes, plain = _words(text)
        bounds = np.cumsum([len(piece) + 1 for piece in lowered])
        word_owners = np.array(owners, np.int64)[np.searchsorted(bounds, starts, side="right")]
        chain, chain_owners = np.concatenate([last_hash, hashes]), np.concatenate([last_owner, word_owners])
        seconds = np.flatnonzero(chain_owners[1:] == chain_owners[:-1])
        pairs = _mixed(chain[seconds] * np.uint64(_MIX[0]) + hashes[seconds])
        found = Grams(hashes, word_owners, plain, pairs, seconds, text, starts, ends, last_word)
        yield found
        last_hash, last_owner = chain[-1:], chain_owners[-1:]
        last_word = text[starts[-1] : ends[-1]] if len(starts) else last_word


def _blocks(texts: Iterable[str]) -> Iterator[tuple[list[int], list[str]]]:
    """Texts together until they fill a block; a longer text in pieces, each a block of its own."""
    owners: list[int] = []
    pieces: list[str] = []
    size = 0
    for owner, text in enumerate(texts):
        for piece in _pieces(text):
            if size + len(piece) + 1 > BLOCK and pieces:
                yield owners, pieces
                owners, pieces, size = [], [], 0
            owners.append(owner)
            pieces.append(piece)
            size += len(piece) + 1
    if pieces:
        yield owners, pieces


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start >= BLOCK:
        stop = start + BLOCK - 1
        cut = max(text.rfind(white, start, stop) for white in (" ", "\n", "\t"))
        end = cut if cut > start else stop
        yield text[start:end]
        start = end
    yield text[start:]


def _words(
    text: str,
) -> tuple[
    Int64[np.ndarray, " words"], Int64[np.ndarray, " words"], UInt64[np.ndarray, " words"], Bool[np.ndarray, " words"]
]:
    """Start, end, hash and kind of the words of a text that ends in a space: sum_j c_j B^j over characters, mixed."""
    codes = _codes(text)
    kinds = _kinds()[codes]
    edges = np.flatnonzero(kinds[1:] != kinds[:-1]) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(kinds)]])
    solid = kinds[starts] != _SPACE
    starts, ends = starts[solid], ends[solid]
    up, down = _powers()
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * up[: len(codes)], out=sums[1:])
    hashes = _mixed((sums[ends] - sums[starts]) * down[starts])
    return starts, ends, hashes, kinds[starts] == _WORD


def _codes(text: str) -> UInt64[np.ndarray, " characters"]:
    """Code points of a text."""
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8).astype(np.uint64)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)


@functools.cache
def _kinds() -> UInt8[np.ndarray, " points"]:
    r"""Space, mark or word for every code point, by the rules of `\s` and `\w`."""
    every = map(chr, range(0x110000))
    kinds = (_WORD if c.isalnum() or c == "_" else _SPACE if c.isspace() else _MARK for c in every)
    return np.fromiter(kinds, np.uint8, 0x110000)


@functools.cache
def _powers() -> tuple[UInt64[np.ndarray, " positions"], UInt64[np.ndarray, " positions"]]:
    """Powers of the base and of its inverse modulo 2^64; one letter's lower case may be two, so twice a block."""
    both = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        factors = np.full(2 * BLOCK + 1, base, np.uint64)
        factors[0] = 1
        both.append(np.cumprod(factors, dtype=np.uint64))
    return both[0], both[1]


def _mixed(hashes: UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Every bit of the result depends on every bit of the hash."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(_MIX[0])
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(_MIX[1])
    return hashes ^ (hashes >> np.uint64(31))
