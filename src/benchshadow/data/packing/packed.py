"""A packed stream on disk: exactly the budget of tokens in sequences, mapped to memory, and whose each token is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchshadow.errors import InputError
from benchshadow.records import write_parquet

from .layout import Pieces
from .store import DOCUMENTS, TOKENS, TokenStore
from .whole import read_account, whole_folder, write_account

__all__ = ["PackedStream", "gathered"]

ACCOUNT = "packed.json"
BLOCK = 2**18
"""Tokens that are gathered at a time."""


@dataclass(frozen=True)
class PackedStream:
    """Sequences of tokens on disk.

    Attributes:
        folder: where it lies: `tokens.bin`, `documents.parquet`, `packed.json`.
        account: type, sequences, length, and `sha256` of the realised order, of the tokens as little-endian int32.
    """

    folder: Path
    account: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> PackedStream:
        """Open a folder that `write` wrote.

        Raises:
            InputError: it is not there, not as it was written, or cut short.
        """
        folder = Path(folder)
        account = read_account(folder / ACCOUNT)
        wanted = account["sequences"] * account["length"] * np.dtype(account["type"]).itemsize
        size = (folder / TOKENS).stat().st_size if (folder / TOKENS).is_file() else 0
        if size != wanted:
            raise InputError(folder / TOKENS, f"must hold {wanted} bytes but holds {size}")
        return cls(folder, account)

    @classmethod
    def write(
        cls,
        pieces: Pieces,
        stores: Sequence[TokenStore],
        folder: Path,
        *,
        length: int,
        account: Callable[[Path, str], None] | None = None,
        watch: Sequence[Callable[[int, np.ndarray], None]] = (),
    ) -> PackedStream:
        """Write a stream into a new folder, whole or not at all, a block at a time.

        Args:
            pieces: what stands where, whole sequences; documents are counted through all stores.
            stores: where the tokens are, of one type.
            folder: must not be there yet.
            length: tokens of a sequence.
            account: called with the folder that is being written and the hash of the order, to add files of its own.
            watch: called with every block as it is written: its first sequence, and tokens of shape
                (sequences, length).
        """
        kind = stores[0].account["type"]
        order = hashlib.sha256()
        with whole_folder(folder) as partial:
            sequence = 0
            with (partial / TOKENS).open("wb") as file:
                for block in gathered(pieces, stores, length):
                    file.write(block.data)
                    order.update(block.astype("<i4").data)
                    rows = block.reshape(-1, length)
                    for each in watch:
                        each(sequence, rows)
                    sequence += len(rows)
            write_parquet(_documents(pieces, stores), partial / DOCUMENTS)
            held = {"type": kind, "sequences": sequence, "length": length, "sha256": order.hexdigest()}
            write_account(partial / ACCOUNT, held)
            if account is not None:
                account(partial, order.hexdigest())
        return cls(Path(folder), held)

    @cached_property
    def ids(self) -> np.ndarray:
        """Tokens, shape (sequences, length), mapped from disk."""
        shape = self.account["sequences"], self.account["length"]
        return np.asarray(np.memmap(self.folder / TOKENS, self.account["type"], "r", shape=shape))

    @property
    def sha256(self) -> str:
        """Hash of the realised order as it was written."""
        return self.account["sha256"]

    @property
    def documents(self) -> pl.DataFrame:
        """A row per stretch of one document: id, domain, start, tokens, copy, copies.

        `start` counts tokens of the stream; stretches follow each other without gaps. A document that is broken by the
        order of sequences has several stretches with one `copy`. `copies` is how often the document stands in all.
        """
        return pl.read_parquet(self.folder / DOCUMENTS)

    def blocks(self) -> Iterator[tuple[int, np.ndarray]]:
        """Sequences some at a time, with the index of the first."""
        step = max(1, BLOCK // self.account["length"])
        for first in range(0, self.account["sequences"], step):
            yield first, self.ids[first : first + step]

    def rehashed(self) -> str:
        """Hash of the order as it now lies on disk."""
        order = hashlib.sha256()
        for _, block in self.blocks():
            order.update(np.ascontiguousarray(block, "<i4").data)
        return order.hexdigest()


def gathered(pieces: Pieces, stores: Sequence[TokenStore], length: int) -> Iterator[np.ndarray]:
    """Tokens of the pieces, whole sequences, about `BLOCK` tokens at a time."""
    bases = np.cumsum([0, *(len(store) for store in stores)])
    step = max(1, BLOCK // length)
    last = int(pieces.sequence[-1]) + 1 if len(pieces) else 0
    bounds = np.searchsorted(pieces.sequence, np.arange(0, last + step, step))
    for low, high in pairwise(bounds):
        if low == high:
            continue
        part = pieces.take(np.arange(low, high))
        block = np.empty(int(part.tokens.sum()), stores[0].account["type"])
        for index, store in enumerate(stores):
            mine = (part.document >= bases[index]) & (part.document < bases[index + 1])
            if not mine.any():
                continue
            begins = store.starts[part.document[mine] - bases[index]] + part.offset[mine]
            if mine.all():
                store.ids.take(_ranges(begins, part.tokens), out=block, mode="clip")  # the default would buffer
            else:
                block[_ranges(part.starts[mine], part.tokens[mine])] = store.ids[_ranges(begins, part.tokens[mine])]
        yield block


def _ranges(begins: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The numbers begin, begin + 1, ... of every range, one after the other."""
    ends = np.cumsum(counts)
    return np.repeat(begins - (ends - counts), counts) + np.arange(int(ends[-1]))


def _documents(pieces: Pieces, stores: Sequence[TokenStore]) -> pl.DataFrame:
    """The table of stretches; ids are looked up once for each document that stands in the stream."""
    whole = pieces.joined()
    copies = whole.copies
    used = np.flatnonzero(copies)
    names = pl.concat([store.table.select("id", "domain") for store in stores])[used]
    return names[(np.cumsum(copies > 0) - 1)[whole.document]].with_columns(
        pl.Series("start", whole.starts),
        pl.Series("tokens", whole.tokens, dtype=pl.Int32),
        pl.Series("copy", whole.copy, dtype=pl.Int64),
        pl.Series("copies", copies[whole.document], dtype=pl.Int32),
    )
