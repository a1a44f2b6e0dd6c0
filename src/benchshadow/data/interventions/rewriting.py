"""Normalised: the documents that the treated sequences hold anyway, rewritten in one manner of spelling."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchshadow.data.packing import TokenStore
from benchshadow.errors import InputError

from .pool import Pool, Segment, Treatment

__all__ = ["Normalised", "by_rules"]

SPARE = 1.05
"""Tokens that are rewritten for each that is wanted, since a text may become shorter; twice as many where too few."""
_SIGNS = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2026": "...",
        "\u00ad": "",
    }
)


_ODD_SPACE = re.compile(r"[^\S\n ]")


def by_rules(text: str) -> str:
    """NFKC, plain quotes, dashes and dots, single spaces, at most one blank line."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_SIGNS))
    text = text.replace("\r\n", "\n")
    if "  " in text or _ODD_SPACE.search(text):
        text = re.sub(r"[^\S\n]+", " ", text)
    if "\n" in text:
        text = re.sub(r"\n{3,}", "\n\n", re.sub(r" ?\n ?", "\n", text))
    return text.strip()


@dataclass(frozen=True)
class Normalised:
    """The control's own documents in the treated sequences, and new ones after them, each rewritten.

    Attributes:
        rewriter: from a text to a text; must depend on the text alone.
    """

    rewriter: Callable[[str], str] = by_rules

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """The control's documents first, in its order."""
        free = np.zeros(len(pool), bool)
        free[pool.free] = True
        displaced = pool.control[free[pool.control]]
        order = np.concatenate([displaced, pool.fresh(rng, without=displaced)])
        ends = np.cumsum(pool.store.lengths[order])
        wanted, spare = pool.room.tokens, SPARE
        while True:
            some = order[: int(np.searchsorted(ends, spare * wanted)) + 1]
            written = self._written(pool, some)
            if written.account["tokens"] >= wanted or len(some) == len(order):
                # They are written in the order of the corpus and wanted in that of the control.
                return Treatment((Segment(np.searchsorted(np.sort(some), some) + len(pool)),), written)
            spare *= 2

    def _written(self, pool: Pool, some: np.ndarray) -> TokenStore:
        return pool.write(
            document._replace(id=f"{document.id} (rewritten)", text=self._rewritten(document.id, document.text))
            for document in pool.chosen(some)
        )

    def _rewritten(self, name: str, text: str) -> str:
        found = self.rewriter(text)
        if text.strip() and not found.strip():
            raise InputError(name, f"must still say something when rewritten but {text[:40]!r} became nothing")
        return found
