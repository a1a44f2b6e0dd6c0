"""A token store: every document of a corpus coded once and kept on disk, so that arms share what they can."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from benchshadow.data.documents import Document
from benchshadow.errors import InputError
from benchshadow.records import write_parquet

from .encoding import BATCH, Coded, InOrder, batches, coded, token_type
from .whole import read_account, whole_folder, write_account

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["DOCUMENTS", "TOKENS", "TokenStore", "corpus_hash", "tokenizer_hash"]

TOKENS = "tokens.bin"
"""Name of the file that holds tokens."""
DOCUMENTS, ACCOUNT = "documents.parquet", "store.json"


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """sha256 of a tokenizer's own JSON."""
    return hashlib.sha256(tokenizer.to_str().encode()).hexdigest()


@dataclass(frozen=True)
class TokenStore:
    """Documents and their tokens, as written by `TokenStore.write`.

    Attributes:
        folder: where it lies.
        account: number of documents and tokens, vocabulary, type, the hash of all documents and of the tokenizer.
        table: a row per document: id, domain, tokens (its end token among them), characters, bytes (of its text in
            UTF-8), content (XXH3 of its text, 64 bits, by which equal texts are told).
    """

    folder: Path
    account: dict[str, Any]
    table: pl.DataFrame = field(repr=False)

    @classmethod
    def write(
        cls,
        documents: Iterable[Document],
        tokenizer: Tokenizer,
        folder: Path,
        *,
        mapped: InOrder | None = None,
        texts: Path | None = None,
    ) -> TokenStore:
        """Code documents into a new folder, whole or not at all, in bounded memory; `mapped` is as in `coded`.

        With `texts` their texts go into that file too, end to end, to be read again by `Again`.

        Raises:
            InputError: the folder is there already or cannot be written, or a text cannot be said.
        """
        seen, frames, tokens = hashlib.sha256(), [], 0
        with whole_folder(folder) as partial:
            if texts is not None:
                texts.parent.mkdir(parents=True, exist_ok=True)
            with (partial / TOKENS).open("wb") as file, (texts or Path(os.devnull)).open("wb") as aside:
                for batch in coded(documents, tokenizer, mapped=mapped):
                    said = [document.text.encode() for document in batch.documents]
                    file.write(batch.ids.data)
                    aside.writelines(said)
                    frames.append(_rows(batch, said, seen))
                    tokens += len(batch.ids)
            table = pl.concat(frames) if frames else _rows(Coded([], np.empty(0), np.empty(0, np.int64)), [], seen)
            write_parquet(table, partial / DOCUMENTS)
            account = {
                "documents": table.height,
                "tokens": tokens,
                "vocabulary": tokenizer.get_vocab_size(),
                "type": token_type(tokenizer).str,
                "sha256": seen.hexdigest(),
                "tokenizer_sha256": tokenizer_hash(tokenizer),
            }
            write_account(partial / ACCOUNT, account)
        return cls(Path(folder), account, table)

    @classmethod
    def open(cls, folder: Path) -> TokenStore:
        """Open what `write` wrote.

        Raises:
            InputError: it is not there, not as it was written, or cut short.
        """
        folder = Path(folder)
        account = read_account(folder / ACCOUNT)
        try:
            size = (folder / TOKENS).stat().st_size
            table = pl.read_parquet(folder / DOCUMENTS)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise InputError(folder, f"cannot be read ({error})") from error
        wanted = account["tokens"] * np.dtype(account["type"]).itemsize
        if size != wanted or table.height != account["documents"] or table["tokens"].sum() != account["tokens"]:
            raise InputError(folder / TOKENS, f"must hold {wanted} bytes for its documents but holds {size}")
        return cls(folder, account, table)

    def __len__(self) -> int:
        return self.account["documents"]

    @cached_property
    def ids(self) -> np.ndarray:
        """All tokens end to end, mapped from disk."""
        if not self.account["tokens"]:
            return np.empty(0, self.account["type"])
        return np.asarray(np.memmap(self.folder / TOKENS, self.account["type"], "r"))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of every document, int64."""
        return self.table["tokens"].to_numpy().astype(np.int64)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where every document begins, in tokens, int64."""
        return np.cumsum(self.lengths) - self.lengths


def _rows(batch: Coded, said: list[bytes], seen: Any) -> pl.DataFrame:
    """Rows of a batch whose texts are `said`; `seen` is fed with every id, domain and text."""
    import xxhash

    seen.update(_named(batch.documents, said))
    return pl.DataFrame(
        {
            "id": [document.id for document in batch.documents],
            "domain": [document.domain for document in batch.documents],
            "tokens": batch.lengths.astype(np.int32),
            "characters": [len(document.text) for document in batch.documents],
            "bytes": [len(text) for text in said],
            "content": [xxhash.xxh3_64_intdigest(text) for text in said],
        },
        schema={
            "id": pl.String,
            "domain": pl.String,
            "tokens": pl.Int32,
            "characters": pl.Int64,
            "bytes": pl.Int64,
            "content": pl.UInt64,
        },
    )


def corpus_hash(documents: Iterable[Document]) -> str:
    """Hash of the ids, domains and texts of documents in their order, as a store's account holds it."""
    seen = hashlib.sha256()
    for batch in batches(documents, BATCH):
        seen.update(_named(batch, [document.text.encode() for document in batch]))
    return seen.hexdigest()


def _named(documents: Sequence[Document], said: Sequence[bytes]) -> bytes:
    """Ids, domains and texts as bytes; the number of characters keeps one document from passing for two."""
    names = (f"{each.id}\x1f{each.domain}\x1f{len(each.text)}\x1f".encode() for each in documents)
    return b"".join(chain.from_iterable(zip(names, said, strict=True)))
