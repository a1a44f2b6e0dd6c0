"""What every intervention is given, and what it gives back: a pool of documents, and the ones to train on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import polars as pl

from benchshadow.data.documents import Document
from benchshadow.data.packing import Again, InOrder, TokenStore
from benchshadow.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["LENGTHS", "Intervention", "Pool", "Room", "Segment", "Strata", "Treatment", "length_strata"]

LENGTHS = 4 ** np.arange(1, 11)
"""Tokens at which the strata of length begin: powers of four, and all that is longer."""


@dataclass(frozen=True)
class Room:
    """What the treated sequences hold.

    Attributes:
        early: tokens of those that stand in the first half of the stream.
        late: tokens of the others.
    """

    early: int
    late: int

    @property
    def tokens(self) -> int:
        """Both together."""
        return self.early + self.late


@dataclass(frozen=True)
class Strata:
    """A division of documents, and what share of the tokens each part is to have.

    Attributes:
        labels: the part of every document of the pool, int64, shape (documents,).
        shares: by part; they sum to one.
    """

    labels: np.ndarray
    shares: np.ndarray


@dataclass(frozen=True)
class Segment:
    """Documents for the treated sequences, or for those of one half of the stream.

    Attributes:
        order: documents, those wanted most first; as many are taken as fill the sequences. They are counted through
            the pool and then through what the intervention wrote.
        must: how many of the first have to be taken whole.
        strata: what the choice is held to; None where the order alone decides.
    """

    order: np.ndarray
    must: int = 0
    strata: Strata | None = None


@dataclass(frozen=True)
class Treatment:
    """What an intervention puts into the treated sequences.

    Attributes:
        segments: one for all of them, or one for the first half of the stream and one for the second.
        written: documents that the intervention made and that the pool does not hold.
        listed: pairs of documents of which one was removed for the other, by their ids; None where that is not asked.
        told: counts by name that the manifest reports beside what it reports of every arm.
    """

    segments: tuple[Segment, ...]
    written: TokenStore | None = None
    listed: pl.DataFrame | None = None
    told: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Pool:
    """The corpus as an intervention sees it.

    Attributes:
        documents: all documents, gone through as often as needed.
        store: their tokens, lengths and domains.
        control: documents of the control's stream, in its order, each once.
        free: documents that stand in none of the control's untreated sequences, rising; to choose among these repeats
            nothing.
        room: what is to be filled.
        tokenizer: codes what is written.
        scratch: gives a folder that is not there yet, for what is written.
    """

    documents: Iterable[Document]
    store: TokenStore
    control: np.ndarray
    free: np.ndarray
    room: Room
    tokenizer: Tokenizer
    scratch: Callable[[], Path]
    mapped: InOrder | None = None

    def __len__(self) -> int:
        return len(self.store)

    @cached_property
    def domains(self) -> np.ndarray:
        """The domain of every document as a number, in the alphabetical order of the names, int64."""
        return self.store.table["domain"].rank("dense").to_numpy().astype(np.int64) - 1

    def like_control(self, labels: np.ndarray) -> Strata:
        """Strata with the shares that the control's documents have."""
        weights = np.bincount(labels[self.control], self.store.lengths[self.control], minlength=int(labels.max()) + 1)
        return Strata(labels, weights / weights.sum())

    def chosen(self, wanted: np.ndarray) -> Iterator[Document]:
        """The documents of an index, in the order of the corpus."""
        if isinstance(self.documents, Again):
            yield from self.documents.at(np.unique(wanted))
            return
        mask = np.zeros(len(self), bool)
        mask[wanted] = True
        for index, document in enumerate(self.documents):
            if index < len(mask) and mask[index]:
                yield document

    def write(self, documents: Iterable[Document]) -> TokenStore:
        """Code documents that are not of the pool."""
        return TokenStore.write(documents, self.tokenizer, self.scratch(), mapped=self.mapped)

    def fresh(self, rng: np.random.Generator, without: np.ndarray | None = None) -> np.ndarray:
        """The free documents in a drawn order, some left out."""
        order = rng.permutation(self.free)
        return order if without is None else order[~np.isin(order, without)]

    def of_each(self, values: np.ndarray, what: str) -> np.ndarray:
        """The values as an array with a row for every document.

        Raises:
            InputError: there are more or fewer.
        """
        values = np.asarray(values)
        if len(values) != len(self):
            raise InputError(what, f"must be one for each of {len(self)} documents but are {len(values)}")
        return values


def length_strata(lengths: np.ndarray) -> np.ndarray:
    """The stratum of every length in tokens, int64."""
    return np.searchsorted(LENGTHS, lengths, "right").astype(np.int64)


class Intervention(Protocol):
    """Chooses or makes the documents of the treated sequences; its settings are its fields."""

    def __call__(self, pool: Pool, *, rng: np.random.Generator) -> Treatment:
        """The documents, from a pool and a generator alone."""
        ...
