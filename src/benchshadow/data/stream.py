"""From documents to an arm: sequences of exactly the budget, the control's with a share of them replaced."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from benchshadow.errors import InputError

from .documents import Document
from .tokenization import encode, end_token

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Stream", "describe", "pack", "replace", "shuffle"]


@dataclass(frozen=True)
class Stream:
    """Packed token sequences and where each came from.

    Attributes:
        ids: int32, sequences x length; documents joined by the end token and cut at the edges.
        owners: int32, sequences x length; for every token the index of its document in `documents`.
        documents: the documents that were drawn, in order, repeats included.
    """

    ids: np.ndarray
    owners: np.ndarray
    documents: tuple[Document, ...] = field(repr=False)

    @property
    def sha256(self) -> str:
        """Hash of the realised order: the tokens, sequence by sequence, as the model will see them."""
        return hashlib.sha256(np.ascontiguousarray(self.ids, "<i4").tobytes()).hexdigest()


def pack(documents: Iterator[Document], tokenizer: Tokenizer, *, sequences: int, length: int) -> Stream:
    """Tokenise documents and join them, each followed by the end token, into exactly sequences x length tokens."""
    end = end_token(tokenizer)
    wanted = sequences * length
    taken: list[Document] = []
    tokens: list[int] = []
    owners: list[np.ndarray] = []
    while len(tokens) < wanted:
        batch = list(islice(documents, 512))
        if not batch:
            raise InputError("documents", f"must fill {wanted} tokens but ended after {len(tokens)}")
        for document, coded in zip(batch, encode(tokenizer, [d.text for d in batch]), strict=True):
            if len(tokens) >= wanted:
                break
            tokens += [*coded, end]
            owners.append(np.full(len(coded) + 1, len(taken), np.int32))
            taken.append(document)
    shape = (sequences, length)
    return Stream(
        np.array(tokens[:wanted], np.int32).reshape(shape), np.concatenate(owners)[:wanted].reshape(shape), tuple(taken)
    )


def shuffle(stream: Stream, rng: np.random.Generator) -> Stream:
    """The same sequences in another order, so that a long document is not one long stretch of training."""
    order = rng.permutation(len(stream.ids))
    return Stream(stream.ids[order], stream.owners[order], stream.documents)


def replace(control: Stream, treatment: Stream, rng: np.random.Generator) -> Stream:
    """The control's stream with as many of its sequences replaced as the treatment has.

    The positions come from `rng` alone: the first n of one permutation, so that a smaller dose is treated in a subset
    of the positions of a larger one, and what is not treated is the control's, bit for bit.
    """
    if control.ids.shape[1] != treatment.ids.shape[1] or len(treatment.ids) > len(control.ids):
        sizes = " x ".join(map(str, treatment.ids.shape)), " x ".join(map(str, control.ids.shape))
        raise InputError("treatment", f"must fit in the control's {sizes[1]} tokens but is {sizes[0]}")
    positions = np.sort(rng.permutation(len(control.ids))[: len(treatment.ids)])
    ids, owners = control.ids.copy(), control.owners.copy()
    ids[positions] = treatment.ids
    owners[positions] = treatment.owners + len(control.documents)
    return Stream(ids, owners, control.documents + treatment.documents)


def describe(stream: Stream, end: int, reference: np.ndarray) -> dict[str, Any]:
    """What is equal by construction, and what cannot be equal and is therefore reported.

    Args:
        stream: the arm's stream.
        end: id of the end token.
        reference: probability of every token under a reference unigram model, shape (vocabulary,), all positive.

    Returns:
        "budget": tokens, loss-bearing tokens, sequences, length, padding. "reported": counts; epochs per document (a
        document that is cut at the stream's end counts as one); effective numbers are exponentials of the entropy of
        token shares; entropy per token is the cross-entropy against `reference`, in nats.
    """
    if not (reference > 0).all():
        raise InputError("reference", f"must be positive for every token but is not for {int((reference <= 0).sum())}")
    present, counts = np.unique(stream.owners, return_counts=True)
    used = [stream.documents[i] for i in present]
    tokens = stream.ids.ravel()
    per_text, per_domain, share = Counter(d.id for d in used), Counter[str](), Counter[str]()
    for document, count in zip(used, counts.tolist(), strict=True):
        per_domain[document.domain] += count
        share[document.id] += count
    times = Counter(per_text.values())
    edges = [4**power for power in range(1, 11)]
    histogram = np.bincount(np.searchsorted(edges, [len(document.text) for document in used], "right"), minlength=11)
    return {
        "budget": {
            "tokens": int(tokens.size),
            "loss_bearing_tokens": int(tokens.size - len(stream.ids)),
            "sequences": len(stream.ids),
            "length": int(stream.ids.shape[1]),
            "padding": 0,
        },
        "reported": {
            "end_tokens": int((tokens == end).sum()),
            "unique_tokens": int(np.unique(tokens).size),
            "documents": len(used),
            "unique_documents": len(per_text),
            "epochs_per_document": {str(k): times[k] for k in sorted(times)},
            "mean_epochs": len(used) / len(per_text),
            "domains": len(per_domain),
            "tokens_per_domain": dict(sorted(per_domain.items())),
            "effective_domains": _effective(np.array(list(per_domain.values()), np.float64)),
            "effective_documents": _effective(np.array(list(share.values()), np.float64)),
            "characters_histogram": dict(zip([*(f"<{e}" for e in edges), "longer"], histogram.tolist(), strict=True)),
            "entropy_per_token": float(-np.log(reference[tokens]).mean()),
        },
    }


def _effective(counts: np.ndarray) -> float:
    shares = np.sort(counts) / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
