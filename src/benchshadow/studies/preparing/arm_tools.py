"""What arms are made with when documents are at hand: scores, an embedding fitted on them, their near duplicates."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from benchshadow.data.diversity import fit_embedding
from benchshadow.data.documents import Document, batched
from benchshadow.data.duplicates import near_duplicates
from benchshadow.data.interventions import Pool, Tools

from .model_rewriter import ModelRewriter

__all__ = ["NAMES", "arm_tools"]

_TOGETHER = 2_000
NAMES = (
    ("scorer", "alignment, laplace"),
    ("normaliser", "rules"),
    ("embedder", "tf-idf-svd-256"),
    ("near", "MinHash 14 x 8, verified, .8"),
)
"""What the tools are called in manifests."""


def arm_tools(documents: Iterable[Document], *, seed: int) -> Tools:
    """The tools for interventions on a pool of these documents; none of them works before an arm asks for it.

    Args:
        documents: the pool's, gone through as often as needed.
        seed: of the embedding and of the search for near duplicates.
    """
    near = partial(_near, documents, seed)
    return Tools(embedder=partial(_embedded, seed), near=near, models=ModelRewriter, names=NAMES)


def _embedded(seed: int, documents: Iterable[Document]) -> np.ndarray:
    """A row for every document, by an embedding fitted on a sample of them."""
    encoder = fit_embedding((document.text for document in documents), rng=np.random.default_rng(seed))
    chunks = batched(documents, _TOGETHER)
    rows = (encoder([document.text for document in chunk]) for chunk in chunks)
    return np.concatenate([np.empty((0, encoder.dimensions)), *rows])


def _near(corpus: Iterable[Document], seed: int, pool: Pool) -> np.ndarray:  # noqa: ARG001 (both number alike)
    """Pairs of near-duplicates, by their numbers in the corpus."""
    return near_duplicates(corpus, rng=np.random.default_rng(seed), sample=0).pairs.numbers
