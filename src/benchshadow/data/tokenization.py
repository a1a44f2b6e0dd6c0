"""From text to token ids: a byte-level BPE trained on a corpus, and the fixed vocabulary of the embedded world."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchshadow.errors import InputError, MissingExtra
from benchshadow.records import replace_whole

from .skills import vocabulary, words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["END", "encode", "end_token", "load_tokenizer", "save_tokenizer", "skills_tokenizer", "train_bpe"]

END = "<|end|>"
"""The token that follows every document. Text never becomes it, not even text in which it is spelt out."""

SMALLEST = 257  # the bytes and the end token
PROBE = "copy abc = abc\n"  # a sentence that every tokenizer here can say


def train_bpe(texts: Iterable[str], size: int) -> Tokenizer:
    """A byte-level BPE of `size` tokens, `END` included, trained on the texts (Sennrich et al. 2016).

    It merges bytes, not characters (Radford et al. 2019), so that it says any text and gives it back unchanged. Where
    the texts have fewer pairs to merge it has fewer tokens.
    """
    Tokenizer = _library("a byte-level BPE")
    from tokenizers import decoders, models, pre_tokenizers, trainers

    if size < SMALLEST:
        raise InputError("tokenizer size", f"must be at least {SMALLEST}, the bytes and the end token, but is {size}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    # The end token stays in the vocabulary but is no longer looked for in texts.
    content = json.loads(tokenizer.to_str())
    return Tokenizer.from_str(json.dumps({**content, "added_tokens": []}))


def skills_tokenizer() -> Tokenizer:
    """One token per word and per character of the embedded world; letters inside a longer word stay letters."""
    Tokenizer = _library("the embedded world's tokenizer")
    from tokenizers import Regex, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({symbol: i for i, symbol in enumerate([END, *vocabulary()])}))
    longest = sorted(words(), key=lambda word: (-len(word), word))
    alone, others = "|".join(filter(str.isalpha, longest)), (re.escape(w) for w in longest if not w.isalpha())
    # No word is one letter: a look ahead spares the others most of the alternatives.
    split = "|".join([rf"\b(?=[a-z][a-z])(?:{alone})\b", *others, r"[\s\S]"])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(split), behavior="removed", invert=True)
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def end_token(tokenizer: Tokenizer) -> int:
    """Id of the end token."""
    found = tokenizer.token_to_id(END)
    if found is None:
        raise InputError("tokenizer", f"must know the token {END} but does not")
    return found


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of every text, no end tokens added; a text that the tokenizer cannot say is refused by name."""
    try:
        return [coded.ids for coded in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
    except Exception as error:  # the library raises bare Exception
        if len(texts) > 1:
            return [ids for text in texts for ids in encode(tokenizer, [text])]
        raise InputError(
            "text", f"must consist of the tokenizer's symbols but is {texts[0][:40]!r} ({error})"
        ) from error


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Write `tokenizer.json`, whole or not at all, after seeing that a sentence survives the round trip."""
    text = tokenizer.to_str(pretty=True)
    again = type(tokenizer).from_str(text)
    ids = again.encode(PROBE).ids
    if ids != tokenizer.encode(PROBE).ids or again.decode(ids) != PROBE:
        raise InputError(path, f"must give {PROBE!r} back but the tokenizer gives {again.decode(ids)!r}")
    with replace_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def load_tokenizer(path: Path) -> Tokenizer:
    """Read `tokenizer.json`; special tokens that are spelt out in a text are text."""
    Tokenizer = _library("a tokenizer")

    if not path.is_file():
        raise InputError(path, "no such file")
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises bare Exception
        raise InputError(path, f"must be a tokenizer of the tokenizers library but is not ({error})") from error
    tokenizer.encode_special_tokens = True
    return tokenizer


def _library(what: str) -> type[Tokenizer]:
    try:
        from tokenizers import Tokenizer
    except ModuleNotFoundError as error:
        raise MissingExtra(what, "train") from error
    return Tokenizer
