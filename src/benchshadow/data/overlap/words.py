"""Words as overlap counts them, by a plain definition and by a fast path over many documents that gives the same."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["END", "Places", "normalised", "plain", "translated", "words"]

END = 0
"""The byte between two documents in a normalised buffer; no document holds it."""
_SPACE = 0x20
_SHORT = 40
"""Longest piece, in characters, whose words are remembered."""
_PIECE = re.compile(r"(?<![!-~])[!-~]*+[^\x00-\x7f][^\x00- \x7f]*")
"""What stands between ASCII blanks and has a character beyond ASCII in it: nothing in it acts on what is outside."""

_PLAIN = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2026": "."}
"""Typographic marks by ASCII ones that are blanks to words as well and act alike on the letters beside them."""


class _Characters(dict[int, int]):
    """A translation that keeps what words are made of, letters, digits, marks and "_", and makes the rest spaces."""

    def __missing__(self, point: int) -> int:
        character = chr(point)
        kept = character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")
        self[point] = point if kept else _SPACE
        return self[point]


_CHARACTERS = _Characters()
_ASCII = bytes(
    byte if byte >= 0x80 or byte == END else _CHARACTERS[byte] + 0x20 * chr(byte).isupper() for byte in range(256)
)


def words(text: str) -> list[str]:
    """The words of a text: NFKC, lower case, what is no letter, digit, mark or "_" a space, split.

    Scripts that are written without spaces give one word per stretch between punctuation, so that n-grams of words
    find little in them.
    """
    return unicodedata.normalize("NFKC", text).lower().translate(_CHARACTERS).split()


def normalised(texts: Sequence[str]) -> bytes:
    """The words of many texts in one buffer: UTF-8, spaces between words, the byte `END` between texts.

    ASCII is translated byte by byte. Of other texts only the pieces that need it pass through `words`, and short ones
    are remembered. A text in ASCII keeps its length, so that places in it are places in the text.
    """
    return translated("\0".join([_rewritten_text(text.replace("\0", " ")) for text in texts]))


def translated(text: str) -> bytes:
    """UTF-8 of a text, in which ASCII letters are in lower case and what is no part of a word is a space."""
    return text.encode().translate(_ASCII)


def _rewritten_text(text: str) -> str:
    easy = plain(text)
    return easy if easy.isascii() else _PIECE.sub(lambda found: _rewritten(found[0]), easy)


def plain(text: str) -> str:
    """The text without the commonest characters that are beyond ASCII, every place as it was."""
    if not text.isascii():
        for mark, plain in _PLAIN.items():
            text = text.replace(mark, plain)
    return text


def _rewritten(piece: str) -> str:
    return _remembered(piece) if len(piece) <= _SHORT else " ".join(words(piece))


@lru_cache(maxsize=1 << 16)
def _remembered(piece: str) -> str:
    return " ".join(words(piece))


class Places:
    """Where in a text the bytes of its normalised form come from; inside a rewritten piece, the whole piece."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._plain = plain(text)
        self._pieces: list[tuple[int, int]] = []
        self._ends: list[int] = []
        self._starts: list[int] = []
        if not self._plain.isascii():
            self._read()

    def _read(self) -> None:
        grown = 0
        for found in _PIECE.finditer(self._plain):
            start = found.start() + grown
            end = start + len(_rewritten(found[0]).encode())
            self._starts.append(start)
            self._ends.append(end)
            self._pieces.append(found.span())
            grown = end - found.end()

    def passage(self, start: int, end: int, longest: int) -> str:
        """The text that bytes `start` to `end` stand for, at most `longest` characters of it."""
        first = self._place(start, last=False)
        return self._text[first : min(self._place(end, last=True), first + longest)]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the text that bytes `start` to `end` stand for."""
        return self._place(start, last=False), self._place(end, last=True)

    def _place(self, byte: int, *, last: bool) -> int:
        before = bisect_right(self._starts, byte - last) - 1
        if before < 0:
            return byte
        start, end = self._pieces[before]
        if byte < self._ends[before] + last:
            return end if last else start
        return byte - self._ends[before] + end
