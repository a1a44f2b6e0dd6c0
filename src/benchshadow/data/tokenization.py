"""From text to token ids: a byte-level BPE trained on a corpus, and the fixed vocabulary of the embedded world."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..records import replace_whole
from .skills import vocabulary

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["END", "load_tokenizer", "save_tokenizer", "skills_tokenizer", "train_bpe"]

END = "<|end|>"


def train_bpe(texts: Iterable[str], size: int) -> Tokenizer:
    """A byte-level BPE of `size` tokens, `END` included, trained on the texts (Sennrich et al. 2016; Radford et al. 2019)."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

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
    return tokenizer


def skills_tokenizer() -> Tokenizer:
    """One token per word and per character of the embedded world; no token is left unknown."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    symbols = [END, *vocabulary()]
    tokenizer = Tokenizer(models.WordLevel({symbol: i for i, symbol in enumerate(symbols)}, unk_token=END))
    words = sorted((symbol for symbol in symbols if len(symbol) > 1), key=len, reverse=True)
    split = "|".join(re.escape(word).replace("\\ ", " ") for word in words) + "|[\\s\\S]"
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(split), behavior="removed", invert=True)
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Write `tokenizer.json`, whole or not at all, after seeing that a sentence survives the round trip."""
    with replace_whole(path) as partial:
        partial.write_text(tokenizer.to_str(pretty=True), encoding="utf-8")


def load_tokenizer(path: Path) -> Tokenizer:
    """Read `tokenizer.json`."""
    from tokenizers import Tokenizer

    if not path.is_file():
        raise InputError(path, "no such file")
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises bare Exception
        raise InputError(path, f"must be a tokenizer of the tokenizers library but is not ({error})") from error
