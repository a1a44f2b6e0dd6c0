"""One pass over a corpus: sizes, what it shares with benchmarks' items, and its hashed words, chunk by chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from benchshadow.data.documents import Document
from benchshadow.data.likeness import GramCounts, count_grams
from benchshadow.data.overlap import ItemIndex, Partial, merge, scan
from benchshadow.data.packing import InOrder

__all__ = ["Passed", "passed"]


@dataclass(frozen=True)
class Passed:
    """What one pass has gathered of a corpus, or of a chunk of it.

    Attributes:
        characters: of all texts.
        domains: number of documents by domain.
        overlap: what is shared with the items; its `documents` and `words` are the corpus's.
        grams: hashed words and pairs, as the reference of an alignment.
    """

    characters: int
    domains: Counter[str]
    overlap: Partial
    grams: GramCounts


def passed(chunks: Iterable[list[Document]], index: ItemIndex, in_order: InOrder = map) -> Passed:
    """Read a corpus once.

    Args:
        chunks: of the corpus, in its order.
        index: the items.
        in_order: an executor's ordered map; the result is the same for each.
    """
    characters, domains, grams = 0, Counter[str](), None

    def overlaps() -> Iterator[Partial]:
        nonlocal characters, grams
        for part in in_order(partial(_chunk, index), chunks):
            characters += part.characters
            domains.update(part.domains)
            grams = part.grams if grams is None else GramCounts.merged([grams, part.grams])
            yield part.overlap

    overlap = merge(overlaps())
    assert grams is not None, "a corpus without documents is refused while it is read"
    return Passed(characters, domains, overlap, grams)


def _chunk(index: ItemIndex, documents: list[Document]) -> Passed:
    domains = Counter(document.domain for document in documents)
    characters = sum(len(document.text) for document in documents)
    return Passed(characters, domains, scan(index, documents), count_grams(documents))
