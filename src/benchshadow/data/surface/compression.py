"""How well text compresses: what a general compressor finds to repeat in it."""

from __future__ import annotations

import gzip
from collections.abc import Iterable

from benchshadow.data.documents import Document
from benchshadow.errors import InputError

from .measured import Measured

__all__ = ["BYTES", "LEVEL", "compression_ratio"]

BYTES = 300_000
"""Bytes at which compression is compared."""
LEVEL = 9
"""Of gzip."""


def compression_ratio(documents: Iterable[Document], *, amount: int = BYTES) -> Measured:
    """Bytes of text per byte of gzip (level 9), over the first `amount` bytes (Shaib et al. 2024).

    Of the text as it is, in UTF-8, documents parted by a line's end. More is more redundant. gzip looks back 32 kB, so
    it does not tell of repetition further apart, and scripts of several bytes a letter compress better.

    Args:
        documents: in the order in which bytes are taken; no more are read than needed.
        amount: bytes.
    """
    if amount < 1:
        raise InputError("amount", f"must be at least 1 but is {amount}")
    text, count = bytearray(), 0
    for document in documents:
        text += document.text.encode(errors="surrogatepass") + b"\n"
        count += 1
        if len(text) >= amount:
            packed = gzip.compress(text[:amount], LEVEL, mtime=0)
            return Measured(amount / len(packed), amount, "bytes", count)
    return Measured(None, len(text), "bytes", count, f"asks for {amount} bytes but there are {len(text)}")
