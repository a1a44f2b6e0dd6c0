"""What a base starts from: a tokenizer made for the study, and weights that a seed alone determines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchshadow.data.sources import Sources
from benchshadow.data.tokenization import skills_tokenizer, train_bpe

from .seeds import generator, seed
from .study import Study

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

__all__ = ["first_model", "new_tokenizer"]


def new_tokenizer(study: Study, sources: Sources) -> Tokenizer:
    """The fixed vocabulary of the embedded world, or a BPE trained on a source's documents in a seeded order."""
    if study.tokenizer.kind == "skills":
        return skills_tokenizer()
    assert study.tokenizer.source is not None, "the study file was checked"
    rng = generator(study.seed, "tokenizer")
    documents = sources.finite(study.tokenizer.source, rng)
    texts, size = [], 0
    for index in rng.permutation(len(documents)):
        texts.append(documents[index].text)
        size += len(texts[-1])
        if size >= study.tokenizer.characters:
            break
    return train_bpe(texts, study.tokenizer.size)


def first_model(study: Study, vocabulary: int, replicate: int) -> PreTrainedModel:
    """A model of the study's architecture before its first step."""
    from benchshadow.train.model import new

    first = seed(study.seed, "weights", replicate)
    return new(study.architecture, vocabulary=vocabulary, positions=study.base.settings.length, seed=first)
