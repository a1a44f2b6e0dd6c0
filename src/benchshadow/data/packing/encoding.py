"""Documents to token ids in batches: arrays instead of lists, the next batch coded while this one is used."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from benchshadow.data.documents import Document, chunked
from benchshadow.data.tokenization import encode, end_token

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["BATCH", "Coded", "InOrder", "batches", "coded", "token_type"]

InOrder = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""An executor's ordered map; the built-in `map` is one."""
BATCH = 1_000_000
"""Characters of a batch: the library's own objects take about forty bytes for each."""
LONGEST = 500_000
"""Characters above which a document is coded in pieces."""
SMALL_VOCABULARY = 2**16
_WORD = re.compile(r"(?<=[^\s]) (?=[^\W\d_])")  # a space between a word and a letter: where byte-level BPE cuts anyway


@dataclass(frozen=True)
class Coded:
    """A batch of documents and their tokens.

    Attributes:
        documents: in their order.
        ids: their tokens end to end, each document followed by the end token; of the type of `token_type`.
        lengths: tokens of every document, its end token among them, int64.
    """

    documents: Sequence[Document]
    ids: np.ndarray
    lengths: np.ndarray


def token_type(tokenizer: Tokenizer) -> np.dtype:
    """Type that tokens are stored in: two bytes where the vocabulary allows, else four; always little-endian."""
    return np.dtype("<u2" if tokenizer.get_vocab_size() <= SMALL_VOCABULARY else "<i4")


def coded(
    documents: Iterable[Document], tokenizer: Tokenizer, *, mapped: InOrder | None = None, batch: int = BATCH
) -> Iterator[Coded]:
    """Token ids of documents, batch by batch, in the order of the documents, whoever coded them.

    Args:
        documents: gone through once; no more than a few batches are held.
        tokenizer: must know the end token.
        mapped: an executor's ordered map, for processes or a cluster; None for the library's own threads.
        batch: characters of a batch, about.

    Raises:
        InputError: a text cannot be said by the tokenizer.
    """
    end_token(tokenizer)
    if mapped is None:
        with ThreadPoolExecutor(2) as pool:  # one makes arrays while the library's threads are at work for the other
            yield from _ahead(pool, documents, tokenizer, batch, 3)
        return
    waiting: deque[list[Document]] = deque()

    def texts() -> Iterator[list[str]]:
        for group in batches(documents, batch):
            waiting.append(group)
            yield [document.text for document in group]

    for ids, lengths in mapped(partial(_apart, tokenizer.to_str()), texts()):
        yield Coded(waiting.popleft(), ids, lengths)


def _ahead(
    pool: Executor, documents: Iterable[Document], tokenizer: Tokenizer, batch: int, most: int
) -> Iterator[Coded]:
    """Batches in order, at most so many of them under way."""
    waiting: deque[tuple[list[Document], Future[tuple[np.ndarray, np.ndarray]]]] = deque()
    for group in batches(documents, batch):
        waiting.append((group, pool.submit(_arrays, [document.text for document in group], tokenizer)))
        if len(waiting) >= most:
            group, future = waiting.popleft()
            yield Coded(group, *future.result())
    for group, future in waiting:
        yield Coded(group, *future.result())


def batches(documents: Iterable[Document], batch: int) -> Iterator[list[Document]]:
    """Documents in groups of about so many characters."""
    return chunked(documents, batch, each=64)


def _apart(content: str, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The arrays of a batch in a process of its own."""
    return _arrays(texts, _restored(content))


@lru_cache(maxsize=1)
def _restored(content: str) -> Tokenizer:
    """A worker's tokenizer, made once; its process holds the library to one thread."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(content)
    tokenizer.encode_special_tokens = True
    return tokenizer


def _arrays(texts: list[str], tokenizer: Tokenizer) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of the texts end to end with their end tokens, and the length of each."""
    end, kind = end_token(tokenizer), token_type(tokenizer)
    if max(map(len, texts), default=0) > LONGEST:
        lists = [list(chain.from_iterable(_long(text, tokenizer))) for text in texts]
    else:
        lists = encode(tokenizer, texts)
    lengths = np.fromiter((len(ids) + 1 for ids in lists), np.int64, len(lists))
    total = int(lengths.sum())
    inside = np.ones(total, bool)
    inside[np.cumsum(lengths) - 1] = False
    ids = np.full(total, end, kind)
    ids[inside] = np.fromiter(chain.from_iterable(lists), kind, total - len(lists))
    return ids, lengths


def _long(text: str, tokenizer: Tokenizer) -> Iterator[list[int]]:
    """Tokens of a text piece by piece, cut between words; one without such places stays whole."""
    begin = 0
    while begin < len(text):
        cut = _WORD.search(text, begin + LONGEST) if len(text) - begin > LONGEST else None
        stop = cut.start() if cut else len(text)
        yield encode(tokenizer, [text[begin:stop]])[0]
        begin = stop
