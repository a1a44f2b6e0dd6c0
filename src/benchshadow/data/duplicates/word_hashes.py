"""The words of many texts as 64-bit hashes, where only the words count and not their places."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from benchshadow.data.overlap.hashing import Words
from benchshadow.data.overlap.words import END, plain, translated, words

__all__ = ["WordHashes", "hash_words"]

_UNKNOWN = np.uint32(0xFFFFFFFF)
_BECOMES = np.full(0x110000, _UNKNOWN)
"""What each code point becomes, itself in lower case or a space; filled as they are met, of a million some hundred."""
_BECOMES[END] = END
_LONG = 1 << 20
"""Characters above which a text is taken in pieces."""
_BLANK = re.compile(r"[\n\t ]")


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
    if not texts:
        return WordHashes(np.empty(0, np.uint64), np.zeros(1, np.int64))
    if max(map(len, texts)) > _LONG:
        parts = [np.concatenate([_hashed([piece]).hashes for piece in _pieces(text)]) for text in texts]
        return WordHashes(np.concatenate(parts), np.cumsum([0, *map(len, parts)]))
    return _hashed(texts)


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces cut at ASCII blanks, over which nothing acts on anything: its arrays take a piece's memory."""
    begin = 0
    while len(text) - begin > _LONG:
        blank = _BLANK.search(text, begin + _LONG)
        end = blank.start() if blank else len(text)
        yield text[begin:end]
        begin = end
    yield text[begin:]


def _hashed(texts: Sequence[str]) -> WordHashes:
    found = Words.of_normalised(_normalised(texts))
    return WordHashes(found.hashes, np.append(np.searchsorted(found.starts, found.begins), len(found.starts)))


def _normalised(texts: Sequence[str]) -> bytes:
    """UTF-8 of all texts, words parted by spaces and texts by a zero byte; where many are in ASCII these go apart."""
    plains = [plain(text.replace("\0", " ")) for text in texts]
    quick = [text.isascii() for text in plains]
    if 2 * sum(quick) < len(quick):
        return _looked_up(plains)
    found = translated("\0".join(compress(plains, quick)))
    if all(quick):
        return found
    others = _looked_up([text for text, here in zip(plains, quick, strict=True) if not here]).split(b"\0")
    parts = {True: iter(found.split(b"\0")), False: iter(others)}
    return b"\0".join([next(parts[here]) for here in quick])


def _looked_up(texts: Sequence[str]) -> bytes:
    """The same of texts in any script: all code points are looked up at once."""
    whole = "\0".join(map(_in_normal_form, texts))
    codes = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    cleaned = _BECOMES[codes]
    if (cleaned == _UNKNOWN).any():
        for code in np.unique(codes[cleaned == _UNKNOWN]).tolist():
            _BECOMES[code] = ord((words(chr(code)) or " ")[0])
        cleaned = _BECOMES[codes]
    if (cleaned < 0x80).all():
        return cleaned.astype(np.uint8).tobytes()
    return cleaned.astype("<u4").tobytes().decode("utf-32-le").encode()


def _in_normal_form(text: str) -> str:
    """NFKC, and lower case where it takes more than one letter at a time: Σ looks around, İ becomes two."""
    text = unicodedata.normalize("NFKC", text)
    return text.lower() if "Σ" in text or "İ" in text else text
