"""The panel: several corpora by Vendi scores, cluster coverage and unseen word pairs, at one budget for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt64

from benchshadow.data.documents import Document
from benchshadow.data.likeness.grams import grams
from benchshadow.data.likeness.sampling import evenly_sampled
from benchshadow.errors import InputError

from .clusters import Clusters, coverage, fit_clusters, unseen_mass
from .draws import Budget, Drawn, drawn, equal_draws
from .embedding import fit_embedding
from .kernel import ORDERS, entropy_number, kernel_spectra

__all__ = ["Encoder", "Panel", "PanelSettings", "diversity_panel"]

Encoder = Callable[[Sequence[str]], np.ndarray]
"""From texts to one row of numbers each."""


@dataclass(frozen=True, kw_only=True)
class PanelSettings:
    """How corpora are compared.

    Attributes:
        orders: of the Vendi scores.
        clusters: k of the k-means.
        dimensions: of the embedding that is fitted where none is given.
        pool: texts sampled from each corpus, from which all draws are made.
        built_with: name of the embedding that an arm under measure was built with, if any.
    """

    orders: tuple[float, ...] = ORDERS
    clusters: int = 64
    dimensions: int = 256
    pool: int = 5_000
    built_with: str = ""


@dataclass(frozen=True)
class Panel:
    """Diversity of several corpora, for each in several senses, none of which stands for the others.

    Attributes:
        values: by corpus and measure: `vendi(q)`, `cluster_number`, `clusters_hit`, `unseen_clusters`, `unseen_pairs`.
        embedding: name of the embedding.
        dimensions: its dimensions, the most that a Vendi score can be.
        clusters: number of clusters.
        budget: what each draw held.
        left_out: by corpus, number of sampled texts without any word that the embedding knows.
    """

    values: dict[str, dict[str, Drawn]]
    embedding: str
    dimensions: int
    clusters: int
    budget: Budget
    left_out: dict[str, int]


@dataclass(frozen=True)
class _Pool:
    """The sampled texts of a corpus: rows of unit length, words of each, hashes of all pairs and whose they are."""

    rows: Float64[np.ndarray, "n d"]
    words: Int64[np.ndarray, " n"]
    pairs: UInt64[np.ndarray, " pairs"]
    owners: Int64[np.ndarray, " pairs"]


def diversity_panel(
    corpora: Mapping[str, Iterable[Document]],
    budget: Budget | None = None,
    settings: PanelSettings | None = None,
    *,
    encoder: Encoder | None = None,
    encoder_name: str = "",
    rng: np.random.Generator,
) -> Panel:
    """Compare corpora at an equal number of texts, or of words, with the middle range over the draws.

    Embedding and clusters are fitted on the union of the corpora's samples, so each corpus counts by the texts it
    gives to it, at most `pool`.

    Args:
        corpora: by name.
        budget: amount per draw; a thousand texts, ten draws by default.
        settings: orders, clusters and the like.
        encoder: from texts to rows; where there is none TF-IDF and SVD are fitted on the union.
        encoder_name: name of the encoder, which the result carries.
        rng: draws all samples.

    Raises:
        InputError: a corpus holds less than the budget, or an encoder has no name.
    """
    if encoder is not None and not encoder_name:
        raise InputError("encoder_name", "must name the encoder, which every number depends on, but is empty")
    chosen, budget = settings or PanelSettings(), budget or Budget()
    texts = {
        name: evenly_sampled((document.text for document in documents), chosen.pool, rng=rng)
        for name, documents in corpora.items()
    }
    if encoder is None:
        union = (text for some in texts.values() for text in some)
        encoder = fit_embedding(union, dimensions=chosen.dimensions, most=len(texts) * chosen.pool, rng=rng)
        encoder_name = encoder.name
    pools = {name: _pool(some, encoder) for name, some in texts.items()}
    union_rows = np.concatenate([pool.rows for pool in pools.values()])
    clusters = fit_clusters(union_rows, encoder_name, chosen.clusters, built_with=chosen.built_with, rng=rng)
    values = {name: _measured(pool, clusters, budget, chosen.orders, rng) for name, pool in pools.items()}
    left_out = {name: len(texts[name]) - len(pool.words) for name, pool in pools.items()}
    return Panel(values, encoder_name, union_rows.shape[1], len(clusters.centres), budget, left_out)


def _pool(texts: list[str], encoder: Encoder) -> _Pool:
    rows = np.asarray(encoder(texts), np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    known = lengths > 0
    kept = [text for text, has in zip(texts, known, strict=True) if has]
    words, pairs, owners = np.zeros(len(kept), np.int64), [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for block in grams(kept):
        words += np.bincount(block.word_owners, block.plain, len(kept)).astype(np.int64)
        pairs.append(block.pairs)
        owners.append(block.pair_owners)
    return _Pool(rows[known] / lengths[known, None], words, np.concatenate(pairs), np.concatenate(owners))


def _measured(
    pool: _Pool, clusters: Clusters, budget: Budget, orders: Sequence[float], rng: np.random.Generator
) -> dict[str, Drawn]:
    draws = equal_draws(pool.words, budget, rng=rng)
    labels, kinds = clusters.labels(pool.rows), len(clusters.centres)
    spectra = kernel_spectra(pool.rows[draw] for draw in draws)
    covered = [coverage(np.bincount(labels[draw], minlength=kinds)) for draw in draws]
    values = {
        **{f"vendi({order:g})": [entropy_number(spectrum, order) for spectrum in spectra] for order in orders},
        "cluster_number": [each.effective for each in covered],
        "clusters_hit": [each.hit for each in covered],
        "unseen_clusters": [each.unseen for each in covered],
        "unseen_pairs": [_unseen_pairs(pool, draw) for draw in draws],
    }
    sizes = [len(draw) for draw in draws]
    return {name: drawn(each, sizes, len(pool.words), budget.level) for name, each in values.items()}


def _unseen_pairs(pool: _Pool, draw: Int64[np.ndarray, " texts"]) -> float:
    """Good-Turing's unseen mass of the word pairs of some texts; 1 where they hold no pair."""
    inside = np.zeros(len(pool.words), bool)
    inside[draw] = True
    found = np.sort(pool.pairs[inside[pool.owners]])
    if not len(found):
        return 1.0
    edges = np.flatnonzero(np.concatenate([[True], found[1:] != found[:-1], [True]]))
    return unseen_mass(np.diff(edges))
