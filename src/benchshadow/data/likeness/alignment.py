"""Alignment: how much more likely a document's words are in a benchmark than in a reference corpus (DSIR)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from benchshadow.data.documents import Document
from benchshadow.errors import InputError, check_choices

from .buckets import bucketed, check_buckets
from .grams import grams

__all__ = ["BUCKETS", "Aligner", "AlignmentScores", "GramCounts", "count_grams"]

BUCKETS = 10_000
"""Buckets of hashed words and pairs, as in Xie et al. 2023."""
SMOOTHINGS = ("laplace", "dsir")
DSIR_SMOOTHING = 1e-8
"""What DSIR's own code adds to each share."""


@dataclass(frozen=True)
class GramCounts:
    """How often each bucket of hashed words and pairs is met in some documents.

    Attributes:
        counts: by bucket.
        documents: number of documents counted.
        hashing: how words came to their buckets.
    """

    counts: Int64[np.ndarray, " buckets"]
    documents: int
    hashing: str

    @classmethod
    def merged(cls, parts: Sequence[GramCounts]) -> GramCounts:
        """The counts of all parts together; integers, so in whatever order."""
        _same_buckets(parts)
        return cls(
            np.sum([each.counts for each in parts], axis=0), sum(each.documents for each in parts), parts[0].hashing
        )


@dataclass(frozen=True)
class AlignmentScores:
    """Scores of some documents, in their order.

    Attributes:
        totals: sum over a document's words and pairs of log p_target - log p_reference, nats.
        grams: number of its words and pairs.
    """

    totals: Float64[np.ndarray, " documents"]
    grams: Int64[np.ndarray, " documents"]

    @property
    def means(self) -> Float64[np.ndarray, " documents"]:
        """The score proper: total over number, nats per word or pair; nan for a document without words."""
        return np.divide(self.totals, self.grams, out=np.full(len(self.totals), np.nan), where=self.grams > 0)

    @classmethod
    def merged(cls, parts: Sequence[AlignmentScores]) -> AlignmentScores:
        """The scores of all parts, one after the other."""
        return cls(np.concatenate([each.totals for each in parts]), np.concatenate([each.grams for each in parts]))


@dataclass(frozen=True)
class Aligner:
    """Scores documents by their likeness to a target.

    Attributes:
        log_ratio: log p_target - log p_reference by bucket, nats.
        smoothing: how empty buckets were treated.
        hashing: how words come to their buckets.
    """

    log_ratio: Float64[np.ndarray, " buckets"]
    smoothing: str
    hashing: str

    @classmethod
    def of(cls, target: GramCounts, reference: GramCounts, smoothing: str = "laplace") -> Aligner:
        """Learn what is likelier in the target than in the reference.

        Args:
            target: counts of the benchmark's seen half. Held-out items must not be among them: selection by them would
                leak what the study holds back.
            reference: counts of the corpus, or of a sample of it.
            smoothing: "laplace" adds one to each bucket's count; "dsir" adds 1e-8 to each share, as DSIR's own code
                does, so that a bucket the target lacks costs a document up to 18 nats.

        Raises:
            InputError: nothing was counted on one side, or the numbers of buckets differ.
        """
        check_choices("smoothing", [smoothing], SMOOTHINGS)
        _same_buckets([target, reference])
        logs = []
        for side, counted in (("target", target), ("reference", reference)):
            if not counted.counts.any():
                raise InputError(
                    f"the {side} of an alignment", f"must hold words but {counted.documents} texts hold none"
                )
            logs.append(_log_shares(counted.counts, smoothing))
        return cls(logs[0] - logs[1], smoothing, target.hashing)

    def scores(self, documents: Iterable[Document]) -> AlignmentScores:
        """Score documents (Xie et al. 2023, equation 1, divided by length).

        Divided by the number of words and pairs, because a sum grows with length and ranks long documents by it alone.
        The score tells shared vocabulary; it tells neither shared facts nor quality, and a difference of format
        (numbered choices) moves it more than a difference of subject.
        """
        texts = [document.text for document in documents]
        totals, number = np.zeros(len(texts)), np.zeros(len(texts), np.int64)
        for block in grams(texts):
            words, pairs = bucketed(block, len(self.log_ratio), self.hashing)
            for buckets, owners in ((words, block.word_owners), (pairs, block.pair_owners)):
                if len(owners):
                    first, size = owners[0], owners[-1] - owners[0] + 1
                    found = self.log_ratio[buckets]
                    totals[first : first + size] += np.bincount(owners - first, found, size)
                    number[first : first + size] += np.bincount(owners - first, minlength=size)
        return AlignmentScores(totals, number)


def count_grams(documents: Iterable[Document], *, buckets: int = BUCKETS, hashing: str = "own") -> GramCounts:
    """Count the hashed words and pairs of documents; chunks counted apart are merged by `GramCounts.merged`."""
    check_buckets(buckets, hashing)
    counts, seen = np.zeros(buckets, np.int64), 0

    def texts() -> Iterable[str]:
        nonlocal seen
        for document in documents:
            seen += 1
            yield document.text

    for block in grams(texts()):
        for found in bucketed(block, buckets, hashing):
            counts += np.bincount(found, minlength=buckets)
    return GramCounts(counts, seen, hashing)


def _log_shares(counts: Int64[np.ndarray, " buckets"], smoothing: str) -> Float64[np.ndarray, " buckets"]:
    if smoothing == "dsir":
        return np.log(counts / counts.sum() + DSIR_SMOOTHING)
    return np.log((counts + 1) / (counts.sum() + len(counts)))


def _same_buckets(counted: Sequence[GramCounts]) -> None:
    kinds = sorted({(len(each.counts), each.hashing) for each in counted})
    if len(kinds) != 1:
        said = " and ".join(f"{number} by {hashing}" for number, hashing in kinds) or "nothing"
        raise InputError("counts of words", f"must share one number of buckets and one hashing but hold {said}")
