"""The words of many texts as 64-bit hashes, where only the words count and not their places."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xxhash

from benchshadow.data.overlap.hashing import mixed
from benchshadow.data.overlap.words import words

__all__ = ["WordHashes", "hash_words"]

_SPACE, _END = 32, 0
_STEP = 8
_LONG = 64
"""Words of more bytes than this are hashed one at a time: they are few, and may be megabytes long."""
_MASKS = np.array([(1 << (8 * kept)) - 1 for kept in range(_STEP + 1)], dtype=np.uint64)
_UNKNOWN = np.uint32(0xFFFFFFFF)
_BECOMES = np.full(0x110000, _UNKNOWN)
"""What each code point becomes, itself in lower case or a space; filled as they are met, of a million some hundred."""
_BECOMES[_END] = _END


@dataclass(frozen=True)
class WordHashes:
    """Words of texts as numbers.

    Attributes:
        hashes: uint64, one per word, text after text; the same on every machine.
        bounds: int64; the words of text t are `hashes[bounds[t]:bounds[t + 1]]`.
    """

    hashes: np.ndarray
    bounds: np.ndarray


def hash_words(texts: Sequence[str]) -> WordHashes:
    """Hashes of what `words` gives for every text.

    Two words of up to eight bytes never share a hash, others with chance 2^-64 where nobody built them to.
    """
    buffer = np.concatenate([_normalised(texts), np.zeros(1 + _STEP, dtype=np.uint8)])
    inside = np.concatenate([[False], buffer > _SPACE])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    begins, lengths = edges[::2], edges[1::2] - edges[::2]
    ends = np.flatnonzero(buffer[:-_STEP] == _END)[: len(texts)]
    bounds = np.concatenate([[0], np.searchsorted(begins, ends)])
    return WordHashes(_hashes(buffer, begins, lengths), bounds)


def _hashes(buffer: np.ndarray, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Eight bytes of every word at a time; words that have ended drop out."""
    eights = np.ndarray((len(buffer) - _STEP + 1,), dtype="<u8", buffer=buffer.data, strides=(1,))
    hashes = mixed(eights[begins] & _MASKS[np.minimum(lengths, _STEP)])
    longer, done = np.flatnonzero((lengths > _STEP) & (lengths <= _LONG)), _STEP
    while len(longer):
        following = eights[begins[longer] + done] & _MASKS[np.minimum(lengths[longer] - done, _STEP)]
        hashes[longer] = mixed(hashes[longer] + np.uint64(done) ^ following)
        done += _STEP
        longer = longer[lengths[longer] > done]
    for each in np.flatnonzero(lengths > _LONG):
        begin = begins[each]
        hashes[each] = xxhash.xxh3_64_intdigest(buffer[begin : begin + lengths[each]].tobytes())
    return hashes


def _normalised(texts: Sequence[str]) -> np.ndarray:
    """UTF-8 of all texts, words parted by spaces and texts by a zero byte; code points are looked up all at once."""
    whole = "\0".join(_in_normal_form(text.replace("\0", " ")) for text in texts)
    if whole.isascii():
        codes = np.frombuffer(whole.encode(), dtype=np.uint8)
    else:
        codes = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    cleaned = _BECOMES[codes]
    if (cleaned == _UNKNOWN).any():
        for code in np.unique(codes[cleaned == _UNKNOWN]).tolist():
            _BECOMES[code] = ord((words(chr(code)) or " ")[0])
        cleaned = _BECOMES[codes]
    if (cleaned < 0x80).all():
        return cleaned.astype(np.uint8)
    return np.frombuffer(cleaned.astype("<u4").tobytes().decode("utf-32-le").encode(), dtype=np.uint8)


def _in_normal_form(text: str) -> str:
    """NFKC, and lower case where it takes more than one letter at a time: Σ looks around, İ becomes two."""
    text = unicodedata.normalize("NFKC", text)
    return text.lower() if "Σ" in text or "İ" in text else text
