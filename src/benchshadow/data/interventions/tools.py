"""What an intervention needs from outside: scores, embeddings, rewriters and pairs of near duplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchshadow.data.documents import Document, batched

from .duplicates import Pairs
from .rewriters import FromModel, Rewriter
from .rewriting import by_rules

__all__ = ["Tools", "alignment_scores"]

CHUNK = 10_000


def alignment_scores(documents: Iterable[Document], target: Sequence[Document]) -> np.ndarray:
    """Alignment of every document to a target, nats per word or pair (Xie et al. 2023); the corpus is the reference.

    nan for a document without words.
    """
    from benchshadow.data.likeness.alignment import Aligner, count_grams

    aligner = Aligner.of(count_grams(target), count_grams(documents))
    return np.concatenate([aligner.scores(chunk).means for chunk in batched(documents, CHUNK)])


@dataclass(frozen=True)
class Tools:
    """What arms are made with; each but the scorer and the normaliser is needed only by the arms that name it.

    Attributes:
        scorer: from all documents and a target's to a score for each, larger is nearer.
        embedder: from all documents to a row for each.
        paraphraser: from a text and the number of a version to the text in other words.
        normaliser: from a text to the text in one manner of spelling.
        models: from the settings of a rewriter to the model that they name.
        near: verified pairs of near duplicates among the documents, or what gives them from the pool.
        names: what each of them is called, for the manifest: code cannot be hashed.
    """

    scorer: Callable[[Iterable[Document], Sequence[Document]], np.ndarray] = alignment_scores
    embedder: Callable[[Iterable[Document]], np.ndarray] | None = None
    paraphraser: Callable[[str, int], str] | None = None
    normaliser: Callable[[str], str] = by_rules
    models: Callable[[FromModel], Rewriter] | None = None
    near: Pairs | None = None
    names: tuple[tuple[str, str], ...] = (("scorer", "alignment, laplace"), ("normaliser", "rules"))
