"""Interventions on a stream in memory: from candidates, coded once, to what stands in an arm's treated sequences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchshadow.data.documents import Document
from benchshadow.data.packing import Pieces, TokenStore
from benchshadow.data.packing.packed import gathered
from benchshadow.data.stream import Stream

from .filling import filled
from .pool import Intervention, Pool, Room, Treatment

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Bench", "Treated"]


@dataclass(frozen=True)
class Treated:
    """What an intervention gives.

    Attributes:
        stream: the treated sequences alone, in the order of their places.
        candidates: documents and tokens that were chosen among, and their hash.
        written: the same of what the intervention wrote; None where it wrote nothing.
        told: counts by name that it reports.
    """

    stream: Stream
    candidates: dict[str, Any]
    written: dict[str, Any] | None
    told: Mapping[str, int]


@dataclass(frozen=True)
class _Kept(Pool):
    """A pool that remembers what was written through it."""

    written: dict[Path, list[Document]] = field(default_factory=dict)

    def write(self, documents: Iterable[Document]) -> TokenStore:
        kept = list(documents)
        store = super().write(kept)
        self.written[store.folder] = kept
        return store


@dataclass(frozen=True)
class Bench:
    """A control and the candidates beside it, on which any number of interventions work.

    Attributes:
        control: the control's stream.
        documents: the control's, each once, in the order in which they were drawn, then the other candidates.
        drawn: for every document of `control.documents` its number among these, int64.
        store: their tokens.
        folder: for what is written; what an intervention gives must be used before it goes.
        tokenizer: codes what is written.
    """

    control: Stream
    documents: Sequence[Document]
    drawn: np.ndarray
    store: TokenStore
    folder: Path
    tokenizer: Tokenizer
    _numbers: count[int] = field(default_factory=count, repr=False)

    @classmethod
    def of(cls, control: Stream, others: Iterable[Document], folder: Path, *, tokenizer: Tokenizer) -> Bench:
        """Code the documents of a control and all others that differ from them in their ids or in their texts."""
        numbers: dict[tuple[str, str], int] = {}
        documents: list[Document] = []
        for document in (*control.documents, *others):
            if numbers.setdefault(document[:2], len(documents)) == len(documents):
                documents.append(document)
        drawn = np.array([numbers[document[:2]] for document in control.documents], np.int64)
        store = TokenStore.write(documents, tokenizer, folder / "candidates")
        return cls(control, documents, drawn, store, folder, tokenizer)

    @cached_property
    def _order(self) -> np.ndarray:
        """The control's documents that stand in its stream, each once."""
        present = self.drawn[np.unique(self.control.owners)]
        return present[np.sort(np.unique(present, return_index=True)[1])]

    def pool(self, positions: np.ndarray) -> Pool:
        """What an intervention sees when the sequences at these places are to be replaced."""
        sequences, length = self.control.ids.shape
        fixed = np.zeros(len(self.documents), bool)
        fixed[self.drawn[np.unique(np.delete(self.control.owners, positions, axis=0))]] = True
        early = int(np.searchsorted(positions, sequences // 2))
        return _Kept(
            documents=self.documents,
            store=self.store,
            control=self._order,
            free=np.flatnonzero(~fixed),
            room=Room(early * length, (len(positions) - early) * length),
            tokenizer=self.tokenizer,
            scratch=lambda: self.folder / f"written-{next(self._numbers)}",
        )

    def treated(
        self,
        intervention: Intervention,
        positions: np.ndarray,
        *,
        where: str,
        rng: np.random.Generator,
        mixing: np.random.Generator,
    ) -> Treated:
        """Let an intervention fill the sequences at some places of the control.

        Args:
            intervention: chooses or makes documents.
            positions: places of the treated sequences, rising.
            where: what a refusal names.
            rng: the intervention's.
            mixing: of documents and sequences, once they are chosen.

        Raises:
            InputError: the intervention gives too few tokens without further repetition; the number that can be had is
                said.
        """
        pool = self.pool(positions)
        assert isinstance(pool, _Kept)
        treatment = intervention(pool, rng=rng)
        pieces = list(self._filled(treatment, positions, pool.room, where, mixing))
        made = [] if treatment.written is None else pool.written[treatment.written.folder]
        stores = [self.store] if treatment.written is None else [self.store, treatment.written]
        stream = _stream(pieces, stores, (self.documents, made), self.control.ids.shape[1])
        written = None if treatment.written is None else _account(treatment.written)
        return Treated(stream, _account(self.store), written, treatment.told)

    def _filled(
        self, treatment: Treatment, positions: np.ndarray, room: Room, where: str, rng: np.random.Generator
    ) -> Iterable[Pieces]:
        """The pieces of every segment, in their order."""
        sequences, length = self.control.ids.shape
        lengths = self.store.lengths
        if treatment.written is not None:
            lengths = np.append(lengths, treatment.written.lengths)
        early = room.early // length
        halves = [len(positions)] if len(treatment.segments) == 1 else [early, len(positions) - early]
        for segment, places in zip(treatment.segments, halves, strict=True):
            yield filled(
                segment, lengths, sequences=places, length=length, whole=sequences * length, where=where, rng=rng
            )


def _stream(
    parts: Sequence[Pieces], stores: Sequence[TokenStore], documents: tuple[Sequence[Document], ...], length: int
) -> Stream:
    """Pieces as a stream whose documents are its copies, so that each time that one stands there counts."""
    ids, owners, drawn = [np.empty(0, np.int32)], [np.empty(0, np.int32)], list[Document]()
    first, others = documents
    for pieces in parts:
        ids += [block.astype(np.int32) for block in gathered(pieces, stores, length)]
        owners.append(np.repeat(pieces.copy + len(drawn), pieces.tokens).astype(np.int32))
        copies, at = np.unique(pieces.copy, return_index=True)
        assert len(copies) == 0 or copies[-1] == len(copies) - 1, "copies are numbered without gaps"
        numbers = pieces.document[at].tolist()
        drawn += [first[n] if n < len(first) else others[n - len(first)] for n in numbers]
    shape = (-1, length)
    return Stream(np.concatenate(ids).reshape(shape), np.concatenate(owners).reshape(shape), tuple(drawn))


def _account(store: TokenStore) -> dict[str, Any]:
    return {key: store.account[key] for key in ("documents", "tokens", "sha256")}
