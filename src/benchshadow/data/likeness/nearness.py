"""Soft overlap: the document nearest to each item in an embedding, judged by how near a null corpus comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from benchshadow.data.documents import Document, batched
from benchshadow.errors import InputError

__all__ = ["RULE", "Encoder", "Nearest", "SoftOverlap", "SoftVerdict", "nearest", "soft_overlap"]

RULE = "soft"
Encoder = Callable[[Sequence[str]], np.ndarray]
"""From texts to one row of numbers each."""
_TOGETHER, _ITEMS = 1_000, 4_000
"""Documents and items compared at once, whose cosines are held in memory."""
_SAME = 1e-12
"""Cosines this near are taken as equal, so that the last bits of a product, which hang on what was multiplied beside
it, decide nothing."""


@dataclass(frozen=True)
class Nearest:
    """For each item, the largest cosine among some documents.

    Attributes:
        cosines: largest by item; -inf where there was no document with words, nan for an item without words.
        documents: id of the document that has it, the first where several do; None where there was none.
        compared: number of documents.
    """

    cosines: Float64[np.ndarray, " items"]
    documents: tuple[str | None, ...]
    compared: int

    @classmethod
    def merged(cls, parts: Sequence[Nearest]) -> Nearest:
        """The nearest of all parts, given in the order of the corpus: of equals the first stays."""
        cosines, documents = parts[0].cosines.copy(), list(parts[0].documents)
        for part in parts[1:]:
            for item in np.flatnonzero(part.cosines > cosines + _SAME):
                cosines[item], documents[item] = part.cosines[item], part.documents[item]
        return cls(cosines, tuple(documents), sum(each.compared for each in parts))


@dataclass(frozen=True)
class SoftVerdict:
    """One item under the rule `soft`.

    Attributes:
        item: its id.
        eligible: whether the encoder knows any of its words.
        hit: whether its nearest document is nearer than the threshold.
        share: largest cosine; None where not eligible or where no document was compared.
        document: id of that document.
    """

    item: str
    eligible: bool
    hit: bool
    share: float | None
    document: str | None


@dataclass(frozen=True)
class SoftOverlap:
    """All items of a benchmark against a corpus, beside a null corpus.

    Attributes:
        verdicts: one per item, in their order.
        threshold: quantile over items of the largest cosine with the null corpus.
        quantile: which.
        by_chance: share of items expected above the threshold if the corpus were of the null's kind; larger than
            1 - quantile where the corpus holds more documents than the null, since a maximum grows with their number.
        documents: number of documents of the corpus.
        null_documents: number of the null corpus.
    """

    verdicts: tuple[SoftVerdict, ...]
    threshold: float
    quantile: float
    by_chance: float
    documents: int
    null_documents: int


def nearest(items: Float64[np.ndarray, "items d"], documents: Iterable[Document], encoder: Encoder) -> Nearest:
    """The nearest document of each item, in memory for a thousand documents at a time.

    Args:
        items: the items' embedding, by the same encoder.
        documents: a chunk of the corpus, or all of it; the chunks' results are merged by `Nearest.merged`.
        encoder: from texts to rows.
    """
    wanted, known = _unit_rows(items)
    cosines = np.where(known, -np.inf, np.nan)
    ids: list[str | None] = [None] * len(items)
    compared = 0
    for batch in batched(documents, _TOGETHER):
        compared += len(batch)
        rows, usable = _unit_rows(encoder([document.text for document in batch]))
        if not usable.any():
            continue
        for start in range(0, len(items), _ITEMS):
            some = slice(start, start + _ITEMS)
            best, values = _best(rows, usable, wanted[some])
            for item in np.flatnonzero(known[some] & (values > cosines[some] + _SAME)):
                cosines[start + item], ids[start + item] = values[item], batch[best[item]].id
    return Nearest(cosines, tuple(ids), compared)


def soft_overlap(items: Sequence[Document], corpus: Nearest, null: Nearest, *, quantile: float = 0.999) -> SoftOverlap:
    """Judge the nearest documents of a corpus by those of a null corpus (after arXiv 2602.12413's soft contamination).

    The null is a corpus of the same kind that cannot hold the items: of before the benchmark's day, or of another
    field. With fewer than 1 / (1 - quantile) items the threshold is the largest cosine of any item with it. A large
    cosine tells a shared topic and shared rare words, not that an item's answer was given away.

    Args:
        items: the benchmark's items.
        corpus: their nearest documents in the corpus.
        null: their nearest in the null corpus.
        quantile: of the items' largest cosines with the null, in (0, 1).

    Raises:
        InputError: the numbers of items differ, or no item has a nearest document in the null corpus.
    """
    if not len(items) == len(corpus.cosines) == len(null.cosines):
        counts = f"{len(items)}, {len(corpus.cosines)} and {len(null.cosines)}"
        raise InputError("soft overlap", f"must compare the same items on all sides but is given {counts}")
    if not 0 < quantile < 1:
        raise InputError("quantile", f"must be in (0, 1) but is {quantile}")
    usable = np.isfinite(null.cosines)
    if not usable.any():
        raise InputError(
            "the null corpus", f"must come near some item but its {null.compared} documents share no words"
        )
    threshold = float(np.quantile(null.cosines[usable], quantile, method="higher"))
    verdicts = tuple(
        SoftVerdict(item.id, not np.isnan(cosine), bool(cosine > threshold), _finite(cosine), document)
        for item, cosine, document in zip(items, corpus.cosines, corpus.documents, strict=True)
    )
    by_chance = 1 - quantile ** (corpus.compared / null.compared)
    return SoftOverlap(verdicts, threshold, quantile, float(by_chance), corpus.compared, null.compared)


def _best(
    rows: Float64[np.ndarray, "n d"], usable: np.ndarray, wanted: Float64[np.ndarray, "items d"]
) -> tuple[np.ndarray, Float64[np.ndarray, " items"]]:
    """For each item the first of the rows nearest to it, and its cosine, summed in one order wherever it stands."""
    near = np.where(usable[:, None], rows @ wanted.T, -np.inf)
    best = np.argmax(near >= near.max(axis=0) - _SAME, axis=0)
    return best, np.minimum(np.sum(rows[best] * wanted, axis=1), 1.0)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _unit_rows(rows: np.ndarray) -> tuple[Float64[np.ndarray, "n d"], np.ndarray]:
    """Rows of unit length, and which have a direction at all."""
    whole = np.asarray(rows, np.float64)
    lengths = np.linalg.norm(whole, axis=1)
    known = lengths > 0
    return whole / np.where(known, lengths, 1)[:, None], known
