"""An arm's manifest: what is equal by construction, what follows from the treatment, and what can only be reported."""

from __future__ import annotations

import hashlib
from importlib import metadata
from typing import Any

import numpy as np
import polars as pl

from benchshadow.data.packing import PackedStream, Pieces, TokenStore

from .pool import LENGTHS, length_strata

__all__ = ["SCHEMA", "Tally", "environment", "positions", "reported", "untreated_hash"]

SCHEMA = 2


def positions(rng: np.random.Generator, sequences: int, count: int) -> np.ndarray:
    """Where treated sequences stand, rising; those of a smaller count are among a larger's."""
    return np.sort(rng.permutation(sequences)[:count])


def untreated_hash(stream: PackedStream, treated: np.ndarray) -> str:
    """sha256 of the sequences that are not treated, as little-endian int32."""
    tally = Tally(treated, 1)
    for first, rows in stream.blocks():
        tally.hash_untreated(first, rows)
    return tally.untreated.hexdigest()


class Tally:
    """What is gathered as a stream is written: tokens by kind, in all and in the treated sequences, and a hash.

    Args:
        treated: indices of the treated sequences, rising.
        vocabulary: number of tokens.
    """

    def __init__(self, treated: np.ndarray, vocabulary: int) -> None:
        self.treated = treated
        self.counts = np.zeros(vocabulary, np.int64)
        self.treated_counts = np.zeros(vocabulary, np.int64)
        self.untreated = hashlib.sha256()

    def __call__(self, first: int, rows: np.ndarray) -> None:
        """Take in sequences, of which the first has this index."""
        mask = self.hash_untreated(first, rows)
        counts = np.bincount(rows[~mask].ravel(), minlength=len(self.counts))
        if mask.any():
            inside = np.bincount(rows[mask].ravel(), minlength=len(self.counts))
            self.treated_counts += inside
            counts += inside
        self.counts += counts

    def hash_untreated(self, first: int, rows: np.ndarray) -> np.ndarray:
        """Take them into the hash alone; gives back which of them are treated."""
        low, high = np.searchsorted(self.treated, [first, first + len(rows)])
        mask = np.zeros(len(rows), bool)
        mask[self.treated[low:high] - first] = True
        self.untreated.update(np.ascontiguousarray(rows[~mask], "<i4").data)
        return mask


def reported(tally: Tally, pieces: Pieces, stores: list[TokenStore], end: int, reference: np.ndarray) -> dict[str, Any]:
    """What cannot be equal between arms.

    A document that stands in the stream in part counts as one; lengths are those of whole documents in tokens.
    Effective numbers are exponentials of the entropy of token shares. Entropy per token is the cross-entropy against
    the reference, in nats.

    Args:
        tally: of the whole stream.
        pieces: what stands where.
        stores: what the pieces count through.
        end: id of the end token.
        reference: probability of every token under a unigram model, shape (vocabulary,), all positive.
    """
    table = pl.concat([store.table.select("domain", "tokens") for store in stores])
    share = np.bincount(pieces.document, pieces.tokens, minlength=table.height).astype(np.int64)
    copies = pieces.copies
    used = np.flatnonzero(copies)
    lengths = table["tokens"].to_numpy()[used]
    domains = (
        pl.DataFrame({"domain": table["domain"][used], "tokens": share[used]})
        .group_by("domain")
        .agg(pl.col("tokens").sum())
        .sort("domain")
    )
    epochs, documents = np.unique(copies[used], return_counts=True)
    strata = np.bincount(length_strata(lengths), share[used], minlength=len(LENGTHS) + 1).astype(np.int64)
    price = -np.log(reference)
    treated = int(tally.treated_counts.sum())
    return {
        "end_tokens": int(tally.counts[end]),
        "unique_tokens": int((tally.counts > 0).sum()),
        "documents": int(copies.sum()),
        "unique_documents": len(used),
        "epochs_per_document": {str(int(k)): int(n) for k, n in zip(epochs, documents, strict=True)},
        "mean_epochs": float(copies.sum() / len(used)),
        "tokens_per_domain": dict(domains.iter_rows()),
        "effective_domains": _effective(domains["tokens"].to_numpy()),
        "effective_documents": _effective(share[used]),
        "tokens_by_document_length": dict(
            zip([*(f"<{edge}" for edge in LENGTHS), "longer"], strata.tolist(), strict=True)
        ),
        "entropy_per_token": float(tally.counts @ price / tally.counts.sum()),
        "entropy_per_treated_token": float(tally.treated_counts @ price / treated) if treated else None,
    }


def environment() -> dict[str, str]:
    """Versions of what the bits pass through."""
    return {name: metadata.version(name) for name in ("benchshadow", "numpy", "polars", "tokenizers", "scipy")}


def _effective(counts: np.ndarray) -> float:
    shares = np.sort(counts[counts > 0]) / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
