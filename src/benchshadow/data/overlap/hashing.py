"""Words of a buffer as arrays: where they are, whose they are, a 64-bit hash each, and whether two are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .words import END, normalised

__all__ = ["Words", "mixed"]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_OTHER = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)
_BYTES = 8
_LONG = 64
"""Words of more bytes are hashed and compared one by one."""
_MASKS = np.array([(1 << 8 * kept) - 1 for kept in range(_BYTES + 1)], np.uint64)


@dataclass(frozen=True)
class Words:
    """All words of some texts, in order.

    Attributes:
        buffer: the normalised texts, bytes, and eight more.
        starts: first byte of every word, int64, shape (words,).
        lengths: its bytes, int32, shape (words,).
        hashes: 64 bits, the same on every machine; of words of up to eight bytes no two have the same.
        owners: index of its text, int32, shape (words,).
        begins: first byte of every text in the buffer, int64, shape (texts,).
    """

    buffer: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    hashes: np.ndarray
    owners: np.ndarray
    begins: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> Words:
        """The words of texts."""
        return cls.of_normalised(normalised(texts))

    @classmethod
    def of_normalised(cls, texts: bytes) -> Words:
        """The words of texts in UTF-8, spaces between words and the byte `END` between texts."""
        buffer = np.frombuffer(b"\0" + texts + bytes(_BYTES + 1), np.uint8)
        inside = (buffer > 0x20).view(np.int8)
        edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
        starts, lengths = edges[::2].copy(), (edges[1::2] - edges[::2]).astype(np.int32)
        begins = np.flatnonzero(buffer[: -_BYTES - 1] == END) + 1
        firsts = np.append(np.searchsorted(starts, begins), len(starts))
        owners = np.repeat(np.arange(len(begins), dtype=np.int32), np.diff(firsts))
        return cls(buffer, starts, lengths, _hashes(buffer, starts, lengths), owners, begins)

    def same(self, at: np.ndarray, other: Words, there: np.ndarray) -> np.ndarray:
        """Whether words of this and of another buffer are the same bytes, pair by pair, bool."""
        equal = (self.hashes[at] == other.hashes[there]) & (self.lengths[at] == other.lengths[there])
        doubtful = np.flatnonzero(equal & (self.lengths[at] > _BYTES))
        if len(doubtful):
            equal[doubtful] = self._bytes_equal(at[doubtful], other, there[doubtful])
        return equal

    def _bytes_equal(self, at: np.ndarray, other: Words, there: np.ndarray) -> np.ndarray:
        """The same of words that have equal lengths, by their bytes."""
        lengths = self.lengths[at]
        equal = np.ones(len(at), bool)
        for done in range(0, min(int(lengths.max()), _LONG), _BYTES):
            left = np.flatnonzero(equal & (lengths > done))
            ours = _loaded(self.buffer, self.starts[at[left]] + done, lengths[left] - done)
            equal[left] = ours == _loaded(other.buffer, other.starts[there[left]] + done, lengths[left] - done)
        for k in np.flatnonzero(equal & (lengths > _LONG)).tolist():
            equal[k] = self._bytes(int(at[k])) == other._bytes(int(there[k]))
        return equal

    def _bytes(self, word: int) -> bytes:
        return self.buffer[self.starts[word] : self.starts[word] + self.lengths[word]].tobytes()


def mixed(values: np.ndarray) -> np.ndarray:
    """A bijection of 64 bits after which all of them matter."""
    values = values * _ODD
    values ^= values >> _HALF
    values *= _OTHER
    return values


def _loaded(buffer: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The next eight bytes from each start as one number, those beyond the word zero."""
    eights = np.ndarray((len(buffer) - _BYTES + 1,), "<u8", buffer, strides=(1,))
    return eights[starts].astype(np.uint64, copy=False) & _MASKS[np.minimum(lengths, _BYTES)]


def _hashes(buffer: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    hashes = mixed(_loaded(buffer, starts, lengths))
    left = np.flatnonzero(lengths > _BYTES)
    done = _BYTES
    while len(left) and done < _LONG:
        hashes[left] = mixed(hashes[left] + _OTHER ^ _loaded(buffer, starts[left] + done, lengths[left] - done))
        done += _BYTES
        left = left[lengths[left] > done]
    for word in left.tolist():
        whole = buffer[starts[word] : starts[word] + lengths[word]].tobytes()
        hashes[word] = int.from_bytes(hashlib.blake2b(whole, digest_size=8).digest(), "little")
    return hashes
