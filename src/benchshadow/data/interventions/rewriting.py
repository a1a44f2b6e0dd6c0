"""Normalised: the documents that the treated sequences hold anyway, rewritten in one manner of spelling."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchshadow.data.documents import Document, batched
from benchshadow.data.packing import TokenStore
from benchshadow.errors import InputError

from .controls import realised
from .pool import Pool, Segment, Treatment
from .rewriters import TOGETHER, ByText, Rewriter

__all__ = ["Normalised", "by_rules"]

SPARE = 1.05
"""Tokens that are rewritten for each that is wanted, since a text may become shorter; twice as many where too few."""
_SIGNS = {
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2013": "-",
    "\u2014": "-",
    "\u2026": "...",
    "\u00ad": "",
}
_ODD_SPACE = re.compile(r"[^\S\n ]")


def by_rules(text: str) -> str:
    """NFKC, plain quotes, dashes and dots, single spaces, at most one blank line."""
    if not text.isascii():
        for sign, plain in _SIGNS.items():
            text = text.replace(sign, plain)
        text = unicodedata.normalize("NFKC", text)
    text = text.replace("\r\n", "\n")
    if "  " in text or _ODD_SPACE.search(text):
        text = re.sub(r"[^\S\n]+", " ", text)
    if "\n" in text:
        text = re.sub(r"\n{3,}", "\n\n", re.sub(r" ?\n ?", "\n", text))
    return text.strip()


RULES = ByText.alone(by_rules, "rules")
"""Spelling alone."""


@dataclass(frozen=True)
class Normalised:
    """The control's own documents in the treated sequences, and new ones after them, each rewritten.

    A document of the control is rewritten only where all of it is treated: at a small dose few long ones are, and the
    manifest tells how many documents are the control's and how many are others.

    Attributes:
        rewriter: gives each of them in another manner.
    """

    rewriter: Rewriter = RULES

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
                treatment = Treatment((Segment(np.searchsorted(np.sort(some), some) + len(pool)),), written)
                there = len(realised(pool, treatment))
                own = min(there, len(displaced))
                return replace(treatment, told={"documents_of_the_control": own, "other_documents": there - own})
            spare *= 2

    def _written(self, pool: Pool, some: np.ndarray) -> TokenStore:
        return pool.write(self._rewritten(pool.chosen(some)))

    def _rewritten(self, documents: Iterable[Document]) -> Iterator[Document]:
        for batch in batched(documents, TOGETHER):
            for document, text in zip(batch, self.rewriter(batch, 0), strict=True):
                if document.text.strip() and not text.strip():
                    said = f"must still say something when rewritten but {document.text[:40]!r} became nothing"
                    raise InputError(document.id, said)
                yield document._replace(id=f"{document.id} (rewritten)", text=text)
